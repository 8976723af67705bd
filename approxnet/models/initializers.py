"""Random initial weights that keep the variance of a signal from layer to layer.

A layer y = W x with n_in inputs of mean zero and independent weights of variance v multiplies the
variance by n_in v; the gradient, on its way back, by n_out v. Hence

    Xavier   v = 2 / (n_in + n_out)   the mean of the two, for activations that are linear at 0,
    Kaiming  v = 2 / n_in             since E[relu(t)^2] = Var(t) / 2 for a symmetric t.

With relu and n_in = n_out, Kaiming keeps the variance, and Xavier halves it in every layer. For a
convolution n_in is k^2 times the channels that enter and n_out k^2 times those that leave.

References: Glorot, Bengio, AISTATS 2010, equation (12); He, Zhang, Ren, Sun, ICCV 2015, equation
(10).
"""

from __future__ import annotations

from typing import Any

import jax


def xavier(key: jax.Array, shape: tuple[int, ...], dtype: Any = None) -> jax.Array:
    """Normal weights of variance 2 / (n_in + n_out).

    Args:
      key: a random key.
      shape: (..., n_in, n_out), a matrix or the kernel of a convolution; static.
      dtype: the dtype; the default float dtype if not given.

    >>> weight = xavier(jax.random.key(0), (300, 100))
    >>> round(float(weight.var() * 200), 1)
    1.0
    """
    return jax.nn.initializers.variance_scaling(1, "fan_avg", "normal")(key, shape, dtype)


def kaiming(key: jax.Array, shape: tuple[int, ...], dtype: Any = None) -> jax.Array:
    """Normal weights of variance 2 / n_in.

    Args:
      key: a random key.
      shape: (..., n_in, n_out), a matrix or the kernel of a convolution; static.
      dtype: the dtype; the default float dtype if not given.

    >>> kernel = kaiming(jax.random.key(0), (5, 5, 40, 30))
    >>> round(float(kernel.var() * 500), 1)
    1.0
    """
    return jax.nn.initializers.variance_scaling(2, "fan_in", "normal")(key, shape, dtype)

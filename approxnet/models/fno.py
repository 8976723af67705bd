"""FNO: a neural operator whose linear layers multiply Fourier coefficients.

An operator between functions on the periodic unit square is a composition of layers

    v <- gelu(W v + K v + b),
    W v(x) = Re sum_k s_k w_k v^(k) exp(2 pi i k.x)  over -m <= k_1 < m, 0 <= k_2 < m,

where v^(k) is the mean of v(x) exp(-2 pi i k.x), w_k a complex matrix between the channels, s_k = 1
for k_2 = 0 and 2 otherwise, and K a 1 x 1 convolution. A 1 x 1 convolution lifts the functions that
enter to the width; two more, with gelu between them, end the network. The last layer is without
gelu.

The mean is that over the grid, by the fast Fourier transform. For a function without frequencies
from n / 2 on it does not depend on the grid of n x n points: W is the same operator on all grids.

With c functions entering, width w, L layers, q channels before the last, and one leaving, there are

    (c + 1) w + L (4 m^2 w^2 + w^2 + w) + (w + 1) q + q + 1

parameters, a complex number counted as two.

Reference: Li, Kovachki, Azizzadenesheli, Liu, Bhattacharya, Stuart, Anandkumar, ICLR 2021,
arXiv:2010.08895, figure 2 and equations (4), (5).
"""

from __future__ import annotations

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from approxnet import _checks
from approxnet.models.conv import Conv
from approxnet.models.initializers import lecun
from approxnet.models.layers import check_images


class SpectralConv(nn.Module):
    """The convolution of periodic functions with a kernel of few frequencies.

    Attributes:
      features: the channels that leave.
      modes: m, at most half of the height and of the width.

    >>> W, v = SpectralConv(3, modes=2), jnp.ones((1, 8, 8, 2))
    >>> y, params = W.init_with_output(jax.random.key(0), v)
    >>> y.shape, params["params"]["weight"].shape
    ((1, 8, 8, 3), (2, 4, 2, 2, 3))
    """

    features: int
    modes: int

    @nn.compact
    def __call__(self, v: jax.Array) -> jax.Array:
        """W v, (n, h, w, features), of functions v (n, h, w, c)."""
        _, h, w, c = v.shape
        m = _checks.count("modes", self.modes, at_least=1)
        if 2 * m > min(h, w):
            raise ValueError(
                f"modes must be at most half of the points on each axis, got {m} for a grid of "
                f"{h} x {w}; take modes={min(h, w) // 2}, or a finer grid"
            )
        weight = self.param("weight", _spectral, (2, 2 * m, m, c, self.features), v.dtype)
        spectrum = jnp.fft.rfft2(v, axes=(1, 2), norm="forward")
        low = jnp.concatenate([spectrum[:, :m, :m], spectrum[:, -m:, :m]], axis=1)
        low = jnp.einsum(
            "nklc,klco->nklo", low, jax.lax.complex(*weight), precision=jax.lax.Precision.HIGHEST
        )
        gap = [(0, 0), (0, h - 2 * m), (0, w // 2 + 1 - m), (0, 0)]
        rows = jnp.roll(jnp.pad(jnp.roll(low, m, axis=1), gap), -m, axis=1)
        return jnp.fft.irfft2(rows, s=(h, w), axes=(1, 2), norm="forward")


def _spectral(key: jax.Array, shape: tuple[int, ...], dtype: Any) -> jax.Array:
    """Uniform weights in [0, 1 / (n_in n_out)], as published."""
    *_, c, o = shape
    row = jax.random.uniform(key, (math.prod(shape),), dtype, maxval=1 / (c * o))
    return row.reshape(shape)


class FNO(nn.Module):
    """The Fourier neural operator in the plane.

    The functions that enter may include the coordinates, without which the operator commutes with
    shifts. Like ``MgNO`` it is not among ``MODELS``.

    Attributes:
      outputs: the number of functions that leave.
      width: the channels of the hidden layers.
      modes: m, as for ``SpectralConv``.
      layers: the number L of spectral convolutions.
      hidden: the channels q before the last.

    >>> from approxnet.models import count_parameters, functional
    >>> a = jax.ShapeDtypeStruct((1, 64, 64, 3), "float32")
    >>> params, _ = jax.eval_shape(functional(FNO()).init, jax.random.key(0), a)
    >>> count_parameters(params)
    2368001
    """

    outputs: int = 1
    width: int = 32
    modes: int = 12
    layers: int = 4
    hidden: int = 128

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        """u, (n, h, w, outputs), of functions (n, h, w, c) on a grid."""
        check_images(x)
        width = _checks.count("width", self.width, at_least=1)
        last = _checks.count("layers", self.layers, at_least=1) - 1
        v = Conv(width, size=1, kernel_init=lecun, name="lift")(x)
        for i in range(last + 1):
            W = SpectralConv(width, self.modes, name=f"W_{i + 1}")
            K = Conv(width, size=1, kernel_init=lecun, name=f"K_{i + 1}")
            v = W(v) + K(v)
            v = v if i == last else nn.gelu(v, approximate=False)
        v = nn.gelu(Conv(self.hidden, size=1, name="hidden")(v), approximate=False)
        return Conv(self.outputs, size=1, kernel_init=lecun, name="last")(v)

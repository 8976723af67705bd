"""The layers that the architectures share: dense, dropout, and batch normalisation.

The functions ``dense``, ``logits`` and ``dropout`` are layers too: called inside a module they make
one of its parts.

Batch normalisation gives every channel mean 0 and variance 1, then a scale and a shift that are
trained. In training, mean m and variance v are those of the batch over n = batch x height x width
values per channel; what evaluation uses are the moving averages

    M <- p M + (1 - p) m,    V <- p V + (1 - p) v n / (n - 1),    p = 0.9,

which start at 0 and 1; n / (n - 1) is Bessel's correction. A batch that is spread over devices is
one batch, since the means are taken of the whole array.

Reference: Ioffe, Szegedy, ICML 2015, algorithms 1 and 2.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from approxnet import _checks
from approxnet.models.conv import Conv
from approxnet.models.initializers import kaiming, lecun


class BatchNorm(nn.Module):
    """Batch normalisation over all axes but the last; its state is ``batch_stats``.

    Attributes:
      momentum: the weight p of the past in the moving averages.
      epsilon: added to the variance.

    >>> layer, x = BatchNorm(), jnp.array([[1.0], [3.0]])
    >>> y, state = layer.apply(layer.init(jax.random.key(0), x), x, True, mutable=["batch_stats"])
    >>> y.ravel(), state["batch_stats"]["variance"]
    (Array([-1.,  1.], dtype=float32), Array([1.1], dtype=float32))
    """

    momentum: float = 0.9
    epsilon: float = 1e-5

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        """The normalised x, (..., c); in training the moving averages take a step."""
        c, dtype = x.shape[-1], x.dtype
        scale = self.param("scale", nn.initializers.ones, (c,), dtype)
        shift = self.param("shift", nn.initializers.zeros, (c,), dtype)
        means = self.variable("batch_stats", "mean", jnp.zeros, (c,), dtype)
        variances = self.variable("batch_stats", "variance", jnp.ones, (c,), dtype)
        rows = x.reshape(-1, c)
        if train:
            mean, variance = _moments(rows)
            n = rows.shape[0]
            p = self.momentum
            means.value = p * means.value + (1 - p) * mean
            variances.value = p * variances.value + (1 - p) * n / (n - 1) * variance
        else:
            mean, variance = means.value, variances.value
        factor = scale * jax.lax.rsqrt(variance + self.epsilon)
        return ((rows - mean[None]) * factor[None] + shift[None]).reshape(x.shape)


def _moments(rows: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Mean and variance of each column of (n, c), n > 1."""
    n = rows.shape[0]
    if n < 2:
        raise ValueError(
            f"x must hold at least 2 values per channel to normalise a batch, got {n}; "
            "take a larger batch, or train=False"
        )
    mean = rows.mean(0)
    return mean, jnp.square(rows - mean[None]).mean(0)


class ConvNorm(nn.Module):
    """A convolution without bias, then batch normalisation.

    Attributes:
      features, size, stride: as for ``Conv``.
      conv: a convolution that is shared with others, in the place of one of its own.

    >>> layer = ConvNorm(8, stride=2)
    >>> x = jax.numpy.ones((1, 32, 32, 3))
    >>> jax.eval_shape(layer.init_with_output, jax.random.key(0), x)[0].shape
    (1, 16, 16, 8)
    """

    features: int
    size: int = 3
    stride: int = 1
    conv: Any = None

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        """(n, h', w', features) from images (n, h, w, c)."""
        conv = self.conv or Conv(self.features, self.size, self.stride, bias=False)
        return BatchNorm()(conv(x), train)


def dense(
    x: jax.Array, features: int, kernel_init: Any = kaiming, bias_init: Any = nn.initializers.zeros
) -> jax.Array:
    """A hidden dense layer without its activation: (..., features) from x (..., c)."""
    width = _checks.count("the width of a hidden layer", features, at_least=1)
    return nn.Dense(width, kernel_init=kernel_init, bias_init=bias_init)(x)


def logits(x: jax.Array, num_classes: int) -> jax.Array:
    """The output layer: (..., num_classes) from x (..., c)."""
    n = _checks.count("num_classes", num_classes, at_least=1)
    return nn.Dense(n, kernel_init=lecun)(x)


def dropout(x: jax.Array, rate: float, train: bool) -> jax.Array:
    """In training, each entry of x is 0 with probability ``rate``, otherwise x / (1 - rate)."""
    if not 0 <= rate < 1:
        raise ValueError(f"dropout must be a probability in [0, 1), got {rate}")
    return nn.Dropout(rate, deterministic=not train)(x)


def check_images(x: jax.Array) -> tuple[int, int, int, int]:
    """The shape of x if it is a batch of images, channels last; ValueError otherwise."""
    if x.ndim != 4:
        raise ValueError(
            f"x must be images (batch, height, width, channels), got shape {x.shape}; "
            "write x[..., None] for grey images and x[None] for a single one"
        )
    n, h, w, c = x.shape
    if h in (1, 3) and h < w == c:
        raise ValueError(
            f"x must be images (batch, height, width, channels), got shape {x.shape}, which has "
            "channels first; write x.transpose(0, 2, 3, 1)"
        )
    return n, h, w, c

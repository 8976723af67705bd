"""The parts of MgNet: extractors B, and the maps between grids.

With sigma = relu and bn batch normalisation, dropped both in a linear network,

    Extractor      B r = alpha sigma bn eta * sigma bn r
    Layer          sigma bn K *_s x                the stem, R and Pi
    Channelwise    sigma bn K *_2 x                with one kernel for each channel
    Prolongation   K *_2^T e                       always linear, as it carries a correction

All kernels are 3 x 3. A convolution has one row of padding beyond the border; with stride 2 the
coarse pixel i lies on the fine pixel 2 i, so that h rows become ceil(h / 2), whatever h is. Without
padding of the transfers it lies on 2 i + 1, as on the grids of a Dirichlet problem.

Reference: He, Xu, MgNet, Sci. China Math. 62 (2019), section 6.
"""

from __future__ import annotations

import itertools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from approxnet.models.conv import BOUNDARIES, Conv, convolve_transposed
from approxnet.models.initializers import kaiming
from approxnet.models.layers import BatchNorm


def activate(x: jax.Array, train: bool, linear: bool, name: str) -> jax.Array:
    """The activation relu bn x, in a linear network x itself; called inside a module."""
    return x if linear else nn.relu(BatchNorm(name=name)(x, train))


class Extractor(nn.Module):
    """The feature extractor B of one grid, alpha relu bn eta * relu bn.

    Attributes:
      features: the channels that leave.
      kind: constant for one eta in all steps, scaled for alpha eta with a trained alpha for each
        step, variable for an eta of each step. Every step has normalisations of its own.
      linear: B = alpha eta.
      boundary: what lies beyond the border, as for ``Conv``.

    >>> B, r = Extractor(8, "variable"), jnp.ones((1, 4, 4, 2))
    >>> y, params = B.init_with_output(jax.random.key(0), r, "1")
    >>> y.shape, sorted(params["params"])
    ((1, 4, 4, 8), ['after_1', 'before_1', 'eta_1'])
    """

    features: int
    kind: str = "constant"
    linear: bool = False
    boundary: str = "zero"

    @nn.compact
    def __call__(self, r: jax.Array, step: str, train: bool = False) -> jax.Array:
        """B r, (n, h, w, features), of a residual (n, h, w, c) in a step with that name."""
        name = f"eta_{step}" if self.kind == "variable" else "eta"
        eta = Conv(self.features, padding=1, bias=False, boundary=self.boundary, name=name)
        r = activate(r, train, self.linear, f"before_{step}")
        y = activate(eta(r), train, self.linear, f"after_{step}")
        if self.kind != "scaled":
            return y
        return self.param(f"alpha_{step}", nn.initializers.ones, (), r.dtype) * y


class Layer(nn.Module):
    """A convolution, then normalisation and relu.

    Attributes:
      features, stride, padding, boundary: as for ``Conv``.
      linear: the convolution alone.

    >>> x = jnp.ones((1, 7, 7, 2))
    >>> Layer(8, stride=2).init_with_output(jax.random.key(0), x)[0].shape
    (1, 4, 4, 8)
    """

    features: int
    stride: int = 1
    padding: int = 1
    boundary: str = "zero"
    linear: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        """(n, h', w', features) from (n, h, w, c)."""
        K = Conv(
            self.features, 3, self.stride, self.padding, self.boundary, bias=False, name="conv"
        )
        return activate(K(x), train, self.linear, "norm")


class Channelwise(nn.Module):
    """A convolution of stride 2 with one kernel for each channel, then normalisation and relu.

    Attributes:
      features: the number of channels, that of the images.
      padding, boundary: as for ``Conv``.
      linear: the convolution alone.

    >>> x = jnp.ones((1, 7, 7, 2))
    >>> y, params = Channelwise(2).init_with_output(jax.random.key(0), x)
    >>> y.shape, params["params"]["weight"].shape
    ((1, 4, 4, 2), (3, 3, 2))
    """

    features: int
    padding: int = 1
    boundary: str = "zero"
    linear: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        """(n, h', w', c) from (n, h, w, c)."""
        _, h, w, c = x.shape
        if c != self.features:
            raise ValueError(
                f"channels_u must be the same on all grids for pi='channelwise', got {c} and "
                f"{self.features}; take pi='trained'"
            )
        weight = self.param("weight", _kaiming_by_channel, (3, 3, c), x.dtype)
        p, mode = self.padding, BOUNDARIES[self.boundary]
        x = jnp.pad(x, [(0, 0), (p, p), (p, p), (0, 0)], mode=mode)
        rows, columns = ((n + 2 * p - 3) // 2 + 1 for n in (h, w))
        y = sum(
            weight[i, j][None, None, None] * x[:, i : i + 2 * rows : 2, j : j + 2 * columns : 2]
            for i, j in itertools.product(range(3), repeat=2)
        )
        return activate(jnp.asarray(y), train, self.linear, "norm")


def _kaiming_by_channel(key: jax.Array, shape: tuple[int, ...], dtype: Any) -> jax.Array:
    """Kernels of one channel each, so that n_in = 9."""
    *window, c = shape
    return kaiming(key, (*window, 1, c), dtype)[..., 0, :]


class Prolongation(nn.Module):
    """The transposed convolution of stride 2, from a coarse grid to a fine one.

    Attributes:
      features: the channels that leave.
      padding, boundary: those of the transfers to the coarse grid.
      size: the kernel is size x size, 3 or 4.
      kernel_init: as for ``Conv``.

    >>> P = Prolongation(8)
    >>> P.init_with_output(jax.random.key(0), jnp.ones((1, 4, 4, 2)), (7, 7))[0].shape
    (1, 7, 7, 8)
    """

    features: int
    padding: int = 1
    boundary: str = "zero"
    size: int = 3
    kernel_init: Any = kaiming

    @nn.compact
    def __call__(self, e: jax.Array, fine: tuple[int, ...]) -> jax.Array:
        """P e, (n, *fine, features), of a correction e (n, h, w, c)."""
        shape = (self.size, self.size, e.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape, e.dtype)
        return convolve_transposed(e, kernel, fine, padding=self.padding, boundary=self.boundary)

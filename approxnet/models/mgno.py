"""MgNO: a neural operator whose linear layers are multigrid V-cycles with many channels.

An operator between functions on a grid, from v = a to u, is a composition of layers

    v <- gelu(W v + K v + b),

with K a 1 x 1 convolution and W a V-cycle, the approximate solution of a linear A u = f for f = v.
On the grids l = 1 (finest), ..., J, from f^1 = v and u^1 = 0,

    u^l <- u^l + S (f^l - A u^l),                  pre_l times,
    f^{l+1} = R f^l,  u^{l+1} = Pi u^l,            (or f^{l+1} = R (f^l - A u^l))

and back, for l = J - 1, ..., 1,

    u^l <- u^l + P u^{l+1},  then post_l more smoothing steps.

A and S are 3 x 3 convolutions of each step, R and Pi have stride 2, P is a transposed convolution
of stride 2 with a 4 x 4 kernel; all are trained, none is shared. The first step of all, from zero,
is u = S f. A 1 x 1 convolution without bias ends the network. Convolutions extend functions by
zero, which is a Dirichlet condition, or periodically. h rows become ceil(h / 2) on the next grid.

With N steps on J grids and c_f channels entering, a layer of c channels has

    9 c c_f (2 N - 1) + (J - 1) (9 c_f^2 + 25 c^2) + c c_f + c

parameters, and 9 c c_f (J - 1) more if the residual is restricted. On one channel, with Pi = 0 and
the kernels of multigrid, a layer that restricts the residual is the V-cycle of multigrid.

Reference: He, Liu, Xu, MgNO, ICLR 2024, arXiv:2310.19809, sections 3 and 4.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import flax.linen as nn
import jax

from approxnet import _checks
from approxnet.models.conv import Conv
from approxnet.models.initializers import lecun
from approxnet.models.layers import check_images
from approxnet.models.mgnet.layers import Prolongation

DARCY = ((1, 0), (1, 0), (1, 0), (1, 0), (1, 0), (2, 0))
"""The steps before and after the correction on each grid, for Darcy's problem in the paper."""

RESTRICTED = ("data", "residual")


def small(key: jax.Array, shape: tuple[int, ...], dtype: Any = None) -> jax.Array:
    """Normal weights of variance 1 / (3 n_in), with which a V-cycle does not amplify.

    Args:
      key: a random key.
      shape: (..., n_in, n_out), the kernel of a convolution; static.
      dtype: the dtype; the default float dtype if not given.

    >>> kernel = small(jax.random.key(0), (5, 5, 40, 30))
    >>> round(float(kernel.var() * 3000), 1)
    1.0
    """
    return lecun(key, shape, dtype) / math.sqrt(3)


class LinearCycle(nn.Module):
    """A V-cycle with many channels, linear in f.

    Attributes:
      channels: of u.
      steps: (J,) pairs, the smoothing steps before and after the correction on each grid.
      restricted: data for R f, residual for R (f - A u) on the coarse grid.
      boundary: what lies beyond the border: zero, periodic or reflected.
      padding: rows beyond the border that transfers see: 1, or 0 for coarse pixels at 2 i + 1.

    >>> import jax.numpy as jnp
    >>> W, f = LinearCycle(3, ((1, 0), (1, 0))), jnp.ones((1, 7, 7, 2))
    >>> u, params = W.init_with_output(jax.random.key(0), f)
    >>> u.shape, sorted(params["params"])
    ((1, 7, 7, 3), ['A_2_1', 'P_1', 'Pi_2', 'R_2', 'S_1_1', 'S_2_1'])
    """

    channels: int
    steps: tuple[tuple[int, int], ...] = DARCY
    restricted: str = "data"
    boundary: str = "zero"
    padding: int = 1

    @nn.compact
    def __call__(self, f: jax.Array) -> jax.Array:
        """u, (n, h, w, channels), from f (n, h, w, c)."""
        _checks.one_of("restricted", self.restricted, RESTRICTED)
        _check_steps(self.steps)
        visits: list[tuple[jax.Array, jax.Array]] = []
        u = None
        for l, (pre, _) in enumerate(self.steps, start=1):
            if visits:
                u, f = self._restrict(l, *visits[-1])
            for i in range(pre):
                u = self._smooth(f"{l}_{i + 1}", u, f)
            assert u is not None
            visits.append((u, f))
        u, _ = visits.pop()
        for l in range(len(visits), 0, -1):
            u = self._correct(l, *visits.pop(), u)
        return u

    def _smooth(self, step: str, u: jax.Array | None, f: jax.Array) -> jax.Array:
        """One step, u + S (f - A u), or S f from u = 0."""
        S = self._kernel(self.channels, f"S_{step}")
        if u is None:
            return S(f)
        return u + S(f - self._kernel(f.shape[-1], f"A_{step}")(u))

    def _restrict(self, l: int, u: jax.Array, f: jax.Array) -> tuple[jax.Array, jax.Array]:
        """The first u, and f, on grid l from those of the grid before."""
        c_f = f.shape[-1]
        if self.restricted == "residual":
            f = f - self._kernel(c_f, f"A_{l - 1}")(u)
        transfer: Any = partial(self._kernel, stride=2, padding=self.padding)
        return transfer(self.channels, f"Pi_{l}")(u), transfer(c_f, f"R_{l}")(f)

    def _correct(self, l: int, u: jax.Array, f: jax.Array, coarse: jax.Array) -> jax.Array:
        """The last u on grid l, corrected from grid l + 1 and smoothed."""
        P = Prolongation(
            self.channels, self.padding, self.boundary, 4, kernel_init=small, name=f"P_{l}"
        )
        u = u + P(coarse, (u.shape[1], u.shape[2]))
        pre, post = self.steps[l - 1]
        for i in range(pre, pre + post):
            u = self._smooth(f"{l}_{i + 1}", u, f)
        return u

    def _kernel(self, features: int, name: str, stride: int = 1, padding: int = 1) -> Conv:
        """A 3 x 3 convolution without bias."""
        return Conv(features, 3, stride, padding, self.boundary, False, small, name=name)


class MgNO(nn.Module):
    """The multigrid neural operator; without arguments, that for Darcy's problem in the paper.

    An operator has fields for classes, so that it is not among ``MODELS``: ``training.fit`` takes
    ``functional(MgNO())``, images for the functions that enter and labels of the shape of those
    that leave.

    Attributes:
      outputs: the number of functions that leave.
      channels: of the hidden layers.
      layers: the number of V-cycles.
      steps, restricted, boundary, padding: as for ``LinearCycle``.

    >>> from approxnet.models import count_parameters, functional
    >>> a = jax.ShapeDtypeStruct((1, 256, 256, 1), "float32")
    >>> params, _ = jax.eval_shape(functional(MgNO()).init, jax.random.key(0), a)
    >>> count_parameters(params)
    572661
    """

    outputs: int = 1
    channels: int = 24
    layers: int = 4
    steps: tuple[tuple[int, int], ...] = DARCY
    restricted: str = "data"
    boundary: str = "zero"
    padding: int = 1

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        """u, (n, h, w, outputs), of functions (n, h, w, c) on a grid."""
        check_images(x)
        c = _checks.count("channels", self.channels, at_least=1)
        for i in range(1, _checks.count("layers", self.layers, at_least=1) + 1):
            W = LinearCycle(
                c, self.steps, self.restricted, self.boundary, self.padding, name=f"W_{i}"
            )
            K = Conv(c, size=1, kernel_init=small, name=f"K_{i}")
            x = nn.gelu(W(x) + K(x), approximate=False)
        return Conv(self.outputs, size=1, bias=False, kernel_init=lecun, name="last")(x)


def _check_steps(steps: tuple[tuple[int, int], ...]) -> None:
    _checks.count("the number of grids", len(steps), at_least=1)
    for l, (pre, post) in enumerate(steps):
        _checks.count(f"steps[{l}][0]", pre, at_least=0 if l else 1)
        _checks.count(f"steps[{l}][1]", post)
    if steps[-1][1]:
        raise ValueError(
            f"steps must have none after the correction on the coarsest grid, got {steps[-1]}; "
            f"write ({sum(steps[-1])}, 0)"
        )

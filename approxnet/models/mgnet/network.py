"""MgNet: a backslash or V-cycle whose operators are trained convolutions.

A linear equation A u = f links data f and features u >= 0; B approximates the inverse of A. On the
grids l = 1 (finest), ..., J, from f^1 = relu bn theta * x and u^{1,0} = 0,

    u^{l,i} = u^{l,i-1} + B^{l,i} (f^l - A^l u^{l,i-1}),      i = 1, ..., nu_l,
    u^{l+1,0} = Pi u^{l,nu_l},
    f^{l+1} = R (f^l - A^l u^{l,nu_l}) + A^{l+1} u^{l+1,0},

where A is a convolution and B = relu bn eta * relu bn. The mean of u^J over the pixels goes to a
dense layer. In the V-cycle the corrections go back up, for l = J - 1, ..., 1,

    u^l <- u^l + P (u^{l+1} - u^{l+1,0}),  then nu'_l steps with extractors of their own.

Without activation and normalisation this is multigrid, whatever Pi is (theorem 1): see
``mgnet_from_hierarchy``. Names of parameters follow the letters: A_l, B_l, C_l for B', R_l, Pi_l,
P_l, stem for theta.

References: He, Xu, MgNet, Sci. China Math. 62 (2019), algorithms 3 and 4. He, Xu, Zhang, Zhu, An
interpretive constrained linear model for ResNet and MgNet (2023), equations (3.5) to (3.7).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from approxnet import _checks
from approxnet.models.conv import convolve
from approxnet.models.initializers import kaiming
from approxnet.models.layers import check_images, logits
from approxnet.models.mgnet.iterations import FORMS, SCHEMES, Improve, Iterate
from approxnet.models.mgnet.layers import Channelwise, Extractor, Layer, Prolongation
from approxnet.models.pooling import global_average

EXTRACTORS = ("constant", "scaled", "variable")
PI: dict[str, Any] = {"trained": partial(Layer, stride=2), "channelwise": Channelwise, "zero": None}
CYCLES = ("backslash", "v")


class Visit(NamedTuple):
    """A grid on the way down: its first and last iterate, and what makes the next one."""

    first: Iterate
    last: Iterate
    improve: Improve


class MgNet(nn.Module):
    """MgNet on images of any size; h rows become ceil(h / 2) on the next grid.

    Attributes:
      iterations: (J,) smoothing steps nu_l on each grid.
      channels_u: channels of u, a number or one for each grid.
      channels_f: channels of f, a number or one for each grid.
      num_classes: the number of outputs; None for u on the finest grid, to which the corrections
        are prolonged.
      extractor: constant for one kernel per grid, scaled for trained multiples of it, variable for
        a kernel in each step; or a function (features, name) -> B, as a class of Flax modules is,
        with B (r, step, train) -> (n, h, w, features).
      pi: the map of u to the next grid: trained, zero, or channelwise.
      form: residual carries f - A u and saves convolutions, standard carries f; the same function
        of the same parameters.
      linear: without normalisations and activations.
      cycle: backslash, or v.
      scheme: of the steps: single, multistep or chebyshev.
      post: (J - 1,) steps after each correction of a V-cycle; None for as many as before it.
      boundary: what lies beyond the border: zero, periodic or reflected.
      padding: rows beyond the border that transfers see: 1, or 0 for coarse pixels at 2 i + 1.

    An extractor of your own, here with a kernel of one pixel:

      >>> from approxnet.models import Conv, count_macs
      >>> class Pointwise(nn.Module):
      ...     features: int
      ...     @nn.compact
      ...     def __call__(self, r, step, train=False):
      ...         return nn.relu(Conv(self.features, size=1)(nn.relu(r)))
      >>> count_macs(MgNet((1, 1), 8, 8, 10, extractor=Pointwise), (8, 8, 3))
      74320

    >>> count_macs(MgNet((2, 2, 2, 2), 64, 64, 10, form="standard"), (32, 32, 3))
    289014400
    >>> count_macs(MgNet((2, 2, 2, 2), 64, 64, 10), (32, 32, 3))
    226493056
    """

    iterations: tuple[int, ...]
    channels_u: int | tuple[int, ...]
    channels_f: int | tuple[int, ...]
    num_classes: int | None = 10
    extractor: str | Callable[..., Any] = "constant"
    pi: str = "trained"
    form: str = "residual"
    linear: bool = False
    cycle: str = "backslash"
    scheme: str = "single"
    post: tuple[int, ...] | None = None
    boundary: str = "zero"
    padding: int = 1

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        """The logits, (n, num_classes), of images (n, h, w, c); u, (n, h, w, c_u), without."""
        check_images(x)
        visits = self._descend(x, train)
        if self.num_classes is not None and self.cycle == "backslash":
            return logits(global_average(visits[-1].last.u), self.num_classes)
        u = self._ascend(visits, train)
        return u if self.num_classes is None else logits(global_average(u), self.num_classes)

    def _descend(self, x: jax.Array, train: bool) -> list[Visit]:
        """The grids from the finest to the coarsest."""
        J = _checks.count("the number of grids", len(self.iterations), at_least=1)
        channels_u, channels_f = (
            _by_grid(name, getattr(self, name), J) for name in ("channels_u", "channels_f")
        )
        start = FORMS[_checks.one_of("form", self.form, FORMS)]
        u, r = None, self._layer(Layer, channels_f[0], padding=1, name="stem")(x, train)
        visits: list[Visit] = []
        for l, (steps, c_u, c_f) in enumerate(
            zip(self.iterations, channels_u, channels_f, strict=True), start=1
        ):
            kernel = self.param(f"A_{l}", kaiming, (3, 3, c_u, c_f), x.dtype)
            A = partial(convolve, kernel=kernel, padding=1, boundary=self.boundary)
            if visits:
                u, r = self._coarsen(l, visits[-1].last, c_u, c_f, train)
            first, improve = start(A, u, r, jnp.zeros((*r.shape[:3], c_u), r.dtype))
            last = self._smooth(f"B_{l}", c_u, steps, first, improve, train)
            visits.append(Visit(first, last, improve))
        return visits

    def _coarsen(
        self, l: int, last: Iterate, c_u: int, c_f: int, train: bool
    ) -> tuple[jax.Array | None, jax.Array]:
        """The start u^{l,0} and the residual on grid l; None for a zero start."""
        kind = PI[_checks.one_of("pi", self.pi, PI)]
        R = self._layer(partial(Layer, stride=2), c_f, padding=self.padding, name=f"R_{l}")
        r = R(last.residual, train)
        if kind is None:
            return None, r
        return self._layer(kind, c_u, padding=self.padding, name=f"Pi_{l}")(last.u, train), r

    def _layer(self, kind: Callable[..., Any], features: int, **options: Any) -> Any:
        return kind(features, boundary=self.boundary, linear=self.linear, **options)

    def _ascend(self, visits: list[Visit], train: bool) -> jax.Array:
        """The features u on the finest grid, after the corrections."""
        *finer, coarsest = visits
        u, u0 = coarsest.last.u, coarsest.first.u
        for l, steps in reversed(list(enumerate(self._post(), start=1))):
            visit = finer[l - 1]
            size, c_u = visit.first.u.shape[1:3], visit.first.u.shape[3]
            P = Prolongation(c_u, self.padding, self.boundary, name=f"P_{l}")
            corrected = visit.improve([(1.0, visit.last)], P(u - u0, size))
            u = self._smooth(f"C_{l}", c_u, steps, corrected, visit.improve, train).u
            u0 = visit.first.u
        return u

    def _post(self) -> tuple[int, ...]:
        """The steps after each correction."""
        grids = len(self.iterations) - 1
        if _checks.one_of("cycle", self.cycle, CYCLES) == "backslash":
            return grids * (0,)
        post = self.iterations[:-1] if self.post is None else self.post
        if len(post) != grids:
            raise ValueError(
                f"post must be {grids} numbers, one for each grid but the coarsest, got {post}"
            )
        return post

    def _smooth(
        self, name: str, c_u: int, steps: int, start: Iterate, improve: Improve, train: bool
    ) -> Iterate:
        """The iterate after some steps on one grid."""
        B = self._make_extractor()(c_u, name=name)
        scheme = SCHEMES[_checks.one_of("scheme", self.scheme, SCHEMES)]
        history = [start]
        for _ in range(_checks.count("iterations", steps)):
            parts, correction = scheme(
                history,
                lambda r, step: B(r, step, train),
                lambda part, init, shape: self.param(f"{name}_{part}", init, shape, start.u.dtype),
            )
            history.append(improve(parts, correction))
        return history[-1]

    def _make_extractor(self) -> Callable[..., Any]:
        if callable(self.extractor):
            return self.extractor
        kind = _checks.one_of("extractor", self.extractor, EXTRACTORS)
        return partial(Extractor, kind=kind, linear=self.linear, boundary=self.boundary)


def _by_grid(name: str, channels: int | Sequence[int], grids: int) -> tuple[int, ...]:
    """The channels on each grid."""
    numbers = grids * (channels,) if isinstance(channels, int) else tuple(channels)
    if len(numbers) != grids:
        raise ValueError(
            f"{name} must be a number or one for each of {grids} grids, got {channels}"
        )
    return tuple(_checks.count(f"{name}[{l}]", c, at_least=1) for l, c in enumerate(numbers))

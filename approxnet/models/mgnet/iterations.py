"""Smoothing on one grid: u <- u + B (f - A u) in two forms and three schemes.

An iterate is u with its residual r = f - A u. A scheme proposes weights a_j of earlier iterates,
which sum to 1, and a correction c; the next iterate is

    u = sum_j a_j u_j + c,

    standard form    r = f - A u,
    residual form    r = sum_j a_j r_j - A c,

the same since A is linear. The standard form carries f, of which a coarse grid needs r + A u; the
residual form needs neither this product nor A applied to a zero start. Schemes, with trained w and
alpha >= 0 that sum to 1:

    single       c = B r_{i-1},                 a = 1 for the last iterate
    multistep    c = sum_j alpha_j B_j r_j,     a = alpha
    chebyshev    c = w B r_{i-1},               a = w and 1 - w for the last two iterates.

Reference: He, Xu, MgNet, Sci. China Math. 62 (2019), algorithm 3 and section 6.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import flax.linen as nn
import jax

Operator = Callable[[jax.Array], jax.Array]
Extract = Callable[[jax.Array, str], jax.Array]  # (r, the name of the step) -> B r
Param = Callable[..., jax.Array]  # (name, init, shape) -> a trained parameter


class Iterate:
    """An approximation u with its residual, which is evaluated when it is first asked for.

    >>> iterate = Iterate(jax.numpy.ones(2), lambda: jax.numpy.zeros(2))
    >>> iterate.residual.tolist()
    [0.0, 0.0]
    """

    def __init__(self, u: jax.Array, residual: Callable[[], jax.Array]):
        """u, and the function that evaluates its residual."""
        self.u = u
        self._evaluate = residual

    @cached_property
    def residual(self) -> jax.Array:
        """The residual f - A u."""
        return self._evaluate()


Parts = Sequence[tuple[Any, Iterate]]  # weights and iterates
Improve = Callable[[Parts, jax.Array], Iterate]


def residual_form(A: Operator, u: jax.Array | None, r: jax.Array, zero: jax.Array) -> Any:
    """The first iterate, and the function (parts, c) -> iterate; u is None for a zero start."""

    def improve(parts: Parts, c: jax.Array) -> Iterate:
        return Iterate(
            _combine([(a, part.u) for a, part in parts]) + c,
            lambda: _combine([(a, part.residual) for a, part in parts]) - A(c),
        )

    return Iterate(zero if u is None else u, lambda: r), improve


def standard_form(A: Operator, u: jax.Array | None, r: jax.Array, zero: jax.Array) -> Any:
    """The same as in ``residual_form``, with f in the place of r."""
    f = r if u is None else r + A(u)

    def iterate(u: jax.Array) -> Iterate:
        return Iterate(u, lambda: f - A(u))

    def improve(parts: Parts, c: jax.Array) -> Iterate:
        return iterate(_combine([(a, part.u) for a, part in parts]) + c)

    return iterate(zero if u is None else u), improve


def _combine(terms: list[tuple[Any, jax.Array]]) -> jax.Array:
    return functools.reduce(operator.add, [a * value for a, value in terms])


def single(history: list[Iterate], B: Extract, param: Param) -> tuple[Parts, jax.Array]:
    """One step from the last iterate."""
    return [(1.0, history[-1])], B(history[-1].residual, str(len(history)))


def multistep(history: list[Iterate], B: Extract, param: Param) -> tuple[Parts, jax.Array]:
    """A mean of steps from all iterates, with trained weights that start equal."""
    i = len(history)
    alpha = jax.nn.softmax(param(f"alpha_{i}", nn.initializers.zeros, (i,)))
    steps = [(alpha[j], B(part.residual, f"{i}_{j}")) for j, part in enumerate(history)]
    return [(alpha[j], part) for j, part in enumerate(history)], _combine(steps)


def chebyshev(history: list[Iterate], B: Extract, param: Param) -> tuple[Parts, jax.Array]:
    """A step from the last iterate, extrapolated from the one before; w starts at 1."""
    if len(history) == 1:
        return single(history, B, param)
    w = param(f"omega_{len(history)}", nn.initializers.ones, ())
    _, step = single(history, B, param)
    return [(w, history[-1]), (1 - w, history[-2])], w * step


FORMS = {"residual": residual_form, "standard": standard_form}
SCHEMES = {"single": single, "multistep": multistep, "chebyshev": chebyshev}

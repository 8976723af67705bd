"""The ends of an axis: where the nodes are, what lies beyond them, how the axis is coarsened.

An axis with n unknowns and N = n + extra intervals has the nodes (k + start) / N, k = 0, ..., n-1.
If N is even, the coarse axis has N/2 intervals and the nodes with even k + start.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from approxnet import _checks


class Ends(NamedTuple):
    """The numbers and the paddings that distinguish one boundary condition from another."""

    extra: int  # intervals minus unknowns
    start: int  # the number of the first unknown, counted from the lower end
    least: int  # the least number of unknowns that the operator and the transfers need
    weight: float  # of the trapezoidal rule at the two end nodes
    ghost: str  # how a grid function goes on beyond its ends
    adjoint: str  # how a residual, multiplied by its weights, does
    sides: tuple[int, int]  # midpoints to repeat so that every node has one on either side


ENDS = {
    "dirichlet": Ends(1, 1, 1, 1.0, "constant", "constant", (0, 0)),
    "neumann": Ends(-1, 0, 2, 0.5, "reflect", "constant", (1, 1)),
    "periodic": Ends(0, 0, 3, 1.0, "wrap", "wrap", (1, 0)),
}


def shape(given: int | Sequence[int]) -> tuple[int, ...]:
    """Unknowns per axis as a tuple of positive integers."""
    numbers = (given,) if np.ndim(given) == 0 else tuple(given)  # type: ignore[arg-type]
    if not numbers:
        raise ValueError("shape must have at least one axis, got ()")
    return tuple(_checks.count(f"shape[{i}]", n, at_least=1) for i, n in enumerate(numbers))


def boundary(given: str | Sequence[str], shape: tuple[int, ...]) -> tuple[str, ...]:
    """One boundary condition per axis, each with enough unknowns."""
    names = len(shape) * (given,) if isinstance(given, str) else tuple(given)
    if len(names) != len(shape):
        raise ValueError(f"boundary must name one condition per axis of {shape}, got {names}")
    for axis, (name, n) in enumerate(zip(names, shape, strict=True)):
        least = ENDS[_checks.one_of("boundary", name, ENDS)].least
        _checks.count(f"shape[{axis}] with {name} ends", n, at_least=least)
    return names


def coarsen(shape: Sequence[int], boundary: Sequence[str]) -> tuple[int, ...] | None:
    """The shape with every second node, or None if an axis cannot be halved."""
    ends = [ENDS[name] for name in boundary]
    coarse = tuple((n - e.extra) // 2 for n, e in zip(shape, ends, strict=True))
    halved = all(2 * m + e.extra == n for m, n, e in zip(coarse, shape, ends, strict=True))
    enough = all(m >= e.least for m, e in zip(coarse, ends, strict=True))
    return coarse if halved and enough else None


def extend(x: Any, boundary: Sequence[str], *, adjoint: bool = False) -> jax.Array:
    """A grid function with one more layer of nodes at every end."""
    modes = [ENDS[name].adjoint if adjoint else ENDS[name].ghost for name in boundary]
    for mode in dict.fromkeys(modes):
        x = jnp.pad(x, [(int(m == mode),) * 2 for m in modes], mode=mode)  # type: ignore[arg-type]
    return x


def window(ghost: Any, offset: Sequence[int], shape: Sequence[int], stride: int = 1) -> Any:
    """The nodes 1 + offset + stride k, k < shape, of an extended grid function."""
    return ghost[
        tuple(
            slice(1 + o, 1 + o + stride * (n - 1) + 1, stride)
            for o, n in zip(offset, shape, strict=True)
        )
    ]


def inject(x: Any, boundary: Sequence[str]) -> Any:
    """The values of a grid function at the nodes of the coarse grid."""
    return x[tuple(slice(ENDS[name].start, None, 2) for name in boundary)]


def sides(a: Any, axis: int, end: Ends) -> tuple[Any, Any]:
    """Values between the nodes of an axis as those to the left and to the right of every node."""
    if a.size == 1:
        return a, a
    xp = np if _checks.concrete(a) else jnp
    mode: Any = "wrap" if end.ghost == "wrap" else "edge"
    a = xp.pad(a, [end.sides if k == axis else (0, 0) for k in range(a.ndim)], mode=mode)
    before, n = axis * (slice(None),), a.shape[axis] - 1
    return a[(*before, slice(0, n))], a[(*before, slice(1, n + 1))]


def weights(shape: Sequence[int], boundary: Sequence[str]) -> np.ndarray:
    """The trapezoidal weights M, of size 1 along axes on which they do not vary."""
    total = np.ones(len(shape) * (1,))
    for axis, (n, name) in enumerate(zip(shape, boundary, strict=True)):
        weight = ENDS[name].weight
        line = np.ones(n if weight != 1 else 1)
        line[[0, -1]] = weight
        total = total * line.reshape([-1 if k == axis else 1 for k in range(len(shape))])
    return total


def parity(shape: Sequence[int], boundary: Sequence[str]) -> np.ndarray:
    """The number of odd coordinates of every node, 0 at the nodes of the coarse grid."""
    starts = [ENDS[name].start for name in boundary]
    lines = [(np.arange(n) + s) % 2 for n, s in zip(shape, starts, strict=True)]
    return sum(np.meshgrid(*lines, indexing="ij", sparse=True), start=np.zeros((), int))


def colours(n: int, name: str) -> int:
    """The least number of colours, at least 3, that can be repeated along an axis."""
    if ENDS[name].ghost != "wrap":
        return 3
    return next(q for q in range(3, n + 1) if operator.mod(n, q) == 0)

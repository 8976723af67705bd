"""The model problem on nested grids, and the hierarchy of its operators.

    -div(a grad u) + c u = b   on a box in d dimensions,

with u = 0 (Dirichlet), du/dn = 0 (Neumann) or u periodic on each axis. An axis with n unknowns has
n + 1, n - 1 or n intervals of width h in these three cases. With a at the midpoints between nodes,

    (A u)_i = sum_axes (a_{i+1/2} (u_i - u_{i+1}) + a_{i-1/2} (u_i - u_{i-1})) / h^2 + c_i u_i,

where nodes beyond the box hold zero (Dirichlet), the mirror image (Neumann) or the periodic copy.
b holds values of the right-hand side at the nodes. With M the trapezoidal weights, 1/2 at Neumann
ends and 1 elsewhere, M A is symmetric.

a is a function of points, or an array with one value per cell, and then its value at a midpoint
is the mean over the 2^(d-1) cells around it: for d <= 2 these are linear elements. c is a function
or an array with one value per unknown.

The coarse grid has every second node. Its operator is that of the problem on the coarse grid, with
the mean of a over the cells (rediscretised), or R A P with the transfers of ``transfer``
(Galerkin).

Reference: Trottenberg, Oosterlee, Schueller, Multigrid (2001), chapters 2 and 5.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from approxnet import _checks
from approxnet.multigrid import axes
from approxnet.multigrid.operators import Operator, galerkin, library, matrix
from approxnet.multigrid.transfer import Transfer, bilinear

Coefficient = Any  # a number, an array or a function of points
DIRECT = 1024  # unknowns up to which the coarsest grid is solved by a stored inverse


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Hierarchy:
    """Operators from the finest to the coarsest grid, with all that a cycle needs."""

    operators: tuple[Operator, ...]
    inverse: Any  # (N, N), of the coarsest operator; its pseudo-inverse if it is singular
    shapes: tuple[tuple[int, ...], ...] = field(metadata={"static": True})
    boundary: tuple[str, ...] = field(metadata={"static": True})
    transfer: Transfer = field(metadata={"static": True})
    singular: bool = field(metadata={"static": True})  # constants are in the kernel


def hierarchy(
    shape: int | Sequence[int],
    *,
    lower: Any = 0.0,
    upper: Any = 1.0,
    coefficient: Coefficient = None,
    reaction: Coefficient = 0.0,
    boundary: str | Sequence[str] = "dirichlet",
    coarse: str = "rediscretised",
    transfer: Transfer = bilinear,
) -> Hierarchy:
    """The operators of -div(a grad u) + c u on a grid and on all its coarser grids.

    A grid is coarsened as long as the number of intervals is even on every axis and unknowns are
    left. The coarsest problem is solved by its inverse, so its size is limited.

    The arrays of coefficients may be traced: jit, vmap and grad of ``hierarchy`` and ``solve``
    together work, and solve many problems of one shape with one program.

      >>> import jax
      >>> import jax.numpy as jnp
      >>> from approxnet import multigrid
      >>> def darcy(a):
      ...     h = multigrid.hierarchy((7, 7), coefficient=a, coarse="galerkin")
      ...     return multigrid.solve(h, jnp.ones((7, 7)), rtol=1e-4).value
      >>> jax.jit(jax.vmap(darcy))(jnp.ones((10, 8, 8))).shape
      (10, 7, 7)

    Args:
      shape: (d,) unknowns per axis, or a number for d = 1: the interior nodes for Dirichlet ends,
        all nodes for Neumann ends, one period for periodic ones.
      lower: the lower corner of the box, (d,) or a number.
      upper: the upper corner of the box.
      coefficient: a > 0, a number, a function of points (..., d), or an array with one value per
        cell, n + 1 (Dirichlet), n - 1 (Neumann) or n (periodic) on an axis with n unknowns.
      reaction: c >= 0, a number, a function of points (..., d), or an array (*shape); a traced
        one must not be zero everywhere if no end is a Dirichlet end.
      boundary: dirichlet, neumann or periodic, for all axes or one per axis.
      coarse: rediscretised, or galerkin for R A P, with which V-cycles do not diverge where a
        jumps.
      transfer: the pair P, R; ``bilinear``, ``linear_element``, ``course_element`` or your own.

    Returns:
      A pytree with NumPy leaves in double precision, or traced ones in the dtype of the
      coefficient; cycles cast it to the dtype of b.

    Raises:
      ValueError: if the coarsest grid has more than 1024 unknowns (names the nearest shapes), or
        if a <= 0 or c < 0 at a point, or if an array has another shape.
      ConfigError: if boundary or coarse is not known.

    Example:
      >>> from approxnet import multigrid
      >>> multigrid.hierarchy((15, 31)).shapes
      ((15, 31), (7, 15), (3, 7), (1, 3))
    """
    shape = axes.shape(shape)
    ends = axes.boundary(boundary, shape)
    low, high = _checks.box(lower, upper, len(shape))
    _checks.one_of("coarse", coarse, ("rediscretised", "galerkin"))
    shapes = _shapes(shape, ends)
    cells = tuple(n + axes.ENDS[name].extra for n, name in zip(shape, ends, strict=True))
    a = _field("coefficient", 1.0 if coefficient is None else coefficient, cells)
    c = _field("reaction", reaction, shape)
    operators = [_operator(shape, low, high, a, c, ends)]
    for fine, grid in itertools.pairwise(shapes):
        if coarse == "galerkin":
            operators.append(galerkin(operators[-1], fine, transfer))
        else:
            a, c = _means(a), c if callable(c) or c.size == 1 else axes.inject(c, ends)
            operators.append(_operator(grid, low, high, a, c, ends))
    singular = "dirichlet" not in ends and _is_zero(reaction, shape, low, high, ends)
    last = matrix(operators[-1], shapes[-1])
    xp = library(last)
    inverse = (xp.linalg.pinv if singular else xp.linalg.inv)(last)
    return Hierarchy(tuple(operators), inverse, shapes, ends, transfer, singular)


def nodes(
    shape: int | Sequence[int],
    *,
    lower: Any = 0.0,
    upper: Any = 1.0,
    boundary: str | Sequence[str] = "dirichlet",
) -> np.ndarray:
    """The nodes (*shape, d) of a grid, at which b and u are sampled, in double precision.

    The arguments are those of ``hierarchy``.

    Raises:
      ValueError: if lower < upper does not hold.
      ConfigError: if boundary is not known.

    Example:
      >>> from approxnet import multigrid
      >>> multigrid.nodes(3).tolist(), multigrid.nodes(3, boundary="neumann").tolist()
      ([[0.25], [0.5], [0.75]], [[0.0], [0.5], [1.0]])
    """
    shape = axes.shape(shape)
    low, high = _checks.box(lower, upper, len(shape))
    return _points(shape, low, high, axes.boundary(boundary, shape))


def _shapes(shape: tuple[int, ...], boundary: tuple[str, ...]) -> tuple[tuple[int, ...], ...]:
    """The shapes from the given grid to the coarsest one."""
    shapes = [shape]
    while (coarse := axes.coarsen(shapes[-1], boundary)) is not None:
        shapes.append(coarse)
    if math.prod(shapes[-1]) <= DIRECT:
        return tuple(shapes)
    extra = np.array([axes.ENDS[b].extra for b in boundary])
    intervals = np.array(shape) + extra
    step = 2 ** math.ceil(math.log2(math.prod(intervals.tolist()) / DIRECT) / len(shape))
    below, above = intervals // step * step, -(-intervals // step) * step
    near = " and ".join(str(tuple((s - extra).tolist())) for s in (below, above))
    raise ValueError(
        f"shape must have a coarsest grid of at most {DIRECT} unknowns, got {shape} with the "
        f"coarsest grid {shapes[-1]}: numbers of intervals {tuple(intervals.tolist())} that cannot "
        f"all be halved; the nearest shapes that can be are {near}"
    )


def _points(
    shape: tuple[int, ...],
    low: np.ndarray,
    high: np.ndarray,
    boundary: tuple[str, ...],
    midpoints_of: int | None = None,
) -> np.ndarray:
    """The nodes (*shape, d), or the midpoints of the intervals along one axis."""
    coordinates = []
    for axis, (n, name) in enumerate(zip(shape, boundary, strict=True)):
        end = axes.ENDS[name]
        intervals = n + end.extra
        k = np.arange(n) + end.start if axis != midpoints_of else np.arange(intervals) + 0.5
        coordinates.append(low[axis] + (high[axis] - low[axis]) * k / intervals)
    return np.stack(np.meshgrid(*coordinates, indexing="ij"), axis=-1)


def _operator(
    shape: tuple[int, ...],
    low: np.ndarray,
    high: np.ndarray,
    coefficient: Coefficient,
    reaction: Coefficient,
    boundary: tuple[str, ...],
) -> Operator:
    """The star stencil of the problem on one grid."""
    d = len(shape)
    offsets, faces = [], []
    for axis, name in enumerate(boundary):
        end = axes.ENDS[name]
        h = float(high[axis] - low[axis]) / (shape[axis] + end.extra)
        middle = _points(shape, low, high, boundary, midpoints_of=axis)
        a = _sample("coefficient", coefficient, middle)
        _require("coefficient must be positive", a, a > 0, middle if callable(coefficient) else a)
        if not callable(coefficient):
            a = _across(a, axis, boundary)
        left, right = axes.sides(a, axis, end)
        unit = np.eye(d, dtype=int)[axis]
        offsets += [tuple((-unit).tolist()), tuple(unit.tolist())]
        faces += [left / h**2, right / h**2]
    points = _points(shape, low, high, boundary)
    c = _sample("reaction", reaction, points)
    _require("reaction must be >= 0", c, c >= 0, points if callable(reaction) else c)
    traced = [x.dtype for x in (c, *faces) if not _checks.concrete(x)]
    dtype = np.result_type(*(traced or [np.float64]))
    terms = [library(c, *faces).asarray(x, dtype) for x in (c, *faces)]
    diagonal = sum(terms[1:], start=terms[0])
    return Operator((diagonal, *(-face for face in terms[1:])), (d * (0,), *offsets), boundary)


def _field(name: str, value: Coefficient, shape: tuple[int, ...]) -> Coefficient:
    """A function, or an array of the given shape, or a number as (1, ..., 1)."""
    if callable(value):
        return value
    if np.shape(value) not in ((), shape):
        raise ValueError(
            f"{name} must be a number, a function of points (..., {len(shape)}) or an array of "
            f"shape {shape}, got shape {np.shape(value)}"
        )
    _checks.finite(name, value)
    value = np.asarray(value, np.float64) if _checks.concrete(value) else value
    return value if np.ndim(value) else value.reshape(len(shape) * (1,))


def _sample(name: str, value: Coefficient, points: np.ndarray) -> Any:
    """The values of a function at points (*grid, d), or an array as it is."""
    if not callable(value):
        return value
    with jax.enable_x64(True):
        return np.asarray(_checks.target(value, points, name), np.float64)


def _require(what: str, values: Any, right: Any, places: Any) -> None:
    """ValueError with the least value and its place unless all concrete values are right."""
    if not _checks.concrete(values) or right.all():
        return
    index = np.unravel_index(values.argmin(), values.shape)
    place = f"index {tuple(map(int, index))}" if places is values else f"{places[index].tolist()}"
    where = f" at {place}" if values.size > 1 else ""
    raise ValueError(f"{what}, got {values[index]}{where}")


def _across(a: Any, axis: int, boundary: tuple[str, ...]) -> Any:
    """Values per cell as their means at the midpoints of the intervals along one axis."""
    for other, name in enumerate(boundary):
        if other != axis:
            left, right = axes.sides(a, other, axes.ENDS[name])
            a = (left + right) / 2
    return a


def _means(a: Coefficient) -> Coefficient:
    """The means of cell values over the 2^d cells that make a coarse one."""
    if callable(a) or a.size == 1:
        return a
    halves = [k for m in a.shape for k in (m // 2, 2)]
    return a.reshape(halves).mean(axis=tuple(range(1, 2 * a.ndim, 2)))


def _is_zero(reaction: Coefficient, shape: Any, low: Any, high: Any, ends: Any) -> bool:
    if not _checks.concrete(reaction):
        return False
    value = _field("reaction", reaction, shape)
    return not _sample("reaction", value, _points(shape, low, high, ends)).any()

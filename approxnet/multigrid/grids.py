"""The model problem on nested grids: operators as stencils, and the hierarchy of them.

    -div(a grad u) + c u = b   on a box in d dimensions,

with u = 0 (Dirichlet), du/dn = 0 (Neumann) or u periodic on each axis. An axis with n unknowns has
n + 1, n - 1 or n intervals of width h in these three cases. With a at the midpoints between nodes,

    (A u)_i = sum_axes (a_{i+1/2} (u_i - u_{i+1}) + a_{i-1/2} (u_i - u_{i-1})) / h^2 + c_i u_i,

where nodes beyond the box hold zero (Dirichlet), the mirror image (Neumann) or the periodic copy.
b holds values of the right-hand side at the nodes. With M the trapezoidal weights, 1/2 at Neumann
ends and 1 elsewhere, M A is symmetric.

The coarse grid has every second node. Its operator is that of the problem on the coarse grid
(rediscretised), or R A P with the transfers of ``transfer`` (Galerkin).

Reference: Trottenberg, Oosterlee, Schueller, Multigrid (2001), chapters 2 and 5.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from approxnet import _checks
from approxnet.multigrid import axes
from approxnet.multigrid.transfer import Transfer, bilinear

Coefficient = float | Callable[[Any], Any] | None
DIRECT = 1024  # unknowns up to which the coarsest grid is solved by a stored inverse


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Operator:
    """A linear operator on grid functions, given by its stencil; call it to apply it.

    Example:
      >>> import numpy as np
      >>> from approxnet import multigrid
      >>> A = multigrid.hierarchy((3,)).operators[0]
      >>> A(np.array([0.0, 1.0, 0.0], np.float32)).tolist()
      [-16.0, 32.0, -16.0]
    """

    coefficients: tuple[Any, ...]  # (*shape), or (1, ..., 1) if one does not vary; diagonal first
    offsets: tuple[tuple[int, ...], ...] = field(metadata={"static": True})
    boundary: tuple[str, ...] = field(metadata={"static": True})

    def __call__(self, x: Any) -> jax.Array:
        """A x, in the shape and dtype of x."""
        ghost = axes.extend(x, self.boundary)
        terms = (
            jnp.asarray(c, x.dtype) * axes.window(ghost, o, x.shape)
            for c, o in zip(self.coefficients, self.offsets, strict=True)
        )
        return sum(terms, start=jnp.zeros_like(x))

    @property
    def diagonal(self) -> Any:
        """The diagonal of A, of the shape of a grid function or (1, ..., 1)."""
        return self.coefficients[0]

    @property
    def is_star(self) -> bool:
        """Whether a node is coupled to its 2d nearest neighbours only, so that two colours do."""
        return all(np.abs(o).sum() <= 1 for o in self.offsets)


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

    Args:
      shape: (d,) unknowns per axis, or a number for d = 1: the interior nodes for Dirichlet ends,
        all nodes for Neumann ends, one period for periodic ones.
      lower: the lower corner of the box, (d,) or a number.
      upper: the upper corner of the box.
      coefficient: a > 0, a number or a function of points (..., d); 1 by default.
      reaction: c >= 0, a number or a function of points (..., d).
      boundary: dirichlet, neumann or periodic, for all axes or one per axis.
      coarse: rediscretised, or galerkin for R A P, with which V-cycles do not diverge where a
        jumps.
      transfer: the pair P, R; ``bilinear``, ``linear_element`` or your own.

    Returns:
      A pytree with NumPy leaves in double precision; cycles cast it to the dtype of b.

    Raises:
      ValueError: if the coarsest grid has more than 1024 unknowns (names the nearest shapes), or
        if a <= 0 or c < 0 at a point.
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
    operators = [_operator(shape, low, high, coefficient, reaction, ends)]
    for fine, grid in itertools.pairwise(shapes):
        if coarse == "galerkin":
            operators.append(_galerkin(operators[-1], fine, transfer))
        else:
            operators.append(_operator(grid, low, high, coefficient, reaction, ends))
    singular = "dirichlet" not in ends and _is_zero(reaction, shape, low, high, ends)
    inverse = np.linalg.pinv if singular else np.linalg.inv
    return Hierarchy(
        tuple(operators),
        inverse(_matrix(operators[-1], shapes[-1])),
        shapes,
        ends,
        transfer,
        singular,
    )


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
        h = (high[axis] - low[axis]) / (shape[axis] + end.extra)
        middle = _points(shape, low, high, boundary, midpoints_of=axis)
        a = _sample("coefficient", 1.0 if coefficient is None else coefficient, middle)
        if a.min() <= 0:
            place = np.unravel_index(a.argmin(), a.shape)
            where = f" at {middle[place].tolist()}" if a.size > 1 else ""
            raise ValueError(f"coefficient must be positive, got {a.min()}{where}")
        left, right = axes.sides(a, axis, end)
        unit = np.eye(d, dtype=int)[axis]
        offsets += [tuple((-unit).tolist()), tuple(unit.tolist())]
        faces += [left / h**2, right / h**2]
    points = _points(shape, low, high, boundary)
    c = _sample("reaction", reaction, points)
    if c.min() < 0:
        place = np.unravel_index(c.argmin(), c.shape)
        where = f" at {points[place].tolist()}" if c.size > 1 else ""
        raise ValueError(f"reaction must be >= 0, got {c.min()}{where}")
    diagonal = sum(faces, start=c)
    return Operator((diagonal, *(-face for face in faces)), (d * (0,), *offsets), boundary)


def _sample(name: str, value: Any, points: np.ndarray) -> np.ndarray:
    """The values of a function at points (*grid, d), or a number as (1, ..., 1)."""
    if callable(value):
        with jax.enable_x64(True):
            return np.asarray(_checks.target(value, points, name), np.float64)
    if np.ndim(value) != 0:
        raise ValueError(
            f"{name} must be a number or a function of points (..., d), got shape {np.shape(value)}"
        )
    _checks.finite(name, value)
    return np.full((points.ndim - 1) * (1,), value, np.float64)


def _is_zero(reaction: Coefficient, shape: Any, low: Any, high: Any, ends: Any) -> bool:
    return not _sample("reaction", reaction, _points(shape, low, high, ends)).any()


def _matrix(operator: Operator, shape: tuple[int, ...]) -> np.ndarray:
    """(N, N), the matrix of an operator in double precision."""
    n = math.prod(shape)
    with jax.enable_x64(True):
        columns = jax.jit(jax.vmap(operator))(np.eye(n).reshape(n, *shape))
    return np.asarray(columns).reshape(n, n).T


def _galerkin(fine: Operator, shape: tuple[int, ...], transfer: Transfer) -> Operator:
    """R A P, found by applying it to sums of unit vectors whose images do not overlap.

    A stencil that does not vary is found on a small periodic grid, since no end changes it.
    """
    d, boundary = len(shape), fine.boundary
    varies = any(c.size > 1 for c in fine.coefficients)
    if not varies:
        shape, boundary = d * (8,), d * ("periodic",)
    coarse = axes.coarsen(shape, boundary)
    assert coarse is not None
    operator = Operator(fine.coefficients, fine.offsets, boundary)
    colours = [axes.colours(n, name) for n, name in zip(coarse, boundary, strict=True)]
    index = np.indices(coarse)
    colour = np.stack([i % q for i, q in zip(index, colours, strict=True)], axis=-1)

    def image(operator: Operator, x: jax.Array) -> jax.Array:
        return transfer.restrict(operator(transfer.prolong(x, boundary)), boundary)

    with jax.enable_x64(True):
        apply = jax.jit(image)
        images = [
            np.asarray(apply(operator, (colour == np.asarray(q)).all(axis=-1).astype(np.float64)))
            for q in itertools.product(*map(range, colours))
        ]
    images = np.stack(images).reshape(*colours, *coarse)
    offsets = sorted(itertools.product((-1, 0, 1), repeat=d), key=lambda o: np.abs(o).sum())
    rows = []
    for o in offsets:
        seen = [(i + k) % q for i, k, q in zip(index, o, colours, strict=True)]
        row = images[(*seen, *index)]
        rows.append(row if varies else row[d * (slice(1),)])
    size = np.array([np.abs(row).max() for row in rows])
    kept = np.flatnonzero(size > 1e-14 * size[0])
    return Operator(tuple(rows[k] for k in kept), tuple(offsets[k] for k in kept), fine.boundary)

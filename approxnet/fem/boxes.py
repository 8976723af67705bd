"""Kuhn's triangulation of a box, with arithmetic in place of searches.

Each cube of a uniform grid is cut into d! simplices, one per permutation p of the axes:

    a, a + s_{p_0} e_{p_0}, a + s_{p_0} e_{p_0} + s_{p_1} e_{p_1}, ...        (the chain of p)

from the corner a of the cube to the opposite one. All signs s are +1; ``mirror`` makes them
(1, -1, ..., -1), which is the mirror image in the first axis: in the plane the diagonals are then
x + y = const, the mesh of He, Li and Xu. Nodes and cubes are numbered lexicographically with the
last axis fastest, cell = cube * d! + rank(p) with permutations in lexicographic order. An odd
chain has negative volume: it is stored with its two ends swapped, so every cell is positive and
its first and last vertex are the ends of the diagonal, which is its longest edge.

A point with local coordinates u in its cube lies in the chain of the permutation that sorts u
decreasingly, and its barycentric coordinates are 1 - u_{p_0}, u_{p_0} - u_{p_1}, ..., u_{p_{d-1}}.

Reference: H. W. Kuhn, Some combinatorial lemmas in topology, IBM J. Res. Develop. 4 (1960).
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from approxnet import _checks
from approxnet.errors import MeshError
from approxnet.fem.mesh import SimplexMesh


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["lower", "upper"],
    meta_fields=["cells_per_side", "mirror"],
)
@dataclasses.dataclass(frozen=True)
class BoxLocator:
    """Finds the cell of a point in Kuhn's triangulation with O(1) arithmetic.

    A point on a facet belongs to the cube above it, and in the cube to the permutation that
    prefers the smaller axis; the upper boundary belongs to the last cube.
    """

    lower: Any  # (d,)
    upper: Any  # (d,)
    cells_per_side: tuple[int, ...]
    mirror: bool

    def find(self, mesh: SimplexMesh, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """The cell (...,), -1 outside, and barycentric coordinates (..., d+1) of points (..., d).

        The coordinates are those of the nearest cube's cell when the point is outside.
        """
        return _find(self, x)


@jax.jit
def _find(box: BoxLocator, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    d = len(box.cells_per_side)
    inside, cube, local = _cube(box, x)
    rank, u = _sort_decreasingly(local)
    chain = [1 - u[0], *(a - b for a, b in itertools.pairwise(u)), u[-1]]
    odd = jnp.asarray(_is_odd(d, box.mirror))[rank]
    first, last = jnp.where(odd, chain[-1], chain[0]), jnp.where(odd, chain[0], chain[-1])
    cell = jnp.where(inside, cube * math.factorial(d) + rank, -1)
    return cell, jnp.stack([first, *chain[1:-1], last], axis=-1)


def _cube(box: BoxLocator, x: jax.Array) -> tuple[jax.Array, jax.Array, list[jax.Array]]:
    """Whether points are inside, their nearest cube, their coordinates in it along the signs."""
    lower, upper = jnp.asarray(box.lower, x.dtype), jnp.asarray(box.upper, x.dtype)
    eps = float(jnp.finfo(x.dtype).eps)
    inside, cube = jnp.ones(x.shape[:-1], bool), jnp.zeros(x.shape[:-1], jnp.int32)
    local = []
    for k, m in enumerate(box.cells_per_side):
        length, reach = upper[k] - lower[k], jnp.maximum(jnp.abs(lower[k]), jnp.abs(upper[k]))
        t = (x[..., k] - lower[k]) * (m / length)
        tolerance = 4 * eps * m * (1 + reach / length)
        inside &= (t >= -tolerance) & (t <= m + tolerance)
        i = jnp.clip(jnp.floor(jax.lax.stop_gradient(t)), 0, m - 1)
        cube = cube * m + i.astype(jnp.int32)
        local.append(1 - (t - i) if box.mirror and k else t - i)
    return inside, cube, local


def _sort_decreasingly(local: list[jax.Array]) -> tuple[jax.Array, list[jax.Array]]:
    """The rank of the permutation that sorts d arrays decreasingly, stably, and the result.

    The rank is read off Lehmer's code: sum_k #{later axes smaller than p_k} (d-1-k)!.
    """
    d = len(local)
    place = [
        sum(
            ((local[j] >= u) if j < i else (local[j] > u)).astype(jnp.int32)
            for j in range(d)
            if j != i
        )
        + jnp.zeros(u.shape, jnp.int32)
        for i, u in enumerate(local)
    ]
    rank = jnp.zeros(local[0].shape, jnp.int32)
    for i in range(d):
        later = sum(
            ((place[j] > place[i]).astype(jnp.int32) for j in range(i)),
            start=jnp.zeros(rank.shape, jnp.int32),
        )
        weight = sum(
            jnp.where(place[i] == k, math.factorial(d - 1 - k), 0).astype(jnp.int32)
            for k in range(d)
        )
        rank = rank + later * weight
    ordered = [
        sum(
            (jnp.where(place[i] == k, local[i], 0) for i in range(1, d)),
            start=jnp.where(place[0] == k, local[0], 0),
        )
        for k in range(d)
    ]
    return rank, ordered


def _permutations(d: int) -> np.ndarray:
    """(d!, d), the permutations of 0, ..., d-1 in lexicographic order."""
    return np.array(list(itertools.permutations(range(d))), np.int64).reshape(-1, d)


def _signs(d: int, mirror: bool) -> np.ndarray:
    """(d,), the signs s of the steps."""
    return np.array([1] + [-1 if mirror else 1] * (d - 1), np.int64)


def _is_odd(d: int, mirror: bool) -> np.ndarray:
    """(d!,), whether the chain of each permutation has negative volume."""
    inversions = [
        sum(p[i] > p[j] for i in range(d) for j in range(i + 1, d)) for p in _permutations(d)
    ]
    return (np.array(inversions) + (d - 1) * mirror) % 2 == 1


def box(
    cells_per_side: int | tuple[int, ...],
    lower: Any = 0.0,
    upper: Any = 1.0,
    *,
    mirror: bool = False,
) -> SimplexMesh:
    """Kuhn's triangulation of a box with prod(cells_per_side) * d! cells.

    Args:
      cells_per_side: the number of grid cells along each axis; an int means one dimension.
      lower: a number or (d,), the lower corner.
      upper: a number or (d,), the upper corner.
      mirror: mirror the cells in the first axis; in the plane the diagonals are x + y = const.

    Returns:
      The mesh; nodes and cells are numbered as the module's docstring says.

    Raises:
      MeshError: if the box is empty or not finite, or if the mesh does not fit into memory; the
        message holds the predicted number of bytes.

    Example:
      >>> mesh = box((4, 4))
      >>> mesh.nodes.shape, mesh.cells.shape
      ((25, 2), (32, 3))
    """
    sides = _sides(cells_per_side)
    d = len(sides)
    corners = [_corner(name, a, d) for name, a in (("lower", lower), ("upper", upper))]
    for k in range(d):
        if not corners[0][k] < corners[1][k]:
            raise MeshError(
                f"upper must be above lower on every axis, got lower = {corners[0][k]} and "
                f"upper = {corners[1][k]} on axis {k}; swap them or give the axis a length"
            )
    _predict(sides)
    axes = [np.linspace(a, b, m + 1) for a, b, m in zip(*corners, sides, strict=True)]
    nodes = np.empty((*(m + 1 for m in sides), d))
    for k, axis in enumerate(axes):
        nodes[..., k] = axis.reshape([-1 if j == k else 1 for j in range(d)])
    locator = BoxLocator(corners[0], corners[1], sides, bool(mirror))
    return SimplexMesh(
        nodes.reshape(-1, d), _cells(sides, mirror), _neighbours(sides, mirror), locator
    )


def _sides(cells_per_side: int | tuple[int, ...]) -> tuple[int, ...]:
    given = cells_per_side if isinstance(cells_per_side, (tuple, list)) else (cells_per_side,)
    if not given:
        raise MeshError("cells_per_side must name at least one axis, got (); write for example 8")
    return tuple(_checks.count(f"cells_per_side[{k}]", m, at_least=1) for k, m in enumerate(given))


def _corner(name: str, value: Any, d: int) -> np.ndarray:
    try:
        corner = np.broadcast_to(np.asarray(value, np.float64), (d,)).copy()
    except ValueError:
        raise MeshError(
            f"{name} must be a number or have shape ({d},), got shape {np.shape(value)}; give one "
            "number per axis"
        ) from None
    if not np.isfinite(corner).all():
        raise MeshError(f"{name} must be finite, got {corner}; choose a bounded box")
    return corner


def _predict(sides: tuple[int, ...]) -> None:
    """Refuse a mesh that cannot be held, before anything is allocated."""
    d = len(sides)
    n, c = math.prod(m + 1 for m in sides), math.prod(sides) * math.factorial(d)
    _checks.memory(f"box({sides}) with {c} cells", 8 * d * n + 8 * (d + 1) * c, MeshError)
    if max(n, c) >= 2**31:
        raise MeshError(f"box({sides}) must have fewer than 2^31 cells and nodes, got {max(n, c)}")


def _cells(sides: tuple[int, ...], mirror: bool) -> np.ndarray:
    """(c, d+1), the chains, odd ones with their ends swapped."""
    d, permutations, signs = len(sides), _permutations(len(sides)), _signs(len(sides), mirror)
    strides = np.array([math.prod(m + 1 for m in sides[k + 1 :]) for k in range(d)], np.int64)
    steps = (signs * strides)[permutations]  # (d!, d)
    start = strides[signs < 0].sum()
    chain = np.concatenate([np.zeros_like(steps[:, :1]), steps.cumsum(axis=1)], axis=1) + start
    odd = _is_odd(d, mirror)
    chain[odd] = chain[odd][:, _swapped_ends(d)]
    corner = np.zeros(sides, np.int32)
    for k, m in enumerate(sides):
        corner += (np.arange(m) * strides[k]).astype(np.int32).reshape(_along(k, d))
    return (corner.reshape(-1, 1, 1) + chain.astype(np.int32)).reshape(-1, d + 1)


def _neighbours(sides: tuple[int, ...], mirror: bool) -> np.ndarray:
    """(c, d+1), the cell across the facet opposite to each vertex.

    Across an inner vertex j of the chain two steps are exchanged; across the first vertex the
    chain moves one cube along p_0 and takes that step last; across the last it is the converse.
    """
    d, permutations, signs = len(sides), _permutations(len(sides)), _signs(len(sides), mirror)
    rank = {tuple(p): r for r, p in enumerate(permutations.tolist())}
    strides = [math.prod(sides[k + 1 :]) for k in range(d)]
    odd, fold = _is_odd(d, mirror), math.factorial(d)
    shift = np.zeros((fold, d + 1), np.int32)
    gone: list[tuple[int, int, int, int]] = []
    for r, p in enumerate(permutations.tolist()):
        first, last = (d, 0) if odd[r] else (0, d)
        shift[r, first] = signs[p[0]] * strides[p[0]] * fold + rank[(*p[1:], p[0])]
        shift[r, last] = -signs[p[-1]] * strides[p[-1]] * fold + rank[(p[-1], *p[:-1])]
        gone += [(r, first, p[0], -1 if signs[p[0]] > 0 else 0)]
        gone += [(r, last, p[-1], 0 if signs[p[-1]] > 0 else -1)]
        for j in range(1, d):
            swapped = (*p[: j - 1], p[j], p[j - 1], *p[j + 1 :])
            shift[r, j] = rank[swapped]
    cube = np.arange(math.prod(sides), dtype=np.int32) * np.int32(fold)
    neighbours = (cube.reshape(-1, 1, 1) + shift).reshape(*sides, fold, d + 1)
    for r, vertex, axis, end in gone:
        neighbours[(*[slice(None)] * axis, end, *[slice(None)] * (d - 1 - axis), r, vertex)] = -1
    return neighbours.reshape(-1, d + 1)


def _swapped_ends(d: int) -> list[int]:
    return [d, *range(1, d), 0]


def _along(k: int, d: int) -> list[int]:
    return [-1 if j == k else 1 for j in range(d)]

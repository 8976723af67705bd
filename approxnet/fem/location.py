"""Which cell of a mesh holds a point."""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from approxnet import _checks
from approxnet.fem import _affine, buckets
from approxnet.fem.geometry import barycentric_gradients
from approxnet.fem.mesh import SimplexMesh


def locate(mesh: SimplexMesh, x: Any) -> jax.Array:
    """The cell that holds each point.

    Args:
      mesh: a mesh with c cells in d dimensions.
      x: (..., d), points.

    Returns:
      (...,) int32, the cell, or -1 outside the mesh and for nan.

    Raises:
      ValueError: if the last axis of x is not d.

    Example:
      >>> from approxnet import fem
      >>> locate(fem.interval([0.0, 0.5, 2.0]), jnp.array([[0.1], [1.9], [3.0]])).tolist()
      [0, 1, -1]
    """
    _checks.points("x", x, mesh.nodes.shape[1])
    x = jnp.asarray(x)
    if not jnp.issubdtype(x.dtype, jnp.floating):
        x = x.astype(jnp.result_type(float))
    return mesh.locator.find(mesh, x)[0]


@functools.partial(jax.tree_util.register_dataclass, data_fields=[], meta_fields=[])
@dataclasses.dataclass(frozen=True)
class IntervalLocator:
    """Finds the cell of a point among increasing nodes by bisection.

    A node belongs to the cell on its right, the last node to the last cell.
    """

    def find(self, mesh: SimplexMesh, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """The cell (...,), -1 outside, and barycentric coordinates (..., 2) of points (..., 1)."""
        return _bisect(jnp.asarray(mesh.nodes, x.dtype)[:, 0], x[..., 0])


@jax.jit
def _bisect(nodes: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    right = jnp.searchsorted(nodes, jax.lax.stop_gradient(x), side="right")
    cell = jnp.clip(right - 1, 0, nodes.size - 2).astype(jnp.int32)
    s = (x - nodes[cell]) / (nodes[cell + 1] - nodes[cell])
    tolerance = 4 * float(jnp.finfo(x.dtype).eps) * jnp.abs(nodes).max()
    inside = (x >= nodes[0] - tolerance) & (x <= nodes[-1] + tolerance)
    return jnp.where(inside, cell, -1), jnp.stack([1 - s, s], axis=-1)


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["lower", "scale", "table", "cells", "maps", "extent"],
    meta_fields=["shape"],
)
@dataclasses.dataclass(frozen=True)
class BucketLocator:
    """Finds the cell of a point among the cells listed in its bucket of a nested grid.

    A point belongs to the first cell of its list in which no barycentric coordinate is negative.
    If rounding leaves it in none, it belongs to the cell with the largest least coordinate, unless
    that is below -4 eps (1 + extent sum |grad lambda|), what rounding of x and the nodes explains.
    """

    lower: Any  # (d,)
    scale: Any  # (d,), top buckets per unit length
    table: Any  # (b, 2) int32: the list cells[first:last] of a bucket, or (first child, -1)
    cells: Any  # int32, increasing inside a list
    maps: Any  # (c, d + d*d), a vertex v_0 and the gradients of lambda_1, ..., lambda_d
    extent: Any  # (), the largest coordinate of a node
    shape: tuple[int, ...]  # top buckets per axis

    def find(self, mesh: SimplexMesh, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """The cell (...,), -1 outside, and barycentric coordinates (..., d+1) of points (..., d).

        The coordinates of a point outside are those of some cell near by.
        """
        d, n = len(self.shape), math.prod(x.shape[:-1])
        chunks = max(1, -(-n // CHUNK))
        size = -(-n // chunks)
        padded = jnp.pad(x.reshape(n, d), ((0, chunks * size - n), (0, 0)))
        cell, barycentric = _search(self, padded.reshape(chunks, size, d))
        cell = cell.reshape(chunks * size)[:n]
        barycentric = barycentric.reshape(chunks * size, d + 1)[:n]
        return cell.reshape(x.shape[:-1]), barycentric.reshape(*x.shape[:-1], d + 1)

    def bucket(self, x: list[jax.Array]) -> jax.Array:
        """The row of the table whose bucket holds, or is nearest to, points [k] (p,)."""
        dtype = x[0].dtype
        lower, scale = jnp.asarray(self.lower, dtype), jnp.asarray(self.scale, dtype)
        table = jnp.asarray(self.table)
        row, local = jnp.zeros(x[0].shape, jnp.int32), []
        for k, (y, m) in enumerate(zip(x, self.shape, strict=True)):
            t = (y - lower[k]) * scale[k]
            i = jnp.clip(jnp.floor(jnp.nan_to_num(t)), 0, m - 1)
            row = row * m + i.astype(jnp.int32)
            local.append(t - i)

        def descend(state: tuple[jax.Array, list[jax.Array]]) -> tuple[jax.Array, list[jax.Array]]:
            row, local = state
            inner, upper = table[row, 1] < 0, [u >= 0.5 for u in local]
            child = functools.reduce(lambda c, b: 2 * c + b.astype(jnp.int32), upper, 0)
            halves = [
                jnp.where(inner, 2 * u - b.astype(dtype), u)
                for u, b in zip(local, upper, strict=True)
            ]
            return jnp.where(inner, table[row, 0] + child, row), halves

        state = jax.lax.while_loop(
            lambda state: (table[state[0], 1] < 0).any(), descend, (row, local)
        )
        return state[0]

    def barycentric(self, cell: jax.Array, x: list[jax.Array]) -> list[jax.Array]:
        """The barycentric coordinates [i] (p,) of points [k] (p,) in cells (p,)."""
        d = len(x)
        rows = jnp.asarray(self.maps)[cell].astype(x[0].dtype)
        z = [y - rows[:, k] for k, y in enumerate(x)]
        first, *rest = (
            _affine.dot([rows[:, d + d * i + k] for k in range(d)], z) for i in range(d)
        )
        return [1 - functools.reduce(jnp.add, rest, first), first, *rest]


CHUNK = 2**14


@jax.jit
def _search(locator: BucketLocator, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """``BucketLocator.find`` for chunks of points (m, p, d); each ends with its slowest point."""
    return jax.lax.map(lambda chunk: _search_chunk(locator, list(chunk.T)), x)


def _search_chunk(locator: BucketLocator, x: list[jax.Array]) -> tuple[jax.Array, jax.Array]:
    y = [jax.lax.stop_gradient(column) for column in x]
    cells, table = jnp.asarray(locator.cells), jnp.asarray(locator.table)
    row = locator.bucket(y)
    first, last = table[row, 0], table[row, 1]

    def missing(state: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
        place, _, best = state
        return ((place < last) & (best < 0)).any()

    def advance(
        state: tuple[jax.Array, jax.Array, jax.Array],
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        place, cell, best = state
        candidate = cells[place]
        least = functools.reduce(jnp.minimum, locator.barycentric(candidate, y))
        better = (least > best) & (place < last) & (best < 0)
        return place + 1, jnp.where(better, candidate, cell), jnp.where(better, least, best)

    nothing = (first, jnp.full_like(first, -1), jnp.full_like(y[0], -jnp.inf))
    _, cell, best = jax.lax.while_loop(missing, advance, nothing)
    owner = jnp.maximum(cell, 0)
    slopes = jnp.abs(jnp.asarray(locator.maps)[owner, len(x) :].astype(x[0].dtype)).sum(axis=1)
    eps = float(jnp.finfo(x[0].dtype).eps)
    tolerance = 4 * eps * (1 + jnp.asarray(locator.extent, x[0].dtype) * slopes)
    barycentric = jnp.stack(locator.barycentric(owner, x), axis=-1)
    return jnp.where(best >= -tolerance, cell, -1), barycentric


def bucket_locator(nodes: np.ndarray, cells: np.ndarray) -> BucketLocator:
    """The locator of a mesh with nodes (n, d) and cells (c, d+1)."""
    lists = buckets.build(nodes, cells)
    gradients = barycentric_gradients(nodes, cells)[:, 1:].reshape(len(cells), -1)
    maps = np.concatenate([nodes[cells[:, 0]], gradients], axis=1)
    return BucketLocator(
        lists.lower, lists.scale, lists.table, lists.cells, maps, np.abs(nodes).max(), lists.shape
    )

"""Which cell of a mesh holds a point."""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from approxnet import _checks

if TYPE_CHECKING:
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
        nodes = jnp.asarray(mesh.nodes, x.dtype)[:, 0]
        t = x[..., 0]
        cell = jnp.clip(
            jnp.searchsorted(nodes, jax.lax.stop_gradient(t), side="right") - 1, 0, nodes.size - 2
        ).astype(jnp.int32)
        left, right = nodes[cell], nodes[cell + 1]
        s = (t - left) / (right - left)
        tolerance = 4 * float(jnp.finfo(x.dtype).eps) * jnp.maximum(abs(nodes[0]), abs(nodes[-1]))
        inside = (t >= nodes[0] - tolerance) & (t <= nodes[-1] + tolerance)
        return jnp.where(inside, cell, -1), jnp.stack([1 - s, s], axis=-1)


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["lower", "scale", "start", "candidates", "maps", "extent"],
    meta_fields=["shape"],
)
@dataclasses.dataclass(frozen=True)
class GridLocator:
    """Finds the cell of a point among the cells listed in its bucket of a uniform grid."""

    lower: Any  # (d,)
    scale: Any  # (d,), buckets per unit length
    start: Any  # (b+1,) int32
    candidates: Any  # int32, increasing inside a bucket
    maps: Any  # (c, d + d*d): v_0 and the gradients of lambda_1, ..., lambda_d
    extent: Any  # (), the largest coordinate
    shape: tuple[int, ...]

    def find(self, mesh: SimplexMesh, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """The cell (...,), -1 outside, and barycentric coordinates (..., d+1) of points (..., d)."""
        d = len(self.shape)
        maps, start = jnp.asarray(self.maps), jnp.asarray(self.start)
        candidates = jnp.asarray(self.candidates)
        y = jax.lax.stop_gradient(x)
        bucket = jnp.zeros(x.shape[:-1], jnp.int32)
        lower, scale = jnp.asarray(self.lower, x.dtype), jnp.asarray(self.scale, x.dtype)
        for k, m in enumerate(self.shape):
            i = jnp.clip(jnp.floor((y[..., k] - lower[k]) * scale[k]), 0, m - 1)
            bucket = bucket * m + jnp.nan_to_num(i).astype(jnp.int32)
        first, last = start[bucket], start[bucket + 1]

        def barycentric(cell, x):
            row = maps[cell].astype(x.dtype)
            z = x - row[..., :d]
            rest = [
                sum(row[..., d + d * i + k] * z[..., k] for k in range(1, d))
                + row[..., d + d * i] * z[..., 0]
                for i in range(d)
            ]
            return jnp.stack([1 - sum(rest[1:], rest[0]), *rest], axis=-1)

        def unfinished(state):
            place, _, best = state
            return jnp.any((place < last) & (best < 0))

        def step(state):
            place, cell, best = state
            candidate = candidates[jnp.minimum(place, last - 1)]
            smallest = barycentric(candidate, y).min(axis=-1)
            better = (smallest > best) & (place < last) & (best < 0)
            return place + 1, jnp.where(better, candidate, cell), jnp.where(better, smallest, best)

        nothing = (first, jnp.full_like(first, -1), jnp.full(first.shape, -jnp.inf, x.dtype))
        _, cell, best = jax.lax.while_loop(unfinished, step, nothing)
        coordinates = barycentric(jnp.maximum(cell, 0), x)
        row = jnp.abs(maps[jnp.maximum(cell, 0), d:]).astype(x.dtype).sum(axis=-1)
        eps = float(jnp.finfo(x.dtype).eps)
        tolerance = 4 * eps * (1 + row * jnp.asarray(self.extent, x.dtype))
        return jnp.where(best >= -tolerance, cell, -1), coordinates


def grid_locator(nodes: np.ndarray, cells: np.ndarray) -> GridLocator:
    """The locator of a mesh with about two buckets per cell."""
    d, c = nodes.shape[1], len(cells)
    lower, upper = nodes.min(axis=0), nodes.max(axis=0)
    length = upper - lower
    side = (np.prod(length) / (2 * c)) ** (1 / d)
    shape = tuple(int(m) for m in np.maximum(1, np.ceil(length / side)))
    scale = np.array(shape) / length
    corners = nodes[cells]
    first = np.clip(np.floor((corners.min(axis=1) - lower) * scale - 1e-9), 0, np.array(shape) - 1)
    last = np.clip(np.floor((corners.max(axis=1) - lower) * scale + 1e-9), 0, np.array(shape) - 1)
    counts = (last - first + 1).astype(np.int64)
    total = counts.prod(axis=1)
    cell = np.repeat(np.arange(c), total)
    rank = np.arange(total.sum()) - np.repeat(np.cumsum(total) - total, total)
    bucket = np.zeros_like(rank)
    stride = 1
    for k in reversed(range(d)):
        bucket += (first[cell, k].astype(np.int64) + rank % counts[cell, k]) * stride
        rank //= counts[cell, k]
        stride *= shape[k]
    order = np.argsort(bucket, kind="stable")
    start = np.zeros(math.prod(shape) + 1, np.int32)
    start[1:] = np.cumsum(np.bincount(bucket, minlength=math.prod(shape)))
    maps = np.linalg.inv(np.swapaxes(corners[:, 1:] - corners[:, :1], 1, 2))
    table = np.concatenate([corners[:, 0], maps.reshape(c, -1)], axis=1)
    return GridLocator(
        lower, scale, start, cell[order].astype(np.int32), table, np.abs(nodes).max(), shape
    )

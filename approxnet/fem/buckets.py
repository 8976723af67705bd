"""Lists of the cells that meet each bucket of a nested grid, built on the host.

The bounding box of a mesh is cut into about one bucket per cell. A cell is listed in a bucket if
their bounding boxes meet and no barycentric coordinate of the cell is negative on the whole
bucket; the lists may be too long, never too short. A bucket with a long list is cut into 2^d
equal ones, again and again while that shortens the lists, so graded meshes have short lists too.
A point whose bucket is missed by rounding finds a cell there that holds it up to rounding.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from typing import NamedTuple

import jax
import numpy as np
from scipy.sparse import coo_array

from approxnet.fem import _affine

LONG = 4  # a list of more than LONG * 2^d cells is long


class Buckets(NamedTuple):
    """A nested grid with the cells that meet each of its buckets."""

    lower: np.ndarray  # (d,)
    scale: np.ndarray  # (d,), top buckets per unit length
    shape: tuple[int, ...]  # top buckets per axis
    table: np.ndarray  # (b, 2) int32: list in cells[first:last], or (first child, -1)
    cells: np.ndarray  # int32, increasing inside a list


class _Items(NamedTuple):
    """Cells in the coordinates of the top grid; an entry is (c,) if no other shape is given."""

    nodes: np.ndarray  # (n, d)
    vertices: np.ndarray  # (c, d+1), node numbers
    lower: list[np.ndarray]  # [k], bounding box
    upper: list[np.ndarray]  # [k]
    gradients: list[list[np.ndarray]]  # [i][k], of the barycentric coordinate i along axis k
    constants: list[np.ndarray]  # [i], its value at the origin

    def take(self, which: np.ndarray) -> _Items:
        """Some of the cells."""
        rest = jax.tree.map(lambda entry: entry[which], self[1:])
        return _Items(self.nodes, *rest)


def build(nodes: np.ndarray, cells: np.ndarray) -> Buckets:
    """The buckets of a mesh with nodes (n, d) and cells (c, d+1)."""
    origin, length = nodes.min(axis=0), np.ptp(nodes, axis=0)
    shape, first, counts = _top_grid((nodes - origin) / length, length, cells)
    items = _items((nodes - origin) * (shape / length), cells)
    bucket, cell = _overlaps(items, first, counts, shape)
    start, listed = _lists(bucket, cell, int(shape.prod()))
    corner = np.stack(np.unravel_index(np.arange(shape.prod()), shape), axis=1).astype(float)
    table, listed = _split(items, start, listed, corner)
    return Buckets(origin, shape / length, tuple(shape.tolist()), table, listed)


def _top_grid(
    unit: np.ndarray, length: np.ndarray, cells: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The buckets per axis (d,), and each cell's first bucket and their number, both (d, c).

    The grid has about cubic buckets, one per cell. It is coarsened while it has more than four
    buckets, or the bounding boxes meet more than 8 * 2^d buckets, per cell.
    """
    c, d = len(cells), unit.shape[1]
    side = np.exp(np.log(length).mean()) / c ** (1 / d)
    shape = np.maximum(1, np.ceil(length / side))
    lower, upper = _bounding_boxes(_affine.corners(unit, cells))
    while True:
        first = [np.floor(np.minimum(x * m, m - 1)) for x, m in zip(lower, shape, strict=True)]
        last = [np.floor(np.minimum(x * m, m - 1)) for x, m in zip(upper, shape, strict=True)]
        counts = np.stack(last) - np.stack(first) + 1
        if shape.prod() <= 4 * c and counts.prod(axis=0).sum() <= 8 * 2**d * c:
            return shape.astype(np.int64), np.stack(first).astype(np.int32), counts.astype(np.int32)
        shape = np.maximum(1, shape // 2)


def _bounding_boxes(corners: list[list[np.ndarray]]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The lower and upper ends [k] (c,) of cells with the vertices [i][k]."""
    axes = list(zip(*corners, strict=True))
    lower = [functools.reduce(np.minimum, axis) for axis in axes]
    upper = [functools.reduce(np.maximum, axis) for axis in axes]
    return lower, upper


def _items(x: np.ndarray, cells: np.ndarray) -> _Items:
    """The cells with nodes x, (n, d)."""
    corners = _affine.corners(x, cells)
    cofactors, determinant = _affine.cofactors(corners)
    gradients = [[entry / determinant for entry in row] for row in cofactors]
    constants = [-_affine.dot(row, corners[0]) for row in gradients]
    constants[0] += 1
    return _Items(x, cells, *_bounding_boxes(corners), gradients, constants)


def _overlaps(
    items: _Items, first: np.ndarray, counts: np.ndarray, shape: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The pairs (bucket, cell) of the top grid, ordered by cell."""
    total = counts.prod(axis=0)
    cell = np.repeat(np.arange(total.size, dtype=np.int32), total)
    rank = _ranges(np.zeros_like(total), total)
    place = []
    for begin, count in zip(first[:0:-1], counts[:0:-1], strict=True):
        width = count[cell]
        quotient = rank // width
        place.append(begin[cell] + (rank - quotient * width))
        rank = quotient
    place = [first[0][cell] + rank, *reversed(place)]
    keep = _meets(items, cell, place, 1.0)
    bucket = place[0]
    for i, m in zip(place[1:], shape[1:], strict=True):
        bucket = bucket * np.int32(m) + i
    return bucket[keep], cell[keep]


def _meets(items: _Items, cell: np.ndarray, lower: list[np.ndarray], side: float) -> np.ndarray:
    """Whether no barycentric coordinate of the cell is negative on the bucket [lower, +side]."""
    keep = np.ones(cell.size, bool)
    for gradient, constant in zip(items.gradients, items.constants, strict=True):
        most = constant + 8 * np.finfo(float).eps * (1 + np.abs(constant))
        for g in gradient:
            most = most + np.maximum(g, 0) * side
        value = most[cell]
        for g, a in zip(gradient, lower, strict=True):
            value += g[cell] * a
        keep &= value >= 0
    return keep


def _lists(bucket: np.ndarray, cell: np.ndarray, b: int) -> tuple[np.ndarray, np.ndarray]:
    """The start (b+1,) of each bucket's list, and the lists in increasing order."""
    pairs = (np.ones(cell.size, np.int8), (bucket, cell))
    table = coo_array(pairs, shape=(b, int(cell.max(initial=0)) + 1)).tocsr()
    return table.indptr, table.indices


def _split(
    items: _Items, start: np.ndarray, cells: np.ndarray, corner: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The table and the lists after cutting the buckets with long lists.

    A cut is kept if it shortens the lists to three quarters on average. All lists together stay
    below 16 * 2^d entries per cell.
    """
    d = len(items.lower)
    budget = 16 * 2**d * len(items.vertices)
    table = np.stack([start[:-1], start[1:]], axis=1).astype(np.int64)
    active, side = np.arange(len(table)), 1.0
    while active.size and len(cells) < budget:
        long = _long(items, table[active], cells, corner, side)
        active, corner, side = active[long], corner[long], side / 2
        size = np.diff(table[active], axis=1)[:, 0]
        cell = cells[_ranges(table[active, 0], size)]
        corner = (corner[:, None] + side * _cube(d)).reshape(-1, d)
        length, child_cells = _children(items, cell, size, corner, side)
        useful = length.sum(axis=1) <= 0.75 * 2**d * size
        kept = np.repeat(np.repeat(useful, 2**d), length.ravel())
        length, corner = length[useful].ravel(), corner[np.repeat(useful, 2**d)]
        first = len(table) + 2**d * np.arange(useful.sum())
        table[active[useful]] = np.stack([first, np.full(first.size, -1)], axis=1)
        active = len(table) + np.arange(length.size)
        end = len(cells) + np.cumsum(length)
        table = np.concatenate([table, np.stack([end - length, end], axis=1)])
        cells = np.concatenate([cells, child_cells[kept]])
    return table.astype(np.int32), cells.astype(np.int32)


def _long(
    items: _Items, rows: np.ndarray, cells: np.ndarray, corner: np.ndarray, side: float
) -> np.ndarray:
    """The places of the lists, rows (b, 2), that should be cut.

    The cells around a node stay together in its bucket, however small, so the bucket of a node
    that all its cells share is cut only while its share of the volume outweighs its length.
    """
    d = len(items.lower)
    size = rows[:, 1] - rows[:, 0]
    many = np.flatnonzero(size > LONG * 2**d)
    if not many.size:
        return many
    size = size[many]
    vertices = items.vertices[cells[_ranges(rows[many, 0], size)]]
    begin = np.cumsum(size) - size
    first = vertices[begin]
    common = (vertices[:, :, None] == np.repeat(first, size, axis=0)[:, None]).any(axis=1)
    inside = (np.abs(items.nodes[first] - corner[many, None] - side / 2) <= side / 2).all(axis=2)
    star = (np.logical_and.reduceat(common, begin) & inside).any(axis=1)
    return many[~star | (size * side**d > LONG * 2**d)]


def _children(
    items: _Items, cell: np.ndarray, size: np.ndarray, corner: np.ndarray, side: float
) -> tuple[np.ndarray, np.ndarray]:
    """The lengths (b, 2^d) and lists of the children of b buckets, whose lists ``cell`` joins."""
    d = len(items.lower)
    used, local = np.unique(cell, return_inverse=True)
    some = items.take(used)
    parent = np.repeat(np.arange(size.size), size)
    bucket, kept = [], []
    for o in range(2**d):
        child = parent * 2**d + o
        lower = list(corner[child].T)
        keep = _meets(some, local, lower, side)
        for a, low, high in zip(lower, some.lower, some.upper, strict=True):
            keep &= (low[local] <= a + side) & (high[local] >= a)
        bucket.append(child[keep])
        kept.append(cell[keep])
    start, listed = _lists(np.concatenate(bucket), np.concatenate(kept), len(corner))
    return np.diff(start).reshape(-1, 2**d), listed


def _cube(d: int) -> np.ndarray:
    """(2^d, d), the corners of the unit cube, the last axis fastest."""
    return np.array(list(itertools.product((0.0, 1.0), repeat=d)))


def _ranges(first: np.ndarray, size: np.ndarray) -> np.ndarray:
    """The numbers first_i, ..., first_i + size_i - 1 one range after the other."""
    return np.arange(size.sum()) + np.repeat(first - np.cumsum(size) + size, size)


def pairs_with_boxes(
    lists: Buckets, lower: np.ndarray, upper: np.ndarray, block: int = 2**18
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Blocks of pairs (box, cell) that contain every pair that meets, some of them repeated.

    Args:
      lists: the buckets of a mesh.
      lower: (b, d), the lower corners of boxes in the mesh's bounding box.
      upper: (b, d), their upper corners.
      block: about how many pairs to yield at a time.
    """
    row, which = _buckets_of_boxes(lists, lower, upper)
    first, last = lists.table[row].T.astype(np.int64)
    size = last - first
    ends = np.cumsum(size)
    cuts = np.searchsorted(ends, np.arange(block, ends[-1] + block, block)) + 1
    for part in np.split(np.arange(row.size), np.unique(np.minimum(cuts, row.size))):
        cell = lists.cells[_ranges(first[part], size[part])]
        box = np.repeat(which[part], size[part])
        pairs = np.sort(box * np.int64(2**32) + cell)
        pairs = pairs[np.diff(pairs, prepend=-1) > 0]
        yield pairs >> 32, pairs & (2**32 - 1)


def _buckets_of_boxes(
    lists: Buckets, lower: np.ndarray, upper: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The pairs (row of the table, box) of uncut buckets that boxes meet."""
    shape, d = np.array(lists.shape), len(lists.shape)
    low, high = (lower - lists.lower) * lists.scale, (upper - lists.lower) * lists.scale
    first = np.clip(low, 0, shape - 1).astype(np.int64)
    counts = np.clip(high, 0, shape - 1).astype(np.int64) - first + 1
    which = np.repeat(np.arange(len(lower)), counts.prod(axis=1))
    rank = _ranges(np.zeros(len(lower), np.int64), counts.prod(axis=1))
    corner = np.empty((which.size, d), np.int64)
    for k in reversed(range(d)):
        rank, corner[:, k] = np.divmod(rank, counts[which, k])
    corner += first[which]
    row = np.asarray(np.ravel_multi_index(tuple(corner.T), lists.shape))
    corner, side = corner.astype(float), 1.0
    rows, boxes = [], []
    while row.size:
        cut = lists.table[row, 1] < 0
        rows.append(row[~cut])
        boxes.append(which[~cut])
        row, which, side = lists.table[row[cut], 0], np.repeat(which[cut], 2**d), side / 2
        row = (row[:, None] + np.arange(2**d)).reshape(-1)
        corner = (corner[cut][:, None] + side * _cube(d)).reshape(-1, d)
        meets = ((low[which] <= corner + side) & (high[which] >= corner)).all(axis=1)
        row, which, corner = row[meets], which[meets], corner[meets]
    return np.concatenate(rows), np.concatenate(boxes)

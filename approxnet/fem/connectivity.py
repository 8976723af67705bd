"""Edges and facets of cells as sorted integer keys; neighbours, orientation, longest edges.

A face is known by its sorted node numbers, packed into one integer, so that equal faces of
different cells are found by sorting integers.
"""

from __future__ import annotations

import functools
import itertools

import numpy as np

from approxnet.fem import _affine


def pack(tuples: np.ndarray, n: int | np.ndarray) -> np.ndarray:
    """(k,), an integer per row of numbers that only equal rows share, in the order of the rows.

    Args:
      tuples: (k, r), integers.
      n: what they are below, or (r,), one bound for each column.
    """
    keys, bound, sizes = np.zeros(len(tuples), np.int64), 1, np.broadcast_to(n, tuples.shape[1])
    for column, size in zip(tuples.T, sizes.tolist(), strict=True):
        if bound * size >= 2**62:
            keys = np.unique(keys, return_inverse=True)[1].astype(np.int64)
            bound = len(keys)
        keys, bound = keys * size + column, bound * size
    return keys


def facet_keys(cells: np.ndarray, n: int) -> np.ndarray:
    """(c, d+1), the key of the facet opposite to each vertex."""
    width = cells.shape[1]
    return pack(np.sort(facet_nodes(cells), axis=2).reshape(-1, width - 1), n).reshape(-1, width)


def facet_pairs(cells: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The flat indices cell * (d+1) + vertex of facets in sorted order, and which are equal.

    Returns:
      (order, first, second): the sorted order, and the members of each pair of equal neighbours
      in that order.
    """
    keys = facet_keys(cells, n).reshape(-1)
    order = np.argsort(keys)
    ordered = keys[order]
    same = np.flatnonzero(ordered[1:] == ordered[:-1])
    return order, order[same], order[same + 1]


def facet_neighbours(cells: np.ndarray, n: int) -> np.ndarray:
    """(c, d+1), the cell across the facet opposite to each vertex, -1 at the boundary."""
    width = cells.shape[1]
    _, first, second = facet_pairs(cells, n)
    neighbours = np.full(cells.size, -1, np.int32)
    neighbours[first], neighbours[second] = second // width, first // width
    return neighbours.reshape(-1, width)


def facet_nodes(cells: np.ndarray) -> np.ndarray:
    """(c, d+1, d), the nodes of the facet opposite to each vertex."""
    return np.stack([np.delete(cells, i, axis=1) for i in range(cells.shape[1])], axis=1)


def boundary_facets(cells: np.ndarray, neighbours: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The cell (b,) and the nodes (b, d) of each facet that has a cell on one side only."""
    cell, vertex = np.nonzero(neighbours < 0)
    return cell, facet_nodes(cells)[cell, vertex]


def edges_of_cell(d: int) -> np.ndarray:
    """(d(d+1)/2, 2), the vertex pairs i < j of a cell."""
    return np.array(list(itertools.combinations(range(d + 1), 2)))


def edge_keys(cells: np.ndarray) -> np.ndarray:
    """(c, d(d+1)/2), the key of each edge; it does not depend on the number of nodes."""
    ends = cells[:, edges_of_cell(cells.shape[1] - 1)].astype(np.int64)
    return (ends.min(axis=2) << 32) + ends.max(axis=2)


def edge_ends(keys: np.ndarray) -> np.ndarray:
    """(k, 2), the node numbers of edges, the smaller one first."""
    return np.stack([keys >> 32, keys & (2**32 - 1)], axis=1)


def longest_edge(nodes: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """(c,), which edge of each cell is the longest in the total order (length, node numbers)."""
    keys = edge_keys(cells)
    ends = nodes[cells[:, edges_of_cell(nodes.shape[1])]]
    lengths = ((ends[:, :, 1] - ends[:, :, 0]) ** 2).sum(axis=2)
    keys[lengths < lengths.max(axis=1, keepdims=True)] = -1
    return keys.argmax(axis=1)


@functools.cache
def orders_by_edge(d: int) -> np.ndarray:
    """For each edge an even permutation of the vertices with its ends first and last, d >= 2."""
    orders = []
    for i, j in edges_of_cell(d).tolist():
        rest = [k for k in range(d + 1) if k not in (i, j)]
        orders.append([i, *rest, j] if is_even([i, *rest, j]) else [j, *rest, i])
    return np.array(orders)


def is_even(permutation: list[int]) -> bool:
    """Whether a permutation is a product of an even number of transpositions."""
    return sum(a > b for a, b in itertools.combinations(permutation, 2)) % 2 == 0


def orient(nodes: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """The cells with positive volume and the longest edge from the first to the last vertex."""
    d = nodes.shape[1]
    cells = cells.copy()
    negative = _affine.volumes(nodes, cells) < 0
    cells[negative, :2] = cells[negative, 1::-1]
    if d == 1:
        return cells
    return np.take_along_axis(cells, orders_by_edge(d)[longest_edge(nodes, cells)], axis=1)

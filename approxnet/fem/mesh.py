"""Conforming simplicial meshes of dimension d and the factories that make them.

A mesh is a set of nodes in R^d and of cells, the convex hulls of d + 1 nodes each. Two cells meet
in a common face or not at all. Cells have positive volume

    |T| = det(v_1 - v_0, ..., v_d - v_0) / d!,

and in the meshes made here the first and the last vertex of a cell are the ends of its longest
edge, the one that ``bisect`` splits first.

``neighbours[c, i]`` is the cell across the facet of c that is opposite to its vertex i, -1 at the
boundary. ``locator`` finds the cell of a point.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any, NamedTuple

import numpy as np

from approxnet.errors import MeshError
from approxnet.fem.location import IntervalLocator, grid_locator


class SimplexMesh(NamedTuple):
    """A conforming simplicial mesh with n nodes and c cells in d dimensions; a pytree.

    The constructor checks nothing; use ``from_arrays``, ``interval``, ``box`` or ``delaunay``.
    """

    nodes: Any  # (n, d) float
    cells: Any  # (c, d+1) int32, positively oriented
    neighbours: Any  # (c, d+1) int32, -1 at the boundary
    locator: Any  # has find(mesh, x) -> (cell, barycentric)


def from_arrays(nodes: Any, cells: Any) -> SimplexMesh:
    """The mesh with the given nodes and cells, checked.

    Args:
      nodes: (n, d), the coordinates.
      cells: (c, d+1), the node indices of each cell, in any order and orientation.

    Returns:
      The mesh. Nodes and cells keep their numbers; inside a cell the vertices are permuted so
      that its volume is positive and its longest edge joins the first and the last.

    Raises:
      MeshError: if this is not a conforming mesh; names the cell or node, its value, the remedy.

    Example:
      >>> mesh = from_arrays([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [[0, 2, 1]])
      >>> mesh.cells.tolist(), mesh.neighbours.tolist()
      ([[1, 0, 2]], [[-1, -1, -1]])
    """
    nodes = np.asarray(nodes, np.float64)
    cells = np.asarray(cells, np.int32)
    return assemble(nodes, orient(nodes, cells))


def assemble(nodes: np.ndarray, cells: np.ndarray) -> SimplexMesh:
    """The mesh of valid, oriented cells with neighbours and locator."""
    neighbours = facet_neighbours(cells, len(nodes))
    return SimplexMesh(nodes, cells, neighbours, grid_locator(nodes, cells))


def interval(nodes: Any) -> SimplexMesh:
    """The mesh of an interval with the given nodes.

    Args:
      nodes: (n,) or (n, 1), strictly increasing.

    Returns:
      The mesh with cells (i, i+1).

    Raises:
      MeshError: if there are fewer than two nodes, or if they do not increase; names the index.

    Example:
      >>> interval([0.0, 0.5, 2.0]).cells.tolist()
      [[0, 1], [1, 2]]
    """
    x = np.asarray(nodes, np.float64)
    x = x[:, 0] if x.ndim == 2 and x.shape[1] == 1 else x
    if x.ndim != 1 or x.size < 2:
        raise MeshError(f"nodes must have shape (n,) with n >= 2, got {np.shape(nodes)}")
    i = int(np.argmin(np.diff(x) > 0))
    if not x[i + 1] > x[i]:
        raise MeshError(
            f"nodes must be finite and strictly increasing, got nodes[{i}] = {x[i]} and "
            f"nodes[{i + 1}] = {x[i + 1]}; sort them and remove repeated ones"
        )
    if not np.isfinite(x[[0, -1]]).all():
        raise MeshError(f"nodes must be finite, got the ends {x[0]} and {x[-1]}; move them")
    cell = np.arange(x.size - 1, dtype=np.int32)
    neighbours = np.stack([cell + 1, cell - 1], axis=1)
    neighbours[-1, 0] = -1
    return SimplexMesh(
        x[:, None], np.stack([cell, cell + 1], axis=1), neighbours, IntervalLocator()
    )


def delaunay(points: Any) -> SimplexMesh:
    """The Delaunay mesh of points.

    Args:
      points: (n, d), distinct points that do not lie in a hyperplane.

    Returns:
      The mesh of their convex hull whose nodes are the points in the given order.

    Example:
      >>> delaunay([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]).cells.shape
      (2, 3)
    """
    from scipy.spatial import Delaunay

    nodes = np.asarray(points, np.float64)
    cells = np.asarray(Delaunay(nodes).simplices, np.int32)
    return assemble(nodes, orient(nodes, cells))


@functools.cache
def _longest_edge_orders(d: int) -> tuple[np.ndarray, np.ndarray]:
    """The edges (i, j) of a cell and, for each, an even permutation with i and j at the ends."""
    edges = list(itertools.combinations(range(d + 1), 2))
    orders = []
    for i, j in edges:
        rest = [k for k in range(d + 1) if k not in (i, j)]
        order = [i, *rest, j]
        inversions = sum(a > b for a, b in itertools.combinations(order, 2))
        orders.append(order if inversions % 2 == 0 else [j, *rest, i])
    return np.array(edges), np.array(orders)


def orient(nodes: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """The cells with positive volume and the longest edge from first to last vertex.

    Edges are compared by (length, node numbers), so that cells agree on a common longest edge.
    """
    d = nodes.shape[1]
    cells = cells.copy()
    negative = signed_volumes(nodes, cells) < 0
    cells[negative, :2] = cells[negative, 1::-1]
    if d == 1:
        return cells
    edges, orders = _longest_edge_orders(d)
    return np.take_along_axis(cells, orders[longest_edge(nodes, cells, edges)], axis=1)


def longest_edge(nodes: np.ndarray, cells: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """(c,), the index into ``edges`` of each cell's longest edge; ties by node numbers."""
    n = len(nodes)
    best = np.zeros(len(cells), np.int64)
    length = np.full(len(cells), -1.0)
    key = np.full(len(cells), -1, np.int64)
    for e, (i, j) in enumerate(edges):
        a, b = cells[:, i], cells[:, j]
        this_length = ((nodes[a] - nodes[b]) ** 2).sum(axis=1)
        this_key = np.minimum(a, b).astype(np.int64) * n + np.maximum(a, b)
        longer = (this_length > length) | ((this_length == length) & (this_key > key))
        best[longer], length[longer], key[longer] = e, this_length[longer], this_key[longer]
    return best


def signed_volumes(nodes: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """(c,), det(v_1 - v_0, ..., v_d - v_0) / d!."""
    d = nodes.shape[1]
    edges = [nodes[cells[:, i]] - nodes[cells[:, 0]] for i in range(1, d + 1)]
    return determinant(edges) / float(np.prod(np.arange(1, d + 1)))


def determinant(rows: list[np.ndarray]) -> np.ndarray:
    """The determinant of d rows, each (..., d); in closed form for d <= 3."""
    if len(rows) == 1:
        return rows[0][..., 0]
    if len(rows) == 2:
        a, b = rows
        return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    if len(rows) == 3:
        return (np.cross(rows[0], rows[1]) * rows[2]).sum(axis=-1)
    return np.linalg.det(np.stack(rows, axis=-2))


def facet_keys(cells: np.ndarray, n: int) -> np.ndarray:
    """(c, d+1), a number per facet (opposite to each vertex) that only equal facets share."""
    ordered = np.sort(cells, axis=1).astype(np.int64)
    position = np.argsort(np.argsort(cells, axis=1), axis=1)
    d = cells.shape[1] - 1
    keys = np.zeros_like(ordered)
    for i in range(d + 1):
        rest = np.delete(ordered, i, axis=1)
        keys[:, i] = _number(rest, n)
    return np.take_along_axis(keys, position, axis=1)


def _number(tuples: np.ndarray, n: int) -> np.ndarray:
    keys = tuples[:, 0]
    for k in range(1, tuples.shape[1]):
        keys = keys * n + tuples[:, k]
    return keys


def facet_neighbours(cells: np.ndarray, n: int) -> np.ndarray:
    """(c, d+1), the cell across the facet opposite to each vertex, -1 at the boundary."""
    width = cells.shape[1]
    keys = facet_keys(cells, n).reshape(-1)
    order = np.argsort(keys)
    same = keys[order[1:]] == keys[order[:-1]]
    left, right = order[:-1][same], order[1:][same]
    neighbours = np.full(keys.size, -1, np.int32)
    neighbours[left], neighbours[right] = right // width, left // width
    return neighbours.reshape(-1, width)

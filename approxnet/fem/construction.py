"""Meshes from arrays: checked, oriented, with neighbours and a locator."""

from __future__ import annotations

from typing import Any

import numpy as np

from approxnet.errors import MeshError
from approxnet.fem.connectivity import facet_neighbours, orient
from approxnet.fem.location import IntervalLocator, bucket_locator
from approxnet.fem.mesh import SimplexMesh
from approxnet.fem.overlaps import check_overlaps
from approxnet.fem.validation import (
    check_distinct,
    check_facets,
    check_repeated,
    check_used,
    check_volumes,
    valid_cells,
    valid_nodes,
    warn_of_slivers,
)


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

    Warns:
      MeshWarning: if the diameter of a cell is more than 10^4 times that of its inscribed ball.

    Example:
      >>> mesh = from_arrays([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [[0, 2, 1]])
      >>> mesh.cells.tolist(), mesh.neighbours.tolist()
      ([[2, 0, 1]], [[-1, -1, -1]])
    """
    nodes = valid_nodes(nodes)
    cells = valid_cells(cells, *nodes.shape)
    check_distinct(nodes)
    check_used(nodes, cells)
    check_volumes(nodes, cells)
    warn_of_slivers(nodes, cells)
    check_repeated(cells, len(nodes))
    cells = orient(nodes, cells)
    check_facets(nodes, cells)
    mesh = assemble(nodes, cells)
    check_overlaps(nodes, cells, mesh.neighbours, mesh.locator)
    return mesh


def assemble(nodes: np.ndarray, cells: np.ndarray) -> SimplexMesh:
    """The mesh of valid, oriented cells with neighbours and locator."""
    neighbours = facet_neighbours(cells, len(nodes))
    return SimplexMesh(nodes, cells, neighbours, bucket_locator(nodes, cells))


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

"""Delaunay meshes of points, without the flat cells that Qhull may return.

Points of the convex hull that are on a line up to rounding give Qhull flat cells. In the plane a
flat triangle a, b, c with b between a and c is removed if its long edge ac is on the boundary;
otherwise the edge ac is flipped: the neighbour a, c, e becomes a, b, e and b, c, e. In higher
dimensions the Delaunay mesh is not unique where more than d + 1 points lie on a sphere, and Qhull
may answer with flat cells inside. Then the points are lifted to the paraboloid |x|^2 plus random
heights of relative size 1e-9: the lower hull of the lifted points is a regular mesh whose flat
cells are vertical, that is, on the boundary, where they are removed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from approxnet.errors import MeshError
from approxnet.fem import _affine
from approxnet.fem.connectivity import facet_neighbours, orient
from approxnet.fem.construction import assemble
from approxnet.fem.mesh import SimplexMesh
from approxnet.fem.overlaps import check_overlaps
from approxnet.fem.validation import check_distinct, place, rounding, valid_nodes


def delaunay(points: Any) -> SimplexMesh:
    """The Delaunay mesh of points.

    Args:
      points: (n, d), distinct points that do not lie in a hyperplane.

    Returns:
      The mesh of their convex hull; its nodes are the points in the given order.

    Raises:
      MeshError: if points coincide or lie in a hyperplane, or if no mesh has all of them as nodes;
        names them.

    Example:
      >>> delaunay([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]).cells.shape
      (2, 3)
    """
    nodes = valid_nodes(points, "points")
    n, d = nodes.shape
    if n < d + 1:
        raise MeshError(f"points must be at least {d + 1} in {d} dimensions, got {n}")
    check_distinct(nodes, "points")
    if d == 1:
        order = np.argsort(nodes[:, 0]).astype(np.int32)
        return assemble(nodes, np.stack([order[:-1], order[1:]], axis=1))
    cells = _qhull(nodes)
    flat = is_flat(nodes, cells)
    if flat.any():
        cells = _flip(nodes, cells) if d == 2 else _regular(nodes)
    mesh = assemble(nodes, orient(nodes, cells.astype(np.int32)))
    _check_all_used(nodes, mesh.cells)
    if flat.any():
        check_overlaps(nodes, mesh.cells, mesh.neighbours, mesh.locator)
    return mesh


def _qhull(nodes: np.ndarray) -> np.ndarray:
    # SciPy's spatial algorithms take a third of a second to import.
    from scipy.spatial import Delaunay, QhullError

    try:
        return Delaunay(nodes).simplices
    except QhullError as error:
        raise MeshError(
            f"points must not lie in a hyperplane, got {len(nodes)} points from "
            f"{place(nodes.min(axis=0))} to {place(nodes.max(axis=0))}; move one, or drop a "
            f"coordinate (Qhull: {str(error).splitlines()[0]})"
        ) from None


def is_flat(nodes: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """(c,), whether a height of the cell is within the rounding of the nodes."""
    cofactors, determinant = _affine.cofactors(_affine.corners(nodes, cells))
    largest = np.sqrt(np.max([_affine.dot(row, row) for row in cofactors], axis=0))
    return np.abs(determinant) <= 4 * rounding(nodes) * largest


def _flip(nodes: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Triangles without flat ones: their long edges are flipped, or removed on the boundary."""
    cells = cells.astype(np.int32)
    while (flat := np.flatnonzero(is_flat(nodes, cells))).size:
        ends = nodes[cells[flat]][:, [[1, 2], [2, 0], [0, 1]]]
        middle = ((ends[:, :, 1] - ends[:, :, 0]) ** 2).sum(axis=2).argmax(axis=1)
        other = facet_neighbours(cells, len(nodes))[flat, middle]
        if (other < 0).any():
            cells = np.delete(cells, flat[other < 0], axis=0)
            continue
        b, c, a = np.roll(cells[flat[0]], -middle[0])
        e = np.setdiff1d(cells[other[0]], [a, c])[0]
        cells[flat[0]], cells[other[0]] = [a, b, e], [b, c, e]
    return cells


def _regular(nodes: np.ndarray) -> np.ndarray:
    """The cells under the lower hull of points lifted to the paraboloid with random heights."""
    from scipy.spatial import ConvexHull

    centred = nodes - nodes.mean(axis=0)
    lift = (centred**2).sum(axis=1)
    noise = np.random.default_rng(0).random(len(nodes))
    hull = ConvexHull(np.column_stack([centred, lift + 1e-9 * lift.max() * noise]))
    cells = hull.simplices[hull.equations[:, -2] < 0]
    return cells[~is_flat(nodes, cells)]


def _check_all_used(nodes: np.ndarray, cells: np.ndarray) -> None:
    lost = np.setdiff1d(np.arange(len(nodes)), cells)
    if lost.size:
        raise MeshError(
            f"points must be distinct enough to be nodes of a Delaunay mesh, got point {lost[0]} "
            f"at {place(nodes[lost[0]])} in no cell ({lost.size} such points); it is within "
            "rounding of other points or of the hull: remove or move it"
        )

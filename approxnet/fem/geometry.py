"""Measures of simplices: volume, diameter, shape, and the convexity of patches.

The barycentric coordinates lambda_0, ..., lambda_d of a cell T are affine, 1 at one vertex and 0
at the others. The height over the facet opposite to v_i is 1 / |grad lambda_i|, and the inscribed
ball has the radius 1 / sum_i |grad lambda_i|.
"""

from __future__ import annotations

import numpy as np

from approxnet import _checks
from approxnet.fem import _affine
from approxnet.fem.mesh import SimplexMesh


def barycentric_gradients(nodes: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """(c, d+1, d), the gradients of lambda_0, ..., lambda_d on each cell."""
    cofactors, determinant = _affine.cofactors(_affine.corners(nodes, cells))
    gradients = np.empty((*cells.shape, nodes.shape[1]))
    for i, row in enumerate(cofactors):
        for a, entry in enumerate(row):
            gradients[:, i, a] = entry / determinant
    return gradients


def volumes(mesh: SimplexMesh) -> np.ndarray:
    """The volumes |T| of the cells.

    Args:
      mesh: a mesh with c cells.

    Returns:
      (c,), lengths, areas or volumes.

    Example:
      >>> from approxnet import fem
      >>> fem.volumes(fem.box((1, 1))).tolist()
      [0.5, 0.5]
    """
    return _affine.volumes(np.asarray(mesh.nodes), np.asarray(mesh.cells))


def diameters(mesh: SimplexMesh) -> np.ndarray:
    """The diameters h_T of the cells: their longest edges.

    Args:
      mesh: a mesh with c cells.

    Returns:
      (c,).

    Example:
      >>> from approxnet import fem
      >>> fem.diameters(fem.interval([0.0, 0.5, 2.0])).tolist()
      [0.5, 1.5]
    """
    return cell_diameters(np.asarray(mesh.nodes), np.asarray(mesh.cells))


def cell_diameters(nodes: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """(c,), the longest edge of each cell."""
    i, j = np.triu_indices(cells.shape[1], 1)
    return np.sqrt(((nodes[cells[:, i]] - nodes[cells[:, j]]) ** 2).sum(axis=2).max(axis=1))


def shape_regularity(mesh: SimplexMesh) -> np.ndarray:
    """The shape h_T / rho_T of the cells: diameter over diameter of the inscribed ball.

    It is 1 on an interval, sqrt(3) on an equilateral triangle, sqrt(6) on a regular tetrahedron,
    and grows as a cell degenerates. A family of meshes is shape-regular if it stays bounded.

    Args:
      mesh: a mesh with c cells.

    Returns:
      (c,), h_T / rho_T = h_T sum_i |grad lambda_i| / 2.

    Example:
      >>> from approxnet import fem
      >>> fem.shape_regularity(fem.box((2, 2))).max().round(4)
      np.float64(2.4142)
    """
    return cell_shapes(np.asarray(mesh.nodes), np.asarray(mesh.cells))


def cell_shapes(nodes: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """(c,), diameter over inscribed diameter of each cell."""
    slopes = np.sqrt((barycentric_gradients(nodes, cells) ** 2).sum(axis=2))
    return cell_diameters(nodes, cells) * slopes.sum(axis=1) / 2


def boundary_nodes(mesh: SimplexMesh) -> np.ndarray:
    """The nodes on facets that have a cell on one side only.

    Args:
      mesh: a mesh.

    Returns:
      (b,) int32, increasing node numbers.

    Example:
      >>> from approxnet import fem
      >>> fem.boundary_nodes(fem.box((2, 2))).tolist()
      [0, 1, 2, 3, 5, 6, 7, 8]
    """
    cells, neighbours = np.asarray(mesh.cells), np.asarray(mesh.neighbours)
    on_boundary = np.zeros(len(mesh.nodes), bool)
    for i in range(cells.shape[1]):
        rest = np.delete(cells, i, axis=1)
        on_boundary[rest[neighbours[:, i] < 0]] = True
    return np.flatnonzero(on_boundary).astype(np.int32)


def is_locally_convex(mesh: SimplexMesh, node: int | None = None) -> np.ndarray | bool:
    """Whether the patch of a node, the union of its cells, is convex.

    The hat function of a node z is max(0, min_T g_T) on the mesh, with g_T affine, 1 at z and 0 on
    the facet of T opposite to z, if and only if no g_T is negative at a vertex of the patch. That
    is what is tested; for inner nodes it says that the patch is convex.

    Args:
      mesh: a mesh with n nodes.
      node: a node number; all nodes if it is left out.

    Returns:
      (n,) bool, or a bool for one node. Values down to -64 eps (1 + extent |grad g_T|), the
      rounding of the nodes, count as zero.

    Raises:
      ValueError: if node is not a node number.

    Reference:
      He, Li, Xu, Zheng, J. Comput. Math. 38 (2020), section 3.

    Example:
      >>> from approxnet import fem
      >>> bool(fem.is_locally_convex(fem.box((4, 4))).all())
      True
    """
    nodes, cells = np.asarray(mesh.nodes), np.asarray(mesh.cells)
    n = len(nodes)
    if node is None:
        on_boundary = np.zeros(n, bool)
        on_boundary[boundary_nodes(mesh)] = True
        near = on_boundary[cells].any(axis=1)
        convex = _ridges_are_convex(nodes, cells, np.asarray(mesh.neighbours))
        return convex & _pairs_are_convex(nodes, cells[near], on_boundary)
    node = _checks.count("node", node)
    if node >= n:
        raise ValueError(f"node must be below the number of nodes, {n}, got {node}")
    return bool(
        _pairs_are_convex(nodes, cells[(cells == node).any(axis=1)], np.arange(n) == node)[node]
    )


def _ridges_are_convex(nodes: np.ndarray, cells: np.ndarray, neighbours: np.ndarray) -> np.ndarray:
    """(n,), whether no g_T of the patch is negative at the vertices of neighbours of T.

    This is convexity at the ridges of the patch's surface. Around an inner node the surface is
    closed, and a closed surface that is convex at its ridges is convex.
    """
    convex = np.ones(len(nodes), bool)
    gradients = barycentric_gradients(nodes, cells)
    total = cells.sum(axis=1, dtype=np.int64)
    for i in range(cells.shape[1]):
        cell = np.flatnonzero(neighbours[:, i] >= 0)
        opposite = total[neighbours[cell, i]] - (total[cell] - cells[cell, i])
        for j in range(cells.shape[1]):
            if j != i:
                z = cells[cell, j]
                convex[z[_is_negative(nodes, z, gradients[cell, j], opposite)]] = False
    return convex


def _pairs_are_convex(nodes: np.ndarray, cells: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """(n,), whether no g_T is negative at the patch's vertices; true for nodes not wanted."""
    convex = np.ones(len(nodes), bool)
    gradients = barycentric_gradients(nodes, cells)
    cell, vertex = np.nonzero(wanted[cells])
    corner = cells[cell, vertex]
    order = np.argsort(corner, kind="stable")
    degree = np.bincount(corner, minlength=len(nodes))
    start = np.cumsum(degree) - degree
    for place in range(degree.max(initial=0)):
        mine = np.flatnonzero(degree[corner] > place)
        z, other = corner[mine], cell[order[start[corner[mine]] + place]]
        g = gradients[cell[mine], vertex[mine]]
        for v in cells[other].T:
            convex[z[_is_negative(nodes, z, g, v)]] = False
    return convex


def _is_negative(nodes: np.ndarray, z: np.ndarray, g: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Whether 1 + g . (v - z) is negative beyond the rounding of the nodes."""
    values = 1 + ((nodes[v] - nodes[z]) * g).sum(axis=1)
    extent = np.abs(nodes).max()
    return values < -64 * np.finfo(float).eps * (1 + extent * np.abs(g).sum(axis=1))

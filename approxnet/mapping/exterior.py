"""How a P1 function goes on outside of its mesh: by 0, or along the rays from a point.

One more node p, and a cell of p and each boundary facet, close the mesh. The cell of the facet b
stands for what lies beyond b, { p + t (y - p) : y in b, t >= 1 }. Seen from a node of b this is the
cone of the other nodes of b and of the direction *away* from p.

A function that is 0 on the boundary is 0 on these cells, whatever the shape of the mesh. Other
functions need a p that sees the whole boundary from inside: if p lies below the planes of all
boundary facets, a ray from p crosses the boundary outwards only, hence once. The lowest such p is
the solution of a linear program.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.optimize

from approxnet.fem.connectivity import boundary_facets
from approxnet.fem.geometry import barycentric_gradients
from approxnet.fem.mesh import SimplexMesh

# How far below the boundary facets p must lie, as a part of the size of the mesh.
DEPTH = 1e-6


class Exterior(NamedTuple):
    """The cells beyond the boundary.

    Attributes:
      point: (d,), p.
      facets: (b, d), the nodes of each cell besides p.
      gradients: (b, d+1, d), of the coordinates that belong to facets and p; 0 for functions that
        are 0 there.
    """

    point: np.ndarray
    facets: np.ndarray
    gradients: np.ndarray


def vanishing(mesh: SimplexMesh) -> Exterior:
    """The outside of functions that are 0 on the boundary."""
    _, facets = boundary_facets(np.asarray(mesh.cells), np.asarray(mesh.neighbours))
    count, d = facets.shape
    return Exterior(np.zeros(d), facets, np.zeros((count, d + 1, d)))


def conic(mesh: SimplexMesh) -> Exterior | None:
    """The outside along the rays from a point p; None if no p sees the whole boundary."""
    nodes, cells = np.asarray(mesh.nodes), np.asarray(mesh.cells)
    cell, facets = boundary_facets(cells, np.asarray(mesh.neighbours))
    count, d = facets.shape
    origin, extent = nodes.mean(axis=0), np.ptp(nodes, axis=0).max()
    normals = _normals(nodes[facets], nodes[cells[cell]].mean(axis=1))
    corner = (nodes[facets[:, 0]] - origin) / extent
    lowest = scipy.optimize.linprog(
        np.r_[np.zeros(d), -1.0],
        A_ub=np.column_stack([normals, np.ones(count)]),
        b_ub=np.einsum("bi,bi->b", normals, corner),
        bounds=[(None, None)] * d + [(None, 1.0)],
    ).x
    if lowest[d] < DEPTH:
        return None
    point = origin + extent * lowest[:d]
    closed = np.column_stack([facets, np.full(count, len(nodes))])
    return Exterior(point, facets, barycentric_gradients(np.vstack([nodes, point]), closed))


def _normals(facets: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """(b, d), the unit normals of facets (b, d, d) that point away from points (b, d)."""
    normals = np.linalg.svd(facets[:, 1:] - facets[:, :1])[2][:, -1]
    outward = np.einsum("bi,bi->b", normals, facets[:, 0] - inside) > 0
    return np.where(outward[:, None], normals, -normals)

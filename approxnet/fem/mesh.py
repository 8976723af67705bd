"""Conforming simplicial meshes of dimension d.

A mesh is a set of nodes in R^d and of cells, the convex hulls of d + 1 nodes each. Two cells meet
in a common face or not at all. Cells have positive volume

    |T| = det(v_1 - v_0, ..., v_d - v_0) / d!,

and in the meshes that the factories make, the first and the last vertex of a cell are the ends of
its longest edge, the one that ``bisect`` splits first.

``neighbours[c, i]`` is the cell across the facet of c that is opposite to its vertex i, -1 at the
boundary. ``locator`` finds the cell of a point.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class SimplexMesh(NamedTuple):
    """A conforming simplicial mesh with n nodes and c cells in d dimensions; a pytree.

    The constructor checks nothing; use ``from_arrays``, ``interval``, ``box`` or ``delaunay``.
    """

    nodes: Any  # (n, d) float
    cells: Any  # (c, d+1) int32, positively oriented
    neighbours: Any  # (c, d+1) int32, -1 at the boundary
    locator: Any  # has find(mesh, x) -> (cell, barycentric)

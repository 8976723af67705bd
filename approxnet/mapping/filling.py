"""Fill the holes and pockets of a triangulation up to its convex hull, without new nodes.

The boundary nodes are triangulated anew (Delaunay), every boundary edge that is missing is forced
in by emptying the triangles it crosses and triangulating the two polygons that this leaves
(Anglada, Computers & Graphics 21 (1997) 215-223), and the triangles that lie on the outer side of
the boundary edges are kept. In the plane this is always possible; in space it is not
(Schoenhardt's polyhedron).
"""

from __future__ import annotations

import math

import numpy as np
import scipy.spatial

from approxnet.errors import AssumptionError, MeshError
from approxnet.fem.connectivity import facet_neighbours
from approxnet.fem.mesh import SimplexMesh

Star = dict[int, dict[int, int]]
Points = list[list[float]]

# A pocket shallower than this fraction of the domain is a straight piece of the boundary: filling
# it would make triangles whose gradients are rounding errors.
FLAT = 1e-12


def fill(mesh: SimplexMesh, outer: np.ndarray | None = None) -> SimplexMesh:
    """A triangulation of the convex hull that contains the cells of the mesh.

    Args:
      mesh: a triangulation with n nodes and c cells.
      outer: (k, 2), further nodes around the mesh; the hull is then the hull of all.

    Returns:
      A mesh whose first n nodes and first c cells are those of ``mesh``. Its locator is still that
      of ``mesh``: it finds the first c cells, and nothing in the filled part.

    Raises:
      AssumptionError: if d is not 2.
      MeshError: if rounding breaks the triangulation of a pocket; names an edge.
    """
    nodes, cells = np.asarray(mesh.nodes), np.asarray(mesh.cells)
    if nodes.shape[1] != 2:
        raise AssumptionError(
            f"the mesh must be planar to be filled without new nodes, got d = {nodes.shape[1]}"
        )
    border = boundary_edges(mesh)
    points = nodes if outer is None else np.vstack([nodes, outer])
    used = np.r_[np.unique(border), np.arange(len(nodes), len(points))]
    local = np.full(len(points), -1)
    local[used] = np.arange(len(used))
    walls = local[border].tolist()
    outside = _outer_triangles(points[used], walls)
    cells = np.vstack([cells, used[outside].astype(cells.dtype)])
    filled = SimplexMesh(points, cells, facet_neighbours(cells, len(points)), mesh.locator)
    _check_filled(filled)
    return filled


def _outer_triangles(points: np.ndarray, walls: list[list[int]]) -> np.ndarray:
    """The triangles (t, 3) between the hull of the points and the outer sides of the walls."""
    star, xy = _delaunay(points), points.tolist()
    for a, b in walls:
        if b not in star[a] and a not in star[b]:
            _force(star, xy, a, b)
    triangles = _flood(star, walls)
    triangles = _peel(xy, float(np.ptp(points, axis=0).max()), triangles, walls)
    return np.array(triangles, np.int64).reshape(-1, 3)


def boundary_edges(mesh: SimplexMesh) -> np.ndarray:
    """The edges (b, 2) of a triangulation that belong to one cell, which lies on their left."""
    cells = np.asarray(mesh.cells)
    cell, opposite = np.nonzero(np.asarray(mesh.neighbours) < 0)
    return np.stack([cells[cell, (opposite + 1) % 3], cells[cell, (opposite + 2) % 3]], axis=1)


def _orientation(points: Points, a: int, b: int, c: int) -> float:
    (ax, ay), (bx, by), (cx, cy) = points[a], points[b], points[c]
    return (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)


def _sides(triangle: tuple[int, int, int]) -> list[tuple[int, int]]:
    a, b, c = triangle
    return [(a, b), (b, c), (c, a)]


def _delaunay(points: np.ndarray) -> Star:
    """The Delaunay triangulation as star[a][b] = c for every counter-clockwise (a, b, c)."""
    star: Star = {i: {} for i in range(len(points))}
    xy = points.tolist()
    for a, b, c in scipy.spatial.Delaunay(points).simplices.tolist():
        if _orientation(xy, a, b, c) < 0:
            b, c = c, b
        _add(star, a, b, c)
    return star


def _add(star: Star, a: int, b: int, c: int) -> None:
    star[a][b], star[b][c], star[c][a] = c, a, b


def _force(star: Star, points: Points, a: int, b: int) -> None:
    """Make the segment from a to b an edge of the triangulation."""
    for right, left in star[a].items():
        if (
            _orientation(points, a, b, right) < 0 <= _orientation(points, a, b, left)
            and _orientation(points, right, left, b) < 0
        ):
            break
    else:  # the segment lies on the hull, where the triangle beside it was flat
        return
    dead, upper, lower = [(a, right, left)], [left], [right]
    while (w := star[left].get(right)) != b:
        if w is None:
            raise MeshError(
                f"the boundary edge from {points[a]} to {points[b]} must lie in the hull of the "
                "nodes, but leaves it; the nodes there are too close to collinear: move them"
            )
        dead.append((left, right, w))
        if _orientation(points, a, b, w) >= 0:
            left = w
            upper.append(w)
        else:
            right = w
            lower.append(w)
    dead.append((left, right, b))
    for triangle in dead:
        for u, v in _sides(triangle):
            del star[u][v]
    _triangulate(star, points, upper[::-1], b, a)
    _triangulate(star, points, lower, a, b)


def _triangulate(star: Star, points: Points, chain: list[int], a: int, b: int) -> None:
    """Triangulate the polygon a, chain, b, which lies on the right of the edge from a to b."""
    if not chain:
        return
    best = 0
    for i in range(1, len(chain)):
        if _in_circle(points, a, chain[best], b, chain[i]):
            best = i
    c = chain[best]
    _triangulate(star, points, chain[:best], a, c)
    _triangulate(star, points, chain[best + 1 :], c, b)
    _add(star, a, c, b)


def _in_circle(points: Points, a: int, b: int, c: int, p: int) -> bool:
    """Whether p lies inside the circle through the counter-clockwise triangle (a, b, c)."""
    rows = np.array([points[a], points[b], points[c]]) - points[p]
    return bool(np.linalg.det(np.column_stack([rows, (rows**2).sum(axis=1)])) > 0)


def _flood(star: Star, walls: list[list[int]]) -> list[tuple[int, int, int]]:
    """The triangles that are reached from the outer (right) sides of the walls."""
    closed = {(a, b) for a, b in walls}
    stack = [(b, a) for a, b in walls]
    found = set()
    while stack:
        a, b = stack.pop()
        c = star[a].get(b)
        if c is None:
            continue
        triangle = min((a, b, c), (b, c, a), (c, a, b))
        if triangle not in found:
            found.add(triangle)
            stack += [(v, u) for u, v in _sides(triangle) if (v, u) not in closed]
    return sorted(found)


def _peel(
    points: Points,
    extent: float,
    triangles: list[tuple[int, int, int]],
    walls: list[list[int]],
) -> list[tuple[int, int, int]]:
    """The triangles without the flat ones at the rim, where the boundary is straight."""
    alive = {side: t for t in triangles for side in _sides(t)}
    mesh_side = {(a, b) for a, b in walls}
    stack = list(triangles)
    while stack:
        t = stack.pop()
        if alive.get(t[:2]) != t:
            continue
        longest = max(math.dist(points[u], points[v]) for u, v in _sides(t))
        flat = _orientation(points, *t) <= FLAT * extent * longest
        if flat and any((v, u) not in alive and (v, u) not in mesh_side for u, v in _sides(t)):
            for side in _sides(t):
                del alive[side]
            stack += [alive[v, u] for u, v in _sides(t) if (v, u) in alive]
    return sorted(set(alive.values()))


def _check_filled(filled: SimplexMesh) -> None:
    """MeshError unless the rim of the filled mesh is the boundary of its convex hull."""
    nodes, rim = np.asarray(filled.nodes), boundary_edges(filled)
    start, step = nodes[rim[:, 0]], nodes[rim[:, 1]] - nodes[rim[:, 0]]
    normal = np.stack([-step[:, 1], step[:, 0]], axis=1) / np.linalg.norm(step, axis=1)[:, None]
    hull = nodes[scipy.spatial.ConvexHull(nodes).vertices]
    depth = (hull @ normal.T).min(axis=0) - np.einsum("ei,ei->e", start, normal)
    bad = np.flatnonzero(depth < -4 * FLAT * np.ptp(nodes, axis=0).max())
    if len(bad):
        raise MeshError(
            f"the pocket behind the boundary edge {rim[bad[0]]} at {start[bad[0]]} could not be "
            "filled up to the convex hull; nodes there are too close to collinear: move them"
        )

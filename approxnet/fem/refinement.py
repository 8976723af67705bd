"""Finer meshes: uniform refinement, bisection without hanging nodes, insertion of nodes.

Uniform refinement cuts a cell at the midpoints v_ij of its edges into 2^d cells. With the vertices
as a chain v_0, ..., v_d the children are those of the tables ``CHILDREN``; in three dimensions
they are Bey's, with the inner octahedron cut along the diagonal from v_02 to v_13. Every cell has
descendants of at most 1 (d = 1, 2) or 3 (d = 3) similarity classes up to reflection, so repeated
refinement is shape-regular. The children of Kuhn's chains are Kuhn's chains of half the size.

Bisection cuts a cell at the midpoint of one edge: in the plane the edge from the first to the last
vertex, which is opposite to the newest vertex, v_1; in three dimensions the longest edge in the
total order (length, node numbers). A cell with a cut edge is cut in its turn until no node hangs.

References: J. Bey, Tetrahedral grid refinement, Computing 55 (1995). W. F. Mitchell, A comparison
of adaptive refinement techniques for elliptic problems, ACM Trans. Math. Softw. 15 (1989).
M.-C. Rivara, Algorithms for refining triangular grids, Int. J. Numer. Meth. Engng. 20 (1984).
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array, eye_array, vstack

from approxnet import _checks
from approxnet.errors import MeshError
from approxnet.fem import _affine
from approxnet.fem.boxes import BoxLocator, box
from approxnet.fem.connectivity import (
    edge_ends,
    edge_keys,
    edges_of_cell,
    is_even,
    longest_edge,
    orders_by_edge,
)
from approxnet.fem.construction import assemble, interval
from approxnet.fem.geometry import volumes
from approxnet.fem.location import BucketLocator
from approxnet.fem.mesh import SimplexMesh
from approxnet.fem.triangulation import delaunay

# The children of a chain 0, ..., d: a vertex is named by the two vertices whose midpoint it is.
CHILDREN = {
    1: ["00 01", "01 11"],
    2: ["00 01 02", "01 11 12", "02 12 22", "12 02 01"],
    3: [
        "00 01 02 03",
        "01 11 12 13",
        "02 12 22 23",
        "03 13 23 33",
        "01 02 03 13",
        "01 02 12 13",
        "02 03 13 23",
        "02 12 13 23",
    ],
}


class Refinement(NamedTuple):
    """A finer mesh and the matrix that maps nodal values on the coarse mesh to the fine one.

    Example:
      >>> from approxnet import fem
      >>> fine, prolongation = fem.refine(fem.interval([0.0, 1.0, 3.0]))
      >>> (prolongation @ [0.0, 1.0, 5.0]).tolist()
      [0.0, 0.5, 1.0, 3.0, 5.0]
    """

    mesh: SimplexMesh
    prolongation: csr_array  # (n_fine, n_coarse)


def refine(mesh: SimplexMesh) -> Refinement:
    """Cut every cell into 2^d cells at the midpoints of its edges.

    A box becomes the box with twice as many cells per side, and an interval mesh stays one. Other
    meshes keep the numbers of their nodes; the midpoints of the edges follow. In three dimensions
    the vertices of a cell are in the order of its chain, whose ends need not be its longest edge.

    Args:
      mesh: a mesh with c cells in d <= 3 dimensions.

    Returns:
      The mesh with 2^d c cells and the prolongation, (n_fine, n_coarse).

    Raises:
      ValueError: if d > 3.
      MeshError: if the fine mesh does not fit into memory; holds the predicted number of bytes.

    Example:
      >>> from approxnet import fem
      >>> fem.refine(fem.box((2, 2))).mesh.cells.shape
      (32, 3)
    """
    d = mesh.nodes.shape[1]
    if d not in CHILDREN:
        raise ValueError(f"mesh must have at most 3 dimensions to be refined, got {d}; use bisect")
    if isinstance(mesh.locator, BoxLocator):
        return _refine_box(mesh)
    nodes, cells = np.asarray(mesh.nodes), np.asarray(mesh.cells)
    # Nodes, cells and neighbours take 8 + 8 d bytes per vertex of a cell, the locator 4 * 2^d.
    n_bytes = 2**d * cells.size * (8 + 8 * d + 4 * 2**d)
    _checks.memory(f"the refinement of {len(cells)} cells", n_bytes, MeshError)
    keys = edge_keys(cells)
    unique, inverse = np.unique(keys, return_inverse=True)
    midpoint = np.empty((len(cells), d + 1, d + 1), np.int32)
    corners = np.arange(d + 1)
    midpoint[:, corners, corners] = cells
    i, j = edges_of_cell(d).T
    midpoint[:, i, j] = midpoint[:, j, i] = len(nodes) + inverse.reshape(keys.shape)
    children = _children(midpoint).reshape(-1, d + 1)
    nodes, step = _add_midpoints(nodes, unique)
    return _finish(mesh, nodes, children, step)


@functools.cache
def _table(d: int) -> tuple[np.ndarray, np.ndarray]:
    """The children (2^d, d+1, 2) of a chain and their orientations (2^d,) relative to it."""
    table = np.array([[[int(k) for k in v] for v in child.split()] for child in CHILDREN[d]])
    chain = np.tril(np.ones((d + 1, d)), -1)
    volumes = _affine.volumes(chain[table].mean(axis=2).reshape(-1, d), _consecutive(2**d, d))
    return table, np.sign(volumes)


def _consecutive(c: int, d: int) -> np.ndarray:
    return np.arange(c * (d + 1)).reshape(c, d + 1)


def _children(midpoint: np.ndarray) -> np.ndarray:
    """(c, 2^d, d+1), the children of cells with midpoints (c, d+1, d+1), positively oriented.

    A positive chain is stored with increasing ends; a negative one with its ends swapped, which
    makes it positive and its ends decreasing: the ends tell how to read the chain back.
    """
    d = midpoint.shape[1] - 1
    table, signs = _table(d)
    ends_swapped, reverse = [d, *range(1, d), 0], list(range(d, -1, -1))
    odd = midpoint[:, 0, 0] > midpoint[:, d, d]
    midpoint = midpoint.copy()
    midpoint[odd] = midpoint[odd][:, ends_swapped][:, :, ends_swapped]
    chains = midpoint[:, table[..., 0], table[..., 1]]
    sign = np.where(odd, -1, 1)[:, None] * signs
    down = chains[..., 0] > chains[..., -1]
    chains[down] = chains[down][:, reverse]
    sign[down] *= 1 if is_even(reverse) else -1
    chains[sign < 0] = chains[sign < 0][:, ends_swapped]
    return chains


def _add_midpoints(nodes: np.ndarray, keys: np.ndarray) -> tuple[np.ndarray, csr_array]:
    """The nodes followed by the midpoints of edges, and the prolongation to them."""
    ends = edge_ends(keys)
    starts = np.arange(0, ends.size + 1, 2)
    means = csr_array((np.full(ends.size, 0.5), ends.ravel(), starts), (len(ends), len(nodes)))
    step = csr_array(vstack([eye_array(len(nodes), format="csr"), means], format="csr"))
    return np.concatenate([nodes, nodes[ends].mean(axis=1)]), step


def _finish(
    coarse: SimplexMesh, nodes: np.ndarray, cells: np.ndarray, prolongation: csr_array
) -> Refinement:
    """The refinement; on the line, what was numbered from left to right is so again."""
    if nodes.shape[1] == 1 and not isinstance(coarse.locator, BucketLocator):
        order = np.argsort(nodes[:, 0])
        return Refinement(interval(nodes[order]), prolongation[order])
    return Refinement(assemble(nodes, cells.astype(np.int32)), prolongation)


def _refine_box(mesh: SimplexMesh) -> Refinement:
    """The box with half the grid width; each of its nodes is the midpoint of a Kuhn edge."""
    locator = mesh.locator
    sides = locator.cells_per_side
    fine = box(tuple(2 * m for m in sides), locator.lower, locator.upper, mirror=locator.mirror)
    index = np.indices([2 * m + 1 for m in sides]).reshape(len(sides), -1)
    low, high = index // 2, (index + 1) // 2
    if locator.mirror:
        low[1:], high[1:] = high[1:].copy(), low[1:].copy()
    shape = [m + 1 for m in sides]
    ends = np.stack([np.ravel_multi_index(end, shape) for end in (low, high)], axis=1)
    starts = np.arange(0, ends.size + 1, 2)
    prolongation = csr_array(
        (np.full(ends.size, 0.5), ends.ravel(), starts), (len(ends), math.prod(shape))
    )
    prolongation.sum_duplicates()
    return Refinement(fine, prolongation)


def bisect(mesh: SimplexMesh, marked: Any) -> Refinement:
    """Cut the marked cells in two, and others as far as needed so that no node hangs.

    In the plane this is newest-vertex bisection: the descendants of a triangle fall into at most
    four similarity classes. In three dimensions it is longest-edge bisection, whose conformity is
    proved and whose shape regularity is only observed.

    Args:
      mesh: a mesh with c cells in d <= 3 dimensions.
      marked: (c,) bool, or an array of cell numbers.

    Returns:
      The mesh and the prolongation. An interval mesh stays one; the others keep the numbers of
      their nodes, and new nodes follow.

    Raises:
      ValueError: if d > 3, or if marked does not name cells.

    Example:
      >>> from approxnet import fem
      >>> fem.bisect(fem.box((1, 1)), [0]).mesh.cells.shape
      (4, 3)
    """
    nodes, cells = np.asarray(mesh.nodes, np.float64), np.asarray(mesh.cells)
    d = nodes.shape[1]
    if d > 3:
        raise ValueError(f"mesh must have at most 3 dimensions to be bisected, got {d}")
    pending = _marked(marked, len(cells))
    n, cut, prolongation = len(nodes), np.empty(0, np.int64), eye_array(len(nodes), format="csr")
    while pending.size:
        edge = _refinement_edge(nodes, cells[pending])
        keys = edge_keys(cells[pending])[np.arange(pending.size), edge]
        new = np.setdiff1d(keys, cut)
        nodes, step = _add_midpoints(nodes, new)
        cut, prolongation = np.concatenate([cut, new]), step @ prolongation
        order = np.argsort(cut)
        midpoint = n + order[np.searchsorted(cut, keys, sorter=order)]
        first, second = _halves(nodes, cells[pending], edge, midpoint)
        cells = np.concatenate([cells, second])
        cells[pending] = first
        pending = np.flatnonzero(np.isin(edge_keys(cells), cut).any(axis=1))
    return _finish(mesh, nodes, cells, csr_array(prolongation))


def _marked(marked: Any, c: int) -> np.ndarray:
    """The marked cells as increasing numbers."""
    given = np.asarray(marked)
    if given.dtype == bool:
        if given.shape != (c,):
            raise ValueError(f"marked must have shape ({c},), one per cell, got {given.shape}")
        return np.flatnonzero(given)
    if given.size == 0:
        return np.empty(0, np.int64)
    if given.ndim != 1 or not np.issubdtype(given.dtype, np.integer):
        raise ValueError(
            f"marked must be ({c},) bool or a list of cell numbers, got shape {given.shape} and "
            f"dtype {given.dtype}; compare an indicator with a threshold, or use mark"
        )
    wrong = np.flatnonzero((given < 0) | (given >= c))
    if wrong.size:
        raise ValueError(
            f"marked must hold cell numbers from 0 to {c - 1}, got {given[wrong[0]]} at index "
            f"{wrong[0]}"
        )
    return np.unique(given)


def _refinement_edge(nodes: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """(c,), the index of the edge that is cut: first to last vertex; the longest for d = 3."""
    d = nodes.shape[1]
    if d == 3:
        return longest_edge(nodes, cells)
    return np.full(len(cells), (edges_of_cell(d) == (0, d)).all(axis=1).argmax())


def _halves(
    nodes: np.ndarray, cells: np.ndarray, edge: np.ndarray, midpoint: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The two halves of cells whose edges are cut; the midpoint takes the place of an end.

    In the plane the vertices are turned so that the midpoint is in the middle, and in space so
    that the longest edge joins the first and the last vertex; both keep the orientation.
    """
    d = nodes.shape[1]
    rows, halves = np.arange(len(cells)), []
    for end, turn in ((1, [1, 2, 0]), (0, [2, 0, 1])):
        half = cells.copy()
        half[rows, edges_of_cell(d)[edge, end]] = midpoint
        if d == 2:
            half = half[:, turn]
        if d == 3:
            order = orders_by_edge(d)[longest_edge(nodes, half)]
            half = np.take_along_axis(half, order, axis=1)
        halves.append(half)
    return halves[0], halves[1]


def insert(mesh: SimplexMesh, points: Any) -> SimplexMesh:
    """The Delaunay mesh of the nodes of a mesh and of further points.

    The cells of the given mesh are not kept: they are those of the Delaunay mesh of all nodes.

    Args:
      mesh: a mesh with n nodes in d dimensions that fills its convex hull.
      points: (k, d), new points inside the mesh, distinct from its nodes.

    Returns:
      The mesh with n + k nodes; the old ones come first and keep their numbers.

    Raises:
      MeshError: if a point is a node already, or if the new mesh covers another domain because
        the old one does not fill its convex hull or a point is outside.

    Example:
      >>> from approxnet import fem
      >>> insert(fem.box((1, 1)), [[0.5, 0.5]]).cells.shape
      (4, 3)
    """
    d = mesh.nodes.shape[1]
    _checks.points("points", points, d)
    new = np.asarray(points, np.float64).reshape(-1, d)
    finer = delaunay(np.concatenate([np.asarray(mesh.nodes), new]))
    before, after = volumes(mesh).sum(), volumes(finer).sum()
    if abs(after - before) > 1e-9 * before:
        raise MeshError(
            f"points must lie in a mesh that fills its convex hull, got a mesh of volume {before} "
            f"and a Delaunay mesh of volume {after}; leave out points outside, and refine domains "
            "with holes or notches with bisect"
        )
    return finer

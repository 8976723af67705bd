"""Whether boundary facets meet cells in anything but a common face.

Let a facet have the vertices f, a cell the vertices t, and let S be the vertices they share. With
the signed distances L_tf of f from the cell's facet opposite to t, they meet in the common face
only if and only if no weights mu >= 0 on the facet's vertices outside S, not all zero, satisfy

    sum_f L_tf mu_f >= 0    for all t outside S,

that is, if and only if the matrix game L has a negative value max_mu min_t (L mu)_t. An optimal mu
makes as many rows equal as it has positive entries, so it is found among the solutions of all
square subgames (Shapley and Snow). The game is played for all pairs at once, in any dimension.

Reference: L. S. Shapley, R. N. Snow, Basic solutions of discrete games, Ann. Math. Stud. 24 (1950).
"""

from __future__ import annotations

import itertools

import numpy as np

from approxnet.errors import MeshError
from approxnet.fem.buckets import Buckets, pairs_with_boxes
from approxnet.fem.connectivity import facet_nodes
from approxnet.fem.geometry import barycentric_gradients
from approxnet.fem.validation import rounding


def check_overlaps(
    nodes: np.ndarray, cells: np.ndarray, neighbours: np.ndarray, lists: Buckets
) -> None:
    """MeshError if a boundary facet meets a cell in anything but a common face."""
    owner, vertex = np.nonzero(neighbours < 0)
    facets = facet_nodes(cells)[owner, vertex]
    corners = nodes[facets]
    tolerance = 2 * rounding(nodes)
    lower, upper = corners.min(axis=1) - tolerance, corners.max(axis=1) + tolerance
    normals = _normals(nodes, cells[owner])[np.arange(owner.size), vertex]
    for facet, cell in pairs_with_boxes(lists, lower, upper):
        height = ((nodes[cells[cell]] - corners[facet, :1]) * normals[facet, None]).sum(axis=2)
        own = ~(cells[cell][:, :, None] == facets[facet][:, None]).any(axis=2)
        below, above = own & (height < tolerance), own & (height > -tolerance)
        crosses = below.any(axis=1) & above.any(axis=1)
        facet, cell = facet[crosses], cell[crosses]
        conflict = _conflicts(nodes, facets[facet], cells[cell], tolerance)
        if conflict.size:
            k = conflict[0]
            raise MeshError(_message(nodes, cells, int(owner[facet[k]]), int(cell[k]), tolerance))


def _conflicts(
    nodes: np.ndarray, facets: np.ndarray, cells: np.ndarray, tolerance: float
) -> np.ndarray:
    """The pairs of facets (p, d) and cells (p, d+1) that meet in more than a common face."""
    equal = cells[:, :, None] == facets[:, None, :]
    own_row, own_column = ~equal.any(axis=2), ~equal.any(axis=1)
    distance = _distances(nodes, facets, cells)
    beyond = ((distance < -tolerance) | ~own_column[:, None]).all(axis=2) & own_row
    left = np.flatnonzero(~beyond.any(axis=1) & own_column.any(axis=1))
    value = _game(distance[left], own_row[left], own_column[left])
    return left[value >= -tolerance]


def _normals(nodes: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """(c, d+1, d), the unit inner normals of the facet opposite to each vertex."""
    g = barycentric_gradients(nodes, cells)
    return g / np.sqrt((g**2).sum(axis=2, keepdims=True))


def _distances(nodes: np.ndarray, facets: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """(p, d+1, d), the signed distances of facet vertices from the facets of cells."""
    bases = nodes[np.roll(cells, -1, axis=1)]
    return np.einsum(
        "pik,pifk->pif", _normals(nodes, cells), nodes[facets][:, None] - bases[:, :, None]
    )


def _game(matrix: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """(p,), the values max_mu min_i (matrix mu)_i of games (p, r, k) on some rows and columns."""
    p, r, k = matrix.shape
    value = np.full(p, -np.inf)
    for size in range(1, k + 1):
        for chosen in itertools.combinations(range(k), size):
            for equal in itertools.combinations(range(r), size):
                mu, valid = _equaliser(matrix[:, equal][:, :, chosen])
                valid &= rows[:, equal].all(axis=1) & columns[:, chosen].all(axis=1)
                payoff = np.einsum("prk,pk->pr", matrix[:, :, chosen], mu)
                least = np.where(rows, payoff, np.inf).min(axis=1)
                value = np.maximum(value, np.where(valid, least, -np.inf))
    return value


def _equaliser(square: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mu >= 0, (p, k), with sum 1 and equal entries of square mu, and whether there is one.

    It is orthogonal to the differences of rows, so its entries are their signed minors.
    """
    k = square.shape[1]
    differences = square[:, 1:] - square[:, :1]
    minors = [(-1) ** j * np.linalg.det(np.delete(differences, j, axis=2)) for j in range(k)]
    mu = np.stack(minors, axis=1)
    total = mu.sum(axis=1)
    valid = total != 0
    mu = mu / np.where(valid, total, 1)[:, None]
    return np.maximum(mu, 0), valid & (mu >= -1e-9).all(axis=1)


def _message(nodes: np.ndarray, cells: np.ndarray, one: int, two: int, tolerance: float) -> str:
    """What is wrong with two cells that meet in more than a common face."""
    for cell, other in ((two, one), (one, two)):
        for node in np.setdiff1d(cells[other], cells[cell]):
            least = _distances(nodes, np.array([[node]]), cells[[cell]]).min()
            where = f"node {node} at {nodes[node].tolist()} of cell {other}"
            nodes_of_cell = f"cell {cell} with nodes {cells[cell].tolist()}"
            if least > tolerance:
                return (
                    f"cells {cell} and {other} overlap: {where} is inside {nodes_of_cell}; "
                    "remove one of them or move the node"
                )
            if least >= -tolerance:
                return (
                    f"{where} hangs on the boundary of {nodes_of_cell} without being its vertex; "
                    "split that cell at the node (bisect leaves no hanging nodes) or move the node"
                )
    return (
        f"cells {one} and {two} overlap or cross: nodes {cells[one].tolist()} at "
        f"{nodes[cells[one]].tolist()} and nodes {cells[two].tolist()} at "
        f"{nodes[cells[two]].tolist()}; remove one of them or move a node"
    )

"""Any P1 function in d <= 3 dimensions: two hidden layers, about 11 neurons per tetrahedron.

By ``combinations`` the function is an integer combination of maxima of at most four of its pieces,
of which ``folding`` removes most of three. One neuron of the second layer holds one of them:

    max(l_i, l_j) = l_i + relu(l_j - l_i),        min(l_i, l_j) = l_j - relu(l_j - l_i),
    max(A, B) = A + relu(B - A),                  A and B of this kind or single pieces.

They share the neurons of the first layer: those of maxima that stand alone are there in any case,
the others are chosen so that many need the same. The positive and negative parts of x and of the
affine part add 2 d and 2 neurons, and the network is exact in R^d: 0 outside of the mesh if the
values are 0 on the boundary, else affine along the rays from a point that sees the whole boundary.

The values decide which maxima occur; ``size`` counts all that may. Random meshes take about 4 and
7 neurons per tetrahedron in the two layers, Kuhn's box up to 8.5 in all, less where cells have
equal pieces; a triangle takes 3.45, as in ``polygon``.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np

from approxnet.fem.geometry import barycentric_gradients, boundary_nodes
from approxnet.fem.mesh import SimplexMesh
from approxnet.mapping import barrier, exterior
from approxnet.mapping.basis import Plan, fixed
from approxnet.mapping.combinations import Fans, Pieces, combination, fans, possible, sizes
from approxnet.mapping.faces import faces
from approxnet.mapping.folding import Folded, fold
from approxnet.relu.calculus import linear_combination, parallel
from approxnet.relu.layers import Affine, SparseAffine, Stack
from approxnet.relu.network import Network

RELUS = ("relu", "relu")

# Pieces that differ by less than this part of the largest are equal.
EQUAL = 2.0**-48

# For one to four labels, which fill a row of four from the right, three ways to choose what is in
# the lower and in the upper pair; a pair of equal labels is no neuron.
WAYS = np.array(
    [
        [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]],
        [[2, 3, 3, 3], [2, 3, 3, 3], [2, 3, 3, 3]],
        [[1, 1, 2, 3], [2, 2, 1, 3], [3, 3, 1, 2]],
        [[0, 1, 2, 3], [0, 2, 1, 3], [0, 3, 1, 2]],
    ]
)


class Frame(NamedTuple):
    """The closed mesh: fans, ranks of cells, nodes about the middle, cells, their gradients."""

    fans: Fans
    rank: np.ndarray
    middle: np.ndarray
    nodes: np.ndarray
    cells: np.ndarray
    gradients: np.ndarray


class _Side(NamedTuple):
    """Functions max(l_i, l_j) = l_i + relu(l_j - l_i) or min(l_i, l_j) = l_j - relu(l_j - l_i).

    Attributes:
      label: (t,), the piece that stands alone.
      pair: (t,), the row of the neuron; -1 for the piece itself.
      sign: (t,), +-1, the coefficient of the neuron.
    """

    label: np.ndarray
    pair: np.ndarray
    sign: np.ndarray


def plan(mesh: SimplexMesh, kept: np.ndarray) -> Plan:
    """A bound on the widths; see ``_beside_barrier`` for meshes that are not star-shaped."""
    outside = exterior.conic(mesh) if kept.all() else exterior.vanishing(mesh)
    if outside is None:
        return _beside_barrier(mesh)
    frame = frame_of(mesh, outside)
    count = np.bincount(sizes(possible(frame.fans)), minlength=5)
    widths = (int(count[2]) + 2 * frame.nodes.shape[1], int(count[3] + count[4]) + 2)
    return Plan(widths, network=partial(_network, frame))


def _beside_barrier(mesh: SimplexMesh) -> Plan:
    """Hat functions of boundary nodes by ``barrier``; maxima for what vanishes on the boundary."""
    border = np.isin(np.arange(len(mesh.nodes)), boundary_nodes(mesh))
    inside, beside = plan(mesh, ~border), barrier.plan(mesh, border)
    maxima, hats = inside.network, beside.features
    assert maxima is not None and hats is not None
    deep = len(beside.widths)
    padded = (*inside.widths, *(deep - len(inside.widths)) * (2,))

    def network(values: np.ndarray) -> Network:
        inner = maxima(np.where(border[:, None], 0.0, values))
        return linear_combination(np.ones(2), [inner, fixed(hats(), values)])

    return Plan(tuple(np.add(padded, beside.widths).tolist()), network=network)


def frame_of(mesh: SimplexMesh, outside: exterior.Exterior) -> Frame:
    """The closed mesh of a mesh and its outside."""
    nodes, cells = np.asarray(mesh.nodes), np.asarray(mesh.cells)
    n, c = len(nodes), len(cells)
    middle = (nodes.min(axis=0) + nodes.max(axis=0)) / 2
    beyond = np.column_stack([outside.facets, np.full(len(outside.facets), n)])
    closed = np.vstack([cells, beyond])
    gradients = np.concatenate([barycentric_gradients(nodes, cells), outside.gradients])
    all_faces = faces(closed, n + 1)
    inner = tuple(np.asarray((rows < n).all(axis=1)) for rows in all_faces.nodes)
    ridges = all_faces.of_cell[max(nodes.shape[1] - 1, 1)]
    around = np.bincount(ridges.ravel())[ridges].sum(axis=1)
    rank = np.argsort(np.lexsort((-around, np.arange(len(closed)) < c)))
    return Frame(
        fans(all_faces, inner, rank),
        rank,
        middle,
        np.vstack([nodes, outside.point]) - middle,
        closed,
        gradients,
    )


def _network(frame: Frame, values: np.ndarray) -> Network:
    """The network of the P1 function with nodal values (n, m)."""
    nets = [_network_of(frame, column) for column in values.T]
    return nets[0] if len(nets) == 1 else parallel(*nets)


def _network_of(frame: Frame, values: np.ndarray) -> Network:
    """The network of one function, of nodal values (n,)."""
    pieces = pieces_of(frame, values)
    folded = fold(combination(frame.fans, pieces))
    pairs, sides = _neurons(folded, len(pieces.slopes))
    affine = np.column_stack([pieces.slopes, pieces.constants])
    steps, d, count = affine[pairs[:, 1]] - affine[pairs[:, 0]], frame.nodes.shape[1], len(pairs)
    normals = np.vstack([steps[:, :d], np.eye(d), -np.eye(d)])
    first = Affine(normals, np.r_[steps[:, d], np.zeros(2 * d)] - normals @ frame.middle)
    lower, upper = sides
    unit = upper.pair >= 0
    units = _units(count, [side.pair[unit] for side in sides], [side.sign[unit] for side in sides],
                   (affine[upper.label] - affine[lower.label])[unit])  # fmt: skip
    coefficient, alone = folded.coefficient, lower.pair >= 0
    weight = (coefficient * lower.sign)[alone]
    direct = np.bincount(lower.pair[alone], weight, minlength=count)
    *slope, constant = coefficient @ affine[lower.label]
    direct = np.r_[direct, slope, np.negative(slope)]
    both = Affine(np.stack([direct, -direct]), np.array([constant, -constant]))
    last = Affine(np.r_[coefficient[unit], 1.0, -1.0][None], np.zeros(1))
    return Network((first, Stack((units, both)), last), RELUS)


def _units(
    count: int, pairs: list[np.ndarray], signs: list[np.ndarray], affine: np.ndarray
) -> SparseAffine:
    """Rows upper - lower + an affine function (u, d+1) over (pairs, x_+, x_-), one per neuron."""
    u, d = affine.shape[0], affine.shape[1] - 1
    (lower, upper), (lower_sign, upper_sign) = pairs, signs
    carriers = np.broadcast_to(count + np.arange(2 * d), (u, 2 * d))
    columns = np.column_stack([upper, lower, carriers]).astype(np.int32)
    there = np.where(lower >= 0, -lower_sign, 0.0)
    weight = np.column_stack([upper_sign, there, affine[:, :d], -affine[:, :d]])
    return SparseAffine(columns, weight, affine[:, d], count + 2 * d)


def _neurons(folded: Folded, n: int) -> tuple[np.ndarray, tuple[_Side, _Side]]:
    """How maxima of n pieces share the neurons of the first layer.

    Returns:
      The pairs (i, j) of the neurons relu(l_j - l_i), (p, 2), and the two sides of each maximum,
      lower and upper: it is lower + relu(upper - lower), where upper has a neuron.
    """
    labels, size = folded.labels, sizes(folded.labels)
    least = folded.minimum[:, 0] | folded.minimum[:, 1]
    ways = np.take_along_axis(labels[:, None], WAYS[size - 1], axis=2).reshape(-1, 3, 2, 2)
    single = ways[..., 0] == ways[..., 1]
    keys = ways[..., 0].astype(np.int64) * n + ways[..., 1]
    keys, pair, worth = np.unique(keys, return_inverse=True, return_counts=True)
    pair, chosen = pair.reshape(single.shape), np.zeros(len(labels), int)
    for group in (size == 2, least, (size == 4) & ~least, (size == 3) & ~least):
        rows = np.flatnonzero(group)
        gain = np.where(single[rows], 0, worth[pair[rows]]).sum(axis=2)
        chosen[rows] = np.where(least[rows], 0, gain.argmax(axis=1))
        worth[pair[rows, chosen[rows]]] += worth.size * len(labels)
    every = np.arange(len(labels))
    pair, single, ends = (part[every, chosen] for part in (pair, single, ways))
    used, row = np.unique(pair[~single], return_inverse=True)
    place = np.full(pair.shape, -1)
    place[~single] = row
    lower, upper = (
        _Side(
            np.where(folded.minimum[:, i], ends[:, i, 1], ends[:, i, 0]),
            place[:, i],
            np.where(folded.minimum[:, i], -1.0, 1.0),
        )
        for i in range(2)
    )
    return np.stack(np.divmod(keys[used], n), axis=1), (lower, upper)


def pieces_of(frame: Frame, values: np.ndarray) -> Pieces:
    """The pieces of a function with nodal values (n,), by rank; equal ones once."""
    n = len(values)
    beyond = frame.cells[frame.cells[:, -1] == n, :-1]
    values = np.append(values, values[beyond].mean())
    slopes = np.einsum("cki,ck->ci", frame.gradients, values[frame.cells])
    origin = frame.cells[:, 0]
    constants = values[origin] - np.einsum("ci,ci->c", slopes, frame.nodes[origin])
    rows = np.column_stack([slopes, constants])
    scale = np.abs(rows).max(axis=0)
    grid = np.round(rows / np.where(scale > 0, scale, 1.0) / EQUAL)
    by_rank = np.argsort(frame.rank)
    _, first, label = np.unique(grid[by_rank], axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    label, first = np.argsort(order)[label[frame.rank]], by_rank[first[order]]
    return Pieces(label, slopes[first], constants[first], frame.nodes, values)

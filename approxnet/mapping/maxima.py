"""Any P1 function in d <= 3 dimensions: two hidden layers, about 14 neurons per tetrahedron.

By ``combinations`` the function is an integer combination of maxima of at most four of its pieces
l_i. A maximum of two is a neuron of the first layer, one of three or four a neuron of the second:

    max(l_i, l_j) = l_i + relu(l_j - l_i),
    max(l_i, l_j, l_k) = l_i + relu(max(l_j, l_k) - l_i),
    max(l_i, l_j, l_k, l_m) = max(l_i, l_j) + relu(max(l_k, l_m) - max(l_i, l_j)).

Maxima share the neurons of the first layer: those that stand alone are there in any case, the
others are chosen so that many need the same. The positive and negative parts of x and of the affine
part add 2 d and 2 neurons, and the network is exact in R^d: 0 outside of the mesh if the values are
0 on the boundary, else constant in shape along the rays from a point that sees the whole boundary.

The values decide which maxima occur; ``size`` counts all that may. On random meshes, random values
take 4 and 10.5 neurons per tetrahedron in the two layers, smooth functions 16 in all; on Kuhn's
box it is 9, and less where cells have equal pieces. A triangle takes 3.6.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np

from approxnet.fem.geometry import barycentric_gradients, boundary_nodes
from approxnet.fem.mesh import SimplexMesh
from approxnet.mapping import barrier, exterior
from approxnet.mapping.basis import Plan, fixed
from approxnet.mapping.combinations import Fans, Pieces, combination, fans, possible
from approxnet.mapping.faces import faces
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


class _Frame(NamedTuple):
    """The closed mesh: its fans, nodes about the middle, cells and barycentric gradients."""

    fans: Fans
    middle: np.ndarray
    nodes: np.ndarray
    cells: np.ndarray
    gradients: np.ndarray


def plan(mesh: SimplexMesh, kept: np.ndarray) -> Plan:
    """A bound on the widths; see ``_beside_barrier`` for meshes that are not star-shaped."""
    outside = exterior.conic(mesh) if kept.all() else exterior.vanishing(mesh)
    if outside is None:
        return _beside_barrier(mesh)
    frame = _frame(mesh, outside)
    count = np.bincount(_sizes(possible(frame.fans)), minlength=5)
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


def _frame(mesh: SimplexMesh, outside: exterior.Exterior) -> _Frame:
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
    order = np.lexsort((-around, np.arange(len(closed)) < c))
    return _Frame(
        fans(all_faces, inner, np.argsort(order)),
        middle,
        np.vstack([nodes, outside.point]) - middle,
        closed,
        gradients,
    )


def _network(frame: _Frame, values: np.ndarray) -> Network:
    """The network of the P1 function with nodal values (n, m)."""
    nets = [_network_of(frame, column) for column in values.T]
    return nets[0] if len(nets) == 1 else parallel(*nets)


def _network_of(frame: _Frame, values: np.ndarray) -> Network:
    """The network of one function, of nodal values (n,)."""
    pieces = _pieces(frame, values)
    maxima = combination(frame.fans, pieces)
    pairs, lower, upper, base, other = _neurons(maxima.labels, len(pieces.slopes))
    affine = np.column_stack([pieces.slopes, pieces.constants])
    steps, d, count = affine[pairs[:, 1]] - affine[pairs[:, 0]], frame.nodes.shape[1], len(pairs)
    normals = np.vstack([steps[:, :d], np.eye(d), -np.eye(d)])
    first = Affine(normals, np.r_[steps[:, d], np.zeros(2 * d)] - normals @ frame.middle)
    unit = upper >= 0
    units = _units(count, lower[unit], upper[unit], (affine[other] - affine[base])[unit])
    coefficient, alone = maxima.coefficient, lower >= 0
    direct = np.bincount(lower[alone], coefficient[alone], minlength=count)
    *slope, constant = coefficient @ affine[base]
    direct = np.r_[direct, slope, np.negative(slope)]
    both = Affine(np.stack([direct, -direct]), np.array([constant, -constant]))
    last = Affine(np.r_[coefficient[unit], 1.0, -1.0][None], np.zeros(1))
    return Network((first, Stack((units, both)), last), RELUS)


def _units(count: int, lower: np.ndarray, upper: np.ndarray, affine: np.ndarray) -> SparseAffine:
    """Rows relu(upper) - relu(lower) + an affine function (u, d+1) over (pairs, x_+, x_-)."""
    u, d = affine.shape[0], affine.shape[1] - 1
    carriers = np.broadcast_to(count + np.arange(2 * d), (u, 2 * d))
    columns = np.column_stack([upper, lower, carriers]).astype(np.int32)
    difference = np.column_stack([np.ones(u), np.where(lower >= 0, -1.0, 0.0)])
    weight = np.column_stack([difference, affine[:, :d], -affine[:, :d]])
    return SparseAffine(columns, weight, affine[:, d], count + 2 * d)


def _neurons(labels: np.ndarray, n: int) -> tuple[np.ndarray, ...]:
    """How maxima of n pieces, labels (t, d+1), share the neurons of the first layer.

    Returns:
      The pairs (i, j) of the neurons relu(l_j - l_i), (p, 2); and for each maximum

          max = l_base + relu(lower) + relu(l_other + relu(upper) - l_base - relu(lower)):

      lower and upper, each (t,), are rows of pairs or -1 for 0, and upper = -1 means that there
      is no second relu; base and other, (t,), are labels.
    """
    labels = np.pad(labels, ((0, 0), (4 - labels.shape[1], 0)), mode="edge")
    size = _sizes(labels)
    ways = np.take_along_axis(labels[:, None], WAYS[size - 1], axis=2).reshape(-1, 3, 2, 2)
    single = ways[..., 0] == ways[..., 1]
    keys = ways[..., 0].astype(np.int64) * n + ways[..., 1]
    keys, pair, worth = np.unique(keys, return_inverse=True, return_counts=True)
    pair, chosen = pair.reshape(single.shape), np.zeros(len(labels), int)
    for j in (2, 4, 3):
        rows = np.flatnonzero(size == j)
        chosen[rows] = np.where(single[rows], 0, worth[pair[rows]]).sum(axis=2).argmax(axis=1)
        worth[pair[rows, chosen[rows]]] += worth.size * len(labels)
    every = np.arange(len(labels))
    pair, single, first = (part[every, chosen] for part in (pair, single, ways[..., 0]))
    used, row = np.unique(pair[~single], return_inverse=True)
    place = np.full(pair.shape, -1)
    place[~single] = row
    return np.stack(np.divmod(keys[used], n), axis=1), *place.T, *first.T


def _pieces(frame: _Frame, values: np.ndarray) -> Pieces:
    """The pieces of a function with nodal values (n,); equal ones once."""
    n = len(values)
    beyond = frame.cells[frame.cells[:, -1] == n, :-1]
    values = np.append(values, values[beyond].mean())
    sign = np.where(np.arange(n + 1) < n, 1.0, -1.0)
    slopes = np.einsum("cki,ck->ci", frame.gradients, values[frame.cells])
    origin = frame.cells[:, 0]
    constants = values[origin] - np.einsum("ci,ci->c", slopes, frame.nodes[origin])
    rows = np.column_stack([slopes, constants])
    scale = np.abs(rows).max(axis=0)
    grid = np.round(rows / np.where(scale > 0, scale, 1.0) / EQUAL)
    _, first, label = np.unique(grid, axis=0, return_index=True, return_inverse=True)
    return Pieces(label, slopes[first], constants[first], frame.nodes, values, sign)


def _sizes(labels: np.ndarray) -> np.ndarray:
    """How many different labels there are in rows in increasing order."""
    return 1 + (labels[:, 1:] > labels[:, :-1]).sum(axis=1)

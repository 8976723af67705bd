"""Features of a plane mesh: tripods, one at each node on each line of its edges.

Let f be P1 and 0 outside the triangulation (f = 0 on the boundary; otherwise a collar of triangles
around the mesh carries f down to 0 at four far nodes). The kinks of f are segments, and a segment
is a difference of two rays along the same direction r_e:

    D^2 f = sum_e a_e (ray(tail_e, r_e) - ray(head_e, r_e)),

so node v carries rays r_e with weights w_e = +-a_e, and sum_e w_e r_e = 0 at every v because f is
single-valued. A ray alone is not the kink of a function, but with three directions d_1, d_2, d_3
at 120 degrees, -r = s_alpha d_alpha + s_beta d_beta with s >= 0 for two of them, and

    T_{v,r}(x) = max(0, g_A . (x - v), g_B . (x - v)),    g_A = -s_P rot(d_P),  g_B = s_Q rot(d_Q),

has exactly the kinks r, s_alpha d_alpha, s_beta d_beta (P, Q follow r counter-clockwise). The
surplus on d_1, d_2, d_3 at v is the same number S_v on each, because it is balanced too, and one
more tripod (d_1, d_2, d_3) removes it. Choosing d_1 as one of the r_e makes this tripod T_{v,d_1}
itself. Hence

    f = affine + sum_v sum_e (w_e - [r_e = d_1] S_v) T_{v,r_e},    S_v = sum_e s_{e,1} w_e,

T = relu(g_B . (x - v) + relu(n_e . x - b_e)): the inner neuron is the line of the edge, shared by
its two ends and by all collinear edges. With e edges on l lines there are at most 2 e tripods and
the widths are (l + 4, 2 e + 4), about 1.5 and 3 per triangle; the features depend on the mesh
alone, the output weights are linear in the values, and the network is exact in the whole plane.
The four neurons relu(+-x_i) carry the affine part through both layers.

A decomposition by tangent cones (Brianchon-Gram) proves the same; rays need no edge terms.
"""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

import numpy as np
import scipy.sparse

from approxnet.fem.mesh import SimplexMesh
from approxnet.mapping import planar
from approxnet.mapping.basis import Features, Plan
from approxnet.mapping.filling import fill
from approxnet.mapping.planar import Edges, Lines
from approxnet.relu.layers import Affine, SparseAffine

CARRIERS = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])


def _collar(mesh: SimplexMesh) -> SimplexMesh:
    """The mesh with its holes, pockets and the way to four far nodes filled."""
    lower, upper = np.asarray(mesh.nodes).min(axis=0), np.asarray(mesh.nodes).max(axis=0)
    margin = (upper - lower).max() / 2
    (left, bottom), (right, top) = lower - margin, upper + margin
    return fill(mesh, np.array([[left, bottom], [right, bottom], [right, top], [left, top]]))


class _Pairs(NamedTuple):
    """The distinct pairs of a node and a line through it.

    ``of_end`` numbers them for the ends of the edges, tails first. The last n pairs belong to the
    nodes 0, ..., n-1 in turn, and their rays are the directions d_1.
    """

    node: np.ndarray
    line: np.ndarray
    of_end: np.ndarray


def _pairs(edges: Edges, n: int) -> _Pairs:
    keys, of_end = np.unique((edges.line[:, None] * n + edges.ends).T, return_inverse=True)
    node, line = keys % n, keys // n
    chosen = np.zeros(n, int)
    chosen[node] = np.arange(len(node))
    order = np.r_[np.delete(np.arange(len(node)), chosen), chosen]
    place = np.empty(len(order), int)
    place[order] = np.arange(len(order))
    return _Pairs(node[order], line[order], place[of_end.ravel()])


def plan(mesh: SimplexMesh, kept: np.ndarray) -> Plan:
    """Lines and four, pairs of a node and a line and four; a collar if boundary nodes are kept."""
    whole = _collar(mesh) if kept.all() else mesh
    edges, lines = planar.edges_and_lines(whole, boundary=True)
    pairs = _pairs(edges, len(whole.nodes))
    widths = (len(lines.offsets) + 4, len(pairs.node) + 4)
    return Plan(widths, partial(_features, whole, edges, lines, pairs, len(mesh.nodes)))


def _features(whole: SimplexMesh, edges: Edges, lines: Lines, pairs: _Pairs, n: int) -> Features:
    """The tripods, those with direction d_1 last, and the weights that n nodal values give them."""
    nodes = np.asarray(whole.nodes)
    others = len(pairs.node) - len(nodes)
    normal = lines.normals[pairs.line]
    ray = -planar.rotate(normal)
    slope, share = _tripods(ray, ray[others:][pairs.node])
    middle = (nodes.min(axis=0) + nodes.max(axis=0)) / 2
    apex = nodes[pairs.node] - middle

    weights = _weights(planar.jump_matrix(whole, edges, lines)[:, :n], pairs, share, others)
    affine = -_far_pieces(slope, normal, apex) @ weights
    carried = np.stack([affine[0], -affine[0], affine[1], -affine[1], affine[2]])
    blocks = (weights[:others], weights[others:], scipy.sparse.csr_array(carried))
    return Features(_layers(lines, slope, apex, pairs.line, middle), blocks)


def _tripods(ray: np.ndarray, axis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For rays r and axes d_1, (p, 2): the slopes g_B, (p, 2), and the shares s_1 on d_1, (p,)."""
    third = 2 * math.pi / 3
    start = np.arctan2(axis[:, 1], axis[:, 0])
    turn = np.mod(np.arctan2(-ray[:, 1], -ray[:, 0]) - start, 2 * math.pi)
    sector = np.minimum(turn // third, 2)
    angle = turn - sector * third
    s_alpha, s_beta = np.sin([third - angle, angle]) / math.sin(third)
    beta = start + (sector + 1) * third
    slope = s_beta[:, None] * planar.rotate(np.stack([np.cos(beta), np.sin(beta)], axis=1))
    return slope, np.where(sector == 0, s_alpha, np.where(sector == 2, s_beta, 0.0))


def _weights(
    jumps: scipy.sparse.csr_array, pairs: _Pairs, share: np.ndarray, others: int
) -> scipy.sparse.csr_array:
    """The sparse map, (pairs, n), from values to sum w_e, less S_v where the ray is d_1."""
    tail, head = np.split(pairs.of_end, 2)
    edge, row = np.tile(np.arange(len(tail)), 2), np.r_[tail, head]
    sign = np.repeat([1.0, -1.0], len(tail))
    shape = (len(pairs.node), len(tail))
    total = scipy.sparse.csr_array((sign, (row, edge)), shape)
    aligned = others + pairs.node[row]
    surplus = scipy.sparse.csr_array((sign * share[row], (aligned, edge)), shape)
    return (total - surplus) @ jumps


def _far_pieces(slope: np.ndarray, normal: np.ndarray, apex: np.ndarray) -> np.ndarray:
    """The affine pieces (gradient, constant), (3, p), of the tripods far away, where f is 0."""
    far = np.array([math.cos(0.7123), math.sin(0.7123)])
    gradient = slope + (normal @ far > 0)[:, None] * normal
    gradient = gradient * (gradient @ far > 0)[:, None]
    return np.vstack([gradient.T, -np.einsum("pi,pi->p", gradient, apex)])


def _layers(
    lines: Lines, slope: np.ndarray, apex: np.ndarray, line: np.ndarray, middle: np.ndarray
) -> tuple[Affine, SparseAffine]:
    """The hidden layers: lines and carriers, tripods and carriers."""
    count, tripods = len(lines.offsets), len(line)
    first = Affine(np.vstack([lines.normals, CARRIERS]), np.r_[-lines.offsets, -CARRIERS @ middle])
    columns = np.full((tripods + 4, 5), -1, np.int32)
    weight = np.zeros(columns.shape)
    columns[:tripods, 0], weight[:tripods, 0] = line, 1.0
    columns[:tripods, 1:] = count + np.arange(4)
    weight[:tripods, 1::2], weight[:tripods, 2::2] = slope, -slope
    columns[tripods:, 0], weight[tripods:, 0] = count + np.arange(4), 1.0
    bias = np.zeros(tripods + 4)
    bias[:tripods] = -np.einsum("pi,pi->p", slope, apex)
    return first, SparseAffine(columns, weight, bias, count + 4)

"""On any conforming mesh, in any dimension, a hat function is a maximum of minima.

Let lambda_{T,v} be the barycentric coordinates of the cell T, continued to R^d, and
g_T = lambda_{T,p} for the node p. Then

    phi_p = max(0, max_{T in star(p)} min_{v in T, v != p} min(g_T, g_T + M_T lambda_{T,v})).

The barrier M_T lambda_{T,v} is not negative in T, where the inner minimum is g_T. Beyond the
facets of T at p, where b_T = max_{v != p} (-lambda_{T,v})_+ is positive, it pushes the minimum
below the true value, which for an element T' with p and one without p means

    g_T - g_T' <= M_T b_T   in the cone of T' at p,        g_T <= M_T b_T   in T'.

Both sides are positively homogeneous. A cell T' other than T has, with its vertices q other than p,

    M_T >= max { sum_q t_q g_T(q)  :  t >= 0,  -sum_q t_q lambda_{T,v}(q) <= 1 for all v != p }

(the point x = p + sum_q t_q (q - p) of the cone in the first case, the points t_q / sum t of T' in
the second), a linear program that is bounded because T' meets T in a common face. At an inner node
the cones of the star cover R^d, so that its own cells are enough and phi_p is exact in R^d; at a
boundary node all cells of the mesh are asked, and phi_p is exact on the mesh.

Many programs are settled by bounds: one t_q alone bounds the maximum from below, one multiplier for
one v alone from above. The others are solved together, node by node. A node whose patch has k
cells asks for k^2 programs inside and k c at the boundary of a mesh with c cells: about a second
for 1,000 tetrahedra, four for 2,400. Functions that vanish on the boundary need the former alone.

Hidden layers: ceil(log2(d + 1)) + ceil(log2(k + 1)); the size is linear in the number of cells.
A large M_T (thin cells, re-entrant patches) costs M_T eps of precision.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import scipy.optimize
import scipy.sparse

from approxnet.errors import AssumptionError
from approxnet.fem.geometry import boundary_nodes
from approxnet.fem.mesh import SimplexMesh
from approxnet.mapping import hats
from approxnet.mapping.basis import Features, Plan
from approxnet.mapping.hats import Stars
from approxnet.relu.maxima import MAX, MIN, Round, rounds

# Any larger M_T serves as well; this covers the tolerance of the linear programs.
SLACK = 1e-6


def plan(mesh: SimplexMesh, kept: np.ndarray) -> Plan:
    """A minimum of d + 1 for every cell and kept node of it, a maximum for every kept node."""
    star = hats.stars(mesh, kept)
    leaves = np.full(len(star.cell), np.shape(mesh.cells)[1])
    forest = [
        *rounds(leaves, hats.levels(leaves), MIN, positive=True),
        *rounds(star.counts, hats.levels(star.counts + 1), MAX, positive=True),
    ]
    return Plan(tuple(r.width for r in forest), partial(_features, mesh, star, forest, kept))


def _features(mesh: SimplexMesh, star: Stars, forest: list[Round], kept: np.ndarray) -> Features:
    """The leaves g_T and g_T + M_T lambda_{T,v}, g_T at the place of p, and their trees."""
    gradients, constants = hats.barycentric(mesh)
    d = gradients.shape[2]
    other = np.arange(d + 1) != star.corner[:, None]
    factor = barriers(mesh, star)[:, None] * other
    own = star.cell, star.corner
    weight = gradients[own][:, None] + factor[..., None] * gradients[star.cell]
    bias = constants[own][:, None] + factor * constants[star.cell]
    return hats.features(weight.reshape(-1, d), bias.reshape(-1), forest, kept)


def barriers(mesh: SimplexMesh, star: Stars) -> np.ndarray:
    """(s,), a number M_T for every cell of every star."""
    cells = np.asarray(mesh.cells)
    on_boundary = np.isin(star.node, boundary_nodes(mesh))
    ends = np.cumsum(star.counts)
    coordinates = hats.barycentric(mesh)
    height = np.empty(len(star.node))
    for start, end in zip(ends - star.counts, ends, strict=True):
        mine = star.cell[start:end]
        asked = np.arange(len(cells)) if on_boundary[start] else mine
        p, gradients, constants = int(star.node[start]), *(part[mine] for part in coordinates)
        values = _values(mesh, p, mine, asked, gradients, constants)
        height[start:end] = _heights(p, cells[mine] == p, values)
    return (1 + SLACK) * height


def _heights(p: int, is_p: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The least M_T, (T,), from lambda_{T,v}(q), (T, v, T', q), and where v = p, (T, v)."""
    gain = values[is_p]
    cost = -values[~is_p].reshape(len(is_p), -1, *gain.shape[1:]).transpose(0, 2, 1, 3)
    lower = _lower(gain, cost).max(axis=1)
    pairs = np.nonzero((gain > 0).any(axis=2) & (_upper(gain, cost) > lower[:, None]))
    np.maximum.at(lower, pairs[0], _solve(p, gain[pairs], cost[pairs]))
    return lower


def _values(
    mesh: SimplexMesh,
    p: int,
    mine: np.ndarray,
    asked: np.ndarray,
    gradients: np.ndarray,
    constants: np.ndarray,
) -> np.ndarray:
    """lambda_{T,v}(q), (T, v, T', q): 0 or 1 at the vertices of T, 0 within rounding and at p."""
    nodes, cells = np.asarray(mesh.nodes), np.asarray(mesh.cells)
    limit = hats.rounding(mesh, gradients)[:, :, None, None]
    values = np.einsum("Tvi,tqi->Tvtq", gradients, nodes[cells[asked]])
    values += constants[:, :, None, None]
    same = cells[mine][:, :, None, None] == cells[asked]
    values = np.where(same.any(axis=1, keepdims=True), same, values)
    return np.where((np.abs(values) <= limit) | (cells[asked] == p), 0.0, values)


def _lower(gain: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Lower bounds of max { gain . t : t >= 0, cost t <= 1 }: one t_q alone is not zero."""
    steepest = cost.max(axis=-2)
    rises = (gain > 0) & (steepest > 0)
    return np.where(rises, gain / np.where(rises, steepest, 1.0), 0.0).max(axis=-1)


def _upper(gain: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Upper bounds, infinite where it needs more: one multiplier y >= 0 with y cost_v >= gain."""
    gain = gain[..., None, :]
    ratio = np.divide(gain, cost, where=cost != 0, out=np.zeros_like(cost))
    least = np.where(cost > 0, ratio, 0.0).max(axis=-1)
    most = np.where(cost < 0, ratio, np.inf).min(axis=-1)
    fits = (least <= most) & ~((cost == 0) & (gain > 0)).any(axis=-1)
    return np.where(fits, np.maximum(least, 0.0), np.inf).min(axis=-1)


def _solve(p: int, gain: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """The (n,) numbers max { gain . t : t >= 0, cost t <= 1 } for (n, q) and (n, v, q)."""
    n, v, q = cost.shape
    if n == 0:
        return np.empty(0)
    row = np.arange(n * v).reshape(n, v, 1) + np.zeros((1, 1, q), int)
    column = np.arange(n * q).reshape(n, 1, q) + np.zeros((1, v, 1), int)
    blocks = (cost.ravel(), (row.ravel(), column.ravel()))
    matrix = scipy.sparse.csr_array(scipy.sparse.coo_array(blocks, shape=(n * v, n * q)))
    result = scipy.optimize.linprog(-gain.ravel(), A_ub=matrix, b_ub=np.ones(n * v))
    if result.status != 0:
        raise AssumptionError(
            f"barrier needs cells that meet in common faces, but around node {p} they do not "
            f"within rounding: {result.message}"
        )
    return (gain * result.x.reshape(n, q)).sum(axis=1)

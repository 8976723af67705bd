"""Any P1 function in the plane: two hidden layers, k_v - 2 neurons per inner node of degree k_v.

Let the triangulation cover a convex set (holes and pockets are filled without new nodes). Near a
node v, f is affine on each of the k sectors between the edges; let G_j be the gradient of sector j
minus that of sector 0, so G_0 = G_k = 0 and G_j - G_{j-1} is the jump a_j rot(r_j) over ray j.
The units

    U_j(x) = pi_j max(0, s_j G_j . y, s_j G_{j+1} . y),    y = x - v,    j = 1, ..., k - 2,
    pi_j = (-1)^j,    s_j = pi_j sign det(G_j, G_{j+1})

continue the two sectors beside one real edge. The kinks of U_j lie on three rays, with the jump
vectors G_j, G_{j+1} - G_j and -G_{j+1}, and all have the sign pi_j; since the sign alternates, the
kinks with G_2, ..., G_{k-2}, which are no edges of f, cancel between neighbours. What is left is
the jump a_j on ray j where a_j has the sign pi_j of its unit, and -a_j on the opposite ray where
it has not. The difference is a whole line, a_j relu(n_j . y), and costs nothing, because every
edge has its line in the first layer anyway:

    f = affine + sum_v sum_j U_{v,j} + sum_e c_e relu(n_e . x - b_e),
    c_e = a_e (#mismatches at the inner ends of e + 1 - #inner ends).

Indeed a segment is the sum of the two rays that leave its ends towards each other, minus the line;
an end on the hull needs no ray, because a ray that passes it leaves the domain. Inside
a unit, max(s G_j . y, s G_{j+1} . y) = w . y + |a| relu(n . x - b) with w one of the two gradients:
one neuron of each layer. With inner edges on l lines the widths are (l + 2, sum_v (k_v - 2) + 2),
about 1.5 and 2 per triangle, and the network is exact in the convex hull of the mesh. The two
extra neurons of the first layer carry x, those of the second the affine part and the lines.

Zanotti, arXiv:2503.13001, proves that two hidden layers and O(triangles) neurons suffice.
"""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

import numpy as np

from approxnet.fem.mesh import SimplexMesh
from approxnet.mapping import planar
from approxnet.mapping.basis import Plan
from approxnet.mapping.filling import boundary_edges, fill
from approxnet.mapping.planar import Edges, Lines, Rays
from approxnet.relu.layers import Affine, BlockDiagonal, SparseAffine, Stack
from approxnet.relu.network import Network

RELUS = ("relu", "relu")


class _Frame(NamedTuple):
    """What the mesh fixes: it filled up to its hull, inner edges, their lines, inner rays."""

    hull: SimplexMesh
    edges: Edges
    lines: Lines
    rays: Rays
    lower: np.ndarray


def plan(mesh: SimplexMesh, kept: np.ndarray) -> Plan:
    """Lines and two, units and two; ``kept`` makes no difference."""
    hull = fill(mesh)
    edges, lines = planar.edges_and_lines(hull, boundary=False)
    inner = np.full(len(hull.nodes), True)
    inner[boundary_edges(hull)] = False
    rays = planar.rays(hull, edges, inner)
    frame = _Frame(hull, edges, lines, rays, np.asarray(hull.nodes).min(axis=0))
    widths = (len(lines.offsets) + 2, int(_is_unit(rays).sum()) + 2)
    return Plan(widths, network=partial(_network, frame))


def _is_unit(rays: Rays) -> np.ndarray:
    """Whether a ray is the real edge of a unit: all but the first and last ray of a node."""
    return (rays.position > 0) & (rays.position < rays.degree - 1)


def _network(frame: _Frame, values: np.ndarray) -> Network:
    """The network of the P1 function with nodal values (n, m), exact in the hull of the mesh."""
    lines = frame.lines
    first = Affine(np.vstack([lines.normals, np.eye(2)]), -np.r_[lines.offsets, frame.lower])
    columns = [_Column.of(frame, column) for column in values.T]
    second = Stack(tuple(part for c in columns for part in (c.units, c.direct) if part.n_out))
    last = tuple(Affine(np.r_[c.polarity, 1.0, -1.0][None], np.zeros(1)) for c in columns)
    return Network((first, second, last[0] if len(last) == 1 else BlockDiagonal(last)), RELUS)


class _Column(NamedTuple):
    """The second layer of one function: its units with their signs, and +-(affine part, lines)."""

    units: SparseAffine
    polarity: np.ndarray
    direct: Affine

    @classmethod
    def of(cls, frame: _Frame, values: np.ndarray) -> _Column:
        hull, edges, lines, rays, lower = frame
        gradients = np.einsum(
            "cki,ck->ci", planar.hat_gradients(hull), values[np.asarray(hull.cells)]
        )
        normals = lines.normals[edges.line]
        step = gradients[edges.left] - gradients[edges.right]
        jumps = np.einsum("ei,ei->e", step, normals)
        units, polarity = _units(frame, gradients, jumps)
        on_lines = _line_coefficients(edges, lines, rays, jumps)
        centre, gradient, value = _reference(hull, gradients, values)
        slope, height = _germ(lines, units, polarity, on_lines, centre, lower)
        affine = gradient - slope
        constant = value - height - affine @ (centre - lower)
        direct = np.r_[on_lines, affine]
        pair = Affine(np.stack([direct, -direct]), np.array([constant, -constant]))
        return cls(units, polarity, pair)


def _units(
    frame: _Frame, gradients: np.ndarray, jumps: np.ndarray
) -> tuple[SparseAffine, np.ndarray]:
    """The units U_j of all inner nodes as rows over (lines, x - lower), and their signs pi_j."""
    hull, edges, lines, rays, lower = frame
    sector = gradients[rays.left]
    sector = sector - sector[np.arange(len(sector)) - rays.position + rays.degree - 1]
    unit = np.flatnonzero(_is_unit(rays))
    before, after, edge = sector[unit - 1], sector[unit], rays.edge[unit]
    polarity = _polarity(rays.position[unit])
    s = polarity * np.where(planar.cross(before, after) < 0, -1.0, 1.0)
    rises = s * rays.sign[unit] * jumps[edge] >= 0
    slope = s[:, None] * np.where(rises[:, None], before, after)
    bias = -np.einsum("ui,ui->u", slope, np.asarray(hull.nodes)[rays.node[unit]] - lower)
    count = len(lines.offsets)
    columns = np.empty((len(unit), 3), np.int32)
    columns[:, 0], columns[:, 1:] = edges.line[edge], [count, count + 1]
    weight = np.column_stack([np.abs(jumps[edge]), slope])
    return SparseAffine(columns, weight, bias, count + 2), polarity


def _polarity(j: np.ndarray) -> np.ndarray:
    """The sign pi_j = (-1)^j."""
    return np.where(j % 2, -1.0, 1.0)


def _line_coefficients(edges: Edges, lines: Lines, rays: Rays, jumps: np.ndarray) -> np.ndarray:
    """The sum of the c_e on every line."""
    unit = np.clip(rays.position, 1, rays.degree - 2)
    mismatch = jumps[rays.edge] * _polarity(unit) < 0
    whole = 1 + np.bincount(rays.edge, weights=mismatch - 1.0, minlength=len(jumps))
    return np.bincount(edges.line, weights=jumps * whole, minlength=len(lines.offsets))


def _reference(
    hull: SimplexMesh, gradients: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """A point in general position near the middle, with the gradient and value of f there."""
    corners = np.asarray(hull.nodes)[np.asarray(hull.cells)]
    middle = (corners.min(axis=(0, 1)) + corners.max(axis=(0, 1))) / 2
    cell = int(np.argmin(((corners.mean(axis=1) - middle) ** 2).sum(axis=1)))
    weights = np.array([1.0, math.sqrt(2), math.sqrt(3)])
    weights /= weights.sum()
    value = weights @ values[np.asarray(hull.cells)[cell]]
    return weights @ corners[cell], gradients[cell], float(value)


def _germ(
    lines: Lines,
    units: SparseAffine,
    polarity: np.ndarray,
    on_lines: np.ndarray,
    x: np.ndarray,
    lower: np.ndarray,
) -> tuple[np.ndarray, float]:
    """The gradient and the value at x of the units and lines together."""
    height = lines.normals @ x - lines.offsets
    slopes = (height > 0)[:, None] * lines.normals
    height = np.maximum(height, 0.0)
    kink, slope, line = units.weight[:, 0], units.weight[:, 1:], units.columns[:, 0]
    inner = kink * height[line] + slope @ (x - lower) + units.bias
    sign = polarity * (inner > 0)
    gradient = on_lines @ slopes + sign @ (slope + kink[:, None] * slopes[line])
    return gradient, float(on_lines @ height + sign @ inner)

"""On a three-direction mesh the hat functions are the second hidden layer.

The nodes are points x_0 + i p + j q of a lattice, and every edge is +-p, +-q or +-(p + q): uniform
rectangular grids with either diagonal, sheared or equilateral ones, and any part of them. In the
lattice coordinates (s, t) of x, relative to a node, the hat function of the node is

    phi = relu(1 - max(|s|, |t|, |s - t|)) = relu(1 - relu(-s) - relu(t) - relu(s - t)),

because the three numbers -s, t, s - t add up to zero, so that their positive parts sum to the
largest modulus. One neuron of the second layer is one hat function, with weights -1 and bias 1;
the first layer has one neuron per lattice line in each of the three directions: for n x n nodes
widths (4n - 1, n^2). The network is exact in the whole plane, with the hats of boundary nodes
continued as whole hats.

He, Li and Xu, Comput. Math. Appl. 120 (2022), use 15 neurons per node in each layer.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import scipy.sparse

from approxnet.errors import AssumptionError
from approxnet.fem.mesh import SimplexMesh
from approxnet.mapping.basis import Features, Plan
from approxnet.relu.layers import Affine, SparseAffine


class Lattice(NamedTuple):
    """The lattice coordinates (n, 2) of the nodes, and the map x -> matrix (x - origin) to them."""

    nodes: np.ndarray
    matrix: np.ndarray
    origin: np.ndarray


def lattice(mesh: SimplexMesh) -> Lattice:
    """The lattice of a three-direction mesh.

    Raises:
      AssumptionError: if an edge has another direction or length; names it.
    """
    nodes, cells = np.asarray(mesh.nodes), np.asarray(mesh.cells)
    corners = nodes[cells]
    p, q = corners[0, 1] - corners[0, 0], corners[0, 2] - corners[0, 1]
    matrix = np.linalg.inv(np.stack([p, q], axis=1))
    steps = (np.roll(corners, -1, axis=1) - corners) @ matrix.T
    whole = np.round(steps)
    tolerance = 64 * np.finfo(float).eps * np.abs(nodes).max() * np.abs(matrix).sum()
    allowed = (np.abs(whole) <= 1).all(axis=-1) & (whole[..., 0] * whole[..., 1] >= 0)
    bad = np.argwhere(~allowed | (np.abs(steps - whole).max(axis=-1) > tolerance))
    if len(bad):
        c, i = bad[0]
        raise AssumptionError(
            f"uniform needs a mesh with edges {p}, {q} and {p + q} alone, got "
            f"{corners[c, (i + 1) % 3] - corners[c, i]} in cell {c}; use tripod or polygon"
        )
    origin = nodes[cells[0, 0]]
    return Lattice(np.round((nodes - origin) @ matrix.T).astype(int), matrix, origin)


def plan(mesh: SimplexMesh, kept: np.ndarray) -> Plan:
    """The hat functions of the kept nodes, (n,) bool; widths: their lattice lines, and they."""
    grid = lattice(mesh)
    lines = sum(len(np.unique(numbers)) for numbers in _families(grid.nodes[kept]))
    return Plan((lines, int(kept.sum())), partial(_features, grid, kept))


def _families(ij: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The numbers of the three lattice lines, -s, t, s - t = const, through each node."""
    return -ij[:, 0], ij[:, 1], ij[:, 0] - ij[:, 1]


def _features(grid: Lattice, kept: np.ndarray) -> Features:
    normals = np.stack([-grid.matrix[0], grid.matrix[1], grid.matrix[0] - grid.matrix[1]])
    weights, biases, columns, width = [], [], [], 0
    for normal, numbers in zip(normals, _families(grid.nodes[kept]), strict=True):
        lines, line = np.unique(numbers, return_inverse=True)
        weights.append(np.broadcast_to(normal, (len(lines), 2)))
        biases.append(-lines - normal @ grid.origin)
        columns.append(width + line)
        width += len(lines)
    read = np.stack(columns, axis=1).astype(np.int32)
    hats = SparseAffine(read, np.full(read.shape, -1.0), np.ones(len(read)), width)
    pick = scipy.sparse.csr_array(scipy.sparse.eye_array(len(kept)))[np.flatnonzero(kept)]
    bias = scipy.sparse.csr_array((1, len(kept)))
    return Features((Affine(np.concatenate(weights), np.concatenate(biases)), hats), (pick, bias))

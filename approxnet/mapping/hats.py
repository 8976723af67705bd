"""Hat functions as positive parts of trees of minima and maxima, in any dimension.

The star of a node p are the cells T that contain it, and g_T is the barycentric coordinate of p in
T, continued to R^d. A hat function built from the g_T and cut off at 0 is a tree
(``approxnet.relu.maxima``) whose leaves are affine functions. All trees of a mesh stand side by
side in sparse layers, shorter ones wait with one neuron per hidden layer, and the read-out takes
nodal values as they are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse

from approxnet.fem.geometry import barycentric_gradients
from approxnet.fem.mesh import SimplexMesh
from approxnet.mapping.basis import Features
from approxnet.relu.layers import Affine, sparse_affine
from approxnet.relu.maxima import Round, chain


class Stars(NamedTuple):
    """The stars of the kept nodes, one after the other.

    Attributes:
      node: (s,), the nodes, in increasing order.
      cell: (s,), a cell with that node.
      corner: (s,), the place of the node in the cell.
      counts: (kept,), the numbers of cells of the kept nodes, at least 1.
    """

    node: np.ndarray
    cell: np.ndarray
    corner: np.ndarray
    counts: np.ndarray


def stars(mesh: SimplexMesh, kept: np.ndarray) -> Stars:
    """The stars of the nodes that are kept, (n,) bool."""
    cells = np.asarray(mesh.cells)
    cell, corner = np.nonzero(kept[cells])
    node = cells[cell, corner]
    order = np.argsort(node, kind="stable")
    counts = np.bincount(node, minlength=len(kept))[kept]
    return Stars(node[order], cell[order], corner[order], counts)


def barycentric(mesh: SimplexMesh) -> tuple[np.ndarray, np.ndarray]:
    """The gradients (c, d+1, d) and constants (c, d+1) of the barycentric coordinates."""
    nodes, cells = np.asarray(mesh.nodes), np.asarray(mesh.cells)
    gradients = barycentric_gradients(nodes, cells)
    return gradients, 1 - np.einsum("cki,cki->ck", gradients, nodes[cells])


def rounding(mesh: SimplexMesh, gradients: np.ndarray) -> np.ndarray:
    """What the rounding of the nodes may do to affine functions with these gradients, (..., d)."""
    extent = np.abs(np.asarray(mesh.nodes)).max()
    return 64 * np.finfo(float).eps * (1 + extent * np.abs(gradients).sum(axis=-1))


def levels(counts: np.ndarray) -> int:
    """ceil(log2 k) for the largest count k; 0 if there is none."""
    return (int(counts.max(initial=1)) - 1).bit_length()


def features(
    weight: np.ndarray, bias: np.ndarray, forest: list[Round], kept: np.ndarray
) -> Features:
    """The trees with leaves weight . x + bias, (l, d) and (l,), and the values of kept nodes."""
    first, *others, last = chain(forest, len(bias))
    hidden = [sparse_affine(matrix, np.zeros(matrix.shape[0])) for matrix in others]
    pick = scipy.sparse.csr_array(scipy.sparse.eye_array(len(kept)))[np.flatnonzero(kept)]
    readout = (scipy.sparse.csr_array(last.T @ pick), scipy.sparse.csr_array((1, len(kept))))
    return Features((Affine(first @ weight, first @ bias), *hidden), readout)

"""Lagrange elements of degree k are products of hat functions: relu layers, then relu^2 layers.

The basis function of the node with multi-index alpha, |alpha| = k, on the vertices v of a cell is

    phi_alpha = prod_v prod_{m < alpha_v} (k phi_v - m) / (m + 1),

with the hat functions phi_v of the whole mesh: the factor m = 0 makes it vanish on cells without v.
These are k factors, affine in the hat functions, and with relu2(t) = relu(t)^2

    a b = (relu2(a + b) + relu2(-a - b) - relu2(a - b) - relu2(b - a)) / 4,

so that a balanced tree of ceil(log2 k) layers multiplies them; a factor left over is multiplied by
1. Nodes share the products that they have in common. All is exact on the mesh, in any dimension.

Reference: He, Xu, arXiv:2312.14276.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse
from jax.typing import ArrayLike
from scipy.sparse import csr_array

from approxnet import _checks
from approxnet.fem.lagrange import LagrangeNodes, lagrange_nodes, lattice
from approxnet.fem.mesh import SimplexMesh
from approxnet.mapping.basis import basis_readout
from approxnet.mapping.to_relu import basis_network
from approxnet.relu.layers import Affine, SparseAffine, sparse_affine, to_csr
from approxnet.relu.network import Network


class _Terms(NamedTuple):
    """Functions that are affine in the features: matrix (r, F) and constant (r,)."""

    matrix: csr_array
    constant: np.ndarray


def lagrange_to_relu(
    mesh: SimplexMesh, values: ArrayLike, degree: int, *, method: str = "auto"
) -> Network:
    """The network of a function that is a polynomial of degree k on each cell.

    Args:
      mesh: a mesh in d dimensions; its arrays must not be traced.
      values: (n,) or (n, m), the values at the n points of ``fem.lagrange_nodes(mesh, degree)``.
        They may be traced.
      degree: k >= 1; static.
      method: the form of the hat functions, as in ``basis_network``; static.

    Returns:
      A network from R^d to R^m, equal to the function on the mesh up to rounding. Its hidden layers
      are those of ``basis_network(mesh)`` with relu, and ceil(log2 k) with relu2, of at most
      4 ceil(k / 2^i) neurons per node in the i-th.

    Raises:
      ValueError: if degree is not a positive integer, or values has the wrong shape.
      NonFiniteError: if a value is nan or infinite; names the node.
      ConfigError, AssumptionError, NetworkError: as ``basis_network``.

    Warns:
      PrecisionWarning: if the precision in force cannot hold the hat functions.

    >>> from approxnet import fem, relu
    >>> line = fem.interval([0.0, 1.0, 3.0])
    >>> net = lagrange_to_relu(line, fem.lagrange_nodes(line, 2).points[:, 0] ** 2, 2)
    >>> net.activations, relu.evaluate(net, np.array([2.5])).item()
    (('relu', 'relu2'), 6.25)
    """
    nodes = lagrange_nodes(mesh, degree)
    n = len(nodes.points)
    _checks.nodal("values", values, n)
    _checks.finite("values", values)
    basis = basis_network(mesh, method=method)
    table = to_csr(basis.readout.layer).T
    hats = _Terms(csr_array(table[:, :-1]), table[:, [-1]].toarray().ravel())
    members = _members(mesh, nodes, degree)
    terms = _factors(hats, degree)
    layers: list[SparseAffine] = []
    while members.shape[1] > 1:
        pairs, members = _pairs(members, one=len(terms.constant))
        layer, terms = _products(terms, pairs)
        layers.append(layer)
    last = _rows(terms, members[:, 0])
    activations = ("relu",) * len(basis.hidden) + ("relu2",) * len(layers)
    return Network((*basis.hidden, *layers, _output(last, values)), activations)


def _members(mesh: SimplexMesh, nodes: LagrangeNodes, degree: int) -> np.ndarray:
    """(n, k), the factors of each node; number k v + m stands for (k phi_v - m) / (m + 1)."""
    cells, local = np.asarray(mesh.cells), np.asarray(nodes.cells)
    indices = lattice(cells.shape[1] - 1, degree)
    corner = np.array([np.repeat(np.arange(len(alpha)), alpha) for alpha in indices])
    step = np.array([np.concatenate([np.arange(a) for a in alpha]) for alpha in indices])
    cell, place = np.divmod(np.unique(local, return_index=True)[1], len(indices))
    return degree * cells[cell[:, None], corner[place]] + step[place]


def _factors(hats: _Terms, degree: int) -> _Terms:
    """The factors (k phi_v - m) / (m + 1), v by v."""
    m = np.arange(degree)
    of_v = scipy.sparse.csr_array((degree / (m + 1.0))[:, None])
    matrix = scipy.sparse.kron(hats.matrix, of_v, format="csr")
    constant = (degree * hats.constant[:, None] - m) / (m + 1)
    return _Terms(csr_array(matrix), constant.ravel())


def _pairs(members: np.ndarray, one: int) -> tuple[np.ndarray, np.ndarray]:
    """The distinct pairs (p, 2) of neighbours in rows, and the rows in numbers of pairs.

    Rows of odd length are filled up with ``one``, the number of the constant 1.
    """
    padded = np.pad(members, ((0, 0), (0, members.shape[1] % 2)), constant_values=one)
    pairs, number = np.unique(padded.reshape(-1, 2), axis=0, return_inverse=True)
    return pairs, number.reshape(len(members), -1)


def _products(terms: _Terms, pairs: np.ndarray) -> tuple[SparseAffine, _Terms]:
    """The hidden layer relu2(+-(a + b)), relu2(+-(a - b)), and a b in terms of it."""
    one = csr_array((1, terms.matrix.shape[1]))
    known = _Terms(
        csr_array(scipy.sparse.vstack([terms.matrix, one])), np.append(terms.constant, 1.0)
    )
    a, b = _rows(known, pairs[:, 0]), _rows(known, pairs[:, 1])
    signs = ((1, 1), (-1, -1), (1, -1), (-1, 1))
    matrix = scipy.sparse.vstack([s * a.matrix + t * b.matrix for s, t in signs])
    bias = np.concatenate([s * a.constant + t * b.constant for s, t in signs])
    quarters = scipy.sparse.kron([[0.25, 0.25, -0.25, -0.25]], scipy.sparse.eye_array(len(pairs)))
    return sparse_affine(matrix, bias), _Terms(csr_array(quarters), np.zeros(len(pairs)))


def _rows(terms: _Terms, rows: np.ndarray) -> _Terms:
    return _Terms(csr_array(terms.matrix[rows]), terms.constant[rows])


def _output(basis: _Terms, values: ArrayLike) -> Affine:
    """The output layer of nodal values; in float64 on the host where they are at hand."""
    if _checks.concrete(values):
        columns = np.asarray(values, float).reshape(len(basis.constant), -1)
        return Affine((basis.matrix.T @ columns).T, columns.T @ basis.constant)
    blocks = (csr_array(basis.matrix.T), csr_array(basis.constant[None]))
    return basis_readout(blocks, np.empty(0, np.int32))(values)

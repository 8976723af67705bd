"""A P1 function on a simplicial mesh as a signed sum of maxima of d + 1 of its pieces.

    f(x) = sum_t c_t max_j l_{S(t, j)}(x),      j = 0, ..., d,      c_t integers,

with affine pieces l_i(x) = g_i . x + a_i of f itself; ``combinations`` has the construction and
docs/maxima.md the proof, in every dimension. A maximum of d + 1 numbers takes two hidden layers up
to d = 5 (``relu.maximum(d + 1, prefer="depth")``), hence so does every P1 function: in d = 4 with
12 and 8 neurons for a maximum. Up to d = 3 ``fem_to_relu(mesh, values, method="maxima")`` is the
smaller network, whose maxima share neurons.

References: Wang, Sun, IEEE Trans. Inf. Theory 51 (2005), 4425-4431; Bakaev, Brunck, Hertrich,
Stade, Yehudayoff, STOC 2026 (arXiv:2505.14338).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array

from approxnet import _checks
from approxnet.errors import AssumptionError
from approxnet.fem.geometry import boundary_nodes
from approxnet.fem.mesh import SimplexMesh
from approxnet.mapping import exterior, maxima
from approxnet.mapping.combinations import combination
from approxnet.relu.layers import Affine, SparseAffine, sparse_affine, to_csr
from approxnet.relu.maxima import maximum
from approxnet.relu.network import Network


class MaximaForm(NamedTuple):
    """A signed sum of maxima of affine functions, (slopes . x + constants)[labels].

    Attributes:
      slopes: (l, d), and constants: (l,), of the pieces.
      labels: (t, d+1), the pieces of each maximum; one with fewer repeats its first.
      coefficients: (t,), integers as floats, not 0; their sum is 1.

    >>> form = MaximaForm(np.array([[1.0], [-1.0]]), np.zeros(2), np.array([[0, 1]]), np.ones(1))
    >>> form(np.array([[-2.0], [3.0]])).tolist()
    [2.0, 3.0]
    """

    slopes: np.ndarray
    constants: np.ndarray
    labels: np.ndarray
    coefficients: np.ndarray

    def __call__(self, x: ArrayLike) -> np.ndarray:
        """The values (...) at points (..., d), on the host in double precision."""
        points = np.asarray(x, np.float64)
        _checks.points("x", points, self.slopes.shape[1])
        heights = points @ self.slopes.T + self.constants
        return heights[..., self.labels].max(axis=-1) @ self.coefficients

    def network(self) -> Network:
        """The network R^d -> R with one copy of ``relu.maximum(d + 1, prefer="depth")`` each."""
        t, width = self.labels.shape
        net = maximum(width, prefer="depth")
        first = to_csr(net.layers[0]).toarray()
        k, d = len(first), self.slopes.shape[1]
        weight = np.einsum("kj,tji->tki", first, self.slopes[self.labels]).reshape(t * k, d)
        bias = (self.constants[self.labels] @ first.T).ravel()
        hidden = [_copies(to_csr(layer), t) for layer in net.layers[1:-1]]
        last = np.kron(self.coefficients, to_csr(net.layers[-1]).toarray()[0])
        output = Affine(last[None], np.zeros(1))
        return Network((Affine(weight, bias), *hidden, output), net.activations)


def maxima_form(mesh: SimplexMesh, values: ArrayLike) -> MaximaForm:
    """The P1 function as a signed sum of maxima of at most d + 1 of its pieces.

    Args:
      mesh: a mesh with n nodes in d dimensions.
      values: (n,), nodal values. If they are not 0 on the boundary, some point must see the whole
        boundary from inside.

    Returns:
      the form, equal to the function on the mesh up to rounding; outside it is 0 if the values are
      0 on the boundary, else affine along the rays from a point inside. It has O(c) maxima for c
      cells.

    Raises:
      ValueError: if values does not have shape (n,).
      NonFiniteError: if a value is nan or infinite; names the node.
      AssumptionError: if no point sees the boundary where the values are not 0.

    >>> from approxnet import fem, relu
    >>> mesh = fem.box((1, 1, 1, 1))
    >>> form = maxima_form(mesh, np.arange(16.0) ** 2)
    >>> form.labels.shape[1], relu.hidden_layers(form.network())
    (5, 2)
    >>> form(mesh.nodes[[3, 7]]).round(9).tolist()
    [9.0, 49.0]
    """
    _checks.nodal("values", values, len(mesh.nodes))
    _checks.finite("values", values)
    nodal = np.asarray(values, np.float64)
    if nodal.ndim != 1:
        raise ValueError(f"values must have shape ({len(nodal)},), got {nodal.shape}")
    vanishes = not nodal[boundary_nodes(mesh)].any()
    outside = exterior.vanishing(mesh) if vanishes else exterior.conic(mesh)
    if outside is None:
        raise AssumptionError(
            "values must be 0 on the boundary of a mesh whose boundary no point sees whole, got "
            f"{nodal[boundary_nodes(mesh)].tolist()[:3]}, ...; use fem_to_relu"
        )
    frame = maxima.frame_of(mesh, outside)
    pieces = maxima.pieces_of(frame, nodal)
    terms = combination(frame.fans, pieces)
    constants = pieces.constants - pieces.slopes @ frame.middle
    return MaximaForm(pieces.slopes, constants, terms.labels, terms.coefficient)


def _copies(matrix: csr_array, t: int) -> SparseAffine:
    """The layer of t copies of a matrix, without bias, each on its own block of the input."""
    one = sparse_affine(matrix, np.zeros(matrix.shape[0]))
    n_out, n_in = matrix.shape
    start = n_in * np.repeat(np.arange(t), n_out)[:, None]
    columns = np.tile(one.columns, (t, 1))
    columns = np.where(columns < 0, -1, columns + start).astype(np.int32)
    return SparseAffine(columns, np.tile(one.weight, (t, 1)), np.zeros(t * n_out), t * n_in)

"""A basis is a network: hidden layers that know the mesh, a read-out that knows the values.

The hidden layers of a finite element network depend on the mesh alone. Its output weights and
bias are linear in the nodal values,

    v(x) = (R u)_{1..F} . features(x) + (R u)_{F+1},        R sparse, (F+1, n),

so that one ``BasisNetwork`` serves every function on the mesh, and values are traced, batched and
differentiated like any array.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse
from jax.typing import ArrayLike

from approxnet import _checks
from approxnet.relu.layers import Affine, Layer, Stack, sparse_affine
from approxnet.relu.network import Network, floating


class Features(NamedTuple):
    """The hidden layers of a basis, and R as blocks of rows that are alike in length."""

    hidden: tuple[Layer, ...]
    readout: tuple[scipy.sparse.csr_array, ...]


class Plan(NamedTuple):
    """A construction on one mesh: its hidden widths, and what builds the rest when asked.

    A plan has ``features`` if its hidden layers depend on the mesh alone; otherwise it has
    ``network``, which takes nodal values, (n, m).
    """

    widths: tuple[int, ...]
    features: Callable[[], Features] | None = None
    network: Callable[[np.ndarray], Network] | None = None


def fixed(features: Features, values: np.ndarray) -> Network:
    """The network of nodal values (n, m) on given features; all is done in float64 on the host."""
    hidden, blocks = features
    rows = scipy.sparse.vstack(blocks) @ values
    return Network((*hidden, Affine(rows[:-1].T, rows[-1])), ("relu",) * len(hidden))


@partial(jax.tree_util.register_dataclass, data_fields=["layer", "zero"], meta_fields=[])
@dataclasses.dataclass(frozen=True, eq=False)
class Readout:
    """The linear map from nodal values to the output layer of a network.

    Attributes:
      layer: R as a sparse layer with n inputs and F + 1 outputs; the last is the bias.
      zero: (z,), the nodes at which the values must be 0.

    >>> from approxnet import fem, mapping
    >>> readout = mapping.basis_network(fem.interval([0.0, 1.0, 3.0])).readout
    >>> readout(np.array([1.0, 2.0, 4.0])).weight.tolist()
    [[1.0, -1.0]]
    """

    layer: Layer
    zero: np.ndarray | jax.Array

    def __call__(self, values: ArrayLike) -> Affine:
        """The output layer for nodal values.

        Args:
          values: (n,) or (n, m), nodal values.

        Returns:
          ``Affine(weight (m, F), bias (m,))``.

        Raises:
          ValueError: if values has another shape, or is not 0 where the network needs it.
        """
        _checks.nodal("values", values, self.layer.n_in)
        if _checks.concrete(values, self.zero):
            self._check_zero(np.asarray(values))
        columns = jnp.reshape(values, (self.layer.n_in, -1))
        columns = columns if floating(columns) else columns.astype(jnp.result_type(float))
        layer = jax.tree.map(
            lambda leaf: leaf.astype(columns.dtype) if floating(leaf) else leaf, self.layer
        )
        rows = layer(columns)
        return Affine(rows[:-1].T, rows[-1])

    def _check_zero(self, values: np.ndarray) -> None:
        bad = self.zero[values.reshape(len(values), -1)[self.zero].any(axis=1)]
        if len(bad):
            raise ValueError(
                f"values must be 0 at the boundary, got {values[bad[0]]} at node {bad[0]}; build "
                'the network with boundary="free"'
            )


@partial(
    jax.tree_util.register_dataclass, data_fields=["hidden", "readout"], meta_fields=["method"]
)
@dataclasses.dataclass(frozen=True, eq=False)
class BasisNetwork:
    """The features of a mesh and the map from nodal values to output weights.

    Attributes:
      hidden: the hidden layers, each followed by relu.
      readout: the map from nodal values to the output layer.
      method: the construction; static.

    >>> from approxnet import fem, mapping
    >>> basis = mapping.basis_network(fem.interval([0.0, 0.5, 1.0]))
    >>> basis.method, basis.readout(np.array([0.0, 1.0, 0.0])).weight.tolist()
    ('shallow', [[-2.0, -2.0]])
    """

    hidden: tuple[Layer, ...]
    readout: Readout
    method: str

    def network(self, values: ArrayLike) -> Network:
        """The network of the P1 function with the given nodal values, (n,) or (n, m)."""
        return Network((*self.hidden, self.readout(values)), ("relu",) * len(self.hidden))


def basis_readout(blocks: tuple[scipy.sparse.csr_array, ...], zero: np.ndarray) -> Readout:
    """The read-out whose rows are those of the blocks; a block more than half full is dense."""
    return Readout(Stack(tuple(_layer(block) for block in blocks)), zero)


def _layer(block: scipy.sparse.csr_array) -> Layer:
    sparse = sparse_affine(block, np.zeros(len(block.indptr) - 1))
    dense = 2 * block.nnz > sparse.n_out * sparse.n_in
    return Affine(block.toarray(), sparse.bias) if dense else sparse

"""Affine layers h -> A h + b: dense, sparse, stacked, block diagonal.

Features come first: a layer maps an array (n_in, points) to (n_out, points), so that the gather of
a sparse layer reads whole rows. Every layer is a pytree and has

    n_in, n_out           the sizes of its input and output
    layer(features)       A h + b: (n_in, points) -> (n_out, points)
    left_multiply(rows)   R A: (r, n_out) -> (r, n_in)
    dense()               A, (n_out, n_in)
    bias_vector()         b, (n_out,)

The constructors check nothing, so that ``jax.tree.map`` and ``vmap`` can rebuild a layer from
anything; ``approxnet.relu.from_layers`` checks.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse

Array: TypeAlias = jax.Array | np.ndarray

UNROLL = 8
"""Columns of a sparse layer per step of its loop: one fused kernel up to this many, by timing."""


@partial(jax.tree_util.register_dataclass, data_fields=["weight", "bias"], meta_fields=[])
@dataclasses.dataclass(frozen=True, eq=False)
class Affine:
    """The dense layer h -> W h + b.

    Attributes:
      weight: (n_out, n_in).
      bias: (n_out,).

    >>> Affine(np.array([[1.0, 2.0]]), np.array([3.0])).n_in
    2
    """

    weight: Array
    bias: Array

    @property
    def n_in(self) -> int:
        """The number of input features."""
        return self.weight.shape[1]

    @property
    def n_out(self) -> int:
        """The number of output features."""
        return self.weight.shape[0]

    def __call__(self, features: Array) -> jax.Array:
        """W h + b: (n_in, points) -> (n_out, points)."""
        product = jnp.matmul(self.weight, features, precision=jax.lax.Precision.HIGHEST)
        return product + self.bias[:, None]

    def left_multiply(self, rows: Array) -> jax.Array:
        """R W: (r, n_out) -> (r, n_in)."""
        return jnp.matmul(rows, self.weight, precision=jax.lax.Precision.HIGHEST)

    def dense(self) -> jax.Array:
        """The matrix, (n_out, n_in)."""
        return jnp.asarray(self.weight)

    def bias_vector(self) -> jax.Array:
        """The bias, (n_out,)."""
        return jnp.asarray(self.bias)


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["columns", "weight", "bias"],
    meta_fields=["n_in"],
)
@dataclasses.dataclass(frozen=True, eq=False)
class SparseAffine:
    """The sparse layer (A h)_j = sum_i weight_ji h[columns_ji], i < k, plus a bias.

    Column -1 fills up a row with fewer than k weights: it reads a feature that is always 0, so the
    weight there has no influence and no gradient, training leaves the pattern alone, and an
    infinite feature makes no nan in a row that does not use it. (A weight 0 on a true column means
    the same function, but is a parameter.)

    Attributes:
      columns: (n_out, k) int32, in -1 ... n_in - 1; a column may occur twice in a row.
      weight: (n_out, k).
      bias: (n_out,).
      n_in: the number of input features; static.

    >>> layer = SparseAffine(np.array([[0, 2]], np.int32), np.ones((1, 2)), np.zeros(1), 3)
    >>> layer(np.array([[1.0], [10.0], [100.0]])).item()
    101.0
    """

    columns: Array
    weight: Array
    bias: Array
    n_in: int

    @property
    def n_out(self) -> int:
        """The number of output features."""
        return self.weight.shape[0]

    def __call__(self, features: Array) -> jax.Array:
        """A h + b: (n_in, points) -> (n_out, points)."""
        features = jnp.asarray(features)
        bias = jnp.broadcast_to(self.bias[:, None], (self.n_out, features.shape[1]))

        def add(total: jax.Array, entry: tuple[Array, Array]) -> tuple[jax.Array, None]:
            column, weight = entry
            read = features.at[column]
            feature = read.get(mode="fill", fill_value=0, wrap_negative_indices=False)
            return total + weight[:, None] * feature, None

        return jax.lax.scan(add, bias, (self.columns.T, self.weight.T), unroll=UNROLL)[0]

    def left_multiply(self, rows: Array) -> jax.Array:
        """R A: (r, n_out) -> (r, n_in)."""
        product = jnp.asarray(rows)[:, :, None] * self.weight[None]
        zero = jnp.zeros((rows.shape[0], self.n_in), product.dtype)
        return zero.at[:, self.columns].add(product, mode="drop", wrap_negative_indices=False)

    def dense(self) -> jax.Array:
        """The matrix, (n_out, n_in)."""
        place = jnp.zeros((self.n_out, self.n_in), self.weight.dtype).at[
            jnp.arange(self.n_out)[:, None], self.columns
        ]
        return place.add(jnp.asarray(self.weight), mode="drop", wrap_negative_indices=False)

    def bias_vector(self) -> jax.Array:
        """The bias, (n_out,)."""
        return jnp.asarray(self.bias)


@dataclasses.dataclass(frozen=True, eq=False)
class _Parts:
    """What Stack and BlockDiagonal share: the outputs of the parts stand one after the other."""

    parts: tuple[Layer, ...]

    @property
    def n_out(self) -> int:
        """The number of output features."""
        return sum(part.n_out for part in self.parts)

    def bias_vector(self) -> jax.Array:
        """The biases of the parts, (n_out,)."""
        return jnp.concatenate([part.bias_vector() for part in self.parts])

    def _products(self, rows: Array) -> list[jax.Array]:
        """R_i A_i for the parts A_i and the blocks R_i of columns of R that meet them."""
        ends = np.cumsum([part.n_out for part in self.parts])
        return [
            part.left_multiply(rows[:, end - part.n_out : end])
            for part, end in zip(self.parts, ends, strict=True)
        ]


@partial(jax.tree_util.register_dataclass, data_fields=["parts"], meta_fields=[])
@dataclasses.dataclass(frozen=True, eq=False)
class Stack(_Parts):
    """Several layers on the same input, their outputs one after the other.

    Attributes:
      parts: layers with the same n_in.

    >>> row = Affine(np.ones((1, 2)), np.zeros(1))
    >>> Stack((row, row, row)).n_in, Stack((row, row, row)).n_out
    (2, 3)
    """

    @property
    def n_in(self) -> int:
        """The number of input features."""
        return self.parts[0].n_in

    def __call__(self, features: Array) -> jax.Array:
        """A h + b: (n_in, points) -> (n_out, points)."""
        return jnp.concatenate([part(features) for part in self.parts])

    def left_multiply(self, rows: Array) -> jax.Array:
        """R A: (r, n_out) -> (r, n_in)."""
        first, *others = self._products(rows)
        return sum(others, start=first)

    def dense(self) -> jax.Array:
        """The matrix, (n_out, n_in)."""
        return jnp.concatenate([part.dense() for part in self.parts])


@partial(jax.tree_util.register_dataclass, data_fields=["parts"], meta_fields=[])
@dataclasses.dataclass(frozen=True, eq=False)
class BlockDiagonal(_Parts):
    """Several layers, each on its own block of the input, their outputs one after the other.

    Attributes:
      parts: layers; part i reads the n_in features that follow those of part i - 1.

    >>> row = Affine(np.ones((1, 2)), np.zeros(1))
    >>> BlockDiagonal((row, row, row)).n_in, BlockDiagonal((row, row, row)).n_out
    (6, 3)
    """

    @property
    def n_in(self) -> int:
        """The number of input features."""
        return sum(part.n_in for part in self.parts)

    def _blocks(self, features: Array) -> list[tuple[Layer, Array]]:
        """The parts with the blocks of features that they read."""
        ends = np.cumsum([part.n_in for part in self.parts])
        return [
            (part, features[end - part.n_in : end])
            for part, end in zip(self.parts, ends, strict=True)
        ]

    def __call__(self, features: Array) -> jax.Array:
        """A h + b: (n_in, points) -> (n_out, points)."""
        return jnp.concatenate([part(block) for part, block in self._blocks(features)])

    def left_multiply(self, rows: Array) -> jax.Array:
        """R A: (r, n_out) -> (r, n_in)."""
        return jnp.concatenate(self._products(rows), axis=1)

    def dense(self) -> jax.Array:
        """The matrix, (n_out, n_in)."""
        return jax.scipy.linalg.block_diag(*(part.dense() for part in self.parts))


Layer: TypeAlias = Affine | SparseAffine | Stack | BlockDiagonal


def sparse_affine(matrix: Any, bias: Array) -> SparseAffine:
    """The sparse layer of a SciPy sparse matrix; host only.

    Args:
      matrix: (n_out, n_in), any SciPy sparse array; k is its largest number of entries in a row.
      bias: (n_out,).

    Returns:
      a sparse layer with NumPy leaves; rows with fewer than k entries end in column -1.

    >>> layer = sparse_affine(scipy.sparse.csr_array([[0.0, 2.0], [0.0, 0.0]]), np.zeros(2))
    >>> layer.columns.tolist(), layer.weight.tolist()
    ([[1], [-1]], [[2.0], [0.0]])
    """
    matrix = scipy.sparse.csr_array(matrix)
    matrix.sum_duplicates()
    count = np.diff(matrix.indptr)
    filled = np.arange(count.max(initial=0)) < count[:, None]
    columns = np.full(filled.shape, -1, np.int32)
    weight = np.zeros(filled.shape, matrix.dtype)
    columns[filled], weight[filled] = matrix.indices, matrix.data
    return SparseAffine(columns, weight, np.asarray(bias), int(matrix.shape[1]))


def to_csr(layer: Layer) -> scipy.sparse.csr_array:
    """The matrix A of a layer as a SciPy sparse array, zeros dropped; host only.

    Args:
      layer: a layer with concrete leaves.

    Returns:
      (n_out, n_in), float64.

    >>> to_csr(Affine(np.array([[0.0, 2.0]]), np.zeros(1))).nnz
    1
    """
    if isinstance(layer, Affine):
        matrix = scipy.sparse.csr_array(np.asarray(layer.weight, np.float64))
    elif isinstance(layer, SparseAffine):
        columns, weight = np.asarray(layer.columns), np.asarray(layer.weight, np.float64)
        row, place = np.nonzero(columns >= 0)
        entries = (weight[row, place], (row, columns[row, place]))
        matrix = scipy.sparse.coo_array(entries, shape=(layer.n_out, layer.n_in)).tocsr()
    else:
        join = scipy.sparse.vstack if isinstance(layer, Stack) else scipy.sparse.block_diag
        matrix = scipy.sparse.csr_array(join([to_csr(part) for part in layer.parts], format="csr"))
    matrix.eliminate_zeros()
    return matrix

"""Affine layers h -> A h + b: dense, sparse, stacked, block diagonal.

Features come first: a layer maps an array (n_in, points) to (n_out, points), so that the gather of
a sparse layer reads whole rows. Every layer is a pytree and has

    n_in, n_out        the sizes of its input and output
    linear(features)   A h, without the bias
    bias_vector()      b, (n_out,)
    dense()            A as one matrix, (n_out, n_in)
    layer(features)    A h + b

The constructors check nothing, so that ``jax.tree.map`` and ``vmap`` can rebuild a layer from
anything; ``approxnet.relu.from_layers`` checks.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

Array: TypeAlias = jax.Array | np.ndarray


class _Layer:
    """What all layers share."""

    def linear(self, features: Array) -> jax.Array:
        raise NotImplementedError

    def bias_vector(self) -> jax.Array:
        raise NotImplementedError

    def __call__(self, features: Array) -> jax.Array:
        """A h + b: (n_in, points) -> (n_out, points)."""
        return self.linear(features) + self.bias_vector()[:, None]


@partial(jax.tree_util.register_dataclass, data_fields=["weight", "bias"], meta_fields=[])
@dataclasses.dataclass(frozen=True, eq=False)
class Affine(_Layer):
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

    def linear(self, features: Array) -> jax.Array:
        """W h: (n_in, points) -> (n_out, points)."""
        return jnp.matmul(self.weight, features, precision=jax.lax.Precision.HIGHEST)

    def bias_vector(self) -> jax.Array:
        """The bias, (n_out,)."""
        return jnp.asarray(self.bias)

    def dense(self) -> jax.Array:
        """The matrix, (n_out, n_in)."""
        return jnp.asarray(self.weight)


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["columns", "weight", "bias"],
    meta_fields=["n_in"],
)
@dataclasses.dataclass(frozen=True, eq=False)
class SparseAffine(_Layer):
    """The sparse layer with at most k weights in a row: (A h)_j = sum_i w_ji h[columns_ji].

    A row with fewer weights is filled up with column -1, which reads a feature that is always 0:
    its weight has no influence and no gradient, and an infinite feature cannot turn it into nan.

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

    def linear(self, features: Array) -> jax.Array:
        """A h: (n_in, points) -> (n_out, points)."""
        features = jnp.asarray(features)
        total = jnp.zeros((self.n_out, features.shape[1]), features.dtype)
        for i in range(self.columns.shape[1]):
            column = self.columns[:, i]
            read = jnp.where((column >= 0)[:, None], features[jnp.maximum(column, 0)], 0)
            total = total + self.weight[:, i, None] * read
        return total

    def bias_vector(self) -> jax.Array:
        """The bias, (n_out,)."""
        return jnp.asarray(self.bias)

    def dense(self) -> jax.Array:
        """The matrix, (n_out, n_in)."""
        weight = jnp.where(self.columns >= 0, self.weight, 0)
        row = jnp.arange(self.n_out)[:, None]
        zero = jnp.zeros((self.n_out, self.n_in), weight.dtype)
        return zero.at[row, jnp.maximum(self.columns, 0)].add(weight)


@partial(jax.tree_util.register_dataclass, data_fields=["parts"], meta_fields=[])
@dataclasses.dataclass(frozen=True, eq=False)
class Stack(_Layer):
    """Several layers on the same input, their outputs one after the other.

    Attributes:
      parts: layers with the same n_in.

    >>> row = Affine(np.ones((1, 2)), np.zeros(1))
    >>> Stack((row, row, row)).n_out
    3
    """

    parts: tuple[Layer, ...]

    @property
    def n_in(self) -> int:
        """The number of input features."""
        return self.parts[0].n_in

    @property
    def n_out(self) -> int:
        """The number of output features."""
        return sum(part.n_out for part in self.parts)

    def linear(self, features: Array) -> jax.Array:
        """A h: (n_in, points) -> (n_out, points)."""
        return jnp.concatenate([part.linear(features) for part in self.parts])

    def bias_vector(self) -> jax.Array:
        """The biases of the parts, (n_out,)."""
        return jnp.concatenate([part.bias_vector() for part in self.parts])

    def dense(self) -> jax.Array:
        """The matrix, (n_out, n_in)."""
        return jnp.concatenate([part.dense() for part in self.parts])


@partial(jax.tree_util.register_dataclass, data_fields=["parts"], meta_fields=[])
@dataclasses.dataclass(frozen=True, eq=False)
class BlockDiagonal(_Layer):
    """Several layers, each on its own block of the input, their outputs one after the other.

    Attributes:
      parts: layers; part i reads the n_in features that follow those of part i - 1.

    >>> row = Affine(np.ones((1, 2)), np.zeros(1))
    >>> BlockDiagonal((row, row, row)).n_in
    6
    """

    parts: tuple[Layer, ...]

    @property
    def n_in(self) -> int:
        """The number of input features."""
        return sum(part.n_in for part in self.parts)

    @property
    def n_out(self) -> int:
        """The number of output features."""
        return sum(part.n_out for part in self.parts)

    def linear(self, features: Array) -> jax.Array:
        """A h: (n_in, points) -> (n_out, points)."""
        ends = np.cumsum([part.n_in for part in self.parts])
        blocks = [features[end - part.n_in : end] for part, end in zip(self.parts, ends)]
        return jnp.concatenate([part.linear(h) for part, h in zip(self.parts, blocks)])

    def bias_vector(self) -> jax.Array:
        """The biases of the parts, (n_out,)."""
        return jnp.concatenate([part.bias_vector() for part in self.parts])

    def dense(self) -> jax.Array:
        """The matrix, (n_out, n_in)."""
        return jax.scipy.linalg.block_diag(*(part.dense() for part in self.parts))


Layer: TypeAlias = Affine | SparseAffine | Stack | BlockDiagonal

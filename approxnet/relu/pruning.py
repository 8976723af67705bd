"""Prune a network: the same function with fewer neurons.

Three kinds of neurons h_j = sigma(a_j.h + b_j) are superfluous, and go without a change of the
function:

    constant    a_j = 0: its value sigma(b_j) moves into the next bias
    duplicate   (a_j, b_j) = (a_l, b_l): its outgoing weights are added to those of neuron l
    dead        no outgoing weight: it is dropped

One pass forward removes constant and duplicate neurons: a merger can make rows of later layers
constant or equal, never of earlier ones. One pass backward then removes dead ones.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from scipy.sparse import csr_array

from approxnet.relu.activations import ACTIVATIONS
from approxnet.relu.layers import Affine, Layer, Stack, sparse_affine, to_csr
from approxnet.relu.network import Network, floating


def prune(net: Network) -> Network:
    """The same function without constant, duplicate and dead neurons; host only.

    Args:
      net: a network with concrete leaves.

    Returns:
      a network with NumPy leaves in the dtypes' common type, no wider than ``net`` in any layer,
      equal to it up to the rounding of sums of weights (computed in float64). Neurons may change
      places; a layer is stored sparse, dense, or with a few dense rows below sparse ones,
      whichever takes the least memory. A constant network has no hidden layers left.

    >>> from approxnet import relu
    >>> net = relu.from_layers([
    ...     ([[1.0], [1.0], [0.0], [2.0]], [0.0, 0.0, 1.0, 0.0]), ([[1.0, 2.0, 3.0, 0.0]], [0.0])
    ... ])
    >>> small = prune(net)  # 3 relu(x) + 3
    >>> relu.shape(small), relu.evaluate(small, np.array([[2.0]])).tolist()
    ((1, 1, 1), [9.0])
    """
    dtype = np.result_type(*(a.dtype for a in filter(floating, jax.tree.leaves(net))))
    with jax.enable_x64(True):
        matrices = [to_csr(layer) for layer in net.layers]
        biases = [np.asarray(layer.bias_vector(), np.float64) for layer in net.layers]
        for i, name in enumerate(net.activations):
            _merge(matrices, biases, i, ACTIVATIONS[name])
    for i in reversed(range(len(net.activations))):
        _drop_dead(matrices, biases, i)
    if any(bias.size == 0 for bias in biases):
        matrices, biases = [csr_array((biases[-1].size, net.layers[0].n_in))], biases[-1:]
    layers = [_hidden_layer(matrices, biases, i, dtype) for i in range(len(matrices) - 1)]
    output = _stored(matrices[-1], biases[-1], _short_rows(matrices[-1], any_order=False), dtype)
    return Network((*layers, output), net.activations[: len(layers)])


def _merge(
    matrices: list[csr_array],
    biases: list[np.ndarray],
    i: int,
    activation: Callable[[jax.Array], jax.Array],
) -> None:
    """Fold the constant neurons of hidden layer i into layer i + 1 and merge the equal ones."""
    matrix, bias = matrices[i], biases[i]
    constant = np.diff(matrix.indptr) == 0
    value = np.asarray(activation(jnp.asarray(bias[constant])))
    biases[i + 1] = biases[i + 1] + matrices[i + 1][:, constant] @ value
    leader = _first_equal_row(matrix, bias)
    kept, group = np.unique(leader[~constant], return_inverse=True)
    entries = (np.ones(group.size), (np.flatnonzero(~constant), group))
    matrices[i + 1] = csr_array(matrices[i + 1] @ csr_array(entries, (bias.size, kept.size)))
    matrices[i + 1].eliminate_zeros()
    matrices[i], biases[i] = matrix[kept], bias[kept]


def _first_equal_row(matrix: csr_array, bias: np.ndarray) -> np.ndarray:
    """For each row the index of the first row with equal entries and bias."""
    matrix.sort_indices()
    first: dict[tuple[bytes, bytes, float], int] = {}
    starts = matrix.indptr.tolist()
    leader = [
        first.setdefault(
            (matrix.indices[start:end].tobytes(), matrix.data[start:end].tobytes(), b), j
        )
        for j, (start, end, b) in enumerate(zip(starts, starts[1:], bias.tolist(), strict=False))
    ]
    return np.array(leader, dtype=np.int64)


def _drop_dead(matrices: list[csr_array], biases: list[np.ndarray], i: int) -> None:
    """Drop the neurons of hidden layer i that layer i + 1 does not read."""
    used = np.unique(matrices[i + 1].indices)
    matrices[i + 1] = matrices[i + 1][:, used]
    matrices[i], biases[i] = matrices[i][used], biases[i][used]


def _hidden_layer(
    matrices: list[csr_array], biases: list[np.ndarray], i: int, dtype: np.dtype
) -> Layer:
    """Hidden layer i, its long rows last; the columns of layer i + 1 follow."""
    short = _short_rows(matrices[i], any_order=True)
    order = np.argsort(~short, kind="stable")
    matrices[i + 1] = csr_array(matrices[i + 1][:, order])
    return _stored(matrices[i][order], biases[i][order], short, dtype)


def _short_rows(matrix: csr_array, *, any_order: bool) -> np.ndarray:
    """The rows to be stored sparse: those of at most k entries, with the k of least memory.

    A sparse row takes 2k words, a dense one n_in; rows that must keep their places are all sparse
    or all dense.
    """
    count = np.diff(matrix.indptr)
    k = np.unique(np.append(count if any_order else count.max(), -1))
    n_sparse = np.searchsorted(np.sort(count), k, side="right")
    words = 2 * k * n_sparse + matrix.shape[1] * (count.size - n_sparse)
    return count <= k[np.argmin(words)]


def _stored(matrix: csr_array, bias: np.ndarray, short: np.ndarray, dtype: np.dtype) -> Layer:
    """A layer with its first rows, as many as are short, sparse and the others dense."""
    n, bias = int(short.sum()), bias.astype(dtype)
    matrix = matrix.astype(dtype)
    parts = (
        sparse_affine(matrix[:n], bias[:n]),
        Affine(matrix[n:].toarray(), bias[n:]),
    )
    present = tuple(part for part in parts if part.n_out)
    return present[0] if len(present) == 1 else Stack(present)

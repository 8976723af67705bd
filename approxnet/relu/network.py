"""ReLU networks as pure functions on pytrees.

A network with k hidden layers of widths w_1, ..., w_k is

    h_0 = x in R^d,   h_i = sigma_i(A_i h_{i-1} + b_i),  i = 1, ..., k,   y = A h_k + b in R^m,

with one activation sigma_i per hidden layer. Depth always counts hidden layers. The widths of a
network are (d, w_1, ..., w_k, m).

Reference: He, Li, Xu, Zheng, J. Comput. Math. 38 (2020), section 2.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from approxnet import _checks
from approxnet.errors import NetworkError
from approxnet.relu.activations import ACTIVATIONS
from approxnet.relu.layers import Affine, BlockDiagonal, Layer, SparseAffine, Stack


@partial(jax.tree_util.register_dataclass, data_fields=["layers"], meta_fields=["activations"])
@dataclasses.dataclass(frozen=True, eq=False)
class Network:
    """A network: affine layers with activations between them; build it with ``from_layers``.

    Attributes:
      layers: the k hidden layers and the affine output layer.
      activations: one name per hidden layer, a key of ``ACTIVATIONS``; static.

    >>> net = from_layers([([[1.0], [-1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    >>> net.activations
    ('relu',)
    """

    layers: tuple[Layer, ...]
    activations: tuple[str, ...]


def apply(net: Network, x: ArrayLike) -> jax.Array:
    """The values of the network at points.

    Args:
      net: a network from R^d to R^m.
      x: (..., d), points.

    Returns:
      (..., m), in the dtype that the parameters and x promote to.

    Raises:
      ValueError: if the last axis of x is not d.

    >>> net = from_layers([([[1.0], [-1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    >>> apply(net, np.array([[-2.0], [3.0]])).tolist()
    [[2.0], [3.0]]
    """
    x = x if hasattr(x, "dtype") else np.asarray(x)
    _checks.points("x", x, net.layers[0].n_in)
    return _apply(net, x)


def evaluate(net: Network, x: ArrayLike) -> jax.Array:
    """The values of a network with one output at points, (..., d) -> (...).

    >>> net = from_layers([([[1.0], [-1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    >>> evaluate(net, np.array([[-2.0], [3.0]])).tolist()
    [2.0, 3.0]
    """
    m = net.layers[-1].n_out
    if m != 1:
        raise NetworkError(f"net must have one output, got {m}; use apply(net, x) -> (..., {m})")
    return apply(net, x)[..., 0]


@jax.jit
def _apply(net: Network, x: jax.Array) -> jax.Array:
    with jax.numpy_dtype_promotion("standard"):
        dtype = jnp.result_type(*(a for a in jax.tree.leaves(net) if _floating(a)), x)
    net = jax.tree.map(lambda a: a.astype(dtype) if _floating(a) else a, net)
    d, m = net.layers[0].n_in, net.layers[-1].n_out
    points = x.astype(dtype).reshape(-1, d)
    n = points.shape[0]
    chunk = _chunk(widths(net), dtype.itemsize)
    if n <= chunk:
        return _forward(net, points.T).T.reshape(*x.shape[:-1], m)
    n_chunks = math.ceil(n / chunk)
    chunk = math.ceil(n / n_chunks)
    points = jnp.pad(points, ((0, n_chunks * chunk - n), (0, 0))).reshape(n_chunks, chunk, d)
    one = jax.checkpoint(lambda block: _forward(net, block.T).T)
    return jax.lax.map(one, points).reshape(-1, m)[:n].reshape(*x.shape[:-1], m)


def _chunk(widths: Sequence[int], itemsize: int) -> int:
    per_point = itemsize * max(a + b for a, b in zip(widths, widths[1:]))
    return max(64, min(2**16, 2**23 // per_point))


def _forward(net: Network, features: jax.Array) -> jax.Array:
    for layer, name in zip(net.layers, net.activations):
        features = ACTIVATIONS[name](layer(features))
    return net.layers[-1](features)


def _floating(a: Any) -> bool:
    return jnp.issubdtype(a.dtype, jnp.floating)


def from_layers(layers: Iterable[Any], activations: Sequence[str] | None = None) -> Network:
    """A network from pairs (weight, bias) or layer objects, checked; relu where no name is given.

    >>> from_layers([([[1.0], [-1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])]).layers[0].n_out
    2
    """
    layers = tuple(
        layer
        if isinstance(layer, Affine | SparseAffine | Stack | BlockDiagonal)
        else Affine(np.asarray(layer[0]), np.asarray(layer[1]))
        for layer in layers
    )
    names = ("relu",) * (len(layers) - 1) if activations is None else tuple(activations)
    return Network(layers, names)


def hidden_layers(net: Network) -> int:
    """The number of hidden layers."""
    return len(net.layers) - 1


def widths(net: Network) -> tuple[int, ...]:
    """The widths (d, w_1, ..., w_k, m)."""
    return (net.layers[0].n_in, *(layer.n_out for layer in net.layers))


def n_neurons(net: Network) -> int:
    """The number of neurons, that is, of units in hidden layers."""
    return sum(widths(net)[1:-1])

"""Evaluate a network at points, in chunks that fit the cache.

Points are taken ``chunk`` at a time, all layers one after the other, so that the features of a
chunk stay in the cache: memory beyond input and output is bounded whatever the number of points,
also under reverse-mode differentiation, which recomputes the features of a chunk instead of
storing them. One program is compiled for each structure of network, number of points and dtype;
new weights and new points of the same shape use it again.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from approxnet import _checks
from approxnet.errors import NetworkError
from approxnet.relu.activations import ACTIVATIONS
from approxnet.relu.network import Network, floating, shape

CHUNK_BYTES = 2**23
"""The features of two neighbouring layers at one chunk of points take about this many bytes.

By timing: 35,000 neurons are fastest at 4-16 MiB, networks below 500 neurons do not care.
"""

ALIGN = 64
"""A chunk is a multiple of this many points: rows of features start on cache lines."""


def apply(net: Network, x: ArrayLike) -> jax.Array:
    """The values of a network at points.

    Args:
      net: a network from R^d to R^m.
      x: (..., d), points.

    Returns:
      (..., m), in the dtype that the parameters and x promote to (float32 for a float64 host
      network where x64 is off).

    Raises:
      ValueError: if the last axis of x is not d, or x is not real.

    >>> from approxnet import relu
    >>> net = relu.from_layers([([[1.0], [-1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    >>> apply(net, np.array([[-2.0], [3.0]])).tolist()
    [[2.0], [3.0]]
    """
    points: Any = x if hasattr(x, "dtype") else np.asarray(x)
    _checks.points("x", points, net.layers[0].n_in)
    return _apply(net, points)


def evaluate(net: Network, x: ArrayLike) -> jax.Array:
    """The values of a network with one output at points.

    Args:
      net: a network from R^d to R.
      x: (..., d), points.

    Returns:
      (...), in the dtype that the parameters and x promote to.

    Raises:
      NetworkError: if the network has more than one output.
      ValueError: if the last axis of x is not d, or x is not real.

    >>> from approxnet import relu
    >>> net = relu.from_layers([([[1.0], [-1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    >>> evaluate(net, np.array([[-2.0], [3.0]])).tolist()
    [2.0, 3.0]
    """
    m = net.layers[-1].n_out
    if m != 1:
        raise NetworkError(
            f"net must have 1 output, got {m}; use apply(net, x), which returns (..., {m})"
        )
    return apply(net, x)[..., 0]


@jax.jit
def _apply(net: Network, x: jax.Array) -> jax.Array:
    with jax.numpy_dtype_promotion("standard"):
        dtype = jnp.result_type(*filter(floating, jax.tree.leaves(net)), x)
    net = jax.tree.map(lambda a: a.astype(dtype) if floating(a) else a, net)
    points = x.astype(dtype).reshape(math.prod(x.shape[:-1]), x.shape[-1])
    chunk = chunk_size(shape(net), dtype.itemsize)
    return _in_chunks(net, points, chunk).reshape(*x.shape[:-1], net.layers[-1].n_out)


def chunk_size(layer_widths: tuple[int, ...], itemsize: int) -> int:
    """The number of points taken together, a positive multiple of ALIGN."""
    widest = max(a + b for a, b in itertools.pairwise(layer_widths))
    return ALIGN * max(1, CHUNK_BYTES // (ALIGN * itemsize * widest))


def _in_chunks(net: Network, points: jax.Array, chunk: int) -> jax.Array:
    """Values (n, m) at points (n, d), in equal chunks of at most ``chunk`` points."""
    n, d = points.shape
    if n <= chunk:
        return _forward(net, points.T).T
    n_chunks = math.ceil(n / chunk)
    chunk = ALIGN * math.ceil(n / (ALIGN * n_chunks))
    padded = jnp.pad(points, ((0, n_chunks * chunk - n), (0, 0)))
    forward = jax.checkpoint(lambda block: _forward(net, block.T).T)
    values = jax.lax.map(forward, padded.reshape(n_chunks, chunk, d))
    return values.reshape(n_chunks * chunk, -1)[:n]


def _forward(net: Network, features: jax.Array) -> jax.Array:
    """h_i = sigma_i(A_i h_{i-1} + b_i), then the affine output layer: (d, n) -> (m, n)."""
    for layer, name in zip(net.layers[:-1], net.activations, strict=True):
        features = ACTIVATIONS[name](layer(features))
    return net.layers[-1](features)

"""Networks with nothing but relu between affine layers, and their affine maps.

The hat is relu(t) - 2 relu(t - 1) + relu(t - 2), and two layers with nothing between them are one,
so that every network with piecewise linear activations is of this kind. Where its neurons have the
activation pattern D_1, ..., D_k (diagonal, 0 or 1) it is

    f(x) = S x + t,   S = A D_k A_k ... D_1 A_1,   t = b + A D_k b_k + ... .
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import scipy.sparse

from approxnet.errors import AssumptionError
from approxnet.relu.activations import PIECEWISE_LINEAR
from approxnet.relu.layers import Layer, to_csr
from approxnet.relu.network import Network

SPARSE = 32
"""A product with a dense matrix is so many times faster per entry than with a sparse one."""

CHUNK = 2048
"""Cells or points per matrix product: what fits into the cache."""

JUMPS = {"relu": (1.0,), "hat": (1.0, -2.0, 1.0)}
"""The jumps of the slope of an activation at its breakpoints; left of them it is 0."""

Matrix: TypeAlias = np.ndarray | scipy.sparse.csr_array
Weights: TypeAlias = list[tuple[Matrix, np.ndarray]]


def relu_layers(net: Network) -> Weights:
    """The same network with layers in double precision and only relu between them.

    The matrix of a hidden layer is dense unless few of its entries are not 0; the last is dense.
    With the jumps c_i of an activation at its breaks s_i, activation(t) = sum_i c_i relu(t - s_i).
    """
    weight, bias = _weights(net.layers[0])
    built: Weights = []
    for i, (name, layer) in enumerate(zip(net.activations, net.layers[1:], strict=True)):
        if name not in PIECEWISE_LINEAR:
            raise AssumptionError(
                f"hidden layer {i} must have a piecewise linear activation, one of "
                f"{', '.join(PIECEWISE_LINEAR)}, got {name!r}; a network is affine on regions only "
                "then"
            )
        next_weight, next_bias = _weights(layer)
        if name == "identity":
            weight, bias = next_weight @ weight, next_weight @ bias + next_bias
            continue
        breaks, jumps = np.array(PIECEWISE_LINEAR[name]), np.array(JUMPS[name])
        each = scipy.sparse.eye_array(len(bias))
        copies = scipy.sparse.kron(each, np.ones((len(breaks), 1)), "csr")
        built.append((copies @ weight, (bias[:, None] - breaks).ravel()))
        weight, bias = next_weight @ scipy.sparse.kron(each, jumps[None], "csr"), next_bias
    return [*built, (scipy.sparse.csr_array(weight).toarray(), bias)]


def _weights(layer: Layer) -> tuple[Matrix, np.ndarray]:
    """The matrix of a layer, dense unless few of its entries are not 0, and its bias."""
    matrix = to_csr(layer)
    dense = matrix.nnz * SPARSE >= layer.n_in * layer.n_out
    return matrix.toarray() if dense else matrix, _bias(layer)


def _bias(layer: Layer) -> np.ndarray:
    parts = getattr(layer, "parts", None)
    if parts is None:
        return np.asarray(layer.bias, np.float64)  # pyright: ignore[reportAttributeAccessIssue]
    return np.concatenate([_bias(part) for part in parts])


def pre_activations(layers: Weights, points: np.ndarray) -> np.ndarray:
    """The values (v, n) of the last layer at points (v, d)."""
    *below, (weight, bias) = _read(layers)
    z = np.empty((len(points), len(bias)))
    for start in range(0, len(points), CHUNK):
        features = points[start : start + CHUNK]
        for before, offset in below:
            features = features @ before.T
            features += offset
            np.maximum(features, 0, out=features)
        z[start : start + CHUNK] = features @ weight.T
    z += bias
    return z


def _read(layers: Weights) -> Weights:
    """The layers without the neurons that the last one does not read, one through the other."""
    *below, (weight, bias) = layers
    if not below:
        return layers
    *deeper, (before, offset) = below
    read = np.flatnonzero(abs(weight).sum(axis=0))
    return [*_read([*deeper, (before[read], offset[read])]), (weight[:, read], bias)]


def affine_maps(layers: Weights, active: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The affine maps of the cells from their activation patterns.

    Args:
      layers: weights and biases, with relu between them.
      active: (n, c) bool, the active neurons of all layers, one after the other.

    Returns:
      slopes (c, m, d), intercepts (c, m), and the sizes (c, m, d) of the terms that the slopes are
      sums of, which bounds what can cancel.
    """
    ends = np.cumsum([len(bias) for _, bias in layers[:-1]])
    each = np.split(active, ends[:-1]) if len(ends) else []
    return affine_maps_of_bits(layers, [np.packbits(on, axis=0).T for on in each])


def affine_maps_of_bits(
    layers: Weights, active: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same from the bits (c, b) of the active neurons of each layer (``np.packbits``)."""
    c = len(active[0]) if active else 1
    chunks = []
    for start in range(0, c, CHUNK):
        on = [
            np.unpackbits(bits[start : start + CHUNK], axis=1, count=len(bias))
            for bits, (_, bias) in zip(active, layers[:-1], strict=True)
        ]
        chunks.append(_chunk_of_maps(layers, on, min(CHUNK, c - start)))
    slopes, intercepts, sizes = (np.concatenate(parts) for parts in zip(*chunks, strict=True))
    return slopes, intercepts, sizes


def _chunk_of_maps(
    layers: Weights, patterns: list[np.ndarray], c: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows A D_k A_k ... of c cells, from the output to the input."""
    weight, bias = layers[-1]
    m = len(bias)
    factors, first = np.eye(m), weight
    rows = np.broadcast_to(weight, (c, *weight.shape))
    intercepts = np.broadcast_to(bias, (c, m))
    for (weight, bias), on in zip(reversed(layers[:-1]), reversed(patterns), strict=True):
        factors, first = (rows * on[:, None, :]).reshape(c * m, -1), weight
        intercepts = intercepts + (factors @ bias).reshape(c, m)
        rows = (factors @ weight).reshape(c, m, -1)
    sizes = np.broadcast_to((np.abs(factors) @ abs(first)).reshape(-1, *rows.shape[1:]), rows.shape)
    return rows, intercepts, sizes

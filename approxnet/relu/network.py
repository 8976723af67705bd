"""Networks: affine layers with an activation between each two.

A network with k hidden layers of widths w_1, ..., w_k is

    h_0 = x in R^d,   h_i = sigma_i(A_i h_{i-1} + b_i),  i = 1, ..., k,   y = A h_k + b in R^m,

with one activation sigma_i per hidden layer, relu unless said otherwise. Depth always counts hidden
layers, neurons are units of hidden layers, and the shape of a network is (d, w_1, ..., w_k, m).

Reference: He, Li, Xu, Zheng, J. Comput. Math. 38 (2020), section 2.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse

from approxnet import _checks
from approxnet.errors import NetworkError
from approxnet.relu.activations import ACTIVATIONS
from approxnet.relu.layers import Affine, BlockDiagonal, Layer, SparseAffine, Stack, sparse_affine


@partial(jax.tree_util.register_dataclass, data_fields=["layers"], meta_fields=["activations"])
@dataclasses.dataclass(frozen=True, eq=False)
class Network:
    """A network, a pytree; ``from_layers`` builds it with checks, the constructor checks nothing.

    Attributes:
      layers: the k hidden layers and the affine output layer.
      activations: one name per hidden layer, a key of ``ACTIVATIONS``; static.

    >>> net = from_layers([([[1.0], [-1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    >>> net.activations
    ('relu',)
    """

    layers: tuple[Layer, ...]
    activations: tuple[str, ...]


def floating(leaf: Any) -> bool:
    """Whether a leaf holds floating-point numbers, that is, parameters."""
    return jnp.issubdtype(leaf.dtype, jnp.floating)


def from_layers(layers: Iterable[Any], activations: Sequence[str] | None = None) -> Network:
    """A network from its layers, checked on the host; traced weights pass unread.

    Args:
      layers: the k hidden layers and the output layer, each a pair of weight (n_out, n_in), dense
        or SciPy sparse, and bias (n_out,), or a layer object.
      activations: k names, the keys of ``ACTIVATIONS``; relu for all if not given.

    Returns:
      the network; its leaves are those given, integers and lists as NumPy float64.

    Raises:
      NetworkError: if shapes, dtypes, columns or names are wrong; names the layer.
      NonFiniteError: if a weight or bias is nan or infinite; names the layer and the index.

    >>> net = from_layers([([[1.0], [-1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])], ["relu2"])
    >>> shape(net), net.activations
    ((1, 2, 1), ('relu2',))
    """
    built = tuple(_layer(f"layer {i}", given) for i, given in enumerate(layers))
    if not built:
        raise NetworkError("layers must hold at least the output layer, got none")
    for i, layer in enumerate(built):
        _check_values(f"layer {i}", layer)
    names = ("relu",) * (len(built) - 1) if activations is None else tuple(activations)
    return checked_structure(built, names)


def checked_structure(layers: tuple[Layer, ...], activations: tuple[str, ...]) -> Network:
    """The network of these layers if shapes and names fit; NetworkError otherwise."""
    for i, layer in enumerate(layers):
        _check_shapes(f"layer {i}", layer)
    for i, (first, second) in enumerate(itertools.pairwise(layers)):
        if first.n_out != second.n_in:
            raise NetworkError(
                f"layer {i + 1}: weight {_shape(second)} does not fit layer {i} with weight "
                f"{_shape(first)}; {second.n_in} inputs must be {first.n_out} outputs"
            )
    if len(activations) != len(layers) - 1:
        raise NetworkError(
            f"activations must hold one name per hidden layer, {len(layers) - 1}, "
            f"got {len(activations)}: {activations}"
        )
    for i, name in enumerate(activations):
        if name not in ACTIVATIONS:
            raise NetworkError(
                f"activation of hidden layer {i} must be one of {', '.join(ACTIVATIONS)}, "
                f"got {name!r}{_checks.did_you_mean(name, ACTIVATIONS)}"
            )
    return Network(layers, activations)


def _shape(layer: Layer) -> tuple[int, int]:
    return layer.n_out, layer.n_in


def _layer(place: str, given: Any) -> Layer:
    """A layer from a layer or a pair, with leaves that have a dtype."""
    if isinstance(given, Stack | BlockDiagonal):
        parts = tuple(_layer(f"{place}, part {i}", part) for i, part in enumerate(given.parts))
        return type(given)(parts)
    if isinstance(given, SparseAffine):
        n_in = _checks.count(f"{place}: n_in", given.n_in, at_least=1)
        weight = _array(f"{place}: weight", given.weight, jnp.floating)
        bias = _array(f"{place}: bias", given.bias, jnp.floating)
        return SparseAffine(_columns(place, given.columns, n_in), weight, bias, n_in)
    pair = (given.weight, given.bias) if isinstance(given, Affine) else given
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise NetworkError(
            f"{place} must be a pair (weight, bias) or a layer, got {type(given).__name__}"
        )
    weight, bias = pair
    bias = _array(f"{place}: bias", bias, jnp.floating)
    if scipy.sparse.issparse(weight):
        _array(f"{place}: weight", weight, jnp.floating)
        return sparse_affine(weight, bias)
    return Affine(_array(f"{place}: weight", weight, jnp.floating), bias)


def _array(name: str, given: Any, kind: Any) -> Any:
    """``given`` as an array of a kind; float64 for integers where floating is asked for."""
    try:
        array = given if hasattr(given, "dtype") else np.asarray(given)
    except ValueError as error:
        raise NetworkError(f"{name} must be an array, got rows of unequal length") from error
    if kind is jnp.floating and jnp.issubdtype(array.dtype, jnp.integer):
        return array.astype(np.float64)
    if not jnp.issubdtype(array.dtype, kind):
        wanted = "real numbers" if kind is jnp.floating else "integers"
        raise NetworkError(f"{name} must hold {wanted}, got dtype {array.dtype}")
    return array


def _columns(place: str, given: Any, n_in: int) -> Any:
    """``given`` as int32 columns in -1 ... n_in - 1, checked before the cast can wrap them."""
    columns = _array(f"{place}: columns", given, jnp.integer)
    if _checks.concrete(columns):
        host = np.asarray(columns)
        bad = np.argwhere((host < -1) | (host >= n_in))
        if len(bad):
            raise NetworkError(
                f"{place}: columns must be in -1 ... {n_in - 1}, got {host[tuple(bad[0])]} at "
                f"index {tuple(bad[0].tolist())}; -1 stands for no weight"
            )
    return columns.astype(np.int32)


def _check_shapes(place: str, layer: Layer) -> None:
    if isinstance(layer, Stack | BlockDiagonal):
        if not layer.parts:
            raise NetworkError(f"{place} must have at least one part, got none")
        for i, part in enumerate(layer.parts):
            _check_shapes(f"{place}, part {i}", part)
        if isinstance(layer, Stack) and len({part.n_in for part in layer.parts}) > 1:
            raise NetworkError(
                f"{place}: the parts must have the same number of inputs, got weights "
                f"{[_shape(part) for part in layer.parts]}"
            )
        return
    weight, bias = np.shape(layer.weight), np.shape(layer.bias)
    if len(weight) != 2:
        raise NetworkError(f"{place}: weight must have shape (n_out, n_in), got {weight}")
    if bias != weight[:1]:
        raise NetworkError(f"{place}: weight {weight} does not fit bias {bias}; ({weight[0]},)")
    if 0 in _shape(layer):
        raise NetworkError(f"{place}: weight {_shape(layer)} must have no side of length 0")
    if isinstance(layer, SparseAffine) and np.shape(layer.columns) != weight:
        raise NetworkError(
            f"{place}: columns {np.shape(layer.columns)} do not fit weight {weight}; the same shape"
        )


def _check_values(place: str, layer: Layer) -> None:
    if isinstance(layer, Stack | BlockDiagonal):
        for i, part in enumerate(layer.parts):
            _check_values(f"{place}, part {i}", part)
        return
    _checks.finite(f"{place}: weight", layer.weight)
    _checks.finite(f"{place}: bias", layer.bias)


def hidden_layers(net: Network) -> int:
    """The number of hidden layers.

    >>> net = from_layers([([[1.0], [-1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    >>> hidden_layers(net)
    1
    """
    return len(net.layers) - 1


def shape(net: Network) -> tuple[int, ...]:
    """The numbers (d, w_1, ..., w_k, m) of inputs, neurons of each hidden layer, and outputs.

    >>> net = from_layers([([[1.0], [-1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    >>> shape(net)
    (1, 2, 1)
    """
    return (net.layers[0].n_in, *(layer.n_out for layer in net.layers))


def widths(net: Network) -> tuple[int, ...]:
    """The widths (w_1, ..., w_k) of the hidden layers.

    >>> net = from_layers([([[1.0], [-1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    >>> widths(net)
    (2,)
    """
    return shape(net)[1:-1]


def n_neurons(net: Network) -> int:
    """The number of neurons, w_1 + ... + w_k.

    >>> net = from_layers([([[1.0], [-1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    >>> n_neurons(net)
    2
    """
    return sum(widths(net))


def n_nonzero(net: Network) -> int:
    """The number of weights and biases that are not zero; host only.

    >>> net = from_layers([([[1.0], [-1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    >>> n_nonzero(net)
    4
    """
    return sum(int(np.count_nonzero(entries)) for entries in _entries(net))


def n_parameters(net: Network) -> int:
    """The number of weights and biases stored, zeros too, filled-up places (column -1) not.

    Host only.

    >>> net = from_layers([([[1.0], [-1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    >>> n_parameters(net)
    7
    """
    return sum(entries.size for entries in _entries(net))


def _entries(net: Network) -> list[np.ndarray]:
    """The weights and biases of all layers, without those at column -1."""
    queue, entries = list(net.layers), []
    for layer in queue:
        if isinstance(layer, Stack | BlockDiagonal):
            queue.extend(layer.parts)
        else:
            weight = np.asarray(layer.weight)
            used = np.asarray(layer.columns) >= 0 if isinstance(layer, SparseAffine) else ...
            entries += [weight[used], np.asarray(layer.bias)]
    return entries

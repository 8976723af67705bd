"""The calculus of networks: composition, parallel networks, linear combinations, identities.

With w(f) the hidden widths of f, of depth k(f), and all networks of the depths that the rules ask:

    compose(f, g)             f(g(x))           w(g), then w(f)
    parallel(f, g)            (f(x), g(x))      w(f) + w(g)
    linear_combination        sum_j c_j f_j(x)  sum_j w(f_j)
    identity(d, k)            x = relu(x) - relu(-x)        2d in each of k hidden layers
    pad_depth(f, k)           f(x)              w(f), then 2m in each added hidden layer

All of them are pure functions of the weights: they can be jitted and differentiated. Networks whose
floating leaves are NumPy arrays are treated in their own precision and give NumPy leaves.

References: Petersen, Voigtlaender, Neural Networks 108 (2018), section 2; Elbraechter,
Perekrestenko, Grohs, Boelcskei, IEEE Trans. Inform. Theory 67 (2021), section II.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from approxnet import _checks
from approxnet.errors import NetworkError
from approxnet.relu.layers import Affine, Array, BlockDiagonal, Layer, SparseAffine, Stack
from approxnet.relu.network import Network, floating, hidden_layers, shape


def _in_own_precision(function: Callable[..., Network]) -> Callable[..., Network]:
    """Let NumPy parameters be NumPy parameters of the same dtype after ``function``.

    JAX would round float64 to float32 where x64 is off, and trace constants inside ``jit``.
    """

    @functools.wraps(function)
    def wrapped(*args: Any) -> Network:
        with contextlib.ExitStack() as settings:
            settings.enter_context(jax.numpy_dtype_promotion("standard"))
            if not all(isinstance(a, np.ndarray) for a in filter(floating, jax.tree.leaves(args))):
                return function(*args)
            settings.enter_context(jax.ensure_compile_time_eval())
            settings.enter_context(jax.enable_x64(True))
            return jax.tree.map(np.asarray, function(*args))

    return wrapped


def compose(outer: Network, inner: Network) -> Network:
    """The network x -> outer(inner(x)).

    The output layer of ``inner`` and the first layer of ``outer`` become one affine layer, so that
    hidden layers and neurons add up. It is sparse if both are and their product is, else dense.

    Args:
      outer: a network from R^m to R^p.
      inner: a network from R^d to R^m.

    Returns:
      a network from R^d to R^p, its hidden widths those of inner, then those of outer.

    Raises:
      NetworkError: if outer does not take what inner gives.

    >>> from approxnet import relu
    >>> absolute = relu.from_layers([([[1.0], [-1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [-1.0])])
    >>> zigzag = compose(absolute, absolute)  # ||x| - 1| - 1
    >>> relu.shape(zigzag), relu.evaluate(zigzag, np.array([[3.0]])).tolist()
    ((1, 2, 2, 1), [1.0])
    """
    if outer.layers[0].n_in != inner.layers[-1].n_out:
        raise NetworkError(
            f"outer must take the {inner.layers[-1].n_out} outputs of inner, got an outer network "
            f"with {outer.layers[0].n_in} inputs; shapes {shape(outer)} after {shape(inner)}"
        )
    return _compose(outer, inner)


@_in_own_precision
def _compose(outer: Network, inner: Network) -> Network:
    merged = _product(outer.layers[0], inner.layers[-1])
    layers = (*inner.layers[:-1], merged, *outer.layers[1:])
    return Network(layers, inner.activations + outer.activations)


def _product(outer: Layer, inner: Layer) -> Layer:
    """The layer h -> A (B h + b) + a of an outer layer A, a and an inner layer B, b."""
    if isinstance(outer, Stack):
        return Stack(tuple(_product(part, inner) for part in outer.parts))
    bias = outer(inner.bias_vector()[:, None])[:, 0]
    if isinstance(outer, SparseAffine) and isinstance(inner, SparseAffine):
        n_out, k = outer.n_out, outer.weight.shape[1] * inner.weight.shape[1]
        if k < inner.n_in:
            rows = jnp.asarray(outer.columns)
            columns = jnp.where(rows[:, :, None] < 0, -1, jnp.asarray(inner.columns)[rows])
            weight = jnp.asarray(outer.weight)[:, :, None] * jnp.asarray(inner.weight)[rows]
            return SparseAffine(
                columns.reshape(n_out, k), weight.reshape(n_out, k), bias, inner.n_in
            )
    return Affine(inner.left_multiply(outer.dense()), bias)


def parallel(*nets: Network) -> Network:
    """The network ``x -> (nets[0](x), nets[1](x), ...)``.

    Shallower networks are first deepened by ``pad_depth``. The first layers are stacked, the
    others block diagonal: no zero is stored.

    Args:
      *nets: networks on the same R^d, with m_1, m_2, ... outputs.

    Returns:
      a network from R^d to R^(m_1 + m_2 + ...), of the largest depth; its hidden widths are the
      sums of those of the networks (after padding).

    Raises:
      NetworkError: if there is no network, if the inputs differ, or if a hidden layer (after
        padding, with relu) would need two activations; names the layer.

    >>> from approxnet import relu
    >>> absolute = relu.from_layers([([[1.0], [-1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    >>> both = parallel(absolute, relu.identity(1, 1))
    >>> relu.shape(both), relu.apply(both, np.array([-2.0])).tolist()
    ((1, 4, 2), [2.0, -2.0])
    """
    if not nets:
        raise NetworkError("nets must hold at least one network, got none")
    inputs = [net.layers[0].n_in for net in nets]
    if len(set(inputs)) > 1:
        raise NetworkError(f"nets must have the same number of inputs, got {inputs}")
    depth = max(map(hidden_layers, nets))
    nets = tuple(pad_depth(net, depth) for net in nets)
    for i, names in enumerate(zip(*(net.activations for net in nets), strict=True)):
        if len(set(names)) > 1:
            raise NetworkError(
                f"hidden layer {i} must have one activation, got {', '.join(names)} from the "
                f"{len(nets)} networks (shallower ones are padded with relu)"
            )
    first, *others = zip(*(net.layers for net in nets), strict=True)
    return Network((Stack(first), *map(BlockDiagonal, others)), nets[0].activations)


def linear_combination(coefficients: ArrayLike, nets: Sequence[Network]) -> Network:
    """The network ``x -> sum_j coefficients[j] nets[j](x)``.

    Args:
      coefficients: (len(nets),), cast to the dtype of the networks.
      nets: networks from R^d to R^m.

    Returns:
      a network from R^d to R^m, with the hidden layers of ``parallel(*nets)`` and a dense output
      layer.

    Raises:
      ValueError: if there is not one coefficient per network.
      NetworkError: if the outputs differ, or where ``parallel`` raises.

    >>> from approxnet import relu
    >>> absolute = relu.from_layers([([[1.0], [-1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    >>> twice_positive_part = linear_combination([1.0, 1.0], [absolute, relu.identity(1, 1)])
    >>> relu.evaluate(twice_positive_part, np.array([[-3.0], [3.0]])).tolist()
    [0.0, 6.0]
    """
    if np.shape(coefficients) != (len(nets),):
        raise ValueError(
            f"coefficients must have shape ({len(nets)},), one per network, "
            f"got {np.shape(coefficients)}"
        )
    outputs = {net.layers[-1].n_out for net in nets}
    if len(outputs) > 1:
        raise NetworkError(f"nets must have the same number of outputs, got {sorted(outputs)}")
    given = coefficients if hasattr(coefficients, "dtype") else np.asarray(coefficients, float)
    return _combine(given, parallel(*nets))


@_in_own_precision
def _combine(coefficients: Array, together: Network) -> Network:
    """The matrix (c_1 I, c_2 I, ...) after the networks in parallel."""
    bias = together.layers[-1].bias_vector()
    c = jnp.asarray(coefficients).astype(bias.dtype)
    m = bias.size // c.size
    weight = c[None, :, None] * jnp.eye(m, dtype=bias.dtype)[:, None, :]
    combination = Affine(weight.reshape(m, bias.size), jnp.zeros(m, bias.dtype))
    return _compose(Network((combination,), ()), together)


def identity(d: int, k: int) -> Network:
    """The identity of R^d with k hidden layers, x = relu(x) - relu(-x).

    Args:
      d: the dimension, at least 1; static.
      k: the number of hidden layers; static.

    Returns:
      a sparse network with NumPy leaves, exact in floating-point arithmetic: 2d neurons in each
      hidden layer.

    Raises:
      ValueError: if d < 1 or k < 0.

    >>> from approxnet import relu
    >>> net = identity(2, 3)
    >>> relu.shape(net), relu.apply(net, np.array([-1.0, 2.0])).tolist()
    ((2, 4, 4, 4, 2), [-1.0, 2.0])
    """
    d = _checks.count("d", d, at_least=1)
    return pad_depth(Network((_selection(d, np.dtype(float)),), ()), k)


def pad_depth(net: Network, k: int) -> Network:
    """The same function with k hidden layers, by y = relu(y) - relu(-y) after the last one.

    The added layers have the activation relu, whatever those before.

    Args:
      net: a network from R^d to R^m with at most k hidden layers.
      k: the number of hidden layers of the result; static.

    Returns:
      a network with 2m neurons in each added layer, with the same values in floating-point
      arithmetic; ``net`` itself if it has k hidden layers.

    Raises:
      ValueError: if k is not an integer >= 0.
      NetworkError: if the network has more than k hidden layers.

    >>> from approxnet import relu
    >>> net = relu.from_layers([([[1.0], [-1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    >>> relu.shape(pad_depth(net, 3))
    (1, 2, 2, 2, 1)
    """
    added = _checks.count("k", k) - hidden_layers(net)
    if added < 0:
        raise NetworkError(f"k must be at least the {hidden_layers(net)} hidden layers, got {k}")
    if added == 0:
        return net
    output = net.layers[-1]
    dtype = next(filter(floating, jax.tree.leaves(output))).dtype
    negative = jax.tree.map(lambda a: -a if floating(a) else a, output)
    pair = _selection(2 * output.n_out, dtype)
    layers = (*net.layers[:-1], Stack((output, negative)), *(added - 1) * (pair,))
    return Network(
        (*layers, _difference(output.n_out, dtype)), (*net.activations, *added * ("relu",))
    )


def _selection(n: int, dtype: Any) -> SparseAffine:
    """The identity matrix of size n."""
    columns = np.arange(n, dtype=np.int32)[:, None]
    return SparseAffine(columns, np.ones((n, 1), dtype), np.zeros(n, dtype), n)


def _difference(m: int, dtype: Any) -> SparseAffine:
    """The matrix (I, -I) with m rows."""
    first = np.arange(m, dtype=np.int32)
    weight = np.tile(np.array([1, -1], dtype), (m, 1))
    return SparseAffine(np.stack([first, first + m], axis=1), weight, np.zeros(m, dtype), 2 * m)

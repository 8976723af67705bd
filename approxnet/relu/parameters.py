"""The parameters of a network: random initial values, and parameters apart from structure.

``jax.grad`` and optimizers take trees of floating-point arrays, while sparse layers hold integer
columns too. ``split`` takes a network apart into parameters (its floating leaves) and pattern (its
integer leaves); ``join`` puts it together:

    parameters, pattern = split(net)
    loss = lambda parameters: jnp.mean((evaluate(join(parameters, pattern), x) - y) ** 2)
    gradient = jax.grad(loss)(parameters)
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import jax

from approxnet import _checks
from approxnet.errors import NetworkError
from approxnet.relu.layers import Affine
from approxnet.relu.network import Network, checked_structure, floating


def init(
    key: jax.Array, widths: Sequence[int], *, activations: Sequence[str] | None = None
) -> Network:
    """A random dense network: weights N(0, 2 / n_in), biases 0.

    Reference: He, Zhang, Ren, Sun, ICCV 2015, equation (10).

    Args:
      key: a random key.
      widths: (d, w_1, ..., w_k, m), static.
      activations: k names, the keys of ``ACTIVATIONS``; relu for all if not given; static.

    Returns:
      a network in the default float dtype.

    Raises:
      ValueError: if widths are not at least two positive integers.
      NetworkError: if activations are wrong.

    >>> net = init(jax.random.key(0), (2, 10, 1))
    >>> net.layers[0].weight.shape
    (10, 2)
    """
    sizes = [_checks.count(f"widths[{i}]", w, at_least=1) for i, w in enumerate(widths)]
    if len(sizes) < 2:
        raise ValueError(f"widths must be (d, ..., m), at least two numbers, got {tuple(widths)}")
    keys = jax.random.split(key, len(sizes) - 1)
    weights = [
        math.sqrt(2 / n_in) * jax.random.normal(k, (n_out, n_in))
        for k, (n_in, n_out) in zip(keys, itertools.pairwise(sizes), strict=True)
    ]
    layers = tuple(Affine(weight, 0 * weight[:, 0]) for weight in weights)
    names = ("relu",) * (len(layers) - 1) if activations is None else tuple(activations)
    return checked_structure(layers, names)


def split(net: Network) -> tuple[Any, Any]:
    """A network apart: its floating leaves and its integer leaves.

    Args:
      net: any network.

    Returns:
      ``(parameters, pattern)``, both networks: parameters without the integer leaves (None in
      their place), pattern without the floating ones.

    >>> net = init(jax.random.key(0), (2, 10, 1))
    >>> parameters, pattern = split(net)
    >>> len(jax.tree.leaves(parameters)), len(jax.tree.leaves(pattern))
    (4, 0)
    """
    parameters = jax.tree.map(lambda leaf: leaf if floating(leaf) else None, net)
    pattern = jax.tree.map(lambda leaf: None if floating(leaf) else leaf, net)
    return parameters, pattern


def join(parameters: Any, pattern: Any) -> Network:
    """The network of parameters and pattern, the inverse of ``split``.

    Args:
      parameters: a tree as ``split`` returns it, with any floating leaves.
      pattern: the pattern that ``split`` returned with it.

    Returns:
      the network.

    Raises:
      NetworkError: if the two do not come from the same structure; names the leaf.

    >>> net = init(jax.random.key(0), (2, 10, 1))
    >>> join(*split(net)).layers[0].weight.shape
    (10, 2)
    """
    given, structure = jax.tree.flatten_with_path(parameters, is_leaf=_absent)
    expected = jax.tree.structure(pattern, is_leaf=_absent)
    if structure != expected:
        raise NetworkError(
            f"parameters and pattern must come from one network, got structures {structure} "
            f"and {expected}; pass what split(net) returned"
        )
    leaves = []
    others = jax.tree.leaves(pattern, is_leaf=_absent)
    for (path, p), q in zip(given, others, strict=True):
        if (p is None) == (q is None):
            state = "missing in both" if p is None else "present in both"
            raise NetworkError(
                f"the leaf {jax.tree_util.keystr(path)} must be in parameters or in pattern, "
                f"it is {state}; pass what split(net) returned"
            )
        leaves.append(q if p is None else p)
    return jax.tree.unflatten(structure, leaves)


def _absent(leaf: Any) -> bool:
    return leaf is None

"""Shallow networks: linear combinations of ridge functions.

    v(x) = sum_i c_i sigma(w_i.x + b_i),    w_i in R^d,  b_i, c_i in R,  i = 1, ..., n.

There is no constant beside the sum: where one is needed, it is a neuron. The atoms of a dictionary
have |w_i| = 1; a network may have any w_i.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from approxnet import _checks, relu
from approxnet.errors import NetworkError
from approxnet.shallow.derivatives import SMOOTHNESS, derivatives

HIGHEST = jax.lax.Precision.HIGHEST


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["directions", "offsets", "coefficients"],
    meta_fields=["activation"],
)
@dataclasses.dataclass(frozen=True, eq=False)
class ShallowNetwork:
    """A shallow network, a pytree; ``from_arrays`` builds it with checks, the constructor does not.

    Attributes:
      directions: (n, d), w.
      offsets: (n,), b.
      coefficients: (n,), c.
      activation: a key of ``SMOOTHNESS``; static.

    Example:
      >>> net = from_arrays([[1.0], [-1.0]], [0.0, 0.0], [1.0, 1.0], "relu")
      >>> evaluate(net, np.array([[-2.0], [3.0]])).tolist()
      [2.0, 3.0]
    """

    directions: Any
    offsets: Any
    coefficients: Any
    activation: str = "relu"


def from_arrays(
    directions: ArrayLike, offsets: ArrayLike, coefficients: ArrayLike, activation: str = "relu"
) -> ShallowNetwork:
    """A network from its arrays, checked on the host; traced values pass unread.

    Args:
      directions: (n, d), n and d at least 1.
      offsets: (n,).
      coefficients: (n,).
      activation: relu, relu2, ..., relu9, heaviside, hat, tanh or sigmoid; static.

    Raises:
      NetworkError: if a shape or a dtype is wrong.
      NonFiniteError: if a number is nan or infinite; names the neuron.
      ConfigError: if the activation is not known.

    Example:
      >>> from_arrays([[1.0, 0.0]], [0.5], [2.0], "tanh").directions.shape
      (1, 2)
    """
    _checks.one_of("activation", activation, SMOOTHNESS)
    given: dict[str, Any] = {
        "directions": directions,
        "offsets": offsets,
        "coefficients": coefficients,
    }
    arrays = {
        name: value if hasattr(value, "dtype") else np.asarray(value, np.float64)
        for name, value in given.items()
    }
    shape = np.shape(arrays["directions"])
    if len(shape) != 2 or 0 in shape:
        raise NetworkError(f"directions must have shape (n, d), none of them 0, got {shape}")
    for name in ("offsets", "coefficients"):
        if np.shape(arrays[name]) != shape[:1]:
            raise NetworkError(
                f"{name} must have shape ({shape[0]},), one per direction, got "
                f"{np.shape(arrays[name])}"
            )
    for name, array in arrays.items():
        if not jnp.issubdtype(array.dtype, jnp.floating):
            raise NetworkError(f"{name} must hold floating-point numbers, got {array.dtype}")
        _checks.finite(name, array)
    return ShallowNetwork(**arrays, activation=activation)


def to_relu(net: ShallowNetwork) -> relu.Network:
    """The same function as a network of the chapter ``relu``, of one hidden layer.

    Example:
      >>> net = from_arrays([[1.0], [-1.0]], [0.0, 0.0], [1.0, 1.0], "relu")
      >>> relu.norm_l2(to_relu(net), 0.0, 1.0) ** 2  # of |x|
      0.3333333333333333
    """
    output = relu.Affine(net.coefficients[None], 0 * net.coefficients[:1])
    return relu.Network((relu.Affine(net.directions, net.offsets), output), (net.activation,))


def evaluate(net: ShallowNetwork, x: ArrayLike) -> jax.Array:
    """The values of a network at points.

    Args:
      net: a network on R^d.
      x: (..., d), points.

    Returns:
      (...), in the dtype that the parameters and x promote to.

    Raises:
      ValueError: if the last axis of x is not d, or x is not real.

    Example:
      >>> net = from_arrays([[1.0, 1.0]], [0.0], [0.5], "relu2")
      >>> float(evaluate(net, np.array([1.0, 1.0])))
      2.0
    """
    return relu.evaluate(to_relu(net), x)


def gradient(net: ShallowNetwork, x: ArrayLike) -> jax.Array:
    """The gradients of a network at points.

    Args:
      net: a network on R^d, of an activation with a derivative.
      x: (..., d), points.

    Returns:
      (..., d), in the dtype that the parameters and x promote to.

    Raises:
      ValueError: if the last axis of x is not d, or x is not real.
      AssumptionError: if the activation has no derivative in L2.

    Example:
      >>> net = from_arrays([[1.0, 1.0]], [0.0], [0.5], "relu2")
      >>> gradient(net, np.array([1.0, 1.0])).tolist()
      [2.0, 2.0]
    """
    points: Any = x if hasattr(x, "dtype") else np.asarray(x)
    _checks.points("x", points, net.directions.shape[1])
    w, b, c, points = jax.tree.map(jnp.asarray, (net.directions, net.offsets, net.coefficients,
                                                 points))  # fmt: skip
    dtype = jnp.result_type(w, b, c, points, float)
    w, b, c, points = (a.astype(dtype) for a in (w, b, c, points))
    t = jnp.matmul(points, w.T, precision=HIGHEST)
    slope = derivatives(net.activation, 1, t + b.reshape((1,) * (t.ndim - 1) + (-1,)))[1]
    return jnp.matmul(slope, c[:, None] * w, precision=HIGHEST)

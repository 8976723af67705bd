"""Derivatives of activations, and how many of them there are.

A ridge function g(x) = sigma(w.x + b) has the partial derivatives

    d^a g(x) = w^a sigma^(|a|)(w.x + b),

so that all that a differential equation needs of an activation is sigma, sigma', sigma'', ... at
the same points. relu^k has k derivatives in L2, the k-th one a step; the hat has one, the step
none, tanh and the sigmoid all.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from approxnet import _checks
from approxnet.errors import AssumptionError
from approxnet.relu.activations import ACTIVATIONS

SMOOTHNESS: dict[str, float] = {
    "heaviside": 0,
    "hat": 1,
    "relu": 1,
    **{f"relu{k}": k for k in range(2, 10)},
    "tanh": math.inf,
    "sigmoid": math.inf,
}
"""How many derivatives an activation has in L2; the activations of a shallow network."""


def derivatives(activation: str, order: int, t: jax.Array) -> list[jax.Array]:
    """The values sigma(t), sigma'(t), ..., up to the derivative of that order.

    Args:
      activation: a key of ``SMOOTHNESS``; static.
      order: static.
      t: (...), a floating-point array.

    Returns:
      order + 1 arrays (...).

    Raises:
      ConfigError: if the activation is not known.
      AssumptionError: if it has fewer derivatives in L2.

    Example:
      >>> [float(s) for s in derivatives("relu2", 2, jnp.float32(3.0))]
      [9.0, 6.0, 2.0]
    """
    check_smoothness(activation, order)
    functions = [ACTIVATIONS[activation]]
    for _ in range(order):
        functions.append(_derivative(functions[-1]))
    return [function(t) for function in functions]


def check_smoothness(activation: str, order: int) -> None:
    """AssumptionError unless the activation has so many derivatives in L2."""
    _checks.one_of("activation", activation, SMOOTHNESS)
    if SMOOTHNESS[activation] < order:
        raise AssumptionError(
            f"activation must have {order} derivatives in L2 for this energy, got "
            f"{activation!r} with {SMOOTHNESS[activation]}; take relu{max(order, 2)} or tanh"
        )


def _derivative(f: Callable[[jax.Array], jax.Array]) -> Callable[[jax.Array], jax.Array]:
    return lambda t: jax.jvp(f, (t,), (jnp.ones_like(t),))[1]

"""Activations by name, and what is known about them.

    relu(t)  = max(t, 0), derivative 0 at t = 0
    reluk(t) = relu(t)^k, k = 2, ..., 9 (``relu2``, ``relu3``, ...)
    hat(t)   = t on [0, 1], 2 - t on [1, 2], 0 elsewhere
    heaviside(t) = 1 for t > 0, 0 for t <= 0: the derivative of relu

The hat is the linear B-spline of Hong, Siegel, Tan, Xu, "On the activation function dependence of
the spectral bias of neural networks", arXiv:2208.04924; relu is ``jax.nn.relu``, whose derivative
at 0 is 0, where that of ``maximum(t, 0)`` is 1/2.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp


def _relu_power(k: int, t: jax.Array) -> jax.Array:
    return jax.nn.relu(t) ** k


def _hat(t: jax.Array) -> jax.Array:
    return jax.nn.relu(1 - abs(t - 1))


def _heaviside(t: jax.Array) -> jax.Array:
    return (t > 0).astype(t.dtype)


def _identity(t: jax.Array) -> jax.Array:
    return t


ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "relu": jax.nn.relu,
    **{f"relu{k}": partial(_relu_power, k) for k in range(2, 10)},
    "hat": _hat,
    "heaviside": _heaviside,
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "identity": _identity,
}
"""Every activation by its name; each maps an array to one of the same shape and dtype."""

PIECEWISE_LINEAR: dict[str, tuple[float, ...]] = {
    "relu": (0.0,),
    "hat": (0.0, 1.0, 2.0),
    "identity": (),
}
"""The continuous piecewise linear activations, with their breakpoints."""

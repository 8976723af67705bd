"""Repetition of an iteration until the residual is small, with the history of the residual."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp


class Iteration(NamedTuple):
    """A linear iteration for A u = b from u = 0, in whatever storage it keeps its iterates."""

    start: Any
    improve: Callable[[Any], Any]
    size: Callable[[Any], jax.Array]  # of the residual
    value: Callable[[Any], jax.Array]  # u


def repeat(method: Iteration, b: jax.Array, rtol: Any, most: int) -> tuple[jax.Array, Any]:
    """The iterate whose residual is small, and the history."""
    stop = jnp.asarray(rtol, b.dtype) * jnp.linalg.norm(b)

    def go_on(state: Any) -> jax.Array:
        _, residuals, k = state
        return (residuals[k] > stop) & (k < most)

    def step(state: Any) -> Any:
        x, residuals, k = state
        x = method.improve(x)
        return x, residuals.at[k + 1].set(method.size(x)), k + 1

    residuals = jnp.full(most + 1, jnp.linalg.norm(b))
    x, residuals, k = jax.lax.while_loop(go_on, step, (method.start, residuals, jnp.int32(0)))
    return method.value(x), history(residuals, k, stop)


def history(residuals: jax.Array, k: jax.Array, stop: jax.Array) -> Any:
    """The last residual repeated to the end, whether it is small enough, and the number of it."""
    last = residuals[k]
    return (
        jnp.where(jnp.arange(residuals.size, dtype=k.dtype) <= k, residuals, last),
        last <= stop,
        k,
    )

"""What a minimisation hands back: the best point, its history, and the reason why it ended."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from approxnet import _checks
from approxnet.errors import ConvergenceWarning, NonFiniteError

REASONS = (
    "the number of steps is used up",
    "the gradient is small",
    "the steps are small",
    "the decrease is small",
    "no step decreases the cost",
    "the cost or its derivative is not finite at x0",
)
"""Why an iteration ended, by ``Minimum.reason``; 1, 2 and 3 count as converged."""
STEPS, GRADIENT, SMALL, DECREASE, STUCK, NOT_FINITE = range(6)


class Minimum(NamedTuple):
    """The result of a minimisation.

    Attributes:
      value: like x0, the best point found.
      costs: (max_steps + 1,), the cost after 0, 1, ... steps, the last one repeated to the end; of
        least squares |r|^2 / 2.
      converged: whether a test of convergence is met.
      reason: index into ``REASONS``.
      steps: steps tried.

    Example:
      >>> from approxnet.optimize import gauss_newton
      >>> REASONS[int(gauss_newton(lambda x: x - 3.0, jnp.zeros(1)).reason)]
      'the gradient is small'
    """

    value: Any
    costs: jax.Array
    converged: jax.Array
    reason: jax.Array
    steps: jax.Array


def flatten(x0: Any) -> tuple[jax.Array, Callable[[jax.Array], Any]]:
    """A tree of floating-point arrays as one vector, and the way back.

    Raises:
      ValueError: if a leaf is not floating-point.

    Example:
      >>> flatten({"a": jnp.ones(2), "b": jnp.zeros(())})[0].tolist()
      [1.0, 1.0, 0.0]
    """
    x0 = jax.tree.map(jnp.asarray, x0)
    for leaf in jax.tree.leaves(x0):
        if not jnp.issubdtype(leaf.dtype, jnp.floating):
            raise ValueError(f"x0 must hold floating-point numbers, got dtype {leaf.dtype}")
    return ravel_pytree(x0)


def finish(value: Any, costs: jax.Array, reason: jax.Array, steps: jax.Array) -> Minimum:
    """The result of a loop that ended with a reason, or with -1 when its steps were used up.

    Example:
      >>> one = jnp.int32(1)
      >>> finish(None, jnp.array([3.0, 2.0, 0.0]), one, one).costs.tolist()
      [3.0, 2.0, 2.0]
    """
    reason = jnp.where(reason < 0, jnp.int32(STEPS), reason)
    done = jnp.arange(len(costs), dtype=jnp.int32) <= steps
    converged = (reason == GRADIENT) | (reason == SMALL) | (reason == DECREASE)
    return Minimum(value, jnp.where(done, costs, costs[steps]), converged, reason, steps)


def report(found: Minimum) -> None:
    """Raise or warn where the values are known and the iteration has not converged."""
    if not _checks.concrete(found.converged) or np.all(found.converged):
        return
    reason = REASONS[int(found.reason)]
    if int(found.reason) == NOT_FINITE:
        raise NonFiniteError(f"cost must be finite at x0, got {found.costs[0]}; {reason}")
    warnings.warn(
        f"the iteration must converge, got cost {float(found.costs[-1]):.6g} from "
        f"{float(found.costs[0]):.6g} after {int(found.steps)} steps: {reason}; allow more steps, "
        "begin nearer, or scale the unknowns",
        ConvergenceWarning,
        stacklevel=3,
    )

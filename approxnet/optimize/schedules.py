"""Steps that shrink, and the checks of steps.

A schedule is a function of the number k = 0, 1, ... of the step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from approxnet import _checks
from approxnet.errors import AssumptionError

Schedule = Callable[[Any], Any]
"""The step, or the momentum, as a function of k."""

Number = float | jax.Array
"""A number, traced or not."""

Step = Number | Schedule


def inverse_time(scale: float, shift: float = 1.0) -> Schedule:
    """The step scale / (k + shift), for strongly convex functions with noise.

    Raises:
      AssumptionError: if scale or shift is not positive.

    Example:
      >>> float(inverse_time(3.0)(2))
      1.0
    """
    positive("scale", scale)
    positive("shift", shift)
    return lambda k: scale / (jnp.asarray(k, float) + shift)


def inverse_sqrt(scale: float) -> Schedule:
    """The step scale / (k + 1)^(1/2), for convex functions that need not be smooth.

    Raises:
      AssumptionError: if scale is not positive.

    Example:
      >>> float(inverse_sqrt(3.0)(8))
      1.0
    """
    positive("scale", scale)
    return lambda k: scale * (jnp.asarray(k, float) + 1) ** -0.5


def growing_momentum(k: Any) -> Any:
    """The momentum (k - 1) / (k + 2), k >= 1, of Nesterov's method for convex functions.

    Example:
      >>> float(growing_momentum(4))
      0.5
    """
    return 1 - 3 / (jnp.asarray(k, float) + 2)


def positive(name: str, value: Any) -> Any:
    """``value`` if it is positive and finite, or traced; AssumptionError otherwise."""
    if _checks.concrete(value) and not 0 < value < float("inf"):
        raise AssumptionError(f"{name} must be positive and finite, got {value}")
    return value


def fraction(name: str, value: Any) -> Any:
    """``value`` if it is in [0, 1), or traced; AssumptionError otherwise."""
    if _checks.concrete(value) and not 0 <= value < 1:
        raise AssumptionError(f"{name} must be in [0, 1), got {value}")
    return value

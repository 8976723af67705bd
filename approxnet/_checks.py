"""The checks of the public boundary, with the errors they raise.

Shapes, dtypes and static options are known before tracing and are always checked. Values are
checked where they are at hand (``concrete``); a traced value cannot raise.
"""

from __future__ import annotations

import difflib
import operator
import os
from collections.abc import Callable, Iterable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from approxnet.errors import ConfigError, NonFiniteError


def concrete(*arrays: Any) -> bool:
    """Whether the values of all arrays are at hand, that is, none is traced."""
    return not any(isinstance(a, Tracer) for a in arrays)


def count(name: str, value: Any, *, at_least: int = 0) -> int:
    """``value`` as an int that is at least ``at_least``; ValueError otherwise."""
    try:
        number = operator.index(value)
    except TypeError:
        raise ValueError(
            f"{name} must be an integer >= {at_least}, got {value!r} of type "
            f"{type(value).__name__}; convert it with int()"
        ) from None
    if number < at_least:
        raise ValueError(f"{name} must be an integer >= {at_least}, got {number}")
    return number


def one_of(name: str, value: str, options: Iterable[str]) -> str:
    """``value`` if it is among the options; ConfigError with the nearest one otherwise."""
    options = list(options)
    if value not in options:
        raise ConfigError(
            f"{name} must be one of {', '.join(options)}, got {value!r}"
            f"{did_you_mean(value, options)}"
        )
    return value


def did_you_mean(value: Any, options: Iterable[str]) -> str:
    """A clause that names the nearest option, or nothing when none is near."""
    near = difflib.get_close_matches(str(value), list(options), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def finite(name: str, values: Any) -> None:
    """NonFiniteError with the first place if concrete ``values`` hold nan or infinity."""
    if not concrete(values):
        return
    array = np.asarray(values)
    bad = ~np.isfinite(array)
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        raise NonFiniteError(
            f"{name} must be finite, got {array[place]} at index {place} "
            f"({int(bad.sum())} of {array.size} entries); mend or remove it"
        )


def points(name: str, x: Any, d: int) -> None:
    """ValueError unless ``x`` is a set of real points: (..., d)."""
    shape = np.shape(x)
    if not shape or shape[-1] != d:
        hint = f"; write {name}[..., None] for points on a line" if d == 1 else ""
        raise ValueError(
            f"{name} must have shape (..., {d}), the coordinate on the last axis, got {shape}{hint}"
        )
    dtype = getattr(x, "dtype", None) or np.asarray(x).dtype
    if not (jnp.issubdtype(dtype, jnp.floating) or jnp.issubdtype(dtype, jnp.integer)):
        raise ValueError(f"{name} must hold real numbers, got dtype {dtype}")


def nodal(name: str, values: Any, n: int) -> None:
    """ValueError unless ``values`` are real nodal values: (n,) or (n, m)."""
    shape = np.shape(values)
    if len(shape) not in (1, 2) or shape[0] != n:
        raise ValueError(
            f"{name} must have shape ({n},) or ({n}, m), one row per node, got {shape}"
        )
    dtype = getattr(values, "dtype", None) or np.asarray(values).dtype
    if jnp.issubdtype(dtype, jnp.complexfloating):
        raise ValueError(f"{name} must be real, got dtype {dtype}; map the two parts one by one")


def target(f: Callable[[Any], Any], x: Any, name: str = "f") -> Any:
    """The values f(x), (...), of a target function at points x, (..., d), checked.

    Raises:
      TypeError: if f is not callable.
      ValueError: if f(x) is not a real array of shape x.shape[:-1].
      NonFiniteError: if a concrete value is nan or infinite; names the point.
    """
    if not callable(f):
        raise TypeError(f"{name} must be a function of points (..., d), got {type(f).__name__}")
    values = f(x)
    shape, expected = np.shape(values), np.shape(x)[:-1]
    if shape != expected:
        if shape == (*expected, 1):
            hint = "drop the last axis, for example with x[..., 0] or .squeeze(-1)"
        elif shape == ():
            hint = "for a constant return jnp.full(x.shape[:-1], c)"
        else:
            hint = "the coordinate is the last axis of x, and f must be vectorised over the others"
        raise ValueError(
            f"{name} must map points of shape {np.shape(x)} to values of shape {expected}, "
            f"got {shape}; {hint}"
        )
    dtype = getattr(values, "dtype", None) or np.asarray(values).dtype
    if jnp.issubdtype(dtype, jnp.complexfloating) or dtype == np.float16:
        raise ValueError(f"{name} must return real values of at least 32 bits, got dtype {dtype}")
    if concrete(values, x):
        bad = ~np.isfinite(np.asarray(values))
        if bad.any():
            place = tuple(np.argwhere(bad)[0])
            raise NonFiniteError(
                f"{name} must be finite, got {np.asarray(values)[place]} at the point "
                f"{np.asarray(x)[place]} ({int(bad.sum())} of {bad.size} points); "
                "remove the singularity or move the node"
            )
    return values


def memory(what: str, n_bytes: int, error: type[Exception] = MemoryError) -> None:
    """``error`` with the predicted size if ``n_bytes`` exceed the machine's memory."""
    available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if n_bytes > available:
        raise error(
            f"{what} must fit into the memory of {available} bytes, got a predicted size of "
            f"{n_bytes} bytes; make it smaller"
        )


def box(lower: Any, upper: Any, d: int) -> tuple[np.ndarray, np.ndarray]:
    """The corners of a box, (d,) in double precision, from (d,) or a number for all axes.

    Raises:
      ValueError: unless lower < upper, both finite, on every axis; names the axis.
    """
    corners = []
    for name, value in (("lower", lower), ("upper", upper)):
        array = np.asarray(value, np.float64)
        if array.shape not in ((), (d,)):
            raise ValueError(f"{name} must be a number or have shape ({d},), got {array.shape}")
        corners.append(np.broadcast_to(array, (d,)))
    low, high = corners
    bad = np.flatnonzero(~(np.isfinite(low) & np.isfinite(high) & (low < high)))
    if bad.size:
        raise ValueError(
            f"lower must be less than upper, both finite, got {low[bad[0]]} and {high[bad[0]]} on "
            f"axis {bad[0]}; swap them or widen the box"
        )
    return low, high

"""Labelled examples: points (n, d) with the numbers 0, ..., k - 1 of their classes.

Everything in ``learn`` is computed in NumPy's double precision on the host.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from approxnet import _checks
from approxnet.errors import DataError


class Examples(NamedTuple):
    """Checked examples.

    Fields:
      x: (n, d), float64.
      labels: (n,), int32; each of 0, ..., k - 1 occurs.
      classes: k, at least 2.
    """

    x: np.ndarray
    labels: np.ndarray
    classes: int

    @property
    def unit(self) -> np.ndarray:
        """The unit vectors of the classes, (n, k)."""
        return np.eye(self.classes)[self.labels]


def examples(x: Any, y: Any) -> Examples:
    """Points and labels, checked.

    Raises:
      ValueError: if x is not (n, d) or y not (n,).
      NonFiniteError: if x holds nan or infinity.
      DataError: if there is no example, only one class, a label that is no integer or negative, or
        a class without examples; names the place and the remedy.
    """
    x = sample(x)
    y = np.asarray(y)
    if y.shape != (len(x),):
        raise ValueError(f"y must have shape ({len(x)},), one label per row of x, got {y.shape}")
    if y.dtype.kind not in "iub":
        raise DataError(
            f"y must hold integers, the numbers of the classes, got dtype {y.dtype}; "
            "np.unique(y, return_inverse=True)[1] numbers them"
        )
    negative = np.flatnonzero(y < 0)
    if negative.size:
        place = negative[0]
        raise DataError(
            f"y must hold labels 0, ..., k - 1, got {y[place]} at index {place}; write "
            "(y > 0).astype(int) for signs"
        )
    count = np.bincount(y)
    if len(count) < 2:
        raise DataError(f"y must name at least 2 classes, got only {y[0]} in {len(y)} examples")
    if not count.all():
        missing, place = count.argmin(), y.argmax()
        raise DataError(
            f"y must hold each label 0, ..., {len(count) - 1}, since {y[place]} occurs at index "
            f"{place}, but {missing} does not; np.unique(y, return_inverse=True)[1] numbers them "
            "without a gap"
        )
    return Examples(x, y.astype(np.int32), len(count))


def sample(x: Any) -> np.ndarray:
    """Points (n, d) in double precision, at least one, all finite."""
    shape = np.shape(x)
    if len(shape) != 2:
        raise ValueError(
            f"x must have shape (n, d), one example per row, got {shape}; write x[:, None] for "
            "points on a line and x.reshape(len(x), -1) for images"
        )
    if 0 in shape:
        raise DataError(f"x must hold at least one example with one coordinate, got shape {shape}")
    _checks.points("x", x, shape[1])
    _checks.finite("x", x)
    return np.asarray(x, np.float64)


def queries(x: Any, d: int) -> np.ndarray:
    """Points (..., d) to be classified, in double precision, all finite."""
    _checks.points("x", x, d)
    _checks.finite("x", x)
    return np.asarray(x, np.float64)


def positive(name: str, value: float, *, infinite: bool = False) -> float:
    """``value`` if it is a number > 0, finite unless ``infinite``; ValueError otherwise."""
    if not (value > 0 and (infinite or np.isfinite(value))):
        raise ValueError(f"{name} must be {'' if infinite else 'a finite number '}> 0, got {value}")
    return float(value)


def nonnegative(name: str, value: float) -> float:
    """``value`` if it is a finite number >= 0; ValueError otherwise."""
    if not (value >= 0 and np.isfinite(value)):
        raise ValueError(f"{name} must be a finite number >= 0, got {value}")
    return float(value)

"""Orders of convergence: between levels, fitted with an interval, and beside a paper's numbers.

An error that behaves like

    e(h) = C h^p        or        e(n) = C n^(-p)

has the order p, log(e_i / e_{i+1}) / log(h_i / h_{i+1}) between two levels, and the slope of the
least-squares line through the logarithms over many. The interval of the slope is Student's, as if
the logarithms scattered independently; systematic curvature widens it, but is not chance.

Reference: Draper, Smith, Applied Regression Analysis (1998), section 1.4.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from approxnet import _checks


class Fit(NamedTuple):
    """The line errors ~ constant n^(-order) in logarithms.

    Attributes:
      order: p.
      interval: (low, high), in which p lies with the confidence asked for; infinite for two levels.
      constant: C.

    Example:
      >>> fit([1, 2, 4], [3.0, 1.5, 0.75])(8).round(12).item()
      0.375
    """

    order: float
    interval: tuple[float, float]
    constant: float

    def __call__(self, n: Any) -> np.ndarray:
        """The values of the line at n."""
        return self.constant * np.asarray(n, np.float64) ** -self.order


def order(h: Any, errors: Any) -> np.ndarray:
    """The orders between neighbouring levels, log(e_i / e_{i+1}) / log(h_i / h_{i+1}).

    Args:
      h: (l,), mesh sizes, positive, each other than the next; for numbers n of unknowns give 1 / n.
      errors: (l,), positive.

    Returns:
      (l - 1,).

    Raises:
      ValueError: if a shape does not fit, a number is not positive, or two neighbours are equal.

    Example:
      >>> order([1.0, 0.5, 0.25], [4.0, 1.0, 0.25]).tolist()
      [2.0, 2.0]
    """
    h, errors = _levels("h", h, errors)
    return np.diff(np.log(errors)) / np.diff(np.log(h))


def fit(n: Any, errors: Any, *, last: int | None = None, confidence: float = 0.95) -> Fit:
    """The order and the constant of errors ~ C n^(-p), with an interval for p.

    Args:
      n: (l,), numbers of unknowns, positive; for mesh sizes give 1 / h.
      errors: (l,), positive.
      last: fit so many of the last levels only; all by default.
      confidence: of the interval, between 0 and 1.

    Raises:
      ValueError: if a shape does not fit, a number is not positive, fewer than two levels are
        left, or confidence is not in (0, 1).

    Example:
      >>> found = fit([8, 16, 32, 64], [1e-2, 2.6e-3, 6.2e-4, 1.6e-4])
      >>> round(found.order, 2), [round(p, 2) for p in found.interval]
      (2.0, [1.92, 2.07])
    """
    n, errors = _levels("n", n, errors)
    last = len(n) if last is None else _checks.count("last", last, at_least=2)
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be in (0, 1), got {confidence}")
    x, y = np.log(n[-last:]), np.log(errors[-last:])
    x_mean, y_mean = x.mean(), y.mean()
    spread = ((x - x_mean) ** 2).sum()
    slope = ((x - x_mean) * (y - y_mean)).sum() / spread
    half = math.inf
    if len(x) > 2:
        from scipy import stats  # costs more than the rest of the chapter

        residual = y - y_mean - slope * (x - x_mean)
        deviation = math.sqrt((residual**2).sum() / (len(x) - 2) / spread)
        half = float(stats.t.ppf((1 + confidence) / 2, len(x) - 2)) * deviation
    p = -float(slope)
    return Fit(p, (p - half, p + half), float(np.exp(y_mean - slope * x_mean)))


def table(
    n: Any,
    errors: Mapping[str, Any],
    *,
    paper: Mapping[str, Any] | None = None,
    size: str = "n",
) -> tuple[tuple[str, ...], tuple[tuple[float | str, ...], ...]]:
    """Columns and rows of errors with orders, beside a paper's numbers where it has them.

    The two are the last arguments of ``approxnet.reproduce.Table``.

    Args:
      n: (l,), numbers of unknowns, positive.
      errors: (l,) by name, positive.
      paper: (l,) by the same names, as printed; None where the paper has no number.
      size: what n is called.

    Returns:
      column names, and one row per level; the order of the first level is "-".

    Raises:
      ValueError: if a shape does not fit, a number is not positive, or the paper's name is none of
        ours.

    Example:
      >>> columns, rows = table([8, 16], {"L2": [4e-2, 1e-2]}, paper={"L2": [None, 1.25e-2]})
      >>> columns
      ('n', 'L2', 'order', 'L2 (paper)', 'ours / paper')
      >>> rows[1]
      (16, 0.01, 2.0, 0.0125, 0.8)
    """
    paper = {} if paper is None else paper
    unknown = sorted(set(paper) - set(errors))
    if unknown:
        raise ValueError(f"paper must have names among {', '.join(errors)}, got {unknown[0]!r}")
    columns, data = [size], [list(np.asarray(n).tolist())]
    for name, ours in errors.items():
        orders = order(1 / np.asarray(n, np.float64), ours)
        columns += [name, "order"]
        data += [[float(e) for e in ours], ["-", *(round(float(p), 2) for p in orders)]]
        if name in paper:
            printed = list(paper[name])
            if len(printed) != len(data[0]):
                raise ValueError(
                    f"paper must have {len(data[0])} numbers for {name!r}, got {len(printed)}"
                )
            columns += [f"{name} (paper)", "ours / paper"]
            data.append(["-" if value is None else value for value in printed])
            pairs = zip(ours, printed, strict=True)
            data.append(["-" if b is None else float(f"{a / b:.3g}") for a, b in pairs])
    return tuple(columns), tuple(zip(*data, strict=True))


def _levels(name: str, sizes: Any, errors: Any) -> tuple[np.ndarray, np.ndarray]:
    """Both as float64 arrays (l,), l >= 2, positive, the sizes changing from level to level."""
    sizes, errors = np.asarray(sizes, np.float64), np.asarray(errors, np.float64)
    if sizes.ndim != 1 or len(sizes) < 2 or sizes.shape != errors.shape:
        raise ValueError(
            f"{name} and errors must have one shape (l,) with l >= 2, got {sizes.shape} and "
            f"{errors.shape}"
        )
    for what, values in ((name, sizes), ("errors", errors)):
        bad = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
        if bad.size:
            raise ValueError(
                f"{what} must be positive and finite, got {values[bad[0]]} at level {bad[0]}; "
                "leave the level out"
            )
    same = np.flatnonzero(np.diff(sizes) == 0)
    if same.size:
        i = same[0]
        raise ValueError(f"{name} must change between levels, got {sizes[i]} at {i} and {i + 1}")
    return sizes, errors

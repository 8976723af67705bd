"""Splines whose knots are fitted to a function.

With free breakpoints the least L2 error of P1 on m intervals, f'' being integrable enough, is

    m^2 min |f - s| -> C = 720^(-1/2) (int |f''|^(2/5))^(5/2),

where uniform ones give 720^(-1/2) |f''| h^2.

References: de Boor, A Practical Guide to Splines (2001), chapter XII; Burchard, Hale, J. Approx.
Theory 14 (1975), 107-149.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from approxnet import _checks, quadrature
from approxnet.approximation.splines.bsplines import (
    Spline,
    basis,
    clamped,
    evaluate,
    least_squares,
)
from approxnet.fem.assembly import sample
from approxnet.optimize.levenberg_marquardt import gauss_newton
from approxnet.optimize.result import report


def breakpoints_from_gaps(gaps: Any, lower: Any = 0.0, upper: Any = 1.0) -> jax.Array:
    """Breakpoints (m + 1,) from the logarithms of the lengths of m intervals, up to a factor.

    Whatever the gaps are, the breakpoints ascend and the ends stay; pure JAX.

    Example:
      >>> breakpoints_from_gaps(jnp.zeros(4)).tolist()
      [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    ends = jnp.pad(jnp.cumsum(jax.nn.softmax(gaps)), (1, 0))
    return lower + (upper - lower) * (ends / ends[-1]).at[-1].set(1)


class FreeKnots(NamedTuple):
    """A spline with fitted breakpoints.

    Attributes:
      spline: the spline.
      breakpoints: (m + 1,).
      error: |f - s| in L2.
      start: the error with breakpoints that equidistribute it.
      converged: whether it converged.
    """

    spline: Spline
    breakpoints: np.ndarray
    error: float
    start: float
    converged: bool


def fit_free_knots(
    f: Callable[[Any], Any],
    intervals: int,
    *,
    degree: int = 1,
    lower: float = 0.0,
    upper: float = 1.0,
    points: int = 6,
    rtol: float = 1e-7,
    max_steps: int = 200,
) -> FreeKnots:
    """The spline whose breakpoints are fitted too: a local minimum of the L2 error.

    One start equidistributes the errors of the intervals, another lies half an interval beside
    it, and the better result counts. From each, coefficients and logarithms of the lengths are
    fitted together by ``optimize.gauss_newton``; the integrals are Gauss rules that move with the
    intervals.

    Args:
      f: a function, (..., 1) -> (...), in JAX: it is differentiated where the points move.
      intervals: m >= 1, so that there are m - 1 free breakpoints.
      degree: k >= 1.
      lower: the left end.
      upper: the right end.
      points: Gauss points per interval, more than degree + 1.
      rtol: of the iteration.
      max_steps: of the iteration.

    Returns:
      FreeKnots, in float64. A ConvergenceWarning says if the iteration has not converged.

    Raises:
      ValueError: if an argument is out of range or f has a wrong shape.
      NonFiniteError: if f or its derivative is not finite at a Gauss point.

    Example:
      >>> import jax.numpy as jnp
      >>> fitted = fit_free_knots(lambda x: jnp.cbrt(x[..., 0]) ** 2, 8)
      >>> round(64 * fitted.error, 3)  # 0.056 for m -> infinity
      0.05
    """
    m, degree = _checks.count("intervals", intervals, at_least=1), _checks.count("degree", degree)
    points = _checks.count("points", points, at_least=degree + 2)
    (low,), (high,) = _checks.box(lower, upper, 1)
    rule = quadrature.gauss_legendre(points)
    fixed = functools.partial(_fit_fixed, f, rule, degree)
    even = _equal_errors(fixed, np.linspace(low, high, m + 1), degree)

    def residual(unknowns: Any) -> jax.Array:
        b = breakpoints_from_gaps(unknowns[0], low, high)
        h = jnp.diff(b)[:, None]
        x = (b[:-1, None] + h * jnp.asarray(rule.points[:, 0])[None, :]).reshape((-1, 1))
        s = evaluate(Spline(clamped(b, degree, jnp), unknowns[1], degree), x)
        root = jnp.sqrt(h * jnp.asarray(rule.weights)[None, :]).ravel()
        return root * (f(x) - s)

    def iterate(unknowns: Any) -> Any:
        return gauss_newton(residual, unknowns, rtol=rtol, max_steps=max_steps)

    with jax.enable_x64(True):
        run, results = jax.jit(iterate), []
        for start in (even, _shifted(even)):
            gaps, coefficients = np.log(np.diff(start)), fixed(start)[0].coefficients
            results.append(run((jnp.asarray(gaps), jnp.asarray(coefficients))))
        found = min(results, key=lambda result: float(result.costs[-1]))
        report(found)
        b = np.asarray(breakpoints_from_gaps(found.value[0], low, high))
    spline, errors = fixed(b)
    start = float(np.linalg.norm(fixed(even)[1]))
    return FreeKnots(spline, b, float(np.linalg.norm(errors)), start, bool(found.converged))


def _shifted(b: np.ndarray) -> np.ndarray:
    """Interior breakpoints moved half an interval: an interval now holds what was at a breakpoint.

    Where f'' vanishes, as in the middle of a sine, that is better by a whole interval.
    """
    if len(b) == 2:
        return b
    middle = (b[1:] + b[:-1]) / 2
    return np.concatenate([b[:1], middle[1:], b[-1:]])


def _fit_fixed(
    f: Callable[[Any], Any], rule: quadrature.Rule, degree: int, b: np.ndarray
) -> tuple[Spline, np.ndarray]:
    """The best spline on breakpoints, and its error on each interval (m,)."""
    h = np.diff(b)[:, None]
    x = (b[:-1, None] + h * rule.points[:, 0]).ravel()[:, None]
    w, y = (h * rule.weights).ravel(), sample(f, x)
    s = least_squares(x, y, b, degree=degree, weights=w)
    A = basis(s.knots, x, degree=degree)
    square = (w * (y - A @ s.coefficients) ** 2).reshape(h.shape[0], -1).sum(axis=1)
    return s, np.sqrt(square)


def equidistribute(
    f: Callable[[Any], Any],
    intervals: int,
    *,
    degree: int = 1,
    lower: float = 0.0,
    upper: float = 1.0,
    points: int = 6,
) -> tuple[Spline, np.ndarray, float]:
    """The best spline on breakpoints whose intervals have nearly the same error.

    It is where ``fit_free_knots`` starts, and needs no derivative of f.

    Args:
      f: a function, (..., 1) -> (...), evaluated in float64 on the host.
      intervals: m >= 1.
      degree: k >= 0.
      lower: the left end.
      upper: the right end.
      points: Gauss points per interval, more than degree + 1.

    Returns:
      the spline, the breakpoints (m + 1,) and the error in L2.

    Raises:
      ValueError: if an argument is out of range or f has a wrong shape.
      NonFiniteError: if f is not finite at a Gauss point.

    Example:
      >>> import numpy as np
      >>> _, b, error = equidistribute(lambda x: np.cbrt(x[..., 0]) ** 2, 16)
      >>> bool(b[1] < 0.02), round(256 * error, 3)  # 0.348 on equal intervals
      (True, 0.053)
    """
    m, degree = _checks.count("intervals", intervals, at_least=1), _checks.count("degree", degree)
    points = _checks.count("points", points, at_least=degree + 2)
    (low,), (high,) = _checks.box(lower, upper, 1)
    fixed = functools.partial(_fit_fixed, f, quadrature.gauss_legendre(points), degree)
    b = _equal_errors(fixed, np.linspace(low, high, m + 1), degree)
    spline, errors = fixed(b)
    return spline, b, float(np.linalg.norm(errors))


def _equal_errors(fixed: Callable[..., Any], b: np.ndarray, degree: int) -> np.ndarray:
    """Breakpoints whose intervals have nearly the same error, |f^(k+1)| h^(k + 3/2)."""
    for _ in range(12):
        _, errors = fixed(b)
        share = (errors + 1e-3 * errors.max() + 1e-300) ** (1 / (degree + 1.5))
        total = np.append(0.0, np.cumsum(share))
        b = np.interp(np.linspace(0, total[-1], len(b)), total, b)
    return b


def optimal_constant(second_derivative: Callable[[Any], Any], rule: quadrature.Rule) -> float:
    """C with m^2 min |f - s| -> C for P1 with free breakpoints, 720^(-1/2) (int |f''|^(2/5))^(5/2).

    Args:
      second_derivative: f'', (..., 1) -> (...).
      rule: a quadrature rule on the interval; int |f''|^(2/5) must be finite.

    Example:
      >>> round(optimal_constant(lambda x: 2.0 + 0 * x[..., 0], quadrature.gauss_legendre(1)), 6)
      0.074536
    """
    integral = rule.weights @ np.abs(sample(second_derivative, rule.points, "f''")) ** 0.4
    return float(integral) ** 2.5 / math.sqrt(720)

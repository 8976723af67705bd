"""Best uniform approximation by polynomials: the exchange algorithm of Remez.

p of degree n is nearest to f in the maximum norm if and only if f - p takes its largest absolute
value, with alternating signs, at n + 2 points (Chebyshev). On a reference x_0 < ... < x_{n+1} the
levelled error

    h = sum_i w_i f(x_i) / sum_i (-1)^i w_i,    w_i = prod_{j != i} 1 / (x_i - x_j),

is that of the polynomial with f(x_i) - p(x_i) = (-1)^i h, and |h| <= E_n(f) (de la Vallee Poussin).
Each step exchanges the reference for n + 2 alternating extrema of f - p, among them the largest,
which raises |h|, until |h| and max |f - p| meet or differ by rounding.

References: Remez, C. R. Acad. Sci. 199 (1934); Pachon, Trefethen, BIT 49 (2009), 721-741, for the
barycentric form; Trefethen, Approximation Theory and Approximation Practice (2013), chapter 10.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from approxnet import _checks
from approxnet.approximation.polynomials.families import (
    Polynomial,
    chebyshev_points,
    host_values,
    physical,
)
from approxnet.approximation.polynomials.interpolation import (
    EPS,
    from_chebyshev_values,
    golden_maximum,
)
from approxnet.errors import ConvergenceWarning
from approxnet.fem.assembly import sample

Values = Callable[[np.ndarray], np.ndarray]


class BestUniform(NamedTuple):
    """A polynomial of best uniform approximation and its certificate.

    Attributes:
      polynomial: of the degree asked for.
      error: max |f - p|, measured; at least the least error E_n(f).
      lower_bound: the levelled error |h| of the reference; at most E_n(f) up to rounding.
      reference: (n + 2, 1), where f - p alternates.
      converged: whether the two bounds meet, relatively to rtol or absolutely to rounding.
      iterations: exchanges done.
    """

    polynomial: Polynomial
    error: float
    lower_bound: float
    reference: np.ndarray
    converged: bool
    iterations: int


def best_uniform(
    f: Callable[[Any], Any],
    degree: int,
    *,
    lower: float = -1.0,
    upper: float = 1.0,
    rtol: float = 1e-10,
    max_iterations: int = 100,
) -> BestUniform:
    """The polynomial of a degree that is nearest to a continuous function in the maximum norm.

    Args:
      f: a function, (..., 1) -> (...), continuous; evaluated in float64 on the host.
      degree: n.
      lower: the left end of the interval.
      upper: the right end.
      rtol: how near the two bounds of E_n(f) must be, relatively.
      max_iterations: exchanges at most.

    Returns:
      BestUniform. Where E_n(f) is below the rounding of f, about n eps max |f|, the bounds differ
      by that much. A ConvergenceWarning says if they differ by more.

    Raises:
      ValueError: if degree < 0, f has a wrong shape, or lower >= upper.
      NonFiniteError: if f is nan or infinite at a point.

    Example:
      >>> best = best_uniform(lambda x: abs(x[..., 0]), 2)  # x^2 + 1/8
      >>> round(best.error, 12), best.reference.round(6).ravel().tolist()
      (0.125, [-0.5, 0.0, 0.5, 1.0])
    """
    n = _checks.count("degree", degree)
    max_iterations = _checks.count("max_iterations", max_iterations, at_least=1)
    (low,), (high,) = _checks.box(lower, upper, 1)

    def values(t: np.ndarray) -> np.ndarray:
        return sample(f, physical(t, low, high)[..., None])

    scale = float(np.abs(values(chebyshev_points(4 * n + 9)[:, 0])).max())
    rounding = 4 * (n + 4) * EPS * scale
    # Without the ends: an even f with an even n is levelled at h = 0 and still has n + 3 extrema.
    t, gap, k = chebyshev_points(n + 2, kind=1)[:, 0], np.inf, 0
    p, h, error, reference = None, 0.0, 0.0, t
    while k < max_iterations and gap > max(rtol * error, rounding) and len(t) == n + 2:
        k += 1
        trial, level = _levelled(values, t)
        places, heights = _extrema(values, trial, t)
        top = float(np.abs(heights).max())
        if top - abs(level) < gap:
            p, h, error, reference, gap = trial, abs(level), top, t, top - abs(level)
        t = _exchange(places, heights, n + 2)
    assert p is not None
    converged = gap <= max(rtol * error, rounding)
    if not converged:
        warnings.warn(
            f"the bounds of the least error must meet to {rtol}, got {h:.6e} and {error:.6e} "
            f"after {k} exchanges; allow more, or, if f is not continuous, cut the interval",
            ConvergenceWarning,
            stacklevel=2,
        )
    polynomial = Polynomial(p.coefficients, np.float64(low), np.float64(high), p.family)
    reference = physical(reference, low, high)[:, None]
    return BestUniform(polynomial, error, h, reference, converged, k)


def _levelled(values: Values, t: np.ndarray) -> tuple[Polynomial, float]:
    """The polynomial on [-1, 1] with the error (-1)^i h at the points t_i, and h."""
    gap = 2 * (t[:, None] - t) + np.eye(len(t))  # times 2: the capacity of [-1, 1] is 1/2
    w = 1 / np.prod(gap, axis=1)
    signs, f = (-1.0) ** np.arange(len(t)), values(t)
    h = float(w @ f / (w @ signs))
    level = f - signs * h
    x = chebyshev_points(len(t) - 1)[:, 0] if len(t) > 2 else np.zeros(1)
    distance = x[:, None] - t
    hit = distance == 0
    ratio = w / np.where(hit, 1, distance)
    ratio = np.where(hit.any(axis=1, keepdims=True), hit, ratio)
    return from_chebyshev_values(ratio @ level / ratio.sum(axis=1), -1.0, 1.0), h


def _extrema(values: Values, p: Polynomial, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The extremum of f - p on each stretch where it has one sign, and its value there."""

    def error(x: np.ndarray) -> np.ndarray:
        return values(x) - host_values(p, x)

    ends = np.unique(np.concatenate([[-1.0], t, [1.0]]))
    share = (1 - np.cos(np.pi * np.arange(m := max(12, 2000 // len(ends))) / m)) / 2
    x = np.append((ends[:-1, None] + np.diff(ends)[:, None] * share).ravel(), 1.0)
    e = error(x)
    stretch = np.append(0, np.cumsum(np.diff(np.sign(e) >= 0)))
    order = np.lexsort((np.abs(e), stretch))
    top = order[np.append(np.flatnonzero(np.diff(stretch[order])), len(order) - 1)]
    sign = np.sign(e[top])
    a, b = x[np.maximum(top - 1, 0)], x[np.minimum(top + 1, len(x) - 1)]
    finer = golden_maximum(lambda y: sign * error(y), a, b)
    better = np.abs(e_finer := error(finer)) > np.abs(e[top])
    better &= np.sign(e_finer) == sign
    return np.where(better, finer, x[top]), np.where(better, e_finer, e[top])


def _exchange(places: np.ndarray, heights: np.ndarray, count: int) -> np.ndarray:
    """``count`` of the alternating extrema, the largest among them, the lowest left out."""
    kept, size = list(places), list(np.abs(heights))
    while len(kept) > count:
        if len(kept) == count + 1:
            drop = [0] if size[0] < size[-1] else [len(size) - 1]
        else:
            pairs = [max(a, b) for a, b in zip(size, size[1:], strict=False)]
            pairs.append(max(size[0], size[-1]))  # the first and the last leave alternation too
            i = int(np.argmin(pairs))
            drop = [i, (i + 1) % len(size)]
        for i in sorted(drop, reverse=True):
            del kept[i], size[i]
    return np.array(kept)


def bernstein_constant(degrees: list[int]) -> float:
    """The limit of 2n E_2n(|x|) by Richardson extrapolation over degrees 2n that double.

    The sequence has an expansion in powers of 1 / n^2. Bernstein (1914) put the limit
    between 0.278 and 0.286 and asked if it is 1 / (2 sqrt pi) = 0.2821: it is 0.28016949902...

    Args:
      degrees: 2n, even, each twice the one before.

    Raises:
      ValueError: if a degree is odd or not twice the one before.

    Reference: Varga, Carpenter, Math. USSR Sbornik 57 (1987), 547-560.

    Example:
      >>> round(bernstein_constant([4, 8, 16, 32]), 7)
      0.2801695
    """
    if any(d % 2 for d in degrees) or any(
        b != 2 * a for a, b in zip(degrees[:-1], degrees[1:], strict=True)
    ):
        raise ValueError(f"degrees must be even, each twice the one before, got {degrees}")
    row = np.array([d * best_uniform(_absolute, d, rtol=1e-12).error for d in degrees])
    for k in range(1, len(degrees)):
        row = row[1:] + (row[1:] - row[:-1]) / (4**k - 1)
    return float(row[0])


def _absolute(x: Any) -> Any:
    return abs(x[..., 0])

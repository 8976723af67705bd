"""Fourier series on an interval: partial sums, Fejer's means, Gibbs' overshoot, spectra.

With omega = 2 pi / (upper - lower) and

    c_k = 1 / (upper - lower) int f(x) exp(-i k omega (x - lower)) dx,

the partial sum is S_n = sum_{|k| <= n} c_k exp(i k omega (x - lower)), and Fejer's mean of
S_0, ..., S_n multiplies c_k by 1 - |k| / (n + 1). At a jump S_n overshoots by the share

    GIBBS = Si(pi) / pi - 1/2 = 0.0894898722...

of the jump as n grows; Fejer's means stay between the bounds of f, since their kernel is positive.

References: Katznelson, An Introduction to Harmonic Analysis (2004), sections I.2 and II.3; Hewitt,
Hewitt, Arch. Hist. Exact Sci. 21 (1979), 129-160, for the overshoot.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special

from approxnet import _checks
from approxnet.approximation.polynomials.families import floating
from approxnet.fem.assembly import sample

GIBBS = float(scipy.special.sici(math.pi)[0]) / math.pi - 0.5
"""The overshoot of Fourier sums at a jump, relative to the jump."""

GAUSS_POINTS = 16


class Series(NamedTuple):
    """A real Fourier sum; as a function of points it is its value.

    Attributes:
      cosines: (n + 1,), the coefficients of cos(k omega (x - lower)).
      sines: (n + 1,), those of sin(k omega (x - lower)); the first is 0.
      lower: the left end of a period.
      upper: the right end.

    Example:
      >>> import numpy as np
      >>> s = Series(np.array([1.0, 0.0]), np.array([0.0, 2.0]), 0.0, 1.0)
      >>> s(np.array([[0.0], [0.25]])).round(5).tolist()
      [1.0, 3.0]
    """

    cosines: Any
    sines: Any
    lower: Any
    upper: Any

    @property
    def coefficients(self) -> np.ndarray:
        """The c_0, ..., c_n, (n + 1,) complex; c_{-k} is the conjugate of c_k; host."""
        half = np.where(np.arange(len(self.cosines)) == 0, 1.0, 0.5)
        return half * (np.asarray(self.cosines) - 1j * np.asarray(self.sines))

    def __call__(self, x: Any) -> jax.Array:
        """The values (...) at points x (..., 1), in the dtype of x; pure JAX."""
        _checks.points("x", x, 1)
        return _evaluate(self, floating(x)[..., 0])


@jax.jit
def _evaluate(s: Series, x: jax.Array) -> jax.Array:
    """Horner's rule in z = exp(i omega (x - lower)), in real numbers."""
    a, b, lower, upper = (jnp.asarray(leaf, x.dtype) for leaf in s)
    turns = (x - lower) / (upper - lower)
    angle = 2 * math.pi * (turns - jnp.floor(turns))
    c, d = jnp.cos(angle), jnp.sin(angle)

    def step(y: Any, term: Any) -> tuple[Any, None]:
        return (term[0] + c * y[0] - d * y[1], -term[1] + d * y[0] + c * y[1]), None

    (y, _), _ = jax.lax.scan(step, (jnp.zeros_like(x), jnp.zeros_like(x)), (a, b), reverse=True)
    return y


def series(
    f: Callable[[Any], Any],
    n: int,
    *,
    lower: float = 0.0,
    upper: float = 1.0,
    breakpoints: Sequence[float] = (),
) -> Series:
    """The partial sum S_n of a function's Fourier series.

    The integrals are Gauss rules with 16 points on at least n / 2 + 8 cells between breakpoints,
    so that they are exact to rounding where f is smooth there, periodic or not.

    Args:
      f: a function, (..., 1) -> (...), evaluated in float64 on the host.
      n: the highest frequency.
      lower: the left end of the period.
      upper: the right end.
      breakpoints: in between, where f or a derivative jumps.

    Returns:
      Series, NumPy float64.

    Raises:
      ValueError: if n < 0, a breakpoint lies outside, or f has a wrong shape.
      NonFiniteError: if f is nan or infinite at a point.

    Example:
      >>> import numpy as np
      >>> s = series(lambda x: np.sign(x[..., 0] - 0.5), 3, breakpoints=[0.5])
      >>> (np.pi * s.sines / 4).round(4).tolist()
      [0.0, -1.0, 0.0, -0.3333]
    """
    n = _checks.count("n", n)
    (low,), (high,) = _checks.box(lower, upper, 1)
    cuts = np.asarray(breakpoints, np.float64)
    bad = np.flatnonzero(~((low < cuts) & (cuts < high)))
    if bad.size:
        raise ValueError(f"breakpoints must lie in ({low}, {high}), got {cuts[bad[0]]}")
    ends = np.unique(np.concatenate([[low], cuts, [high]]))
    cells = np.ceil(np.diff(ends) / (high - low) * (n / 2 + 8)).astype(int)
    edges = np.concatenate(
        [
            np.linspace(a, b, m, endpoint=False)
            for a, b, m in zip(ends, ends[1:], cells, strict=False)
        ]
        + [[high]]
    )
    t, w = np.polynomial.legendre.leggauss(GAUSS_POINTS)
    h = np.diff(edges)[:, None]
    x = (edges[:-1, None] + h * (1 + t) / 2).ravel()
    weighted = sample(f, x[:, None]) * (h * w).ravel() / (high - low)  # twice the mean
    angle = 2 * np.pi * (x - low) / (high - low) * np.arange(n + 1)[:, None]
    cosines, sines = np.cos(angle) @ weighted, np.sin(angle) @ weighted
    cosines[0] /= 2
    return Series(cosines, sines, np.float64(low), np.float64(high))


def partial_sum(s: Series, n: int) -> Series:
    """The terms up to frequency n of a series.

    Raises:
      ValueError: if n is not among the frequencies.

    Example:
      >>> import numpy as np
      >>> len(partial_sum(series(lambda x: np.exp(x[..., 0]), 8), 3).cosines)
      4
    """
    n = _known(s, n)
    return s._replace(cosines=s.cosines[: n + 1], sines=s.sines[: n + 1])


def fejer(s: Series, n: int) -> Series:
    """Fejer's mean of the partial sums 0, ..., n of a series.

    Raises:
      ValueError: if n is not among the frequencies.

    Example:
      >>> import numpy as np
      >>> step = series(lambda x: np.sign(x[..., 0] - 0.5), 20, breakpoints=[0.5])
      >>> bool(fejer(step, 20)(np.linspace(0, 1, 101)[:, None]).max() <= 1)
      True
    """
    n = _known(s, n)
    share = 1 - np.arange(n + 1) / (n + 1)
    return s._replace(cosines=share * s.cosines[: n + 1], sines=share * s.sines[: n + 1])


def _known(s: Series, n: int) -> int:
    n = _checks.count("n", n)
    if n >= len(s.cosines):
        raise ValueError(f"n must be at most {len(s.cosines) - 1}, the highest frequency, got {n}")
    return n


def gibbs(n: int) -> float:
    """The overshoot of the square wave's partial sum with n terms, relative to the jump.

    4/pi sum_{j=1}^n sin((2j - 1) t) / (2j - 1) is largest at t = pi / (2n); as n grows the
    overshoot falls to ``GIBBS``.

    Args:
      n: number of terms, at least 1.

    Raises:
      ValueError: if n < 1.

    Example:
      >>> round(gibbs(1), 6), round(GIBBS, 10)
      (0.13662, 0.0894898722)
    """
    odd = 2 * np.arange(_checks.count("n", n, at_least=1)) + 1
    return float((4 / np.pi * np.sin(odd * np.pi / (2 * n)) / odd).sum() - 1) / 2


def spectrum(
    f: Callable[[Any], Any],
    n: int,
    *,
    lower: float = 0.0,
    upper: float = 1.0,
    breakpoints: Sequence[float] = (),
) -> np.ndarray:
    """The amplitudes of a function by frequency: (2 |c_k|^2)^(1/2), and |c_0|.

    By Parseval's identity the squares of all of them sum to the mean of f^2, so for the error of a
    network the k-th is the part of the root mean square error at frequency k.

    Args:
      f: a function, (..., 1) -> (...), for example the error of a network.
      n: the highest frequency.
      lower: the left end of the period.
      upper: the right end.
      breakpoints: where f or a derivative jumps.

    Returns:
      (n + 1,), non-negative.

    Raises:
      ValueError: as ``series``.

    Example:
      >>> import numpy as np
      >>> wave = lambda x: np.sin(2 * np.pi * x[..., 0]) + 0.2 * np.sin(6 * np.pi * x[..., 0])
      >>> (2**0.5 * spectrum(wave, 4)).round(12).tolist()
      [0.0, 1.0, 0.0, 0.2, 0.0]
    """
    s = series(f, n, lower=lower, upper=upper, breakpoints=breakpoints)
    size = np.hypot(s.cosines, s.sines) / math.sqrt(2)
    size[0] *= math.sqrt(2)
    return size

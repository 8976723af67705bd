"""The two operators that prove Weierstrass' theorem, as polynomials, with their bounds.

    Bernstein:  B_n f(x) = sum_k f(k / n) binom(n, k) x^k (1 - x)^(n - k)              on [0, 1]
    Landau:     L_n f(x) = l(x) + int_0^1 (f - l)(t) Q_n(x - t) dt,  Q_n(t) = c_n (1 - t^2)^n

where l is the line through the end values of f. Both take means of f, with variances x (1 - x) / n
and 1 / (2 n + 3), so that with the modulus of continuity omega of f (of f - l for Landau)

    |B_n f - f| <= 1.0899 omega(n^(-1/2)),    |L_n f - f| <= 2 omega((2 n + 3)^(-1/2)),

and |B_n f - f| <= max |f''| / (8 n). A polynomial of degree N is determined by its values at N + 1
Chebyshev points, so both become Chebyshev series.

References: Lorentz, Bernstein Polynomials (1953), section 1.6; Sikkema, Numer. Math. 3 (1961),
107-116, for the best constant (4306 + 837 sqrt 6) / 5832. For Landau: |g(x + t) - g(x)| is at most
(1 + t^2 / delta^2) omega(delta), and its mean over t is 2 omega(delta) for delta^2 = 1 / (2 n + 3).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import gammaln, xlog1py, xlogy

from approxnet import _checks, quadrature
from approxnet.approximation.polynomials.families import Polynomial, chebyshev_points, physical
from approxnet.approximation.polynomials.interpolation import from_chebyshev_values
from approxnet.fem.assembly import sample

SIKKEMA = (4306 + 837 * math.sqrt(6)) / 5832
"""The least C with |B_n f - f| <= C omega(n^(-1/2)) for all n and f."""


def bernstein(
    f: Callable[[Any], Any], degree: int, *, lower: float = 0.0, upper: float = 1.0
) -> Polynomial:
    """The Bernstein polynomial of a function.

    Args:
      f: a function, (..., 1) -> (...).
      degree: n >= 1; f is evaluated at n + 1 equispaced points.
      lower: the left end of the interval.
      upper: the right end.

    Raises:
      ValueError: if degree < 1, f has a wrong shape, or lower >= upper.

    Example:
      >>> import numpy as np
      >>> p = bernstein(lambda x: x[..., 0] ** 2, 10)  # x^2 + x (1 - x) / n
      >>> float(p(np.array([0.5])).round(6))
      0.275
    """
    n = _checks.count("degree", degree, at_least=1)
    (low,), (high,) = _checks.box(lower, upper, 1)
    k = np.arange(n + 1)
    values = sample(f, physical(2 * k / n - 1, low, high)[:, None])
    x = (1 + chebyshev_points(n + 1)) / 2
    log_binomial = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    share = np.exp(log_binomial + xlogy(k, x) + xlog1py(n - k, -x))
    return from_chebyshev_values(share @ values / share.sum(axis=1), low, high)


def bernstein_bound(modulus: Callable[[float], float], degree: int) -> float:
    """The bound 1.0899 omega(n^(-1/2)) for the error of the Bernstein polynomial on [0, 1].

    Args:
      modulus: omega, the modulus of continuity of f; for another interval that of
        f(lower + (upper - lower) t).
      degree: n >= 1.

    Raises:
      ValueError: if degree < 1.

    Example:
      >>> round(bernstein_bound(lambda delta: delta, 100), 4)
      0.109
    """
    n = _checks.count("degree", degree, at_least=1)
    return SIKKEMA * float(modulus(n**-0.5))


def landau(
    f: Callable[[Any], Any], n: int, *, lower: float = 0.0, upper: float = 1.0, cells: int = 64
) -> Polynomial:
    """Landau's polynomial of degree 2n of a function.

    Args:
      f: a function, (..., 1) -> (...).
      n: the power in the kernel, >= 1.
      lower: the left end of the interval.
      upper: the right end.
      cells: the integrals use n + 8 Gauss points on each of so many equal cells, exact for f that
        is a polynomial of degree 15 on each.

    Raises:
      ValueError: if n or cells < 1, f has a wrong shape, or lower >= upper.

    Example:
      >>> import numpy as np
      >>> p = landau(lambda x: x[..., 0] * (1 - x[..., 0]), 50)
      >>> p.degree, float(p(np.array([0.5])).round(4))
      (100, 0.2403)
    """
    n = _checks.count("n", n, at_least=1)
    cells = _checks.count("cells", cells, at_least=1)
    (low,), (high,) = _checks.box(lower, upper, 1)
    left, right = sample(f, np.array([[low], [high]]))
    rule = quadrature.box(cells, 2 * n + 15)
    t, x = rule.points[:, 0], (1 + chebyshev_points(2 * n + 1)) / 2
    g = sample(f, physical(2 * t - 1, low, high)[:, None]) - (1 - t) * left - t * right
    log_scale = gammaln(n + 1.5) - gammaln(n + 1) - math.log(math.pi) / 2
    kernel = np.exp(log_scale + n * np.log1p(-np.minimum((x - t) ** 2, 1 - 2.0**-53)))
    line = (1 - x[:, 0]) * left + x[:, 0] * right
    return from_chebyshev_values(line + kernel @ (rule.weights * g), low, high)


def landau_bound(modulus: Callable[[float], float], n: int) -> float:
    """The bound 2 omega((2n + 3)^(-1/2)) for the error of Landau's polynomial on [0, 1].

    Args:
      modulus: omega, the modulus of continuity of f minus the line through its end values.
      n: the power in the kernel, >= 1.

    Raises:
      ValueError: if n < 1.

    Example:
      >>> round(landau_bound(lambda delta: delta, 48), 4)
      0.201
    """
    n = _checks.count("n", n, at_least=1)
    return 2 * float(modulus((2 * n + 3) ** -0.5))

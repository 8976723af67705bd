"""What is proven about methods of descent, as functions of the number of steps.

f: R^d -> R has a minimiser x* and f* = f(x*). It is L-smooth if its gradient is Lipschitz with the
constant L, and mu-strongly convex if f - mu |x|^2 / 2 is convex; kappa = L / mu. The functions
named ``*_factor`` bound a quantity after k steps over what it was at the start; the others bound
the quantity. The arguments have the same letters everywhere:

    k          how many steps, a number or an array; the result has its shape
    L, mu      L >= mu > 0
    step       s; where it may be None, the step 1 / L
    gap        f(x_0) - f*
    distance   |x_0 - x*|
    sigma      sigma^2 bounds the variance of the gradients
    largest    M, which bounds the gradients

What a theorem assumes of these numbers is checked. Constants are exact where "equality" is said.

References, cited by name:
  Polyak, Introduction to Optimization (1987).
  Nesterov, Lectures on Convex Optimization (2018).
  Beck, Teboulle, A fast iterative shrinkage-thresholding algorithm, SIAM J. Imaging Sci. 2 (2009).
  Drori, Teboulle, Performance of first-order methods, Math. Program. 145 (2014).
  d'Aspremont, Scieur, Taylor, Acceleration Methods, Found. Trends Optim. 5 (2021).
  Garrigos, Gower, Handbook of convergence theorems, arXiv:2301.11235.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from approxnet.errors import AssumptionError


def distance_factor(k: Any, L: float, mu: float, step: float | None = None) -> np.ndarray:
    """Gradient descent: |x_k - x*| <= max(|1 - s mu|, |1 - s L|)^k |x_0 - x*|.

    f is L-smooth and mu-strongly convex, 0 < s < 2 / L. Equality holds for quadratics with the
    eigenvalues mu and L, from an eigenvector of the one with the larger factor. With s = 1 / L the
    factor is 1 - mu / L, with s = 2 / (L + mu) the least one, (kappa - 1) / (kappa + 1).

    Proof: x -> x - s grad f(x) has that Lipschitz constant, and x* is its fixed point. Polyak,
    chapter 1.

    Raises:
      AssumptionError: if L >= mu > 0 or 0 < s < 2 / L does not hold.

    Example:
      >>> float(distance_factor(2, 4.0, 1.0)), float(distance_factor(2, 4.0, 1.0, 2 / 5))
      (0.5625, 0.36)
    """
    s = _step(L, mu, step, 2.0)
    return max(abs(1 - s * mu), abs(1 - s * L)) ** np.asarray(k)


def value_factor(k: Any, L: float, mu: float, step: float | None = None) -> np.ndarray:
    """Gradient descent: f(x_k) - f* <= (1 - mu s (2 - L s))^k (f(x_0) - f*).

    f is L-smooth and satisfies Polyak's and Lojasiewicz's inequality
    |grad f|^2 >= 2 mu (f - f*), as every mu-strongly convex f does; it need not be convex.
    0 < s < 2 / L. With s = 1 / L the factor is 1 - mu / L.

    Proof: f(x - s g) <= f(x) - s (1 - L s / 2) |g|^2. Polyak, chapter 1.

    Raises:
      AssumptionError: if L >= mu > 0 or 0 < s < 2 / L does not hold.

    Example:
      >>> float(value_factor(2, 4.0, 1.0))
      0.5625
    """
    s = _step(L, mu, step, 2.0)
    return (1 - mu * s * (2 - L * s)) ** np.asarray(k)


def monotone_factor(k: Any, L: float, mu: float, step: float | None = None) -> np.ndarray:
    """A step x - s F(x): |x_k - x*|^2 <= (1 - 2 s mu + s^2 L^2)^k |x_0 - x*|^2 for F(x*) = 0.

    F is Lipschitz with the constant L, and (F(x) - F(y)).(x - y) >= mu |x - y|^2; it need not be a
    gradient. 0 < s < 2 mu / L^2. Equality holds for mu times a rotation with dilation. With
    s = mu / L^2, which None stands for, the factor is 1 - (mu / L)^2, the least one.

    Proof: expand the square.

    Raises:
      AssumptionError: if L >= mu > 0 or 0 < s < 2 mu / L^2 does not hold.

    Example:
      >>> float(monotone_factor(1, 2.0, 1.0))
      0.75
    """
    s = _step(L, mu, mu / L**2 if step is None else step, 2 * mu / L)
    return (1 - 2 * s * mu + (s * L) ** 2) ** np.asarray(k)


def convex(k: Any, L: float, distance: float, step: float | None = None) -> np.ndarray:
    """Gradient descent: f(x_k) - f* <= |x_0 - x*|^2 / (2 s k).

    f is L-smooth and convex, 0 < s <= 1 / L, k >= 1; with s = 1 / L it is L |x_0 - x*|^2 / (2 k).

    Source: Beck, Teboulle, theorem 3.1.

    Raises:
      AssumptionError: if 0 < s <= 1 / L does not hold.

    Example:
      >>> float(convex(4, 2.0, 3.0))
      2.25
    """
    s = _step(L, L, step, 1.0, closed=True)
    return distance**2 / (2 * s * np.asarray(k))


def convex_sharp(k: Any, L: float, distance: float, step: float | None = None) -> np.ndarray:
    """Gradient descent: f(x_k) - f* <= L |x_0 - x*|^2 / (4 k s L + 2).

    f is L-smooth and convex, 0 < s <= 1 / L. Equality holds for each k, for Huber's function
    L x^2 / 2 on |x| <= b, L b |x| - L b^2 / 2 outside, with b = |x_0| / (2 k s L + 1).

    Source: Drori, Teboulle, theorem 3.1.

    Raises:
      AssumptionError: if 0 < s <= 1 / L does not hold.

    Example:
      >>> float(convex_sharp(4, 2.0, 3.0))
      1.0
    """
    s = _step(L, L, step, 1.0, closed=True)
    return L * distance**2 / (4 * np.asarray(k) * s * L + 2)


def exact_line_search_factor(k: Any, L: float, mu: float) -> np.ndarray:
    """Exact line search: f(x_k) - f* <= ((kappa - 1) / (kappa + 1))^{2k} (f(x_0) - f*).

    f is quadratic with eigenvalues in [mu, L]. Equality holds from x_0 - x* = q_mu / mu + q_L / L
    with unit eigenvectors q.

    Source: Kantorovich's inequality.

    Raises:
      AssumptionError: if L >= mu > 0 does not hold.

    Example:
      >>> float(exact_line_search_factor(1, 3.0, 1.0))
      0.25
    """
    _convexity(L, mu)
    return ((L - mu) / (L + mu)) ** (2 * np.asarray(k))


def armijo_factor(
    k: Any, L: float, mu: float, *, step: float = 1.0, slope: float = 0.5, factor: float = 0.5
) -> np.ndarray:
    """Armijo: f(x_k) - f* <= (1 - 2 mu slope min(step, 2 (1 - slope) factor / L))^k (f(x_0) - f*).

    f is L-smooth with |grad f|^2 >= 2 mu (f - f*); step, slope and factor are those of ``armijo``.

    Proof: every t <= 2 (1 - slope) / L is accepted, so that the t taken is the first trial or at
    least factor times as long, and f falls by slope t |grad f|^2.

    Raises:
      AssumptionError: if L >= mu > 0 does not hold.

    Example:
      >>> float(armijo_factor(1, 4.0, 1.0))
      0.875
    """
    _convexity(L, mu)
    return (1 - 2 * mu * slope * min(step, 2 * (1 - slope) * factor / L)) ** np.asarray(k)


def heavy_ball_parameters(L: float, mu: float) -> tuple[float, float]:
    """The step 4 / (L^(1/2) + mu^(1/2))^2 and the momentum rho^2 that suit quadratics best.

    rho = (kappa^(1/2) - 1) / (kappa^(1/2) + 1).

    Raises:
      AssumptionError: if L >= mu > 0 does not hold.

    Example:
      >>> heavy_ball_parameters(9.0, 1.0)
      (0.25, 0.25)
    """
    _convexity(L, mu)
    root, low = math.sqrt(L), math.sqrt(mu)
    return 4 / (root + low) ** 2, ((root - low) / (root + low)) ** 2


def heavy_ball_factor(k: Any, L: float, mu: float) -> np.ndarray:
    """Heavy ball, its best parameters: |x_k - x*| <= rho^k (1 + k (1 + rho)) |x_0 - x*|.

    f is quadratic with eigenvalues in [mu, L], x_{-1} = x_0; for other strongly convex functions
    the method may cycle for ever. Equality holds from an eigenvector of L.

    Proof: with lambda = mu + (L - mu) (1 - c) / 2 the component in an eigenvector is
    rho^k (U_k(c) - rho U_{k-1}(c)), U the Chebyshev polynomials of the second kind, which are
    largest at c = -1. The rate is that of Polyak, chapter 3.

    Raises:
      AssumptionError: if L >= mu > 0 does not hold.

    Example:
      >>> float(heavy_ball_factor(1, 9.0, 1.0))
      1.25
    """
    rho, k = math.sqrt(heavy_ball_parameters(L, mu)[1]), np.asarray(k)
    return rho**k * (1 + k * (1 + rho))


def nesterov_momentum(L: float, mu: float) -> float:
    """The momentum (kappa^(1/2) - 1) / (kappa^(1/2) + 1) for strongly convex functions.

    Raises:
      AssumptionError: if L >= mu > 0 does not hold.

    Example:
      >>> nesterov_momentum(9.0, 1.0)
      0.5
    """
    return math.sqrt(heavy_ball_parameters(L, mu)[1])


def nesterov_strongly_convex(
    k: Any, L: float, mu: float, gap: float, distance: float
) -> np.ndarray:
    """Nesterov: f(x_k) - f* <= (1 - (mu / L)^(1/2))^k (f(x_0) - f* + mu |x_0 - x*|^2 / 2).

    f is L-smooth and mu-strongly convex, the step 1 / L, the momentum constant.

    Source: d'Aspremont, Scieur, Taylor, chapter 4; Nesterov, section 2.2.

    Raises:
      AssumptionError: if L >= mu > 0 does not hold.

    Example:
      >>> float(nesterov_strongly_convex(1, 4.0, 1.0, 2.0, 2.0))
      2.0
    """
    _convexity(L, mu)
    return (1 - math.sqrt(mu / L)) ** np.asarray(k) * (gap + mu * distance**2 / 2)


def nesterov_convex(k: Any, L: float, distance: float) -> np.ndarray:
    """Nesterov: f(x_k) - f* <= 2 L |x_0 - x*|^2 / (k + 1)^2.

    f is L-smooth and convex, the step 1 / L, the momentum (k - 1) / (k + 2), k >= 1.

    Source: Beck, Teboulle, theorem 4.4, whose proof needs t_{k+1}^2 - t_{k+1} <= t_k^2 only; here
    t_k = (k + 1) / 2.

    Raises:
      AssumptionError: if L is not positive.

    Example:
      >>> float(nesterov_convex(3, 2.0, 2.0))
      1.0
    """
    _convexity(L, L)
    return 2 * L * distance**2 / (np.asarray(k) + 1.0) ** 2


def noise_ball(
    k: Any, L: float, mu: float, sigma: float, distance: float, step: float
) -> np.ndarray:
    """Noisy descent: E|x_k - x*|^2 <= q^k |x_0 - x*|^2 + s^2 sigma^2 (1 - q^k) / (1 - q).

    f is L-smooth and mu-strongly convex; the gradient at x_k is grad f(x_k) + n_k with
    E n_k = 0 and E|n_k|^2 <= sigma^2, given x_k; 0 < s < 2 / L and
    q = max(|1 - s mu|, |1 - s L|)^2. For s <= 2 / (L + mu) the ball that is left has the squared
    radius s sigma^2 / (mu (2 - s mu)). Equality holds for mu |x|^2 / 2.

    Proof: E|x_{k+1} - x*|^2 = E|x_k - s grad f(x_k) - x*|^2 + s^2 E|n_k|^2.

    Raises:
      AssumptionError: if L >= mu > 0 or 0 < s < 2 / L does not hold.

    Example:
      >>> float(noise_ball(1, 1.0, 1.0, 2.0, 4.0, 0.5))
      5.0
    """
    q = distance_factor(1, L, mu, step) ** 2
    left = q ** np.asarray(k)
    return left * distance**2 + (step * sigma) ** 2 * (1 - left) / (1 - q)


def sgd_ball(k: Any, L: float, mu: float, sigma: float, distance: float, step: float) -> np.ndarray:
    """SGD with replacement: E|x_k - x*|^2 <= (1 - s mu)^k |x_0 - x*|^2 + 2 s sigma^2 / mu.

    f = (f_1 + ... + f_n) / n is mu-strongly convex, each f_i convex and L-smooth, and
    sigma^2 = sum |grad f_i(x*)|^2 / n is the variance at the minimiser alone; one i is drawn
    uniformly for each step; 0 < s <= 1 / (2 L).

    Source: Garrigos, Gower, the theorem on strongly convex SGD with a constant step.

    Raises:
      AssumptionError: if L >= mu > 0 or 0 < s <= 1 / (2 L) does not hold.

    Example:
      >>> float(sgd_ball(1, 1.0, 1.0, 2.0, 4.0, 0.5))
      12.0
    """
    s = _step(L, mu, step, 0.5, closed=True)
    return (1 - s * mu) ** np.asarray(k) * distance**2 + 2 * s * sigma**2 / mu


def noise_inverse_time(
    k: Any, L: float, mu: float, sigma: float, distance: float, shift: float | None = None
) -> np.ndarray:
    """Noisy descent, s_k = 2 / (mu (k + shift)): E|x_k - x*|^2 <= C / (k + shift).

    C = max(shift |x_0 - x*|^2, 4 sigma^2 / mu^2). f and the noise are as in ``noise_ball``;
    shift >= 2 kappa, None for equality, so that s_0 <= 1 / L.

    Proof: E|x_{k+1} - x*|^2 <= (1 - s_k mu) E|x_k - x*|^2 + s_k^2 sigma^2, and induction.

    Raises:
      AssumptionError: if L >= mu > 0 or shift >= 2 kappa does not hold.

    Example:
      >>> float(noise_inverse_time(2, 1.0, 1.0, 1.0, 2.0))
      2.0
    """
    _convexity(L, mu)
    least = 2 * L / mu
    first = least if shift is None else shift
    if first < least:
        raise AssumptionError(f"shift must be at least 2 L / mu = {least:.6g}, got {first:.6g}")
    return max(first * distance**2, 4 * (sigma / mu) ** 2) / (np.asarray(k) + first)


def projected_inverse_time(k: Any, mu: float, largest: float, scale: float) -> np.ndarray:
    """Projected SGD, s_k = a / (mu (k + 1)): E|x_k - x*|^2 <= a^2 M^2 / ((a - 1) mu^2 (k + 1)).

    f is mu-strongly convex on a bounded convex set that holds its minimiser x*; every step is
    projected onto the set, on which the gradients g used have E|g|^2 <= M^2; a > 1 is the scale. On
    all of R^n
    no f has both: E|g|^2 >= |grad f|^2 >= mu^2 |x - x*|^2 has no bound.

    Proof: E|x_{k+1} - x*|^2 <= (1 - 2 s_k mu) E|x_k - x*|^2 + s_k^2 M^2, and induction from the
    first k + 1 >= a; up to there |x_k - x*| <= M / mu is enough.

    Raises:
      AssumptionError: if mu > 0 or a > 1 does not hold.

    Example:
      >>> float(projected_inverse_time(3, 1.0, 1.0, 2.0))
      1.0
    """
    _convexity(mu, mu)
    if not scale > 1:
        raise AssumptionError(f"scale must be greater than 1, got {scale}")
    return (scale * largest / mu) ** 2 / ((scale - 1) * (np.asarray(k) + 1))


def subgradient(steps: Any, largest: float, distance: float) -> np.ndarray:
    """Subgradients: min_{i <= k} f(x_i) - f* <= (r^2 + M^2 sum s_i^2) / (2 sum s_i).

    f is convex with subgradients |g| <= M, r = |x_0 - x*|, ``steps`` are s_0, ..., s_k, and the
    sums are over i <= k. With the constant step r / (M (k + 1)^(1/2)) it is r M / (k + 1)^(1/2),
    attained for M max_i x_i in k + 1 dimensions from 0; with s_i = c / (i + 1)^(1/2) it falls like
    log k / k^(1/2).

    Proof: sum |x_{i+1} - x*|^2 - |x_i - x*|^2 over i. Nesterov, section 3.2.3.

    Returns:
      (k + 1,), the bound after 0, ..., k steps.

    Raises:
      AssumptionError: if a step is not positive.

    Example:
      >>> subgradient([1.0, 1.0, 1.0, 1.0], 1.0, 2.0).tolist()
      [2.5, 1.5, 1.16666667, 1.0]
    """
    s = np.asarray(steps, np.float64)
    if not (s > 0).all():
        i = int(np.argmin(s > 0))
        raise AssumptionError(f"steps must be positive, got {s[i]} at index {i}")
    return (distance**2 + largest**2 * np.cumsum(s**2)) / (2 * np.cumsum(s))


def _convexity(L: float, mu: float) -> None:
    if not 0 < mu <= L < math.inf:
        raise AssumptionError(f"L and mu must satisfy L >= mu > 0, got L = {L} and mu = {mu}")


def _step(L: float, mu: float, step: float | None, limit: float, *, closed: bool = False) -> float:
    """The step, by default 1 / L, if 0 < step < limit / L, or <= if closed."""
    _convexity(L, mu)
    s = 1 / L if step is None else step
    if not (0 < s * L < limit or (closed and s * L == limit)):
        relation = "at most" if closed else "less than"
        raise AssumptionError(
            f"step must be positive and {relation} {limit / L:.6g} for L = {L} and mu = {mu}, got "
            f"{s}; the theorem holds there only"
        )
    return s

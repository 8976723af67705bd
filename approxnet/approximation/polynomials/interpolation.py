"""Interpolation by polynomials, Lebesgue constants and least squares.

Through any distinct nodes x_0, ..., x_n the interpolant is

    p(x) = sum_i w_i f_i / (x - x_i)  /  sum_i w_i / (x - x_i),  1 / w_i = prod_{j != i} (x_i - x_j)

(the barycentric formula), and |f - p| <= (1 + Lambda) min_q |f - q| in the maximum norm with the
Lebesgue constant Lambda = max_x sum_i |l_i(x)|. At Chebyshev points Lambda <= 2/pi log(n + 1) + 1,
at equispaced ones Lambda ~ 2^(n+1) / (e n log n).

References: Berrut, Trefethen, SIAM Review 46 (2004), 501-517; Trefethen, Approximation Theory and
Approximation Practice (2013), theorems 5.2, 15.1 and 15.2; Aurentz, Trefethen, Chopping a Chebyshev
series, ACM Trans. Math. Softw. 43 (2017), for the degree when none is given.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.fft

from approxnet import _checks
from approxnet.approximation.polynomials.families import (
    Family,
    Polynomial,
    basis,
    chebyshev,
    chebyshev_points,
    floating,
    reference,
)
from approxnet.errors import AssumptionError, SingularSystemError
from approxnet.fem.assembly import sample

EPS = 2.0**-52
LARGEST_DEGREE = 2**16


def from_chebyshev_values(values: np.ndarray, lower: float, upper: float) -> Polynomial:
    """The polynomial with the given values (n + 1,) at the Chebyshev points of the second kind."""
    n = len(values) - 1
    c = scipy.fft.dct(values[::-1], type=1) / n if n else np.array(values)
    c[[0, n]] /= 2 if n else 1
    return Polynomial(c, np.float64(lower), np.float64(upper), chebyshev)


def interpolate(
    f: Callable[[Any], Any],
    degree: int | None = None,
    *,
    lower: float = -1.0,
    upper: float = 1.0,
) -> Polynomial:
    """The interpolant of a function at Chebyshev points, as a Chebyshev series.

    Without a degree, the number of points is doubled until the coefficients reach a plateau, and
    the plateau, which is rounding, is cut off.

    Args:
      f: a function, (..., 1) -> (...), NumPy or JAX; evaluated in float64 on the host.
      degree: n; None to find it.
      lower: the left end of the interval.
      upper: the right end.

    Returns:
      Polynomial of the degree given or found.

    Raises:
      AssumptionError: if no degree up to 65536 resolves f; give one.
      ValueError: if f has a wrong shape or lower >= upper.
      NonFiniteError: if f is nan or infinite at a point.

    Example:
      >>> import numpy as np
      >>> p = interpolate(lambda x: np.exp(x[..., 0]))
      >>> p.degree
      14
    """
    (low,), (high,) = _checks.box(lower, upper, 1)

    def at(n: int) -> Polynomial:
        x = chebyshev_points(n + 1, lower=low, upper=high) if n else np.array([[(low + high) / 2]])
        return from_chebyshev_values(sample(f, x), low, high)

    if degree is not None:
        return at(_checks.count("degree", degree))
    n = 16
    while n <= LARGEST_DEGREE:
        p = at(n)
        length = _resolved(p.coefficients)
        if length is not None:
            return Polynomial(p.coefficients[:length], p.lower, p.upper, p.family)
        n *= 2
    raise AssumptionError(
        f"f must be resolved to rounding by a polynomial of degree <= {LARGEST_DEGREE}, got "
        f"coefficients of size {np.abs(p.coefficients[-10:]).max():.1e} at the end; give a degree"
    )


def _resolved(c: np.ndarray) -> int | None:
    """How many coefficients count, if their envelope ends in a plateau of rounding."""
    n = len(c)
    envelope = np.maximum.accumulate(np.abs(c[::-1]))[::-1]
    if envelope[0] == 0:
        return 1
    envelope = envelope / envelope[0]
    j = np.arange(2, n + 1)
    later = np.floor(1.25 * j + 5.5).astype(int)
    j, later = j[later <= n], later[later <= n]
    before, after = envelope[j - 1], envelope[later - 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        slack = 3 * (1 - np.log(before) / math.log(EPS))
        flat = (before == 0) | (after / before > slack)
    if not flat.any():
        return None
    start, end = int(j[flat][0]) - 1, int(later[flat][0])
    if envelope[start - 1] == 0:
        return start
    floor = EPS ** (7 / 6)
    last = int((envelope >= floor).sum())
    if last < end:
        end = last + 1
        envelope = np.append(envelope[:last], floor)
    tilted = np.log10(envelope[:end]) + np.linspace(0, -math.log10(EPS) / 3, end)
    return max(int(np.argmin(tilted)), 1)


class Interpolant(NamedTuple):
    """A polynomial by its values at nodes; as a function of points it is the barycentric formula.

    Pure JAX: to be jitted, vmapped and differentiated, at the nodes too. The derivative is that of
    the polynomial, the interpolant of D f with D_ij = (w_j / w_i) / (x_i - x_j), D 1 = 0.

    Attributes:
      nodes: (n + 1,), distinct.
      values: (n + 1,), at the nodes.
      weights: (n + 1,), the w_i up to a common factor.

    Example:
      >>> import numpy as np
      >>> p = barycentric(np.array([[0.0], [1.0], [3.0]]), np.array([0.0, 1.0, 9.0]))
      >>> p(np.array([[2.0], [3.0]])).tolist()
      [4.0, 9.0]
    """

    nodes: Any
    values: Any
    weights: Any

    def __call__(self, x: Any) -> jax.Array:
        """The values (...) at points x (..., 1), in the dtype of x."""
        _checks.points("x", x, 1)
        x = floating(x)[..., 0]
        return _evaluate(*(jnp.asarray(a, x.dtype) for a in self), x)


@jax.custom_jvp
def _barycentric(nodes: jax.Array, values: jax.Array, weights: jax.Array, x: jax.Array) -> Any:
    gap = x.ravel()[:, None] - nodes[None, :]
    hit = gap == 0
    ratio = weights[None, :] / jnp.where(hit, 1, gap)
    ratio = jnp.where(hit.any(axis=1, keepdims=True), hit.astype(x.dtype), ratio)
    return ((ratio * values[None, :]).sum(axis=1) / ratio.sum(axis=1)).reshape(x.shape)


@_barycentric.defjvp
def _barycentric_jvp(primals: Any, tangents: Any) -> Any:
    nodes, values, weights, x = primals
    _, values_dot, _, x_dot = tangents  # nodes are data
    one = jnp.eye(len(nodes), dtype=x.dtype)
    gap = nodes[:, None] - nodes[None, :] + one
    D = weights[None, :] / weights[:, None] / gap
    slopes = (D * (values[None, :] - values[:, None])).sum(axis=1)
    slope = _barycentric(nodes, slopes, weights, x)
    change = _barycentric(nodes, values_dot, weights, x)
    return _barycentric(*primals), slope * x_dot + change


_evaluate = jax.jit(_barycentric)


def barycentric(nodes: Any, values: Any) -> Interpolant:
    """The interpolant through any distinct nodes.

    Args:
      nodes: (n + 1, 1), in any order.
      values: (n + 1,).

    Returns:
      Interpolant; its weights are found in logarithms and never overflow.

    Raises:
      ValueError: if a shape is wrong or two nodes are equal.
      NonFiniteError: if a node or value is nan or infinite.

    Example:
      >>> import numpy as np
      >>> x = np.linspace(-1, 1, 11)[:, None]
      >>> float(barycentric(x, 1 / (1 + 25 * x[:, 0] ** 2))(np.array([0.95])).round(4))
      1.9236
    """
    t = _distinct(nodes)
    values = np.asarray(values, np.float64)
    if values.shape != t.shape:
        raise ValueError(f"values must have shape {t.shape}, one per node, got {values.shape}")
    _checks.finite("values", values)
    sign, log = _weights(t)
    return Interpolant(t, values, sign * np.exp(log - log.max()))


def _distinct(nodes: Any) -> np.ndarray:
    _checks.points("nodes", nodes, 1)
    _checks.finite("nodes", nodes)
    x = np.asarray(nodes, np.float64)
    if x.ndim != 2 or not len(x):
        raise ValueError(f"nodes must have shape (n, 1), got {x.shape}")
    order = np.argsort(x[:, 0], kind="stable")
    same = np.flatnonzero(np.diff(x[order, 0]) == 0)
    if same.size:
        i, j = order[same[0]], order[same[0] + 1]
        raise ValueError(f"nodes must be distinct, got {x[i, 0]} at {i} and {j}; remove one")
    return x[:, 0]


def _weights(t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The signs and the logarithms of the absolute barycentric weights."""
    gap = t[:, None] - t + np.eye(len(t))
    return np.prod(np.sign(gap), axis=1), -np.log(np.abs(gap)).sum(axis=1)


def lebesgue_constant(nodes: Any, *, lower: float = -1.0, upper: float = 1.0) -> float:
    """The Lebesgue constant of nodes on an interval, the largest value of sum_i |l_i(x)|.

    Between two neighbours the function has one maximum, which golden sections find. Nothing
    cancels: the logarithms of prod |x - x_i| and |w_i| / |x - x_i| are added.

    Args:
      nodes: (n, 1), distinct, in the interval.
      lower: the left end.
      upper: the right end.

    Raises:
      ValueError: if nodes coincide or lie outside.

    Example:
      >>> round(lebesgue_constant(chebyshev_points(11)), 4)
      2.421
    """
    t = np.sort(_distinct(nodes))
    (low,), (high,) = _checks.box(lower, upper, 1)
    if t[0] < low or t[-1] > high:
        raise ValueError(f"nodes must lie in [{low}, {high}], got {t[0]} and {t[-1]}")
    _, log_weight = _weights(t)

    def size(x: np.ndarray) -> np.ndarray:
        log = np.log(np.maximum(np.abs(x[..., None] - t), 1e-300))
        return np.exp(log.sum(axis=-1, keepdims=True) + log_weight - log).sum(axis=-1)

    ends = np.unique(np.concatenate([[low], t, [high]]))
    if len(ends) == 1 or len(t) == 1:
        return 1.0
    x = golden_maximum(size, ends[:-1], ends[1:])
    return float(max(size(x).max(), size(np.array([low, high])).max()))


GOLDEN = (math.sqrt(5) - 1) / 2


def golden_maximum(
    f: Callable[[np.ndarray], np.ndarray], a: np.ndarray, b: np.ndarray, *, steps: int = 60
) -> np.ndarray:
    """Where f is largest on each interval [a_i, b_i], f having one maximum there; host.

    Example:
      >>> import numpy as np
      >>> golden_maximum(np.sin, np.array([0.0]), np.array([3.0])).round(6).tolist()
      [1.570796]
    """
    x, y = b - GOLDEN * (b - a), a + GOLDEN * (b - a)
    fx, fy = f(x), f(y)
    for _ in range(steps):
        left = fx >= fy
        a, b = np.where(left, a, x), np.where(left, y, b)
        new = np.where(left, b - GOLDEN * (b - a), a + GOLDEN * (b - a))
        value = f(new)
        x, y = np.where(left, new, y), np.where(left, x, new)
        fx, fy = np.where(left, value, fy), np.where(left, fx, value)
    return np.where(fx >= fy, x, y)


def least_squares(
    x: Any,
    y: Any,
    degree: int,
    *,
    family: Family = chebyshev,
    weights: Any = None,
    lower: float | None = None,
    upper: float | None = None,
) -> Polynomial:
    """The polynomial of a degree that is nearest to data, sum_i w_i (y_i - p(x_i))^2 = min.

    Args:
      x: (n, 1), points.
      y: (n,), values.
      degree: of the polynomial.
      family: the basis; the polynomial is the same for all, the conditioning is not.
      weights: (n,), the w_i > 0; 1 by default. Points and weights of a Gauss rule give the
        orthogonal projection.
      lower: the left end of the interval; the least point by default.
      upper: the right end; the largest point by default.

    Raises:
      ValueError: if a shape is wrong or a weight is not positive.
      SingularSystemError: if the points do not determine the polynomial to rounding.

    Example:
      >>> import numpy as np
      >>> x = np.linspace(0, 1, 5)[:, None]
      >>> least_squares(x, x[:, 0] ** 2, 2, family=chebyshev).coefficients.round(12).tolist()
      [0.375, 0.5, 0.125]
    """
    _checks.points("x", x, 1)
    _checks.finite("x", x)
    _checks.finite("y", y)
    t, y = np.asarray(x, np.float64)[..., 0], np.asarray(y, np.float64)
    if t.ndim != 1 or y.shape != t.shape:
        raise ValueError(f"x and y must have shapes (n, 1) and (n,), got {np.shape(x)}, {y.shape}")
    degree = _checks.count("degree", degree)
    low = t.min() if lower is None else lower
    high = t.max() if upper is None else upper
    (low,), (high,) = _checks.box(low, high, 1)
    root = root_weights(weights, len(t))
    A = root[:, None] * basis(family, degree, reference(t, low, high))
    return Polynomial(solve_least_squares(A, root * y), low, high, family)


def root_weights(weights: Any, n: int) -> np.ndarray:
    """The square roots of the weights (n,), 1 by default; ValueError unless they are positive."""
    w = np.ones(n) if weights is None else np.asarray(weights, np.float64)
    if w.shape != (n,) or not np.all(np.isfinite(w) & (w > 0)):
        raise ValueError(f"weights must be {n} positive numbers, got shape {w.shape}")
    return np.sqrt(w)


def solve_least_squares(A: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The c with |A c - b| = min; SingularSystemError unless A has full column rank."""
    c, _, rank, sizes = np.linalg.lstsq(A, b)
    if rank < A.shape[1]:
        ratio = sizes[-1] / sizes[0] if len(sizes) == A.shape[1] else 0.0
        raise SingularSystemError(
            f"the data must determine {A.shape[1]} coefficients, got rank {rank} (smallest over "
            f"largest singular value {ratio:.1e}) from {len(A)} points; add points, lower the "
            "degree or use an orthogonal family"
        )
    return c

"""Polynomials on an interval by the three-term recurrence of their basis.

A family p_0 = 1, p_1, p_2, ... on [-1, 1] is data: the coefficients of

    p_{k+1}(t) = (a_k t + b_k) p_k(t) - c_k p_{k-1}(t),    p_{-1} = 0,

Chebyshev, Legendre and Jacobi polynomials and the monomials alike. A polynomial on [lower, upper]
is the sum of c_k p_k(t) with t = (2 x - lower - upper) / (upper - lower), and is evaluated by
Clenshaw's recurrence

    y_k = c_k + (a_k t + b_k) y_{k+1} - c_{k+1} y_{k+2},    p(x) = y_0.

References: Gautschi, Orthogonal Polynomials: Computation and Approximation (2004), sections 1.3
and 3.1; Clenshaw, Math. Tables Aids Comput. 9 (1955), 118-120.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
import scipy.special

from approxnet import _checks, quadrature
from approxnet.errors import AssumptionError

Coefficients = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Family:
    """A sequence of polynomials on [-1, 1], one of each degree.

    Attributes:
      name: what it is called.
      recurrence: from degrees k (n,) to (a, b, c), each (n,).
      weight: (alpha, beta), if the family is orthogonal for (1 - t)^alpha (1 + t)^beta.

    Example:
      >>> import numpy as np
      >>> [float(a[0]) for a in legendre.recurrence(np.array([1.0]))]
      [1.5, 0.0, 0.5]
    """

    name: str
    recurrence: Callable[[np.ndarray], Coefficients]
    weight: tuple[float, float] | None


def _chebyshev(k: np.ndarray) -> Coefficients:
    return np.where(k == 0, 1.0, 2.0), np.zeros_like(k), np.where(k == 0, 0.0, 1.0)


def _monomial(k: np.ndarray) -> Coefficients:
    return np.ones_like(k), np.zeros_like(k), np.zeros_like(k)


def _jacobi(alpha: float, beta: float, k: np.ndarray) -> Coefficients:
    s = alpha + beta
    first = k == 0
    n = np.where(first, 1.0, k)  # the general formula may be 0 / 0 at k = 0
    below = 2 * (n + 1) * (n + s + 1) * (2 * n + s)
    a = (2 * n + s + 1) * (2 * n + s + 2) * (2 * n + s) / below
    b = (2 * n + s + 1) * (alpha**2 - beta**2) / below
    c = 2 * (n + alpha) * (n + beta) * (2 * n + s + 2) / below
    return (
        np.where(first, (s + 2) / 2, a),
        np.where(first, (alpha - beta) / 2, b),
        np.where(first, 0.0, c),
    )


@functools.cache
def jacobi(alpha: float, beta: float) -> Family:
    """The Jacobi polynomials P_k^(alpha, beta), with the value binom(k + alpha, k) at 1.

    Args:
      alpha: exponent of 1 - t in the weight, > -1.
      beta: exponent of 1 + t, > -1.

    Raises:
      ValueError: if an exponent is not > -1: the weight cannot be integrated.

    Example:
      >>> import numpy as np
      >>> p2 = Polynomial(np.array([0.0, 0.0, 1.0]), -1.0, 1.0, jacobi(1.0, 0.0))
      >>> p2(np.array([[1.0]])).tolist()
      [3.0]
    """
    if not (alpha > -1 and beta > -1):
        raise ValueError(f"alpha and beta must be > -1, got {alpha} and {beta}")
    name = f"jacobi({alpha}, {beta})"
    return Family(name, functools.partial(_jacobi, alpha, beta), (alpha, beta))


chebyshev = Family("chebyshev", _chebyshev, (-0.5, -0.5))
"""T_k(cos s) = cos(k s)."""
legendre = Family("legendre", functools.partial(_jacobi, 0.0, 0.0), (0.0, 0.0))
"""P_k with P_k(1) = 1."""
monomial = Family("monomial", _monomial, None)
"""The powers t^k."""


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["coefficients", "lower", "upper"],
    meta_fields=["family"],
)
@dataclasses.dataclass(frozen=True, eq=False)
class Polynomial:
    """A polynomial on an interval, a pytree; as a function of points it is ``evaluate``.

    Attributes:
      coefficients: (n + 1,), those of p_0, ..., p_n.
      lower: the left end of the interval.
      upper: the right end.
      family: of the p_k; static.

    Example:
      >>> import numpy as np
      >>> Polynomial(np.array([1.0, 2.0]), 0.0, 1.0, monomial).degree
      1
    """

    coefficients: Any
    lower: Any
    upper: Any
    family: Family

    @property
    def degree(self) -> int:
        """The number of coefficients minus one."""
        return len(self.coefficients) - 1

    def __call__(self, x: Any) -> jax.Array:
        """The values at points."""
        return evaluate(self, x)


def evaluate(p: Polynomial, x: Any) -> jax.Array:
    """The values of a polynomial; pure JAX, to be jitted, vmapped and differentiated.

    Args:
      p: the polynomial.
      x: (..., 1), points, outside of the interval too.

    Returns:
      (...), in the dtype of x; integers count as floats.

    Raises:
      ValueError: if the last axis of x is not 1.

    Example:
      >>> import numpy as np
      >>> p = Polynomial(np.array([0.0, 0.0, 1.0]), 0.0, 1.0, chebyshev)
      >>> evaluate(p, np.array([[0.0], [0.5], [1.0]])).tolist()
      [1.0, -1.0, 1.0]
    """
    _checks.points("x", x, 1)
    return _evaluate(p, floating(x)[..., 0])


def floating(x: Any) -> jax.Array:
    """The array in its own dtype, or the default float if it holds integers."""
    x = jnp.asarray(x)
    return x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(jnp.result_type(float))


@jax.jit
def _evaluate(p: Polynomial, x: jax.Array) -> jax.Array:
    lower, upper, terms = (jnp.asarray(a, x.dtype) for a in (p.lower, p.upper, p.coefficients))
    t = reference(x, lower, upper)
    a, b, c = (jnp.asarray(s, x.dtype) for s in _clenshaw_data(p.family, p.degree))

    def step(y: Any, term: Any) -> tuple[Any, None]:
        return _clenshaw_step(t, y, term), None

    zero = jnp.zeros_like(t)
    (y, _), _ = jax.lax.scan(step, (zero, zero), (terms, a, b, c), reverse=True)
    return y


def reference(x: Any, lower: Any, upper: Any) -> Any:
    """The points t in [-1, 1] of points x in [lower, upper]."""
    return ((x - lower) - (upper - x)) / (upper - lower)


def physical(t: Any, lower: Any, upper: Any) -> Any:
    """The points x in [lower, upper] of points t in [-1, 1]."""
    return ((1 - t) * lower + (1 + t) * upper) / 2


def _clenshaw_data(family: Family, degree: int) -> Coefficients:
    """a_k, b_k and c_{k+1} for k = 0, ..., degree."""
    a, b, c = family.recurrence(np.arange(degree + 2.0))
    return a[:-1], b[:-1], c[1:]


def _clenshaw_step(t: Any, y: Any, term: Any) -> Any:
    coefficient, a, b, c = term
    return coefficient + (a * t + b) * y[0] - c * y[1], y[0]


def host_values(p: Polynomial, x: np.ndarray) -> np.ndarray:
    """The values of a polynomial at x, any shape, in NumPy float64: the same recurrence."""
    t = reference(x, p.lower, p.upper)
    terms = zip(p.coefficients, *_clenshaw_data(p.family, p.degree), strict=True)
    zero = np.zeros_like(t)
    step = functools.partial(_clenshaw_step, t)
    return functools.reduce(step, reversed(list(terms)), (zero, zero))[0]


def basis(family: Family, degree: int, t: np.ndarray) -> np.ndarray:
    """The values p_0(t), ..., p_degree(t), (..., degree + 1), for t in [-1, 1]; host.

    Example:
      >>> import numpy as np
      >>> basis(legendre, 2, np.array([1.0, 0.0])).tolist()
      [[1.0, 1.0, 1.0], [1.0, 0.0, -0.5]]
    """
    p = [np.zeros_like(t), np.ones_like(t)]
    for a, b, c in zip(*family.recurrence(np.arange(float(degree))), strict=True):
        p.append((a * t + b) * p[-1] - c * p[-2])
    return np.stack(p[1:], axis=-1)


def gauss(
    n: int, family: Family = legendre, *, lower: float = -1.0, upper: float = 1.0
) -> quadrature.Rule:
    """The n-point Gauss rule for the weight of a family, by the Golub-Welsch algorithm.

    The points are the eigenvalues of the symmetric tridiagonal matrix with diagonal -b_k / a_k
    and off-diagonal (c_{k+1} / (a_k a_{k+1}))^(1/2), and the weights 1 / sum_k p_k(t)^2 / |p_k|^2.
    The rule is exact for polynomials of degree 2n - 1 times (1 - t)^alpha (1 + t)^beta.

    Args:
      n: number of points.
      family: an orthogonal family.
      lower: the left end of the interval.
      upper: the right end.

    Returns:
      Rule with points (n, 1), ascending, and weights (n,).

    Raises:
      AssumptionError: if the family is not orthogonal.
      ValueError: if n < 1 or lower >= upper.

    Reference: Golub, Welsch, Math. Comp. 23 (1969), 221-230.

    Example:
      >>> rule = gauss(3)
      >>> round(float(rule.weights @ rule.points[:, 0] ** 4), 12)
      0.4
    """
    n = _checks.count("n", n, at_least=1)
    (low,), (high,) = _checks.box(lower, upper, 1)
    if family.weight is None:
        raise AssumptionError(
            f"family must be orthogonal for Gauss points, got {family.name}; use legendre"
        )
    alpha, beta = family.weight
    a, b, c = family.recurrence(np.arange(float(n)))
    side = np.sqrt(c[1:] / (a[:-1] * a[1:]))
    t = scipy.linalg.eigh_tridiagonal(-b / a, side, eigvals_only=True)
    mass = 2 ** (alpha + beta + 1) * scipy.special.beta(alpha + 1, beta + 1)
    norms = mass * np.cumprod(np.append(1.0, c[1:] * a[:-1] / a[1:]))
    weights = 1 / (basis(family, n - 1, t) ** 2 @ (1 / norms))
    return quadrature.Rule(physical(t, low, high)[:, None], (high - low) / 2 * weights)


def chebyshev_points(
    n: int, *, lower: float = -1.0, upper: float = 1.0, kind: int = 2
) -> np.ndarray:
    """The n Chebyshev points of an interval, (n, 1), ascending.

    Kind 1 are the zeros of T_n, kind 2 the extrema of T_{n-1}, ends included. They are computed
    as sines, so that they are symmetric to the last bit.

    Args:
      n: number of points, at least the kind.
      lower: the left end of the interval.
      upper: the right end.
      kind: 1 or 2.

    Raises:
      ValueError: if n or kind is out of range, or lower >= upper.

    Example:
      >>> chebyshev_points(3, lower=0.0).ravel().tolist()
      [0.0, 0.5, 1.0]
    """
    if kind not in (1, 2):
        raise ValueError(f"kind must be 1 or 2, got {kind!r}")
    n = _checks.count("n", n, at_least=kind)
    (low,), (high,) = _checks.box(lower, upper, 1)
    t = np.sin(np.pi * np.arange(1 - n, n, 2) / (2 * (n + 1 - kind)))
    return physical(t, low, high)[:, None]

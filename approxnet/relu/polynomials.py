"""Polynomials and analytic functions emulated by deep ReLU networks.

Monomials and Chebyshev polynomials, both at most 1 in modulus on [-1, 1], are one recurrence,

    P_{i+j} = a P_i P_j + b P_{|i-j|},      (a, b) = (1, 0) for x^k and (2, -1) for T_k,

from P_0 = 1 and P_1 = x. With j - i in {0, 1} the degrees double from stage to stage, so that a
polynomial of degree p has ceil(log2 p) stages, and with products by squares of m levels
(``emulation``) m hidden layers in each. If e_k bounds the error of P_k, and c = 1 + |b| max e_k
over the degrees at hand their values, then

    e_{i+j} = a (c^2 2^(-2m-2) + e_i + e_j + e_i e_j),      e_0 = e_1 = 0.                    (1)

Monomials keep their bound, c = 1, as emulated squares are in [0, 1].

A function f that is analytic in the Bernstein ellipse of foci -1, 1 and semi-axes of sum rho, and
at most M in it, is within 4 M rho^-n / (rho - 1) of its Chebyshev interpolant of degree n, whose
coefficients fall like rho^-k. So with n proportional to m, the error falls exponentially in m at
m log2 m hidden layers of O(m) neurons.

References: Yarotsky, Neural Networks 94 (2017), 103-114; E, Wang, Sci. China Math. 61 (2018),
1733-1740; Opschoor, Schwab, Zech, Constr. Approx. 55 (2022), 537-582; Trefethen, Approximation
Theory and Approximation Practice (2013), Theorem 8.2.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from approxnet import _checks
from approxnet.relu.calculus import compose
from approxnet.relu.emulation import Form, square_error_bound, squares
from approxnet.relu.layers import Affine
from approxnet.relu.network import Network


class _Family(NamedTuple):
    """The numbers a and b of the recurrence."""

    a: float
    b: float


FAMILIES = {"monomial": _Family(1.0, 0.0), "chebyshev": _Family(2.0, -1.0)}


def polynomial(coefficients: ArrayLike, levels: int, *, basis: str = "monomial") -> Network:
    """The network of sum_k c_k P_k on [-1, 1].

    Args:
      coefficients: (p+1,), c_0, ..., c_p.
      levels: m, at least 1, the levels of each square; static.
      basis: "monomial" or "chebyshev"; static.

    Returns:
      a network from R to R with m ceil(log2 p) hidden layers of at most 3p + 3 neurons; its error
      on [-1, 1] is at most ``polynomial_error_bound(coefficients, levels, basis=basis)``. Up to
      degree 1 it has no hidden layer and no error.

    Raises:
      ValueError: if coefficients is not a vector with at least one entry, or levels < 1.
      NonFiniteError: if a coefficient is nan or infinite.
      ConfigError: if the basis is not known.

    Source: Opschoor, Schwab, Zech (2022), Proposition 4.2, for Chebyshev polynomials.

    >>> from approxnet import relu
    >>> net = polynomial([1.0, 0.0, 0.0, 2.0], 10)  # 1 + 2 x^3
    >>> relu.hidden_layers(net), round(relu.evaluate(net, np.array([0.5])).item(), 4)
    (20, 1.25)
    """
    m, c = _checks.count("levels", levels, at_least=1), checked_coefficients(coefficients)
    family = FAMILIES[_checks.one_of("basis", basis, FAMILIES)]
    bounds = _bounds(len(c) - 1, m, family)
    # Row 0 of the values at hand is the sum so far, and row[k] is P_k.
    slope = c[1] if len(c) > 1 else 0.0
    net = Network((Affine(np.array([[slope], [1.0]]), np.array([c[0], 0.0])),), ())
    row, high = {1: 1}, 1
    while high < len(c) - 1:
        top = min(2 * high, len(c) - 1)
        form, row = _stage(c, row, high, top, bounds, family)
        if top == len(c) - 1:
            form = form._replace(C=form.C[:1], L=form.L[:1], b=form.b[:1])
        net, high = compose(squares(form, m), net), top
    return compose(Network((Affine(np.eye(1, net.layers[-1].n_out), np.zeros(1)),), ()), net)


def polynomial_error_bound(
    coefficients: ArrayLike, levels: int, *, basis: str = "monomial"
) -> float:
    """A bound sum_k |c_k| e_k of the error of ``polynomial`` on [-1, 1], by (1).

    Args:
      coefficients: (p+1,), c_0, ..., c_p.
      levels: m, at least 1; static.
      basis: "monomial" or "chebyshev"; static.

    Raises:
      ValueError, NonFiniteError, ConfigError: as ``polynomial``.

    >>> polynomial_error_bound([1.0, 0.0, 3.0], 4) / 2**-10
    3.0
    """
    m, c = _checks.count("levels", levels, at_least=1), checked_coefficients(coefficients)
    family = FAMILIES[_checks.one_of("basis", basis, FAMILIES)]
    return float(np.abs(c) @ _bounds(len(c) - 1, m, family))


def analytic(
    f: Callable[[Any], Any],
    degree: int,
    levels: int,
    *,
    lower: float = -1.0,
    upper: float = 1.0,
) -> Network:
    """The network of an analytic function, by its interpolant in the roots of T_{n+1}.

    Args:
      f: the function, (..., 1) -> (...).
      degree: n, at least 1; static.
      levels: m, at least 1; static.
      lower: the left end of the interval.
      upper: the right end.

    Returns:
      a network from R to R with m ceil(log2 n) hidden layers; ``analytic_error_bound`` bounds its
      error on [lower, upper].

    Raises:
      ValueError: if degree < 1, levels < 1, lower >= upper, or f returns the wrong shape.
      NonFiniteError: if a value of f is nan or infinite.

    >>> from approxnet import relu
    >>> net = analytic(lambda x: np.exp(x[..., 0]), 7, 12)
    >>> relu.hidden_layers(net), round(relu.evaluate(net, np.array([1.0])).item(), 4)
    (36, 2.7183)
    """
    n = _checks.count("degree", degree, at_least=1)
    (low,), (high,) = _checks.box(lower, upper, 1)
    middle, half = (low + high) / 2, (high - low) / 2
    t = np.polynomial.chebyshev.chebpts1(n + 1)
    values = np.asarray(_checks.target(f, middle + half * t[:, None]), float)
    # The T_k are orthogonal on these points, with the squared norms (n + 1) / 2, but n + 1 for T_0.
    coefficients = 2 / (n + 1) * np.polynomial.chebyshev.chebvander(t, n).T @ values
    coefficients[0] /= 2
    standard = Affine(np.array([[1 / half]]), np.array([-middle / half]))
    net = polynomial(coefficients, levels, basis="chebyshev")
    return compose(net, Network((standard,), ()))


def analytic_error_bound(degree: int, levels: int, rho: float, largest: float) -> float:
    """A bound of the error of ``analytic`` for a function with |f| <= M in an ellipse.

    By Theorem 8.2 of Trefethen the interpolant misses f by at most 4 M rho^-n / (rho - 1); its
    coefficients are those of f, at most 2 M rho^-k, and their aliases of degrees 2j(n + 1) -+ k,
    and the errors of emulated T_k enter by (1).

    Args:
      degree: n, at least 1; static.
      levels: m, at least 1; static.
      rho: the sum of the semi-axes of the ellipse with the ends of the interval, moved to -1 and
        1, as foci; greater than 1.
      largest: M, the maximum of |f| in the ellipse.

    Raises:
      ValueError: if degree < 1, levels < 1 or rho <= 1.

    >>> rho = 4.0
    >>> 1e-8 < analytic_error_bound(12, 16, rho, np.exp((rho + 1 / rho) / 2)) < 1e-5
    True
    """
    n = _checks.count("degree", degree, at_least=1)
    m = _checks.count("levels", levels, at_least=1)
    if not 1 < rho < math.inf:
        raise ValueError(f"rho must be greater than 1 and finite, got {rho}")
    decay = rho ** -np.arange(n + 1.0)
    period = rho ** -(2.0 * n + 2)
    coefficients = 2 * largest * (decay + (1 / decay + decay) * period / (1 - period))
    emulated = coefficients @ _bounds(n, m, FAMILIES["chebyshev"])
    return float(emulated + 4 * largest * decay[n] / (rho - 1))


def checked_coefficients(given: ArrayLike) -> np.ndarray:
    """The coefficients of a polynomial, (p+1,), checked."""
    c = np.asarray(given, float)
    if c.ndim != 1 or c.size < 1:
        raise ValueError(f"coefficients must have shape (p + 1,) with p >= 0, got {c.shape}")
    _checks.finite("coefficients", c)
    return c


def _bounds(p: int, m: int, family: _Family) -> np.ndarray:
    """(p+1,), the numbers e_k of (1)."""
    e, high = np.zeros(p + 1), 1
    while high < p:
        k = np.arange(high + 1, min(2 * high, p) + 1)
        i, j = e[k // 2], e[k - k // 2]
        c = 1 + abs(family.b) * e[: high + 1].max()
        e[k] = family.a * (c**2 * square_error_bound(m) + i + j + i * j)
        high = k[-1]
    return e


def _stage(
    coefficients: np.ndarray,
    row: dict[int, int],
    high: int,
    top: int,
    bounds: np.ndarray,
    family: _Family,
) -> tuple[Form, dict[int, int]]:
    """The map from the sum and P_k, k <= high, to the sum and P_k, k <= top, and its rows."""
    c = 1 + abs(family.b) * bounds[: high + 1].max()
    known, unit = sorted({1, high}), np.eye(1 + len(row))
    value = {k: unit[place] for k, place in row.items()}
    after = {k: 1 + i for i, k in enumerate([*known, *range(high + 1, top + 1)])}
    U, q = [], 1 + len(after)
    C, L, b = np.zeros((q, 3 * top)), np.zeros((q, len(unit))), np.zeros(q)
    L[0, 0] = 1.0
    for k in known:
        L[after[k]] = value[k]
    for k in range(high + 1, top + 1):
        i, j = value[k // 2], value[k - k // 2]
        # The squares of (P_i + P_j) / 2 and (P_i - P_j) / 2, or that of P_i.
        rows, signs = ([i + j, i - j], [1, -1]) if k % 2 else ([2 * i], [1])
        new = np.zeros(q)
        new[[0, after[k]]] = coefficients[k], 1.0
        C[:, len(U) : len(U) + len(rows)] = family.a * c**2 * np.outer(new, signs)
        L += family.b * (k % 2) * np.outer(new, value[1])
        b += family.b * (1 - k % 2) * new
        U += rows
    sums = np.abs(coefficients[: high + 1]) @ (1 + bounds[: high + 1])
    reach = np.array([sums, *(1 + bounds[k] for k in row)])
    return Form(np.array(U) / (2 * c), C[:, : len(U)], L, b, reach), after

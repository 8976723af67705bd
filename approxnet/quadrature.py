"""Quadrature rules with positive weights.

A rule of q points is

    integral of f  ~  sum_i w_i f(x_i),      points (q, d), weights (q,),

and has degree p if it is exact for every polynomial of total degree p. The reference simplex is
{x >= 0, x_1 + ... + x_d <= 1}; the barycentric coordinates of its points are
(1 - x_1 - ... - x_d, x_1, ..., x_d). Rules are NumPy float64; jitted code casts them to the dtype
of its arguments.

Reference: Stroud, Approximate Calculation of Multiple Integrals (1971), section 2.4, for the
collapsed coordinates; Owen, J. Complexity 14 (1998), for the scrambling.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import numpy as np
from numpy.typing import ArrayLike
from scipy.special import roots_jacobi

from approxnet import _checks


class Rule(NamedTuple):
    """Points and weights of a quadrature rule.

    Attributes:
      points: (q, d), or (c, q, d) for one rule per cell.
      weights: (q,), or (c, q); their sum is the volume.

    Example:
      >>> rule = gauss_legendre(3)
      >>> rule.points.shape, rule.weights.shape
      ((3, 1), (3,))
    """

    points: np.ndarray
    weights: np.ndarray


def _gauss(n: int, alpha: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """The n-point Gauss rule on [0, 1] for the weight (1 - t)^alpha."""
    points, weights = roots_jacobi(n, alpha, 0.0)
    return (1.0 + points) / 2.0, weights / 2.0 ** (alpha + 1.0)


def gauss_legendre(n: int, a: float = 0.0, b: float = 1.0) -> Rule:
    """The n-point Gauss-Legendre rule on [a, b], of degree 2n - 1.

    Args:
      n: number of points, at least 1.
      a: left end.
      b: right end; b < a gives negative weights, as the integral from a to b asks.

    Returns:
      Rule with points (n, 1), ascending for a < b, and weights (n,).

    Raises:
      ValueError: if n is not a positive integer.

    Example:
      >>> rule = gauss_legendre(2, 0.0, 2.0)
      >>> round(float(rule.weights @ rule.points[:, 0] ** 3), 12)
      4.0
    """
    points, weights = _gauss(_checks.count("n", n, at_least=1))
    return Rule((a + (b - a) * points)[:, None], (b - a) * weights)


def simplex(d: int, degree: int) -> Rule:
    """A rule on the reference simplex of any dimension, exact for the given total degree.

    The map x = (t, (1 - t) y), with t in [0, 1] and y in the simplex of dimension d - 1, has the
    Jacobian (1 - t)^(d-1). So a Gauss-Jacobi rule in t times a rule in y is a rule in x, with
    (degree // 2 + 1)^d points, all inside, and positive weights.

    Args:
      d: dimension; the simplex of dimension 0 is one point of weight 1.
      degree: total degree that is integrated exactly.

    Returns:
      Rule with points (q, d) and weights (q,) that sum to 1/d!.

    Raises:
      ValueError: if d or degree is not a non-negative integer.

    Example:
      >>> simplex(2, 1)
      Rule(points=array([[0.33333333, 0.33333333]]), weights=array([0.5]))
    """
    d, degree = _checks.count("d", d), _checks.count("degree", degree)
    points, weights = np.zeros((1, 0)), np.ones(1)
    for dimension in range(1, d + 1):
        t, w = _gauss(degree // 2 + 1, dimension - 1.0)
        scaled = (1.0 - t)[:, None, None] * points
        first = np.broadcast_to(t[:, None, None], (*scaled.shape[:2], 1))
        points = np.concatenate([first, scaled], axis=-1).reshape(-1, dimension)
        weights = (w[:, None] * weights).ravel()
    return Rule(points, weights)


def on_simplices(rule: Rule, vertices: ArrayLike) -> Rule:
    """A rule of the reference simplex, mapped to each of c simplices.

    Args:
      rule: points (q, k) and weights (q,) on the reference simplex of dimension k.
      vertices: (c, k + 1, d), the corners of simplices of dimension k <= d, such as cells or
        facets of a mesh.

    Returns:
      Rule with points (c, q, d) and weights (c, q) that sum to the k-volume of each simplex.

    Raises:
      ValueError: if the simplices do not have k + 1 corners.

    Example:
      >>> segment = on_simplices(simplex(1, 3), [[[0.0, 0.0], [3.0, 4.0]]])
      >>> segment.points.shape, round(float(segment.weights.sum()), 12)
      ((1, 2, 2), 5.0)
    """
    vertices = np.asarray(vertices, np.float64)
    k = rule.points.shape[-1]
    if vertices.ndim != 3 or vertices.shape[1] != k + 1:
        raise ValueError(
            f"vertices must have shape (c, {k + 1}, d) for a rule on the simplex of dimension {k}, "
            f"got {vertices.shape}"
        )
    edges = vertices[:, 1:] - vertices[:, :1]
    gram = np.einsum("cid,cjd->cij", edges, edges)
    points = vertices[:, :1] + rule.points @ edges
    return Rule(points, np.sqrt(np.linalg.det(gram))[:, None] * rule.weights)


def _box_sides(lower: ArrayLike, upper: ArrayLike, *others: ArrayLike) -> list[np.ndarray]:
    """Lower and upper corner, and others, as arrays (d,); ValueError unless lower < upper."""
    sides = np.broadcast_arrays(*(np.atleast_1d(a) for a in (lower, upper, *others)))
    low, high = np.asarray(sides[0], np.float64), np.asarray(sides[1], np.float64)
    bad = np.flatnonzero(~(np.isfinite(high - low) & (low < high)))
    if low.ndim != 1 or bad.size:
        place = f" on axis {bad[0]}: {low[bad[0]]} and {high[bad[0]]}" if bad.size else ""
        raise ValueError(
            f"lower must be less than upper, both finite, (d,) or a number, got {low} and {high}"
            f"{place}; swap them or widen the box"
        )
    return [low, high, *sides[2:]]


def box(
    cells: int | ArrayLike, degree: int, lower: ArrayLike = 0.0, upper: ArrayLike = 1.0
) -> Rule:
    """The composite Gauss rule on a box, exact for piecewise polynomials of the degree per axis.

    Args:
      cells: equal cells per axis, an int or (d,). The dimension is the longest of cells, lower
        and upper.
      degree: degree in each variable that is integrated exactly on each cell.
      lower: (d,) or a number, the lower corner.
      upper: (d,) or a number, the upper corner.

    Returns:
      Rule with prod(cells) (degree // 2 + 1)^d points, the last axis running fastest.

    Raises:
      ValueError: if a count is not positive or lower >= upper on some axis.

    Example:
      >>> rule = box((4, 4), 3, upper=2.0)
      >>> rule.points.shape, round(float(rule.weights.sum()), 12)
      ((64, 2), 4.0)
    """
    low, high, counts = _box_sides(lower, upper, cells)
    t, w = _gauss(_checks.count("degree", degree) // 2 + 1)
    axes, factors = [], []
    for a, b, per_axis in zip(low, high, counts, strict=True):
        n = _checks.count("cells", per_axis, at_least=1)
        h = (b - a) / n
        axes.append((a + h * (np.arange(n)[:, None] + t)).ravel())
        factors.append(np.tile(h * w, n))
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    weights = math.prod(np.ix_(*factors), start=np.ones(1))
    return Rule(points, weights.ravel())


def sobol(key: jax.Array, n: int, lower: ArrayLike = 0.0, upper: ArrayLike = 1.0) -> Rule:
    """Scrambled Sobol points with equal weights: randomised quasi-Monte-Carlo on a box.

    The estimate is unbiased; n a power of two keeps the balance of the points, with which the
    error for smooth functions is O(n^(-3/2)) up to logarithms.

    Args:
      key: a JAX key; the same key gives the same points.
      n: number of points.
      lower: (d,) or a number, the lower corner; the dimension is the longer of lower and upper.
      upper: (d,) or a number, the upper corner.

    Returns:
      Rule with points (n, d) and weights (n,), all equal to volume / n.

    Raises:
      ValueError: if n is not positive or lower >= upper on some axis.

    Example:
      >>> rule = sobol(jax.random.key(0), 1024, lower=(0.0, 0.0), upper=1.0)
      >>> abs(float(rule.weights @ rule.points.prod(axis=1)) - 0.25) < 1e-3
      True
    """
    n = _checks.count("n", n, at_least=1)
    low, high = _box_sides(lower, upper)
    seed = np.asarray(jax.random.bits(key, (4,), "uint32"))
    from scipy.stats import qmc  # a third of what importing the chapters would cost

    engine = qmc.Sobol(low.size, scramble=True, rng=np.random.default_rng(seed))
    unit = engine.random_base2(math.ceil(math.log2(n)))[:n]
    return Rule(low + (high - low) * unit, np.full(n, np.prod(high - low) / n))

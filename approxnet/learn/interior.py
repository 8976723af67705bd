"""Mehrotra's interior point method for the dual of the support vector machine.

    min 1/2 a Q a - sum a,   0 <= a <= cost,   y . a = 0,   Q_ij = y_i K_ij y_j.

The bounds are written side_p a + offset_p = slack_p >= 0, with multipliers z_p >= 0: p = 0 is
a >= 0 and, for a finite cost, p = 1 is cost - a >= 0. A solution has

    Q a - 1 + b y - sum_p side_p z_p = 0,   y . a = 0,   slack_p z_p = 0,

and Newton's method goes to it along slack_p z_p = mean, for a mean that falls to 0. Slacks have
their own steps, so that none rounds to 0.

Reference: Mehrotra, SIAM J. Optim. 2 (1992), 575-601.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.linalg

from approxnet.errors import AssumptionError

TOUCH = 1e-6
"""Hulls of classes that are nearer than this, relative to the features, count as touching."""


class Point(NamedTuple):
    """A point of the method, or a direction.

    Fields:
      a: (n,).
      b: a number.
      slack, z: (p, n), with p = 1 for an infinite cost and p = 2 otherwise.

    Example:
      >>> K = np.array([[1.0, -1.0], [-1.0, 1.0]])
      >>> solve(K, np.array([1.0, -1.0]), np.inf).a.round(9).tolist()
      [0.5, 0.5]
    """

    a: np.ndarray
    b: float
    slack: np.ndarray
    z: np.ndarray


def solve(K: np.ndarray, signs: np.ndarray, cost: float, *, rounding: float = 1e-13) -> Point:
    """A solution for a kernel K (n, n) with a diagonal of mean 1, and signs y (n,).

    Args:
      K: (n, n), positive semidefinite up to rounding.
      signs: (n,), 1 and -1, both among them.
      cost: the upper bound, infinity for none.
      rounding: of the eigenvalues of K, by which the matrices of the steps are lifted.

    Raises:
      AssumptionError: if the cost is infinite and the hulls of the classes touch, or the kernel is
        not positive semidefinite.

    Example:
      >>> solve(np.eye(2), np.array([1.0, -1.0]), 0.25).a.round(9).tolist()
      [0.25, 0.25]
    """
    sides = np.array([[1.0], [-1.0]])[: 2 if np.isfinite(cost) else 1]
    Q = signs[:, None] * K * signs
    at = _start(signs, sides, cost)
    for _ in range(100):
        residual = Q @ at.a - 1 + at.b * signs - (sides * at.z).sum(axis=0)
        product = at.slack * at.z
        if product.sum() <= 1e-13 * at.a.sum() and np.abs(residual).max() <= 1e-10:
            break
        if np.isinf(cost):
            _check_hulls(at.a, Q)
        factor = _factor(Q, (at.z / at.slack).sum(axis=0) + rounding)
        ahead = _direction(at, factor, signs, sides, residual, -product)
        length = _longest(at, ahead)
        reached = (at.slack + length * ahead.slack) * (at.z + length * ahead.z)
        centre = product.mean() * (reached.mean() / product.mean()) ** 3
        target = centre - product - ahead.slack * ahead.z
        move = _direction(at, factor, signs, sides, residual, target)
        length = 0.995 * _longest(at, move)
        at = Point(
            at.a + length * move.a,
            at.b + length * move.b,
            at.slack + length * move.slack,
            at.z + length * move.z,
        )
        if length < 1e-10:
            break
    return at


def _start(signs: np.ndarray, sides: np.ndarray, cost: float) -> Point:
    """The same a for all examples of a class, with y . a = 0; all multipliers 1."""
    count = np.where(signs > 0, (signs > 0).sum(), (signs < 0).sum())
    a = min(1.0, cost / 2) * count.min() / count
    offsets = np.array([[0.0], [cost]])[: len(sides)]
    return Point(a, 0.0, sides * a + offsets, np.ones((len(sides), len(a))))


def _direction(
    at: Point,
    factor: tuple[np.ndarray, bool],
    signs: np.ndarray,
    sides: np.ndarray,
    residual: np.ndarray,
    target: np.ndarray,
) -> Point:
    """Newton's step to residual 0, y . a = 0 and slack_p z_p + target."""
    right = np.stack([(sides * target / at.slack).sum(axis=0) - residual, signs], axis=1)
    v, u = scipy.linalg.cho_solve(factor, right).T
    b = float((signs @ v + signs @ at.a) / (signs @ u))
    a = v - b * u
    return Point(a, b, sides * a, (target - at.z * sides * a) / at.slack)


def _longest(at: Point, move: Point) -> float:
    """The longest step up to 1 that keeps slacks and multipliers >= 0."""
    value, change = np.stack([at.slack, at.z]), np.stack([move.slack, move.z])
    falling = change < 0
    return float(min(1.0, (-value[falling] / change[falling]).min(initial=np.inf)))


def _factor(Q: np.ndarray, diagonal: np.ndarray) -> tuple[np.ndarray, bool]:
    """Cholesky's factor of Q + diag."""
    M = Q + np.diag(diagonal)
    try:
        return scipy.linalg.cho_factor(M, lower=True, overwrite_a=True, check_finite=False)
    except np.linalg.LinAlgError:
        raise AssumptionError(
            "kernel must be positive semidefinite, got the eigenvalue "
            f"{np.linalg.eigvalsh(Q)[0]:.3g} for {len(Q)} points, relative to the mean square of "
            "the features; take another kernel"
        ) from None


def _check_hulls(a: np.ndarray, Q: np.ndarray) -> None:
    """AssumptionError once a shows that the hulls of the two classes touch.

    Scaled to sum 2 the a of each class are weights of a point of its hull, and (a Q a)^(1/2) is the
    distance of the two points.
    """
    apart = 2 * np.sqrt(max(float(a @ Q @ a), 0.0)) / a.sum()
    if apart < TOUCH:
        raise AssumptionError(
            "a hard margin must have classes whose hulls do not touch, got hulls with points "
            f"{apart:.1e} apart, relative to the size of the features; take a finite cost or "
            "another kernel"
        )

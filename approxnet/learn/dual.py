"""The dual of the support vector machine, solved with a certificate.

For signs y_i = 1, -1 and the matrix K of a kernel the machine of cost C and its dual are

    P(w, b) = 1/2 |w|^2 + C sum_i relu(1 - y_i (w . phi(x_i) + b))           -> min
    D(a) = sum_i a_i - 1/2 sum_ij a_i a_j y_i y_j K_ij                        -> max,
           0 <= a_i <= C,  sum_i y_i a_i = 0,

with w = sum_i a_i y_i phi(x_i) at the solution; D(a) <= P(w, b) always, so that the relative gap
(P - D) / P bounds both errors. C = infinity is the hard margin: no point may lie nearer to the
plane than 1 / |w|. There P is 1/2 |w|^2 after the scaling that puts the nearest point to 1.

An interior point method solves the dual on a working set of points; the equations on its active
set are then solved once more, exactly. Points outside it with y f < 1 join the set, and points far
beyond the margin leave it, until the gap over all points is closed (Osuna, Freund, Girosi, 1997).

Reference: Osuna, Freund, Girosi, Neural Networks for Signal Processing VII (1997), 276-285.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import scipy.linalg

from approxnet.errors import ConvergenceWarning
from approxnet.learn import interior
from approxnet.learn.kernels import Kernel

GAP = 1e-8
"""The relative duality gap that is asked for."""

CHUNK = 1000
"""Points that join the working set in a round."""


class Dual(NamedTuple):
    """A solution of the dual.

    Fields:
      alpha: (n,), the multipliers a_i.
      bias: b.
      norm: |w|.
      value: D.
      gap: (P - D) / P.

    Example:
      >>> from approxnet.learn import kernels
      >>> solve(np.array([[-1.0], [3.0]]), np.array([-1.0, 1.0]), kernels.linear(), 10.0).bias
      -0.5
    """

    alpha: np.ndarray
    bias: float
    norm: float
    value: float
    gap: float


def solve(x: np.ndarray, signs: np.ndarray, kernel: Kernel, cost: float) -> Dual:
    """The dual for points (n, d) and signs (n,), 1 and -1 both among them.

    Raises:
      AssumptionError: if the cost is infinite and the hulls of the classes touch, or the kernel is
        not positive semidefinite.

    Warns:
      ConvergenceWarning: if the gap is larger than ``GAP``.

    Example:
      >>> from approxnet.learn import kernels
      >>> x, signs = np.array([[0.0], [2.0], [5.0]]), np.array([-1.0, 1.0, 1.0])
      >>> solve(x, signs, kernels.linear(), np.inf).alpha.round(12).tolist()
      [0.5, 0.5, 0.0]
    """
    work = _evenly(signs)
    found = best = Dual(np.zeros(len(x)), 0.0, 0.0, 0.0, np.inf)
    while True:
        before, inner = found.value, _active_set(kernel(x[work], x[work]), signs[work], cost)
        alpha = np.zeros(len(x))
        alpha[work] = inner.alpha
        support = np.flatnonzero(alpha)
        output = kernel(x, x[support]) @ (signs * alpha)[support]
        found = _certified(alpha, signs, output, inner.bias, cost)
        best = min(best, found, key=lambda dual: dual.gap)
        lag = 1 - signs * (output + inner.bias)
        staying = work[(alpha[work] > 0) | (lag[work] > -1)]
        lag[work] = 0
        worst = np.argsort(-lag, kind="stable")[:CHUNK]
        joining = worst[lag[worst] > 0]
        risen = found.value > before + 1e-13 * abs(before)
        if found.gap <= GAP / 100 or not (joining.size and risen):
            break
        work = np.union1d(staying, joining)
    if best.gap > GAP:
        warnings.warn(
            f"the relative duality gap must be at most {GAP}, got {best.gap}; centre and "
            "scale the coordinates or take a smaller cost",
            ConvergenceWarning,
            stacklevel=4,
        )
    return best


def _evenly(signs: np.ndarray) -> np.ndarray:
    """All points, or ``CHUNK`` of them in which both classes have their share."""
    order = np.argsort(signs, kind="stable")
    if len(order) <= CHUNK:
        return np.sort(order)
    return np.sort(order[np.linspace(0, len(order) - 1, CHUNK).astype(int)])


def _certified(
    alpha: np.ndarray, signs: np.ndarray, output: np.ndarray, bias: float, cost: float
) -> Dual:
    """The gap from the outputs w . phi(x_i) at all points."""
    squared = float((alpha * signs) @ output)
    dual = float(alpha.sum()) - squared / 2
    inside = signs * (output + bias)
    if np.isinf(cost):
        nearest = float(inside.min())
        primal = squared / 2 / nearest**2 if nearest > 0 else np.inf
    else:
        primal = squared / 2 + cost * float(np.maximum(1 - inside, 0).sum())
    gap = (primal - dual) / primal if np.isfinite(primal) else np.inf
    return Dual(alpha, float(bias), float(np.sqrt(max(squared, 0))), dual, gap)


def _active_set(K: np.ndarray, signs: np.ndarray, cost: float) -> Dual:
    """The interior solution, or that of the equations on its active set if the gap is smaller.

    As sum y_i a_i = 0, the features may be taken about their mean, which only moves the bias and
    keeps digits.
    """
    mean, largest = K.mean(axis=0), float(np.abs(K).max())
    K = K - mean - mean[:, None] + mean.mean()
    size = float(K.diagonal().mean())
    rounding = 1e-13 + len(K) * np.finfo(float).eps * largest / size
    point = interior.solve(K / size, signs, cost * size, rounding=rounding)
    alpha, bias = point.a / size, point.b
    active = point.z > point.slack
    upper, f = active[1:].any(axis=0), np.flatnonzero(~active.any(axis=0))
    exact = np.zeros(len(signs))
    exact[upper] = cost
    S = (signs[f, None] * K[np.ix_(f, f)]) * signs[f]
    system = np.block([[S, signs[f, None]], [signs[None, f], np.zeros((1, 1))]])
    right = np.append(1 - signs[f] * (K[f] @ (signs * exact)), -signs @ exact)
    solution = scipy.linalg.lstsq(system, right, cond=1e-13)[0] if f.size else np.array([bias])
    exact[f] = np.clip(solution[:-1], 0, cost)
    sharp, inner = (
        _certified(a, signs, K @ (signs * a), b, cost)
        for a, b in ((exact, float(solution[-1])), (alpha, bias))
    )
    balanced = abs(signs @ exact) <= 1e-12 * exact.sum()
    found = sharp if balanced and sharp.gap <= max(inner.gap, GAP / 10) else inner
    return found._replace(bias=found.bias - float(mean @ (signs * found.alpha)))

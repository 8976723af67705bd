"""Support vector machines: the largest margin, hard or soft, for any kernel.

A machine parts two classes, with signs y_i = 1 and -1, by f(x) = w . phi(x) + b, where (w, b)
minimise

    1/2 |w|^2 + cost sum_i relu(1 - y_i f(x_i));

for cost = infinity every y_i f(x_i) >= 1 (hard margin), and 2 / |w| is the distance of the planes
f = 1 and f = -1, the largest possible. By the representer theorem w is a sum over the support
vectors, f(x) = sum_i a_i y_i k(x_i, x) + b, with the multipliers a_i of the dual.

More classes are parted by several machines, one for each pair ("one_versus_one") or for each class
and the rest ("one_versus_rest"). A code matrix M (m, k) says which classes machine m calls 1, -1 or
0 (left out). The class is the column of M that agrees best with sign f, or with f itself.

Reference: Xu, Deep Learning and Analysis, lecture notes, chapter 2 (support vector machines);
Allwein, Schapire, Singer, J. Mach. Learn. Res. 1 (2000), 113-141, for the codes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from approxnet import _checks
from approxnet.learn import dual, kernels
from approxnet.learn._examples import examples, positive, queries
from approxnet.learn.kernels import Kernel

DECODERS = {"one_versus_one": np.sign, "one_versus_rest": np.positive}


class Machine(NamedTuple):
    """One function f, with the certificate that it is optimal.

    Fields:
      support: (s,) int32, the rows of x with a_i > 0.
      vectors: (s, d), these points.
      coefficients: (s,), a_i y_i.
      bias: b.
      norm: |w|.
      gap: (P - D) / P with the values P, D of the primal and the dual problem.
    """

    support: np.ndarray
    vectors: np.ndarray
    coefficients: np.ndarray
    bias: float
    norm: float
    gap: float

    @property
    def width(self) -> float:
        """The distance 2 / |w| of the planes f = 1 and f = -1."""
        return 2 / self.norm


class SVM(NamedTuple):
    """Machines for k classes.

    Fields:
      machines: m of them.
      code: (m, k), which classes each of them calls 1, -1 or 0.
      multiclass: "one_versus_one" or "one_versus_rest".
      kernel: a function of two sets of points.

    Example:
      >>> model = fit([[0.0], [1.0], [2.0]], [0, 1, 2], cost=10.0)
      >>> model.code.tolist()
      [[-1, 1, 0], [-1, 0, 1], [0, -1, 1]]
    """

    machines: tuple[Machine, ...]
    code: np.ndarray
    multiclass: str
    kernel: Kernel


def fit(
    x: Any,
    y: Any,
    *,
    kernel: Kernel | None = None,
    cost: float = 1.0,
    multiclass: str = "one_versus_one",
) -> SVM:
    """The machines of largest margin.

    Args:
      x: (n, d), points.
      y: (n,), labels 0, ..., k - 1.
      kernel: of `approxnet.learn.kernels`, or any positive semidefinite function of (n, d) and
        (m, d) with values (n, m); linear if not given.
      cost: C > 0, of an example beyond the margin; ``math.inf`` for the hard margin.
      multiclass: "one_versus_one" or "one_versus_rest"; the same for two classes.

    Returns:
      The machines, each with a relative duality gap of at most 1e-8.

    Raises:
      ValueError, DataError, NonFiniteError: if the examples or the cost are not as described.
      ConfigError: if ``multiclass`` is not known.
      AssumptionError: if the cost is infinite and the hulls of the classes touch, or the kernel is
        not positive semidefinite.

    Warns:
      ConvergenceWarning: if a gap is larger than 1e-8.

    Example:
      >>> model = fit([[0.0], [2.0], [5.0]], [0, 1, 1], cost=float("inf"))
      >>> model.machines[0].support.tolist(), round(model.machines[0].width, 9)
      ([0, 1], 2.0)
    """
    given, cost = examples(x, y), positive("cost", cost, infinite=True)
    kernel = kernel or kernels.linear()
    _checks.one_of("multiclass", multiclass, DECODERS)
    code = _code(given.classes, multiclass)
    machines = []
    for row in code:
        called = row[given.labels]
        mine = np.flatnonzero(called)
        signs = called[mine].astype(np.float64)
        found = dual.solve(given.x[mine], signs, kernel, cost)
        keep = np.flatnonzero(found.alpha)
        support = mine[keep]
        machines.append(
            Machine(
                support.astype(np.int32),
                given.x[support],
                (found.alpha * signs)[keep],
                found.bias,
                found.norm,
                found.gap,
            )
        )
    return SVM(tuple(machines), code, multiclass, kernel)


def outputs(model: SVM, x: Any) -> np.ndarray:
    """The values f(x) of every machine: (..., d) -> (..., m).

    Raises:
      ValueError: if the last axis of x is not d; NonFiniteError if x is not finite.

    Example:
      >>> outputs(fit([[0.0], [2.0]], [0, 1]), [[0.0], [3.0]]).round(9).tolist()
      [[-1.0], [2.0]]
    """
    points = queries(x, model.machines[0].vectors.shape[1])
    support = np.concatenate([m.support for m in model.machines])
    rows, first, place = np.unique(support, return_index=True, return_inverse=True)
    machine = np.repeat(np.arange(len(model.machines)), [len(m.support) for m in model.machines])
    coefficients = np.zeros((len(rows), len(model.machines)))
    coefficients[place, machine] = np.concatenate([m.coefficients for m in model.machines])
    vectors = np.concatenate([m.vectors for m in model.machines])[first]
    flat = points.reshape(-1, points.shape[-1])
    values = model.kernel(flat, vectors) @ coefficients + [m.bias for m in model.machines]
    return values.reshape(*points.shape[:-1], -1)


def predict(model: SVM, x: Any) -> np.ndarray:
    """The class of each point, the first of equally good ones: (..., d) -> (...) int32.

    Raises:
      ValueError: if the last axis of x is not d; NonFiniteError if x is not finite.

    Example:
      >>> predict(fit([[0.0], [2.0], [4.0]], [0, 1, 2]), [[-1.0], [2.2], [9.0]]).tolist()
      [0, 1, 2]
    """
    agreement = DECODERS[model.multiclass](outputs(model, x)) @ model.code
    return agreement.argmax(axis=-1).astype(np.int32)


def _code(k: int, multiclass: str) -> np.ndarray:
    """(m, k) int32; two classes are one pair in both cases."""
    if multiclass == "one_versus_rest" and k > 2:
        return (2 * np.eye(k) - 1).astype(np.int32)
    first, second = np.triu_indices(k, 1)
    unit = np.eye(k, dtype=np.int32)
    return unit[second] - unit[first]

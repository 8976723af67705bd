"""Three senses in which sets A_1, ..., A_k are separable, decided by linear programs.

    all versus one   a hyperplane parts each A_i from the union of the others
    linearly         affine functions w_i x + b_i exist, of which the i-th is the largest on A_i
    pairwise         a hyperplane parts each two

Each implies the next. With theta = (W, b), every one of them asks for theta with

    a_ij . theta = (w_i - w_j) . x + b_i - b_j > 0    for x in A_i and all j other than i,

for one or several problems. The linear program

    max t   subject to   a_ij . theta >= t,   |theta|_inf <= 1,

finds such theta, or multipliers lambda_ij >= 0 with sum 1 and sum lambda_ij a_ij = 0, which prove
that there is none (Farkas' lemma): always

    min a_ij . theta  <=  t  <=  |sum lambda_ij a_ij|_1    for |theta|_inf <= 1.

Both bounds are computed from theta and lambda alone, whatever the solver did.

Reference: Xu, Deep Learning and Analysis, lecture notes, chapter 2 (linearly separable sets).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.optimize
import scipy.sparse

from approxnet.errors import AssumptionError
from approxnet.learn._examples import Examples, examples
from approxnet.learn.linear import Linear

ZERO = 1e-9
"""Sets whose t is at most this, with coordinates in [-1, 1], count as not separable."""

SENSES = ("all versus one", "linearly", "pairwise")


class Decision(NamedTuple):
    """Whether one (W, b) parts some classes, with the proof.

    Fields:
      classes: the classes or unions of classes that are parted.
      separable: whether they are.
      model: W and b; if separable they classify every example rightly.
      certificate: (n, k), the lambda_ij; row i belongs to the i-th example of the classes.
      lower: min a_ij . theta, with coordinates moved into [-1, 1]; positive if separable.
      upper: |sum lambda_ij a_ij|_1; at most ``ZERO`` if not separable.
    """

    classes: tuple[tuple[int, ...], ...]
    separable: bool
    model: Linear
    certificate: np.ndarray
    lower: float
    upper: float


class Separability(NamedTuple):
    """The decisions in each sense: one for each class, one, and one for each pair of classes.

    Example:
      >>> found = classify([[-3.0], [0.0], [3.0]], [0, 1, 2])
      >>> [decision.separable for decision in found.all_versus_one], found.strongest
      ([True, False, True], 'linearly')
    """

    all_versus_one: tuple[Decision, ...]
    linear: Decision
    pairwise: tuple[Decision, ...]

    @property
    def senses(self) -> tuple[str, ...]:
        """The senses in which the classes are separable, the strongest first."""
        families = (self.all_versus_one, (self.linear,), self.pairwise)
        return tuple(
            sense
            for sense, family in zip(SENSES, families, strict=True)
            if all(decision.separable for decision in family)
        )

    @property
    def strongest(self) -> str:
        """The strongest sense; "not" if there is none."""
        return (*self.senses, "not")[0]


def classify(x: Any, y: Any) -> Separability:
    """In which senses the classes are separable.

    Args:
      x: (n, d), points.
      y: (n,), labels 0, ..., k - 1.

    Returns:
      The decisions, each with weights or a certificate.

    Raises:
      ValueError, DataError, NonFiniteError: if the examples are not as described; names the place.
      AssumptionError: if the bounds of a program leave the decision open.

    Example:
      >>> classify([[0.0], [2.0], [1.0]], [0, 0, 1]).strongest
      'not'
    """
    given = examples(x, y)
    k, everything = given.classes, tuple(range(given.classes))
    rest = [(tuple(j for j in everything if j != i), (i,)) for i in everything]
    pairs = [((i,), (j,)) for j in everything for i in range(j)]
    return Separability(
        tuple(_decide(given, parts) for parts in rest),
        _decide(given, tuple((i,) for i in range(k))),
        tuple(_decide(given, parts) for parts in pairs),
    )


def overlap(x: Any, y: Any) -> bool:
    """Whether no (W, b) but those with equal scores has a_ij . theta >= 0 for all examples.

    That is when logistic regression without a penalty has a minimiser (Albert, Anderson,
    Biometrika 71 (1984), 1-10).

    Args:
      x: (n, d), points.
      y: (n,), labels 0, ..., k - 1.

    Raises:
      ValueError, DataError, NonFiniteError: if the examples are not as described; names the place.

    Example:
      >>> overlap([[0.0], [2.0], [1.0], [3.0]], [0, 0, 1, 1]), overlap([[0.0], [1.0]], [0, 1])
      (True, False)
    """
    given = examples(x, y)
    rows = _differences(_in_the_cube(given.x)[0], given.labels, given.classes)
    found = _solve(-np.ones(rows.shape[0]) @ rows, -rows, np.zeros(rows.shape[0]), (-1, 1))
    return bool(-found.fun <= ZERO * rows.shape[0])


def _decide(given: Examples, parts: tuple[tuple[int, ...], ...]) -> Decision:
    """Separate unions of classes from one another by one (W, b)."""
    part = np.full(given.classes, -1)
    for i, members in enumerate(parts):
        part[list(members)] = i
    mine = part[given.labels] >= 0
    x, (centre, radius) = _in_the_cube(given.x[mine])
    labels, k = part[given.labels[mine]], len(parts)
    rows = _differences(x, labels, k)
    cost = np.append(np.zeros(rows.shape[1]), -1.0)
    bounds = [(-1, 1)] * rows.shape[1] + [(None, None)]
    found = _solve(
        cost,
        scipy.sparse.hstack([-rows, np.ones((rows.shape[0], 1))]),
        np.zeros(rows.shape[0]),
        bounds,
    )
    theta = np.clip(found.x[:-1], -1, 1)
    multipliers = np.maximum(-found.ineqlin.marginals, 0)
    multipliers = multipliers / multipliers.sum()
    lower, upper = float((rows @ theta).min()), float(abs(rows.T @ multipliers).sum())
    if lower <= ZERO < upper:
        raise AssumptionError(
            f"the classes {parts} must be clearly separable or not, got the bounds {lower} and "
            f"{upper} for coordinates in [-1, 1]; remove coordinates that hardly vary"
        )
    weight = theta.reshape(k, -1)
    certificate = np.zeros((len(labels), k))
    certificate[_others(labels, k)] = multipliers
    model = Linear(weight[:, :-1] / radius, weight[:, -1] - weight[:, :-1] @ (centre / radius))
    return Decision(parts, lower > ZERO, model, certificate, lower, upper)


def _in_the_cube(x: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """The points moved into [-1, 1]^d, with the centre and the half widths."""
    low, high = x.min(axis=0), x.max(axis=0)
    centre, radius = low / 2 + high / 2, high / 2 - low / 2
    radius = np.where(radius > 0, radius, 1.0)
    return (x - centre) / radius, (centre, radius)


def _others(labels: np.ndarray, k: int) -> np.ndarray:
    """Which pairs of an example and a class are none of an example and its own class, (n, k)."""
    return np.arange(k) != labels[:, None]


def _differences(x: np.ndarray, labels: np.ndarray, k: int) -> scipy.sparse.csr_array:
    """The a_ij as rows, (n (k - 1), k (d + 1)), for theta = (w_1, b_1, ..., w_k, b_k)."""
    example, other = np.nonzero(_others(labels, k))
    affine = np.column_stack([x, np.ones(len(x))])[example]
    m, D = affine.shape
    columns = np.arange(D) + D * np.stack([labels[example], other])[..., None]
    entries = np.stack([affine, -affine])
    row = np.broadcast_to(np.arange(m)[:, None], entries.shape)
    return scipy.sparse.coo_array(
        (entries.ravel(), (row.ravel(), columns.ravel())), shape=(m, k * D)
    ).tocsr()


def _solve(cost: np.ndarray, A: Any, b: np.ndarray, bounds: Any) -> Any:
    """The linear program min cost . z, A z <= b, within the bounds."""
    accurate = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    found = scipy.optimize.linprog(
        cost, A_ub=A, b_ub=b, bounds=bounds, method="highs", options=accurate
    )
    if found.status != 0:
        raise AssumptionError(
            f"the linear program of {A.shape[0]} rows must have a solution, got: {found.message}"
        )
    return found

"""Logistic regression: maximum likelihood for the softmax of affine functions.

With scores s(x) = W x + b and probabilities p_j(x) = exp(s_j) / sum_l exp(s_l),

    L(W, b) = -1/n sum_i log p_{y_i}(x_i) + penalty/2 |W|^2.

It is the mean cross-entropy of the unit vectors of the classes and p; the penalty is the prior
that W is normal. L does not change when one vector is added to all w_j (without the penalty) or
one number to all b_j: the minimiser given here has sum_j w_j = 0 and sum_j b_j = 0, so that for two
classes w_1 = -w_0. With a penalty the minimiser exists and is unique; without, it exists if and
only if the classes overlap. On separable classes |W| grows like log(1 / penalty), and W / |W| goes
to the weights of largest margin, the error falling like 1 / log(1 / penalty) (Rosset, Zhu, Hastie,
J. Mach. Learn. Res. 5 (2004), 941-973).

``fit`` is Newton's method in double precision, damped, from a large penalty down to the one asked
for; ``fit_stochastic`` is stochastic gradient descent. Exponentials are taken of the differences
s_j - s_{y_i}, so that probabilities near 0 and 1 keep their digits.

Reference: Xu, Deep Learning and Analysis, lecture notes, chapter 2 (logistic regression).
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import scipy.linalg
import scipy.optimize
import scipy.special

from approxnet import _checks
from approxnet.errors import AssumptionError, ConvergenceWarning
from approxnet.learn._examples import Examples, examples, nonnegative, positive
from approxnet.learn.linear import Linear, predict, scores
from approxnet.learn.separability import overlap

__all__ = ["fit", "fit_stochastic", "loss", "margin_bound", "path", "predict", "probabilities"]

START = 1e-3
"""The largest penalty from which the way down is in steps."""

DECADE = 10.0
"""From one penalty to the next on the way down."""

ACCURACY = 1e-15
"""Newton's method ends when the gain that it promises is less than this times L."""


def fit(x: Any, y: Any, *, penalty: float = 1e-3) -> Linear:
    """The minimiser of L, by Newton's method.

    Args:
      x: (n, d), points.
      y: (n,), labels 0, ..., k - 1.
      penalty: at least 0; scikit-learn's C is 1 / (n penalty) for three classes and more, twice
        that for two.

    Returns:
      W and b, with sum_j w_j = 0 and sum_j b_j = 0.

    Raises:
      ValueError, DataError, NonFiniteError: if the examples or the penalty are not as described.
      AssumptionError: if the penalty is 0 and the classes do not overlap: there is no minimiser.

    Warns:
      ConvergenceWarning: if 100 steps do not suffice.

    Example:
      >>> model = fit([[-1.0], [0.0], [1.0], [2.0]], [0, 1, 0, 1], penalty=0.1)
      >>> model.weight.round(3).tolist(), predict(model, [[-1.0]]).tolist()
      ([[-0.372], [0.372]], [0])
    """
    return path(x, y, [penalty])[0]


def path(x: Any, y: Any, penalties: Sequence[float]) -> tuple[Linear, ...]:
    """The minimisers for falling penalties, each found from the one before.

    Args:
      x: (n, d), points.
      y: (n,), labels 0, ..., k - 1.
      penalties: at least 0, falling.

    Raises:
      ValueError, DataError, NonFiniteError: if the examples or the penalties are not as described.
      AssumptionError: if a penalty is 0 and the classes do not overlap.

    Example:
      >>> models = path([[-1.0], [1.0]], [0, 1], [1.0, 0.1, 0.01])
      >>> [round(float(model.weight[1, 0]), 3) for model in models]
      [0.337, 1.064, 1.957]
    """
    given, asked = examples(x, y), [nonnegative("penalty", value) for value in penalties]
    if sorted(asked, reverse=True) != asked:
        raise ValueError(f"penalties must fall, got {asked}; sort them")
    if 0.0 in asked and not overlap(given.x, given.labels):
        raise AssumptionError(
            "logistic regression must have classes that overlap where the penalty is 0, got "
            "classes that an affine function parts: L has no minimiser, W grows without bound; "
            "take a penalty > 0"
        )
    theta, penalty, found = np.zeros((given.classes, given.x.shape[1] + 1)), START, []
    for value in asked:
        while penalty > max(value, 1e-16) * DECADE:
            penalty /= DECADE
            theta = _newton(given, theta, penalty, final=False)
        theta, penalty = _newton(given, theta, value, final=True), min(penalty, value)
        found.append(Linear(theta[:, :-1], theta[:, -1]))
    return tuple(found)


def probabilities(model: Linear, x: Any) -> np.ndarray:
    """The probabilities p_j(x): (..., d) -> (..., k).

    Example:
      >>> probabilities(Linear(np.array([[0.0], [1.0]]), np.zeros(2)), [0.0]).tolist()
      [0.5, 0.5]
    """
    return scipy.special.softmax(scores(model, x), axis=-1)


def loss(model: Linear, x: Any, y: Any, *, penalty: float = 0.0) -> float:
    """L of a classifier on examples.

    Example:
      >>> round(loss(Linear(np.zeros((2, 1)), np.zeros(2)), [[-1.0], [1.0]], [0, 1]), 6)
      0.693147
    """
    given, theta = examples(x, y), np.column_stack([model.weight, model.bias])
    return _value(given, theta, nonnegative("penalty", penalty))


def margin_bound(n: int, largest: float, penalty: float) -> float:
    """What the margin of the minimiser for two separable classes is at least.

    Let g be the largest margin, attained by the unit vector v, r = |w_1 - w_0|, and m the margin of
    the minimiser. Its loss is at most that of r v, so that log(1 + exp(-r m)) / n <=
    log(1 + exp(-r g)). The derivative of L along v vanishes, where each example adds at least
    g / n / (1 + exp(r m_i)), and some m_i <= g, so that g / n <= penalty/2 r (1 + exp(r g)). Hence

        m >= -log((1 + exp(-t))^n - 1) g / t,    t (1 + exp(t)) = 2 g^2 / (n penalty),

    which is g (1 - log n / log(1 / penalty)), but for terms of a higher order.

    Args:
      n: the number of examples, at least 2.
      largest: g > 0.
      penalty: of the minimiser, > 0.

    Raises:
      ValueError: if an argument is out of range.

    Example:
      >>> round(margin_bound(80, 1.0, 1e-12), 3)
      0.79
    """
    n, g = _checks.count("n", n, at_least=2), positive("largest", largest)
    size = np.log(2 * g**2 / n) - np.log(positive("penalty", penalty))
    t = np.exp(scipy.optimize.brentq(lambda u: u + np.logaddexp(0, np.exp(u)) - size, -50.0, 50.0))
    return float(-np.log(np.expm1(n * np.log1p(np.exp(-t)))) * g / t)


def fit_stochastic(
    key: jax.Array,
    x: Any,
    y: Any,
    *,
    penalty: float = 1e-3,
    optimizer: optax.GradientTransformation | None = None,
    batch: int = 100,
    epochs: int = 10,
) -> Linear:
    """Stochastic gradient descent for L from 0, in batches drawn without replacement.

    Args:
      key: random key.
      x: (n, d), points; the descent runs in single precision unless x64 is on.
      y: (n,), labels 0, ..., k - 1.
      penalty: at least 0.
      optimizer: of optax; ``optax.sgd(0.1)`` if not given. One object is compiled once.
      batch: static, at most n; the n mod batch examples that a batch is short of are left out of
        that epoch, others in each.
      epochs: static.

    Returns:
      W and b after the last step.

    Raises:
      ValueError, DataError, NonFiniteError: if an argument is not as described.

    Example:
      >>> model = fit_stochastic(jax.random.key(0), [[-1.0], [1.0]], [0, 1], batch=1, epochs=20)
      >>> predict(model, [[-1.0], [1.0]]).tolist()
      [0, 1]
    """
    given, penalty = examples(x, y), nonnegative("penalty", penalty)
    n, epochs = len(given.x), _checks.count("epochs", epochs)
    if _checks.count("batch", batch, at_least=1) > n:
        raise ValueError(f"batch must be at most {n}, the number of examples, got {batch}")
    points = jnp.asarray(given.x)
    theta = _descend(
        key,
        points,
        jnp.asarray(given.labels),
        jnp.asarray(penalty, points.dtype),
        jnp.zeros((given.classes, given.x.shape[1] + 1), points.dtype),
        optimizer=_PLAIN if optimizer is None else optimizer,
        batch=batch,
        epochs=epochs,
    )
    theta = np.asarray(theta, np.float64)
    return Linear(theta[:, :-1], theta[:, -1])


_PLAIN = optax.sgd(0.1)


@functools.partial(jax.jit, static_argnames=("optimizer", "batch", "epochs"))
def _descend(
    key: jax.Array,
    x: jax.Array,
    labels: jax.Array,
    penalty: jax.Array,
    theta: jax.Array,
    *,
    optimizer: optax.GradientTransformation,
    batch: int,
    epochs: int,
) -> jax.Array:
    steps = len(x) // batch

    def objective(theta: jax.Array, rows: jax.Array) -> jax.Array:
        weight, bias = theta[:, :-1], theta[:, -1]
        s = jnp.matmul(x[rows], weight.T, precision=jax.lax.Precision.HIGHEST) + bias[None, :]
        entropies = optax.softmax_cross_entropy_with_integer_labels(s, labels[rows])
        return entropies.mean() + penalty / 2 * (weight**2).sum()

    def step(carry: Any, rows: jax.Array) -> tuple[Any, None]:
        theta, state = carry
        update, state = optimizer.update(jax.grad(objective)(theta, rows), state, theta)
        return (optax.apply_updates(theta, update), state), None

    def epoch(carry: Any, key: jax.Array) -> tuple[Any, None]:
        order = jax.random.permutation(key, len(x))[: steps * batch]
        return jax.lax.scan(step, carry, order.reshape(steps, batch))[0], None

    start = (theta, optimizer.init(theta))
    return jax.lax.scan(epoch, start, jax.random.split(key, epochs))[0][0]


def _affine(x: np.ndarray) -> np.ndarray:
    return np.column_stack([x, np.ones(len(x))])


def _leads(given: Examples, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """s_j - s_{y_i}, minus infinity for j = y_i, (n, k), and the losses, (n,)."""
    s = _affine(given.x) @ theta.T
    rows = np.arange(len(s))
    leads = s - s[rows, given.labels][:, None]
    leads[rows, given.labels] = -np.inf
    return leads, np.logaddexp(0, np.logaddexp.reduce(leads, axis=1))


def _value(given: Examples, theta: np.ndarray, penalty: float) -> float:
    return float(_leads(given, theta)[1].mean() + penalty / 2 * (theta[:, :-1] ** 2).sum())


def _newton(given: Examples, theta: np.ndarray, penalty: float, *, final: bool) -> np.ndarray:
    """Damped Newton's method; on the way down (not final) a few digits suffice."""
    accuracy = ACCURACY if final else 1e-3
    value = gain = np.inf
    for _ in range(100):
        value = _value(given, theta, penalty)
        gradient, step = _newton_step(given, theta, penalty)
        gain = float((gradient * step).sum()) / 2
        if gain <= accuracy * value:
            return theta - step
        length = 1.0
        while _value(given, theta - length * step, penalty) > value - 0.1 * length * gain:
            length /= 2
            if length < 1e-8:
                return theta
        theta = theta - length * step
    if final:
        warnings.warn(
            f"Newton's method must promise a gain of less than {accuracy} L, got {gain / value} "
            "after 100 steps; take a larger penalty",
            ConvergenceWarning,
            stacklevel=4,
        )
    return theta


def _newton_step(
    given: Examples, theta: np.ndarray, penalty: float
) -> tuple[np.ndarray, np.ndarray]:
    """The gradient and the step H^-1 gradient, both (k, d + 1).

    1/n sum_i (p_a delta_ab - p_a p_b) x x^T is the block (a, b) of H; p - e_y keeps its digits as
    sums of the probabilities of wrong classes. H vanishes on what changes no score, where a
    multiple of its diagonal is added.
    """
    n, (k, D) = len(given.x), theta.shape
    leads, losses = _leads(given, theta)
    wrong = np.exp(leads - losses[:, None])
    right = np.exp(-losses)[:, None] * given.unit
    p, miss = wrong + right, wrong - wrong.sum(axis=1, keepdims=True) * given.unit
    A, free = _affine(given.x), np.append(np.ones(D - 1), 0.0)
    gradient = miss.T @ A / n + penalty * theta * free
    away = np.where(given.unit > 0, -miss, 1 - p)
    H = np.empty((k, D, k, D))
    for a in range(k):
        for b in range(a + 1):
            weights = p[:, a] * (away[:, a] if a == b else -p[:, b])
            H[a, :, b, :] = A.T @ (weights[:, None] * A) / n
            H[b, :, a, :] = H[a, :, b, :].T
    H = H.reshape(k * D, k * D)
    H[np.diag_indices(k * D)] += np.tile(penalty * free, k)
    scale = H.diagonal().reshape(k, D).mean(axis=0)
    H += np.kron(np.full((k, k), 1 / k), np.diag(scale))
    H[np.diag_indices(k * D)] *= 1 + 1e-14
    step = scipy.linalg.solve(H, gradient.ravel(), assume_a="pos").reshape(k, D)
    return gradient, step

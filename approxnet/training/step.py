"""One step of stochastic gradient training, as a pure function.

On a batch of examples x_i with labels y_i and weights w_i, the step takes the gradient of

    L(params) = sum_i w_i loss(apply(params, x_i), y_i) / sum_i w_i

and hands it to the optimizer. A weight is 1, or 0 for an example that only fills a batch: every
batch then has the same shape, and the mean is that of the examples that count.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from approxnet.training.state import DROPOUT, State

Loss = Callable[[jax.Array, jax.Array], jax.Array]
"""``loss(logits (n, ...), labels (n, ...)) -> (n,)``, one number for each example.

With functions on a grid for labels, the logits are functions too, of the same shape."""


class Batch(NamedTuple):
    """Examples that are seen in one step.

    Example:
      >>> Batch(jnp.ones((2, 3)), jnp.array([0, 1]), jnp.array([1.0, 0.0])).x.shape
      (2, 3)
    """

    x: jax.Array  # (n, ...), of a floating dtype
    labels: jax.Array  # (n, ...)
    weight: jax.Array  # (n,), 1 or 0


class Metrics(NamedTuple):
    """Sums over the examples that count, of one step or of many.

    Example:
      >>> Metrics(jnp.zeros(()), jnp.zeros(()), jnp.zeros(())).count.item()
      0.0
    """

    loss: jax.Array  # ()
    correct: jax.Array  # ()
    count: jax.Array  # ()


def cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Minus the logarithm of the probability that softmax gives to the label.

    Args:
      logits: (n, ..., m).
      labels: (n, ...), integers from 0 to m - 1; any other gives nan.

    Returns:
      (n,), for a sequence the mean over its elements.

    Raises:
      ValueError: if the labels are not integers.

    Example:
      >>> cross_entropy(jnp.array([[0.0, 0.0]]), jnp.array([1])).tolist()
      [0.6931]
    """
    if not jnp.issubdtype(labels.dtype, jnp.integer):
        raise ValueError(
            f"labels must be integers for cross_entropy, got {labels.dtype}; give another loss"
        )
    m = logits.shape[-1]
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    known = (labels >= 0) & (labels < m)  # optax takes -1 for the last class
    return _mean(jnp.where(known, losses, jnp.nan))


def correct(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """1 if the greatest logit is that of the label, otherwise 0; for functions 1 - |v - u| / |u|.

    Args:
      logits: (n, ..., m), or functions v (n, ...).
      labels: (n, ...), integers, or functions u (n, ...) of a floating dtype.

    Returns:
      (n,) in the dtype of the logits, for a sequence the mean over its elements.

    Example:
      >>> correct(jnp.array([[0.0, 2.0], [3.0, 1.0]]), jnp.array([1, 1])).tolist()
      [1.0, 0.0]
      >>> correct(jnp.array([[3.0, 3.0]]), jnp.array([[3.0, 4.0]])).tolist()
      [0.8]
    """
    if jnp.issubdtype(labels.dtype, jnp.floating):
        u, v = (x.reshape(x.shape[0], -1) for x in (labels, logits))
        return 1 - jnp.linalg.norm(v - u, axis=1) / jnp.linalg.norm(u, axis=1)
    return _mean((jnp.argmax(logits, -1) == labels).astype(logits.dtype))


def _mean(values: jax.Array) -> jax.Array:
    """(n,), the mean over all axes but the first."""
    return values.reshape(values.shape[0], -1).mean(1)


def make_step(
    apply: Callable[..., tuple[jax.Array, Any]], loss: Loss, optimizer: optax.GradientTransformation
) -> Callable[[State, Batch], tuple[State, Metrics]]:
    """The step of a model, a loss and an optimizer.

    Args:
      apply: ``apply(params, model_state, x, *, train, key) -> (logits, model_state)``.
      loss: ``loss(logits, labels) -> (n,)``.
      optimizer: any optax optimizer.

    Returns:
      ``step(state, batch) -> (state, metrics)``, pure: under ``jit`` with sharded arguments it is
      the step on many devices. The batch has an example that counts.

    Example:
      >>> apply = lambda params, state, x, **_: (x @ params, state)
      >>> optimizer = optax.sgd(1.0)
      >>> state = State(jnp.zeros((2, 2)), {}, optimizer.init(0), jnp.int32(0), jax.random.key(0))
      >>> batch = Batch(jnp.array([[1.0, 0.0]]), jnp.array([0]), jnp.ones(1))
      >>> state, metrics = jax.jit(make_step(apply, cross_entropy, optimizer))(state, batch)
      >>> state.params.tolist(), state.step.item()
      ([[0.5, -0.5], [0.0, 0.0]], 1)
    """

    def step(state: State, batch: Batch) -> tuple[State, Metrics]:
        key = jax.random.fold_in(jax.random.fold_in(state.key, DROPOUT), state.step)

        def objective(params: Any) -> tuple[jax.Array, tuple[Metrics, Any]]:
            logits, model_state = apply(params, state.model_state, batch.x, train=True, key=key)
            metrics = weigh(loss(logits, batch.labels), correct(logits, batch.labels), batch.weight)
            return metrics.loss / metrics.count, (metrics, model_state)

        gradient, (metrics, model_state) = jax.grad(objective, has_aux=True)(state.params)
        updates, optimizer_state = optimizer.update(gradient, state.optimizer_state, state.params)
        params = optax.apply_updates(state.params, updates)
        return State(params, model_state, optimizer_state, state.step + 1, state.key), metrics

    return step


def weigh(losses: jax.Array, hits: jax.Array, weight: jax.Array) -> Metrics:
    """The sums over the examples that count.

    Args:
      losses: (n,).
      hits: (n,), as `correct` gives them.
      weight: (n,), 1 or 0; where it is 0 the loss may be anything.

    Example:
      >>> weigh(jnp.array([2.0, jnp.nan]), jnp.ones(2), jnp.array([1.0, 0.0])).loss.item()
      2.0
    """
    counted = weight > 0
    return Metrics(
        loss=jnp.sum(jnp.where(counted, losses, 0)),
        correct=jnp.sum(jnp.where(counted, hits, 0)),
        count=jnp.sum(counted, dtype=jnp.result_type(float)),
    )

"""One step against the formulas, evaluated by NumPy in double precision."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from approxnet.training import Batch, State, TrainConfig, cross_entropy, make_step, sgd
from approxnet.training.step import correct, weigh

RATE, MOMENTUM, DECAY = 0.3, 0.9, 0.05
GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(5, 3))
W = GENERATOR.normal(size=(3, 4))
LABELS = np.array([0, 3, 1, 1, 2])
WEIGHT = np.array([1.0, 1.0, 1.0, 0.0, 0.0])


def apply(params, state, x, *, train=False, key=None):
    return x @ params, {"seen": state["seen"] + 1}


def start(dtype, optimizer):
    params = jnp.asarray(W, dtype)
    state = {"seen": jnp.int32(0)}
    return State(params, state, optimizer.init(params), jnp.int32(0), jax.random.key(0))


def batch(dtype, weight=WEIGHT):
    return Batch(jnp.asarray(X, dtype), jnp.asarray(LABELS), jnp.asarray(weight, dtype))


def softmax(logits):
    exponentials = np.exp(logits - logits.max(1, keepdims=True))
    return exponentials / exponentials.sum(1, keepdims=True)


def gradient(w, kept=slice(0, 3)):
    """Of the mean cross-entropy of a linear model: x^T (softmax - one-hot) / n."""
    x, labels = X[kept], LABELS[kept]
    return x.T @ (softmax(x @ w) - np.eye(4)[labels]) / len(x)


def descend(steps, nesterov):
    w, v = W, np.zeros_like(W)
    for _ in range(steps):
        g = gradient(w) + DECAY * w
        v = MOMENTUM * v + g
        w = w - RATE * (g + MOMENTUM * v if nesterov else v)
    return w


@pytest.mark.parametrize("nesterov", [False, True])
def test_the_step_is_sgd_with_momentum_and_weight_decay(dtype, nesterov):
    config = TrainConfig(
        learning_rate=RATE, momentum=MOMENTUM, weight_decay=DECAY, nesterov=nesterov
    )
    optimizer = sgd(config, 10)
    step = jax.jit(make_step(apply, cross_entropy, optimizer))
    state = start(dtype, optimizer)
    for _ in range(4):
        state, _ = step(state, batch(dtype))
    # each of 4 steps rounds a few products of numbers of size about 1
    np.testing.assert_allclose(state.params, descend(4, nesterov), atol=50 * jnp.finfo(dtype).eps)
    assert state.params.dtype == dtype
    assert (int(state.step), int(state.model_state["seen"])) == (4, 4)


def test_examples_of_weight_zero_change_nothing(dtype):
    optimizer = optax.sgd(RATE)
    step = jax.jit(make_step(apply, cross_entropy, optimizer))
    full, metrics = step(start(dtype, optimizer), batch(dtype))
    other = batch(dtype)._replace(x=batch(dtype).x.at[3:].set(1e3))
    changed, others = step(start(dtype, optimizer), other)
    np.testing.assert_array_equal(full.params, changed.params)
    assert jax.tree.leaves(metrics) == jax.tree.leaves(others)
    assert metrics.count == 3


def test_metrics_are_sums_over_the_examples_that_count(dtype):
    step = jax.jit(make_step(apply, cross_entropy, optax.sgd(RATE)))
    _, metrics = step(start(dtype, optax.sgd(RATE)), batch(dtype))
    probabilities = softmax(X[:3] @ W)
    expected = -np.log(probabilities[np.arange(3), LABELS[:3]]).sum()
    np.testing.assert_allclose(metrics.loss, expected, rtol=10 * jnp.finfo(dtype).eps)
    assert metrics.correct == (probabilities.argmax(1) == LABELS[:3]).sum()
    assert metrics.loss.dtype == dtype


def test_jitted_and_eager_steps_are_the_same_function(x64):
    optimizer = sgd(TrainConfig(learning_rate=RATE), 10)
    step = make_step(apply, cross_entropy, optimizer)
    eager, jitted = (
        f(start("float64", optimizer), batch("float64"))[0] for f in (step, jax.jit(step))
    )
    np.testing.assert_allclose(eager.params, jitted.params, rtol=1e-14)


def test_the_gradient_of_the_loss_is_that_of_finite_differences(x64):
    def loss(w):
        return cross_entropy(jnp.asarray(X) @ w, jnp.asarray(LABELS)).mean()

    h, direction = 1e-5, GENERATOR.normal(size=W.shape)
    difference = (loss(W + h * direction) - loss(W - h * direction)) / (2 * h)
    along = jnp.vdot(jax.grad(loss)(jnp.asarray(W)), direction)
    np.testing.assert_allclose(along, difference, rtol=1e-8)  # h^2 and eps/h


@pytest.mark.parametrize("label", [-1, 4])
def test_a_label_out_of_range_has_no_plausible_loss(label):
    losses = cross_entropy(jnp.zeros((2, 4)), jnp.array([0, label]))
    assert jnp.isfinite(losses[0]) and jnp.isnan(losses[1])


def test_the_loss_of_a_sequence_is_the_mean_over_its_elements():
    logits = jnp.asarray(GENERATOR.normal(size=(2, 3, 4)), "float32")
    labels = jnp.array([[0, 1, 2], [3, 2, 1]])
    flat = cross_entropy(logits.reshape(6, 4), labels.reshape(6)).reshape(2, 3).mean(1)
    np.testing.assert_allclose(cross_entropy(logits, labels), flat, rtol=1e-6)
    assert correct(logits, labels).shape == (2,)


def test_nan_of_an_example_that_does_not_count_is_not_counted():
    assert weigh(jnp.array([1.0, jnp.nan]), jnp.zeros(2), jnp.array([1.0, 0.0])).loss == 1


@pytest.mark.parametrize("optimizer", [optax.adam(0.1), optax.lion(0.1)])
def test_other_optimizers_of_optax_decrease_the_loss(optimizer):
    step = jax.jit(make_step(apply, cross_entropy, optimizer))
    state = start("float32", optimizer)
    for _ in range(5):
        state, metrics = step(state, batch("float32"))
    _, first = step(start("float32", optimizer), batch("float32"))
    assert metrics.loss < first.loss

"""The compiled loop: every example once, one trace, the same wherever it is cut."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from approxnet.training import epoch
from approxnet.training.epoch import Plan, Progress, advance, order, start_metrics
from approxnet.training.examples import Examples, on_device, scale, unchanged
from approxnet.training.state import State, init_state
from approxnet.training.step import cross_entropy
from tests.training import problem
from tests.training.problem import same


def linear_loss(logits, labels):
    """The loss is the model's output itself."""
    return logits[:, 0]


def pick(params, state, x, *, train=False, key=None):
    """Example i, a unit vector, has the output params[i]."""
    return x @ params[:, None], state


def picking(n, batch, key=0):
    plan = Plan(pick, linear_loss, optax.sgd(1.0), unchanged, scale, batch)
    params = jnp.zeros(n)
    state = State(params, {}, plan.optimizer.init(params), jnp.int32(0), jax.random.key(key))
    return plan, Progress(state, start_metrics()), Examples(jnp.eye(n), jnp.zeros(n, jnp.int32))


@pytest.mark.sample(2)
@pytest.mark.parametrize(("n", "batch"), [(12, 4), (10, 4), (5, 5), (3, 1)])
def test_every_example_counts_once_in_an_epoch(n, batch):
    plan, progress, examples = picking(n, batch)
    progress, _ = advance(plan, progress, examples, epoch.steps_per_epoch(n, batch))
    # The gradient of the mean over a batch is 1 / its size for each of its examples.
    short = n % batch
    expected = [1 / batch] * (n - short) + [1 / short] * short if short else [1 / batch] * n
    np.testing.assert_allclose(sorted(-progress.state.params), sorted(expected), rtol=1e-6)
    assert progress.metrics.count == n


def test_the_order_is_a_permutation_of_seed_and_epoch():
    orders = {
        (seed, e): tuple(order(jax.random.key(seed), e, 8).tolist())
        for seed in (0, 1)
        for e in (0, 1, 2)
    }
    assert all(sorted(found) == list(range(8)) for found in orders.values())
    assert len(set(orders.values())) == 6
    assert orders[0, 1] == tuple(order(jax.random.key(0), jnp.int32(1), 8).tolist())


def test_every_place_of_an_example_is_equally_likely():
    n, epochs = 4, 2000
    found = jax.vmap(lambda e: order(jax.random.key(0), e, n))(jnp.arange(epochs))
    counts = np.array([[np.sum(found[:, i] == j) for j in range(n)] for i in range(n)])
    # binomial with mean 500 and deviation below 20: five of them
    assert np.abs(counts - epochs / n).max() < 100


def start():
    traces = []

    def traced(*arguments, **options):
        traces.append(1)
        return problem.apply(*arguments, **options)

    optimizer = optax.adam(1e-2)
    plan = Plan(traced, cross_entropy, optimizer, problem.augment, scale, 16)
    state = init_state(problem.init, optimizer, jax.random.key(5), jnp.ones((16, 2)))
    return plan, Progress(state, start_metrics()), on_device(problem.points()), traces


def test_where_the_loop_is_cut_changes_no_bit_and_needs_no_second_trace():
    plan, progress, examples, traces = start()
    whole, _ = advance(plan, progress, examples, 4)
    once = len(traces)
    for stops in ([1, 2, 3, 4], [3, 4], [1, 4]):
        parts = progress
        for stop in stops:
            parts, _ = advance(plan, parts, examples, stop)
        assert same(parts, whole)
    assert len(traces) == once


def test_the_second_epoch_takes_another_order():
    plan, progress, examples = picking(10, 4)
    first, _ = advance(plan, progress, examples, 3)
    second, _ = advance(plan, first, examples, 6)
    # The two examples of the short batch of an epoch move twice as far as the others.
    moved = [-first.state.params, first.state.params - second.state.params]
    short = [set(np.flatnonzero(m > 0.4).tolist()) for m in moved]
    assert [len(s) for s in short] == [2, 2]
    assert short[0] != short[1]
    for epoch_number, found in enumerate(short):
        expected = order(progress.state.key, epoch_number, 10)[8:]
        assert found == set(expected.tolist())


def test_augmentation_and_dropout_draw_independently_and_anew_in_every_step():
    def augment(key, images):
        return jnp.full_like(images, jax.random.uniform(key))

    def drop(params, state, x, *, train=False, key=None):
        draws = jnp.stack([x[0, 0], jax.random.uniform(key)])
        return pick(params, state, x)[0], {"draws": draws}

    plan, progress, examples = picking(8, 2)
    plan = plan._replace(apply=drop, augment=augment)
    progress = progress._replace(state=progress.state._replace(model_state={"draws": jnp.ones(2)}))
    found = set()
    for stop in (1, 2, 3):
        progress, _ = advance(plan, progress, examples, stop)
        found |= set(progress.state.model_state["draws"].tolist())
    assert len(found) == 6


def test_the_loop_stops_after_the_step_that_is_not_finite():
    def loss(logits, labels):
        return logits[:, 0] * jnp.where(labels == 1, jnp.nan, 1.0)

    plan, progress, examples = picking(12, 1)
    wrong = order(progress.state.key, 0, 12)[7]
    examples = examples._replace(labels=examples.labels.at[wrong].set(1))
    after, bad = advance(plan._replace(loss=loss), progress, examples, 12)
    assert after.state.step == 8
    assert epoch.names_of(bad.tolist(), after.state) == ["the loss", "params"]


def test_an_infinite_gradient_of_a_finite_loss_is_noticed():
    def root(logits, labels):
        return jnp.sqrt(logits[:, 0])  # at 0 the value is 0 and the slope infinite

    plan, progress, examples = picking(4, 2)
    after, bad = advance(plan._replace(loss=root), progress, examples, 2)
    assert after.state.step == 1
    assert epoch.names_of(bad.tolist(), after.state) == ["params"]

"""Many steps in one compiled loop on the device.

The order of the examples in an epoch is a permutation of all of them, and batch i of the epoch is
its i-th stretch. The last batch, if it is short, is filled with the first examples of the same
permutation; they have weight 0 and add nothing to loss and gradient, but batch normalisation sees
them. So every example counts once in an epoch, and all batches have one shape.

The loop ends before a given step: where it ends is a number, not a shape, so that one compiled
program does an epoch, a part of it, or a single step, with the same result to the last bit. It ends
early after a step whose loss or new parameters are not finite.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jax.sharding import Mesh

from approxnet.training import parallel
from approxnet.training.examples import Augment, Examples, Normalize
from approxnet.training.state import AUGMENT, ORDER, State
from approxnet.training.step import Batch, Loss, Metrics, make_step


class Progress(NamedTuple):
    """A run in the middle of an epoch: what a checkpoint holds.

    Example:
      >>> state = State({}, {}, (), jnp.int32(0), jax.random.key(0))
      >>> Progress(state, start_metrics()).metrics.count.item()
      0.0
    """

    state: State
    metrics: Metrics  # sums over the epoch so far


class Plan(NamedTuple):
    """What is fixed in a run: functions and the size of a batch. Static under ``jit``.

    Example:
      >>> from approxnet.training.examples import scale, unchanged
      >>> from approxnet.training.step import cross_entropy
      >>> Plan(len, cross_entropy, optax.sgd(0.1), unchanged, scale, 128).over
      'one'
    """

    apply: Callable[..., tuple[jax.Array, Any]]
    loss: Loss
    optimizer: optax.GradientTransformation
    augment: Augment
    normalize: Normalize
    batch: int
    over: str = "one"  # a name in OVER: one run, or how several are done at once
    mesh: Mesh | None = None  # several devices, that each batch is divided among


def start_metrics() -> Metrics:
    """The sums over no example.

    Example:
      >>> start_metrics().loss.item()
      0.0
    """
    zero = jnp.zeros((), jnp.result_type(float))
    return Metrics(zero, zero, zero)


def steps_per_epoch(n: int, batch: int) -> int:
    """The steps in which n examples are seen once: n / batch, rounded up.

    Example:
      >>> steps_per_epoch(60_000, 128)
      469
    """
    return -(-n // batch)


def order(key: jax.Array, epoch: jax.Array | int, n: int) -> jax.Array:
    """The order of n examples in an epoch: (n,) int32, a permutation.

    Args:
      key: the key of the run.
      epoch: counted from 0.
      n: static.

    Example:
      >>> sorted(order(jax.random.key(0), 3, 4).tolist())
      [0, 1, 2, 3]
    """
    key = jax.random.fold_in(jax.random.fold_in(key, ORDER), epoch)
    return jax.random.permutation(key, n)


def _advance(
    plan: Plan, progress: Progress, examples: Examples, stop: jax.Array
) -> tuple[Progress, jax.Array]:
    step = make_step(plan.apply, plan.loss, plan.optimizer)
    n = len(examples.labels)
    per_epoch = steps_per_epoch(n, plan.batch)
    permutation = order(progress.state.key, progress.state.step // per_epoch, n)

    def take(state: State) -> Batch:
        position = (state.step % per_epoch) * plan.batch + jnp.arange(plan.batch)
        index = permutation[position % n]
        key = jax.random.fold_in(jax.random.fold_in(state.key, AUGMENT), state.step)
        x = plan.normalize(plan.augment(key, examples.images[index]))
        batch = Batch(x, examples.labels[index], (position < n).astype(x.dtype))
        return parallel.share(batch, plan.mesh)

    def body(carry: tuple[Progress, jax.Array]) -> tuple[Progress, jax.Array]:
        (state, sums), _ = carry
        state, metrics = step(state, take(state))
        sums = jax.tree.map(lambda total, new: total + new.astype(total.dtype), sums, metrics)
        return Progress(state, sums), _bad(state, metrics)

    def goes_on(carry: tuple[Progress, jax.Array]) -> jax.Array:
        return (carry[0].state.step < stop) & ~carry[1].any()

    healthy = jnp.zeros(len(leaf_names(progress.state)), bool)
    return lax.while_loop(goes_on, body, (progress, healthy))


def _watched(state: State) -> tuple[list[Any], list[str]]:
    """The leaves that must be finite, and their names."""
    tree = {"params": state.params, "model_state": state.model_state}
    flat, _ = jax.tree_util.tree_flatten_with_path(tree)
    found = [(leaf, path) for path, leaf in flat if jnp.issubdtype(leaf.dtype, jnp.inexact)]
    names = [path[0].key + jax.tree_util.keystr(path[1:]) for _, path in found]
    return [leaf for leaf, _ in found], names


def leaf_names(state: State) -> list[str]:
    """What is watched: the loss, then every leaf of the parameters and of the model's state.

    Example:
      >>> leaf_names(State({"w": jnp.ones(2)}, {}, (), jnp.int32(0), jax.random.key(0)))
      ['the loss', "params['w']"]
    """
    return ["the loss", *_watched(state)[1]]


def _bad(state: State, metrics: Metrics) -> jax.Array:
    leaves = [metrics.loss, *_watched(state)[0]]
    return jnp.stack([~jnp.isfinite(leaf).all() for leaf in leaves])


def _one_by_one(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda runs, *others: lax.map(lambda run: f(run, *others), runs)


OVER: dict[str, Callable[[Callable[..., Any]], Callable[..., Any]]] = {
    "one": lambda f: f,
    "vmap": lambda f: jax.vmap(f, in_axes=(0, None, None)),
    "map": _one_by_one,
}
"""How one run is done, and several that are stacked on a first axis: at once, or in turn."""


@partial(jax.jit, static_argnames="plan")
def advance(
    plan: Plan, progress: Progress, examples: Examples, stop: Any
) -> tuple[Progress, jax.Array]:
    """The run after the steps up to ``stop``, all in one epoch.

    Args:
      plan: static.
      progress: where the run is.
      examples: all of them.
      stop: () int32, the step before which to stop, at most the end of the epoch.

    Returns:
      Where the run is then, and which of `leaf_names` are not finite, a bool for each. If any is,
      the run stopped after the step that made it so.

    Example:
      >>> from approxnet.training.examples import scale, unchanged
      >>> from approxnet.training.state import init_state
      >>> from approxnet.training.step import cross_entropy
      >>> apply = lambda params, state, x, **_: (x @ params, state)
      >>> plan = Plan(apply, cross_entropy, optax.sgd(1.0), unchanged, scale, 2)
      >>> init = lambda key, x: (jnp.zeros((2, 2)), {})
      >>> state = init_state(init, plan.optimizer, jax.random.key(0), jnp.ones((2, 2)))
      >>> examples = Examples(jnp.eye(2)[jnp.array([0, 1, 1])], jnp.array([0, 1, 1]))
      >>> progress, bad = advance(plan, Progress(state, start_metrics()), examples, 2)
      >>> progress.state.step.item(), progress.metrics.count.item(), bad.any().item()
      (2, 3.0, False)
    """
    run = OVER[plan.over](lambda progress, examples, stop: _advance(plan, progress, examples, stop))
    return run(progress, examples, jnp.int32(stop))


def names_of(bad: Sequence[bool], state: State) -> list[str]:
    """The names of the leaves that are marked.

    Example:
      >>> names_of([True], State({}, {}, (), jnp.int32(0), jax.random.key(0)))
      ['the loss']
    """
    return [name for name, marked in zip(leaf_names(state), bad, strict=True) if marked]

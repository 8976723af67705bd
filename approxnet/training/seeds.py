"""The same run from several seeds at once, for means and standard deviations.

The states are stacked on a first axis and one compiled program advances all of them, in one of two
ways: ``vmap`` does a step of every run at the same time, ``map`` a stretch of one run after the
other. On a CPU convolutions under ``vmap`` have another kernel for every run and become grouped
ones, which are slow: ``auto`` takes ``map`` there for models that convolve, and ``vmap`` for all
others and on every other device. Measured with four seeds at batch 128 on two cores, the cost of
a run relative to one alone:

    784-500-10   vmap 1.1   map 1.0
    784-32-10    vmap 1.0   map 1.0
    LeNet-5      vmap 2.7   map 0.8
"""

from __future__ import annotations

import os

import jax
import optax
from rich.console import Console

from approxnet import _checks
from approxnet.training import epoch, examples, history, loop, state
from approxnet.training.config import TrainConfig
from approxnet.training.epoch import Progress
from approxnet.training.examples import Augment, Labelled, Normalize
from approxnet.training.history import Result
from approxnet.training.loop import Functional, Task
from approxnet.training.state import State
from approxnet.training.step import Loss, cross_entropy


def fit_seeds(
    functional: Functional,
    dataset: Labelled,
    config: TrainConfig,
    *,
    seeds: int,
    over: str = "auto",
    run_dir: str | os.PathLike[str] | None = None,
    resume: bool = False,
    test: Labelled | None = None,
    optimizer: optax.GradientTransformation | None = None,
    loss: Loss = cross_entropy,
    augment: Augment = examples.unchanged,
    normalize: Normalize = examples.scale,
    console: Console | None = None,
) -> tuple[Result, ...]:
    """Train a model from several seeds; each result is that of `fit`, but for rounding.

    Args:
      functional: as for `fit`, and so are all arguments that are not named here.
      dataset: the examples, the same for every seed.
      config: the numbers of the run; ``config.seed`` is the first seed.
      seeds: how many.
      over: ``vmap``, ``map`` or ``auto``, as the module says.
      run_dir: one folder for all.
      resume: go on with the runs in ``run_dir``.
      test: scored after every epoch, for every seed.
      optimizer: any optax optimizer.
      loss: as for `fit`.
      augment: as for `fit`.
      normalize: as for `fit`.
      console: as for `fit`.

    Returns:
      The result of seed ``config.seed + i`` at place i; seconds and images per second are those of
      all together.

    Raises:
      ValueError: if ``seeds`` is not at least 1; everything that `fit` raises, where a
        ``DivergedError`` names the run and holds the states of all.

    Example:
      >>> from approxnet import data, models
      >>> model = models.functional(models.MLP(hidden=(8,)))
      >>> digits = data.load("digits", "train")
      >>> results = fit_seeds(model, digits, TrainConfig(epochs=1), seeds=2)
      >>> len(results), results[0].history[0].loss == results[1].history[0].loss
      (2, False)
    """
    count = _checks.count("seeds", seeds, at_least=1)
    _checks.one_of("over", over, ("auto", "vmap", "map"))
    chosen = tuple(range(config.seed, config.seed + count))
    task, states = loop.prepare(
        functional, dataset, config, test, optimizer, loss, augment, normalize, chosen
    )
    over = _choose(task, states[0]) if over == "auto" else over
    task = task._replace(plan=task.plan._replace(over=over))
    stacked = jax.tree.map(lambda *leaves: jax.numpy.stack(leaves), *states)
    metrics = jax.tree.map(
        lambda leaf: jax.numpy.broadcast_to(leaf, (count,)), epoch.start_metrics()
    )
    result = loop.carry_out(task, Progress(stacked, metrics), run_dir, resume, console)
    return tuple(
        Result(state.of_run(result.state, i), history.of_run(result.history, i))
        for i in range(count)
    )


def _choose(task: Task, first: State) -> str:
    """``map`` for a model that convolves on a CPU, else ``vmap``."""
    plan, images = task.plan, task.train.images
    x = examples.batch_shape(plan.normalize, images, plan.batch)
    program = jax.make_jaxpr(plan.apply)(first.params, first.model_state, x)
    convolves = "conv_general_dilated" in str(program)
    return "map" if convolves and jax.default_backend() == "cpu" else "vmap"

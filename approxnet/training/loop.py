"""Training from the first epoch to the last.

    result = fit(models.functional(models.LeNet5()), data.load("mnist", "train"), TrainConfig())

The steps run on the device in stretches of about a second (``epoch.advance``); between two
stretches the host shows how far the run is, writes a checkpoint where one is due, and obeys a
signal. Where the stretches end has no influence on the result. A run that is resumed from its
folder has the same result to the last bit as one that was never stopped, on the same platform with
the same devices.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
import optax
from jax.sharding import Mesh
from rich.console import Console

from approxnet.errors import ConfigError, NonFiniteError
from approxnet.training import config as configuration
from approxnet.training import epoch, examples, parallel, progress_bar, run_folder, signals
from approxnet.training.config import TrainConfig
from approxnet.training.epoch import Plan, Progress
from approxnet.training.evaluation import evaluate
from approxnet.training.examples import Augment, Examples, Labelled, Normalize
from approxnet.training.history import Epoch, Result
from approxnet.training.progress_bar import Moment
from approxnet.training.run_folder import RunFolder
from approxnet.training.state import State, init_state, of_run
from approxnet.training.step import Loss, cross_entropy

STRETCH = 1.0
"""Seconds that a stretch of steps is to take."""

Functional = tuple[Callable[..., Any], Callable[..., Any]]
"""``(init, apply)``, as ``models.functional`` returns it."""


class DivergedError(NonFiniteError):
    """The loss or a parameter became nan or infinite; ``result`` is the last that was finite."""

    def __init__(self, message: str, result: Result) -> None:
        super().__init__(message)
        self.result = result


class Task(NamedTuple):
    """What a run is about: `prepare` makes it.

    Example:
      >>> Task._fields
      ('functional', 'config', 'plan', 'train', 'test', 'per_epoch')
    """

    functional: Functional
    config: TrainConfig
    plan: Plan
    train: Examples
    test: Examples | None
    per_epoch: int


def fit(
    functional: Functional,
    dataset: Labelled,
    config: TrainConfig,
    *,
    run_dir: str | os.PathLike[str] | None = None,
    resume: bool = False,
    test: Labelled | None = None,
    optimizer: optax.GradientTransformation | None = None,
    loss: Loss = cross_entropy,
    augment: Augment = examples.unchanged,
    normalize: Normalize = examples.scale,
    mesh: Mesh | None = None,
    console: Console | None = None,
) -> Result:
    """Train a model.

    Args:
      functional: the model as ``(init, apply)``, as ``models.functional`` returns it.
      dataset: anything with ``images`` (n, ...) and ``labels`` (n, ...), as ``data.load`` returns
        it; labels may also be functions, of the shape of what the model returns.
      config: the numbers of the run.
      run_dir: a folder for metrics and checkpoints; without one nothing is written.
      resume: go on with the run in ``run_dir`` if there is one.
      test: a second set, to score the model on after every epoch.
      optimizer: any optax optimizer; None for ``config``'s SGD.
      loss: ``loss(logits, labels) -> (n,)``.
      augment: ``augment(key, images) -> images``, for training only.
      normalize: ``normalize(images) -> x``, of a floating dtype.
      mesh: the devices, as ``launch`` finds them; None for one device.
      console: where to show how far the run is; None for the terminal, if there is one.

    Returns:
      The state after the last epoch, and the numbers of every epoch.

    Raises:
      ConfigError: if a number is not legal, ``run_dir`` cannot be used, or the memory is too small.
      DataError: if the examples are not legal or do not fit the model.
      DivergedError: a NonFiniteError, if the loss or a parameter becomes nan or infinite; names
        step and leaf, and holds the last finite state.
      CheckpointError: if a checkpoint cannot be written, or none can be read.
      RunLockError: if another process writes to ``run_dir``.
      SystemExit: with code 75, after SIGTERM, when ``run_dir`` is given and the run is saved.
      KeyboardInterrupt: after Ctrl-C; with ``run_dir`` the run is saved.

    Example:
      >>> from approxnet import data, models
      >>> model = models.functional(models.MLP(hidden=(32,)))
      >>> result = fit(model, data.load("digits", "train"), TrainConfig(epochs=4))
      >>> result.state.step.item(), result.history[-1].accuracy > 0.9
      (48, True)
    """
    task, (state,) = prepare(
        functional, dataset, config, test, optimizer, loss, augment, normalize, (config.seed,)
    )
    progress = Progress(state, epoch.start_metrics())
    if mesh is not None:
        parallel.check_divides(config.batch, mesh)
        plan = task.plan._replace(mesh=mesh)
        train, test, progress = parallel.everywhere(mesh, (task.train, task.test, progress))
        task = task._replace(plan=plan, train=train, test=test)
    return carry_out(task, progress, run_dir, resume, console)


def prepare(
    functional: Functional,
    dataset: Labelled,
    config: TrainConfig,
    test: Labelled | None,
    optimizer: optax.GradientTransformation | None,
    loss: Loss,
    augment: Augment,
    normalize: Normalize,
    seeds: tuple[int, ...],
) -> tuple[Task, list[State]]:
    """Check everything that can be known before the first step.

    Returns:
      What the run is about, and the first state of each seed.
    """
    init, apply = functional
    configuration.check(config)
    train = examples.on_device(dataset)
    tested = None if test is None else examples.on_device(test)
    n = len(train.labels)
    per_epoch = epoch.steps_per_epoch(n, examples.check_batch(config.batch, n))
    optimizer = optimizer or configuration.sgd(config, per_epoch)
    plan = Plan(apply, loss, optimizer, augment, normalize, config.batch)
    x = examples.batch_shape(normalize, train.images, config.batch)
    states = [init_state(init, optimizer, jax.random.key(seed), x) for seed in seeds]
    logits, _ = jax.eval_shape(apply, states[0].params, states[0].model_state, x)
    for given in filter(None, (train, tested)):
        examples.check_labels(given.labels, logits)
    return Task(functional, config, plan, train, tested, per_epoch), states


def carry_out(
    task: Task,
    progress: Progress,
    run_dir: str | os.PathLike[str] | None,
    resume: bool,
    console: Console | None,
) -> Result:
    """Do a task from where it is to its end; ``progress`` may be of several runs at once."""
    if run_dir is None:
        return _run(task, progress, (), None, signals.Request(), console)
    identity = run_folder.identity(task.config, task.functional, task.plan, task.train, task.test)
    with run_folder.hold(run_dir, identity, resume) as folder:
        progress, history = folder.load(progress)
        with signals.postponed() as request:
            return _run(task, progress, history, folder, request, console)


def _run(
    task: Task,
    progress: Progress,
    history: tuple[Epoch, ...],
    folder: RunFolder | None,
    request: signals.Request,
    console: Console | None,
) -> Result:
    last, step = task.config.epochs * task.per_epoch, _step(progress)
    stretch, seconds, seen = 1, 0.0, _seen(progress)
    with progress_bar.watch(console, last, task.per_epoch) as show:
        while step < last:
            start = time.perf_counter()
            stop = _next_stop(task, step, stretch)
            progress = _advance(task, progress, stop, history, folder)
            elapsed = time.perf_counter() - start
            wish = _next_stretch(stop - step, elapsed)
            stretch, told = parallel.greatest(wish, request.number)
            step, seconds = stop, seconds + elapsed
            speed = (_seen(progress) - seen) / seconds
            show(_moment(task, progress, step, speed))
            if step % task.per_epoch == 0:
                history = (*history, _record(task, progress, step, seconds, speed))
                progress = progress._replace(
                    metrics=jax.tree.map(jax.numpy.zeros_like, progress.metrics)
                )
                seconds, seen = 0.0, 0
            if folder and (_is_due(task, step) or told):
                folder.save(progress, step, history)
            signals.obey(
                told, f"stopped and saved after step {step}; resume=True (--resume) goes on"
            )
    return Result(progress.state, history)


def _step(progress: Progress) -> int:
    return int(np.max(progress.state.step))


def _next_stop(task: Task, step: int, stretch: int) -> int:
    """The end of the stretch, of the epoch, or the next checkpoint, whichever comes first."""
    marks = (task.per_epoch, task.config.save_every or task.per_epoch)
    return min(step + stretch, *((step // mark + 1) * mark for mark in marks))


def _next_stretch(done: int, elapsed: float) -> int:
    """Steps of about a second; at most ten times as many as before, which may have compiled."""
    return max(1, int(done * min(10.0, STRETCH / elapsed)))


def _is_due(task: Task, step: int) -> bool:
    return step % task.per_epoch == 0 or step % (task.config.save_every or task.per_epoch) == 0


def _seen(progress: Progress) -> int:
    """Examples that the epoch has counted so far, over all runs."""
    return int(np.sum(progress.metrics.count))


def _moment(task: Task, progress: Progress, step: int, speed: float) -> Moment:
    loss, correct, count = (float(np.sum(x)) for x in progress.metrics)
    number = -(-step // task.per_epoch)
    return Moment(number, task.config.epochs, step, loss / count, correct / count, speed)


def _record(task: Task, progress: Progress, step: int, seconds: float, speed: float) -> Epoch:
    loss, correct, count = (np.asarray(x, np.float64) for x in progress.metrics)
    scores = _test(task, progress.state)
    return Epoch(
        step // task.per_epoch,
        step,
        (loss / count).tolist(),
        (correct / count).tolist(),
        *scores,
        seconds,
        speed,
    )


def _test(task: Task, state: State) -> tuple[Any, Any]:
    """Loss and accuracy on the test set, of each run."""
    if task.test is None:
        return None, None
    runs = np.shape(state.step)
    scores = [
        evaluate(
            task.functional,
            of_run(state, i),
            task.test,
            normalize=task.plan.normalize,
            loss=task.plan.loss,
            mesh=task.plan.mesh,
        )
        for i in np.ndindex(runs)
    ]
    columns = [
        np.reshape([getattr(s, name) for s in scores], runs) for name in ("loss", "accuracy")
    ]
    return columns[0].tolist(), columns[1].tolist()


def _advance(
    task: Task,
    progress: Progress,
    stop: int,
    history: tuple[Epoch, ...],
    folder: RunFolder | None,
) -> Progress:
    try:
        after, marks = epoch.advance(task.plan, progress, task.train, stop)
        bad = np.asarray(marks)
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        raise ConfigError(
            f"batch must be so small that a step fits into the memory, got {task.config.batch}: "
            f"{str(error).splitlines()[0]}; take a smaller batch, or more devices"
        ) from None
    if not bad.any():
        return after
    at = np.asarray(after.state.step)
    failed = bad.any(-1)
    step = int(np.min(at[failed]))
    which = bad[failed & (at == step)][0]
    before, _ = epoch.advance(task.plan, progress, task.train, step - 1)
    kept = ""
    if folder:
        folder.save(before, step - 1, history)
        kept = f" in {folder.path}"
    names = ", ".join(epoch.names_of(which, progress.state))
    where = f" of run {int(np.argmax(failed))}" if failed.ndim else ""
    raise DivergedError(
        f"the loss and the parameters must be finite, got nan or infinity after step {step}{where} "
        f"in {names}; the state after step {step - 1} is kept{kept}: lower learning_rate "
        f"({task.config.learning_rate:g}), or add warmup",
        Result(before.state, history),
    )

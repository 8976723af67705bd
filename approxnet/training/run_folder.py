"""The folder of a run.

RUN_DIR/run.json             everything that determines the run, as `identity` says
RUN_DIR/metrics.jsonl        a line for every epoch
RUN_DIR/checkpoints/         see ``training.checkpoint``
RUN_DIR/.lock                names the process that writes here

Of several processes the first one holds the folder and writes; all of them read it.

A line of metrics is written before the checkpoint of its epoch; on resuming, lines of epochs that
no checkpoint holds are dropped, and their epochs are done again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import platform
import warnings
from collections.abc import Iterator
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax

import approxnet
from approxnet import _files
from approxnet.errors import ApproxnetError, CheckpointError, CheckpointWarning, ConfigError
from approxnet.training import checkpoint, history, parallel
from approxnet.training import config as configuration
from approxnet.training.config import TrainConfig
from approxnet.training.description import describe, differences
from approxnet.training.epoch import Plan, Progress, start_metrics, steps_per_epoch
from approxnet.training.examples import Examples, Labelled, Normalize, batch_shape, scale
from approxnet.training.history import Epoch
from approxnet.training.state import State, init_state

RUN, METRICS, CHECKPOINTS = "run.json", "metrics.jsonl", "checkpoints"
_REMEDY = "wait for it, or choose another run_dir"
_LIBRARIES = ("jax", "jaxlib", "numpy", "optax", "flax")
_SETTINGS = (
    "jax_enable_x64",
    "jax_default_matmul_precision",
    "jax_default_prng_impl",
    "jax_threefry_partitionable",
    "jax_numpy_dtype_promotion",
)


class RunFolder:
    """A folder that this process holds; `hold` makes it.

    Example:
      >>> RunFolder(Path("runs/x")).metrics.name
      'metrics.jsonl'
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.metrics = path / METRICS
        self.checkpoints = path / CHECKPOINTS

    def save(self, progress: Progress, step: int, epochs: tuple[Epoch, ...]) -> None:
        """Write the metrics, then a checkpoint."""
        if parallel.is_first():
            history.write(self.metrics, epochs)
        checkpoint.save(self.checkpoints, step, progress)

    def load(self, like: Progress) -> tuple[Progress, tuple[Epoch, ...]]:
        """Where the run was, and its epochs until then; ``like`` itself if it had not begun."""
        newest = max(checkpoint.steps(self.checkpoints), default=-1)
        if parallel.greatest(newest, -newest) != (newest, -newest):
            raise ConfigError(
                f"run_dir must be on a file system that all processes share, got {self.path}, "
                "where they find different checkpoints"
            )
        if newest < 0:
            return like, ()
        found = checkpoint.restore(self.checkpoints, like)
        epochs = tuple(e for e in history.read(self.metrics) if e.step <= found.step)
        return found.tree, epochs


def identity(
    config: TrainConfig, functional: Any, plan: Plan, train: Examples, test: Examples | None
) -> dict[str, Any]:
    """Everything that determines the numbers of a run, for run.json.

    The configuration; checksums of the examples, those of the test too; model, loss, normalisation,
    augmentation and optimizer as `describe` tells them; the settings of JAX that change a result;
    the versions of Python and of the libraries. How many devices there are is no part of it.

    Example:
      >>> import optax
      >>> examples = Examples(np.zeros((2, 3)), np.zeros(2))
      >>> plan = Plan(len, max, optax.sgd(0.1), min, abs, 1)
      >>> found = identity(TrainConfig(batch=1), (len, len), plan, examples, None)
      >>> found["batch"], found["normalize"], "custom" in found["optimizer"]
      (1, 'abs', True)
    """
    own = configuration.sgd(config, steps_per_epoch(len(train.labels), config.batch))
    parts = {
        "examples": _digest(train),
        "test": test and _digest(test),
        "over": plan.over,
        "model": _model(functional),
        "loss": describe(plan.loss),
        "normalize": describe(plan.normalize),
        "augment": describe(plan.augment),
        "optimizer": "sgd" if plan.optimizer is own else {"custom": describe(plan.optimizer)},
        "settings": {name: str(getattr(jax.config, name)) for name in _SETTINGS},
        "versions": {"python": platform.python_version(), "approxnet": approxnet.__version__}
        | {name: metadata.version(name) for name in _LIBRARIES},
    }
    return json.loads(json.dumps(dataclasses.asdict(config) | parts))  # as run.json holds it


def _model(functional: Any) -> dict[str, Any]:
    init, apply = functional
    return {"init": describe(init), "apply": describe(apply)}


@contextlib.contextmanager
def hold(
    run_dir: str | os.PathLike[str], identity: dict[str, Any], resume: bool
) -> Iterator[RunFolder]:
    """The folder of a run, new or to be resumed; process 0 holds it against other runs.

    Raises:
      ConfigError: if the folder cannot be written to, if it holds a run and ``resume`` is False,
        or if that run had another identity; names what differs.
      CheckpointError: if what the folder says about its run is damaged.
      RunLockError: if another process holds the folder.

    Example:
      >>> import tempfile
      >>> with hold(tempfile.mkdtemp(), {"seed": 0}, False) as folder:
      ...     sorted(path.name for path in folder.path.iterdir())
      ['.lock', 'run.json']
    """
    path, refusal = Path(run_dir).absolute(), None
    with contextlib.ExitStack() as stack:
        if parallel.is_first():
            try:
                _claim(stack, path, identity, resume)
            except ApproxnetError as error:
                refusal = error
        (refused,) = parallel.greatest(int(refusal is not None))
        if refused:
            raise refusal or ConfigError(
                f"run_dir must be a folder that process 0 can use, got {path}; process 0 says why"
            )
        yield RunFolder(path)


def _claim(stack: contextlib.ExitStack, path: Path, identity: dict[str, Any], resume: bool) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
        stack.enter_context(_files.lock(path, _REMEDY))
        _identify(path / RUN, identity, resume)
    except OSError as error:
        raise ConfigError(
            f"run_dir must be a folder that can be written to, got {str(path)!r} "
            f"({error.strerror or error})"
        ) from None


def _digest(examples: Examples) -> str:
    digest = hashlib.sha256()
    for array in examples:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _identify(path: Path, identity: dict[str, Any], resume: bool) -> None:
    """Write what the run is about, or compare it with what it was about when it began."""
    if not path.exists():
        _files.write(path, json.dumps(identity, indent=1))
        return
    if not resume:
        raise ConfigError(
            f"run_dir must be a new folder, got {path.parent}, which holds a run; go on with it by "
            "resume=True (--resume), or choose another (--out)"
        )
    check_same(path.parent, read_identity(path.parent), identity)


def read_identity(path: Path) -> dict[str, Any]:
    """What `identity` said when the run in a folder began.

    Raises:
      CheckpointError: if the folder holds no run, or if what it says is damaged.

    Example:
      >>> read_identity(Path("nowhere"))
      Traceback (most recent call last):
      ...
      approxnet.errors.CheckpointError: run_dir must be the folder of a run, got nowhere ...
    """
    file = path / RUN
    if not file.exists():
        raise CheckpointError(
            f"run_dir must be the folder of a run, got {path} without {RUN}; give the one that the "
            "training was given (--out)"
        )
    try:
        return dict(json.loads(file.read_bytes()))
    except (ValueError, TypeError) as error:
        raise CheckpointError(f"{file} is damaged ({error}); train in another folder") from None


def check_same(path: Path, stored: dict[str, Any], given: dict[str, Any]) -> None:
    """ConfigError with the first places where a run differs from the one in a folder.

    Other versions of Python or of a library make a CheckpointWarning only: a long run must survive
    an update, but its last digits may not.

    Example:
      >>> check_same(Path("runs/x"), {"batch": 128}, {"batch": 64})
      Traceback (most recent call last):
      ...
      approxnet.errors.ConfigError: the run must be the one in runs/x: batch = 128, got 64; ...
    """
    differ = differences(stored, given)
    versions = [difference for difference in differ if difference.startswith("versions")]
    differ = [difference for difference in differ if difference not in versions]
    if differ:
        more = f"; and {len(differ) - 8} more" * (len(differ) > 8)
        raise ConfigError(
            f"the run must be the one in {path}: {'; '.join(differ[:8])}{more}; give the same "
            "again, or choose another run_dir (--out) for another run"
        )
    if versions:
        warnings.warn(
            f"the run in {path} was begun with other versions: {'; '.join(versions)}; it goes on, "
            "but not to the last bit",
            CheckpointWarning,
            stacklevel=2,
        )


def load_state(
    run_dir: str | os.PathLike[str],
    functional: Any,
    dataset: Labelled,
    *,
    normalize: Normalize = scale,
    optimizer: optax.GradientTransformation | None = None,
) -> State:
    """The state of a run as its newest checkpoint has it, to evaluate it or to go on by hand.

    Args:
      run_dir: the folder that `fit` was given.
      functional: the model as ``(init, apply)``, the same as in `fit`, and so are all others.
      dataset: the examples of the training, or any of their shape.
      normalize: as in `fit`.
      optimizer: as in `fit`.

    Returns:
      The state, on one device.

    Raises:
      ConfigError: if the model or the normalisation is not that of the run; names what differs.
      CheckpointError: if the folder holds no run, or no checkpoint that can be read.

    Example:
      >>> load_state("nowhere", (len, len), None)
      Traceback (most recent call last):
      ...
      approxnet.errors.CheckpointError: run_dir must be the folder of a run, got ...
    """
    path = Path(run_dir).absolute()
    stored = read_identity(path)
    given = {"model": _model(functional), "normalize": describe(normalize)}
    check_same(path, {name: stored.get(name) for name in given}, given)
    names = [field.name for field in dataclasses.fields(TrainConfig)]
    config = configuration.configure({name: stored[name] for name in names if name in stored})
    x = batch_shape(normalize, dataset.images, config.batch)
    start = partial(init_state, functional[0], optimizer or configuration.sgd(config, 1))
    like = Progress(jax.eval_shape(start, jax.random.key(0), x), start_metrics())
    return checkpoint.restore(path / CHECKPOINTS, like).tree.state

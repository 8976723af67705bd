"""The folder of a run.

RUN_DIR/run.json             the configuration and a checksum of the examples
RUN_DIR/metrics.jsonl        a line for every epoch
RUN_DIR/checkpoints/         see ``training.checkpoint``
RUN_DIR/.lock                names the process that writes here

A line of metrics is written before the checkpoint of its epoch; on resuming, lines of epochs that
no checkpoint holds are dropped, and their epochs are done again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from approxnet import _files
from approxnet.errors import CheckpointError, ConfigError
from approxnet.training import checkpoint, history, parallel
from approxnet.training.config import TrainConfig
from approxnet.training.epoch import Progress
from approxnet.training.examples import Examples
from approxnet.training.history import Epoch

RUN, METRICS, CHECKPOINTS = "run.json", "metrics.jsonl", "checkpoints"
_REMEDY = "wait for it, or choose another run_dir"


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
        if not checkpoint.steps(self.checkpoints):
            return like, ()
        found = checkpoint.restore(self.checkpoints, like)
        epochs = tuple(e for e in history.read(self.metrics) if e.step <= found.step)
        return found.tree, epochs


@contextlib.contextmanager
def hold(
    run_dir: str | os.PathLike[str], config: TrainConfig, examples: Examples, resume: bool
) -> Iterator[RunFolder]:
    """The folder of a run, new or to be resumed; process 0 holds it against other runs.

    Raises:
      ConfigError: if the folder cannot be written to, if it holds a run and ``resume`` is False,
        or if that run had another configuration or other data; names what differs.
      CheckpointError: if what the folder says about its run is damaged.
      RunLockError: if another process holds the folder.

    Example:
      >>> import tempfile
      >>> examples = Examples(np.zeros((1, 2)), np.zeros(1))
      >>> with hold(tempfile.mkdtemp(), TrainConfig(), examples, False) as folder:
      ...     sorted(path.name for path in folder.path.iterdir())
      ['.lock', 'run.json']
    """
    path = Path(run_dir).absolute()
    if not parallel.is_first():
        yield RunFolder(path)
        return
    with contextlib.ExitStack() as stack:
        try:
            path.mkdir(parents=True, exist_ok=True)
            stack.enter_context(_files.lock(path, _REMEDY))
        except OSError as error:
            raise ConfigError(
                f"run_dir must be a folder that can be written to, got {str(run_dir)!r} "
                f"({error.strerror or error})"
            ) from None
        _identify(path / RUN, dataclasses.asdict(config) | {"examples": _digest(examples)}, resume)
        yield RunFolder(path)


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
            "resume=True (--resume), or choose another"
        )
    try:
        stored = dict(json.loads(path.read_bytes()))
    except (ValueError, TypeError) as error:
        raise CheckpointError(f"{path} is damaged ({error}); train in another folder") from None
    differ = [
        f"{name} = {stored.get(name)!r}, got {value!r}"
        for name, value in identity.items()
        if stored.get(name) != value
    ]
    if differ:
        raise ConfigError(
            f"config must be that of the run in {path.parent}: {'; '.join(differ)}; choose "
            "another run_dir for another run"
        )

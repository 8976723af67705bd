"""What was measured, epoch by epoch: in memory, and as lines of JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from approxnet import _files
from approxnet.errors import CheckpointError
from approxnet.training.state import State


class Epoch(NamedTuple):
    """The numbers of one epoch. Those of several runs at once are lists, one entry for each run.

    Attributes:
      epoch: counted from 1.
      step: steps done at its end.
      loss: mean over the examples, each as the model was when it met the example.
      accuracy: likewise; for functions the mean of 1 - |v - u| / |u|.
      test_loss: at the end of the epoch, on the test set; None without one.
      test_accuracy: likewise.
      seconds: of the steps alone; the first epoch has the compilation in it.
      images_per_second: examples over those seconds.

    Example:
      >>> Epoch(1, 469, 0.5, 0.8, None, None, 2.0, 30_000.0).step
      469
    """

    epoch: int
    step: int
    loss: Any
    accuracy: Any
    test_loss: Any
    test_accuracy: Any
    seconds: float
    images_per_second: float


class Result(NamedTuple):
    """A run after its last epoch.

    Example:
      >>> Result(State({}, {}, (), 0, 0), ()).history
      ()
    """

    state: State
    history: tuple[Epoch, ...]


def write(path: Path, history: Sequence[Epoch]) -> None:
    """Write the lines, the file whole or not at all.

    Example:
      >>> import tempfile
      >>> path = Path(tempfile.mkdtemp()) / "metrics.jsonl"
      >>> write(path, [Epoch(1, 469, 0.5, 0.8, None, None, 2.0, 30_000.0)])
      >>> read(path)[0].loss
      0.5
    """
    _files.write(path, "".join(json.dumps(epoch._asdict()) + "\n" for epoch in history))


def read(path: Path) -> tuple[Epoch, ...]:
    """The epochs in a file; none if there is no file.

    Raises:
      CheckpointError: if a line is damaged; names it.

    Example:
      >>> read(Path("nowhere"))
      ()
    """
    if not path.is_file():
        return ()
    return tuple(
        _epoch(path, i, line) for i, line in enumerate(path.read_bytes().splitlines(), start=1)
    )


def _epoch(path: Path, i: int, line: bytes) -> Epoch:
    try:
        return Epoch(**json.loads(line))
    except (ValueError, TypeError) as error:
        raise CheckpointError(
            f"{path} must hold a line of JSON for every epoch, got damage in line {i} ({error}); "
            "remove the lines from there on"
        ) from None


def of_run(history: Sequence[Epoch], i: int) -> tuple[Epoch, ...]:
    """The history of one of several runs.

    Example:
      >>> of_run([Epoch(1, 9, [0.5, 0.4], [0.8, 0.9], None, None, 2.0, 30.0)], 1)[0].loss
      0.4
    """
    names = ("loss", "accuracy", "test_loss", "test_accuracy")
    measured = [{name: getattr(epoch, name) for name in names} for epoch in history]
    return tuple(
        epoch._replace(**{name: v and v[i] for name, v in values.items()})
        for epoch, values in zip(history, measured, strict=True)
    )

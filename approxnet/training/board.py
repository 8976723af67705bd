"""A history for TensorBoard, which draws curves of many runs in one picture.

The lines of JSON in a run's folder are what was measured; this is a copy of them for another
program, ``tensorboard --logdir FOLDER``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from approxnet.errors import ConfigError
from approxnet.training.history import Epoch

CURVES = ("loss", "accuracy", "test_loss", "test_accuracy", "images_per_second")


def to_tensorboard(history: Sequence[Epoch], folder: str | os.PathLike[str]) -> None:
    """Write a history as TensorBoard events, one curve for each number, over the steps.

    Args:
      history: the epochs of one run, ``Result.history``; of several at once, as ``fit_seeds``
        returns them, the curves have the runs' numbers in their names.
      folder: where to write; an existing folder gets one more file of events.

    Raises:
      ConfigError: if tensorboardX is not installed.

    Example:
      >>> import tempfile
      >>> to_tensorboard([Epoch(1, 469, 0.5, 0.8, None, None, 2.0, 3e4)], tempfile.mkdtemp())
    """
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        raise ConfigError(
            "tensorboardX must be installed to write TensorBoard events, got no such package; "
            'pip install "approxnet[tensorboard]"'
        ) from None
    with SummaryWriter(logdir=os.fspath(folder)) as writer:
        for epoch in history:
            for curve in CURVES:
                for name, value in _runs(curve, getattr(epoch, curve)):
                    writer.add_scalar(name, value, epoch.step)


def _runs(curve: str, value: object) -> list[tuple[str, object]]:
    """The values of a curve that were measured, with their names."""
    if isinstance(value, list):
        return [(f"{curve}/{i}", each) for i, each in enumerate(value)]
    return [] if value is None else [(curve, value)]

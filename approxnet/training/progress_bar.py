"""How far a run is: a bar on a terminal, a line for every epoch elsewhere if one is asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn


class Moment(NamedTuple):
    """What is shown.

    Example:
      >>> describe(Moment(3, 10, 1407, 0.25, 0.91, 20_000.0))
      'epoch 3 of 10: loss 0.2500, accuracy 91.00 %, 20000 images/s'
    """

    epoch: int
    epochs: int
    step: int
    loss: float
    accuracy: float
    images_per_second: float


def describe(moment: Moment) -> str:
    """The moment in words.

    Example:
      >>> describe(Moment(1, 1, 1, 2.0, 0.1, 5.0))
      'epoch 1 of 1: loss 2.0000, accuracy 10.00 %, 5 images/s'
    """
    return (
        f"epoch {moment.epoch} of {moment.epochs}: loss {moment.loss:.4f}, accuracy "
        f"{100 * moment.accuracy:.2f} %, {moment.images_per_second:.0f} images/s"
    )


@contextlib.contextmanager
def watch(
    console: Console | None, steps: int, per_epoch: int
) -> Iterator[Callable[[Moment], None]]:
    r"""Gives a function that shows a moment.

    Args:
      console: where to; None for the terminal, if there is one.
      steps: of the whole run.
      per_epoch: steps of an epoch.

    Example:
      >>> import io
      >>> file = io.StringIO()
      >>> with watch(Console(file=file, width=100), 10, 5) as show:
      ...     show(Moment(1, 2, 4, 2.0, 0.1, 5.0))
      ...     show(Moment(1, 2, 5, 2.0, 0.1, 5.0))
      >>> file.getvalue()
      'epoch 1 of 2: loss 2.0000, accuracy 10.00 %, 5 images/s\n'
    """
    place = console or Console()
    if place.is_terminal:
        columns = (BarColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
        with Progress(*columns, console=place) as bar:
            task = bar.add_task("compiling", total=steps)
            yield lambda moment: bar.update(
                task, completed=moment.step, description=describe(moment)
            )
        return

    def line(moment: Moment) -> None:
        if console is not None and moment.step % per_epoch == 0:
            console.print(describe(moment), markup=False, highlight=False, soft_wrap=True)

    yield line

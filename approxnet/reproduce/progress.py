"""How far a sweep is: a bar on a terminal, plain lines otherwise."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn


class Reporter(Protocol):
    """What an experiment calls as it goes: a message and how many of its steps are done."""

    def __call__(self, message: str, done: int, total: int) -> None:
        """Say ``message``; ``done`` of ``total`` steps are finished."""


def silent(message: str, done: int, total: int) -> None:
    """Say nothing.

    Example:
      >>> silent("N = 500", 0, 3)
    """


def say(console: Console, text: str, style: str = "") -> None:
    """Print a line as it is: no markup, no wrapping.

    Example:
      >>> import io
      >>> say(Console(file=io.StringIO()), "[a] is no markup")
    """
    console.print(text, style=style or None, markup=False, highlight=False, soft_wrap=True)


@contextlib.contextmanager
def watch(console: Console) -> Iterator[Callable[[str], Reporter]]:
    r"""Gives a function that maps the name of an experiment to the reporter of its steps.

    Example:
      >>> import io
      >>> file = io.StringIO()
      >>> with watch(Console(file=file)) as reporter:
      ...     reporter("photograph")("N = 500", 0, 3)
      >>> file.getvalue().split("]")[1]
      ' photograph: N = 500 (1 of 3)\n'
    """
    if console.is_terminal:
        with _bar(console) as reporter:
            yield reporter
    else:
        yield lambda name: _lines(console, name)


def _lines(console: Console, name: str) -> Reporter:
    start = time.perf_counter()

    def report(message: str, done: int, total: int) -> None:
        seconds = time.perf_counter() - start
        step = min(done + 1, total)
        say(console, f"[{seconds:6.1f} s] {name}: {message} ({step} of {total})")

    return report


@contextlib.contextmanager
def _bar(console: Console) -> Iterator[Callable[[str], Reporter]]:
    columns = (
        TextColumn("{task.fields[name]}", style="bold"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=console, transient=True) as progress:

        def reporter(name: str) -> Reporter:
            for task in progress.task_ids:
                progress.remove_task(task)
            task = progress.add_task("", name=name, total=None)

            def report(message: str, done: int, total: int) -> None:
                progress.update(task, description=message, completed=done, total=total)

            return report

        yield reporter

"""Run an experiment, judge it, report it.

An experiment is one file of the folder ``experiments``; `run` measures it and keeps one
``results.json``; `report` draws one page, ``report.html``, from these files alone.

    result = reproduce.run("photograph", out="results")
    reproduce.report("results")

Verdicts: ``pass`` (every check holds), ``outside`` (some check does not hold), ``incomplete``
(something could not be run).
"""

from approxnet.reproduce.catalog import Entry, Experiment, entries, find, names
from approxnet.reproduce.harness import run, sweep
from approxnet.reproduce.page import report
from approxnet.reproduce.records import (
    Cell,
    Check,
    Comparison,
    Figure,
    Numbers,
    Quote,
    Result,
    Run,
    Table,
    over_seeds,
    quoted,
    worst,
)

__all__ = [
    "Cell",
    "Check",
    "Comparison",
    "Entry",
    "Experiment",
    "Figure",
    "Numbers",
    "Quote",
    "Result",
    "Run",
    "Table",
    "entries",
    "find",
    "names",
    "over_seeds",
    "quoted",
    "report",
    "run",
    "sweep",
    "worst",
]

"""What an experiment measures, and its form on disk.

An experiment returns `Numbers`: tables of what was measured, checks of what was claimed, and the
numbers of the paper beside ours. With its configuration, seeds and provenance they make a `Result`,
which is one ``results.json``; ``results.schema.json`` is its schema. The report knows nothing but
these files.

Every number has a level, which says how much it is worth:

    quoted     printed in the paper
    smoke      ours, at a scale that takes seconds
    partial    ours, at another scale, which is named: ``partial: epochs = 12``
    full       ours, at the scale of the experiment that repeats the paper
    not run    nobody's yet

A bare number of a table has the level of the run; any other is a `Cell`.

JSON has no nan and no infinity; they are written as the strings ``"nan"``, ``"inf"``, ``"-inf"``.
"""

from __future__ import annotations

import json
import math
import operator
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

SCHEMA = 2
"""The version of ``results.json``; a reader refuses any other."""

RELATIONS = {"<=": operator.le, "<": operator.lt, ">=": operator.ge, ">": operator.gt}


class Check(NamedTuple):
    """A claim with the value that was measured and the bound that was asked.

    A measured nan fulfils no claim.

    Example:
      >>> Check("the interpolation error is at most h^2/8 max|u''|", 0.9e-3, "<=", 1e-3).passed
      True
      >>> Check("the error is small", float("nan"), "<=", 1.0).passed
      False
    """

    claim: str
    measured: float
    relation: str
    bound: float

    @property
    def passed(self) -> bool:
        """Whether ``measured relation bound`` holds."""
        return bool(RELATIONS[self.relation](self.measured, self.bound))


QUOTED, NOT_RUN = "quoted", "not run"


class Cell(NamedTuple):
    """A number with what it stands on: one value for each seed, and a level.

    The values are numbers or, in what is printed, words; none at all if nothing was run. The level
    "" stands for that of the run.

    Example:
      >>> cell = Cell((0.91, 0.93))
      >>> round(cell.mean, 3), round(cell.deviation, 4)
      (0.92, 0.0141)
    """

    values: tuple[float | int | str, ...]
    level: str = ""

    @property
    def mean(self) -> float | None:
        """The mean over the seeds; None if there is no number."""
        numbers = self._numbers
        return statistics.fmean(numbers) if numbers else None

    @property
    def deviation(self) -> float | None:
        """The standard deviation of the sample; None for fewer than two numbers."""
        numbers = self._numbers
        return statistics.stdev(numbers) if len(numbers) > 1 else None

    @property
    def _numbers(self) -> list[float]:
        """The values; none where there is a word among them."""
        numbers = [float(value) for value in self.values if not isinstance(value, str)]
        return numbers if len(numbers) == len(self.values) else []


def quoted(printed: float | int | str) -> Cell:
    """A number, or a word, that a paper prints.

    Example:
      >>> quoted(93.53).level
      'quoted'
    """
    return Cell((printed,), QUOTED)


def over_seeds(values: Iterable[Any] | None) -> Cell:
    """Ours, one number for each seed; None if it is not run.

    Example:
      >>> over_seeds([1, 3]).mean, over_seeds(None).level
      (2.0, 'not run')
    """
    return Cell((), NOT_RUN) if values is None else Cell(tuple(float(value) for value in values))


class Comparison(NamedTuple):
    """A number of a paper and ours.

    Fields:
      claim: what the number is, with its unit.
      paper: as it is printed; "" where the paper has no number.
      ours: a number, or a `Cell` if there are several seeds or it is not run.
      quote: which entry of the experiment's ``PAPER`` prints it.

    Example:
      >>> Comparison("ResNet-18 on CIFAR-10, percent", 92.24, over_seeds(None)).ours.level
      'not run'
    """

    claim: str
    paper: float | int | str
    ours: float | int | Cell
    quote: int = 0


Item = float | int | str | Cell
"""What a table holds."""


class Table(NamedTuple):
    """Rows of numbers, words or cells under named columns.

    Example:
      >>> Table("Errors", ("h", "error"), ((0.5, 1e-2), (0.25, 2.5e-3))).columns
      ('h', 'error')
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Item, ...], ...]


class Quote(NamedTuple):
    """A statement of a paper with its place; in quotation marks where it is printed so.

    The place is the table, the figure or the theorem, and the page where it is known.

    Example:
      >>> Quote("He, Li, Xu, Zheng, J. Comput. Math. 38 (2020)", "Theorem 3.1",
      ...       "ceil(log2 k) + 1 hidden layers").place
      'Theorem 3.1'
    """

    paper: str
    place: str
    statement: str


class Figure(NamedTuple):
    """An image file beside ``results.json``, with its caption.

    Example:
      >>> Figure("error.png", "The error falls like h^2.").file
      'error.png'
    """

    file: str
    caption: str


class Numbers(NamedTuple):
    """What one run of an experiment gives back.

    ``tables``, ``checks`` and ``compared`` go to ``results.json``; ``data`` is handed to the
    experiment's ``plot`` and not stored.

    Example:
      >>> Numbers(tables=(), checks=(Check("0 is at most 1", 0.0, "<=", 1.0),)).checks[0].passed
      True
    """

    tables: tuple[Table, ...]
    checks: tuple[Check, ...]
    data: Mapping[str, Any] = {}
    compared: tuple[Comparison, ...] = ()


class Run(NamedTuple):
    """One seed of an experiment: ``error`` is empty when it finished.

    ``data`` are the checksums of the data sets that it has read.

    Example:
      >>> Run(seed=0, seconds=0.1, error="", tables=(), checks=()).verdict
      'pass'
    """

    seed: int
    seconds: float
    error: str
    tables: tuple[Table, ...]
    checks: tuple[Check, ...]
    compared: tuple[Comparison, ...] = ()
    data: Mapping[str, str] = {}

    @property
    def verdict(self) -> str:
        """``pass``, ``outside`` (a check failed) or ``incomplete`` (the run failed)."""
        if self.error:
            return "incomplete"
        return "pass" if all(check.passed for check in self.checks) else "outside"


class Result(NamedTuple):
    """Everything that is known about an experiment at one scale: one ``results.json``.

    Fields:
      name, title, about: the experiment, the first line of its file, and the rest.
      scale, config: ``smoke``, ``full`` or ``custom``, and the configuration's fields.
      level: that of its numbers; for a custom scale it names where it is not the full one.
      seeds: those that were asked for; ``runs`` are those that were run.
      quotes: what the paper says.
      provenance: versions, device, precision, commit, start; see `provenance.collect`.

    Example:
      >>> Result("a", "An experiment", "", "smoke", "smoke", {}, (0,), (), (), (), {}).verdict
      'incomplete'
    """

    name: str
    title: str
    about: str
    scale: str
    level: str
    config: Mapping[str, Any]
    seeds: tuple[int, ...]
    runs: tuple[Run, ...]
    quotes: tuple[Quote, ...]
    figures: tuple[Figure, ...]
    provenance: Mapping[str, Any]

    @property
    def verdict(self) -> str:
        """The worst verdict of the runs; ``incomplete`` while a seed is missing."""
        missing = len(self.runs) < len(self.seeds)
        return worst([run.verdict for run in self.runs] + ["incomplete"] * missing)

    @property
    def seconds(self) -> float:
        """The wall time of all runs together."""
        return sum(run.seconds for run in self.runs)


def worst(verdicts: Sequence[str]) -> str:
    """The worst of some verdicts; of none at all, ``incomplete``.

    Example:
      >>> worst(["pass", "outside", "pass"])
      'outside'
    """
    if not verdicts or "incomplete" in verdicts:
        return "incomplete"
    return "outside" if "outside" in verdicts else "pass"


def plain(value: Any) -> Any:
    """``value`` as JSON knows it: arrays and tuples are lists, nan and infinity are strings.

    Raises:
      TypeError: if the value is of another kind; names it.

    Example:
      >>> plain({"error": float("inf"), "shape": (2, 3)})
      {'error': 'inf', 'shape': [2, 3]}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(
        f"a result must hold numbers, words, lists and mappings, got {value!r} of type "
        f"{type(value).__name__}; hand it to plot through Numbers.data"
    )


def to_json(result: Result) -> str:
    """The text of ``results.json``.

    Example:
      >>> result = Result("a", "An experiment", "", "smoke", "smoke", {}, (0,), (), (), (), {})
      >>> from_json(to_json(result)).name
      'a'
    """
    tree = result._asdict()
    tree["runs"] = [
        run._asdict()
        | {
            "verdict": run.verdict,
            "tables": [_table_tree(table) for table in run.tables],
            "checks": [check._asdict() | {"passed": check.passed} for check in run.checks],
            "compared": [c._asdict() | {"ours": _entry_tree(c.ours)} for c in run.compared],
        }
        for run in result.runs
    ]
    tree["quotes"] = [quote._asdict() for quote in result.quotes]
    tree["figures"] = [figure._asdict() for figure in result.figures]
    head = {"schema": SCHEMA, "verdict": result.verdict, "seconds": result.seconds}
    return json.dumps(plain(head | tree), indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _table_tree(table: Table) -> dict[str, Any]:
    return table._asdict() | {"rows": [[_entry_tree(entry) for entry in r] for r in table.rows]}


def _entry_tree(entry: Item) -> Any:
    """A cell with its mean and deviation, anything else as it is."""
    if not isinstance(entry, Cell):
        return entry
    summary = {"n": len(entry.values), "mean": entry.mean, "deviation": entry.deviation}
    return {"level": entry.level, **summary, "values": entry.values}


def from_json(text: str) -> Result:
    """The result that `to_json` wrote.

    Raises:
      ValueError: if the text is damaged or of another schema; KeyError: if an entry is missing.

    Example:
      >>> from_json('{"schema": 0}')
      Traceback (most recent call last):
      ...
      ValueError: schema must be 2, got 0; run the experiment again with --force
    """
    tree = json.loads(text)
    schema = tree.get("schema") if isinstance(tree, dict) else None
    if schema != SCHEMA:
        raise ValueError(
            f"schema must be {SCHEMA}, got {schema!r}; run the experiment again with --force"
        )
    entries = {name: tree[name] for name in Result._fields}
    return Result(**entries)._replace(
        seeds=tuple(tree["seeds"]),
        runs=tuple(_run(run) for run in tree["runs"]),
        quotes=tuple(Quote(**quote) for quote in tree["quotes"]),
        figures=tuple(Figure(**figure) for figure in tree["figures"]),
    )


def _run(tree: Mapping[str, Any]) -> Run:
    tables = tuple(
        Table(
            table["title"],
            tuple(table["columns"]),
            tuple(tuple(_entry(entry) for entry in row) for row in table["rows"]),
        )
        for table in tree["tables"]
    )
    checks = tuple(
        Check(c["claim"], float(c["measured"]), c["relation"], float(c["bound"]))
        for c in tree["checks"]
    )
    compared = tuple(
        Comparison(c["claim"], c["paper"], _entry(c["ours"]), c["quote"]) for c in tree["compared"]
    )
    return Run(tree["seed"], tree["seconds"], tree["error"], tables, checks, compared, tree["data"])


def _entry(tree: Any) -> Any:
    return Cell(tuple(tree["values"]), tree["level"]) if isinstance(tree, dict) else tree

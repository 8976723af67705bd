"""Why two results differ: their settings, the code and the machine, then number by number.

Wall times always differ and are not compared; the columns that hold them say so by their name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from approxnet.errors import ConfigError
from approxnet.reproduce import page, summary
from approxnet.reproduce.records import Cell, Result, plain

TIMES = ("seconds", "[s]")
"""A column with this in its name holds wall times."""


class Difference(NamedTuple):
    """What is not the same: ``kind`` is ``setting``, ``origin``, ``number`` or ``verdict``.

    Example:
      >>> Difference("setting", "scale", "smoke", "full").name
      'scale'
    """

    kind: str
    name: str
    first: Any
    second: Any


def load(path: str | Path) -> dict[str, Result]:
    """The results below a folder, of one experiment's folder, or of a file, by name.

    Raises:
      ConfigError: if there is none, or one is damaged.

    Example:
      >>> load("nowhere")
      Traceback (most recent call last):
      ...
      approxnet.errors.ConfigError: run_dir must hold results, ...
    """
    path = Path(path)
    if path.suffix == ".json":
        found: dict[Path, Result | str] = {path: page.load_one(path)}
    elif (path / "results.json").is_file():
        found = {path: page.load_one(path)}
    else:
        found = page.load(path)
    damaged = [result for result in found.values() if isinstance(result, str)]
    if damaged:
        raise ConfigError(damaged[0])
    return {result.name: result for result in found.values() if isinstance(result, Result)}


def compare(first: Result, second: Result) -> list[Difference]:
    """What differs: settings, then the origin, then numbers and verdicts.

    Example:
      >>> a = Result("a", "An experiment", "", "smoke", "smoke", {"n": 1}, (0,), (), (), (), {})
      >>> compare(a, a._replace(config={"n": 2}))
      [Difference(kind='setting', name='config n', first=1, second=2)]
    """
    parts = {"setting": _settings, "origin": _origin, "number": _numbers, "verdict": _verdicts}
    return [
        Difference(kind, name, a, b)
        for kind, part in parts.items()
        for name, a, b in _unequal(dict(part(first)), dict(part(second)))
    ]


def _unequal(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Where the mappings differ; what only one has is "-" in the other."""
    for name in [*first, *(name for name in second if name not in first)]:
        a, b = first.get(name, "-"), second.get(name, "-")
        if plain(a) != plain(b):
            yield name, a, b


def _settings(result: Result) -> Iterator[tuple[str, Any]]:
    yield "scale", result.scale
    yield "seeds", list(result.seeds)
    yield "precision", result.provenance.get("precision")
    for key, value in result.config.items():
        yield f"config {key}", value


def _origin(result: Result) -> Iterator[tuple[str, Any]]:
    origin = result.provenance
    for key in ("commit", "dirty", "code", "device", "hardware"):
        yield key, origin.get(key)
    for package, version in origin.get("versions", {}).items():
        yield f"version of {package}", version
    for run in result.runs:
        for name, checksum in run.data.items():
            yield f"data {name}", checksum


def _numbers(result: Result) -> Iterator[tuple[str, Any]]:
    """Every cell of every table by its place, and our number of every comparison."""
    for table in summary.tables(result):
        for i, row in enumerate(table.rows):
            label = f" ({row[0]})" if isinstance(row[0], str) else ""
            for k, (column, entry) in enumerate(zip(table.columns, row, strict=False)):
                if not any(word in column for word in TIMES):
                    same = f" (column {k + 1})" if table.columns.count(column) > 1 else ""
                    yield f"{table.title}: row {i + 1}{label}, {column}{same}", entry
    for line in summary.comparisons(result):
        yield f"compared: {line.claim}", line.ours.values


def _verdicts(result: Result) -> Iterator[tuple[str, Any]]:
    yield "verdict", result.verdict
    for run in result.runs:
        if run.error:
            yield f"error of seed {run.seed}", run.error.splitlines()[-1]
        for check in run.checks:
            yield f"seed {run.seed}: {check.claim}", "holds" if check.passed else "does not hold"


def describe(difference: Difference) -> str:
    """One line; for two numbers how far they are apart, relative to the larger one.

    Example:
      >>> describe(Difference("number", "error", 1.0, 2.0))
      'number   error: 1 | 2 (relative 0.5)'
    """
    kind, name, first, second = difference
    numbers = [_number(value) for value in (first, second)]
    a, b = numbers
    apart = ""
    if a is not None and b is not None:
        apart = f" (relative {summary.number(abs(a - b) / max(abs(a), abs(b)))})"
    return f"{kind:8s} {name}: {_text(first)} | {_text(second)}{apart}"


def _number(value: Any) -> float | None:
    value = value.mean if isinstance(value, Cell) else value
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    return value if numeric else None


def _text(value: Any) -> str:
    numeric = isinstance(value, Cell | float)
    return summary.text(value) if numeric else str(value)

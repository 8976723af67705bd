"""Results in a few words: mean and standard deviation over the seeds, short numbers, short papers.

A number that several seeds have measured is shown as ``mean ± standard deviation``. Only seeds that
finished enter; those that failed are counted beside it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from approxnet.reproduce.records import (
    NOT_RUN,
    QUOTED,
    Cell,
    Item,
    Quote,
    Result,
    Table,
    quoted,
)


class Line(NamedTuple):
    """A number of a paper and ours, over all seeds.

    Example:
      >>> Line("hidden layers", quoted(2), Cell((2.0,), "smoke")).paper.mean
      2.0
    """

    claim: str
    paper: Cell
    ours: Cell
    quote: int = 0


def tables(result: Result) -> list[Table]:
    """The tables of all seeds that finished, each entry over the seeds.

    Example:
      >>> tables(Result("a", "An experiment", "", "smoke", "smoke", {}, (0,), (), (), (), {}))
      []
    """
    merged = []
    for same in zip(*(run.tables for run in result.runs if run.tables), strict=False):
        first = same[0]
        if any(len(table.rows) != len(first.rows) for table in same):
            merged.append(first._replace(title=f"{first.title} (first seed)"))
            continue
        rows = tuple(
            tuple(_over_seeds(entries, result.level) for entries in zip(*row, strict=False))
            for row in zip(*(table.rows for table in same), strict=True)
        )
        merged.append(first._replace(rows=rows))
    return merged


def _over_seeds(entries: Sequence[Item], level: str) -> Item:
    """One entry for those of several seeds: what is the same everywhere stays as it is."""
    first = entries[0]
    if len(set(entries)) == 1 or any(isinstance(entry, str) for entry in entries):
        return first
    return _pool([as_cell(entry, level) for entry in entries])


def _pool(cells: Sequence[Cell]) -> Cell:
    """The values of all seeds together; what is printed or not run stays as it is."""
    first = cells[0]
    if len(set(cells)) == 1 and first.level in (QUOTED, NOT_RUN):
        return first
    return first._replace(values=tuple(value for cell in cells for value in cell.values))


def as_cell(entry: Item, level: str) -> Cell:
    """A bare number as a cell of that level.

    Example:
      >>> as_cell(2.0, "smoke").level
      'smoke'
    """
    return entry if isinstance(entry, Cell) else Cell((entry,), level)


def comparisons(result: Result) -> list[Line]:
    """The numbers of the paper beside ours, over the seeds that finished.

    Example:
      >>> comparisons(Result("a", "An experiment", "", "smoke", "smoke", {}, (0,), (), (), (), {}))
      []
    """
    finished = [run.compared for run in result.runs if run.compared]
    return [
        Line(
            same[0].claim,
            quoted(same[0].paper) if same[0].paper != "" else Cell((), ""),
            _pool([as_cell(c.ours, result.level) for c in same]),
            same[0].quote,
        )
        for same in zip(*finished, strict=False)
    ]


def text(entry: Item) -> str:
    """An entry as a reader wants it; what is quoted with all the digits that are printed.

    Example:
      >>> text(Cell((1.0, 2.0), "full")), text(0.25), text(Cell((), "not run")), text(quoted(93.53))
      ('1.5 ± 0.707', '0.25', 'not run', '93.53')
    """
    if isinstance(entry, str):
        return entry
    if not isinstance(entry, Cell):
        return number(entry)
    if not entry.values:
        return entry.level
    if entry.mean is None or entry.level == QUOTED:
        return ", ".join(map(str, entry.values))
    spread = f" ± {number(entry.deviation)}" if entry.deviation else ""
    return f"{number(entry.mean)}{spread}"


def beside(line: Line) -> tuple[str, str]:
    """The paper's number and ours, to as many decimals as the paper prints; "-" if not run.

    Example:
      >>> beside(Line("accuracy", quoted(93.53), Cell((93.0, 94.0), "full")))
      ('93.53', '93.50 ± 0.71')
    """
    paper = text(line.paper)
    decimals = re.fullmatch(r"-?\d+\.(\d+)", paper)
    mean, deviation = line.ours.mean, line.ours.deviation
    if line.ours.level == NOT_RUN:
        return paper, "-"
    if not decimals or mean is None:
        return paper, text(line.ours)
    values = [mean] if deviation is None else [mean, deviation]
    return paper, " ± ".join(f"{value:.{len(decimals[1])}f}" for value in values)


def worth(cell: Cell, result: Result) -> str:
    """The level with the seeds: how many finished, how many failed.

    Example:
      >>> result = Result("a", "An experiment", "", "full", "full", {}, (0, 1), (), (), (), {})
      >>> worth(Cell((1.0, 2.0), "full"), result)
      'full, 2 seeds'
    """
    if cell.level == NOT_RUN:
        return NOT_RUN
    failed = sum(bool(run.error) for run in result.runs)
    seeds = f", {len(cell.values)} seeds" if len(cell.values) > 1 else ""
    return f"{cell.level}{seeds}" + (f", {failed} failed" if failed else "")


def held(result: Result) -> str:
    """How many checks hold.

    Example:
      >>> held(Result("a", "An experiment", "", "full", "full", {}, (0, 1), (), (), (), {}))
      '0 of 0'
    """
    checks = [check for run in result.runs for check in run.checks]
    return f"{sum(check.passed for check in checks)} of {len(checks)}"


def short(quote: Quote) -> str:
    """Authors, year and place of a quote.

    Example:
      >>> short(Quote("J. He, J. Xu, MgNet: a framework, Sci. China Math. 62 (2019), 1331-1354",
      ...             "table 2", "93.53"))
      'He, Xu (2019), table 2'
      >>> short(Quote("Penn State MATH 452, Deep Learning, Spring 2022", "PA 2", "92 %"))
      'Penn State MATH 452 (2022), PA 2'
    """
    authors = []
    for part in quote.paper.split(", "):
        family = re.fullmatch(r"(?:[A-Z]\w*\.[- ]?)+([A-Z]?[^:]*)", part)
        if not family or len(part) > 30:
            break
        authors.append(family[1])
    years = re.findall(r"\b(?:19|20)\d\d\b", re.sub(r"arXiv:\S+", "", quote.paper))
    named = ", ".join(authors) or quote.paper.partition(", ")[0]
    return f"{named}{f' ({years[-1]})' if years else ''}, {quote.place}"


def number(value: float) -> str:
    r"""A number as a reader wants it: three digits, thousands apart.

    Example:
      >>> number(273280), number(0.000123456), number(31.41592), number(float("nan"))
      ('273\u202f280', '1.23e-4', '31.4', 'nan')
    """
    if not math.isfinite(value):
        return repr(float(value))
    if float(value).is_integer() and abs(value) < 1e9:
        return f"{int(value):,}".replace(",", "\u202f")
    if 1e-3 <= abs(value) < 1e5:
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}".replace(",", "\u202f")
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{mantissa}e{int(exponent)}"

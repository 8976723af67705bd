"""The results that are committed: ``docs/results/NAME.json``, and the tables drawn from them.

`publish` writes the results of a run there, without figures and without anything that tells on
whose machine they were made, and then `rebuild` writes the tables of ``README.md`` and of
``docs/results.md``. Those tables are functions of the committed files; a test compares them.

A table stands between the lines ``<!-- results -->`` and ``<!-- end of results -->``.
"""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from approxnet.errors import ConfigError, DataError
from approxnet.reproduce import page, store, summary
from approxnet.reproduce.records import NOT_RUN, Cell, Result, from_json, to_json
from approxnet.reproduce.summary import Line

MOST = 50_000
"""A committed file has at most so many bytes."""

BEGIN, END = "<!-- results -->\n", "<!-- end of results -->\n"

PATHS = re.compile(r"(?<![\w/:.])(?:[A-Za-z]:)?(?:[/\\][\w.@+~-]+){2,}")
"""Absolute paths."""


def checkout() -> Path:
    """The checkout that holds this package.

    Raises:
      ConfigError: if the package is installed without one.
    """
    root = Path(__file__).resolve().parents[2]
    if not (root / "docs").is_dir():
        raise ConfigError(
            f"the package must lie in a checkout to publish results, got {str(root)!r} without "
            "docs; clone the repository and install with pip install -e ."
        )
    return root


def publish(run_dir: str | Path, root: Path | None = None) -> list[Path]:
    """Write the results of a run to ``docs/results``, and draw the tables anew.

    Args:
      run_dir: a folder of results.
      root: the checkout; None for that which holds this package.

    Returns:
      The files that were written.

    Raises:
      ConfigError: if there is no result, or one is larger than `MOST` bytes.
      DataError: if a result is damaged.

    Example:
      >>> publish("nowhere", Path("."))
      Traceback (most recent call last):
      ...
      approxnet.errors.ConfigError: run_dir must hold results, ...
    """
    root = checkout() if root is None else root
    texts = {result.name: to_json(anonymous(result)) for result in _load(run_dir)}
    for name, text in texts.items():
        if len(text.encode()) > MOST:
            raise ConfigError(
                f"a published result must have at most {MOST} bytes, got {len(text.encode())} of "
                f"{name}; give its tables fewer rows"
            )
    folder = root / "docs" / "results"
    for name, text in texts.items():
        store.write(folder / f"{name}.json", text)
    return [*(folder / f"{name}.json" for name in texts), *rebuild(root)]


def rebuild(root: Path) -> list[Path]:
    """Write the tables of README and docs from ``docs/results``; gives the files that changed.

    Raises:
      ConfigError: if there is no committed result, or a file lacks the lines of its table.

    Example:
      >>> rebuild(Path("nowhere"))
      Traceback (most recent call last):
      ...
      approxnet.errors.ConfigError: run_dir must hold results, ...
    """
    written = []
    for path, text in pages(root).items():
        if path.read_text(encoding="utf-8") != text:
            store.write(path, text)
            written.append(path)
    return written


def pages(root: Path) -> dict[Path, str]:
    """What README and docs must say, by path.

    Raises:
      ConfigError: if there is no committed result, or a file lacks the lines of its table.

    Example:
      >>> pages(Path("nowhere"))
      Traceback (most recent call last):
      ...
      approxnet.errors.ConfigError: run_dir must hold results, ...
    """
    results = _load(root / "docs" / "results")
    tables = {
        root / "README.md": short_table(results),
        root / "docs" / "results.md": long_table(results),
    }
    return {path: _insert(path, table) for path, table in tables.items()}


def _load(run_dir: str | Path) -> list[Result]:
    results = list(page.load(run_dir).values())
    for result in results:
        if isinstance(result, str):
            raise DataError(result)
    return [result for result in results if isinstance(result, Result)]


def _insert(path: Path, table: str) -> str:
    text = path.read_text(encoding="utf-8")
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ConfigError(
            f"{path} must hold the lines {BEGIN.strip()!r} and {END.strip()!r}, got not both; "
            "write them where the table of results belongs"
        )
    return f"{head}{begin}{table}{end}{tail}"


def anonymous(result: Result) -> Result:
    """The result without figures, and without the paths and the name of a machine.

    Of an absolute path the last part stays, behind three dots.

    Example:
      >>> quiet = anonymous(Result("a", "An experiment", "in /home/me/data/x.npz", "smoke", "smoke",
      ...                          {}, (0,), (), (), (), {}))
      >>> quiet.about
      'in .../x.npz'
    """
    tree = json.loads(to_json(result._replace(figures=())))
    return from_json(json.dumps(_anonymous(tree)))


def _anonymous(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _anonymous(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_anonymous(value) for value in tree]
    if not isinstance(tree, str):
        return tree
    text = PATHS.sub(lambda path: ".../" + re.split(r"[/\\]", path[0])[-1], tree)
    return re.sub(rf"(?<![\w.-]){re.escape(platform.node() or '-')}(?![\w.-])", "...", text)


def short_table(results: Sequence[Result]) -> str:
    """One row for each experiment: paper, what it claims, its number, ours, level.

    Example:
      >>> short_table([]).splitlines()[0]
      '| experiment | paper | what it claims | the paper | ours | level |'
    """
    return _table([_rows(result)[0] for result in results])


def long_table(results: Sequence[Result]) -> str:
    """All numbers of all experiments, and how each was made.

    Example:
      >>> long_table([]).splitlines()[0]
      '| experiment | paper | what it claims | the paper | ours | level |'
    """
    rows = [row for result in results for row in _rows(result)]
    made = {_made(result): None for result in results}
    return "\n".join([_table(_said_once(rows)), *(f"- {line}" for line in made), ""])


def _said_once(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """The rows; experiment and paper are left out where they are those of the row before."""
    before: list[Sequence[str]] = [("", ""), *rows]
    return [
        [
            *(cell if cell != last else "" for cell, last in zip(row[:2], above, strict=False)),
            *row[2:],
        ]
        for above, row in zip(before, rows, strict=False)
    ]


def _rows(result: Result) -> list[list[str]]:
    """The rows of an experiment; one that compares no number says how many checks hold."""
    lines = summary.comparisons(result)
    if not lines:
        claim = result.quotes[0].statement if result.quotes else result.title
        ours = f"{summary.held(result)} checks hold" if result.runs else NOT_RUN
        level = _level(Cell((), result.level if result.runs else NOT_RUN), result)
        return [[f"`{result.name}`", _source(result, 0), escape(claim), "", ours, escape(level)]]
    return [[f"`{result.name}`", *_compared(result, line)] for line in lines]


def _compared(result: Result, line: Line) -> Iterable[str]:
    texts = (line.claim, *summary.beside(line), _level(line.ours, result))
    return (_source(result, line.quote), *map(escape, texts))


def _level(cell: Cell, result: Result) -> str:
    """The level, and the verdict on the experiment if some check does not hold."""
    verdict = "" if result.verdict == "pass" else f", {result.verdict}"
    return f"{summary.worth(cell, result)}{verdict}"


def _source(result: Result, quote: int) -> str:
    return escape(summary.short(result.quotes[quote])) if result.quotes else ""


def _made(result: Result) -> str:
    origin: Mapping[str, object] = result.provenance
    dirty = " with uncommitted changes" if origin.get("dirty") else ""
    versions = origin.get("versions")
    jax = f"JAX {versions.get('jax')}" if isinstance(versions, Mapping) else "JAX"
    commit = str(origin.get("commit") or "no checkout")[:10]
    return escape(
        f"commit {commit}{dirty}, {jax}, {origin.get('hardware')}, {origin.get('device')}"
    )


def _table(rows: Sequence[Sequence[str]]) -> str:
    columns = ("experiment", "paper", "what it claims", "the paper", "ours", "level")
    lines = [columns, ("---", "---", "---", "---:", "---:", "---"), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def escape(text: str) -> str:
    r"""The text in a cell of a Markdown table.

    Example:
      >>> escape("|u - v| <= a*b")
      '\\|u - v\\| &lt;= a\\*b'
    """
    text = " ".join(text.split()).replace("<", "&lt;")
    return re.sub(r"([|*_`\[\]])", r"\\\1", text)

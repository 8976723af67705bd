"""One self-contained page, ``report.html``, drawn from the results on disk and nothing else.

The page needs no network: style, script and images are inside it. It is light or dark as the
reader's device is, or as the reader chooses; it fits a phone, and prints. The script sorts tables
by the column that is clicked; without it the page says the same. What is outside its tolerance is
shown first and large.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from approxnet.errors import ConfigError, DataError
from approxnet.reproduce import catalog, store, summary
from approxnet.reproduce.markup import Td, table_of
from approxnet.reproduce.records import (
    NOT_RUN,
    QUOTED,
    Cell,
    Check,
    Figure,
    Item,
    Result,
    Run,
    Table,
    worst,
)
from approxnet.reproduce.summary import number

FEW = 15
"""Up to so many checks are listed at once; more are folded. What fails is always shown."""

UNBOUNDED = ("nan", "inf", "-inf")
"""Numbers that JSON writes as words."""

LEGEND = (
    '<p class="soft">Levels: <span class="quoted">quoted</span> is printed in the paper; ours are '
    "smoke (seconds), partial (what differs from full scale is named) or full; several seeds are "
    "shown as mean ± standard deviation.</p>"
)

WORDS = {"pass": "within tolerance", "outside": "outside tolerance", "incomplete": "incomplete"}


def report(run_dir: str | Path) -> Path:
    """Draw ``run_dir/report.html`` from the results in ``run_dir``.

    Returns:
      The path of the page.

    Raises:
      ConfigError: if there is no result in ``run_dir``.

    Example:
      >>> report("nowhere")
      Traceback (most recent call last):
      ...
      approxnet.errors.ConfigError: run_dir must hold results, ...
    """
    results = load(run_dir)
    path = Path(run_dir) / "report.html"
    store.write(path, render(results))
    return path


def load(run_dir: str | Path) -> dict[Path, Result | str]:
    """The results below ``run_dir`` by folder; for a damaged file what is wrong with it.

    An unfinished result counts where there is no finished one. Published results are files
    ``NAME.json`` and have no figures.

    Raises:
      ConfigError: if there is none.

    Example:
      >>> load("nowhere")
      Traceback (most recent call last):
      ...
      approxnet.errors.ConfigError: run_dir must hold results, ...
    """
    root = Path(run_dir)
    found: dict[str, Path] = {}
    for path in sorted(root.glob("*.json")):
        found[path.stem] = path
    for place in (root / store.UNFINISHED, root):
        for path in sorted(place.glob(f"*/{store.RESULTS}")):
            found[path.parent.name] = path.parent
    if not found:
        raise ConfigError(
            f"run_dir must hold results, NAME/{store.RESULTS}, got none in {str(root)!r}; "
            "make some with: approxnet reproduce --out DIR"
        )
    return {found[name]: load_one(found[name]) for name in sorted(found)}


def load_one(folder: Path) -> Result | str:
    """The result in a folder or a file; what is wrong with it if it is damaged.

    Raises:
      AssertionError: if there is none.

    Example:
      >>> import tempfile
      >>> path = Path(tempfile.mkdtemp()) / "a.json"
      >>> path.touch()
      >>> load_one(path)
      '...a.json must be a result that approxnet wrote, got a damaged file ...'
    """
    try:
        result = store.read(folder)
    except DataError as error:
        return str(error)
    assert result is not None
    return result


def verdict(results: Mapping[Path, Result | str]) -> str:
    """The worst verdict; a damaged result is incomplete.

    Example:
      >>> verdict({Path("a"): "a is damaged"})
      'incomplete'
    """
    return worst(["incomplete" if isinstance(r, str) else r.verdict for r in results.values()])


def render(results: Mapping[Path, Result | str]) -> str:
    """The page as text.

    Example:
      >>> render({Path("a"): "a is damaged"}).startswith("<!doctype html>")
      True
    """
    style, script = (
        (Path(__file__).parent / f"page.{kind}").read_text(encoding="utf-8")
        for kind in ("css", "js")
    )
    judged = verdict(results)
    body = "".join(_section(folder, result) for folder, result in results.items())
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>approxnet: {WORDS[judged]}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f"<h1>approxnet reproduces</h1>\n"
        f'<p class="banner {judged}">{_headline(results)}</p>\n'
        f"{_overview(results)}\n{LEGEND}\n{body}"
        f'<script type="module">\n{script}</script>\n</body>\n</html>\n'
    )


def _headline(results: Mapping[Path, Result | str]) -> str:
    verdicts = [verdict({folder: result}) for folder, result in results.items()]
    counts = [(verdicts.count(kind), WORDS[kind]) for kind in ("outside", "incomplete", "pass")]
    return ", ".join(
        f"{count} of {len(verdicts)} experiments {words}" for count, words in counts if count
    )


def _overview(results: Mapping[Path, Result | str]) -> str:
    rows: list[list[str | Td]] = []
    for folder, result in results.items():
        name = _id(folder).replace("_", "_<wbr>")
        judged, link = verdict({folder: result}), f'<a href="#{_id(folder)}">{name}</a>'
        cells: list[str | Td] = [link, _badge(judged)]
        if isinstance(result, Result):
            time = Td(f"{result.seconds:.1f} s", result.seconds)
            checks = Td(summary.held(result), kind="short")
            cells += [checks, escape(result.level), _seeds(result), time]
        rows.append(cells)
    return table_of(("experiment", "verdict", "checks", "level", "seeds", "time"), rows, right=[5])


def _section(folder: Path, result: Result | str) -> str:
    if isinstance(result, str):
        content = f"<h2>{_id(folder)}</h2>{_badge('incomplete')}<pre>{escape(result)}</pre>"
        return f'<section id="{_id(folder)}">{content}</section>\n'
    parts = [
        f"<h2>{escape(result.title or result.name)}</h2>",
        f'<p class="soft">{escape(result.name)}, {escape(_scale(result))}, '
        f"{_seeds(result)}, {result.seconds:.1f} s &middot; {_badge(result.verdict)}</p>",
        _expected(result),
        _alarm(result),
        _compared(result),
        _checks(result.runs),
        *(_figure(folder, figure) for figure in result.figures),
        *(_measured(table, result.level) for table in summary.tables(result)),
        _quotes(result),
        _origin(result),
    ]
    return f'<section id="{_id(folder)}">\n' + "\n".join(filter(None, parts)) + "\n</section>\n"


def _id(folder: Path) -> str:
    return escape(folder.name.removesuffix(".json"), quote=True)


def _badge(judged: str) -> str:
    return f'<span class="verdict {judged}">{WORDS[judged]}</span>'


def _scale(result: Result) -> str:
    return f"{result.scale} scale" if result.scale == result.level else result.level


def _expected(result: Result) -> str:
    expected = catalog.expectation(result.about)
    return f'<p class="expected">Expected: {escape(expected)}</p>' if expected else ""


def _seeds(result: Result) -> str:
    failed = sum(bool(run.error) for run in result.runs)
    if result.seeds == (0,) and not failed:
        return "one run"
    counted = f"{len(result.runs) - failed} of {len(result.seeds)} seeds"
    return f"{counted}, {failed} failed" if failed else counted


def _alarm(result: Result) -> str:
    """What does not hold and what failed, large."""
    red = [
        f"<p>{escape(check.claim)}: measured {number(check.measured)}, "
        f"asked {_asked(check)}{_of_seed(result, run)}</p>"
        for run in result.runs
        for check in run.checks
        if not check.passed
    ]
    failed = [
        f"<p>The run failed{_of_seed(result, run)}</p><pre>{escape(run.error)}</pre>"
        for run in result.runs
        if run.error
    ]
    if len(result.runs) < len(result.seeds):
        failed.append("<p>Not finished: run the same command again to go on</p>")
    boxes = [("alarm", red), ("alarm failed", failed)]
    return "".join(f'<div class="{kind}">{"".join(text)}</div>' for kind, text in boxes if text)


def _of_seed(result: Result, run: Run) -> str:
    return f" (seed {run.seed})" if len(result.seeds) > 1 else ""


def _asked(check: Check) -> str:
    return f"{escape(check.relation)} {number(check.bound)}"


def _checks(runs: Sequence[Run]) -> str:
    """Every check with the worst value over the seeds."""
    rows: list[list[str | Td]] = []
    for same in zip(*(run.checks for run in runs if run.checks), strict=False):
        failing = [check for check in same if not check.passed]
        shown = (failing or sorted(same, key=_slack))[0]
        held = "holds" if not failing else "does not hold"
        kind = "pass" if not failing else "outside"
        seeds = f" ({len(same) - len(failing)} of {len(same)} seeds)" if len(same) > 1 else ""
        badge = f'<span class="verdict {kind}">{held}{seeds}</span>'
        measured, bound = (
            Td(number(shown.measured), shown.measured),
            Td(_asked(shown), shown.bound),
        )
        rows.append([escape(shown.claim), measured, bound, badge])
    if not rows:
        return ""
    held = sum(check.passed for run in runs for check in run.checks)
    total = sum(len(run.checks) for run in runs)
    table = table_of(("what is asked", "measured", "bound", ""), rows, right=[1, 2])
    is_open = " open" if len(rows) <= FEW else ""
    return (
        f"<details{is_open}><summary>What was asked: {held} of {total} checks hold</summary>"
        f"{table}</details>"
    )


def _slack(check: Check) -> float:
    """How far the value is inside its bound."""
    below = check.relation in ("<=", "<")
    return check.bound - check.measured if below else check.measured - check.bound


def _measured(table: Table, level: str) -> str:
    rows = [[_cell(entry, level) for entry in row] for row in table.rows]
    columns = [escape(column) for column in table.columns]
    words = {i for row in table.rows for i, entry in enumerate(row) if _is_word(entry)}
    right = set(range(len(columns))) - words
    return f"<h3>{escape(table.title)}</h3>{table_of(columns, rows, right)}"


def _is_word(entry: Item) -> bool:
    values = entry.values if isinstance(entry, Cell) else (entry,)
    return any(isinstance(value, str) and value not in UNBOUNDED for value in values)


def _cell(entry: Item, level: str) -> Td:
    """The entry as the reader sees it, the number it is sorted by, and how much it is worth."""
    cell = summary.as_cell(entry, level)
    seeds = f", {len(cell.values)} seeds" if len(cell.values) > 1 else ""
    shown = summary.text(cell)
    kind = {QUOTED: "quoted", NOT_RUN: "missing"}.get(cell.level, "")
    title = f"{cell.level}{seeds}" if shown else ""
    return Td(escape(shown), cell.mean, kind, escape(title, quote=True))


def _compared(result: Result) -> str:
    """The numbers of the paper beside ours."""
    rows: list[list[str | Td]] = []
    for line in summary.comparisons(result):
        paper, ours = (
            _cell(cell, cell.level)._replace(html=escape(shown))
            for cell, shown in zip((line.paper, line.ours), summary.beside(line), strict=True)
        )
        rows.append([escape(line.claim), paper, ours, escape(summary.worth(line.ours, result))])
    if not rows:
        return ""
    columns = ("number", "paper", "ours", "level")
    return f"<h3>The paper's numbers and ours</h3>{table_of(columns, rows, right=[1, 2])}"


def _figure(folder: Path, figure: Figure) -> str:
    caption = escape(figure.caption)
    try:
        data = base64.b64encode((folder / figure.file).read_bytes()).decode("ascii")
    except OSError:
        return f'<p class="incomplete">The figure {escape(figure.file)} is missing: {caption}</p>'
    return (
        f'<figure><img alt="{escape(figure.caption, quote=True)}" '
        f'src="data:image/png;base64,{data}"><figcaption>{caption}</figcaption></figure>'
    )


def _quotes(result: Result) -> str:
    if not result.quotes:
        return ""
    items = "".join(
        f"<blockquote>{escape(quote.statement)}<br>"
        f'<span class="soft">{escape(quote.paper)}, {escape(quote.place)}</span></blockquote>'
        for quote in result.quotes
    )
    return f"<h3>What the papers say</h3>{items}"


def _origin(result: Result) -> str:
    """Docstring, configuration and provenance, folded."""
    origin = result.provenance
    dirty = " with uncommitted changes" if origin.get("dirty") else ""
    lines = {
        "configuration": ", ".join(f"{key} = {value}" for key, value in result.config.items()),
        "commit": f"{origin['commit']}{dirty}" if origin.get("commit") else "not in a checkout",
        "versions": ", ".join(f"{k} {v}" for k, v in origin.get("versions", {}).items()),
        "data": ", ".join(f"{name} {checksum}" for name, checksum in _data(result).items()),
        **{key: str(origin.get(key, "")) for key in ("device", "hardware", "precision", "started")},
        "code": str(origin.get("code", "")),
    }
    rows = [[escape(key), escape(value)] for key, value in lines.items() if value]
    return (
        f"<details><summary>How it was made</summary><pre>{escape(result.about)}</pre>"
        f"{table_of(('', ''), rows)}</details>"
    )


def _data(result: Result) -> dict[str, str]:
    return {name: checksum for run in result.runs for name, checksum in run.data.items()}

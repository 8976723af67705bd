"""One self-contained page, ``report.html``, drawn from the results on disk and nothing else.

The page needs no network and no script: style and images are inside it. It is light or dark as
the reader's device is, fits a phone, and prints. What is outside its tolerance is shown first
and large.
"""

from __future__ import annotations

import base64
import math
import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from approxnet.errors import ConfigError, DataError
from approxnet.reproduce import store
from approxnet.reproduce.records import Check, Figure, Result, Run, Table, worst

FEW = 15
"""Up to so many checks are listed at once; more are folded. What fails is always shown."""

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

    An unfinished result counts where there is no finished one.

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
    for place in (root / store.UNFINISHED, root):
        for path in sorted(place.glob(f"*/{store.RESULTS}")):
            found[path.parent.name] = path.parent
    if not found:
        raise ConfigError(
            f"run_dir must hold results, NAME/{store.RESULTS}, got none in {str(root)!r}; "
            "make some with: approxnet reproduce --out DIR"
        )
    return {found[name]: _load_one(found[name]) for name in sorted(found)}


def _load_one(folder: Path) -> Result | str:
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
    style = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
    judged = verdict(results)
    body = "".join(_section(folder, result) for folder, result in results.items())
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>approxnet: {WORDS[judged]}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f"<h1>approxnet reproduces</h1>\n"
        f'<p class="banner {judged}">{_headline(results)}</p>\n'
        f"{_overview(results)}\n{body}</body>\n</html>\n"
    )


def _headline(results: Mapping[Path, Result | str]) -> str:
    verdicts = [verdict({folder: result}) for folder, result in results.items()]
    counts = [(verdicts.count(kind), WORDS[kind]) for kind in ("outside", "incomplete", "pass")]
    return ", ".join(
        f"{count} of {len(verdicts)} experiments {words}" for count, words in counts if count
    )


def _overview(results: Mapping[Path, Result | str]) -> str:
    rows = []
    for folder, result in results.items():
        judged, link = verdict({folder: result}), f'<a href="#{_id(folder)}">{_id(folder)}</a>'
        cells = [link, _badge(judged)]
        if isinstance(result, Result):
            checks = [check for run in result.runs for check in run.checks]
            held = f"{sum(check.passed for check in checks)} of {len(checks)}"
            cells += [held, escape(result.scale), f"{result.seconds:.1f} s"]
        rows.append(cells)
    return _table(("experiment", "verdict", "checks", "scale", "time"), rows, right=[4])


def _section(folder: Path, result: Result | str) -> str:
    if isinstance(result, str):
        content = f"<h2>{_id(folder)}</h2>{_badge('incomplete')}<pre>{escape(result)}</pre>"
        return f'<section id="{_id(folder)}">{content}</section>\n'
    parts = [
        f"<h2>{escape(result.title or result.name)}</h2>",
        f'<p class="soft">{escape(result.name)}, {escape(result.scale)} scale, '
        f"{_seeds(result)}, {result.seconds:.1f} s &middot; {_badge(result.verdict)}</p>",
        _alarm(result),
        _checks(result.runs),
        *(_figure(folder, figure) for figure in result.figures),
        *(_measured(table) for table in _merge([run.tables for run in result.runs])),
        _quotes(result),
        _origin(result),
    ]
    return f'<section id="{_id(folder)}">\n' + "\n".join(filter(None, parts)) + "\n</section>\n"


def _id(folder: Path) -> str:
    return escape(folder.name, quote=True)


def _badge(judged: str) -> str:
    return f'<span class="verdict {judged}">{WORDS[judged]}</span>'


def _seeds(result: Result) -> str:
    if result.seeds == (0,):
        return "one run"
    return f"{len(result.runs)} of {len(result.seeds)} seeds"


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
    rows = []
    for same in zip(*(run.checks for run in runs if run.checks), strict=False):
        failing = [check for check in same if not check.passed]
        shown = (failing or sorted(same, key=_slack))[0]
        held = "holds" if not failing else "does not hold"
        kind = "pass" if not failing else "outside"
        seeds = f" ({len(same) - len(failing)} of {len(same)} seeds)" if len(same) > 1 else ""
        badge = f'<span class="verdict {kind}">{held}{seeds}</span>'
        rows.append([escape(shown.claim), number(shown.measured), _asked(shown), badge])
    if not rows:
        return ""
    held = sum(check.passed for run in runs for check in run.checks)
    total = sum(len(run.checks) for run in runs)
    table = _table(("what is asked", "measured", "bound", ""), rows, right=[1, 2])
    is_open = " open" if len(rows) <= FEW else ""
    return (
        f"<details{is_open}><summary>What was asked: {held} of {total} checks hold</summary>"
        f"{table}</details>"
    )


def _slack(check: Check) -> float:
    """How far the value is inside its bound."""
    below = check.relation in ("<=", "<")
    return check.bound - check.measured if below else check.measured - check.bound


def _measured(table: Table) -> str:
    rows = [[_cell(entry) for entry in row] for row in table.rows]
    columns = [escape(column) for column in table.columns]
    words = {i for row in table.rows for i, entry in enumerate(row) if _is_word(entry)}
    right = set(range(len(columns))) - words
    return f"<h3>{escape(table.title)}</h3>{_table(columns, rows, right)}"


def _is_word(entry: Any) -> bool:
    return isinstance(entry, str) and " ± " not in entry and entry not in ("nan", "inf", "-inf")


def _cell(entry: Any) -> str:
    return escape(entry) if isinstance(entry, str) else number(entry)


def _merge(runs: Iterable[Sequence[Table]]) -> list[Table]:
    """The tables of one run; of several seeds, mean and standard deviation entry by entry."""
    runs = [tables for tables in runs if tables]
    merged = []
    for same in zip(*runs, strict=False):
        first = same[0]
        if any(len(table.rows) != len(first.rows) for table in same):
            merged.append(first._replace(title=f"{first.title} (first seed)"))
            continue
        rows = tuple(
            tuple(_mean(entries) for entries in zip(*row, strict=False))
            for row in zip(*(table.rows for table in same), strict=True)
        )
        merged.append(first._replace(rows=rows))
    return merged


def _mean(entries: Sequence[Any]) -> Any:
    numeric = all(isinstance(entry, int | float) for entry in entries)
    if len(set(entries)) == 1 or not numeric:
        return entries[0]
    return f"{number(statistics.mean(entries))} ± {number(statistics.stdev(entries))}"


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


def _table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[int] = ()
) -> str:
    """A table of cells that are HTML already; the columns ``right`` hold numbers."""
    kinds = [' class="number"' if column in right else "" for column in range(len(columns))]
    head = "".join(f"<th{kind}>{c}</th>" for kind, c in zip(kinds, columns, strict=True))
    body = "".join(
        "<tr>"
        + "".join(f"<td{kind}>{cell}</td>" for kind, cell in zip(kinds, row, strict=False))
        + "</tr>\n"
        for row in rows
    )
    return (
        f'<div class="wide"><table><thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}</tbody></table></div>"
    )


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
        **{key: str(origin.get(key, "")) for key in ("device", "host", "precision", "started")},
        "code": str(origin.get("code", "")),
    }
    rows = [[escape(key), escape(value)] for key, value in lines.items() if value]
    return (
        f"<details><summary>How it was made</summary><pre>{escape(result.about)}</pre>"
        f"{_table(('', ''), rows)}</details>"
    )

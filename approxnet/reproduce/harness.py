"""Runs experiments: each seed once, nothing finished twice, nothing finished lost.

A run is told apart by experiment, configuration, code, versions, device and precision. Seeds that
are finished under the same identity are taken from disk. A seed that raises is recorded with its
error, and the others go on; Ctrl-C ends the sweep and keeps every finished seed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from approxnet.errors import ApproxnetError, ConfigError, DataError
from approxnet.reproduce import catalog, progress, provenance, store
from approxnet.reproduce.catalog import Experiment
from approxnet.reproduce.records import Cell, Figure, Numbers, Result, Run, plain, worst

EXIT_CODES = {"pass": 0, "outside": 3, "incomplete": 4}
INTERRUPTED = 130


def run(
    experiment: str | Experiment,
    config: Any = None,
    *,
    scale: str = "smoke",
    seeds: int = 1,
    out: str | Path | None = None,
    force: bool = False,
    report: progress.Reporter = progress.silent,
) -> Result:
    """Run an experiment, seed by seed, in the precision that it asks for.

    Args:
      experiment: a name from `catalog.names`, or an `Experiment`.
      config: its configuration; None for that of ``scale``.
      scale: ``smoke`` or ``full``.
      seeds: how many seeds, counted from the configuration's; an experiment whose configuration
        has no field ``seed`` is deterministic and is run once.
      out: a folder; the result is kept in ``out/NAME``. None writes nothing and draws nothing.
      force: run finished seeds again.
      report: told of each step.

    Returns:
      The result; an exception of the experiment is in it, not raised.

    Raises:
      ConfigError: if the experiment, the scale or the configuration is not known, or ``out``
        cannot be written to.
      RunLockError: if another process writes to ``out``.

    Example:
      >>> experiment = catalog.find("one_hidden_layer_is_not_enough")
      >>> small = dataclasses.replace(experiment.scales["smoke"], neurons=(25,), grid=12)
      >>> run(experiment, small).verdict
      'pass'
    """
    if isinstance(experiment, str):
        experiment = catalog.find(experiment)
    blank, configs = _plan(experiment, config, scale, seeds)
    if out is None:
        runs = tuple(
            _measure(experiment, seed, configs[seed], blank.level, report)[0] for seed in configs
        )
        return blank._replace(runs=runs)
    folder = store.prepare(Path(out))
    with store.lock(folder):
        return _run_and_keep(experiment, blank, configs, folder, force, report)


def sweep(
    names: Sequence[str],
    out: str | Path,
    *,
    scale: str = "smoke",
    seeds: int = 1,
    force: bool = False,
    console: Console | None = None,
) -> int:
    """Run several experiments, all when none is named, and say how each went.

    Returns:
      The exit code: 0 all checks hold, 3 some do not, 4 some run failed, 130 interrupted.

    Raises:
      ConfigError: if a name is not known or ``out`` cannot be written to.

    Example:
      >>> import tempfile
      >>> sweep(["photograf"], tempfile.mkdtemp())
      Traceback (most recent call last):
      ...
      approxnet.errors.ConfigError: experiment must be one of ...; did you mean 'photograph'?
    """
    console = console or Console()
    experiments = [_find(name) for name in catalog.known(names)]
    folder, verdicts, began = store.prepare(Path(out)), [], provenance.now()
    with progress.watch(console) as reporter:
        for experiment in experiments:
            _say_plan(console, experiment, scale)
            try:
                result = run(
                    experiment,
                    scale=scale,
                    seeds=seeds,
                    out=folder,
                    force=force,
                    report=reporter(experiment.name),
                )
            except KeyboardInterrupt:
                done = [e.name for e in experiments[: len(verdicts)]]
                _say_interrupted(console, done, [e.name for e in experiments[len(done) :]], folder)
                return INTERRUPTED
            verdicts.append(result.verdict)
            _say_result(console, result, earlier=result.provenance["started"] < began)
    return EXIT_CODES[worst(verdicts)]


@dataclasses.dataclass(frozen=True)
class _Nothing:
    """The configuration of an experiment that could not be loaded."""


def _find(name: str) -> Experiment:
    """The experiment; if its file cannot be loaded, one that fails with the reason."""
    try:
        return catalog.find(name)
    except Exception as exception:
        reason = exception

    def run(config: Any, report: progress.Reporter) -> Numbers:
        raise reason

    scales: dict[str, Any] = {"smoke": _Nothing(), "full": _Nothing()}
    return Experiment(name, name, "", scales, run, None, ())


def _plan(
    experiment: Experiment, config: Any, scale: str, seeds: int
) -> tuple[Result, dict[int, Any]]:
    """The result without runs, and the configuration of each seed."""
    from approxnet import _checks  # imports jax, which a listing of the experiments does without

    if not isinstance(seeds, int) or seeds < 1:
        raise ConfigError(f"seeds must be an integer >= 1, got {seeds!r}")
    if config is None:
        config = experiment.scales[_checks.one_of("scale", scale, experiment.scales)]
    else:
        known = [name for name, entry in experiment.scales.items() if entry == config]
        scale = known[0] if known else "custom"
    if not dataclasses.is_dataclass(config) or isinstance(config, type):
        raise ConfigError(
            f"config must be a dataclass, the Config of {experiment.name}, got {config!r}"
        )
    fields: dict[str, Any] = dataclasses.asdict(config)
    first = fields.pop("seed", None)
    if first is None:
        configs = {0: config}
    else:
        configs = {first + i: dataclasses.replace(config, seed=first + i) for i in range(seeds)}
    blank = Result(
        name=experiment.name,
        title=experiment.title,
        about=experiment.about,
        scale=scale,
        level=_level(experiment.scales, scale, fields),
        config=plain(fields),
        seeds=tuple(configs),
        runs=(),
        quotes=experiment.quotes,
        figures=(),
        provenance=provenance.collect(
            experiment.precision, provenance.fingerprint(experiment.path)
        ),
    )
    return blank, configs


def _level(scales: Mapping[str, Any], scale: str, fields: Mapping[str, Any]) -> str:
    """``smoke``, ``full``, or ``partial`` with the fields that are not those of the full scale."""
    if scale != "custom" or "full" not in scales:
        return scale
    full = dataclasses.asdict(scales["full"])
    own = [f"{key} = {value}" for key, value in fields.items() if value != full.get(key)]
    return f"partial: {', '.join(own)}" if own else "full"


def _run_and_keep(
    experiment: Experiment,
    blank: Result,
    configs: Mapping[int, Any],
    out: Path,
    force: bool,
    report: progress.Reporter,
) -> Result:
    finished = None if force else _known(out / blank.name, blank)
    if finished is not None and set(blank.seeds) <= {run.seed for run in finished.runs}:
        return finished
    workplace = out / store.UNFINISHED / blank.name
    result = None if force else _known(workplace, blank)
    if result is None:
        shutil.rmtree(workplace, ignore_errors=True)
    if result is None and finished is not None:
        shutil.copytree(out / blank.name, workplace)
        result = finished
    result = (result or blank)._replace(seeds=blank.seeds)
    for seed in blank.seeds:
        if seed not in {run.seed for run in result.runs}:
            store.stage(out, result)
            result = _add_seed(experiment, result, seed, configs[seed], workplace, report)
    store.finish(out, result)
    return result


def _add_seed(
    experiment: Experiment,
    result: Result,
    seed: int,
    config: Any,
    folder: Path,
    report: progress.Reporter,
) -> Result:
    """The result with one more run; the first seed is the one that is drawn."""
    record, numbers = _measure(experiment, seed, config, result.level, report)
    if numbers is not None and seed == result.seeds[0]:
        figures, error = _draw(experiment, numbers, folder)
        record = record._replace(error=error)
        result = result._replace(figures=figures)
    return result._replace(runs=(*result.runs, record))


def _known(folder: Path, blank: Result) -> Result | None:
    """The result in a folder without its failed runs, if it is of the same identity."""
    try:
        result = store.read(folder)
    except DataError:
        return None
    if result is None or _identity(result) != _identity(blank):
        return None
    return result._replace(runs=tuple(run for run in result.runs if not run.error))


def _identity(result: Result) -> tuple[Any, ...]:
    origin = result.provenance
    keys = ("code", "versions", "device", "precision")
    return (result.name, result.scale, plain(result.config), *(origin.get(key) for key in keys))


def _precision(name: str) -> contextlib.AbstractContextManager[Any]:
    """The precision ``float32`` or ``float64`` for a block of code, and for nothing else."""
    import jax

    return jax.enable_x64(name == "float64")


def _measure(
    experiment: Experiment, seed: int, config: Any, level: str, report: progress.Reporter
) -> tuple[Run, Numbers | None]:
    from approxnet.data import used  # imports jax

    start = time.perf_counter()
    numbers, error = None, ""
    with used.record() as data:
        try:
            with _precision(experiment.precision):
                numbers = experiment.run(config, report)
            plain([numbers.tables, numbers.checks, numbers.compared])
        except Exception as exception:
            numbers, error = None, _describe(exception)
    seconds = time.perf_counter() - start
    if numbers is None:
        return Run(seed, seconds, error, (), (), (), data), None
    tables = tuple(
        table._replace(rows=tuple(tuple(_at(level, entry) for entry in r) for r in table.rows))
        for table in numbers.tables
    )
    compared = tuple(c._replace(ours=_at(level, c.ours)) for c in numbers.compared)
    return Run(seed, seconds, "", tables, tuple(numbers.checks), compared, data), numbers


def _at(level: str, entry: Any) -> Any:
    """A cell that says no level has that of the run."""
    return entry._replace(level=entry.level or level) if isinstance(entry, Cell) else entry


def _draw(experiment: Experiment, numbers: Numbers, folder: Path) -> tuple[tuple[Figure, ...], str]:
    """The figures, written as PNG files, and the error that stopped the drawing."""
    from approxnet import plot  # imports jax

    figures = []
    try:
        with _precision(experiment.precision):
            drawn = experiment.plot(numbers) if experiment.plot else {}
        for i, (caption, figure) in enumerate(drawn.items(), start=1):
            store.write(folder / f"figure-{i}.png", plot.png(figure))
            figures.append(Figure(f"figure-{i}.png", caption))
    except Exception as exception:
        return tuple(figures), _describe(exception)
    return tuple(figures), ""


def _describe(exception: Exception) -> str:
    """The message of an error that approxnet raised on purpose; of others the traceback too."""
    if isinstance(exception, ApproxnetError):
        return f"{type(exception).__name__}: {exception}"
    return "".join(traceback.format_exception(exception)).strip()


def _say_plan(console: Console, experiment: Experiment, scale: str) -> None:
    """What is about to be run: paper and place, what is expected, at which scale."""
    progress.say(console, f"{experiment.name}, {scale} scale: {experiment.title}", "bold")
    lines = [f"paper   {quote.paper}, {quote.place}" for quote in experiment.quotes]
    lines = lines or ["paper   none, the experiment is ours"]
    lines += [f"expect  {catalog.expectation(experiment.about)}"]
    lines += [f"config  {experiment.scales.get(scale)}"]
    for line in lines:
        progress.say(console, f"  {line}")


def _say_result(console: Console, result: Result, *, earlier: bool) -> None:
    checks = [check for run in result.runs for check in run.checks]
    passed = sum(check.passed for check in checks)
    style = {"pass": "green", "outside": "red", "incomplete": "yellow"}[result.verdict]
    progress.say(
        console,
        f"{result.verdict:10s} {result.name}: {passed} of {len(checks)} checks hold, "
        f"{result.seconds:.1f} s, {result.scale}"
        + (", finished earlier (--force runs it again)" if earlier else ""),
        style,
    )
    for run in result.runs:
        if run.error:
            progress.say(console, f"  seed {run.seed}: {run.error}", "yellow")
        for check in run.checks:
            if not check.passed:
                progress.say(
                    console,
                    f"  seed {run.seed}: {check.claim}: {check.measured:.4g} "
                    f"{check.relation} {check.bound:.4g} does not hold",
                    "red",
                )


def _say_interrupted(console: Console, done: Sequence[str], rest: Sequence[str], out: Path) -> None:
    progress.say(console, f"Interrupted. Finished and kept in {out}: {', '.join(done) or 'none'}.")
    progress.say(
        console, f"Not finished: {', '.join(rest)}. Run the same command again to go on with them."
    )

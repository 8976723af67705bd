"""The experiments: where they are and what their files say.

An experiment is a file of the folder ``experiments``: one per table or figure of a paper. It holds

    Config      a frozen dataclass; a field ``seed`` if the experiment is random
    SCALES      {"smoke": Config(...), "full": Config(...)}
    PAPER       what the paper says, a tuple of `Quote`
    run         (config, progress) -> Numbers
    plot        (numbers) -> {caption: matplotlib figure}; may be missing
    PRECISION   "float32" or "float64"; float64 if missing

and its docstring opens with one line that says what it shows, and has the lines ``Command:``,
``Cost:`` and ``Expect:``. The folder lies beside the package in a checkout and in an editable
install, and inside it in a plain one.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from approxnet.errors import ConfigError
from approxnet.reproduce.records import Quote


class Experiment(NamedTuple):
    """An experiment that can be run; ``plot`` may be missing.

    Example:
      >>> import types
      >>> module = types.SimpleNamespace(
      ...     __doc__="Nothing.", SCALES={}, run=lambda config, progress: None)
      >>> from_module("nothing", module).title
      'Nothing.'
    """

    name: str
    title: str
    about: str
    scales: Mapping[str, Any]
    run: Callable[..., Any]
    plot: Callable[..., Mapping[str, Any]] | None
    quotes: tuple[Quote, ...]
    precision: str = "float64"
    path: Path | None = None


class Entry(NamedTuple):
    """What the docstring of an experiment's file says, without running the file.

    Example:
      >>> Entry("photograph", "A photograph as a ReLU network.", "20 s").cost
      '20 s'
    """

    name: str
    title: str
    cost: str


def folder() -> Path:
    """The folder of the experiments.

    Raises:
      ConfigError: if there is none; names the places.

    Example:
      >>> folder().name
      'experiments'
    """
    package = Path(__file__).resolve().parents[1]
    places = (package / "experiments", package.parent / "experiments")
    for place in places:
        if place.is_dir():
            return place
    raise ConfigError(
        f"the folder of the experiments must be {places[0]} or {places[1]}, got neither; "
        "install approxnet again, from a wheel or from a checkout"
    )


def names() -> list[str]:
    """The names of all experiments, sorted.

    Example:
      >>> "photograph" in names()
      True
    """
    return sorted(path.stem for path in folder().glob("*.py") if not path.stem.startswith("_"))


def known(given: Sequence[str]) -> list[str]:
    """The given names, all names when none is given.

    Raises:
      ConfigError: if there is no such experiment; names the nearest one.

    Example:
      >>> known(["photograph"])
      ['photograph']
    """
    from approxnet._checks import one_of  # imports jax, which a listing does without

    existing = names()
    return [one_of("experiment", name, existing) for name in given] or existing


def entries() -> list[Entry]:
    """What the files say of themselves; imports nothing, so that a listing is quick.

    Example:
      >>> [entry.title for entry in entries() if entry.name == "photograph"]
      ['A photograph becomes a finite element function and a ReLU network.']
    """
    return [_entry(folder() / f"{name}.py") for name in names()]


def _entry(path: Path) -> Entry:
    doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    costs = [line for line in doc.splitlines() if line.startswith("Cost:")]
    return Entry(path.stem, _title(doc), costs[0].removeprefix("Cost:").strip() if costs else "")


def find(name: str) -> Experiment:
    """The experiment of that name, loaded from its file.

    Raises:
      ConfigError: if there is no such experiment; names the nearest one.

    Example:
      >>> find("fotograph")
      Traceback (most recent call last):
      ...
      approxnet.errors.ConfigError: experiment must be one of ...; did you mean 'photograph'?
    """
    known([name])
    path = folder() / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"approxnet_experiments.{name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up by name
    spec.loader.exec_module(module)
    return from_module(name, module)._replace(path=path)


def from_module(name: str, module: Any) -> Experiment:
    """The experiment that a module holds; any object with the attributes will do.

    Raises:
      ConfigError: if SCALES or run is missing.

    Example:
      >>> import types
      >>> from_module("empty", types.SimpleNamespace())
      Traceback (most recent call last):
      ...
      approxnet.errors.ConfigError: experiment 'empty' must have SCALES, run; got none
    """
    missing = [part for part in ("SCALES", "run") if not hasattr(module, part)]
    if missing:
        raise ConfigError(f"experiment {name!r} must have {', '.join(missing)}; got none")
    doc = (module.__doc__ or "").strip()
    about = doc.partition("\n")[2].strip()
    plot, quotes = getattr(module, "plot", None), tuple(getattr(module, "PAPER", ()))
    precision = getattr(module, "PRECISION", "float64")
    return Experiment(name, _title(doc), about, module.SCALES, module.run, plot, quotes, precision)


def expectation(about: str) -> str:
    r"""The paragraph ``Expect:`` of a docstring, without the word: what a run is judged by.

    Example:
      >>> expectation("Cost: 2 s\nExpect: an error\nbelow 1.\n\nThe method ...")
      'an error below 1.'
    """
    paragraph = about.partition("Expect:")[2].partition("\n\n")[0]
    return " ".join(paragraph.split())


def _title(doc: str) -> str:
    return doc.strip().partition("\n")[0]

"""The command ``approxnet``.

Exit codes: 0 everything within tolerance, 1 two results differ, 2 the command was not understood,
3 something outside its tolerance, 4 something could not be run, 75 training stopped by SIGTERM and
saved, 130 interrupted (training is saved then, too).
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from rich.console import Console

import approxnet
from approxnet.errors import ApproxnetError, CheckpointError, NonFiniteError, OfflineError

DIFFERENT, USAGE_ERROR, FAILURE, INTERRUPTED = 1, 2, 4, 130


@dataclasses.dataclass(frozen=True)
class Reproduce:
    """Run experiments and draw the report: all of them when none is named."""

    names: tyro.conf.Positional[tuple[str, ...]] = ()
    """Experiments; `approxnet list` shows them."""
    scale: Literal["smoke", "full"] = "smoke"
    """Smoke takes seconds, full is what the paper did."""
    seeds: int = 1
    """Seeds of each random experiment."""
    out: Path = Path("results")
    """Folder of the results and of report.html."""
    force: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Run again what is finished."""


@dataclasses.dataclass(frozen=True)
class List:
    """List the experiments with their cost."""


@dataclasses.dataclass(frozen=True)
class Report:
    """Draw report.html again from the results in a folder."""

    folder: tyro.conf.Positional[Path] = Path("results")
    """Folder of the results; `docs/results` holds those that are committed."""
    publish: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Write them to docs/results as well, and the tables of README and docs from there."""


@dataclasses.dataclass(frozen=True)
class Diff:
    """Say why two results differ: settings, code, machine, data, then number by number."""

    first: tyro.conf.Positional[Path]
    """A folder of results, or the folder or the file of one."""
    second: tyro.conf.Positional[Path]
    """Another."""


@dataclasses.dataclass(frozen=True)
class Doctor:
    """Show devices, precision and versions, and test the installation for five seconds."""


@dataclasses.dataclass(frozen=True)
class Fetch:
    """Prepare a data set from the internet or from its official files in a folder."""

    name: tyro.conf.Positional[str]
    """mnist, fashion_mnist, cifar10 or cifar100."""
    source: Path | None = None
    """Folder of the official files; without it they are downloaded."""
    data_dir: Path | None = None
    """Folder of the data sets; without it APPROXNET_DATA_DIR or the user's cache folder."""


@dataclasses.dataclass(frozen=True)
class Status:
    """List the files of the data sets with their sizes and checksums."""

    data_dir: Path | None = None
    """Folder of the data sets; without it APPROXNET_DATA_DIR or the user's cache folder."""


@dataclasses.dataclass(frozen=True)
class Data:
    """Prepare data sets, and list those that are there."""

    action: tyro.conf.OmitArgPrefixes[
        Annotated[Fetch, tyro.conf.subcommand("fetch", prefix_name=False)]
        | Annotated[Status, tyro.conf.subcommand("status", prefix_name=False)]
    ]


@dataclasses.dataclass(frozen=True)
class Train:
    """Train a model on a data set, and score it on the test set after every epoch."""

    model: str = "mlp"
    """A name in `models.MODELS`, as lenet5 or resnet18."""
    data: str = "digits"
    """The data set; digits needs no download."""
    out: Path = Path("runs/train")
    """Folder of metrics and checkpoints."""
    resume: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Go on with the run in that folder, if there is one."""
    augment: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Shift and mirror the images at random."""
    tensorboard: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Write TensorBoard events into the folder as well, at the end."""
    devices: int | None = None
    """How many devices to use, of all processes together; without it all. A CPU is divided."""
    coordinator: str | None = None
    """HOST:PORT of process 0, to train in several processes where no cluster manager is."""
    processes: int | None = None
    """How many processes there are, with --coordinator."""
    process: int | None = None
    """The number of this one, from 0, with --coordinator."""
    patience: int = 100
    """Seconds after which a process that is silent is taken for dead, and all end."""
    data_dir: Path | None = None
    """Folder of the data sets; without it APPROXNET_DATA_DIR or the user's cache folder."""


@dataclasses.dataclass(frozen=True)
class Evaluate:
    """Score a model that was trained, as its newest checkpoint has it."""

    folder: tyro.conf.Positional[Path]
    """Folder of the run, `--out` of the training."""
    model: str = "mlp"
    """The model that was trained."""
    data: str = "digits"
    """The data set that it was trained on."""
    split: Literal["train", "test"] = "test"
    """The examples to score."""
    devices: int | None = None
    """How many devices to use; without it all. A CPU is divided."""
    data_dir: Path | None = None
    """Folder of the data sets; without it APPROXNET_DATA_DIR or the user's cache folder."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out the command line and return the exit code.

    Args:
      arguments: those after the program's name; None for the process's own.

    Example:
      >>> main(["--version"])
      approxnet 0.1.0
      0
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    console = Console()
    if given == ["--version"]:
        console.print(f"approxnet {approxnet.__version__}", highlight=False)
        return 0
    try:
        return _carry_out(given, console)
    except (OfflineError, NonFiniteError, CheckpointError) as error:
        _complain(str(error))
        return FAILURE
    except ApproxnetError as error:
        _complain(str(error))
        return USAGE_ERROR
    except OSError as error:
        _complain(
            f"{error}; every finished result is kept, run the same command again to go on (train "
            "with --resume)"
        )
        return FAILURE
    except KeyboardInterrupt as interruption:
        _complain(str(interruption) or "interrupted")
        return INTERRUPTED


def _complain(text: str) -> None:
    """One line on standard error."""
    console = Console(stderr=True)
    console.print(f"approxnet: {text}", markup=False, highlight=False, soft_wrap=True)


def _carry_out(given: Sequence[str], console: Console) -> int:
    if given and not given[0].startswith("-") and given[0] not in COMMANDS:
        from approxnet._checks import one_of  # imports jax, which no other path needs so early

        one_of("command", given[0], COMMANDS)
    kinds = {name: kind for name, (kind, _) in COMMANDS.items()}
    if given[:1] == ["train"]:
        kinds["train"] = _with_numbers(Train)
    command = tyro.extras.subcommand_cli_from_dict(
        kinds,
        prog="approxnet",
        description="The approximation theory of neural networks as a library.",
        args=list(given) or ["--help"],
    )
    actions = {kinds[name]: action for name, (_, action) in COMMANDS.items()}
    return actions[type(command)](command, console)


def _with_numbers(kind: type) -> type:
    """The options and those of the run's configuration, whose import takes seconds."""
    from approxnet.training import TrainConfig

    numbers = ("numbers", tyro.conf.OmitArgPrefixes[TrainConfig], TrainConfig())
    made = dataclasses.make_dataclass(kind.__name__, [numbers], bases=(kind,), frozen=True)
    made.__doc__ = kind.__doc__
    return made


def _reproduce(command: Reproduce, console: Console) -> int:
    from approxnet import reproduce

    code = reproduce.sweep(
        command.names,
        command.out,
        scale=command.scale,
        seeds=command.seeds,
        force=command.force,
        console=console,
    )
    _say_page(reproduce.report(command.out), console)
    return code


def _list(command: List, console: Console) -> int:
    from approxnet.reproduce import catalog

    for entry in catalog.entries():
        console.print(entry.name, style="bold", markup=False, highlight=False)
        for line in (entry.title, f"Cost: {entry.cost}"):
            console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
    return 0


def _report(command: Report, console: Console) -> int:
    from approxnet.reproduce import harness, page, published

    path = page.report(command.folder)
    _say_page(path, console)
    for written in published.publish(command.folder) if command.publish else ():
        console.print(f"written: {written}", markup=False, highlight=False, soft_wrap=True)
    return harness.EXIT_CODES[page.verdict(page.load(command.folder))]


def _diff(command: Diff, console: Console) -> int:
    from approxnet.reproduce import difference

    first, second = difference.load(command.first), difference.load(command.second)
    lines = [f"only in the first: {name}" for name in first if name not in second]
    lines += [f"only in the second: {name}" for name in second if name not in first]
    for name in first:
        found = difference.compare(first[name], second[name]) if name in second else []
        lines += [name] * bool(found) + [f"  {difference.describe(entry)}" for entry in found]
    for line in lines or ["the same, but for the time"]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return DIFFERENT if lines else 0


def _doctor(command: Doctor, console: Console) -> int:
    from approxnet.reproduce import doctor

    diagnosis = doctor.examine()
    for name, value in diagnosis.facts.items():
        console.print(f"{name:10s} {value}", markup=False, highlight=False, soft_wrap=True)
    for check in diagnosis.checks:
        style = "green" if check.passed else "red"
        word = "holds" if check.passed else "does not hold"
        line = f"{check.claim}: {check.measured:.3g} {check.relation} {check.bound:.3g} {word}"
        console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)
    return 0 if all(check.passed for check in diagnosis.checks) else 3


def _data(command: Data, console: Console) -> int:
    from approxnet import data

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    if isinstance(command.action, Fetch):
        given = command.action
        say(f"{given.name}: {data.fetch(given.name, source=given.source, data_dir=given.data_dir)}")
        return 0
    folder = data.data_folder(command.action.data_dir)
    files = data.status(folder)
    for file in files:
        say(f"{file.state:17s} {file.n_bytes:12d} {file.sha256 or '-':64s} {file.path}")
    say(f"{len(files)} files, {sum(file.n_bytes for file in files)} bytes in {folder}")
    return FAILURE if any(file.state == "damaged" for file in files) else 0


def _train(command: Any, console: Console) -> int:
    from approxnet import data, training
    from approxnet.training.parallel import is_first

    if command.coordinator:
        _complain(
            f"process {command.process} of {command.processes} waits up to {command.patience} s "
            f"for the others at {command.coordinator}"
        )
    mesh = training.launch(
        command.devices,
        coordinator=command.coordinator,
        processes=command.processes,
        process=command.process,
        patience=command.patience,
    )
    console.quiet = not is_first()
    functional, normalize, (train, test) = _model_and_data(command)
    result = training.fit(
        functional,
        train,
        command.numbers,
        run_dir=command.out,
        resume=command.resume,
        test=test,
        normalize=normalize,
        mesh=mesh,
        console=console,
        **({"augment": data.augment.crop_flip} if command.augment else {}),
    )
    if command.tensorboard and is_first():
        training.to_tensorboard(result.history, command.out / "tensorboard")
    for epoch in result.history[-1:]:
        text = f"test accuracy {100 * epoch.test_accuracy:.2f} % after epoch {epoch.epoch}"
        console.print(f"{text}; run: {command.out}", markup=False, highlight=False, soft_wrap=True)
    return 0


def _evaluate(command: Evaluate, console: Console) -> int:
    from approxnet import training

    mesh = training.launch(command.devices)
    functional, normalize, sets = _model_and_data(command)
    state = training.load_state(command.folder, functional, sets[0], normalize=normalize)
    chosen = sets[command.split == "test"]
    found = training.evaluate(functional, state, chosen, normalize=normalize, mesh=mesh)
    scores = f"loss {found.loss:.4f}, accuracy {100 * found.accuracy:.2f} %"
    text = (
        f"{scores} on {found.n} {command.split} images of {command.data}, after step {state.step}"
    )
    console.print(text, markup=False, highlight=False, soft_wrap=True)
    return 0


def _model_and_data(command: Any) -> tuple[Any, Any, Any]:
    """The model, the normalisation by the training images, and the training and test sets."""
    from approxnet import _checks, data, models

    make = models.MODELS[_checks.one_of("model", command.model, models.MODELS)]
    sets = [data.load(command.data, s, data_dir=command.data_dir) for s in ("train", "test")]
    functional = models.functional(make(num_classes=len(sets[0].classes)))
    statistics = data.augment.statistics(sets[0].images)
    return functional, partial(data.normalize, statistics=statistics), sets


def _say_page(page: Path, console: Console) -> None:
    console.print(f"report: {page}", markup=False, highlight=False, soft_wrap=True)


COMMANDS: dict[str, tuple[type, Callable[[Any, Console], int]]] = {
    "reproduce": (Reproduce, _reproduce),
    "list": (List, _list),
    "report": (Report, _report),
    "diff": (Diff, _diff),
    "doctor": (Doctor, _doctor),
    "data": (Data, _data),
    "train": (Train, _train),
    "evaluate": (Evaluate, _evaluate),
}

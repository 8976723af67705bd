"""The final project of the course: gradient descent against multigrid, then MgNet.

Command: approxnet reproduce course_final_project
Cost: 5 s (smoke, part 1 and the sizes of the networks), days on a CPU (full, CIFAR-10)
Expect: with 15^2 unknowns 883 steps of gradient descent, 442 of the smoother, 11 backslash cycles
and 6 V-cycles, exactly; the first two quadruple when the grid width is halved, the others stay. In
one dimension 800 steps of gradient descent. The parameters of the networks are those that the
course's own code counts.

Part 1. A * u = f with A = [0 -1 0; -1 4 -1; 0 -1 0] and f = 1 / (n + 1)^2 on n = 2^J - 1 points per
side, zero beyond them, from u = 0 until the Euclidean norm of A * u - f is below 10^-5. Gradient
descent has the step 1/8; two of its steps are one of the smoother [0 1 0; 1 12 1; 0 1 0] / 64,
which the cycles use, twice on every grid, with the transfers of linear elements. In one dimension,
of programming assignment 5, A = [-1 2 -1] / h, f = h, the step is h / 4, the norm 10^-4.

Part 2. MgNet in the course's recipe: stochastic gradient descent with momentum 0.9 and weight decay
5 10^-4, batches of 128, the rate 0.1 divided by 10 every 30 of 120 epochs, images cropped and
flipped at random, judged after the last epoch. The project gives its last points for more than 95
percent on CIFAR-10 with any network. At smoke scale no network is trained: course_assignments has
a row of MgNet on digits.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from approxnet import models, multigrid
from approxnet import plot as drawing
from approxnet.data.augment import crop_flip
from approxnet.multigrid import backslash_cycle, course_element, course_kernel, jacobi, v_cycle
from approxnet.reproduce import Check, Comparison, Numbers, Quote, Table, classifiers, contest
from approxnet.reproduce.contest import Contender, Contest
from approxnet.reproduce.progress import Reporter
from approxnet.training import TrainConfig

PAPER = (
    Quote(
        "Penn State MATH 452, Deep Learning, Spring 2022",
        "final project, problems 1 to 4; programming assignment 5",
        "the numbers m1 of steps of gradient descent and m2 of multigrid cycles to a norm below "
        "10^-5 are to be found and compared for J = 4; MgNet is to be trained on CIFAR-10 with "
        "64 channels and one or two steps on each of four grids, then with an extractor in each "
        "step and with 128 channels",
    ),
)

METHODS = {
    "gradient descent, 1/8": lambda h, b, x: jacobi(0.5)(h.operators[0], b, x),
    "smoother": lambda h, b, x: course_kernel()(h.operators[0], b, x),
    "backslash, 2": backslash_cycle(course_kernel(), pre=2),
    "V, 2 + 2": v_cycle(course_kernel(), pre=2, post=2),
}
COUNTED = (883, 442, 11, 6)
"""Steps for J = 4, counted independently by loops over matrices."""

LINE = 800
"""Steps in one dimension for n = 15, counted in the same way."""

TOLERANCE, LINE_TOLERANCE = 1e-5, 1e-4


def mgnet(steps: int, channels: int, extractor: str, classes: int, part: float) -> models.MgNet:
    """The same number of steps and of channels on four grids."""
    width = max(1, round(part * channels))
    return models.MgNet(4 * (steps,), width, width, classes, extractor=extractor)


NETWORKS = {
    "1 step, 64 channels": (partial(mgnet, 1, 64, "constant"), 520_394),
    "2 steps, 64 channels": (partial(mgnet, 2, 64, "constant"), 521_418),
    "2 steps, 64 channels, an extractor each": (partial(mgnet, 2, 64, "variable"), 668_874),
    "2 steps, 128 channels": (partial(mgnet, 2, 128, "constant"), 2_075_018),
}
"""The networks of problems 2 to 4, and their parameters: the first two as the course's code counts
them, with c channels and two steps 126 c^2 + 83 c + 10, and 36 c^2 more for own extractors."""

CONTENDERS = {name: Contender(build, {}, f"{n:,}") for name, (build, n) in NETWORKS.items()}

RECIPE = TrainConfig(
    epochs=120, batch=128, learning_rate=0.1, weight_decay=5e-4, schedule="step", drop_every=30
)
RECIPES = {"cifar10": (RECIPE, crop_flip)}


@dataclasses.dataclass(frozen=True)
class Config(Contest):
    """The two parts.

    Attributes:
      grids: the exponents J of part 1, rising; 4 is one of them.
    """

    grids: tuple[int, ...] = (3, 4, 5, 6)


SCALES = {
    "smoke": Config(sets=(), rows=(), grids=(4, 5)),
    "full": Config(sets=("cifar10",), seeds=3),
}


class Iteration(NamedTuple):
    """Norms of f - A * u, and the last u."""

    residuals: np.ndarray
    value: np.ndarray
    steps: int


def run(config: Config, progress: Reporter) -> Numbers:
    """Count the steps, then train the networks."""
    progress("gradient descent and multigrid", 0, 1)
    iterations = {
        J: {name: _iterate(J, cycle) for name, cycle in METHODS.items()} for J in config.grids
    }
    line = _line(15)
    scores, _ = contest.hold(CONTENDERS, RECIPES, config, progress)
    tables = (
        _steps_table(iterations, line),
        _sizes_table(scores),
        *(classifiers.score_table(name, outcomes) for name, outcomes in scores.items()),
    )
    counts = tuple(found.steps for found in iterations[4].values())
    checks = (
        *(
            Check(f"J = 4: |steps of {name} - {expected}|", abs(count - expected), "<=", 0)
            for name, count, expected in zip(METHODS, counts, COUNTED, strict=True)
        ),
        Check(f"one dimension: |steps - {LINE}|", abs(line.steps - LINE), "<=", 0),
        *_growth(iterations),
        *contest.sizes(tuple(NETWORKS), CONTENDERS, [n for _, n in NETWORKS.values()]),
        *contest.learned(scores, {"cifar10": 0.9}),
    )
    compared = tuple(
        Comparison(f"J = 4: steps of {name}", "", count)
        for name, count in zip(METHODS, counts, strict=True)
    )
    return Numbers(tables, checks, {"iterations": iterations[4], "scores": scores}, compared)


def _iterate(J: int, cycle: Any) -> Iteration:
    """The library's A is the course's times (n + 1)^2, as is b = 1."""
    n = 2**J - 1
    h = multigrid.hierarchy((n, n), transfer=course_element)
    return _until(h, jnp.ones((n, n)), cycle, TOLERANCE, scale=(n + 1) ** 2)


def _line(n: int) -> Iteration:
    """Gradient descent in one dimension with the step h / 4 for A = [-1 2 -1] / h."""
    h = multigrid.hierarchy(n)
    step = lambda h, b, x: jacobi(0.5)(h.operators[0], b, x)  # noqa: E731
    return _until(h, jnp.ones(n), step, LINE_TOLERANCE, scale=n + 1)


def _until(h: Any, b: Any, cycle: Any, tolerance: float, scale: int) -> Iteration:
    """Until |b - A u| / scale is below the tolerance."""
    rtol = tolerance * scale / float(jnp.linalg.norm(b))
    solution = multigrid.solve(h, b, cycle=cycle, rtol=rtol, max_cycles=12_000)
    steps = int(solution.iterations)
    residuals = np.asarray(solution.residuals)[: steps + 1] / scale
    return Iteration(residuals, np.asarray(solution.value), steps)


def _growth(iterations: dict[int, dict[str, Iteration]]) -> list[Check]:
    """From the last grid but one to the last."""
    coarse, fine = (list(found.values()) for found in list(iterations.values())[-2:])
    growth = [b.steps / a.steps for a, b in zip(coarse, fine, strict=True)]
    return [
        Check("growth of the steps of gradient descent", growth[0], ">=", 3.5),
        Check("growth of the number of cycles, larger", max(growth[2:]), "<=", 1.1),
    ]


def _steps_table(iterations: dict[int, dict[str, Iteration]], line: Iteration) -> Table:
    columns = ("problem", "unknowns", *METHODS)
    rows = tuple(
        (f"plane, J = {J}", (2**J - 1) ** 2, *(found.steps for found in by_name.values()))
        for J, by_name in iterations.items()
    )
    last = ("line, J = 4", 15, line.steps, "", "", "")
    return Table("Steps until the norm is small", columns, (*rows, last))


def _sizes_table(scores: classifiers.Scores) -> Table:
    rows = tuple(
        (
            name,
            classifiers.size(build(10, 1.0), (32, 32, 3)),
            models.count_macs(build(10, 1.0), (32, 32, 3)),
            float(scores["cifar10"][name].test.mean()) if scores else "not run",
        )
        for name, (build, _) in NETWORKS.items()
    )
    columns = ("network", "parameters", "MACs", "test accuracy on CIFAR-10")
    return Table("MgNet for ten classes of 32 x 32 images", columns, rows)


def plot(numbers: Numbers) -> Mapping[str, Any]:
    """The figures by caption."""
    data = numbers.data
    figures = {
        "The norm of f - A * u, J = 4.": _histories(data["iterations"]),
        "The solution for J = 4, a membrane under a constant load.": _membrane(data["iterations"]),
    }
    if data["scores"]:
        caption = "Test accuracy of MgNet after each epoch; dotted, in the end."
        figures[caption] = classifiers.curves(data["scores"])
    return figures


def _histories(iterations: Mapping[str, Iteration]) -> Any:
    figure, ax = drawing.figure(size=(6.4, 4.0))
    for name, found in iterations.items():
        ax.loglog(1 + np.arange(found.steps + 1), found.residuals, label=name)
    ax.axhline(TOLERANCE, color="#888888", ls=":", lw=1.0)
    ax.set_xlabel("1 + steps or cycles")
    ax.set_ylabel("|f - A * u|")
    ax.legend(frameon=False, loc="lower center")
    return figure


def _membrane(iterations: Mapping[str, Iteration]) -> Any:
    figure, ax = drawing.figure(size=(4.8, 4.0))
    value = np.pad(iterations["V, 2 + 2"].value, 1)
    shown = ax.imshow(value, cmap=drawing.COLOUR_MAP, extent=(0, 1, 0, 1))
    figure.colorbar(shown, ax=ax)
    ax.set_title("u")
    return figure

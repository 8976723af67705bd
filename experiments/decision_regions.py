"""What each learner makes of sets in the plane: half planes, curves, boxes.

Command: approxnet reproduce decision_regions
Cost: 5 s (smoke), 12 s (full), on two cores
Expect: least squares and logistic regression part the plane into convex cells; they are right on
the sectors, which are linearly separable, and hardly better than chance on the rings. A polynomial
of degree 2 parts the rings, a Gaussian kernel and a tree part everything. The tree, as a network of
Heaviside units, is the same function at every pixel, in every bit. The lower the cost, the wider
the margin and the more support vectors.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from approxnet import plot as drawing
from approxnet import relu
from approxnet.data import synthetic
from approxnet.learn import kernels, least_squares, logistic, svm, tree
from approxnet.reproduce import Check, Numbers, Quote, Table
from approxnet.reproduce.progress import Reporter

PAPER = (
    Quote(
        "J. Xu, Deep Learning and Analysis, lecture notes, Penn State 2021",
        "linearly and nonlinearly separable sets, in our words",
        "the regions of a linear classifier are convex; concentric rings are parted by a feature "
        "map, not by a hyperplane",
    ),
)


@dataclasses.dataclass(frozen=True)
class Config:
    """The sets and the pictures.

    Attributes:
      n: examples in each set, and as many others to test on.
      pixels: of a picture, along each side.
      costs: of the machines whose margins are drawn.
      seed: of the sets.
    """

    n: int = 150
    pixels: int = 120
    costs: tuple[float, ...] = (0.05, 1.0, math.inf)
    seed: int = 0


SCALES = {"smoke": Config(), "full": Config(n=400, pixels=300)}

SETS: dict[str, Callable[[jax.Array, int], synthetic.Points]] = {
    "sectors": functools.partial(synthetic.separable, classes=3, margin=0.1),
    "rings": functools.partial(synthetic.circles, classes=2),
    "spirals": functools.partial(synthetic.spirals, classes=2, turns=1.0, noise=0.02),
}

LEARNERS: dict[str, tuple[Callable[..., Any], Callable[..., np.ndarray]]] = {
    "least squares": (least_squares.fit, least_squares.predict),
    "logistic regression": (logistic.fit, logistic.predict),
    "SVM, degree 2": (functools.partial(svm.fit, kernel=kernels.polynomial(2)), svm.predict),
    "SVM, Gauss": (
        functools.partial(svm.fit, kernel=kernels.gauss(8.0), cost=1e3),
        svm.predict,
    ),
    "tree": (tree.fit, tree.predict),
}

LINEAR = ("least squares", "logistic regression")


class Region(NamedTuple):
    """A learner on a set: accuracies, and its classes at the pixels."""

    train: float
    test: float
    classes: np.ndarray


class Picture(NamedTuple):
    """A set with its frame and what the learners make of it."""

    x: np.ndarray
    labels: np.ndarray
    frame: np.ndarray
    regions: dict[str, Region]
    unlike: int
    units: tuple[int, ...]


def run(config: Config, progress: Reporter) -> Numbers:
    """Fit every learner to every set, and machines of several costs to two clouds."""
    pictures = {}
    for i, name in enumerate(SETS):
        progress(name, i, len(SETS) + 1)
        pictures[name] = _picture(config, name)
    progress("margins", len(SETS), len(SETS) + 1)
    clouds = _clouds(config)
    machines = {cost: svm.fit(*clouds, cost=cost) for cost in config.costs}
    return Numbers(
        (_accuracy_table(pictures), _tree_table(pictures), _machine_table(machines)),
        (*_accuracy_checks(pictures), *_machine_checks(machines)),
        {"pictures": pictures, "clouds": clouds, "machines": machines, "pixels": config.pixels},
    )


def _picture(config: Config, name: str) -> Picture:
    drawn = SETS[name](jax.random.key(config.seed), 2 * config.n)
    both = np.asarray(drawn.x, np.float64), np.asarray(drawn.labels)
    (x, z), (labels, expected) = (np.split(a, 2) for a in both)
    frame = np.stack([x.min(axis=0) - 0.2, x.max(axis=0) + 0.2])
    grid = _grid(frame, config.pixels)
    regions, models = {}, {}
    for learner, (fit, predict) in LEARNERS.items():
        models[learner] = model = fit(x, labels)
        right, tested = (
            float(np.mean(predict(model, p) == y)) for p, y in ((x, labels), (z, expected))
        )
        regions[learner] = Region(right, tested, predict(model, grid))
    net = tree.to_network(models["tree"])
    unlike = np.asarray(relu.apply(net, grid)) != tree.values(models["tree"], grid)
    return Picture(x, labels, frame, regions, int(unlike.sum()), relu.widths(net))


def _grid(frame: np.ndarray, pixels: int) -> np.ndarray:
    """(pixels, pixels, 2), rows upward."""
    axes = [np.linspace(low, high, pixels) for low, high in frame.T]
    return np.stack(np.meshgrid(*axes), axis=-1)


def _clouds(config: Config) -> tuple[np.ndarray, np.ndarray]:
    """Two classes that a line parts, some examples near to it."""
    x, labels = synthetic.separable(jax.random.key(config.seed + 3), 60, margin=0.05)
    return np.asarray(x, np.float64), np.asarray(labels)


def _accuracy_table(pictures: Mapping[str, Picture]) -> Table:
    rows = tuple(
        (name, learner, region.train, region.test)
        for name, picture in pictures.items()
        for learner, region in picture.regions.items()
    )
    return Table("Accuracies", ("set", "learner", "train", "test"), rows)


def _tree_table(pictures: Mapping[str, Picture]) -> Table:
    rows = tuple((name, *p.units, p.unlike) for name, p in pictures.items())
    columns = ("set", "questions", "leaves", "pixels where the network differs")
    return Table("Trees as networks of Heaviside units", columns, rows)


def _machine_table(machines: Mapping[float, svm.SVM]) -> Table:
    rows = tuple(
        (cost, m.width, len(m.support), m.gap)
        for cost, model in machines.items()
        for m in model.machines
    )
    return Table("Machines of two classes", ("cost", "width", "support vectors", "gap"), rows)


def _accuracy_checks(pictures: Mapping[str, Picture]) -> list[Check]:
    """No line has more than about half of two rings right; sectors have room between them."""
    sectors, rings, spirals = (pictures[name].regions for name in SETS)
    checks = [
        Check(f"sectors, {name}: test accuracy", sectors[name].test, ">=", 0.95)
        for name in LEARNERS
    ]
    checks += [
        Check(f"rings, {name}: test accuracy", rings[name].test, "<=", 0.7) for name in LINEAR
    ]
    checks += [
        Check(f"rings, {name}: test accuracy", rings[name].test, ">=", 0.9)
        for name in LEARNERS
        if name not in LINEAR
    ]
    checks += [
        Check("spirals, SVM, Gauss: test accuracy", spirals["SVM, Gauss"].test, ">=", 0.95),
        Check("spirals, tree: training accuracy", spirals["tree"].train, ">=", 1.0),
    ]
    checks += [
        Check(f"{name}: pixels where the network differs from the tree", p.unlike, "<=", 0)
        for name, p in pictures.items()
    ]
    return checks


def _machine_checks(machines: Mapping[float, svm.SVM]) -> list[Check]:
    widths = [model.machines[0].width for model in machines.values()]
    gap = max(model.machines[0].gap for model in machines.values())
    return [
        Check("largest duality gap", gap, "<=", 1e-8),
        Check(
            "width, least fall from cost to larger cost", float(-np.diff(widths).max()), ">", 0.0
        ),
    ]


def plot(numbers: Numbers) -> Mapping[str, Any]:
    """The figures by caption."""
    return {
        "The regions of each learner (columns) on each set (rows), with the examples and the test "
        "accuracy.": _regions(numbers.data["pictures"]),
        "Machines of rising cost: the line f = 0, the margin |f| <= 1 (shaded), and the support "
        "vectors (circled).": _margins(
            numbers.data["clouds"], numbers.data["machines"], numbers.data["pixels"]
        ),
    }


def _extent(frame: np.ndarray) -> tuple[float, ...]:
    return tuple(frame.T.ravel().tolist())


def _pale(classes: np.ndarray) -> np.ndarray:
    """The colours of classes, two thirds of them white."""
    colours = np.array(
        [[int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] for colour in drawing.COLOURS]
    )
    return (colours[classes] + 2) / 3


def _points(ax: Any, x: np.ndarray, labels: np.ndarray) -> None:
    for label, (colour, marker) in enumerate(zip(drawing.COLOURS, drawing.MARKERS, strict=False)):
        ax.plot(*x[labels == label].T, marker, ms=2.2, color=colour)


def _regions(pictures: Mapping[str, Picture]) -> Any:
    size = (2.3 * len(LEARNERS), 2.5 * len(pictures))
    figure, axes = drawing.figure(len(pictures), len(LEARNERS), size=size)
    for row, (name, picture) in zip(axes, pictures.items(), strict=True):
        row[0].set_ylabel(name)
        for ax, (learner, region) in zip(row, picture.regions.items(), strict=True):
            ax.imshow(_pale(region.classes), origin="lower", extent=_extent(picture.frame))
            _points(ax, picture.x, picture.labels)
            ax.set_title(f"{learner}: {region.test:.2f}", fontsize=8.5)
            ax.set_xticks([])
            ax.set_yticks([])
    return figure


def _margins(
    clouds: tuple[np.ndarray, np.ndarray], machines: Mapping[float, svm.SVM], pixels: int
) -> Any:
    x, labels = clouds
    frame = np.stack([x.min(axis=0) - 0.2, x.max(axis=0) + 0.2])
    grid = _grid(frame, pixels)
    figure, axes = drawing.figure(1, len(machines), size=(3.3 * len(machines), 3.5))
    for ax, (cost, model) in zip(np.ravel(axes), machines.items(), strict=True):
        f = svm.outputs(model, grid)[..., 0]
        ax.contourf(grid[..., 0], grid[..., 1], f, [-1, 1], colors=["#dddddd"])
        ax.contour(grid[..., 0], grid[..., 1], f, [0], colors=["#000000"], linewidths=1.2)
        _points(ax, x, labels)
        support = model.machines[0].vectors
        ax.plot(*support.T, "o", ms=7, mfc="none", mec="#000000", mew=0.8)
        ax.set_title(f"cost {cost:g}, width {model.machines[0].width:.2f}")
        ax.set_aspect("equal")
        ax.set_xticks([])
        ax.set_yticks([])
    return figure

"""How many hidden layers the maximum of n numbers needs.

Command: approxnet reproduce depth_of_the_maximum
Cost: 4 s (smoke, to 36 numbers), 8 s (full, to 72), on two cores
Expect: two hidden layers take five numbers with 20 neurons and six with 90, where trees of pairs
take three; groups of six make three layers for 12 numbers, four for 36, five for 72. All networks
are exact on integers with ties, up to the rounding of twelfths. What is proved from below, without
a condition on the weights, is two.

Trees are optimal for networks whose weights are integers. The formula for six numbers has 66 joins
with weights +-1/12; its proof, on the rays of a fan of cones, is a test of the library.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from approxnet import plot as drawing
from approxnet import relu
from approxnet.reproduce import Check, Comparison, Numbers, Quote, Table, quoted, rounding
from approxnet.reproduce.progress import Reporter

PAPER = (
    Quote(
        "E. Bakaev, F. Brunck, C. Hertrich, J. Stade, A. Yehudayoff, Better neural network "
        "expressivity: subdividing the simplex, STOC 2026, arXiv:2505.14338",
        "abstract",
        "the maximum of five numbers takes two hidden layers, that of n numbers "
        "ceil(log3(n - 2)) + 1 for n >= 4",
    ),
    Quote(
        "C. Haase, C. Hertrich, G. Loho, Lower bounds on the depth of integral ReLU neural "
        "networks via lattice polytopes, ICLR 2023, arXiv:2302.12553",
        "abstract",
        "with integer weights the maximum of n numbers needs ceil(log2 n) hidden layers",
    ),
    Quote(
        "M. Sun, relu-max6, 2026, not refereed",
        "paper and certificate",
        "the maximum of six numbers takes two hidden layers, with 1,530 joins",
    ),
)

PRINTED = {5: (2, 0), 6: (2, 2)}
"""Hidden layers for so many numbers, and the quote that says it."""

JOINS = 1530
"""Of the formula of Sun for six numbers."""


@dataclasses.dataclass(frozen=True)
class Config:
    """Which maxima are built.

    Attributes:
      numbers: how many numbers, in increasing order.
      points: at which the networks are evaluated.
      seed: of the points.
    """

    numbers: tuple[int, ...]
    points: int = 2000
    seed: int = 0


SCALES = {
    "smoke": Config(numbers=(2, 4, 5, 6, 12, 36)),
    "full": Config(numbers=(2, 3, 4, 5, 6, 7, 9, 11, 12, 13, 24, 36, 72), points=20_000),
}


class Built(NamedTuple):
    """A network: how many numbers, its form, depth, neurons, and error over rounding."""

    numbers: int
    form: str
    layers: int
    neurons: int
    error: float


def run(config: Config, progress: Reporter) -> Numbers:
    """Build both forms, and evaluate them at integers with ties and at others."""
    rng, built = np.random.default_rng(config.seed), []
    for i, n in enumerate(config.numbers):
        progress(f"{n} numbers", i, len(config.numbers))
        built += [_built(n, form, config.points, rng) for form in ("size", "depth")]
    checks = [check for b in built for check in _checks(b)]
    compared = tuple(
        Comparison(
            f"hidden layers for the maximum of {b.numbers} numbers", printed, b.layers, quote
        )
        for b in built
        for printed, quote in [PRINTED.get(b.numbers, ("", 0))]
        if printed and b.form == "depth"
    )
    return Numbers((_table(built),), tuple(checks), {"built": built}, compared)


def _built(n: int, form: str, points: int, rng: np.random.Generator) -> Built:
    net = relu.maximum(n, prefer=form)
    ties = rng.integers(-3, 4, (points // 2, n))
    x = np.concatenate([ties, rng.integers(-1000, 1001, (points - points // 2, n))]) * 1.0
    error = np.abs(np.asarray(relu.evaluate(net, x)) - x.max(axis=1)).max()
    limit = rounding.tolerance(net, x.min(axis=0), x.max(axis=0))
    return Built(n, form, relu.hidden_layers(net), relu.n_neurons(net), float(error / limit))


def _checks(b: Built) -> list[Check]:
    known, name = relu.known_depth(b.numbers), f"{b.numbers} numbers, {b.form}"
    depth = known.integer if b.form == "size" else known.built
    return [
        Check(f"{name}: |network - maximum| over rounding", b.error, "<=", 1.0),
        Check(f"{name}: hidden layers", float(b.layers), "<=", float(depth)),
        Check(f"{name}: hidden layers, and no fewer are possible", float(b.layers), ">=",
              float(known.lower)),
    ]  # fmt: skip


def _table(built: list[Built]) -> Table:
    columns = ("numbers", "form", "hidden layers", "neurons", "known: at least", "at most",
               "reference")  # fmt: skip
    rows = []
    for b in built:
        known = relu.known_depth(b.numbers)
        rows.append((b.numbers, b.form, b.layers, b.neurons, quoted(known.lower),
                     quoted(known.upper), known.reference))  # fmt: skip
    return Table("Maxima", columns, tuple(rows))


def plot(numbers: Numbers) -> Mapping[str, Any]:
    """The figures by caption."""
    built = numbers.data["built"]
    return {
        "Hidden layers for the maximum of n numbers: the networks that were evaluated, on what is "
        "known. The best bound from below without a condition on the weights is two.": _depths(
            built
        ),
        "What depth costs: neurons of both forms. Beyond six numbers the shallow form is groups of "
        f"six; with the {JOINS:,} joins known before, that of six numbers would have "
        f"{22 + JOINS + 2:,}.": _sizes(built),
    }


def _depths(built: list[Built]) -> Any:
    figure, ax = drawing.figure(size=(6.4, 3.8))
    n = np.arange(2, max(b.numbers for b in built) + 13)
    known = [relu.known_depth(int(i)) for i in n]
    for name, style in (("integer", "-"), ("upper", "-"), ("lower", "--")):
        label = {"integer": "integer weights, exactly", "upper": "at most", "lower": "at least"}
        values = [getattr(k, name) for k in known]
        ax.step(n, values, style, where="mid", lw=1.3, label=label[name])
    for form, marker in (("size", "o"), ("depth", "D")):
        chosen = [b for b in built if b.form == form]
        label = {"size": "network: tree", "depth": "network: groups of six"}[form]
        ax.plot([b.numbers for b in chosen], [b.layers for b in chosen], marker, ms=5, label=label)
    ax.set_xscale("log")
    ticks = [2, 4, 6, 12, 36]
    ax.set_xticks(ticks, [str(t) for t in ticks])
    ax.minorticks_off()
    ax.set_yticks(range(8))
    ax.set_xlabel("n")
    ax.set_ylabel("hidden layers")
    ax.legend(frameon=False, loc="upper left")
    return figure


def _sizes(built: list[Built]) -> Any:
    figure, ax = drawing.figure()
    for form, marker in (("size", "o-"), ("depth", "D-")):
        chosen = [b for b in built if b.form == form]
        label = {"size": "tree of pairs", "depth": "as few layers as possible"}[form]
        ax.loglog([b.numbers for b in chosen], [b.neurons for b in chosen], marker, ms=4.5, lw=1.1,
                  label=label)  # fmt: skip
    ticks = [b.numbers for b in built if b.form == "size" and b.numbers in (2, 4, 6, 12, 36, 72)]
    ax.set_xticks(ticks, [str(t) for t in ticks])
    ax.minorticks_off()
    ax.set_xlabel("n")
    ax.set_ylabel("neurons")
    ax.legend(frameon=False)
    return figure

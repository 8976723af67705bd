"""Regularised logistic regression tends to the largest margin, as slowly as 1 / log(1 / penalty).

Command: approxnet reproduce max_margin_limit
Cost: 2 s (smoke), 3 s (full), on two cores
Expect: on separable classes the weights w of logistic regression grow like log(1 / penalty), and
their margin rises to the largest: 0.838 of it at the penalty 1, 0.991 at 1e-12, 0.994 at 1e-16. It
is above the bound of ``learn.logistic.margin_bound``, which knows the penalty, the number of
examples and the largest margin alone. That the margin rises from each penalty to the next holds for
this example; the theorem is about the limit.

The largest margin is that of a support vector machine, certified by its duality gap.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from approxnet import plot as drawing
from approxnet.data import synthetic
from approxnet.learn import linear, logistic, svm
from approxnet.reproduce import Check, Numbers, Quote, Table
from approxnet.reproduce.progress import Reporter

PAPER = (
    Quote(
        "S. Rosset, J. Zhu, T. Hastie, Boosting as a regularized path to a maximum margin "
        "classifier, J. Mach. Learn. Res. 5 (2004), 941-973",
        "in our words",
        "for separable data the direction of the minimiser of the regularised logistic loss tends "
        "to that of largest margin as the penalty tends to 0",
    ),
    Quote(
        "J. Xu, Deep Learning and Analysis, lecture notes, Penn State 2021",
        "from logistic regression to support vector machines, in our words",
        "theta(lambda) / |w(lambda)| tends to the solution of the support vector machine",
    ),
)


@dataclasses.dataclass(frozen=True)
class Config:
    """The examples and the penalties.

    Attributes:
      n: examples.
      margin: that is left free between the two classes.
      decades: of penalties, 1, 10^-1, ..., 10^-decades.
      per_decade: penalties in each.
    """

    n: int = 40
    margin: float = 0.5
    decades: int = 16
    per_decade: int = 1


SCALES = {"smoke": Config(), "full": Config(per_decade=4)}


class Curves(NamedTuple):
    """What is measured at penalties (p,): margins, their bounds and 1 - cos are over the best."""

    penalties: np.ndarray
    margins: np.ndarray
    bounds: np.ndarray
    norms: np.ndarray
    angles: np.ndarray
    largest: float
    gap: float
    x: np.ndarray
    labels: np.ndarray
    models: tuple[linear.Linear, ...]
    best: linear.Linear


def run(config: Config, progress: Reporter) -> Numbers:
    """The path of logistic regression, beside the machine of largest margin."""
    progress("largest margin", 0, 2)
    found = synthetic.half_discs(config.n, margin=config.margin)
    x, labels = np.asarray(found.x, np.float64), np.asarray(found.labels)
    machine = svm.fit(x, labels, cost=np.inf).machines[0]
    normal = machine.coefficients @ machine.vectors
    progress("path", 1, 2)
    steps = np.arange(config.decades * config.per_decade + 1) / config.per_decade
    penalties = 10.0**-steps
    models = logistic.path(x, labels, penalties.tolist())
    weights = np.stack([model.weight[1] - model.weight[0] for model in models])
    norms, largest = np.linalg.norm(weights, axis=1), machine.width / 2
    cosines = np.clip(weights @ normal / (norms * machine.norm), -1, 1)
    curves = Curves(
        penalties,
        np.array([linear.margin(model, x, labels) for model in models]) / largest,
        np.array([logistic.margin_bound(config.n, largest, float(p)) for p in penalties]) / largest,
        norms,
        np.arccos(cosines),
        largest,
        machine.gap,
        x,
        labels,
        models,
        linear.Linear(np.stack([-normal, normal]) / 2, np.array([-1, 1]) * machine.bias / 2),
    )
    return Numbers((_table(curves),), tuple(_checks_of(curves)), {"curves": curves})


def _table(c: Curves) -> Table:
    columns = ("penalty", "margin / largest", "bound", "|w|", "angle", "(1 - ratio) log(1/penalty)")
    rows = [
        (p, m, b, w, a, (1 - m) * float(np.log(1 / p)))
        for p, m, b, w, a in zip(
            *(v.tolist() for v in (c.penalties, c.margins, c.bounds, c.norms, c.angles)),
            strict=True,
        )
    ]
    title = f"Logistic regression, {len(c.x)} examples, largest margin {c.largest:.6f}"
    return Table(title, columns, tuple(rows))


def _checks_of(c: Curves) -> list[Check]:
    """|w| is log(1 / penalty) / largest - O(log log): its slope is 1 / largest in the limit."""
    small = c.penalties < 2e-6
    product = ((1 - c.margins) * np.log(1 / c.penalties))[small]
    last = slice(-max(2, len(c.norms) // 4), None)
    slope = np.polyfit(np.log(1 / c.penalties[last]), c.norms[last], 1)[0]
    at = int(np.argmin(np.abs(np.log10(c.penalties) + 12)))
    return [
        Check("duality gap of the machine", c.gap, "<=", 1e-8),
        Check("margin / largest at the penalty 1e-12", float(c.margins[at]), ">=", 0.99),
        Check("least rise of the margin from penalty to penalty", float(np.diff(c.margins).min()),
              ">", 0.0),
        Check("largest margin / largest of all", float(c.margins.max()), "<=", 1 + 1e-8),
        Check("least margin - bound", float((c.margins - c.bounds).min()), ">=", 0.0),
        Check("(1 - ratio) log(1 / penalty): greatest over least, penalties <= 1e-6",
              float(product.max() / product.min()), "<=", 1.5),
        Check("|slope of |w| in log(1 / penalty) times the largest margin - 1|",
              float(abs(slope * c.largest - 1)), "<=", 0.08),
    ]  # fmt: skip


def plot(numbers: Numbers) -> Mapping[str, Any]:
    """The figures by caption."""
    curves = numbers.data["curves"]
    return {
        "Left: the margin of logistic regression over the largest (dots), between its bound and 1. "
        "Right: what is missing falls like 1 / log(1 / penalty), and so does its bound.": (
            _margins(curves)
        ),
        "The examples, with the lines of logistic regression for some penalties and that of "
        "largest margin (black, its margin dashed).": _lines(curves),
    }


def _margins(c: Curves) -> Any:
    figure, (left, right) = drawing.figure(1, 2, size=(9.6, 3.6))
    left.semilogx(c.penalties, c.margins, "o", ms=4, label="measured")
    left.semilogx(c.penalties, c.bounds, "-", lw=1.3, label="proven, at least")
    left.axhline(1, color="#000000", lw=1.0, ls="--", label="largest")
    left.set_ylim(0, 1.05)
    left.invert_xaxis()
    left.set_ylabel("margin / largest margin")
    left.legend(frameon=False, loc="lower right")
    left.set_xlabel("penalty")
    small = c.bounds > 0
    size = np.log(1 / c.penalties[small])
    right.loglog(size, 1 - c.margins[small], "o", ms=4, label="measured")
    right.loglog(size, 1 - c.bounds[small], "-", lw=1.3, label="proven, at most")
    guide = (1 - c.margins[small][-1]) * size[-1] / size
    right.loglog(size, guide, "--", color="#000000", lw=1.0, label="order 1")
    right.set_xticks([10, 20, 30], ["10", "20", "30"])
    right.minorticks_off()
    right.set_xlabel("log(1 / penalty)")
    right.set_ylabel("1 - margin / largest margin")
    right.legend(frameon=False, fontsize=8, loc="center left")
    return figure


def _lines(c: Curves) -> Any:
    figure, ax = drawing.figure(size=(6.4, 4.4))
    for label, marker in enumerate("os"):
        ax.plot(*c.x[c.labels == label].T, marker, ms=4, color=drawing.COLOURS[label])
    low, high = c.x.min(axis=0) - 0.3, c.x.max(axis=0) + 0.3
    ax.set_xlim(low[0], high[0])
    ax.set_ylim(low[1], high[1])
    ax.set_aspect("equal")
    for i, colour in zip((0, len(c.models) // 4, len(c.models) - 1), drawing.COLOURS[2:5],
                         strict=True):  # fmt: skip
        _line(ax, c.models[i], 0.0, color=colour, lw=1.4, label=f"penalty {c.penalties[i]:.0e}")
    _line(ax, c.best, 0.0, color="#000000", lw=1.2, label="largest margin")
    for level in (-1.0, 1.0):
        _line(ax, c.best, level, color="#000000", lw=0.9, ls="--")
    ax.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _line(ax: Any, model: linear.Linear, level: float, **style: Any) -> None:
    """Where the second score less the first is ``level``, for the heights of the frame."""
    w, b = model.weight[1] - model.weight[0], model.bias[1] - model.bias[0]
    height = np.array(ax.get_ylim())
    ax.plot((level - b - w[1] * height) / w[0], height, **style)

"""All solvers of shallow networks on one target: errors against neurons and against seconds.

Command: approxnet reproduce shallow_solvers_compared
Cost: 8 s (smoke, 16 neurons), a minute (full, 8 to 64 neurons, 10,000 epochs), on two cores
Expect: the orthogonal greedy algorithm has the best order, 2, with 1.4 times the constant of the
best free knots; Gauss-Newton steps with exchanges after it reach that constant. Neurons on their
own get there slowly. Adam and gradient descent from random starts are worse than equal cells with
as many unknowns. For this smooth target, tanh by natural gradients or with random features is
orders better than any relu.

The target is sin(2 pi x) on [0, 1] in L2. Errors are by an independent rule. Seconds are those of
the whole computation for that number of neurons, with its compilation.
"""

from __future__ import annotations

import dataclasses
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from approxnet import plot as drawing
from approxnet import quadrature, shallow
from approxnet.approximation import splines
from approxnet.errors import ConvergenceWarning
from approxnet.reproduce import Check, Numbers, Quote, Table
from approxnet.reproduce.progress import Reporter

PAPER = (
    Quote(
        "J. W. Siegel, Q. Hong, X. Jin, W. Hao, J. Xu, Greedy training algorithms for neural "
        "networks and applications to PDEs, J. Comput. Phys. 484 (2023) 112084",
        "in our words",
        "greedy algorithms have the optimal order, which gradient methods do not show",
    ),
)


@dataclasses.dataclass(frozen=True)
class Config:
    """How large and how long.

    Attributes:
      sizes: numbers of neurons.
      epochs: of gradient methods.
      cells: of the quadrature.
      steps: of Gauss-Newton, between exchanges; ten times as many of the others.
      exchanges: of neurons.
    """

    sizes: tuple[int, ...]
    epochs: int = 10_000
    cells: int = 2048
    steps: int = 15
    exchanges: int = 10


SCALES = {
    "smoke": Config((16,), epochs=500, cells=128, steps=8, exchanges=0),
    "full": Config((8, 16, 32, 64)),
}

OPTIMUM = 0.8357
"""n^2 times the error of the best n pieces, as n grows."""

RULE = quadrature.box(5003, 5)


class Point(NamedTuple):
    """A solver with n neurons: its error in L2, and the seconds it took, compilation included."""

    solver: str
    n: int
    error: float
    seconds: float


def target(x: Any) -> Any:
    """The function."""
    return jnp.sin(2 * jnp.pi * x[..., 0])


def _error(net: shallow.ShallowNetwork) -> float:
    gap = np.asarray(shallow.evaluate(net, RULE.points) - target(RULE.points))
    return float(np.sqrt(RULE.weights @ gap**2))


def _timed(solver: str, n: int, f: Callable[[], shallow.ShallowNetwork]) -> tuple[Point, Any]:
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # steps are counted, not awaited
        net = jax.block_until_ready(f())
    seconds = time.perf_counter() - start
    return Point(solver, n, _error(net), seconds), net


def _solvers(n: int, config: Config) -> list[Point]:
    """Every solver with n neurons; the greedy network is the start of two of them."""
    rule = quadrature.box(config.cells, 3)
    lines = shallow.dictionary(0.0, 1.0, directions=[[1.0]], offsets=config.cells, extension=0.0)
    key, draw, features = jax.random.split(jax.random.key(n), 3)
    greedy, net = _timed(
        "orthogonal greedy", n,
        lambda: shallow.orthogonal_greedy(key, target, lines, n).network(),
    )  # fmt: skip
    relu = shallow.draw_network(draw, 0.0, 1.0, n, activation="relu", coefficients=n**-0.5)
    w = jax.random.uniform(features, (n, 1), float, -4.0, 4.0)
    tanh = shallow.ShallowNetwork(w, -w[:, 0] * jnp.linspace(0, 1, n), 0.1 * relu.coefficients,
                                  "tanh")  # fmt: skip

    def refined(start: Any, method: str, steps: int, exchanges: int = 0) -> Any:
        return shallow.refine_network(
            start, target, method=method, rule=rule, max_steps=steps, exchanges=exchanges
        ).network

    def trained(transform: Any) -> Any:
        return shallow.train(relu, target, transform, config.epochs, rule=rule).network

    steps, moves = config.steps, config.exchanges
    later = {
        "greedy, Gauss-Newton": lambda: refined(net, "gauss_newton", steps, moves),
        "greedy, neuron-wise": lambda: refined(net, "neuronwise", 2 * steps),
        "natural gradient, tanh": lambda: refined(tanh, "natural_gradient", 10 * steps),
        "random features, tanh": lambda: (
            shallow.random_features(features, target, tanh, rule=rule).network
        ),
        "Adam": lambda: trained(optax.adam(1e-2)),
        "gradient descent": lambda: trained(optax.sgd(1e-1)),
    }
    return [greedy, *(_timed(name, n, f)[0] for name, f in later.items()), _equal_cells(n)]


def _equal_cells(n: int) -> Point:
    """P1 on n equal cells, the best in L2."""
    start = time.perf_counter()
    rule = quadrature.box(4 * n, 5)
    s = splines.least_squares(
        rule.points, np.asarray(target(rule.points)), np.linspace(0, 1, n + 1), degree=1,
        weights=rule.weights,
    )  # fmt: skip
    seconds = time.perf_counter() - start
    gap = np.asarray(target(RULE.points)) - np.asarray(s(RULE.points))
    return Point("equal cells", n, float(np.sqrt(RULE.weights @ gap**2)), seconds)


def run(config: Config, progress: Reporter) -> Numbers:
    """Size by size."""
    points: list[Point] = []
    for i, n in enumerate(config.sizes):
        progress(f"n = {n}", i, len(config.sizes))
        points += _solvers(n, config)
    rows = [(p.solver, p.n, p.error, p.error * p.n**2, round(p.seconds, 2)) for p in points]
    rows += [("free knots, the limit", n, OPTIMUM / n**2, OPTIMUM, "-") for n in config.sizes]
    table = Table(
        f"sin(2 pi x): errors in L2, {config.epochs} epochs of gradient methods",
        ("solver", "neurons", "error", "n^2 error", "seconds"), tuple(rows),
    )  # fmt: skip
    return Numbers((table,), tuple(_checks(config, points)), {"points": points})


def _checks(config: Config, points: list[Point]) -> list[Check]:
    n = config.sizes[-1]
    last = {p.solver: p.error for p in points if p.n == n}
    best = OPTIMUM / n**2
    greedy, moved = last["orthogonal greedy"], last["greedy, Gauss-Newton"]
    checks = [
        Check(f"n = {n}: greedy over the best free knots", greedy / best, "<=", 1.8),
        Check(f"n = {n}: Gauss-Newton over greedy", moved / greedy, "<=", 0.95),
        Check(f"n = {n}: Gauss-Newton over Adam", moved / last["Adam"], "<=", 0.5),
    ]
    if n >= 64:
        checks.append(Check(f"n = {n}: Gauss-Newton, n^2 error", moved * n**2, "<=", 0.85))
    return checks


def plot(numbers: Numbers) -> Mapping[str, Any]:
    """The figures by caption."""
    points = numbers.data["points"]
    figure, axes = drawing.figure(1, 2, size=(11.6, 4.4))
    left, right = np.ravel(axes)
    for i, solver in enumerate(dict.fromkeys(p.solver for p in points)):
        mine = [p for p in points if p.solver == solver]
        style: Any = {
            "color": drawing.COLOURS[i % len(drawing.COLOURS)],
            "marker": drawing.MARKERS[i % len(drawing.MARKERS)],
            "ls": "-" if i < len(drawing.COLOURS) else "--", "ms": 4.5, "lw": 0.9,
            "fillstyle": "full" if i < len(drawing.COLOURS) else "none",
        }  # fmt: skip
        left.loglog([p.n for p in mine], [p.error for p in mine], label=solver, **style)
        right.loglog([p.seconds for p in mine], [p.error for p in mine], **style)
    sizes = np.array(sorted({p.n for p in points}))
    left.loglog(sizes, OPTIMUM / sizes**2, "k:", lw=1.3, label="best free knots, limit")
    left.set_xticks(sizes, [str(n) for n in sizes])
    left.minorticks_off()
    left.set_xlabel("neurons")
    right.set_xlabel("seconds, compilation included")
    right.tick_params(axis="x", which="minor", labelbottom=False)
    left.set_ylabel("error in L2")
    figure.legend(frameon=False, fontsize=8, loc="outside right center")
    bars, axes = drawing.figure(1, 1, size=(6.4, 3.6))
    ax = np.ravel(axes)[0]
    largest = sorted((p for p in points if p.n == sizes[-1]), key=lambda p: p.error)
    ax.barh([p.solver for p in largest], [p.error * p.n**2 / OPTIMUM for p in largest],
            color=drawing.COLOURS[0])  # fmt: skip
    ax.axvline(1.0, color="k", ls=":", lw=1.3)
    ax.set_xscale("log")
    ax.set_xlabel(f"error over that of the best free knots, {sizes[-1]} neurons")
    return {
        "Errors against neurons and against seconds; dotted is the limit for relu.": figure,
        "Errors of the largest networks over the limit for relu.": bars,
    }

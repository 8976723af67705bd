"""The rates lab: errors of several methods against their size, for each target of a list.

Command: approxnet reproduce rates_lab
Cost: 25 s (smoke, 5 targets), two minutes (full, 9 targets), on two cores
Expect: linear splines on equal cells have the order that the smoothness of the target allows, on
cells of equal error, or with fitted breakpoints, order 2 nearly always, the latter with a constant
near the optimum. Polynomials are exponential for analytic targets, deep networks for self-similar
ones.

All errors are in L2 on the target's interval. The size is the number of cells, the degree plus one,
or the number of neurons. The lines are from theory: h^2 |f''| / 720^(1/2) for smooth targets on
equal cells, (int |f''|^(2/5))^(5/2) / (720^(1/2) n^2) for the best breakpoints (Burchard, Hale),
rho^-n for polynomials, and the exact error of the deep networks, the norm of the target times 4^-m
or 2^-m, since what m levels leave is the target again, smaller and repeated 2^m times. Other known
rates are drawn with their order through the last error.

A target of one's own is registered and then measured like the others:

    import dataclasses
    import jax.numpy as jnp
    from approxnet import reproduce
    from approxnet.approximation import targets

    targets.register(targets.Target(
        name="my bump", f=lambda x: jnp.exp(-9 * x[..., 0] ** 2), lower=(-1.0,), upper=(1.0,),
        tags=frozenset({"smooth"}), norms={"max": 1.0}))
    lab = reproduce.find("rates_lab")
    mine = dataclasses.replace(lab.scales["smoke"], targets=("my bump",), fitted=("my bump",))
    reproduce.run(lab, mine, out="reports")
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
import optax

from approxnet import plot as drawing
from approxnet import quadrature, relu, shallow
from approxnet.approximation import polynomials, rates, splines, targets
from approxnet.errors import ConfigError, ConvergenceWarning
from approxnet.reproduce import Check, Numbers, Quote, Table
from approxnet.reproduce.progress import Reporter

PAPER = (
    Quote(
        "I. Daubechies, R. DeVore, S. Foucart, B. Hanin, G. Petrova, Nonlinear approximation and "
        "(deep) ReLU networks, Constr. Approx. 55 (2022), 127-172",
        "in our words",
        "self-similar functions, such as Takagi's, are approximated by deep ReLU networks with an "
        "exponential rate, although they have no classical smoothness",
    ),
)


@dataclasses.dataclass(frozen=True)
class Config:
    """What is measured.

    Attributes:
      targets: names in ``targets.CATALOG``, of functions of one variable.
      fitted: those of them whose breakpoints are fitted, which takes seconds each.
      cells: numbers of cells, equal or adapted, each twice the one before.
      free: numbers of cells with fitted breakpoints.
      degrees: of polynomials.
      levels: of deep networks.
    """

    targets: tuple[str, ...]
    fitted: tuple[str, ...]
    cells: tuple[int, ...] = (8, 16, 32, 64)
    free: tuple[int, ...] = (8, 16)
    degrees: tuple[int, ...] = (4, 8, 16, 32, 48)
    levels: tuple[int, ...] = (1, 2, 4, 6, 8)


SCALES = {
    "smoke": Config(("power", "sine", "runge", "takagi", "quadratic"), ("power",)),
    "full": Config(
        ("power", "sine", "runge", "takagi", "quadratic", "root", "cusp", "gabor", "step"),
        ("power", "sine", "runge"),
        cells=(8, 16, 32, 64, 128, 256),
        free=(8, 16, 32),
    ),
}

EMULATIONS: dict[str, tuple[Callable[[int], relu.Network], float]] = {
    "takagi": (lambda m: relu.sawtooth_series(0.5 ** np.arange(1, m + 1)), 0.5),
    "quadratic": (lambda m: relu.sawtooth_series(-(0.25 ** np.arange(1, m + 1))), 0.25),
}
"""Deep networks with m levels, and by how much a level reduces the error."""

ROUNDING = 1e-13
"""Errors below are rounding."""

METHODS = (
    "uniform P1", "adaptive P1", "free-knot P1", "polynomial", "deep ReLU network",
    "greedy", "greedy, Gauss-Newton", "Adam",
)  # fmt: skip


class Curve(NamedTuple):
    """The errors (s,) of a method for a target, with what is known.

    ``line`` is what theory says of the errors, with its constant; ``order`` the best known rate.
    """

    target: str
    method: str
    sizes: np.ndarray
    errors: np.ndarray
    line: np.ndarray | None = None
    order: float | None = None


def run(config: Config, progress: Reporter) -> Numbers:
    """Measure target by target."""
    curves = []
    for i, name in enumerate(config.targets):
        progress(name, i, len(config.targets))
        curves += _measure(_find(name), config)
    checks = [check for curve in curves for check in _checks(curve)]
    return Numbers((_table(curves),), tuple(checks), {"curves": curves})


def _find(name: str) -> targets.Target:
    known = [n for n, target in targets.CATALOG.items() if target.dimension == 1]
    if name not in known:
        raise ConfigError(f"target must be one of {', '.join(known)}, got {name!r}; register it")
    target = targets.CATALOG[name]
    return target._replace(f=jax.jit(target.f))


def _measure(target: targets.Target, config: Config) -> list[Curve]:
    ends: Any = {"lower": target.lower[0], "upper": target.upper[0]}
    cells, known = np.array(config.cells), {r.method: r for r in target.rates}
    order = {m: known[m].order if m in known else None for m in METHODS}
    uniform = np.array([_uniform(target, n) for n in config.cells])
    adapted = [splines.equidistribute(target.f, n, **ends)[2] for n in config.cells]
    curves = [
        Curve(target.name, METHODS[0], cells, uniform, _line(target, cells), order[METHODS[0]]),
        Curve(target.name, METHODS[1], cells, np.array(adapted), None, order[METHODS[2]]),
    ]  # fmt: skip
    if target.name in config.fitted:
        free = np.array(config.free)
        fits = [splines.fit_free_knots(target.f, n, rtol=1e-4, **ends).error for n in config.free]
        line = _optimum(target) / free**2
        curves.append(Curve(target.name, METHODS[2], free, np.array(fits), line, order[METHODS[2]]))
        curves += _shallow(target, config)
    degrees = np.array(config.degrees)
    errors = np.array([_polynomial(target, n) for n in config.degrees])
    curves.append(
        Curve(target.name, METHODS[3], degrees + 1, errors, _ratio(target, degrees, errors))
    )
    if target.name in EMULATIONS:
        curves.append(_emulate(target, config.levels))
    return curves


def _shallow(target: targets.Target, config: Config) -> list[Curve]:
    """Networks of one hidden layer: grown, then refined, and trained from random starts."""
    low, high = target.lower[0], target.upper[0]
    rule, fine = quadrature.box(512, 5, low, high), _rule(target, 4999)
    lines = shallow.dictionary(low, high, directions=[[1.0]], offsets=2048)
    key, *draws = jax.random.split(jax.random.key(0), 1 + len(config.free))
    path = shallow.orthogonal_greedy(key, target.f, lines, max(config.free))
    nets: dict[str, list[shallow.ShallowNetwork]] = {name: [] for name in METHODS[5:]}
    for n, draw in zip(config.free, draws, strict=True):
        start = shallow.draw_network(draw, low, high, n, activation="relu", coefficients=n**-0.5)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # steps are counted
            refined = shallow.refine_network(
                path.network(n), target.f, rule=rule, max_steps=10, exchanges=1
            )
        trained = shallow.train(start, target.f, optax.adam(1e-2), 1000, rule=rule)
        found = (path.network(n), refined.network, trained.network)
        for name, net in zip(nets, found, strict=True):
            nets[name].append(net)
    f, sizes = _values(target.f, fine), np.array(config.free)
    return [
        Curve(target.name, name, sizes,
              np.array([_norm(fine, f - np.asarray(shallow.evaluate(net, fine.points)))
                        for net in found]))
        for name, found in nets.items()
    ]  # fmt: skip


def _rule(target: targets.Target, cells: int) -> quadrature.Rule:
    return quadrature.box(cells, 9, target.lower, target.upper)


def _values(f: Callable[[Any], Any], rule: quadrature.Rule) -> np.ndarray:
    return np.asarray(f(rule.points))


def _norm(rule: quadrature.Rule, values: np.ndarray) -> float:
    return math.sqrt(rule.weights @ values**2)


def _uniform(target: targets.Target, n: int) -> float:
    """Three cells of the rule in each cell, so that singularities seldom meet its ends."""
    rule, b = _rule(target, 3 * n), np.linspace(target.lower[0], target.upper[0], n + 1)
    f = _values(target, rule)
    s = splines.least_squares(rule.points, f, b, degree=1, weights=rule.weights)
    return _norm(rule, f - splines.basis(s.knots, rule.points, degree=1) @ s.coefficients)


def _bend(target: targets.Target) -> Callable[[Any], Any]:
    """The second derivative."""
    slope = jax.grad(lambda t: target.f(t[None]))
    return jax.jit(lambda x: jax.vmap(jax.grad(slope))(x[..., 0]))


def _line(target: targets.Target, cells: np.ndarray) -> np.ndarray | None:
    """h^2 |f''| / 720^(1/2), for smooth targets."""
    if "smooth" not in target.tags:
        return None
    rule = _rule(target, 256)
    h = (target.upper[0] - target.lower[0]) / cells
    return h**2 * _norm(rule, _values(_bend(target), rule)) / math.sqrt(720)


def _optimum(target: targets.Target) -> float:
    """The constant of the best breakpoints; x = lower + length t^8 for a singular left end."""
    rule, length = quadrature.box(256, 9), target.upper[0] - target.lower[0]
    t = rule.points
    moved = quadrature.Rule(
        target.lower[0] + length * t**8, length * 8 * t[:, 0] ** 7 * rule.weights
    )
    return splines.optimal_constant(_bend(target), moved)


def _polynomial(target: targets.Target, degree: int) -> float:
    """The projection on polynomials of a degree, by Legendre polynomials."""
    rule = _rule(target, 256)
    f = _values(target, rule)
    p = polynomials.least_squares(
        rule.points, f, degree, family=polynomials.legendre, weights=rule.weights,
        lower=target.lower[0], upper=target.upper[0])  # fmt: skip
    return _norm(rule, f - np.asarray(p(rule.points)))


def _ratio(target: targets.Target, degrees: np.ndarray, errors: np.ndarray) -> np.ndarray | None:
    """rho^-n through the last error, for targets whose ellipse is known."""
    known = [r.ratio for r in target.rates if r.method == "polynomial" and r.ratio < 1]
    return errors[-1] * known[0] ** (degrees - degrees[-1]) if known else None


def _emulate(target: targets.Target, levels: tuple[int, ...]) -> Curve:
    """The rule has an odd number of cells per piece, and misses the dyadic points."""
    network, ratio = EMULATIONS[target.name]
    rule = _rule(target, 3 * 2 ** (max(levels) + 3))
    f = _values(target, rule)
    nets = [network(m) for m in levels]
    errors = [_norm(rule, np.asarray(relu.evaluate(net, rule.points)) - f) for net in nets]
    line = target.norms["L2"] * ratio ** np.array(levels, float)
    sizes = np.array([relu.n_neurons(net) for net in nets])
    return Curve(target.name, METHODS[4], sizes, np.array(errors), line)


def _fit(c: Curve) -> rates.Fit | None:
    """Of the last three levels; none where the error is rounding."""
    sizes, errors = c.sizes[c.errors > ROUNDING], c.errors[c.errors > ROUNDING]
    return rates.fit(sizes, errors, last=min(3, len(sizes))) if len(sizes) > 1 else None


def _checks(c: Curve) -> list[Check]:
    """Orders of two doublings are near the limit; lines are limits, but exact for networks."""
    name, found, checks = f"{c.target}, {c.method}", _fit(c), []
    if c.order is not None and found is not None and c.method != "free-knot P1":
        checks.append(
            Check(f"{name}: |order - {c.order:.3f}|", abs(found.order - c.order), "<=", 0.15)
        )
    if c.line is None:
        return checks
    share = c.errors / c.line
    if c.method == "uniform P1":
        return [*checks, Check(f"{name}: |error / line - 1|", abs(share[-1] - 1), "<=", 0.05)]
    if c.method == "free-knot P1":
        return [*checks, Check(f"{name}: error over the optimum", share[-1], "<=", 1.0),
                Check(f"{name}: error over the optimum, below", share[-1], ">=", 0.85)]  # fmt: skip
    if c.method == "polynomial":
        gap = abs(math.log(share[-2]) / math.log(c.line[-2] / c.line[-1]))
        return [*checks, Check(f"{name}: |log of the ratio / log rho - 1|", gap, "<=", 0.05)]
    return [
        *checks,
        Check(f"{name}: |error / line - 1|", float(np.abs(share - 1).max()), "<=", 0.01),
    ]


def _table(curves: list[Curve]) -> Table:
    columns = ("target", "method", "largest size", "error", "fitted order", "known order",
               "error / line")  # fmt: skip
    rows = []
    for c in curves:
        found = _fit(c)
        rows.append((
            c.target, c.method, int(c.sizes[-1]), float(c.errors[-1]),
            "-" if found is None else found.order, "-" if c.order is None else c.order,
            "-" if c.line is None else float(c.errors[-1] / c.line[-1]),
        ))  # fmt: skip
    return Table("Errors in L2 and their orders, over the last three sizes", columns, tuple(rows))


def plot(numbers: Numbers) -> Mapping[str, Any]:
    """The figures by caption."""
    curves = numbers.data["curves"]
    names = list(dict.fromkeys(c.target for c in curves))
    figures = {}
    for start in range(0, len(names), 6):
        chosen = names[start : start + 6]
        caption = (
            f"{', '.join(chosen)}: error in L2 against size. Lines of the same colour are from "
            "theory, dashed with their constant, dotted with their order through the last error."
        )
        figures[caption] = _figure([[c for c in curves if c.target == n] for n in chosen])
    return figures


def _figure(groups: list[list[Curve]]) -> Any:
    columns = min(3, len(groups))
    rows = -(-len(groups) // columns)
    figure, axes = drawing.figure(rows, columns, size=(4.4 * columns, 3.7 * rows))
    flat = np.ravel(axes)
    for ax, curves in zip(flat, groups, strict=False):
        for c in curves:
            i = METHODS.index(c.method)
            colour = (*drawing.COLOURS, "0.5")[i]
            marker = (*drawing.MARKERS, "x")[i]
            seen = c.errors > ROUNDING
            label = c.method + ("" if seen.any() else ", exact")
            ax.loglog(c.sizes[seen], c.errors[seen], marker + "-", color=colour, ms=4.5, lw=0.7,
                      label=label)  # fmt: skip
            if c.line is not None:
                ax.loglog(c.sizes, c.line, "--", color=colour, lw=1.3)
            elif c.order is not None:
                line = c.errors[-1] * (c.sizes / c.sizes[-1]) ** -c.order
                ax.loglog(c.sizes, line, ":", color=colour, lw=1.3)
        ax.set_title(curves[0].target)
        ax.set_xlim(1.5, 2 * max(c.sizes[-1] for c in curves))
        ax.set_xlabel("size")
        ax.legend(frameon=False, fontsize=8)
    for ax in flat[:: max(columns, 1)]:
        ax.set_ylabel("error in L2")
    for ax in flat[len(groups) :]:
        ax.remove()
    return figure

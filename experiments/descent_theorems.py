"""What methods of descent attain, beside what is proven about them.

Command: approxnet reproduce descent_theorems
Cost: 5 s (smoke), 10 s (full), on two cores
Expect: no measured value is above its bound. On quadratics gradient descent, the heavy ball and
exact line search attain their bounds to rounding from the worst start, and Huber's functions attain
the sharp bound for convex functions at each step. On Nesterov's worst function the accelerated
method ends within a factor of four of what no method of first order can pass, five times below
gradient descent. Subgradients attain r M / (k + 1)^(1/2), each k on its own function.

The quadratics have eigenvalues from mu = 1 to L, equal in the logarithm. A worst start is an
eigenvector, or q_mu / mu + q_L / L for exact line search. The worst function is

    f(x) = L / 4 ((x_1^2 + sum (x_i - x_{i+1})^2 + x_n^2) / 2 - x_1),    n = 2 k + 1,

for which f(x_k) - f* >= 3 L |x_0 - x*|^2 / (32 (k + 1)^2), from x_0 = 0, for every method whose
steps are sums of gradients (Nesterov, Lectures on Convex Optimization, section 2.1.2).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from approxnet import optimize
from approxnet import plot as drawing
from approxnet.optimize import bounds
from approxnet.reproduce import Check, Numbers, Quote, Table
from approxnet.reproduce.progress import Reporter

PAPER = (
    Quote(
        "J. Xu, Deep Learning and Analysis, lecture notes, Penn State 2021",
        "training algorithms",
        "gradient descent with eta = lambda / L^2 contracts the square of the distance by "
        "1 - lambda^2 / L^2",
    ),
    Quote(
        "Y. Drori, M. Teboulle, Math. Program. 145 (2014)",
        "theorems 3.1 and 3.2",
        "f(x_k) - f* <= L |x_0 - x*|^2 / (4 k + 2) for the step 1 / L, and this is attained",
    ),
)


@dataclasses.dataclass(frozen=True)
class Config:
    """The problems.

    Attributes:
      kappa: L / mu of the quadratics.
      dimension: their number of eigenvalues.
      steps: on the quadratics.
      convex_steps: k of the worst function and of Huber's.
      seed: of the random starts.
    """

    kappa: float = 100.0
    dimension: int = 20
    steps: int = 200
    convex_steps: int = 100
    seed: int = 0


SCALES = {
    "smoke": Config(),
    "full": Config(kappa=1e4, dimension=200, steps=5000, convex_steps=1000),
}

MU = 1.0
ROUNDING = 1e-7
"""Rounding of some hundred steps, in a double zero of the heavy ball's recurrence too."""
FLOOR = 1e-24
"""Squares below it, over the one at the start, are rounding."""


class Curve(NamedTuple):
    """Measured and proven values by k, and whether the bound must be attained."""

    method: str
    quantity: str
    k: np.ndarray
    measured: np.ndarray
    proven: np.ndarray
    sharp: bool

    @property
    def ratio(self) -> np.ndarray:
        """Measured over proven, where it is not rounding."""
        seen = self.proven > self.proven[0] * FLOOR**0.5
        return self.measured[seen] / self.proven[seen]


class Method(NamedTuple):
    """A method on quadratics: proven(gap, distance) bounds the quantity by k."""

    transform: Any
    quantity: str
    proven: Callable[[float, float], np.ndarray]
    start: np.ndarray
    sharp: bool = False
    ahead: float = 0.0  # Nesterov's points are x = y - step g


def run(config: Config, progress: Reporter) -> Numbers:
    """Quadratics, convex functions, a function with kinks."""
    curves: dict[str, list[Curve]] = {}
    methods = _methods(config)
    for i, (name, method) in enumerate(methods.items()):
        progress(name, i, len(methods) + 2)
        curves[name] = _on_quadratics(config, name, method)
    progress("convex functions", len(methods), len(methods) + 2)
    curves["convex"] = [*_worst(config), _huber(config)]
    progress("kinks", len(methods) + 1, len(methods) + 2)
    curves["kinks"] = [_horizons(config), _absolute_values(config)]
    flat = [curve for group in curves.values() for curve in group]
    checks = [check for curve in flat for check in _checks_of(curve)] + _last_checks(config, curves)
    return Numbers((_table(flat),), tuple(checks), {"curves": curves, "lower": _lower(config)})


def _methods(config: Config) -> dict[str, Method]:
    L, d, k = MU * config.kappa, config.dimension, np.arange(config.steps + 1)
    low, high = np.eye(d)[0], np.eye(d)[-1]
    best, momentum = 2 / (L + MU), bounds.nesterov_momentum(L, MU)
    return {
        "step 1/L": Method(optimize.gradient_descent(1 / L, smoothness=L), "distance",
            lambda gap, r: r * bounds.distance_factor(k, L, MU), low, True),
        "step 2/(L+mu)": Method(optimize.gradient_descent(best, smoothness=L), "distance",
            lambda gap, r: r * bounds.distance_factor(k, L, MU, best), low + high, True),
        "heavy ball": Method(optimize.heavy_ball(*bounds.heavy_ball_parameters(L, MU)), "distance",
            lambda gap, r: r * bounds.heavy_ball_factor(k, L, MU), high, True),
        "exact line search": Method(optimize.exact_line_search(), "value",
            lambda gap, r: gap * bounds.exact_line_search_factor(k, L, MU),
            low / MU + high / L, True),
        "Armijo": Method(optimize.armijo(), "value",
            lambda gap, r: gap * bounds.armijo_factor(k, L, MU), low / MU + high / L),
        "Nesterov": Method(optimize.nesterov(1 / L, momentum, smoothness=L), "value",
            lambda gap, r: bounds.nesterov_strongly_convex(k, L, MU, gap, r), low, False, 1 / L),
    }  # fmt: skip


def _on_quadratics(config: Config, name: str, method: Method) -> list[Curve]:
    """From the worst start and from a random one, both of length 1; the minimum is 0 at 0."""
    a = np.geomspace(MU, MU * config.kappa, config.dimension)
    generic = np.random.default_rng(config.seed).normal(size=config.dimension)
    starts = np.stack([x / np.linalg.norm(x) for x in (method.start, generic)])

    def value(x: jax.Array) -> jax.Array:
        return jnp.sum(a * x * x) / 2

    @jax.jit
    @jax.vmap
    def paths(x: jax.Array) -> jax.Array:
        path = optimize.trajectory(value, x, method.transform, config.steps)
        made = path.points[:-1] - method.ahead * path.gradients[:-1]
        return jnp.concatenate([x[None], made]) if method.ahead else path.points

    curves, k = [], np.arange(config.steps + 1)
    for points, word in zip(np.asarray(paths(starts)), ("worst", "random"), strict=True):
        gaps, away = (a * points**2).sum(axis=1) / 2, np.linalg.norm(points, axis=1)
        measured = {"distance": away, "value": gaps}[method.quantity]
        curves.append(
            Curve(f"{name}, {word} start", method.quantity, k, measured,
                  method.proven(gaps[0], away[0]), method.sharp and word == "worst")
        )  # fmt: skip
    return curves


def _worst(config: Config) -> list[Curve]:
    """Gradient descent and Nesterov's method on Nesterov's worst function, L = 1."""
    n = 2 * config.convex_steps + 1
    distance = float(np.linalg.norm(1 - np.arange(1, n + 1) / (n + 1)))
    least = -(1 - 1 / (n + 1)) / 8

    def value(x: jax.Array) -> jax.Array:
        ends = jnp.pad(x, 1)
        return (jnp.sum((ends[1:] - ends[:-1]) ** 2) / 2 - x[0]) / 4

    curves, k = [], np.arange(1, config.convex_steps + 1)
    for name, transform, ahead, bound in (
        ("gradient descent", optimize.gradient_descent(1.0), 0.0, bounds.convex),
        ("Nesterov", optimize.nesterov(1.0), 1.0, bounds.nesterov_convex),
    ):

        def gaps(x: jax.Array, transform: Any = transform, ahead: float = ahead) -> jax.Array:
            path = optimize.trajectory(value, x, transform, config.convex_steps)
            made = path.points[:-1] - path.gradients[:-1]
            return jax.vmap(value)(made if ahead else path.points[1:]) - least

        measured = np.asarray(jax.jit(gaps)(jnp.zeros(n)))
        curves.append(
            Curve(f"{name}, worst function", "value", k, measured, bound(k, 1.0, distance), False)
        )
    return curves


def _huber(config: Config) -> Curve:
    """From 1, L = 1; the k-th of Huber's functions after k steps."""
    k = np.arange(1, config.convex_steps + 1)
    b = 1 / (2.0 * k + 1)

    def last(b: jax.Array, k: jax.Array) -> jax.Array:
        def value(x: jax.Array) -> jax.Array:
            return jnp.where(abs(x) <= b, x * x / 2, b * abs(x) - b * b / 2)

        method = optimize.gradient_descent(1.0, smoothness=1.0)
        return optimize.trajectory(value, jnp.ones(()), method, config.convex_steps).values[k]

    measured = np.asarray(jax.jit(jax.vmap(last))(b, k))
    return Curve("gradient descent, Huber's functions", "value", k, measured,
                 bounds.convex_sharp(k, 1.0, 1.0), True)  # fmt: skip


def _horizons(config: Config) -> Curve:
    """max_{i <= k} x_i from 0 with the step (k + 1)^(-1/2): the least of k + 1 values.

    The subgradient is that of the first maximum. The minimum on the unit ball is -(k + 1)^(-1/2).
    """
    n = config.convex_steps + 1
    k = np.unique(np.geomspace(1, n, 14).astype(int)) - 1
    steps = (k + 1.0) ** -0.5

    def least(k: jax.Array, step: jax.Array) -> jax.Array:
        def value(x: jax.Array) -> jax.Array:
            return x[jnp.argmax(jnp.where(jnp.arange(n) <= k, x, -jnp.inf))]

        path = optimize.trajectory(value, jnp.zeros(n), optimize.gradient_descent(step), n - 1)
        return jnp.min(jnp.where(jnp.arange(n) <= k, path.values, jnp.inf)) + step

    proven = [
        bounds.subgradient(np.full(m + 1, s), 1.0, 1.0)[-1] for m, s in zip(k, steps, strict=True)
    ]
    measured = np.asarray(jax.jit(jax.vmap(least))(k, steps))
    return Curve("subgradients, largest coordinate", "value", k, measured, np.array(proven), True)


def _absolute_values(config: Config) -> Curve:
    """Sum |x_i| from a random start of length 1, with steps that shrink."""
    d, n = config.dimension, config.convex_steps + 1
    start = np.random.default_rng(config.seed).normal(size=d)
    schedule = optimize.inverse_sqrt(d**-0.5)
    method = optimize.gradient_descent(schedule)
    path = jax.jit(lambda x: optimize.trajectory(lambda y: jnp.sum(abs(y)), x, method, n - 1))
    values = np.asarray(path(start / np.linalg.norm(start)).values)
    proven = bounds.subgradient((d * np.arange(1.0, n + 1)) ** -0.5, d**0.5, 1.0)
    measured = np.minimum.accumulate(values)
    return Curve("subgradients, sum of sizes", "value", np.arange(n), measured, proven, False)


def _checks_of(curve: Curve) -> list[Check]:
    name = f"{curve.method}: {curve.quantity} / bound"
    checks = [Check(f"{name}, largest", float(curve.ratio.max()), "<=", 1 + ROUNDING)]
    if curve.sharp:
        checks.append(Check(f"{name}, least", float(curve.ratio.min()), ">=", 1 - ROUNDING))
    return checks


def _lower(config: Config) -> float:
    """What no method of first order passes in the last step on the worst function, L = 1."""
    n = 2 * config.convex_steps + 1
    square = np.sum((1 - np.arange(1, n + 1) / (n + 1)) ** 2)
    return float(3 * square / (32 * (config.convex_steps + 1.0) ** 2))


def _last_checks(config: Config, curves: dict[str, list[Curve]]) -> list[Check]:
    descent, accelerated, _ = curves["convex"]
    return [
        Check(f"{c.method}: last value / lower bound", float(c.measured[-1]) / _lower(config),
              ">=", 1.0) for c in (descent, accelerated)
    ]  # fmt: skip


def _table(curves: list[Curve]) -> Table:
    columns = ("method", "of", "steps", "measured at the end", "proven", "largest ratio", "least")
    rows = [
        (c.method, c.quantity, int(c.k[-1]), float(c.measured[-1]), float(c.proven[-1]),
         float(c.ratio.max()), float(c.ratio.min()))
        for c in curves
    ]  # fmt: skip
    return Table("Measured and proven", columns, tuple(rows))


def plot(numbers: Numbers) -> Mapping[str, Any]:
    """The figures by caption."""
    curves, lower = numbers.data["curves"], numbers.data["lower"]
    smooth = {name: group for name, group in curves.items() if name not in ("convex", "kinks")}
    return {
        "Strongly convex quadratics: measured from the worst start (dots) and from a random one "
        "(thin), proven (lines). Distance to the minimiser on the left, value on the right.": (
            _quadratics(smooth)
        ),
        "Convex functions: measured (dots) and proven (lines) for smooth functions, with the bound "
        "that no method of first order passes in the last step (black), and for functions with "
        "kinks.": (_convex(curves, lower)),
    }


def _quadratics(groups: dict[str, list[Curve]]) -> Any:
    figure, axes = drawing.figure(1, 2, size=(9.6, 4.2))
    for ax, quantity in zip(axes, ("distance", "value"), strict=True):
        chosen = {name: g for name, g in groups.items() if g[0].quantity == quantity}
        for (name, (worst, generic)), colour, marker in zip(
            chosen.items(), drawing.COLOURS, drawing.MARKERS, strict=False
        ):
            ax.semilogy(worst.k, worst.proven / worst.proven[0], color=colour, lw=1.1)
            ax.semilogy(generic.k, generic.measured / generic.proven[0], ":", color=colour, lw=1.0)
            every = max(1, len(worst.k) // 14)
            ax.semilogy(worst.k[::every], (worst.measured / worst.proven[0])[::every], marker,
                        color=colour, ms=4.5, label=name)  # fmt: skip
        ax.set_ylim(1e-9, 10)
        ax.set_title({"distance": "$|x_k - x^*|$", "value": "$f(x_k) - f^*$"}[quantity])
        ax.set_xlabel("steps k")
        ax.legend(frameon=False, loc="lower left")
    axes[0].set_ylabel("over the bound at k = 0")
    return figure


def _convex(curves: dict[str, list[Curve]], lower: float) -> Any:
    figure, axes = drawing.figure(1, 2, size=(9.6, 4.2))
    for ax, name in zip(axes, ("convex", "kinks"), strict=True):
        for c, colour, marker in zip(curves[name], drawing.COLOURS, drawing.MARKERS, strict=False):
            few = np.unique(np.geomspace(1, len(c.k), min(14, len(c.k))).astype(int)) - 1
            ax.loglog(c.k + (name == "kinks"), c.proven, color=colour, lw=1.1)
            ax.loglog((c.k + (name == "kinks"))[few], c.measured[few], marker, color=colour, ms=4.5,
                      label=c.method)  # fmt: skip
        ax.legend(frameon=False, loc="lower left")
    axes[0].plot(curves["convex"][0].k[-1], lower, "k_", ms=14)
    axes[0].set_xlabel("steps k")
    axes[1].set_xlabel("k + 1")
    axes[0].set_ylabel("$f(x_k) - f^*$")
    axes[1].set_ylabel("least $f(x_i) - f^*$, $i \\leq k$")
    return figure

"""The energy of a network is exact, and what quadrature makes of it.

Command: approxnet reproduce exact_energy
Cost: 10 s (smoke, to 32 neurons a layer), 2 min (full, to 64), on two cores
Expect: exact energies agree with a rule on every linear region to all digits, and with
Monte-Carlo within its spread; Gauss points, which converge like an exponential for tanh, are no
better than order 3/4 in their number for relu. Training with few fixed points takes the
quadrature energy below the true minimum while the exact energy rises; with many points and free
kinks it loses the kinks, because automatic differentiation does not see how they move; with
points on the kinks, where the rule is exact, it does neither.

The energies are E(v) = 1/2 |grad v|^2 - (1, v) for random networks on the square [-1, 1]^2, and
E(v) = 1/2 |v'|^2 - (x, v) for v(0) = 0 on the line: there -u'' = x, u(0) = 0, u'(1) = 0 has the
solution u = x / 2 - x^3 / 6 of energy -1/15, and E(v) - E(u) = 1/2 |v' - u'|^2 for every v. The
network that is trained has one hidden layer with kinks in (0, 1). Koksma's inequality: n midpoints
miss an integral by at most V / (2 n), V the variation of the integrand.

Reference: Rivera, Taylor, Omella, Pardo, "On quadrature rules for solving partial differential
equations using neural networks", Comput. Methods Appl. Mech. Engrg. 393 (2022), 114710.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from approxnet import plot as drawing
from approxnet import quadrature, relu
from approxnet.relu.regions import TOLERANCE
from approxnet.reproduce import Check, Numbers, Table, networks
from approxnet.reproduce.progress import Reporter


@dataclasses.dataclass(frozen=True)
class Config:
    """How large the networks are, how many points rules have, how long is trained.

    Attributes:
      widths: neurons in each of two hidden layers of random networks.
      nets: random networks of each width.
      points: points per axis of the rules on the square, each twice the one before.
      neurons: of the network that is trained.
      coarse: points of the coarse rule for training.
      fine: points of the fine one.
      steps: optimiser steps at which energies are recorded, increasing from 0.
      seed: of everything random.
    """

    widths: tuple[int, ...]
    nets: int
    points: tuple[int, ...]
    neurons: int = 48
    coarse: int = 16
    fine: int = 1024
    steps: tuple[int, ...] = (0, 30, 60, 100, 200, 300, 600, 1000, 2000, 3000)
    seed: int = 0


SCALES = {
    "smoke": Config(widths=(8, 32), nets=6, points=(4, 8, 16, 32, 64)),
    "full": Config(
        widths=(8, 16, 32, 64),
        nets=20,
        points=(4, 8, 16, 32, 64, 128),
        steps=(0, 30, 60, 100, 200, 300, 600, 1000, 2000, 3000, 6000, 10_000, 20_000),
    ),
}

ROUNDING = TOLERANCE
"""What an energy may lose, relative to its terms and per neuron: the regions take kinks that are
closer than this for one."""

DEVIATIONS = 4.0
"""How many standard deviations chance is given."""

NEAR = 0.01
"""Energies are near each other if they differ by less than this share of the minimum."""

LEARNING_RATE = 5e-3
MINIMUM = -1 / 15
LOAD = relu.from_layers([([[1.0]], [0.0]), ([[1.0]], [0.0])])
"""The load x on [0, 1], a network itself."""


def run(config: Config, progress: Reporter) -> Numbers:
    """Integrate the energies of random networks, then minimise that of one."""
    rng = np.random.default_rng(config.seed)
    total = len(config.widths) + len(RULES)
    studies = []
    for i, width in enumerate(config.widths):
        progress(f"{config.nets} networks of width {width}", i, total)
        studies.append(_study(config, width, rng))
    start, paths = _random_line(config.neurons, rng), []
    for i, rule in enumerate(RULES):
        progress(f"training by the {rule} rule", len(config.widths) + i, total)
        paths += _paths(config, start, rule)
    checks = [check for study in studies for check in _study_checks(config, study)]
    checks += [check for path in paths for check in _path_checks(config, path)]
    checks += _trap_checks(paths)
    return Numbers(
        tables=(_study_table(studies), _path_table(paths)),
        checks=tuple(checks),
        data={"studies": studies, "paths": paths, "coarse": config.coarse},
    )


class Study(NamedTuple):
    """Random networks of one width, and rules against their exact energies.

    ``errors`` are root mean squares over the networks by rule and number of points, relative to
    the standard deviation of the energy density; ``chance`` is the largest error of Monte-Carlo
    in units of what it expects, ``noise`` that of the rule on the regions over its tolerance.
    """

    width: int
    regions: float
    errors: dict[str, dict[int, float]]
    chance: float
    noise: float


def _study(config: Config, width: int, rng: np.random.Generator) -> Study:
    errors: dict[str, dict[int, list[float]]] = {}
    regions, chance, noise = [], [], []
    for _ in range(config.nets):
        net = networks.random((2, width, width, 1), rng)
        smooth = dataclasses.replace(net, activations=("tanh", "tanh"))
        energy = relu.norm_h1(net, -1.0, 1.0) ** 2 / 2 - relu.integrate(net, -1.0, 1.0).item()
        rules = _rules(config, rng)
        sampled, spread = _estimates(net, rules)
        smoothly, smooth_spread = _estimates(smooth, rules)
        for (name, n), value in sampled.items():
            errors.setdefault(name, {}).setdefault(n, []).append((value - energy) / spread)
        finest = smoothly["Gauss", max(config.points) ** 2]
        for n in (points**2 for points in config.points[:-1]):
            error = (smoothly["Gauss", n] - finest) / smooth_spread
            errors.setdefault(TANH, {}).setdefault(n, []).append(error)
        chance.append(abs(errors["Monte-Carlo"][n][-1]) * math.sqrt(n))
        value, size, cells = _on_regions(net)
        regions.append(cells)
        noise.append(abs(value - energy) / (ROUNDING * relu.n_neurons(net) * size))
    rms = {name: {n: _rms(e) for n, e in by_n.items()} for name, by_n in errors.items()}
    return Study(width, float(np.mean(regions)), rms, max(chance), max(noise))


TANH = "Gauss, tanh in the place of relu"


def _rms(values: Any) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _rules(config: Config, rng: np.random.Generator) -> dict[tuple[str, int], quadrature.Rule]:
    """Rules on [-1, 1]^2 by name and number of points."""
    corners = ((-1.0, -1.0), (1.0, 1.0))
    rules = {}
    for n in config.points:
        key, total = jax.random.key(int(rng.integers(2**31))), n * n
        rules["Gauss", total] = quadrature.box(1, 2 * n - 1, *corners)
        rules["Sobol", total] = quadrature.sobol(key, total, *corners)
        random = rng.uniform(-1, 1, (total, 2))
        rules["Monte-Carlo", total] = quadrature.Rule(random, np.full(total, 4 / total))
    return rules


def _estimates(
    net: relu.Network, rules: dict[tuple[str, int], quadrature.Rule]
) -> tuple[dict[tuple[str, int], float], float]:
    """The energies by rule, and four times the standard deviation of the density."""
    x = np.concatenate([rule.points for rule in rules.values()])
    values = np.asarray(_densities(net, x, np.ones(len(x))))
    ends = np.cumsum([len(rule.weights) for rule in rules.values()])
    parts = np.split(values, ends[:-1])
    sums = (float(rule.weights @ v) for rule, v in zip(rules.values(), parts, strict=True))
    return dict(zip(rules, sums, strict=True)), 4 * float(np.std(parts[-1]))


def _density(net: relu.Network, x: Any, load: Any) -> jax.Array:
    """1/2 |grad v|^2 - load v at points, (n, d) and (n,) -> (n,)."""
    value, gradient = jax.vmap(jax.value_and_grad(lambda p: relu.evaluate(net, p)))(x)
    return (gradient**2).sum(axis=-1) / 2 - load * value


_densities = jax.jit(_density)


def _on_regions(net: relu.Network) -> tuple[float, float, int]:
    """The energy by a rule of degree 2 on a fan of triangles in each region; its size; regions."""
    cells = relu.linear_regions(net, -1.0, 1.0)
    fans = np.split(cells.vertices[cells.corners], cells.starts[1:-1])
    triangles = np.concatenate(
        [np.stack([np.broadcast_to(c[0], c[2:].shape), c[1:-1], c[2:]], axis=1) for c in fans]
    )
    rule = quadrature.on_simplices(quadrature.simplex(2, 2), triangles)
    values, gradients = _by_hand(net, rule.points.reshape(-1, 2))
    bending, weights = (gradients**2).sum(axis=1) / 2, rule.weights.ravel()
    size = weights @ (bending + np.abs(values))
    return float(weights @ (bending - values)), float(size), len(fans)


def _by_hand(net: relu.Network, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values (n,) and gradients (n, 2), by the chain rule."""
    rows = np.broadcast_to(np.eye(2), (len(x), 2, 2))
    for layer in net.layers[:-1]:
        weight = np.asarray(layer.dense())
        before = x @ weight.T + np.asarray(layer.bias_vector())
        x, rows = np.maximum(before, 0), (before > 0)[..., None] * (weight @ rows)
    last = np.asarray(net.layers[-1].dense())
    return x @ last[0] + np.asarray(net.layers[-1].bias_vector()), (last @ rows)[:, 0]


def _order(errors: Mapping[int, float]) -> float:
    return float(np.polyfit(np.log(list(errors)), np.log(list(errors.values())), 1)[0])


def _study_checks(config: Config, study: Study) -> list[Check]:
    """Exactness twice, and the orders; an order is uncertain because so few networks are seen.

    The root mean square of R normal errors has the relative deviation s = 1 / sqrt(2 R), and the
    line through k such logarithms at distance log 4 has a slope of deviation
    s / (log(4) sqrt((k^3 - k) / 12)).
    """
    k = len(config.points)
    spread = 1 / math.sqrt(2 * config.nets) / (math.log(4) * math.sqrt((k**3 - k) / 12))
    orders = {name: _order(errors) for name, errors in study.errors.items()}
    name, most = f"width {study.width}", max(study.errors[TANH])
    return [
        Check(f"{name}: |exact - rule on the regions| over rounding", study.noise, "<=", 1.0),
        Check(f"{name}: |exact - Monte-Carlo| in standard deviations", study.chance, "<=",
              DEVIATIONS),
        Check(f"{name}: Monte-Carlo has order -1/2: deviation", abs(orders["Monte-Carlo"] + 0.5),
              "<=", DEVIATIONS * spread),
        Check(f"{name}: order of Gauss points for jumps across lines", orders["Gauss"], ">=",
              -1.0),
        Check(f"{name}: Gauss for tanh is better than the square of Gauss for relu",
              study.errors[TANH][most], "<=", study.errors["Gauss"][most] ** 2),
    ]  # fmt: skip


def _study_table(studies: list[Study]) -> Table:
    columns = ("width", "regions, mean", "rule", "points", "error, relative", "order")
    rows = tuple(
        (study.width, round(study.regions), name, max(errors), errors[max(errors)], _order(errors))
        for study in studies
        for name, errors in study.errors.items()
    )
    return Table("Energies of two hidden layers on the square, each rule at its largest", columns,
                 rows)  # fmt: skip


class Path(NamedTuple):
    """A training: networks at recorded steps, with their energies by the rule and exactly."""

    weights: str
    rule: str
    points: int
    steps: tuple[int, ...]
    nets: tuple[relu.Network, ...]
    seen: np.ndarray
    exact: np.ndarray

    @property
    def label(self) -> str:
        """What the checks call it."""
        return f"{self.weights}, {self.rule}"


Points = tuple[jax.Array, jax.Array]
SOME, ALL = TRAINED = ("output weights only", "all weights")


def _midpoints(net: relu.Network, n: int) -> Points:
    return (jnp.arange(n) + 0.5) / n, jnp.full(n, 1 / n)


def _between_kinks(net: relu.Network, n: int) -> Points:
    """Two Gauss points between each two neighbouring kinks: exact for this load."""
    first = net.layers[0]
    kinks = jnp.clip(-first.bias_vector() / first.dense()[:, 0], 0, 1)
    ends = jnp.sort(jnp.concatenate([jnp.array([0.0, 1.0]), kinks]))
    rule = quadrature.gauss_legendre(2)
    length = jnp.diff(ends)[:, None]
    points = ends[:-1, None] + length * rule.points.T
    return points.ravel(), (length * rule.weights[None]).ravel()


RULES: dict[str, Callable[[relu.Network, int], Points]] = {
    "coarse": _midpoints,
    "fine": _midpoints,
    "exact": _between_kinks,
}


def _random_line(n: int, rng: np.random.Generator) -> relu.Network:
    """One hidden layer with kinks in (0, 1), no two closer than 0.4 / n, looking left or right."""
    kinks = (np.arange(n) + rng.uniform(0.2, 0.8, n)) / n
    sides = rng.choice([-1.0, 1.0], n)
    coefficients = rng.normal(0, 1 / math.sqrt(n), (1, n))
    return relu.from_layers([(sides[:, None], -sides * kinks), (coefficients, [0.0])])


def _grounded(net: relu.Network) -> relu.Network:
    """The network, shifted so that it vanishes at 0."""
    *hidden, last = net.layers
    bias = last.bias_vector() - relu.apply(net, jnp.zeros(1))
    return relu.Network((*hidden, relu.Affine(last.dense(), bias)), net.activations)


Carry = tuple[relu.Network, Any]


def _trainer(config: Config, rule: str) -> tuple[int, Callable[..., tuple[Carry, jax.Array]]]:
    """The points of a rule, and a function (steps, free, carry) -> (carry, energy).

    A carry is a network with the state of the optimiser; ``free`` is 0 where hidden layers are
    not to be trained, and 1 where they are.
    """
    n = {"coarse": config.coarse, "fine": config.fine}.get(rule, 2 * config.neurons + 2)

    def energy(net: relu.Network) -> jax.Array:
        x, w = RULES[rule](net, n)
        return w @ _density(_grounded(net), x[:, None], x)

    def step(free: jax.Array, carry: Carry) -> Carry:
        net, state = carry
        gradient = jax.grad(energy)(net)
        hidden = jax.tree.map(lambda g: free * g, gradient.layers[:-1])
        gradient = relu.Network((*hidden, gradient.layers[-1]), gradient.activations)
        updates, state = _optimizer(config).update(gradient, state)
        return optax.apply_updates(net, updates), state

    @jax.jit
    def advance(count: int, free: jax.Array, carry: Carry) -> tuple[Carry, jax.Array]:
        carry = jax.lax.fori_loop(0, count, lambda _, c: step(free, c), carry)
        return carry, energy(carry[0])

    return n, advance


def _optimizer(config: Config) -> optax.GradientTransformation:
    return optax.adam(optax.cosine_decay_schedule(LEARNING_RATE, config.steps[-1]))


def _paths(config: Config, start: relu.Network, rule: str) -> list[Path]:
    """The trainings by one rule, all from the same network."""
    n, advance = _trainer(config, rule)
    paths = []
    for weights in TRAINED:
        net = jax.tree.map(jnp.asarray, start)
        carry, free = (net, _optimizer(config).init(net)), float(weights == ALL)
        nets, seen = [], []
        for count in np.diff(config.steps, prepend=0):
            carry, energy = advance(count, free, carry)
            nets.append(jax.tree.map(np.asarray, _grounded(carry[0])))
            seen.append(float(energy))
        exact = np.array([_exact(net) for net in nets])
        paths.append(Path(weights, rule, n, config.steps, tuple(nets), np.array(seen), exact))
    return paths


def _exact(net: relu.Network) -> float:
    """The energy on the line."""
    return relu.norm_h1(net, 0.0, 1.0) ** 2 / 2 - relu.inner_product(net, LOAD, 0.0, 1.0)


class Pieces(NamedTuple):
    """Ends (c, 2), slopes (c,) and intercepts (c,) of the pieces of a network on [0, 1]."""

    ends: np.ndarray
    slopes: np.ndarray
    intercepts: np.ndarray

    @property
    def distance(self) -> float:
        """1/2 |v' - u'|^2, by three Gauss points on each piece: (v' - u')^2 has degree 4."""
        rule = quadrature.on_simplices(quadrature.simplex(1, 5), self.ends[..., None])
        x = rule.points[..., 0]
        return float((rule.weights * (self.slopes[:, None] - (1 - x**2) / 2) ** 2).sum() / 2)

    @property
    def variation(self) -> float:
        """A bound of the variation of v'^2 / 2 - x v, whose derivative is linear on pieces."""
        jumps = np.abs(np.diff(self.slopes**2)).sum() / 2
        rates = 2 * self.slopes[:, None] * self.ends + self.intercepts[:, None]
        return float(jumps + np.diff(self.ends)[:, 0] @ np.abs(rates).max(axis=1))

    @property
    def size(self) -> float:
        """What rounding in an energy is relative to."""
        values = self.slopes[:, None] * self.ends + self.intercepts[:, None]
        return float(np.diff(self.ends)[:, 0] @ (self.slopes**2 + np.abs(values).max(axis=1)))


def _pieces(net: relu.Network) -> Pieces:
    cells = relu.linear_regions(net, 0.0, 1.0)
    ends = cells.vertices[cells.corners, 0].reshape(-1, 2)
    order = np.argsort(ends[:, 0])
    return Pieces(ends[order], cells.slopes[order, 0, 0], cells.intercepts[order, 0])


def _path_checks(config: Config, path: Path) -> list[Check]:
    pieces = [_pieces(net) for net in path.nets]
    noise = np.array([ROUNDING * config.neurons * (1 + p.size) for p in pieces])
    above = path.exact - MINIMUM
    identity = np.abs(above - [p.distance for p in pieces]) / noise
    koksma = [p.variation / (2 * path.points) * (path.rule != "exact") for p in pieces]
    difference = np.abs(path.seen - path.exact) / (koksma + noise)
    return [
        Check(f"{path.label}: exact energy - minimum, over rounding, at every step",
              float((above / noise).min()), ">=", -1.0),
        Check(f"{path.label}: |E(v) - E(u) - |v' - u'|^2 / 2| over rounding",
              float(identity.max()), "<=", 1.0),
        Check(f"{path.label}: |quadrature - exact| over Koksma's bound", float(difference.max()),
              "<=", 1.0),
    ]  # fmt: skip


def _trap_checks(paths: list[Path]) -> list[Check]:
    by = {(path.weights, path.rule): path for path in paths}
    last = {key: path.exact[-1] for key, path in by.items()}
    return [
        Check(f"{SOME}: the coarse rule falls below the minimum", by[SOME, "coarse"].seen.min(),
              "<", MINIMUM),
        Check(f"{SOME}: the coarse rule ends with more exact energy than the function 0",
              last[SOME, "coarse"], ">", 0.0),
        Check(f"{SOME}: the fine rule ends near the exact one: share of the energy",
              (last[SOME, "fine"] - last[SOME, "exact"]) / abs(MINIMUM), "<=", NEAR),
        Check(f"{ALL}: the fine rule does worse than with kinks at rest", last[ALL, "fine"],
              ">", last[SOME, "fine"]),
        Check(f"{ALL}: the exact rule ends near the minimum: share of the energy",
              (last[ALL, "exact"] - MINIMUM) / abs(MINIMUM), "<=", NEAR),
    ]  # fmt: skip


def _path_table(paths: list[Path]) -> Table:
    columns = ("trained", "rule", "points", "quadrature energy", "exact energy", "minimum",
               "kinks in (0, 1)")  # fmt: skip
    rows = tuple(
        (
            path.weights,
            path.rule,
            path.points,
            float(path.seen[-1]),
            float(path.exact[-1]),
            MINIMUM,
            len(_pieces(path.nets[-1]).slopes) - 1,
        )
        for path in paths
    )
    return Table(f"Energies on the line after {paths[0].steps[-1]:,} steps", columns, rows)


def plot(numbers: Numbers) -> Mapping[str, Any]:
    """The figures by caption."""
    studies, paths = numbers.data["studies"], numbers.data["paths"]
    return {
        "Errors of the energy of random networks with two hidden layers, root mean squares "
        "relative to the standard deviation of its density; exact integration has none. Kinks "
        "take from Gauss points the speed that they have for tanh with the same weights.": _rates(
            [studies[0], studies[-1]]
        ),
        "The same network, trained by three rules: the energy that the rule sees (dashed) and the "
        "exact one (solid), less the true minimum. Left, kinks at rest: what the coarse rule sees "
        "falls below the minimum, and the exact energy rises. Right, kinks that move: only the "
        "rule whose points stand on the kinks finds the minimum.": _energies(paths),
        "What the trainings end with. Left: the coarse rule sees slopes at its points (ticks) "
        "only, so that the network climbs between them at no cost. Right: gradients at fixed "
        "points do not see that kinks move slopes; the kinks leave the interval.": _ends(
            paths, numbers.data["coarse"]
        ),
    }


def _rates(studies: list[Study]) -> Any:
    figure, axes = drawing.figure(1, 2, size=(9.0, 3.8))
    for ax, study in zip(axes, studies, strict=True):
        by_n = {name: e for name, e in study.errors.items() if name != TANH}
        curves = {name: (list(e), list(e.values())) for name, e in by_n.items()}
        drawing.rates(curves, xlabel="points", ylabel="error", axes=ax)
        smooth = study.errors[TANH]
        ax.loglog(list(smooth), list(smooth.values()), "D:", ms=4, lw=1.2, label=TANH)
        ax.set_title(f"two layers of {study.width}, {study.regions:,.0f} regions")
        ax.legend(frameon=False, fontsize=7.5)
    return figure


def _energies(paths: list[Path]) -> Any:
    figure, axes = drawing.figure(1, 2, size=(9.0, 3.8))
    for ax, weights in zip(axes, TRAINED, strict=True):
        chosen = [path for path in paths if path.weights == weights]
        for path, colour, marker in zip(chosen, drawing.COLOURS, drawing.MARKERS, strict=False):
            ax.plot(path.steps, path.seen - MINIMUM, "--", color=colour, lw=1.2)
            ax.plot(path.steps, path.exact - MINIMUM, marker + "-", color=colour, ms=4, lw=1.2,
                    label=_legend(path))  # fmt: skip
        ax.axhline(0, color="#555555", lw=0.8)
        ax.set_xscale("symlog", linthresh=30)
        ax.set_yscale("symlog", linthresh=1e-4)
        ax.set_xlim(0)
        ax.set_xlabel("steps")
        ax.set_title(weights)
    axes[1].set_ylim(axes[0].get_ylim())
    axes[0].set_ylabel("energy - minimum")
    axes[1].legend(frameon=False)
    return figure


def _legend(path: Path) -> str:
    return "exact rule" if path.rule == "exact" else f"{path.points:,} points"


def _ends(paths: list[Path], coarse: int) -> Any:
    figure, axes = drawing.figure(1, 2, size=(9.0, 3.8))
    x = np.linspace(0, 1, 500)
    for ax, weights in zip(axes, TRAINED, strict=True):
        chosen = [path for path in paths if path.weights == weights]
        for path, colour, width in zip(chosen, drawing.COLOURS, (2.6, 1.8, 1.0), strict=False):
            pieces = _pieces(path.nets[-1])
            values = pieces.slopes[:, None] * pieces.ends + pieces.intercepts[:, None]
            ends = pieces.ends.ravel()
            ax.plot(ends, values.ravel(), color=colour, lw=width, label=_legend(path))
        ax.plot(x, x / 2 - x**3 / 6, "k:", lw=1.6, label="solution")
        ax.plot((np.arange(coarse) + 0.5) / coarse, np.zeros(coarse), "|", color="#555555", ms=7)
        ax.set_xlabel("x")
        ax.set_title(weights)
        ax.legend(frameon=False)
    return figure

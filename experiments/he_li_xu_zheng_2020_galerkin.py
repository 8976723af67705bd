"""A network that starts from finite elements moves its kinks to where they serve best.

Command: approxnet reproduce he_li_xu_zheng_2020_galerkin
Cost: 15 s (smoke, to 64 intervals), 40 s (full, to 256), on two cores
Expect: with as many intervals the trained network is better than adaptive finite elements, and
these better than uniform ones; its error is at most that of the best knots, C / n. Trained
through its weights as they are, the same network gets there much later or not at all.

The method of the paper in one dimension: -u'' = f on (0, 1) with zero boundary values is solved by
minimising the energy over networks,

    E(v) = |v|_1^2 / 2 - (f, v),    |u - v|_1^2 = 2 (E(v) - E(u)),    (f, v) = (u', v').

The networks are those of P1 functions on n intervals: n - 1 kinks t_i with n - 1 values, one
hidden layer of n neurons. For fixed kinks the best values are the Galerkin solution, so they are
solved for, and what is trained are the logarithms of the lengths of the intervals: kinks keep their
order, boundary values stay 0, and a step changes a length by a factor, however short it is. The
bars are P1 on uniform and on adaptive meshes (n - 1 values, kinks given; refined where the exact
error is largest) and the best knots as n grows,

    min |u - v|_1 -> C / n,    C = 12^(-1/2) (int |u''|^(2/3))^(3/2).

"As they are" means weights and biases of both layers, all at once, by the same optimiser on the
exact energy; the line through the boundary values is subtracted, so that these are 0 too. The
stiffness of relu features has a condition number of about 1.6 n^2. The two neurons that share the
middle kink may part, so there is one kink more, which shows when n is 8.

(f, v) is computed from u at the kinks, so f may be singular. Errors are those of the network, from
its linear regions. The tables of the paper are not at hand; none of its numbers are compared.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse.linalg

from approxnet import fem, mapping, optimize, relu
from approxnet import plot as drawing
from approxnet.reproduce import Check, Comparison, Numbers, Quote, Table, rounding
from approxnet.reproduce.progress import Reporter

PAPER = (
    Quote(
        "J. He, L. Li, J. Xu, C. Zheng, ReLU deep neural networks and linear finite elements, "
        "J. Comput. Math. 38 (2020), 502-527",
        "from a summary; the section itself is not at hand",
        "a network-Galerkin method in one dimension is better than adaptive finite elements with "
        "the same number of degrees of freedom (in other words, and without numbers)",
    ),
)


@dataclasses.dataclass(frozen=True)
class Config:
    """The sizes of the networks and how long they are trained.

    Attributes:
      intervals: n, powers of 2.
      steps: of the optimiser, for every training.
      shown: n of the figures.
    """

    intervals: tuple[int, ...]
    steps: int
    shown: int


SCALES = {
    "smoke": Config(intervals=(8, 16, 32, 64), steps=300, shown=32),
    "full": Config(intervals=(8, 16, 32, 64, 128, 256), steps=1000, shown=32),
}


class Target(NamedTuple):
    """A solution u with u(0) = u(1) = 0.

    Attributes:
      name: its formula.
      u: from points, and the module ``xp`` that computes, NumPy or jax.numpy, to values.
      energy: a primitive of u'^2, of a point.
      constant: C = lim n min |u - v|_1.
    """

    name: str
    u: Callable[..., Any]
    energy: Callable[[Any], Any]
    constant: float


STEEP = 50.0
RISE = 2 * math.atan(STEEP / 2)


def _layer(x: Any, xp: Any = np) -> Any:
    return xp.arctan(STEEP * (x - 0.5)) + RISE * (0.5 - x)


def _power(x: Any, xp: Any = np) -> Any:
    return xp.cbrt(x) ** 2 - x


def _layer_energy(x: Any) -> Any:
    """The primitive of (u' + RISE - RISE)^2 with u' + RISE = STEEP / (1 + STEEP^2 y^2)."""
    z = STEEP * (x - 0.5)
    square = STEEP / 2 * (z / (1 + z**2) + np.arctan(z))
    return square - 2 * RISE * np.arctan(z) + RISE**2 * x


def _layer_constant() -> float:
    """From |u''| = 2 STEEP^2 |z| / (1 + z^2)^2, z = STEEP (x - 1/2).

    With z = s^3 the integrand of |u''|^(2/3) is smooth on both halves of the interval.
    """
    end = (STEEP / 2) ** (1 / 3)
    s = end * (np.arange(100_000) + 0.5) / 100_000
    integral = 2 ** (2 / 3) * STEEP ** (1 / 3) * 2 * end * np.mean(3 * s**4 / (1 + s**6) ** (4 / 3))
    return float(integral**1.5 / math.sqrt(12))


TARGETS = (
    # u' = 2/3 x^(-1/3) - 1 and int |u''|^(2/3) = 9 (2/9)^(2/3), so C = 3^(1/2).
    Target(
        "x^(2/3) - x",
        _power,
        lambda x: 4 / 3 * np.cbrt(x) - 2 * np.cbrt(x) ** 2 + x,
        math.sqrt(3),
    ),
    Target("arctan(50 (x - 1/2)) - linear", _layer, _layer_energy, _layer_constant()),
)

ENDS = (0.0, *(10.0**k for k in range(-24, 1, 3)))
"""Regions are found box by box: kinks are told apart down to 1e-12 times the size of the box, and
the best ones for x^(2/3) are near (i / n)^9."""


class Case(NamedTuple):
    """A target, n, the three networks, their errors |u - v|_1, and the largest boundary value."""

    target: Target
    n: int
    networks: Mapping[str, relu.Network]
    errors: Mapping[str, float]
    boundary: float


def run(config: Config, progress: Reporter) -> Numbers:
    """Solve with uniform and adaptive finite elements and with trained networks."""
    cases = []
    steps = len(TARGETS) * len(config.intervals)
    for target in TARGETS:
        adaptive = _adaptive(target, max(config.intervals))
        for n in config.intervals:
            progress(f"{target.name}: {n} intervals", len(cases), steps)
            cases.append(_case(target, adaptive[n], config.steps))
    progress("weights as they are", steps, steps)
    histories = {target.name: _histories(target, config) for target in TARGETS}
    checks = [check for case in cases for check in _checks(case)]
    for name, history in histories.items():
        kinks, weights = (curve[-1] for curve in history.values())
        claim = f"{name}, n = {config.shown}: trained by kinks, error over trained by weights"
        checks.append(Check(claim, kinks / weights, "<=", 1.0))
    data = {"cases": cases, "histories": histories, "shown": config.shown}
    compared = tuple(
        Comparison(
            f"{case.target.name}: error of the trained network over adaptive finite elements",
            "below 1",
            case.errors["trained"] / case.errors["adaptive"],
        )
        for case in cases
        if case.n == max(config.intervals)
    )
    return Numbers((_table(cases),), tuple(checks), data, compared)


def _case(target: Target, adaptive: fem.SimplexMesh, steps: int) -> Case:
    n = len(adaptive.cells)
    gaps = np.log(np.diff(np.sort(adaptive.nodes[:, 0])))
    knots, _ = _train_kinks(gaps, TARGETS.index(target), steps)
    grids = {
        "uniform": fem.interval(np.linspace(0, 1, n + 1)),
        "adaptive": adaptive,
        "trained": fem.interval(np.asarray(knots)),
    }
    networks = {
        name: mapping.fem_to_relu(mesh, _galerkin(mesh, target)) for name, mesh in grids.items()
    }
    errors = {name: _error(net, target) for name, net in networks.items()}
    ends = np.abs(relu.evaluate(networks["trained"], np.array([[0.0], [1.0]])))
    return Case(target, n, networks, errors, float(ends.max()))


def _galerkin(mesh: fem.SimplexMesh, target: Target) -> np.ndarray:
    """The Galerkin solution, (f, phi_i) = (u', phi_i') being a difference of u at the nodes."""
    cells, nodes = np.asarray(mesh.cells), np.asarray(mesh.nodes)[:, 0]
    slope = np.diff(target.u(nodes)[cells], axis=1) / np.diff(nodes[cells], axis=1)
    load = np.zeros(len(nodes))
    np.add.at(load, cells, slope * [-1.0, 1.0])
    values, inner = np.zeros(len(nodes)), (nodes > 0) & (nodes < 1)
    A = fem.stiffness(mesh)[inner][:, inner].tocsc()
    values[inner] = scipy.sparse.linalg.spsolve(A, load[inner])
    return values


def _error(net: relu.Network, target: Target) -> float:
    """|u - v|_1, exactly: the sum over the regions of int u'^2 - 2 v' int u' + v'^2 |region|."""
    square = 0.0
    for lower, upper in itertools.pairwise(ENDS):
        regions = relu.linear_regions(net, lower, upper)
        x, slope = regions.vertices[:, 0][regions.corners].reshape(-1, 2), regions.slopes[:, 0, 0]
        parts = target.energy(x), -2 * slope[:, None] * target.u(x), slope[:, None] ** 2 * x
        square += float(np.diff(sum(parts)).sum())
    return math.sqrt(square)


def _adaptive(target: Target, cells: int) -> dict[int, fem.SimplexMesh]:
    """Meshes by number of cells; the cell with the largest exact error is cut, one at a time."""
    mesh, meshes = fem.interval([0.0, 0.5, 1.0]), {}
    for n in range(2, cells + 1):
        meshes[n] = mesh
        x = mesh.nodes[:, 0][mesh.cells]
        lost = np.diff(target.energy(x)) - np.diff(target.u(x)) ** 2 / np.diff(x)
        mesh = fem.bisect(mesh, [int(np.argmax(lost))]).mesh
    return meshes


def _knots(gaps: Any) -> jax.Array:
    """(n + 1,), from 0 to 1, from the logarithms of the lengths of n intervals, up to a factor."""
    ends = jnp.pad(jnp.cumsum(jax.nn.softmax(gaps)), (1, 0))
    return (ends / ends[-1]).at[-1].set(1.0)


def _energy_of_kinks(gaps: jax.Array, which: jax.Array) -> jax.Array:
    """The least energy over the values: those of u, as the Galerkin solution is exact at nodes."""
    t = _knots(gaps)
    v = jnp.pad(_u(which, t[1:-1]), 1)
    return -jnp.sum(jnp.diff(v) ** 2 / jax.nn.softmax(gaps)) / 2


def _energy_of_weights(net: relu.Network, which: jax.Array) -> jax.Array:
    """The energy of a network with one hidden layer minus the line through its boundary values."""
    layer = net.layers[0]
    kinks = jnp.clip(-layer.bias_vector() / layer.dense()[:, 0], 0, 1)
    t = jnp.pad(jnp.sort(kinks), 1, constant_values=(0.0, 1.0))
    v = relu.evaluate(net, t[:, None])
    v = v - v[0] * (1 - t) - v[-1] * t
    inner = (t > 0) & (t < 1)
    u = jnp.where(inner, _u(which, jnp.where(inner, t, 0.5)), 0)
    h, dv, du = jnp.diff(t), jnp.diff(v), jnp.diff(u)
    return jnp.sum(jnp.where(h > 0, dv * (dv / 2 - du) / jnp.where(h > 0, h, 1), 0))


def _u(which: jax.Array, x: jax.Array) -> jax.Array:
    return jax.lax.switch(which, [functools.partial(target.u, xp=jnp) for target in TARGETS], x)


@functools.partial(jax.jit, static_argnames="steps")
def _train_kinks(gaps: Any, which: Any, steps: int) -> tuple[jax.Array, jax.Array]:
    """The knots after some steps from gaps (n,), and the energies (steps + 1,)."""
    path = optimize.trajectory(lambda z: _energy_of_kinks(z, which), gaps, optimize.lbfgs(), steps)
    return _knots(path.points[-1]), path.values


@functools.partial(jax.jit, static_argnames="steps")
def _train_weights(parameters: Any, pattern: Any, which: Any, steps: int) -> jax.Array:
    """The energies (steps + 1,) along the training of all parameters."""

    def energy(p: Any) -> jax.Array:
        return _energy_of_weights(relu.join(p, pattern), which)

    return optimize.trajectory(energy, parameters, optimize.lbfgs(), steps).values


def _histories(target: Target, config: Config) -> dict[str, np.ndarray]:
    """The errors along both trainings, from uniform finite elements."""
    which, n = TARGETS.index(target), config.shown
    mesh = fem.interval(np.linspace(0, 1, n + 1))
    net = jax.tree.map(jnp.asarray, mapping.fem_to_relu(mesh, _galerkin(mesh, target)))
    curves = {
        "kinks": _train_kinks(np.zeros(n), which, config.steps)[1],
        "weights": _train_weights(*relu.split(net), which, config.steps),
    }
    whole = target.energy(1.0) - target.energy(0.0)
    return {name: np.sqrt(whole + 2 * np.asarray(curve)) for name, curve in curves.items()}


def _checks(case: Case) -> list[Check]:
    where = f"{case.target.name}, n = {case.n}"
    error = case.errors
    return [
        Check(f"{where}: adaptive over uniform", error["adaptive"] / error["uniform"], "<", 1.0),
        Check(f"{where}: trained over adaptive", error["trained"] / error["adaptive"], "<", 1.0),
        Check(
            f"{where}: n |u - v|_1 / C", case.n * error["trained"] / case.target.constant, "<=", 1.0
        ),
        Check(
            f"{where}: boundary values",
            case.boundary,
            "<=",
            rounding.tolerance(case.networks["trained"], [0.0], [1.0]),
        ),
    ]


def _table(cases: list[Case]) -> Table:
    columns = (
        "u",
        "intervals n",
        "values",
        "values and kinks, trained",
        "uniform",
        "adaptive",
        "trained",
        "C / n",
    )
    rows = [
        (c.target.name, c.n, c.n - 1, 2 * (c.n - 1), *c.errors.values(), c.target.constant / c.n)
        for c in cases
    ]
    return Table("|u - v|_1 with n intervals", columns, tuple(rows))


def plot(numbers: Numbers) -> Mapping[str, Any]:
    """The figures by caption."""
    data = numbers.data
    return {
        "The error in the energy norm, by intervals. The line is that of the best knots as n "
        "grows; no P1 function can be better in the limit.": _rates(data["cases"]),
        f"{data['shown']} intervals: uniform finite elements (top), adaptive ones (middle), the "
        "trained network (bottom); u is grey.": _solutions(data["cases"], data["shown"]),
        "Training from uniform finite elements, by kinks with the best values, and by all weights "
        "as they are.": _trainings(data["histories"], data["cases"], data["shown"]),
    }


def _rates(cases: list[Case]) -> Any:
    figure, axes = drawing.figure(1, len(TARGETS))
    for ax, target in zip(axes, TARGETS, strict=True):
        mine = [case for case in cases if case.target is target]
        n = [case.n for case in mine]
        curves = {name: (n, [case.errors[name] for case in mine]) for name in mine[0].errors}
        drawing.rates(curves, xlabel="intervals n", ylabel=r"$|u - v|_1$", axes=ax)
        ax.loglog(n, target.constant / np.array(n), "k--", lw=1, label=f"{target.constant:.3g} / n")
        ax.legend(frameon=False, loc="lower left")
        ax.set_title(target.name)
    return figure


def _solutions(cases: list[Case], n: int) -> Any:
    figure, axes = drawing.figure(1, len(TARGETS), size=(9.0, 3.8))
    fine = np.linspace(0, 1, 2001)
    for ax, case in zip(axes, (case for case in cases if case.n == n), strict=True):
        for i, (name, net) in enumerate(case.networks.items()):
            mesh, values = mapping.relu_to_fem(net, 0.0, 1.0)
            height = np.ptp(values) * (len(case.networks) - 1 - i)
            colour = drawing.COLOURS[i]
            ax.plot(fine, case.target.u(fine) + height, color="#bbbbbb", lw=2.5)
            order = np.argsort(mesh.nodes[:, 0])
            x, v = mesh.nodes[order, 0], values[order] + height
            ax.plot(x, v, ".-", color=colour, lw=0.8, ms=4, label=name)
        ax.set_yticks([])
        ax.set_title(case.target.name)
        ax.legend(frameon=False, fontsize=7)
    return figure


def _trainings(histories: Mapping[str, Any], cases: list[Case], n: int) -> Any:
    figure, axes = drawing.figure(1, len(TARGETS))
    shown = [case for case in cases if case.n == n]
    for ax, case in zip(axes, shown, strict=True):
        for name, curve in histories[case.target.name].items():
            ax.loglog(np.arange(1, len(curve) + 1), curve, label=name)
        ax.axhline(case.target.constant / n, color="k", ls="--", lw=1, label="C / n")
        ax.set_xlabel("step of L-BFGS")
        ax.set_ylabel(r"$|u - v|_1$")
        ax.set_title(f"{case.target.name}, n = {n}")
        ax.legend(frameon=False)
    return figure

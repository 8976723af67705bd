"""ReLU networks learn low frequencies first, hat networks learn all of them at once.

Command: approxnet reproduce spectral_bias
Cost: 8 s (smoke), 30 s (full), on two cores
Expect: the mass matrix of ReLU on n cells has a condition number near 3.883 n^4, that of hats one
below 4. So gradient descent for the output weights of ReLU needs about 16 times the steps for twice
the frequency, and for those of hats at most three for any. With all weights trained, by gradient
descent or Adam, ReLU has hardly begun with the high frequency when hats are done with it. Neither
is rid of Gibbs' phenomenon: networks with fixed kinks that are nearest to a step overshoot by
(2 - 3^(1/2)) / 2 of the jump at a kink, whatever the number of neurons.

Gradient descent with the step 1 / largest eigenvalue takes the error e of a P1 function on the
nodes to (I - B B^t M / |G|) e, B the values of the basis, M the mass of hats and G = B^t M B; the
k-th eigenvalue of B B^t M is of the size n k^-4 for ReLU, and between h/4 and h for hats. The error
after t steps is computed from the singular values, so that 10^9 steps cost as much as one.

The jump: away from it the nodal values v_i of the L2 projection of the sign function satisfy
v_{i-1} + 4 v_i + v_{i+1} = 6, hence v_i = 1 + A r^i with r = 3^(1/2) - 2. At a node v_0 = 0, so
that A = -1 and v_1 = 3 - 3^(1/2); in the middle of a cell 2 (1 + 3^(1/2)) A = 1. The jump is 2.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from approxnet import fem, mapping, quadrature, relu
from approxnet import plot as drawing
from approxnet.approximation import fourier, rates, splines
from approxnet.mapping.conditioning import RELU_MASS
from approxnet.relu.activations import ACTIVATIONS
from approxnet.reproduce import Check, Numbers, Quote, Table
from approxnet.reproduce.progress import Reporter

PAPER = (
    Quote(
        "Q. Hong, J. W. Siegel, Q. Tan, J. Xu, On the activation function dependence of the "
        "spectral bias of neural networks, arXiv:2208.04924",
        "abstract",
        "'switching the activation function to a piecewise linear B-spline, namely the Hat "
        "function, will remove this spectral bias'",
    ),
)


@dataclasses.dataclass(frozen=True)
class Config:
    """What is measured, and how long networks are trained.

    Attributes:
      sizes: cells n, of the condition numbers.
      cells: n, where only the output weights are trained.
      linear: frequencies k of the waves sin(2 pi k x) there, each twice the one before.
      neurons: of the networks with all weights trained.
      waves: frequencies that these learn.
      steps: of training.
      seed: of their first weights.
    """

    sizes: tuple[int, ...]
    cells: int = 128
    linear: tuple[int, ...] = (4, 8, 16)
    neurons: int = 128
    waves: tuple[int, ...] = (1, 4, 12)
    steps: int = 2000
    seed: int = 0


SCALES = {
    "smoke": Config(sizes=(8, 16, 32, 64, 128)),
    "full": Config(sizes=(8, 16, 32, 64, 128, 256, 512, 1024), cells=256, steps=20_000),
}

KINDS = ("relu", "hat")
LEARNT = 0.1
"""A frequency is learnt when at most this part of it is left."""

JUMPS = {"at a kink": 1 - math.sqrt(3) / 2, "between kinks": 1 / (4 * (1 + math.sqrt(3)))}
"""What the nearest P1 function on infinitely many equal cells overshoots, over the jump."""


class Descent(NamedTuple):
    """The part of each wave that is left after some steps: (f, s)."""

    activation: str
    steps: np.ndarray
    left: np.ndarray


def run(config: Config, progress: Reporter) -> Numbers:
    """Condition numbers, training of output weights, training of all weights, a jump."""
    progress("condition numbers", 0, 4)
    kappa = np.array([[_condition(n, *case) for case in CASES] for n in config.sizes])
    tables, checks = [_conditioning_table(config, kappa)], _conditioning_checks(config, kappa)
    progress("output weights", 1, 4)
    linear = [_output_weights(config, kind) for kind in KINDS]
    progress("all weights", 2, 4)
    full = {
        f"{kind}, {method}": _all_weights(config, kind, method)
        for method in METHODS
        for kind in KINDS
    }
    progress("a jump", 3, 4)
    jumps = {name: _at_a_jump(name) for name in JUMPS}
    tables += [_linear_table(config, linear), _full_table(config, full), _jump_table(jumps)]
    checks += [*_linear_checks(config, linear), *_full_checks(config, full), *_jump_checks(jumps)]
    data = {"config": config, "kappa": kappa, "linear": linear, "full": full, "jumps": jumps}
    return Numbers(tuple(tables), tuple(checks), data)


CASES = [(kind, norm) for norm in ("L2", "H1") for kind in KINDS]


def _condition(n: int, kind: str, norm: str) -> float:
    return mapping.condition_number(n, activation=kind, norm=norm)


def _conditioning_table(config: Config, kappa: np.ndarray) -> Table:
    columns = ("n", "ReLU, L2", "over n^4", "hat, L2", "ReLU, H1", "hat, H1", "H1, theory")
    rows = []
    for n, (mass, *others) in zip(config.sizes, kappa.tolist(), strict=True):
        exact = mapping.condition_bounds(n, norm="H1")[0]
        rows.append((n, mass, mass / n**4, *others, exact))
    return Table("Condition numbers on n cells of (0, 1)", columns, tuple(rows))


def _conditioning_checks(config: Config, kappa: np.ndarray) -> list[Check]:
    """The square of a ratio of singular values is known to 2 n eps times the ratio.

    kappa / n^4 comes to its limit like 8 / n.
    """
    checks, rounding = [], 1e-9
    for n, row in zip(config.sizes, kappa.tolist(), strict=True):
        for value, (kind, norm) in zip(row, CASES, strict=True):
            lower, upper = mapping.condition_bounds(n, activation=kind, norm=norm)
            name = f"{kind}, {norm}, n = {n}: condition number over its"
            checks += [
                Check(f"{name} upper bound", value / upper, "<=", 1 + rounding),
                Check(f"{name} lower bound", value / lower, ">=", 1 - rounding),
            ]
    n, gap = config.sizes[-1], abs(kappa[-1, 0] / config.sizes[-1] ** 4 - RELU_MASS)
    return [*checks, Check(f"n = {n}: |kappa / n^4 - {RELU_MASS:.4f}|", float(gap), "<=", 8 / n)]


def _output_weights(config: Config, kind: str) -> Descent:
    """Gradient descent for coefficients in (I - s^2 / s_1^2)^t, s the singular values of R."""
    n = config.cells
    R, F = (mapping.gram_factor(n, activation=a) for a in (kind, "hat"))
    U, s, _ = np.linalg.svd(R)
    waves = np.sin(2 * np.pi * np.outer(config.linear, np.arange(1, n + 1) / n))
    steps = np.append(0, np.unique(np.logspace(0, 10, 601).round()))
    with np.errstate(divide="ignore"):
        decay = np.exp(np.log1p(-((s / s[0]) ** 2)) * steps[1:, None])
    decay = np.concatenate([np.ones((1, n)), decay])
    error = np.linalg.solve(F, U @ (decay * (U.T @ (F @ waves.sum(axis=0)))).T)
    return Descent(kind, steps, np.abs(2 / n * waves @ error))


def _half(descent: Descent) -> np.ndarray:
    """The first steps from which on at most half of each wave is left."""
    last = [np.flatnonzero(left > 0.5)[-1] for left in descent.left]
    return descent.steps[np.array(last) + 1]


def _linear_table(config: Config, linear: list[Descent]) -> Table:
    rows = zip(config.linear, *(_half(d).astype(int).tolist() for d in linear), strict=True)
    return Table(
        f"Steps to half of sin(2 pi k x), output weights, n = {config.cells}",
        ("k", "ReLU", "hat"),
        tuple(rows),
    )


def _linear_checks(config: Config, linear: list[Descent]) -> list[Check]:
    """Eigenfunctions are sines up to a layer at the ends, which the order feels.

    The error of hats falls by 3/4 at least with each step, 3 steps suffice.
    """
    relu_steps, hat_steps = (_half(d) for d in linear)
    order = -rates.fit(config.linear, relu_steps).order
    return [
        Check("ReLU: |order of steps in the frequency - 4|", abs(order - 4), "<=", 0.25),
        Check("hat: most steps to half of a wave", float(hat_steps.max()), "<=", 3.0),
    ]


def _start(config: Config, kind: str) -> tuple[np.ndarray, ...]:
    """Weights, biases, output weights and the last bias; kinks are uniform on (0, 1).

    Hats are eight grid cells wide on the average grid.
    """
    rng, n = np.random.default_rng(config.seed), config.neurons
    sign, kinks = rng.choice([-1.0, 1.0], n), rng.uniform(0, 1, n)
    w = {"relu": sign, "hat": n / 4 * sign}[kind]
    b = {"relu": -w * kinks, "hat": 1 - w * kinks}[kind]
    return w, b, rng.normal(0, n**-0.5, n), np.zeros(())


def _network(kind: str, p: Any, x: Any) -> jax.Array:
    w, b, a, c = p
    return jnp.matmul(ACTIVATIONS[kind](w[None, :] * x[:, None] + b[None, :]), a) + c


def _descent(kind: str, p: tuple[np.ndarray, ...], x: np.ndarray) -> Any:
    """Gradient descent with the step 1 / |J^t J|, J the derivative at the start."""
    columns = jax.jit(jax.jacobian(lambda q: _network(kind, q, x)))(p)
    J = np.concatenate([np.reshape(c, (len(x), -1)) for c in columns], axis=1)
    return optax.sgd(len(x) / float(np.linalg.norm(J, 2)) ** 2)


METHODS = {"gradient descent": _descent, "Adam": lambda *_: optax.adam(0.01)}


def _all_weights(config: Config, kind: str, method: str) -> Descent:
    """Train on sum_k sin(2 pi k x) at equal points; a wave that is left is a Fourier sum."""
    count = max(16 * max(config.waves), 2 * config.neurons)
    x = (np.arange(count) + 0.5) / count
    waves = np.sin(2 * np.pi * np.outer(config.waves, x))
    start = _start(config, kind)
    optimizer = METHODS[method](kind, start, x)
    left = np.asarray(_train(kind, optimizer, config.steps, start, x, waves))
    return Descent(kind, np.arange(1, config.steps + 1), left.T)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _train(kind: str, optimizer: Any, steps: int, start: Any, x: jax.Array, waves: Any) -> Any:
    target = waves.sum(axis=0)

    def loss(p: Any) -> tuple[jax.Array, jax.Array]:
        error = target - _network(kind, p, x)
        return jnp.mean(error**2) / 2, jnp.abs(2 / len(x) * jnp.matmul(waves, error))

    def step(carry: Any, _: Any) -> tuple[Any, Any]:
        p, state = carry
        slope, left = jax.grad(loss, has_aux=True)(p)
        change, state = optimizer.update(slope, state, p)
        return (optax.apply_updates(p, change), state), left

    return jax.lax.scan(step, (start, optimizer.init(start)), length=steps)[1]


def _learnt(descent: Descent) -> list[float]:
    """The steps from which on at most LEARNT of each wave is left; infinity if there are none."""
    found = []
    for left in descent.left:
        above = np.append(0, 1 + np.flatnonzero(left > LEARNT))
        found.append(float(descent.steps[above[-1]]) if above[-1] < len(left) else math.inf)
    return found


def _full_table(config: Config, full: dict[str, Descent]) -> Table:
    columns = ("network", *(f"steps, k = {k}" for k in config.waves),
               *(f"left, k = {k}" for k in config.waves))  # fmt: skip
    rows = [(name, *_learnt(d), *(float(v) for v in d.left[:, -1])) for name, d in full.items()]
    title = f"Steps to {LEARNT} of sin(2 pi k x), and what is left after {config.steps}"
    return Table(f"All weights trained, {config.neurons} neurons: {title}", columns, tuple(rows))


def _full_checks(config: Config, full: dict[str, Descent]) -> list[Check]:
    """The claim is of an order of magnitude: a factor of 3 is asked."""
    high, checks = config.waves[-1], []
    for method in METHODS:
        slow, fast = (full[f"{kind}, {method}"] for kind in KINDS)
        checks += [
            Check(f"hat, {method}: part of k = {high} that is left", float(fast.left[-1, -1]), "<=",
                  LEARNT),
            Check(f"{method}: steps to learn k = {high}, ReLU over hat",
                  min(_learnt(slow)[-1], config.steps) / _learnt(fast)[-1], ">=", 3.0),
        ]  # fmt: skip
    return checks


NEURONS = (8, 16, 64)


def _at_a_jump(name: str) -> tuple[list[float], relu.Network]:
    """The overshoot of the nearest networks on n cells of (-1, 1), and the last network."""
    overshoots, net = [], None
    for neurons in NEURONS:
        n = neurons + (name == "between kinks")  # the kinks of an odd number miss 0
        rule = quadrature.box(2 * n, 3, -1.0, 1.0)
        grid = np.linspace(-1, 1, n + 1)
        sign = np.sign(rule.points[:, 0])
        s = splines.least_squares(rule.points, sign, grid, degree=1, weights=rule.weights)
        net = mapping.fem_to_relu(fem.interval(grid), s.coefficients)
        inner = grid[np.abs(grid) < 0.9]  # the ends have a layer of their own
        top = np.asarray(relu.evaluate(net, inner[:, None])).max()
        overshoots.append(float(top - 1) / 2)
    assert net is not None
    return overshoots, net


def _jump_table(jumps: dict[str, Any]) -> Table:
    columns = ("cells", *jumps, "Fourier sums")
    rows = zip(
        NEURONS,
        *(overshoots for overshoots, _ in jumps.values()),
        (fourier.gibbs(n // 4) for n in NEURONS),
        strict=True,
    )
    limits = (*JUMPS.values(), fourier.GIBBS)
    title = "Overshoot at a jump, over the jump, by networks with fixed kinks"
    return Table(title, columns, (*rows, ("infinity", *limits)))


def _jump_checks(jumps: dict[str, Any]) -> list[Check]:
    """The ends are felt by the square of r^(n/2), and rounding by the conditioning of ReLU."""
    n, r = NEURONS[-1], 2 - math.sqrt(3)
    allowed = r**n + 0.3 * n**2 * 2.0**-52
    return [
        Check(f"{n} neurons, jump {name}: |overshoot - {JUMPS[name]:.4f}|",
              abs(overshoots[-1] - JUMPS[name]), "<=", allowed)
        for name, (overshoots, _) in jumps.items()
    ]  # fmt: skip


def plot(numbers: Numbers) -> Mapping[str, Any]:
    """The figures by caption."""
    config = numbers.data["config"]
    return {
        "Condition numbers: the mass matrix of ReLU grows like n^4, between its bounds (grey), "
        "that of hats stays below 4; the stiffness matrices have the same, exact one.": (
            _conditions(config, numbers.data["kappa"])
        ),
        "Output weights trained by gradient descent: what is left of sin(2 pi k x) after t steps. "
        "Each doubling of the frequency costs ReLU 16 times the steps, and hats none.": (
            _linear(config, numbers.data["linear"])
        ),
        "All weights trained: what is left of sin(2 pi k x), by gradient descent (left) and Adam "
        "(right), ReLU above, hats below.": _full(config, numbers.data["full"]),
        "Gibbs' phenomenon of networks: nearest in L2 to a jump, with 64 fixed kinks; the dotted "
        "lines are the limits of the overshoot.": _gibbs(numbers.data["jumps"]),
    }


def _conditions(config: Config, kappa: np.ndarray) -> Any:
    figure, ax = drawing.figure(size=(6.4, 4.2))
    n = np.array(config.sizes)
    for i, ((kind, norm), marker) in enumerate(zip(CASES, ("o", "s", "^", "x"), strict=True)):
        label = f"{'ReLU' if kind == 'relu' else 'hat'}, {norm}"
        ax.loglog(n, kappa[:, i], marker, label=label, ms=7 if marker == "x" else 5)
    low, high = np.array([mapping.condition_bounds(int(m)) for m in n]).T
    ax.fill_between(n, low, high, color="#dddddd", lw=0)
    ax.loglog(n, RELU_MASS * n**4.0, color="#555555", lw=1, label=f"${RELU_MASS:.3f}\\,n^4$")
    ax.loglog(n, 16 * n**2.0 / np.pi**2, "--", color="#555555", lw=1, label="$16\\,n^2/\\pi^2$")
    ax.loglog(n, 4.0 * n**0.0, ":", color="#555555", lw=1, label="4")
    ax.set_xlabel("cells n")
    ax.set_ylabel("condition number")
    ax.legend(frameon=False)
    return figure


def _linear(config: Config, linear: list[Descent]) -> Any:
    figure, axes = drawing.figure(1, 2)
    for ax, descent in zip(axes, linear, strict=True):
        for k, left in zip(config.linear, descent.left, strict=True):
            ax.loglog(1 + descent.steps, np.maximum(left, 1e-6), lw=1.2, label=f"k = {k}")
        ax.set_title({"relu": "ReLU", "hat": "hat"}[descent.activation])
        ax.set_xlabel("1 + steps")
        ax.set_xlim(0.8, 3e8)
        ax.set_ylim(1e-3, 2)
    axes[0].set_ylabel("part left")
    axes[1].legend(frameon=False)
    return figure


def _full(config: Config, full: dict[str, Descent]) -> Any:
    figure, axes = drawing.figure(2, 2, size=(9.0, 6.0))
    for ax, (name, descent) in zip(axes.T.ravel(), full.items(), strict=True):
        for k, left in zip(config.waves, descent.left, strict=True):
            ax.loglog(descent.steps, np.maximum(left, 1e-4), lw=0.9, label=f"k = {k}")
        ax.set_title(name.replace("relu", "ReLU"))
        ax.set_ylim(2e-3, 3)
    for ax in axes[1]:
        ax.set_xlabel("steps")
    for ax in axes[:, 0]:
        ax.set_ylabel("part left")
    axes[0, 0].legend(frameon=False, loc="lower left")
    return figure


def _gibbs(jumps: dict[str, Any]) -> Any:
    figure, axes = drawing.figure(1, 2)
    x = np.linspace(-0.3, 0.3, 1201)
    for ax, (name, (_, net)) in zip(axes, jumps.items(), strict=True):
        ax.plot(x, np.sign(x), color="#999999", lw=0.8)
        ax.plot(x, np.asarray(relu.evaluate(net, x[:, None])), lw=1.2)
        for side in (-1, 1):
            ax.axhline(side * (1 + 2 * JUMPS[name]), color="#555555", ls=":", lw=1)
        ax.set_title(f"jump {name}")
        ax.set_xlabel("x")
    return figure

"""The ball that stochastic gradients cannot leave, and the steps that shrink it.

Command: approxnet reproduce sgd_noise_ball
Cost: 8 s (smoke), 30 s (full), on two cores
Expect: with a constant step s the mean of |x_k - x*|^2 over the seeds falls to a ball whose squared
radius is proportional to s: exactly s sigma^2 / (mu (2 - s mu)) where the noise is independent of x
and there is one eigenvalue, below the bound otherwise. With steps like 1 / k it falls like 1 / k.
Without replacement the ball of a finite sum is smaller: its squared radius is of order s^2.

Three problems. "noise": f = x . diag(1, L) x / 2 or f = |x|^2 / 2 in the plane, normal noise of
variance sigma^2. "sum": least squares with n rows, one row at a step; sigma^2 is the variance of
the rows' gradients at the minimiser alone, and there are values on the right that no x fits.
"course": f = |x|^2 / 2 on the unit disc, where E|g|^2 <= M^2, with the steps a / (k + 1) and the
projection that the theorem of the notes needs. A mean over seeds is judged with five standard
errors.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from approxnet import optimize
from approxnet import plot as drawing
from approxnet.approximation import rates
from approxnet.optimize import bounds
from approxnet.reproduce import Check, Numbers, Quote, Table
from approxnet.reproduce.progress import Reporter

PAPER = (
    Quote(
        "J. Xu, Deep Learning and Analysis, lecture notes, Penn State 2021",
        "convergence of stochastic gradient descent",
        "with eta_t = a / (lambda (t + 1)) and E|g|^2 <= M^2: E e_t^2 <= a^2 M^2 / ((a - 1) "
        "lambda^2 (t + 1))",
    ),
    Quote(
        "G. Garrigos, R. M. Gower, Handbook of convergence theorems, arXiv:2301.11235",
        "strongly convex SGD with a constant step",
        "E|x_k - x*|^2 <= (1 - s mu)^k |x_0 - x*|^2 + 2 s sigma^2 / mu",
    ),
)


@dataclasses.dataclass(frozen=True)
class Config:
    """Steps, sizes and seeds.

    Attributes:
      fractions: the constant steps, as parts of 1 / L.
      steps: of each run with noise, and of shrinking steps.
      seeds: over how many runs the means are.
      rows: of the finite sum.
      epochs: of the finite sum.
      seed: of everything random.
    """

    fractions: tuple[float, ...] = (1 / 16, 1 / 8, 1 / 4, 1 / 2)
    steps: int = 500
    seeds: int = 256
    rows: int = 32
    epochs: int = 30
    seed: int = 0


SCALES = {"smoke": Config(), "full": Config(steps=10_000, seeds=2000, epochs=200)}

L, MU, SIGMA, ERRORS = 4.0, 1.0, 0.5, 5.0
START = np.array([1.0, 0.0])


class Curve(NamedTuple):
    """Means of |x_k - x*|^2 over the seeds with standard errors, and the bound."""

    name: str
    mean: np.ndarray
    error: np.ndarray
    proven: np.ndarray

    @property
    def excess(self) -> float:
        """Most standard errors by which a mean is above its bound; negative if it is below.

        Values at the start are exact, and 1e-12 of rounding is granted.
        """
        return float(((self.mean - self.proven - 1e-12) / np.maximum(self.error, 1e-12)).max())


def run(config: Config, progress: Reporter) -> Numbers:
    """Constant steps, a finite sum, shrinking steps."""
    keys = jax.random.split(jax.random.key(config.seed), 3)
    progress("constant steps", 0, 3)
    balls = _balls(config, keys[0])
    progress("a finite sum", 1, 3)
    sums = _sums(config, keys[1])
    progress("shrinking steps", 2, 3)
    shrinking = _shrinking(config, keys[2])
    data = {"config": config, "balls": balls, "sums": sums, "shrinking": shrinking}
    tables = (_ball_table(config, balls, sums), _shrinking_table(shrinking))
    return Numbers(tables, tuple(_checks_of(config, balls, sums, shrinking)), data)


@functools.partial(jax.jit, static_argnames=("steps", "seeds"))
def _noise(key: jax.Array, step: Any, a: Any, *, steps: int, seeds: int) -> jax.Array:
    """|x_k|^2 with the step s and the eigenvalues a: (seeds, steps + 1)."""
    return jax.vmap(functools.partial(_run_with_noise, optimize.sgd(step), a, steps))(
        jax.random.split(key, seeds)
    )


def _run_with_noise(method: Any, a: Any, steps: int, key: jax.Array) -> jax.Array:
    noise = SIGMA / 2**0.5 * jax.random.normal(key, (steps + 1, 2))

    def value(x: jax.Array, n: jax.Array) -> jax.Array:
        return jnp.sum(a * x * x) / 2 + jnp.sum(n * x)

    path = optimize.trajectory(value, jnp.asarray(START), method, steps, batches=(noise,))
    return jnp.sum(path.points**2, axis=1)


def _curve(name: str, squares: Any, proven: np.ndarray) -> Curve:
    found = np.asarray(squares)
    return Curve(name, found.mean(axis=0), found.std(axis=0) / len(found) ** 0.5, proven)


SPECTRA = {"one eigenvalue": (MU, MU), "two eigenvalues": (MU, L)}


def _balls(config: Config, key: jax.Array) -> dict[str, list[Curve]]:
    """By spectrum, for each constant step."""
    k, size = np.arange(config.steps + 1), {"steps": config.steps, "seeds": config.seeds}
    found: dict[str, list[Curve]] = {}
    for (name, a), part in zip(SPECTRA.items(), jax.random.split(key), strict=True):
        steps = [f / L for f in config.fractions]
        found[name] = [
            _curve(f"noise, {name}, s = {s:.3g}", _noise(each, s, np.array(a), **size),
                   bounds.noise_ball(k, max(a), MU, SIGMA, 1.0, s))
            for s, each in zip(steps, jax.random.split(part, len(steps)), strict=True)
        ]  # fmt: skip
    return found


class Rows(NamedTuple):
    """Least squares |A x - b|^2 / (2 n) in the plane, with the numbers of the theorem."""

    A: np.ndarray
    b: np.ndarray
    best: np.ndarray
    largest: float
    mu: float
    sigma: float


def _rows(config: Config) -> Rows:
    rng = np.random.default_rng(config.seed)
    A = rng.normal(size=(config.rows, 2))
    b = A @ np.ones(2) + rng.normal(size=config.rows)
    best = np.linalg.lstsq(A, b, rcond=None)[0]
    gradients = (A @ best - b)[:, None] * A
    mu = np.linalg.eigvalsh(A.T @ A / len(A))[0]
    sigma = np.sqrt((gradients**2).sum(axis=1).mean())
    return Rows(A, b, best, float((A**2).sum(axis=1).max()), float(mu), float(sigma))


@functools.partial(jax.jit, static_argnames=("steps", "seeds", "replace"))
def _sum(
    key: jax.Array, fractions: Any, rows: Rows, *, steps: int, seeds: int, replace: bool
) -> jax.Array:
    """|x_k - x*|^2 for each step and seed, (steps, seeds, k)."""
    A, b = jnp.asarray(rows.A), jnp.asarray(rows.b)

    def value(x: jax.Array, i: jax.Array) -> jax.Array:
        return jnp.sum((A[i] @ x - b[i]) ** 2) / 2

    def squares(step: jax.Array, key: jax.Array) -> jax.Array:
        draws = optimize.minibatches(key, len(A), steps=steps + 1, replace=replace)
        path = optimize.trajectory(value, jnp.zeros(2), optimize.sgd(step), steps, batches=(draws,))
        return jnp.sum((path.points - rows.best[None]) ** 2, axis=1)

    keys = jax.random.split(key, seeds)
    return jax.vmap(lambda s: jax.vmap(lambda k: squares(s, k))(keys))(fractions / rows.largest)


def _sums(config: Config, key: jax.Array) -> dict[str, list[Curve]]:
    """With and without replacement, for each constant step."""
    rows, steps = _rows(config), config.epochs * config.rows
    k, found = np.arange(steps + 1), {}
    for name, part in zip(("with", "without"), jax.random.split(key), strict=True):
        squares = _sum(
            part,
            np.array(config.fractions),
            rows,
            steps=steps,
            seeds=config.seeds // 4,
            replace=name == "with",
        )
        found[name] = [
            _curve(f"sum, {name} replacement, s = {f / rows.largest:.3g}", each,
                   bounds.sgd_ball(k, rows.largest, rows.mu, rows.sigma,
                                   float(np.linalg.norm(rows.best)), f / rows.largest))
            for f, each in zip(config.fractions, squares, strict=True)
        ]  # fmt: skip
    return found


SCALE = 2.0
"""a of the theorem of the notes."""


def _shrinking(config: Config, key: jax.Array) -> list[Curve]:
    """Steps 2 / (mu (k + 2 kappa)), and those of the notes with the projection."""
    disc = optimize.sgd(
        optimize.inverse_time(SCALE / MU), projection=optax.projections.projection_l2_ball
    )
    plain = optimize.sgd(optimize.inverse_time(2 / MU, 2 * L / MU))
    k, largest = np.arange(config.steps + 1), (MU**2 + SIGMA**2) ** 0.5
    cases = {
        "noise, shrinking steps": (plain, (MU, L), bounds.noise_inverse_time(k, L, MU, SIGMA, 1.0)),
        "course, projected": (disc, (MU, MU), bounds.projected_inverse_time(k, MU, largest, SCALE)),
    }
    curves = []
    for (name, (method, a, proven)), part in zip(cases.items(), jax.random.split(key), strict=True):
        run = functools.partial(_run_with_noise, method, np.array(a), config.steps)
        squares = jax.jit(jax.vmap(run))(jax.random.split(part, config.seeds))
        curves.append(_curve(name, squares, proven))
    return curves


def _radius(curve: Curve) -> float:
    """The squared radius of the ball: the mean over the last quarter of the steps."""
    return float(curve.mean[-(len(curve.mean) // 4) :].mean())


def _order(x: Any, y: Any) -> float:
    return -rates.fit(x, y).order


def _checks_of(
    config: Config,
    balls: dict[str, list[Curve]],
    sums: dict[str, list[Curve]],
    shrinking: list[Curve],
) -> list[Check]:
    """Without replacement no bound is claimed here, but that the ball is smaller."""
    bounded = [*balls["one eigenvalue"], *balls["two eigenvalues"], *sums["with"], *shrinking]
    checks = [Check(f"{c.name}: (mean - bound) / standard error", c.excess, "<=", ERRORS)
              for c in bounded]  # fmt: skip
    for c in balls["one eigenvalue"]:
        miss = abs(c.mean - c.proven)[1:] / c.error[1:]
        checks.append(Check(f"{c.name}: |mean - bound| / standard error", float(miss.max()), "<=",
                            ERRORS))  # fmt: skip
    orders = {name: _order(config.fractions, [_radius(c) for c in sums[name]]) for name in sums}
    late = slice(config.steps // 10, None)
    return [
        *checks,
        Check("sum: |order of the squared radius in s - 1|, with replacement",
              abs(orders["with"] - 1), "<=", 0.25),
        Check("sum: order of the squared radius in s, without", orders["without"], ">=", 1.5),
        *(Check(f"{c.name}: |order in k + 1|",
                abs(_order(np.arange(1, len(c.mean) + 1)[late], c.mean[late]) + 1), "<=", 0.1)
          for c in shrinking),
    ]  # fmt: skip


def _ball_table(
    config: Config, balls: dict[str, list[Curve]], sums: dict[str, list[Curve]]
) -> Table:
    columns = ["s L"]
    rows: list[list[float]] = [[f] for f in config.fractions]
    for name, curves in [*balls.items(), *((f"sum, {n} replacement", c) for n, c in sums.items())]:
        columns += [name, "proven"]
        for row, curve in zip(rows, curves, strict=True):
            row += [_radius(curve), float(curve.proven[-1])]
    return Table(
        "Squared radius of the ball", tuple(columns[:-1]), tuple(tuple(r[:-1]) for r in rows)
    )


def _shrinking_table(curves: list[Curve]) -> Table:
    columns = ("steps", *(word for c in curves for word in (c.name, "proven")))
    at = [10**i for i in range(1, 6) if 10**i < len(curves[0].mean)]
    rows = [(k, *(float(v) for c in curves for v in (c.mean[k], c.proven[k]))) for k in at]
    return Table("Mean square of the distance", columns, tuple(rows))


def plot(numbers: Numbers) -> Mapping[str, Any]:
    """The figures by caption."""
    data = numbers.data
    return {
        "Constant steps: the mean square of the distance over the seeds falls to a ball (coloured) "
        "below the bound (grey), which one eigenvalue attains (left).": _ways(data["balls"]),
        "Left: the squared radius of the ball against the step, measured (markers) and proven "
        "(lines). Right: with steps like 1 / k the mean square falls like 1 / k.": _radii(data),
    }


def _ways(balls: dict[str, list[Curve]]) -> Any:
    figure, axes = drawing.figure(1, 2, size=(9.6, 4.0))
    for ax, (name, curves) in zip(axes, balls.items(), strict=True):
        for curve in curves:
            k = 1 + np.arange(len(curve.mean))
            ax.loglog(k, curve.proven, color="#999999", lw=2.4)
            ax.loglog(k, curve.mean, lw=1.0, label=curve.name.split(", ")[-1])
        ax.set_title(name)
        ax.set_xlabel("1 + k")
    axes[0].set_ylabel("mean $|x_k - x^*|^2$")
    axes[0].legend(frameon=False, loc="lower left")
    return figure


def _radii(data: Mapping[str, Any]) -> Any:
    figure, axes = drawing.figure(1, 2, size=(9.6, 4.0))
    f = np.array(data["config"].fractions)
    groups = {**data["balls"], **{f"sum, {n} replacement": c for n, c in data["sums"].items()}}
    for (name, curves), colour, marker in zip(
        groups.items(), drawing.COLOURS, drawing.MARKERS, strict=False
    ):
        axes[0].loglog(f, [_radius(c) for c in curves], marker, color=colour, label=name, ms=5)
        if "without" not in name:
            axes[0].loglog(f, [c.proven[-1] for c in curves], color=colour, lw=1)
    axes[0].set_xlabel("s L")
    axes[0].set_ylabel("squared radius")
    axes[0].legend(frameon=False)
    for curve, colour in zip(data["shrinking"], drawing.COLOURS, strict=False):
        k = 1 + np.arange(len(curve.mean))
        axes[1].loglog(k, curve.mean, color=colour, lw=1, label=curve.name)
        axes[1].loglog(k, curve.proven, "--", color=colour, lw=1)
    axes[1].set_xlabel("1 + k")
    axes[1].set_ylabel("mean $|x_k - x^*|^2$")
    axes[1].legend(frameon=False)
    return figure

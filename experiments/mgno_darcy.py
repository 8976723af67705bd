"""Two neural operators learn Darcy's problem: MgNO, made of V-cycles, and FNO, of Fourier series.

Command: approxnet reproduce mgno_darcy
Cost: 20 s (smoke, 31^2 unknowns), on two cores; full (255^2 unknowns) is meant for an accelerator
Expect: at smoke scale relative errors of 5 to 8 percent in L2 and 12 to 17 in H1, at most two
thirds of those of a V-cycle for the mean of the coefficient, and of the mean of the training
solutions, which are about 20 and 50 percent in L2.

The operator is a -> u with -div(a grad u) = 1 in the unit square, u = 0 on the boundary. The
coefficient is 12 where a Gaussian field is positive and 3 elsewhere; the field has mean 0 and the
covariance (-Laplace + 9)^-2 with Neumann conditions,

    sum_k xi_k (pi^2 |k|^2 + 9)^-1 c_k cos(k_1 pi x_1) cos(k_2 pi x_2),   xi_k independent N(0, 1),

with c_k that makes the cosines orthonormal. It is constant on the cells of the grid, and u solves
the equations of linear elements, by the multigrid of this library in double precision. The networks
see a at the nodes, as the mean over the four cells around; FNO sees the coordinates as well, since
otherwise it commutes with shifts. Both are trained by the same loop on the same examples, by Adam
with the learning rates of one cycle, for the relative error in H1; they are judged after the last
epoch, on solutions that they have not seen. With v = 0 beyond the boundary, on a grid of width h,

    |v|_H1^2 = h^2 sum v^2 + sum of (v_i - v_j)^2 over neighbours i, j.

The published numbers are from another grid and other samples, and much longer training.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from rich.console import Console

from approxnet import models, multigrid, training
from approxnet import plot as drawing
from approxnet.reproduce import Cell, Check, Comparison, Numbers, Quote, Table, quoted
from approxnet.reproduce.progress import Reporter
from approxnet.training import TrainConfig

PRECISION = "float32"

PAPER = (
    Quote(
        "J. He, X. Liu, J. Xu, MgNO: Efficient Parameterization of Linear Operators via Multigrid, "
        "ICLR 2024",
        "table of Darcy's problem, rough coefficients, as other papers quote it",
        "published, full scale, not run: MgNO with 0.57 M parameters has relative errors of "
        "0.339 10^-2 in L2 and 1.380 10^-2 in H1",
    ),
)

PUBLISHED = {"MgNO": (0.339e-2, 1.380e-2)}
"""Relative errors in L2 and H1 of the paper, not run here."""


@dataclasses.dataclass(frozen=True)
class Config:
    """The problems, the networks and the training.

    Attributes:
      n: unknowns per axis, 2^k - 1.
      train, test: how many problems.
      epochs, batch: of the training.
      rates: the greatest learning rate of MgNO and of FNO.
      mgno: channels, layers and grids; two smoothing steps on the coarsest grid, one on the others.
      fno: width, modes, layers and channels before the last.
      seed: of problems and networks.
    """

    n: int
    train: int
    test: int
    epochs: int
    batch: int
    rates: tuple[float, float]
    mgno: tuple[int, int, int]
    fno: tuple[int, int, int, int]
    seed: int = 0


SCALES = {
    "smoke": Config(31, 160, 64, 12, 4, (4e-3, 8e-3), (8, 2, 4), (12, 6, 3, 24)),
    "full": Config(255, 1000, 200, 500, 8, (5e-4, 1e-3), (24, 4, 6), (32, 12, 4, 128)),
}

CONTRAST = (3.0, 12.0)
"""The two values of the coefficient."""

RESIDUAL = 1e-6
"""The relative residual to which the problems are solved."""


class Fields(NamedTuple):
    """Problems and their solutions, as the training takes them."""

    images: np.ndarray  # (N, n, n, 1), a at the nodes
    labels: np.ndarray  # (N, n, n, 1), u over its root mean square


def run(config: Config, progress: Reporter) -> Numbers:
    """Solve, train, compare."""
    steps = ("problems", *NETWORKS)
    progress(steps[0], 0, len(steps))
    coefficients, solutions, residual = problems(config)
    nodal = _at_nodes(coefficients)
    size = np.sqrt(np.square(solutions[: config.train]).mean())
    everything = Fields(
        *(x[..., None].astype(np.float32) for x in (nodal, solutions / size)),
    )
    train = Fields(*(x[: config.train] for x in everything))
    test = Fields(*(x[config.train :] for x in everything))
    rows, predictions, curves = [], {}, {}
    for name, predict in BASELINES.items():
        guess = predict(train, test, coefficients[config.train :], size)
        rows.append((name, "", "", *_errors(guess, test.labels), "", ""))
    for i, (name, build) in enumerate(NETWORKS.items(), start=1):
        progress(name, i, len(steps))
        model, normalize = build(config, train)
        result = _train(models.functional(model), train, config, normalize, config.rates[i - 1])
        u = _predict(model, result.state, normalize(test.images))
        size_of = models.count_parameters(result.state.params)
        macs = models.count_macs(model, normalize(test.images[:1]).shape[1:])
        rows.append((name, size_of, macs, *_errors(u, test.labels), *_published(name)))
        predictions[name] = u
        curves[name] = np.array([epoch.loss for epoch in result.history])
    data = {"test": test, "coefficients": coefficients[config.train :], "size": size}
    data |= {"predictions": predictions, "curves": curves}
    compared = tuple(
        Comparison(f"{row[0]} on Darcy's problem: relative error in {norm}", printed, row[column])
        for row in rows
        for printed, norm, column in zip(
            PUBLISHED.get(row[0], ()), ("L2", "H1"), (3, 4), strict=False
        )
    )
    return Numbers((_table(config, rows),), tuple(_checks(rows, residual)), data, compared)


def problems(config: Config) -> tuple[np.ndarray, np.ndarray, float]:
    """Coefficients (N, n + 1, n + 1) by cells, solutions (N, n, n), and the largest residual."""
    with jax.enable_x64(True):
        keys = jax.random.split(jax.random.key(config.seed), config.train + config.test)
        a, u, residuals = jax.jit(_problems, static_argnums=1)(keys, config.n)
        return np.asarray(a), np.asarray(u), float(residuals.max())


def _problems(keys: jax.Array, n: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    def one(key: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        a = coefficient(key, n + 1)
        h = multigrid.hierarchy((n, n), coefficient=a, coarse="galerkin")
        u, residuals, *_ = multigrid.solve(h, jnp.ones((n, n)), rtol=RESIDUAL)
        return a, u, residuals[-1] / residuals[0]

    return jax.lax.map(one, keys, batch_size=32)


def coefficient(key: jax.Array, cells: int) -> jax.Array:
    """(cells, cells), a random coefficient of Darcy's problem at the centres of the cells."""
    k = jnp.arange(cells)
    waves = jnp.cos(jnp.pi * k[:, None] * (k + 0.5)[None] / cells)
    waves = jnp.where(k[:, None] == 0, 1.0, jnp.sqrt(2.0)) * waves
    spread = 1 / (jnp.pi**2 * (k[:, None] ** 2 + k[None] ** 2) + 9)
    field = waves.T @ (spread * jax.random.normal(key, (cells, cells))) @ waves
    low, high = CONTRAST
    return jnp.where(field >= 0, high, low)


def _at_nodes(a: np.ndarray) -> np.ndarray:
    """Means over the four cells around each inner node."""
    return (a[:, 1:, 1:] + a[:, 1:, :-1] + a[:, :-1, 1:] + a[:, :-1, :-1]) / 4


def norm_h1(v: jax.Array) -> jax.Array:
    """(N,), the norms in H1 of functions (N, n, n, 1), 0 on the boundary of the unit square."""
    h = 1 / (v.shape[1] + 1)
    v = jnp.pad(v, [(0, 0), (1, 1), (1, 1), (0, 0)])
    squares = (h**2 * v**2).sum((1, 2, 3))
    for axis in (1, 2):
        squares += jnp.square(jnp.diff(v, axis=axis)).sum((1, 2, 3))
    return jnp.sqrt(squares)


def relative_h1(v: jax.Array, u: jax.Array) -> jax.Array:
    """(N,), |v - u| / |u| in H1."""
    return norm_h1(v - u) / norm_h1(u)


def _relative_l2(v: jax.Array, u: jax.Array) -> jax.Array:
    return jnp.linalg.norm((v - u)[..., 0], axis=(1, 2)) / jnp.linalg.norm(u[..., 0], axis=(1, 2))


def _errors(v: Any, u: Any) -> tuple[float, float]:
    """Means of the relative errors in L2 and in H1."""
    return float(_relative_l2(v, u).mean()), float(relative_h1(v, u).mean())


def _mean(train: Fields, test: Fields, coefficients: np.ndarray, size: float) -> np.ndarray:
    """The mean of the training solutions, whatever the coefficient."""
    return np.broadcast_to(train.labels.mean(0), test.labels.shape)


def _one_cycle(train: Fields, test: Fields, coefficients: np.ndarray, size: float) -> np.ndarray:
    """A V-cycle from zero for the mean of the coefficient; u for a constant a is u for 1 over a."""
    n = test.labels.shape[1]
    cycle = multigrid.v_cycle(multigrid.red_black(1.15))
    u = cycle(multigrid.hierarchy((n, n)), jnp.ones((n, n)), jnp.zeros((n, n)))
    means = coefficients.mean((1, 2)).astype(np.float32)
    return np.asarray(u)[None, ..., None] / means[:, None, None, None] / np.float32(size)


BASELINES = {
    "mean of the training solutions": _mean,
    "one V-cycle, mean coefficient": _one_cycle,
}

Normalize = Callable[[Any], jax.Array]


def _mgno(config: Config, train: Fields) -> tuple[models.MgNO, Normalize]:
    channels, layers, grids = config.mgno
    steps = (*(grids - 1) * ((1, 0),), (2, 0))
    return models.MgNO(1, channels, layers, steps), _standardise(train)


def _fno(config: Config, train: Fields) -> tuple[models.FNO, Normalize]:
    width, modes, layers, hidden = config.fno
    standard, n = _standardise(train), config.n
    x = multigrid.nodes((n, n)).astype(np.float32)

    def normalize(a: Any) -> jax.Array:
        coordinates = jnp.broadcast_to(x, (a.shape[0], n, n, 2))
        return jnp.concatenate([standard(a), coordinates], axis=-1)

    return models.FNO(1, width, modes, layers, hidden), normalize


NETWORKS = {"MgNO": _mgno, "FNO": _fno}


def _standardise(train: Fields) -> Normalize:
    """Mean 0 and variance 1 on the training set."""
    mean, deviation = float(train.images.mean()), float(train.images.std())
    return lambda a: (a - mean) / deviation


def _train(
    functional: models.Functional,
    train: Fields,
    config: Config,
    normalize: Normalize,
    rate: float,
) -> training.Result:
    steps = config.epochs * -(-config.train // config.batch)
    return training.fit(
        functional,
        train,
        TrainConfig(epochs=config.epochs, batch=config.batch, seed=config.seed),
        optimizer=optax.adam(optax.cosine_onecycle_schedule(steps, rate)),
        loss=relative_h1,
        normalize=normalize,
        console=Console(quiet=True),
    )


def _predict(model: Any, state: training.State, x: jax.Array) -> np.ndarray:
    """The outputs of a network, a few at a time."""
    apply = jax.jit(lambda params, x: model.apply({"params": params}, x))
    parts = np.array_split(np.asarray(x), -(-len(x) // 64))
    return np.concatenate([apply(state.params, part) for part in parts])


def _published(name: str) -> Iterable[str | Cell]:
    return map(quoted, PUBLISHED[name]) if name in PUBLISHED else ("", "")


def _table(config: Config, rows: list[tuple[Any, ...]]) -> Table:
    columns = (
        "predictor",
        "parameters",
        "multiplications",
        "L2",
        "H1",
        "published, full scale, not run: L2",
        "H1, likewise",
    )
    title = (
        f"Relative errors on {config.test} problems with {config.n}^2 unknowns, after "
        f"{config.epochs} epochs of {config.train}"
    )
    return Table(title, columns, tuple(rows))


def _checks(rows: list[tuple[Any, ...]], residual: float) -> list[Check]:
    """Networks against what knows no coefficient, or its mean alone."""
    networks = [row for row in rows if row[0] in NETWORKS]
    checks = [Check("relative residual of the solutions, largest", residual, "<=", RESIDUAL)]
    for column, norm in ((3, "L2"), (4, "H1")):
        least = min(row[column] for row in rows if row[0] in BASELINES)
        for row in networks:
            claim = f"{row[0]}: error in {norm} over the best without learning a -> u"
            checks.append(Check(claim, row[column] / least, "<=", 2 / 3))
    return checks


def plot(numbers: Numbers) -> Mapping[str, Any]:
    """The figures by caption."""
    data = numbers.data
    return {
        "A coefficient of the test set (dark 12, bright 3), its solution, what the networks make "
        "of it, and their errors, ten times enlarged.": _pictures(data),
        "The relative error in H1 on the training set, each example as it was met.": _curves(
            data["curves"]
        ),
    }


def _pictures(data: Mapping[str, Any]) -> Any:
    a = data["coefficients"]
    i = int(abs(a.mean((1, 2)) - np.mean(CONTRAST)).argmin())
    u = data["test"].labels[i, ..., 0]
    figure, axes = drawing.figure(2, 3, size=(9.6, 6.2))
    panels = [("coefficient a", a[i], {"cmap": "Greys", "vmin": 0, "vmax": 16})]
    shades = {"cmap": "viridis", "vmin": 0, "vmax": u.max()}
    panels.append(("solution u", u, shades))
    for name, predicted in data["predictions"].items():
        v = predicted[i, ..., 0]
        gap = {"cmap": "RdBu", "vmin": -u.max() / 10, "vmax": u.max() / 10}
        panels += [(f"{name}: u", v, shades), (f"{name}: error", v - u, gap)]
    for ax, (title, values, options) in zip(np.ravel(axes, order="F"), panels, strict=True):
        ax.imshow(values.T, origin="lower", **options)
        ax.set_title(title)
        ax.set_axis_off()
    return figure


def _curves(curves: Mapping[str, Any]) -> Any:
    figure, ax = drawing.figure(size=(6.4, 4.0))
    for name, loss in curves.items():
        ax.semilogy(np.arange(1, len(loss) + 1), loss, lw=1.2, label=name)
    ax.set_xlabel("epoch")
    ax.set_ylabel("relative error in H1")
    ax.legend(frameon=False)
    return figure

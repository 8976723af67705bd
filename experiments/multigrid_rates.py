"""Multigrid reduces the error by the factor that Fourier analysis predicts, on every grid.

Command: approxnet reproduce multigrid_rates
Cost: 20 s (smoke, up to 31^2 unknowns), 2 min (full, up to 511^2), on two cores
Expect: the two-grid factors are those of the textbook to three digits; the factor of every W-cycle
is the predicted one up to 0.01; red-black V(1,1) has a factor below 0.125, over-relaxed below 0.05,
on every grid; one cycle per grid, from coarse to fine, ends below 0.4 of the discretisation error;
BPX keeps the condition number below 5.5 while the hierarchical basis lets it grow.

The problem is -div grad u = b in the unit square, u = 0 on the boundary, with five points, bilinear
prolongation and full weighting unless a line says otherwise. Single sine modes show why it works: a
smoother damps what oscillates on the grid, the coarse grid sees the rest. Gradient descent with the
step 0.2 h^2 is damped Jacobi with omega = 4/5 on the finest grid alone.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from approxnet import multigrid
from approxnet import plot as drawing
from approxnet.multigrid import (
    backslash_cycle,
    chebyshev,
    course_kernel,
    full_multigrid,
    jacobi,
    linear_element,
    red_black,
    v_cycle,
    w_cycle,
)
from approxnet.reproduce import Check, Comparison, Numbers, Quote, Table, quoted
from approxnet.reproduce.progress import Reporter

PAPER = (
    Quote(
        "K. Stueben, U. Trottenberg, Multigrid methods, Lecture Notes in Math. 960 (1982)",
        "two-grid factors of the five-point Laplacian, full weighting and bilinear interpolation",
        "red-black 0.250, 0.074, 0.053, 0.041 and Jacobi with omega = 4/5 0.600, 0.360, 0.216, "
        "0.137 for one to four smoothing steps",
    ),
    Quote(
        "J. Bramble, J. Pasciak, J. Xu, Parallel multilevel preconditioners, "
        "Math. Comp. 55 (1990), 1-22",
        "theorem of optimality in the quasi-uniform case (Oswald 1990, Xu 1992)",
        "the condition number of the preconditioned operator is bounded independently of h",
    ),
)


@dataclasses.dataclass(frozen=True)
class Config:
    """The grids.

    Attributes:
      sizes: unknowns per axis, 2^k - 1, rising, at least two of them.
      seed: of the random starts.
    """

    sizes: tuple[int, ...]
    seed: int = 0


SCALES = {"smoke": Config((15, 31)), "full": Config((31, 63, 127, 255, 511))}

PRINTED = {
    "red-black": (0.250, 0.074, 0.053, 0.041),
    "Jacobi 4/5": (0.600, 0.360, 0.216, 0.137),
}
"""Two-grid factors of the first source, after one to four smoothing steps."""

SMOOTHERS = {
    "Jacobi 4/5": jacobi(0.8),
    "red-black": red_black(),
    "red-black 1.15": red_black(1.15),
    "Chebyshev 2": chebyshev(2),
    "course kernel": course_kernel(),
}

METHODS = {
    "gradient descent": lambda h, b, x: jacobi(0.8)(h.operators[0], b, x),
    "Jacobi 4/5 V(1,1)": v_cycle(jacobi(0.8)),
    "course kernel \\(2)": backslash_cycle(course_kernel(), pre=2),
    "red-black V(1,1)": v_cycle(red_black()),
    "red-black 1.15 V(1,1)": v_cycle(red_black(1.15)),
    "red-black W(1,1)": w_cycle(red_black()),
}

WORK = 4
"""Smoothing steps that cost what V(1,1) does: two and a residual, on 1 + 1/4 + 1/16 + ... grids."""

FRAMES = 9


def run(config: Config, progress: Reporter) -> Numbers:
    """Predict, measure, compare."""
    steps = (_two_grid, _measured, _independent, _nested, _preconditioned)
    tables, checks, compared = [], [], _compared()
    for i, step in enumerate(steps):
        progress(step.__name__.strip("_").replace("_", " "), i, len(steps) + 1)
        table, more = step(config)
        tables.append(table)
        checks += more
    progress("histories", len(steps), len(steps) + 1)
    data = {
        "histories": _histories(config),
        "modes": _modes(config.sizes[1]),
        "frames": _errors(config),
    }
    return Numbers(tuple(tables), tuple(checks), data, compared)


def _compared() -> tuple[Comparison, ...]:
    return tuple(
        Comparison(f"two-grid factor, {name}, {k} steps", f"{p:.3f}", _factor(name, k))
        for name, printed in PRINTED.items()
        for k, p in enumerate(printed, start=1)
    )


@functools.cache
def _factor(name: str, k: int) -> float:
    return float(multigrid.two_grid_factor(SMOOTHERS[name], pre=k))


def _two_grid(config: Config) -> tuple[Table, list[Check]]:
    """The factors of local Fourier analysis beside the printed ones."""
    rows, worst = [], 0.0
    for name, smoother in SMOOTHERS.items():
        printed = PRINTED.get(name, 4 * ("",))
        ours = [_factor(name, k) for k in range(1, 5)]
        element = multigrid.two_grid_factor(smoother, pre=2, transfer=linear_element)
        gaps = [abs(p - f) for p, f in zip(printed, ours, strict=True) if p != ""]
        worst = max([worst, *gaps])
        rows.append(
            (name, multigrid.smoothing_factor(smoother), *ours, *map(quoted, printed), element)
        )
    columns = (
        "smoother",
        "smoothing factor",
        *(f"two grids, {k} steps" for k in range(1, 5)),
        *(f"printed, {k}" for k in range(1, 5)),
        "linear-element transfer, 2 steps",
    )
    check = Check("|predicted - printed two-grid factor|, largest", worst, "<=", 5e-4)
    return Table("Two-grid factors by local Fourier analysis", columns, tuple(rows)), [check]


def _measured(config: Config) -> tuple[Table, list[Check]]:
    """The factors of W-cycles on the second grid."""
    h = multigrid.hierarchy(2 * (config.sizes[1],))
    rows, checks = [], []
    for name, smoother in SMOOTHERS.items():
        predicted = multigrid.two_grid_factor(smoother, pre=1, post=1)
        W = multigrid.convergence_factor(h, w_cycle(smoother), seed=config.seed)
        rows.append((name, predicted, W))
        if name != "red-black 1.15":  # its worst mode needs more than a hundred cycles to show
            gap = abs(W - predicted)
            checks.append(Check(f"|W - two-grid factor|, {name}", gap, "<=", 0.01))
    columns = ("smoother", "two grids, predicted", "W(1,1)")
    return Table(f"Factors measured on {config.sizes[1]}^2 unknowns", columns, tuple(rows)), checks


def _independent(config: Config) -> tuple[Table, list[Check]]:
    """Red-black on all grids."""
    rows = []
    for n in config.sizes:
        h = multigrid.hierarchy((n, n))
        b = jax.random.normal(jax.random.key(config.seed), (n, n))
        factors = [
            multigrid.convergence_factor(h, v_cycle(red_black(omega)), seed=config.seed)
            for omega in (1.0, 1.15)
        ]
        cycles = int(multigrid.solve(h, b).iterations)
        rows.append((n * n, *factors, cycles, int(multigrid.multigrid_pcg(h, b).iterations)))
    one, over = (np.array([row[i] for row in rows]) for i in (1, 2))
    checks = [
        Check("factor of red-black V(1,1), largest", float(one.max()), "<=", 0.125),
        Check("factor with omega = 1.15, largest", float(over.max()), "<=", 0.05),
        Check("largest over smallest", float(one.max() / one.min()), "<=", 1.1),
        Check("largest over smallest, omega = 1.15", float(over.max() / over.min()), "<=", 1.1),
        Check("iterations of multigrid-PCG to 1e-8, most", max(row[4] for row in rows), "<=", 8),
    ]
    columns = (
        "unknowns",
        "red-black V(1,1)",
        "omega = 1.15",
        "cycles to 1e-8, omega = 1.15",
        "PCG iterations to 1e-8",
    )
    return Table("Red-black on all grids", columns, tuple(rows)), checks


def _nested(config: Config) -> tuple[Table, list[Check]]:
    """Full multigrid for u = sin(pi x) sin(2 pi y) e^(xy)."""

    def u(p: Any) -> Any:
        x, y = p[..., 0], p[..., 1]
        return jnp.exp(x * y) * jnp.sin(jnp.pi * x) * jnp.sin(2 * jnp.pi * y)

    @jax.jit
    def load(p: jax.Array) -> jax.Array:
        second = jax.vmap(jax.hessian(u))(p.reshape(-1, 2))
        return -jnp.trace(second, axis1=1, axis2=2).reshape(p.shape[:-1])

    rows = []
    for n in config.sizes:
        p = jnp.asarray(multigrid.nodes((n, n)))
        h, b = multigrid.hierarchy((n, n)), load(p)
        discrete = np.asarray(multigrid.solve(h, b, rtol=1e-10).value)
        nested = np.asarray(jax.jit(full_multigrid())(h, b, jnp.zeros_like(b)))
        exact = np.asarray(jax.jit(u)(p))
        error, algebraic, total = (
            float(np.linalg.norm(difference) / np.linalg.norm(exact))
            for difference in (discrete - exact, nested - discrete, nested - exact)
        )
        rows.append((n * n, error, algebraic / error, total))
    ratio, totals = max(row[2] for row in rows), [row[3] for row in rows]
    order = np.log2(np.array(totals[:-1]) / totals[1:])
    checks = [
        Check("algebraic over discretisation error of full multigrid, largest", ratio, "<=", 0.4),
        Check("|order of the total error - 2|", float(abs(order - 2).max()), "<=", 0.02),
    ]
    columns = ("unknowns", "discretisation error", "algebraic error over it", "total error")
    return Table("Full multigrid, one cycle per grid", columns, tuple(rows)), checks


def _preconditioned(config: Config) -> tuple[Table, list[Check]]:
    """Condition numbers of A, BPX and the hierarchical basis."""
    rows = []
    for n in config.sizes:
        h = multigrid.hierarchy((n, n))
        numbers = (
            multigrid.condition_number(h, preconditioner, steps=60, seed=config.seed)
            for preconditioner in (multigrid.bpx, multigrid.hierarchical_basis)
        )
        rows.append((n * n, np.tan(np.pi / 2 / (n + 1)) ** -2, *numbers))
    bpx, basis = (rows[-1][i] / rows[-2][i] for i in (2, 3))
    checks = [
        Check("condition number with BPX, largest", max(row[2] for row in rows), "<=", 5.5),
        Check("its growth in the last refinement", bpx, "<=", 1.1),
        Check("the same with the hierarchical basis", basis, ">=", 1.2),
    ]
    columns = ("unknowns", "A: cot^2(pi h / 2)", "BPX", "hierarchical basis")
    return Table("Condition numbers", columns, tuple(rows)), checks


def _histories(config: Config) -> dict[str, np.ndarray]:
    """|error| / |first error| after each step from a random start, on the second grid."""
    n, steps = config.sizes[1], 16
    h = multigrid.hierarchy((n, n))
    start = jax.random.normal(jax.random.key(config.seed), (n, n))
    return {name: _sizes(_iterates(h, cycle, start, steps)) for name, cycle in METHODS.items()}


def _iterates(h: multigrid.Hierarchy, cycle: Any, start: jax.Array, steps: int) -> np.ndarray:
    """(steps + 1, *shape), the errors of the iteration for A u = 0."""

    @jax.jit
    def iterate(h: multigrid.Hierarchy, x: jax.Array) -> jax.Array:
        def step(x: jax.Array, _: None) -> tuple[jax.Array, jax.Array]:
            y = cycle(h, jnp.zeros_like(x), x)
            return y, y

        return jax.lax.scan(step, x, length=steps)[1]

    return np.concatenate([start[None], iterate(h, start)])


def _sizes(errors: np.ndarray) -> np.ndarray:
    sizes = np.linalg.norm(errors.reshape(len(errors), -1), axis=1)
    return sizes / sizes[0]


def _modes(n: int) -> dict[str, np.ndarray]:
    """By smoother, the norm of sin(k pi x) sin(k pi y), k = 1, ..., n, after one step over before.

    The last entry is the same for a whole cycle.
    """
    h = multigrid.hierarchy((n, n))
    k = np.arange(1, n + 1)
    line = np.sin(np.pi * np.outer(k, k) / (n + 1))
    modes = jnp.asarray(line[:, :, None] * line[:, None, :])

    def after(method: Any) -> np.ndarray:
        errors = jax.jit(jax.vmap(method))(modes)
        return np.linalg.norm(errors, axis=(1, 2)) / np.linalg.norm(modes, axis=(1, 2))

    kept = {
        name: after(lambda x, s=smoother: s(h.operators[0], jnp.zeros_like(x), x))
        for name, smoother in SMOOTHERS.items()
    }
    cycle = v_cycle(red_black(1.15))
    kept["V(1,1), red-black 1.15"] = after(lambda x: cycle(h, jnp.zeros_like(x), x))
    return kept


def _errors(config: Config) -> dict[str, np.ndarray]:
    """Errors of gradient descent and of the V-cycle after the same work, (FRAMES, n, n) each."""
    n = config.sizes[1]
    h = multigrid.hierarchy((n, n))
    x = multigrid.nodes((n, n))
    noise = np.random.default_rng(config.seed).normal(size=(n, n))
    hills = np.sin(3 * np.pi * x[..., 0]) * np.sin(2 * np.pi * x[..., 1])
    start = jnp.asarray(hills + 0.5 * noise)
    slow = _iterates(h, METHODS["gradient descent"], start, WORK * (FRAMES - 1))
    return {
        "gradient descent": slow[::WORK],
        "V-cycle": _iterates(h, METHODS["red-black V(1,1)"], start, FRAMES - 1),
    }


def plot(numbers: Numbers) -> Mapping[str, Any]:
    """The figures by caption."""
    data = numbers.data
    return {
        "The error of gradient descent and of the V-cycle after the same work: gradient descent "
        "makes it smooth, and the V-cycle hands what is smooth to coarser grids.": _film(
            data["frames"]
        ),
        "The error over the number of steps or cycles, from a random start.": _curves(
            data["histories"]
        ),
        "How much of the mode sin(k pi x) sin(k pi y) one smoothing step leaves. Black: "
        "1 - omega (1 - cos k pi h), the theory for Jacobi. From k h = 1/2 on the coarse grid "
        "does not see it: the shaded half is what the smoother has to damp. Red-black turns what "
        "oscillates most into a smooth error, which the coarse grid sees again.": _damping(
            data["modes"]
        ),
    }


def _film(errors: Mapping[str, np.ndarray]) -> list[Any]:
    """A picture after each cycle."""
    sizes = {name: _sizes(frames) for name, frames in errors.items()}
    frames = []
    for k in range(FRAMES):
        figure, axes = drawing.figure(1, 3, size=(9.6, 3.0))
        for ax, (name, error) in zip(axes, errors.items(), strict=False):
            ax.imshow(error[k].T, cmap="RdBu", vmin=-1.5, vmax=1.5, origin="lower")
            ax.set_title(f"{name}: error {sizes[name][k]:.1e}")
            ax.set_axis_off()
        for name, size in sizes.items():
            axes[2].semilogy(WORK * np.arange(FRAMES), size, lw=0.8, alpha=0.4)
            axes[2].semilogy(WORK * np.arange(k + 1), size[: k + 1], "o-", ms=3, label=name)
        for i, line in enumerate(axes[2].lines):
            line.set_color(drawing.COLOURS[i // 2])
        axes[2].set_xlabel("work, in smoothing steps")
        axes[2].set_ylabel("error / first error")
        axes[2].legend(frameon=False, loc="lower left")
        frames.append(figure)
    return frames


def _curves(histories: Mapping[str, np.ndarray]) -> Any:
    figure, ax = drawing.figure(size=(6.4, 4.0))
    for name, size in histories.items():
        ax.semilogy(np.maximum(size, 1e-16), lw=1.2, label=name)
    ax.set_xlabel("steps of gradient descent, or cycles")
    ax.set_ylabel("error / first error")
    ax.legend(frameon=False)
    return figure


def _damping(kept: Mapping[str, np.ndarray]) -> Any:
    figure, ax = drawing.figure(size=(6.4, 4.0))
    for name, size in kept.items():
        n = len(size)
        ax.plot(np.arange(1, n + 1) / (n + 1), size, lw=1.2, label=name)
    t = np.linspace(0, 1, 200)
    ax.plot(t, abs(1 - 0.8 * (1 - np.cos(np.pi * t))), "k:", lw=1.6)
    ax.axvspan(0.5, 1.0, color="#eeeeee", zorder=-1)
    ax.set_xlabel("k h")
    ax.set_ylabel("part that is left")
    ax.set_ylim(0, 1.02)
    ax.legend(frameon=False, fontsize=8)
    return figure

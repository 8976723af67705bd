"""A nearly singular system: 195,574 steps, or 17 with one unknown more.

Command: approxnet reproduce nearly_singular_homework
Cost: 2 s (smoke), 3 s (full), on two cores
Expect: gradient descent for A_eps u = g takes steps like 1 / eps, exactly those of the course's
notebooks; with the kernel of A_0 added as a fourth direction it takes some twenty for every eps,
and with the best step 2/3 exactly 17, as many as the theorem says.

    A_eps = [[1, -1, 0], [-1, 2, -1], [0, -1, 1]] + eps I,   g = (-1, -1, 2),   p = (1, 1, 1).

A_0 p = 0. The expanded system is P^T A_eps P v = P^T g with u = P v, P = [I, p]; it is singular,
which does no harm. Scaled gradient descent divides the gradient by the diagonal. For three unknowns
the loop of the course compares the residual before the update, so that it counts one more than the
updates that are needed; for four unknowns it compares the one after.

Theory: residuals of gradient descent fall by q = max |1 - eta lambda| over the eigenvalues, 1 -
eta eps for the smallest one; so log(tol / |r_0|) / log q updates suffice. Scaled by its diagonal
the expanded matrix has as eps -> 0 the eigenvalues 0 (no harm), 1, 1 and 2, whence the best step
2 / (1 + 2) with the factor 1/3, and 17 is the first k with 3^-k <= 10^-8.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from approxnet import optimize
from approxnet import plot as drawing
from approxnet.reproduce import Check, Comparison, Numbers, Quote, Table, quoted
from approxnet.reproduce.progress import Reporter

PAPER = (
    Quote(
        "J. Xu, computer session of AMCS 304, KAUST 2024",
        "table of iterations, random starts",
        "eps = 0.1, 0.01, 0.001, 1e-4: gradient descent 321, 2551, 22520, 187769; expanded 76, "
        "699, 6126, 48390; expanded and scaled with the step 0.7: 17, 21, 21, 21",
    ),
    Quote(
        "J. Xu, computer session of AMCS 304, KAUST 2024",
        "the same table, scaled gradient descent from (1, 0, -1)",
        "402, 3202, 25711, 195575, over 1000000 for 1e-5, 30 for 1e-9",
    ),
    Quote(
        "J. Xu, programming assignments, notebook 394C-3by3-example",
        "outputs, gradient descent from (1, 2, 3), and the expanded systems from 0 up to 1e-6",
        "340, 3006, 25506, 209052, over 1000000, 29 for eps = 1e-9; expanded 24, 22, 22, 22, 22, "
        "22; expanded and scaled 14, 16, 16, 16, 16, 16",
    ),
)

EPS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-9)
OVER = 1_000_000
"""More updates are not made."""


@dataclasses.dataclass(frozen=True)
class Config:
    """How many eps between those of the course are drawn, for each power of ten."""

    between: int = 3


SCALES = {"smoke": Config(), "full": Config(between=10)}


class Method(NamedTuple):
    """A column of the table.

    Fields:
      expanded: whether p is a fourth direction.
      scaled: whether the gradient is divided by the diagonal.
      step: eta.
      start: of the three or four unknowns.
      tol: for the residual of the three equations.
      relative: whether it is over the residual at the start.
      published: the counts for EPS, and by how much they exceed the updates.
    """

    expanded: bool
    scaled: bool
    step: float
    start: tuple[float, ...]
    tol: float = 1e-8
    relative: bool = False
    published: tuple[int, ...] = ()
    excess: int = 0


METHODS = {
    "gradient descent": Method(False, False, 0.5, (1, 2, 3),
        published=(340, 3006, 25506, 209052, OVER + 1, 29), excess=1),
    "scaled": Method(False, True, 0.5, (1, 0, -1),
        published=(402, 3202, 25711, 195575, OVER + 1, 30), excess=1),
    "expanded": Method(True, False, 0.5, (0, 0, 0, 0), tol=1e-6,
        published=(24, 22, 22, 22, 22, 22)),
    "expanded, scaled": Method(True, True, 0.7, (0, 0, 0, 0), tol=1e-6,
        published=(14, 16, 16, 16, 16, 16)),
    "expanded, scaled, best step": Method(True, True, 2 / 3, (0, 0, 0, 0), relative=True),
}  # fmt: skip
THREE = ("gradient descent", "scaled")
P = np.column_stack([np.eye(3), np.ones(3)])
G = np.array([-1.0, -1.0, 2.0])


class System(NamedTuple):
    """M v = b, with the reciprocal diagonal or ones, and T v the three unknowns."""

    A: Any
    M: Any
    b: Any
    scale: Any
    T: Any


def _system(eps: float, method: Method) -> System:
    A = np.array([[1.0, -1, 0], [-1, 2, -1], [0, -1, 1]]) + eps * np.eye(3)
    T = P if method.expanded else np.eye(3)
    M = T.T @ A @ T
    scale = 1 / np.diag(M) if method.scaled else np.ones(len(M))
    return System(A, M, T.T @ G, scale, T)


@jax.jit
def _updates(s: System, start: Any, step: Any, tol: Any) -> jax.Array:
    """How many updates bring the residual to tol."""

    def going(state: Any) -> jax.Array:
        v, k = state
        residual = jnp.linalg.norm(s.A @ (s.T @ v) - G)
        return (residual > tol) & (k <= OVER)

    def update(state: Any) -> Any:
        v, k = state
        return v - step * s.scale * (s.M @ v - s.b), k + 1

    return jax.lax.while_loop(going, update, (start, jnp.int32(0)))[1]


def _count(eps: float, method: Method) -> int:
    system, start = _system(eps, method), np.asarray(method.start, float)
    first = np.linalg.norm(system.A @ (system.T @ start) - G) if method.relative else 1.0
    return int(_updates(system, start, method.step, method.tol * first))


def _proven(eps: float, method: Method) -> float:
    """Updates that suffice for three unknowns: the residual falls by q in the norm of the scale."""
    s = _system(eps, method)
    root = np.sqrt(s.scale)
    values = np.linalg.eigvalsh(root[:, None] * s.M * root)
    q = max(abs(1 - method.step * values.min()), abs(1 - method.step * values.max()))
    residual = root * (s.M @ np.asarray(method.start, float) - s.b)
    return math.log(method.tol * root.min() / np.linalg.norm(residual)) / math.log(q)


def run(config: Config, progress: Reporter) -> Numbers:
    """Count the updates of each method for each eps."""
    counts: dict[str, list[int]] = {}
    for i, (name, method) in enumerate(METHODS.items()):
        progress(name, i, len(METHODS) + 1)
        counts[name] = [_count(eps, method) for eps in EPS]
    progress("curves", len(METHODS), len(METHODS) + 1)
    fine = np.geomspace(EPS[0], EPS[3], 3 * config.between + 1)
    curves = {name: [_count(e, m) for e in fine] for name, m in METHODS.items()}
    proven = {name: [_proven(e, METHODS[name]) for e in fine] for name in THREE}
    data = {"fine": fine, "curves": curves, "proven": proven, "histories": _histories(1e-2)}
    checks = tuple(_checks_of(counts, curves, proven))
    return Numbers((_table(counts),), checks, data, _compared(counts))


def _compared(counts: dict[str, list[int]]) -> tuple[Comparison, ...]:
    """The counts of the notebooks, which count the start too where they exceed the updates."""
    return tuple(
        Comparison(
            f"{name}, eps = {eps:g}: count", printed, found + method.excess,
            quote=1 if name == "scaled" else 2,
        )
        for name, method in METHODS.items()
        for eps, found, printed in zip(EPS, counts[name], method.published, strict=False)
        if printed <= OVER
    )  # fmt: skip


def _histories(eps: float) -> dict[str, np.ndarray]:
    """The residuals |A u_k - g| by the transformations of the library."""
    return {name: _history(_system(eps, m), m) for name, m in METHODS.items()}


def _history(s: System, method: Method) -> np.ndarray:
    def energy(v: jax.Array) -> jax.Array:
        return v @ (s.M @ v) / 2 - s.b @ v

    scaled = optax.stateless(lambda g, _: s.scale * g)
    transform = optax.chain(scaled, optimize.gradient_descent(method.step))
    start = np.asarray(method.start, float)
    path = jax.jit(lambda v: optimize.trajectory(energy, v, transform, 3300).points)(start)
    return np.linalg.norm(np.asarray(path) @ (s.A @ s.T).T - G, axis=1)


def _checks_of(
    counts: dict[str, list[int]], curves: dict[str, list[int]], proven: dict[str, list[float]]
) -> list[Check]:
    checks = [
        Check(f"{name}, eps = {eps:g}: |updates - published count + {method.excess}|",
              float(abs(found - printed + method.excess)), "<=", 0.0)
        for name, method in METHODS.items()
        for eps, found, printed in zip(EPS, counts[name], method.published, strict=False)
        if printed <= OVER
    ]  # fmt: skip
    checks += [
        Check(f"{name}, eps = 1e-05: updates", float(counts[name][4]), ">", float(OVER))
        for name in THREE
    ]
    last = list(METHODS)[-1]
    checks += [
        Check(f"{last}, eps = {eps:g}: |updates - 17|", float(abs(found - 17)), "<=", 0.0)
        for eps, found in zip(EPS, counts[last], strict=True)
    ]
    return checks + [
        Check(f"{name}: largest updates / those that suffice",
              max(k / m for k, m in zip(curves[name], proven[name], strict=True)), "<=", 1.0)
        for name in THREE
    ]  # fmt: skip


def _table(counts: dict[str, list[int]]) -> Table:
    columns, rows = ["eps"], []
    for name, method in METHODS.items():
        columns += [name, "published"] if method.published else [name]
    for i, eps in enumerate(EPS):
        row: list[Any] = [eps]
        for name, method in METHODS.items():
            row.append(_in_words(counts[name][i]))
            row += [quoted(_in_words(count)) for count in method.published[i : i + 1]]
        rows.append(tuple(row))
    return Table("Updates, and the counts of the notebooks", tuple(columns), tuple(rows))


def _in_words(count: int) -> int | str:
    return count if count <= OVER else f"over {OVER}"


def plot(numbers: Numbers) -> Mapping[str, Any]:
    """The figures by caption."""
    data = numbers.data
    return {
        "Updates against eps: measured (dots), published (crosses, less one where the loop counts "
        "one more), and those that suffice by theory (lines).": _counts(data),
        "The residual on the way for eps = 0.01: the component along p is what takes the time, and "
        "a fourth direction along p removes it.": _residuals(data["histories"]),
    }


def _counts(data: Mapping[str, Any]) -> Any:
    figure, ax = drawing.figure(size=(6.6, 4.4))
    for (name, found), colour, marker in zip(
        data["curves"].items(), drawing.COLOURS, drawing.MARKERS, strict=False
    ):
        ax.loglog(data["fine"], found, marker, color=colour, ms=4.5, label=name)
        if name in data["proven"]:
            ax.loglog(data["fine"], data["proven"][name], color=colour, lw=1)
        printed = METHODS[name].published[:4]
        less = np.array(printed) - METHODS[name].excess
        ax.loglog(EPS[: len(printed)], less, "x", color="black", ms=9, mew=1)
    ax.set_ylim(8, 2e6)
    ax.set_xlabel("eps")
    ax.set_ylabel("updates")
    ax.legend(frameon=False)
    return figure


def _residuals(histories: Mapping[str, np.ndarray]) -> Any:
    figure, ax = drawing.figure(size=(6.6, 4.4))
    for name, residuals in histories.items():
        ax.loglog(1 + np.arange(len(residuals)), np.maximum(residuals, 1e-16), lw=1.2, label=name)
    ax.axhline(1e-8, color="#555555", ls=":", lw=1)
    ax.set_ylim(1e-10, 10)
    ax.set_xlabel("1 + updates")
    ax.set_ylabel("residual")
    ax.legend(frameon=False, loc="upper right")
    return figure

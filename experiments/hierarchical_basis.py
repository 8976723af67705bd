"""The hidden layers of the network of a square are the levels of the hierarchical basis.

Command: approxnet reproduce hierarchical_basis
Cost: 5 s (smoke, to 6 levels), 10 s (full, to 9), on two cores
Expect: for x^2 and for x y each level of the finite element interpolant is a combination of
sawteeth of depth l, to rounding, of the size 4^-l. For other functions it is not: the levels of x^3
have half of their norm off the sawtooth, those of sin(pi x) 0.4352 of it, in the limit.

I_l is the nodal interpolation by P1 functions on 2^l cells of [0, 1], P_l that on squares of the
side 2^-l in [-1, 1]^2 with diagonals x + y = const, and g_l the sawtooth with 2^(l-1) teeth:

    (I_l - I_{l-1}) x^2 = -4^-l g_l(x),
    (P_l - P_{l-1}) x y = 2 4^(-l-1) (g_{l+1}(|x| / 2) + g_{l+1}(|y| / 2) - g_{l+1}(|x + y| / 2)).

At the new nodes the levels of f are about -h^2 f''/2. What is off the sawtooth, in the Euclidean
norm of the values there, tends to (1 - (mean f'')^2 / mean f''^2)^(1/2): 0 for f'' constant, 1/2
for x^3, (1 - 8 / pi^2)^(1/2) for sin(pi x).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from approxnet import fem, relu
from approxnet import plot as drawing
from approxnet.reproduce import Check, Numbers, Quote, Table
from approxnet.reproduce.progress import Reporter

PAPER = (
    Quote(
        "J. He, L. Li, J. Xu, ReLU deep neural networks from the hierarchical basis perspective, "
        "Comput. Math. Appl. 120 (2022), 105-114",
        "abstract",
        "'ReLU DNNs with this special structure can be applied only to approximate quadratic "
        "functions'",
    ),
)


@dataclasses.dataclass(frozen=True)
class Config:
    """How many levels are taken apart.

    Attributes:
      line: levels on [0, 1].
      plane: levels on [-1, 1]^2.
    """

    line: int
    plane: int


SCALES = {"smoke": Config(line=6, plane=3), "full": Config(line=9, plane=6)}

EPS = 2.0**-52

FUNCTIONS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], float]] = {
    "x^2": (lambda x: x[..., 0] ** 2, 0.0),
    "x^3": (lambda x: x[..., 0] ** 3, 0.5),
    "sin(pi x)": (lambda x: np.sin(math.pi * x[..., 0]), math.sqrt(1 - 8 / math.pi**2)),
    "exp(x)": (
        lambda x: np.exp(x[..., 0]),
        math.sqrt(1 - 2 * (math.e - 1) ** 2 / (math.e**2 - 1)),
    ),
}
"""Functions on [0, 1], and what part of their levels is off the sawtooth in the limit."""


class Level(NamedTuple):
    """One level of a function: its largest value, and what is off the sawteeth."""

    function: str
    level: int
    size: float
    off: float


def run(config: Config, progress: Reporter) -> Numbers:
    """Take interpolants apart by finite elements, and compare with sawteeth."""
    levels, total = [], config.line + config.plane
    for level in range(1, config.line + 1):
        progress(f"line, level {level}", level - 1, total)
        levels += [_on_line(name, level) for name in FUNCTIONS]
    for level in range(1, config.plane + 1):
        progress(f"plane, level {level}", config.line + level - 1, total)
        levels.append(_on_plane(level))
    checks = [check for level in levels for check in _checks(level)]
    # The means are by the midpoint rule with 2^(l-1) cells, whose error is of the size 4^-l.
    for name, (_, limit) in FUNCTIONS.items():
        last = next(x for x in reversed(levels) if x.function == name)
        checks.append(
            Check(f"{name}: |part off the sawtooth - {limit:.4f}|", abs(last.off - limit), "<=",
                  4.0 * 4.0**-config.line + 8 * 4.0**config.line * EPS)
        )  # fmt: skip
    return Numbers((_table(levels, config),), tuple(checks), {"levels": levels})


def _surplus(name: str, level: int) -> tuple[np.ndarray, np.ndarray]:
    """The new nodes of a level on [0, 1], and the values (I_l - I_{l-1}) f there."""
    f = FUNCTIONS[name][0]
    coarse = fem.box((2 ** (level - 1),))
    fine = fem.refine(coarse)
    surplus = fem.interpolate(fine.mesh, f) - fine.prolongation @ fem.interpolate(coarse, f)
    new = fine.mesh.nodes[:, 0] * 2**level % 2 == 1
    return fine.mesh.nodes[new], np.asarray(surplus)[new]


def _on_line(name: str, level: int) -> Level:
    x, surplus = _surplus(name, level)
    tooth = np.asarray(relu.evaluate(relu.sawtooth(level), x))
    off = surplus - tooth * (tooth @ surplus) / (tooth @ tooth)
    part = float(np.linalg.norm(off) / np.linalg.norm(surplus))
    return Level(name, level, float(np.abs(surplus).max()), part)


def _mesh(level: int) -> fem.SimplexMesh:
    """Squares of the side 2^-l in [-1, 1]^2 with diagonals x + y = const."""
    mesh = fem.box((2 ** (level + 1),) * 2, -1.0, 1.0)
    return fem.from_arrays(mesh.nodes * [-1.0, 1.0], mesh.cells[:, [1, 0, 2]])


def _product_surplus(level: int) -> tuple[np.ndarray, np.ndarray]:
    """The nodes of a level of x y, and its values there."""
    fine, coarse = _mesh(level), _mesh(level - 1)
    before = fem.evaluate(coarse, coarse.nodes.prod(axis=1), fine.nodes)
    return fine.nodes, fine.nodes.prod(axis=1) - np.asarray(before)


def _on_plane(level: int) -> Level:
    x, surplus = _product_surplus(level)
    net = relu.sawtooth(level + 1)
    folded = np.abs(np.stack([x[:, 0], x[:, 1], x.sum(axis=1)], axis=1)) / 2
    teeth = np.asarray(relu.evaluate(net, folded[..., None])) @ np.array([1.0, 1.0, -1.0])
    off = np.linalg.norm(surplus - 2 * 4.0 ** (-level - 1) * teeth)
    return Level("x y", level, float(np.abs(surplus).max()), float(off / np.linalg.norm(surplus)))


SIZES = {"x^2": 1.0, "x y": 1.0}
"""The largest value of a level over 4^-l: of -4^-l g_l, and of 2 4^(-l-1) (1 + 1 - 0)."""


def _checks(level: Level) -> list[Check]:
    """Values up to 1 are rounded, and levels are of the size 4^-l."""
    if level.function not in SIZES:
        return []
    name, rounding = f"{level.function}, level {level.level}", 8 * 4.0**level.level * EPS
    size = SIZES[level.function]
    return [
        Check(f"{name}: part off the sawteeth", level.off, "<=", rounding),
        Check(f"{name}: |size / 4^-l - {size}|", abs(level.size * 4.0**level.level - size), "<=",
              rounding),
    ]  # fmt: skip


def _table(levels: list[Level], config: Config) -> Table:
    columns = ("function", "level", "largest value", "over 4^-l", "part off the sawteeth")
    rows = tuple(
        (x.function, x.level, x.size, x.size * 4.0**x.level, x.off)
        for x in sorted(levels, key=lambda x: (x.function, x.level))
        if x.level in (1, 2, config.plane, config.line)
    )
    return Table("Levels of interpolants", columns, rows)


def plot(numbers: Numbers) -> Mapping[str, Any]:
    """The figures by caption."""
    levels = numbers.data["levels"]
    return {
        "The levels of x^2: sawteeth from the layers of the network (lines) and the hierarchical "
        "surplus of the finite element interpolant at its new nodes (dots).": _teeth(),
        "The largest value of each level against 4^-l (left), and what part of a level is off the "
        "sawtooth, with the limits as dotted lines (right): nothing for quadratic functions, where "
        "only rounding is seen.": _levels(levels),
    }


def _teeth() -> Any:
    figure, ax = drawing.figure(size=(6.4, 3.8))
    x = np.linspace(0, 1, 513)[:, None]
    for level, colour in zip((1, 2, 3, 4), drawing.COLOURS, strict=False):
        tooth = np.asarray(relu.evaluate(relu.sawtooth(level), x))
        ax.plot(x[:, 0], -(4.0**-level) * tooth, color=colour, lw=1.1,
                label=f"$-4^{{-{level}}} g_{level}$")  # fmt: skip
        nodes, surplus = _surplus("x^2", level)
        ax.plot(nodes[:, 0], surplus, "o", color=colour, ms=5)
    ax.set_xlabel("x")
    ax.legend(frameon=False)
    return figure


def _levels(levels: list[Level]) -> Any:
    figure, axes = drawing.figure(1, 2, size=(10.0, 3.8))
    names = [*FUNCTIONS, "x y"]
    for name, colour, marker in zip(names, drawing.COLOURS, drawing.MARKERS, strict=False):
        chosen = [x for x in levels if x.function == name]
        number = [x.level for x in chosen]
        axes[0].semilogy(number, [x.size for x in chosen], marker, color=colour, ms=5, label=name)
        part = np.maximum([x.off for x in chosen], EPS)
        axes[1].semilogy(number, part, marker + "-", color=colour, ms=5, lw=0.8, label=name)
        if name in FUNCTIONS and FUNCTIONS[name][1] > 0:
            axes[1].axhline(FUNCTIONS[name][1], color=colour, ls=":", lw=1.2)
    number = np.array(sorted({x.level for x in levels}))
    axes[0].semilogy(number, 4.0**-number, "-", color="#555555", lw=1.0, label="$4^{-l}$")
    for ax, title in zip(axes, ("largest value", "part off the sawteeth"), strict=True):
        ax.set_xlabel("level")
        ax.set_title(title)
    axes[0].legend(frameon=False)
    return figure

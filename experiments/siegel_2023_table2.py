"""Boundary values by penalty halve the orders, as the paper's table 2 says; other ways keep them.

Command: approxnet reproduce siegel_2023_table2
Cost: 6 s (smoke, to 64 neurons), 60 s (full, to 256), on two cores
Expect: the penalty of the paper has the orders 2 and 1 and the printed errors; Nitsche's method and
a factor that vanishes at the ends have the orders 3 and 2 that relu^2 has without a boundary.

The equation is -u'' + u = f on (-1, 1) with u = 0 at the ends and u = cos(pi x / 2). The penalty is
|v|^2 / (2 delta) at the ends with delta = 0.1 / n^2, and the error is measured in the norm of the
energy with penalty, as the paper does; that of the others in H1. Nitsche's gamma is ten per cell of
the quadrature, for which the form is positive whatever the kinks. The factor is 1 - x^2.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from approxnet import quadrature, shallow
from approxnet.reproduce import Check, Numbers, growth
from approxnet.reproduce.progress import Reporter
from approxnet.shallow import elliptic

PRINTED = {
    16: (6.72e-04, 4.40e-02),
    32: (1.70e-04, 2.20e-02),
    64: (4.17e-05, 1.10e-02),
    128: (1.04e-05, 5.49e-03),
    256: (2.63e-06, 2.75e-03),
}
"""n: (L2, energy norm with penalty)."""

PAPER = (growth.quote(2, "with delta = 0.1 n^-2 the errors have the orders 2 in L2 and 1 in the "
                         "norm of the energy"),)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Config:
    """How far the networks grow.

    Attributes:
      sizes: neurons at which errors are measured, increasing.
      cells: of the quadrature; every end of a cell is a kink of the dictionary.
    """

    sizes: tuple[int, ...]
    cells: int = 2048


SCALES = {"smoke": Config((16, 32, 64)), "full": Config((16, 32, 64, 128, 256), 4096)}

EQUATION = growth.cosines(math.pi / 2, (-1.0,), (1.0,))
FACTOR = growth.Solution(lambda x: 1 - x[:, 0] ** 2, lambda x: -2 * x)
RULE = quadrature.box(4999, 5, -1.0, 1.0)
ENDS = elliptic.box_boundary(1, 1, -1.0, 1.0)


def omega(x: Any) -> Any:
    """The factor."""
    return 1 - x[..., 0] ** 2


def run(config: Config, progress: Reporter) -> Numbers:
    """A network for each penalty, one by Nitsche's method, one with the factor."""
    sizes = config.sizes
    lines = shallow.dictionary(-1.0, 1.0, "relu2", offsets=3 * config.cells // 2)
    inner = elliptic.diffusion(EQUATION.load, shallow.exact_rule(lines))

    def grow(energy: shallow.Energy) -> shallow.Path:
        return shallow.orthogonal_greedy(jax.random.key(0), energy, lines, sizes[-1], refine=False)

    penalty: dict[str, list[float]] = {"L2": [], "energy": []}
    for i, n in enumerate(sizes):
        progress(f"penalty for n = {n}", i, len(sizes) + 2)
        delta = 0.1 / n**2
        path = grow(inner + elliptic.penalty(0.0, ENDS, delta))
        found = growth.errors(path, EQUATION.solution, RULE, (n,))
        ends = np.asarray(shallow.evaluate(path.network(n), ENDS.points))
        penalty["L2"].append(float(found["L2"][0]))
        penalty["energy"].append(math.sqrt(found["H1"][0] ** 2 + (ends**2).sum() / delta))
    progress("Nitsche", len(sizes), len(sizes) + 2)
    by_nitsche = grow(inner + elliptic.nitsche(0.0, ENDS, 5.0 * config.cells))
    progress("factor", len(sizes) + 1, len(sizes) + 2)
    by_factor = grow(elliptic.vanishing(inner, omega))
    exact = EQUATION.solution
    curves = {
        "penalty": growth.Growth(sizes, penalty, PRINTED),
        "Nitsche": growth.Growth(sizes, growth.errors(by_nitsche, exact, RULE, sizes)),
        "factor": growth.Growth(sizes, growth.errors(by_factor, exact, RULE, sizes, factor=FACTOR)),
    }
    checks = curves["penalty"].within({"L2": 1.1, "energy": 1.1}, label="penalty, ")
    for name in ("Nitsche", "factor"):
        checks += [
            Check(f"{name}: order in L2", curves[name].order("L2"), ">=", 2.8),
            Check(f"{name}: order in H1", curves[name].order("H1"), ">=", 1.85),
        ]
    titles = ("u = 0 by penalty", "u = 0 by Nitsche's method", "u = (1 - x^2) v")
    tables = tuple(c.table(title) for title, c in zip(titles, curves.values(), strict=True))
    data = {"sizes": sizes, "curves": curves, "path": by_nitsche}
    return Numbers(tables, tuple(checks), data, curves["penalty"].compared())


def plot(numbers: Numbers) -> Mapping[str, Any]:
    """The figures by caption."""
    sizes, curves = numbers.data["sizes"], numbers.data["curves"]
    paper = {"penalty": {n: row[0] for n, row in PRINTED.items()}}
    return {
        "Errors in L2 against neurons; crosses are the printed ones.": growth.figure(
            {name: (sizes, found.errors["L2"]) for name, found in curves.items()}, paper
        ),
        "The network by Nitsche's method: what it misses, and how its kinks are spread.": (
            growth.portrait(numbers.data["path"].network(), EQUATION)
        ),
    }

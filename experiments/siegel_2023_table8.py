"""A network that grows by the squared residual on a square, as in the paper's table 8.

Command: approxnet reproduce siegel_2023_table8
Cost: 8 s (smoke, to 64 neurons), 2 min (full, to 512), on two cores
Expect: with relu^3 the loss of the orthogonal greedy algorithm and the errors are about the printed
ones or below.

The equation is that of table 7, -Laplace u + u = f on (0, 1)^2, d_n u = 0,
u = cos(2 pi x) cos(2 pi y); the loss is |-Laplace v + v - f|^2 in L2 plus |d_n v|^2 on the
boundary.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from approxnet import quadrature, shallow
from approxnet.reproduce import Check, Numbers, growth
from approxnet.reproduce.progress import Reporter
from approxnet.shallow import elliptic

PRINTED = {
    16: (9.51e01, 2.93e-01, 1.41e00),
    32: (1.34e01, 7.04e-02, 4.09e-01),
    64: (1.79e00, 1.49e-02, 1.09e-01),
    128: (1.91e-01, 4.67e-03, 3.78e-02),
    256: (2.67e-02, 5.88e-04, 8.13e-03),
    512: (3.27e-03, 5.60e-04, 2.17e-03),
}
"""n: (loss, L2, H1)."""

PAPER = (growth.quote(8, "with relu^3 the loss is 1.91e-01 at n = 128, the errors 4.67e-03 in L2 "
                         "and 3.78e-02 in H1"),)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Config:
    """How far the network grows, and in which dictionary.

    Attributes:
      sizes: neurons at which errors are measured, increasing.
      cells: of the quadrature per axis, with four points each.
      directions: drawn for every neuron.
      offsets: for each of them.
      seed: of the directions.
    """

    sizes: tuple[int, ...]
    cells: int
    directions: int = 64
    offsets: int = 64
    seed: int = 0


SCALES = {
    "smoke": Config((16, 32, 64), 40),
    "full": Config((16, 32, 64, 128, 256, 512), 80),
}

TAU = 2 * np.pi
SOLUTION = growth.Solution(
    lambda x: np.cos(TAU * x[:, 0]) * np.cos(TAU * x[:, 1]),
    lambda x: -TAU * np.sin(TAU * x) * np.cos(TAU * x[:, ::-1]),
)


def load(x: Any) -> Any:
    """The right-hand side -Laplace u + u."""
    return (2 * TAU**2 + 1) * jnp.cos(TAU * x[..., 0]) * jnp.cos(TAU * x[..., 1])


def run(config: Config, progress: Reporter) -> Numbers:
    """Grow one network and measure it on the way."""
    sizes, square = config.sizes, ((0.0, 0.0), (1.0, 1.0))
    lines = shallow.dictionary(
        *square, "relu3", directions=config.directions, offsets=config.offsets
    )
    energy = elliptic.least_squares(
        load,
        quadrature.box((config.cells,) * 2, 3),
        boundary=elliptic.box_boundary((4 * config.cells,) * 2, 3, *square),
    )
    progress("orthogonal greedy", 0, 1)
    path = shallow.orthogonal_greedy(jax.random.key(config.seed), energy, lines, sizes[-1])
    found = {"loss": np.asarray(path.errors)[np.array(sizes) - 1] ** 2}
    found |= growth.errors(path, SOLUTION, quadrature.box((101, 101), 5), sizes)
    paper = growth.printed(PRINTED, tuple(found), sizes)
    checks = growth.within("", sizes, found, paper, {"loss": 1.0})
    checks.append(Check("neurons", float(path.neurons), ">=", sizes[-1]))
    table = growth.table("-Laplace v + v - f in L2, relu^3", sizes, found, paper)
    data = {"sizes": sizes, "errors": found, "path": path}
    return Numbers((table,), tuple(checks), data, growth.compared(sizes, found, paper))


def plot(numbers: Numbers) -> Mapping[str, Any]:
    """The figures by caption."""
    data = numbers.data
    curves = {name: (data["sizes"], values) for name, values in data["errors"].items()}
    paper = {name: {n: row[i] for n, row in PRINTED.items()} for i, name in enumerate(curves)}
    return {
        "Loss and errors against neurons; crosses are the printed ones.": growth.figure(
            curves, paper
        ),
        "The largest network: what it misses, and the lines of its kinks.": growth.portrait(
            data["path"].network(), SOLUTION, (0.0, 0.0), (1.0, 1.0)
        ),
    }

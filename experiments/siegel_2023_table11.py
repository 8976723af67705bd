"""The relaxed greedy algorithm for an energy that is not quadratic, as in the paper's table 11.

Command: approxnet reproduce siegel_2023_table11
Cost: 4 s (smoke, to 128 neurons), 60 s (full, to 1024), on two cores
Expect: E(v_n) - E(u) falls at least like 1 / n, below the bound 32 (C M)^2 K / n of theorem 2 and
below what is printed.

The equation is -Laplace u + sinh(u) = f, Poisson and Boltzmann's, on the disc of radius 2, with
d_n u = 0 and u = cos(pi r / 2). The atoms are sigmoids with w in [-20, 20]^2 and kinks that cut the
disc; M = 20. The paper takes n^2 / 10 random points, here are Gauss points in r and equal angles.
The table prints a "relative risk"; here that is (E(v_n) - E(u)) / (E(0) - E(u)).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from approxnet import plot as drawing
from approxnet import quadrature, shallow
from approxnet.reproduce import Check, Numbers, growth
from approxnet.reproduce.progress import Reporter
from approxnet.shallow import elliptic, samples
from approxnet.shallow import energy as forms

PRINTED = {
    16: 8.18e00, 32: 4.19, 64: 2.96, 128: 6.95e-01, 256: 2.54e-01, 512: 7.70e-02, 1024: 2.90e-02,
}  # fmt: skip
"""n: relative risk."""

PAPER = (growth.quote(11, "the relative risk is 6.95e-01 at n = 128 and 2.90e-02 at n = 1024"),)

BOUND = 20.0
"""M, the sum of moduli of the coefficients."""

WEIGHT = 20.0
"""The largest component of w."""


@dataclasses.dataclass(frozen=True)
class Config:
    """How far the network grows, and in which dictionary.

    Attributes:
      sizes: neurons at which energies are shown, increasing.
      rings: Gauss points in r; there are four times as many angles.
      weights: values of each component of w.
      offsets: for each w.
    """

    sizes: tuple[int, ...]
    rings: int
    weights: int
    offsets: int


SCALES = {
    "smoke": Config((16, 32, 64, 128), 12, 12, 24),
    "full": Config((16, 32, 64, 128, 256, 512, 1024), 24, 24, 48),
}


def solution(x: Any) -> Any:
    """The function u."""
    return jnp.cos(jnp.pi / 2 * jnp.linalg.norm(x, axis=-1))


def load(x: Any) -> Any:
    """The right-hand side -Laplace u + sinh u."""
    r, half = jnp.linalg.norm(x, axis=-1), jnp.pi / 2
    laplace = -half * (half * jnp.cos(half * r) + jnp.sin(half * r) / r)
    return -laplace + jnp.sinh(jnp.cos(half * r))


def disc(rings: int) -> quadrature.Rule:
    """A rule on the disc of radius 2."""
    r, w = quadrature.gauss_legendre(rings, 0.0, 2.0)
    angle = 2 * np.pi * (np.arange(4 * rings) + 0.5) / (4 * rings)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    points = (r[:, :, None] * circle[None]).reshape(-1, 2)
    return quadrature.Rule(points, np.repeat(w * r[:, 0] * np.pi / (2 * rings), 4 * rings))


def energies(path: shallow.Path, sizes: tuple[int, ...]) -> tuple[np.ndarray, float]:
    """E(v_n) - E(u), (s,), and E(0) - E(u), by a finer rule."""
    energy = forms.cast(elliptic.poisson_boltzmann(load, disc(60)), float)
    x = energy.points
    slope = jax.vmap(jax.grad(lambda p: solution(p)))(x)
    exact = forms.value(energy, jnp.concatenate([solution(x)[:, None], slope], axis=1))
    value = jax.jit(lambda net: forms.value(energy, samples.sample(energy, net)))
    found = [
        value(dataclasses.replace(path.network(len(path.errors)),
                                  coefficients=path.coefficients[:, n - 1]))
        for n in sizes
    ]  # fmt: skip
    zero = forms.value(energy, 0 * energy.load)
    return np.array([float(v - exact) for v in found]), float(zero - exact)


def run(config: Config, progress: Reporter) -> Numbers:
    """Grow one network and measure its energies on the way."""
    sizes = config.sizes
    w = WEIGHT * (2 * (np.arange(config.weights) + 0.5) / config.weights - 1)
    grid = np.stack(np.meshgrid(w, w, indexing="ij"), axis=-1).reshape(-1, 2)
    atoms = shallow.dictionary(
        (-2.0, -2.0), (2.0, 2.0), "sigmoid", directions=grid, offsets=config.offsets, extension=0.0
    )
    energy = elliptic.poisson_boltzmann(load, disc(config.rings))
    progress("relaxed greedy", 0, 1)
    path = shallow.relaxed_greedy(jax.random.key(0), energy, atoms, sizes[-1], bound=BOUND)
    found, start = energies(path, sizes)
    risk = found / start
    paper = {n: (value,) for n, value in PRINTED.items()}
    risks = growth.Growth(sizes, {"relative risk": risk}, paper)
    smooth, size = _constants()
    bound = 32 * (size * BOUND) ** 2 * smooth / np.array(sizes)
    checks = [
        Check("largest E(v_n) - E(u) / bound", float((found / bound).max()), "<=", 1.0),
        Check("smallest E(v_n) - E(u)", float(found.min()), ">", 0.0),
        Check("order", risks.order("relative risk"), ">=", 1.0),
        *risks.within({"relative risk": 1.0}, since=sizes[-1]),
    ]
    table = risks.table("-Laplace u + sinh u = f, sigmoids, M = 20")
    return Numbers((table,), tuple(checks), {"risks": risks, "path": path}, risks.compared())


def _constants() -> tuple[float, float]:
    """K and C of the bound in H1: cosh <= cosh(M) on the way; |g|^2 <= area (1 + |w|^2 / 16)."""
    return math.cosh(BOUND), math.sqrt(4 * math.pi * (1 + 2 * WEIGHT**2 / 16))


def plot(numbers: Numbers) -> Mapping[str, Any]:
    """The figures by caption."""
    return {
        "Relative risk against neurons; crosses are the printed ones.": (
            numbers.data["risks"].figure(ylabel="relative risk")
        ),
        "The largest network, the solution, and their difference.": _fields(numbers.data["path"]),
    }


def _fields(path: shallow.Path) -> Any:
    figure, axes = drawing.figure(1, 3, size=(11.0, 3.4))
    t = np.linspace(-2, 2, 121)
    x = np.stack(np.meshgrid(t, t, indexing="ij"), axis=-1)
    inside = np.linalg.norm(x, axis=-1) <= 2
    v = np.where(inside, np.asarray(shallow.evaluate(path.network(), x)), np.nan)
    u = np.where(inside, np.asarray(solution(x)), np.nan)
    for ax, name, field in zip(axes, ("network", "solution", "difference"), (v, u, v - u),
                               strict=True):  # fmt: skip
        image = ax.imshow(field.T, origin="lower", extent=(-2, 2, -2, 2))
        figure.colorbar(image, ax=ax, shrink=0.8)
        ax.set_title(name)
    return figure

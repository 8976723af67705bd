"""Gradient methods on the Ritz energy against greed, as the paper's tables 1 and 3 have it.

Command: approxnet reproduce siegel_2023_table3
Cost: 6 s (smoke, 16 and 32 neurons, 500 epochs, 3 runs), two minutes (full, to 128 neurons, 10,000
epochs, 10 runs), on two cores
Expect: with 10,000 epochs both methods come to the printed errors within a factor of two, and the
orthogonal greedy algorithm with as many neurons is hundreds of times better. At smoke scale a
twentieth of the epochs is run: errors are larger than printed.

The equation is -u'' + u = f on (-1, 1), u' = 0 at the ends, u = cos(pi x), the activation relu^2.
Steps are 1e-3 for 3/10 of the epochs and a fifth of that after each further 3/10. The paper's "SGD"
is here gradient descent with momentum 0.9: without momentum the errors are ten to twenty times the
printed ones. They are medians over the runs; the printed ones are means of 30.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
import optax

from approxnet import quadrature, shallow
from approxnet.reproduce import Check, Numbers, growth
from approxnet.reproduce.progress import Reporter
from approxnet.shallow import descent

PRINTED = {
    "Adam": {
        16: (1.61e-02, 1.45e-01), 32: (3.71e-03, 5.84e-02), 64: (1.80e-03, 3.46e-02),
        128: (5.52e-04, 1.43e-02), 256: (2.26e-04, 6.99e-03), 512: (1.88e-04, 3.90e-03),
        1024: (2.09e-04, 2.56e-03), 2048: (4.11e-04, 2.51e-03),
    },
    "momentum": {
        16: (1.30e-02, 1.52e-01), 32: (9.35e-03, 1.13e-01), 64: (7.11e-03, 8.64e-02),
        128: (5.91e-03, 7.22e-02), 256: (5.75e-03, 7.03e-02), 512: (4.41e-03, 5.40e-02),
        1024: (1.52e-03, 1.99e-02), 2048: (3.22e-03, 3.56e-02),
    },
}  # fmt: skip
"""Method, n: (L2, H1); the paper calls the second one SGD."""

PAPER = (growth.quote(3, "after 10,000 epochs of Adam the error in L2 is 5.52e-04 at n = 128, of "
                         "SGD 5.91e-03; means of 30 runs"),)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Config:
    """How long is trained.

    Attributes:
      sizes: numbers of neurons.
      epochs: steps of a method, each with all points.
      runs: random starts.
      cells: of the quadrature, with two points each.
    """

    sizes: tuple[int, ...]
    epochs: int = 10_000
    runs: int = 10
    cells: int = 500


SCALES = {
    "smoke": Config((16, 32), epochs=500, runs=3, cells=64),
    "full": Config((16, 32, 64, 128)),
}

RULE = quadrature.box(2999, 5, -1.0, 1.0)


def _methods(epochs: int) -> dict[str, Any]:
    falls = {epochs * k // 10: 0.2 for k in (3, 6, 9)}
    rate = optax.piecewise_constant_schedule(1e-3, falls)
    return {"Adam": optax.adam(rate), "momentum": optax.sgd(rate, momentum=0.9)}


def medians(nets: shallow.ShallowNetwork, runs: int) -> dict[str, float]:
    """The median errors of a batch of networks."""
    found = [
        growth.network_errors(jax.tree.map(lambda a, i=i: a[i], nets), growth.LINE.solution, RULE)
        for i in range(runs)
    ]
    return {name: float(np.median([f[name] for f in found])) for name in ("L2", "H1")}


def run(config: Config, progress: Reporter) -> Numbers:
    """Each method at each size; the greedy algorithm once."""
    sizes, methods, load = config.sizes, _methods(config.epochs), growth.LINE.load
    energy = shallow.elliptic.diffusion(load, quadrature.box(config.cells, 3, -1.0, 1.0))
    found: dict[str, dict[str, Any]] = {m: {"L2": [], "H1": []} for m in methods}
    for i, n in enumerate(sizes):
        keys = jax.random.split(jax.random.key(n), config.runs)
        starts = jax.vmap(
            lambda key, n=n: shallow.draw_network(
                key, -1.0, 1.0, n, activation="relu2", coefficients=n**-0.5
            )
        )(keys)
        for j, (name, transform) in enumerate(methods.items()):
            progress(f"{name}, n = {n}", i * len(methods) + j, len(sizes) * len(methods) + 1)
            trained = jax.vmap(lambda net, t=transform: descent.run(net, energy, t, config.epochs))(
                starts
            )
            for norm, value in medians(trained.network, config.runs).items():
                found[name][norm].append(value)
    lines = shallow.dictionary(-1.0, 1.0, "relu2", offsets=3 * 1024)
    rule = shallow.exact_rule(lines)
    path = shallow.orthogonal_greedy(
        jax.random.key(0), shallow.elliptic.diffusion(load, rule), lines, sizes[-1], refine=False
    )
    found["orthogonal greedy"] = growth.errors(path, growth.LINE.solution, RULE, sizes)
    curves = {
        name: growth.Growth(sizes, errors, PRINTED.get(name, {})) for name, errors in found.items()
    }
    tables = tuple(
        c.table(f"{name}, {config.epochs} epochs" if name in methods else name)
        for name, c in curves.items()
    )
    compared = [c for name in methods for c in curves[name].compared(f"{name}, ")]
    return Numbers(tables, tuple(_checks(config, found)), {"curves": curves}, tuple(compared))


def _checks(config: Config, found: Mapping[str, Mapping[str, Any]]) -> list[Check]:
    n, greedy = config.sizes[-1], float(found["orthogonal greedy"]["L2"][-1])
    adam = found["Adam"]["L2"][-1]
    checks = [Check(f"n = {n}: greedy over Adam, in L2", greedy / adam, "<=", 0.1)]
    if config.epochs == SCALES["full"].epochs:
        checks += [
            Check(f"n = {n}: {method} in L2, ours over the printed",
                  found[method]["L2"][-1] / PRINTED[method][n][0], "<=", 2.0)
            for method in PRINTED
        ]  # fmt: skip
    if n == 128:
        checks.append(Check("n = 128: greedy in L2", greedy, "<=", 1e-6))
    return checks


def plot(numbers: Numbers) -> Mapping[str, Any]:
    """The figures by caption."""
    curves = numbers.data["curves"]
    return {
        f"Errors in {norm} against neurons; crosses are the printed ones.": growth.figure(
            {name: (c.sizes, c.errors[norm]) for name, c in curves.items()},
            {name: {n: r[i] for n, r in rows.items()} for name, rows in PRINTED.items()},
        )
        for i, norm in enumerate(("L2", "H1"))
    }

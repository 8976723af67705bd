"""Finite differences of an activation are networks that approximate every polynomial.

Command: approxnet reproduce universal_approximation
Cost: 3 s (smoke), 8 s (full), on two cores
Expect: k + 1 neurons approximate x^k as well as rounding allows. The error falls like h^2 in the
step h until the activations cancel, and rises like h^-k from there; it is below the sum of the two
bounds at every step, so that the best step is of the size eps^(1/(k+2)) and the best error of the
size eps^(2/(k+2)). Networks of polynomials approximate exp as well as the polynomials do, until
rounding takes over.

The network of x^k is the central difference in the weight at a point b with sigma^(k)(b) != 0,

    sum_{j=0}^k (-1)^(k-j) binom(k, j) sigma(b + (j - k/2) h x) / (h^k sigma^(k)(b)).

As it exists for every k if sigma is not a polynomial, networks with one hidden layer are dense.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from approxnet import plot as drawing
from approxnet import relu
from approxnet.approximation import rates, universal
from approxnet.reproduce import Check, Numbers, Quote, Table
from approxnet.reproduce.progress import Reporter

PAPER = (
    Quote(
        "M. Leshno, V. Y. Lin, A. Pinkus, S. Schocken, Multilayer feedforward networks with a "
        "nonpolynomial activation function can approximate any function, Neural Networks 6 (1993), "
        "861-867",
        "Theorem 1, in our words",
        "networks with one hidden layer are dense in the continuous functions if and only if the "
        "activation, locally bounded and continuous almost everywhere, is not a polynomial",
    ),
)

EPS = 2.0**-52


@dataclasses.dataclass(frozen=True)
class Config:
    """Which monomials and steps.

    Attributes:
      activations: smooth ones.
      degrees: k of the monomials.
      steps: how many steps h, from 1e-6 to 1.
      degree: the largest degree of the polynomials for exp.
    """

    activations: tuple[str, ...] = ("tanh", "sigmoid")
    degrees: tuple[int, ...] = (1, 2, 3, 4)
    steps: int = 19
    degree: int = 6


SCALES = {"smoke": Config(), "full": Config(degrees=(1, 2, 3, 4, 5, 6), steps=49, degree=10)}


class Curve(NamedTuple):
    """The errors of x^k on [-1, 1] at steps h (s,), with the two bounds."""

    activation: str
    degree: int
    steps: np.ndarray
    errors: np.ndarray
    step_bounds: np.ndarray
    rounding_bounds: np.ndarray

    @property
    def bounds(self) -> np.ndarray:
        """Their sums."""
        return self.step_bounds + self.rounding_bounds


class Sum(NamedTuple):
    """The error of exp on [-1, 1] by a network of a polynomial, that of the polynomial alone."""

    degree: int
    neurons: int
    error: float
    polynomial: float
    bound: float


X = np.linspace(-1, 1, 401)[:, None]


def run(config: Config, progress: Reporter) -> Numbers:
    """Errors against steps, and of polynomials."""
    pairs = [(a, k) for a in config.activations for k in config.degrees]
    curves, sums = [], []
    for i, (activation, k) in enumerate(pairs):
        progress(f"{activation}, x^{k}", i, len(pairs) + config.degree)
        curves.append(_curve(activation, k, config.steps))
    for n in range(1, config.degree + 1):
        progress(f"exp, degree {n}", len(pairs) + n - 1, len(pairs) + config.degree)
        sums.append(_exponential(n))
    checks = [check for curve in curves for check in _curve_checks(curve)]
    checks += [
        Check(f"exp, degree {s.degree}: error", s.error, "<=", s.polynomial + s.bound) for s in sums
    ]
    return Numbers(
        (_curve_table(curves), _sum_table(sums)), tuple(checks), {"curves": curves, "sums": sums}
    )


def _largest(net: relu.Network, values: np.ndarray) -> float:
    return float(np.abs(np.asarray(relu.evaluate(net, X)) - values).max())


def _curve(activation: str, k: int, count: int) -> Curve:
    steps = np.logspace(-6, 0, count)
    made = [universal.monomial(k, activation, step=float(h)) for h in steps]
    return Curve(
        activation,
        k,
        steps,
        np.array([_largest(m.network, X[:, 0] ** k) for m in made]),
        np.array([m.step_error for m in made]),
        np.array([m.rounding for m in made]),
    )


def _exponential(n: int) -> Sum:
    """The Taylor polynomial; it misses exp by the rest of the series at 1 at most."""
    net, bound = universal.polynomial([1 / math.factorial(k) for k in range(n + 1)])
    rest = math.e - sum(1 / math.factorial(k) for k in range(n + 1))
    return Sum(n, relu.n_neurons(net), _largest(net, np.exp(X[:, 0])), rest, bound)


def _curve_checks(c: Curve) -> list[Check]:
    """The order is that of the least steps that rounding leaves alone, by a hundredth of the error.

    Larger ones feel the next term, which grows with the degree.
    """
    name = f"{c.activation}, x^{c.degree}"
    clean = np.flatnonzero(c.rounding_bounds < c.errors / 100)[:4]
    order = -rates.fit(c.steps[clean], c.errors[clean]).order
    best = universal.monomial(c.degree, c.activation)
    return [
        Check(f"{name}: largest error / bound", float((c.errors / c.bounds).max()), "<=", 1.0),
        Check(f"{name}: |order in the step - 2|", abs(order - 2), "<=", 0.05),
        Check(f"{name}, best step: error", _largest(best.network, X[:, 0] ** c.degree), "<=",
              best.step_error + best.rounding),
    ]  # fmt: skip


def _curve_table(curves: list[Curve]) -> Table:
    columns = ("activation", "k", "neurons", "best error", "at h", "eps^(2/(k+2))", "eps^(1/(k+2))")
    rows = []
    for c in curves:
        i, power = int(np.argmin(c.errors)), 1 / (c.degree + 2)
        rows.append((c.activation, c.degree, c.degree + 1, float(c.errors[i]), float(c.steps[i]),
                     EPS ** (2 * power), EPS**power))  # fmt: skip
    return Table("The best of all steps for x^k on [-1, 1]", columns, tuple(rows))


def _sum_table(sums: list[Sum]) -> Table:
    columns = ("degree", "neurons", "largest error", "of the polynomial", "bound of the network")
    return Table("exp on [-1, 1] by Taylor's polynomials", columns, tuple(tuple(s) for s in sums))


def plot(numbers: Numbers) -> Mapping[str, Any]:
    """The figures by caption."""
    return {
        "Largest error of the networks of x^k on [-1, 1] against the step h (dots), below the sum "
        "of the bounds (lines): h^2 from the right, rounding from the left.": (
            _curves(numbers.data["curves"])
        ),
        "exp on [-1, 1] by networks of Taylor's polynomials: the error is that of the polynomial "
        "until it meets the rounding of the differences.": _sums(numbers.data["sums"]),
    }


def _curves(curves: list[Curve]) -> Any:
    names = sorted({c.activation for c in curves}, reverse=True)
    figure, axes = drawing.figure(1, len(names), size=(4.8 * len(names), 4.0))
    for ax, name in zip(np.ravel(axes), names, strict=True):
        mine = [c for c in curves if c.activation == name]
        for c, colour, marker in zip(mine, drawing.COLOURS, drawing.MARKERS, strict=False):
            seen = np.maximum(c.errors, EPS / 8)
            ax.loglog(c.steps, seen, marker, color=colour, ms=4, label=f"$x^{c.degree}$")
            ax.loglog(c.steps, c.bounds, "-", color=colour, lw=1.1)
        ax.set_title(name)
        ax.set_xlabel("step h")
        ax.set_ylim(1e-13, 1e3)
    np.ravel(axes)[0].set_ylabel("largest error")
    np.ravel(axes)[0].legend(frameon=False, loc="upper center", ncols=2)
    return figure


def _sums(sums: list[Sum]) -> Any:
    figure, ax = drawing.figure()
    degrees = [s.degree for s in sums]
    ax.semilogy(degrees, [s.error for s in sums], "o", label="network, measured")
    ax.semilogy(degrees, [s.polynomial for s in sums], "-", lw=1.2, label="Taylor's polynomial")
    ax.semilogy(degrees, [s.bound for s in sums], "--", lw=1.2, label="differences, bound")
    ax.set_xlabel("degree")
    ax.set_ylabel("largest error")
    ax.legend(frameon=False)
    return figure

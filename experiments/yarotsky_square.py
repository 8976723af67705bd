"""Depth makes squares, products, analytic and self-similar functions exponentially cheap.

Command: approxnet reproduce yarotsky_square
Cost: 6 s (smoke, to 8 levels), 15 s (full, to 12), on two cores
Expect: the network of x^2 has the error 2^(-2m-2) to the last bit, at the odd multiples of
2^(-m-1), with 3m - 1 neurons; its squared error has the integral 2^(-4m) / 30. One hidden layer
with as many neurons cannot be better than 1 / (8 (3m)^2). Products attain B^2 2^(-2m-2); analytic
functions stay below their bound, exponential in the levels; Takagi's function loses exactly
(2/3) 2^-m with 3m - 1 neurons, where interpolation with n pieces has (2/3) / n.

A continuous P1 function with n pieces on [0, 1] misses x^2 by at least 1 / (8 n^2), since on the
longest piece, of length h >= 1 / n, the best line is off by h^2 / 8; N neurons of one hidden layer
make at most N + 1 pieces.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from approxnet import plot as drawing
from approxnet import quadrature, relu
from approxnet.reproduce import Check, Comparison, Numbers, Quote, Table
from approxnet.reproduce.progress import Reporter

PAPER = (
    Quote(
        "D. Yarotsky, Error bounds for approximations with deep ReLU networks, Neural Networks 94 "
        "(2017), 103-114",
        "Proposition 2 and its proof, in our words",
        "x^2 on [0, 1] is approximated to any epsilon > 0 by a ReLU network with depth and "
        "numbers of weights and units O(log(1 / epsilon)): f_m misses it by 2^(-2m-2)",
    ),
)

EPS = 2.0**-52
RHOS = np.linspace(2.0, 30.0, 57)
"""Bernstein ellipses in which exp is bounded, by exp((rho + 1 / rho) / 2); the best one counts."""

TERMS = 45
"""Terms of Takagi's series that stand for all of it."""


@dataclasses.dataclass(frozen=True)
class Config:
    """How deep the networks are.

    Attributes:
      levels: levels m of squares, products and series.
      degrees: degrees n of polynomials for exp, with 2n levels.
      bound: B of the products.
    """

    levels: tuple[int, ...]
    degrees: tuple[int, ...]
    bound: float = 2.0


SCALES = {
    "smoke": Config(levels=(1, 2, 4, 6, 8), degrees=(1, 2, 4, 6)),
    "full": Config(levels=(1, 2, 3, 4, 5, 6, 8, 10, 12), degrees=(1, 2, 3, 4, 5, 6, 8, 10)),
}


class Errors(NamedTuple):
    """The errors of one level: suprema, and the integral of the square of that of x^2."""

    level: int
    neurons: int
    square: float
    below: float
    integral: float
    product: float
    takagi: float


class Analytic(NamedTuple):
    """The error of exp by a polynomial, with its bound."""

    degree: int
    layers: int
    neurons: int
    error: float
    bound: float


def run(config: Config, progress: Reporter) -> Numbers:
    """Measure the errors where they are largest."""
    total, errors, smooth = len(config.levels) + len(config.degrees), [], []
    for i, m in enumerate(config.levels):
        progress(f"{m} levels", i, total)
        errors.append(_errors(m, config.bound))
    for i, n in enumerate(config.degrees):
        progress(f"exp, degree {n}", len(config.levels) + i, total)
        smooth.append(_analytic(n))
    checks = [check for e in errors for check in _checks(e, config.bound)]
    checks += [
        Check(f"exp, degree {a.degree}: largest error", a.error, "<=", a.bound) for a in smooth
    ]
    tables = (_error_table(errors, config.bound), _analytic_table(smooth))
    compared = tuple(
        Comparison(
            f"largest error of x^2 for m = {e.level}, over 2^(-2m-2)",
            1,
            e.square * 4.0 ** (e.level + 1),
        )
        for e in errors[-1:]
    )
    return Numbers(tables, tuple(checks), {"errors": errors, "smooth": smooth}, compared)


def _values(net: relu.Network, x: np.ndarray) -> np.ndarray:
    return np.asarray(relu.evaluate(net, x))


def _errors(m: int, bound: float) -> Errors:
    net, rule = relu.square(m), quadrature.box(2**m, 4, 0.0, 1.0)
    x = np.concatenate([np.arange(2 ** (m + 1) + 1)[:, None] / 2 ** (m + 1), rule.points])
    error = _values(net, x) - x[:, 0] ** 2
    error, squared = error[: -len(rule.points)], error[-len(rule.points) :] ** 2
    return Errors(
        m,
        relu.n_neurons(net),
        float(error.max()),
        float(-error.min()),
        float(rule.weights @ squared),
        _product(m, bound),
        _takagi(m),
    )


def _product(m: int, bound: float) -> float:
    """The largest error at random points, and where x = y is an odd multiple of B 2^(-m-1)."""
    odd = bound * np.arange(1 - 2 ** (m + 1), 2 ** (m + 1), 2) / 2 ** (m + 1)
    random = np.random.default_rng(m).uniform(-bound, bound, (2000, 2))
    x = np.concatenate([np.stack([odd, odd], axis=1), np.stack([odd, -odd], axis=1), random])
    return float(np.abs(_values(relu.product(m, bound), x) - x.prod(axis=1)).max())


def _takagi(m: int) -> float:
    """The largest error at points k 2^-m + 2^-m / 3, where the rest of the series is largest."""
    x = (np.arange(min(2**m, 512)) + 1 / 3) / 2**m
    series, tooth = np.zeros_like(x), x
    for level in range(1, TERMS + 1):
        tooth = 2 * np.minimum(tooth, 1 - tooth)
        series += 0.5**level * tooth
    net = relu.sawtooth_series(0.5 ** np.arange(1, m + 1))
    return float(np.abs(_values(net, x[:, None]) - series).max())


def _analytic(n: int) -> Analytic:
    net = relu.analytic(lambda x: np.exp(x[..., 0]), n, 2 * n)
    x = np.linspace(-1, 1, 2001)[:, None]
    error = np.abs(_values(net, x) - np.exp(x[:, 0])).max()
    bound = min(
        relu.analytic_error_bound(n, 2 * n, rho, math.exp((rho + 1 / rho) / 2))
        for rho in RHOS.tolist()
    )
    return Analytic(n, relu.hidden_layers(net), relu.n_neurons(net), float(error), bound)


def _checks(e: Errors, bound: float) -> list[Check]:
    """Dyadic numbers are exact; elsewhere the sums of about m numbers up to B^2 are rounded.

    Takagi's teeth double the rounding of x in each of TERMS levels, which 2^-level takes back, and
    the terms left out are at most 2^-TERMS.
    """
    m, limit = e.level, relu.square_error_bound(e.level)
    rounding = 20 * (m + 1) * EPS
    takagi = TERMS * EPS + 2.0**-TERMS
    return [
        Check(f"m = {m}: |largest error of x^2 - 2^(-2m-2)|", abs(e.square - limit), "<=", 0.0),
        Check(f"m = {m}: x^2 - network", e.below, "<=", 0.0),
        Check(f"m = {m}: |30 2^(4m) integral - 1|", abs(30 * 16**m * e.integral - 1), "<=",
              4 * rounding / limit),
        Check(f"m = {m}: |largest error of x y / (B^2 2^(-2m-2)) - 1|",
              abs(e.product / (bound**2 * limit) - 1), "<=", rounding / limit),
        Check(f"m = {m}: |largest error of Takagi's function - (2/3) 2^-m|",
              abs(e.takagi - 2 / 3 * 0.5**m), "<=", takagi + rounding),
        Check(f"m = {m}: neurons", float(e.neurons), "<=", 3.0 * m - 1),
    ]  # fmt: skip


def _error_table(errors: list[Errors], bound: float) -> Table:
    columns = ("m", "neurons", "x^2", "2^(-2m-2)", "one layer, at best", f"x y, B = {bound}",
               "Takagi", "(2/3) 2^-m")  # fmt: skip
    rows = tuple(
        (e.level, e.neurons, e.square, relu.square_error_bound(e.level),
         1 / (8 * (e.neurons + 1) ** 2), e.product, e.takagi, 2 / 3 * 0.5**e.level)
        for e in errors
    )  # fmt: skip
    return Table("Largest errors by levels", columns, rows)


def _analytic_table(smooth: list[Analytic]) -> Table:
    columns = ("degree n", "hidden layers", "neurons", "largest error", "bound")
    return Table("exp on [-1, 1], with 2n levels", columns, tuple(tuple(a) for a in smooth))


def plot(numbers: Numbers) -> Mapping[str, Any]:
    """The figures by caption."""
    errors, smooth = numbers.data["errors"], numbers.data["smooth"]
    return {
        "x^2 (left): the largest error of the deep network lies on 2^(-2m-2); one hidden layer "
        "with as many neurons cannot come below the dotted line. Takagi's function (right): depth "
        "against interpolation with as many pieces as neurons.": _against_neurons(errors),
        "The first four networks of x^2 (left) and their errors over 2^(-2m-2) (right).": _graphs(),
        "exp on [-1, 1] by polynomials of degree n with 2n levels: largest error and bound against "
        "hidden layers.": _smooth(smooth),
    }


def _against_neurons(errors: list[Errors]) -> Any:
    figure, axes = drawing.figure(1, 2)
    n = np.array([e.neurons for e in errors], float)
    m = np.array([e.level for e in errors], float)
    axes[0].semilogy(n, [e.square for e in errors], "o", label="deep, measured")
    axes[0].semilogy(n, 0.25 ** (m + 1), "-", label="$2^{-2m-2}$", lw=1.2)
    axes[0].semilogy(n, 1 / (8 * (n + 1) ** 2), ":", label="one hidden layer, lower bound", lw=1.4)
    axes[1].semilogy(n, [e.takagi for e in errors], "o", label="deep, measured")
    axes[1].semilogy(n, 2 / 3 * 0.5**m, "-", label="$(2/3)\\,2^{-m}$", lw=1.2)
    axes[1].semilogy(n, 2 / 3 / n, ":", label="P1 interpolant, (2/3) / n", lw=1.4)
    for ax, name in zip(axes, ("$x^2$", "Takagi's function"), strict=True):
        ax.set_title(name)
        ax.set_xlabel("neurons")
        ax.legend(frameon=False)
    axes[0].set_ylabel("largest error")
    return figure


def _graphs() -> Any:
    figure, axes = drawing.figure(1, 2)
    x = np.linspace(0, 1, 1025)
    for m in (1, 2, 3, 4):
        value = _values(relu.square(m), x[:, None])
        axes[0].plot(x, value, lw=1.1, label=f"m = {m}")
        axes[1].plot(x, (value - x**2) * 4 ** (m + 1), lw=1.0)
    axes[0].plot(x, x**2, "k--", lw=0.8, label="$x^2$")
    axes[0].legend(frameon=False)
    axes[1].axhline(1.0, color="#555555", ls=":", lw=1.2)
    for ax in axes:
        ax.set_xlabel("x")
    return figure


def _smooth(smooth: list[Analytic]) -> Any:
    figure, ax = drawing.figure()
    layers = [a.layers for a in smooth]
    ax.semilogy(layers, [a.error for a in smooth], "o-", label="measured", lw=1.0, ms=4.5)
    ax.semilogy(layers, [a.bound for a in smooth], "-", label="bound", lw=1.2)
    ax.set_xlabel("hidden layers")
    ax.set_ylabel("largest error")
    ax.legend(frameon=False)
    return figure

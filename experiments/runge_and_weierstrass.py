"""Where polynomials fail and where they do not: Runge, Weierstrass, Bernstein, Remez and Gibbs.

Command: approxnet reproduce runge_and_weierstrass
Cost: 5 s (smoke), 10 s (full), on two cores
Expect: interpolation of 1 / (1 + 25 x^2) diverges at equispaced points and converges like rho^-n at
Chebyshev points, below its bound; Lebesgue's constants grow like 2^(n+1) / (e n log n) at the first
and stay below 2/pi log(n + 1) + 1 at the second. The polynomials of Bernstein and of Landau, which
prove Weierstrass' theorem, converge for every continuous function, slowly and below their bounds.
The best uniform approximations of |x| come like 0.28016949902 / (2n), with equal alternating
errors. Fourier sums overshoot a jump by 0.0894898722 of it, Fejer's means do not.

1 / (1 + 25 x^2) is analytic in the ellipse through its poles +- i/5, rho = (1 + 26^(1/2)) / 5. In
a smaller one, whose half axis b < 1/5 is on the imaginary axis, it is at most M = 1 / (1 - 25 b^2),
and interpolation of degree n at Chebyshev points misses it by at most 4 M rho^-n / (rho - 1).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from approxnet import plot as drawing
from approxnet.approximation import fourier, polynomials
from approxnet.reproduce import Check, Comparison, Numbers, Quote, Table
from approxnet.reproduce.progress import Reporter

PAPER = (
    Quote(
        "L. N. Trefethen, Approximation Theory and Approximation Practice, SIAM (2013)",
        "Theorems 8.2 and 15.2, in our words",
        "interpolation at Chebyshev points of f, analytic in the ellipse rho and at most M there, "
        "is off by at most 4 M rho^-n / (rho - 1), and its Lebesgue constant is at most "
        "2/pi log(n + 1) + 1",
    ),
    Quote(
        "R. S. Varga, A. J. Carpenter, On a conjecture of S. Bernstein in approximation theory, "
        "Math. USSR Sbornik 57 (1987), 547-560",
        "in our words",
        "2n E_2n(|x|) tends to 0.28016949902..., and not to 1 / (2 pi^(1/2)) = 0.28209...",
    ),
)


@dataclasses.dataclass(frozen=True)
class Config:
    """The degrees.

    Attributes:
      degrees: of interpolation, even.
      means: of Bernstein's and Landau's polynomials.
      best: of best uniform approximation, even, each twice the one before.
      sums: numbers of terms of the square wave.
    """

    degrees: tuple[int, ...]
    means: tuple[int, ...]
    best: tuple[int, ...]
    sums: tuple[int, ...]


SCALES = {
    "smoke": Config((4, 8, 16, 24, 32, 48), (4, 16, 64, 256), (4, 8, 16, 32), (2, 8, 32, 128)),
    "full": Config((4, 8, 16, 24, 32, 48, 64, 80), (4, 16, 64, 256, 1024),
                   (4, 8, 16, 32, 64), (2, 8, 32, 128, 512)),
}  # fmt: skip

BERNSTEIN = 0.28016949902386913
RHO = (1 + math.sqrt(26)) / 5
GRID = np.linspace(-1, 1, 4001)[:, None]
EPS = 2.0**-52


def runge(x: Any) -> Any:
    """1 / (1 + 25 x^2)."""
    return 1 / (1 + 25 * x[..., 0] ** 2)


def kink(x: Any) -> Any:
    """|x|."""
    return abs(x[..., 0])


def wave(x: Any) -> Any:
    """The square wave, 1 on (0, 1/2) and -1 on (1/2, 1)."""
    return np.where(np.asarray(x)[..., 0] % 1 < 0.5, 1.0, -1.0)


MEANS: dict[str, tuple[Callable[..., Any], Callable[..., float]]] = {
    "Bernstein": (polynomials.bernstein, polynomials.bernstein_bound),
    "Landau": (polynomials.landau, polynomials.landau_bound),
}


class Interpolation(NamedTuple):
    """Errors and Lebesgue constants of one degree."""

    degree: int
    equispaced: float
    chebyshev: float
    bound: float
    lebesgue_equispaced: float
    lebesgue_chebyshev: float


class Mean(NamedTuple):
    """The error of one operator of one degree for |x| on [-1, 1]."""

    operator: str
    n: int
    error: float
    bound: float


class Overshoot(NamedTuple):
    """How far sums of n terms of the square wave go beyond it, over the jump."""

    terms: int
    fourier: float
    theory: float
    fejer: float


def run(config: Config, progress: Reporter) -> Numbers:
    """Interpolate, take means, exchange, sum."""
    progress("interpolation", 0, 4)
    interpolations = [_interpolate(n) for n in config.degrees]
    progress("means", 1, 4)
    means = [_mean(name, n) for name in MEANS for n in config.means]
    progress("best approximation", 2, 4)
    best = [polynomials.best_uniform(kink, n, rtol=1e-12) for n in config.best]
    limit = polynomials.bernstein_constant(list(config.best))
    progress("Fourier sums", 3, 4)
    jumps = [_overshoot(n) for n in config.sums]
    checks = [check for i in interpolations for check in _interpolation_checks(i)]
    checks += [Check(f"{m.operator}, n = {m.n}: error of |x|", m.error, "<=", m.bound)
               for m in means]  # fmt: skip
    checks += [*_best_checks(config, best, limit), *(c for j in jumps for c in _jump_checks(j))]
    tables = (
        Table("1 / (1 + 25 x^2): largest errors and Lebesgue constants",
              ("degree", "equispaced", "Chebyshev", "bound", "Lebesgue, equispaced",
               "Lebesgue, Chebyshev"), tuple(tuple(i) for i in interpolations)),
        Table("|x| on [-1, 1]: largest errors", ("operator", "n", "error", "bound"),
              tuple(tuple(m) for m in means)),
        Table("|x|: best approximation", ("degree 2n", "E_2n", "2n E_2n"),
              tuple((n, b.error, n * b.error) for n, b in zip(config.best, best, strict=True))),
        Table("Overshoot of sums of the square wave, over the jump",
              ("terms", "Fourier", "theory", "Fejer"), tuple(tuple(j) for j in jumps)),
    )  # fmt: skip
    data = {"interpolations": interpolations, "means": means, "best": best, "config": config}
    compared = Comparison("limit of 2n E_2n(|x|)", 0.28016949902, limit, quote=1)
    return Numbers(tables, tuple(checks), data, (compared,))


def _largest(f: Callable[[Any], Any], p: Callable[[Any], Any]) -> float:
    return float(np.abs(f(GRID) - np.asarray(p(GRID))).max())


def _interpolate(n: int) -> Interpolation:
    equispaced, points = np.linspace(-1, 1, n + 1)[:, None], polynomials.chebyshev_points(n + 1)
    return Interpolation(
        n,
        _largest(runge, polynomials.barycentric(equispaced, runge(equispaced))),
        _largest(runge, polynomials.interpolate(runge, n)),
        _bound(n),
        polynomials.lebesgue_constant(equispaced),
        polynomials.lebesgue_constant(points),
    )


def _bound(n: int) -> float:
    """The least of the bounds in smaller ellipses; rho - 1 / rho = 2 b."""
    rho = 1 + (RHO - 1) * np.linspace(0.01, 0.999, 400)
    b = (rho - 1 / rho) / 2
    return float((4 / (1 - 25 * b**2) * rho**-n / (rho - 1)).min())


def _mean(name: str, n: int) -> Mean:
    """On [0, 1] the function is |2 t - 1|, whose modulus of continuity is min(2 delta, 1).

    The line through its end values is 1, which changes nothing.
    """
    operator, bound = MEANS[name]
    p = operator(kink, n, lower=-1.0, upper=1.0)
    return Mean(name, n, _largest(kink, p), bound(lambda delta: min(2 * delta, 1.0), n))


def _overshoot(terms: int) -> Overshoot:
    """The highest frequency of n odd terms is 2n - 1; the maximum is at 1 / (4n)."""
    s = fourier.series(wave, 2 * terms - 1, breakpoints=[0.5])
    x = np.append(np.linspace(0, 0.5, 2001), 1 / (4 * terms))[:, None]
    fejer = fourier.fejer(s, 2 * terms - 1)
    return Overshoot(
        terms,
        (float(s(x).max()) - 1) / 2,
        fourier.gibbs(terms),
        (float(fejer(x).max()) - 1) / 2,
    )


def _interpolation_checks(i: Interpolation) -> list[Check]:
    """Equispaced interpolation has the error of the best one times 1 + Lambda at most, and more.

    2^(n-2) / n^2 < Lambda < 2^(n+3) / n at equispaced points (Trefethen, theorem 15.2).
    """
    name, n = f"degree {i.degree}", i.degree
    equispaced, chebyshev = i.lebesgue_equispaced, i.lebesgue_chebyshev
    return [
        Check(f"{name}, Chebyshev: error", i.chebyshev, "<=", i.bound + 10 * EPS * n),
        Check(f"{name}, Chebyshev: error rho^n", i.chebyshev * RHO**n, ">=", 0.5),
        Check(f"{name}, Chebyshev: Lebesgue", chebyshev, "<=", 2 / math.pi * math.log(n + 1) + 1),
        Check(f"{name}, equispaced: Lebesgue", equispaced, ">=", 2.0 ** (n - 2) / n**2),
        Check(f"{name}, equispaced: Lebesgue, above", equispaced, "<=", 2.0 ** (n + 3) / n),
        Check(f"{name}, equispaced: error over that at Chebyshev points",
              i.equispaced / i.chebyshev, ">=", 1.2 ** (n - 4) / 2),
    ]  # fmt: skip


def _best_checks(config: Config, best: list[Any], limit: float) -> list[Check]:
    """The sequence behaves like 1 / n^2, and m extrapolations leave 4^(-m (m + 1) / 2) of it."""
    m = len(config.best) - 1
    checks = [
        Check(f"|x|, degree {n}: 1 - (levelled error) / (largest error)",
              1 - b.lower_bound / b.error, "<=", 1e-10)
        for n, b in zip(config.best, best, strict=True)
    ]  # fmt: skip
    rest = max(4.0 ** (-m * (m + 1) / 2), 1e-9)
    return [
        *checks,
        Check("|limit of 2n E_2n - 0.28016949902|", abs(limit - BERNSTEIN), "<=", rest),
    ]


def _jump_checks(j: Overshoot) -> list[Check]:
    name = f"{j.terms} terms"
    return [
        Check(f"{name}: |overshoot - theory|", abs(j.fourier - j.theory), "<=", 1e-12),
        Check(f"{name}: overshoot", j.fourier, ">=", fourier.GIBBS),
        Check(f"{name}: overshoot of Fejer's mean", j.fejer, "<=", 0.0),
    ]


def plot(numbers: Numbers) -> Mapping[str, Any]:
    """The figures by caption."""
    data = numbers.data
    return {
        "Runge's function and its interpolants of degree 12 (left), and largest errors with the "
        "bound at Chebyshev points (right).": _runge(data["interpolations"]),
        "Lebesgue constants at equispaced points with 2^(n+1) / (e n log n), and at Chebyshev "
        "points with 2/pi log(n + 1) + 1.": _lebesgue(data["interpolations"]),
        "Means of |x|: Bernstein's and Landau's polynomials (left), errors below their bounds and "
        "best approximation (right).": _means(data),
        "The error of the best approximation of |x| of degree 16 alternates (left). Fourier sums "
        "of a jump and Fejer's means, 16 terms (right).": _alternation(),
    }


def _runge(interpolations: list[Interpolation]) -> Any:
    figure, axes = drawing.figure(1, 2)
    x = GRID[:, 0]
    points = np.linspace(-1, 1, 13)[:, None]
    axes[0].plot(x, polynomials.barycentric(points, runge(points))(GRID), lw=1.2,
                 label="equispaced")  # fmt: skip
    axes[0].plot(x, polynomials.interpolate(runge, 12)(GRID), lw=1.2, label="Chebyshev")
    axes[0].plot(x, runge(GRID), "k--", lw=0.9, label="$1/(1 + 25 x^2)$")
    axes[0].set_xlabel("x")
    axes[0].set_ylim(-1.2, 1.6)
    axes[0].legend(frameon=False, loc="lower center")
    n = [i.degree for i in interpolations]
    axes[1].semilogy(n, [i.equispaced for i in interpolations], "o-", lw=0.9, label="equispaced")
    axes[1].semilogy(n, [i.chebyshev for i in interpolations], "s", label="Chebyshev")
    axes[1].semilogy(n, [i.bound for i in interpolations], "-", color="#555555", lw=1.1,
                     label="bound, Chebyshev")  # fmt: skip
    axes[1].set_xlabel("degree")
    axes[1].set_ylabel("largest error")
    axes[1].legend(frameon=False)
    return figure


def _lebesgue(interpolations: list[Interpolation]) -> Any:
    figure, axes = drawing.figure(1, 2)
    n = np.array([i.degree for i in interpolations], float)
    axes[0].semilogy(n, [i.lebesgue_equispaced for i in interpolations], "o", label="measured")
    axes[0].semilogy(n, 2 ** (n + 1) / (math.e * n * np.log(n)), "-", lw=1.1,
                     label="$2^{n+1} / (e\\,n \\log n)$")  # fmt: skip
    axes[1].plot(n, [i.lebesgue_chebyshev for i in interpolations], "o", label="measured")
    axes[1].plot(n, 2 / np.pi * np.log(n + 1) + 1, "-", lw=1.1,
                 label="$\\frac{2}{\\pi} \\log(n + 1) + 1$, bound")  # fmt: skip
    for ax, title in zip(axes, ("equispaced points", "Chebyshev points"), strict=True):
        ax.set_title(title)
        ax.set_xlabel("degree n")
        ax.legend(frameon=False)
    return figure


def _means(data: Mapping[str, Any]) -> Any:
    figure, axes = drawing.figure(1, 2)
    x, colours = GRID[:, 0], dict(zip(MEANS, drawing.COLOURS, strict=False))
    for name, (operator, _) in MEANS.items():
        values = operator(kink, 16, lower=-1.0, upper=1.0)(GRID)
        axes[0].plot(x, values, color=colours[name], lw=1.2, label=f"{name}, n = 16")
        mine = [m for m in data["means"] if m.operator == name]
        n = [m.n for m in mine]
        axes[1].loglog(n, [m.error for m in mine], "o", color=colours[name], label=name)
        axes[1].loglog(n, [m.bound for m in mine], "-", color=colours[name], lw=1,
                       label=f"{name}, bound")  # fmt: skip
    best = [b.error for b in data["best"]]
    axes[0].plot(x, np.abs(x), "k--", lw=0.9, label="|x|")
    axes[1].loglog(data["config"].best, best, "^", color=drawing.COLOURS[2], label="best")
    n = np.array(data["config"].best)
    axes[1].loglog(n, BERNSTEIN / n, "-", color=drawing.COLOURS[2], lw=1, label="0.28017 / n")
    axes[0].set_xlabel("x")
    axes[1].set_xlabel("n")
    axes[1].set_ylabel("largest error")
    axes[1].set_ylim(bottom=3e-4)
    axes[0].legend(frameon=False)
    axes[1].legend(frameon=False, ncols=2, loc="lower left")
    return figure


def _alternation() -> Any:
    figure, axes = drawing.figure(1, 2)
    best = polynomials.best_uniform(kink, 16)
    error = kink(GRID) - np.asarray(best.polynomial(GRID))
    axes[0].plot(GRID[:, 0], error, lw=1.1)
    axes[0].plot(best.reference[:, 0], kink(best.reference)
                 - np.asarray(best.polynomial(best.reference)), "o", ms=4)  # fmt: skip
    for side in (-1, 1):
        axes[0].axhline(side * best.error, color="#555555", ls=":", lw=1)
    s, x = fourier.series(wave, 31, breakpoints=[0.5]), np.linspace(-0.25, 0.25, 2001)[:, None]
    axes[1].plot(x[:, 0], wave(x), color="#999999", lw=0.8)
    axes[1].plot(x[:, 0], s(x), lw=1.1, label="Fourier")
    axes[1].plot(x[:, 0], fourier.fejer(s, 31)(x), lw=1.1, label="Fejer")
    axes[1].axhline(1 + 2 * fourier.GIBBS, color="#555555", ls=":", lw=1)
    axes[1].legend(frameon=False, loc="lower right")
    for ax in axes:
        ax.set_xlabel("x")
    return figure

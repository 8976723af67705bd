"""Targets on the line, from entire functions to jumps."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special

from approxnet.approximation.targets.catalog import NORMS, Rate, Target, register

DE_BOOR = "de Boor, Fix, J. Approx. Theory 8 (1973), 19-45: the order of P1 on n equal cells"
BURCHARD = "Burchard, Hale, J. Approx. Theory 14 (1975): free knots"
TREFETHEN = "Trefethen, Approximation Theory and Approximation Practice (2013), theorem 8.2"
JACKSON = "DeVore, Lorentz, Constructive Approximation (1993), chapters 7 and 8"
TAKAGI_NET = "Daubechies, DeVore, Foucart, Hanin, Petrova, Constr. Approx. 55 (2022), 127-172"
TERMS = 20
"""Of the Weierstrass function, which is a finite sum here, so that its norms are exact."""


def _uniform(order: float) -> Rate:
    return Rate("uniform P1", "L2", order, DE_BOOR)


FREE = Rate("free-knot P1", "L2", 2.0, BURCHARD)


def _analytic(rho: float) -> Rate:
    return Rate("polynomial", "max", 0.0, TREFETHEN, 1 / rho)


def _algebraic(order: float) -> Rate:
    return Rate("polynomial", "max", order, JACKSON)


def _add(
    name: str,
    f: Callable[[jax.Array], jax.Array],
    interval: tuple[float, float],
    tags: str,
    norms: tuple[float, float, float],
    *rates: Rate,
) -> None:
    """Register a function of one variable with its L2, H1 and maximum norm."""
    lower, upper = interval
    named: dict[str, float] = dict(zip(NORMS, norms, strict=True))
    words = frozenset(tags.split())
    register(Target(name, lambda x: f(x[..., 0]), (lower,), (upper,), words, named, rates))


def _takagi(x: jax.Array) -> jax.Array:
    """sum_k 2^-k dist(2^k x, Z), to the last bit of the dtype."""

    def step(carry: Any, _: Any) -> Any:
        t, scale, total = carry
        t = t - jnp.floor(t)
        return (2 * t, scale / 2, total + scale * jnp.minimum(t, 1 - t)), None

    start = (x, jnp.ones_like(x), jnp.zeros_like(x))
    return jax.lax.scan(step, start, length=jnp.finfo(x.dtype).nmant + 1)[0][2]


def _weierstrass(x: jax.Array) -> jax.Array:
    """sum_{k < TERMS} 2^(-k/2) cos(2 pi 2^k x); whole turns are taken off exactly."""

    def step(carry: Any, _: Any) -> Any:
        t, scale, total = carry
        t = t - jnp.floor(t)
        return (2 * t, scale / math.sqrt(2), total + scale * jnp.cos(2 * math.pi * t)), None

    start = (x, jnp.ones_like(x), jnp.zeros_like(x))
    return jax.lax.scan(step, start, length=TERMS)[0][2]


GABOR_WIDTH, GABOR_FREQUENCY = 0.15, 16 * math.pi


def gabor(x: jax.Array) -> jax.Array:
    """exp(-(x - 1/2)^2 / (2 s^2)) cos(16 pi x), s = 0.15."""
    return jnp.exp(-((x - 0.5) ** 2) / (2 * GABOR_WIDTH**2)) * jnp.cos(GABOR_FREQUENCY * x)


def gauss_cosine(s: float, frequency: float) -> float:
    """int_{-1/2}^{1/2} exp(-y^2 / s^2) cos(frequency y) dy, by the error function."""
    shift = 1j * frequency * s / 2
    root = math.sqrt(math.pi) / 2 * s * math.exp(-((frequency * s / 2) ** 2))
    # erf(a + i b) exp(-b^2) stays small by the Faddeeva function: 1 - w(i a - b) exp(...)
    a, b = 0.5 / s, shift.imag
    tail = scipy.special.wofz(1j * a - b) * np.exp(-(a**2) - 2j * a * b)
    return float(2 * root - math.sqrt(math.pi) * s * tail.real)


def gabor_norm() -> float:
    """The L2 norm of the Gabor function on [0, 1]; cos^2 = (1 + cos(32 pi x)) / 2."""
    s, k = GABOR_WIDTH, 2 * GABOR_FREQUENCY
    return math.sqrt((gauss_cosine(s, 0.0) + gauss_cosine(s, k)) / 2)


def _gabor_slope() -> float:
    """The H1 seminorm: f' = -(y / s^2) g cos - w g sin with y = x - 1/2, by a Gauss rule."""
    t, weight = np.polynomial.legendre.leggauss(200)
    y, s, w = t / 2, GABOR_WIDTH, GABOR_FREQUENCY
    g = np.exp(-(y**2) / (2 * s**2))
    slope = g * (y / s**2 * np.cos(w * y) + w * np.sin(w * y))
    return math.sqrt(weight @ slope**2 / 2)


HALF, PI = math.sqrt(0.5), math.pi
UNIT, SYMMETRIC = (0.0, 1.0), (-1.0, 1.0)
_add(
    "sine",
    lambda x: jnp.sin(2 * PI * x),
    UNIT,
    "smooth periodic",
    (HALF, 2 * PI * HALF, 1.0),
    _uniform(2.0),
    FREE,
)
_add(
    "quadratic",
    lambda x: (x - 0.5) ** 2 - 0.25,
    UNIT,
    "smooth polynomial",
    (math.sqrt(1 / 30), math.sqrt(1 / 3), 0.25),
    _uniform(2.0),
    FREE,
)
_add(
    "exponential",
    jnp.exp,
    SYMMETRIC,
    "smooth",
    (math.sqrt(math.sinh(2)), math.sqrt(math.sinh(2)), math.e),
    _uniform(2.0),
    FREE,
)
_add(
    "runge",
    lambda x: 1 / (1 + 25 * x**2),
    SYMMETRIC,
    "smooth poles",
    (
        math.sqrt(1 / 26 + math.atan(5) / 5),
        # y = 5 x: 40 int_0^5 y^2 / (1 + y^2)^4 dy
        math.sqrt(40 * (math.atan(5) / 16 + 5 / 26 / 16 + 5 / 26**2 / 24 - 5 / 26**3 / 6)),
        1.0,
    ),
    _analytic((1 + math.sqrt(26)) / 5),
    _uniform(2.0),
    FREE,
)
_add(
    "layer",
    lambda x: jnp.tanh(50 * (x - 0.5)),
    UNIT,
    "smooth layer",
    (
        math.sqrt(1 - math.tanh(25) / 25),
        math.sqrt(100 * (math.tanh(25) - math.tanh(25) ** 3 / 3)),
        math.tanh(25),
    ),
    # poles at 1/2 +- i pi / 100: rho = (pi / 50) + (1 + (pi / 50)^2)^(1/2)
    _analytic(PI / 50 + math.hypot(1, PI / 50)),
    _uniform(2.0),
    FREE,
)
_add(
    "oscillation",
    lambda x: jnp.sin(10 * PI * x),
    UNIT,
    "smooth periodic oscillating",
    (HALF, 10 * PI * HALF, 1.0),
    _uniform(2.0),
    FREE,
)
_add(
    "two frequencies",
    lambda x: jnp.cos(2 * PI * x) + 0.2 * jnp.cos(20 * PI * x),
    UNIT,
    "smooth periodic oscillating",
    (math.sqrt(0.52), math.sqrt(10) * PI, 1.2),
    _uniform(2.0),
    FREE,
)
_add(
    "gabor",
    gabor,
    UNIT,
    "smooth oscillating local gabor",
    (gabor_norm(), _gabor_slope(), 1.0),
    _uniform(2.0),
    FREE,
)
_add(
    "kink",
    abs,
    SYMMETRIC,
    "kink barron",
    (math.sqrt(2 / 3), math.sqrt(2), 1.0),
    _algebraic(1.0),
)
_add(
    "shifted kink",
    lambda x: abs(x - 1 / 3),
    UNIT,
    "kink barron",
    (1 / 3, 1.0, 2 / 3),
    _algebraic(1.0),
    _uniform(1.5),
)
_add(
    "power",
    lambda x: jnp.cbrt(x) ** 2,
    UNIT,
    "singular power",
    (math.sqrt(3 / 7), math.sqrt(4 / 3), 1.0),
    _uniform(2 / 3 + 1 / 2),
    FREE,
    _algebraic(4 / 3),
)
_add(
    "root",
    jnp.sqrt,
    UNIT,
    "singular power",
    (HALF, math.inf, 1.0),
    _uniform(1.0),
    FREE,
    _algebraic(1.0),
)
_add(
    "cusp",
    lambda x: jnp.sqrt(abs(x - 1 / 3)),
    UNIT,
    "singular cusp",
    (math.sqrt(5 / 18), math.inf, math.sqrt(2 / 3)),
    _uniform(1.0),
    FREE,
    _algebraic(0.5),
)
_add(
    "step",
    lambda x: (x > 1 / 3).astype(x.dtype),
    UNIT,
    "jump",
    (math.sqrt(2 / 3), math.inf, 1.0),
    _uniform(0.5),
)
_add(
    "takagi",
    _takagi,
    UNIT,
    "self-similar rough",
    # T = s + T(2 x) / 2 with s = dist(x, Z): (1 - 1/4) |T|^2 = 1/12 + 1/8
    (math.sqrt(5 / 18), math.inf, 2 / 3),
    Rate("deep ReLU network of width 4", "max", 0.0, TAKAGI_NET, 0.5),
)
_add(
    "weierstrass",
    _weierstrass,
    UNIT,
    "self-similar rough periodic",
    (
        math.sqrt(1 - 2.0**-TERMS),
        PI * math.sqrt(2 * (2.0**TERMS - 1)),
        (1 - 2 ** (-TERMS / 2)) / (1 - math.sqrt(0.5)),
    ),
)

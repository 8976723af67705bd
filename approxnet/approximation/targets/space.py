"""Targets in two and more dimensions."""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from approxnet.approximation.targets.catalog import Rate, Target, register
from approxnet.approximation.targets.line import gabor, gabor_norm, gauss_cosine

BRAMBLE = "Bramble, Hilbert, SIAM J. Numer. Anal. 7 (1970), 112-124: P1 on n cells per axis"
SIEGEL = "Siegel, Xu, Found. Comput. Math. 24 (2024), 481-537: n neurons, order 1/2 + 3/(2d)"
GAUSS_WIDTH = 0.703
PI = math.pi


def _shallow(d: int) -> Rate:
    return Rate("shallow ReLU network", "L2", 0.5 + 1.5 / d, SIEGEL)


def _uniform(order: float = 2.0) -> Rate:
    return Rate("uniform P1", "L2", order, BRAMBLE)


def _add(
    name: str,
    f: Callable[[jax.Array], jax.Array],
    d: int,
    tags: str,
    norms: dict[str, float],
    *rates: Rate,
    lower: float = 0.0,
) -> None:
    """Register a function on [lower, 1]^d."""
    corners = (lower,) * d, (1.0,) * d
    register(Target(name, f, *corners, frozenset(tags.split()), norms, rates))


def _sines(x: jax.Array) -> jax.Array:
    return jnp.prod(jnp.sin(PI * x), axis=-1)


def _corner(x: jax.Array) -> jax.Array:
    """r^(2/3) sin(2 theta / 3), harmonic; its gradient is infinite at 0."""
    a, b = x[..., 0], x[..., 1]
    return jnp.cbrt(a * a + b * b) * jnp.sin(2 / 3 * jnp.arctan2(b, a))


def _corner_norms() -> dict[str, float]:
    """In polar coordinates: int u^2 = int R(t)^(10/3) sin^2(2t/3) / (10/3) dt and so on.

    The square ends at R = 1 / max(cos t, sin t), smooth on both halves of [0, pi/2].
    """
    t, w = np.polynomial.legendre.leggauss(40)
    angles = np.concatenate([PI / 8 * (1 + t), PI / 4 + PI / 8 * (1 + t)])
    weights = np.concatenate([w, w]) * PI / 8
    radius = 1 / np.maximum(np.cos(angles), np.sin(angles))
    square = weights @ (0.3 * radius ** (10 / 3) * np.sin(2 / 3 * angles) ** 2)
    energy = weights @ (4 / 9 * 0.75 * radius ** (4 / 3))
    # on x = 0 the function is y^(2/3) sin(pi/3); the maximum is where |r| is largest or beside it
    edge = np.linspace(0, 1, 200_001)
    top = np.cbrt(edge**2 + 1) * np.sin(2 / 3 * np.arctan2(1.0, edge))
    return {"L2": math.sqrt(square), "H1": math.sqrt(energy), "max": float(top.max())}


def _gaussian(x: jax.Array) -> jax.Array:
    return jnp.exp(-jnp.sum((GAUSS_WIDTH * (x - 0.5)) ** 2, axis=-1))


def _hinge(x: jax.Array) -> jax.Array:
    return jax.nn.relu(jnp.sum(x - 0.5, axis=-1))


for dimension, name in ((2, "sines 2d"), (3, "sines 3d"), (4, "sines 4d")):
    _add(
        name,
        _sines,
        dimension,
        "smooth barron",
        {
            "L2": 0.5 ** (dimension / 2),
            "H1": PI * math.sqrt(dimension) * 0.5 ** (dimension / 2),
            "max": 1.0,
        },
        _uniform(),
        _shallow(dimension),
    )
_add(
    "gabor 2d",
    lambda x: gabor(x[..., 0]) * jnp.exp(-((x[..., 1] - 0.5) ** 2) / (2 * 0.15**2)),
    2,
    "smooth oscillating local gabor",
    {"L2": gabor_norm() * math.sqrt(gauss_cosine(0.15, 0.0)), "max": 1.0},
    _uniform(),
    _shallow(2),
)
_add("corner", _corner, 2, "singular corner", _corner_norms(), _uniform(5 / 3))
_add(
    "ridge",
    lambda x: abs(x[..., 0] + x[..., 1] - 1),
    2,
    "kink barron ridge",
    {"L2": math.sqrt(1 / 6), "H1": math.sqrt(2), "max": 1.0},
)
_add(
    "disk",
    lambda x: (jnp.sum(x * x, axis=-1) < 0.25).astype(x.dtype),
    2,
    "jump",
    {"L2": math.sqrt(PI / 4), "H1": math.inf, "max": 1.0},
    lower=-1.0,
)
_add(
    "gaussian 5d",
    _gaussian,
    5,
    "smooth barron",
    {"L2": gauss_cosine(1 / (GAUSS_WIDTH * math.sqrt(2)), 0.0) ** 2.5, "max": 1.0},
    _shallow(5),
)
_add(
    "hinge 8d",
    _hinge,
    8,
    "kink barron ridge",
    {"L2": math.sqrt(1 / 3), "H1": 2.0, "max": 4.0},
)
_add(
    "cosines 10d",
    lambda x: jnp.sum(jnp.cos(PI * x), axis=-1),
    10,
    "smooth barron additive",
    {"L2": math.sqrt(5), "H1": math.sqrt(5) * PI, "max": 10.0},
    _shallow(10),
)
_add(
    "wave 10d",
    lambda x: jnp.cos(PI * jnp.sum(x, axis=-1)),
    10,
    "smooth barron ridge oscillating",
    {"L2": math.sqrt(0.5), "H1": PI * math.sqrt(5), "max": 1.0},
    _shallow(10),
)
_add(
    "gaussian 10d",
    _gaussian,
    10,
    "smooth barron",
    {"L2": gauss_cosine(1 / (GAUSS_WIDTH * math.sqrt(2)), 0.0) ** 5, "max": 1.0},
    _shallow(10),
)

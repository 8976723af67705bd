"""Dictionaries of ridge functions on a box, in lines of parallel atoms.

An atom is g(x) = sigma(w.x + b) with |w| = 1. A dictionary is a set of p directions w, each with N
equispaced offsets: with the width R = max w.x - min w.x over the box,

    b_i = -max w.x + (1 + e) R (i + s) / N,    i = 0, ..., N - 1,                              (1)

so that relu atoms have their kinks on N hyperplanes that cut the box, and, for the extension e > 0,
beyond it on the side where they are active all over the box: relu^k needs k + 1 of those in each
direction to hold the polynomials. Atoms of tanh and the sigmoid are extended on both sides; those
of the hat reach to where they leave the box. The directions are a grid with the shift s = 1, or are
drawn anew for every neuron, uniformly on the sphere, with one uniform s in (0, 1] each.

Atoms in lines are cheap: for the truncated powers relu^k the products of a residual with all N
atoms of a line cost O(q + N) for q points, not O(q N) (``scores``).

References: Siegel, Hong, Jin, Hao, Xu, J. Comput. Phys. 484 (2023) 112084, section 6; Xu, Xu,
arXiv:2407.17763, for the random dictionaries.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from approxnet import _checks
from approxnet.shallow.derivatives import SMOOTHNESS

TWO_SIDED = ("tanh", "sigmoid")
"""Activations that vanish nowhere."""

HAT_WIDTH = 2.0
"""The length of the interval where the hat is not 0."""


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["lower", "upper", "directions", "extension"],
    meta_fields=["activation", "offsets", "fresh", "turning", "normalized"],
)
@dataclasses.dataclass(frozen=True, eq=False)
class Dictionary:
    """Lines of atoms on a box, a pytree; ``dictionary`` builds it with checks.

    Attributes:
      lower: (d,), a corner of the box.
      upper: (d,), the other one.
      directions: (p, d); of a fresh dictionary only the shape and the lengths matter.
      extension: (), e.
      activation: a key of ``SMOOTHNESS``; static.
      offsets: N; static.
      fresh: whether directions and shifts are drawn for every neuron; static.
      turning: whether the search around the best atoms may turn directions; static.
      normalized: whether atoms are divided by their norms; static.

    Example:
      >>> lines = dictionary((0.0, 0.0), (1.0, 1.0), "relu2")
      >>> lines.size, lines.fresh
      (8192, True)
    """

    lower: Any
    upper: Any
    directions: Any
    extension: Any
    activation: str
    offsets: int
    fresh: bool
    turning: bool
    normalized: bool

    @property
    def size(self) -> int:
        """The number of atoms."""
        return len(self.directions) * self.offsets

    @property
    def centre(self) -> Any:
        """(d,), the middle of the box."""
        return (self.lower + self.upper) / 2

    @property
    def radius(self) -> Any:
        """(), half the diameter of the box."""
        return jnp.linalg.norm(self.upper - self.lower) / 2


def dictionary(
    lower: ArrayLike,
    upper: ArrayLike,
    activation: str = "relu",
    *,
    directions: int | ArrayLike | None = None,
    offsets: int | None = None,
    fresh: bool | None = None,
    extension: float = 0.5,
    normalized: bool = False,
) -> Dictionary:
    """The dictionary of atoms sigma(w.x + b) on a box.

    Args:
      lower: (d,) or a number, one corner of the box.
      upper: (d,) or a number, the other; the dimension is the longer of the two.
      activation: relu, relu2, ..., relu9, heaviside, hat, tanh or sigmoid; static.
      directions: how many, or which: (p, d), of any lengths other than 0, which then stay as they
        are, also in the search around the best atoms. Two on a line and 64 otherwise.
      offsets: N, how many for each direction; 6144 on a line and 128 otherwise.
      fresh: whether directions are drawn for every neuron; so it is by default except on a line
        and for given directions.
      extension: e in (1).
      normalized: divide atoms by their norms in the energy. The theorems on orthogonal and relaxed
        greedy algorithms are for atoms as they are.

    Raises:
      ValueError: if a shape or number is wrong, or the dictionary would be empty.
      NonFiniteError: if a direction is nan or infinite.
      ConfigError: if the activation is not known.

    Example:
      >>> dictionary(-1.0, 1.0, "relu").directions.tolist()
      [[1.0], [-1.0]]
    """
    _checks.one_of("activation", activation, SMOOTHNESS)
    d = max(np.size(lower), np.size(upper))
    low, high = _checks.box(lower, upper, d)
    given = directions is not None and np.ndim(directions) > 0
    if given:
        w = _given(directions, d)
    else:
        count = (2 if d == 1 else 64) if directions is None else directions
        w = _grid(_checks.count("directions", count, at_least=1), d)
    fresh = d > 1 and not given if fresh is None else bool(fresh)
    if fresh and given:
        raise ValueError("fresh directions cannot be given; leave directions out or give a number")
    if not (np.ndim(extension) == 0 and np.isfinite(extension) and extension >= 0):
        raise ValueError(f"extension must be a number >= 0, got {extension!r}")
    count = (6144 if d == 1 else 128) if offsets is None else offsets
    n = _checks.count("offsets", count, at_least=1)
    return Dictionary(
        low, high, w, np.array(float(extension)), activation, n, fresh, not given and d > 1,
        bool(normalized),
    )  # fmt: skip


def _given(directions: Any, d: int) -> np.ndarray:
    w = np.asarray(directions, np.float64)
    if w.ndim != 2 or w.shape[1] != d or not len(w):
        raise ValueError(f"directions must have shape (p, {d}) with p >= 1, got {w.shape}")
    _checks.finite("directions", w)
    zero = np.flatnonzero(~w.any(axis=1))
    if zero.size:
        raise ValueError(f"directions must not be 0, got {w[zero[0]]} at index {zero[0]}; drop it")
    return w


def _grid(p: int, d: int) -> np.ndarray:
    """P directions that are spread evenly: both on a line, equal angles in the plane."""
    if d == 1:
        return np.array([[1.0], [-1.0]])[np.arange(p) % 2]
    if d == 2:
        angle = 2 * np.pi * np.arange(p) / p
        return np.stack([np.cos(angle), np.sin(angle)], axis=1)
    from scipy import special, stats  # costs more than the rest of the chapter

    uniform = stats.qmc.Sobol(d, scramble=True, rng=np.random.default_rng(0))
    normal = special.ndtri(uniform.random(p))
    return normal / np.linalg.norm(normal, axis=1, keepdims=True)


def draw(key: jax.Array, d: Dictionary) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The lines of a dictionary: directions (p, d), first offsets (p,) and steps (p,).

    Example:
      >>> w, first, step = draw(jax.random.key(0), dictionary(0.0, 1.0, offsets=4, extension=0.0))
      >>> first.tolist(), step.tolist()  # of x - 3/4, ..., x and 1/4 - x, ..., 1 - x
      ([-0.75, 0.25], [0.25, 0.25])
    """
    w, shift = d.directions, jnp.ones_like(d.directions[:, 0])
    if d.fresh:
        turn, move = jax.random.split(key)
        w = jax.random.normal(turn, w.shape, w.dtype)
        w = w / jnp.linalg.norm(w, axis=1, keepdims=True)
        shift = 1 - jax.random.uniform(move, shift.shape, shift.dtype)
    middle = jnp.matmul(w, d.centre, precision=jax.lax.Precision.HIGHEST)
    reach = jnp.matmul(abs(w), d.upper - d.lower, precision=jax.lax.Precision.HIGHEST) / 2
    after = HAT_WIDTH if d.activation == "hat" else 2 * d.extension * reach
    before = 2 * d.extension * reach if d.activation in TWO_SIDED else 0 * reach
    step = (2 * reach + before + after) / d.offsets
    return w, -middle - reach - before + shift * step, step

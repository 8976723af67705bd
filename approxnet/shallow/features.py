"""Networks whose directions and offsets are drawn, and their coefficients fitted.

Atoms are drawn once, the coefficients solve one linear problem: min |y - Phi c|, or a c = l for an
energy. For smooth targets and smooth activations that is hard to beat: w uniform on [-1, 1]^d and
hyperplanes through points of the box span nearly a space of polynomials, with an error that falls
like that of polynomials and a condition that grows accordingly, up to where rounding stops both.

Reference: Rahimi, Recht, Random features for large-scale kernel machines, NIPS 2007; Chen, Chi, E,
Yang, Bridging traditional and machine learning-based algorithms for solving PDEs: the random
feature method, J. Mach. Learn. 1 (2022), 268-298.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from approxnet import _checks, quadrature
from approxnet.errors import ConfigError, SingularSystemError
from approxnet.shallow import energy as forms
from approxnet.shallow.atoms import Dictionary, draw
from approxnet.shallow.derivatives import SMOOTHNESS, check_smoothness
from approxnet.shallow.energy import Energy
from approxnet.shallow.network import HIGHEST, ShallowNetwork
from approxnet.shallow.projection import check_squares, squares
from approxnet.shallow.samples import sample, sample_atoms


class Fitted(NamedTuple):
    """A network with fitted coefficients.

    Attributes:
      network: the network.
      error: (), that of ``Path``: the L2 error of a target, by its rule.
      rank: (), how many singular values of the atoms count.

    Example:
      >>> Fitted._fields
      ('network', 'error', 'rank')
    """

    network: ShallowNetwork
    error: jax.Array
    rank: jax.Array


def draw_network(
    key: jax.Array,
    lower: ArrayLike,
    upper: ArrayLike,
    n: int,
    *,
    activation: str = "tanh",
    scale: float = 1.0,
    coefficients: float = 0.0,
) -> ShallowNetwork:
    """A network with w uniform on [-scale, scale]^d and hyperplanes through uniform points.

    Args:
      key: for the draws.
      lower: (d,) or a number, a corner of the box of the points.
      upper: (d,) or a number, the other one; the dimension is the longer of the two.
      n: neurons; static.
      activation: a key of ``SMOOTHNESS``; static.
      scale: positive.
      coefficients: the standard deviation of the normal coefficients.

    Raises:
      ValueError: if n < 1, scale is not positive or a corner is wrong.
      ConfigError: if the activation is not known.

    Example:
      >>> net = draw_network(jax.random.key(0), (0.0, 0.0), 1.0, 16)
      >>> net.directions.shape, bool((abs(net.directions) <= 1).all())
      ((16, 2), True)
    """
    n = _checks.count("n", n, at_least=1)
    _checks.one_of("activation", activation, SMOOTHNESS)
    if not (np.ndim(scale) == 0 and np.isfinite(scale) and scale > 0):
        raise ValueError(f"scale must be a positive number, got {scale!r}")
    d = max(np.size(lower), np.size(upper))
    low, high = (jnp.asarray(a, float) for a in _checks.box(lower, upper, d))
    turn, place, size = jax.random.split(key, 3)
    w = jax.random.uniform(turn, (n, d), float, -1, 1) * float(scale)
    x = low[None] + (high - low)[None] * jax.random.uniform(place, (n, d), float)
    c = coefficients * jax.random.normal(size, (n,), float)
    return ShallowNetwork(w, -(w * x).sum(axis=1), c, activation)


def random_features(
    key: jax.Array,
    target: Callable[[Any], Any] | Energy,
    atoms: Dictionary | ShallowNetwork,
    n: int | None = None,
    *,
    inner: str = "l2",
    rule: quadrature.Rule | None = None,
    rcond: float | None = None,
) -> Fitted:
    """Draw atoms, and solve one least-squares problem for their coefficients.

    Args:
      key: for atoms of a dictionary; ignored for a network.
      target: a function (..., d) -> (...), or an energy that is a sum of squares up to a constant.
      atoms: a dictionary to draw from, or a network, for example of ``draw_network``, whose
        directions and offsets count.
      n: neurons to draw from a dictionary; static.
      inner: of a function: "l2", or "h1" with the gradient.
      rule: for a function.
      rcond: singular values below rcond times the largest count as 0; None for eps, with which the
        coefficients of smooth atoms can be huge: a larger cut keeps them small, at some accuracy.

    Returns:
      Fitted.

    Raises:
      ValueError: if n < 1 or missing, a rule is missing, or the dimensions differ.
      NonFiniteError: if a value of the target is nan or infinite; names the point.
      AssumptionError: if the activation has too few derivatives, or the energy is no sum of
        squares.
      SingularSystemError: if all atoms vanish on all points.

    Source: Rahimi, Recht (2007).

    Example:
      >>> key, rule = jax.random.key(0), quadrature.box(64, 3)
      >>> found = random_features(
      ...     key, lambda x: jnp.exp(x[..., 0]), draw_network(key, 0.0, 1.0, 8), rule=rule
      ... )
      >>> bool(found.error < 1e-3)
      True
    """
    energy = forms.of(target, inner, rule)
    net = atoms if isinstance(atoms, ShallowNetwork) else _drawn(key, atoms, n)
    d = np.shape(net.directions)[1]
    if d != energy.dimension:
        raise ValueError(
            f"atoms must have the dimension {energy.dimension} of the target's points, got {d}"
        )
    check_smoothness(net.activation, energy.order)
    check_squares(energy)
    fitted = _solve(net, energy, rcond)
    if _checks.concrete(fitted.rank) and int(fitted.rank) == 0:
        raise SingularSystemError(
            f"atoms must not vanish on the points, got {len(net.offsets)} that all do; draw others"
        )
    return fitted


def _drawn(key: jax.Array, d: Dictionary, n: Any) -> ShallowNetwork:
    """Directions of the dictionary with uniform offsets along its lines."""
    if n is None:
        raise ConfigError("n must be given for a dictionary, got None; say how many neurons")
    n = _checks.count("n", n, at_least=1)
    d = forms.cast(d, float)
    lines, choice, along = jax.random.split(key, 3)
    rounds = jax.vmap(lambda k: draw(k, d))(jax.random.split(lines, -(-n // len(d.directions))))
    w, first, step = (a.reshape((-1, *a.shape[2:])) for a in rounds)
    some = jax.random.permutation(choice, len(w))[:n]
    t = jax.random.uniform(along, (n,), w.dtype)
    b = first[some] + t * (d.offsets - 1) * step[some]
    return ShallowNetwork(w[some], b, jnp.zeros_like(b), d.activation)


@partial(jax.jit, static_argnames="rcond")
def _solve(net: ShallowNetwork, energy: Energy, rcond: float | None) -> Fitted:
    net, energy = forms.cast((net, energy), float)
    form = squares(energy)
    phi = sample_atoms(energy, net.activation, net.directions, net.offsets)
    phi = (phi * form.root[None]).reshape(len(phi), -1).T
    cut = float(jnp.finfo(phi.dtype).eps) if rcond is None else rcond
    Q, R = jnp.linalg.qr(phi)
    U, s, V = jnp.linalg.svd(R, full_matrices=False)
    kept = (s > cut * s[0]) & (s > 0)
    a = jnp.matmul(jnp.matmul(form.y, Q, precision=HIGHEST), U, precision=HIGHEST)
    c = jnp.matmul(jnp.where(kept, a / jnp.where(kept, s, 1), 0), V, precision=HIGHEST)
    fitted = ShallowNetwork(net.directions, net.offsets, c, net.activation)
    return Fitted(fitted, forms.error(energy, sample(energy, fitted)), kept.sum())

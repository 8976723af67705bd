"""Greedy algorithms: a network grows by the atom that the residual asks for most.

With the energy E, the residual r_k = -E'(v_k) and a dictionary D of atoms, each step takes

    g_{k+1} = argmax over g in D of |<r_k, g>|

and then moves to v_{k+1}:

    pure        v_k + <r_k, g> g / a(g, g);
    relaxed     (1 - t) v_k + t M sign(<r_k, g>) g,  t = min(1, 2 / (k + 1)),  which stays in M
                times the convex hull of D and -D;
    orthogonal  the minimiser of E on the span of g_1, ..., g_{k+1}.

If E is convex and K-smooth and |g| <= C, the relaxed one has E(v_n) - E(v) <= 32 (C M)^2 K / n for
every v of variation norm at most M. The error of the orthogonal one is of the order
n^(-1/2-(2k+1)/(2d)) in L2 for relu^k in d dimensions, the best possible; that of the pure one is
n^(-0.182) in the worst case.

References: Siegel, Hong, Jin, Hao, Xu, J. Comput. Phys. 484 (2023) 112084, theorems 2 and 3;
Siegel, Xu, IEEE Trans. Inf. Theory 68 (2022), 3354-3361; Klusowski, Siegel, IEEE Trans. Inf. Theory
71 (2025), 5556-5569.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from approxnet import _checks, quadrature
from approxnet.shallow import energy as forms
from approxnet.shallow.atoms import Dictionary
from approxnet.shallow.derivatives import check_smoothness
from approxnet.shallow.energy import Energy
from approxnet.shallow.path import Path, report
from approxnet.shallow.pursuit import orthogonal, pure_step, relaxed_step, sequential
from approxnet.shallow.rules import default_rule


def orthogonal_greedy(
    key: jax.Array,
    target: Callable[[Any], Any] | Energy,
    dictionary: Dictionary,
    n: int,
    *,
    inner: str = "l2",
    rule: quadrature.Rule | None = None,
    refine: bool = True,
) -> Path:
    """Grow a network of n neurons by the orthogonal greedy algorithm.

    One program is compiled for all neurons. It runs in the default precision: in float32, errors
    end near 1e-4 of the target, so that float64 is advised.

    Args:
      key: for fresh dictionaries and quadrature points; others ignore it.
      target: a function (..., d) -> (...), or a quadratic energy.
      dictionary: of atoms.
      n: neurons; static.
      inner: of a function: "l2", or "h1" with the gradient, by automatic differentiation.
      rule: for a function; by default ``rules.default_rule``.
      refine: search around the best atoms for better ones; static.

    Returns:
      Path. A ConvergenceWarning says if it ended before n neurons with a residual.

    Raises:
      ValueError: if n < 1, the rule has points outside of the dictionary's box, the dimensions
        differ, or the energy is not quadratic.
      NonFiniteError: if a value of the target is nan or infinite; names the point.
      AssumptionError: if the activation has too few derivatives for the energy.

    Source: Siegel, Hong, Jin, Hao, Xu (2023), section 5.

    Example:
      >>> from approxnet import shallow
      >>> lines = shallow.dictionary(0.0, 1.0, "relu")
      >>> path = orthogonal_greedy(jax.random.key(0), lambda x: x[..., 0] ** 2, lines, 8)
      >>> shallow.REASONS[int(path.reason)], bool(path.errors[-1] < 4e-3)
      ('all neurons are there', True)
    """
    energy = _energy(key, target, dictionary, inner, rule)
    n = _checks.count("n", n, at_least=1)
    if not energy.quadratic:
        raise ValueError("energy must be quadratic, got one with a potential; take relaxed_greedy")
    return report(orthogonal(key, energy, dictionary, n, refine))


def relaxed_greedy(
    key: jax.Array,
    target: Callable[[Any], Any] | Energy,
    dictionary: Dictionary,
    n: int,
    *,
    bound: float,
    inner: str = "l2",
    rule: quadrature.Rule | None = None,
    refine: bool = True,
) -> Path:
    """Grow a network of n neurons by the relaxed greedy algorithm.

    Args:
      key: as for ``orthogonal_greedy``, like all that follow.
      target: a function, or a convex energy.
      dictionary: of atoms.
      n: neurons; static.
      bound: M, positive: the coefficients have a sum of moduli of at most M.
      inner: of a function.
      rule: for a function.
      refine: static.

    Returns:
      Path.

    Raises:
      ValueError: also if bound is not positive.
      NonFiniteError: as for ``orthogonal_greedy``.
      AssumptionError: as for ``orthogonal_greedy``.

    Source: Siegel, Hong, Jin, Hao, Xu (2023), (5.2) and theorem 2.

    Example:
      >>> from approxnet import shallow
      >>> lines = shallow.dictionary(0.0, 1.0, "relu")
      >>> path = relaxed_greedy(
      ...     jax.random.key(0), lambda x: x[..., 0] ** 2, lines, 8, bound=2.0
      ... )
      >>> bool(abs(path.coefficients).sum(axis=0).max() < 2.0001)
      True
    """
    energy = _energy(key, target, dictionary, inner, rule)
    n = _checks.count("n", n, at_least=1)
    if not (np.ndim(bound) == 0 and np.isfinite(bound) and bound > 0):
        raise ValueError(f"bound must be a positive number, got {bound!r}")
    limit = np.asarray(bound, np.float64)
    return report(sequential(key, energy, dictionary, n, refine, limit, relaxed_step))


def pure_greedy(
    key: jax.Array,
    target: Callable[[Any], Any] | Energy,
    dictionary: Dictionary,
    n: int,
    *,
    inner: str = "l2",
    rule: quadrature.Rule | None = None,
    refine: bool = True,
) -> Path:
    """Grow a network of n neurons by the pure greedy algorithm, also called matching pursuit.

    The theory is for atoms of norm 1: ``dictionary(..., normalized=True)``.

    Args:
      key: as for ``orthogonal_greedy``, like all that follow.
      target: a function, or a quadratic energy.
      dictionary: of atoms.
      n: neurons; static.
      inner: of a function.
      rule: for a function.
      refine: static.

    Returns:
      Path.

    Raises:
      ValueError: as for ``orthogonal_greedy``.
      NonFiniteError: as for ``orthogonal_greedy``.
      AssumptionError: as for ``orthogonal_greedy``.

    Source: Klusowski, Siegel (2025), section 1.

    Example:
      >>> from approxnet import shallow
      >>> lines = shallow.dictionary(0.0, 1.0, "relu", offsets=64, normalized=True)
      >>> path = pure_greedy(jax.random.key(0), lambda x: x[..., 0] ** 2, lines, 8)
      >>> bool((path.errors[1:] < path.errors[:-1]).all())
      True
    """
    energy = _energy(key, target, dictionary, inner, rule)
    n = _checks.count("n", n, at_least=1)
    if not energy.quadratic:
        raise ValueError("energy must be quadratic, got one with a potential; take relaxed_greedy")
    return report(sequential(key, energy, dictionary, n, refine, np.ones(()), pure_step))


def _energy(key: jax.Array, target: Any, dictionary: Dictionary, inner: str, rule: Any) -> Energy:
    """The energy of a target, or the energy given, if it fits the dictionary."""
    if rule is None and not isinstance(target, Energy):
        rule = default_rule(jax.random.fold_in(key, 0), dictionary)
    target = forms.of(target, inner, rule)
    _check_points(target.points, dictionary)
    check_smoothness(dictionary.activation, target.order)
    return target


def _check_points(points: Any, d: Dictionary) -> None:
    """ValueError unless the points are in the dictionary's box, but for rounding."""
    points, low, high = (np.asarray(a) for a in (points, d.lower, d.upper))
    _checks.points("points of the energy", points, len(low))
    slack = 1e-6 * (high - low)
    bad = np.flatnonzero(((points < low - slack) | (points > high + slack)).any(axis=1))
    if bad.size:
        raise ValueError(
            f"points must lie in the dictionary's box from {low} to {high}, got {points[bad[0]]} "
            f"at index {bad[0]} ({bad.size} of {len(points)}); widen the box"
        )

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

The orthogonal algorithm keeps the samples q_1, ..., q_k of an a-orthonormal basis with g_j =
sum_i R_ij q_i, and orthogonalises each new atom twice, after which a(q_i, q_j) is that of the unit
matrix to rounding as long as the atom is independent to rounding. The coefficients of all networks
on the way are then R^-1 of the upper triangle of y, y_j = <r_{j-1}, q_j>, by one solution. The
memory is that of n samples.

References: Siegel, Hong, Jin, Hao, Xu, J. Comput. Phys. 484 (2023) 112084, theorems 2 and 3;
Siegel, Xu, IEEE Trans. Inf. Theory 68 (2022), 3354-3361; Klusowski, Siegel, IEEE Trans. Inf. Theory
71 (2025), 5556-5569; Giraud, Langou, Rozloznik, Comput. Math. Appl. 50 (2005), 1069-1075, for
"twice is enough".
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from approxnet import _checks, quadrature
from approxnet.errors import ConvergenceWarning
from approxnet.shallow import energy as forms
from approxnet.shallow.atoms import Dictionary
from approxnet.shallow.derivatives import check_smoothness
from approxnet.shallow.energy import Energy
from approxnet.shallow.network import HIGHEST, ShallowNetwork
from approxnet.shallow.rules import default_rule
from approxnet.shallow.scores import Atom, best_atom

REASONS = (
    "all neurons are there",
    "the residual vanishes on the dictionary",
    "the best atom depends on those before to rounding",
    "all atoms of the dictionary vanish on the points",
    "a number is not finite",
    "the form of the energy is not positive on the atoms",
)
"""Why a growth ended, by ``Path.reason``."""
FULL, SOLVED, DEPENDENT, DEAD, NOT_FINITE, INDEFINITE = range(6)

ROWS = 32
"""Rows of the basis in a block, so that an orthogonalisation reads each of them once."""


@partial(
    jax.tree_util.register_dataclass,
    data_fields=[
        "errors", "energies", "scores", "directions", "offsets", "coefficients", "neurons", "reason"
    ],
    meta_fields=["activation"],
)  # fmt: skip
@dataclasses.dataclass(frozen=True, eq=False)
class Path:
    """The networks of a greedy algorithm, a pytree.

    If it ended before n neurons, the last entries of the histories are repeated, and the atoms that
    are missing are 0.

    Attributes:
      errors: (n,), (2 (E(v_k) - min E))^(1/2) after k = 1, ..., n neurons: the L2 error for a
        target, the error in the energy norm for an equation; nan where the minimum is not known.
      energies: (n,), E(v_k).
      scores: (n,), |<r_{k-1}, g_k>|.
      directions: (n, d).
      offsets: (n,).
      coefficients: (n, n); column k - 1 is that of v_k.
      neurons: (), how many there are.
      reason: (), why it ended, an index into ``REASONS``.
      activation: static.

    Example:
      >>> from approxnet import shallow
      >>> lines = shallow.dictionary(-1.0, 1.0, offsets=64)
      >>> path = orthogonal_greedy(jax.random.key(0), lambda x: abs(x[..., 0]), lines, 2)
      >>> path.network(1).offsets.shape, path.network().offsets.shape
      ((1,), (2,))
    """

    errors: Any
    energies: Any
    scores: Any
    directions: Any
    offsets: Any
    coefficients: Any
    neurons: Any
    reason: Any
    activation: str

    def network(self, k: int | None = None) -> ShallowNetwork:
        """The network of k neurons, by default of all.

        Raises:
          ValueError: if k is not in 1, ..., neurons.
        """
        k = int(self.neurons) if k is None else _checks.count("k", k, at_least=1)
        if not 1 <= k <= self.neurons:
            raise ValueError(
                f"k must be in 1, ..., {int(self.neurons)}, the neurons there are, got {k}"
            )
        c = self.coefficients[:k, k - 1]
        return ShallowNetwork(self.directions[:k], self.offsets[:k], c, self.activation)


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
      >>> REASONS[int(path.reason)], bool(path.errors[-1] < 2e-3)
      ('all neurons are there', True)
    """
    energy = _energy(key, target, dictionary, inner, rule)
    n = _checks.count("n", n, at_least=1)
    if not energy.quadratic:
        raise ValueError("energy must be quadratic, got one with a potential; take relaxed_greedy")
    path = _orthogonal(key, energy, dictionary, n, refine)
    return _report(path)


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
    return _report(_sequential(key, energy, dictionary, n, refine, limit, relaxed_step))


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
    return _report(_sequential(key, energy, dictionary, n, refine, np.ones(()), pure_step))


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


class _Growth(NamedTuple):
    """A network that grows; ``phi`` are its samples, ``factor`` is R or the coefficients."""

    key: jax.Array
    phi: jax.Array
    basis: jax.Array
    factor: jax.Array
    moves: jax.Array
    directions: jax.Array
    offsets: jax.Array
    histories: jax.Array
    k: jax.Array
    reason: jax.Array


def _start(key: jax.Array, energy: Energy, n: int, rows: int) -> _Growth:
    dtype, d = energy.points.dtype, energy.dimension
    phi = jnp.zeros_like(energy.weights)
    now = jnp.stack([forms.error(energy, phi), forms.value(energy, phi), jnp.zeros((), dtype)])
    return _Growth(
        key, phi, jnp.zeros((rows, phi.size), dtype), jnp.zeros((n, n), dtype),
        jnp.zeros(n, dtype), jnp.zeros((n, d), dtype), jnp.zeros(n, dtype),
        jnp.broadcast_to(now[:, None], (3, n)), jnp.int32(0), jnp.int32(-1),
    )  # fmt: skip


def _record(energy: Energy, s: _Growth, atom: Atom, reason: jax.Array) -> _Growth:
    """The growth with the atom added if there is no reason against it, at the new phi."""
    now = jnp.stack([forms.error(energy, s.phi), forms.value(energy, s.phi), abs(atom.score)])
    later = jnp.arange(s.histories.shape[1], dtype=jnp.int32) >= s.k
    grown = s._replace(
        directions=s.directions.at[s.k].set(atom.direction),
        offsets=s.offsets.at[s.k].set(atom.offset),
        histories=jnp.where(later, now[:, None], s.histories),
        k=s.k + 1,
    )
    return grown._replace(reason=reason)


def _verdict(energy: Energy, g: jax.Array, atom: Atom, height: jax.Array) -> jax.Array:
    """Why the atom with samples g cannot be added, or -1; height is a(g, g) without the span."""
    eps = jnp.finfo(g.dtype).eps
    own = (forms.weighted(energy, g) * g).sum()
    size = own if energy.coupling is not None else (abs(energy.weights) * g**2).sum()
    small = 10 * eps * (abs(energy.load * g)).sum()
    cases = [
        (~(jnp.isfinite(atom.score) & jnp.isfinite(height)), NOT_FINITE),
        (size == 0, DEAD),
        (own < -100 * eps * size, INDEFINITE),
        (abs(atom.score) <= small, SOLVED),
        (height < -100 * eps * size, INDEFINITE),
        (height <= (100 * eps) ** 2 * size, DEPENDENT),
    ]
    reason = jnp.int32(-1)
    for case, code in reversed(cases):
        reason = jnp.where(case, jnp.int32(code), reason)
    return reason


@partial(jax.jit, static_argnames=("n", "refine"))
def _orthogonal(
    key: jax.Array, energy: Energy, dictionary: Dictionary, n: int, refine: bool
) -> Path:
    energy, d = forms.cast((energy, dictionary), float)
    rows = -(-n // ROWS) * ROWS

    def form(q: jax.Array) -> jax.Array:
        return forms.weighted(energy, q.reshape(energy.load.shape)).ravel()

    def step(state: _Growth) -> _Growth:
        key, draw = jax.random.split(state.key)
        state = state._replace(key=key)
        atom = best_atom(draw, d, energy, forms.residual(energy, state.phi), refine)
        g = forms.sample_atoms(energy, d.activation, atom.direction[None], atom.offset[None])[0]
        q, column = _orthogonalise(form, state.basis, g.ravel(), state.k)
        height = (form(q) * q).sum()
        reason = _verdict(energy, g, atom, height)
        norm = jnp.sqrt(jnp.where(height > 0, height, 1))
        q = q / norm
        y = (forms.residual(energy, state.phi).ravel() * q).sum()
        column = column[:n].at[state.k].set(norm)
        grown = state._replace(
            phi=state.phi + y * q.reshape(state.phi.shape),
            basis=state.basis.at[state.k].set(q),
            factor=state.factor.at[:, state.k].set(column),
            moves=state.moves.at[state.k].set(y),
        )
        return jax.lax.cond(
            reason < 0,
            lambda: _record(energy, grown, atom, reason),
            lambda: state._replace(reason=reason),
        )

    state = jax.lax.while_loop(
        lambda s: (s.reason < 0) & (s.k < n), step, _start(key, energy, n, rows)
    )
    missing = jnp.arange(n, dtype=jnp.int32) >= state.k
    R = state.factor + jnp.diag(missing.astype(state.factor.dtype))
    right = jnp.triu(jnp.broadcast_to(state.moves[:, None], (n, n)))
    coefficients = jax.scipy.linalg.solve_triangular(R, right)
    return _path(state, coefficients, d.activation)


def _orthogonalise(
    form: Callable[[jax.Array], jax.Array], basis: jax.Array, g: jax.Array, k: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """G minus its projection on the first k rows of the basis, twice, and its components."""

    def project(i: jax.Array, state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        q, column = state
        start = i * ROWS
        block = jax.lax.dynamic_slice_in_dim(basis, start, ROWS)
        h = jnp.matmul(block, form(q), precision=HIGHEST)
        known = jax.lax.dynamic_slice_in_dim(column, start, ROWS)
        column = jax.lax.dynamic_update_slice_in_dim(column, known + h, start, 0)
        return q - jnp.matmul(h, block, precision=HIGHEST), column

    blocks = (k + ROWS - 1) // ROWS
    state = g, jnp.zeros(len(basis), g.dtype)
    for _ in range(2):
        state = jax.lax.fori_loop(0, blocks, project, state)
    return state


Step = Callable[[Energy, jax.Array, jax.Array, Atom, jax.Array, jax.Array], Any]


def relaxed_step(
    energy: Energy, phi: jax.Array, g: jax.Array, atom: Atom, k: jax.Array, bound: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """What remains of v, and the coefficient of the atom: 1 - t and t M sign, t = min(1, 2 / k).

    Example:
      >>> relaxed_step.__name__
      'relaxed_step'
    """
    del energy, phi, g
    t = jnp.minimum(1, 2 / (k + 1).astype(bound.dtype))
    return 1 - t, t * bound * jnp.sign(atom.score)


def pure_step(
    energy: Energy, phi: jax.Array, g: jax.Array, atom: Atom, k: jax.Array, bound: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """What remains of v, and the coefficient of the atom: 1 and <r, g> / a(g, g).

    Example:
      >>> pure_step.__name__
      'pure_step'
    """
    del atom, k
    square = (forms.weighted(energy, g) * g).sum()
    product = (forms.residual(energy, phi) * g).sum()
    return jnp.ones_like(bound), product / jnp.where(square > 0, square, 1)


@partial(jax.jit, static_argnames=("n", "refine", "rule"))
def _sequential(
    key: jax.Array, energy: Energy, dictionary: Dictionary, n: int, refine: bool, bound: Any,
    rule: Step,
) -> Path:  # fmt: skip
    """The algorithms that need the last network only."""
    energy, d, bound = forms.cast((energy, dictionary, bound), float)

    def step(state: _Growth) -> _Growth:
        key, draw = jax.random.split(state.key)
        state = state._replace(key=key)
        atom = best_atom(draw, d, energy, forms.residual(energy, state.phi), refine)
        g = forms.sample_atoms(energy, d.activation, atom.direction[None], atom.offset[None])[0]
        reason = _verdict(energy, g, atom, (g**2).sum())
        keep, c = rule(energy, state.phi, g, atom, state.k, bound)
        before = jnp.where(state.k > 0, state.factor[:, state.k - 1], 0)
        grown = state._replace(
            phi=keep * state.phi + c * g,
            factor=state.factor.at[:, state.k].set((keep * before).at[state.k].set(c)),
        )
        return jax.lax.cond(
            reason < 0,
            lambda: _record(energy, grown, atom, reason),
            lambda: state._replace(reason=reason),
        )

    state = jax.lax.while_loop(
        lambda s: (s.reason < 0) & (s.k < n), step, _start(key, energy, n, 0)
    )
    return _path(state, state.factor, d.activation)


def _path(s: _Growth, coefficients: jax.Array, activation: str) -> Path:
    errors, energies, scores = s.histories
    reason = jnp.where(s.reason < 0, jnp.int32(FULL), s.reason)
    return Path(
        errors, energies, scores, s.directions, s.offsets, coefficients, s.k, reason, activation
    )


def _report(path: Path) -> Path:
    """The path; a ConvergenceWarning if it ended early with a residual."""
    if int(path.reason) not in (FULL, SOLVED):
        warnings.warn(
            f"n = {len(path.errors)} neurons must be found, got {int(path.neurons)}: "
            f"{REASONS[int(path.reason)]}; the last good network is returned; take another "
            "dictionary, more points, or double precision",
            ConvergenceWarning,
            stacklevel=3,
        )
    return path

"""Pursuit: the loop that grows a network by one atom after the other, as one program.

The orthogonal algorithm keeps the samples q_1, ..., q_k of an a-orthonormal basis with g_j =
sum_i R_ij q_i, and orthogonalises each new atom twice, after which a(q_i, q_j) is that of the unit
matrix to rounding as long as the atom is independent to rounding. The coefficients of all networks
on the way are then R^-1 of the upper triangle of y, y_j = <r_{j-1}, q_j>, by one solution. The
memory is that of n samples.

References: Siegel, Hong, Jin, Hao, Xu, J. Comput. Phys. 484 (2023) 112084, section 5; Giraud,
Langou, Rozloznik, Comput. Math. Appl. 50 (2005), 1069-1075, for "twice is enough".
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from approxnet.shallow import energy as forms
from approxnet.shallow.atoms import Dictionary
from approxnet.shallow.energy import Energy
from approxnet.shallow.network import HIGHEST
from approxnet.shallow.path import (
    DEAD,
    DEPENDENT,
    FULL,
    INDEFINITE,
    NOT_FINITE,
    SOLVED,
    Path,
)
from approxnet.shallow.samples import sample_atoms
from approxnet.shallow.scores import Atom, best_atom

ROWS = 32
"""Rows of the basis in a block, so that an orthogonalisation reads each of them once."""


class _Growth(NamedTuple):
    """A network that grows; ``phi`` are its samples.

    The rows of ``factor`` are the columns of R, or the coefficients of the networks on the way.
    """

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


def _add(
    energy: Energy, s: _Growth, atom: Atom, reason: jax.Array, phi: jax.Array, **rows: jax.Array
) -> _Growth:
    """The growth with the next atom and row of arrays if there is no reason against it, at phi.

    A row out of bounds is dropped, so that nothing is copied to be kept as it was. With a reason
    the growth ends, and phi is not looked at again.
    """
    good = reason < 0
    k = jnp.where(good, s.k, max(s.histories.shape[1], len(s.basis)))
    rows = {"directions": atom.direction, "offsets": atom.offset, **rows}
    now = jnp.stack([forms.error(energy, phi), forms.value(energy, phi), abs(atom.score)])
    later = jnp.arange(s.histories.shape[1], dtype=jnp.int32) >= k
    return s._replace(
        phi=phi,
        histories=jnp.where(later, now[:, None], s.histories),
        k=s.k + good.astype(s.k.dtype),
        reason=reason,
        **{name: getattr(s, name).at[k].set(row, mode="drop") for name, row in rows.items()},
    )


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
def orthogonal(
    key: jax.Array, energy: Energy, dictionary: Dictionary, n: int, refine: bool
) -> Path:
    """The networks of the orthogonal algorithm, of a quadratic energy."""
    energy, d = forms.cast((energy, dictionary), float)
    rows = -(-n // ROWS) * ROWS

    def form(q: jax.Array) -> jax.Array:
        return forms.weighted(energy, q.reshape(energy.load.shape)).ravel()

    def step(state: _Growth) -> _Growth:
        key, draw = jax.random.split(state.key)
        state = state._replace(key=key)
        atom = best_atom(draw, d, energy, forms.residual(energy, state.phi), refine)
        g = sample_atoms(energy, d.activation, atom.direction[None], atom.offset[None])[0]
        q, column = _orthogonalise(form, state.basis, g.ravel(), state.k)
        height = (form(q) * q).sum()
        reason = _verdict(energy, g, atom, height)
        norm = jnp.sqrt(jnp.where(height > 0, height, 1))
        q = q / norm
        y = (forms.residual(energy, state.phi).ravel() * q).sum()
        phi = state.phi + y * q.reshape(state.phi.shape)
        column = column[:n].at[state.k].set(norm)
        return _add(energy, state, atom, reason, phi, basis=q, factor=column, moves=y)

    state = jax.lax.while_loop(
        lambda s: (s.reason < 0) & (s.k < n), step, _start(key, energy, n, rows)
    )
    missing = jnp.arange(n, dtype=jnp.int32) >= state.k
    R = state.factor.T + jnp.diag(missing.astype(state.factor.dtype))
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
    """What remains of v of k atoms, and the next coefficient: 1 - t, t M sign, t = min(1, 2/(k+1)).

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
def sequential(
    key: jax.Array, energy: Energy, dictionary: Dictionary, n: int, refine: bool, bound: Any,
    rule: Step,
) -> Path:  # fmt: skip
    """The networks of an algorithm that needs the last one only, as a rule says."""
    energy, d, bound = forms.cast((energy, dictionary, bound), float)

    def step(state: _Growth) -> _Growth:
        key, draw = jax.random.split(state.key)
        state = state._replace(key=key)
        atom = best_atom(draw, d, energy, forms.residual(energy, state.phi), refine)
        g = sample_atoms(energy, d.activation, atom.direction[None], atom.offset[None])[0]
        reason = _verdict(energy, g, atom, (g**2).sum())
        keep, c = rule(energy, state.phi, g, atom, state.k, bound)
        before = jnp.where(state.k > 0, state.factor[state.k - 1], 0)
        column = (keep * before).at[state.k].set(c)
        phi = keep * state.phi + c * g
        return _add(energy, state, atom, reason, phi, factor=column)

    state = jax.lax.while_loop(
        lambda s: (s.reason < 0) & (s.k < n), step, _start(key, energy, n, 0)
    )
    return _path(state, state.factor.T, d.activation)


def _path(s: _Growth, coefficients: jax.Array, activation: str) -> Path:
    errors, energies, scores = s.histories
    reason = jnp.where(s.reason < 0, jnp.int32(FULL), s.reason)
    return Path(
        errors, energies, scores, s.directions, s.offsets, coefficients, s.k, reason, activation
    )

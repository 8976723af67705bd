"""The products of a residual with all atoms of a dictionary, and the search for the largest.

On a line of parallel atoms sigma(t + b_i), t = w.x, the products (1) of ``samples`` are sums over
the points p of c_kp sigma^(k)(t_p + b_i). For a truncated power sigma(t) = max(t, 0)^K they are

    sum_a b_i^a B_a(i),    B_a(i) = sum over {p: t_p + b_i > 0} of
                           sum_k K! / (K - k)! binom(K - k, a) t_p^(K - k - a) c_kp,           (1)

sums over more and more points: each point is added to the first i where it counts, and cumulative
sums do the rest, in O(q + N) operations. With t from the middle of the box nothing cancels but what
is below eps |c|. For other activations the sums are formed as they stand, a block of points at a
time.

Around the best atom of each of a few directions, (w, b) is then improved by a model: the quadratic
through the scores at a stencil of the size h in tangent directions and offset, whose maximum within
h is tried; h shrinks with the steps that succeed. No derivative is taken, as those of relu atoms
are sums of jumps: on the scale of h the score is smooth, below it need not be.

Reference: Powell, Acta Numerica 7 (1998), 287-336, section 4, for methods with quadratic models.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from approxnet.shallow.atoms import Dictionary, draw
from approxnet.shallow.derivatives import derivatives
from approxnet.shallow.energy import Energy, weighted
from approxnet.shallow.network import HIGHEST
from approxnet.shallow.samples import distribution, pairing, sample_atoms, tensor_power

POWERS = {"heaviside": 0, "relu": 1, **{f"relu{k}": k for k in range(2, 10)}}
"""The truncated powers."""

CANDIDATES = 8
"""So many directions are searched around their best atoms."""

ROUNDS = 6
"""Quadratic models in a search."""

BLOCK = 256
"""Points in a block: with a hundred offsets, a block fits a cache."""


class Atom(NamedTuple):
    """An atom with its product with the residual.

    Attributes:
      direction: (d,), w.
      offset: (), b.
      score: (), <r, g>, divided by the norm of g in a normalized dictionary.
    """

    direction: jax.Array
    offset: jax.Array
    score: jax.Array


def best_atom(key: jax.Array, d: Dictionary, energy: Energy, r: jax.Array, refine: bool) -> Atom:
    """The atom with the largest |<r, g>| of the dictionary, and around it if refine.

    Args:
      key: for a fresh dictionary.
      d: the dictionary.
      energy: with leaves of the same dtype.
      r: (q, m), the residual.
      refine: static.

    Example:
      >>> from approxnet import quadrature, shallow
      >>> from approxnet.shallow.energy import cast, residual
      >>> energy = cast(shallow.l2(lambda x: abs(x[..., 0]), quadrature.box(64, 3, -1.0)), float)
      >>> d = cast(shallow.dictionary(-1.0, 1.0, extension=0.0), float)
      >>> atom = best_atom(jax.random.key(0), d, energy, residual(energy, 0 * energy.load), True)
      >>> atom.direction.tolist(), round(float(atom.offset), 2)
      ([1.0], 1.0)
    """
    R = distribution(energy, r)
    w, first, step = draw(key, d)

    def line(given: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        scores = _line(R, d, energy, *given)
        i = jnp.argmax(abs(scores))
        return given[1] + i.astype(step.dtype) * given[2], scores[i]

    b, scores = jax.lax.map(line, (w, first, step))
    _, best = jax.lax.top_k(abs(scores), min(CANDIDATES, len(scores)))
    found = Atom(w[best], b[best], scores[best])
    if refine:
        found = jax.lax.map(lambda given: _search(R, d, energy, *given), (found, step[best]))
    return jax.tree.map(lambda leaf: leaf[jnp.argmax(abs(found.score))], found)


def _line(
    R: tuple[jax.Array, ...], d: Dictionary, energy: Energy, w: jax.Array, b: Any, h: Any
) -> jax.Array:
    """The scores of the offsets b, b + h, ..., b + (N - 1) h in one direction, (N,)."""
    middle = jnp.matmul(w, d.centre, precision=HIGHEST)
    t = jnp.matmul(energy.points, w, precision=HIGHEST) - middle
    c = [
        jnp.matmul(R[k], tensor_power(w[None], k)[0], precision=HIGHEST) for k in range(len(R))
    ]  # (q,) each
    offsets = b + h * jnp.arange(d.offsets, dtype=t.dtype)
    sums = _cumulative if d.activation in POWERS else _dense
    scores = sums(c, t, offsets + middle, h, d.activation)
    if d.normalized:
        directions = jnp.broadcast_to(w, (d.offsets, len(w)))
        scores = scores / _norms(energy, d.activation, directions, offsets)
    return scores


def _cumulative(
    c: list[jax.Array], t: jax.Array, offsets: jax.Array, h: jax.Array, activation: str
) -> jax.Array:
    """The sums (1)."""
    K, N = POWERS[activation], len(offsets)
    first = jnp.floor((-t - offsets[0]) / h) + 1  # the first i with t + b_i > 0
    first = jnp.clip(first, 0, N).astype(jnp.int32)
    total = jnp.zeros_like(offsets)
    for a in reversed(range(K + 1)):
        terms = [
            math.perm(K, k) * math.comb(K - k, a) * t ** (K - k - a) * c[k]
            for k in range(min(len(c), K - a + 1))
        ]
        B = jnp.zeros(N + 1, t.dtype).at[first].add(sum(terms[1:], terms[0]))
        total = total * offsets + jnp.cumsum(B)[:N]
    return total


def _dense(
    c: list[jax.Array], t: jax.Array, offsets: jax.Array, h: jax.Array, activation: str
) -> jax.Array:
    """The sums over all points, for any activation."""
    del h
    blocks = -(-len(t) // BLOCK)
    padded = [
        jnp.pad(a, (0, blocks * BLOCK - len(t))).reshape(blocks, BLOCK) for a in (t, *c)
    ]  # where c = 0 the point does not count

    def add(total: jax.Array, block: list[jax.Array]) -> tuple[jax.Array, None]:
        s = derivatives(activation, len(c) - 1, block[0][:, None] + offsets[None])
        products = [jnp.matmul(a, b, precision=HIGHEST) for a, b in zip(block[1:], s, strict=True)]
        return total + sum(products[1:], products[0]), None

    return jax.lax.scan(add, jnp.zeros_like(offsets), padded)[0]


def _norms(energy: Energy, activation: str, w: jax.Array, b: jax.Array) -> jax.Array:
    """a(g, g)^(1/2) of atoms, (n,); infinite where it is not positive, so that none is taken."""
    phi = sample_atoms(energy, activation, w, b)
    square = (jax.vmap(lambda g: weighted(energy, g))(phi) * phi).sum(axis=(1, 2))
    return jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1)), jnp.inf)


def _search(
    R: tuple[jax.Array, ...], d: Dictionary, energy: Energy, start: Atom, step: jax.Array
) -> Atom:
    """The best atom that quadratic models around the start find."""
    w0, b0, score0 = start
    length = jnp.linalg.norm(w0)
    frame = jnp.linalg.qr(w0[:, None], mode="complete")[0]
    tangents = frame[:, 1 : None if d.turning else 1]
    # A turn moves the hyperplane at the edge of the box as far as an offset moves it.
    turn = jnp.maximum(step / d.radius, 2 / len(d.directions)) if d.turning else step
    scale = jnp.concatenate([jnp.full(tangents.shape[1], turn), step[None]])

    def atoms(y: jax.Array) -> tuple[jax.Array, jax.Array]:
        w = (w0 / length)[None] + jnp.matmul(y[:, :-1], tangents.T, precision=HIGHEST)
        w = length * w / jnp.linalg.norm(w, axis=1, keepdims=True)
        pivot = jnp.matmul(w0[None] - w, d.centre, precision=HIGHEST)
        return w, b0 + y[:, -1] + pivot

    def scores(y: jax.Array) -> jax.Array:
        w, b = atoms(y)
        found = pairing(R, energy.points, d.activation, w, b) * jnp.sign(score0)
        return found / _norms(energy, d.activation, w, b) if d.normalized else found

    y, _ = maximise(scores, jnp.zeros_like(scale), abs(score0), scale)
    w, b = atoms(y[None])
    value = pairing(R, energy.points, d.activation, w, b)
    value = value / _norms(energy, d.activation, w, b) if d.normalized else value
    better = abs(value[0]) > abs(score0)
    return jax.tree.map(
        lambda new, old: jnp.where(better, new, old), Atom(w[0], b[0], value[0]), start
    )


def maximise(f: Any, y: jax.Array, top: jax.Array, h: jax.Array) -> tuple[jax.Array, jax.Array]:
    """A point near y where f is larger, by quadratic models on stencils of the sizes h.

    Args:
      f: (n, D) -> (n,), pure JAX.
      y: (D,), the start.
      top: (), f(y).
      h: (D,), the first sizes.

    Returns:
      the best point found, (D,), and its value.

    Example:
      >>> y, top = maximise(lambda y: -((y - 0.3) ** 2).sum(1), jnp.zeros(2), -0.18, jnp.ones(2))
      >>> y.round(4).tolist()
      [0.3, 0.3]
    """
    D = len(y)
    unit = jnp.eye(D, dtype=y.dtype)
    i, j = jnp.triu_indices(D, 1)
    stencil = jnp.concatenate([unit, -unit, unit[i] + unit[j]])

    def round_(_: Any, state: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        y, top, h = state
        values = f(y[None] + h[None] * stencil)
        plus, minus, mixed = values[:D], values[D : 2 * D], values[2 * D :]
        slope = (plus - minus) / 2
        H = jnp.diag(plus + minus - 2 * top)
        corner = mixed - plus[i] - plus[j] + top
        H = H.at[i, j].set(corner).at[j, i].set(corner)
        curvature, V = jnp.linalg.eigh(H)
        size = jnp.maximum(abs(curvature), jnp.finfo(y.dtype).tiny)
        p = jnp.matmul(V, jnp.matmul(slope, V, precision=HIGHEST) / size, precision=HIGHEST)
        p = p / jnp.maximum(1, jnp.linalg.norm(p))
        moves = jnp.concatenate([jnp.zeros((1, D), y.dtype), stencil, p[None]])
        values = jnp.concatenate([top[None], values, f((y + h * p)[None])])
        best = jnp.argmax(jnp.where(jnp.isnan(values), -jnp.inf, values))
        move = moves[best]
        return y + h * move, values[best], h * jnp.clip(jnp.linalg.norm(move), 0.25, 1)

    y, top, _ = jax.lax.fori_loop(0, ROUNDS, round_, (y, jnp.asarray(top, y.dtype), h))
    return y, top

"""Red-black V(1,1) in the plane with the four parity classes of the nodes as separate arrays.

For a 5-point stencil with constant coefficients, u = 0 at the ends and bilinear transfers. Node
(i, j), counted from the lower end, is in the class oo, oe, eo or ee by the parity of i and j: the
red nodes are oo and ee, the black ones oe and eo, and ee is the coarse grid. Even classes carry
the zeros of the boundary. The neighbours of a node are then shifted slices of two other classes.

Only the black values are kept. Relaxing red and black gives the red values and the increment d of
the black ones; the residual of the iterate (new red, old black) is zero at red nodes and D d at
black ones, with D the diagonal of A. The rest of the V-cycle needs d only: the residual after the
sweep is that of d at red nodes, and since the relaxation of red after the coarse grid overwrites
it, the prolonged correction E is never formed. The iteration is

    x <- x + 1.04 (V x - x),

the V-cycle of ``v_cycle(red_black())`` over-corrected: its eigenvalues are in [0, 0.12], and the
factor is 0.08. Values are those of that iteration with red relaxed once more.

Reference: Trottenberg, Oosterlee, Schueller, Multigrid (2001), sections 2.4 and 5.1, for red-black
relaxation and over-correction.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from approxnet.multigrid.cycle import coarser, solve_coarsest
from approxnet.multigrid.grids import Hierarchy
from approxnet.multigrid.iteration import Iteration
from approxnet.multigrid.operators import Operator
from approxnet.multigrid.stage import stage
from approxnet.multigrid.transfer import bilinear

OVER_CORRECTION = 1.04
Pair = tuple[jax.Array, jax.Array]  # (oo, ee) of red nodes or (oe, eo) of black ones


class Stencil(NamedTuple):
    """D, and the neighbours' coefficients on the two axes divided by -D."""

    diagonal: jax.Array
    first: jax.Array
    second: jax.Array


class State(NamedTuple):
    """The black values, and their increment by a sweep."""

    black: Pair
    increment: Pair


def applies(h: Hierarchy) -> bool:
    """Whether a hierarchy is of the kind that this module treats."""
    return (
        h.boundary == ("dirichlet", "dirichlet")
        and h.transfer == bilinear
        and len(h.operators) > 1
        and all(A.is_star and all(c.size == 1 for c in A.coefficients) for A in h.operators)
    )


def iteration(h: Hierarchy, low: Hierarchy, b: jax.Array) -> Iteration:
    """The over-corrected V-cycle, with the corrections in the dtype of ``low``."""
    A = stencil(h.operators[0])
    red, black = split(b / A.diagonal)

    def sweep(x: Pair) -> State:
        return State(x, increment(A, black, relax(A, red, x), x))

    def improve(state: State) -> State:
        d = jax.tree.map(lambda d: d.astype(low.inverse.dtype), state.increment)
        return sweep(over_correct(A, state.black, d, red_correction(low, d)))

    def size(state: State) -> jax.Array:
        return A.diagonal * jnp.sqrt(sum(jnp.vdot(d, d) for d in state.increment))

    def value(state: State) -> jax.Array:
        return merge(relax(A, red, state.black), state.black)[1:-1, 1:-1]

    return Iteration(sweep(jax.tree.map(jnp.zeros_like, black)), improve, size, value)


def v_cycle(h: Hierarchy, g: jax.Array) -> jax.Array:
    """V(1,1) from zero for the right-hand side D g, with the zeros of the boundary around it."""
    if len(h.operators) == 1:
        D = h.operators[0].diagonal
        return jnp.pad(solve_coarsest(h, D * g), 1)
    A = stencil(h.operators[0])
    red, black = split(g)
    d = first_sweep(A, red, black)
    e = red_correction(h, d)
    return merged(A, red, d, e)


def red_correction(h: Hierarchy, d: Pair) -> Pair:
    """What the coarse grid and the relaxation of red after it add to the red values."""
    A, ratio = stencil(h.operators[0]), h.operators[0].diagonal / h.operators[1].diagonal
    return after_coarse(A, d, v_cycle(coarser(h), restricted(A, d, ratio)))


def stencil(A: Operator) -> Stencil:
    """The numbers of a star stencil, whose offsets come as the centre and pairs per axis."""
    diagonal, first, _, second, _ = (c.reshape(()) for c in A.coefficients)
    return Stencil(diagonal, -first / diagonal, -second / diagonal)


@stage()
def split(b: jax.Array) -> tuple[Pair, Pair]:
    """A grid function as its red and black classes."""
    red = b[::2, ::2], jnp.pad(b[1::2, 1::2], 1)
    return red, (jnp.pad(b[::2, 1::2], ((0, 0), (1, 1))), jnp.pad(b[1::2, ::2], ((1, 1), (0, 0))))


@stage()
def merge(red: Pair, black: Pair) -> jax.Array:
    """The grid function with its zeros around it."""
    (oo, ee), (oe, eo) = red, black
    return _interleave(_interleave(ee, eo, 1), _interleave(oe, oo, 1), 0)


def _interleave(a: jax.Array, b: jax.Array, axis: int) -> jax.Array:
    """a_0 b_0 a_1 ... b_{m-1} a_m along an axis."""
    shape = list(a.shape)
    shape[axis] *= 2
    b = jnp.pad(b, [(0, int(k == axis)) for k in range(2)])
    both = jnp.stack([a, b], axis + 1).reshape(shape)
    return jax.lax.slice_in_dim(both, 0, shape[axis] - 1, axis=axis)


def at_red(A: Stencil, black: Pair) -> Pair:
    """The weighted sums of the black neighbours of the red nodes."""
    oe, eo = black
    oo = A.second * (oe[:, :-1] + oe[:, 1:]) + A.first * (eo[:-1] + eo[1:])
    ee = A.second * (eo[1:-1, :-1] + eo[1:-1, 1:]) + A.first * (oe[:-1, 1:-1] + oe[1:, 1:-1])
    return oo, jnp.pad(ee, 1)


def at_black(A: Stencil, red: Pair) -> Pair:
    """The weighted sums of the red neighbours of the black nodes."""
    oo, ee = red
    oe = A.second * (oo[:, :-1] + oo[:, 1:]) + A.first * (ee[:-1, 1:-1] + ee[1:, 1:-1])
    eo = A.first * (oo[:-1] + oo[1:]) + A.second * (ee[1:-1, :-1] + ee[1:-1, 1:])
    return jnp.pad(oe, ((0, 0), (1, 1))), jnp.pad(eo, ((1, 1), (0, 0)))


def _corners(x: jax.Array) -> jax.Array:
    return x[:-1, :-1] + x[:-1, 1:] + x[1:, :-1] + x[1:, 1:]


@stage()
def relax(A: Stencil, red: Pair, x: Pair) -> Pair:
    """The red values from the black ones x."""
    return _add(red, at_red(A, x))


@stage()
def increment(A: Stencil, black: Pair, red_values: Pair, x: Pair) -> Pair:
    """What a relaxation of black adds to x."""
    return jax.tree.map(lambda g, s, x: g + s - x, black, at_black(A, red_values), x)


@stage()
def first_sweep(A: Stencil, red: Pair, black: Pair) -> Pair:
    """The increment of black from zero, where red is its right-hand side."""
    return _add(black, at_black(A, red))


@stage()
def restricted(A: Stencil, d: Pair, ratio: jax.Array) -> jax.Array:
    """The full weighting of the residual, which is zero at black nodes."""
    oo, ee = at_red(A, d)
    return ratio.reshape(()) / 4 * (ee[1:-1, 1:-1] + _corners(oo) / 4)


@stage()
def after_coarse(A: Stencil, d: Pair, E: jax.Array) -> Pair:
    """The sums over d and over the bilinear interpolation of E at the black neighbours."""
    vertical = A.first * (E[1:-1, 1:-1] + (E[:-2, 1:-1] + E[2:, 1:-1]) / 2)
    horizontal = A.second * (E[1:-1, 1:-1] + (E[1:-1, :-2] + E[1:-1, 2:]) / 2)
    means = (A.first + A.second) / 2 * _corners(E), jnp.pad(vertical + horizontal, 1)
    return _add(at_red(A, d), means)


@stage()
def over_correct(A: Stencil, x: Pair, d: Pair, e: Pair) -> Pair:
    """X + 1.04 (d + the sums of the red corrections e)."""

    def add(x: jax.Array, d: jax.Array, s: jax.Array) -> jax.Array:
        return x + OVER_CORRECTION * (d + s).astype(x.dtype)

    return jax.tree.map(add, x, d, at_black(Stencil(*(w.astype(d[0].dtype) for w in A)), e))


@stage()
def merged(A: Stencil, red: Pair, d: Pair, e: Pair) -> jax.Array:
    """The V-cycle from zero as a grid function: red is red + e, black is d + the sums of e."""
    return merge(_add(red, e), _add(d, at_black(A, e)))


def _add(x: Pair, y: Pair) -> Pair:
    return x[0] + y[0], x[1] + y[1]

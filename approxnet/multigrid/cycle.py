"""Multigrid cycles: smoothing on every grid of a hierarchy.

A cycle improves x, an approximate solution of A x = b. On the coarsest grid it solves. Elsewhere:

    x <- smooth(A, b, x)                  ``pre`` times
    e <- 0;  e <- cycle(A_c, R (b - A x), e)   as often as the kind of the cycle says
    x <- x + P e
    x <- smooth(A, b, x)                  ``post`` times

V visits the coarse grid once and W twice; F visits it twice, first as F, then as V. A backslash
cycle is V without post-smoothing. Full multigrid starts on the coarsest grid and makes one cycle
on every grid with the prolonged solution as the start; b is sampled on the coarse grids, so that
the errors of two grids expand in the same powers of h.

A cycle is a pure function (hierarchy, b, x) -> x, linear in b and x; vmap it over right-hand sides.
The hierarchy is an argument: jit would fold a constant one for minutes. The two visits of a W or F
cycle are a loop, and the cycle from one grid downwards is one function wherever it is called, so
that all programs grow linearly with the number of grids.

References: Trottenberg, Oosterlee, Schueller, Multigrid (2001), sections 2.4 and 2.6. He, Xu,
MgNet, Sci. China Math. 62 (2019), algorithms 1 and 2.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from approxnet import _checks
from approxnet.multigrid import axes
from approxnet.multigrid.grids import Hierarchy
from approxnet.multigrid.operators import Operator
from approxnet.multigrid.smooth import Smoother, jacobi, red_black
from approxnet.multigrid.stage import stage
from approxnet.multigrid.transfer import Transfer

Cycle = Callable[[Hierarchy, Any, Any], jax.Array]
Visit = Callable[[Any, Any], jax.Array]  # the coarse cycle: (e, whether it is F) -> e


class _Plan(NamedTuple):
    """What a cycle does on every grid but the coarsest."""

    descend: Callable[[Visit, jax.Array, Any], jax.Array]
    smoother: Smoother
    pre: int
    post: int
    post_smoother: Smoother
    exact: bool


@functools.cache  # equal arguments give the same function, so that jit does not trace it again
def v_cycle(
    smoother: Smoother = jacobi(),  # noqa: B008 - a cached pure function
    *,
    pre: int = 1,
    post: int = 1,
    post_smoother: Smoother | None = None,
    exact: bool = True,
) -> Cycle:
    """The V-cycle.

    Args:
      smoother: a function (A, b, x) -> x, of this chapter or your own.
      pre: the number of smoothing steps before the coarse grid.
      post: the number after it.
      post_smoother: another smoother for these; the adjoint one makes a symmetric preconditioner.
      exact: solve on the coarsest grid; otherwise smooth ``pre`` times there, as MgNet does.

    Returns:
      A function (hierarchy, b, x) -> x.

    Raises:
      ValueError: if a number of steps is negative or both are zero.

    Example:
      >>> import numpy as np
      >>> from approxnet import multigrid
      >>> def richardson(A, b, x):
      ...     return x + (b - A(x)) / (1.25 * A.diagonal)
      >>> cycle = multigrid.v_cycle(richardson, pre=2, post=2)
      >>> h = multigrid.hierarchy(7)
      >>> x = cycle(h, np.ones(7, np.float32), np.zeros(7, np.float32))
      >>> bool(abs(x[3] - 0.125) < 0.02)  # -u'' = 1
      True
    """
    return _cycle(_once, smoother, pre, post, post_smoother, exact)


@functools.cache
def w_cycle(
    smoother: Smoother = jacobi(),  # noqa: B008 - a cached pure function
    *,
    pre: int = 1,
    post: int = 1,
    post_smoother: Smoother | None = None,
    exact: bool = True,
) -> Cycle:
    """The W-cycle, which converges like the two-grid cycle; the arguments are those of ``v_cycle``.

    Raises:
      ValueError: if a number of steps is negative or both are zero.

    Example:
      >>> import numpy as np
      >>> from approxnet import multigrid
      >>> h, zero = multigrid.hierarchy((7, 7)), np.zeros((7, 7), np.float32)
      >>> multigrid.w_cycle(multigrid.red_black())(h, zero + 1, zero).shape
      (7, 7)
    """
    return _cycle(_twice, smoother, pre, post, post_smoother, exact)


@functools.cache
def f_cycle(
    smoother: Smoother = jacobi(),  # noqa: B008 - a cached pure function
    *,
    pre: int = 1,
    post: int = 1,
    post_smoother: Smoother | None = None,
    exact: bool = True,
) -> Cycle:
    """The F-cycle, about as good as W and cheaper; the arguments are those of ``v_cycle``.

    Raises:
      ValueError: if a number of steps is negative or both are zero.

    Example:
      >>> import numpy as np
      >>> from approxnet import multigrid
      >>> h, zero = multigrid.hierarchy((7, 7)), np.zeros((7, 7), np.float32)
      >>> multigrid.f_cycle(multigrid.red_black())(h, zero + 1, zero).shape
      (7, 7)
    """
    return _cycle(_as_f_then_v, smoother, pre, post, post_smoother, exact)


@functools.cache
def backslash_cycle(
    smoother: Smoother = jacobi(),  # noqa: B008 - a cached pure function
    *,
    pre: int = 1,
    exact: bool = True,
) -> Cycle:
    """The V-cycle without post-smoothing, the one that MgNet is made of.

    The arguments are those of ``v_cycle``.

    Raises:
      ValueError: if pre is less than one.

    Example:
      >>> import numpy as np
      >>> from approxnet import multigrid
      >>> cycle = multigrid.backslash_cycle(multigrid.course_kernel(), pre=2)
      >>> cycle(multigrid.hierarchy(1), np.array([8.0]), np.zeros(1)).tolist()
      [1.0]
    """
    return _cycle(_once, smoother, pre, 0, None, exact)


@functools.cache
def full_multigrid(
    cycle: Cycle | None = None,
    *,
    cycles: int = 1,
) -> Cycle:
    """Nested iteration: the solution on every grid is the start on the next finer one.

    One cycle per grid reaches the discretisation error if the cycle is good enough: red-black
    V(1,1) is, one step of damped Jacobi is not.

    Args:
      cycle: the cycle that is made on every grid; red-black V(1,1) by default.
      cycles: how often.

    Returns:
      A function (hierarchy, b, x) -> x that adds to x a solution for the residual.

    Raises:
      ValueError: if cycles is less than one.

    Example:
      >>> import numpy as np
      >>> from approxnet import multigrid
      >>> solver = multigrid.full_multigrid(multigrid.v_cycle(multigrid.red_black()))
      >>> x = solver(multigrid.hierarchy(7), np.ones(7, np.float32), np.zeros(7, np.float32))
      >>> bool(abs(x[3] - 0.125) < 1e-6)
      True
    """
    cycles = _checks.count("cycles", cycles, at_least=1)
    improve = v_cycle(red_black()) if cycle is None else cycle

    def nested(h: Hierarchy, b: Any) -> jax.Array:
        if len(h.operators) == 1:
            return solve_coarsest(h, b)
        coarse = nested(coarser(h), axes.inject(b, h.boundary))
        x = h.transfer.prolong(coarse, h.boundary)
        return jax.lax.fori_loop(0, cycles, lambda _, x: improve(h, b, x), x)

    def apply(h: Hierarchy, b: Any, x: Any) -> jax.Array:
        h, b, x = _prepare(h, b, x)
        return x + nested(h, b - h.operators[0](x))

    return apply


def coarser(h: Hierarchy) -> Hierarchy:
    """The hierarchy without its finest grid."""
    return Hierarchy(h.operators[1:], h.inverse, h.shapes[1:], h.boundary, h.transfer, h.singular)


def _cycle(
    descend: Callable, smoother: Smoother, pre: int, post: int, after: Smoother | None, exact: bool
) -> Cycle:
    pre, post = _checks.count("pre", pre), _checks.count("post", post)
    _checks.count("pre + post", pre + post, at_least=1)
    plan = _Plan(descend, smoother, pre, post, smoother if after is None else after, exact)

    def apply(h: Hierarchy, b: Any, x: Any) -> jax.Array:
        return _visit(plan, *_prepare(h, b, x), True)

    return apply


@stage("plan")
def _visit(plan: _Plan, h: Hierarchy, b: Any, x: Any, full: Any) -> jax.Array:
    """One cycle from the finest grid of h downwards."""
    A = h.operators[0]
    if len(h.operators) == 1 and plan.exact:
        return x + solve_coarsest(h, b - A(x))
    x = _smooth(plan.smoother, plan.pre, A, b, x)
    if len(h.operators) == 1:
        return x
    r = _restricted_residual(h.transfer, A, b, x)
    lower = coarser(h)

    def visit(e: Any, full: Any) -> jax.Array:
        return _visit(plan, lower, r, e, full)

    x = _corrected(h.transfer, h.boundary, x, plan.descend(visit, jnp.zeros_like(r), full))
    return _smooth(plan.post_smoother, plan.post, A, b, x)


@stage("smoother", "steps")
def _smooth(smoother: Smoother, steps: int, A: Operator, b: Any, x: Any) -> jax.Array:
    for _ in range(steps):
        x = smoother(A, b, x)
    return x


@stage("transfer")
def _restricted_residual(transfer: Transfer, A: Operator, b: Any, x: Any) -> jax.Array:
    return transfer.restrict(b - A(x), A.boundary)


@stage("transfer", "boundary")
def _corrected(transfer: Transfer, boundary: tuple[str, ...], x: Any, e: Any) -> jax.Array:
    return x + transfer.prolong(e, boundary)


def _once(visit: Visit, e: Any, full: Any) -> jax.Array:
    return visit(e, full)


def _twice(visit: Visit, e: Any, full: Any) -> jax.Array:
    return jax.lax.fori_loop(0, 2, lambda _, e: visit(e, full), e)


def _as_f_then_v(visit: Visit, e: Any, full: Any) -> jax.Array:
    """An F-cycle makes an F- and a V-cycle below, and the V-cycle in it one V-cycle."""

    def body(i: Any, e: Any) -> jax.Array:
        again = (i == 0) | full
        return jax.lax.cond(again, lambda e: visit(e, full & (i == 0)), lambda e: e, e)

    return jax.lax.fori_loop(0, 2, body, e)


def solve_coarsest(h: Hierarchy, b: Any) -> jax.Array:
    """The solution on the last grid of a hierarchy."""
    flat = jnp.matmul(h.inverse, b.reshape(-1), precision=jax.lax.Precision.HIGHEST)
    return flat.reshape(b.shape)


def _prepare(h: Hierarchy, b: Any, x: Any) -> tuple[Hierarchy, jax.Array, jax.Array]:
    """Everything in the dtype of b, and the shapes checked."""
    b = right_hand_side(h, b)
    if jnp.shape(x) != b.shape:
        raise ValueError(f"x must have the shape {b.shape} of b, got {jnp.shape(x)}")
    return cast(h, b.dtype), b, jnp.asarray(x, b.dtype)


def right_hand_side(h: Hierarchy, b: Any) -> jax.Array:
    """The right-hand side as an array, its shape and dtype checked against the finest grid."""
    b = jnp.asarray(b)
    if b.shape != h.shapes[0] or not jnp.issubdtype(b.dtype, jnp.floating):
        raise ValueError(
            f"b must be a floating-point array of shape {h.shapes[0]}, one value per unknown, got "
            f"{b.dtype} of shape {b.shape}; vmap over several right-hand sides"
        )
    return b


def cast(h: Hierarchy, dtype: Any) -> Hierarchy:
    """The hierarchy with all leaves in one dtype."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), h)

"""Cycles for nonlinear problems: full approximation, and nonnegative solutions by ReLU.

Full approximation (FAS) for A(u) + g(u) = b with a function g applied at every node. The coarse
grid holds a full approximation U of u, starts from the injected u^, and only the correction is
prolonged (He and Xu, algorithm 4 with Pi the injection):

    A_c(U) + g(U) = R (b - A(u) - g(u)) + A_c(u^) + g(u^),        u <- u + P (U - u^).

The smoother is one Newton step for the diagonal, damped: u <- u + omega (b - N(u)) / (D + g'(u)).

Nonnegative solutions: u >= 0, A u >= b, and u = 0 or A u = b at every node, the obstacle problem.
Relaxation is followed by relu. On the coarse grid the correction E has to keep u + P E >= 0; it
does if E >= -(the least u among the nodes that E reaches), a lower bound on E, which makes an
obstacle problem again (Mandel). Every step lowers the energy (u, A u)/2 - (b, u) in the weights M,
so that the iteration converges.

References: Brandt, Math. Comp. 31 (1977). He, Xu, MgNet, Sci. China Math. 62 (2019), algorithm 4.
He, Xu, Zhang, Zhu, arXiv 2112.07441, for the constrained linear model. Mandel, Appl. Math. Optim.
11 (1984). Kornhuber, Numer. Math. 69 (1994).
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from approxnet import _checks
from approxnet.multigrid import axes
from approxnet.multigrid.cycle import Cycle, coarser, prepare
from approxnet.multigrid.grids import Hierarchy
from approxnet.multigrid.operators import Operator
from approxnet.multigrid.smooth import check_relaxation

NEWTON_STEPS = 8  # on the coarsest grid
COARSEST_STEPS = 32  # of projected relaxation there


@functools.cache
def fas_cycle(g: Callable[[Any], Any], *, omega: float = 0.8, pre: int = 2, post: int = 2) -> Cycle:
    """The V-cycle of full approximation for A u + g(u) = b.

    Args:
      g: a function of numbers, increasing, applied to arrays node by node.
      omega: the damping of the relaxation, between 0 and 2.
      pre: the number of relaxations before the coarse grid.
      post: the number after it.

    Returns:
      A function (hierarchy, b, u) -> u; for g = 0 it is ``v_cycle(jacobi(omega))``.

    Raises:
      ValueError: if omega is not between 0 and 2, if a number of steps is negative or both are
        zero, and, by the cycle, if the hierarchy is singular.

    Example:
      >>> import jax.numpy as jnp
      >>> from approxnet import multigrid
      >>> cycle = multigrid.fas_cycle(jnp.exp)
      >>> h, b, u = multigrid.hierarchy(7), jnp.ones(7), jnp.zeros(7)
      >>> for _ in range(8):
      ...     u = cycle(h, b, u)
      >>> bool(jnp.abs(h.operators[0](u) + jnp.exp(u) - b).max() < 1e-4)
      True
    """
    pre, post = _steps(omega, pre, post)

    def both(A: Operator, u: Any) -> tuple[jax.Array, jax.Array]:
        """A(u) + g(u), and g'(u)."""
        value, slope = jax.jvp(g, (u,), (jnp.ones_like(u),))
        return A(u) + value, slope

    def relax(A: Operator, b: Any, u: Any) -> jax.Array:
        image, slope = both(A, u)
        return u + omega * (b - image) / (jnp.asarray(A.diagonal, u.dtype) + slope)

    def newton(h: Hierarchy, b: Any, u: Any) -> jax.Array:
        """A^-1 times Newton's equation (A + g'(u)) (v - u) = b - A u - g(u)."""
        image, slope = both(h.operators[0], u)
        inverse, identity = h.inverse, jnp.eye(u.size, dtype=u.dtype)
        right = jnp.matmul(inverse, (b - image).ravel(), precision=jax.lax.Precision.HIGHEST)
        step = jnp.linalg.solve(identity + inverse * slope.reshape(1, -1), right)
        return u + step.reshape(u.shape)

    def visit(h: Hierarchy, b: Any, u: Any) -> jax.Array:
        if len(h.operators) == 1:
            return jax.lax.fori_loop(0, NEWTON_STEPS, lambda _, u: newton(h, b, u), u)
        A, lower = h.operators[0], coarser(h)
        u = jax.lax.fori_loop(0, pre, lambda _, u: relax(A, b, u), u)
        start = axes.inject(u, h.boundary)
        r = h.transfer.restrict(b - both(A, u)[0], h.boundary)
        U = visit(lower, r + both(lower.operators[0], start)[0], start)
        u = u + h.transfer.prolong(U - start, h.boundary)
        return jax.lax.fori_loop(0, post, lambda _, u: relax(A, b, u), u)

    def apply(h: Hierarchy, b: Any, u: Any) -> jax.Array:
        if h.singular:
            raise ValueError(
                "hierarchy must have a Dirichlet end or a reaction, got a singular one"
            )
        return visit(*prepare(h, b, u))

    return apply


@functools.cache
def projected_cycle(*, omega: float = 0.8, pre: int = 2, post: int = 2) -> Cycle:
    """The V-cycle for u >= 0, A u >= b and u (A u - b) = 0 at every node.

    The relaxation is u <- relu(u + omega (b - A u) / D), a block of the constrained linear model.
    It converges more slowly than a linear cycle, since the bounds on the coarse grid are too
    strict where u leaves zero: for a disc of contact the factor is 0.67, 0.70, 0.78 and 0.80 with
    n = 15, 31, 63 and 127. With variable coefficients take coarse="galerkin", for which the energy
    falls.

    Args:
      omega: the damping, between 0 and 1.
      pre: the number of relaxations before the coarse grid.
      post: the number after it.

    Returns:
      A function (hierarchy, b, u) -> u that keeps u >= 0; negative entries of u are set to zero.

    Raises:
      ValueError: if omega is not between 0 and 1, if a number of steps is negative or both are
        zero.

    Example:
      >>> import jax.numpy as jnp
      >>> from approxnet import multigrid
      >>> cycle, h = multigrid.projected_cycle(), multigrid.hierarchy(3)
      >>> u, b = jnp.zeros(3), jnp.array([-16.0, 16.0, -16.0])
      >>> for _ in range(20):
      ...     u = cycle(h, b, u)
      >>> u.round(4).tolist()
      [0.0, 0.5, 0.0]
    """
    pre, post = _steps(omega, pre, post)
    if omega > 1:
        raise ValueError(f"omega must be at most 1 for the energy to fall, got {omega}")

    def relax(A: Operator, b: Any, least: Any, u: Any) -> jax.Array:
        step = omega * (b - A(u)) / jnp.asarray(A.diagonal, u.dtype)
        return least + jax.nn.relu(u + step - least)

    def visit(h: Hierarchy, b: Any, least: Any, u: Any) -> jax.Array:
        A, last = h.operators[0], len(h.operators) == 1
        before = COARSEST_STEPS if last else pre
        u = jax.lax.fori_loop(0, before, lambda _, u: relax(A, b, least, u), u)
        if last:
            return u
        r = h.transfer.restrict(b - A(u), h.boundary)
        bound = _largest_around(least - u, h.boundary, r.shape)
        e = visit(coarser(h), r, bound, jnp.zeros_like(r))
        u = u + h.transfer.prolong(e, h.boundary)
        return jax.lax.fori_loop(0, post, lambda _, u: relax(A, b, least, u), u)

    def apply(h: Hierarchy, b: Any, u: Any) -> jax.Array:
        h, b, u = prepare(h, b, u)
        return visit(h, b, jnp.zeros_like(u), jax.nn.relu(u))

    return apply


def complementarity(A: Operator, b: Any, u: Any) -> jax.Array:
    """min(u, (A u - b) / D), which is zero for u >= 0, A u >= b and u (A u - b) = 0.

    Args:
      A: an operator.
      b: (*shape), the right-hand side.
      u: (*shape), a grid function.

    Example:
      >>> import jax.numpy as jnp
      >>> from approxnet import multigrid
      >>> A = multigrid.hierarchy(1).operators[0]
      >>> multigrid.complementarity(A, jnp.array([-8.0]), jnp.array([0.0])).tolist()
      [0.0]
    """
    return jnp.minimum(u, (A(u) - b) / jnp.asarray(A.diagonal, u.dtype))


def _largest_around(x: Any, boundary: tuple[str, ...], coarse: tuple[int, ...]) -> jax.Array:
    """The maxima over the fine nodes that a coarse one reaches."""
    ghost = axes.extend(x, boundary)
    starts = [axes.ENDS[name].start for name in boundary]
    windows = [
        axes.window(ghost, [s + k for s, k in zip(starts, o, strict=True)], coarse, 2)
        for o in itertools.product((-1, 0, 1), repeat=len(boundary))
    ]
    return functools.reduce(jnp.maximum, windows)


def _steps(omega: float, pre: int, post: int) -> tuple[int, int]:
    check_relaxation(omega)
    pre, post = _checks.count("pre", pre), _checks.count("post", post)
    _checks.count("pre + post", pre + post, at_least=1)
    return pre, post

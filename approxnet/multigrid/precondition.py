"""Preconditioners made from a hierarchy, and conjugate gradients with them.

With D_l the diagonal of A_l and P_l the prolongation from grid l to the finest one, whose adjoint
is R_l,

    BPX                  B = sum_l P_l D_l^-1 R_l,
    hierarchical basis   B = sum_l P_l Z_l D_l^-1 R_l,

where Z_l keeps the nodes that are new on grid l. The condition number of B A is bounded for BPX
(Oswald) and grows like log(1/h)^2 for the hierarchical basis in the plane (Yserentant). A cycle
from zero is a preconditioner too, if its post-smoother is the adjoint of its smoother.

All are self-adjoint in the inner product with the weights M of the grid, in which A is; conjugate
gradients take place in it. The theory is that of linear elements; ``bilinear`` transfers give
smaller condition numbers (BPX 5.0 and not 10.6 on 255 x 255 unknowns).

References: Bramble, Pasciak, Xu, Parallel multilevel preconditioners, Math. Comp. 55 (1990).
Yserentant, On the multi-level splitting of finite element spaces, Numer. Math. 49 (1986). Xu,
Iterative methods by space decomposition and subspace correction, SIAM Review 34 (1992).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from approxnet import _checks
from approxnet.multigrid import axes
from approxnet.multigrid.cycle import Cycle, cast, coarser, right_hand_side, v_cycle
from approxnet.multigrid.grids import Hierarchy
from approxnet.multigrid.iteration import history
from approxnet.multigrid.smooth import chebyshev, red_black
from approxnet.multigrid.solution import (
    Solution,
    check_values,
    differentiable,
    warn_unconverged,
)

Preconditioner = Callable[[Hierarchy, Any], jax.Array]


def bpx(hierarchy: Hierarchy, r: Any) -> jax.Array:
    """The preconditioner of Bramble, Pasciak and Xu, applied to r.

    Args:
      hierarchy: the operators.
      r: (*shape), a residual.

    Returns:
      (*shape), B r.

    Raises:
      ValueError: if r has not the shape of the grid.

    Example:
      >>> import numpy as np
      >>> from approxnet import multigrid
      >>> multigrid.bpx(multigrid.hierarchy(3), np.array([0.0, 32.0, 0.0])).tolist()
      [1.0, 3.0, 1.0]
    """
    r = right_hand_side(hierarchy, r)
    return _additive(cast(hierarchy, r.dtype), r, _all_nodes)


def hierarchical_basis(hierarchy: Hierarchy, r: Any) -> jax.Array:
    """The hierarchical basis preconditioner of Yserentant, applied to r.

    Args:
      hierarchy: the operators.
      r: (*shape), a residual.

    Returns:
      (*shape), B r.

    Raises:
      ValueError: if r has not the shape of the grid.

    Example:
      >>> import numpy as np
      >>> from approxnet import multigrid
      >>> multigrid.hierarchical_basis(multigrid.hierarchy(3), np.array([0.0, 32.0, 0.0])).tolist()
      [1.0, 2.0, 1.0]
    """
    r = right_hand_side(hierarchy, r)
    return _additive(cast(hierarchy, r.dtype), r, _new_nodes)


def multigrid_pcg(
    hierarchy: Hierarchy,
    b: Any,
    *,
    preconditioner: Preconditioner | None = None,
    rtol: float = 1e-8,
    max_iterations: int = 100,
) -> Solution:
    """The solution of A u = b by conjugate gradients with a preconditioner.

    Args:
      hierarchy: the operators.
      b: (*shape), the right-hand side at the nodes; vmap over several.
      preconditioner: a function (hierarchy, r) -> B r, self-adjoint and positive definite:
        ``bpx``, ``hierarchical_basis``, ``from_cycle(cycle)`` or your own; by default the
        symmetric V(1,1) with red-black Gauss-Seidel, or with Chebyshev(2) where red-black is not
        possible.
      rtol: the residual to reach, relative to b.
      max_iterations: static.

    Returns:
      The solution, |b - A u| after 0, ..., max_iterations steps, and whether the last one is small
      enough. Outside of jit a ConvergenceWarning says when it is not.

    Raises:
      ValueError: if b has not the shape of the grid.
      NonFiniteError: if b is nan or infinite somewhere; names the place.
      AssumptionError: if the problem is singular and the mean of b is not zero.

    Example:
      >>> import numpy as np
      >>> from approxnet import multigrid
      >>> h = multigrid.hierarchy((31, 31))
      >>> solution = multigrid.multigrid_pcg(h, np.ones((31, 31)), rtol=1e-4)
      >>> bool(solution.converged), int(solution.iterations)
      (True, 4)
    """
    b = right_hand_side(hierarchy, b)
    most = _checks.count("max_iterations", max_iterations)
    check_values(hierarchy, b)
    chosen = _default(hierarchy) if preconditioner is None else preconditioner
    solution = _solve(hierarchy, b, rtol, chosen, most)
    warn_unconverged(solution, rtol)
    return solution


@functools.cache
def from_cycle(cycle: Cycle) -> Preconditioner:
    """A cycle from zero as a preconditioner.

    Args:
      cycle: a function (hierarchy, b, x) -> x, whose post-smoother is the adjoint of its smoother.

    Returns:
      A function (hierarchy, r) -> B r.

    Example:
      >>> import numpy as np
      >>> from approxnet import multigrid
      >>> precondition = multigrid.from_cycle(multigrid.v_cycle(multigrid.jacobi()))
      >>> precondition(multigrid.hierarchy(1), np.array([8.0])).tolist()
      [1.0]
    """

    def precondition(h: Hierarchy, r: Any) -> jax.Array:
        return cycle(h, r, jnp.zeros_like(r))

    return precondition


def _default(h: Hierarchy) -> Preconditioner:
    if not all(A.is_star for A in h.operators[:-1]):
        return from_cycle(v_cycle(chebyshev()))
    return from_cycle(v_cycle(red_black(), post_smoother=red_black(reverse=True)))


def _all_nodes(shape: tuple[int, ...], boundary: tuple[str, ...]) -> float:
    return 1.0


def _new_nodes(shape: tuple[int, ...], boundary: tuple[str, ...]) -> Any:
    """1 at the nodes that the coarser grid does not have, 0 at the others."""
    return axes.parity(shape, boundary) > 0


def _additive(h: Hierarchy, r: jax.Array, keep: Any) -> jax.Array:
    """The sum over the grids of a hierarchy; on the coarsest one all nodes are new."""
    scaled = r / h.operators[0].diagonal
    if len(h.operators) == 1:
        return scaled
    coarse = _additive(coarser(h), h.transfer.restrict(r, h.boundary), keep)
    kept = jnp.asarray(keep(r.shape, h.boundary), r.dtype)
    return kept * scaled + h.transfer.prolong(coarse, h.boundary)


@functools.partial(jax.jit, static_argnames=("preconditioner", "most"))
def _solve(
    h: Hierarchy, b: jax.Array, rtol: Any, preconditioner: Preconditioner, most: int
) -> Solution:
    h = cast(h, b.dtype)
    M = jnp.asarray(axes.weights(h.shapes[0], h.boundary), b.dtype)

    def iterate(A: Any, b: jax.Array) -> tuple[jax.Array, Any]:
        return _conjugate_gradients(A, b, lambda r: preconditioner(h, r), M, rtol, most)

    return differentiable(h, b, iterate)


def _conjugate_gradients(
    A: Any, b: jax.Array, B: Any, M: jax.Array, rtol: Any, most: int
) -> tuple[jax.Array, Any]:
    """The preconditioned iteration in the inner product (M x, y)."""
    stop = jnp.asarray(rtol, b.dtype) * jnp.linalg.norm(b)

    def go_on(state: Any) -> jax.Array:
        residuals, k = state[-2:]
        return (residuals[k] > stop) & (k < most)

    def step(state: Any) -> Any:
        u, r, p, rz, residuals, k = state
        Ap = A(p)
        alpha = rz / jnp.vdot(M * p, Ap)
        u, r = u + alpha * p, r - alpha * Ap
        z = B(r)
        new = jnp.vdot(M * r, z)
        residuals = residuals.at[k + 1].set(jnp.linalg.norm(r))
        return u, r, z + new / rz * p, new, residuals, k + 1

    z = B(b)
    residuals = jnp.full(most + 1, jnp.linalg.norm(b))
    start = (jnp.zeros_like(b), b, z, jnp.vdot(M * b, z), residuals, jnp.int32(0))
    u, *_, residuals, k = jax.lax.while_loop(go_on, step, start)
    true = jnp.linalg.norm(b - A(u))  # the recursion for r may drift away from it
    return u, history(residuals.at[k].set(true), k, stop)

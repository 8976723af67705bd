"""Solutions of A u = b by repeated cycles, with the evidence that they are solutions.

The iteration u <- cycle(u) stops when |b - A u| <= rtol |b| in the Euclidean norm. Its derivative
with respect to b and to the coefficients of A takes one more solve: A^T = M A M^-1 with the
weights M of the grid, so A^T y = g is solved by y = M A^-1 M^-1 g.

Without a Dirichlet end and without reaction the constants are in the kernel: a solution exists if
b has the weighted mean zero, and the one with weighted mean zero is returned.
"""

from __future__ import annotations

import functools
import warnings
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from approxnet import _checks
from approxnet.errors import AssumptionError, ConvergenceWarning
from approxnet.multigrid import axes
from approxnet.multigrid.cycle import Cycle, cast, right_hand_side, v_cycle
from approxnet.multigrid.grids import Hierarchy
from approxnet.multigrid.smooth import chebyshev, red_black
from approxnet.multigrid.stage import stage


class Solution(NamedTuple):
    """An approximate solution and the history of its residual."""

    value: jax.Array  # (*shape)
    residuals: jax.Array  # (k + 1,), |b - A u| after each iteration; its last value after the end
    converged: jax.Array  # bool
    iterations: jax.Array  # int32


def solve(
    hierarchy: Hierarchy,
    b: Any,
    *,
    cycle: Cycle | None = None,
    rtol: float = 1e-8,
    max_cycles: int = 50,
) -> Solution:
    """The solution of A u = b by cycles from zero.

    In float32 the relative residual does not fall below about 1e-7 |A| |u| / |b|.

    Args:
      hierarchy: the operators.
      b: (*shape), the right-hand side at the nodes; vmap over several.
      cycle: a function (hierarchy, b, x) -> x; by default V(1,1) with over-relaxed red-black
        Gauss-Seidel, or with Chebyshev(2) where red-black is not possible.
      rtol: the residual to reach, relative to b.
      max_cycles: static.

    Returns:
      The solution, |b - A u| after 0, ..., max_cycles cycles, and whether the last one is small
      enough. Outside of jit a ConvergenceWarning says when it is not.

    Raises:
      ValueError: if b has not the shape of the grid.
      NonFiniteError: if b is nan or infinite somewhere; names the place.
      AssumptionError: if the problem is singular and the mean of b is not zero.

    Example:
      >>> import numpy as np
      >>> from approxnet import multigrid
      >>> h = multigrid.hierarchy((63, 63))
      >>> u, residuals, converged, cycles = multigrid.solve(h, np.ones((63, 63)), rtol=1e-4)
      >>> bool(converged), int(cycles), round(float(u[31, 31]), 4)
      (True, 4, 0.0737)
    """
    b = right_hand_side(hierarchy, b)
    max_cycles = _checks.count("max_cycles", max_cycles)
    check_values(hierarchy, b)
    cycle = default_cycle(hierarchy) if cycle is None else cycle
    solution = _solve(hierarchy, b, rtol, cycle, max_cycles)
    warn_unconverged(solution, rtol)
    return solution


@functools.partial(jax.jit, static_argnames=("cycle", "max_cycles"))
def _solve(h: Hierarchy, b: jax.Array, rtol: Any, cycle: Cycle, max_cycles: int) -> Solution:
    h = cast(h, b.dtype)

    def iterate(A: Any, b: jax.Array) -> tuple[jax.Array, Any]:
        return iteration(A, b, lambda u: cycle(h, b, u), rtol, max_cycles)

    return differentiable(h, b, iterate)


def iteration(A: Any, b: jax.Array, improve: Any, rtol: Any, most: int) -> tuple[jax.Array, Any]:
    """Improve u from zero until the residual is small, and keep the history."""
    stop = jnp.asarray(rtol, b.dtype) * jnp.linalg.norm(b)

    def go_on(state: Any) -> jax.Array:
        _, residuals, k = state
        return (residuals[k] > stop) & (k < most)

    def step(state: Any) -> Any:
        u, residuals, k = state
        u = improve(u)
        return u, residuals.at[k + 1].set(size_of_residual(A, b, u)), k + 1

    start = jnp.full(most + 1, jnp.linalg.norm(b))
    u, residuals, k = jax.lax.while_loop(go_on, step, (jnp.zeros_like(b), start, jnp.int32(0)))
    return u, history(residuals, k, stop)


@stage()
def size_of_residual(A: Any, b: Any, u: Any) -> jax.Array:
    """|b - A u|."""
    return jnp.linalg.norm(b - A(u))


def history(residuals: jax.Array, k: jax.Array, stop: jax.Array) -> Any:
    """The last residual repeated to the end, whether it is small enough, and the number of it."""
    last = residuals[k]
    return (
        jnp.where(jnp.arange(residuals.size, dtype=k.dtype) <= k, residuals, last),
        last <= stop,
        k,
    )


def differentiable(h: Hierarchy, b: jax.Array, iterate: Any) -> Solution:
    """``iterate(A, b)`` with the derivative of the solution, not that of the iteration."""
    A, M = h.operators[0], jnp.asarray(axes.weights(h.shapes[0], h.boundary), b.dtype)
    M = jnp.broadcast_to(M, b.shape)

    def centred(x: jax.Array) -> jax.Array:
        return x - jnp.vdot(M, x) / jnp.sum(M) if h.singular else x

    def forward(_: Any, b: jax.Array) -> tuple[jax.Array, Any]:
        u, evidence = iterate(A, b)
        return centred(u), evidence

    def backward(_: Any, g: jax.Array) -> tuple[jax.Array, Any]:
        u, evidence = iterate(A, centred(g / M))
        return M * centred(u), evidence

    u, (residuals, converged, k) = jax.lax.custom_linear_solve(
        A, b, forward, transpose_solve=backward, has_aux=True
    )
    return Solution(u, residuals, converged, k)


def default_cycle(h: Hierarchy) -> Cycle:
    """V(1,1) with the best smoother for the stencils of a hierarchy."""
    if not all(A.is_star for A in h.operators[:-1]):
        return v_cycle(chebyshev())
    return v_cycle(red_black(omega=1.0 if len(h.boundary) == 1 else 1.15))


def check_values(h: Hierarchy, b: jax.Array) -> None:
    """NonFiniteError, and AssumptionError if the problem has no solution, where b is known."""
    _checks.finite("b", b)
    if not (h.singular and _checks.concrete(b)):
        return
    values = np.asarray(b, np.float64)
    M = np.broadcast_to(axes.weights(h.shapes[0], h.boundary), values.shape)
    mean, scale = (M * values).sum() / M.sum(), (M * np.abs(values)).sum() / M.sum()
    if abs(mean) > np.sqrt(values.size) * 4 * np.finfo(b.dtype).eps * scale:
        raise AssumptionError(
            f"b must have mean zero with the trapezoidal weights, got {mean}: without a Dirichlet "
            "end or a reaction no solution exists otherwise; subtract the mean"
        )


def warn_unconverged(solution: Solution, rtol: Any) -> None:
    """A ConvergenceWarning if the values are known and the residual is not small enough."""
    if not _checks.concrete(solution.converged) or solution.converged.all():
        return
    first, last = float(solution.residuals[0]), float(solution.residuals[-1])
    warnings.warn(
        f"the residual must fall by {rtol}, got {last:.3g} from {first:.3g} after "
        f"{int(solution.iterations)} iterations; allow more of them, use a better cycle, or, where "
        "it stalls, a larger rtol or float64",
        ConvergenceWarning,
        stacklevel=3,
    )

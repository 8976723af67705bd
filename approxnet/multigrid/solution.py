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
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from approxnet import _checks
from approxnet.errors import AssumptionError, ConvergenceWarning
from approxnet.multigrid import axes, parity
from approxnet.multigrid.cycle import Cycle, cast, right_hand_side, v_cycle
from approxnet.multigrid.grids import Hierarchy
from approxnet.multigrid.iteration import Iteration, repeat
from approxnet.multigrid.operators import Operator
from approxnet.multigrid.smooth import chebyshev, red_black
from approxnet.multigrid.stage import stage

Method = Callable[[Hierarchy, Hierarchy, jax.Array], Iteration]


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
    inner: Any = None,
) -> Solution:
    """The solution of A u = b by cycles from zero.

    In float32 the relative residual does not fall below about 1e-7 |A| |u| / |b|.

    Args:
      hierarchy: the operators.
      b: (*shape), the right-hand side at the nodes; vmap over several.
      cycle: a function (hierarchy, b, x) -> x, linear in b and x; by default V(1,1) with red-black
        Gauss-Seidel: over-corrected in parity storage, four times as fast, for constant
        coefficients in the plane with Dirichlet ends and ``bilinear`` transfers, over-relaxed
        otherwise, and with Chebyshev(2) where red-black is not possible.
      rtol: the residual to reach, relative to b.
      max_cycles: static.
      inner: a dtype for the corrections, static; float32 inside float64 costs no accuracy, since
        the residual stays in the dtype of b, which is the default.

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
    inner = b.dtype if inner is None else jnp.dtype(inner)
    solution = _solve(hierarchy, b, rtol, default(hierarchy, cycle), max_cycles, inner)
    warn_unconverged(solution, rtol)
    return solution


@functools.partial(jax.jit, static_argnames=("method", "max_cycles", "inner"))
def _solve(
    h: Hierarchy, b: jax.Array, rtol: Any, method: Method, max_cycles: int, inner: Any
) -> Solution:
    low, h = cast(h, inner), cast(h, b.dtype)

    def iterate(_: Any, b: jax.Array) -> tuple[jax.Array, Any]:
        return repeat(method(h, low, b), b, rtol, max_cycles)

    return differentiable(h, b, iterate)


@functools.cache
def _method(cycle: Cycle) -> Method:
    return functools.partial(by_cycles, cycle)


def default(h: Hierarchy, cycle: Cycle | None) -> Method:
    """The given cycle, or the best one for the stencils of a hierarchy."""
    if cycle is None and parity.applies(h):
        return parity.iteration
    return _method(default_cycle(h) if cycle is None else cycle)


def by_cycles(cycle: Cycle, h: Hierarchy, low: Hierarchy, b: jax.Array) -> Iteration:
    """U + the cycle for the residual, or, in one precision, the cycle for u itself."""
    A, dtype = h.operators[0], low.inverse.dtype

    def correct(u: jax.Array) -> jax.Array:
        r = (b - A(u)).astype(dtype)
        return u + cycle(low, r, jnp.zeros_like(r)).astype(b.dtype)

    improve = correct if dtype != b.dtype else functools.partial(cycle, h, b)
    return Iteration(jnp.zeros_like(b), improve, lambda u: size_of_residual(A, b, u), lambda u: u)


@stage()
def size_of_residual(A: Operator, b: Any, u: Any) -> jax.Array:
    """|b - A u|."""
    return jnp.linalg.norm(b - A(u))


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

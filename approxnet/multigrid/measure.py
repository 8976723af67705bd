"""What cycles and preconditioners do on a given grid, measured.

The convergence factor of a cycle with the error propagation x -> E x is the spectral radius of E,
found by the power method: the geometric mean of the last reductions of the error. ``local_fourier``
predicts it.

The condition number of B A, for a preconditioner B, is the quotient of the largest and the smallest
eigenvalue of the tridiagonal matrix that conjugate gradients build; both are approached from
inside, so that the quotient is a lower bound which k steps make sharp.

Reference: Saad, Iterative methods for sparse linear systems (2003), section 6.7.3.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from approxnet import _checks
from approxnet.multigrid.cycle import Cycle, cast
from approxnet.multigrid.grids import Hierarchy
from approxnet.multigrid.precondition import Preconditioner


def convergence_factor(
    hierarchy: Hierarchy, cycle: Cycle, *, steps: int = 100, last: int = 40, seed: int = 0
) -> float:
    """The factor by which a cycle reduces the error in the long run.

    Args:
      hierarchy: the operators; without a kernel.
      cycle: a function (hierarchy, b, x) -> x.
      steps: how many cycles are made; start effects must have died out ``last`` before the end.
      last: over how many of them the mean is taken.
      seed: of the random start.

    Returns:
      The geometric mean of the last reductions in the Euclidean norm; 0 if the error vanishes.

    Raises:
      ValueError: if not 1 <= last <= steps.

    Example:
      >>> from approxnet import multigrid
      >>> cycle = multigrid.v_cycle(multigrid.red_black())
      >>> bool(multigrid.convergence_factor(multigrid.hierarchy((31, 31)), cycle) < 0.125)
      True
    """
    last = _checks.count("last", last, at_least=1)
    steps = _checks.count("steps", steps, at_least=last)
    start = np.random.default_rng(seed).normal(size=hierarchy.shapes[0])
    reductions = _reductions(hierarchy, jnp.asarray(start), cycle, steps)
    return float(jnp.exp(jnp.log(reductions[-last:]).mean()))


@functools.partial(jax.jit, static_argnames=("cycle", "steps"))
def _reductions(h: Hierarchy, x: jax.Array, cycle: Cycle, steps: int) -> jax.Array:
    def step(x: jax.Array, _: None) -> tuple[jax.Array, jax.Array]:
        y = cycle(h, jnp.zeros_like(x), x)
        size = jnp.linalg.norm(y)
        return y / jnp.maximum(size, jnp.finfo(y.dtype).tiny), size

    return jax.lax.scan(step, x / jnp.linalg.norm(x), length=steps)[1]


def condition_number(
    hierarchy: Hierarchy, preconditioner: Preconditioner, *, steps: int = 40, seed: int = 0
) -> float:
    """The condition number of B A, from below.

    Args:
      hierarchy: the operators; without a kernel.
      preconditioner: a function (hierarchy, r) -> B r, self-adjoint and positive definite.
      steps: of conjugate gradients, at most; those after the residual has vanished do not count.
      seed: of the random right-hand side.

    Returns:
      The largest over the smallest eigenvalue in the Krylov space.

    Raises:
      ValueError: if steps is less than one.

    Example:
      >>> from approxnet import multigrid
      >>> bool(multigrid.condition_number(multigrid.hierarchy((15, 15)), multigrid.bpx) < 5.5)
      True
    """
    steps = _checks.count("steps", steps, at_least=1)
    start = np.random.default_rng(seed).normal(size=hierarchy.shapes[0])
    alpha, beta = map(np.asarray, _lanczos(hierarchy, jnp.asarray(start), preconditioner, steps))
    sizes = np.concatenate([[1], np.cumprod(beta[:-1])])  # of the residual, squared
    used = int((sizes > np.finfo(sizes.dtype).eps ** 2).cumprod().sum())
    alpha, beta = alpha[:used], beta[:used]
    diagonal = 1 / alpha + np.concatenate([[0], beta[:-1] / alpha[:-1]])
    side = np.sqrt(beta[:-1]) / alpha[:-1]
    values = np.linalg.eigvalsh(np.diag(diagonal) + np.diag(side, 1) + np.diag(side, -1))
    return float(values[-1] / values[0])


@functools.partial(jax.jit, static_argnames=("preconditioner", "steps"))
def _lanczos(h: Hierarchy, r: jax.Array, preconditioner: Preconditioner, steps: int) -> Any:
    """The step lengths and the quotients of conjugate gradients."""
    h = cast(h, r.dtype)

    def step(state: Any, _: None) -> tuple[Any, Any]:
        r, p, rz = state
        Ap = h.operators[0](p)
        alpha = rz / jnp.vdot(p, Ap)
        r = r - alpha * Ap
        z = preconditioner(h, r)
        new = jnp.vdot(r, z)
        return (r, z + new / rz * p, new), (alpha, new / rz)

    z = preconditioner(h, r)
    return jax.lax.scan(step, (r, z, jnp.vdot(r, z)), length=steps)[1]

"""Nonlinear least squares by damped Gauss-Newton steps.

To minimise E(x) = |r(x)|^2 / 2, a step solves

    min_p |r + J p|^2 + lambda |D p|^2,    J = r'(x),  D_j = the largest |J e_j| so far,

by a QR factorisation of J above lambda^(1/2) D, which does not square the condition of J. With the
gain rho = (actual decrease of E) / (decrease that the linear model predicts), a step with rho > 0
is taken and lambda multiplied by max(1/3, 1 - (2 rho - 1)^3); otherwise lambda grows by
2, 4, 8, ...

Where residuals stay large, J^T J is not near the second derivative J^T J + C, C = sum r_i r_i'',
of E. If C is given, the step solves (R^T R + C) p = -J^T r with the triangle R of the QR
factorisation, where eigenvalues of R^-T C R^-1 below -0.9 count as -0.9: steps are then at most ten
times as long as those of Gauss-Newton. That is Newton's method with a damping.

References: Levenberg (1944); Marquardt (1963); More, The Levenberg-Marquardt algorithm (1978), for
D and the tests of convergence; Madsen, Nielsen, Tingleff, Methods for Non-Linear Least Squares
Problems (2004), algorithm 3.16, for lambda.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from approxnet import _checks
from approxnet.optimize.result import (
    DECREASE,
    GRADIENT,
    NOT_FINITE,
    SMALL,
    STUCK,
    Minimum,
    finish,
    flatten,
    report,
)

HIGHEST = jax.lax.Precision.HIGHEST

LONGEST = -0.9
"""The least eigenvalue of R^-T C R^-1 that counts."""


class _State(NamedTuple):
    x: jax.Array
    r: jax.Array
    J: jax.Array
    C: tuple[jax.Array, ...]
    D: jax.Array
    damping: jax.Array
    growth: jax.Array
    costs: jax.Array
    reason: jax.Array
    k: jax.Array


def gauss_newton(
    residual: Callable[[Any], Any],
    x0: Any,
    *,
    damping: float = 1e-3,
    rtol: float | None = None,
    max_steps: int = 100,
    jacobian: Callable[[Any], jax.Array] | None = None,
    curvature: Callable[[Any], jax.Array] | None = None,
) -> Minimum:
    """Minimise |residual(x)|^2 / 2 by the Levenberg-Marquardt method.

    Pure JAX: a loop that can be jitted and vmapped, and differentiated in forward mode. The
    Jacobian is dense, (m, n), by forward differentiation if it is not given.

    Args:
      residual: from a tree like x0 to a tree of floating-point arrays, m numbers in all; pure JAX.
      x0: the start, a tree of floating-point arrays, n numbers in all.
      damping: the first lambda; 0 is not undamped for long: a step that fails raises it.
      rtol: converged if the largest cosine between r and a column of J, the relative length of a
        step, or the relative decrease of the cost (actual and predicted) is at most rtol;
        None for 10 eps.
      max_steps: static.
      jacobian: from a tree like x0 to (m, n), in the order of ``ravel_pytree``; where a structure
        makes it cheap.
      curvature: from a tree like x0 to C, (n, n), symmetric; None for 0.

    Returns:
      Minimum. Outside of jit a ConvergenceWarning says if it has not converged.

    Raises:
      ValueError: if max_steps < 0 or a leaf of x0 is not floating-point.
      NonFiniteError: outside of jit, if the residual or its derivative is not finite at x0.

    Example:
      >>> def rosenbrock(x):
      ...     return jnp.stack([10 * (x[1] - x[0] ** 2), 1 - x[0]])
      >>> found = gauss_newton(rosenbrock, jnp.array([-1.2, 1.0]))
      >>> found.value.round(4).tolist(), bool(found.converged)
      ([1.0, 1.0], True)
    """
    max_steps = _checks.count("max_steps", max_steps)
    start, restore = flatten(x0)

    def flat(x: jax.Array) -> jax.Array:
        return ravel_pytree(residual(restore(x)))[0].astype(x.dtype)

    first = jax.jacfwd(flat) if jacobian is None else lambda x: jacobian(restore(x))

    def derivatives(x: jax.Array) -> tuple[jax.Array, ...]:
        return (first(x),) if curvature is None else (first(x), curvature(restore(x)))

    found = _iterate(flat, derivatives, start, damping, rtol, max_steps)
    report(found)
    return found._replace(value=restore(found.value))


def _iterate(
    f: Callable[[jax.Array], jax.Array],
    derivatives: Callable[[jax.Array], tuple[jax.Array, ...]],
    x: jax.Array,
    damping: Any,
    rtol: float | None,
    max_steps: int,
) -> Minimum:
    eps = float(jnp.finfo(x.dtype).eps)
    tolerance = 10 * eps if rtol is None else rtol
    r, (J, *C) = f(x), derivatives(x)
    D = jnp.linalg.norm(J, axis=0)
    finite = _finite(r, J, *C)
    still = _gradient_cosine(r, J) <= tolerance
    reason = jnp.where(finite, jnp.where(still, GRADIENT, -1), NOT_FINITE).astype(jnp.int32)
    costs = jnp.full(max_steps + 1, _cost(r))
    state = _State(
        x, r, J, tuple(C), D, jnp.asarray(damping, x.dtype), jnp.full((), 2, x.dtype), costs,
        reason, jnp.int32(0),
    )  # fmt: skip
    step = functools.partial(_step, f, derivatives, tolerance, eps)
    state = jax.lax.while_loop(lambda s: (s.reason < 0) & (s.k < max_steps), step, state)
    return finish(state.x, state.costs, state.reason, state.k)


def _finite(*arrays: jax.Array) -> jax.Array:
    return jnp.stack([jnp.isfinite(a).all() for a in arrays]).all()


def _cost(r: jax.Array) -> jax.Array:
    return jnp.sum(r * r) / 2


def _gradient_cosine(r: jax.Array, J: jax.Array) -> jax.Array:
    """The largest |cos| of the angle between r and a column of J; 0 if r = 0."""
    size = jnp.linalg.norm(J, axis=0) * jnp.linalg.norm(r)
    slope = abs(jnp.matmul(r, J, precision=HIGHEST))
    return jnp.max(jnp.where(size > 0, slope / jnp.where(size > 0, size, 1), 0), initial=0)


def _step(
    f: Callable[[jax.Array], jax.Array],
    derivatives: Callable[[jax.Array], tuple[jax.Array, ...]],
    tolerance: float,
    eps: float,
    s: _State,
) -> _State:
    """Try one step; keep it if the cost falls."""
    D = jnp.where(s.D > 0, s.D, 1)
    p = _damped(s.J, s.r, jnp.sqrt(s.damping) * D, *s.C)
    trial = s.x + p
    r = f(trial)
    before, after = _cost(s.r), _cost(r)
    model = before - _cost(s.r + jnp.matmul(s.J, p, precision=HIGHEST))
    model = model - sum(jnp.vdot(p, jnp.matmul(C, p, precision=HIGHEST)) / 2 for C in s.C)
    actual = before - after
    gain = actual / jnp.where(model > 0, model, 1)
    better = jnp.isfinite(after) & (actual > 0) & (model > 0)
    J, *C = jax.lax.cond(better, derivatives, lambda _: (s.J, *s.C), trial)
    better = better & _finite(J, *C)
    short = jnp.linalg.norm(D * p) <= tolerance * jnp.linalg.norm(D * s.x)
    flat = (abs(actual) <= tolerance * before) & (model <= tolerance * before) & (gain <= 2)
    r, x = jnp.where(better, r, s.r), jnp.where(better, trial, s.x)
    J, *C = (jnp.where(better, new, old) for new, old in zip((J, *C), (s.J, *s.C), strict=True))
    cosine = _gradient_cosine(r, J)
    # Rounding may hide the decrease where the gradient or the residual is small, not elsewhere.
    rounding = (cosine <= eps**0.25) | (jnp.linalg.norm(r) <= eps**0.75 * jnp.linalg.norm(D * x))
    stuck = ~better & ~rounding & (flat | short)
    reasons = [(cosine <= tolerance, GRADIENT), (stuck, STUCK), (flat, DECREASE), (short, SMALL)]
    reason = functools.reduce(
        lambda known, case: jnp.where((known < 0) & case[0], jnp.int32(case[1]), known),
        reasons,
        s.reason,
    )
    lower = s.damping * jnp.maximum(1 / 3, 1 - (2 * jnp.minimum(gain, 1) - 1) ** 3)
    return _State(
        x,
        r,
        J,
        tuple(C),
        jnp.maximum(s.D, jnp.linalg.norm(J, axis=0)),
        jnp.where(better, lower, jnp.maximum(s.damping, eps) * s.growth),
        jnp.where(better, 2, 2 * s.growth).astype(x.dtype),
        s.costs.at[s.k + 1].set(_cost(r)),
        reason,
        s.k + 1,
    )


def _damped(J: jax.Array, r: jax.Array, D: jax.Array, C: jax.Array | None = None) -> jax.Array:
    """The p with |r + J p|^2 + |D p|^2 + p^T C p = min."""
    Q, R = jnp.linalg.qr(jnp.concatenate([J, jnp.diag(D)]))
    z = -jnp.matmul(r, Q[: len(r)], precision=HIGHEST)
    if C is not None:
        half = jax.scipy.linalg.solve_triangular(R, C, trans=1)
        K = jax.scipy.linalg.solve_triangular(R, half.T, trans=1)
        size, V = jnp.linalg.eigh((K + K.T) / 2)
        size = 1 + jnp.maximum(size, LONGEST)
        z = jnp.matmul(V, jnp.matmul(z, V, precision=HIGHEST) / size, precision=HIGHEST)
    return jax.scipy.linalg.solve_triangular(R, z)

"""Natural gradients: descent in a space of functions instead of one of parameters.

Parameters x describe a function u_x, an energy E is a functional of it, and a(., .) an inner
product of functions, such as the second derivative of E. The steps

    x <- x - t G^+ E'(x),    G_ij = a(d_i u_x, d_j u_x),    t in {1, 1/2, 1/4, ...},

with the t of the least energy, move u_x by -t times the projection of the gradient of E, with
respect to a, on the tangent space spanned by the d_i u_x: however the parameters are scaled. For
a(u, v) = phi(u).phi(v) with samples phi, G = J^T J of the Jacobian J of x -> phi(u_x). G^+ leaves
out what has singular values of J below a fixed share of the largest. For E = |r|^2 / 2 with
phi = r that is the Gauss-Newton method with a cut instead of a damping.

Why a cut: a damping that falls with the energy keeps the iteration in the valley where its start
lies; large steps across it are what finds the good minima of shallow networks.

References: Amari, Neural Computation 10 (1998), 251-276; Mueller, Zeinhofer, Achieving high
accuracy with PINNs via energy natural gradient descent, ICML 2023, arXiv:2302.13163.
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


class _State(NamedTuple):
    x: jax.Array
    costs: jax.Array
    reason: jax.Array
    k: jax.Array


def natural_gradient(
    energy: Callable[[Any], Any],
    inner: Callable[[Any], Any],
    x0: Any,
    *,
    rcond: float | None = None,
    rtol: float | None = None,
    halvings: int = 30,
    max_steps: int = 100,
) -> Minimum:
    """Minimise an energy by natural gradients with a line search.

    Pure JAX: a loop that can be jitted and vmapped, and differentiated in forward mode. The
    Jacobian is dense, (m, n), by forward differentiation.

    Args:
      energy: from a tree like x0 to a number; pure JAX.
      inner: from a tree like x0 to a tree of m numbers, the samples phi(u_x) in which the inner
        product is the sum of the products; of a sum of squares the residual. Pure JAX.
      x0: the start, a tree of floating-point arrays, n numbers in all.
      rcond: singular values of J below rcond times the largest count as 0; None for eps^(5/12),
        which is 3e-7 in double precision.
      rtol: converged if the predicted or the actual decrease is at most rtol |energy|, or the
        relative length of a step at most rtol; None for 10 eps.
      halvings: static; the shortest step is 2^-halvings.
      max_steps: static.

    Returns:
      Minimum, with the energies as costs. Outside of jit a ConvergenceWarning says if it has not
      converged.

    Raises:
      ValueError: if max_steps < 0, halvings < 0, energy is no scalar, or a leaf of x0 is not
        floating-point.
      NonFiniteError: outside of jit, if the energy or a derivative is not finite at x0.

    Example:
      >>> def samples(x):  # of exp(x_0 t) + x_1
      ...     return jnp.exp(x[0] * jnp.linspace(0, 1, 9)) + x[1]
      >>> def energy(x):
      ...     return ((samples(x) - samples(jnp.array([1.0, 2.0]))) ** 2).sum() / 2
      >>> natural_gradient(energy, samples, jnp.zeros(2), rtol=1e-6).value.round(3).tolist()
      [1.0, 2.0]
    """
    max_steps = _checks.count("max_steps", max_steps)
    halvings = _checks.count("halvings", halvings)
    start, restore = flatten(x0)
    shape = jax.eval_shape(lambda x: energy(restore(x)), start).shape
    if shape != ():
        raise ValueError(f"energy must return a number, got shape {shape}; sum or average it")

    def flat_energy(x: jax.Array) -> jax.Array:
        return jnp.asarray(energy(restore(x))).astype(x.dtype)

    def flat_inner(x: jax.Array) -> jax.Array:
        return ravel_pytree(inner(restore(x)))[0].astype(x.dtype)

    eps = float(jnp.finfo(start.dtype).eps)
    step = functools.partial(
        _step,
        flat_energy,
        flat_inner,
        eps ** (5 / 12) if rcond is None else rcond,
        10 * eps if rtol is None else rtol,
        0.5 ** jnp.arange(halvings + 1).astype(start.dtype),
    )
    found = _iterate(flat_energy, flat_inner, step, start, max_steps)
    report(found)
    return found._replace(value=restore(found.value))


def _iterate(
    energy: Callable[[jax.Array], jax.Array],
    inner: Callable[[jax.Array], jax.Array],
    step: Callable[[_State], _State],
    x: jax.Array,
    max_steps: int,
) -> Minimum:
    value, slope = jax.value_and_grad(energy)(x)
    # One derivative of the samples, along (1, ..., 1), instead of all: nan in J is nan in it.
    along = jax.jvp(inner, (x,), (jnp.ones_like(x),))[1]
    finite = jnp.isfinite(value) & jnp.isfinite(slope).all() & jnp.isfinite(along).all()
    state = _State(
        x,
        jnp.full(max_steps + 1, value),
        jnp.where(finite, -1, NOT_FINITE).astype(jnp.int32),
        jnp.int32(0),
    )
    state = jax.lax.while_loop(lambda s: (s.reason < 0) & (s.k < max_steps), step, state)
    return finish(state.x, state.costs, state.reason, state.k)


def _step(
    energy: Callable[[jax.Array], jax.Array],
    inner: Callable[[jax.Array], jax.Array],
    rcond: float,
    rtol: float,
    lengths: jax.Array,
    s: _State,
) -> _State:
    """Move by the step length of the least energy; stay where none is less."""
    before = s.costs[s.k]
    p, predicted, slope = _direction(jax.jacfwd(inner)(s.x), jax.grad(energy)(s.x), rcond)
    energies = jax.lax.map(lambda t: energy(s.x + t * p), lengths)
    best = jnp.argmin(jnp.where(jnp.isfinite(energies), energies, jnp.inf))
    better = energies[best] < before
    after = jnp.where(better, energies[best], before)
    small = rtol * abs(before)
    # Where rounding hides the predicted decrease, that no step helps is no failure.
    size, eps = jnp.linalg.norm(s.x), jnp.finfo(s.x.dtype).eps
    rounding = predicted <= jnp.maximum(eps**0.5 * abs(before), (eps**0.75 * slope * size) ** 2)
    cases = (
        (predicted <= small, GRADIENT),
        (jnp.linalg.norm(p) <= rtol * size, SMALL),
        (~(better | rounding), STUCK),
        (before - after <= small, DECREASE),
    )
    reason = functools.reduce(
        lambda r, case: jnp.where(case[0], jnp.int32(case[1]), r), cases[::-1], jnp.int32(-1)
    )
    return _State(
        jnp.where(better, s.x + lengths[best] * p, s.x),
        s.costs.at[s.k + 1].set(after),
        reason,
        s.k + 1,
    )


def _direction(J: jax.Array, gradient: jax.Array, rcond: float) -> tuple[jax.Array, ...]:
    """-G^+ gradient, the decrease that a quadratic energy would have, and |J|."""
    R = jnp.linalg.qr(J, mode="r")
    _, s, V = jnp.linalg.svd(R, full_matrices=False)
    kept = s > rcond * s[0]
    a = jnp.where(kept, jnp.matmul(V, gradient, precision=HIGHEST) / jnp.where(kept, s, 1), 0)
    p = -jnp.matmul(jnp.where(kept, a / jnp.where(kept, s, 1), 0), V, precision=HIGHEST)
    return p, jnp.sum(a * a) / 2, s[0]

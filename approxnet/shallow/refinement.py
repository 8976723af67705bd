"""Networks refined: all directions and offsets move, the coefficients follow.

What is minimised is the residual of variable projection (``projection``), in one of three ways:

    gauss_newton    damped Gauss-Newton steps of all (w, b) together;
    neuronwise      each neuron alone, all at the same time, minimises over its own (w_i, b_i) by a
                    few such steps, the others and c fixed; then all move by a common t in {1, 1/2,
                    1/4, ...} for which the projected residual decreases, and neurons that are 0 on
                    all points go where the residual is;
    natural_gradient  (w, b, c) move together by ``optimize.natural_gradient``, with the inner
                    product of the energy: for smooth activations, from a random start. The energy
                    need not be a sum of squares, nor quadratic.

The first one costs O(q n^2) for a step with q samples, as the linear problem does, and converges
fast; a sweep of the second one needs a few QR factorisations too, and there have to be many.

Both end in the next local minimum: neurons seldom pass one another, so that their density stays as
the start has it. An *exchange* takes those neurons whose loss costs least, the least of

    c_i^2 / ((Phi^T Phi)^-1)_ii  =  |r without i|^2 - |r|^2,

puts their hyperplanes through points at equal shares of the squared residual, and iterates again;
the better network stays. It begins with n / 16 neurons, and with half as many after a failure.

References: Golub, Pereyra, SIAM J. Numer. Anal. 10 (1973), 413-432; Park, Xu, Xu, A neuron-wise
subspace correction method for the finite neuron method, arXiv:2211.12031, algorithm 1.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from approxnet import _checks, quadrature
from approxnet.errors import ConvergenceWarning
from approxnet.optimize.levenberg_marquardt import gauss_newton
from approxnet.optimize.natural_gradients import natural_gradient
from approxnet.optimize.result import DECREASE, STUCK, Minimum, finish, report
from approxnet.shallow import energy as forms
from approxnet.shallow.derivatives import check_smoothness
from approxnet.shallow.energy import Energy
from approxnet.shallow.network import HIGHEST, ShallowNetwork, from_arrays
from approxnet.shallow.projection import (
    Chart,
    Squares,
    chart,
    check_bounded,
    check_squares,
    columns,
    curvature,
    directions,
    jacobian,
    project,
    residual,
    squares,
)
from approxnet.shallow.samples import sample, sample_atoms

METHODS = ("gauss_newton", "neuronwise", "natural_gradient")

OWN_STEPS = 4
"""Steps of a neuron on its own."""

GOLDEN = (math.sqrt(5) - 1) / 2
"""Multiples of the golden ratio modulo 1 spread evenly."""

HALVINGS = 30
"""The shortest common step is 2^-30."""


class Refined(NamedTuple):
    """A network whose directions and offsets are fitted.

    Attributes:
      network: the network.
      errors: (max_steps + 1 + exchanges,), as those of ``Path``, after 0, 1, ... steps, the last
        one repeated, and after each exchange.
      energies: (max_steps + 1 + exchanges,), likewise.
      dead: (n,), whether a neuron is 0 on all points.
      converged: whether a test of convergence is met.
      reason: index into ``optimize.REASONS``.
      steps: steps tried.

    Example:
      >>> Refined._fields[:2]
      ('network', 'errors')
    """

    network: ShallowNetwork
    errors: jax.Array
    energies: jax.Array
    dead: jax.Array
    converged: jax.Array
    reason: jax.Array
    steps: jax.Array


def refine_network(
    net: ShallowNetwork,
    target: Callable[[Any], Any] | Energy,
    *,
    method: str = "gauss_newton",
    inner: str = "l2",
    rule: quadrature.Rule | None = None,
    rtol: float | None = None,
    max_steps: int = 100,
    exchanges: int = 0,
) -> Refined:
    """Fit directions and offsets of a network, from where they are; the coefficients follow.

    The first error is that of the best coefficients for the given atoms. It runs in the default
    precision; float64 is advised.

    Args:
      net: n neurons, for example of a greedy path, or drawn at random; its coefficients count for
        "natural_gradient" alone.
      target: a function (..., d) -> (...), or an energy: a sum of squares up to a constant, or for
        "natural_gradient" without exchanges any whose weights are not negative.
      method: "gauss_newton", "neuronwise" or "natural_gradient"; static.
      inner: of a function: "l2", or "h1" with the gradient.
      rule: for a function; the kinks of the network should see several points each.
      rtol: of the iteration, as for ``optimize.gauss_newton``; neuronwise: the least relative
        decrease of the energy from its minimum over a sweep.
      max_steps: steps, or sweeps over the neurons; static.
      exchanges: how often neurons are exchanged, with as many steps each.

    Returns:
      Refined. A ConvergenceWarning says if it has not converged, another one which neurons are
      dead.

    Raises:
      ValueError: if max_steps < 0, exchanges < 0, a rule is missing or the dimensions differ.
      NetworkError: if the arrays of the network do not fit.
      NonFiniteError: if a number of the network or a value of the target is nan or infinite.
      AssumptionError: if the activation has too few derivatives, one more than for the energy, or
        the energy is none of those named.

    Source: Golub, Pereyra (1973); Park, Xu, Xu (2022).

    Example:
      >>> from approxnet import shallow
      >>> net = shallow.from_arrays([[1.0], [1.0], [1.0]], [0.0, -0.3, -0.6], [1.0, 1.0, 1.0])
      >>> rule = quadrature.box(128, 3)
      >>> found = refine_network(net, lambda x: x[..., 0] ** 2, rule=rule, rtol=1e-4)
      >>> bool(found.errors[-1] < found.errors[0]), found.network.offsets.shape
      (True, (3,))
    """
    net = from_arrays(net.directions, net.offsets, net.coefficients, net.activation)
    energy = forms.of(target, inner, rule)
    _checks.one_of("method", method, METHODS)
    max_steps = _checks.count("max_steps", max_steps)
    if energy.dimension != net.directions.shape[1]:
        raise ValueError(
            f"net must have the dimension {energy.dimension} of the target's points, got "
            f"{net.directions.shape[1]}"
        )
    check_smoothness(net.activation, energy.order + 1)
    exchanges = _checks.count("exchanges", exchanges)
    natural = method == "natural_gradient" and exchanges == 0
    (check_bounded if natural else check_squares)(energy)
    net, energy = forms.cast((net, energy), float)
    step = partial(_refine, energy=energy, method=method, rtol=rtol, max_steps=max_steps)
    found = step(net)
    costs = [*found.minimum.costs]
    moved, shift = max(len(net.offsets) // 16, 1), 0.5
    for _ in range(exchanges):
        trial = step(_exchanged(found.network, energy, moved, shift))
        better = trial.minimum.costs[-1] < found.minimum.costs[-1]
        found, moved = (trial, moved) if better else (found, max(moved // 2, 1))
        costs.append(found.minimum.costs[-1])
        shift = (shift + GOLDEN) % 1
    report(found.minimum)
    _report_dead(found.dead)
    return _result(energy, found, jnp.stack(costs))


def _result(energy: Energy, found: _Found, costs: jax.Array) -> Refined:
    energies = costs - (squares(energy).y ** 2).sum() / 2
    errors = jnp.sqrt(2 * (costs if energy.squares else energies - energy.minimum))
    return Refined(found.network, errors, energies, found.dead, *found.minimum[2:])


def _report_dead(dead: jax.Array) -> None:
    if np.any(dead):
        warnings.warn(
            f"every neuron must be seen by a point, got {int(np.sum(dead))} that vanish on all "
            f"points: {np.flatnonzero(dead).tolist()}; leave them out, or take "
            "method='neuronwise', which moves them",
            ConvergenceWarning,
            stacklevel=3,
        )


class _Found(NamedTuple):
    network: ShallowNetwork
    minimum: Minimum
    dead: jax.Array


@partial(jax.jit, static_argnames=("method", "max_steps"))
def _refine(net: ShallowNetwork, energy: Energy, method: str, rtol: Any, max_steps: int) -> _Found:
    form, place = squares(energy), chart(net.activation, net.directions)
    if method == "natural_gradient":
        return _natural(net, energy, rtol, max_steps)
    theta = _start(net, place)
    arguments = form, net.activation, place
    if method == "gauss_newton":
        found = gauss_newton(
            lambda t: residual(*arguments, t), theta, rtol=rtol, max_steps=max_steps,
            jacobian=lambda t: jacobian(*arguments, t),
            curvature=lambda t: curvature(*arguments, t),
        )  # fmt: skip
    else:
        found = _neuronwise(*arguments, theta, rtol, max_steps)
    theta = found.value
    phi = columns(*arguments, theta)
    w = directions(net.activation, place, theta[:, :-1])
    c = project(phi, form.y).coefficients
    refined = ShallowNetwork(w, theta[:, -1], c, net.activation)
    return _Found(refined, found, ~phi.any(axis=1))


def _natural(net: ShallowNetwork, energy: Energy, rtol: Any, max_steps: int) -> _Found:
    """Squares are completed where there are any: differences of energies lose half the digits."""
    s = jnp.where(energy.weights > 0, energy.weights, 1)
    root = jnp.sqrt(energy.weights + energy.growth)

    def cost(net: ShallowNetwork) -> jax.Array:
        phi = sample(energy, net)
        square, linear = (s * phi - energy.load) ** 2 / (2 * s), -energy.load * phi
        terms = jnp.where(energy.weights > 0, square, linear)
        return (terms + energy.growth * energy.potential(phi)).sum()

    found = natural_gradient(
        cost, lambda net: root * sample(energy, net), net, rtol=rtol, max_steps=max_steps
    )
    end = found.value
    phi = sample_atoms(energy, end.activation, end.directions, end.offsets)
    return _Found(end, found, ~(root[None] * phi).any(axis=(1, 2)))


class _Sweep(NamedTuple):
    theta: jax.Array
    length: jax.Array
    costs: jax.Array
    reason: jax.Array
    k: jax.Array


def _neuronwise(
    form: Squares, activation: str, place: Chart, theta: jax.Array, rtol: Any, max_steps: int
) -> Minimum:
    rtol = 10 * float(jnp.finfo(theta.dtype).eps) if rtol is None else rtol

    def cost(theta: jax.Array) -> jax.Array:
        return (residual(form, activation, place, theta) ** 2).sum() / 2

    def sweep(s: _Sweep) -> _Sweep:
        phi = columns(form, activation, place, s.theta)
        r = project(phi, form.y).residual
        theta = _moved(form, activation, place, s.theta, r, ~phi.any(axis=1), 0.5)
        phi = columns(form, activation, place, theta)
        now = project(phi, form.y)
        p = _own_steps(form, activation, place, theta, phi, now.coefficients, now.residual) - theta
        before = (now.residual**2).sum() / 2

        def shorter(state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            return state[0] / 2, cost(theta + state[0] / 2 * p)

        def worse(state: tuple[jax.Array, jax.Array]) -> jax.Array:
            return ~(state[1] < before) & (state[0] > 0.5**HALVINGS)

        t = jnp.minimum(1, 2 * s.length)
        t, after = jax.lax.while_loop(worse, shorter, (t, cost(theta + t * p)))
        better = after < before
        after = jnp.where(better, after, before)
        reason = jnp.where(s.costs[s.k] - after <= rtol * s.costs[s.k], DECREASE, -1)
        return _Sweep(
            jnp.where(better, theta + t * p, theta),
            t,
            s.costs.at[s.k + 1].set(after),
            jnp.where(better, reason, STUCK).astype(jnp.int32),
            s.k + 1,
        )

    state = _Sweep(
        theta, jnp.ones((), theta.dtype), jnp.full(max_steps + 1, cost(theta)),
        jnp.int32(-1), jnp.int32(0),
    )  # fmt: skip
    state = jax.lax.while_loop(lambda s: (s.reason < 0) & (s.k < max_steps), sweep, state)
    return finish(state.theta, state.costs, state.reason, state.k)


def _own_steps(
    form: Squares, activation: str, place: Chart, theta: jax.Array, phi: jax.Array, c: jax.Array,
    r: jax.Array,
) -> jax.Array:  # fmt: skip
    """Where each neuron would go if the others stayed, (n, k + 1)."""

    def one(given: tuple[Any, ...]) -> jax.Array:
        centre, frame, start, atom, factor = given
        alone = Chart(centre[None], frame[None])

        def own(t: jax.Array) -> jax.Array:
            return r - factor * (columns(form, activation, alone, t[None])[0] - atom)

        return gauss_newton(own, start, max_steps=OWN_STEPS).value

    return jax.lax.map(one, (*place, theta, phi, c), batch_size=32)


def _moved(
    form: Squares, activation: str, place: Chart, theta: jax.Array, r: jax.Array, marked: jax.Array,
    shift: Any,
) -> jax.Array:  # fmt: skip
    """The marked neurons, with hyperplanes through points at equal shares of the residual r^2."""
    share = jnp.cumsum((r.reshape(form.root.shape) ** 2).sum(axis=1))
    number = jnp.cumsum(marked).astype(r.dtype)
    wanted = (number - 1 + shift) / jnp.maximum(number[-1], 1) * share[-1]
    chosen = form.energy.points[jnp.searchsorted(share[:-1], wanted)]
    w = directions(activation, place, theta[:, :-1])
    b = -jnp.einsum("nd,nd->n", w, chosen, precision=HIGHEST)
    return theta.at[:, -1].set(jnp.where(marked, b, theta[:, -1]))


@jax.jit
def _exchanged(net: ShallowNetwork, energy: Energy, count: Any, shift: Any) -> ShallowNetwork:
    """The network with the neurons moved that are needed least."""
    form, place = squares(energy), chart(net.activation, net.directions)
    theta = _start(net, place)
    phi = columns(form, net.activation, place, theta)
    found = project(phi, form.y)
    R = jnp.matmul(found.Q.T, phi.T, precision=HIGHEST)
    R = R + jnp.diag(jnp.where(jnp.diag(R) == 0, 1, 0).astype(R.dtype))
    inverse = jax.scipy.linalg.solve_triangular(R, jnp.eye(len(R), dtype=R.dtype))
    loss = found.coefficients**2 / (inverse**2).sum(axis=1)
    least = jnp.argsort(jnp.argsort(jnp.where(jnp.isnan(loss), 0, loss))) < count
    theta = _moved(form, net.activation, place, theta, found.residual, least, shift)
    return ShallowNetwork(net.directions, theta[:, -1], net.coefficients, net.activation)


def _start(net: ShallowNetwork, place: Chart) -> jax.Array:
    """The network in its own chart, (n, k + 1)."""
    zero = jnp.zeros((len(net.offsets), place.frame.shape[-1]), net.offsets.dtype)
    return jnp.concatenate([zero, net.offsets[:, None]], axis=1)

"""Shallow networks trained by gradients: the baseline.

Directions, offsets and coefficients are one tree of parameters, and an optax transformation
descends along the gradient of the energy; all steps are one compiled loop.

Reference: E, Yu, The deep Ritz method, Commun. Math. Stat. 6 (2018), 1-12.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from approxnet import _checks, quadrature
from approxnet.shallow import energy as forms
from approxnet.shallow.derivatives import check_smoothness
from approxnet.shallow.energy import Energy
from approxnet.shallow.network import ShallowNetwork, from_arrays
from approxnet.shallow.samples import sample


class Trained(NamedTuple):
    """A network after training.

    Attributes:
      network: the last network, or the last one before a number was not finite.
      energies: (steps + 1,), before each step and at the end.
      errors: (steps + 1,), as those of ``Path``.
      finite: whether no number became nan or infinite.

    Example:
      >>> Trained._fields[:2]
      ('network', 'energies')
    """

    network: ShallowNetwork
    energies: jax.Array
    errors: jax.Array
    finite: jax.Array


def train(
    net: ShallowNetwork,
    target: Callable[[Any], Any] | Energy,
    transform: optax.GradientTransformationExtraArgs | optax.GradientTransformation,
    steps: int,
    *,
    inner: str = "l2",
    rule: quadrature.Rule | None = None,
) -> Trained:
    """Minimise an energy over all parameters of a network by gradients.

    Args:
      net: the start, n neurons.
      target: a function (..., d) -> (...), or an energy.
      transform: of optax, with a line search or without; static.
      steps: how many, each with all points; static.
      inner: of a function: "l2", or "h1" with the gradient.
      rule: for a function.

    Returns:
      Trained.

    Raises:
      ValueError: if steps < 0 or a rule is missing.
      NetworkError: if the arrays of the network do not fit.
      NonFiniteError: if a number of the network or a value of the target is nan or infinite.
      AssumptionError: if the activation has too few derivatives.

    Source: E, Yu (2018).

    Example:
      >>> from approxnet import shallow
      >>> net = shallow.draw_network(jax.random.key(0), 0.0, 1.0, 8, coefficients=1.0)
      >>> found = train(
      ...     net, lambda x: x[..., 0] ** 2, optax.adam(0.01), 50, rule=quadrature.box(32, 3)
      ... )
      >>> bool(found.errors[-1] < found.errors[0])
      True
    """
    net = from_arrays(net.directions, net.offsets, net.coefficients, net.activation)
    energy = forms.of(target, inner, rule)
    steps = _checks.count("steps", steps)
    check_smoothness(net.activation, energy.order)
    with jax.numpy_dtype_promotion("standard"):  # optax's line searches mix integers
        return run(net, energy, transform, steps)


@partial(jax.jit, static_argnames=("transform", "steps"))
def run(net: ShallowNetwork, energy: Energy, transform: Any, steps: int) -> Trained:
    """``train`` without checks, to be vmapped over networks.

    Example:
      >>> from approxnet import shallow
      >>> energy = shallow.l2(lambda x: x[..., 0], quadrature.box(8, 3))
      >>> net = shallow.draw_network(jax.random.key(0), 0.0, 1.0, 8)
      >>> run(net, energy, optax.sgd(0.01), 3).energies.shape
      (4,)
    """
    net, energy = forms.cast((net, energy), float)
    method = optax.with_extra_args_support(transform)

    def loss(net: ShallowNetwork) -> jax.Array:
        return forms.value(energy, sample(energy, net))

    def step(state: tuple[Any, Any, Any], _: None) -> tuple[tuple[Any, Any, Any], jax.Array]:
        net, memory, finite = state
        value, slope = jax.value_and_grad(loss)(net)
        updates, new = method.update(slope, memory, net, value=value, grad=slope, value_fn=loss)
        moved = optax.apply_updates(net, updates)
        leaves = [value, *jax.tree.leaves(slope), *jax.tree.leaves(moved)]
        finite = finite & jnp.stack([jnp.isfinite(leaf).all() for leaf in leaves]).all()
        kept = jax.tree.map(lambda a, b: jnp.where(finite, a, b), (moved, new), (net, memory))
        return (*kept, finite), value

    start = (net, method.init(net), jnp.asarray(True))
    (net, _, finite), energies = jax.lax.scan(step, start, None, length=steps)
    last = forms.value(energy, sample(energy, net))
    energies = jnp.append(energies, last)
    constant = _constant(energy)
    return Trained(net, energies, jnp.sqrt(2 * (energies - constant)), finite)


def _constant(energy: Energy) -> jax.Array:
    """The least energy that there is, of any samples for a sum of squares."""
    if not energy.squares:
        return energy.minimum
    s = jnp.where(energy.weights > 0, energy.weights, 1)
    return -(energy.load**2 / s).sum() / 2

"""Sparse training by regularised dual averaging with adaptive weights and momentum (xRDA).

To minimise f(x) + lambda sum_i w_i |x_i|, with g a gradient of f or of a batch of it and s the
step, one step is

    v <- e^{-s / tau} v + (1 - e^{-s / tau}) (g + decay x)         the mean of past gradients
    a <- e^{-s / tau_w} a + (1 - e^{-s / tau_w}) |x|               the mean of past magnitudes
    w  = M / (1 + (M - 1) a / max a)                               from 1, where a is largest, to M
    B <- alpha B + s w
    z <- alpha z + (1 - alpha) x - s v
    x  = sign(z) max(|z| - lambda B, 0).

From z = x_0 and v = a = B = 0. The weights make the penalty of a number that stays small M times
that of a large one, like a logarithm. With alpha = 0, M = 1 and v = g it is the proximal gradient
method, with alpha = 1 the regularised dual averaging of Xiao (2010): x minimises
s sum g.x + |x - x_0|^2 / 2 + lambda s k |x|_1. The maximum is that of each leaf of the tree.

Reference: Siegel, Chen, Zhang, Xu, Training sparse neural networks using compressed sensing,
arXiv:2008.09661; zero starting means as in the authors' program.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from approxnet import _checks
from approxnet.errors import AssumptionError
from approxnet.optimize.schedules import Number, Step, positive


class DualAverage(NamedTuple):
    """The state of ``xrda``: the letters of the module.

    Example:
      >>> float(xrda(0.1, strength=0.5).init(jnp.array(3.0)).z)
      3.0
    """

    count: jax.Array
    v: Any
    a: Any
    B: Any
    z: Any


def xrda(
    step: Step,
    *,
    strength: Number,
    spread: Number = 500.0,
    memory: Number = 9.5,
    weight_memory: Number | None = None,
    averaging: Number = 0.0,
    decay: Number = 0.0,
) -> optax.GradientTransformation:
    """The transformation of optax whose points have exact zeros.

    The defaults are those of the authors for ResNet-18 on CIFAR-10, there with step 1, strength
    1e-6 and decay 5e-4. Biases and scales that shall not be sparse are given to another method by
    ``optax.partition``.

    Args:
      step: s, a number or a schedule.
      strength: lambda >= 0.
      spread: M >= 1; 1 for equal weights.
      memory: tau > 0, in units of s: past gradients count e^{-s / tau} as much at each step.
      weight_memory: tau_w, None for tau.
      averaging: alpha in [0, 1].
      decay: >= 0, the factor of |x|^2 / 2 in f.

    Raises:
      AssumptionError: if a number is out of its range.
      ValueError: at the update, if the parameters are not given.

    Example:
      >>> from approxnet.optimize import trajectory
      >>> f = lambda x: jnp.sum((x - jnp.array([0.2, 3.0])) ** 2) / 2
      >>> transform = xrda(0.5, strength=0.5, spread=1.0, memory=0.01)
      >>> trajectory(f, jnp.zeros(2), transform, 40).points[-1].tolist()
      [0.0, 2.5]
    """
    positive("step", step(jnp.int32(0)) if callable(step) else step)
    tau = positive("memory", memory)
    tau_w = tau if weight_memory is None else positive("weight_memory", weight_memory)
    for name, value, low, high in (
        ("strength", strength, 0, float("inf")),
        ("spread", spread, 1, float("inf")),
        ("averaging", averaging, 0, 1),
        ("decay", decay, 0, float("inf")),
    ):
        if _checks.concrete(value) and not low <= value <= high:
            raise AssumptionError(f"{name} must be in [{low}, {high}], got {value}")

    def init(x: Any) -> DualAverage:
        zero = optax.tree.zeros_like(x)
        return DualAverage(jnp.int32(0), zero, zero, zero, x)

    def leaf(s: Any, g: Any, x: Any, v: Any, a: Any, B: Any, z: Any) -> tuple[Any, ...]:
        s = jnp.asarray(s, x.dtype)
        v = _mean(v, g + decay * x, s / tau)
        a = _mean(a, abs(x), s / tau_w)
        largest = jnp.max(a, initial=0)
        w = spread / (1 + (spread - 1) * a / jnp.where(largest > 0, largest, 1))
        B = averaging * B + s * w
        z = averaging * z + (1 - averaging) * x - s * v
        return jnp.sign(z) * jnp.maximum(abs(z) - strength * B, 0) - x, v, a, B, z

    def update(g: Any, state: DualAverage, x: Any = None) -> tuple[Any, DualAverage]:
        if x is None:
            raise ValueError(
                "params must be given to update, got None; the penalty is of their size"
            )
        count, *means = state
        s = step(count) if callable(step) else step
        new = jax.tree.map(partial(leaf, s), g, x, *means)
        inner = jax.tree.structure((0,) * 5)
        change, *means = jax.tree.transpose(jax.tree.structure(g), inner, new)
        return change, DualAverage(count + 1, *means)

    return optax.GradientTransformation(init, update)


def _mean(mean: jax.Array, new: jax.Array, rate: jax.Array) -> jax.Array:
    """e^{-rate} mean + (1 - e^{-rate}) new."""
    return jnp.exp(-rate) * mean - jnp.expm1(-rate) * new

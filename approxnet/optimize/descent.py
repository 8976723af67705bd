"""Gradient descent and its relatives, as transformations of optax.

With g_k the gradient of f at x_k, or of a batch of f, and s the step,

    gradient descent    x_{k+1} = x_k - s g_k
    heavy ball          x_{k+1} = x_k - s g_k + beta (x_k - x_{k-1})
    Nesterov            x_{k+1} = y_k - s g(y_k),  y_{k+1} = x_{k+1} + beta_{k+1} (x_{k+1} - x_k)

A step is a positive number or a schedule: a function of k, traced. What each method attains is in
``bounds``. The transformations chain with any other of optax.

References: Polyak, Introduction to Optimization (1987), chapters 1 to 3; Nesterov, Lectures on
Convex Optimization (2018), chapter 2.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from approxnet import _checks
from approxnet.errors import StepWarning
from approxnet.optimize.schedules import Schedule, Step, fraction, growing_momentum, positive


def gradient_descent(
    step: Step, *, smoothness: float | None = None
) -> optax.GradientTransformation:
    """x_{k+1} = x_k - s g_k.

    Args:
      step: s, a number or a schedule.
      smoothness: L, a Lipschitz constant of the gradient where one is known; a step of 2 / L or
        more then gives a warning.

    Raises:
      AssumptionError: if the step is not positive.

    Example:
      >>> transform = gradient_descent(0.5)
      >>> trajectory(lambda x: x**2 / 2, jnp.array(8.0), transform, 3).points.tolist()
      [8.0, 4.0, 2.0, 1.0]
    """
    _stable(step, smoothness, 2.0)
    return optax.sgd(step)


def sgd(
    step: Step,
    *,
    momentum: float = 0.0,
    projection: Callable[[Any], Any] | None = None,
) -> optax.GradientTransformation:
    """v_{k+1} = momentum v_k + g_k, x_{k+1} = P(x_k - s v_{k+1}), with the gradient of a batch.

    Args:
      step: s, a number or a schedule.
      momentum: in [0, 1).
      projection: P, onto a convex set, as from ``optax.projections``; None for the identity.

    Raises:
      AssumptionError: if the step is not positive or the momentum not in [0, 1).

    Example:
      >>> transform = sgd(1.0, projection=lambda x: jnp.maximum(x, 1.0))
      >>> trajectory(lambda x: 3 * x, jnp.array(5.0), transform, 2).points.tolist()
      [5.0, 2.0, 1.0]
    """
    _stable(step, None, 2.0)
    descent = optax.sgd(step, momentum=fraction("momentum", momentum))
    return descent if projection is None else optax.chain(descent, _projected(projection))


def _projected(projection: Callable[[Any], Any]) -> optax.GradientTransformation:
    def update(changes: Any, state: Any, x: Any = None) -> tuple[Any, Any]:
        inside = projection(optax.apply_updates(x, changes))
        return optax.tree.sub(inside, x), state

    return optax.GradientTransformation(lambda x: optax.EmptyState(), update)


def heavy_ball(
    step: Step, momentum: float, *, smoothness: float | None = None
) -> optax.GradientTransformation:
    """x_{k+1} = x_k - s g_k + beta (x_k - x_{k-1}), x_{-1} = x_0.

    Args:
      step: s, a number or a schedule.
      momentum: beta, in [0, 1).
      smoothness: L where it is known; a step of 2 (1 + beta) / L or more then gives a warning.

    Raises:
      AssumptionError: if the step is not positive or the momentum not in [0, 1).

    Example:
      >>> transform = heavy_ball(0.5, 0.5)
      >>> trajectory(lambda x: x**2 / 2, jnp.array(8.0), transform, 3).points.tolist()
      [8.0, 4.0, 0.0, -2.0]
    """
    _stable(step, smoothness, 2 * (1 + fraction("momentum", momentum)))
    return optax.chain(optax.scale_by_learning_rate(step), optax.trace(momentum))


class _LookAhead(NamedTuple):
    """How far y_k is ahead of x_k."""

    count: jax.Array
    ahead: Any


def nesterov(
    step: float, momentum: float | Schedule = growing_momentum, *, smoothness: float | None = None
) -> optax.GradientTransformation:
    """Nesterov's accelerated gradient method; the points of a trajectory are the y_k.

    The points of the theorems are x_{k+1} = y_k - s g(y_k).

    Args:
      step: s; the theorems ask for 1 / L.
      momentum: beta, in [0, 1), or a schedule of k >= 1; the default suits any convex function.
      smoothness: L where it is known; a step of 4 / (3 L) or more, which is too long for quadratics
        with momentum near 1, then gives a warning.

    Raises:
      AssumptionError: if the step is not positive or the momentum not in [0, 1).

    Example:
      >>> transform = nesterov(0.5)
      >>> trajectory(lambda x: x**2 / 2, jnp.array(8.0), transform, 3).points.tolist()
      [8.0, 4.0, 1.5, 0.25]
    """
    _stable(step, smoothness, 4 / 3)
    constant = None if callable(momentum) else fraction("momentum", momentum)
    beta = momentum if callable(momentum) else lambda _: constant

    def init(x: Any) -> _LookAhead:
        return _LookAhead(jnp.int32(0), optax.tree.zeros_like(x))

    def update(g: Any, state: _LookAhead, x: Any = None) -> tuple[Any, _LookAhead]:
        k = state.count + 1
        b = beta(k)
        ahead = jax.tree.map(lambda g, w: jnp.asarray(b, g.dtype) * (w - step * g), g, state.ahead)
        return jax.tree.map(lambda a, g: a - step * g, ahead, g), _LookAhead(k, ahead)

    return optax.GradientTransformation(init, update)


def armijo(
    step: float = 1.0, *, slope: float = 0.5, factor: float = 0.5, max_trials: int = 60
) -> optax.GradientTransformationExtraArgs:
    """Gradient descent with a line search for a decrease that the tangent promises.

    The step is the first t among step, factor step, factor^2 step, ... with

        f(x - t g) <= f(x) - slope t |g|^2.

    Where rounding leaves no such t, the last one is taken.

    Args:
      step: the first trial.
      slope: in (0, 1); what part of the promised decrease is asked for.
      factor: in (0, 1).
      max_trials: how often the step is shortened, static.

    Raises:
      AssumptionError: if step, slope or factor is out of its range.
      ValueError: if max_trials < 1.

    Example:
      >>> path = trajectory(lambda x: 2 * x**2, jnp.array(8.0), armijo(), 2)
      >>> path.points.tolist()
      [8.0, 0.0, 0.0]
    """
    positive("step", step)
    for name, value in (("slope", slope), ("factor", factor)):
        positive(name, fraction(name, value))
    trials = _checks.count("max_trials", max_trials, at_least=1)
    search = optax.scale_by_backtracking_linesearch(
        trials,
        slope_rtol=slope,
        decrease_factor=factor,
        increase_factor=float("inf"),
        max_learning_rate=step,
    )
    return optax.chain(optax.sgd(1.0), search)


def exact_line_search() -> optax.GradientTransformationExtraArgs:
    """Gradient descent with t = g.g / g.Hg, the minimiser of f(x - t g) if f is quadratic.

    H is the Hessian of f at x. At a point with g = 0 it stays.

    Example:
      >>> f = lambda x: 3 * jnp.sum(x**2)
      >>> trajectory(f, jnp.array([8.0, 1.0]), exact_line_search(), 1).points[1].tolist()
      [0.0, 0.0]
    """

    def update(
        g: Any, state: Any, x: Any = None, *, value_fn: Callable[[Any], Any], **_: Any
    ) -> tuple[Any, Any]:
        Hg = jax.jvp(jax.grad(value_fn), (x,), (g,))[1]
        square = optax.tree.vdot(g, g)
        t = square / jnp.where(square > 0, optax.tree.vdot(g, Hg), 1)
        return optax.tree.scale(-t, g), state

    return optax.GradientTransformationExtraArgs(lambda x: optax.EmptyState(), update)


def lbfgs(memory: int = 20) -> optax.GradientTransformationExtraArgs:
    """x_{k+1} = x_k - t_k H_k g_k, H_k made of the last steps; the values of f do not increase.

    t_k satisfies the strong Wolfe conditions; where f is infinite the line search steps back.
    Reference: Nocedal, Wright, Numerical Optimization (2006), algorithms 7.5 and 3.5.

    Args:
      memory: how many steps make H_k, static.

    Raises:
      ValueError: if memory < 1.

    Example:
      >>> path = trajectory(lambda x: jnp.sum((x - 3) ** 2), jnp.zeros(2), lbfgs(), 5)
      >>> float(path.values[0]), bool(path.values[-1] < 1e-12)
      (18.0, True)
    """
    return optax.lbfgs(memory_size=_checks.count("memory", memory, at_least=1))


def minibatches(
    key: jax.Array, n: int, *, size: int = 1, steps: int, replace: bool = True
) -> jax.Array:
    """Which examples each step of stochastic gradient descent sees: (steps, size), int32.

    Args:
      key: random key.
      n: the number of examples, static.
      size: examples in a batch, static.
      steps: static.
      replace: True for independent draws from all examples; False for a new permutation in each
        epoch, of which each example is in one batch; size must then divide n.

    Raises:
      ValueError: if a number is less than 1, or size does not divide n without replacement.

    Example:
      >>> batches = minibatches(jax.random.key(0), 6, size=2, steps=3, replace=False)
      >>> sorted(batches.ravel().tolist())
      [0, 1, 2, 3, 4, 5]
    """
    n, size = _checks.count("n", n, at_least=1), _checks.count("size", size, at_least=1)
    steps = _checks.count("steps", steps, at_least=1)
    if replace:
        return jax.random.randint(key, (steps, size), 0, n, dtype=jnp.int32)
    if n % size:
        raise ValueError(f"size must divide n without replacement, got size {size} and n {n}")
    epochs = -(-steps * size // n)
    indices = jnp.arange(n, dtype=jnp.int32)
    shuffled = jax.vmap(lambda k: jax.random.permutation(k, indices))(jax.random.split(key, epochs))
    return shuffled.reshape(-1, size)[:steps]


class Trajectory(NamedTuple):
    """The way of a method: points x_0, ..., x_steps, with the values and gradients there.

    Attributes:
      points: like x0, each leaf with a leading axis of length steps + 1.
      values: (steps + 1,).
      gradients: like points.

    Example:
      >>> path = trajectory(lambda x: x**2 / 2, jnp.array(8.0), gradient_descent(0.5), 2)
      >>> path.values.tolist(), path.gradients.tolist()
      ([32.0, 8.0, 2.0], [8.0, 4.0, 2.0])
    """

    points: Any
    values: jax.Array
    gradients: Any


def trajectory(
    f: Callable[..., jax.Array],
    x0: Any,
    transform: optax.GradientTransformation,
    steps: int,
    *,
    batches: tuple[Any, ...] = (),
) -> Trajectory:
    """Points, values and gradients on the way of a method; pure JAX, to be jitted and mapped.

    Args:
      f: a function of x, or of x and a batch; returns a number.
      x0: the start, a tree of floating-point arrays.
      transform: any transformation of optax, with a line search or without.
      steps: static.
      batches: further arguments of f, each with a leading axis of length steps + 1: at x_k the
        k-th entry is taken, so that the values and gradients are those of f(x_k, batch_k). A
        method that keeps gradients for the next step, as L-BFGS, takes none.

    Raises:
      ValueError: if steps < 0, if the batches are not steps + 1, or if a method that keeps
        gradients is given batches.

    Example:
      >>> f = lambda x, data: (x - data) ** 2 / 2
      >>> data = jnp.array([2.0, 4.0, 6.0])
      >>> trajectory(f, jnp.array(0.0), sgd(0.5), 2, batches=(data,)).points.tolist()
      [0.0, 1.0, 2.5]
    """
    steps = _checks.count("steps", steps)
    for leaf in jax.tree.leaves(batches):
        if leaf.ndim == 0 or len(leaf) != steps + 1:
            raise ValueError(
                f"batches must have a leading axis of length steps + 1 = {steps + 1}, got shape "
                f"{leaf.shape}; draw one for each point, the last one included"
            )
    method = optax.with_extra_args_support(transform)
    start = method.init(x0)
    keeps = optax.tree.get(start, "grad") is not None
    if keeps and batches:
        raise ValueError(
            "batches must be () for a method that keeps gradients for its next step; "
            "take one without a line search"
        )

    def step(carry: Any, batch: tuple[Any, ...]) -> tuple[Any, Trajectory]:
        x, state = carry

        def value(y: Any) -> jax.Array:
            return f(y, *batch)

        if keeps:
            now, g = optax.value_and_grad_from_state(value)(x, state=state)
        else:
            now, g = jax.value_and_grad(value)(x)
        change, state = method.update(g, state, x, value=now, grad=g, value_fn=value)
        return (optax.apply_updates(x, change), state), Trajectory(x, now, g)

    return jax.lax.scan(step, (x0, start), batches, length=steps + 1)[1]


def _stable(step: Any, smoothness: float | None, limit: float) -> None:
    """Raise if the first step is not positive, warn if it is limit / smoothness or more."""
    first = positive("step", step(jnp.int32(0)) if callable(step) else step)
    if smoothness is None or not _checks.concrete(first, smoothness):
        return
    longest = limit / positive("smoothness", smoothness)
    if first >= longest:
        warnings.warn(
            f"step must be less than {longest:.6g} for a gradient with the Lipschitz constant "
            f"{smoothness:.6g}, got {first:.6g}; the method may diverge, take a shorter step",
            StepWarning,
            stacklevel=3,
        )

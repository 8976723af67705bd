"""The path of L-BFGS down an energy, for the experiments that train.

    x_{k+1} = x_k - t_k H_k grad E(x_k),

with H_k made of the last MEMORY steps and t_k from a line search for the strong Wolfe conditions,
so that E(x_k) does not increase. Where E is infinite the line search steps back.

Reference: Nocedal, Wright, Numerical Optimization (2006), algorithms 7.5 and 3.5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import optax

MEMORY = 20


def descend(energy: Callable[[Any], jax.Array], start: Any, steps: int) -> tuple[Any, jax.Array]:
    """The points x_0, ..., x_steps of the path and their energies; pure JAX, to be jitted.

    Args:
      energy: a function of a tree of floating-point arrays.
      start: x_0, such a tree.
      steps: how many steps, static.

    Returns:
      the points, a tree whose leaves have the leading axis steps + 1, and the energies
      (steps + 1,).

    Example:
      >>> import jax.numpy as jnp
      >>> path, energies = descend(lambda x: jnp.sum((x - 3) ** 2), jnp.zeros(2), 5)
      >>> path.shape, float(energies[0]), float(abs(path[-1] - 3).max()) < 1e-6
      ((6, 2), 18.0, True)
    """
    optimizer = optax.lbfgs(memory_size=MEMORY)
    slope = optax.value_and_grad_from_state(energy)

    def step(carry: Any, _: Any) -> tuple[Any, Any]:
        x, state = carry
        value, gradient = slope(x, state=state)
        change, state = optimizer.update(
            gradient, state, x, value=value, grad=gradient, value_fn=energy
        )
        return (optax.apply_updates(x, change), state), (x, value)

    _, (path, energies) = jax.lax.scan(step, (start, optimizer.init(start)), length=steps + 1)
    return path, energies

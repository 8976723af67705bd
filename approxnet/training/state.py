"""What a training run is at one moment: everything that its future depends on.

The future is a function of ``State`` and of the data alone. The key never changes: what is random
in epoch e or in step t comes from it and from e or t,

    order of the examples in epoch e:          fold_in(fold_in(key, 0), e)
    augmentation in step t:                    fold_in(fold_in(key, 1), t)
    dropout in step t:                         fold_in(fold_in(key, 2), t)

so that a run which is stopped and resumed draws what it would have drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

ORDER, AUGMENT, DROPOUT = 0, 1, 2


class State(NamedTuple):
    """A training run at one moment; `init_state` makes the first.

    Attributes:
      params: what the optimizer changes.
      model_state: what training changes beside them, as the averages of batch normalisation.
      optimizer_state: what the optimizer remembers, as the momentum.
      step: () int32, how many steps have been done.
      key: random key, the same in every step.

    Example:
      >>> State({}, {}, (), jnp.int32(0), jax.random.key(0)).step.dtype
      dtype('int32')
    """

    params: Any
    model_state: Any
    optimizer_state: Any
    step: jax.Array
    key: jax.Array


def init_state(
    init: Callable[..., tuple[Any, Any]],
    optimizer: optax.GradientTransformation,
    key: jax.Array,
    x: Any,
) -> State:
    """The state before the first step.

    Args:
      init: ``init(key, x) -> (params, model_state)``.
      optimizer: any optax optimizer.
      key: random key; one part of it draws the parameters, another drives the training.
      x: (batch, ...), a batch or its ``jax.ShapeDtypeStruct``.

    Returns:
      The state at step 0.

    Example:
      >>> import optax
      >>> init = lambda key, x: ({"w": jax.random.normal(key, x.shape[1:])}, {})
      >>> init_state(init, optax.sgd(0.1), jax.random.key(0), jnp.ones((4, 3))).params["w"].shape
      (3,)
    """
    draw, drive = jax.random.split(key)
    params, model_state = init(draw, x)
    return State(params, model_state, optimizer.init(params), jnp.int32(0), drive)


def of_run(states: State, i: Any) -> State:
    """The state of one of several runs that are stacked on the first axes.

    Args:
      states: the states, stacked.
      i: an index of the first axis, or a tuple for several axes.

    Example:
      >>> keys = jax.random.split(jax.random.key(0))
      >>> states = State(jnp.ones((2, 3)), {}, (), jnp.zeros(2), keys)
      >>> of_run(states, 1).params.shape
      (3,)
    """
    data = jax.random.key_data(states.key)[i]  # to slice keys is to use them, for JAX's checker
    rest = jax.tree.map(lambda leaf: leaf[i], states._replace(key=()))
    return rest._replace(key=jax.random.wrap_key_data(data))

"""Recurrent networks: Elman's, and long short-term memory.

A sequence x_1, ..., x_T is read one element at a time into a hidden state that starts at 0,

    ElmanRNN   h_t = tanh(W x_t + U h_{t-1} + b)

    LSTM       i, f, o = sigmoid of, and g = tanh of, the four parts of W x_t + U h_{t-1} + b
               c_t = f c_{t-1} + i g,    h_t = o tanh(c_t)

and the logits are V h_t + a, of the last state or of all. W x_t + b is one product for all t; the
loop over t is ``lax.scan``. U starts orthogonal, W as ``xavier``, b at 0 but for the forget gate f,
where it starts at 1.

References: Elman, Cognitive Science 14 (1990); Hochreiter, Schmidhuber, Neural Computation 9
(1997); Gers, Schmidhuber, Cummins, Neural Computation 12 (2000) for the forget gate; Jozefowicz,
Zaremba, Sutskever, ICML 2015 for its bias.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from approxnet import _checks
from approxnet.models.initializers import orthogonal, xavier
from approxnet.models.layers import dense, logits


class ElmanRNN(nn.Module):
    """Elman's recurrent network.

    Attributes:
      num_classes: the number of outputs.
      hidden: the size of the hidden state.
      outputs: "last" for the logits of a sequence, "all" for those of each of its elements.

    Symbols are given as unit vectors:

    >>> text = jax.nn.one_hot(jnp.array([[2, 0, 1, 1]]), 3)
    >>> model = ElmanRNN(num_classes=3, outputs="all")
    >>> jax.eval_shape(model.init_with_output, jax.random.key(0), text)[0].shape
    (1, 4, 3)
    """

    num_classes: int = 10
    hidden: int = 128
    outputs: str = "last"

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        """The logits, (batch, num_classes) or (batch, time, num_classes).

        Args:
          x: (batch, time, ...), sequences; an image is the sequence of its rows.
          train: has no effect.
        """
        inputs = dense(_sequence(x), self.hidden, xavier)
        recurrent = self.param("recurrent", orthogonal, (self.hidden, self.hidden), x.dtype)

        def step(h: jax.Array, a: jax.Array) -> tuple[jax.Array, jax.Array]:
            h = jnp.tanh(a + h @ recurrent)
            return h, h

        start = jnp.zeros_like(inputs[0])
        _, states = lax.scan(step, start, inputs)
        return logits(_chosen(self.outputs, states), self.num_classes)


class LSTM(nn.Module):
    """A network with long short-term memory.

    Attributes:
      num_classes: the number of outputs.
      hidden: the size of the hidden state and of the memory cell.
      outputs: "last" for the logits of a sequence, "all" for those of each of its elements.

    An image is the sequence of its rows:

    >>> rows = jnp.ones((2, 28, 28, 1))
    >>> jax.eval_shape(LSTM().init_with_output, jax.random.key(0), rows)[0].shape
    (2, 10)
    """

    num_classes: int = 10
    hidden: int = 128
    outputs: str = "last"

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        """The logits, (batch, num_classes) or (batch, time, num_classes).

        Args:
          x: (batch, time, ...), sequences; an image is the sequence of its rows.
          train: has no effect.
        """
        inputs = dense(_sequence(x), 4 * self.hidden, xavier, _remember)
        shape = (self.hidden, 4 * self.hidden)
        recurrent = self.param("recurrent", orthogonal, shape, x.dtype)

        def step(
            state: tuple[jax.Array, jax.Array], a: jax.Array
        ) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
            h, c = state
            i, f, g, o = jnp.split(a + h @ recurrent, 4, axis=-1)
            c = nn.sigmoid(f) * c + nn.sigmoid(i) * jnp.tanh(g)
            h = nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        start = jnp.zeros_like(inputs[0, :, : self.hidden])
        _, states = lax.scan(step, (start, start), inputs)
        return logits(_chosen(self.outputs, states), self.num_classes)


def _remember(key: jax.Array, shape: tuple[int], dtype: Any) -> jax.Array:
    """The initial bias: 1 in the second quarter, that of the forget gate, 0 elsewhere."""
    return jnp.repeat(jnp.array([0, 1, 0, 0], dtype), shape[0] // 4)


def _sequence(x: jax.Array) -> jax.Array:
    """The elements as vectors, time first: (time, batch, features)."""
    if x.ndim < 3:
        raise ValueError(
            f"x must hold sequences (batch, time, ...), got shape {x.shape}; write x[..., None] "
            "for numbers and jax.nn.one_hot(x, n) for symbols"
        )
    return x.reshape(*x.shape[:2], -1).swapaxes(0, 1)


def _chosen(outputs: str, states: jax.Array) -> jax.Array:
    """The last of the states (time, batch, hidden), or all of them, batch first."""
    choices = {"last": states[-1], "all": states.swapaxes(0, 1)}
    return choices[_checks.one_of("outputs", outputs, choices)]

"""Multilayer perceptrons: dense layers with an activation between each two.

    h_0 = x,   h_i = sigma(W_i h_{i-1} + b_i),  i = 1, ..., k,   logits = W h_k + b.

With no hidden layer this is the model of logistic regression. The weights are those of
``approxnet.relu`` with the roles of rows and columns changed: a Flax kernel is (n_in, n_out).

References: the course's 784-500-10; for dropout Srivastava et al., JMLR 15 (2014).
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax

from approxnet import _checks
from approxnet.models.initializers import kaiming
from approxnet.models.layers import dense, dropout, logits
from approxnet.relu.activations import ACTIVATIONS


class MLP(nn.Module):
    """A multilayer perceptron; every sample is flattened.

    Attributes:
      hidden: the widths of the hidden layers.
      num_classes: the number of outputs.
      activation: a name in ``relu.ACTIVATIONS``.
      dropout: the probability with which a hidden neuron is silent in training.
      kernel_init: the initial weights of the hidden layers, ``kaiming`` or ``xavier``.

    A trained one is a network of ``approxnet.relu``:

    >>> from approxnet import relu
    >>> from approxnet.models.interface import functional
    >>> x = jax.numpy.ones((4, 2))
    >>> params, _ = functional(MLP(hidden=(5,), num_classes=3)).init(jax.random.key(0), x)
    >>> net = relu.from_layers([(p["kernel"].T, p["bias"]) for p in params.values()])
    >>> relu.apply(net, x).shape
    (4, 3)
    """

    hidden: tuple[int, ...] = (500,)
    num_classes: int = 10
    activation: str = "relu"
    dropout: float = 0.0
    kernel_init: Any = kaiming

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        """The logits, (batch, num_classes), of samples (batch, ...)."""
        activation = ACTIVATIONS[_checks.one_of("activation", self.activation, ACTIVATIONS)]
        x = x.reshape(x.shape[0], -1)
        for width in self.hidden:
            x = activation(dense(x, width, self.kernel_init))
            x = dropout(x, self.dropout, train)
        return logits(x, self.num_classes)

"""How much rounding a network of exact weights may show.

With |w| for the entries' absolute values, let

    m_1 = |W_1| |x| + |b_1|,    m_k = |W_k| m_{k-1} + |b_k|

bound the size of everything that a ReLU network adds up on the way to its last layer c. A neuron
is computed with an error of a few eps m, and the output with

    ROUNDINGS eps (|c| m + |b|).

ROUNDINGS = 8 counts the products and sums of a term: three in each of two hidden layers of few
inputs, and two in the output. The sum over the terms itself has many more roundings, of both
signs and smaller than its largest term; they average out (N. Higham, T. Mary, A new approach to
probabilistic rounding error analysis, SIAM J. Sci. Comput. 41 (2019), A2815-A2835).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from approxnet.relu.layers import to_csr
from approxnet.relu.network import Network

ROUNDINGS = 8


def tolerance(net: Network, lower: Any, upper: Any, eps: float = 2.0**-52) -> float:
    """The largest error that rounding explains on a box.

    Args:
      net: a network from R^d with the activation relu.
      lower: (d,), the lower corner of the box.
      upper: (d,), the upper corner.
      eps: the unit of the precision in force.

    Example:
      >>> from approxnet import relu
      >>> net = relu.from_layers([([[4.0]], [0.0]), ([[2.0]], [0.0])])
      >>> tolerance(net, [0.0], [1.0]) / 2.0**-52
      64.0
    """
    size = np.maximum(np.abs(lower), np.abs(upper))
    for layer in net.layers:
        size = abs(to_csr(layer)) @ size + np.abs(np.asarray(layer.bias_vector()))
    return float(ROUNDINGS * eps * size.max())

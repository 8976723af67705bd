"""ReLU networks as pure functions on pytrees: evaluation, sizes, storage, calculus."""

from approxnet.relu.activations import ACTIVATIONS, PIECEWISE_LINEAR
from approxnet.relu.layers import Affine, BlockDiagonal, SparseAffine, Stack
from approxnet.relu.network import (
    Network,
    apply,
    evaluate,
    from_layers,
    hidden_layers,
    n_neurons,
    widths,
)

__all__ = [
    "ACTIVATIONS",
    "Affine",
    "BlockDiagonal",
    "Network",
    "PIECEWISE_LINEAR",
    "SparseAffine",
    "Stack",
    "apply",
    "evaluate",
    "from_layers",
    "hidden_layers",
    "n_neurons",
    "widths",
]

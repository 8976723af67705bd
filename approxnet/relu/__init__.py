"""ReLU networks as pure functions on pytrees.

A network is a sequence of affine layers (dense, sparse, stacked, block diagonal) with an activation
between each two. ``from_layers`` and ``init`` build one, ``apply`` and ``evaluate`` evaluate it,
``split`` and ``join`` part its parameters from its structure, ``save`` and ``load`` keep it in a
file. The calculus (``compose``, ``parallel``, ``linear_combination``, ``identity``, ``pad_depth``,
``prune``) makes networks from networks, with the sizes stated; ``minimum`` and ``maximum`` are
networks of n numbers. ``linear_regions`` finds the cells on which a network is affine, with their
maps, and ``integrate``, ``norm_l2``, ``norm_h1`` and ``inner_product`` are exact on them.
"""

from approxnet.relu.activations import ACTIVATIONS, PIECEWISE_LINEAR
from approxnet.relu.bounds import max_regions
from approxnet.relu.calculus import compose, identity, linear_combination, pad_depth, parallel
from approxnet.relu.evaluation import apply, evaluate
from approxnet.relu.integrals import inner_product, integrate, norm_h1, norm_l2
from approxnet.relu.layers import Affine, BlockDiagonal, SparseAffine, Stack, sparse_affine, to_csr
from approxnet.relu.maxima import maximum, minimum
from approxnet.relu.network import (
    Network,
    from_layers,
    hidden_layers,
    n_neurons,
    n_nonzero,
    n_parameters,
    shape,
    widths,
)
from approxnet.relu.parameters import init, join, split
from approxnet.relu.pruning import prune
from approxnet.relu.regions import Regions, count_regions, linear_regions
from approxnet.relu.storage import load, save

__all__ = [
    "ACTIVATIONS",
    "Affine",
    "BlockDiagonal",
    "Network",
    "PIECEWISE_LINEAR",
    "Regions",
    "SparseAffine",
    "Stack",
    "apply",
    "compose",
    "count_regions",
    "evaluate",
    "from_layers",
    "hidden_layers",
    "identity",
    "init",
    "inner_product",
    "integrate",
    "join",
    "linear_combination",
    "linear_regions",
    "load",
    "max_regions",
    "maximum",
    "minimum",
    "n_neurons",
    "n_nonzero",
    "n_parameters",
    "norm_h1",
    "norm_l2",
    "pad_depth",
    "parallel",
    "prune",
    "save",
    "shape",
    "sparse_affine",
    "split",
    "to_csr",
    "widths",
]

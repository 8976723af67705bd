"""ReLU networks as pure functions on pytrees.

A network is a sequence of affine layers (dense, sparse, stacked, block diagonal) with an activation
between each two. ``from_layers`` and ``init`` build one, ``apply`` and ``evaluate`` evaluate it,
``split`` and ``join`` part its parameters from its structure, ``save`` and ``load`` keep it in a
file. The calculus (``compose``, ``parallel``, ``linear_combination``, ``identity``, ``pad_depth``,
``prune``) makes networks from networks, with the sizes stated; ``minimum`` and ``maximum`` are
networks of n numbers, and ``known_depth`` says how many hidden layers these need. ``sawtooth``,
``square``, ``product``, ``polynomial`` and ``analytic`` emulate functions by depth, each with its
error bound; ``power_polynomial`` is exact. ``linear_regions`` finds the cells on which a network is
affine, with their maps, and ``integrate``, ``norm_l2``, ``norm_h1`` and ``inner_product`` are exact
on them.
"""

from approxnet.relu.activations import ACTIVATIONS, PIECEWISE_LINEAR
from approxnet.relu.bounds import max_regions
from approxnet.relu.calculus import compose, identity, linear_combination, pad_depth, parallel
from approxnet.relu.emulation import (
    interpolated_product,
    product,
    product_error_bound,
    sawtooth,
    sawtooth_series,
    square,
    square_error_bound,
)
from approxnet.relu.evaluation import apply, evaluate
from approxnet.relu.integrals import inner_product, integrate, norm_h1, norm_l2
from approxnet.relu.layers import Affine, BlockDiagonal, SparseAffine, Stack, sparse_affine, to_csr
from approxnet.relu.maxima import Depth, known_depth, maximum, minimum
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
from approxnet.relu.polynomials import (
    analytic,
    analytic_error_bound,
    polynomial,
    polynomial_error_bound,
)
from approxnet.relu.powers import power_polynomial
from approxnet.relu.pruning import prune
from approxnet.relu.regions import Regions, count_regions, linear_regions
from approxnet.relu.storage import load, save

__all__ = [
    "ACTIVATIONS",
    "Affine",
    "BlockDiagonal",
    "Depth",
    "Network",
    "PIECEWISE_LINEAR",
    "Regions",
    "SparseAffine",
    "Stack",
    "analytic",
    "analytic_error_bound",
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
    "interpolated_product",
    "join",
    "known_depth",
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
    "polynomial",
    "polynomial_error_bound",
    "power_polynomial",
    "product",
    "product_error_bound",
    "prune",
    "save",
    "sawtooth",
    "sawtooth_series",
    "shape",
    "sparse_affine",
    "split",
    "square",
    "square_error_bound",
    "to_csr",
    "widths",
]

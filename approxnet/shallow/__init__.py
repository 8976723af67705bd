"""Shallow networks with guarantees: v(x) = sum_i c_i sigma(w_i.x + b_i).

``ShallowNetwork`` is the function, ``Energy`` what it minimises: the distance from a target, or the
energy of a differential equation (``elliptic``), of which the data alone are needed. The greedy
algorithms grow a network from a ``dictionary`` of atoms, with known rates.
"""

from approxnet.shallow import elliptic, spectral
from approxnet.shallow.atoms import Dictionary, dictionary
from approxnet.shallow.descent import Trained, train
from approxnet.shallow.energy import Energy, h1, l2
from approxnet.shallow.features import Fitted, draw_network, random_features
from approxnet.shallow.greedy import orthogonal_greedy, pure_greedy, relaxed_greedy
from approxnet.shallow.network import ShallowNetwork, evaluate, from_arrays, gradient, to_relu
from approxnet.shallow.path import REASONS, Path
from approxnet.shallow.refinement import Refined, refine_network
from approxnet.shallow.rules import exact_rule

__all__ = [
    "REASONS",
    "Dictionary",
    "Energy",
    "Fitted",
    "Path",
    "Refined",
    "ShallowNetwork",
    "Trained",
    "dictionary",
    "draw_network",
    "elliptic",
    "evaluate",
    "exact_rule",
    "from_arrays",
    "gradient",
    "h1",
    "l2",
    "orthogonal_greedy",
    "pure_greedy",
    "random_features",
    "refine_network",
    "relaxed_greedy",
    "spectral",
    "to_relu",
    "train",
]

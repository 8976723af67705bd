"""Shallow networks with guarantees: v(x) = sum_i c_i sigma(w_i.x + b_i).

``ShallowNetwork`` is the function, ``Energy`` what it minimises: the distance from a target, or the
energy of a differential equation (``elliptic``), of which the data alone are needed.
"""

from approxnet.shallow import elliptic
from approxnet.shallow.energy import Energy, l2
from approxnet.shallow.network import ShallowNetwork, evaluate, from_arrays, gradient, to_relu

__all__ = [
    "Energy",
    "ShallowNetwork",
    "elliptic",
    "evaluate",
    "from_arrays",
    "gradient",
    "l2",
    "to_relu",
]

"""The maps between linear finite element functions and ReLU networks, exact in both directions.

A P1 function on a mesh is a ReLU network with one hidden layer in one dimension and two in the
plane, and with logarithmically many in any dimension; its features depend on the mesh and its
output weights are linear in the nodal values. As a signed sum of maxima of its own pieces
(``maxima_form``) it takes two hidden layers up to five dimensions. Conversely a network is a P1
function on the mesh of its linear regions (``relu_to_fem``). ``condition_number`` and
``condition_bounds`` say how well ReLU and hats are conditioned as bases of P1 on a line.

Reference: He, Li, Xu, Zheng, J. Comput. Math. 38 (2020), 502-527.
"""

from approxnet.mapping.basis import BasisNetwork, Readout
from approxnet.mapping.conditioning import condition_bounds, condition_number, gram_factor
from approxnet.mapping.lagrange import lagrange_to_relu
from approxnet.mapping.signed_sum import MaximaForm, maxima_form
from approxnet.mapping.to_fem import FEMFunction, relu_to_fem
from approxnet.mapping.to_relu import Size, basis_network, fem_to_relu, hat_to_relu, size

__all__ = [
    "BasisNetwork",
    "FEMFunction",
    "MaximaForm",
    "Readout",
    "Size",
    "basis_network",
    "condition_bounds",
    "condition_number",
    "fem_to_relu",
    "gram_factor",
    "hat_to_relu",
    "lagrange_to_relu",
    "maxima_form",
    "relu_to_fem",
    "size",
]

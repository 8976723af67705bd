"""On a line a P1 function is a network with one hidden layer.

Let x_0 < ... < x_N be the nodes, v_i the values, s_i the slope on (x_i, x_{i+1}), and x_m a node
near the middle. Then

    v(x) = v_m + s_m relu(x - x_m) - s_{m-1} relu(x_m - x)
           + sum_{i>m} (s_i - s_{i-1}) relu(x - x_i) + sum_{0<i<m} (s_i - s_{i-1}) relu(x_i - x):

one neuron per inner node and one more, for any grid. The function continues linearly outside, and
over the gaps between the parts of a mesh that is not connected. The weights are the ones that
start from the left end (relu_i = relu(x - x_i) for all i), but the kinks cancel over half the
distance; on a uniform grid about 0.3 N^2 eps max|v| is lost to that cancellation.

Reference: He, Li, Xu, Zheng, J. Comput. Math. 38 (2020), section 3.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import scipy.sparse

from approxnet.fem.mesh import SimplexMesh
from approxnet.mapping.basis import Features, Plan
from approxnet.relu.layers import Affine


def plan(mesh: SimplexMesh, kept: np.ndarray) -> Plan:
    """One neuron per inner node and one more, at least two; ``kept`` makes no difference."""
    return Plan((max(len(mesh.nodes) - 1, 2),), partial(_features, mesh))


def _features(mesh: SimplexMesh) -> Features:
    """One neuron relu(+-(x - x_i)) per inner node, and both signs at the middle one."""
    nodes = np.asarray(mesh.nodes)[:, 0]
    order = np.argsort(nodes)
    x, last, m = nodes[order], len(nodes) - 1, len(nodes) // 2 - (len(nodes) == 2)
    rising, falling = np.arange(m + 1, last), np.arange(1, m)
    knots = np.r_[m, rising, m, falling]
    sign = np.repeat([1.0, -1.0], [1 + len(rising), 1 + len(falling)])
    pick = scipy.sparse.csr_array(scipy.sparse.eye_array(last + 1))
    slopes = (pick[1:] - pick[:-1]).multiply(1 / np.diff(x)[:, None]).tocsr()
    rows = [
        slopes[[min(m, last - 1)]],
        slopes[rising] - slopes[rising - 1],
        -slopes[[max(m - 1, 0)]],
        slopes[falling] - slopes[falling - 1],
        pick[[m]],
    ]
    readout = scipy.sparse.csr_array(scipy.sparse.vstack(rows))[:, np.argsort(order)]
    return Features((Affine(sign[:, None], -sign * x[knots]),), (readout,))

"""A ReLU network on a box is a linear finite element function, exactly.

The activation regions of the network (``approxnet.relu.regions``) are convex polytopes that fill
the box and meet in whole faces, and the network is affine on each. Every face of the complex is
parted into simplices by pulling its lowest vertex v, seen in some direction:

    F  =  the cones from v over the parts of those facets of F that do not hold v.

The rule looks at F alone, so regions on both sides of F part it alike: the mesh conforms. Its nodes
are the vertices of the regions, and their values are those of the network. Seen in the direction
(1, ..., 1) a box becomes Kuhn's.

No simplex is flat. A cut that passes through an edge passes through every face that holds it, and
gives each a corner there; so no vertex lies inside an edge or a facet of a region, a facet without
v lies off v, and its cone has volume. (Nodes in the middle of the regions would make two to seven
times as many simplices, no thicker ones.) Still a region whose faces are nearly parallel has
corners nearly in line, and a cone over them may be as thin as rounding; then other directions are
tried. Where a region is as thin as that itself, there is no mesh in double precision, and the
network is refused.

Reference: He, Li, Xu, Zheng, J. Comput. Math. 38 (2020), 502-527; De Loera, Rambau, Santos,
Triangulations (2010), section 4.3, on pulling.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from approxnet.errors import MeshError
from approxnet.fem.connectivity import orient
from approxnet.fem.construction import assemble
from approxnet.fem.mesh import SimplexMesh
from approxnet.fem.validation import check_distinct, check_facets, check_volumes
from approxnet.relu.complexes import Complex
from approxnet.relu.network import Network
from approxnet.relu.regions import Weights, activation_complex

DIRECTIONS = 8
"""How many are tried. For 300 nets in space with kinks that nearly meet the first direction failed
83 times, the first four 14 times, all of them 11 times, and twenty 10 times."""


class FEMFunction(NamedTuple):
    """A continuous function, affine on each cell of a mesh.

    Attributes:
      mesh: a mesh with n nodes.
      values: (n,) or (n, m), nodal values.

    >>> from approxnet import fem
    >>> mesh, values = FEMFunction(fem.interval([0.0, 1.0]), np.array([2.0, 4.0]))
    >>> fem.evaluate(mesh, values, np.array([0.5])).item()
    3.0
    """

    mesh: SimplexMesh
    values: np.ndarray


def relu_to_fem(net: Network, lower: ArrayLike, upper: ArrayLike) -> FEMFunction:
    """The P1 function that a network is on a box; host only.

    Args:
      net: a network (d, ..., m) with d <= 4 and concrete leaves, its activations piecewise linear
        (``relu.PIECEWISE_LINEAR``).
      lower: (d,) or a number, the lower corner of the box.
      upper: (d,) or a number, the upper corner.

    Returns:
      A conforming mesh of the box and the values of the network at its nodes, (n,) if m = 1 and
      (n, m) otherwise, in double precision. The function equals the network up to rounding. Cells
      have positive volume, and their longest edge joins the first and the last vertex.

    Raises:
      AssumptionError: if an activation is not piecewise linear; names the layer.
      ValueError: if d > 4, or unless lower < upper on every axis.
      MeshError: if a region is as thin as the rounding of its vertices; names the place.

    Source: He, Li, Xu, Zheng, J. Comput. Math. 38 (2020), section 2.

    >>> from approxnet import fem, relu
    >>> net = relu.from_layers([([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]), ([[1.0, -1.0]], [0.0])])
    >>> mesh, values = relu_to_fem(net, -1.0, 1.0)  # relu(x) - relu(y): four squares
    >>> mesh.nodes.shape, mesh.cells.shape, fem.evaluate(mesh, values, np.array([0.5, 0.3])).item()
    ((9, 2), (8, 3), 0.2)
    """
    complex, layers = activation_complex(net, lower, upper)
    mesh = _mesh(complex)
    values = _values(layers, mesh.nodes)
    return FEMFunction(mesh, values[:, 0] if values.shape[1] == 1 else values)


def _mesh(complex: Complex) -> SimplexMesh:
    """The mesh in the first of the directions in which no simplex is flat."""
    nodes, thin = complex.points.T.copy(), MeshError()
    for k in range(DIRECTIONS):
        height = nodes @ np.cos(k * np.arange(1, complex.d + 1))
        cells, _ = complex.simplices(np.argsort(height, kind="stable"))
        try:
            return _conforming(nodes, cells)
        except MeshError as error:
            thin = error
    raise MeshError(
        "the regions of net must be thicker than rounding to be a mesh; give equal weights to "
        f"neurons whose kinks differ by rounding. The thin place: {thin}"
    ) from thin


def _conforming(nodes: np.ndarray, cells: np.ndarray) -> SimplexMesh:
    """The mesh of simplices that meet in whole faces, unless one is flat or turned over."""
    check_distinct(nodes)
    check_volumes(nodes, cells)
    cells = orient(nodes, cells)
    check_facets(nodes, cells)
    return assemble(nodes, cells)


def _values(layers: Weights, x: np.ndarray) -> np.ndarray:
    """(n, m), the values at points (n, d) of layers with relu between them."""
    features = x.T
    for weight, bias in layers[:-1]:
        features = np.maximum(weight @ features + bias[:, None], 0)
    weight, bias = layers[-1]
    return (weight @ features + bias[:, None]).T

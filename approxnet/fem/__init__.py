"""Linear finite elements on simplicial meshes in d dimensions."""

from approxnet.fem.assembly import apply_mass, apply_stiffness, load, mass, stiffness
from approxnet.fem.boxes import box
from approxnet.fem.lagrange import (
    LagrangeNodes,
    basis,
    evaluate,
    gradient,
    interpolate,
    lagrange_basis,
    lagrange_nodes,
)
from approxnet.fem.location import locate
from approxnet.fem.mesh import SimplexMesh, delaunay, from_arrays, interval

__all__ = [
    "LagrangeNodes",
    "SimplexMesh",
    "apply_mass",
    "apply_stiffness",
    "basis",
    "box",
    "delaunay",
    "evaluate",
    "from_arrays",
    "gradient",
    "interpolate",
    "interval",
    "lagrange_basis",
    "lagrange_nodes",
    "load",
    "locate",
    "mass",
    "stiffness",
]

"""Linear finite elements on simplicial meshes in d dimensions."""

from approxnet.fem.assembly import apply_mass, apply_stiffness, load, mass, stiffness
from approxnet.fem.boxes import box
from approxnet.fem.error_norms import error_h1, error_l2, error_max
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
from approxnet.fem.poisson import float32_floor, solve_poisson

__all__ = [
    "LagrangeNodes",
    "SimplexMesh",
    "apply_mass",
    "apply_stiffness",
    "basis",
    "box",
    "delaunay",
    "error_h1",
    "error_l2",
    "error_max",
    "evaluate",
    "float32_floor",
    "from_arrays",
    "gradient",
    "interpolate",
    "interval",
    "lagrange_basis",
    "lagrange_nodes",
    "load",
    "locate",
    "mass",
    "solve_poisson",
    "stiffness",
]

"""Linear finite elements on simplicial meshes in d dimensions.

A mesh comes from a factory (``interval``, ``box``, ``delaunay``, ``from_arrays``, ``read``) or
from another mesh (``refine``, ``bisect``, ``insert``, ``adapt``). A finite element function is a
mesh and the values at its nodes: ``interpolate`` and ``solve_poisson`` make it, ``evaluate`` and
``gradient`` use it. The systems of equations are ``mass``, ``stiffness`` and ``load``.
"""

from approxnet.fem.adaptive import adapt, estimate, mark
from approxnet.fem.assembly import apply_mass, apply_stiffness, load, mass, stiffness
from approxnet.fem.boxes import box
from approxnet.fem.construction import from_arrays, interval
from approxnet.fem.error_norms import error_h1, error_l2, error_max
from approxnet.fem.geometry import (
    boundary_nodes,
    diameters,
    is_locally_convex,
    shape_regularity,
    volumes,
)
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
from approxnet.fem.mesh import SimplexMesh
from approxnet.fem.meshio import MeshFile, read, write
from approxnet.fem.poisson import float32_floor, solve_poisson
from approxnet.fem.refinement import Refinement, bisect, insert, refine
from approxnet.fem.triangulation import delaunay

__all__ = [
    "LagrangeNodes",
    "MeshFile",
    "Refinement",
    "SimplexMesh",
    "adapt",
    "apply_mass",
    "apply_stiffness",
    "basis",
    "bisect",
    "boundary_nodes",
    "box",
    "delaunay",
    "diameters",
    "error_h1",
    "error_l2",
    "error_max",
    "estimate",
    "evaluate",
    "float32_floor",
    "from_arrays",
    "gradient",
    "insert",
    "interpolate",
    "interval",
    "is_locally_convex",
    "lagrange_basis",
    "lagrange_nodes",
    "load",
    "locate",
    "mark",
    "mass",
    "read",
    "refine",
    "shape_regularity",
    "solve_poisson",
    "stiffness",
    "volumes",
    "write",
]

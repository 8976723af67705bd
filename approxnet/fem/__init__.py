"""Linear finite elements on simplicial meshes in d dimensions."""

from approxnet.fem.boxes import box
from approxnet.fem.location import locate
from approxnet.fem.mesh import SimplexMesh, delaunay, from_arrays, interval

__all__ = ["SimplexMesh", "box", "delaunay", "from_arrays", "interval", "locate"]

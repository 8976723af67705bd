"""P1 functions as ReLU networks, 10^5 random nodes in the plane and 10^4 tetrahedra: seconds.

    python experiments/benchmarks/fem_to_relu.py [--nodes N]

No other package maps finite element functions to networks, so there is no peer; the time of the
Delaunay triangulation of the same points in the same process stands beside it. The first call of
a process also pays for the memory that it is the first to touch.

Cost: about 20 s. Asked: at most 1 s for either form in the plane, 5 s in space. Measured on two
cores: Delaunay 1.2 s; polygon 0.8 s, first call 1.0; tripod 0.9 s, first call 1.2; maxima
0.5 s.
"""

from __future__ import annotations

import argparse
import statistics
import time

import jax
import numpy as np

from approxnet import fem, mapping, relu
from approxnet.reproduce import meshes


def measure(nodes: int, repeats: int = 5) -> None:
    """Print a line for the mesh and one for each form."""
    rng = np.random.default_rng(0)
    points, values = rng.random((nodes, 2)), rng.normal(size=nodes)
    start = time.perf_counter()
    mesh = fem.delaunay(points)
    print(f"Delaunay  {time.perf_counter() - start:.2f} s, {len(mesh.cells)} triangles")
    _time(mesh, values, ("polygon", "tripod"), repeats)
    mesh = meshes.random_cube(1550, rng)
    values = rng.normal(size=len(mesh.nodes))
    values[fem.boundary_nodes(mesh)] = 0.0
    print(f"{len(mesh.cells)} tetrahedra, values 0 on the boundary")
    _time(mesh, values, ("maxima",), repeats)


def _time(
    mesh: fem.SimplexMesh, values: np.ndarray, methods: tuple[str, ...], repeats: int
) -> None:
    for method in methods:
        seconds = []
        for _ in range(repeats):
            start = time.perf_counter()
            net = mapping.fem_to_relu(mesh, values, method=method)
            seconds.append(time.perf_counter() - start)
        print(
            f"{method:9} {statistics.median(seconds[1:]):.2f} s, first call {seconds[0]:.2f} s, "
            f"{relu.n_neurons(net)} neurons"
        )


def main() -> None:
    """Measure in double precision."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--nodes", type=int, default=100_000)
    with jax.enable_x64(True):
        measure(parser.parse_args().nodes)


if __name__ == "__main__":
    main()

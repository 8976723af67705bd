"""P1 stiffness of about 10^6 triangles: approxnet against scikit-fem in one process.

    python experiments/benchmarks/assembly.py

Compared: mesh, CSR matrix and everything between, on the same uniform triangulation of the square
(708 x 708 squares, 1,002,528 triangles). Ours is ``fem.box`` and ``fem.stiffness``; theirs is
``MeshTri.init_tensor``, ``Basis`` and ``laplace.assemble``. The first run of each pays for fresh
memory and is shown apart; the others are summed up by their median. The matrices are compared.

Cost: about 20 s and 2 GiB. Asked: 4 times faster; goal 100 ns per triangle. Needs the extra
``bench``.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from approxnet import fem


def ours(side: int) -> dict[str, Any]:
    """The seconds of each phase, and the matrix."""
    start = time.perf_counter()
    mesh = fem.box((side, side))
    meshed = time.perf_counter()
    matrix = fem.stiffness(mesh)
    return {
        "mesh": meshed - start,
        "assembly": time.perf_counter() - meshed,
        "nodes": mesh.nodes,
        "matrix": matrix,
    }


def theirs(side: int) -> dict[str, Any]:
    """The same by scikit-fem."""
    from skfem import Basis, ElementTriP1, MeshTri
    from skfem.models.poisson import laplace

    line = np.linspace(0, 1, side + 1)
    start = time.perf_counter()
    mesh = MeshTri.init_tensor(line, line)
    meshed = time.perf_counter()
    basis = Basis(mesh, ElementTriP1())
    based = time.perf_counter()
    matrix = laplace.assemble(basis)
    return {
        "mesh": meshed - start,
        "basis": based - meshed,
        "assembly": time.perf_counter() - based,
        "nodes": mesh.p.T,
        "matrix": matrix,
    }


def report(name: str, run: Callable[[int], dict[str, Any]], side: int, repeats: int) -> float:
    """Print the nanoseconds per triangle of each phase; the median total."""
    runs = [run(side) for _ in range(repeats + 1)]
    phases = [key for key in runs[0] if key not in ("nodes", "matrix")]
    scale = 1e9 / (2 * side**2)
    first = scale * sum(runs[0][phase] for phase in phases)
    medians = {p: scale * statistics.median(r[p] for r in runs[1:]) for p in phases}
    total = scale * statistics.median(sum(r[p] for p in phases) for r in runs[1:])
    parts = ", ".join(f"{phase} {value:.0f}" for phase, value in medians.items())
    print(f"{name:12s} {total:7.0f} ns per triangle ({parts}); first run {first:.0f}")
    return total


def difference(side: int) -> float:
    """The largest difference of the quadratic forms on a smooth function, relative."""
    energies = []
    for run in (ours, theirs):
        result = run(side)
        v = np.sin(3 * result["nodes"][:, 0]) * np.exp(result["nodes"][:, 1])
        energies.append(v @ (result["matrix"] @ v))
    return abs(energies[0] - energies[1]) / abs(energies[1])


def main() -> None:
    """Run both and print the ratio."""
    parser = argparse.ArgumentParser(description="P1 stiffness against scikit-fem")
    parser.add_argument("--side", type=int, default=708, help="squares per side")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    print(f"{2 * arguments.side**2} triangles, {arguments.repeats} repeats")
    mine = report("approxnet", ours, arguments.side, arguments.repeats)
    peer = report("scikit-fem", theirs, arguments.side, arguments.repeats)
    print(f"ratio {peer / mine:.1f}; energies differ by {difference(100):.1e}")


if __name__ == "__main__":
    main()

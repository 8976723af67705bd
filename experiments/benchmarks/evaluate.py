"""A P1 function at 10^6 random points: approxnet against matplotlib in one process.

    python experiments/benchmarks/evaluate.py

Compared, in float64: ``jit(fem.evaluate)`` against ``matplotlib.tri.LinearTriInterpolator`` with
its trapezoid-map finder, on a Delaunay mesh of 16,386 random nodes (about 32,750 triangles) and on
the uniform one with 32,768. Building the mesh and the locator, and compiling, are shown apart. The
values of both are compared.

Cost: about 30 s. Asked: 5 times faster; goal 250 ns per point on the unstructured mesh and 40 on
the uniform one.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from approxnet import fem


def unstructured() -> fem.SimplexMesh:
    """The Delaunay mesh of random points and the corners of the square."""
    points = np.random.default_rng(0).random((16_382, 2))
    return fem.delaunay(np.concatenate([[[0, 0], [1, 0], [0, 1], [1, 1]], points]))


def uniform() -> fem.SimplexMesh:
    """The uniform mesh of the square."""
    return fem.box((128, 128))


def timed(call: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """The median seconds of a call and its last result."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = call()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), result


def compare(name: str, make: Callable[[], fem.SimplexMesh], count: int, repeats: int) -> None:
    """Print both and the ratio."""
    from matplotlib.tri import LinearTriInterpolator, Triangulation

    start = time.perf_counter()
    mesh = make()
    built = time.perf_counter() - start
    rng = np.random.default_rng(1)
    x, values = rng.random((count, 2)), rng.normal(size=len(mesh.nodes))

    evaluate = jax.jit(fem.evaluate)
    arguments = jax.device_put((mesh, values, jnp.asarray(x)))
    start = time.perf_counter()
    jax.block_until_ready(evaluate(*arguments))
    first = time.perf_counter() - start
    mine, got = timed(lambda: jax.block_until_ready(evaluate(*arguments)), repeats)

    start = time.perf_counter()
    triangulation = Triangulation(mesh.nodes[:, 0], mesh.nodes[:, 1], mesh.cells)
    interpolator = LinearTriInterpolator(triangulation, values)
    prepared = time.perf_counter() - start
    peer, expected = timed(lambda: interpolator(x[:, 0], x[:, 1]), max(1, repeats // 2))
    gap = float(np.max(np.abs(np.asarray(got) - expected)))

    scale = 1e9 / count
    print(
        f"{name:12s} {len(mesh.cells)} triangles: approxnet {scale * mine:.0f} ns per point "
        f"(mesh {built:.2f} s, first call {first:.2f} s), matplotlib {scale * peer:.0f} "
        f"(set-up {prepared:.2f} s); ratio {peer / mine:.1f}, values differ by {gap:.1e}"
    )


def main() -> None:
    """Run both meshes."""
    parser = argparse.ArgumentParser(description="P1 evaluation against matplotlib")
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    compare("unstructured", unstructured, arguments.points, arguments.repeats)
    compare("uniform", uniform, arguments.points, arguments.repeats)


if __name__ == "__main__":
    main()

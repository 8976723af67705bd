"""The linear regions of three random networks: seconds, memory, and whether they are right.

    OPENBLAS_NUM_THREADS=1 python experiments/benchmarks/regions.py [--repeats N]

Everything that ``relu.linear_regions`` returns is included: vertices, corners, affine maps and
neighbours. He weights, biases N(0, 1/4), box [-1, 1]^d, float64. The least time of the repeats
counts; the product of a 16,384 x 256 and a 256 x 256 matrix in the same process tells how fast the
machine is. The memory is the peak of what is allocated during a call. Checked in the same run: the
volumes add up to that of the box, the Euler characteristic of the cells is 1, and the affine maps
give the values of the network at the centres of their cells.

Cost: about 15 s and 1 GiB. Asked: see ``JOBS``. Measured in one thread (AMD EPYC), the product
taking 0.030 s: 0.018 s and 6 MB for 8,161 regions, 0.36 s and 84 MB for 73,564, 0.124 s and 23 MB
for 18,654 in space.
"""

from __future__ import annotations

import argparse
import itertools
import math
import time
import tracemalloc
from collections.abc import Callable

import jax
import numpy as np

from approxnet import relu
from approxnet.relu.regions import activation_complex

JOBS = {(2, 64, 64, 64, 1): (0.05, None), (2, 256, 256, 1): (0.6, 300), (3, 32, 32, 1): (0.2, None)}
"""The shape of each network, with the seconds and MB that are asked."""


def network(shape: tuple[int, ...]) -> relu.Network:
    """The network with random weights."""
    rng = np.random.default_rng(0)
    return relu.from_layers(
        (rng.normal(size=(n, k)) * math.sqrt(2 / k), rng.normal(size=n) / 2)
        for k, n in itertools.pairwise(shape)
    )


def seconds(job: Callable[[], object], repeats: int) -> float:
    """The least time of a job."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        job()
        times.append(time.perf_counter() - start)
    return min(times)


def megabytes(job: Callable[[], object]) -> float:
    """The peak of the memory that a job allocates."""
    tracemalloc.start()
    job()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def plane(regions: relu.Regions) -> tuple[float, int]:
    """The sum of the areas, and V - E + F."""
    count = np.diff(regions.starts)
    tail, following = regions.corners, np.arange(1, len(regions.corners) + 1)
    following[regions.starts[1:] - 1] = regions.starts[:-1]
    head = tail[following]
    x = regions.vertices[tail] - np.repeat(regions.vertices[tail[regions.starts[:-1]]], count, 0)
    y = x[following]
    edges = np.unique(np.sort(np.stack([tail, head]), axis=0), axis=1)
    euler = len(regions.vertices) - edges.shape[1] + len(count)
    return (x[:, 0] * y[:, 1] - x[:, 1] * y[:, 0]).sum() / 2, euler


def space(net: relu.Network) -> tuple[float, int]:
    """The sum of the volumes, and the alternating sum of the numbers of faces."""
    cells, _ = activation_complex(net, -1.0, 1.0)
    x = cells.points.T[cells.simplices()[0]]
    volume = np.abs(np.linalg.det(x[:, 1:] - x[:, :1])).sum() / math.factorial(cells.d)
    return volume, sum((-1) ** k * n for k, n in enumerate(cells.n_faces))


def map_error(net: relu.Network, regions: relu.Regions) -> float:
    """The largest error of the affine maps at the centres, relative to the largest value."""
    count = np.diff(regions.starts)[:, None]
    x = np.add.reduceat(regions.vertices[regions.corners], regions.starts[:-1]) / count
    expected = x.T
    for layer in net.layers[:-1]:
        expected = np.maximum(relu.to_csr(layer) @ expected + layer.bias_vector()[:, None], 0)
    last = net.layers[-1]
    expected = (relu.to_csr(last) @ expected + last.bias_vector()[:, None]).T
    found = np.einsum("cmd,cd->cm", regions.slopes, x) + regions.intercepts
    return np.abs(found - expected).max() / np.abs(expected).max()


def measure(repeats: int) -> None:
    """Print a line per network."""
    matrix = np.random.default_rng(0).normal(size=(16_384, 256))
    product = seconds(lambda: matrix @ matrix[:256], repeats)
    print(f"reference product {product:.4f} s")
    for shape, (asked, asked_memory) in JOBS.items():
        net = network(shape)
        time_ours = seconds(lambda net=net: relu.linear_regions(net, -1.0, 1.0), repeats)
        peak = megabytes(lambda net=net: relu.linear_regions(net, -1.0, 1.0))
        regions = relu.linear_regions(net, -1.0, 1.0)
        volume, euler = plane(regions) if shape[0] == 2 else space(net)
        error = abs(volume / 2 ** shape[0] - 1)
        wrong = map_error(net, regions)
        right = error < 1e-12 and euler == 1 and wrong < 1e-12
        limit = f", asked {asked_memory}" if asked_memory else ""
        print(
            f"{list(shape)}: {len(regions.slopes)} regions in {time_ours:.3f} s, asked {asked}; "
            f"{time_ours / product:.2f} products; {peak:.0f} MB{limit}; volume {error:.0e}, "
            f"Euler {euler}, maps {wrong:.0e}: {'right' if right else 'WRONG'}"
        )


def main() -> None:
    """Measure in double precision."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=10)
    with jax.enable_x64(True):
        measure(parser.parse_args().repeats)


if __name__ == "__main__":
    main()

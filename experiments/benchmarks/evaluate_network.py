"""Evaluate a network of 35,000 neurons at 10^5 points: seconds, memory, distance from the limit.

    python experiments/benchmarks/evaluate_network.py [--points N]

The network has the shape of a piecewise linear function on a planar mesh: a dense first layer of
15,000 neurons, a second of 20,000 that read k = 4 of them each, and two that read all. The limit is
the bandwidth of the cache: of each chunk of points, every feature is written and read once, and
once more for every connection that reads it,

    bytes per point = itemsize (sum of connections of sparse layers + 2 sum of widths).

The bandwidth is that of NumPy's ``add`` on buffers of the size of a chunk, in one thread per core,
measured in the same process. The peer is the same chunked evaluation with NumPy and SciPy's CSR
product.

Measured on two cores (AMD EPYC, 1 MiB level-2 cache each, 32 MiB level 3, AVX-512), 35,002 neurons
at 10^5 points: float32 0.82 s, 10 MiB added, 2.4 times the limit, the peer 4.3 s; float64 2.0 s,
20 MiB, 2.6 to 3.0 times, the peer 9 s. Half the points take 0.42 s and half the neurons 0.44 s in
float32, 1.1 s and 0.9 s in float64. Seconds per 10^5 points in float32 for other forms of the
sparse layer, scaled up from 2,048 or 8,192 points in chunks of 64: a loop over the k columns 0.8,
an einsum over the gathered features 2.1, a segment sum 3.5; for the loop in chunks of 32, 64, 128,
256, 1024: 1.1, 0.8, 0.8, 1.5, 2.4.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import os
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from approxnet import relu
from approxnet.relu.evaluation import CHUNK_BYTES


def network(first: int, second: int, k: int, dtype: str) -> relu.Network:
    """The network with these widths, on which random weights are as good as any."""
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(dtype)

    columns = rng.integers(0, first, (second, k)).astype(np.int32)
    local = relu.SparseAffine(columns, normal(second, k), normal(second), first)
    carriers = relu.Affine(normal(2, first), normal(2))
    return relu.from_layers(
        [
            (normal(first, 2), normal(first)),
            relu.Stack((local, carriers)),
            (normal(1, second + 2), normal(1)),
        ]
    )


def seconds(job: Callable[[], object], repeats: int = 3) -> float:
    """The least time of a job after one call to warm up."""
    job()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        job()
        times.append(time.perf_counter() - start)
    return min(times)


def bandwidth(dtype: str) -> float:
    """Bytes per second of a = b + 1 in buffers that fit the cache, all cores together."""
    cores = os.cpu_count() or 1
    size = CHUNK_BYTES // (2 * cores * np.dtype(dtype).itemsize)
    buffers = [np.ones((2, size), dtype) for _ in range(cores)]

    def add(pair: np.ndarray) -> None:
        for _ in range(100):
            np.add(pair[0], 1, out=pair[1])

    with concurrent.futures.ThreadPoolExecutor(cores) as pool:
        time_each = seconds(lambda: list(pool.map(add, buffers))) / 100
    return sum(pair.nbytes for pair in buffers) / time_each


def peer(net: relu.Network, x: np.ndarray) -> np.ndarray:
    """The network in NumPy and SciPy, 64 points at a time."""
    matrices = [relu.to_csr(layer).astype(x.dtype) for layer in net.layers]
    first, output = (matrices[i].toarray() for i in (0, -1))
    biases = [np.asarray(layer.bias_vector())[:, None] for layer in net.layers]
    values = []
    for chunk in np.array_split(x, -(-len(x) // 64)):
        h = np.maximum(first @ chunk.T + biases[0], 0)
        h = np.maximum(matrices[1] @ h + biases[1], 0)
        values.append((output @ h + biases[2])[0])
    return np.concatenate(values)


def measure(first: int, second: int, k: int, n: int, dtype: str) -> str:
    """One line of the table."""
    host = network(first, second, k, dtype)
    net = jax.device_put(host)
    points = np.random.default_rng(1).normal(size=(n, 2)).astype(dtype)
    x = jnp.asarray(points)
    evaluate = jax.jit(relu.evaluate).lower(net, x).compile()
    memory = evaluate.memory_analysis()
    added = memory.temp_size_in_bytes if memory else float("nan")
    time_ours = seconds(lambda: evaluate(net, x).block_until_ready())
    per_point = np.dtype(dtype).itemsize * (second * k + 2 * relu.n_neurons(net))
    limit = n * per_point / bandwidth(dtype)
    few = points[: n // 50]
    time_peer = 50 * seconds(lambda: peer(host, few), repeats=1)
    error = np.abs(evaluate(net, x)[: len(few)] - peer(host, few)).max()
    scale = np.abs(peer(host, few)).max()
    return (
        f"{dtype:8} {relu.n_neurons(net):7} {n:8} {time_ours:9.3f} {time_peer:9.3f} "
        f"{time_ours / limit:9.1f} {added / 2**20:9.1f} {error / scale:11.1e}"
    )


def main() -> None:
    """Print the table: both precisions; half the neurons and half the points for linearity."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--points", type=int, default=100_000)
    n = parser.parse_args().points
    print("dtype    neurons   points   seconds      peer  of limit  MiB added  difference")
    for dtype in ("float32", "float64"):
        with jax.enable_x64(dtype == "float64"):
            print(measure(15_000, 20_000, 4, n, dtype))
            print(measure(15_000, 20_000, 4, n // 2, dtype))
            print(measure(7_500, 10_000, 4, n, dtype))


if __name__ == "__main__":
    main()

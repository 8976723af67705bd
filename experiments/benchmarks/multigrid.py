"""Time to solve the Poisson equation on a square to a relative residual of 1e-8.

    python experiments/benchmarks/multigrid.py

-Delta u = b with u = 0 at the boundary, n x n unknowns, b smooth or random. Ours is
``multigrid.solve``: in parity storage (the default), the same with corrections in float32, and
generic V(1,1) cycles with over-relaxed red-black and with Chebyshev(2). The peer is pyamg's
Ruge-Stueben V-cycle, its set-up apart. The time is that of the processor on one core, the least of
the repeats, in nanoseconds per unknown; the first call holds tracing and compilation too. Peer and
ours alternate in one process.

Cost: about a minute. Asked at n = 1023: at most 45 in float64, 35 with float32 (goal 20), generic
200, at least 12 times as fast as pyamg (goal 25), compiled in 5 seconds. Measured on a busy machine
(AMD EPYC, jaxlib 0.10.2, pyamg 5.4.1), smooth and random: parity 40 and 31, with float32 inside 30
and 28, red-black 107 and 95, Chebyshev 140 and 116; pyamg 540 to 655 after a set-up of 1596, so
that ours is 16 to 22 times as fast; tracing and compilation 4.9 s.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "")
    + " --xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
)
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

import jax
import jax.numpy as jnp
import numpy as np
import pyamg

from approxnet import multigrid

CYCLES: dict[str, dict[str, Any]] = {
    "parity": {},
    "parity, float32 inside": {"inner": "float32"},
    "red-black": {"cycle": multigrid.v_cycle(multigrid.red_black(1.15))},
    "chebyshev": {"cycle": multigrid.v_cycle(multigrid.chebyshev())},
}


def seconds(job: Callable[[], Any]) -> float:
    """Processor time of a job."""
    start = time.process_time()
    jax.block_until_ready(job())
    return time.process_time() - start


def right_hand_sides(n: int) -> dict[str, np.ndarray]:
    """A smooth one and a random one."""
    x = multigrid.nodes((n, n))
    return {
        "smooth": np.exp(x[..., 0] * x[..., 1]) * np.sin(3 * x[..., 0]),
        "random": np.random.default_rng(0).standard_normal((n, n)),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--n", type=int, default=1023)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    n, repeats = arguments.n, arguments.repeats
    jax.config.update("jax_enable_x64", True)
    h = jax.tree.map(jnp.asarray, multigrid.hierarchy((n, n)))
    matrix = pyamg.gallery.poisson((n, n), format="csr")
    unit = 1e9 / n**2
    start = time.process_time()
    peer = pyamg.ruge_stuben_solver(matrix)
    print(f"pyamg's set-up: {(time.process_time() - start) * unit:.0f} ns per unknown")
    print(f"{'b':8}{'cycle':26}{'first s':>8}{'cycles':>8}{'ns':>8}{'pyamg ns':>10}{'ratio':>8}")
    for kind, values in right_hand_sides(n).items():
        b, flat = jnp.asarray(values), values.ravel() / (n + 1) ** 2
        for name, options in CYCLES.items():
            first = seconds(lambda b=b, options=options: multigrid.solve(h, b, **options))
            cycles = int(multigrid.solve(h, b, **options).iterations)
            ours, theirs = [], []
            for k in range(repeats):
                ours.append(seconds(lambda b=b, o=options: multigrid.solve(h, b, **o)))
                if k < 2:
                    theirs.append(seconds(lambda f=flat: peer.solve(f, tol=1e-8)))
            mine, other = min(ours) * unit, min(theirs) * unit
            numbers = f"{first:8.2f}{cycles:8}{mine:8.1f}{other:10.0f}{other / mine:8.1f}"
            print(f"{kind:8}{name:26}{numbers}", flush=True)


if __name__ == "__main__":
    main()

"""Value and gradients of a convolution inside ``lax.scan`` and outside.

    python experiments/benchmarks/conv.py

One step evaluates y = x * w with a 3 x 3 kernel and the gradients of |y|^2 / 2 in x and w, float32,
32 images. Ours is ``models.convolve``; the peer is ``lax.conv_general_dilated`` with the gradients
that JAX derives. The time is that of the processor, all threads together, the least of the repeats.
A slow loop of the peer takes seconds, so its steps are fewer and it is measured once.

Cost: about a minute. Asked: inside at most 1.3 times outside; goal 1.1. Measured on two cores (AMD
EPYC, AVX-512, jaxlib 0.10.2): ours 0.75 to 1.10, JAX's 22 to 66; outside a loop ours takes 0.86 to
1.13 times JAX's.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

from approxnet import models

SHAPES = (
    # stride, side, channels in, channels out
    (1, 32, 3, 64),
    (1, 32, 64, 64),
    (1, 16, 128, 128),
    (1, 8, 256, 256),
    (2, 32, 64, 128),
    (2, 16, 128, 256),
)

Convolution = Callable[[jax.Array, jax.Array, int], jax.Array]


def ours(x: jax.Array, w: jax.Array, stride: int) -> jax.Array:
    """The convolution of the library."""
    return models.convolve(x, w, stride=stride)


def theirs(x: jax.Array, w: jax.Array, stride: int) -> jax.Array:
    """That of JAX."""
    layout = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x, w, (stride, stride), "SAME", dimension_numbers=layout)


def milliseconds(job: Callable[[], object], repeats: int) -> float:
    """The least processor time of a job after one call to warm up."""
    jax.block_until_ready(job())
    times = []
    for _ in range(repeats):
        start = time.process_time()
        jax.block_until_ready(job())
        times.append(time.process_time() - start)
    return 1e3 * min(times)


def measure(
    convolution: Convolution, case: tuple[int, ...], batch: int, repeats: int, steps: int
) -> tuple[float, float]:
    """Milliseconds of a step outside and inside a loop."""
    stride, side, c_in, c_out = case
    x = jax.random.normal(jax.random.key(0), (batch, side, side, c_in))
    w = jax.random.normal(jax.random.key(1), (3, 3, c_in, c_out)) / 10

    def loss(x: jax.Array, w: jax.Array) -> jax.Array:
        return jnp.sum(convolution(x, w, stride) ** 2) / 2

    def step(pair: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        gradients = jax.grad(loss, (0, 1))(*pair)
        return jax.tree.map(lambda p, g: p - 1e-9 * g, pair, gradients)

    def loop(pair: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        return lax.scan(lambda carry, _: (step(carry), None), pair, length=steps)[0]

    outside, inside = jax.jit(step), jax.jit(loop)
    return (
        milliseconds(lambda: outside((x, w)), repeats),
        milliseconds(lambda: inside((x, w)), repeats) / steps,
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    batch, repeats = arguments.batch, arguments.repeats
    print("stride side channels     ours   in scan ratio     JAX's   in scan ratio   (ms)")
    for case in SHAPES:
        out, inside = measure(ours, case, batch, repeats, steps=4)
        peer, peer_inside = measure(theirs, case, batch, 1, steps=1)
        stride, side, c_in, c_out = case
        print(
            f"{stride:6} {side:4} {c_in:4}->{c_out:<3} {out:8.1f} {inside:9.1f} "
            f"{inside / out:5.2f} {peer:9.1f} {peer_inside:9.1f} {peer_inside / peer:5.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()

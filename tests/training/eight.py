"""On eight simulated devices: prints as JSON how far a run is from one on a single device."""

import json
import sys
from pathlib import Path

import jax
import jax.numpy as jnp

from approxnet.training import (
    Batch,
    State,
    checkpoint,
    cross_entropy,
    evaluate,
    launch,
    make_step,
    parallel,
)
from approxnet.training.config import sgd
from tests.training.problem import CONFIG, apply, init, points, same, train


def distance(tree, other):
    pairs = zip(jax.tree.leaves(tree), jax.tree.leaves(other), strict=True)
    return max(float(abs(a - b).max()) for a, b in pairs)


def gradients(mesh):
    """The update of one step with a divided batch and with a whole one."""
    optimizer = sgd(CONFIG, 4)
    step = jax.jit(make_step(apply, cross_entropy, optimizer))
    x = jax.random.normal(jax.random.key(1), (16, 2))
    params, model_state = init(jax.random.key(0), x)
    state = State(params, model_state, optimizer.init(params), jnp.int32(0), jax.random.key(2))
    batch = Batch(x, jnp.arange(16) % 3, jnp.ones(16))
    split = jax.device_put(batch, parallel.divided(mesh))
    return step(state, batch), step(parallel.everywhere(mesh, state), split)


def parts(sharding, x):
    """Into how many parts the first axis is cut."""
    return len(x) // sharding.shard_shape(x.shape)[0]


def scores(mesh, state):
    """How far the scores are from those on one device, and how many devices a batch was on.

    That the mean over n examples agrees for n that 8 does not divide, and only one of which is
    different, says that each is counted once.
    """
    devices = []

    def watched(params, model_state, x, **options):
        jax.debug.inspect_array_sharding(x, callback=lambda found: devices.append(parts(found, x)))
        return apply(params, model_state, x, **options)

    far = 0.0
    for n, batch in ((1, 512), (13, 512), (60, 16), (60, 7)):
        given = points(n)
        one = evaluate((init, apply), state, given, batch=batch)
        many = evaluate((init, apply), state, given, batch=batch, mesh=mesh)
        assert many.n == one.n == n
        far = max(far, abs(one.loss - many.loss), abs(one.accuracy - many.accuracy))
    evaluate((init, watched), state, points(13), mesh=mesh)
    return far, devices


def main(folder):
    mesh = launch(8)
    one, eight = train(mesh=None), train(mesh=mesh)
    far, devices = scores(mesh, one.state)
    (alone, metrics), (together, sums) = gradients(mesh)
    checkpoint.save(folder / "8", 1, eight.state)
    checkpoint.save(folder / "1", 1, one.state)
    back = checkpoint.restore(folder / "8", one.state).tree
    forth = checkpoint.restore(folder / "1", eight.state).tree
    answer = {
        "devices": jax.device_count(),
        "params": distance(one.state.params, eight.state.params),
        "statistics": distance(one.state.model_state, eight.state.model_state),
        "loss": max(abs(a.loss - b.loss) for a, b in zip(one.history, eight.history, strict=True)),
        "step": distance(alone.params, together.params),
        "metrics": distance(metrics, sums),
        "scores": far,
        "evaluated on": devices,
        "divided": len(jax.device_put(jnp.ones(16), parallel.divided(mesh)).addressable_shards),
        "8 to 1": same(back, eight.state) and len(back.step.devices()) == 1,
        "1 to 8": same(forth, one.state) and len(forth.step.devices()) == 8,
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

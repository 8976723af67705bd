"""A small problem whose future depends on every part of the state, and a process that trains it.

The model is a perceptron with one hidden layer, noise on it in training (which needs the key) and a
moving average of the input that is subtracted (the model's state).

As a program it is a nursery of processes: it imports everything once and, for each line
``[run_dir, death]`` that it reads, forks a child that trains in ``run_dir`` and says how it ended.
The child is killed with SIGKILL: by itself after ``death`` steps or at the moment that ``death``
names, or by its parent after ``death`` seconds.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np

import approxnet
from approxnet import _files
from approxnet.training import TrainConfig, checkpoint, fit, launch, loop

CONFIG = TrainConfig(epochs=3, batch=16, learning_rate=0.1, schedule="cosine", weight_decay=1e-3)
N, PER_EPOCH = 60, 4  # the last batch of an epoch has 12 examples


def points(n=N, seed=0):
    """Points in the plane in three classes, as a data set."""
    generator = np.random.default_rng(seed)
    images = generator.normal(size=(n, 2)).astype("float32")
    return SimpleNamespace(images=images, labels=(images[:, 0] > 0) + 1 * (images[:, 1] > 0))


def init(key, x):
    first, second = jax.random.split(key)
    params = {
        "hidden": jax.random.normal(first, (x.shape[1], 8), x.dtype),
        "out": jax.random.normal(second, (8, 3), x.dtype) / 4,
    }
    return params, {"average": jnp.zeros(x.shape[1], x.dtype)}


def apply(params, state, x, *, train=False, key=None):
    average = state["average"]
    if train:
        average = 0.9 * average + 0.1 * x.mean(0)
    hidden = jnp.tanh((x - average[None]) @ params["hidden"])
    if train:
        hidden = hidden * (1 + 0.1 * jax.random.normal(key, hidden.shape, hidden.dtype))
    return hidden @ params["out"], {"average": average}


def augment(key, images):
    return images + 0.01 * jax.random.normal(key, images.shape, images.dtype)


MODEL = (init, apply)


def train(run_dir=None, **options):
    """The reference run on all devices, or the same in a folder."""
    mesh = launch() if jax.device_count() > 1 else None
    options = {"mesh": mesh} | options
    return fit(MODEL, points(), CONFIG, augment=augment, run_dir=run_dir, **options)


def same(state, other):
    """Whether two states are equal to the last bit."""
    pairs = zip(jax.tree.leaves(state), jax.tree.leaves(other), strict=True)
    return all(np.array_equal(_bits(a), _bits(b)) for a, b in pairs)


def _bits(leaf):
    is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return np.asarray(jax.random.key_data(leaf) if is_key else leaf)


def environment(devices=1):
    """The environment of a process with so many devices."""
    flags = f"--xla_force_host_platform_device_count={devices}"
    return os.environ | {"PYTHONPATH": str(Path(approxnet.__file__).parents[1]), "XLA_FLAGS": flags}


def free_port():
    """A port on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def nursery(devices=1):
    """The process that brings forth processes to kill.

    They have a compile cache of their own: what a killed process leaves there no other test reads.
    """
    with (
        tempfile.TemporaryDirectory() as cache,
        subprocess.Popen(
            [sys.executable, "-W", "ignore", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(devices)
            | {
                "JAX_COMPILATION_CACHE_DIR": cache,
                "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            },
        ) as process,
    ):
        yield process
        process.stdin.close()
        process.wait()


def bring_up(process, run_dir, death):
    """Train in a folder until death; how it ended, as minus the signal or as the exit code."""
    process.stdin.write(json.dumps([str(run_dir), death]) + "\n")
    process.stdin.flush()
    return int(process.stdout.readline())


def _die():
    os.kill(os.getpid(), signal.SIGKILL)


def _before(module, name, condition):
    """Make a function of a module kill the process first, if the condition holds."""
    function = getattr(module, name)

    def deadly(*arguments, **options):
        if condition(*arguments):
            _die()
        return function(*arguments, **options)

    setattr(module, name, deadly)


def prepare_death(death):
    """Die after so many steps, or in one of the moments of the second checkpoint's writing."""
    if isinstance(death, int):
        loop.STRETCH = 0.0  # stretches of one step
        _before(loop, "_advance", lambda task, progress, *_: progress.state.step == death)
    if death == "arrays":
        _before(checkpoint, "_write_manifest", lambda work, step, tree: step > PER_EPOCH)
    if death == "manifest":
        _before(checkpoint, "_sync", lambda folder: len(checkpoint.steps(folder)) > 1)
    if death == "metrics":
        _before(checkpoint, "save", lambda folder, step, *_: step > PER_EPOCH)
    if death == "half a file":

        def half(path, content):
            if path.name == checkpoint.MANIFEST:
                path.write_bytes(content[: len(content) // 2])
                _die()
            write(path, content)

        write, _files.write = _files.write, half


def _main():
    for line in sys.stdin:
        run_dir, death = json.loads(line)
        child = os.fork()
        if child == 0:
            prepare_death(death)
            train(run_dir, resume=True)
            os._exit(0)
        if isinstance(death, float):
            time.sleep(death)
            os.kill(child, signal.SIGKILL)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    import orbax.checkpoint  # noqa: F401

    _main()

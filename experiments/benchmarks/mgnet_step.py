"""A training step of MgNet, in JAX and in PyTorch.

    pip install torch
    python experiments/benchmarks/mgnet_step.py
    python experiments/benchmarks/mgnet_step.py --cores 2

One step is loss, gradient and SGD with momentum for MgNet with 64 channels and two smoothing steps
on each of four grids, 32 images of 32 x 32 x 3, float32. On one pinned core the time is that of the
processor; on two, where JAX has two virtual devices that share the batch, that of the wall. Every
round measures all jobs, one after another; a number is the median over the rounds of the ratio to
PyTorch's standard form with channels last in the same round. The PyTorch network is written from
the formula of the paper with the parameters of ours, and logits are compared before the clock runs.

Asked on one core: residual form in ``lax.scan`` at most 1.2 (goal 1.0), dispatched at most 1.35;
residual over standard in JAX at most 0.92; in scan over dispatched at most 1.1; compile at most
6 s.

Measured on one core of two that others used (AMD EPYC, AVX-512, jaxlib 0.10.2, PyTorch 2.15.0), 9
rounds: PyTorch's standard form 343 ms, its residual form 0.81 of that; JAX standard 1.32, residual
1.18 dispatched and 1.01 in scan; residual over standard 0.90, in scan over dispatched 0.86; compile
3.9 s of the processor. On two cores, with nobody else: PyTorch 188 ms and 0.71; JAX standard 1.36,
residual 1.20 dispatched and 1.00 in scan; 0.91 and 0.82; compile 2.5 s.
"""

from __future__ import annotations

import argparse
import importlib
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

GRIDS, STEPS, CHANNELS, BATCH = 4, 2, 64, 32
LEARNING_RATE, MOMENTUM = 0.01, 0.9
IN_SCAN = 4  # steps of one call of the loop

Job = tuple[Callable[[], object], int]  # a call, and the number of steps in it


class TorchMgNet:
    """MgNet in PyTorch, on the params of ours: u <- u + B (f - A u)."""

    def __init__(self, params: Any, form: str):
        """Copies of the params; form is standard or residual."""
        self.form = form
        self.params: dict[str, Any] = {}
        for path, leaf in jax.tree.leaves_with_path(params):
            value = torch.tensor(np.asarray(leaf))
            if value.ndim == 4:
                value = value.permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)
            name = "/".join(part.key for part in path)
            self.params[name] = value.requires_grad_()
        self.moments: dict[str, Any] = {}
        self.optimizer = torch.optim.SGD(self.params.values(), lr=LEARNING_RATE, momentum=MOMENTUM)

    def activate(self, x: Any, name: str) -> Any:
        """Batch normalisation with the statistics of the batch, then relu."""
        c = x.shape[1]
        mean, variance = self.moments.setdefault(name, (torch.zeros(c), torch.ones(c)))
        scale, shift = self.params[f"{name}/scale"], self.params[f"{name}/shift"]
        return F.relu(F.batch_norm(x, mean, variance, scale, shift, training=True, eps=1e-5))

    def layer(self, x: Any, name: str, stride: int = 1) -> Any:
        """Convolution, normalisation, relu."""
        y = F.conv2d(x, self.params[f"{name}/conv/kernel"], stride=stride, padding=1)
        return self.activate(y, f"{name}/norm")

    def B(self, r: Any, l: int, i: int) -> Any:
        """The extractor of grid l in step i."""
        r = self.activate(r, f"B_{l}/before_{i}")
        y = F.conv2d(r, self.params[f"B_{l}/eta/kernel"], padding=1)
        return self.activate(y, f"B_{l}/after_{i}")

    def A(self, u: Any, l: int) -> Any:
        """The operator of grid l."""
        return F.conv2d(u, self.params[f"A_{l}"], padding=1)

    def standard(self, x: Any) -> Any:
        """The u^J of the standard form."""
        f = self.layer(x, "stem")
        u = torch.zeros_like(f)
        for l in range(1, GRIDS + 1):
            if l > 1:
                r, u = f - self.A(u, l - 1), self.layer(u, f"Pi_{l}", 2)
                f = self.layer(r, f"R_{l}", 2) + self.A(u, l)
            for i in range(1, STEPS + 1):
                u = u + self.B(f - self.A(u, l), l, i)
        return u

    def residual(self, x: Any) -> Any:
        """The u^J of the residual form."""
        r = self.layer(x, "stem")
        u = None
        for l in range(1, GRIDS + 1):
            if l > 1:
                r, u = self.layer(r, f"R_{l}", 2), self.layer(u, f"Pi_{l}", 2)
            for i in range(1, STEPS + 1):
                c = self.B(r, l, i)
                u = c if u is None else u + c
                if l < GRIDS or i < STEPS:
                    r = r - self.A(c, l)
        return u

    def logits(self, x: Any) -> Any:
        """The logits of images (n, c, h, w)."""
        u = getattr(self, self.form)(x).mean((2, 3))
        return u @ self.params["Dense_0/kernel"] + self.params["Dense_0/bias"]

    def step(self, x: Any, labels: Any) -> float:
        """One step of training."""
        self.optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(self.logits(x), labels)
        loss.backward()
        self.optimizer.step()
        return loss.item()


class JaxMgNet:
    """Our MgNet with the step of the library, dispatched and in a loop."""

    def __init__(self, form: str, x: np.ndarray, labels: np.ndarray, devices: int):
        """Compile both for these images."""
        self.model = MgNet(GRIDS * (STEPS,), CHANNELS, CHANNELS, 10, form=form)
        init, self.apply = functional(self.model)
        optimizer = optax.sgd(LEARNING_RATE, MOMENTUM)
        params, state = init(jax.random.key(0), x)
        moments = optimizer.init(params)
        self.state = State(params, state, moments, jnp.int32(0), jax.random.key(1))
        mesh = jax.make_mesh((devices,), ("batch",), axis_types=(AxisType.Auto,))
        batch = Batch(jnp.asarray(x), jnp.asarray(labels), jnp.ones(len(x), jnp.float32))
        self.batch = jax.device_put(batch, NamedSharding(mesh, PartitionSpec("batch")))
        self.state = jax.device_put(self.state, NamedSharding(mesh, PartitionSpec()))
        step = make_step(self.apply, cross_entropy, optimizer)

        def loop(state: Any, batch: Any) -> Any:
            return jax.lax.scan(lambda s, _: step(s, batch), state, length=IN_SCAN)

        clock = time.process_time if devices == 1 else time.perf_counter
        self.seconds = []
        self.programs = {}
        for name, function in (("dispatched", step), ("in scan", loop)):
            began = clock()
            compiled = jax.jit(function).lower(self.state, self.batch).compile()
            self.seconds.append(clock() - began)
            self.programs[name] = compiled

    def run(self, name: str) -> object:
        """One call of a program."""
        return jax.block_until_ready(self.programs[name](self.state, self.batch))


def difference(ours: JaxMgNet, theirs: TorchMgNet, x: np.ndarray) -> float:
    """The largest difference of logits, relative to the largest logit."""
    mine, _ = ours.apply(ours.state.params, ours.state.model_state, x, train=True)
    other = theirs.logits(_to_torch(x)).detach().numpy()
    return float(np.abs(np.asarray(mine) - other).max() / np.abs(other).max())


def _to_torch(x: np.ndarray) -> Any:
    images = torch.tensor(x).permute(0, 3, 1, 2)
    return images.contiguous(memory_format=torch.channels_last)


def rounds(jobs: dict[str, Job], number: int, clock: Callable[[], float]) -> dict[str, list[float]]:
    """Seconds of a step of every job in every round, after one call to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for call, _ in jobs.values():
        call()
    for k in range(number):
        names = list(jobs)
        for name in names[k % len(names) :] + names[: k % len(names)]:
            call, steps = jobs[name]
            began = clock()
            call()
            seconds[name].append((clock() - began) / steps)
    return seconds


def ratio(seconds: dict[str, list[float]], name: str, over: str) -> float:
    """The median over the rounds."""
    pairs = zip(seconds[name], seconds[over], strict=True)
    return statistics.median(a / b for a, b in pairs)


def main(cores: int, number: int) -> None:
    """Print the table."""
    torch.set_num_threads(cores)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(BATCH, 32, 32, 3)).astype(np.float32)
    labels = rng.integers(0, 10, BATCH).astype(np.int32)
    ours = {form: JaxMgNet(form, x, labels, cores) for form in ("standard", "residual")}
    params = ours["standard"].state.params
    theirs = {form: TorchMgNet(params, form) for form in ("standard", "residual")}
    for form in ours:
        worst = difference(ours[form], theirs[form], x)
        print(f"{form} form: logits of JAX and PyTorch differ by {worst:.1e} of the largest")
        assert worst < 1e-4
    images, classes = _to_torch(x), torch.tensor(labels, dtype=torch.int64)
    jobs: dict[str, Job] = {
        f"PyTorch {form}": (lambda net=net: net.step(images, classes), 1)
        for form, net in theirs.items()
    }
    for form, net in ours.items():
        jobs[f"JAX {form}, dispatched"] = (lambda net=net: net.run("dispatched"), 1)
    jobs["JAX residual, in scan"] = (lambda: ours["residual"].run("in scan"), IN_SCAN)
    seconds = rounds(jobs, number, time.process_time if cores == 1 else time.perf_counter)
    for name in jobs:
        milliseconds = 1e3 * statistics.median(seconds[name])
        against = ratio(seconds, name, "PyTorch standard")
        print(f"{name:28} {milliseconds:8.0f} ms  {against:6.2f} of PyTorch standard")
    dispatched = "JAX residual, dispatched"
    print(f"residual over standard {ratio(seconds, dispatched, 'JAX standard, dispatched'):.2f}")
    print(f"in scan over dispatched {ratio(seconds, 'JAX residual, in scan', dispatched):.2f}")
    print("compile, residual: {:.1f} s dispatched, {:.1f} s in scan".format(
        *ours["residual"].seconds))  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    # Threads are counted when the libraries are loaded.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={arguments.cores}"
    try:
        torch: Any = importlib.import_module("torch")
        F: Any = importlib.import_module("torch.nn.functional")
    except ImportError as error:
        sys.exit(f"PyTorch is missing ({error}); pip install torch")
    import jax
    import jax.numpy as jnp
    import optax
    from jax.sharding import AxisType, NamedSharding, PartitionSpec

    from approxnet.models import MgNet, functional
    from approxnet.training.state import State
    from approxnet.training.step import Batch, cross_entropy, make_step

    main(arguments.cores, arguments.rounds)

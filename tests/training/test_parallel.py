"""Eight simulated devices, and two processes with four each, against one device."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from approxnet import models
from approxnet.errors import ConfigError
from approxnet.training import State, checkpoint, cross_entropy, fit, init_state, launch, parallel
from approxnet.training.epoch import Plan, Progress, advance, start_metrics
from approxnet.training.examples import Examples, scale, unchanged
from tests.training.problem import (
    CONFIG,
    MODEL,
    bring_up,
    environment,
    free_port,
    nursery,
    points,
    same,
    train,
)

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def whole():
    return train()


def script(name, *arguments, devices):
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", str(HERE / name), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(devices),
    )


@pytest.mark.slow
def test_eight_devices_do_what_one_does(tmp_path):
    with script("eight.py", tmp_path, devices=8) as process:
        output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    answer = json.loads(output)
    assert answer["devices"] == answer["divided"] == 8
    # sums of at most 16 numbers of size 1, in another order, in single precision
    for name in ("params", "statistics", "loss", "step", "scores"):
        assert answer[name] <= 1e-6, name
    assert answer["metrics"] <= 1e-5
    assert set(answer["evaluated on"]) == {8}
    assert answer["8 to 1"] and answer["1 to 8"]


@pytest.mark.slow
def test_a_run_on_eight_devices_that_is_killed_is_resumed_to_the_last_bit(tmp_path):
    """At its first step, in an epoch, at its end, and while a checkpoint is written."""
    like = init_progress()

    def tree(folder):
        found = checkpoint.restore(folder / "checkpoints", like)
        assert found.step == 12
        return found.tree

    deaths = {1: [], 6: [4], 8: [8, 4], "arrays": [4]}
    with nursery(devices=8) as process:
        assert bring_up(process, tmp_path / "whole", None) == 0
        whole = tree(tmp_path / "whole")
        for death, kept in deaths.items():
            folder = tmp_path / str(death)
            assert bring_up(process, folder, death) == -signal.SIGKILL
            assert checkpoint.steps(folder / "checkpoints") == kept
            assert bring_up(process, folder, None) == 0
            assert same(tree(folder), whole), death


def init_progress():
    """The shapes of what a checkpoint of the problem holds."""
    return Progress(fit(MODEL, points(), CONFIG).state, start_metrics())


@pytest.mark.slow
def test_two_processes_with_four_devices_each_do_what_one_device_does(tmp_path, whole):
    port = free_port()
    processes = [script("peer.py", port, i, tmp_path, devices=4) for i in (0, 1)]
    errors = [process.communicate(timeout=200)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
    found = checkpoint.restore(tmp_path / "checkpoints", init_progress())
    assert found.step == 12
    for leaf, expected in zip(
        jax.tree.leaves((found.tree.state.params, found.tree.state.model_state)),
        jax.tree.leaves((whole.state.params, whole.state.model_state)),
        strict=True,
    ):
        np.testing.assert_allclose(leaf, expected, atol=1e-6)
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3]


def test_one_device_is_a_mesh_as_well(whole):
    assert same(train(mesh=launch(1)).state, whole.state)


class Mesh8:
    size = 8


@pytest.mark.parametrize(
    ("batch", "near"), [(100, "take 96 or 104"), (5, "take 8,"), (127, "take 120 or 128")]
)
def test_a_batch_that_cannot_be_divided_is_refused_with_one_that_can(batch, near):
    with pytest.raises(ConfigError, match=f"multiple of the 8 devices, got {batch}; {near}"):
        parallel.check_divides(batch, Mesh8)


def test_more_devices_than_there_are_is_an_error_that_says_how_to_get_them():
    with pytest.raises(ConfigError, match=r"at most 1, .* got 8; .*device_count=8"):
        launch(8)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"devices": 0}, "devices must be an integer >= 1, got 0"),
        ({"coordinator": "a:1"}, "given together, got no processes and no process"),
        ({"processes": 2, "process": 0}, "given together, got no coordinator"),
        ({"coordinator": "a", "processes": 2, "process": 0}, "must be HOST:PORT, .* got 'a'"),
        ({"coordinator": "a:1", "processes": 0, "process": 0}, "processes must be .* >= 1, got 0"),
        (
            {"coordinator": "a:1", "processes": 2, "process": 2},
            "process must be from 0 to 1, got 2",
        ),
    ],
)
def test_processes_that_cannot_be_are_refused(given, message, monkeypatch):
    monkeypatch.setattr(jax.distributed, "initialize", None)
    with pytest.raises(ConfigError, match=message):
        launch(**given)


def test_a_port_that_is_in_use_is_an_error_that_says_so(monkeypatch):
    def initialize(*given, **options):
        raise RuntimeError("Failed to start RPC server")

    monkeypatch.setattr(jax.distributed, "initialize", initialize)
    with pytest.raises(ConfigError, match=r"within 7 s, got: Failed to start.* port that is free"):
        launch(coordinator="a:1", processes=2, process=0, patience=7)


def test_a_platform_that_is_not_there_is_an_error_that_says_so(monkeypatch):
    def absent():
        raise RuntimeError("Unable to initialize backend 'cuda'")

    monkeypatch.setattr(jax, "devices", absent)
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    with pytest.raises(ConfigError, match=r"JAX_PLATFORMS must .* got 'cuda' \(Unable .*\); mend"):
        launch()


@pytest.mark.parametrize(("devices", "share"), [(None, 3), (2, 1), (6, 3)])
def test_each_process_gives_as_many_devices(devices, share, monkeypatch):
    found = [[f"{i}{j}" for j in range(3)] for i in range(2)]
    monkeypatch.setattr(jax.distributed, "initialize", lambda *given, **options: None)
    monkeypatch.setattr(jax, "devices", lambda: found[0] + found[1])
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(jax, "local_devices", lambda i: found[i])
    monkeypatch.setattr(jax, "make_mesh", lambda shape, names, *, devices, **_: devices)
    place = {"coordinator": "a:1", "processes": 2, "process": 0}
    assert launch(devices, **place) == found[0][:share] + found[1][:share]
    with pytest.raises(ConfigError, match="devices must be a multiple of the 2 processes, got 5"):
        launch(5, **place)


@pytest.mark.parametrize(
    ("variable", "value", "found"),
    [
        ("SLURM_NTASKS", "2", True),
        ("SLURM_NTASKS", "1", False),
        ("OMPI_COMM_WORLD_SIZE", "4", True),
        ("TPU_WORKER_HOSTNAMES", "a,b", True),
        ("TPU_WORKER_HOSTNAMES", "localhost", False),
        ("JAX_COORDINATOR_ADDRESS", "a:1", True),
        ("JAX_COORDINATOR_ADDRESS", "", False),
    ],
)
def test_a_cluster_is_found_by_its_variables(monkeypatch, variable, value, found):
    calls = []
    monkeypatch.setattr(jax.distributed, "initialize", lambda *given, **_: calls.append(given))
    for name in parallel._CLUSTER:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, value)
    launch()
    assert calls == [(None, None, None)] * found


EVERY_ARCHITECTURE = (
    *("mlp", "lenet5", "alexnet", "vgg11", "googlenet", "resnet18", "resnet50"),
    *("preact_resnet18", "mgnet", "elman_rnn", "lstm"),
    pytest.param("densenet100", marks=pytest.mark.slow),
)


@pytest.mark.sample(3)
@pytest.mark.parametrize("name", EVERY_ARCHITECTURE)
def test_the_loop_is_lowered_for_gpu_and_tpu(name):
    init, apply = models.functional(models.MODELS[name]())
    plan = Plan(apply, cross_entropy, optax.sgd(0.1, 0.9), unchanged, scale, 8)
    sample = {"elman_rnn": (28, 28), "lstm": (28, 28)}.get(name, (32, 32, 1))
    x = jax.ShapeDtypeStruct((8, *sample), "float32")
    state = jax.eval_shape(
        lambda: State(*init_state(init, plan.optimizer, jax.random.key(0), x)[:4], ())
    )
    examples = Examples(
        jax.ShapeDtypeStruct((20, *sample), jnp.uint8), jax.ShapeDtypeStruct((20,), jnp.int32)
    )

    def run(state, data, examples):
        state = state._replace(key=jax.random.wrap_key_data(data))
        after, bad = advance(plan, Progress(state, start_metrics()), examples, 3)
        return after.state.params, bad

    data = jax.ShapeDtypeStruct((2,), jnp.uint32)
    exported = jax.export.export(jax.jit(run), platforms=("cuda", "tpu"))(state, data, examples)
    assert exported.platforms == ("cuda", "tpu")

"""A run that is killed and resumed ends as one that was never stopped, to the last bit."""

import random
import signal
import time

import pytest

from approxnet.training import checkpoint
from tests.training.problem import bring_up, nursery, same, train


@pytest.fixture(scope="module")
def whole():
    return train()


@pytest.fixture(scope="module")
def processes():
    with nursery() as process:
        yield process


@pytest.mark.parametrize(
    ("death", "kept"),
    [
        (1, []),
        (6, [4]),
        (8, [8, 4]),
        ("metrics", [4]),
        ("arrays", [4]),
        ("half a file", []),
        ("manifest", [8, 4]),
    ],
)
def test_a_killed_run_is_resumed_to_the_last_bit(death, kept, processes, whole, tmp_path):
    assert bring_up(processes, tmp_path, death) == -signal.SIGKILL
    assert checkpoint.steps(tmp_path / "checkpoints") == kept
    resumed = train(tmp_path, resume=True)
    assert same(resumed.state, whole.state)
    assert [e.loss for e in resumed.history] == [e.loss for e in whole.history]
    assert [e.epoch for e in resumed.history] == [1, 2, 3]


def fuzz(processes, whole, folder, kills, seed):
    generator = random.Random(seed)
    for name in ("compiling", "undisturbed"):
        began = time.perf_counter()
        assert bring_up(processes, folder / name, None) == 0
        duration = time.perf_counter() - began
    for i in range(kills):
        delay = generator.uniform(0.4, 1.0) * duration
        assert bring_up(processes, folder / str(i), delay) in (0, -signal.SIGKILL)
        assert same(train(folder / str(i), resume=True).state, whole.state), i


def test_a_process_killed_at_any_moment_leaves_a_run_that_goes_on(processes, whole, tmp_path):
    fuzz(processes, whole, tmp_path, 5, seed=0)


@pytest.mark.slow
def test_fifty_processes_killed_at_any_moment_leave_runs_that_go_on(processes, whole, tmp_path):
    fuzz(processes, whole, tmp_path, 50, seed=1)

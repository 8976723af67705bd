"""Whole runs: learning, resuming, stopping, and what is refused."""

import dataclasses
import io
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from rich.console import Console

import approxnet
from approxnet import data, models
from approxnet.errors import (
    CheckpointError,
    CheckpointWarning,
    ConfigError,
    DataError,
    RunLockError,
)
from approxnet.training import (
    Batch,
    DivergedError,
    TrainConfig,
    checkpoint,
    cross_entropy,
    epoch,
    evaluate,
    fit,
    init_state,
    load_state,
    loop,
    make_step,
    parallel,
    run_folder,
    sgd,
)
from approxnet.training.examples import unchanged
from tests.training import problem
from tests.training.problem import CONFIG, MODEL, PER_EPOCH, points, same, train


@pytest.fixture(scope="module")
def whole():
    return train()


def test_a_perceptron_learns_the_digits():
    model = models.functional(models.MLP(hidden=(64,)))
    test = data.load("digits", "test")
    config = TrainConfig(epochs=10, learning_rate=0.05, schedule="cosine")
    result = fit(model, data.load("digits", "train"), config, test=test)
    scores = evaluate(model, result.state, test)
    assert result.history[-1].test_accuracy == scores.accuracy
    assert scores.accuracy >= 0.85  # the writers of the test set are others
    assert result.history[-1].loss < result.history[0].loss / 3


def test_fit_is_the_loop_over_make_step(whole):
    optimizer = sgd(CONFIG, PER_EPOCH)
    step = jax.jit(make_step(problem.apply, cross_entropy, optimizer))
    order_of = jax.jit(epoch.order, static_argnums=2)
    augment = jax.jit(problem.augment)
    images, labels = jnp.asarray(points().images), jnp.asarray(points().labels, "int32")
    state = init_state(problem.init, optimizer, jax.random.key(CONFIG.seed), images[:16])
    sums = np.zeros((CONFIG.epochs, 3))
    for t in range(CONFIG.epochs * PER_EPOCH):
        order = order_of(state.key, t // PER_EPOCH, 60)
        index = jnp.concatenate([order, order[:4]]).reshape(4, 16)[t % PER_EPOCH]
        key = jax.random.fold_in(jax.random.fold_in(state.key, 1), t)
        weight = jnp.where((jnp.arange(16) >= 12) & (t % PER_EPOCH == 3), 0.0, 1.0)
        state, metrics = step(state, Batch(augment(key, images[index]), labels[index], weight))
        sums[t // PER_EPOCH] += np.array(metrics)
    for found, expected in zip(
        jax.tree.leaves(whole.state.params), jax.tree.leaves(state.params), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)  # other fusions
    assert sums[:, 2].tolist() == [60, 60, 60]
    means = [(e.loss, e.accuracy) for e in whole.history]
    np.testing.assert_allclose(means, sums[:, :2] / 60, rtol=1e-4)


def test_the_result_depends_on_the_seed_alone(whole):
    assert same(train().state, whole.state)
    other = fit(MODEL, points(), dataclasses.replace(CONFIG, seed=1), augment=problem.augment)
    assert not same(other.state.params, whole.state.params)


def test_a_folder_changes_no_bit_and_a_finished_run_is_not_trained_again(
    whole, tmp_path, monkeypatch
):
    first = train(tmp_path)
    assert same(first.state, whole.state)
    assert checkpoint.steps(tmp_path / "checkpoints") == [12, 8, 4]
    monkeypatch.setattr(loop, "_advance", None)
    again = train(tmp_path, resume=True)
    assert same(again.state, first.state)
    assert again.history == first.history


def test_metrics_are_lines_of_json(tmp_path):
    result = train(tmp_path, test=points(30, seed=1))
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [e._asdict() for e in result.history]
    assert [e.step for e in result.history] == [4, 8, 12]
    assert result.history[-1].test_loss == evaluate(MODEL, result.state, points(30, seed=1)).loss


def test_a_damaged_checkpoint_costs_an_epoch_and_nothing_else(whole, tmp_path):
    train(tmp_path)
    place = tmp_path / "checkpoints" / "step-00000012" / "manifest"
    place.write_bytes(place.read_bytes()[:-1])
    with pytest.warns(CheckpointWarning, match="step-00000012"):
        resumed = train(tmp_path, resume=True)
    assert same(resumed.state, whole.state)
    assert [e.epoch for e in resumed.history] == [1, 2, 3]


@pytest.mark.parametrize("line", ["{", '{"epoch": 1}', "\\xff"])
def test_a_damaged_line_of_metrics_is_named(tmp_path, line):
    train(tmp_path)
    with (tmp_path / "metrics.jsonl").open("a", encoding="latin-1") as file:
        file.write(line)
    with pytest.raises(CheckpointError, match="damage in line 4"):
        train(tmp_path, resume=True)


def test_checkpoints_in_the_middle_of_an_epoch_change_no_bit(whole, tmp_path, monkeypatch):
    saved = []
    save = checkpoint.save
    monkeypatch.setattr(checkpoint, "save", lambda f, s, *a: (saved.append(s), save(f, s, *a)))
    config = dataclasses.replace(CONFIG, save_every=3)
    result = fit(MODEL, points(), config, augment=problem.augment, run_dir=tmp_path)
    assert saved == [3, 4, 6, 8, 9, 12]
    assert same(result.state, whole.state)
    assert [e.loss for e in result.history] == [e.loss for e in whole.history]


def test_a_folder_with_a_run_is_not_used_without_resume(tmp_path):
    train(tmp_path)
    with pytest.raises(ConfigError, match="holds a run; go on with it by resume=True"):
        train(tmp_path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a finished run that no test writes to."""
    folder = tmp_path_factory.mktemp("finished")
    train(folder)
    return folder


OTHERS = {
    r"learning_rate = 0\.1, got 0\.2": {"config": dataclasses.replace(CONFIG, learning_rate=0.2)},
    "examples = ": {"dataset": points(seed=3)},
    "test = None, got '": {"test": points(seed=3)},
    "augment = 'augment', got 'unchanged'": {"augment": unchanged},
    "normalize = 'scale', got '.*lambda": {"normalize": lambda x: x / 2},
    "loss = 'cross_entropy', got '.*lambda": {"loss": lambda x, y: -cross_entropy(x, y)},
    "optimizer = 'sgd', got": {"optimizer": optax.adam(1e-3)},
    "model.apply = 'apply', got": {
        "functional": (problem.init, lambda *given, **options: problem.apply(*given, **options))
    },
}


@pytest.mark.parametrize("difference", OTHERS)
def test_a_run_is_not_resumed_as_another(difference, finished):
    files = [p for p in finished.rglob("*") if p.is_file() and p.name != ".lock"]
    before = [p.read_bytes() for p in files]
    run = {"functional": MODEL, "dataset": points(), "config": CONFIG, "augment": problem.augment}
    with pytest.raises(ConfigError, match=difference):
        fit(**(run | OTHERS[difference]), run_dir=finished, resume=True)
    assert [p.read_bytes() for p in files] == before


def test_another_version_resumes_a_run_and_says_so(finished, monkeypatch):
    monkeypatch.setattr(approxnet, "__version__", "9.9")
    with pytest.warns(
        CheckpointWarning, match=r"versions\.approxnet = '.*', got '9\.9'; it goes on"
    ):
        train(finished, resume=True)


def test_a_run_is_not_resumed_in_another_precision(finished):
    with (
        jax.default_matmul_precision("float32"),
        pytest.raises(ConfigError, match="matmul_precision = 'None', got 'float32'"),
    ):
        train(finished, resume=True)


def test_a_run_with_an_optimizer_of_ones_own_says_which(tmp_path, whole):
    for rate in (1e-2, 1e-2):
        again = train(tmp_path, optimizer=optax.adam(rate), resume=True)
    assert not same(again.state.params, whole.state.params)
    about = json.loads((tmp_path / "run.json").read_text())
    assert "scale_by_adam" in json.dumps(about["optimizer"]["custom"])
    with pytest.raises(ConfigError, match=r"optimizer\.custom\..*step_size = '-0.01', got '-0.02'"):
        train(tmp_path, optimizer=optax.adam(2e-2), resume=True)


def test_the_state_of_a_run_is_read_from_its_folder(finished, whole):
    assert same(load_state(finished, MODEL, points()), whole.state)
    with pytest.raises(ConfigError, match="normalize = 'scale', got"):
        load_state(finished, MODEL, points(), normalize=lambda x: x)
    with pytest.raises(CheckpointError, match="must be the folder of a run"):
        load_state(finished / "checkpoints", MODEL, points())


def test_a_folder_that_is_not_shared_by_the_processes_is_refused(finished, monkeypatch):
    monkeypatch.setattr(parallel, "greatest", lambda *numbers: tuple(n + 4 for n in numbers))
    folder = run_folder.RunFolder(finished)
    with pytest.raises(ConfigError, match="on a file system that all processes share"):
        folder.load(None)


def test_a_folder_that_process_0_refuses_ends_the_other_processes(tmp_path, monkeypatch):
    monkeypatch.setattr(parallel, "is_first", lambda: False)
    monkeypatch.setattr(parallel, "greatest", lambda *numbers: (1,))
    with pytest.raises(ConfigError, match="process 0 says why"):
        train(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]1", b"7", b"\xff"])
def test_a_folder_whose_description_is_damaged_is_not_trusted(tmp_path, content):
    train(tmp_path)
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"run\.json is damaged"):
        train(tmp_path, resume=True)


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="run_dir must be a folder that can be written to"):
        train(tmp_path / "file")


def test_two_processes_do_not_train_in_one_folder(tmp_path):
    code = (
        "import sys, pathlib; from approxnet import _files\n"
        "with _files.lock(pathlib.Path(sys.argv[1]), ''): print('held', flush=True); input()"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(approxnet.__file__).parents[1])}
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    ) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(RunLockError, match=rf"process {other.pid} on \S+ since \d{{4}}-"):
            train(tmp_path)
        other.communicate(b"\n")


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGTERM, SystemExit), (signal.SIGINT, KeyboardInterrupt)]
)
def test_a_signal_ends_the_run_after_its_step_and_saves_it(
    number, error, whole, tmp_path, monkeypatch
):
    advance = loop._advance

    def interrupted(task, progress, *others):
        if progress.state.step == 5:
            os.kill(os.getpid(), number)
        return advance(task, progress, *others)

    monkeypatch.setattr(loop, "_advance", interrupted)
    monkeypatch.setattr(loop, "STRETCH", 0.0)  # stretches of one step
    handlers = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)]
    with pytest.raises(error) as caught:
        train(tmp_path)
    assert error is KeyboardInterrupt or caught.value.code == 75
    assert [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)] == handlers
    assert checkpoint.steps(tmp_path / "checkpoints") == [6, 4]
    monkeypatch.setattr(loop, "_advance", advance)
    resumed = train(tmp_path, resume=True)
    assert same(resumed.state, whole.state)
    assert [e.loss for e in resumed.history] == [e.loss for e in whole.history]


def test_a_run_may_be_in_another_thread(whole, tmp_path):
    found = []
    thread = threading.Thread(target=lambda: found.append(train(tmp_path)))
    thread.start()
    thread.join()
    assert same(found[0].state, whole.state)


def explosive(steps):
    """SGD whose update is nan from a step on."""

    def update(updates, count, params=None):
        bad = jnp.where(count >= steps, jnp.nan, -0.1)
        return jax.tree.map(lambda g: g * bad, updates), count + 1

    return optax.GradientTransformation(lambda params: jnp.int32(0), update)


@pytest.mark.parametrize("run_dir", [None, "run"])
def test_a_run_that_diverges_names_step_and_leaf_and_keeps_the_last_finite_state(run_dir, tmp_path):
    run_dir = run_dir and tmp_path / run_dir
    with pytest.raises(DivergedError, match=r"after step 7 in params\['hidden'\]") as caught:
        train(run_dir, optimizer=explosive(6))
    last = caught.value.result
    assert last.state.step == 6
    assert [e.epoch for e in last.history] == [1]
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(last.state.params))
    if run_dir:
        assert checkpoint.steps(run_dir / "checkpoints")[0] == 6
        assert str(run_dir) in str(caught.value)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"images": points().images[:9]}, DataError, "one row per image"),
        ({"images": points().images[:0], "labels": []}, DataError, "at least one example"),
        (
            {"labels": np.full(60, 3)},
            DataError,
            r"less than 3.* got 3 at index \(0,\) \(60 of 60\)",
        ),
        ({"images": np.full((60, 2), np.inf)}, DataError, r"finite, got inf at index \(0, 0\)"),
        ({"images": points().images[:9], "labels": points().labels[:9]}, ConfigError, "at most 9"),
    ],
)
def test_examples_that_are_not_legal_are_refused(change, error, message):
    with pytest.raises(error, match=message):
        fit(MODEL, SimpleNamespace(**(vars(points()) | change)), CONFIG)


def test_bytes_that_are_not_normalised_are_refused():
    images = SimpleNamespace(images=np.ones((20, 2), np.uint8), labels=np.zeros(20, int))
    with pytest.raises(ConfigError, match="normalize must return a floating dtype, got uint8"):
        fit(MODEL, images, CONFIG, normalize=lambda x: x)


def test_a_step_that_does_not_fit_into_the_memory_is_refused_with_its_bytes():
    def big(params, state, x, *, train=False, key=None):
        logits, state = problem.apply(params, state, x, train=train, key=key)
        many = jnp.tile(logits[:, None], (1, 2**18, 2**28))  # 10^16 bytes: no machine has them
        return logits + jax.lax.stop_gradient(jnp.sort(many)[:, 0, :3]), state

    with pytest.raises(
        ConfigError, match=r"batch must be so small .* got 16: .*\d{15,} bytes.*; take"
    ):
        fit((problem.init, big), points(), CONFIG)


def test_a_number_that_is_not_legal_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ConfigError, match="learning_rate must be"):
        fit(MODEL, points(), TrainConfig(learning_rate=-1.0), run_dir=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_no_epoch_is_the_initial_state():
    result = fit(MODEL, points(), dataclasses.replace(CONFIG, epochs=0))
    assert result.state.step == 0 and result.history == ()


def test_the_progress_is_a_bar_on_a_terminal_and_lines_elsewhere():
    terminal, pipe = io.StringIO(), io.StringIO()
    train(console=Console(file=terminal, force_terminal=True, width=120))
    assert "epoch 3 of 3: loss" in terminal.getvalue()
    assert "images/s" in terminal.getvalue()
    train(console=Console(file=pipe))
    lines = pipe.getvalue().splitlines()
    assert [line[:12] for line in lines] == ["epoch 1 of 3", "epoch 2 of 3", "epoch 3 of 3"]


def test_a_run_has_one_trace(whole):
    traces = []

    def counted(*arguments, train=False, **options):
        traces.append(train)
        return problem.apply(*arguments, train=train, **options)

    fit((problem.init, counted), points(), CONFIG, augment=problem.augment)
    assert traces.count(True) == 1

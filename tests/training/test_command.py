"""``approxnet train``, in this process and in its own."""

import contextlib
import json
import signal
import subprocess
import sys
import time
from functools import partial

import jax
import numpy as np
import pytest

from approxnet import cli, data, models, training
from approxnet.data import augment
from approxnet.training import checkpoint, history
from tests.training.problem import environment, free_port

FAST = ("train", "--batch", "256", "--learning-rate", "0.05")


def lines(run_dir):
    path = run_dir / "metrics.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_model_is_trained_scored_and_kept(tmp_path, capsys):
    arguments = [*FAST, "--epochs", "2", "--out", str(tmp_path / "run")]
    assert cli.main(arguments) == 0
    found = lines(tmp_path / "run")
    assert [line["epoch"] for line in found] == [1, 2]
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("epoch 1 of 2: loss")
    assert f"test accuracy {100 * found[-1]['test_accuracy']:.2f} % after epoch 2" in said[-1]
    assert cli.main(arguments) == 2
    assert "resume=True (--resume)" in capsys.readouterr().err
    assert cli.main([*arguments, "--resume", "--tensorboard"]) == 0
    assert lines(tmp_path / "run") == found
    assert len(list((tmp_path / "run" / "tensorboard").iterdir())) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--model", "lenet6"], 2, "did you mean 'lenet5'?"),
        (["--data", "digit"], 2, "did you mean 'digits'?"),
        (["--learning-rate", "-1"], 2, "learning_rate must be a finite number > 0, got -1.0"),
        (["--batch", "5000"], 2, "batch must be at most 1437"),
        (["--devices", "8"], 2, "devices must be at most 1"),
        (["--devices", "0"], 2, "devices must be an integer >= 1, got 0"),
        (["--processes", "2"], 2, "must be given together, got no coordinator and no process"),
        (["--out", "/dev/null"], 2, "run_dir must be a folder that can be written to"),
        (["--learning-rate", "1e30"], 4, "got nan or infinity after step"),
    ],
)
def test_an_error_is_one_line_with_its_exit_code(arguments, code, message, tmp_path, capsys):
    assert cli.main(["train", "--out", str(tmp_path / "run"), *arguments]) == code
    text = capsys.readouterr().err
    assert message in text
    assert text.count("\n") == 1


@pytest.mark.parametrize("part", ["history.write", "checkpoint._write_arrays"])
def test_a_full_disk_is_one_line_and_what_is_finished_stays(part, tmp_path, capsys, monkeypatch):
    module, name = part.split(".")
    module = {"history": history, "checkpoint": checkpoint}[module]
    write, arguments = getattr(module, name), [*FAST, "--epochs", "2", "--out", str(tmp_path)]

    def full(path, content):
        if lines(tmp_path):
            raise OSError(28, "No space left on device")
        write(path, content)

    monkeypatch.setattr(module, name, full)
    assert cli.main(arguments) == 4
    text = capsys.readouterr().err
    assert "No space left on device" in text
    assert text.count("\n") == 1
    monkeypatch.undo()
    assert cli.main([*arguments, "--resume"]) == 0
    assert [line["epoch"] for line in lines(tmp_path)] == [1, 2]


def test_a_trained_model_is_evaluated(tmp_path, capsys):
    arguments = [*FAST, "--epochs", "1", "--out", str(tmp_path)]
    assert cli.main(arguments) == 0
    accuracy = f"accuracy {100 * lines(tmp_path)[0]['test_accuracy']:.2f} %"
    assert cli.main(["evaluate", str(tmp_path)]) == 0
    assert f"{accuracy} on 360 test images of digits, after step 6" in capsys.readouterr().out
    assert cli.main(["evaluate", str(tmp_path), "--split", "train"]) == 0
    assert "on 1437 train images" in capsys.readouterr().out
    assert cli.main(["evaluate", str(tmp_path), "--model", "lenet5"]) == 2
    assert "model.apply.model = 'MLP', got 'LeNet5'" in capsys.readouterr().err
    assert cli.main(["evaluate", str(tmp_path / "nowhere")]) == 4
    assert "run_dir must be the folder of a run" in capsys.readouterr().err


@pytest.fixture
def start():
    """A function that starts the command in a process with one device, or with those it makes.

    What is still running at the end of the test is killed.
    """
    with contextlib.ExitStack() as stack:

        def begin(*arguments, own_devices=False):
            left_out = {"XLA_FLAGS"} if own_devices else set()
            process = subprocess.Popen(
                [sys.executable, "-m", "approxnet", *map(str, arguments)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={name: value for name, value in environment().items() if name not in left_out},
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield begin


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_a_signal_saves_the_run_and_resume_goes_on(number, code, tmp_path, start):
    arguments = [*FAST, "--epochs", "20", "--out", str(tmp_path / "run")]
    process = start(*arguments)
    wait_for_line(tmp_path / "run", process)
    process.send_signal(number)
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == code, errors
    done = lines(tmp_path / "run")
    assert 1 <= len(done) < 20
    assert cli.main([*arguments, "--resume"]) == 0
    assert lines(tmp_path / "run")[: len(done)] == done
    assert [line["epoch"] for line in lines(tmp_path / "run")] == list(range(1, 21))


def finish(process):
    """What the process says on standard error, after it has ended well."""
    output, errors = process.communicate(timeout=200)
    assert process.returncode == 0, output + errors
    return errors


def start_two(start, *arguments):
    """Two processes with four devices each, on this machine."""
    port = free_port()
    place = ("--devices", "8", "--coordinator", f"127.0.0.1:{port}", "--patience", "10")
    return [
        start(*arguments, *place, "--processes", "2", "--process", i, own_devices=True)
        for i in (0, 1)
    ]


def wait_for_line(run_dir, process, count=1):
    limit = time.monotonic() + 100
    while len(lines(run_dir)) < count and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.01)


def trained(run_dir):
    """Parameters and losses of a run of the perceptron on digits."""
    digits = data.load("digits", "train")
    normalize = partial(data.normalize, statistics=augment.statistics(digits.images))
    model = models.functional(models.MLP())
    params = training.load_state(run_dir, model, digits, normalize=normalize).params
    return np.concatenate([np.ravel(x) for x in jax.tree.leaves(params)]), [
        (line["step"], line["loss"], line["test_loss"]) for line in lines(run_dir)
    ]


def close(run_dir, other, rounding=1e-6):
    (params, losses), (others, expected) = trained(run_dir), trained(other)
    np.testing.assert_allclose(params, others, rtol=0, atol=rounding)
    np.testing.assert_allclose(losses, expected, rtol=0, atol=rounding)


@pytest.mark.slow
def test_eight_devices_and_two_processes_with_four_do_what_one_device_does(tmp_path, start):
    arguments = [*FAST, "--epochs", "2", "--out"]
    finish(start(*arguments, tmp_path / "8", "--devices", "8", own_devices=True))
    first, second = start_two(start, *arguments, tmp_path / "2 x 4")
    assert "process 0 of 2 waits up to 10 s for the others at 127.0.0.1:" in finish(first)
    assert second.communicate(timeout=60)[0].count("test accuracy") == 0
    assert second.returncode == 0
    assert cli.main([*arguments, str(tmp_path / "1")]) == 0
    close(tmp_path / "8", tmp_path / "1")
    close(tmp_path / "2 x 4", tmp_path / "1")


@pytest.mark.slow
def test_a_killed_process_ends_the_other_and_the_run_goes_on_on_one_device_and_on_eight(
    tmp_path, start
):
    arguments = [*FAST, "--epochs", "12", "--out"]
    run = tmp_path / "run"
    first, second = start_two(start, *arguments, run)
    wait_for_line(run, second)
    second.kill()
    errors = first.communicate(timeout=60)[1]  # 10 seconds of patience, and as many to end
    assert first.returncode not in (0, -signal.SIGKILL)
    assert "another task died" in errors
    done = len(lines(run))
    assert 1 <= done < 12
    alone = start(*arguments, run, "--resume")
    wait_for_line(run, alone, done + 1)
    alone.terminate()
    alone.communicate(timeout=60)
    assert alone.returncode == 75
    assert done < len(lines(run)) < 12
    finish(start(*arguments, run, "--resume", "--devices", "8", own_devices=True))
    assert cli.main([*arguments, str(tmp_path / "1")]) == 0
    close(run, tmp_path / "1", rounding=1e-5)  # ten times as many steps as above

"""``approxnet train``, in this process and in its own."""

import json
import signal
import subprocess
import sys
import time

import pytest

from approxnet import cli
from tests.training.problem import environment

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
        (["--learning-rate", "1e30"], 4, "got nan or infinity after step"),
    ],
)
def test_an_error_is_one_line_with_its_exit_code(arguments, code, message, tmp_path, capsys):
    assert cli.main(["train", "--out", str(tmp_path / "run"), *arguments]) == code
    text = capsys.readouterr().err
    assert message in text
    assert text.count("\n") == 1


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "approxnet", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_a_signal_saves_the_run_and_resume_goes_on(number, code, tmp_path):
    arguments = [*FAST, "--epochs", "20", "--out", str(tmp_path / "run")]
    with start(*arguments) as process:
        limit = time.monotonic() + 100
        while not lines(tmp_path / "run") and process.poll() is None and time.monotonic() < limit:
            time.sleep(0.01)
        process.send_signal(number)
        errors = process.communicate(timeout=60)[1]
    assert process.returncode == code, errors
    done = lines(tmp_path / "run")
    assert 1 <= len(done) < 20
    assert cli.main([*arguments, "--resume"]) == 0
    assert lines(tmp_path / "run")[: len(done)] == done
    assert [line["epoch"] for line in lines(tmp_path / "run")] == list(range(1, 21))


@pytest.mark.slow
def test_the_same_command_runs_on_eight_devices(tmp_path):
    process = subprocess.run(
        [sys.executable, "-m", "approxnet", *FAST, "--devices", "8", "--epochs", "1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={k: v for k, v in environment().items() if k != "XLA_FLAGS"},
    )
    assert process.returncode == 0, process.stderr
    assert "run: runs/train" in process.stdout

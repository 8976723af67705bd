"""The course's recipes for MNIST and CIFAR, from the official files to the report, in miniature."""

import dataclasses
import json

import pytest

from approxnet import cli, reproduce

SIZES = {"train": 150, "test": 150}  # more than a batch, and of one size: one program scores both


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_the_assignments_run_on_official_files(name, official, tmp_path, monkeypatch):
    official(name, tmp_path / "sets" / name, SIZES)
    monkeypatch.setenv("APPROXNET_DATA_DIR", str(tmp_path / "sets"))
    experiment = reproduce.find("course_assignments")
    config = dataclasses.replace(experiment.scales["full"], sets=(name,), epochs=1, seeds=1)
    (run,) = reproduce.run(experiment, config, out=tmp_path / "results").runs
    assert run.error == ""
    assert {check.claim.split(":")[0] for check in run.checks} == {
        f"{name}, {learner}"
        for learner in ("least squares", "logistic regression", "MLP", "LeNet-5")
    }
    parameters = {row[0]: row[1] for row in run.tables[1].rows}
    # 28 x 28 or 32 x 32 x 3 pixels and a bias, into 10 classes; LeCun's LeNet-5 and that in colour
    pixels = {"mnist": 28 * 28, "cifar10": 32 * 32 * 3}[name]
    assert parameters["logistic regression"] == parameters["least squares"] == 10 * (pixels + 1)
    assert parameters["LeNet-5"] == {"mnist": 61_706, "cifar10": 62_006}[name]


def test_a_fetched_set_is_trained_on_by_the_command_line(official, tmp_path, capsys):
    name = "cifar10"
    made, sets, run = official(name), str(tmp_path / "sets"), tmp_path / "run"
    fetch = ["data", "fetch", name, "--source", str(made.folder), "--data-dir", sets]
    assert cli.main(fetch) == 0
    arguments = ["--data", name, "--data-dir", sets, "--model", "linear"]
    numbers = ["--batch", "16", "--epochs", "1", "--augment", "--out", str(run)]
    assert cli.main(["train", *arguments, *numbers]) == 0
    assert cli.main(["evaluate", str(run), *arguments]) == 0
    accuracy = json.loads((run / "metrics.jsonl").read_text())["test_accuracy"]
    assert f"accuracy {100 * accuracy:.2f} % on 10 test images of {name}" in capsys.readouterr().out

"""TensorBoard shows what was measured."""

import sys

import pytest
from tensorboardX.proto import event_pb2

from approxnet.errors import ConfigError
from approxnet.training import Epoch, to_tensorboard

HISTORY = (
    Epoch(1, 10, 0.5, 0.75, None, None, 2.0, 100.0),
    Epoch(2, 20, 0.25, 0.875, 0.5, 0.625, 2.0, 200.0),
)


def events(folder):
    """What a file of events holds: records of a length, its checksum, the bytes and theirs."""
    (path,) = folder.iterdir()
    content, found = path.read_bytes(), {}
    while content:
        size = int.from_bytes(content[:8], "little")
        record, content = content[12 : 12 + size], content[16 + size :]
        event = event_pb2.Event.FromString(record)
        for value in event.summary.value:
            found.setdefault(value.tag, {})[event.step] = value.simple_value
    return found


def test_each_number_is_a_curve_over_the_steps(tmp_path):
    to_tensorboard(HISTORY, tmp_path)
    assert events(tmp_path) == {
        "loss": {10: 0.5, 20: 0.25},
        "accuracy": {10: 0.75, 20: 0.875},
        "test_loss": {20: 0.5},
        "test_accuracy": {20: 0.625},
        "images_per_second": {10: 100.0, 20: 200.0},
    }


def test_each_of_several_runs_has_its_curves(tmp_path):
    to_tensorboard([HISTORY[0]._replace(loss=[0.5, 0.25], accuracy=[1.0, 0.0])], tmp_path)
    found = events(tmp_path)
    assert found["loss/1"] == {10: 0.25}
    assert found["accuracy/0"] == {10: 1.0}


def test_without_the_package_the_remedy_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ConfigError, match=r"pip install .approxnet\[tensorboard\]"):
        to_tensorboard(HISTORY, tmp_path)

"""What is in the folder of the data sets, and the commands."""

import hashlib
import os
import shutil

import numpy as np
import pytest

from approxnet import cli, data


@pytest.fixture
def sets(official, tmp_path):
    """One set in its official files and one prepared."""
    folder = tmp_path / "sets"
    made = official("mnist", folder / "mnist")
    data.fetch("cifar10", source=official("cifar10").folder, data_dir=folder)
    return folder, made


def states(folder):
    return {str(file.path): file.state for file in data.status(folder)}


def test_every_file_is_listed_with_size_and_checksum(sets):
    folder, _ = sets
    files = data.status(folder)
    assert [file.path for file in files] == sorted(
        path.relative_to(folder) for path in folder.rglob("*") if path.is_file()
    )
    for file in files:
        content = (folder / file.path).read_bytes()
        assert file.n_bytes == len(content)
        assert file.sha256 == hashlib.sha256(content).hexdigest()
    found = states(folder)
    assert {state for path, state in found.items() if path.startswith("mnist")} == {"as published"}
    assert {state for path, state in found.items() if path.startswith("cifar")} == {"as prepared"}


def test_the_environment_names_the_folder_here_too(sets, monkeypatch):
    monkeypatch.setenv("APPROXNET_DATA_DIR", str(sets[0]))
    assert data.status() == data.status(sets[0])


def test_damage_is_seen_file_by_file(sets):
    folder, _ = sets
    whole = states(folder)
    for path in map(folder.joinpath, whole):
        good = path.read_bytes()
        path.write_bytes(good[: len(good) // 2] + b"?" + good[len(good) // 2 + 1 :])
        damaged = {name for name, state in states(folder).items() if state == "damaged"}
        assert str(path.relative_to(folder)) in damaged, path
        path.write_bytes(good)
    assert states(folder) == whole


def test_what_has_no_checksum_says_what_it_is(sets):
    folder, _ = sets
    data.load("mnist", "test", data_dir=folder)
    shutil.copytree(folder / "cifar10", folder / "other")
    (folder / "other" / "3.0.2" / "approxnet.json").unlink()
    (folder / ".unfinished-1").mkdir()
    (folder / ".unfinished-1" / "a.bin").touch()
    (folder / "mnist" / "a.bin.bad").touch()
    found = states(folder)
    assert found["mnist/cache/test.npz"] == "cache"
    assert found[".unfinished-1/a.bin"] == "unfinished"
    assert found["mnist/a.bin.bad"] == "set aside"
    assert found["other/3.0.2/features.json"] == "no checksum known"
    np.testing.assert_array_equal(data.load("other", "test", data_dir=folder).labels.shape, (10,))


# --- commands ---------------------------------------------------------------------------------


def test_fetch_prepares_and_status_lists(official, tmp_path, capsys):
    made, sets = official("fashion_mnist"), str(tmp_path / "sets")
    fetch = ["data", "fetch", "fashion_mnist", "--source", str(made.folder), "--data-dir", sets]
    for _ in range(2):
        assert cli.main(fetch) == 0
        assert capsys.readouterr().out == f"fashion_mnist: {sets}/fashion_mnist/3.0.1\n"
    assert cli.main(["data", "status", "--data-dir", sets]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(data.status(sets))
    assert all(line.startswith("as prepared ") for line in lines[:-1])
    assert lines[-1].endswith(f"bytes in {sets}")


def test_status_tells_damage_by_its_exit_code(official, capsys):
    made = official("mnist")
    (made.folder / "train-labels-idx1-ubyte.gz").write_bytes(b"<html>")
    assert cli.main(["data", "status", "--data-dir", str(made.folder.parent)]) == 4
    assert "damaged" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["fetch", "fashion"], 2, "did you mean 'fashion_mnist'?"),
        (["fetch", "mnist", "--source", "nowhere"], 2, "source must hold train-images-idx3"),
        (["fetch", "mnist", "--data-dir", os.devnull], 4, "cannot be reached"),
    ],
)
def test_an_error_is_one_line(arguments, code, message, monkeypatch, capsys):
    from approxnet.data import fetching

    monkeypatch.setattr(fetching, "_refusal", lambda host, port: "no network")
    assert cli.main(["data", *arguments]) == code
    text = capsys.readouterr().err
    assert text.startswith("approxnet: ")
    assert text.count("\n") == 1
    assert message in text


@pytest.mark.parametrize(
    "arguments", [["data"], ["data", "fech"], ["data", "status", "--data-dri"]]
)
def test_what_is_not_understood_is_answered_with_what_there_is(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == 2
    text = capsys.readouterr().err
    assert "fetch" in text
    assert "status" in text

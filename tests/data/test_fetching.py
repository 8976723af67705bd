"""Fetching: from the internet (here the loopback) and from a folder, whole or not at all."""

import gzip
import http.server
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds

import approxnet
from approxnet import data
from approxnet.data import builders, catalog, manifest
from approxnet.errors import ConfigError, DataError, OfflineError

from .conftest import all_files

NAMES = ["mnist", "fashion_mnist", "cifar10", "cifar100"]
VERSIONS = {"mnist": "3.0.1", "fashion_mnist": "3.0.1", "cifar10": "3.0.2", "cifar100": "3.0.2"}


def same(dataset, images, labels):
    np.testing.assert_array_equal(dataset.images, images)
    np.testing.assert_array_equal(dataset.labels, labels)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("route", ["internet", "folder"])
def test_a_set_is_fetched_and_read_by_us_and_by_tensorflow_datasets(
    name, route, official, registered, tmp_path, untouched
):
    made, sets = official(name), tmp_path / "sets"
    registered(name, made.folder)
    is_untouched = untouched(made.folder)
    source = {"internet": None, "folder": made.folder}[route]
    place = data.fetch(name, source=source, data_dir=sets)
    assert place == sets / name / VERSIONS[name]
    assert is_untouched()
    assert [path.name for path in sets.iterdir()] == [name]  # nothing unfinished
    entry = catalog.CATALOG[name]
    for split in ("train", "test"):
        images, labels = getattr(made, split)
        loaded = data.load(name, split, data_dir=sets)
        same(loaded, images, labels)
        direct = entry.read(entry.find(made.folder, split), split).dataset
        assert loaded.classes == direct.classes
        source = tfds.data_source(name, data_dir=sets, split=split, download=False)
        assert [int(example["label"]) for example in source] == labels.tolist()
        np.testing.assert_array_equal([example["image"] for example in source], images)
        same(data.load(name, split, data_dir=sets), images, labels)  # from the cache
    assert "tensorflow" not in sys.modules


def test_the_other_features_are_those_that_are_registered(official, tmp_path):
    made = official("cifar100")
    data.fetch("cifar100", source=made.folder, data_dir=tmp_path / "sets")
    source = tfds.data_source("cifar100", data_dir=tmp_path / "sets", split="test", download=False)
    assert sorted(source[0]) == ["coarse_label", "id", "image", "label"]
    assert source[3]["id"] == b"test_00003"
    features = source.dataset_info.features
    assert features["coarse_label"].names[:2] == ["coarse_label_0", "coarse_label_1"]


def test_what_is_there_is_left_as_it_is(official, tmp_path, untouched):
    made = official("mnist")
    assert data.fetch("mnist", data_dir=made.folder.parent) == made.folder
    place = data.fetch("mnist", source=made.folder, data_dir=tmp_path / "sets")
    is_untouched = untouched(tmp_path)
    assert data.fetch("mnist", data_dir=tmp_path / "sets") == place
    assert data.fetch("mnist", source=tmp_path / "none", data_dir=tmp_path / "sets") == place
    assert is_untouched()


def test_load_fetches_what_is_not_there(official, registered, tmp_path):
    made = official("mnist")
    registered("mnist", made.folder)
    same(data.load("mnist", "test", data_dir=tmp_path / "sets"), *made.test)


def test_a_bar_shows_how_far_a_download_is_if_somebody_watches(
    official, registered, tmp_path, monkeypatch, capsys
):
    made = official("mnist")
    registered("mnist", made.folder)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    data.fetch("mnist", data_dir=tmp_path / "sets")
    assert "train-images-idx3-ubyte.gz" in capsys.readouterr().err
    same(data.load("mnist", "test", data_dir=tmp_path / "sets"), *made.test)


# --- damage -----------------------------------------------------------------------------------

IMAGES = "train-images-idx3-ubyte.gz"
PAGE = b"<html>Sign in to the network</html>"
SERVED = {
    "a web page": (lambda c: PAGE, r"got 35 bytes with [0-9a-f]{64}: a web page"),
    "cut off": (lambda c: c[:4000], r"got 4000 bytes .*: .*cut off at byte 4000"),
    "a bit flipped": (lambda c: c[:-6] + bytes([c[-6] ^ 1]) + c[-5:], r"damage seen at byte"),
    "another file": (lambda c: gzip.compress(b"1"), r"is whole, of other content"),
    "empty": (lambda c: b"", r"got 0 bytes with .*: nothing"),
}


@pytest.mark.parametrize("case", SERVED)
def test_a_damaged_download_is_kept_aside_and_nothing_else_is_left(
    case, official, registered, tmp_path
):
    damage, message = SERVED[case]
    made, sets = official("mnist"), tmp_path / "sets"
    registered("mnist", made.folder)
    bad = damage((made.folder / IMAGES).read_bytes())
    (made.folder / IMAGES).write_bytes(bad)
    with pytest.raises(DataError, match=rf"{IMAGES}\.bad: must be {IMAGES} of .*{message}"):
        data.fetch("mnist", data_dir=sets)
    assert all_files(sets) == {sets / "mnist" / f"{IMAGES}.bad": bad}
    assert [path.name for path in sets.iterdir()] == ["mnist"]


def test_a_file_that_is_not_on_the_server_is_told_at_once(official, registered, tmp_path):
    made, sets = official("mnist"), tmp_path / "sets"
    registered("mnist", made.folder)
    (made.folder / IMAGES).unlink()
    start = time.perf_counter()
    with pytest.raises(OfflineError, match=rf"{IMAGES} cannot be had from .*404.*--source"):
        data.fetch("mnist", data_dir=sets)
    assert time.perf_counter() - start < 2
    assert not list(sets.iterdir())


class _Failing(http.server.BaseHTTPRequestHandler):
    """A server that is busy, or that hangs up in the middle of a file."""

    def __init__(self, *args, directory, **kwargs):
        self.status = directory
        super().__init__(*args, **kwargs)

    def do_GET(self):
        self.send_response(self.status)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"\x1f\x8b" * 10)

    def log_message(self, *args):
        """Say nothing."""


@pytest.mark.parametrize(("status", "error"), [(503, OfflineError), (200, DataError)])
def test_a_busy_server_and_one_that_hangs_up_are_told_at_once(
    status, error, official, registered, serve, tmp_path
):
    made = official("mnist")
    registered("mnist", made.folder, serve(status, _Failing))
    start = time.perf_counter()
    with pytest.raises(error, match=IMAGES):
        data.fetch("mnist", data_dir=tmp_path / "sets")
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.unlink(), r"source must hold train-images.*got train-labels"),
        (lambda path: path.write_bytes(PAGE), rf"{IMAGES}: bytes 0 to 3 must be.*a web page"),
        (lambda path: path.write_bytes(path.read_bytes()[:99]), r"cut off at byte 99"),
    ],
)
def test_a_damaged_source_is_named_and_left_alone(change, message, official, tmp_path, untouched):
    made, sets = official("mnist"), tmp_path / "sets"
    change(made.folder / IMAGES)
    is_untouched = untouched(made.folder)
    with pytest.raises(DataError, match=message):
        data.fetch("mnist", source=made.folder, data_dir=sets)
    assert is_untouched()
    assert not all_files(tmp_path / "sets")


def test_a_folder_that_cannot_be_written_to_is_refused(official, tmp_path):
    made = official("mnist")
    (tmp_path / "file").touch()
    (tmp_path / "sealed").mkdir(mode=0o555)
    for folder, reason in (("file", "File exists"), ("sealed", "it is read-only")):
        with pytest.raises(
            ConfigError, match=rf"data_dir must be .*{folder}.*{reason}.*--data-dir"
        ):
            data.fetch("mnist", source=made.folder, data_dir=tmp_path / folder)


def test_two_that_fetch_at_once_both_succeed(official, tmp_path, monkeypatch):
    """The other process finishes while this one writes."""
    made, sets, write = official("mnist"), tmp_path / "sets", builders.write

    def overtaken(*arguments):
        monkeypatch.setattr(builders, "write", write)
        data.fetch("mnist", source=made.folder, data_dir=sets)
        return write(*arguments)

    monkeypatch.setattr(builders, "write", overtaken)
    data.fetch("mnist", source=made.folder, data_dir=sets)
    same(data.load("mnist", "train", data_dir=sets), *made.train)
    assert [path.name for path in sets.iterdir()] == ["mnist"]


def test_a_full_disk_leaves_nothing_half_written(official, tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    made, sets = official("mnist"), tmp_path / "sets"
    monkeypatch.setattr(manifest, "write", full)
    with pytest.raises(OSError, match="No space left"):
        data.fetch("mnist", source=made.folder, data_dir=sets)
    assert not list(sets.iterdir())


def test_a_killed_fetch_leaves_nothing_that_is_read(official, registered, tmp_path):
    """SIGKILL while the set is written; the next fetch succeeds, and status names the rest."""
    made, sets = official("mnist"), tmp_path / "sets"
    code = (
        "import sys, time; from pathlib import Path\n"
        "from approxnet.data import builders, fetching, folders, catalog\n"
        "class Slow:\n"
        "    def files(self, split): return ('a',)\n"
        "    def find(self, folder, split): return {'a': Path('a')}\n"
        "    def read(self, paths, split): print('reading', flush=True); time.sleep(60)\n"
        "catalog.CATALOG['mnist'] = Slow()\n"
        f"fetching.fetch('mnist', source='.', data_dir={str(sets)!r})"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(approxnet.__file__).parents[1])}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout.readline() == "reading\n"
        process.send_signal(signal.SIGKILL)
    (left,) = sets.iterdir()
    (left / "half.bin").touch()
    assert [file.state for file in data.status(sets)] == ["unfinished"]
    data.fetch("mnist", source=made.folder, data_dir=sets)
    same(data.load("mnist", "test", data_dir=sets), *made.test)


# --- prepared sets ----------------------------------------------------------------------------


@pytest.fixture
def fetched(official, tmp_path):
    """A set that has been prepared: its folder, and what it holds."""
    made = official("fashion_mnist")
    return data.fetch("fashion_mnist", source=made.folder, data_dir=tmp_path / "sets"), made


def test_every_flipped_byte_of_a_prepared_set_is_found(fetched, tmp_path):
    place, _ = fetched
    for path in sorted(place.iterdir()):
        if "test" in path.name:
            continue
        good = path.read_bytes()
        for position in np.linspace(0, len(good) - 1, 8).astype(int):
            bad = bytes([good[position] ^ 1])
            path.write_bytes(good[:position] + bad + good[position + 1 :])
            with pytest.raises(DataError, match=str(place)):
                data.load("fashion_mnist", "train", data_dir=tmp_path / "sets")
        path.write_bytes(good)
    assert len(data.load("fashion_mnist", "train", data_dir=tmp_path / "sets").labels) == 30


@pytest.mark.parametrize("with_manifest", [True, False])
def test_a_shard_that_is_missing_or_cut_off_is_named(fetched, with_manifest, tmp_path):
    place, _ = fetched
    if not with_manifest:
        (place / "approxnet.json").unlink()
    (shard,) = place.glob("*-train.array_record*")
    content = shard.read_bytes()
    shard.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=str(place)):
        data.load("fashion_mnist", "train", data_dir=tmp_path / "sets")
    shard.unlink()
    with pytest.raises(DataError, match=str(place)):
        data.load("fashion_mnist", "train", data_dir=tmp_path / "sets")
    assert len(data.load("fashion_mnist", "test", data_dir=tmp_path / "sets").labels) == 10


def test_the_newest_whole_version_counts(fetched, tmp_path):
    place, made = fetched
    (place.parent / "9.0.0.incompleteABC").mkdir()
    (place.parent / "2.9.9").mkdir()
    (place.parent / "2.9.9" / "dataset_info.json").write_text("{}")
    same(data.load("fashion_mnist", "test", data_dir=tmp_path / "sets"), *made.test)


def test_addresses_and_checksums_are_those_that_tensorflow_datasets_registers():
    for name, entry in catalog.CATALOG.items():
        found = builders.downloads(name, entry)
        assert set(found) == {file for split in catalog.SPLITS for file in entry.files(split)}
        for file, item in found.items():
            assert item.url == entry.url + file
    archive = builders.downloads("cifar10", catalog.CATALOG["cifar10"])["cifar-10-binary.tar.gz"]
    assert f"sha256:{archive.sha256}" == catalog.CATALOG["cifar10"].checksum

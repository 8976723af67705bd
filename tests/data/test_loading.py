"""Sets by name: from official files, from prepared ones, from the cache, and from nowhere."""

import gzip
import os
import socket
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

import approxnet
from approxnet import data
from approxnet.data import catalog, fetching, loading
from approxnet.errors import ConfigError, DataError, OfflineError

from .conftest import all_files

NAMES = ["mnist", "fashion_mnist", "cifar10", "cifar100"]


def same(dataset, images, labels):
    np.testing.assert_array_equal(dataset.images, images)
    np.testing.assert_array_equal(dataset.labels, labels)
    assert (dataset.images.dtype, dataset.labels.dtype) == (np.uint8, np.int32)


# --- digits -----------------------------------------------------------------------------------


def test_digits_are_the_default_and_hold_every_digit_of_scikit_learn():
    from sklearn.datasets import load_digits

    parts = data.load(), data.load(split="test")
    same(parts[0], data.load("digits", "train").images, data.load("digits", "train").labels)
    images = np.concatenate([part.images for part in parts])[..., 0]
    np.testing.assert_array_equal(np.rint(images / 255 * 16), load_digits().images)
    np.testing.assert_array_equal(
        np.concatenate([part.labels for part in parts]), load_digits().target
    )
    assert [len(part.labels) for part in parts] == [1437, 360]
    assert images.max() == 255
    for part in parts:
        assert np.bincount(part.labels).min() >= 0.08 * len(part.labels)


def test_a_split_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match="split of digits must be one of train, test, got 'tset'"):
        data.load("digits", "tset")
    with pytest.raises(ConfigError, match=r"split of mnist .*did you mean 'train'"):
        data.load("mnist", "trian")


# --- official files ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("split", ["train", "test"])
def test_official_files_are_read_where_they_lie(name, split, official, tmp_path):
    made = official(name)
    dataset = data.load(name, split, data_dir=tmp_path / "official")
    same(dataset, *getattr(made, split))
    n = 100 if name == "cifar100" else 10
    assert len(dataset.classes) == len(set(dataset.classes)) == n


def test_the_environment_names_the_folder(official, monkeypatch):
    made = official("mnist")
    monkeypatch.setenv("APPROXNET_DATA_DIR", str(made.folder.parent))
    same(data.load("mnist", "test"), *made.test)


def test_without_it_the_folder_is_in_the_users_cache(monkeypatch, tmp_path):
    assert data.data_folder() == tmp_path / "user" / "approxnet"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert data.data_folder() == Path.home() / ".cache" / "approxnet"
    assert data.data_folder("~/sets") == Path.home() / "sets"


def test_unpacked_files_are_as_good_as_packed_ones(official):
    made = official("mnist")
    for path in list(made.folder.iterdir()):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    same(data.load("mnist", "train", data_dir=made.folder.parent), *made.train)


def test_a_read_only_folder_is_read_and_not_written_to(official):
    made = official("mnist")
    made.folder.chmod(0o555)
    before = all_files(made.folder)
    same(data.load("mnist", "train", data_dir=made.folder.parent), *made.train)
    labels = made.folder / "t10k-labels-idx1-ubyte.gz"
    labels.write_bytes(b"<html>")
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte\.gz: bytes 0 to 3.*a web page"):
        data.load("mnist", "test", data_dir=made.folder.parent)
    assert all_files(made.folder) == before | {labels: b"<html>"}


def flip(content):
    """One pixel changed in a file that is whole otherwise."""
    raw = bytearray(gzip.decompress(content))
    raw[1000] ^= 1
    return gzip.compress(bytes(raw))


def relabel(content):
    raw = bytearray(gzip.decompress(content))
    raw[8 + 4] = 10
    return gzip.compress(bytes(raw))


IMAGES, LABELS, ARCHIVE = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "cifar-10-binary.tar.gz",
)
PAGE, PICKLE = b"<html>Not here</html>", b"\x80\x02}q\x00."
DAMAGE = {
    "cut off": ("mnist", IMAGES, lambda c: c[:5000], r"cut off at byte 5000"),
    "a bit flipped in the stream": (
        "mnist",
        IMAGES,
        lambda c: c[:9000] + bytes([c[9000] ^ 4]) + c[9001:],
        r"byte",
    ),
    "a pixel changed": (
        "mnist",
        IMAGES,
        flip,
        r"23536 bytes from byte 0 on must have the checksum",
    ),
    "another magic": (
        "mnist",
        LABELS,
        lambda c: gzip.compress(b"\0\0\x0d\1"),
        r"bytes 0 to 3 must",
    ),
    "a web page": ("mnist", LABELS, lambda c: PAGE, r"got a web page"),
    "a pickle": ("mnist", LABELS, lambda c: PICKLE, r"a pickle, which is never loaded"),
    "a label out of range": (
        "mnist",
        LABELS,
        relabel,
        r"byte 12 must be a label from 0 to 9, got 10",
    ),
    "archive cut off": ("cifar10", ARCHIVE, lambda c: c[:50_000], r"cut off at byte 50000"),
    "archive is a web page": ("cifar10", ARCHIVE, lambda c: PAGE, r"bytes 0 and 1.*got a web page"),
    "archive is a pickle": ("cifar10", ARCHIVE, lambda c: PICKLE, r"a pickle, which is never"),
    "archive has a pixel changed": ("cifar10", ARCHIVE, flip, r"must have the checksum sha256"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_file_is_named_and_kept_aside_and_not_met_again(case, official):
    name, file, damage, message = DAMAGE[case]
    made = official(name)
    path = made.folder / file
    bad = damage(path.read_bytes())
    path.write_bytes(bad)
    before = all_files(made.folder)
    with pytest.raises(DataError, match=rf"{file}.*{message}.*the file is kept as .*{file}\.bad"):
        data.load(name, "train", data_dir=made.folder.parent)
    del before[path]
    assert all_files(made.folder) == before | {path.with_name(f"{file}.bad"): bad}
    with pytest.raises(OfflineError, match=f"{name} is not in"):
        data.load(name, "train", data_dir=made.folder.parent)


def test_a_second_damaged_file_does_not_replace_the_first(official):
    made = official("mnist")
    for content in (b"<one>", b"<two>"):
        (made.folder / LABELS).write_bytes(content)
        with pytest.raises(DataError, match="a web page"):
            data.load("mnist", "train", data_dir=made.folder.parent)
    assert (made.folder / f"{LABELS}.bad").read_bytes() == b"<one>"
    assert (made.folder / f"{LABELS}.2.bad").read_bytes() == b"<two>"


def test_a_file_of_another_split_is_found_out_by_its_shape(official):
    made = official("mnist")
    (made.folder / IMAGES).write_bytes((made.folder / "t10k-images-idx3-ubyte.gz").read_bytes())
    with pytest.raises(DataError, match=r"must state the shape \(30, 28, 28\), got \(10, 28, 28\)"):
        data.load("mnist", "train", data_dir=made.folder.parent)


def test_the_python_version_of_cifar_is_refused_by_name(official):
    from .conftest import tar

    made = official("cifar10")
    python = gzip.compress(tar({"cifar-10-batches-py/data_batch_1": PICKLE}))
    (made.folder / ARCHIVE).write_bytes(python)
    with pytest.raises(
        DataError, match=r"must hold cifar-10-batches-bin/data_batch_1.bin, got cifar"
    ):
        data.load("cifar10", "train", data_dir=made.folder.parent)


def test_a_cifar_file_with_a_row_too_few_or_a_class_too_few_is_refused(official, monkeypatch):
    import dataclasses

    made = official("cifar10")
    entry = catalog.CATALOG["cifar10"]
    changed = dataclasses.replace(entry, rows={"train": 7, "test": 10})
    monkeypatch.setitem(catalog.CATALOG, "cifar10", changed)
    with pytest.raises(
        DataError, match=r"data_batch_1\.bin must end at byte 21511 after 7 rows, got 6"
    ):
        changed.read(changed.find(made.folder, "train"), "train")
    changed = dataclasses.replace(entry, labels={"label": 11})
    with pytest.raises(DataError, match=r"batches\.meta\.txt must name 11 classes, got 10"):
        changed.read(changed.find(made.folder, "train"), "train")


# --- not there --------------------------------------------------------------------------------


def test_an_unknown_name_is_answered_with_the_nearest_and_the_way_to_any_set(tmp_path):
    message = (
        r"got 'fashon_mnist'; did you mean 'fashion_mnist'\?; any other set must lie in .*sets,"
    )
    with pytest.raises(ConfigError, match=message):
        data.load("fashon_mnist", data_dir=tmp_path / "sets")
    for name in ("../official", "/etc", "", "mnist/3.0.1"):
        with pytest.raises(ConfigError, match="name must be one of"):
            data.load(name, data_dir=tmp_path)


@pytest.fixture(params=["refuses", "never answers"])
def offline(request, monkeypatch):
    """A network that refuses connections, or one whose name server never answers."""
    over = threading.Event()

    def connect(address, timeout):
        if request.param == "never answers":
            over.wait()
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "create_connection", connect)
    yield
    over.set()


@pytest.mark.parametrize("name", ["mnist", "cifar100"])
def test_offline_and_unprepared_is_told_in_two_seconds_with_the_remedies(name, offline, tmp_path):
    start = time.perf_counter()
    with pytest.raises(OfflineError) as caught:
        data.load(name, "train", data_dir=tmp_path / "sets")
    assert time.perf_counter() - start < 2
    text = str(caught.value)
    for remedy in (
        f"{name} is not in {tmp_path / 'sets'}, and ",
        f"approxnet data fetch {name}",
        "--source DIR",
        "data_dir=",
        "APPROXNET_DATA_DIR",
        "'digits'",
    ):
        assert remedy in text
    assert not (tmp_path / "sets").exists()


def test_the_whole_command_is_quick_when_offline(tmp_path):
    """In a process of its own, imports included, with a proxy where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "PYTHONPATH": str(Path(approxnet.__file__).parents[1]),
        "https_proxy": f"http://127.0.0.1:{port}",
        "APPROXNET_DATA_DIR": str(tmp_path),
    }
    code = (
        "import time; from approxnet import data; from approxnet.errors import OfflineError\n"
        "start = time.perf_counter()\n"
        "try: data.load('mnist')\n"
        "except OfflineError as error: print(time.perf_counter() - start, error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    seconds, _, text = done.stdout.partition(" ")
    assert float(seconds) < 2
    assert "127.0.0.1 cannot be reached" in text


def test_a_proxy_is_asked_in_place_of_the_server(monkeypatch):
    asked = []
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "inside.example")
    monkeypatch.setattr(fetching, "_refusal", lambda host, port: asked.append((host, port)))
    for url in ("https://outside.example/a", "https://inside.example/a", "http://plain.example/a"):
        fetching.require_network(url, "mnist", Path("sets"))
    assert asked == [("proxy.example", 3128), ("inside.example", 443), ("plain.example", 80)]


def test_without_the_extra_packages_the_remedy_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(fetching, "_refusal", lambda host, port: None)
    monkeypatch.setitem(sys.modules, "array_record", None)
    with pytest.raises(ConfigError, match=r"pip install 'approxnet\[data\]'"):
        data.load("mnist", data_dir=tmp_path)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ConfigError, match=r"pip install 'approxnet\[examples\]'"):
        loading.load("digits")


def test_importing_the_chapter_imports_no_package_of_the_extra():
    code = (
        "import sys; from approxnet import data; data.load('digits'); data.status('nowhere')\n"
        "print({'tensorflow_datasets', 'array_record', 'PIL', 'tensorflow'} & set(sys.modules))"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(approxnet.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout == "set()\n"


# --- cache ------------------------------------------------------------------------------------


@pytest.fixture
def counted(official, monkeypatch):
    """A set in its official files, and how often they have been read."""
    made, reads = official("mnist"), []
    original = type(catalog.CATALOG["mnist"]).read

    def read(self, paths, split):
        reads.append(split)
        return original(self, paths, split)

    monkeypatch.setattr(type(catalog.CATALOG["mnist"]), "read", read)
    return made, reads


def test_the_second_time_comes_from_the_cache_and_is_the_same(counted):
    made, reads = counted
    for _ in range(3):
        same(data.load("mnist", "train", data_dir=made.folder.parent), *made.train)
    assert reads == ["train"]
    assert [path.name for path in (made.folder / "cache").iterdir()] == ["train.npz"]


def test_a_changed_source_is_read_anew(counted):
    made, reads = counted
    data.load("mnist", "train", data_dir=made.folder.parent)
    os.utime(made.folder / LABELS, ns=(0, 0))
    same(data.load("mnist", "train", data_dir=made.folder.parent), *made.train)
    assert reads == ["train", "train"]


def test_no_flipped_bit_and_no_truncation_of_the_cache_gives_other_data(counted):
    made, _ = counted
    data.load("mnist", "train", data_dir=made.folder.parent)
    path = made.folder / "cache" / "train.npz"
    good = path.read_bytes()
    damaged = [good[:length] for length in (0, 1, 500, len(good) - 1)]
    for place in np.linspace(0, len(good) - 1, 60).astype(int):
        damaged.append(good[:place] + bytes([good[place] ^ 1 << place % 8]) + good[place + 1 :])
    told = 0
    for content in damaged:
        path.write_bytes(content)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            same(data.load("mnist", "train", data_dir=made.folder.parent), *made.train)
        kept = [file.read_bytes() for file in path.parent.glob("*.bad")]
        assert kept == [content] * len(caught), [str(w.message) for w in caught]
        told += len(caught)
        for file in path.parent.glob("*.bad"):
            file.unlink()
    assert told >= 60


def test_a_damaged_cache_is_told_with_its_new_name(counted):
    made, _ = counted
    data.load("mnist", "train", data_dir=made.folder.parent)
    path = made.folder / "cache" / "train.npz"
    path.write_bytes(PICKLE)
    with pytest.warns(UserWarning, match=r"train\.npz: must be a cache.*set aside as .*npz\.bad"):
        same(data.load("mnist", "train", data_dir=made.folder.parent), *made.train)
    same(data.load("mnist", "train", data_dir=made.folder.parent), *made.train)


def test_a_full_disk_is_told_and_leaves_no_half_cache(official, monkeypatch):
    made = official("mnist")
    before = all_files(made.folder)

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(UserWarning, match=r"train\.npz: the cache could not be written .*No space"):
        same(data.load("mnist", "train", data_dir=made.folder.parent), *made.train)
    assert all_files(made.folder) == before

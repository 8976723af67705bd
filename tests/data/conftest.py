"""Miniature sets in the official formats, written independently of the readers."""

import dataclasses
import functools
import gzip
import hashlib
import http.server
import io
import os
import struct
import tarfile
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from approxnet.data import catalog

SIZES = {"train": 30, "test": 10}
MEMBERS = {
    "cifar10": {"train": [f"data_batch_{i}.bin" for i in range(1, 6)], "test": ["test_batch.bin"]},
    "cifar100": {"train": ["train.bin"], "test": ["test.bin"]},
}


@pytest.fixture(autouse=True)
def _own_folders(monkeypatch, tmp_path):
    """No test sees the user's sets, proxies or cache."""
    for name in ("APPROXNET_DATA_DIR", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))


def idx(array):
    """A uint8 array in the IDX format."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def tar(files):
    """Files as a tar archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def official(tmp_path, monkeypatch):
    """A function that writes the official files of a miniature, and the catalog that expects it.

    It returns the folder of the files, and per split the images and labels that they hold.
    """

    def write(name, folder=None, sizes=SIZES):
        folder = folder or tmp_path / "official" / name
        folder.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(len(name))
        entry = catalog.CATALOG[name]
        build = _idx_files if isinstance(entry, catalog.IdxFiles) else _cifar_archive
        splits, files, changes = build(name, entry, rng, sizes)
        for file, content in files.items():
            (folder / file).write_bytes(content)
        monkeypatch.setitem(catalog.CATALOG, name, dataclasses.replace(entry, **changes))
        return SimpleNamespace(folder=folder, **splits)

    return write


def _idx_files(name, entry, rng, sizes):
    splits, files, checksums = {}, {}, {}
    for split, n in sizes.items():
        images = rng.integers(0, 256, (n, 28, 28), np.uint8)
        labels = rng.permutation(np.arange(n, dtype=np.uint8) % 10)
        contents = idx(images), idx(labels)
        checksums[split] = tuple(f"md5:{hashlib.md5(content).hexdigest()}" for content in contents)
        files |= {
            file: gzip.compress(content)
            for file, content in zip(entry.files(split), contents, strict=True)
        }
        splits[split] = images[..., None], labels
    return splits, files, {"sizes": sizes, "checksums": checksums}


def _cifar_archive(name, entry, rng, sizes):
    splits, members = {}, {}
    for split, n in sizes.items():
        images = rng.integers(0, 256, (n, 32, 32, 3), np.uint8)
        labels = rng.integers(0, list(entry.labels.values()), (n, len(entry.labels)), np.uint8)
        rows = [
            bytes(label) + image.transpose(2, 0, 1).tobytes()
            for label, image in zip(labels, images, strict=True)
        ]
        names = MEMBERS[name][split]
        for i, member in enumerate(names):
            part = rows[i * n // len(names) : (i + 1) * n // len(names)]
            members[f"{entry.folder}/{member}"] = b"".join(part)
        splits[split] = images, labels[:, -1]
    for file, (label, n) in zip(entry.names, entry.labels.items(), strict=True):
        text = "\n".join(f"{label}_{i}" for i in range(n)) + "\n\n"
        members[f"{entry.folder}/{file}"] = text.encode()
    archive = gzip.compress(tar(members))
    rows = {split: sizes[split] // len(MEMBERS[name][split]) for split in sizes}
    checksum = f"sha256:{hashlib.sha256(archive).hexdigest()}"
    return splits, {entry.archive: archive}, {"checksum": checksum, "rows": rows}


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture
def serve():
    """A function that serves a folder on the loopback and returns the address."""
    servers = []

    def start(folder, handler=_Quiet):
        server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(handler, directory=folder)
        )
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def registered(serve, monkeypatch):
    """A function that publishes a folder at the address which the registered builder names.

    The checksums registered are those of the files as they are now.
    """
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download.checksums import UrlInfo
    from tensorflow_datasets.core.utils import Size

    def publish(name, folder, address=None):
        address = address or serve(folder)
        builder = tfds.builder_cls(name)
        infos = {
            address + path.name: UrlInfo(
                Size(path.stat().st_size), hashlib.sha256(path.read_bytes()).hexdigest(), path.name
            )
            for path in folder.iterdir()
        }
        monkeypatch.setattr(builder, "url_infos", infos)
        entry = dataclasses.replace(catalog.CATALOG[name], url=address)
        monkeypatch.setitem(catalog.CATALOG, name, entry)
        return address

    return publish


@pytest.fixture(scope="session")
def real():
    """The folder of the real official files of Fashion-MNIST."""
    folder = Path(os.environ.get("APPROXNET_DATA_DIR", "nowhere"), "fashion_mnist")
    if not folder.is_dir():
        pytest.skip("the official files of Fashion-MNIST are not in APPROXNET_DATA_DIR")
    return folder


def all_files(folder):
    """The content of every file under a folder."""
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def untouched():
    """A function that remembers a folder; called again it says whether all is as it was."""
    return lambda folder: functools.partial(
        lambda before: all_files(folder) == before, all_files(folder)
    )

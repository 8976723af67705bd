"""The sets that ``fetch`` knows: their official files, sizes, checksums and classes.

An entry has the address where the set is published and four methods:

    files(split)           the names of the official files that hold the split
    find(folder, split)    where they are: {name: path}; an unpacked file stands for its FILE.gz
    check(file, path)      raises DataError unless the file has its published checksum
    read(paths, split)     `Examples`, every byte checked

The IDX files are checked by the checksum of their unpacked content, so that a file which was
packed again is still known; the CIFAR archives by the checksum of the whole.

References: LeCun, Bottou, Bengio, Haffner, Proc. IEEE 86 (1998); Xiao, Rasul, Vollgraf,
arXiv:1708.07747 (2017); Krizhevsky, Learning multiple layers of features from tiny images (2009).
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from approxnet.data import readers
from approxnet.data.dataset import Dataset, from_arrays
from approxnet.errors import DataError

SPLITS = ("train", "test")
PREFIXES = {"train": "train", "test": "t10k"}


class Examples(NamedTuple):
    """A split as it is published: the data set, and what else its builder asks for.

    Example:
      >>> Examples.__annotations__.keys()
      dict_keys(['dataset', 'extra', 'names'])
    """

    dataset: Dataset
    extra: dict[str, np.ndarray]  # each (n,)
    names: dict[str, tuple[str, ...]]  # of the classes that "label" and other labels count


class Entry(Protocol):
    """What ``fetch`` must know of a set.

    Example:
      >>> CATALOG["cifar10"].files("train")
      ('cifar-10-binary.tar.gz',)
    """

    @property
    def url(self) -> str:
        """Where the files are published."""
        ...

    def files(self, split: str) -> tuple[str, ...]:
        """The names of the official files that hold the split."""
        ...

    def find(self, folder: Path, split: str) -> dict[str, Path]:
        """Those of them that are in the folder."""
        ...

    def check(self, file: str, path: Path) -> None:
        """DataError unless the official file at that path has its published checksum."""
        ...

    def read(self, paths: Mapping[str, Path], split: str) -> Examples:
        """The split, from the files that ``find`` has found; DataError if one is damaged."""
        ...


@dataclasses.dataclass(frozen=True)
class IdxFiles:
    """A set in four IDX files: images and labels of two splits.

    Example:
      >>> CATALOG["mnist"].files("test")
      ('t10k-images-idx3-ubyte.gz', 't10k-labels-idx1-ubyte.gz')
    """

    url: str
    classes: tuple[str, ...]
    sizes: Mapping[str, int]
    checksums: Mapping[str, tuple[str, str]]  # of the unpacked images and labels
    side: int = 28

    def files(self, split: str) -> tuple[str, ...]:
        """Images and labels."""
        prefix = PREFIXES[split]
        return f"{prefix}-images-idx3-ubyte.gz", f"{prefix}-labels-idx1-ubyte.gz"

    def find(self, folder: Path, split: str) -> dict[str, Path]:
        """Those that are there, packed or unpacked."""
        places = {
            name: [folder / name, folder / name.removesuffix(".gz")] for name in self.files(split)
        }
        there = {name: [path for path in two if path.is_file()] for name, two in places.items()}
        return {name: paths[0] for name, paths in there.items() if paths}

    def check(self, file: str, path: Path) -> None:
        """Compare the checksum of the unpacked content."""
        pairs = [zip(self.files(split), self.checksums[split], strict=True) for split in SPLITS]
        checksums = dict(itertools.chain(*pairs))
        readers.check_digest(str(path), readers.unpack(path), checksums[file])

    def read(self, paths: Mapping[str, Path], split: str) -> Examples:
        """Both files, checked for shape, labels and checksum."""
        n, (pixels, numbers) = self.sizes[split], self.files(split)
        checksums = self.checksums[split]
        images = _idx(paths[pixels], (n, self.side, self.side), checksums[0], 256)
        labels = _idx(paths[numbers], (n,), checksums[1], len(self.classes))
        dataset = from_arrays(images, labels, self.classes)
        return Examples(dataset, {}, {"label": self.classes})


def _idx(path: Path, shape: tuple[int, ...], checksum: str, limit: int) -> np.ndarray:
    """An IDX file of that shape and checksum with entries below the limit."""
    content = readers.unpack(path)
    array = readers.read_idx(path, content)
    if array.shape != shape:
        raise DataError(
            f"{path}: bytes 3 to {4 * array.ndim + 3} must state the shape {shape}, got "
            f"{array.shape}; it is a file of another set or split"
        )
    bad = np.flatnonzero(array >= limit)
    if bad.size:
        raise DataError(
            f"{path}: byte {len(content) - array.size + bad[0]} must be a label from 0 to "
            f"{limit - 1}, got {array[bad[0]]}; {readers.AGAIN}"
        )
    readers.check_digest(str(path), content, checksum)
    return array


@dataclasses.dataclass(frozen=True)
class CifarArchive:
    """A set in the archive of CIFAR's binary version.

    Example:
      >>> CATALOG["cifar100"].labels
      {'coarse_label': 20, 'label': 100}
    """

    url: str
    archive: str
    checksum: str  # of the archive
    folder: str  # inside the archive
    members: Mapping[str, tuple[str, ...]]
    labels: Mapping[str, int]  # the label bytes of a row, and how many classes each counts
    names: tuple[str, ...]  # for each of them, the member with the names of the classes
    rows: Mapping[str, int]  # in each member of the split

    def files(self, split: str) -> tuple[str, ...]:
        """The archive, for every split."""
        return (self.archive,)

    def find(self, folder: Path, split: str) -> dict[str, Path]:
        """The archive if it is there."""
        path = folder / self.archive
        return {self.archive: path} if path.is_file() else {}

    def check(self, file: str, path: Path) -> None:
        """Compare the checksum of the archive."""
        readers.check_digest(str(path), path.read_bytes(), self.checksum)

    def read(self, paths: Mapping[str, Path], split: str) -> Examples:
        """The split's rows, checked for number, labels and the archive's checksum."""
        path = paths[self.archive]
        packed = path.read_bytes()
        contents = self._unpack(str(path), packed, (*self.members[split], *self.names))
        parts = [
            self._rows(f"{path}: {name}", contents[name], self.rows[split])
            for name in self.members[split]
        ]
        names = {
            label: _class_names(f"{path}: {name}", contents[name], n)
            for name, (label, n) in zip(self.names, self.labels.items(), strict=True)
        }
        readers.check_digest(str(path), packed, self.checksum)
        columns = np.concatenate([part.labels for part in parts]).T
        labels = dict(zip(self.labels, columns, strict=True))
        images = np.concatenate([part.images for part in parts])
        ids = np.array([f"{split}_{i:05d}" for i in range(len(images))])
        dataset = from_arrays(images, labels.pop("label"), names["label"])
        return Examples(dataset, {"id": ids} | labels, names)

    def _unpack(self, place: str, packed: bytes, names: tuple[str, ...]) -> dict[str, bytes]:
        if not packed.startswith(readers.GZIP):
            raise DataError(
                f"{place}: bytes 0 and 1 must be 1f 8b, the head of a gzip file, got "
                f"{readers.looks_like(packed)}; {readers.AGAIN}"
            )
        inside = [f"{self.folder}/{name}" for name in names]
        contents = readers.read_members(place, readers.gunzip(place, packed), inside)
        return dict(zip(names, contents.values(), strict=True))

    def _rows(self, place: str, content: bytes, n: int) -> readers.CifarRows:
        rows = readers.read_cifar(place, content, tuple(self.labels.values()))
        if len(rows.images) != n:
            raise DataError(
                f"{place} must end at byte {len(content) // len(rows.images) * n} after {n} rows, "
                f"got {len(rows.images)} rows; {readers.AGAIN}"
            )
        return rows


def _class_names(place: str, content: bytes, n: int) -> tuple[str, ...]:
    """The n names in a file with one on each line."""
    names = tuple(content.decode("ascii", "replace").split())
    if len(names) != n:
        raise DataError(f"{place} must name {n} classes, got {len(names)}; {readers.AGAIN}")
    return names


DIGITS = tuple("0123456789")
GARMENTS = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)

CATALOG: dict[str, Entry] = {
    "mnist": IdxFiles(
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        DIGITS,
        {"train": 60_000, "test": 10_000},
        {
            "train": (
                "sha256:ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                "sha256:65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            ),
            "test": (
                "sha256:0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                "sha256:ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
        },
    ),
    "fashion_mnist": IdxFiles(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        GARMENTS,
        {"train": 60_000, "test": 10_000},
        {
            "train": (
                "md5:f4a8712d7a061bf5bd6d2ca38dc4d50a",
                "md5:9018921c3c673c538a1fc5bad174d6f9",
            ),
            "test": (
                "md5:8181f5470baa50b63fa0f6fddb340f0a",
                "md5:15d484375f8d13e6eb1aabb0c3f46965",
            ),
        },
    ),
    "cifar10": CifarArchive(
        url="https://www.cs.toronto.edu/~kriz/",
        archive="cifar-10-binary.tar.gz",
        checksum="sha256:c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        folder="cifar-10-batches-bin",
        members={
            "train": tuple(f"data_batch_{i}.bin" for i in range(1, 6)),
            "test": ("test_batch.bin",),
        },
        labels={"label": 10},
        names=("batches.meta.txt",),
        rows={"train": 10_000, "test": 10_000},
    ),
    "cifar100": CifarArchive(
        url="https://www.cs.toronto.edu/~kriz/",
        archive="cifar-100-binary.tar.gz",
        checksum="sha256:58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
        folder="cifar-100-binary",
        members={"train": ("train.bin",), "test": ("test.bin",)},
        labels={"coarse_label": 20, "label": 100},
        names=("coarse_label_names.txt", "fine_label_names.txt"),
        rows={"train": 50_000, "test": 10_000},
    ),
}

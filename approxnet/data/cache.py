"""The second time is quick: images and labels of a split in one ``.npz`` beside their files.

The archive carries a checksum of every array, and a header in JSON with the size and the time of
each file that the arrays were read from: a file that changes makes the arrays be read anew.
"""

from __future__ import annotations

import io
import json
import warnings
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from approxnet.data import folders, readers
from approxnet.data.dataset import Dataset, from_arrays
from approxnet.errors import DataError

VERSION = 1
CHECKSUM = "sha256:"


def cached(
    folder: Path, split: str, sources: Sequence[Path], read: Callable[[], Dataset]
) -> Dataset:
    """The split from the cache, or read from its files and kept for the next time.

    A folder that may not be written to keeps nothing. A damaged cache is set aside with a warning,
    and the files are read again; a disk that is full is a warning too.

    Args:
      folder: the folder of the set.
      split: the name of the split.
      sources: the files that ``read`` reads.
      read: reads the split from its files.

    Returns:
      The split.

    Example:
      >>> import tempfile
      >>> folder = Path(tempfile.mkdtemp())
      >>> tiny = from_arrays(np.zeros((1, 2, 2), np.uint8), [0], ["zero"])
      >>> cached(folder, "train", [], lambda: tiny).images.shape
      (1, 2, 2, 1)
      >>> [path.name for path in (folder / "cache").iterdir()]
      ['train.npz']
    """
    path, stamp = folder / folders.CACHE / f"{split}.npz", _stamp(sources)
    if path.is_file():
        try:
            found = _restore(path, stamp)
        except DataError as error:
            warnings.warn(f"{error}; it is set aside as {folders.set_aside(path)}", stacklevel=2)
            found = None
        if found is not None:
            return found
    dataset = read()
    if folders.writable(folder):
        try:
            folders.write(path, _pack(dataset, stamp))
        except OSError as error:
            warnings.warn(f"{path}: the cache could not be written ({error})", stacklevel=2)
    return dataset


def _stamp(sources: Sequence[Path]) -> dict[str, list[int]]:
    """Size and time of each file, by which a change is noticed."""
    stats = {path.name: path.stat() for path in sources}
    return {name: [stat.st_size, stat.st_mtime_ns] for name, stat in sorted(stats.items())}


def _pack(dataset: Dataset, stamp: dict[str, list[int]]) -> memoryview:
    arrays = {"images": dataset.images, "labels": dataset.labels}
    header = {
        "version": VERSION,
        "sources": stamp,
        "classes": dataset.classes,
        "checksums": {name: _checksum(array) for name, array in arrays.items()},
    }
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, header=np.array(json.dumps(header)), **arrays)
    return buffer.getbuffer()


def _restore(path: Path, stamp: dict[str, list[int]]) -> Dataset | None:
    """The data set in the file; None if its sources have changed; DataError if it is damaged."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            header = json.loads(str(archive["header"]))
            if (header["version"], header["sources"]) != (VERSION, stamp):
                return None
            arrays = {name: archive[name] for name in ("images", "labels")}
        for name, array in arrays.items():
            if _checksum(array) != header["checksums"][name]:
                raise ValueError(f"the checksum of {name} is another")
        return from_arrays(**arrays, classes=header["classes"], name=str(path))
    except (
        *(zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError),
        *(ValueError, KeyError, TypeError, AttributeError),
    ) as error:
        raise DataError(
            f"{path}: must be a cache that approxnet wrote, got damage ({error})"
        ) from None


def _checksum(array: np.ndarray) -> str:
    return readers.digest(np.ascontiguousarray(array).data, CHECKSUM)

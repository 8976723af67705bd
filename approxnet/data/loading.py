"""A split of a data set by its name.

A set is taken from where it is: official files in DATA_DIR/NAME are read and checked by our own
readers, a set that tensorflow-datasets has prepared is read through it, and a set of the catalog
that is not there is fetched. ``folders`` says where DATA_DIR is.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from approxnet import _checks
from approxnet.data import builders, cache, fetching, folders, manifest, used
from approxnet.data.catalog import CATALOG, DIGITS, SPLITS
from approxnet.data.dataset import Dataset, from_arrays
from approxnet.errors import ConfigError, DataError

BUILT_IN = "digits"
TRAIN_DIGITS = 1437  # of 1797; the last fifth is the test split


def load(
    name: str = BUILT_IN,
    split: str = "train",
    *,
    data_dir: str | os.PathLike[str] | None = None,
) -> Dataset:
    """A split of a set of labelled images, in memory.

    ``digits`` comes with scikit-learn: 1797 handwritten digits of 8 x 8 pixels, their 17 grey
    levels spread over 0..255; the first 1437 are the split "train", the others "test", for the most
    part by other writers. ``mnist``, ``fashion_mnist``, ``cifar10`` and ``cifar100`` are fetched if
    they are not there. Any other set of images with one label each is loaded from where
    tensorflow-datasets has prepared it: DATA_DIR/NAME/VERSION, as array_record.

    Args:
      name: the name of the set; for a set in several configurations "NAME/CONFIGURATION".
      split: "train", "test", or what else the set has.
      data_dir: where the sets lie; None for APPROXNET_DATA_DIR or the user's cache folder.

    Returns:
      Images, labels and the names of the classes. A set of the catalog keeps the order of its
      official files, whichever way it has come; any other has the order in which it is stored.

    Raises:
      ConfigError: if the set or the split is not known; suggests the nearest name.
      DataError: if a file is damaged; names the file and the byte. A damaged file of DATA_DIR is
        kept aside as FILE.bad.
      OfflineError: if the set is not there and cannot be downloaded; in less than two seconds.

    Example:
      >>> images, labels, classes = load("digits", "train")
      >>> images.shape, images.dtype, labels.dtype, len(classes)
      ((1437, 8, 8, 1), dtype('uint8'), dtype('int32'), 10)
    """
    found = _digits(split) if name == BUILT_IN else _load(name, split, data_dir)
    used.note(f"{name}, {split}", found.images, found.labels)
    return found


def _load(name: str, split: str, data_dir: str | os.PathLike[str] | None) -> Dataset:
    folder = folders.data_folder(data_dir)
    check_name(name, split, folder)
    official = official_files(name, split, folder)
    if official:
        read = functools.partial(_from_official, name, split, official)
        return cache.cached(folder / name, split, list(official.values()), read)
    path = folders.prepared(folder / name) or fetching.fetch(name, data_dir=folder)
    read = functools.partial(_from_prepared, path, split)
    return cache.cached(folder / name, split, [p for p in path.iterdir() if p.is_file()], read)


def check_name(name: str, split: str, folder: Path) -> None:
    """ConfigError unless the catalog or the folder has the set; a set of the catalog, the split.

    Example:
      >>> check_name("cifar10", "train", Path("sets"))
    """
    names = [BUILT_IN, *CATALOG, *folders.prepared_names(folder)]
    if name not in names:
        raise ConfigError(
            f"name must be one of {', '.join(dict.fromkeys(names))}, got {name!r}"
            f"{_checks.did_you_mean(name, names)}; any other set must lie in {folder}, prepared by "
            "tensorflow-datasets with file_format='array_record'"
        )
    if name in CATALOG:
        _checks.one_of(f"split of {name}", split, SPLITS)


def official_files(name: str, split: str, folder: Path) -> dict[str, Path]:
    """The official files of a split of a set of the catalog; none unless all are there.

    Example:
      >>> official_files("cifar10", "train", Path("nowhere"))
      {}
    """
    if name not in CATALOG:
        return {}
    found = CATALOG[name].find(folder / name, split)
    return found if len(found) == len(CATALOG[name].files(split)) else {}


def _digits(split: str) -> Dataset:
    try:
        from sklearn.datasets import load_digits  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ConfigError(
            f"digits must have scikit-learn, got {error}; pip install 'approxnet[examples]'"
        ) from None
    _checks.one_of("split of digits", split, SPLITS)
    found = load_digits()
    part = slice(None, TRAIN_DIGITS) if split == "train" else slice(TRAIN_DIGITS, None)
    grey = np.rint(found.images[part] * (255 / 16)).astype(np.uint8)
    return from_arrays(grey, found.target[part], DIGITS, name="digits")


def _from_official(name: str, split: str, paths: Mapping[str, Path]) -> Dataset:
    """The split; a damaged file is set aside, so that the next time does not meet it again."""
    try:
        return CATALOG[name].read(paths, split).dataset
    except DataError as error:
        damaged = [path for path in paths.values() if str(error).startswith(f"{path}:")]
        kept = [new for path in damaged if (new := folders.set_aside(path)) != path]
        hint = f"; the file is kept as {kept[0]}" if kept else ""
        raise DataError(f"{error}{hint}") from None


def _from_prepared(path: Path, split: str) -> Dataset:
    """All records of a split as one array, which must fit into memory."""
    manifest.verify(path, split)
    found = builders.records(path, split)
    if not found.size():
        raise DataError(f"{found.place}: must hold an example, got none; prepare the set again")
    first, _ = found.example(0)
    _checks.memory(f"images of {found.place}", found.size() * first.size)
    images = np.empty((found.size(), *first.shape), np.uint8)
    labels = np.empty(found.size(), np.int32)
    for i, (image, label) in enumerate(found.examples()):
        if image.shape != first.shape:
            raise DataError(
                f"{found.place}: images must have one size, got {first.shape} in record 0 and "
                f"{image.shape} in record {i}; read the set with data.stream"
            )
        images[i], labels[i] = image, label
    return from_arrays(images, labels, found.classes, name=found.place)

"""A split example by example, for sets that do not fit into memory or whose images differ in size.

``imagenet2012`` is one: tensorflow-datasets prepares it from the official archives, as array_record
in DATA_DIR/imagenet2012, and here it is read image by image.
"""

from __future__ import annotations

import dataclasses
import functools
import operator
import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from approxnet.data import builders, fetching, folders, loading
from approxnet.data.dataset import Dataset


class Example(NamedTuple):
    """An image and its label.

    Example:
      >>> Example(np.zeros((2, 2, 1), np.uint8), 3).label
      3
    """

    image: np.ndarray  # (h, w, c) uint8
    label: int


@dataclasses.dataclass(frozen=True)
class Stream:
    """A split whose examples are read one by one, in any order: ``len(s)``, ``s[i]``, iteration.

    Example:
      >>> from approxnet import data
      >>> [label for _, label in data.stream("digits", "test")][:4]
      [2, 3, 4, 5]
    """

    size: int
    read: Callable[[int], tuple[np.ndarray, int]]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, i: int) -> Example:
        index = operator.index(i)
        if not -self.size <= index < self.size:
            raise IndexError(f"i must be from {-self.size} to {self.size - 1}, got {index}")
        return Example(*self.read(index % self.size))

    def __iter__(self) -> Iterator[Example]:
        return (self[i] for i in range(self.size))


def stream(name: str, split: str, *, data_dir: str | os.PathLike[str] | None = None) -> Stream:
    """A split of a set of labelled images, read as it is asked for.

    Args:
      name: the name of the set, as in ``load``.
      split: the name of the split.
      data_dir: where the sets lie; None for APPROXNET_DATA_DIR or the user's cache folder.

    Returns:
      The stream; each image has its own size, (h, w, c) uint8.

    Raises:
      ConfigError, OfflineError: as ``load``.
      DataError: as ``load``, and when a damaged record is read.

    Example:
      >>> stream("digits", "train")[0].image.shape
      (8, 8, 1)
    """
    folder = folders.data_folder(data_dir)
    loading.check_name(name, split, folder)
    if name == loading.BUILT_IN or loading.official_files(name, split, folder):
        dataset = loading.load(name, split, data_dir=folder)
        return Stream(len(dataset.labels), functools.partial(_example, dataset), dataset.classes)
    path = folders.prepared(folder / name) or fetching.fetch(name, data_dir=folder)
    records = builders.records(path, split)
    return Stream(records.size(), records.example, records.classes)


def _example(dataset: Dataset, i: int) -> tuple[np.ndarray, int]:
    return dataset.images[i], int(dataset.labels[i])

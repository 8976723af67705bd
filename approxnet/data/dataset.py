"""A set of labelled images in memory.

Images are uint8, one byte per channel, with the channel on the last axis: (n, h, w, c). Labels are
int32 and count the classes from 0. ``load`` returns nothing that ``from_arrays`` would refuse.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from approxnet.errors import ConfigError, DataError

CHANNELS = (1, 3, 4)


class Dataset(NamedTuple):
    """Labelled images; ``from_arrays`` builds one and checks it.

    Example:
      >>> Dataset(np.zeros((1, 8, 8, 1), np.uint8), np.zeros(1, np.int32), ("0",)).classes
      ('0',)
    """

    images: np.ndarray  # (n, h, w, c) uint8
    labels: np.ndarray  # (n,) int32
    classes: tuple[str, ...]


def from_arrays(
    images: Any, labels: Any, classes: Sequence[str], *, name: str = "dataset"
) -> Dataset:
    """The data set of images and labels that are at hand.

    Args:
      images: (n, h, w, c) or, with one channel, (n, h, w), uint8.
      labels: (n,), integers from 0 to len(classes) - 1.
      classes: the names of the classes.
      name: what to call the set in messages.

    Returns:
      The data set; the arrays are copied only where the dtype changes.

    Raises:
      DataError: if there is no image, if the images are not uint8 with the channel last, if there
        are not as many labels as images, or if a label is out of range; names the first one.

    Example:
      >>> from_arrays(np.zeros((2, 8, 8), np.uint8), [0, 1], ("no", "yes")).images.shape
      (2, 8, 8, 1)
      >>> from_arrays(np.zeros((2, 8, 8), np.uint8), [0, -1], ("no", "yes"))
      Traceback (most recent call last):
      ...
      approxnet.errors.DataError: labels of dataset must be from 0 to 1, got -1 at index 1 ...
    """
    images, labels = np.asarray(images), np.asarray(labels)
    images = images[..., None] if images.ndim == 3 else images
    _check_images(name, images)
    if labels.shape != images.shape[:1] or not np.issubdtype(labels.dtype, np.integer):
        raise DataError(
            f"labels of {name} must be integers of shape {images.shape[:1]}, one per image, got "
            f"{labels.dtype} of shape {labels.shape}"
        )
    bad = np.flatnonzero((labels < 0) | (labels >= len(classes)))
    if bad.size:
        raise DataError(
            f"labels of {name} must be from 0 to {len(classes) - 1}, got {labels[bad[0]]} at "
            f"index {bad[0]} ({bad.size} of {labels.size} labels); number the classes from 0"
        )
    return Dataset(images, labels.astype(np.int32, copy=False), tuple(classes))


def _check_images(name: str, images: np.ndarray) -> None:
    if images.dtype != np.uint8 or images.ndim != 4:
        raise DataError(
            f"images of {name} must be uint8 of shape (n, h, w, c), got {images.dtype} of shape "
            f"{images.shape}; scale them to 0..255 and convert"
        )
    if 0 in images.shape:
        raise DataError(f"images of {name} must not be empty, got shape {images.shape}")
    if images.shape[-1] not in CHANNELS:
        hint = "; np.moveaxis(images, 1, -1) puts it there" if images.shape[1] in CHANNELS else ""
        raise DataError(
            f"images of {name} must have 1, 3 or 4 channels on the last axis, got shape "
            f"{images.shape}{hint}"
        )


def subset(dataset: Dataset, classes: Sequence[int]) -> Dataset:
    """The images of some classes, labelled anew in the order given.

    Args:
      dataset: the whole set.
      classes: which classes, by number; the first becomes class 0.

    Returns:
      The smaller set, its images in the old order.

    Raises:
      ConfigError: if a class is not there, or named twice, or none is named.

    Example:
      >>> from approxnet import data
      >>> few = data.subset(data.load("digits", "test"), (0, 1, 3, 4, 7))
      >>> few.classes, few.images.shape
      (('0', '1', '3', '4', '7'), (181, 8, 8, 1))
    """
    chosen = list(classes)
    wrong = [c for c in chosen if c not in range(len(dataset.classes)) or chosen.count(c) > 1]
    if wrong or not chosen:
        raise ConfigError(
            f"classes must be different numbers from 0 to {len(dataset.classes) - 1}, got {chosen}"
        )
    new = np.full(len(dataset.classes), -1, np.int32)
    new[chosen] = np.arange(len(chosen))
    labels = new[dataset.labels]
    kept = labels >= 0
    names = tuple(dataset.classes[c] for c in chosen)
    return Dataset(dataset.images[kept], labels[kept], names)

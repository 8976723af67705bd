"""Data sets of arrays that are at hand."""

import numpy as np
import pytest

from approxnet import data
from approxnet.errors import ConfigError, DataError

GOOD = np.zeros((4, 8, 6, 3), np.uint8)
CLASSES = ("a", "b", "c")


def test_a_channel_is_added_and_labels_become_int32():
    made = data.from_arrays(np.zeros((4, 8, 6), np.uint8), [0, 2, 1, 0], list(CLASSES))
    assert made.images.shape == (4, 8, 6, 1)
    assert (made.labels.dtype, made.labels.tolist(), made.classes) == (
        np.int32,
        [0, 2, 1, 0],
        CLASSES,
    )


def test_arrays_are_not_copied_without_need():
    labels = np.zeros(4, np.int32)
    made = data.from_arrays(GOOD, labels, CLASSES)
    assert np.shares_memory(made.images, GOOD)
    assert np.shares_memory(made.labels, labels)


FAULTS = {
    "label -1": (
        GOOD,
        [0, -1, 0, 0],
        r"labels of mine must be from 0 to 2, got -1 at index 1 \(1 of",
    ),
    "label too large": (GOOD, [0, 1, 2, 3], r"from 0 to 2, got 3 at index 3"),
    "float labels": (GOOD, [0.0, 1, 2, 0], r"must be integers of shape \(4,\), .*got float64"),
    "one label too few": (
        GOOD,
        [0, 1, 2],
        r"shape \(4,\), one per image, got int64 of shape \(3,\)",
    ),
    "one-hot labels": (GOOD, np.eye(4, dtype=int), r"shape \(4,\), .*of shape \(4, 4\)"),
    "empty": (GOOD[:0], [], r"images of mine must not be empty, got shape \(0, 8, 6, 3\)"),
    "no height": (GOOD[:, :0], [0] * 4, r"must not be empty"),
    "floats": (GOOD / 255, [0] * 4, r"must be uint8 of shape \(n, h, w, c\), got float64"),
    "int64": (GOOD.astype(int), [0] * 4, r"must be uint8 .*scale them to 0..255"),
    "rows": (
        GOOD.reshape(4, -1),
        [0] * 4,
        r"must be uint8 of shape .*got uint8 of shape \(4, 144\)",
    ),
    "channel first": (
        GOOD.transpose(0, 3, 1, 2),
        [0] * 4,
        r"1, 3 or 4 channels on the last axis, got shape \(4, 3, 8, 6\); np.moveaxis",
    ),
    "seven channels": (np.zeros((4, 8, 6, 7), np.uint8), [0] * 4, r"3 or 4 channels .*6, 7\)$"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_wrong_array_is_named_with_place_and_value(case):
    images, labels, message = FAULTS[case]
    with pytest.raises(DataError, match=message):
        data.from_arrays(images, labels, CLASSES, name="mine")


def test_a_subset_keeps_the_order_of_images_and_numbers_the_classes_as_asked():
    images = np.arange(6, dtype=np.uint8).reshape(6, 1, 1, 1)
    whole = data.from_arrays(images, [0, 1, 2, 2, 1, 0], CLASSES)
    part = data.subset(whole, (2, 0))
    assert part.classes == ("c", "a")
    assert part.images.ravel().tolist() == [0, 2, 3, 5]
    assert (part.labels.tolist(), part.labels.dtype) == ([1, 0, 0, 1], np.int32)


@pytest.mark.parametrize("classes", [(), (0, 3), (-1,), (1, 1)])
def test_a_subset_of_classes_that_are_not_there_is_refused(classes):
    whole = data.from_arrays(GOOD, [0, 1, 2, 0], CLASSES)
    with pytest.raises(ConfigError, match="different numbers from 0 to 2"):
        data.subset(whole, classes)

"""The real Fashion-MNIST, from its official files."""

import hashlib
import time

import numpy as np
import pytest

from approxnet import data
from approxnet.data import augment

# MD5 of the uncompressed official IDX files, headers cut off below.
SUMS = {
    "train": ("f4a8712d7a061bf5bd6d2ca38dc4d50a", "9018921c3c673c538a1fc5bad174d6f9"),
    "test": ("8181f5470baa50b63fa0f6fddb340f0a", "15d484375f8d13e6eb1aabb0c3f46965"),
}


@pytest.fixture(scope="module")
def fashion(real):
    return {split: data.load("fashion_mnist", split, data_dir=real.parent) for split in SUMS}


@pytest.mark.parametrize("split", SUMS)
def test_the_bytes_are_those_that_are_published(split, fashion):
    """The arrays, with the headers that the format prescribes, have the official checksums."""
    images, labels, _ = fashion[split]
    n = len(labels).to_bytes(4, "big")
    side = (28).to_bytes(4, "big")
    files = (
        b"\0\0\x08\x03" + n + side + side + images.tobytes(),
        b"\0\0\x08\x01" + n + labels.astype(np.uint8).tobytes(),
    )
    assert tuple(hashlib.md5(file).hexdigest() for file in files) == SUMS[split]


def test_the_sizes_and_classes_are_those_of_the_paper(fashion):
    """Xiao, Rasul, Vollgraf, arXiv:1708.07747, section 2: 6,000 and 1,000 images of each class."""
    for split, n in (("train", 6000), ("test", 1000)):
        assert fashion[split].images.shape == (10 * n, 28, 28, 1)
        assert np.bincount(fashion[split].labels).tolist() == [n] * 10
        assert fashion[split].classes[0] == "T-shirt/top"
        assert fashion[split].classes[9] == "Ankle boot"


def test_mean_and_deviation_are_the_known_ones(fashion):
    """0.2860406 and 0.3530242, in double precision, of pixels divided by 255."""
    found = augment.statistics(fashion["train"].images)
    assert found.mean == pytest.approx((0.2860406,), abs=5e-8)
    assert found.std == pytest.approx((0.3530242,), abs=5e-8)
    assert found.mean + found.std == pytest.approx(
        sum(augment.STATISTICS["fashion_mnist"], ()), abs=5e-8
    )


@pytest.mark.slow
def test_the_prepared_set_is_the_same_and_quick_the_second_time(real, fashion, tmp_path):
    """Read from array_record and then from the cache: 8 MB, read and checked in under a second."""
    data.fetch("fashion_mnist", source=real, data_dir=tmp_path)
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        found = data.load("fashion_mnist", "test", data_dir=tmp_path)
        seconds.append(time.perf_counter() - start)
        np.testing.assert_array_equal(found.images, fashion["test"].images)
        np.testing.assert_array_equal(found.labels, fashion["test"].labels)
        assert found.classes == fashion["test"].classes
    assert seconds[1] < min(1, seconds[0])

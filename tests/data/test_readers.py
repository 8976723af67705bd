"""The readers: what is whole is read, what is damaged is named with file and byte."""

import contextlib
import gzip
import io
import pickle
import re
import tarfile

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from approxnet.data import readers
from approxnet.errors import DataError

from .conftest import idx, tar

IMAGES = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)
PAGE = b"<!DOCTYPE html><html><body>Moved</body></html>"
PICKLE = pickle.dumps({"data": [1, 2, 3]}, protocol=2)


@hypothesis.given(st.sampled_from([(3,), (2, 4), (0, 2), (2, 3, 4), (1, 2, 1, 2)]), st.booleans())
def test_an_idx_file_comes_back_as_it_was_written(tmp_path_factory, shape, packed):
    array = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    path = tmp_path_factory.mktemp("idx") / "a"
    path.write_bytes(gzip.compress(idx(array)) if packed else idx(array))
    back = readers.read_idx(path)
    assert back.dtype == np.uint8
    np.testing.assert_array_equal(back, array)


WHOLE = idx(IMAGES)
IDX_FAULTS = {
    "empty": (b"", r"bytes 0 to 3 must be 00 00 08.*got nothing"),
    "wrong magic": (b"\0\0\x09" + WHOLE[3:], r"bytes 0 to 3 must be 00 00 08.*begin with 00 00 09"),
    "no dimension": (WHOLE[:3] + b"\0" + WHOLE[4:], r"bytes 0 to 3 must be 00 00 08"),
    "a web page": (PAGE, r"bytes 0 to 3 must be 00 00 08.*got a web page"),
    "a pickle": (PICKLE, r"got a pickle, which is never loaded"),
    "a zip archive": (b"PK\3\4....", r"got a zip archive"),
    "a pointer": (b"version https://git-lfs.github.com/spec/v1", r"a pointer of Git LFS"),
    "cut off in the header": (WHOLE[:9], r"header must have 16 bytes.*cut off at byte 9"),
    "cut off": (WHOLE[:-7], r"must end at byte 76.*shape \(5, 4, 3\), got 69 bytes.*cut off"),
    "too long": (WHOLE + b"12", r"must end at byte 76.*got 78 bytes; the file is too long"),
    "wrong count": (WHOLE[:7] + b"\6" + WHOLE[8:], r"must end at byte 88.*\(6, 4, 3\), got 76"),
    "huge": (
        WHOLE[:4] + b"\xff" * 12 + WHOLE[16:],
        r"must end at byte 79228162458924105385300197391",
    ),
    "gzip cut off": (gzip.compress(WHOLE)[:-9], r"whole gzip file, got one cut off at byte \d+"),
    "gzip with more": (gzip.compress(WHOLE) + b"xyz", r"got 3 more bytes from byte \d+ on"),
    "gzip of a page": (gzip.compress(PAGE), r"bytes 0 to 3 must be.*got a web page"),
}


@pytest.mark.parametrize("case", IDX_FAULTS)
def test_a_damaged_idx_file_is_named_with_file_and_byte(case, tmp_path):
    content, message = IDX_FAULTS[case]
    path = tmp_path / "images-idx3-ubyte.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=re.escape(str(path)) + ": .*" + message):
        readers.read_idx(path)
    assert path.read_bytes() == content


def test_no_flipped_bit_in_a_gzip_file_goes_unseen(tmp_path):
    """What is not seen has no meaning: flags and time, and what pads the stream's last byte."""
    packed = gzip.compress(WHOLE, mtime=0)
    unseen = set()
    for bit in range(8 * len(packed)):
        bad = bytearray(packed)
        bad[bit // 8] ^= 1 << bit % 8
        with contextlib.suppress(DataError):
            np.testing.assert_array_equal(_read(tmp_path, bytes(bad)), IMAGES)
            unseen.add(bit // 8)
    assert unseen <= {*range(3, 10), len(packed) - 9}


def _read(folder, content):
    path = folder / "a.gz"
    path.write_bytes(content)
    return readers.read_idx(path)


def test_a_missing_file_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        readers.read_idx(tmp_path / "none")


def rows(labels, images):
    return b"".join(
        bytes(label) + image.tobytes() for label, image in zip(labels, images, strict=True)
    )


@pytest.mark.parametrize("classes", [(10,), (20, 100)])
def test_cifar_rows_come_back_with_the_channel_last(classes):
    rng = np.random.default_rng(0)
    planes = rng.integers(0, 256, (7, 3, 32, 32), np.uint8)
    labels = rng.integers(0, classes, (7, len(classes)), np.uint8)
    back = readers.read_cifar("a.bin", rows(labels, planes), classes)
    np.testing.assert_array_equal(back.labels, labels)
    for channel in range(3):
        np.testing.assert_array_equal(back.images[..., channel], planes[:, channel])


PLANES = np.zeros((3, 3, 32, 32), np.uint8)
CIFAR_FAULTS = {
    "cut off": (rows([[1]] * 3, PLANES)[:-1], r"rows of 3073 bytes, got 9218.*from byte 6146 on"),
    "empty": (b"", r"rows of 3073 bytes, got 0 bytes"),
    "a page": (PAGE, r"in a web page"),
    "a pickle": (PICKLE, r"in a pickle, which is never loaded"),
    "label": (rows([[1], [10], [2]], PLANES), r"byte 3073 must be a label from 0 to 9, got 10"),
    "255": (rows([[255], [1], [2]], PLANES), r"byte 0 must be a label from 0 to 9, got 255"),
}


@pytest.mark.parametrize("case", CIFAR_FAULTS)
def test_a_damaged_cifar_file_is_named_with_file_and_byte(case):
    content, message = CIFAR_FAULTS[case]
    with pytest.raises(DataError, match=r"a\.bin: .*" + message):
        readers.read_cifar("a.bin", content, (10,))


def test_the_fine_label_of_cifar100_is_checked_too():
    with pytest.raises(DataError, match=r"byte 1 must be a label from 0 to 99, got 100"):
        readers.read_cifar("a.bin", rows([[19, 100]], PLANES[:1]), (20, 100))


def test_members_are_read_and_nothing_is_unpacked_to_disk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    archive = tar({"a/one.bin": b"1" * 700, "../two.bin": b"22", "/three.bin": b""})
    names = ["../two.bin", "a/one.bin", "/three.bin"]
    found = readers.read_members("a.tar", archive, names)
    assert [len(found[name]) for name in names] == [2, 700, 0]
    assert not [*tmp_path.glob("**/*.bin"), *tmp_path.parent.glob("*.bin")]


def test_a_link_in_an_archive_is_no_file():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        link = tarfile.TarInfo("data.bin")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        archive.addfile(link)
    with pytest.raises(DataError, match=r"a\.tar: must hold data\.bin, got no file"):
        readers.read_members("a.tar", buffer.getvalue(), ["data.bin"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"must be a whole tar archive, got 0 bytes from byte 0 on, nothing"),
        (PAGE, r"must be a whole tar archive, got 46 bytes from byte 0 on, a web page"),
        (PICKLE, r"must be a whole tar archive.*a pickle, which is never loaded"),
        (tar({"b.bin": b"1"}), r"must hold a\.bin, got b\.bin; take the whole archive"),
        (
            tar({"a.bin": b"1" * 5000})[:3000],
            r"must be a whole tar archive, got 3000 bytes.*end of data",
        ),
    ],
)
def test_a_damaged_archive_is_named(content, message):
    with pytest.raises(DataError, match=r"a\.tar: " + message):
        readers.read_members("a.tar", content, ["a.bin"])


def test_a_wrong_checksum_names_both():
    with pytest.raises(
        DataError, match=r"checksum md5:0+, got md5:900150983cd24fb0d6963f7d28e17f72"
    ):
        readers.check_digest("a.bin", b"abc", "md5:" + "0" * 32)


def test_nothing_of_the_chapter_can_unpickle():
    """No module imports pickle, and every np.load refuses pickles."""
    from pathlib import Path

    for path in Path(readers.__file__).parent.glob("*.py"):
        text = path.read_text()
        assert not re.search(r"\b(import pickle|from pickle|allow_pickle=True)\b", text), path
        assert text.count("np.load(") == text.count("np.load(file, allow_pickle=False"), path

"""Data files, read byte by byte with every fault named: gzip, IDX, tar, CIFAR's binary rows.

IDX: two zero bytes, a type byte (0x08 is uint8), the number of dimensions k, k sizes as big-endian
uint32, then the bytes of the array. CIFAR: rows of one or two label bytes and 3072 pixel bytes in
channel-major order (1024 red, green, blue). Nothing is ever unpickled. "Byte" in a message counts
from 0 in the file as it lies there or, where it says so, in its unpacked content.

References: the file formats of http://yann.lecun.com/exdb/mnist (MNIST) and of
https://www.cs.toronto.edu/~kriz/cifar.html (CIFAR).
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from approxnet.errors import DataError

GZIP = b"\x1f\x8b"
STARTS = {
    b"<": "a web page",
    b"PK": "a zip archive",
    b"\x80": "a pickle, which is never loaded",
    GZIP: "a gzip file",
    b"version https://git-lfs": "a pointer of Git LFS",
}
CIFAR_SIDE, CIFAR_CHANNELS = 32, 3
CIFAR_PIXELS = CIFAR_SIDE * CIFAR_SIDE * CIFAR_CHANNELS
CHUNK = 1 << 14
DIMENSIONS = (b"\1", b"\2", b"\3", b"\4")

AGAIN = "take the file again from where it is published"


def looks_like(content: bytes) -> str:
    """What the first bytes of a file say that it is.

    Example:
      >>> looks_like(b"<!DOCTYPE html>")
      'a web page'
      >>> looks_like(b"abcdefgh")
      'bytes that begin with 61 62 63 64'
    """
    bare = content[:64].lstrip()
    names = [name for start, name in STARTS.items() if bare.startswith(start)]
    return (names or [f"bytes that begin with {content[:4].hex(' ')}" if content else "nothing"])[0]


def digest(content: bytes | memoryview, expected: str) -> str:
    """The checksum of bytes in the form of another one, ``"md5:..."`` or ``"sha256:..."``.

    Example:
      >>> digest(b"", "md5:?")
      'md5:d41d8cd98f00b204e9800998ecf8427e'
    """
    kind = expected.partition(":")[0]
    return f"{kind}:{hashlib.new(kind, content, usedforsecurity=False).hexdigest()}"


def check_digest(place: str, content: bytes, expected: str) -> None:
    """DataError unless the bytes have the published checksum.

    Example:
      >>> check_digest("a.bin", b"", "md5:d41d8cd98f00b204e9800998ecf8427e")
    """
    found = digest(content, expected)
    if found != expected:
        raise DataError(
            f"{place}: the {len(content)} bytes from byte 0 on must have the checksum {expected}, "
            f"got {found}; some of them are wrong, {AGAIN}"
        )


def unpack(path: str | os.PathLike[str]) -> bytes:
    """The content of a file, unpacked if it is a gzip file.

    Raises:
      FileNotFoundError: if there is no such file.
      DataError: if the gzip stream is damaged, cut off or followed by more; names the byte.

    Example:
      >>> import gzip, tempfile
      >>> path = Path(tempfile.mkdtemp()) / "a.gz"
      >>> _ = path.write_bytes(gzip.compress(b"abc"))
      >>> unpack(path)
      b'abc'
    """
    packed = Path(path).read_bytes()
    return gunzip(str(path), packed) if packed.startswith(GZIP) else packed


def gunzip(place: str, packed: bytes) -> bytes:
    """The content of a gzip stream; ``place`` names it in messages.

    Raises:
      DataError: as ``unpack``.

    Example:
      >>> import gzip
      >>> gunzip("a.gz", gzip.compress(b"abc"))
      b'abc'
    """
    stream, parts = zlib.decompressobj(wbits=31), []
    for start in range(0, len(packed), CHUNK):
        try:
            parts.append(stream.decompress(packed[start : start + CHUNK]))
        except zlib.error as error:
            stop = min(start + CHUNK, len(packed))
            raise DataError(
                f"{place}: must be a whole gzip file, got damage seen at byte {start} to {stop} "
                f"({error}); {AGAIN}"
            ) from None
        if stream.eof:
            break
    if not stream.eof:
        raise DataError(
            f"{place}: must be a whole gzip file, got one cut off at byte {len(packed)}; {AGAIN}"
        )
    end = min(start + CHUNK, len(packed)) - len(stream.unused_data)
    if end != len(packed):
        raise DataError(
            f"{place}: the gzip stream must end the file, got {len(packed) - end} more bytes from "
            f"byte {end} on; {AGAIN}"
        )
    return b"".join(parts)


def read_idx(path: str | os.PathLike[str], content: bytes | None = None) -> np.ndarray:
    """The array in an IDX file of bytes, plain or gzip.

    Args:
      path: the file.
      content: its unpacked content if that is at hand.

    Returns:
      The array, uint8, of the shape that the header states; read-only.

    Raises:
      FileNotFoundError: if there is no such file.
      DataError: if it is damaged or of another kind; names the byte (of the unpacked content).

    Example:
      >>> import tempfile
      >>> path = Path(tempfile.mkdtemp()) / "labels-idx1-ubyte"
      >>> _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
      >>> read_idx(path).tolist()
      [7, 2, 1]
    """
    content = unpack(path) if content is None else content
    if content[:3] != b"\0\0\x08" or content[3:4] not in DIMENSIONS:
        raise DataError(
            f"{path}: bytes 0 to 3 must be 00 00 08 and the number of dimensions, the head of an "
            f"IDX file of bytes, got {looks_like(content)}; {AGAIN}"
        )
    start = 4 + 4 * content[3]
    if len(content) < start:
        raise DataError(
            f"{path}: the header must have {start} bytes, got a file cut off at byte "
            f"{len(content)}; {AGAIN}"
        )
    shape = tuple(int(size) for size in np.frombuffer(content, ">u4", content[3], 4))
    end = start + int(np.prod(shape, dtype=object))  # any four bytes are a size: exact integers
    if len(content) != end:
        what = "cut off" if len(content) < end else "too long"
        raise DataError(
            f"{path}: must end at byte {end}, as the header says with shape {shape}, got "
            f"{len(content)} bytes; the file is {what} or its header is damaged, {AGAIN}"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def read_members(place: str, archive: bytes, names: Iterable[str]) -> dict[str, bytes]:
    """The content of some files of a tar archive, unpacked in memory and nowhere else.

    Raises:
      DataError: if the archive is damaged or holds no such file; names the byte of the archive or
        what it holds instead.

    Example:
      >>> buffer = io.BytesIO()
      >>> with tarfile.open(fileobj=buffer, mode="w") as tar:
      ...     info = tarfile.TarInfo("a.bin")
      ...     info.size = 3
      ...     tar.addfile(info, io.BytesIO(b"abc"))
      >>> read_members("a.tar", buffer.getvalue(), ["a.bin"])
      {'a.bin': b'abc'}
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as tar:
            entries = {entry.name: entry for entry in tar if entry.isfile()}
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise DataError(
            f"{place}: must be a whole tar archive, got {len(archive)} bytes from byte 0 on, "
            f"{looks_like(archive)} ({error}); {AGAIN}"
        ) from None
    found = {}
    for name in names:
        if name not in entries:
            raise DataError(
                f"{place}: must hold {name}, got {', '.join(sorted(entries)) or 'no file'}; take "
                "the whole archive of the binary version"
            )
        start = entries[name].offset_data
        found[name] = archive[start : start + entries[name].size]
    return found


class CifarRows(NamedTuple):
    """What a file of CIFAR's binary version holds.

    Example:
      >>> CifarRows(np.zeros((0, 32, 32, 3), np.uint8), np.zeros((0, 1), np.uint8)).labels.shape
      (0, 1)
    """

    images: np.ndarray  # (n, 32, 32, 3) uint8
    labels: np.ndarray  # (n, number of label bytes) uint8


def read_cifar(place: str, content: bytes, classes: Sequence[int]) -> CifarRows:
    """The rows of a file of CIFAR's binary version.

    Args:
      place: the file's name, for messages.
      content: its bytes.
      classes: how many classes each label byte counts: (10,) for CIFAR-10, (20, 100) for CIFAR-100.

    Returns:
      Images and labels.

    Raises:
      DataError: if the file does not end with a whole row or a label is out of range; names the
        byte.

    Example:
      >>> read_cifar("batch.bin", bytes([7]) + bytes(3072), (10,)).labels.tolist()
      [[7]]
    """
    row = len(classes) + CIFAR_PIXELS
    if len(content) % row or not content:
        whole = len(content) // row * row
        raise DataError(
            f"{place}: must be rows of {row} bytes, got {len(content)} bytes, a row cut off from "
            f"byte {whole} on, in {looks_like(content)}; {AGAIN}"
        )
    rows = np.frombuffer(content, np.uint8).reshape(-1, row)
    labels = rows[:, : len(classes)]
    bad = np.argwhere(labels >= np.asarray(classes))
    if bad.size:
        i, j = bad[0]
        raise DataError(
            f"{place}: byte {i * row + j} must be a label from 0 to {classes[j] - 1}, got "
            f"{labels[i, j]}; {AGAIN}"
        )
    pixels = rows[:, len(classes) :].reshape(-1, CIFAR_CHANNELS, CIFAR_SIDE, CIFAR_SIDE)
    return CifarRows(np.ascontiguousarray(np.moveaxis(pixels, 1, -1)), labels)

"""The manifest of a prepared set: the sha-256 of every file and of itself, written last."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from approxnet.data import folders
from approxnet.errors import DataError

MANIFEST = "approxnet.json"
SHARD = ".array_record"  # NAME-SPLIT.array_record-00000-of-00001


def write(folder: Path) -> None:
    """Write the checksum of every file of a folder into it.

    Example:
      >>> import tempfile
      >>> folder = Path(tempfile.mkdtemp())
      >>> (folder / "a.bin").touch()
      >>> write(folder)
      >>> read(folder)["a.bin"][:12]
      'e3b0c44298fc'
    """
    sums = {path.name: checksum(path) for path in sorted(folder.iterdir()) if path.is_file()}
    content = json.dumps({"files": sums, "checksum": _checksum_of(sums)}, indent=1)
    folders.write(folder / MANIFEST, content.encode())


def read(folder: Path) -> dict[str, str]:
    """The sha-256 of each file by name; nothing if ``fetch`` has not prepared the folder.

    Raises:
      DataError: if the manifest is damaged.

    Example:
      >>> read(Path("nowhere"))
      {}
    """
    path = folder / MANIFEST
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_bytes())
        if content["checksum"] != _checksum_of(content["files"]):
            raise ValueError("its own checksum is another")
        return content["files"]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: must be the manifest that fetch wrote, got damage ({error}); remove {folder} "
            "and fetch the set again"
        ) from None


def _checksum_of(sums: dict[str, str]) -> str:
    """The sha-256 of the entries."""
    return hashlib.sha256(json.dumps(sums, sort_keys=True).encode()).hexdigest()


def checksum(path: Path) -> str:
    """The sha-256 of a file.

    Example:
      >>> import os
      >>> checksum(Path(os.devnull))[:12]
      'e3b0c44298fc'
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check(path: Path, expected: str) -> None:
    """DataError unless the file is there and has that sha-256.

    Example:
      >>> check(Path("nowhere"), "e3b0c442")
      Traceback (most recent call last):
      ...
      approxnet.errors.DataError: nowhere: must have the sha-256 e3b0c442 ..., got no file; ...
    """
    found = checksum(path) if path.is_file() else "no file"
    if found != expected:
        raise DataError(
            f"{path}: must have the sha-256 {expected} from byte 0 on, got {found}; remove "
            f"{path.parent} and fetch the set again"
        )


def verify(folder: Path, split: str) -> None:
    """DataError unless the files of a split are as ``fetch`` wrote them.

    Example:
      >>> verify(Path("nowhere"), "train")
    """
    for name, expected in read(folder).items():
        if SHARD not in name or f"-{split}{SHARD}" in name:
            check(folder / name, expected)

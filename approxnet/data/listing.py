"""What lies in the folder of the data sets, file by file, and whether it is as it should be."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from approxnet.data import folders, manifest
from approxnet.data.catalog import CATALOG, SPLITS
from approxnet.errors import DataError

PUBLISHED, PREPARED, DAMAGED = "as published", "as prepared", "damaged"
UNKNOWN, ASIDE, CACHE, UNFINISHED = "no checksum known", "set aside", "cache", "unfinished"


class StoredFile(NamedTuple):
    """A file in the folder of the data sets.

    Example:
      >>> StoredFile(Path("mnist/a.gz"), 5, "e3b0c442", "as published").state
      'as published'
    """

    path: Path  # relative to the folder
    n_bytes: int
    sha256: str  # empty if there is nothing to compare it with
    state: str


def status(data_dir: str | os.PathLike[str] | None = None) -> tuple[StoredFile, ...]:
    """The files of all sets in the folder of the data sets, read and checked.

    The state of a file is "as published" (it has the official checksum), "as prepared" (it has the
    one that ``fetch`` wrote down), "damaged" (it has not), "no checksum known" (prepared by another
    program; it is not read), "cache", "set aside" or "unfinished" (what an interrupted ``fetch``
    has left; it may be removed).

    Args:
      data_dir: where the sets lie; None for APPROXNET_DATA_DIR or the user's cache folder.

    Returns:
      One entry per file, sorted by path; none if there is no such folder.

    Example:
      >>> status("nowhere")
      ()
    """
    folder = folders.data_folder(data_dir)
    checks = _official(folder) | _prepared(folder)
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return tuple(_examine(folder, path, checks.get(path)) for path in paths)


def _official(folder: Path) -> dict[Path, tuple[str, Callable[[], object]]]:
    """The official files, with what they should be and the check that they are."""
    return {
        path: (PUBLISHED, functools.partial(entry.check, file, path))
        for name, entry in CATALOG.items()
        for split in SPLITS
        for file, path in entry.find(folder / name, split).items()
    }


def _prepared(folder: Path) -> dict[Path, tuple[str, Callable[[], object]]]:
    """The same for the files of which ``fetch`` has written a manifest."""
    checks: dict[Path, tuple[str, Callable[[], object]]] = {}
    for path in folder.glob(f"*/*/{manifest.MANIFEST}"):
        checks[path] = (PREPARED, functools.partial(manifest.read, path.parent))
        with contextlib.suppress(DataError):  # a damaged manifest fails its own check
            checks |= {
                file: (PREPARED, functools.partial(manifest.check, file, checksum))
                for name, checksum in manifest.read(path.parent).items()
                if (file := path.parent / name).is_file()
            }
    return checks


def _examine(
    folder: Path, path: Path, expected: tuple[str, Callable[[], object]] | None
) -> StoredFile:
    place, size = path.relative_to(folder), path.stat().st_size
    if expected is None:
        return StoredFile(place, size, "", _kind(place))
    state, check = expected
    try:
        check()
    except DataError:
        state = DAMAGED
    return StoredFile(place, size, manifest.checksum(path), state)


def _kind(place: Path) -> str:
    """What a file of which no checksum is known is for."""
    kinds = {
        UNFINISHED: any(part.startswith(folders.UNFINISHED) for part in place.parts),
        ASIDE: place.name.endswith(folders.BAD),
        CACHE: place.parent.name == folders.CACHE,
        UNKNOWN: True,
    }
    return next(kind for kind, holds in kinds.items() if holds)

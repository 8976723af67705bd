"""Where data sets lie, and how files get there: whole or not at all.

DATA_DIR/NAME/                   official files, as they are published
DATA_DIR/NAME/VERSION/           a set that tensorflow-datasets has prepared
DATA_DIR/NAME/cache/SPLIT.npz    its images and labels, for the next time
DATA_DIR/NAME/FILE.bad           a damaged file, kept aside
DATA_DIR/.unfinished-*/          what an interrupted ``fetch`` has left; never read

DATA_DIR is the argument ``data_dir``, or the environment variable APPROXNET_DATA_DIR, or
``approxnet`` in the user's cache folder ($XDG_CACHE_HOME or ~/.cache). A folder that is read-only
is read and never written to.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from approxnet.errors import ConfigError

VARIABLE = "APPROXNET_DATA_DIR"
UNFINISHED = ".unfinished-"
BAD = ".bad"
CACHE = "cache"
VERSION = re.compile(r"\d+\.\d+\.\d+")
INFO = "dataset_info.json"


def data_folder(data_dir: str | os.PathLike[str] | None = None) -> Path:
    """The folder of the data sets; it need not exist.

    Example:
      >>> data_folder("sets").name
      'sets'
    """
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(data_dir or os.environ.get(VARIABLE) or Path(cache, "approxnet")).expanduser()


def writable(folder: Path) -> bool:
    """Whether the folder may be written to; a folder without write bits may not, even by root.

    Example:
      >>> writable(Path(tempfile.mkdtemp()))
      True
    """
    return folder.is_dir() and bool(folder.stat().st_mode & 0o222) and os.access(folder, os.W_OK)


def require_writable(folder: Path) -> Path:
    """The folder, made if it is missing.

    Raises:
      ConfigError: if it is a file or cannot be written to; names the reason.

    Example:
      >>> require_writable(Path(tempfile.mkdtemp()) / "sets").is_dir()
      True
    """
    reason = "it is read-only"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
    if not writable(folder):
        raise ConfigError(
            f"data_dir must be a folder that can be written to, got {str(folder)!r} ({reason}); "
            f"choose another with --data-dir, data_dir= or {VARIABLE}"
        )
    return folder


def prepared(folder: Path) -> Path | None:
    """The newest version of a set that tensorflow-datasets has prepared in its folder.

    Example:
      >>> folder = Path(tempfile.mkdtemp())
      >>> for version in ("3.0.1", "10.0.0", "11.0.0.incomplete"):
      ...     (folder / version).mkdir()
      ...     (folder / version / "dataset_info.json").touch()
      >>> prepared(folder).name
      '10.0.0'
    """
    versions = [path.parent for path in folder.glob(f"*/{INFO}")]
    whole = [path for path in versions if VERSION.fullmatch(path.name)]
    return max(whole, key=lambda path: tuple(map(int, path.name.split("."))), default=None)


def prepared_names(folder: Path) -> list[str]:
    """The names of the sets in DATA_DIR that are prepared: "NAME" or "NAME/CONFIGURATION".

    Example:
      >>> prepared_names(Path("nowhere"))
      []
    """
    infos = [*folder.glob(f"*/*/{INFO}"), *folder.glob(f"*/*/*/{INFO}")]
    names = {info.parents[1].relative_to(folder).as_posix() for info in infos}
    return sorted(name for name in names if prepared(folder / name) is not None)


@contextlib.contextmanager
def unfinished(folder: Path) -> Iterator[Path]:
    """A folder to work in beside the sets, removed at the end whatever happens.

    Example:
      >>> place = Path(tempfile.mkdtemp())
      >>> with unfinished(place) as work:
      ...     (work / "half.bin").touch()
      >>> list(place.iterdir())
      []
    """
    work = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=folder))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def set_aside(path: Path, folder: Path | None = None) -> Path:
    """Rename a damaged file to ``FILE.bad`` in its folder or another; where it is now.

    A file that may not be moved stays where it is.

    Example:
      >>> path = Path(tempfile.mkdtemp()) / "a.bin"
      >>> path.touch()
      >>> set_aside(path).name
      'a.bin.bad'
    """
    folder = folder or path.parent
    if not (writable(folder) and writable(path.parent)):
        return path
    numbers = itertools.chain([BAD], (f".{i}{BAD}" for i in itertools.count(2)))
    names = (folder / f"{path.name}{number}" for number in numbers)
    target = next(name for name in names if not name.exists())
    os.replace(path, target)
    return target


def write(path: Path, content: bytes | memoryview) -> None:
    """Write a file whole or not at all.

    Example:
      >>> path = Path(tempfile.mkdtemp()) / "a.bin"
      >>> write(path, b"abc")
      >>> path.read_bytes()
      b'abc'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(partial, 0o644)
        os.replace(partial, path)
    finally:
        Path(partial).unlink(missing_ok=True)

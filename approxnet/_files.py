"""Files that are written whole or not at all, and folders with one writer at a time."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from approxnet.errors import RunLockError

try:
    import fcntl
except ImportError:  # Windows has no flock
    fcntl = None


def write(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all; a text is written in UTF-8.

    Example:
      >>> import tempfile
      >>> path = Path(tempfile.mkdtemp()) / "a.txt"
      >>> write(path, "all")
      >>> path.read_text()
      'all'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode("utf-8") if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def checksum(path: Path) -> str:
    """The sha-256 of a file.

    Example:
      >>> checksum(Path(os.devnull))[:12]
      'e3b0c44298fc'
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def lock(folder: Path, remedy: str) -> Iterator[None]:
    """Hold the folder for this process; the lock goes with the process, however it ends.

    Args:
      folder: an existing folder.
      remedy: what to do if the folder is in use, for the message.

    Raises:
      RunLockError: if another process holds it; names the process, its machine, and since when.

    Example:
      >>> import tempfile
      >>> with lock(Path(tempfile.mkdtemp()), "wait for it"):
      ...     pass
    """
    with (folder / ".lock").open("a+", encoding="utf-8") as file:
        try:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise RunLockError(
                f"{folder} is in use by process {file.read().strip() or 'unknown'}; {remedy}"
            ) from None
        file.truncate(0)
        since = datetime.now(UTC).isoformat(timespec="seconds")
        file.write(f"{os.getpid()} on {platform.node()} since {since}")
        file.flush()
        yield

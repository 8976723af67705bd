"""Which data were read: the checksums of the arrays, for the record of an experiment."""

from __future__ import annotations

import contextlib
import contextvars
import hashlib
from collections.abc import Iterator

import numpy as np

_checksums: contextvars.ContextVar[dict[str, str] | None] = contextvars.ContextVar(
    "checksums", default=None
)


@contextlib.contextmanager
def record() -> Iterator[dict[str, str]]:
    """Collect the checksums of what is read in a block of code, by name.

    Example:
      >>> with record() as checksums:
      ...     note("a table", np.zeros(3))
      >>> checksums
      {'a table': 'sha256:7e9aa2083e24b77c'}
    """
    checksums: dict[str, str] = {}
    token = _checksums.set(checksums)
    try:
        yield checksums
    finally:
        _checksums.reset(token)


def note(name: str, *arrays: np.ndarray) -> None:
    """Note the checksum of arrays that were read, their dtypes and shapes included.

    Outside of `record` nothing is computed.

    Example:
      >>> note("a table", np.zeros(3))
    """
    checksums = _checksums.get()
    if checksums is None:
        return
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    checksums[name] = f"sha256:{digest.hexdigest()[:16]}"

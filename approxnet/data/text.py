"""A text as a sequence of characters, for recurrent networks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from approxnet.errors import DataError


class Text(NamedTuple):
    """A text: the number of each character in the alphabet.

    Example:
      >>> Text(np.array([1, 0, 1], np.int32), "ab").decode([1, 0, 1])
      'bab'
    """

    codes: np.ndarray  # (n,) int32
    alphabet: str  # the different characters, sorted

    def decode(self, codes: Any) -> str:
        """The text that codes stand for.

        Args:
          codes: (k,), integers from 0 to len(alphabet) - 1.

        Raises:
          DataError: if a code is out of range; names it.
        """
        codes = np.asarray(codes)
        bad = np.flatnonzero((codes < 0) | (codes >= len(self.alphabet)))
        if bad.size:
            raise DataError(
                f"codes must be from 0 to {len(self.alphabet) - 1}, got {codes[bad[0]]} at index "
                f"{bad[0]}"
            )
        return "".join(self.alphabet[code] for code in codes)


def characters(path: str | os.PathLike[str]) -> Text:
    r"""The characters of a text file in UTF-8, numbered by their place in its alphabet.

    Args:
      path: the file; every character counts, line ends too.

    Returns:
      The codes, (n,) int32, and the alphabet.

    Raises:
      FileNotFoundError: if there is no such file.
      DataError: if the file is empty or not UTF-8; names the byte.

    Example:
      >>> import tempfile
      >>> path = Path(tempfile.mkdtemp()) / "rhyme.txt"
      >>> _ = path.write_text("abba\n")
      >>> characters(path)
      Text(codes=array([1, 2, 2, 1, 0], dtype=int32), alphabet='\nab')
    """
    content = Path(path).read_bytes()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: byte {error.start} must be UTF-8, got {content[error.start]:#04x} "
            f"({error.reason}); convert the file to UTF-8"
        ) from None
    if not text:
        raise DataError(f"{path}: must hold a character, got 0 bytes")
    points, codes = np.unique(np.frombuffer(text.encode("utf-32-le"), "<u4"), return_inverse=True)
    return Text(codes.astype(np.int32), "".join(map(chr, points)))

"""Matrices of bits, eight to a byte along the rows as ``np.packbits`` makes them."""

from __future__ import annotations

import numpy as np


def ones(bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of the ones in the rows of packed bits, in order."""
    byte = np.flatnonzero(bits != 0)
    one = np.flatnonzero(np.unpackbits(bits.ravel()[byte]).view(bool))
    place = 8 * byte[one // 8] + one % 8
    return np.divmod(place, 8 * bits.shape[1])


def add_ones(bits: np.ndarray, row: np.ndarray, column: np.ndarray) -> None:
    """Set ones in the rows of packed bits."""
    byte, bit = np.divmod(column, 8)
    np.bitwise_or.at(bits, (row, byte), np.right_shift(np.uint8(128), bit.astype(np.uint8)))

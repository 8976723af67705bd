"""Subdivisions of a rectangle into convex cells.

A cell is a ring: its corners counterclockwise, each with the edge, its side, that leads to the
next. An edge lies between two cells, or between a cell and the outside.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Subdivision(NamedTuple):
    """A subdivision of a rectangle: v points, e edges, c cells with h corners together.

    Attributes:
      points: (v, 2).
      edges: (e, 2), the points at the tail and the head.
      starts: (c + 1,); the ring of cell c is at ``starts[c]:starts[c + 1]``.
      corners: (h,), points, counterclockwise around each cell.
      sides: (h,), the edge from each corner to the next.
    """

    points: np.ndarray
    edges: np.ndarray
    starts: np.ndarray
    corners: np.ndarray
    sides: np.ndarray

    def forward(self) -> np.ndarray:
        """(h,) bool, whether the ring runs along its side from tail to head."""
        return self.edges[self.sides, 0] == self.corners

    def take(self, cells: np.ndarray) -> Subdivision:
        """Some of the cells, ascending, with all points and edges."""
        size = np.diff(self.starts)
        chosen = np.zeros(len(size), bool)
        chosen[cells] = True
        half = np.repeat(chosen, size)
        starts = np.append(0, np.cumsum(size[cells]))
        return self._replace(starts=starts, corners=self.corners[half], sides=self.sides[half])

    def neighbours(self) -> np.ndarray:
        """(p, 2), the pairs of cells that share an edge, the smaller first, ascending."""
        across = np.full((len(self.edges), 2), -1)
        cells = np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))
        across[self.sides, self.forward().astype(np.int8)] = cells
        one, other = across[(across >= 0).all(axis=1)].T
        c = len(self.starts)
        key = np.sort(np.minimum(one, other) * c + np.maximum(one, other))
        return np.stack(np.divmod(key, c), axis=1)


def rectangle(lower: np.ndarray, upper: np.ndarray) -> Subdivision:
    """The subdivision with one cell."""
    corners = np.arange(4)
    points = np.where([[0, 0], [1, 0], [1, 1], [0, 1]], upper, lower)
    edges = np.stack([corners, (corners + 1) % 4], axis=1)
    return Subdivision(points, edges, np.array([0, 4]), corners, corners)


def following(starts: np.ndarray) -> np.ndarray:
    """The next index on each of the rings that begin at ``starts``, (c + 1,)."""
    index = np.arange(1, starts[-1] + 1)
    index[starts[1:] - 1] = starts[:-1]
    return index

"""The faces of a simplicial complex, and which of them lie in which.

A face with m nodes has dimension m - 1; the faces with m nodes are numbered for themselves. Nodes
of a face are in increasing order, and so "the j-th subset of size m" of a face means the same nodes
everywhere.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from approxnet.fem.connectivity import pack


class Faces(NamedTuple):
    """The faces of the cells of a complex, by their number of nodes m = 1, ..., d + 1.

    Attributes:
      nodes: nodes[m], (n_m, m), in increasing order; nodes[0] is empty.
      of_cell: of_cell[m], (c, binomial(d+1, m)), the faces of each cell; of_cell[0] is (c, 0).
      first: first[m], (n_m, 2), a cell with that face, and its place in of_cell[m].
    """

    nodes: tuple[np.ndarray, ...]
    of_cell: tuple[np.ndarray, ...]
    first: tuple[np.ndarray, ...]

    def below(self, k: int, m: int) -> np.ndarray:
        """(n_k, binomial(k, m)), the faces with m nodes of each face with k nodes."""
        cell, place = self.first[k].T
        return self.of_cell[m][cell[:, None], _places(len(self.nodes) - 1, k, m)[place]]

    def pairs(self, m: int, k: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Each pair of a face with m nodes in one with k, one subset of k places after the other.

        Yields:
          the smaller faces (n_k,) of the n_k larger ones, and the nodes that the larger ones have
          besides, (n_k, k - m).
        """
        smaller = self.below(k, m)
        for j, subset in enumerate(itertools.combinations(range(k), m)):
            yield smaller[:, j], np.delete(self.nodes[k], subset, axis=1)


def faces(cells: np.ndarray, n: int) -> Faces:
    """The faces of cells (c, d+1) with node numbers below n."""
    cells = np.sort(cells, axis=1)
    nodes, of_cell = [np.zeros((0, 0), int)], [np.zeros((len(cells), 0), int)]
    first = [np.zeros((0, 2), int)]
    for m in range(1, cells.shape[1] + 1):
        subsets = np.array(list(itertools.combinations(range(cells.shape[1]), m)))
        every = cells[:, subsets].reshape(-1, m)
        _, place, number = np.unique(pack(every, n), return_index=True, return_inverse=True)
        nodes.append(every[place])
        of_cell.append(number.reshape(-1, len(subsets)))
        first.append(np.stack(np.divmod(place, len(subsets)), axis=1))
    return Faces(tuple(nodes), tuple(of_cell), tuple(first))


@functools.cache
def _places(width: int, k: int, m: int) -> np.ndarray:
    """The places of the m-subsets of each k-subset of range(width) among all m-subsets."""
    place = {subset: i for i, subset in enumerate(itertools.combinations(range(width), m))}
    return np.array(
        [
            [place[subset] for subset in itertools.combinations(larger, m)]
            for larger in itertools.combinations(range(width), k)
        ]
    )

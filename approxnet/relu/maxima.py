"""Minima and maxima of n numbers as networks: balanced trees of pairs.

    min(a, b) = relu(b) - relu(-b) - relu(b - a)
    max(a, b) = relu(b) - relu(-b) + relu(a - b)

Every round pairs the numbers that are left and becomes one hidden layer: three neurons per pair,
and two for a number left over, c = relu(c) - relu(-c). So n numbers take ceil(log2 n) hidden
layers, all weights are integers, and the result is exact on integers.

Many trees side by side make a forest. Where only the positive part of the result counts, a number
left over may be passed as relu(c) by one neuron: relu is monotone, so that
relu(min(a, b)) = min(relu(a), relu(b)), and the same holds for maxima.

References: Arora, Basu, Mianjy, Mukherjee, ICLR 2018, section 2; Chen, Garudadri, Rao,
NeurIPS 2022 (arXiv:2210.07236).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse
from scipy.sparse import csr_array

from approxnet import _checks
from approxnet.relu.layers import sparse_affine
from approxnet.relu.network import Network

MIN, MAX = -1.0, 1.0


class Round(NamedTuple):
    """What one hidden layer does to a forest: values -> combine relu(gather values).

    Group g has counts[g] consecutive values; after the round it has (counts[g] + 1) // 2.
    ``sign`` is MIN or MAX; ``positive`` says that only the positive part of the result counts.
    """

    counts: np.ndarray
    sign: float
    positive: bool

    @property
    def width(self) -> int:
        """The number of neurons."""
        return int((3 * (self.counts // 2) + (2 - self.positive) * (self.counts % 2)).sum())

    def matrices(self) -> tuple[csr_array, csr_array]:
        """Gather, (neurons, values), and combine, (values after the round, neurons)."""
        left = (self.counts + 1) // 2
        start, first = np.cumsum(self.counts) - self.counts, np.cumsum(left) - left
        is_odd = self.counts % 2 == 1
        place = np.arange(left.sum()) - np.repeat(first, left)
        paired = place < np.repeat(self.counts // 2, left)
        a = (np.repeat(start, left) + 2 * place)[paired]
        values, results = _identity(int(self.counts.sum())), _identity(int(left.sum()))
        pair, alone = results[:, np.flatnonzero(paired)], results[:, np.flatnonzero(~paired)]
        carried, other = values[a + 1], values[a]
        odd = values[(start + self.counts - 1)[is_odd]]
        signs = [1.0, -1.0][: 2 - self.positive]
        difference = self.sign * (other - carried)
        gather = [carried, -carried, difference, *(s * odd for s in signs)]
        combine = [pair, -pair, self.sign * pair, *(s * alone for s in signs)]
        return csr_array(scipy.sparse.vstack(gather)), csr_array(scipy.sparse.hstack(combine))


def _identity(n: int) -> csr_array:
    return csr_array(scipy.sparse.eye_array(n))


def rounds(counts: np.ndarray, n: int, sign: float, *, positive: bool) -> list[Round]:
    """The first n rounds of a forest whose groups have these counts, (g,)."""
    halved = [-(-counts // 2**i) for i in range(n)]
    return [Round(left, sign, positive) for left in halved]


def chain(forest: list[Round], n: int) -> list[csr_array]:
    """The matrices of the hidden layers and of the output of a forest with n values."""
    matrices, combine = [], _identity(n)
    for step in forest:
        gather, after = step.matrices()
        matrices.append(csr_array(gather @ combine))
        combine = after
    return [*matrices, combine]


def _tree(n: int, sign: float) -> Network:
    n = _checks.count("n", n, at_least=1)
    forest = rounds(np.array([n]), (n - 1).bit_length(), sign, positive=False)
    layers = [sparse_affine(matrix, np.zeros(matrix.shape[0])) for matrix in chain(forest, n)]
    return Network(tuple(layers), ("relu",) * len(forest))


def minimum(n: int) -> Network:
    """The network x -> min(x_1, ..., x_n).

    Args:
      n: the number of arguments, at least 1; static.

    Returns:
      a sparse network from R^n to R with ceil(log2 n) hidden layers and integer weights, three
      neurons per pair and two per number left over; exact on integers.

    Raises:
      ValueError: if n < 1.

    >>> from approxnet import relu
    >>> net = minimum(3)
    >>> relu.widths(net), relu.evaluate(net, np.array([2.0, -1.0, 5.0])).item()
    ((5, 3), -1.0)
    """
    return _tree(n, MIN)


def maximum(n: int, *, prefer: str = "size") -> Network:
    """The network x -> max(x_1, ..., x_n).

    Args:
      n: the number of arguments, at least 1; static.
      prefer: "size", the balanced tree; static.

    Returns:
      a sparse network from R^n to R with ceil(log2 n) hidden layers and integer weights, three
      neurons per pair and two per number left over; exact on integers.

    Raises:
      ValueError: if n < 1.
      ConfigError: if ``prefer`` is not known.

    >>> from approxnet import relu
    >>> net = maximum(4)
    >>> relu.widths(net), relu.evaluate(net, np.array([2.0, -1.0, 5.0, 3.0])).item()
    ((6, 3), 5.0)
    """
    _checks.one_of("prefer", prefer, ["size"])
    return _tree(n, MAX)

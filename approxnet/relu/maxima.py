"""Minima and maxima of n numbers as networks: the smallest are trees of pairs.

    min(a, b) = relu(b) - relu(-b) - relu(b - a)
    max(a, b) = relu(b) - relu(-b) + relu(a - b)

Every round pairs the numbers that are left and becomes one hidden layer: three neurons per pair,
and two for a number left over, c = relu(c) - relu(-c). So n numbers take ceil(log2 n) hidden
layers, all weights are integers, and the result is exact on integers.

Many trees side by side make a forest. Where only the positive part of the result counts, a number
left over may be passed as relu(c) by one neuron: relu is monotone, so that
relu(min(a, b)) = min(relu(a), relu(b)), and the same holds for maxima.

The shallowest networks are larger. Two hidden layers take six numbers (``joins``), and a maximum of
groups is the maximum of their maxima, so that k hidden layers take 6^(k/2) numbers if k is even and
2 6^((k-1)/2) if k is odd: 2, 6, 12, 36, 72. A construction that takes 3^(k-1) + 2, which is 83 for
k = 5, is better from five hidden layers on; ``known_depth`` knows it, ``maximum`` does not.

References: Arora, Basu, Mianjy, Mukherjee, ICLR 2018, section 2; Chen, Garudadri, Rao,
NeurIPS 2022 (arXiv:2210.07236); Bakaev, Brunck, Hertrich, Stade, Yehudayoff, STOC 2026
(arXiv:2505.14338).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.sparse
from scipy.sparse import csr_array

from approxnet import _checks
from approxnet.relu import joins
from approxnet.relu.layers import Affine, Layer, sparse_affine
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


def _tree(n: int, sign: float) -> list[csr_array]:
    """The matrices of a balanced tree."""
    return chain(rounds(np.array([n]), (n - 1).bit_length(), sign, positive=False), n)


def _network(matrices: list[csr_array], store: Callable[..., Layer] = sparse_affine) -> Network:
    """The network without biases of these matrices."""
    layers = tuple(store(matrix, np.zeros(matrix.shape[0])) for matrix in matrices)
    return Network(layers, ("relu",) * (len(layers) - 1))


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
    return _network(_tree(_checks.count("n", n, at_least=1), MIN))


def maximum(n: int, *, prefer: str = "size") -> Network:
    """The network x -> max(x_1, ..., x_n).

    Args:
      n: the number of arguments, at least 1; static.
      prefer: "size", the balanced tree, or "depth", as few hidden layers as this library can;
        static.

    Returns:
      a network from R^n to R. For "size" it is sparse and has ceil(log2 n) hidden layers, three
      neurons per pair and two per number left over; its weights are integers. For "depth" it has
      two hidden layers for n = 5, of widths (12, 8) with weights 0, +-1/2, +-1, and n = 6, of
      widths (22, 68) with multiples of 1/12, three up to n = 12, four up to n = 36; for n <= 4 it
      is the tree. Exact on integers, but for the twelfths.

    Raises:
      ValueError: if n < 1.
      ConfigError: if ``prefer`` is not known.

    >>> from approxnet import relu
    >>> net = maximum(5, prefer="depth")
    >>> relu.widths(net), relu.evaluate(net, np.array([2.0, -1.0, 5.0, 3.0, 4.0])).item()
    ((12, 8), 5.0)
    >>> relu.widths(maximum(5))
    (8, 5, 3)
    """
    n = _checks.count("n", n, at_least=1)
    return FORMS[_checks.one_of("prefer", prefer, FORMS)](n)


def _shallowest(n: int) -> list[csr_array]:
    """The maximum of the maxima of groups, which take one hidden layer or two."""
    k = _layers(n)
    if k <= 2:
        return joins.matrices(JOINS[n]) if n in JOINS else _tree(n, MAX)
    own = 2 - k % 2
    size = -(-n // _capacity(k - own))
    groups = [_deepened(_shallowest(min(size, n - i)), own) for i in range(0, n, size)]
    blocks = [csr_array(scipy.sparse.block_diag(parts)) for parts in zip(*groups, strict=True)]
    outer = _shallowest(len(groups))
    return [*blocks[:-1], csr_array(outer[0] @ blocks[-1]), *outer[1:]]


def _deepened(matrices: list[csr_array], k: int) -> list[csr_array]:
    """The same function with k hidden layers, by y = relu(y) - relu(-y)."""
    while len(matrices) <= k:
        *hidden, last = matrices
        matrices = [*hidden, csr_array(scipy.sparse.vstack([last, -last])), PAIR]
    return matrices


def _smaller(matrix: csr_array, bias: np.ndarray) -> Layer:
    """The layer stored sparse or dense, whichever takes less memory."""
    layer = sparse_affine(matrix, bias)
    dense = 2 * layer.weight.shape[1] >= layer.n_in
    return Affine(matrix.toarray(), bias) if dense else layer


def _capacity(k: int) -> int:
    """How many numbers k hidden layers take."""
    return 6 ** (k // 2) * 2 ** (k % 2)


def _layers(n: int) -> int:
    return next(k for k in itertools.count() if _capacity(k) >= n)


JOINS = {5: joins.MAX5, 6: joins.MAX6}
PAIR = csr_array([[1.0, -1.0]])
FORMS: dict[str, Callable[[int], Network]] = {
    "size": lambda n: _network(_tree(n, MAX)),
    "depth": lambda n: _network(_shallowest(n), _smaller),
}


class Depth(NamedTuple):
    """What is known of the least number of hidden layers for the maximum of n numbers.

    Attributes:
      lower: no network has fewer.
      upper: some network has as many.
      integer: the least number if all weights are integers, which is known.
      built: that of ``maximum(n, prefer="depth")``.
      reference: of ``upper``.
    """

    lower: int
    upper: int
    integer: int
    built: int
    reference: str


def known_depth(n: int) -> Depth:
    """The best known bounds for the least number of hidden layers of max(x_1, ..., x_n).

    Without a condition on the weights nothing better than two is known from below for n >= 3
    (Grillo, Hertrich, Loho, arXiv:2502.09324). With integers it is ceil(log2 n) (Haase, Hertrich,
    Loho, ICLR 2023). Above it is the least of ceil(log2 n), of ceil(log3(n - 2)) + 1 (Bakaev et
    al. 2026, for n >= 4), and of groups of six (Sun 2026, not refereed; ``relu.joins`` has a
    formula and its proof). Every continuous piecewise linear function on R^d takes no more than
    the maximum of d + 1 numbers.

    Args:
      n: the number of arguments, at least 1; static.

    Raises:
      ValueError: if n < 1.

    >>> known_depth(6)._replace(reference="")
    Depth(lower=2, upper=2, integer=3, built=2, reference='')
    >>> known_depth(83).upper, known_depth(83).built, known_depth(83).integer
    (5, 6, 7)
    """
    n = _checks.count("n", n, at_least=1)
    tree, built = (n - 1).bit_length(), _layers(n)
    subdivision = next(k for k in itertools.count(1) if 3 ** (k - 1) + 2 >= n)
    upper, reference = min(
        (tree, "Arora, Basu, Mianjy, Mukherjee, ICLR 2018"),
        (subdivision if n >= 4 else tree, "Bakaev et al., STOC 2026, arXiv:2505.14338"),
        (built, "Sun, relu-max6, 2026, not refereed"),
        key=lambda bound: bound[0],
    )
    return Depth(min(tree, 2), upper, tree, built, reference)

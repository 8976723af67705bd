"""Maxima of five and of six numbers with two hidden layers.

A first hidden layer holds maxima of two numbers, a v b = b + relu(a - b); the second holds maxima
of two sums of those, max(u, v) = v + relu(u - v). One such maximum is called a join. Balanced trees
of pairs take three hidden layers for five numbers; signed sums of joins take two:

    max(a, b, c, d, e) = max(a v b, c v e)
        + 1/2 [max(a v b, d) + max(c v e, d) + max((b v d) + (d v e), (a v d) + (c v d))
               - max((a v d) + (c v e), (a v b) + (d v e))
               - max((b v d) + (c v e), (a v b) + (c v d))],

and, with the six numbers in three pairs {a, b}, {c, d}, {e, f}, summed over the images of each term
under the 48 permutations that keep the pairs together, every image once,

    12 max(a, b, c, d, e, f) =  sum max(2 (a v b), 2 (c v e))                        (12 joins)
                              + sum max((a v c) + (a v d), (a v e) + (b v f))        (24)
                              - sum max((a v c) + (a v d), (b v e) + (b v f))         (6)
                              - sum max((a v c) + (b v d), (a v e) + (c v f)).       (24)

Both sides of each identity are linear on the cones that the planes 2 x_i = x_j + x_k and
x_i + x_j = x_k + x_l cut out of R^n, so that it is true if it is true on the rays of these cones:
this is a test, in integers, and a proof.

That five numbers take two layers is due to Bakaev, Brunck, Hertrich, Stade, Yehudayoff, "Better
neural network expressivity: subdividing the simplex", STOC 2026 (arXiv:2505.14338), that six do to
M. Sun, "relu-max6" (2026, not refereed), with 1,530 joins. The two formulas above were found for
this library by linear programs. That for six minimises sum |c| over all 26,565 joins of sums of two
pairs; the least value is 11/2, and the joins of all solutions of that value are among 495. Of 9,600
vertices of the set of these solutions, for 39 kinds of symmetries, none has fewer than 66 joins.
This is what programs in floating point found in ten minutes, not a theorem; whether fewer joins
suffice with a larger sum |c| is not known, nor whether two hidden layers take seven numbers.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array


class Formula(NamedTuple):
    """A maximum as a sum of joins.

    Attributes:
      n: how many numbers.
      tree: pairs of numbers that connect all of them; their differences carry linear functions.
      joins: weights with the two sums, each of which is a sum of maxima of pairs; a single letter
        is the number itself.
    """

    n: int
    tree: str
    joins: tuple[tuple[float, str, str], ...]


MAX5 = Formula(
    5,
    "ad bd ce de",
    (
        (1.0, "ab", "ce"),
        (0.5, "ab", "d"),
        (0.5, "ce", "d"),
        (0.5, "bd de", "ad cd"),
        (-0.5, "ad ce", "ab de"),
        (-0.5, "bd ce", "ab cd"),
    ),
)


def _images(first: str, second: str) -> list[tuple[str, str]]:
    """The images of a join under the permutations that keep ab, cd and ef together, each once."""
    found = set()
    for pairs in itertools.permutations(["ab", "cd", "ef"]):
        for turned in itertools.product([1, -1], repeat=3):
            letters = "".join(pair[::turn] for pair, turn in zip(pairs, turned, strict=True))
            image = [
                " ".join(sorted("".join(sorted(pair)) for pair in side.split()))
                for side in (s.translate(str.maketrans("abcdef", letters)) for s in (first, second))
            ]
            found.add((min(image), max(image)))
    return sorted(found)


MAX6 = Formula(
    6,
    "ab ac ad ae af",
    tuple(
        (sign / 12, *image)
        for sign, first, second in (
            (1, "ab ab", "ce ce"),
            (1, "ac ad", "ae bf"),
            (-1, "ac ad", "be bf"),
            (-1, "ac bd", "ae cf"),
        )
        for image in _images(first, second)
    ),
)


def matrices(formula: Formula) -> list[csr_array]:
    """The matrices of the two hidden layers and of the output for a formula; there are no biases.

    The first hidden layer has a neuron for each pair, one
      more for each edge of the tree, and 2; the second has one for each join, and 2.
    """
    n, tree = formula.n, [_numbers(edge) for edge in formula.tree.split()]
    words = {word for _, *sides in formula.joins for side in sides for word in side.split()}
    pairs = [_numbers(word) for word in sorted(words) if len(word) == 2]
    differences = [_difference(n, *pair) for pair in pairs]
    back = [_difference(n, *pair) for pair in tree]
    last = np.eye(n)[-1]
    first = np.array([*differences, *(-row for row in back), last, -last])

    # A number x_k by the differences in the tree and the last number, then by the neurons.
    along = np.round(np.linalg.inv(np.array([*back, last])))
    x = np.zeros((n, len(first)))
    for j, edge in enumerate(tree):
        x[:, pairs.index(edge)] = along[:, j]
        x[:, len(pairs) + j] = -along[:, j]
    x[:, -2:] = along[:, -1:] * [1.0, -1.0]

    def total(side: str) -> np.ndarray:
        rows = [x[_numbers(word)[-1]] for word in side.split()]
        used = [pairs.index(_numbers(word)) for word in side.split() if len(word) == 2]
        return np.sum(rows, axis=0) + np.eye(len(first))[used].sum(axis=0)

    weights = np.array([weight for weight, *_ in formula.joins])
    upper = np.array([total(side) for _, side, _ in formula.joins])
    lower = np.array([total(side) for _, _, side in formula.joins])
    second = np.concatenate([upper - lower, [weights @ lower], [-weights @ lower]])
    output = np.concatenate([weights, [1.0, -1.0]])[None]
    return [csr_array(a) for a in (first, second, output)]


def _numbers(word: str) -> tuple[int, ...]:
    return tuple("abcdef".index(letter) for letter in word)


def _difference(n: int, i: int, j: int) -> np.ndarray:
    return np.eye(n)[i] - np.eye(n)[j]

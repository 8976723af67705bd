"""Fewer maxima: d + 1 pieces may be joined with a minimum among them.

For a set R of pieces and two more, p and q,

    max(R, p, q) = max(R, p) + max(R, q) - max(R, min(p, q)).

To fold a maximum of a combination is to use this: its coefficient c changes sign, and c is added to
the coefficients of the two smaller maxima. If the smaller ones cancel, only the maxima of d + 1
pieces are left, which cost a neuron either way.

In a combination of ``approxnet.mapping.combinations`` the maxima of d + 1 pieces are linked in
chains by the smaller maxima that two of them share. Let c_1, c_2 = +-1 be their coefficients and n
that of the shared one; in the generic case n = -(c_1 + c_2) / 2. With y = 1 where a maximum is
folded,

    n + y_1 c_1 + y_2 c_2 = 0    if and only if    y_1 + y_2 = [c_1 = c_2] modulo 2;

one that a single maximum has vanishes for y = [n = -c], if n is 0 or -c. These equations modulo 2
are solved along a spanning forest; a chain that the equations at its two ends contradict keeps one
smaller maximum. In the plane a chain goes around a node, and the solution is that the units of
``approxnet.mapping.polygon`` have alternating signs. In space the maximum of the apexes a, b of a
node and an edge and of the pieces i, j of a facet is in two chains: around the edge, if i and j are
folded, and around the facet, if a and b are. Folded twice it is max(min(a, b), min(i, j)), and by
the same formula the four maxima of one of a, b and one of i, j get -c.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
import scipy.sparse
import scipy.sparse.csgraph

from approxnet.fem.connectivity import pack
from approxnet.mapping.combinations import Combination, collect, join, sizes

LOWER, UPPER = (0, 1), (2, 3)


class Folded(NamedTuple):
    """A combination of maxima, in which each of the two pairs of labels may be a minimum.

    Attributes:
      labels: (t, 4), in increasing order; the first is repeated to fill the row.
      coefficient: (t,).
      minimum: (t, 2) bool, whether the lower pair, labels[:, :2], and the upper one are minima.
    """

    labels: np.ndarray
    coefficient: np.ndarray
    minimum: np.ndarray


def fold(terms: Combination) -> Folded:
    """The same function with fewer maxima, for maxima of at most four pieces."""
    width = terms.labels.shape[1]
    labels, coefficient = _pad(terms.labels), terms.coefficient
    whole = (sizes(labels) == width) & (width > 2)
    if not whole.any():
        return Folded(labels, coefficient, np.zeros((len(labels), 2), bool))
    top, c = labels[whole], coefficient[whole]
    rest = labels[~whole], coefficient[~whole]
    minimum = np.zeros((len(top), 2), bool)
    for pair in (UPPER, LOWER)[: width - 2]:
        smaller = [_without(top, place) for place in pair]
        y = _choice(smaller, c, rest)
        minimum[:, pair[0] // 2] = y
        rest = _add(rest, [(rows[y], c[y]) for rows in smaller])
    twice = minimum.all(axis=1)
    crossed = [_pad(top[twice][:, [i, j]]) for i, j in itertools.product(LOWER, UPPER)]
    rest = _add(rest, [(rows, -c[twice]) for rows in crossed])
    sign = 1 - 2.0 * (minimum.sum(axis=1) % 2)
    return Folded(
        np.concatenate([rest[0], top]),
        np.concatenate([rest[1], sign * c]),
        np.concatenate([np.zeros((len(rest[0]), 2), bool), minimum]),
    )


Terms = tuple[np.ndarray, np.ndarray]
"""Labels (t, 4) and coefficients (t,)."""


def _pad(labels: np.ndarray) -> np.ndarray:
    return np.pad(labels, ((0, 0), (4 - labels.shape[1], 0)), mode="edge")


def _without(labels: np.ndarray, place: int) -> np.ndarray:
    return _pad(np.delete(labels, place, axis=1))


def _add(terms: Terms, more: list[Terms]) -> Terms:
    parts = [(np.zeros(len(c), int), labels, c) for labels, c in (terms, *more)]
    return collect(*join(parts, 4))[1:]


def _choice(smaller: list[np.ndarray], c: np.ndarray, rest: Terms) -> np.ndarray:
    """(t,), which maxima to fold, from their two smaller ones and the coefficients at present."""
    t = ground = len(c)
    rows = np.concatenate([*smaller, rest[0]])
    face = np.unique(pack(rows, int(rows.max()) + 1), return_inverse=True)[1]
    n = np.zeros(face.max() + 1)
    n[face[2 * t :]] = rest[1]
    owner = np.argsort(face[: 2 * t], kind="stable") % t
    count = np.bincount(face[: 2 * t], minlength=len(n))
    start = np.cumsum(count) - count
    one, two = np.flatnonzero(count == 1), np.flatnonzero(count == 2)
    first, second = owner[start[one]], owner[start[two][:, None] + [0, 1]]
    kept = (n[one] == 0) | (n[one] == -c[first])
    one, first = one[kept], first[kept]
    kept = (np.abs(c[second]) == 1).all(axis=1) & (c[second].sum(axis=1) == -2 * n[two])
    kept &= second[:, 0] != second[:, 1]
    two, second = two[kept], second[kept]
    alone = np.stack([first, np.full(len(first), ground)], axis=1)
    return _solve(np.concatenate([alone, second]), n[np.r_[one, two]] != 0, t)


def _solve(ends: np.ndarray, odd: np.ndarray, t: int) -> np.ndarray:
    """(t,) bool: y, the sum of y over each ends, (e, 2), is odd, on a spanning forest; y_t = 0."""
    ends = np.sort(ends, axis=1)
    _, kept = np.unique(pack(ends, t + 1), return_index=True)
    edges = (1 + odd[kept], tuple(ends[kept].T))
    graph = scipy.sparse.coo_array(edges, shape=(t + 1, t + 1))
    part = scipy.sparse.csgraph.connected_components(graph, directed=False)[1]
    roots = np.unique(part, return_index=True)[1]
    roots = roots[part[roots] != part[t]]
    free = (np.ones(len(roots), int), (roots, np.full(len(roots), t)))
    graph = graph.tocsr() + scipy.sparse.coo_array(free, shape=graph.shape).tocsr()
    graph = scipy.sparse.csr_array(graph + graph.T)
    above = scipy.sparse.csgraph.breadth_first_order(graph, t, directed=False)[1]
    above[t] = t
    y = np.append(np.asarray(graph[np.arange(t), above[:t]]).ravel() == 2, False)
    while (above != t).any():
        y, above = y ^ y[above], above[above]
    return y[:t]

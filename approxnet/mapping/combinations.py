"""In any dimension a P1 function is an integer combination of maxima of d + 1 of its pieces.

Close the mesh by cells for its outside (``exterior``), so that the cones of the cells at each
face s of the mesh cover R^d. Each cell C has a piece l_C, an affine function on R^d. Let f_s
continue the pieces around s over these cones, choose one of them, g, as apex, and let s_w be the
sign of f(w) - g(w) at the nodes w that complete s to larger faces t. Then

    f_s = g + sum_{t > s, s_w >= 0 on t - s} (-1)^(dim t - dim s - 1) max(f_t - g, 0)
            + sum_{t > s, s_w <  0 on t - s} (-1)^(dim t - dim s - 1) min(f_t - g, 0),        (1)
    f   = sum_s (-1)^(dim s) f_s,                                                            (2)

where s, not empty, runs over the faces of the mesh. So f is known from f_C = l_C, by way of facets
and edges to nodes: if f_t = sum_S c_S max_S, with sets S of pieces and integers c_S of sum 1, then

    max(f_t, g) = sum_S c_S max_{S + g},      min(f_t, g) = f_t + g - max(f_t, g).           (3)

At a facet this is max(l_i, l_j) or l_i + l_j - max(l_i, l_j), and every other level adds one piece:
maxima of 2, 3, 4 pieces in d = 1, 2, 3. The number of maxima is at most a constant, which depends
on d, times the number of cells. The proof, for every d and all signs, is in docs/maxima.md. It
leaves s_w free where f(w) = g(w), and a sign that rounding gets wrong costs what rounding costs.

If an apex is also the apex of all larger faces at which it has a cell, its terms in (1) vanish or
coincide with others. Hence the apex is the cell of the smallest rank; those outside come
first. Equal pieces have one label and count once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from approxnet.fem.connectivity import pack
from approxnet.mapping.faces import Faces

# Up to this part of its terms a difference f(w) - g(w) counts as 0, which gives fewer maxima.
NOISE = 2.0**-49


class Combination(NamedTuple):
    """Combinations of maxima, one for each owner.

    Attributes:
      owner: (t,), in increasing order.
      labels: (t, r), the pieces of each maximum in increasing order; the first of them is repeated
        to fill the row.
      coefficient: (t,), integers as floats; not 0.
    """

    owner: np.ndarray
    labels: np.ndarray
    coefficient: np.ndarray


class Fans(NamedTuple):
    """What (1) asks of a closed mesh.

    Attributes:
      faces: the faces of its cells.
      apex: apex[m], (n_m,), a cell at each face with m nodes; apex[0] is empty.
      inner: inner[m], (n_m,), whether a face is one of the mesh.
    """

    faces: Faces
    apex: tuple[np.ndarray, ...]
    inner: tuple[np.ndarray, ...]


class Pieces(NamedTuple):
    """What (1) asks of a function on a closed mesh.

    Attributes:
      label: (c,), the piece of each cell.
      slopes: (l, d), and constants: (l,), of each piece.
      nodes: (n, d), the points w.
      values: (n,), f(w).
    """

    label: np.ndarray
    slopes: np.ndarray
    constants: np.ndarray
    nodes: np.ndarray
    values: np.ndarray


def fans(faces: Faces, inner: tuple[np.ndarray, ...], rank: np.ndarray) -> Fans:
    """The fans with the cell of the smallest rank, (c,), a permutation, as apex of each face."""
    by_rank, apex = np.argsort(rank), []
    for nodes, of_cell in zip(faces.nodes, faces.of_cell, strict=True):
        lowest = np.full(len(nodes), len(rank))
        np.minimum.at(lowest, of_cell, rank[:, None])
        apex.append(by_rank[lowest])
    return Fans(faces, tuple(apex), inner)


def combination(fans: Fans, pieces: Pieces) -> Combination:
    """The function (2) as one combination; its owner is 0."""
    top = len(fans.apex) - 1
    cells = np.arange(len(pieces.label))
    level = Combination(cells, pieces.label[fans.apex[top], None], np.ones(len(cells)))
    known, terms = {top: level}, []
    for m in range(top, 0, -1):
        if m < top:
            known[m] = _around(fans, pieces, m, known)
        owner, labels, coefficient = known[m]
        part = fans.inner[m][owner]
        terms.append((owner[part], labels[part], (-1.0) ** (m - 1) * coefficient[part]))
    owner, labels, coefficient = join(terms, top)
    return collect(np.zeros_like(owner), labels, coefficient)


def possible(fans: Fans) -> np.ndarray:
    """(t, d+1), the maxima that ``combination`` takes its own from, whatever the values.

    By (1) a maximum has the apexes of some faces, each in the next, and a cell around them.
    """
    top = len(fans.apex) - 1
    of_cell = fans.faces.of_cell
    cells = np.arange(len(of_cell[top]))
    terms = []
    for chain in _chains(tuple(range(top))):
        inside = [(len(s), of_cell[len(s)][:, _place(s, top)]) for s in chain]
        wanted = np.prod([_wanted(fans, m)[s] for m, s in inside], axis=0) * np.ones(len(cells))
        rows = np.column_stack([*(fans.apex[m][s] for m, s in inside), cells])
        rows = _canonical(rows[wanted > 0])
        terms.append((np.zeros(len(rows), int), rows, np.ones(len(rows))))
    return collect(*join(terms, top)).labels


def _around(fans: Fans, pieces: Pieces, m: int, known: dict[int, Combination]) -> Combination:
    """The functions f_s of the faces s with m nodes, by (1)."""
    top = len(fans.apex) - 1
    apex, wanted = pieces.label[fans.apex[m]], _wanted(fans, m)
    base = fans.faces.nodes[m][:, 0]
    terms = []
    for k in range(m + 1, top + 1):
        weight = (-1.0) ** (k - m - 1)
        for s, others in fans.faces.pairs(m, k):
            sign = _signs(pieces, apex[s], base[s], others)
            larger = np.flatnonzero((sign == sign[:, :1]).all(axis=1) & wanted[s])
            t, row = _rows(known[k].owner, larger)
            labels, coefficient = known[k].labels[row], weight * known[k].coefficient[row]
            owner, sign = s[t], sign[t, 0]
            with_g = _canonical(np.column_stack([apex[owner], labels]))
            terms.append((owner, with_g, sign * coefficient))
            below = sign < 0
            terms.append((owner[below], labels[below], coefficient[below]))
    owner, labels, coefficient = join(terms, top + 1 - m)
    rest = 1 - np.bincount(owner, coefficient, minlength=len(apex))
    s = np.flatnonzero(wanted)
    return collect(*join([(owner, labels, coefficient), (s, apex[s, None], rest[s])], top + 1 - m))


def _wanted(fans: Fans, m: int) -> np.ndarray:
    """(n_m,), the faces at which f_s is asked for: those of the mesh, and what they lie in."""
    return fans.inner[m] | (m > 1)


def _signs(pieces: Pieces, g: np.ndarray, base: np.ndarray, others: np.ndarray) -> np.ndarray:
    """s_w, (k, r): the signs of f(w) - g(w) at nodes (k, r), for labels and nodes of g = f, (k,).

    From f(w) - f(s) and w - s, since a difference of close numbers loses nothing. The
    direction away from the node outside needs no other sign: g is a cell outside, f - g is 0 there.
    """
    rise = pieces.values[others] - pieces.values[base][:, None]
    step = pieces.nodes[others] - pieces.nodes[base][:, None]
    height = rise - np.einsum("ki,kri->kr", pieces.slopes[g], step)
    noise = np.abs(rise) + np.einsum("ki,kri->kr", np.abs(pieces.slopes[g]), np.abs(step))
    return np.where(height < -NOISE * noise, -1.0, 1.0)


def _rows(owner: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All (w, j) with owner[j] == w, for w in wanted; the owners are in increasing order."""
    start, end = np.searchsorted(owner, wanted), np.searchsorted(owner, wanted, "right")
    count = end - start
    first = np.cumsum(count) - count
    return np.repeat(wanted, count), np.arange(count.sum()) + np.repeat(start - first, count)


def _canonical(labels: np.ndarray) -> np.ndarray:
    """Rows in increasing order, with the first label in place of all repetitions."""
    labels = np.sort(labels, axis=1)
    twice = labels[:, 1:] == labels[:, :-1]
    labels[:, 1:] = np.where(twice, labels[:, :1], labels[:, 1:])
    return np.sort(labels, axis=1)


def join(terms: list[tuple[np.ndarray, np.ndarray, np.ndarray]], width: int) -> Combination:
    """Lists of terms as one, with rows of labels of the given width."""
    owner, labels, coefficient = zip(*terms, strict=True)
    wide = [np.pad(rows, ((0, 0), (width - rows.shape[1], 0)), mode="edge") for rows in labels]
    return Combination(np.concatenate(owner), np.concatenate(wide), np.concatenate(coefficient))


def collect(owner: np.ndarray, labels: np.ndarray, coefficient: np.ndarray) -> Combination:
    """Equal maxima of one owner once, with the sum of their coefficients if it is not 0."""
    rows = np.column_stack([owner, labels])
    keys = pack(rows, rows.max(axis=0, initial=0) + 1)
    order = np.argsort(keys)
    first = np.flatnonzero(np.diff(keys[order], prepend=-1))
    total = np.add.reduceat(coefficient[order], first)
    kept = order[first[total != 0]]
    return Combination(owner[kept], labels[kept], total[total != 0])


def sizes(labels: np.ndarray) -> np.ndarray:
    """How many different labels there are in rows in increasing order, (t, r) -> (t,)."""
    return 1 + (labels[:, 1:] > labels[:, :-1]).sum(axis=1)


def _chains(subset: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], ...]]:
    """All increasing chains of proper subsets that are not empty."""
    yield ()
    for m in range(1, len(subset)):
        for smaller in itertools.combinations(subset, m):
            for chain in _chains(smaller):
                yield (*chain, smaller)


def _place(subset: tuple[int, ...], width: int) -> int:
    """The place of a subset of range(width) among those of its size."""
    return list(itertools.combinations(range(width), len(subset))).index(subset)

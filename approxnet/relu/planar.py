"""Convex subdivisions of a rectangle, cut along the zeros of many functions at once.

A cell is a ring: its corners counterclockwise, each with the side that leaves it. Functions that
are affine on each cell are known by their signs +, 0, - at the corners. A function with both signs
in a cell cuts it along a chord; its ends are zeros on sides with ends + and -, and corners of
sign 0. The new points on the sides are inserted into the rings, and from here integers decide.
Number the places of a ring:

    chords p to q > p and p' to q' > p' cross if and only if p < p' < q < q' or p' < p < q' < q.

The half-edges that leave a point, sorted counterclockwise, are sorted by the place to which their
chord leads: a rotation system. The new cells are the cycles of

    next(h) = the half-edge before reverse(h) in the order around the head of h.

The new cells of an old one form a tree with the cell where the ring closes as its root: any other
cell has a side on a chord between it and the root, and across it lies a cell with fewer chords
between. The functions of all chords on the way have other signs than in the root.

Rounding: values up to the noise count as 0. Between p and q of opposite signs, a function is 0 at

    p + t (q - p),   t = |z(p)| / (|z(p)| + |z(q)|),   give or take noise / (|z(p)| + |z(q)|).

Two zeros on an edge or a chord are one point if they are so close that one function counts as 0 at
the zero of the other. Every result is checked: a function has two ends in each cell that it cuts,
rings have three sides or more, V - E + F = 1, and the tree has no cycle.

Reference: de Berg, Cheong, van Kreveld, Overmars, "Computational Geometry", chapters 2 and 8;
Humayun, Balestriero, Balakrishnan, Baraniuk, "SplineCam", CVPR 2023, cut cell after cell.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse
import scipy.sparse.csgraph

from approxnet.relu.bits import add_ones, ones
from approxnet.relu.subdivision import Subdivision, following


class Contradiction(ArithmeticError):
    """Rounded signs that no subdivision has."""


class _Refined(NamedTuple):
    """The edges with new points at the zeros on them: v old points, p new ones in order.

    Attributes:
      edge: (p,), the edge of each new point, ascending.
      tail, head, t: (v + p,), each point is tail + t (head - tail); an old one is its own tail.
      points: (v + p, 2).
      zero: (v + p, b), the bits of the functions that are 0 there.
    """

    edge: np.ndarray
    tail: np.ndarray
    head: np.ndarray
    t: np.ndarray
    points: np.ndarray
    zero: np.ndarray

    def value(self, z: np.ndarray, point: np.ndarray, function: np.ndarray) -> np.ndarray:
        """The value at each of some points of a function each, from the values at old points."""
        tail, head = z[self.tail[point], function], z[self.head[point], function]
        return tail + self.t[point] * (head - tail)


class _Places(NamedTuple):
    """The rings with the new points inserted, r places together.

    Attributes:
      starts: (c + 1,), as for a subdivision.
      cell, point, following: (r,), the cell, the point, and the next place on the ring.
      edge, forward: (r,), the piece of a side that leaves, and whether from tail to head.
    """

    starts: np.ndarray
    cell: np.ndarray
    point: np.ndarray
    following: np.ndarray
    edge: np.ndarray
    forward: np.ndarray


class _Chords(NamedTuple):
    """The chords in ascending order, each once, also if several functions cut along it.

    Attributes:
      first, last: (m,), places.
      function: (m,), one of the functions.
      flips: (m, b), the bits of all of them.
    """

    first: np.ndarray
    last: np.ndarray
    function: np.ndarray
    flips: np.ndarray


class _Pieces(NamedTuple):
    """The pieces of the chords between nodes: the places and, numbered after these, the crossings.

    Attributes:
      chord, tail, head: (s,), the chord of each piece, and the nodes where it begins and ends.
      crossings: (x, 2), points.
    """

    chord: np.ndarray
    tail: np.ndarray
    head: np.ndarray
    crossings: np.ndarray


def cut(
    old: Subdivision, z: np.ndarray, noise: np.ndarray
) -> tuple[Subdivision, np.ndarray, np.ndarray]:
    """Cut all cells along the zeros of functions that are affine on each.

    Args:
      old: a subdivision with v points.
      z: (v, n), the values of the functions.
      noise: (n,), up to which a value counts as 0.

    Returns:
      the new subdivision with c cells, the old cell (c,) of each, and the bits (c, ceil(n / 8)) of
      the functions that are positive there (``np.packbits``).

    Raises:
      Contradiction: if no subdivision has the rounded signs.
    """
    positive, negative = np.packbits(z > noise, axis=1), np.packbits(z < -noise, axis=1)
    above = np.bitwise_or.reduceat(positive[old.corners], old.starts[:-1], axis=0)
    below = np.bitwise_or.reduceat(negative[old.corners], old.starts[:-1], axis=0)
    crossed = (above & below).any(axis=1)
    whole, parted = np.flatnonzero(~crossed), np.flatnonzero(crossed)
    refined = _split_edges(old, z, noise, positive, negative)
    places = _insert(old.take(parted), refined)
    chords = _draw_chords(places, (above & below)[parted], refined.zero)
    pieces = _cross(chords, places, refined, z, noise)
    order, starts = _cycles(_next(places, chords, pieces))
    new = _assemble(old.take(whole), refined, places, pieces, order, starts)
    _check(new)
    root, flips = _tree(places, chords, pieces, order, starts)
    parent = np.append(whole, parted[root])
    # The signs where a ring closes: on its last side, from its last corner to its first.
    first, last = old.corners[old.starts[:-1]], old.corners[old.starts[1:] - 1]
    closing = positive[first] | (positive[last] & ~negative[first])
    signs = (above & (~below | closing))[parent]
    signs[len(whole) :] ^= flips
    return new, parent, signs


def _split_edges(
    old: Subdivision, z: np.ndarray, noise: np.ndarray, positive: np.ndarray, negative: np.ndarray
) -> _Refined:
    """New points where functions are 0 between the ends of an edge."""
    tail, head = old.edges.T
    opposite = (positive[tail] & negative[head]) | (negative[tail] & positive[head])
    edge, function = ones(opposite)
    t, width = _zeros(z[tail[edge], function], z[head[edge], function], noise[function])
    order = np.lexsort((t, edge))
    edge, function, t = edge[order], function[order], t[order]
    new = ~_near(edge, t, width[order])
    zero = np.zeros((np.count_nonzero(new), positive.shape[1]), np.uint8)
    add_ones(zero, np.cumsum(new) - 1, function)
    edge, old_points = edge[new], np.arange(len(old.points))
    tail, head = np.append(old_points, tail[edge]), np.append(old_points, head[edge])
    t = np.append(np.zeros(len(old_points)), t[new])
    points = _between(old.points[tail], old.points[head], t)
    zero = np.concatenate([~(positive | negative), zero])
    return _Refined(edge, tail, head, t, points, zero)


def _insert(old: Subdivision, refined: _Refined) -> _Places:
    """The new points on the rings; a ring meets those of a side that runs backward in reverse."""
    count = np.bincount(refined.edge, minlength=len(old.edges))
    before = np.cumsum(count) - count
    size = 1 + count[old.sides]
    stop = np.cumsum(size)
    corner = np.repeat(np.arange(len(size)), size)
    rank = np.arange(len(corner)) - (stop - size)[corner]
    side, forward = old.sides[corner], old.forward()[corner]
    along = np.where(forward, rank, count[side] - rank)
    new = len(old.points) + before[side] + along - forward
    starts = np.append(0, stop[old.starts[1:] - 1])
    cell = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    point = np.where(rank == 0, old.corners[corner], new)
    return _Places(starts, cell, point, following(starts), before[side] + side + along, forward)


def _draw_chords(places: _Places, crossed: np.ndarray, zero: np.ndarray) -> _Chords:
    """The chords of the functions (c, b) that cross each cell."""
    r, c = len(places.cell), len(crossed)
    place, function = ones(crossed[places.cell] & zero[places.point])
    function, place = np.divmod(np.sort(function * r + place), r)
    label = function * c + places.cell[place]
    complete = len(label) == 2 * np.bitwise_count(crossed).sum(dtype=np.intp)
    if not (complete and (label[::2] == label[1::2]).all() and (label[1:-1:2] < label[2::2]).all()):
        raise Contradiction("a function has not two ends in a cell that it cuts")
    first, last, function = place[::2], place[1::2], function[::2]
    order = np.argsort(first * r + last)
    first, last, function = first[order], last[order], function[order]
    new = _changes(first) | _changes(last)
    flips = np.zeros((np.count_nonzero(new), zero.shape[1]), np.uint8)
    add_ones(flips, np.cumsum(new) - 1, function)
    return _Chords(first[new], last[new], function[new], flips)


def _cross(
    chords: _Chords, places: _Places, refined: _Refined, z: np.ndarray, noise: np.ndarray
) -> _Pieces:
    """The crossings, on the first and again on the second chord, and the pieces between them."""
    i, j = _interleaved(chords)
    on, function = np.append(i, j), chords.function[np.append(j, i)]
    first, last = places.point[chords.first], places.point[chords.last]
    at_first, at_last = (refined.value(z, end[on], function) for end in (first, last))
    t, width = _zeros(at_first, at_last, noise[function])
    order = np.lexsort((t, on))
    crossing = order % max(len(i), 1)
    near = np.flatnonzero(_near(on[order], t[order], width[order]))
    group = _components(len(i), crossing[near - 1], crossing[near])
    # A point where many chords meet is that crossing of theirs which is known best.
    best = np.empty(np.max(group, initial=-1) + 1, np.intp)
    worst_first = np.argsort(-width[: len(i)])
    best[group[worst_first]] = worst_first
    tail, head = refined.points[first[i[best]]], refined.points[last[i[best]]]
    nodes = len(places.cell) + group[crossing]
    return _part(chords, on[order], nodes, _between(tail, head, t[best]))


def _interleaved(chords: _Chords) -> tuple[np.ndarray, np.ndarray]:
    """The pairs of chords p, q and p', q' with p < p' < q < q'."""
    start = np.searchsorted(chords.first, chords.first, "right")
    count = np.searchsorted(chords.first, chords.last) - start
    i = np.repeat(np.arange(len(count)), count)
    j = np.arange(len(i)) + np.repeat(start - np.cumsum(count) + count, count)
    cross = chords.last[i] < chords.last[j]
    return i[cross], j[cross]


def _part(chords: _Chords, chord: np.ndarray, node: np.ndarray, crossings: np.ndarray) -> _Pieces:
    """The pieces of chords with these nodes inside, in order along the chords."""
    m = len(chords.first)
    size = 2 + np.bincount(chord, minlength=m)
    stop = np.cumsum(size)
    is_first, is_last = np.zeros((2, 2 * m + len(node)), bool)
    is_first[stop - size] = is_last[stop - 1] = True
    nodes = np.empty(len(is_first), np.intp)
    nodes[is_first], nodes[is_last], nodes[~(is_first | is_last)] = chords.first, chords.last, node
    tail, head = nodes[~is_last], nodes[~is_first]
    long = tail != head
    return _Pieces(np.repeat(np.arange(m), size - 1)[long], tail[long], head[long], crossings)


def _next(places: _Places, chords: _Chords, pieces: _Pieces) -> np.ndarray:
    """The half-edge that follows each on the ring of its new cell.

    The half-edges are those of the r places, then the pieces from tail to head, then the pieces
    from head to tail. Around a place, the first leads to the next place and the others follow by
    the distance on the ring to the end of their chord.
    """
    r, s = len(places.cell), len(pieces.chord)
    place, piece = np.arange(r), np.arange(s)
    node = np.concatenate([place, pieces.tail, pieces.head])
    end = np.concatenate([place, chords.last[pieces.chord], chords.first[pieces.chord]])
    length = np.diff(places.starts)
    order = np.argsort(node * r + (end - node) % length[places.cell[end]])
    first = np.flatnonzero(_changes(node[order]))
    before = np.empty(r + 2 * s, np.intp)
    before[order] = np.roll(order, 1)
    before[order[first]] = order[np.roll(first, -1) - 1]
    # Where a place's half-edge arrives, that of the next place has the reverse just behind it.
    return before[np.concatenate([places.following, r + s + piece, r + piece])]


def _cycles(following: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The cycles of a permutation, one after the other, and where they start, (cycles + 1,)."""
    least, jump = np.minimum(np.arange(len(following)), following), following
    while True:
        jump = jump[jump]
        smaller = np.minimum(least, least[jump])
        if np.array_equal(smaller, least):
            break
        least = smaller
    size = np.bincount(least, minlength=len(least))
    current = np.flatnonzero(size)
    left = size[current]
    starts = np.append(0, np.cumsum(left))
    order, position = np.empty_like(following), starts[:-1]
    while len(current):
        order[position] = current
        more = left > 1
        current, position, left = following[current[more]], position[more] + 1, left[more] - 1
    return order, starts


def _assemble(
    whole: Subdivision,
    refined: _Refined,
    places: _Places,
    pieces: _Pieces,
    order: np.ndarray,
    starts: np.ndarray,
) -> Subdivision:
    """The subdivision of the cells that stayed whole and the new ones."""
    same = np.arange(len(whole.edges))
    same += np.searchsorted(refined.edge, same)
    e = len(same) + len(refined.edge)
    piece = e + np.arange(len(pieces.chord))
    point = np.append(places.point, len(refined.points) + np.arange(len(pieces.crossings)))
    tail, head = point[pieces.tail], point[pieces.head]
    edges = np.empty((e + len(piece), 2), np.intp)
    edges[same] = whole.edges
    place = np.flatnonzero(places.forward)
    edges[places.edge[place], 0] = places.point[place]
    edges[places.edge[place], 1] = places.point[places.following[place]]
    edges[piece, 0], edges[piece, 1] = tail, head
    corners = np.concatenate([places.point, tail, head])[order]
    sides = np.concatenate([places.edge, piece, piece])[order]
    return Subdivision(
        np.concatenate([refined.points, pieces.crossings]),
        edges,
        np.append(whole.starts[:-1], whole.starts[-1] + starts),
        np.append(whole.corners, corners),
        np.append(same[whole.sides], sides),
    )


def _check(new: Subdivision) -> None:
    """Raise unless the half-edges are those of a subdivision."""
    shortest = np.diff(new.starts).min()
    characteristic = len(new.points) - len(new.edges) + len(new.starts) - 1
    if shortest < 3 or characteristic != 1:
        raise Contradiction(
            f"the rings must have 3 sides or more and V - E + F must be 1, got {shortest} and "
            f"{characteristic}"
        )


def _tree(
    places: _Places, chords: _Chords, pieces: _Pieces, order: np.ndarray, starts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The old cell of each new one, and the bits of the functions with other signs in the root.

    Chords lead from a smaller place to a larger one, so that the root lies on their left.
    """
    r, s, c = len(places.cell), len(pieces.chord), len(starts) - 1
    old = np.append(places.cell, np.tile(places.cell[chords.first[pieces.chord]], 2))
    cell = np.empty_like(order)
    cell[order] = np.repeat(np.arange(c), np.diff(starts))
    flips = _flips(cell[r : r + s], cell[r + s :], chords.flips[pieces.chord], c)
    return old[order[starts[:-1]]], flips


def _flips(left: np.ndarray, right: np.ndarray, step: np.ndarray, c: int) -> np.ndarray:
    """The bits (c, b) of all steps from each cell to its root; a step leads from right to left."""
    up, flips = np.arange(c), np.zeros((c, step.shape[1]), np.uint8)
    up[right], flips[right] = left, step
    root = up == np.arange(c)
    for _ in range(c.bit_length() + 1):
        flips |= flips[up]
        up, last = up[up], up
        if np.array_equal(up, last):
            break
    if not root[up].all():
        raise Contradiction("the new cells of an old one do not form a tree")
    return flips


def _zeros(tail: np.ndarray, head: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where functions are 0 between two points, and how well this is known, both in [0, 1]."""
    size = np.abs(tail) + np.abs(head)
    if not size.all():
        raise Contradiction("a function is 0 at both ends of a chord that it crosses")
    return np.abs(tail) / size, noise / size


def _near(group: np.ndarray, t: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Whether each zero is that before it in the group; sorted by group and t."""
    near = np.zeros(len(t), bool)
    near[1:] = (group[1:] == group[:-1]) & (np.diff(t) <= np.maximum(width[1:], width[:-1]))
    return near


def _between(tail: np.ndarray, head: np.ndarray, t: np.ndarray) -> np.ndarray:
    return tail + t[:, None] * (head - tail)


def _changes(values: np.ndarray) -> np.ndarray:
    """Whether each value differs from that before it; the first one does."""
    return np.append(True, values[1:] != values[:-1])[: len(values)]


def _components(n: int, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(n,), the numbers of the connected components of a graph, from a list of its edges."""
    links = scipy.sparse.coo_array((np.ones(len(one), bool), (one, other)), shape=(n, n))
    return scipy.sparse.csgraph.connected_components(links, directed=False)[1]

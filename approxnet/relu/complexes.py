"""Convex polytopes that fill a box, cut by one affine function after the other.

A complex in dimension d holds faces of every dimension k = 0, ..., d (vertices, edges, ..., cells)
and, for each k >= 1, the pairs (k-face, (k-1)-face on its boundary). Functions that are affine on
each cell are known by their values at the vertices. The cut along z = 0 asks for nothing but the
signs +, 0, - of z at the vertices. A face F with vertices on both sides is crossed; it becomes

    F+  in its place,   F-  a new k-face,   F0 = F cut by {z = 0}  a new (k-1)-face.

A facet G of F goes to F+ or F-; if G is crossed itself, G+ goes to F+ and G- to F-. The facets of
F0 are the G0 of the crossed facets G, and the (k-2)-faces of F on which z = 0. So hyperplanes
through common points, or through old faces, are not special.

Rounding: a value z with |z| at most the noise of its function is set to 0. Values a little above
the noise would make cells so flat that their corners are not determined; where there are some, a
multiple of the noise is taken that leaves a gap above it. Signs contradict each other where the
section of a polygon has not two ends; then a part of the noise is tried, and at last the vertices
of these polygons get more noise, until they are all 0. So the complex always is one; what rounding
can change is where a cell ends.

Reference: Berzins, "Polyhedral complex extraction from ReLU networks using edge subdivision", ICML
2023, cuts the edges; that the signs determine the faces is due to Masden, "Algorithmic
determination of the combinatorial structure of the linear regions of ReLU neural networks", 2022.
"""

from __future__ import annotations

import itertools

import numpy as np
import scipy.sparse

Pairs = np.ndarray
"""(2, p) int32: p faces, and a facet of each."""

LADDER = 10.0 ** np.arange(4)
"""The multiples of the noise of a function that are tried."""

SMALLER = 0.1 ** np.arange(7)
"""The parts of the noise that are tried where the signs contradict each other."""

GAP = 100.0
"""No value should lie between the noise and this multiple of it."""


class Columns:
    """A matrix to which columns are appended, with room for as many again."""

    def __init__(self, array: np.ndarray) -> None:
        self._store, self._n = np.ascontiguousarray(array), array.shape[1]

    @property
    def array(self) -> np.ndarray:
        """(rows, columns), a view: writing into it changes the matrix."""
        return self._store[:, : self._n]

    def append(self, columns: np.ndarray) -> None:
        """Append columns, (rows, more)."""
        end = self._n + columns.shape[1]
        if end > self._store.shape[1]:
            store = np.empty((len(self._store), 2 * end), self._store.dtype)
            store[:, : self._n] = self.array
            self._store = store
        self._store[:, self._n : end] = columns
        self._n = end


class Complex:
    """The faces of a box, and of what cuts make of it.

    Attributes:
      d: the dimension.
      n_faces: n_faces[k] is the number of k-faces, k = 0, ..., d.
      pairs: pairs[k], k = 1, ..., d, holds each k-face with each of its facets; pairs[0] is empty.
      values: (d + r, v), the coordinates of the vertices and the values of r functions there.
      noise: (d + r,), the size up to which a value counts as 0; 0 for coordinates.
      positive: (n, c) bool, for each cut so far the cells on its positive side.
    """

    def __init__(self, lower: np.ndarray, upper: np.ndarray) -> None:
        self.d = len(lower)
        names = [_box_faces(self.d, k) for k in range(self.d + 1)]
        self.n_faces = [len(faces) for faces in names]
        self.pairs = [Columns(np.zeros((2, 0), np.int32))]
        self.pairs += [Columns(_box_pairs(*two)) for two in itertools.pairwise(names)]
        corner = np.array(list(names[0]))
        self.values = Columns(np.where(corner == 0, lower, upper).T)
        self.noise = np.zeros(self.d)
        self.positive = Columns(np.zeros((0, 1), bool))

    @property
    def points(self) -> np.ndarray:
        """(d, v), the vertices."""
        return self.values.array[: self.d]

    @property
    def functions(self) -> np.ndarray:
        """(r, v), the values of the functions at the vertices."""
        return self.values.array[self.d :]

    def attach(self, functions: np.ndarray, noise: np.ndarray) -> None:
        """Replace the functions: (r, v) values that are affine on each cell, and (r,) noise."""
        self.values = Columns(np.concatenate([self.points, functions]))
        self.noise = np.concatenate([np.zeros(self.d), noise])
        unknown = np.zeros((len(functions), self.n_faces[-1]), bool)
        self.positive = Columns(np.concatenate([self.positive.array, unknown]))

    def cut(self, function: int) -> None:
        """Cut all cells along the zeros of one of the r functions."""
        row = self.d + function
        z = self.values.array[row]
        self.noise[row] = _noise(z, self.noise[row])
        exact = z.copy()
        for noise in self.noise[row] * SMALLER:
            z[:] = np.where(np.abs(exact) <= noise, 0.0, exact)
            cut = _Cut(self, z)
            if not len(cut.contradictions()):
                break
        while len(flat := cut.contradictions()):
            self.noise[row] *= 2
            z[flat[np.abs(z[flat]) <= self.noise[row]]] = 0
            cut = _Cut(self, z)
        self._apply(cut, row)

    def _apply(self, cut: _Cut, row: int) -> None:
        ends = self.values.array[:, cut.ends]
        t = ends[row, 0] / (ends[row, 0] - ends[row, 1])
        new = ends[:, 0] + t * (ends[:, 1] - ends[:, 0])
        new[row] = 0
        self.values.append(new)
        index = len(self.positive.array) - len(self.functions) + row - self.d
        self.positive.array[index] = cut.positive[-1]
        children = self.positive.array[:, cut.crossed[-1]]
        children[index] = False
        self.positive.append(children)
        for k in range(1, self.d + 1):
            place, face = cut.moved[k]
            self.pairs[k].array[0, place] = face
            self.pairs[k].append(cut.added[k])
        self.n_faces = cut.n_faces

    def corners(self) -> tuple[np.ndarray, np.ndarray]:
        """The vertices of the cells: cell c has corners[starts[c]:starts[c + 1]], ascending."""
        matrix = self._incidence(self.d)
        for k in range(self.d - 1, 0, -1):
            matrix = matrix @ self._incidence(k)
        matrix.sort_indices()
        return matrix.indptr.astype(np.int32), matrix.indices.astype(np.int32)

    def _incidence(self, k: int) -> scipy.sparse.csr_array:
        return _matrix(self.pairs[k].array, (self.n_faces[k], self.n_faces[k - 1]))

    def neighbours(self) -> np.ndarray:
        """(p, 2) int32, the pairs of cells that share a facet, ascending."""
        cell, facet = self.pairs[self.d].array
        order = np.lexsort((cell, facet))
        cell, facet = cell[order], facet[order]
        first = np.flatnonzero(facet[1:] == facet[:-1])
        pairs = np.stack([cell[first], cell[first + 1]], axis=1)
        return pairs[np.lexsort(pairs.T[::-1])]

    def simplices(self, order: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The cells, parted into simplices that meet in whole faces, without a new vertex.

        Each face is the cone from its first vertex over its facets that do not hold this vertex;
        as the rule looks at the face alone, cells on both sides of a facet part it alike.

        Args:
          order: (v,), the vertices from the first to the last; by number if it is left out.

        Returns:
          the vertices of the simplices, (s, d + 1), of either orientation, and the cell (s,) that
          each lies in.
        """
        number = np.arange(self.n_faces[0], dtype=np.int32)
        order = number if order is None else order
        first = np.empty_like(number)
        first[order] = number
        simplices, owner = first[:, None], number
        for k in range(1, self.d + 1):
            face, facet = self.pairs[k].array
            apex = np.full(self.n_faces[k], self.n_faces[0], np.int32)
            np.minimum.at(apex, face, first[facet])
            opposite = apex[face] != first[facet]
            pair, simplex = _join(facet[opposite], owner, self.n_faces[k - 1])
            owner = face[opposite][pair]
            simplices = np.concatenate([apex[owner, None], simplices[simplex]], axis=1)
            first = apex
        return order[simplices].astype(np.int32), owner


class _Cut:
    """What a cut along z = 0 does to a complex, computed before anything is changed."""

    def __init__(self, old: Complex, z: np.ndarray) -> None:
        self.old = old
        self.positive, self.negative = _sides(old, z > 0), _sides(old, z < 0)
        both = zip(self.positive, self.negative, strict=True)
        self.crossed = [np.flatnonzero(p & n) for p, n in both]
        n, new = np.array(old.n_faces), np.array([len(crossed) for crossed in self.crossed])
        sections = np.append(new[1:], 0)
        self.n_faces = (n + new + sections).tolist()
        # Per dimension and face: the ids of F- and of F0 where F is crossed, -1 elsewhere.
        self.minus = [_numbered(*args) for args in zip(self.crossed, n, n, strict=True)]
        start = np.append(0, (n + new)[:-1])
        self.section = [_numbered(*args) for args in zip(self.crossed, n, start, strict=True)]
        nothing = np.zeros(0, np.int32)
        self.moved: list[tuple[np.ndarray, np.ndarray]] = [(nothing, nothing)]
        self.added = [np.zeros((2, 0), np.int32)] * (old.d + 1)
        for k in range(1, old.d + 1):
            self._cut_faces(k)

    def _cut_faces(self, k: int) -> None:
        face, facet = self.old.pairs[k].array
        minus, section = self.minus[k], self.section[k]
        place = np.flatnonzero(minus[face] >= 0)
        F, G = face[place], facet[place]
        positive, negative = self.positive[k - 1][G], self.negative[k - 1][G]
        away, both = negative & ~positive, negative & positive
        self.moved.append((place[away], minus[F[away]]))
        F_both, G_both, F_all = F[both], G[both], self.crossed[k]
        if k == 1:
            self.ends = np.empty((2, len(F_all)), np.int32)
            rank = section[F] - self.old.n_faces[0]
            self.ends[away.astype(np.int8), rank] = G
        else:
            zero = self._zero_faces(F, G, k)
            section_pairs = _pairs(
                [section[F_both], section[zero[0]]], [self.section[k - 1][G_both], zero[1]]
            )
            self.added[k - 1] = np.concatenate([self.added[k - 1], section_pairs], axis=1)
            if k == 2:
                self.section_ends = section_pairs[0]
        self.added[k] = _pairs(
            [minus[F_both], F_all, minus[F_all]],
            [self.minus[k - 1][G_both], section[F_all], section[F_all]],
        )

    def _zero_faces(self, F: np.ndarray, G: np.ndarray, k: int) -> Pairs:
        """The (k-2)-faces of the crossed k-faces on which z = 0, each once."""
        zero = ~(self.positive[k - 2] | self.negative[k - 2])
        if not zero.any():
            return np.zeros((2, 0), np.int32)
        n = self.old.n_faces
        lower = self.old.pairs[k - 1].array
        lower = lower[:, zero[lower[1]]]
        product = _matrix(np.stack([F, G]), (n[k], n[k - 1])) @ _matrix(lower, (n[k - 1], n[k - 2]))
        return np.stack(product.nonzero())

    def contradictions(self) -> np.ndarray:
        """The vertices of the crossed polygons whose section has not two ends."""
        if self.old.d == 1:
            return np.zeros(0, np.int32)
        start = self.old.n_faces[1] + len(self.crossed[1])
        count = np.bincount(self.section_ends - start, minlength=len(self.crossed[2]))
        faces = self.crossed[2][count != 2]
        if len(faces):
            for k in (2, 1):
                face, facet = self.old.pairs[k].array
                faces = np.unique(facet[np.isin(face, faces)])
        return faces


def _sides(complex: Complex, vertices: np.ndarray) -> list[np.ndarray]:
    """Per dimension, which faces have one of the marked vertices."""
    marked = [vertices]
    for k in range(1, complex.d + 1):
        face, facet = complex.pairs[k].array
        has = np.zeros(complex.n_faces[k], bool)
        has[face[marked[-1][facet]]] = True
        marked.append(has)
    return marked


def _numbered(chosen: np.ndarray, n: int, start: int) -> np.ndarray:
    """(n,) int32: start, start + 1, ... at the chosen places, -1 elsewhere."""
    numbers = np.full(n, -1, np.int32)
    numbers[chosen] = start + np.arange(len(chosen))
    return numbers


def _pairs(faces: list[np.ndarray], facets: list[np.ndarray]) -> Pairs:
    return np.stack([np.concatenate(faces), np.concatenate(facets)]).astype(np.int32)


def _matrix(pairs: Pairs, shape: tuple[int, int]) -> scipy.sparse.csr_array:
    ones = np.ones(pairs.shape[1], np.int32)
    return scipy.sparse.csr_array(scipy.sparse.coo_array((ones, tuple(pairs)), shape=shape))


def _noise(z: np.ndarray, noise: float) -> float:
    """The noise, or the first of its multiples with a gap above it if it has none itself."""
    noises = noise * LADDER
    size = np.abs(z)
    size = size[size <= GAP * noises[-1]]
    inside = (size > noises[:, None]) & (size <= GAP * noises[:, None])
    return noises[np.argmin(inside.any(axis=1))]


def _join(left: np.ndarray, right: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """All (i, j) with left[i] == right[j], for keys 0, ..., n - 1."""
    order = np.argsort(right, kind="stable")
    count = np.bincount(right, minlength=n)
    start = np.cumsum(count) - count
    i = np.repeat(np.arange(len(left)), count[left])
    within = np.arange(len(i)) - np.repeat(np.cumsum(count[left]) - count[left], count[left])
    return i, order[start[left][i] + within]


def _box_faces(d: int, k: int) -> dict[tuple[int, ...], int]:
    """The k-faces of the unit box, numbered: on each axis 0 (lower), 1 (upper) or 2 (both)."""
    names = itertools.product((0, 1, 2), repeat=d)
    return {name: i for i, name in enumerate(n for n in names if n.count(2) == k)}


def _box_pairs(facets: dict[tuple[int, ...], int], faces: dict[tuple[int, ...], int]) -> Pairs:
    """The faces of a box with their facets: one axis is fixed at either end."""
    pairs = [
        (i, facets[(*name[:axis], end, *name[axis + 1 :])])
        for name, i in faces.items()
        for axis in np.flatnonzero(np.array(name) == 2)
        for end in (0, 1)
    ]
    return np.array(pairs, np.int32).T

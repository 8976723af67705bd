"""Whether arrays of nodes and cells are a conforming simplicial mesh.

A mesh is conforming if any two cells meet in a common face or not at all. That is so if and only
if

1. every cell has positive volume and the nodes are distinct,
2. every facet belongs to at most two cells, which lie on its two sides,
3. every facet with a cell on one side only (a boundary facet) meets every cell in a common face
   or not at all.

For the number of cells over a point changes only across boundary facets, and by 3 a boundary facet
has no cell on its other side: so no point lies inside two cells. And cells that share a point z are
joined around z through facets, so they share the face that z lies in, or z is on a boundary
facet and 3 applies. Holes and components that do not touch are legal.

Distances up to 8 eps times the largest coordinate, the rounding of the nodes, count as zero.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from approxnet.errors import MeshError, MeshWarning
from approxnet.fem import _affine
from approxnet.fem.connectivity import facet_keys, is_even, pack

SLIVER = 1e4


def valid_nodes(nodes: Any, name: str = "nodes") -> np.ndarray:
    """The nodes as (n, d) float64, finite."""
    array = _numbers(name, nodes)
    if array.ndim != 2 or 0 in array.shape:
        hint = f"; write {name}[:, None] for points on a line" if array.ndim == 1 else ""
        raise MeshError(f"{name} must have shape (n, d) with n, d >= 1, got {array.shape}{hint}")
    if np.iscomplexobj(array):
        raise MeshError(f"{name} must be real, got dtype {array.dtype}; stack the two parts")
    array = array.astype(np.float64)
    wrong = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if wrong.size:
        raise MeshError(
            f"{name} must be finite, got node {wrong[0]} at {place(array[wrong[0]])} "
            f"({wrong.size} of {len(array)} nodes); mend it, or remove it and its cells"
        )
    return array


def valid_cells(cells: Any, n: int, d: int) -> np.ndarray:
    """The cells as (c, d+1) int32 with d + 1 different nodes of 0, ..., n-1 each."""
    array = _numbers("cells", cells)
    if array.size == 0:
        raise MeshError(f"cells must hold at least one cell, got shape {array.shape}")
    if array.ndim != 2 or array.shape[1] != d + 1:
        raise MeshError(
            f"cells must have shape (c, {d + 1}), {d + 1} nodes per cell in {d} dimensions, got "
            f"{array.shape}{_shape_hint(array.shape, d)}"
        )
    if np.iscomplexobj(array) or (array != np.floor(array)).any():
        row = int(np.argmax((array != np.floor(array)).any(axis=1)))
        raise MeshError(
            f"cells must hold integers, got {array[row]} in cell {row}; give node numbers, not "
            "coordinates"
        )
    _check_range(array, n)
    array = array.astype(np.int32)
    ordered = np.sort(array, axis=1)
    wrong = np.flatnonzero((ordered[:, 1:] == ordered[:, :-1]).any(axis=1))
    if wrong.size:
        raise MeshError(
            f"cell {wrong[0]} must have {d + 1} different nodes, got {array[wrong[0]].tolist()} "
            f"({wrong.size} such cells); remove it or mend its nodes"
        )
    return array


def _numbers(name: str, given: Any) -> np.ndarray:
    try:
        array = np.asarray(given)
    except ValueError:
        raise MeshError(f"{name} must be one array, got rows of different lengths") from None
    if array.dtype == bool or not np.issubdtype(array.dtype, np.number):
        raise MeshError(f"{name} must hold numbers, got dtype {array.dtype}")
    return array


def _shape_hint(shape: tuple[int, ...], d: int) -> str:
    if len(shape) == 2 and shape[0] == d + 1:
        return "; transpose it"
    if len(shape) == 2 and shape[1] == d:
        return (
            f"; for a mesh of dimension {d - 1} drop a coordinate of the nodes, "
            "and join segments or facets to cells"
        )
    if len(shape) == 2 and shape[1] == 4 and d == 2:
        return "; cut quadrilaterals into triangles"
    return ""


def _check_range(array: np.ndarray, n: int) -> None:
    wrong = np.argwhere((array < 0) | (array >= n))
    if wrong.size:
        row, column = (int(i) for i in wrong[0])
        value = int(array[row, column])
        base = "; if nodes are numbered from 1, subtract 1" if array.min() >= 1 else ""
        raise MeshError(
            f"cells must hold node numbers from 0 to {n - 1}, got {value} in cell {row} at vertex "
            f"{column} ({len(wrong)} such entries){base or '; mend the entry or add the node'}"
        )


def check_distinct(nodes: np.ndarray, name: str = "nodes") -> None:
    """MeshError if two nodes coincide."""
    pairs = _coincident(nodes)
    if len(pairs):
        shown = ", ".join(f"{i} and {j}" for i, j in pairs[:5].tolist())
        raise MeshError(
            f"{name} must be distinct, got the same place for {name} {shown} ({len(pairs)} pairs), "
            f"the first at {place(nodes[pairs[0, 0]])}; no continuous function has two values at a "
            f"point: merge them, for example by {name}, inverse = np.unique({name}.round(12), "
            "axis=0, return_inverse=True) and cells = inverse.reshape(-1)[cells]"
        )


def check_used(nodes: np.ndarray, cells: np.ndarray) -> None:
    """MeshError if a node belongs to no cell."""
    used = np.zeros(len(nodes), bool)
    used[cells] = True
    if not used.all():
        orphans = np.flatnonzero(~used)
        raise MeshError(
            f"every node must belong to a cell, got node {orphans[0]} at "
            f"{place(nodes[orphans[0]])} in none ({orphans.size} such nodes); remove them by "
            "used, cells = np.unique(cells, return_inverse=True); nodes = nodes[used]"
        )


def rounding(nodes: np.ndarray) -> float:
    """The distance below which two places are the same: 8 eps times the largest coordinate."""
    return 8 * float(np.finfo(np.float64).eps) * float(np.abs(nodes).max())


def _coincident(nodes: np.ndarray) -> np.ndarray:
    """(k, 2), pairs of nodes at the same place up to rounding; not all of them if there are many.

    Such nodes are near by in the order of their projections to a line in general position.
    """
    d, tolerance = nodes.shape[1], rounding(nodes)
    line = np.sqrt(np.arange(2, d + 2) + 0.1)
    projection = nodes @ line
    order = np.argsort(projection)
    ordered = projection[order]
    reach = 2 * tolerance * line.sum()
    for step in range(1, len(nodes)):
        near = np.flatnonzero(ordered[step:] - ordered[:-step] <= reach)
        pairs = np.stack([order[near], order[near + step]], axis=1)
        distance = np.abs(nodes[pairs[:, 0]] - nodes[pairs[:, 1]]).max(axis=1)
        pairs = np.sort(pairs[distance <= tolerance], axis=1)
        if len(pairs) or not near.size:
            return pairs[np.lexsort(pairs.T[::-1])]
    return np.empty((0, 2), np.int64)


def check_volumes(nodes: np.ndarray, cells: np.ndarray) -> None:
    """MeshError if a cell has zero volume."""
    cofactors, determinant = _affine.cofactors(_affine.corners(nodes, cells))
    areas = np.stack([np.sqrt(_affine.dot(row, row)) for row in cofactors])
    flat = np.flatnonzero(np.abs(determinant) <= rounding(nodes) * areas.max(axis=0))
    if flat.size:
        cell = flat[0]
        measure = {1: "length", 2: "area"}.get(nodes.shape[1], "volume")
        raise MeshError(
            f"cell {cell} has zero {measure} ({_volume(determinant[cell], nodes.shape[1]):.3g}): "
            f"nodes {cells[cell].tolist()} at {place(nodes[cells[cell]])} ({flat.size} such "
            "cells); remove it or move a node"
        )


def warn_of_slivers(nodes: np.ndarray, cells: np.ndarray) -> None:
    """MeshWarning if a cell nearly has zero volume."""
    cofactors, determinant = _affine.cofactors(_affine.corners(nodes, cells))
    areas = np.stack([np.sqrt(_affine.dot(row, row)) for row in cofactors])
    lengths = np.stack(
        [
            ((nodes[cells[:, i]] - nodes[cells[:, j]]) ** 2).sum(axis=1)
            for i, j in _affine.pairs(nodes.shape[1])
        ]
    )
    shape = np.sqrt(lengths.max(axis=0)) * areas.sum(axis=0) / (2 * np.abs(determinant))
    worst = int(shape.argmax())
    if shape[worst] > SLIVER:
        warnings.warn(
            f"cell {worst} is a sliver: its diameter is {shape[worst]:.3g} times that of its "
            f"inscribed ball, nodes {cells[worst].tolist()} at {place(nodes[cells[worst]])} "
            f"({int((shape > SLIVER).sum())} cells above {SLIVER:.0e}); gradients lose as many "
            "digits: move a node or flip an edge",
            MeshWarning,
            stacklevel=3,
        )


def _volume(determinant: float, d: int) -> float:
    return abs(determinant) / np.prod(np.arange(1, d + 1))


def check_repeated(cells: np.ndarray, n: int) -> None:
    """MeshError if two cells have the same nodes."""
    keys = pack(np.sort(cells, axis=1), n)
    order = np.argsort(keys, kind="stable")
    again = np.flatnonzero(np.diff(keys[order]) == 0)
    if again.size:
        i, j = order[again[0]], order[again[0] + 1]
        raise MeshError(
            f"cells must differ, got cells {i} and {j} with the same nodes {cells[i].tolist()} "
            f"({again.size} repeated cells); remove one of them"
        )


def check_facets(nodes: np.ndarray, cells: np.ndarray) -> None:
    """MeshError unless every facet of positive cells has one, or two on opposite sides."""
    width = cells.shape[1]
    keys = facet_keys(cells, len(nodes)).reshape(-1)
    order = np.argsort(keys, kind="stable")
    same = np.diff(keys[order]) == 0
    crowded = np.flatnonzero(same[1:] & same[:-1])
    if crowded.size:
        facets = order[crowded[0] : crowded[0] + 3]
        raise MeshError(
            f"a facet must belong to at most two cells, got the facet of nodes "
            f"{_facet(cells, facets[0])} in cells {(facets // width).tolist()}; remove all but two"
        )
    first = np.flatnonzero(same)
    side = _sides(cells)
    i, j = order[first], order[first + 1]
    folded = np.flatnonzero(side.reshape(-1)[i] == side.reshape(-1)[j])
    if folded.size:
        i, j = int(i[folded[0]]), int(j[folded[0]])
        raise MeshError(
            f"cells {i // width} and {j // width} overlap: they lie on the same side of their "
            f"common facet of nodes {_facet(cells, i)} at {place(nodes[_facet(cells, i)])} "
            f"({folded.size} such facets); a node was moved past its neighbours, or one cell is "
            "too many"
        )


def _facet(cells: np.ndarray, flat: int) -> list[int]:
    width = cells.shape[1]
    return np.delete(cells[flat // width], flat % width).tolist()


def _sides(cells: np.ndarray) -> np.ndarray:
    """(c, d+1), on which side of each facet (in the order of node numbers) a positive cell lies."""
    width = cells.shape[1]
    order = np.argsort(cells, axis=1)
    codes = (order * width ** np.arange(width)).sum(axis=1)
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    parity = np.array([0 if is_even(order[i].tolist()) else 1 for i in first])[inverse]
    position = np.argsort(order, axis=1)
    return (position + parity[:, None]) % 2


def place(x: np.ndarray) -> str:
    """Coordinates for a message, with all digits."""
    return str(np.asarray(x).tolist())

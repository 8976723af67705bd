"""The kinks of a P1 function in the plane.

A P1 function f is affine on every triangle, so that its second derivative lives on the edges.
Orient every edge e along its unit direction r_e from tail to head, with normal
n_e = rot(r_e), rot(x, y) = (-y, x). Then

    D^2 f = sum_e a_e n_e n_e^T delta_e,    a_e = (g_left - g_right) . n_e,

with g_left and g_right the gradients on the two sides, and f is known from its jumps a_e up to an
affine function. The directions are canonical (r_x > 0, or r_x = 0 and r_y > 0), so that collinear
edges have the same normal and share one *line* {x : n . x = c}; a network needs one neuron
relu(n . x - c) for each line.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse

from approxnet.fem.mesh import SimplexMesh


class Edges(NamedTuple):
    """The e edges of a triangulation: ends (tail, head), cells beside them (-1: none), lines."""

    ends: np.ndarray
    left: np.ndarray
    right: np.ndarray
    line: np.ndarray


class Lines(NamedTuple):
    """The l lines {x : normals . x = offsets} that carry the edges."""

    normals: np.ndarray
    offsets: np.ndarray


class Rays(NamedTuple):
    """The rays that leave the nodes along edges, ordered by node and then counter-clockwise.

    Ray h leaves ``node[h]`` along edge ``edge[h]`` in the direction ``sign[h]`` r_e; it is number
    ``position[h]`` of the ``degree[h]`` rays of its node, and ``left[h]`` is the cell that follows
    it counter-clockwise.
    """

    node: np.ndarray
    edge: np.ndarray
    sign: np.ndarray
    left: np.ndarray
    position: np.ndarray
    degree: np.ndarray


def rotate(x: np.ndarray) -> np.ndarray:
    """The vectors x, (..., 2), turned by a right angle counter-clockwise."""
    return np.stack([-x[..., 1], x[..., 0]], axis=-1)


def cross(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The determinants det(x, y), (...), of vectors in the plane."""
    return x[..., 0] * y[..., 1] - x[..., 1] * y[..., 0]


def edges_and_lines(mesh: SimplexMesh, *, boundary: bool) -> tuple[Edges, Lines]:
    """The edges of a triangulation, with or without its boundary edges, and their lines."""
    nodes, cells = np.asarray(mesh.nodes), np.asarray(mesh.cells)
    start, end = cells.ravel(), np.roll(cells, -1, axis=1).ravel()
    step = nodes[end] - nodes[start]
    forward = (step[:, 0] > 0) | ((step[:, 0] == 0) & (step[:, 1] > 0))
    tail, head = np.where(forward, (start, end), (end, start))
    key = tail.astype(np.int64) * len(nodes) + head
    order = np.argsort(key, kind="stable")
    first = np.flatnonzero(np.diff(key[order], prepend=-1))
    edge = np.empty(len(key), np.int64)
    edge[order] = np.repeat(np.arange(len(first)), np.diff(first, append=len(key)))
    beside = np.full((2, len(first)), -1, np.int32)
    beside[(~forward).astype(int), edge] = np.repeat(np.arange(len(cells)), 3)
    ends = np.stack([tail, head], axis=1)[order[first]]
    keep = np.full(len(first), True) if boundary else (beside >= 0).all(axis=0)
    ends, (left, right) = ends[keep], beside[:, keep]
    line, lines = _lines(nodes, ends)
    return Edges(ends, left, right, line), lines


def _lines(nodes: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, Lines]:
    """The line of every edge. Edges share a line when their ends lie on it up to rounding.

    Candidates agree to nine digits; the longest edge of a group proposes the line, since its
    direction is the most accurate, and those that it does not fit try again a few times.
    """
    tail, head = nodes[ends].swapaxes(0, 1)
    length = np.linalg.norm(head - tail, axis=1)
    normals = rotate((head - tail) / length[:, None])
    offsets = np.einsum("ei,ei->e", normals, (tail + head) / 2)
    scale = np.abs(nodes).max()
    angle = np.arctan2(normals[:, 1], normals[:, 0])
    key = (np.round(angle * 2.0**28) * 2.0**32 + np.round(offsets / scale * 2.0**30)).astype(int)
    order = np.lexsort((-length, key))
    chief = np.arange(len(ends))
    for _ in range(4):
        new = np.diff(key[order], prepend=np.iinfo(key.dtype).min) != 0
        proposed = order[np.flatnonzero(new)[np.cumsum(new) - 1]]
        gap = np.einsum("ei,kei->ke", normals[proposed], np.stack([tail[order], head[order]]))
        fits = np.abs(gap - offsets[proposed]).max(axis=0) <= 16 * np.finfo(float).eps * scale
        chief[order[fits]] = proposed[fits]
        order = order[~fits]
    chosen = np.zeros(len(ends), bool)
    chosen[chief] = True
    line = (np.cumsum(chosen) - 1)[chief]
    return line, Lines(normals[chosen], offsets[chosen])


def rays(mesh: SimplexMesh, edges: Edges, kept: np.ndarray) -> Rays:
    """The rays of the nodes for which ``kept``, (n,) bool, holds."""
    count = len(edges.ends)
    node = edges.ends.T.ravel()
    edge = np.tile(np.arange(count), 2)
    sign = np.repeat([1.0, -1.0], count)
    left = np.r_[edges.left, edges.right]
    take = kept[node]
    node, edge, sign, left = node[take], edge[take], sign[take], left[take]
    nodes = np.asarray(mesh.nodes)
    step = sign[:, None] * (nodes[edges.ends[edge, 1]] - nodes[edges.ends[edge, 0]])
    order = np.lexsort((np.arctan2(step[:, 1], step[:, 0]), node))
    node, edge, sign, left = node[order], edge[order], sign[order], left[order]
    starts = np.flatnonzero(np.diff(node, prepend=-1))
    degree = np.diff(starts, append=len(node))
    position = np.arange(len(node)) - np.repeat(starts, degree)
    return Rays(node, edge, sign, left, position, np.repeat(degree, degree))


def hat_gradients(mesh: SimplexMesh) -> np.ndarray:
    """The gradients, (c, 3, 2), of the three barycentric coordinates on every triangle."""
    corners = np.asarray(mesh.nodes)[np.asarray(mesh.cells)]
    opposite = np.roll(corners, 1, axis=1) - np.roll(corners, -1, axis=1)
    doubled_area = cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return rotate(opposite) / doubled_area[:, None, None]


def jump_matrix(mesh: SimplexMesh, edges: Edges, lines: Lines) -> scipy.sparse.csr_array:
    """The sparse map, (e, n), from nodal values to the jumps a_e; the function is 0 outside."""
    gradients, cells = hat_gradients(mesh), np.asarray(mesh.cells)
    normals = lines.normals[edges.line]
    entries, columns = np.empty((len(normals), 2, 3)), np.empty((len(normals), 2, 3), np.int32)
    for i, (side, sign) in enumerate(((edges.left, 1.0), (edges.right, -1.0))):
        columns[:, i] = cells[side]
        weight = np.where(side >= 0, sign, 0.0)[:, None] * normals
        entries[:, i] = np.einsum("eki,ei->ek", gradients[side], weight)
    starts = np.arange(0, entries.size + 1, 6)
    return scipy.sparse.csr_array(
        (entries.ravel(), columns.ravel(), starts),
        shape=(len(normals), len(mesh.nodes)),
    )

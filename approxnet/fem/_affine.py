"""The barycentric coordinates of many simplices at once.

With the edges e_j = v_j - v_0 as rows of E, and C the cofactor matrix of E,

    grad lambda_j = C_j / det E    (j = 1..d),      C_0 = -(C_1 + ... + C_d).

The components are kept apart, C[j][a] of shape (...,) for cells (..., d+1): nothing of shape
(c, d, d) is formed. Only operators are used, so the code runs on NumPy and on JAX arrays.
"""

from __future__ import annotations

import math
from typing import Any


def _minor(rows: list[list[Any]], j: int, a: int) -> list[list[Any]]:
    return [row[:a] + row[a + 1 :] for k, row in enumerate(rows) if k != j]


def _determinant(rows: list[list[Any]]) -> Any:
    """Laplace's expansion along the first row; the empty determinant is 1."""
    if not rows:
        return 1.0
    first = [entry * _determinant(_minor(rows, 0, a)) for a, entry in enumerate(rows[0])]
    return sum((-term if a % 2 else term for a, term in enumerate(first[1:], 1)), start=first[0])


def corners(nodes: Any, cells: Any) -> list[list[Any]]:
    """The coordinates [i][a], each (...,), of the vertices of cells (..., d+1)."""
    axes = [nodes[:, a] for a in range(nodes.shape[1])]
    return [[axis[cells[..., i]] for axis in axes] for i in range(cells.shape[-1])]


def cofactors(vertices: list[list[Any]]) -> tuple[list[list[Any]], Any]:
    """The cofactors [i][a] of ``corners`` for i = 0..d, and the determinant d! |T|."""
    origin, *others = vertices
    edges = [[b - a for a, b in zip(origin, v, strict=True)] for v in others]
    axes = range(len(edges))
    cofactor = [[(-1) ** (j + a) * _determinant(_minor(edges, j, a)) for a in axes] for j in axes]
    determinant = dot(edges[0], cofactor[0])
    zeroth = [-sum((row[a] for row in cofactor[1:]), start=cofactor[0][a]) for a in axes]
    return [zeroth, *cofactor], determinant


def dot(u: list[Any], v: list[Any]) -> Any:
    """The inner product of two vectors given by components."""
    first, *rest = (a * b for a, b in zip(u, v, strict=True))
    return sum(rest, start=first)


def barycentric(vertices: list[list[Any]], x: list[Any]) -> list[Any]:
    """The barycentric coordinates [i] of a point with components x[a] in each simplex."""
    cofactor, determinant = cofactors(vertices)
    offset = [b - a for a, b in zip(vertices[0], x, strict=True)]
    first, *rest = (dot(row, offset) / determinant for row in cofactor[1:])
    return [1.0 - sum(rest, start=first), first, *rest]


def volumes(nodes: Any, cells: Any) -> Any:
    """The volumes (c,) of the cells."""
    d = nodes.shape[1]
    return cofactors(corners(nodes, cells))[1] / float(math.factorial(d))


def couplings(nodes: Any, cells: Any, coefficient: Any) -> list[Any]:
    """The entries |T| grad lambda_i . a grad lambda_j for i < j, each (c,), in the order of pairs.

    The coefficient a is a number, (c,) or a symmetric tensor (c, d, d).
    """
    C, determinant = cofactors(corners(nodes, cells))
    d = len(C) - 1
    scale = 1.0 / (float(math.factorial(d)) * determinant)
    if coefficient.ndim <= 1:
        scale, flux = scale * coefficient, C
    else:
        flux = [[dot([coefficient[:, a, b] for b in range(d)], row) for a in range(d)] for row in C]
    return [dot(C[i], flux[j]) * scale for i, j in pairs(d)]


def pairs(d: int) -> list[tuple[int, int]]:
    """The edges (i, j), i < j, of a simplex with vertices 0..d."""
    return [(i, j) for i in range(d + 1) for j in range(i + 1, d + 1)]

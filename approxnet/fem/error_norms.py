"""The distance of a P1 function v from a function u, cell by cell.

    error_l2   ||u - v||              error_h1   |u - v|_1 = ||grad u - grad v||
    error_max  max |u - v| at the points lambda = alpha / 4 of every cell

Integrals use a rule of total degree 4 on each cell, so they are exact for quadratic u. All is
computed on the host in float64; a function u written in JAX is evaluated in float64 too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from approxnet import _checks
from approxnet.fem import _affine, assembly
from approxnet.fem.lagrange import lattice
from approxnet.fem.mesh import SimplexMesh
from approxnet.quadrature import on_simplices, simplex

Function = Callable[[Any], Any]


def error_l2(mesh: SimplexMesh, values: Any, u: Function, *, degree: int = 4) -> float:
    """The L2 norm of u - v for the P1 function v.

    Args:
      mesh: a mesh with n nodes in d dimensions.
      values: (n,), the nodal values of v.
      u: a function of points (..., d) with values (...).
      degree: static, total degree integrated exactly on each cell, at least 2.

    Returns:
      The norm.

    Raises:
      ValueError: if values or u have a wrong shape, or degree < 2.
      NonFiniteError: if u is nan or infinite at a point; names the point.

    Example:
      >>> from approxnet import fem
      >>> mesh = fem.interval([0.0, 1.0])
      >>> 30 * round(error_l2(mesh, [0.0, 1.0], lambda x: x[..., 0] ** 2) ** 2, 12)
      1.0
    """
    nodes, cells, v = _host(mesh, values)
    rule = simplex(nodes.shape[1], _checks.count("degree", degree, at_least=2))
    hats = assembly.barycentric(rule)
    total = 0.0
    for block in assembly.blocks(len(cells)):
        points, weights = on_simplices(rule, nodes[cells[block]])
        difference = assembly.sample(u, points, "u") - v[cells[block]] @ hats.T
        total += float((weights * difference**2).sum())
    return math.sqrt(total)


def error_h1(
    mesh: SimplexMesh,
    values: Any,
    u: Function,
    *,
    gradient: Function | None = None,
    degree: int = 4,
) -> float:
    """The H1 seminorm of u - v, ||grad u - grad v||, for the P1 function v.

    The full norm is ``math.hypot(error_l2(...), error_h1(...))``.

    Args:
      mesh: a mesh with n nodes in d dimensions.
      values: (n,), the nodal values of v.
      u: a function of points (..., d) with values (...), written in JAX so that it can be
        differentiated unless ``gradient`` is given.
      gradient: the gradient of u, a function of points (..., d) with values (..., d).
      degree: static, total degree integrated exactly on each cell, at least 2.

    Returns:
      The seminorm.

    Raises:
      TypeError: if u is not written in JAX and no gradient is given.
      ValueError: if values, u or the gradient have a wrong shape, or degree < 2.
      NonFiniteError: if the gradient is nan or infinite at a point; names the point.

    Example:
      >>> from approxnet import fem
      >>> mesh = fem.interval([0.0, 1.0])
      >>> 3 * round(error_h1(mesh, [0.0, 1.0], lambda x: x[..., 0] ** 2) ** 2, 12)
      1.0
    """
    nodes, cells, v = _host(mesh, values)
    d = nodes.shape[1]
    rule = simplex(d, _checks.count("degree", degree, at_least=2))
    slope = _gradient_of(u) if gradient is None else gradient
    total = 0.0
    for block in assembly.blocks(len(cells)):
        corner = cells[block]
        points, weights = on_simplices(rule, nodes[corner])
        exact = _sample_field(slope, points)
        rows, determinant = _affine.cofactors(_affine.corners(nodes, corner))
        for a in range(d):
            own = sum(row[a] * v[corner[:, i]] for i, row in enumerate(rows)) / determinant
            total += float((weights * (exact[..., a] - own[:, None]) ** 2).sum())
    return math.sqrt(total)


def error_max(mesh: SimplexMesh, values: Any, u: Function) -> float:
    """The largest |u - v| at the nodes of P_4 on every cell, for the P1 function v.

    Args:
      mesh: a mesh with n nodes in d dimensions.
      values: (n,), the nodal values of v.
      u: a function of points (..., d) with values (...).

    Returns:
      The maximum, a lower bound of the maximum norm. It is that norm up to O(h^4) for smooth u in
      one dimension, where the midpoints are among the points and the error peaks near them.

    Raises:
      ValueError: if values or u have a wrong shape.
      NonFiniteError: if u is nan or infinite at a point; names the point.

    Example:
      >>> from approxnet import fem
      >>> error_max(fem.interval([0.0, 1.0]), [0.0, 1.0], lambda x: x[..., 0] ** 2)
      0.25
    """
    nodes, cells, v = _host(mesh, values)
    hats = lattice(nodes.shape[1], 4) / 4
    largest = 0.0
    for block in assembly.blocks(len(cells)):
        points = np.einsum("qi,cia->cqa", hats, nodes[cells[block]])
        difference = assembly.sample(u, points, "u") - v[cells[block]] @ hats.T
        largest = max(largest, float(np.abs(difference).max()))
    return largest


def _host(mesh: SimplexMesh, values: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n = len(mesh.nodes)
    if np.shape(values) != (n,):
        raise ValueError(f"values must have shape ({n},), one per node, got {np.shape(values)}")
    v = np.asarray(values, np.float64)
    _checks.finite("values", v)
    return np.asarray(mesh.nodes, np.float64), np.asarray(mesh.cells), v


def _sample_field(gradient: Function, x: np.ndarray) -> np.ndarray:
    """The checked values (..., d) of a gradient at points (..., d), in float64."""
    with jax.enable_x64(True):
        values = np.asarray(gradient(x), np.float64)
    if values.shape != x.shape:
        raise ValueError(
            f"gradient must map points of shape {x.shape} to vectors of that shape, got "
            f"{values.shape}"
        )
    # A sum is finite only where every component is.
    _checks.target(lambda _: values.sum(axis=-1), x, "gradient")
    return values


def _gradient_of(u: Function) -> Function:
    """The gradient (..., d) of u by automatic differentiation."""

    def gradient(x: np.ndarray) -> jax.Array:
        points = x.reshape(-1, x.shape[-1])
        try:
            return jax.jit(jax.vmap(jax.grad(u)))(points).reshape(x.shape)
        except jax.errors.TracerArrayConversionError as error:
            raise TypeError(
                "u must be written in jax.numpy so that it can be differentiated, got a function "
                "that converts its argument to NumPy; pass gradient=, a function of points (..., d)"
            ) from error

    return gradient

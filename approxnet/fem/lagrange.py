"""Lagrange finite elements: the hats of P1, and P_k.

The hat phi_i is continuous, affine on each cell, and 1 at node i and 0 at the others. On a cell
its pieces are the barycentric coordinates lambda_0, ..., lambda_d, so

    v(x) = sum_i v_i phi_i(x) = sum_j v_{cells[T, j]} lambda_j(x)      for x in the cell T.

The nodes of P_k lie in a cell at lambda = alpha / k for the multi-indices alpha, |alpha| = k, and

    phi_alpha = prod_j prod_{m < alpha_j} (k lambda_j - m) / (m + 1).

Values are (n,) or (n, m), one row per node. Reference: Ciarlet, The Finite Element Method for
Elliptic Problems (1978), section 2.2.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.sparse import csr_array

from approxnet import _checks
from approxnet.fem import _affine
from approxnet.fem.mesh import SimplexMesh

OUTSIDE = ("nan", "error", "extrapolate")


def interpolate(mesh: SimplexMesh, f: Callable[[Any], Any], *, degree: int = 1) -> Any:
    """The nodal values of the interpolant of f.

    Args:
      mesh: a mesh with n nodes in d dimensions.
      f: a function of points (..., d) with values (...).
      degree: static, k of P_k; the nodes are then those of ``lagrange_nodes``.

    Returns:
      (n,), what f returns at the nodes.

    Raises:
      ValueError: if f returns another shape or complex numbers.
      NonFiniteError: if f is nan or infinite at a node; names the point.

    Example:
      >>> from approxnet import fem
      >>> interpolate(fem.interval([0.0, 0.5, 2.0]), lambda x: x[..., 0] ** 2).tolist()
      [0.0, 0.25, 4.0]
    """
    return _checks.target(f, lagrange_nodes(mesh, degree).points)


def evaluate(
    mesh: SimplexMesh,
    values: Any,
    x: Any,
    *,
    outside: str = "nan",
    cell_nodes: Any = None,
) -> jax.Array:
    """The finite element function with the given nodal values, at points.

    Pure JAX: can be jitted, vmapped and differentiated in values and x. The derivative in x is
    that of the cell that owns the point.

    Args:
      mesh: a mesh with n nodes in d dimensions.
      values: (n,) or (n, m), nodal values.
      x: (..., d), points.
      outside: static, what happens outside the mesh. "nan": the value is nan (and its derivative
        0). "error": ValueError with the first such point. "extrapolate": the piece of a boundary
        cell continues: of the cell that holds the projection y of x to the bounding box or, where
        y is outside too, of the boundary cell in which the least barycentric coordinate of y is
        largest. The result is continuous across the boundary; a point whose y is outside costs
        O(c).
      cell_nodes: (c, l), the table of ``lagrange_nodes`` for values of P_k; P1 by default.

    Returns:
      (...) or (..., m), in the dtype that values and x promote to; integers count as floats.

    Raises:
      ValueError: if a shape does not fit, or with outside="error" for points outside, or for
        outside="error" under a transformation, where no value can raise.
      ConfigError: if outside is not one of the three.

    Example:
      >>> from approxnet import fem
      >>> mesh = fem.interval([0.0, 0.5, 2.0])
      >>> x = jnp.array([[0.25], [1.25], [3.0]])
      >>> evaluate(mesh, jnp.array([0.0, 1.0, 4.0]), x).tolist()
      [0.5, 2.5, nan]
      >>> evaluate(mesh, jnp.array([0.0, 1.0, 4.0]), x, outside="extrapolate").tolist()
      [0.5, 2.5, 6.0]
    """
    table = mesh.cells if cell_nodes is None else cell_nodes
    d = mesh.nodes.shape[1]
    _checks.one_of("outside", outside, OUTSIDE)
    _checks.points("x", x, d)
    _checks.nodal("values", values, len(mesh.nodes) if cell_nodes is None else np.shape(values)[0])
    values, x = _promote(values, x)
    result, cell = _evaluate(mesh, values, x, jnp.asarray(table), outside == "extrapolate")
    if outside == "error":
        _raise_outside(cell, x)
    return result


@functools.partial(jax.jit, static_argnames="extrapolate")
def _evaluate(
    mesh: SimplexMesh, values: jax.Array, x: jax.Array, table: jax.Array, extrapolate: bool
) -> tuple[jax.Array, jax.Array]:
    """The values, (...) or (..., m), and the cell of each point."""
    find = _find_or_continue if extrapolate else mesh.locator.find
    cell, barycentric = find(mesh, x)
    basis = lagrange_basis(_degree(table.shape[1], x.shape[-1]), barycentric)
    # A zero here, not only a nan below, keeps nan coordinates out of the derivative.
    basis = jnp.where((cell >= 0)[..., None], basis, 0.0)
    rows = table[jnp.maximum(cell, 0)]
    trailing = (1,) * (values.ndim - 1)
    terms = (
        basis[..., i].reshape(*cell.shape, *trailing) * values[rows[..., i]]
        for i in range(table.shape[1])
    )
    inside = (cell >= 0).reshape(*cell.shape, *trailing)
    return jnp.where(inside, functools.reduce(jnp.add, terms), jnp.nan), cell


def _promote(*arrays: Any) -> list[jax.Array]:
    """The arrays in their common dtype, or in the default one if all are integers."""
    converted = [jnp.asarray(a) for a in arrays]
    with jax.numpy_dtype_promotion("standard"):
        dtype = functools.reduce(jnp.promote_types, (a.dtype for a in converted))
    if not jnp.issubdtype(dtype, jnp.floating):
        dtype = jnp.result_type(float)
    return [a.astype(dtype) for a in converted]


def _raise_outside(cell: jax.Array, x: jax.Array) -> None:
    if not _checks.concrete(cell):
        raise ValueError(
            "outside must be 'nan' or 'extrapolate' under jit, vmap and grad, got 'error'; a "
            "traced value cannot raise"
        )
    missed = np.argwhere(np.asarray(cell) < 0)
    if missed.size:
        place = tuple(int(i) for i in missed[0])
        raise ValueError(
            f"x must lie in the mesh, got {np.asarray(x)[place]} at index {place} "
            f"({len(missed)} of {cell.size} points are outside); pass outside='nan' or "
            "outside='extrapolate'"
        )


@jax.jit
def _find(mesh: SimplexMesh, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    return mesh.locator.find(mesh, x)


def _find_or_continue(mesh: SimplexMesh, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The locator's find, with the nearest boundary cell for points outside (see evaluate)."""
    nodes = jnp.asarray(mesh.nodes, x.dtype)
    points = x.reshape(-1, x.shape[-1])
    box = jnp.clip(
        jax.lax.stop_gradient(points),
        nodes.min(axis=0, keepdims=True),
        nodes.max(axis=0, keepdims=True),
    )
    vertices = _affine.corners(nodes, jnp.asarray(mesh.cells))
    on_boundary = (jnp.asarray(mesh.neighbours) < 0).any(axis=1)

    def nearest(y: jax.Array) -> jax.Array:
        least = functools.reduce(jnp.minimum, _affine.barycentric(vertices, list(y)))
        return jnp.argmax(jnp.where(on_boundary, least, -jnp.inf)).astype(jnp.int32)

    found, _ = mesh.locator.find(mesh, box)
    cell = jax.lax.map(
        lambda a: jax.lax.cond(a[0] < 0, nearest, lambda _: a[0], a[1]), (found, box)
    )
    own = _affine.corners(nodes, jnp.asarray(mesh.cells)[cell])
    coordinates = jnp.stack(_affine.barycentric(own, list(points.T)), axis=-1)
    return cell.reshape(x.shape[:-1]), coordinates.reshape(*x.shape[:-1], len(own))


def gradient(mesh: SimplexMesh, values: Any) -> jax.Array:
    """The gradient of a P1 function, constant on each cell.

    Args:
      mesh: a mesh with n nodes and c cells in d dimensions.
      values: (n,) or (n, m), nodal values.

    Returns:
      (c, d) or (c, m, d), in the dtype of values.

    Raises:
      ValueError: if values have another shape.

    Example:
      >>> from approxnet import fem
      >>> gradient(fem.interval([0.0, 0.5, 2.0]), jnp.array([0.0, 1.0, 4.0])).tolist()
      [[2.0], [2.0]]
    """
    _checks.nodal("values", values, len(mesh.nodes))
    return _gradient(mesh, *_promote(values))


@jax.jit
def _gradient(mesh: SimplexMesh, values: jax.Array) -> jax.Array:
    cells = jnp.asarray(mesh.cells)
    cofactors, determinant = _affine.cofactors(
        _affine.corners(jnp.asarray(mesh.nodes, values.dtype), cells)
    )
    trailing = (1,) * (values.ndim - 1)

    def component(a: int) -> jax.Array:
        return functools.reduce(
            jnp.add,
            (
                (row[a] / determinant).reshape(-1, *trailing) * values[cells[:, i]]
                for i, row in enumerate(cofactors)
            ),
        )

    return jnp.stack([component(a) for a in range(mesh.nodes.shape[1])], axis=-1)


def basis(mesh: SimplexMesh, x: Any) -> csr_array:
    """The values of all hats at points: the matrix B with ``evaluate(mesh, v, x) = B v``.

    On the host, in float64.

    Args:
      mesh: a mesh with n nodes in d dimensions.
      x: (..., d), points in the mesh.

    Returns:
      csr_array (p, n) for the p points in C order, with at most d + 1 entries per row.

    Raises:
      ValueError: if the last axis of x is not d or a point is outside the mesh.

    Example:
      >>> from approxnet import fem
      >>> basis(fem.interval([0.0, 0.5, 2.0]), [[0.25], [2.0]]).toarray().tolist()
      [[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]
    """
    d = mesh.nodes.shape[1]
    _checks.points("x", x, d)
    with jax.enable_x64(True):
        points = jnp.asarray(np.asarray(x, np.float64).reshape(-1, d))
        cell, barycentric = _find(mesh, points)
        _raise_outside(cell, points)
        columns = np.asarray(mesh.cells)[np.asarray(cell)]
        entries = np.array(barycentric)
    starts = np.arange(0, columns.size + 1, d + 1, dtype=np.int32)
    matrix = csr_array((entries.ravel(), columns.ravel(), starts), (len(columns), len(mesh.nodes)))
    matrix.eliminate_zeros()
    matrix.sort_indices()
    return matrix


class LagrangeNodes(NamedTuple):
    """The nodes of P_k on a mesh: vertices first, then those on edges, faces and inside cells.

    Attributes:
      points: (n, d), the coordinates.
      cells: (c, l) int32 with l = binomial(k + d, d), the nodes of each cell; cells share the
        nodes on their common face, so the functions are continuous.

    Example:
      >>> from approxnet import fem
      >>> lagrange_nodes(fem.interval([0.0, 1.0, 2.0]), 2).points.ravel().tolist()
      [0.0, 1.0, 2.0, 0.5, 1.5]
    """

    points: Any
    cells: Any


def lagrange_nodes(mesh: SimplexMesh, degree: int) -> LagrangeNodes:
    """The nodes of P_k and the table from cells to them; on the host for k > 1.

    Args:
      mesh: a mesh with c cells in d dimensions.
      degree: static, k >= 1.

    Returns:
      LagrangeNodes; the local order is that of ``lagrange_basis``.

    Raises:
      ValueError: if degree is not a positive integer.

    Example:
      >>> from approxnet import fem
      >>> lagrange_nodes(fem.box((2, 2)), 3).points.shape
      (49, 2)
    """
    if _checks.count("degree", degree, at_least=1) == 1:
        return LagrangeNodes(mesh.nodes, mesh.cells)
    cells = np.asarray(mesh.cells)
    indices = lattice(mesh.nodes.shape[1], degree)
    # A node is known by its vertices of positive weight: equal codes are equal nodes.
    codes = np.where(indices > 0, (cells[:, None] + 1) * np.int64(degree + 1) + indices, 0)
    codes = np.sort(codes, axis=-1).reshape(-1, indices.shape[1])
    order = np.lexsort(codes.T[::-1])
    new = np.append(True, (np.diff(codes[order], axis=0) != 0).any(axis=1))
    table = np.empty(len(codes), np.int32)
    table[order] = np.cumsum(new) - 1
    cell, local = np.divmod(order[new], len(indices))
    vertices = np.asarray(mesh.nodes)[cells[cell]]
    points = np.einsum("ni,nia->na", indices[local] / degree, vertices)
    return LagrangeNodes(points, table.reshape(len(cells), -1))


@functools.cache
def lattice(d: int, degree: int) -> np.ndarray:
    """The multi-indices alpha with |alpha| = degree, (l, d+1), in decreasing order.

    Example:
      >>> lattice(1, 2).tolist()
      [[2, 0], [1, 1], [0, 2]]
    """
    entries = range(degree, -1, -1)
    return np.array([a for a in itertools.product(entries, repeat=d + 1) if sum(a) == degree])


def _degree(n_local: int, d: int) -> int:
    """The k with binomial(k + d, d) local nodes."""
    degree = next(k for k in itertools.count(1) if math.comb(k + d, d) >= n_local)
    if math.comb(degree + d, d) != n_local:
        raise ValueError(
            f"cell_nodes must have binomial(k + {d}, {d}) columns for some degree k, got "
            f"{n_local}; use the cells of lagrange_nodes(mesh, k)"
        )
    return degree


def lagrange_basis(degree: int, barycentric: Any) -> jax.Array:
    """The values of the l = binomial(k + d, d) nodal basis functions of P_k on a cell.

    Args:
      degree: static, k >= 1.
      barycentric: (..., d+1), barycentric coordinates.

    Returns:
      (..., l), in the order of ``lattice(d, degree)``, the vertices' own order for k = 1.

    Raises:
      ValueError: if degree is not a positive integer.

    Example:
      >>> lagrange_basis(2, jnp.array([0.5, 0.5])).tolist()
      [0.0, 1.0, 0.0]
    """
    degree = _checks.count("degree", degree, at_least=1)
    (coordinates,) = _promote(barycentric)
    # powers[m] = prod_{j < m} (k lambda - j) / (j + 1)
    powers = [jnp.ones_like(coordinates)]
    for m in range(degree):
        powers.append(powers[-1] * ((degree * coordinates - m) / (m + 1)))
    return jnp.stack(
        [
            math.prod(powers[m][..., j] for j, m in enumerate(alpha) if m)
            for alpha in lattice(coordinates.shape[-1] - 1, degree).tolist()
        ],
        axis=-1,
    )

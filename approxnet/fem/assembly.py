"""The matrices and vectors of linear finite elements.

    mass       M_ij = int c phi_i phi_j        stiffness  A_ij = int a grad phi_i . grad phi_j
    load       b_i  = int f phi_i

On a cell T the gradients are constant, so the stiffness needs one number per edge (i, j),

    k_ij = a_T |T| grad lambda_i . grad lambda_j,      A_ii = - sum_{j != i} A_ij,

because the hats sum to one. Coefficients are replaced by their mean on each cell, for which the
order of convergence stays (Ciarlet, section 4.1).

``mass`` and ``stiffness`` are matrices on the host, in float64. ``apply_mass`` and
``apply_stiffness`` are the same maps cell by cell, in JAX and the dtype of the values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.sparse import coo_array, csr_array, dia_array

from approxnet import _checks
from approxnet.fem import _affine
from approxnet.fem.lagrange import _promote
from approxnet.fem.mesh import SimplexMesh
from approxnet.quadrature import Rule, on_simplices, simplex

Coefficient = float | np.ndarray | jax.Array | Callable[[Any], Any] | None

_BLOCK = 2**14


def stiffness(mesh: SimplexMesh, coefficient: Coefficient = None) -> csr_array:
    """The stiffness matrix A_ij = int a grad phi_i . grad phi_j.

    Args:
      mesh: a mesh with n nodes and c cells in d dimensions.
      coefficient: a; None for 1, a number, a function of points (..., d) with values (...), values
        per cell (c,), or a symmetric tensor per cell (c, d, d). A function is averaged over each
        cell by a rule of degree 2.

    Returns:
      csr_array (n, n), float64, symmetric, with rows that sum to zero and int32 indices; off the
      diagonal entries that cancel exactly, as those across the diagonals of squares, are not
      stored.

    Raises:
      ValueError: if the coefficient has another shape or a tensor is not symmetric.
      NonFiniteError: if the coefficient is nan or infinite somewhere.

    Example:
      >>> from approxnet import fem
      >>> stiffness(fem.interval([0.0, 0.5, 1.0])).toarray().tolist()
      [[2.0, -2.0, 0.0], [-2.0, 4.0, -2.0], [0.0, -2.0, 2.0]]
    """
    nodes, cells = _host(mesh)
    a = host_coefficient(mesh, coefficient, tensor=True)
    entries = np.empty((len(_affine.pairs(mesh.nodes.shape[1])), len(cells)))
    for block in blocks(len(cells)):
        entries[:, block] = _affine.couplings(nodes, cells[block], a[block])
    matrix = _symmetric(cells, len(nodes), entries)
    return _add_diagonal(matrix, -(matrix @ np.ones(len(nodes))))


def mass(mesh: SimplexMesh, coefficient: Coefficient = None) -> csr_array:
    """The mass matrix M_ij = int c phi_i phi_j.

    Args:
      mesh: a mesh with n nodes and c cells in d dimensions.
      coefficient: c; None for 1, a number, a function of points, or values per cell (c,), as in
        ``stiffness``.

    Returns:
      csr_array (n, n), float64, symmetric, with int32 indices.

    Raises:
      ValueError: if the coefficient has another shape.
      NonFiniteError: if the coefficient is nan or infinite somewhere.

    Example:
      >>> from approxnet import fem
      >>> (6 * mass(fem.interval([0.0, 0.5, 1.0]))).toarray().tolist()
      [[1.0, 0.5, 0.0], [0.5, 2.0, 0.5], [0.0, 0.5, 1.0]]
    """
    nodes, cells = _host(mesh)
    d = nodes.shape[1]
    coefficient = host_coefficient(mesh, coefficient)
    entry = _affine.volumes(nodes, cells) * coefficient / ((d + 1) * (d + 2))
    entries = np.broadcast_to(entry, (len(_affine.pairs(d)), len(cells)))
    diagonal = np.bincount(cells.ravel(), np.repeat(2.0 * entry, d + 1), len(nodes))
    return _add_diagonal(_symmetric(cells, len(nodes), entries), diagonal)


def load(mesh: SimplexMesh, f: Callable[[Any], Any], *, degree: int = 4) -> np.ndarray:
    """The load vector b_i = int f phi_i, by quadrature on each cell.

    Args:
      mesh: a mesh with n nodes in d dimensions.
      f: a function of points (..., d) with values (...).
      degree: static, total degree of f phi_i that is integrated exactly.

    Returns:
      (n,) float64, on the host.

    Raises:
      ValueError: if f returns another shape, or degree < 1.
      NonFiniteError: if f is nan or infinite at a point; names the point.

    Example:
      >>> from approxnet import fem
      >>> load(fem.interval([0.0, 0.5, 1.0]), lambda x: 12 * x[..., 0]).round(12).tolist()
      [0.5, 3.0, 2.5]
    """
    return load_on(*_host(mesh), f, degree=degree)


def load_on(
    nodes: np.ndarray,
    simplices: np.ndarray,
    f: Callable[[Any], Any],
    *,
    degree: int = 4,
    name: str = "f",
) -> np.ndarray:
    """The vector (n,) of int f phi_i over simplices (c, k+1): cells, or facets for k = d - 1."""
    rule = simplex(simplices.shape[1] - 1, _checks.count("degree", degree, at_least=1))
    hats = barycentric(rule)
    vector = np.zeros(len(nodes))
    for block in blocks(len(simplices)):
        points, weights = on_simplices(rule, nodes[simplices[block]])
        local = (sample(f, points, name) * weights) @ hats
        vector += np.bincount(simplices[block].ravel(), local.ravel(), len(nodes))
    return vector


def apply_stiffness(mesh: SimplexMesh, values: Any, coefficient: Coefficient = None) -> jax.Array:
    """The product A v of the stiffness matrix with nodal values, cell by cell, in pure JAX.

    (A v)_i = sum over the cells at i of sum_j k_ij (v_j - v_i): constants give exactly 0.

    Args:
      mesh: a mesh with n nodes and c cells in d dimensions.
      values: (n,) or (n, m), nodal values.
      coefficient: as in ``stiffness``.

    Returns:
      (n,) or (n, m), in the dtype of values. In float32 a solution of A v = b cannot be more
      accurate than ``float32_floor(mesh)``.

    Raises:
      ValueError: if values or the coefficient have another shape.

    Example:
      >>> from approxnet import fem
      >>> apply_stiffness(fem.interval([0.0, 0.5, 1.0]), jnp.array([0.0, 1.0, 0.0])).tolist()
      [-2.0, 4.0, -2.0]
    """
    nodes, cells, values = _on_device(mesh, values)
    a = _cell_coefficient(nodes, cells, coefficient, _checks.target, tensor=True)
    corner = [values[cells[:, i]] for i in range(cells.shape[1])]
    local = [jnp.zeros_like(v) for v in corner]
    entries = _affine.couplings(nodes, cells, jnp.asarray(a, values.dtype))
    for (i, j), k in zip(_affine.pairs(len(corner) - 1), entries, strict=True):
        flow = _rows(k, values) * (corner[j] - corner[i])
        local[i] += flow
        local[j] -= flow
    return _scatter(cells, local, values)


def apply_mass(mesh: SimplexMesh, values: Any, coefficient: Coefficient = None) -> jax.Array:
    """The product M v of the mass matrix with nodal values, cell by cell, in pure JAX.

    Args:
      mesh: a mesh with n nodes and c cells in d dimensions.
      values: (n,) or (n, m), nodal values.
      coefficient: as in ``mass``.

    Returns:
      (n,) or (n, m), in the dtype of values.

    Raises:
      ValueError: if values or the coefficient have another shape.

    Example:
      >>> from approxnet import fem
      >>> (6 * apply_mass(fem.interval([0.0, 0.5, 1.0]), jnp.array([0.0, 1.0, 0.0]))).tolist()
      [0.5, 2.0, 0.5]
    """
    nodes, cells, values = _on_device(mesh, values)
    a = _cell_coefficient(nodes, cells, coefficient, _checks.target)
    d = cells.shape[1] - 1
    entry = _affine.volumes(nodes, cells) * jnp.asarray(a, values.dtype) / ((d + 1) * (d + 2))
    corner = [values[cells[:, i]] for i in range(d + 1)]
    total = sum(corner[1:], start=corner[0])
    local = [_rows(entry, values) * (total + v) for v in corner]
    return _scatter(cells, local, values)


def barycentric(rule: Rule) -> np.ndarray:
    """The barycentric coordinates (q, k+1) of the points of a rule on the reference simplex."""
    return np.column_stack([1.0 - rule.points.sum(axis=1), rule.points])


def sample(f: Callable[[Any], Any], x: np.ndarray, name: str = "f") -> np.ndarray:
    """The checked values f(x) in float64, also when f is written in JAX and x64 is off."""
    with jax.enable_x64(True):
        return np.asarray(_checks.target(f, x, name), np.float64)


def host_coefficient(
    mesh: SimplexMesh, coefficient: Coefficient, *, name: str = "coefficient", tensor: bool = False
) -> np.ndarray:
    """The mean of a coefficient on each cell in float64: (c,), or (c, d, d) for a tensor."""
    mean = np.asarray(
        _cell_coefficient(*_host(mesh), coefficient, sample, name=name, tensor=tensor), np.float64
    )
    return np.broadcast_to(mean, (len(mesh.cells), *mean.shape[1:]))


def _cell_coefficient(
    nodes: Any,
    cells: Any,
    coefficient: Coefficient,
    evaluate: Callable[..., Any],
    *,
    name: str = "coefficient",
    tensor: bool = False,
) -> Any:
    c, d = cells.shape[0], cells.shape[1] - 1
    if callable(coefficient):
        rule = simplex(d, 2)
        points = sum(
            hat[None, :, None] * nodes[cells[:, i]][:, None]
            for i, hat in enumerate(barycentric(rule).T.astype(nodes.dtype))
        )
        values = evaluate(coefficient, points, name)
        weights = (rule.weights / rule.weights.sum())[None].astype(values.dtype)
        return (values * weights).sum(axis=1)
    given = 1.0 if coefficient is None else coefficient
    shape = np.shape(given)
    if shape not in ((), (c,)) and not (tensor and shape == (c, d, d)):
        more = f" or ({c}, {d}, {d})" if tensor else ""
        raise ValueError(
            f"{name} must be None, a number, a function or per cell: ({c},){more}, got {shape}"
        )
    _checks.finite(name, given)
    if len(shape) == 3 and _checks.concrete(given):
        _symmetric_tensor(name, np.asarray(given))
    return given


def _symmetric_tensor(name: str, tensor: np.ndarray) -> None:
    gap = np.abs(tensor - np.swapaxes(tensor, 1, 2)).max(axis=(1, 2))
    bad = np.flatnonzero(gap > 1e-6 * np.abs(tensor).max(axis=(1, 2)))
    if bad.size:
        raise ValueError(
            f"{name} must be symmetric on every cell, got {tensor[bad[0]].tolist()} on cell "
            f"{bad[0]}; the symmetric part is (a + a^T) / 2"
        )


def _host(mesh: SimplexMesh) -> tuple[np.ndarray, np.ndarray]:
    return np.asarray(mesh.nodes, np.float64), np.asarray(mesh.cells)


def _on_device(mesh: SimplexMesh, values: Any) -> tuple[jax.Array, jax.Array, jax.Array]:
    _checks.nodal("values", values, len(mesh.nodes))
    (values,) = _promote(values)
    return jnp.asarray(mesh.nodes, values.dtype), jnp.asarray(mesh.cells), values


def blocks(c: int) -> Iterator[slice]:
    """The cells 0..c-1 in slices whose temporaries stay in the cache."""
    return (slice(start, start + _BLOCK) for start in range(0, c, _BLOCK))


def _rows(factor: jax.Array, values: jax.Array) -> jax.Array:
    """The factor (c,) with as many axes as the values."""
    return factor.reshape(-1, *(1,) * (values.ndim - 1))


def _scatter(cells: jax.Array, local: list[jax.Array], values: jax.Array) -> jax.Array:
    return jnp.zeros_like(values).at[cells].add(jnp.stack(local, axis=1))


def _symmetric(cells: np.ndarray, n: int, entries: np.ndarray) -> csr_array:
    """The matrix with zero diagonal whose entry (i, j) sums those of the cells at the edge.

    Each edge enters once, above the diagonal, where its cells are merged.
    """
    low, high = np.empty(entries.shape, np.int32), np.empty(entries.shape, np.int32)
    for e, (i, j) in enumerate(_affine.pairs(cells.shape[1] - 1)):
        np.minimum(cells[:, i], cells[:, j], out=low[e])
        np.maximum(cells[:, i], cells[:, j], out=high[e])
    indices = (low.ravel(), high.ravel())
    upper = coo_array((entries.ravel(), indices), shape=(n, n)).tocsr()
    return upper + upper.T


def _add_diagonal(matrix: csr_array, diagonal: np.ndarray) -> csr_array:
    return matrix + dia_array((diagonal[None], [0]), shape=matrix.shape)

"""The model problem, solved by linear finite elements.

    -div(a grad u) + c u = f  in Omega,     u = u_D  on the Dirichlet part,
                        a du/dn = g         on the rest of the boundary.

The discrete solution has the values u_D at the nodes of the Dirichlet part and satisfies
(A + M) v = b at the others, with A, M, b of ``assembly`` and int g phi_i added to b. The error
satisfies |u - v|_1 = O(h) and ||u - v|| = O(h^2) for smooth u (Ciarlet, theorem 3.2.2). In one
dimension with a = 1, c = 0 and an exact load, v is exact at the nodes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from numpy.typing import DTypeLike
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

from approxnet import _checks
from approxnet.errors import PrecisionWarning, SingularSystemError
from approxnet.fem import assembly
from approxnet.fem.connectivity import boundary_facets
from approxnet.fem.geometry import boundary_nodes, diameters
from approxnet.fem.mesh import SimplexMesh

Function = Callable[[Any], Any]


def solve_poisson(
    mesh: SimplexMesh,
    f: Function,
    *,
    coefficient: assembly.Coefficient = None,
    reaction: assembly.Coefficient = 0.0,
    dirichlet: float | Function = 0.0,
    neumann: Function | None = None,
    where: Function | None = None,
    dtype: DTypeLike = "float64",
) -> np.ndarray:
    """The finite element solution of -div(a grad u) + c u = f, by a sparse direct solver.

    Args:
      mesh: a mesh with n nodes in d dimensions.
      f: a function of points (..., d) with values (...).
      coefficient: a > 0, a number, a function, values per cell (c,) or symmetric tensors
        (c, d, d); 1 by default.
      reaction: c >= 0, a number, a function, or values per cell (c,).
      dirichlet: u_D, a number or a function.
      neumann: g, a function; 0 by default. Integrated over the boundary facets with a node that
        is not a Dirichlet node.
      where: a predicate of points (..., d) with bool values (...). The Dirichlet nodes are the
        boundary nodes at which it holds. By default all of them if ``neumann`` is None, and none
        otherwise.
      dtype: of the linear solver. In float32 the error does not fall below ``float32_floor``;
        where that is more than (h/L)^2, for the longest edge h and L twice the largest distance of
        a node to the boundary, a PrecisionWarning says so.

    Returns:
      (n,) nodal values in dtype, on the host.

    Raises:
      ValueError: if a function has a wrong shape, a <= 0 or c < 0 on some cell.
      ConfigError: if dtype is neither float32 nor float64.
      NonFiniteError: if f, u_D or g is nan or infinite at a point; names the point.
      SingularSystemError: if a component of the mesh has no Dirichlet node and no reaction.

    Example:
      >>> from approxnet import fem
      >>> mesh = fem.interval([0.0, 0.25, 0.5, 1.0])
      >>> solve_poisson(mesh, lambda x: 2.0 + 0.0 * x[..., 0]).round(12).tolist()
      [0.0, 0.1875, 0.25, 0.0]
    """
    dtype = np.dtype(dtype)
    _checks.one_of("dtype", dtype.name, ("float32", "float64"))
    nodes = np.asarray(mesh.nodes, np.float64)
    a = _positive_coefficient(mesh, coefficient)
    c = _reaction(mesh, reaction)
    fixed = _dirichlet_nodes(mesh, where, everywhere=neumann is None)
    A = assembly.stiffness(mesh, a)
    _check_regular(mesh, A, c, fixed)
    A = A + assembly.mass(mesh, c)
    b = assembly.load(mesh, f)
    if neumann is not None:
        _, facets = boundary_facets(np.asarray(mesh.cells), np.asarray(mesh.neighbours))
        natural = facets[~fixed[facets].all(axis=1)]
        b = b + assembly.load_on(nodes, natural, neumann, name="neumann")
    values = np.zeros(len(nodes))
    values[fixed] = _dirichlet_values(nodes[fixed], dirichlet)
    free = np.flatnonzero(~fixed)
    rows = A[free]
    right = b[free] - rows @ values
    if dtype == np.float32:
        _warn_past_floor(mesh)
    values = values.astype(dtype)
    values[free] = _solve(rows[:, free], right, dtype)
    return values


def _solve(A: csr_array, b: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """The solution of a symmetric positive definite system by sparse LU on the diagonal."""
    if not b.size:
        return b.astype(dtype)
    factors = splu(
        A.astype(dtype).tocsc(),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
    return factors.solve(b.astype(dtype))


def _positive_coefficient(mesh: SimplexMesh, coefficient: assembly.Coefficient) -> np.ndarray:
    a = assembly.host_coefficient(mesh, coefficient, tensor=True)
    smallest = a if a.ndim == 1 else np.linalg.eigvalsh(a)[:, 0]
    cell = int(np.argmin(smallest))
    if smallest[cell] <= 0:
        raise ValueError(
            f"coefficient must be positive on every cell, got {a[cell].tolist()} on cell {cell}"
        )
    return a


def _reaction(mesh: SimplexMesh, reaction: assembly.Coefficient) -> np.ndarray:
    c = assembly.host_coefficient(mesh, reaction, name="reaction")
    cell = int(np.argmin(c))
    if c[cell] < 0:
        raise ValueError(f"reaction must be >= 0 on every cell, got {c[cell]} on cell {cell}")
    return c


def _dirichlet_nodes(mesh: SimplexMesh, where: Function | None, *, everywhere: bool) -> np.ndarray:
    """(n,) bool, the nodes of the Dirichlet part."""
    boundary = boundary_nodes(mesh)
    points = np.asarray(mesh.nodes, np.float64)[boundary]
    with jax.enable_x64(True):
        chosen = np.full(len(points), everywhere) if where is None else np.asarray(where(points))
    if chosen.shape != (len(points),) or chosen.dtype != bool:
        raise ValueError(
            f"where must map points of shape {points.shape} to bool values of shape "
            f"({len(points)},), got {chosen.dtype} of shape {chosen.shape}; compare coordinates, "
            "for example x[..., 0] == 0"
        )
    fixed = np.zeros(len(mesh.nodes), bool)
    fixed[boundary] = chosen
    return fixed


def _dirichlet_values(points: np.ndarray, dirichlet: float | Function) -> np.ndarray:
    """The values (b,) of a number or a function at the Dirichlet nodes (b, d)."""
    if callable(dirichlet):
        return assembly.sample(dirichlet, points, "dirichlet")
    if np.ndim(dirichlet) != 0:
        raise ValueError(
            f"dirichlet must be a number or a function, got shape {np.shape(dirichlet)}; write a "
            "function of points (..., d)"
        )
    _checks.finite("dirichlet", dirichlet)
    return np.full(len(points), dirichlet, np.float64)


def _check_regular(
    mesh: SimplexMesh, A: csr_array, reaction: np.ndarray, fixed: np.ndarray
) -> None:
    """SingularSystemError if constants on a component of the mesh are in the kernel."""
    count, label = connected_components(A, directed=False)
    cell_label = label[np.asarray(mesh.cells)[:, 0]]
    held = np.bincount(label, fixed, count) + np.bincount(cell_label, reaction, count) > 0
    loose = np.flatnonzero(~held)
    if loose.size:
        k = int(loose[0])
        node = int(np.argmax(label == k))
        raise SingularSystemError(
            f"component {k} of {count} of the mesh ({int((cell_label == k).sum())} cells, with "
            f"node {node} at {np.asarray(mesh.nodes)[node].tolist()}) has no Dirichlet node and no "
            "reaction, so the solution is not unique; let where hold on a part of its boundary, "
            "give a positive reaction, or remove the component"
        )


def float32_floor(mesh: SimplexMesh) -> float:
    """The relative error at the nodes, max |v32 - v| / max |v|, of solving A v = b in float32.

    Two roundings act like a load at node i: that of the entries of A, by which row i sums to r_i
    and not to zero, and that of the elimination, a fraction of eps A_ii. Both the solution and
    Green's function, which is about L^(2-d), grow from the boundary like the distance to it. With
    w_i this distance over its maximum L/2,

        floor = L^(2-d) (|sum_i w_i^2 r_i| / 5 + (d^2/200) eps sum_i w_i^2 A_ii).

    The two numbers are calibrated: on intervals (uniform, graded, random), boxes and Delaunay
    meshes without flat cells at the boundary the true error, for zero Dirichlet values and a = 1,
    is within a factor 10, and below that where the roundings happen to cancel, on at most one box
    in twenty. On uniform meshes the floor is between eps/h and eps/h^2.

    Args:
      mesh: a mesh in d dimensions.

    Returns:
      The predicted error.

    Example:
      >>> from approxnet import fem
      >>> 1e-4 < float32_floor(fem.box((1024,))) < 1e-3
      True
    """
    A = assembly.stiffness(mesh)
    d = mesh.nodes.shape[1]
    length, weight = _depth(mesh)
    rows = A.astype(np.float32).astype(np.float64).sum(axis=1)
    eps = float(np.finfo(np.float32).eps)
    matrix = abs(float(weight**2 @ rows)) / 5
    elimination = d**2 / 200 * eps * float(weight**2 @ A.diagonal())
    return length ** (2 - d) * (matrix + elimination)


def _depth(mesh: SimplexMesh) -> tuple[float, np.ndarray]:
    """The width L of the domain and (n,) the distance of nodes to the boundary over L/2."""
    nodes = np.asarray(mesh.nodes, np.float64)
    distance = cKDTree(nodes[boundary_nodes(mesh)]).query(nodes)[0]
    # Without a node inside nothing is solved for; the cell is then the measure of width.
    deepest = float(distance.max()) or float(diameters(mesh).max()) / 2
    return 2 * deepest, distance / deepest


def _warn_past_floor(mesh: SimplexMesh) -> None:
    floor, asked = float32_floor(mesh), float(diameters(mesh).max() / _depth(mesh)[0]) ** 2
    if floor > asked:
        warnings.warn(
            f"float32 holds the solution on this mesh to about {floor:.1e} of its size, and the "
            f"mesh would allow about {asked:.1e}: solve in float64, or coarsen the mesh",
            PrecisionWarning,
            stacklevel=3,
        )

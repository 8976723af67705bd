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

import numpy as np
from numpy.typing import DTypeLike
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from approxnet import _checks
from approxnet.errors import SingularSystemError
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
    dtype: DTypeLike = np.float64,
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
        where that is more than (h/L)^2, for h the longest edge and L the diameter of the bounding
        box, a UserWarning says so.

    Returns:
      (n,) nodal values in dtype, on the host.

    Raises:
      ValueError: if a function has a wrong shape, a <= 0 or c < 0 on some cell.
      NonFiniteError: if f, u_D or g is nan or infinite at a point; names the point.
      SingularSystemError: if a component of the mesh has no Dirichlet node and no reaction.

    Example:
      >>> from approxnet import fem
      >>> mesh = fem.interval([0.0, 0.25, 0.5, 1.0])
      >>> solve_poisson(mesh, lambda x: 2.0 + 0.0 * x[..., 0]).round(12).tolist()
      [0.0, 0.1875, 0.25, 0.0]
    """
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
    if callable(dirichlet):
        values[fixed] = assembly.sample(dirichlet, nodes[fixed], "dirichlet")
    else:
        _checks.finite("dirichlet", dirichlet)
        values[fixed] = dirichlet
    free = np.flatnonzero(~fixed)
    rows = A[free]
    right = b[free] - rows @ values
    if np.dtype(dtype) == np.float32:
        _warn_past_floor(mesh)
    values = values.astype(dtype)
    values[free] = _solve(rows[:, free], right, dtype)
    return values


def _solve(A: csr_array, b: np.ndarray, dtype: DTypeLike) -> np.ndarray:
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

    Rounding A changes A v by about eps A_ii v_i at node i, with random signs, and the solution by
    the sum of Green's function, about L^(2-d), times these:

        floor = C eps L^(2-d) (sum_i A_ii^2)^(1/2),

    with L the diameter of the bounding box. On uniform meshes this is O(eps h^(d/2-2)): h^(-3/2)
    on intervals, 1/h in the plane. C = 1/10 is calibrated in the tests; expect the true error
    within a factor 10.

    Args:
      mesh: a mesh in d dimensions.

    Returns:
      The predicted error.

    Example:
      >>> from approxnet import fem
      >>> 1e-4 < float32_floor(fem.box((1024,))) < 1e-2
      True
    """
    d = mesh.nodes.shape[1]
    diagonal = assembly.stiffness(mesh).diagonal()
    length = _diameter(mesh)
    eps = float(np.finfo(np.float32).eps)
    return 0.1 * eps * length ** (2 - d) * float(np.linalg.norm(diagonal))


def _diameter(mesh: SimplexMesh) -> float:
    return float(np.linalg.norm(np.ptp(np.asarray(mesh.nodes, np.float64), axis=0)))


def _warn_past_floor(mesh: SimplexMesh) -> None:
    asked = float(diameters(mesh).max() / _diameter(mesh)) ** 2
    floor = float32_floor(mesh)
    if floor > asked:
        warnings.warn(
            f"float32 holds the solution on this mesh to about {floor:.1e} of its size, and the "
            f"mesh would allow about {asked:.1e}: solve in float64, or coarsen the mesh",
            UserWarning,
            stacklevel=3,
        )

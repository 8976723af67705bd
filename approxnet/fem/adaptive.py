"""Adaptive refinement: solve, estimate, mark, refine.

The residual indicator of the P1 solution v of -div(a grad u) = f with u = v on the boundary is

    eta_T^2 = h_T^2 ||f||_T^2 + (h_T / 2) sum over interior facets F of T of ||[a dv/dn]||_F^2,

with the jump [.] across F. For constant a, |u - v|_1 <= C (sum eta_T^2)^(1/2), and the converse
holds up to the oscillation of f (Verfuerth, A Posteriori Error Estimation Techniques (2013),
theorem 1.5). Bulk marking takes the fewest cells that hold a fraction of the sum (Doerfler, SIAM
J. Numer. Anal. 33 (1996)).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from approxnet import _checks
from approxnet.fem import assembly
from approxnet.fem.geometry import barycentric_gradients, diameters
from approxnet.fem.mesh import SimplexMesh
from approxnet.fem.refinement import bisect
from approxnet.quadrature import on_simplices, simplex


def estimate(
    mesh: SimplexMesh,
    values: Any,
    f: Callable[[Any], Any],
    *,
    coefficient: assembly.Coefficient = None,
) -> np.ndarray:
    """The residual indicator eta_T of each cell for -div(a grad u) = f.

    Args:
      mesh: a mesh with n nodes and c cells in d dimensions.
      values: (n,), the nodal values of the P1 solution.
      f: a function of points (..., d) with values (...).
      coefficient: a, as in ``solve_poisson``; replaced by its mean on each cell.

    Returns:
      (c,), eta_T >= 0, not squared; (sum eta_T^2)^(1/2) estimates the H1 seminorm of the error.

    Raises:
      ValueError: if values, f or the coefficient have a wrong shape.
      NonFiniteError: if f or a value is nan or infinite.

    Example:
      >>> from approxnet import fem
      >>> mesh = fem.interval([0.0, 0.5, 1.0])
      >>> estimate(mesh, [0.0, 0.25, 0.0], lambda x: 0 * x[..., 0]).tolist()
      [0.5, 0.5]
    """
    if np.shape(values) != (len(mesh.nodes),):
        raise ValueError(
            f"values must have shape ({len(mesh.nodes)},), one per node, got {np.shape(values)}"
        )
    v = np.asarray(values, np.float64)
    _checks.finite("values", v)
    nodes, cells = np.asarray(mesh.nodes, np.float64), np.asarray(mesh.cells)
    d = nodes.shape[1]
    points, weights = on_simplices(simplex(d, 4), nodes[cells])
    h = diameters(mesh)
    interior = h**2 * (weights * assembly.sample(f, points) ** 2).sum(axis=1)
    volume = weights.sum(axis=1)

    hats = barycentric_gradients(nodes, cells)
    flux = np.einsum("ci,cia->ca", v[cells], hats)
    a = assembly.host_coefficient(mesh, coefficient, tensor=True)
    flux = a[:, None] * flux if a.ndim == 1 else np.einsum("cab,cb->ca", a, flux)
    # -d |T| grad lambda_i is the outer normal of the facet opposite to i, as long as its area.
    normal = -d * volume[:, None, None] * hats
    area = np.sqrt((normal**2).sum(axis=2))
    neighbours = np.asarray(mesh.neighbours)
    gap = np.where((neighbours >= 0)[..., None], flux[:, None] - flux[neighbours], 0.0)
    jumps = (gap * normal).sum(axis=2) ** 2 / area
    return np.sqrt(interior + h / 2 * jumps.sum(axis=1))


def mark(indicator: Any, fraction: float = 0.5) -> np.ndarray:
    """Bulk marking: the fewest cells with sum eta_T^2 >= fraction times the sum over all.

    Args:
      indicator: (c,), eta_T >= 0 per cell, not squared.
      fraction: between 0, exclusive, and 1.

    Returns:
      (c,) bool; ties go to the smaller cell number. No cell is marked if all indicators are 0.

    Raises:
      ValueError: if the indicator is not one non-negative number per cell, or the fraction is not
        in (0, 1].
      NonFiniteError: if an indicator is nan or infinite.

    Example:
      >>> mark([1.0, 3.0, 2.0], 0.9).tolist()
      [False, True, True]
    """
    eta = np.asarray(indicator, np.float64)
    if eta.ndim != 1:
        raise ValueError(f"indicator must have shape (c,), one number per cell, got {eta.shape}")
    _checks.finite("indicator", eta)
    if (eta < 0).any():
        cell = int(np.argmin(eta))
        raise ValueError(f"indicator must be >= 0, got {eta[cell]} on cell {cell}")
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction must be in (0, 1], got {fraction}")
    order = np.argsort(-eta, kind="stable")
    total = np.cumsum(eta[order] ** 2)
    marked = np.zeros(eta.size, bool)
    if eta.any():
        marked[order[: np.searchsorted(total, fraction * total[-1]) + 1]] = True
    return marked


def adapt(
    mesh: SimplexMesh,
    indicator: Callable[[SimplexMesh], Any],
    *,
    cells: int,
    fraction: float = 0.5,
) -> SimplexMesh:
    """Refine where an indicator is large until the mesh has a number of cells.

    Args:
      mesh: the mesh to start with.
      indicator: a function from a mesh with c cells to (c,) numbers eta_T >= 0; for the model
        problem ``lambda m: estimate(m, solve_poisson(m, f), f)``.
      cells: at least so many cells; the last round may make more.
      fraction: of sum eta_T^2 to be marked in a round, see ``mark``.

    Returns:
      The first mesh with at least ``cells`` cells.

    Raises:
      ValueError: if the indicator does not return (c,), or is 0 on all cells of a mesh that is
        still too small.

    Example:
      >>> from approxnet import fem
      >>> fine = adapt(fem.box((1, 1)), lambda m: 1.0 / (1 + m.cells[:, 0]), cells=20)
      >>> len(fine.cells) >= 20
      True
    """
    wanted = _checks.count("cells", cells, at_least=1)
    while len(mesh.cells) < wanted:
        eta = np.asarray(indicator(mesh))
        if eta.shape != (len(mesh.cells),):
            raise ValueError(
                f"indicator must return shape ({len(mesh.cells)},), one number per cell, got "
                f"{eta.shape}"
            )
        marked = mark(eta, fraction)
        if not marked.any():
            raise ValueError(
                f"indicator must be positive somewhere, got 0 on all {len(mesh.cells)} cells; "
                f"nothing is left to refine, so ask for at most that many cells, not {wanted}"
            )
        mesh = bisect(mesh, marked).mesh
    return mesh

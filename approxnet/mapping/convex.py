"""Where patches are convex, a hat function is the positive part of a minimum, in any dimension.

With g_T the barycentric coordinate of the node p in the cell T, continued to R^d,

    phi_p = max(0, min_{T in star(p)} g_T).

On the patch this holds if and only if g_T' >= g_T = 0 at the vertices opposite to p of every T for
all T' in the star; for an inner node this says that the patch is convex. Outside the patch of an
inner node the minimum is never positive: the cones of the star cover R^d, and on a ray from p the
g_T of its cell falls below 0 where the ray leaves the patch.

The cones of a boundary node leave out a part of R^d, and there the minimum may be positive. The
set Q = {min g_T > 0} is convex. If a point x of the mesh outside the patch lies in Q, so does the
segment from p to x; it cannot leave the patch, where some g_T is 0, hence it leaves the mesh at p
and comes back through a boundary facet without p. So the formula holds on the mesh if and only if
Q meets no boundary facet without p. Only a node in the plane of a boundary facet with mesh on its
far side can fail: at the node p the mesh is not covered by its cones.

A tree for k cells has ceil(log2 k) + 1 hidden layers, the last one of hat functions; all trees
together are linear in the number of cells. Functions that vanish at the boundary are exact in R^d
and 0 outside; the minima of boundary nodes continue outside.

Reference: He, Li, Xu, Zheng, J. Comput. Math. 38 (2020), section 3.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import scipy.optimize

from approxnet.errors import AssumptionError
from approxnet.fem.geometry import is_locally_convex
from approxnet.fem.mesh import SimplexMesh
from approxnet.mapping import hats
from approxnet.mapping.basis import Features, Plan
from approxnet.mapping.hats import Stars
from approxnet.relu.maxima import MIN, Round, rounds

# Minima below this are no reason to refuse a mesh: it is above what the linear programs are good
# for, and far below what a hat function that reaches another part of the mesh has there.
REACH = 1e-9

# Entries of a matrix of boundary facets and nodes that is looked at in one go.
BLOCK = 1 << 24


def plan(mesh: SimplexMesh, kept: np.ndarray) -> Plan:
    """The minima of the stars of the kept nodes, and their positive parts."""
    _check_patches(mesh, kept)
    star = hats.stars(mesh, kept)
    _check_reach(mesh, star)
    forest = rounds(star.counts, hats.levels(star.counts) + 1, MIN, positive=True)
    return Plan(tuple(r.width for r in forest), partial(_features, mesh, star, forest, kept))


def _features(mesh: SimplexMesh, star: Stars, forest: list[Round], kept: np.ndarray) -> Features:
    gradients, constants = hats.barycentric(mesh)
    own = star.cell, star.corner
    return hats.features(gradients[own], constants[own], forest, kept)


def _check_patches(mesh: SimplexMesh, kept: np.ndarray) -> None:
    bad = np.flatnonzero(kept & ~np.asarray(is_locally_convex(mesh)))
    if len(bad):
        raise AssumptionError(
            f"convex needs convex patches, got one that is not around node {bad[0]} at "
            f"{np.asarray(mesh.nodes)[bad[0]]}, the first of {len(bad)}; use barrier, which takes "
            "any mesh"
        )


def _check_reach(mesh: SimplexMesh, star: Stars) -> None:
    """AssumptionError for the first boundary node whose minimum is positive outside its patch."""
    nodes, cells = np.asarray(mesh.nodes), np.asarray(mesh.cells)
    cell, opposite = np.nonzero(np.asarray(mesh.neighbours) < 0)
    facets = cells[cell][np.arange(cells.shape[1]) != opposite[:, None]].reshape(len(cell), -1)
    gradients, constants = hats.barycentric(mesh)
    behind = _sees_nodes(mesh, facets, gradients[cell, opposite], constants[cell, opposite])
    for p in np.intersect1d(facets[behind], star.node):
        mine = star.node == p
        own = star.cell[mine], star.corner[mine]
        far = facets[(facets != p).all(axis=1)]
        values = np.einsum("ki,fvi->fkv", gradients[own], nodes[far])
        values += constants[own][:, None]
        parted = (values.max(axis=2) <= hats.rounding(mesh, gradients[own])).any(axis=1)
        for facet in np.flatnonzero(~parted):
            reach = _largest_minimum(values[facet])
            if reach > REACH:
                raise AssumptionError(
                    "convex needs hat functions that end with their patches, but that of the "
                    f"boundary node {p} at {nodes[p]} would be {reach:.2g} on the boundary facet "
                    f"{far[facet].tolist()}; use barrier, which takes any mesh"
                )


def _sees_nodes(
    mesh: SimplexMesh, facets: np.ndarray, gradients: np.ndarray, constants: np.ndarray
) -> np.ndarray:
    """(f,), whether a boundary node lies beyond the plane of a boundary facet."""
    border = np.asarray(mesh.nodes)[np.unique(facets)]
    lowest = [
        (gradients[part] @ border.T).min(axis=1) + constants[part]
        for part in np.array_split(np.arange(len(facets)), 1 + len(facets) * len(border) // BLOCK)
    ]
    return np.concatenate(lowest) < -hats.rounding(mesh, gradients)


def _largest_minimum(values: np.ndarray) -> float:
    """max_x min_k g_k(x) over a simplex on whose vertices the g_k are values, (k, v)."""
    k, v = values.shape
    result = scipy.optimize.linprog(
        np.r_[np.zeros(v), -1.0],
        A_ub=np.column_stack([-values, np.ones(k)]),
        b_ub=np.zeros(k),
        A_eq=np.r_[np.ones(v), 0.0][None],
        b_eq=[1.0],
        bounds=[(0, None)] * v + [(None, None)],
    )
    return -float(result.fun)

"""Holes and pockets are filled up to the convex hull without new nodes."""

import numpy as np
import pytest
import scipy.spatial
from hypothesis import given
from hypothesis import strategies as st

from approxnet import fem
from approxnet.errors import AssumptionError
from approxnet.fem import from_arrays
from approxnet.mapping.filling import fill

from .meshes import PLANES, TURN, cut, random_points


def area(nodes, cells):
    a, b, c = nodes[cells].swapaxes(0, 1)
    u, v = b - a, c - a
    return (u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]) / 2


def check(mesh, filled):
    """The cells of the mesh come first, all have positive area, and they tile the hull."""
    np.testing.assert_array_equal(filled.cells[: len(mesh.cells)], mesh.cells)
    areas = area(filled.nodes, filled.cells)
    assert (areas > 0).all()
    hull = scipy.spatial.ConvexHull(filled.nodes).volume
    assert abs(areas.sum() - hull) <= 1e-10 * hull
    edges = np.sort(np.concatenate([filled.cells[:, [i, (i + 1) % 3]] for i in range(3)]), axis=1)
    assert np.unique(edges, axis=0, return_counts=True)[1].max() <= 2


@pytest.mark.parametrize("name", PLANES)
def test_the_filled_mesh_tiles_the_hull(name):
    mesh = PLANES[name]()
    filled = fill(mesh)
    assert len(filled.nodes) == len(mesh.nodes)
    check(mesh, filled)


@pytest.mark.parametrize("name", PLANES)
def test_the_filled_mesh_tiles_the_hull_with_outer_nodes(name):
    mesh = PLANES[name]()
    lower, upper = mesh.nodes.min(axis=0) - 1, mesh.nodes.max(axis=0) + 1
    outer = np.array([lower, [upper[0], lower[1]], upper, [lower[0], upper[1]]])
    filled = fill(mesh, outer)
    np.testing.assert_array_equal(filled.nodes[len(mesh.nodes) :], outer)
    check(mesh, filled)
    if len(mesh.cells) < 100:
        from_arrays(filled.nodes, filled.cells)


@pytest.mark.filterwarnings("ignore::approxnet.errors.MeshWarning")
@given(st.integers(0, 10_000), st.sampled_from([30, 120]), st.floats(0.2, 0.9))
def test_any_part_of_a_mesh_can_be_filled(seed, n, part):
    """Random cells drop out: islands, pinched nodes and crooked pockets of every kind."""
    rng = np.random.default_rng(seed)
    mesh = fem.delaunay(random_points(n, seed))
    keep = rng.random(len(mesh.cells)) < part
    keep[0] = True
    some = cut(mesh, lambda x: keep)
    check(some, fill(some))


def comb(teeth):
    """Thin teeth of two triangles each, so near that boundary edges are not Delaunay."""
    x = np.repeat(np.arange(teeth) * 0.1, 3) + np.tile([0.0, 0.09, 0.045], teeth)
    y = np.tile([0.0, 0.0, 1.0], teeth) * np.repeat(1.0 + 0.3 * (np.arange(teeth) % 2), 3)
    return from_arrays(np.stack([x, y], axis=1), np.arange(3 * teeth).reshape(-1, 3))


def edge_set(cells):
    pairs = np.concatenate([cells[:, [0, 1]], cells[:, [1, 2]], cells[:, [2, 0]]])
    return set(map(tuple, np.sort(pairs, axis=1).tolist()))


@pytest.mark.parametrize("turn", [np.eye(2), TURN])
def test_boundary_edges_that_are_not_delaunay_are_forced_in(turn):
    mesh = comb(9)
    mesh = from_arrays(mesh.nodes @ turn.T, mesh.cells)
    missing = edge_set(mesh.cells) - edge_set(scipy.spatial.Delaunay(mesh.nodes).simplices)
    assert missing, "the case would not test anything"
    check(mesh, fill(mesh))


def test_a_straight_boundary_makes_no_slivers():
    mesh = fem.from_arrays(fem.box((30, 30)).nodes @ TURN.T, fem.box((30, 30)).cells)
    assert len(fill(mesh).cells) == len(mesh.cells)


def test_only_the_plane_can_be_filled():
    with pytest.raises(AssumptionError, match="got d = 3"):
        fill(fem.box((1, 1, 1)))

"""Refined meshes are conforming, nested and shape-regular, and prolongation is interpolation."""

import itertools
import math

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from approxnet import fem
from approxnet.errors import MeshError
from approxnet.fem.boxes import BoxLocator
from approxnet.fem.construction import assemble
from approxnet.fem.location import IntervalLocator


def general(mesh):
    """The same mesh without the knowledge that it is a box."""
    return assemble(mesh.nodes, mesh.cells)


def scattered(n, d, seed=0):
    return fem.delaunay(np.random.default_rng(seed).random((n, d)))


MESHES = {
    "interval": lambda: fem.interval([0.0, 0.3, 1.0, 1.1]),
    "shuffled line": lambda: fem.from_arrays([[1.0], [0.0], [3.0], [2.5]], [[1, 0], [3, 2]]),
    "triangles": lambda: scattered(15, 2),
    "tetrahedra": lambda: scattered(8, 3),
    "two triangles apart": lambda: fem.from_arrays(
        [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [5.0, 0.0], [6.0, 0.0], [5.0, 1.0]],
        [[0, 1, 2], [3, 4, 5]],
    ),
    "box 1d": lambda: fem.box(3),
    "box 2d": lambda: fem.box((3, 2), -1.0, (1.0, 4.0)),
    "box 2d mirrored": lambda: fem.box((3, 2), -1.0, (1.0, 4.0), mirror=True),
    "box 3d": lambda: fem.box((2, 1, 2)),
    "box 3d mirrored": lambda: fem.box((2, 1, 2), mirror=True),
    "general box 2d": lambda: general(fem.box((3, 2), mirror=True)),
    "general box 3d": lambda: general(fem.box((2, 1, 2))),
}


@pytest.fixture(params=MESHES)
def mesh(request):
    return MESHES[request.param]()


def check_nested(coarse, refinement):
    """The fine mesh is legal, covers the same volume, and prolongation is interpolation."""
    fine, prolongation = refinement
    legal = fem.from_arrays(fine.nodes, fine.cells)
    np.testing.assert_array_equal(legal.neighbours.shape, fine.neighbours.shape)
    assert fem.volumes(fine).min() > 0
    assert fem.volumes(fine).sum() == pytest.approx(fem.volumes(coarse).sum(), rel=1e-12)
    assert prolongation.shape == (len(fine.nodes), len(coarse.nodes))
    np.testing.assert_allclose(prolongation @ coarse.nodes, fine.nodes, atol=1e-15 * 8)
    values = np.random.default_rng(0).random(len(coarse.nodes))
    np.testing.assert_allclose(
        prolongation @ values, fem.evaluate(coarse, values, jnp.asarray(fine.nodes)), atol=1e-12
    )


@pytest.mark.sample(2)
def test_refinement_cuts_each_cell_into_equal_volumes(mesh, x64):
    refinement = fem.refine(mesh)
    check_nested(mesh, refinement)
    d = mesh.nodes.shape[1]
    fine = refinement.mesh
    assert len(fine.cells) == 2**d * len(mesh.cells)
    owner = np.asarray(fem.locate(mesh, jnp.asarray(fine.nodes[fine.cells].mean(axis=1))))
    np.testing.assert_array_equal(np.bincount(owner, minlength=len(mesh.cells)), 2**d)
    np.testing.assert_allclose(fem.volumes(fine), fem.volumes(mesh)[owner] / 2**d, rtol=1e-12)


def simplices(mesh):
    """The cells as a set of sets of rounded points."""
    points = [tuple(p) for p in np.round(mesh.nodes * 2**20).astype(int).tolist()]
    return {frozenset(points[v] for v in cell) for cell in mesh.cells.tolist()}


@pytest.mark.parametrize("sides", [(3,), (3, 2), (2, 1, 2)])
@pytest.mark.parametrize("mirror", [False, True])
def test_the_refinement_of_a_kuhn_mesh_is_the_kuhn_mesh_of_half_the_size(sides, mirror):
    mesh = fem.box(sides, mirror=mirror)
    rules = general(mesh)
    for level in (1, 2):
        mesh, rules = fem.refine(mesh).mesh, fem.refine(rules).mesh
        assert isinstance(mesh.locator, BoxLocator)
        assert simplices(mesh) == simplices(rules)
        assert simplices(mesh) == simplices(fem.box([2**level * m for m in sides], mirror=mirror))


def shapes(mesh, digits=6):
    """The similarity classes of the cells: their sorted edge lengths, scaled."""
    i, j = np.triu_indices(mesh.cells.shape[1], 1)
    corners = mesh.nodes[mesh.cells]
    lengths = np.linalg.norm(corners[:, i] - corners[:, j], axis=2)
    lengths = np.sort(lengths / fem.volumes(mesh)[:, None] ** (1 / mesh.nodes.shape[1]), axis=1)
    return {tuple(row) for row in np.round(lengths, digits).tolist()}


@pytest.mark.parametrize(("d", "most"), [(2, 1), (3, 3)])
def test_uniform_refinement_makes_few_similarity_classes(d, most):
    for seed in range(5):
        nodes = np.random.default_rng(seed).random((d + 1, d))
        mesh = fem.from_arrays(nodes, [list(range(d + 1))])
        for _ in range(3):
            mesh = fem.refine(mesh).mesh
            assert len(shapes(mesh)) <= most


@pytest.mark.parametrize("make", [lambda: scattered(12, 2), lambda: scattered(7, 3)])
def test_uniform_refinement_is_shape_regular(make):
    mesh = make()
    worst = []
    for _ in range(3):
        mesh = fem.refine(mesh).mesh
        worst.append(fem.shape_regularity(mesh).max())
    assert worst[1] == pytest.approx(worst[0], rel=1e-6)
    assert worst[2] == pytest.approx(worst[0], rel=1e-6)


def test_intervals_and_boxes_keep_their_locators():
    assert isinstance(fem.refine(fem.interval([0.0, 1.0, 3.0])).mesh.locator, IntervalLocator)
    assert isinstance(fem.bisect(fem.interval([0.0, 1.0, 3.0]), [1]).mesh.locator, IntervalLocator)
    assert isinstance(fem.refine(fem.box((2, 2))).mesh.locator, BoxLocator)


def test_refinement_in_four_dimensions_is_refused():
    mesh = fem.box((1, 1, 1, 1))
    with pytest.raises(ValueError, match="at most 3 dimensions to be refined, got 4"):
        fem.refine(mesh)
    with pytest.raises(ValueError, match="at most 3 dimensions to be bisected, got 4"):
        fem.bisect(mesh, [0])


def test_a_refinement_too_big_for_the_memory_is_refused_with_its_size():
    mesh = fem.box((2, 2))
    huge = np.broadcast_to(mesh.cells[:1], (10**9, 3))
    for big in (
        mesh._replace(cells=huge, locator=None),
        mesh._replace(locator=BoxLocator(np.zeros(2), np.ones(2), (10**6, 10**6), False)),
    ):
        with pytest.raises(MeshError, match=r"predicted size of \d+ bytes"):
            fem.refine(big)


@pytest.mark.sample(2)
def test_bisection_leaves_no_hanging_node(mesh, x64):
    rng = np.random.default_rng(0)
    for _ in range(3):
        marked = rng.choice(len(mesh.cells), 2)
        refinement = fem.bisect(mesh, marked)
        check_nested(mesh, refinement)
        old, new = simplices(mesh), simplices(refinement.mesh)
        points = np.round(mesh.nodes * 2**20).astype(int)
        for cell in marked:
            assert frozenset(map(tuple, points[mesh.cells[cell]].tolist())) not in new
        assert len(new) > len(old)
        mesh = refinement.mesh


def test_bisection_of_nothing_changes_nothing(mesh):
    for nothing in ([], np.zeros(len(mesh.cells), bool), np.array([], int)):
        fine, prolongation = fem.bisect(mesh, nothing)
        assert simplices(fine) == simplices(mesh)
        np.testing.assert_array_equal(prolongation.toarray(), np.eye(len(mesh.nodes)))


@given(
    seed=st.integers(0, 10**6), d=st.sampled_from([1, 2, 3]), form=st.sampled_from(["mask", "list"])
)
def test_bisection_is_nested_whatever_is_marked(seed, d, form):
    rng = np.random.default_rng(seed)
    mesh = fem.delaunay(rng.random((8, d)))
    for _ in range(2):
        mask = rng.random(len(mesh.cells)) < 0.2
        fine, _ = fem.bisect(mesh, mask if form == "mask" else np.flatnonzero(mask))
        fem.from_arrays(fine.nodes, fine.cells)
        assert fem.volumes(fine).sum() == pytest.approx(fem.volumes(mesh).sum(), rel=1e-12)
        mesh = fine


def test_newest_vertex_bisection_makes_at_most_four_similarity_classes():
    for seed in range(4):
        mesh = fem.from_arrays(np.random.default_rng(seed).random((3, 2)), [[0, 1, 2]])
        rng = np.random.default_rng(seed)
        for _ in range(12):
            mesh = fem.bisect(mesh, rng.choice(len(mesh.cells), 1 + len(mesh.cells) // 4)).mesh
        assert 2 <= len(shapes(mesh)) <= 4


def test_the_newest_vertex_is_in_the_middle():
    mesh = fem.box((1, 1))
    fine = fem.bisect(mesh, [0]).mesh
    assert set(fine.cells[:, 1].tolist()) == {4}
    np.testing.assert_allclose(fine.nodes[4], [0.5, 0.5])


@pytest.mark.parametrize("d", [2, 3])
def test_bisection_toward_a_corner_stays_local_and_shape_regular(d):
    mesh = fem.box((2,) * d)
    start = fem.shape_regularity(mesh).max()
    for _ in range(8 * d):
        distance = mesh.nodes[mesh.cells].mean(axis=1).max(axis=1)
        mesh = fem.bisect(mesh, [int(distance.argmin())]).mesh
    assert fem.shape_regularity(mesh).max() <= 1.1 * start
    assert fem.diameters(mesh).min() < 2.0**-7
    assert len(mesh.cells) < 400 * d


@pytest.mark.parametrize(
    ("marked", "message"),
    [
        ([8], "from 0 to 7, got 8 at index 0"),
        ([0, -1], "got -1 at index 1"),
        ([0.5], "dtype float64"),
        (np.ones(7, bool), r"shape \(8,\), one per cell, got \(7,\)"),
        ([[0, 1]], r"got shape \(1, 2\)"),
    ],
)
def test_wrong_marks_are_refused(marked, message):
    with pytest.raises(ValueError, match=message):
        fem.bisect(fem.box((2, 2)), marked)


def test_inserted_points_become_nodes_and_the_old_ones_keep_their_numbers():
    mesh = scattered(20, 2)
    points = fem.evaluate(mesh, mesh.nodes, mesh.nodes[mesh.cells[::5]].mean(axis=1))
    finer = fem.insert(mesh, points)
    np.testing.assert_array_equal(finer.nodes, np.concatenate([mesh.nodes, points]))
    fem.from_arrays(finer.nodes, finer.cells)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([[2.0, 0.5]], "points must lie in a mesh that fills its convex hull"),
        ([[0.5, 0.5]], "same place"),
        ([[0.5, np.nan]], "must be finite"),
    ],
)
def test_points_that_cannot_be_inserted_are_refused(points, message):
    with pytest.raises(MeshError, match=message):
        fem.insert(fem.box((2, 2)), points)


def test_a_domain_that_is_not_convex_takes_no_insertion():
    mesh = fem.box((2, 2))
    keep = mesh.cells[(mesh.nodes[mesh.cells].mean(axis=1) < 0.5).sum(axis=1) > 0]
    used, cells = np.unique(keep, return_inverse=True)
    mesh = fem.from_arrays(mesh.nodes[used], cells.reshape(-1, 3))
    with pytest.raises(MeshError, match="fills its convex hull"):
        fem.insert(mesh, [[0.1, 0.2]])


def test_children_follow_the_table_of_bey():
    # Every permutation of the vertices of a tetrahedron gives eight children of an eighth.
    nodes = np.array([[0.0, 0.0, 0.0], [1.0, 0.1, 0.0], [0.2, 1.0, 0.0], [0.1, 0.3, 1.0]])
    for order in itertools.permutations(range(4)):
        mesh = fem.refine(fem.from_arrays(nodes, [list(order)])).mesh
        np.testing.assert_allclose(
            fem.volumes(mesh), np.linalg.det(nodes[1:] - nodes[0]) / math.factorial(3) / 8
        )

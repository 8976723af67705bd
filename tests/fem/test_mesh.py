"""The factories of meshes and the measures of their cells, against brute force."""

import itertools
import math

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from approxnet import fem
from approxnet.errors import MeshError
from approxnet.fem import triangulation
from approxnet.fem.connectivity import pack

BOXES = [((5,), False), ((3, 4), False), ((3, 4), True), ((2, 3, 2), False), ((2, 3, 2), True)]
BOXES += [((2, 1, 2, 1), False), ((2, 1, 2, 1), True)]


def random_mesh(n, d, seed=0):
    return fem.delaunay(np.random.default_rng(seed).random((n, d)))


MESHES = {
    "interval": lambda: fem.interval([0.0, 0.3, 1.0, 1.1]),
    "triangles": lambda: random_mesh(40, 2),
    "tetrahedra": lambda: random_mesh(20, 3),
    "pentatopes": lambda: random_mesh(12, 4),
}
MESHES |= {
    f"box {len(sides)}d{' mirrored' * mirror}": lambda s=sides, m=mirror: fem.box(
        s, -1.0, np.arange(1.0, len(s) + 1), mirror=m
    )
    for sides, mirror in BOXES
}


@pytest.fixture(params=MESHES)
def mesh(request):
    return MESHES[request.param]()


def determinants(mesh):
    corners = mesh.nodes[mesh.cells]
    return np.linalg.det(corners[:, 1:] - corners[:, :1])


def test_cells_are_positive_and_leaves_are_numpy_with_int32_indices(mesh):
    d = mesh.nodes.shape[1]
    assert mesh.nodes.dtype == np.float64
    assert mesh.cells.dtype == mesh.neighbours.dtype == np.int32
    assert mesh.cells.shape == mesh.neighbours.shape == (len(mesh.cells), d + 1)
    assert (determinants(mesh) > 0).all()
    np.testing.assert_allclose(fem.volumes(mesh), determinants(mesh) / math.factorial(d), rtol=1e-9)


def test_neighbours_share_the_facet_opposite_to_the_vertex(mesh):
    facets = {}
    for c, cell in enumerate(mesh.cells.tolist()):
        for i in range(len(cell)):
            facets.setdefault(frozenset(cell[:i] + cell[i + 1 :]), []).append((c, i))
    expected = np.full_like(mesh.neighbours, -1)
    for members in facets.values():
        assert len(members) <= 2
        for (c, i), (other, _) in itertools.permutations(members, 2):
            expected[c, i] = other
    np.testing.assert_array_equal(mesh.neighbours, expected)
    alone = [facet for facet, members in facets.items() if len(members) == 1]
    assert fem.boundary_nodes(mesh).tolist() == sorted(set().union(*alone))


def test_the_longest_edge_joins_the_first_and_the_last_vertex(mesh):
    corners = mesh.nodes[mesh.cells]
    ends = np.linalg.norm(corners[:, -1] - corners[:, 0], axis=1)
    longest = np.linalg.norm(corners[:, :, None] - corners[:, None], axis=-1).max(axis=(1, 2))
    np.testing.assert_allclose(ends, longest, rtol=1e-14)
    np.testing.assert_allclose(fem.diameters(mesh), longest, rtol=1e-14)


@pytest.mark.parametrize(("sides", "mirror"), BOXES)
def test_box_cells_are_the_chains_of_kuhn(sides, mirror):
    d = len(sides)
    mesh = fem.box(sides, 0.0, np.array(sides, float), mirror=mirror)
    index = np.stack(np.meshgrid(*[np.arange(m + 1.0) for m in sides], indexing="ij"), axis=-1)
    np.testing.assert_array_equal(mesh.nodes, index.reshape(-1, d))
    for c, cell in enumerate(mesh.cells):
        cube, rank = divmod(c, math.factorial(d))
        corner = np.array(np.unravel_index(cube, sides))
        permutation = list(itertools.permutations(range(d)))[rank]
        local = mesh.nodes[cell] - corner
        if mirror:
            local[:, 1:] = 1 - local[:, 1:]
        # The chain 0, e_p0, e_p0 + e_p1, ...: coordinate p_k is 1 from vertex k + 1 on.
        chain = np.array([[permutation.index(k) < i for k in range(d)] for i in range(d + 1)])
        if not np.array_equal(local[0], chain[0]):
            chain[[0, -1]] = chain[[-1, 0]]
        np.testing.assert_array_equal(local, chain)


def test_mirrored_box_has_the_diagonals_of_he_li_and_xu():
    mesh = fem.box((3, 3), mirror=True)
    ends = mesh.nodes[mesh.cells[:, [0, 2]]].sum(axis=2)
    np.testing.assert_allclose(ends[:, 0], ends[:, 1], atol=1e-15)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0,), r"cells_per_side\[0\] must be an integer >= 1, got 0"),
        (((2, 2.5),), r"cells_per_side\[1\] must be an integer >= 1, got 2.5"),
        (((),), "at least one axis"),
        (((2, 2), 1.0, 1.0), "upper must be above lower .* axis 0"),
        (((2, 2), 0.0, (1.0, 2.0, 3.0)), r"upper must be a number or have shape \(2,\)"),
        (((2, 2), 0.0, np.inf), "upper must be finite"),
        (((10**6,) * 3,), r"predicted size of \d+ bytes"),
    ],
)
def test_wrong_boxes_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        fem.box(*arguments)


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([0.0, 1.0, 1.0], r"nodes\[1\] = 1.0 and nodes\[2\] = 1.0"),
        ([0.0, 2.0, 1.0], "strictly increasing"),
        ([0.0, np.nan, 1.0], r"nodes\[1\] = nan"),
        ([-np.inf, 0.0], "must be finite"),
        ([0.0], r"got \(1,\)"),
        ([[0.0, 1.0]], r"got \(1, 2\)"),
    ],
)
def test_wrong_intervals_are_refused(nodes, message):
    with pytest.raises(MeshError, match=message):
        fem.interval(nodes)


def test_shape_regularity_of_regular_simplices():
    # Diameter over inscribed diameter: sqrt(3) and sqrt(6) at edge length 1.
    triangle = [[0.0, 0.0], [1.0, 0.0], [0.5, math.sqrt(3) / 2]]
    assert fem.shape_regularity(fem.from_arrays(triangle, [[0, 1, 2]])) == pytest.approx(3**0.5)
    tetrahedron = [[1.0, 1.0, 1.0], [1.0, -1.0, -1.0], [-1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]]
    mesh = fem.from_arrays(tetrahedron, [[0, 1, 2, 3]])
    assert fem.shape_regularity(mesh) == pytest.approx(6**0.5)
    assert fem.shape_regularity(fem.interval([0.0, 3.0])) == pytest.approx(1.0)


def without_cells(mesh, share, seed=0):
    """The mesh with a share of its cells removed at random, which makes holes and notches."""
    keep = mesh.cells[np.random.default_rng(seed).random(len(mesh.cells)) >= share]
    used, cells = np.unique(keep, return_inverse=True)
    return fem.from_arrays(mesh.nodes[used], cells.reshape(keep.shape))


@pytest.mark.parametrize("make", [lambda: random_mesh(150, 2), lambda: random_mesh(40, 3)])
def test_a_patch_is_convex_if_it_fills_the_hull_of_its_vertices(make):
    mesh = make()
    inner = np.setdiff1d(np.arange(len(mesh.nodes)), fem.boundary_nodes(mesh))
    volumes, convex = fem.volumes(mesh), fem.is_locally_convex(mesh)
    for node in inner:
        star = (mesh.cells == node).any(axis=1)
        hull = ConvexHull(mesh.nodes[np.unique(mesh.cells[star])]).volume
        assert convex[node] == (volumes[star].sum() > (1 - 1e-10) * hull)
    assert set(convex[inner].tolist()) == {True, False}


@pytest.mark.parametrize(("n", "d"), [(60, 2), (30, 3)])
def test_patches_of_boundary_nodes_satisfy_the_definition(n, d):
    mesh = without_cells(random_mesh(n, d), 0.2)
    convex = fem.is_locally_convex(mesh)
    for node in range(len(mesh.nodes)):
        star = mesh.cells[(mesh.cells == node).any(axis=1)]
        vertices = mesh.nodes[np.unique(star)]
        pieces = np.array(
            [
                np.linalg.solve(np.column_stack([mesh.nodes[c], np.ones(d + 1)]), c == node)
                for c in star
            ]
        )
        values = np.column_stack([vertices, np.ones(len(vertices))]) @ pieces.T
        assert convex[node] == (values.min() > -1e-9)
        assert convex[node] == fem.is_locally_convex(mesh, node)


def test_a_wrong_node_has_no_patch():
    with pytest.raises(ValueError, match="below the number of nodes, 9, got 9"):
        fem.is_locally_convex(fem.box((2, 2)), 9)
    with pytest.raises(ValueError, match="integer >= 0, got -1"):
        fem.is_locally_convex(fem.box((2, 2)), -1)


def grid(shape, turn=0.0):
    x = np.stack(np.meshgrid(*[np.linspace(0, 1, m) for m in shape]), axis=-1)
    x = x.reshape(-1, len(shape))
    c, s = math.cos(turn), math.sin(turn)
    first, second = np.eye(len(shape)), np.eye(len(shape))
    first[:2, :2], second[-2:, -2:] = [[c, -s], [s, c]], [[c, -s], [s, c]]
    return x @ first @ second


@pytest.mark.parametrize(
    "shape", [(3, 3), (7, 7), (21, 21), (3, 3, 3), (5, 5, 5), (3, 3, 2, 2)], ids=str
)
@pytest.mark.parametrize("turn", [0.0, 0.7])
def test_delaunay_of_a_grid_is_a_conforming_mesh_of_the_whole_cube(shape, turn):
    points = grid(shape, turn)
    mesh = fem.delaunay(points)
    again = fem.from_arrays(mesh.nodes, mesh.cells)
    np.testing.assert_array_equal(mesh.nodes, points)
    assert fem.volumes(mesh).sum() == pytest.approx(1.0, rel=1e-12)
    assert fem.shape_regularity(again).max() < 30


def test_delaunay_circumspheres_are_empty():
    mesh = random_mesh(60, 2)
    for cell in mesh.cells:
        a = mesh.nodes[cell]
        centre = np.linalg.solve(2 * (a[1:] - a[0]), (a[1:] ** 2 - a[0] ** 2).sum(axis=1))
        distance = np.linalg.norm(mesh.nodes - centre, axis=1)
        assert distance.min() > np.linalg.norm(a[0] - centre) * (1 - 1e-9)


def test_delaunay_of_points_on_a_line_sorts_them():
    mesh = fem.delaunay([[0.5], [0.0], [2.0]])
    assert mesh.cells.tolist() == [[1, 0], [0, 2]]


def test_flat_triangles_leave_without_a_hanging_node():
    nodes = np.array([[0.0, 0.0], [2.0, 0.0], [1.0, 0.0], [1.0, 1.0], [1.0, -1.0]])
    inside = np.array([[0, 1, 3], [0, 2, 1], [0, 4, 2], [2, 4, 1]])
    flipped = triangulation._flip(nodes, inside)
    assert {frozenset(c) for c in flipped.tolist()} == {
        frozenset(c) for c in ([0, 2, 3], [2, 1, 3], [0, 4, 2], [2, 4, 1])
    }
    fem.from_arrays(nodes, flipped)
    on_boundary = np.array([[0, 2, 1], [0, 2, 3], [2, 1, 3]])
    assert triangulation._flip(nodes[:4], on_boundary).tolist() == [[0, 2, 3], [2, 1, 3]]


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]], "same place for points 1 and 3"),
        ([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]], "must not lie in a hyperplane"),
        ([[0.0, 0.0], [1.0, 1.0]], "at least 3 in 2 dimensions, got 2"),
        ([[0.0, 0.0], [1.0, np.nan], [0.0, 1.0]], "must be finite"),
        ([0.0, 1.0, 2.0], r"write points\[:, None\]"),
    ],
)
def test_points_without_a_delaunay_mesh_are_refused(points, message):
    with pytest.raises(MeshError, match=message):
        fem.delaunay(points)


def test_keys_of_many_large_numbers_stay_unique():
    # Four numbers below 2^30 do not fit into 63 bits; equal rows must still be the only equal keys.
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 2**30, (200, 4))[rng.integers(0, 200, 1000)]
    rows[:500, 1:] = rows[0, 1:]
    keys = pack(rows, 2**30)
    same = (rows[:, None] == rows[None]).all(axis=2)
    np.testing.assert_array_equal(keys[:, None] == keys[None], same)

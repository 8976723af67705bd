"""The cell that holds a point, against a search through all cells."""

import functools
import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from approxnet import fem
from approxnet.fem import buckets, location
from approxnet.fem.construction import assemble


@functools.cache
def annulus():
    """A mesh with a hole, a notch and cells of very different sizes."""
    rng = np.random.default_rng(1)
    mesh = fem.delaunay(np.concatenate([rng.random((60, 2)), 0.5 + 1e-3 * rng.random((60, 2))]))
    centre = mesh.nodes[mesh.cells].mean(axis=1)
    distance = np.abs(centre - [0.5, 0.3]).max(axis=1)
    keep = mesh.cells[(distance > 0.12) & (np.abs(centre - [0.0, 0.8]).max(axis=1) > 0.25)]
    used, cells = np.unique(keep, return_inverse=True)
    return assemble(mesh.nodes[used], cells.reshape(-1, 3).astype(np.int32))


@functools.cache
def graded():
    mesh = fem.box((2, 2))
    for _ in range(24):
        distance = np.abs(mesh.nodes[mesh.cells].mean(axis=1)).max(axis=1)
        mesh = fem.bisect(mesh, np.argsort(distance)[:3]).mesh
    return mesh


def fan(n=400):
    angle = np.linspace(0, np.pi / 2, n + 1)
    nodes = np.concatenate([[[0.0, 0.0]], np.column_stack([np.cos(angle), np.sin(angle)])])
    cells = np.column_stack([np.zeros(n), np.arange(1, n + 1), np.arange(2, n + 2)])
    return assemble(nodes, cells.astype(np.int32))


def scattered(n, d, offset=0.0):
    return fem.delaunay(offset + np.random.default_rng(d).random((n, d)))


MESHES = {
    "interval": lambda: fem.interval(np.cumsum(np.random.default_rng(0).random(20)) - 5),
    "shuffled line": lambda: scattered(20, 1),
    "triangles": lambda: scattered(50, 2),
    "triangles far away": lambda: scattered(50, 2, 100.0),
    "tetrahedra": lambda: scattered(20, 3),
    "pentatopes": lambda: scattered(10, 4),
    "annulus": annulus,
    "graded": graded,
    "fan": fan,
    "box 1d": lambda: fem.box(7, -1.0, 3.0),
    "box 2d": lambda: fem.box((4, 3), -1.0, (2.0, 7.0)),
    "box 2d mirrored": lambda: fem.box((4, 3), -1.0, (2.0, 7.0), mirror=True),
    "box 3d": lambda: fem.box((2, 3, 2), 5.0, 6.0),
    "box 3d mirrored": lambda: fem.box((2, 3, 2), 5.0, 6.0, mirror=True),
    "box 4d": lambda: fem.box((2, 1, 1, 2)),
}


@pytest.fixture(params=MESHES)
def mesh(request):
    return MESHES[request.param]()


@pytest.fixture(params=["interval", "triangles", "box 2d mirrored"])
def one_mesh_per_locator(request):
    return MESHES[request.param]()


def all_barycentric(mesh, x):
    """(p, c, d+1), the coordinates of every point in every cell by a linear solve."""
    corners = mesh.nodes[mesh.cells].astype(np.float64)
    matrix = np.concatenate(
        [np.swapaxes(corners, 1, 2), np.ones((len(corners), 1, corners.shape[1]))], axis=1
    )
    right = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    return np.einsum("cij,pj->pci", np.linalg.inv(matrix), right)


POINTS = 400  # one number of points for most tests: one trace per mesh and precision


def points_around(mesh, n=POINTS, seed=0):
    low, high = mesh.nodes.min(axis=0), mesh.nodes.max(axis=0)
    return low + (high - low) * np.random.default_rng(seed).uniform(-0.2, 1.2, (n, low.size))


def some(points, n=POINTS):
    return points[np.random.default_rng(0).choice(len(points), n)]


def tolerance(mesh, dtype):
    """(c,), the rounding of points and nodes in the barycentric coordinates of each cell."""
    corners = mesh.nodes[mesh.cells]
    gradients = np.abs(np.linalg.inv(corners[:, 1:] - corners[:, :1])).sum(axis=(1, 2))
    return 8 * float(jnp.finfo(dtype).eps) * (1 + np.abs(mesh.nodes).max() * gradients)


@pytest.mark.sample(10)
def test_points_belong_to_the_cell_that_holds_them(mesh, dtype):
    x = points_around(mesh).astype(dtype)
    cell, barycentric = mesh.locator.find(mesh, jnp.asarray(x))
    assert cell.dtype == jnp.int32
    assert barycentric.dtype == dtype
    expected = all_barycentric(mesh, x.astype(np.float64))
    least = expected.min(axis=2)
    slack = tolerance(mesh, dtype)
    clear = (np.abs(least) > slack).all(axis=1)
    inside = (least >= 0).any(axis=1)
    assert inside[clear].any() and not inside[clear].all()
    np.testing.assert_array_equal(
        np.asarray(cell)[clear], np.where(inside, least.argmax(axis=1), -1)[clear]
    )
    found = np.flatnonzero(np.asarray(cell) >= 0)
    owner = np.asarray(cell)[found]
    error = np.abs(np.asarray(barycentric)[found] - expected[found, owner]).max(axis=1)
    assert (error <= slack[owner]).all()


def test_nodes_and_points_of_facets_belong_to_one_of_their_cells(mesh, dtype):
    d = mesh.nodes.shape[1]
    weights = np.random.default_rng(0).dirichlet(np.ones(d), len(mesh.cells))
    on_facets = np.einsum("ci,cik->ck", weights, mesh.nodes[mesh.cells[:, 1:]])
    x = some(np.concatenate([mesh.nodes, on_facets])).astype(dtype)
    cell, barycentric = mesh.locator.find(mesh, jnp.asarray(x))
    assert (np.asarray(cell) >= 0).all()
    cell, barycentric = np.asarray(cell), np.asarray(barycentric)
    slack = tolerance(mesh, dtype)[cell]
    assert (barycentric.min(axis=1) >= -slack).all()
    assert (np.abs(barycentric.sum(axis=1) - 1) <= slack).all()
    rebuilt = np.einsum("pi,pik->pk", barycentric, mesh.nodes[mesh.cells[cell]])
    assert (np.abs(rebuilt - x).max(axis=1) <= slack * fem.diameters(mesh)[cell] * 3).all()


def test_the_owner_of_a_facet_is_the_same_in_every_batch(one_mesh_per_locator, x64):
    mesh = one_mesh_per_locator
    x = jnp.asarray(mesh.nodes[mesh.cells[:, 1:]].mean(axis=1))
    together = fem.locate(mesh, x)
    np.testing.assert_array_equal(fem.locate(mesh, x[::-1]), together[::-1])
    np.testing.assert_array_equal(jax.vmap(lambda y: fem.locate(mesh, y))(x), together)
    np.testing.assert_array_equal(jax.jit(fem.locate)(mesh, x), together)


def test_a_node_of_a_general_mesh_belongs_to_the_first_cell_around_it(x64):
    # A grid of binary fractions, so that barycentric coordinates are exact.
    kuhn = fem.box((4, 4))
    mesh = assemble(kuhn.nodes, kuhn.cells)
    first = [int((kuhn.cells == node).any(axis=1).argmax()) for node in range(25)]
    assert fem.locate(mesh, jnp.asarray(mesh.nodes)).tolist() == first


def test_points_that_are_nan_or_infinite_are_nowhere(mesh, dtype):
    d = mesh.nodes.shape[1]
    x = np.tile(mesh.nodes[mesh.cells[0]].mean(axis=0).astype(dtype), (POINTS, 1))
    for i, (k, value) in enumerate(itertools.product(range(d), [np.nan, np.inf, -np.inf])):
        x[i :: 3 * d, k] = value
    assert (mesh.locator.find(mesh, jnp.asarray(x))[0] == -1).all()


@pytest.mark.sample(10)
def test_points_outside_by_rounding_belong_to_the_mesh_and_others_do_not(mesh, dtype):
    x = mesh.nodes[fem.boundary_nodes(mesh)].astype(dtype)
    centre, size = mesh.nodes.mean(axis=0), np.ptp(mesh.nodes, axis=0)
    low, high = mesh.nodes.min(axis=0), mesh.nodes.max(axis=0)
    outward = np.where(x > centre, np.inf, -np.inf).astype(dtype)
    near = some(np.nextafter(x, outward))
    assert (mesh.locator.find(mesh, jnp.asarray(near))[0] >= 0).all()
    far = some(np.concatenate([x + 1e-3 * size, x - 1e-3 * size])).astype(dtype)
    beyond = ((far > high + 1e-4 * size) | (far < low - 1e-4 * size)).any(axis=1)
    assert beyond.any()
    assert (mesh.locator.find(mesh, jnp.asarray(far))[0][beyond] == -1).all()


def test_holes_and_notches_are_outside(x64):
    mesh = annulus()
    holes = jnp.array([[0.5, 0.3], [0.0, 0.8], [0.45, 0.25]])
    assert fem.locate(mesh, holes).tolist() == [-1, -1, -1]


def test_every_shape_of_points_is_kept(one_mesh_per_locator):
    mesh = one_mesh_per_locator
    d = mesh.nodes.shape[1]
    for shape in [(), (0,), (1,), (2, 3), (0, 4)]:
        x = jnp.zeros((*shape, d))
        cell, barycentric = mesh.locator.find(mesh, x)
        assert cell.shape == shape
        assert barycentric.shape == (*shape, d + 1)


@pytest.mark.sample(3)
@pytest.mark.parametrize("n", [1, 7, 8, 9, 63, 64])
def test_chunks_do_not_change_the_result(n, monkeypatch, x64):
    mesh = scattered(50, 2)
    x = jnp.asarray(points_around(mesh, n))
    whole = mesh.locator.find(mesh, x)
    monkeypatch.setattr(location, "CHUNK", 8)
    chunks = mesh.locator.find(mesh, x)
    for a, b in zip(whole, chunks, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.sample(2)
def test_barycentric_coordinates_are_differentiable_in_the_point(one_mesh_per_locator, x64):
    mesh = one_mesh_per_locator
    x = jnp.asarray(mesh.nodes[mesh.cells].mean(axis=1)[:5])
    check_grads(lambda y: mesh.locator.find(mesh, y)[1], (x,), order=1, eps=1e-7, rtol=1e-4)
    slopes = jax.grad(lambda y: mesh.locator.find(mesh, y)[1][:, -1].sum())(x)
    corners = mesh.nodes[mesh.cells[np.asarray(fem.locate(mesh, x))]]
    expected = np.linalg.inv(corners[:, 1:] - corners[:, :1])[:, :, -1]
    np.testing.assert_allclose(slopes, expected, rtol=1e-8, atol=1e-9)


def test_one_trace_serves_all_points_of_a_shape(one_mesh_per_locator):
    mesh, traces = one_mesh_per_locator, []

    @jax.jit
    def find(mesh, x):
        traces.append(1)
        return mesh.locator.find(mesh, x)

    for seed in range(3):
        x = jnp.asarray(points_around(mesh, 16, seed), jnp.float32)
        for a, b in zip(find(mesh, x), mesh.locator.find(mesh, x), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)
    assert len(traces) == 1


def test_wrong_points_are_refused():
    with pytest.raises(ValueError, match=r"x must have shape \(..., 2\)"):
        fem.locate(fem.box((2, 2)), jnp.zeros((4, 3)))
    with pytest.raises(ValueError, match=r"x must have shape \(..., 1\).*x\[..., None\]"):
        fem.locate(fem.interval([0.0, 1.0]), jnp.zeros(4))
    assert fem.locate(fem.interval([0.0, 2.0]), [[1]]).tolist() == [0]


def mean_list(mesh):
    """How many cells a random point of the bounding box has in its list, on average."""
    found = buckets.build(mesh.nodes, mesh.cells)
    d = len(found.shape)
    size = np.where(found.table[:, 1] < 0, 0, found.table[:, 1] - found.table[:, 0])
    volume = np.zeros(len(size))
    volume[: math.prod(found.shape)] = 1 / math.prod(found.shape)
    for row, (child, mark) in enumerate(found.table):
        if mark < 0:
            volume[child : child + 2**d] = volume[row] / 2**d
            volume[row] = 0
    assert volume.sum() == pytest.approx(1)
    return volume @ size


@pytest.mark.parametrize(
    ("make", "most"),
    [
        (lambda: scattered(400, 1), 3),
        (lambda: scattered(400, 2), 8),
        (graded, 8),
        (annulus, 8),
        (lambda: fan(2000), 80),
        (lambda: scattered(200, 3), 32),
    ],
)
def test_lists_are_short_on_uniform_graded_and_degenerate_meshes(make, most):
    assert mean_list(make()) < most

"""Linear regions: they fill the box, the maps are those of the network, the counts are known."""

import itertools
import math

import numpy as np
import pytest
import scipy.spatial

from approxnet import fem, relu
from approxnet.errors import AssumptionError, ConfigError
from approxnet.relu.regions import activation_complex

from .networks import DEGENERATE, GENERAL, NEARLY, random_net, sawtooth

EPS = np.finfo(float).eps


def regions_of(net, **options):
    return relu.linear_regions(net, -1.0, 1.0, **options)


def cells(regions):
    """The corners of each cell, one array of points per cell."""
    return np.split(regions.vertices[regions.corners], regions.starts[1:-1])


def volume(x):
    """The volume of the convex hull of points in order."""
    if x.shape[1] == 1:
        return x[-1, 0] - x[0, 0]
    if x.shape[1] == 2:
        x = x - x[0]
        following = np.roll(x, -1, axis=0)
        return (x[:, 0] * following[:, 1] - x[:, 1] * following[:, 0]).sum() / 2
    return scipy.spatial.ConvexHull(x).volume


def sizes(net, x):
    """(..., m), the sums of the sizes of all terms of the network at points x, (..., d)."""
    size = np.abs(x)
    for layer in net.layers:
        matrix = np.abs(relu.to_csr(layer).toarray())
        with np.errstate(under="ignore"):
            size = size @ matrix.T + np.abs(np.asarray(layer.bias_vector()))
    return size


def assert_fills_the_box(regions):
    volumes = np.array([volume(x) for x in cells(regions)])
    assert volumes.min() >= -1e-15
    np.testing.assert_allclose(volumes.sum(), 2.0 ** regions.vertices.shape[1], rtol=1e-12)


def assert_maps_are_those_of(net, regions, reference, tolerance):
    rng = np.random.default_rng(0)
    weights = [
        np.stack([np.full(n, 1 / n), *rng.dirichlet(np.ones(n), 3)])
        for n in np.diff(regions.starts)
    ]
    x = np.stack([w @ corners for w, corners in zip(weights, cells(regions), strict=True)])
    found = np.einsum("cmd,cqd->cqm", regions.slopes, x) + regions.intercepts[:, None]
    error = np.abs(found - reference(net, x))
    assert (error <= tolerance * sizes(net, x)).all()


@pytest.mark.parametrize("name", [*GENERAL, *DEGENERATE, *NEARLY])
def test_the_regions_fill_the_box_and_carry_the_network(name, reference, x64):
    net = (GENERAL | DEGENERATE | NEARLY)[name]()
    regions = regions_of(net)
    # Cells end where a neuron counts as 0: at 1e-12 of its terms, or up to 1e-9 where its values
    # leave no gap.
    tolerance = 64 * EPS if name in GENERAL else 1e-9 if name in NEARLY else 1e-12
    assert_maps_are_those_of(net, regions, reference, tolerance)
    d = relu.shape(net)[0]
    if d < 3 or name in ("space", "copies in space"):
        assert_fills_the_box(regions)


@pytest.mark.parametrize("name", [*GENERAL, *DEGENERATE, *NEARLY])
def test_the_simplices_fill_the_box_and_lie_in_their_cells(name, x64):
    complex, _ = activation_complex((GENERAL | DEGENERATE | NEARLY)[name](), -1.0, 1.0)
    simplices, cell = complex.simplices()
    x = complex.points.T[simplices]
    volumes = np.abs(np.linalg.det(x[:, 1:] - x[:, :1])) / math.factorial(complex.d)
    np.testing.assert_allclose(volumes.sum(), 2.0**complex.d, rtol=1e-12)
    starts, corners = complex.corners()
    for c in range(min(complex.n_faces[-1], 50)):
        assert set(simplices[cell == c].ravel()) == set(corners[starts[c] : starts[c + 1]])


@pytest.mark.parametrize("name", [*GENERAL, *DEGENERATE, *NEARLY])
def test_the_euler_characteristic_is_that_of_a_ball(name, x64):
    complex, _ = activation_complex((GENERAL | DEGENERATE | NEARLY)[name](), -1.0, 1.0)
    assert sum((-1) ** k * n for k, n in enumerate(complex.n_faces)) == 1


def edges(regions):
    """The edges of all cells in the plane, (cells' corners, 2), sorted, with their cells."""
    count = np.diff(regions.starts)
    following = np.arange(1, len(regions.corners) + 1)
    following[regions.starts[1:] - 1] = regions.starts[:-1]
    ends = np.stack([regions.corners, regions.corners[following]], axis=1)
    return np.sort(ends, axis=1), np.repeat(np.arange(len(count)), count)


@pytest.mark.parametrize("name", ["deep plane", "narrow plane", "copies", "uniform mesh", "zero"])
def test_neighbours_in_the_plane_are_the_cells_with_a_common_edge(name, x64):
    regions = regions_of((GENERAL | DEGENERATE)[name]())
    ends, cell = edges(regions)
    cells_at = {}
    for key, c in zip(map(tuple, ends.tolist()), cell.tolist(), strict=True):
        cells_at.setdefault(key, []).append(c)
    expected = sorted(tuple(sorted(pair)) for pair in cells_at.values() if len(pair) == 2)
    assert max(map(len, cells_at.values())) <= 2
    assert list(map(tuple, regions.neighbours.tolist())) == expected
    assert len(regions.vertices) - len(cells_at) + len(regions.slopes) == 1


@pytest.mark.parametrize("name", ["line", "space", "copies in space", "four dimensions"])
def test_neighbours_share_a_facet_and_their_maps_agree_there(name, x64):
    net = (GENERAL | DEGENERATE)[name]()
    regions = regions_of(net)
    corners = np.split(regions.corners, regions.starts[1:-1])
    d = relu.shape(net)[0]
    for a, b in regions.neighbours:
        assert a < b
        common = regions.vertices[np.intersect1d(corners[a], corners[b])]
        assert np.linalg.matrix_rank(common - common[0], tol=1e-12) == d - 1
        slope, intercept = (v[a] - v[b] for v in (regions.slopes, regions.intercepts))
        gap = np.abs(common @ slope.T + intercept)
        assert (gap <= 64 * EPS * sizes(net, common)).all()


@pytest.mark.parametrize(("n", "expected"), [(3, 7), (6, 22), (10, 56)])
def test_lines_in_general_position_make_zaslavskys_number_of_regions(n, expected):
    # Lines tangent to a small circle meet in pairs, near the circle.
    angle = np.pi * (np.arange(n) + 0.3) / n
    weight = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    net = relu.from_layers([(weight, np.full(n, 0.05)), (np.ones((1, n)), np.zeros(1))])
    assert relu.count_regions(net, -1.0, 1.0) == expected
    assert relu.max_regions(relu.shape(net), bound="zaslavsky") == expected


def test_planes_in_general_position_make_zaslavskys_number_of_regions():
    # The planes (1, t, t^2).x = t^3 meet by threes in a bounded set.
    t = np.array([-1.0, -0.6, -0.1, 0.4, 0.9])
    net = relu.from_layers(
        [(np.stack([t**0, t, t**2], axis=1), -(t**3)), (np.ones((1, 5)), np.zeros(1))]
    )
    assert relu.count_regions(net, -20.0, 20.0) == 26 == relu.max_regions((3, 5, 1), bound="serra")


@pytest.mark.parametrize("seed", range(3))
def test_on_a_line_the_ends_of_the_regions_are_the_kinks(seed, reference):
    net = random_net((1, 9, 1), seed)
    (weight, bias), out = (net.layers[0].weight[:, 0], net.layers[0].bias), net.layers[1].weight[0]
    kinks = np.sort(-bias / weight)
    kinks = kinks[np.abs(kinks) < 1]
    regions = regions_of(net)
    left = regions.vertices[regions.corners[regions.starts[:-1]], 0]
    right = regions.vertices[regions.corners[regions.starts[1:] - 1], 0]
    order = np.argsort(left)
    np.testing.assert_allclose(left[order], np.append(-1, kinks), rtol=1e-14)
    np.testing.assert_allclose(right[order], np.append(kinks, 1), rtol=1e-14)
    middle = (left + right) / 2
    slope = ((weight * out) * (np.outer(middle, weight) + bias > 0)).sum(axis=1)
    np.testing.assert_allclose(regions.slopes[:, 0, 0], slope, atol=1e-13)


@pytest.mark.parametrize("levels", [1, 2, 5, 9, 15])
def test_a_sawtooth_has_as_many_pieces_as_it_has_teeth(levels):
    regions = relu.linear_regions(sawtooth(levels), 0.0, 1.0, merge=True)
    assert len(regions.slopes) == 2**levels
    np.testing.assert_array_equal(np.abs(regions.slopes), 2.0**levels)
    np.testing.assert_array_equal(
        np.sort(regions.vertices[:, 0]) * 2**levels, np.arange(2**levels + 1)
    )


@pytest.mark.sample(2)
@pytest.mark.parametrize("seed", range(3))
def test_no_region_of_a_deep_network_is_lost_in_noise(seed):
    """The norms of twenty layers multiply to 1e19; the patterns on a fine grid are the judge."""
    rng = np.random.default_rng(seed)
    shape = [1, *20 * [32], 1]
    layers = [
        (rng.normal(size=(m, n)) * np.sqrt(2 / n), 0.5 * rng.normal(size=m))
        for n, m in itertools.pairwise(shape)
    ]
    x = np.linspace(-1, 1, 400_001)
    features, changes = x[None], np.zeros(len(x) - 1, bool)
    for weight, bias in layers[:-1]:
        z = weight @ features + bias[:, None]
        changes |= ((z[:, 1:] > 0) != (z[:, :-1] > 0)).any(axis=0)
        features = np.maximum(z, 0)
    assert relu.count_regions(relu.from_layers(layers), -1.0, 1.0) >= 1 + changes.sum()


@pytest.mark.parametrize("name", sorted(set(GENERAL) - {"every kind of layer"}))
def test_no_network_has_more_regions_than_the_bounds(name):
    net = GENERAL[name]()
    n = relu.count_regions(net, -1.0, 1.0)
    serra, zaslavsky = (relu.max_regions(relu.shape(net), bound=b) for b in ("serra", "zaslavsky"))
    assert 1 <= n <= serra <= zaslavsky


@pytest.mark.parametrize(
    ("shape", "serra", "montufar"),
    [
        ((1, 3, 3, 3, 1), 64, 36),
        ((2, 4, 4, 1), 121, 44),
        ((2, 8, 8, 1), 1369, 592),
        ((3, 6, 6, 6, 1), 74088, 2688),
    ],
)
def test_the_bounds_are_those_of_the_papers(shape, serra, montufar):
    assert relu.max_regions(shape, bound="serra") == serra
    assert relu.max_regions(shape, bound="montufar") == montufar


def test_serra_counts_that_inactive_neurons_lower_the_rank():
    # One neuron: the side where it is off is not cut again.
    assert relu.max_regions((2, 1, 5, 1), bound="serra") == 1 + 6
    assert relu.max_regions((2, 1, 5, 1), bound="zaslavsky") == 2 * 16


@pytest.mark.parametrize("name", ["uniform mesh", "random mesh", "finite elements on a line"])
def test_merged_regions_of_a_finite_element_function_are_its_cells(name, reference, x64):
    meshes = {
        "uniform mesh": fem.box((6, 6), -1.0, 1.0),
        "random mesh": fem.delaunay(np.random.default_rng(0).uniform(-1, 1, (12, 2))),
        "finite elements on a line": fem.box((9,), -1.0, 1.0),
    }
    mesh = meshes[name]
    regions = regions_of(DEGENERATE[name](), merge=True)
    values = np.random.default_rng(0).normal(size=len(mesh.nodes))
    gradients = np.asarray(fem.gradient(mesh, values))
    distance = np.abs(regions.slopes[:, 0, None] - gradients).max(axis=2)
    found = (distance < 1e-10 * np.abs(gradients).max()).sum(axis=0)
    np.testing.assert_array_equal(found, 1)
    if name != "random mesh":
        assert len(regions.slopes) == len(mesh.cells)


def test_merging_keeps_what_differs_and_joins_what_does_not():
    # |x| + |y| with copies, and a kink at x = 1/2 that cancels.
    weight = [[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0], [1.0, 0.0], [2.0, 0.0]]
    bias = [0.0, 0.0, 0.0, 0.0, -0.5, -1.0]
    net = relu.from_layers([(weight, bias), ([[1.0, 1.0, 1.0, 1.0, 2.0, -1.0]], [0.0])])
    plain, merged = regions_of(net), regions_of(net, merge=True)
    assert len(plain.slopes) == 6
    assert sorted(map(tuple, merged.slopes[:, 0])) == [(-1, -1), (-1, 1), (1, -1), (1, 1)]
    assert len(merged.neighbours) == 4
    np.testing.assert_array_equal(
        np.diff(merged.starts), [4 + 2 * (s[0, 0] > 0) for s in merged.slopes]
    )


def test_corners_run_counterclockwise_around_each_cell():
    for x in cells(regions_of(random_net((2, 9, 9, 1), 0))):
        side = np.roll(x, -1, axis=0) - x
        following = np.roll(side, -1, axis=0)
        assert (side[:, 0] * following[:, 1] - side[:, 1] * following[:, 0] > -1e-14).all()


def test_a_box_can_have_any_sides(reference):
    net = random_net((2, 9, 9, 1), 0)
    regions = relu.linear_regions(net, (-0.5, 100.0), (3.0, 100.5))
    np.testing.assert_array_equal(regions.vertices.min(axis=0), (-0.5, 100.0))
    np.testing.assert_array_equal(regions.vertices.max(axis=0), (3.0, 100.5))
    assert_maps_are_those_of(net, regions, reference, 64 * EPS)
    assert math.isclose(sum(volume(x) for x in cells(regions)), 1.75, rel_tol=1e-12)


def test_the_arrays_have_the_promised_kinds_whatever_the_network(dtype):
    layers = [
        (np.eye(2, dtype=dtype), np.full(2, 0.1, dtype)),
        (np.ones((3, 2), dtype), np.ones(3)),
    ]
    regions = regions_of(relu.from_layers(layers))
    for array in (regions.vertices, regions.slopes, regions.intercepts):
        assert isinstance(array, np.ndarray) and array.dtype == np.float64
    for array in (regions.starts, regions.corners, regions.neighbours):
        assert isinstance(array, np.ndarray) and array.dtype == np.int32
    assert regions.slopes.shape == (4, 3, 2) and regions.intercepts.shape == (4, 3)


@pytest.mark.parametrize("name", ["tanh", "relu2", "heaviside"])
def test_an_activation_that_is_not_piecewise_linear_is_refused_by_layer(name):
    layers = [(np.eye(2), np.zeros(2))] * 3
    net = relu.from_layers(layers, ["relu", name])
    with pytest.raises(AssumptionError, match=f"hidden layer 1 .* got '{name}'"):
        relu.linear_regions(net, -1.0, 1.0)


@pytest.mark.parametrize(
    ("lower", "upper", "message"),
    [
        (1.0, 1.0, "got 1.0 and 1.0 on axis 0"),
        ((0.0, 2.0), (1.0, 1.0), "got 2.0 and 1.0 on axis 1"),
        ((0.0, np.nan), 1.0, "got nan and 1.0 on axis 1"),
        (-np.inf, 1.0, "both finite"),
        ((0.0, 0.0, 0.0), 1.0, r"lower must .* shape \(2,\), got \(3,\)"),
        (0.0, [[1.0, 1.0]], r"upper must .* got \(1, 2\)"),
    ],
)
def test_a_wrong_box_is_refused(lower, upper, message):
    with pytest.raises(ValueError, match=message):
        relu.count_regions(random_net((2, 3, 1), 0), lower, upper)


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="at most 4 inputs, got 5"):
        relu.linear_regions(random_net((5, 3, 1), 0), -1.0, 1.0)
    with pytest.raises(ConfigError, match="did you mean 'serra'"):
        relu.max_regions((2, 3, 1), bound="sera")
    with pytest.raises(AssumptionError, match="at least d = 3 neurons, got 2 in hidden layer 1"):
        relu.max_regions((3, 4, 2, 1), bound="montufar")
    with pytest.raises(ValueError, match=r"widths\[1\]"):
        relu.max_regions((3, 0, 1), bound="serra")
    with pytest.raises(ValueError, match=r"use relu\.shape"):
        relu.max_regions((3,), bound="serra")

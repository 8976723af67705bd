"""A P1 function as an integer combination of maxima of d + 1 of its pieces, and its network."""

import numpy as np
import pytest

from approxnet import fem, mapping, relu
from approxnet.errors import AssumptionError
from approxnet.mapping import combinations, exterior, folding, maxima

from .meshes import (
    LINES,
    PLANES,
    SPACES,
    boundary,
    by_hand,
    cut,
    random_cells,
    sample,
    tolerance,
)


def delaunay_box(n, seed):
    """Random points in the cube and eight around it, as in the measured sizes of the theorem."""
    rng = np.random.default_rng(seed)
    corners = np.stack(np.meshgrid(*[[-0.3, 1.3]] * 3), axis=-1).reshape(-1, 3)
    return fem.delaunay(np.vstack([rng.random((n, 3)), corners + 0.02 * rng.normal(size=(8, 3))]))


def hollow(mesh):
    """A mesh without its middle: no point sees its whole boundary."""
    return cut(mesh, lambda x: (np.abs(x - 0.5) > 0.26).any(axis=1))


THREE = {name: make for name, make in SPACES.items() if "four" not in name}
FOUR = {name: make for name, make in SPACES.items() if "four" in name}
MESHES = LINES | PLANES | THREE | {"hollow box": lambda: hollow(fem.box((4, 4, 4)))}
STAR_SHAPED = ["one tetrahedron", "box", "bent box", "random", "twelve tetrahedra"]
VALUES = {
    "random": lambda mesh: np.random.default_rng(0).normal(size=len(mesh.nodes)),
    "integer": lambda mesh: np.random.default_rng(1).integers(-1, 2, len(mesh.nodes)) * 1.0,
    "constant": lambda mesh: np.ones(len(mesh.nodes)),
    "bump": lambda mesh: np.sin(3 * mesh.nodes).prod(axis=1),
}


def vanishing(mesh, values):
    return np.where(np.isin(np.arange(len(values)), boundary(mesh)), 0.0, values)


def outside(mesh, n=3000):
    """Points around a mesh, none of them in it."""
    lower, upper = mesh.nodes.min(axis=0), mesh.nodes.max(axis=0)
    x = np.random.default_rng(0).uniform(2 * lower - upper, 2 * upper - lower, (n, len(lower)))
    corners = mesh.nodes[mesh.cells]
    edges = (corners[:, 1:] - corners[:, :1]).transpose(0, 2, 1)
    local = np.einsum("cij,ncj->nci", np.linalg.inv(edges), x[:, None] - corners[None, :, 0])
    return x[~((local >= 0).all(axis=2) & (local.sum(axis=2) <= 1)).any(axis=1)]


@pytest.mark.sample(6)
@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", MESHES)
def test_a_finite_element_function_is_a_network(name):
    mesh = MESHES[name]()
    values = np.stack([make(mesh) for make in VALUES.values()], axis=1)
    net = mapping.fem_to_relu(mesh, values, method="maxima")
    x, exact = sample(mesh, values)
    assert np.abs(by_hand(net, x) - exact).max() <= tolerance(net, x)


@pytest.mark.sample(10)
@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", MESHES)
def test_a_function_that_vanishes_on_the_boundary_has_two_layers_and_is_zero_outside(name):
    mesh = MESHES[name]()
    values = np.stack([vanishing(mesh, make(mesh)) for make in VALUES.values()], axis=1)
    if not values.any():
        mesh = THREE["box"]()
        values = vanishing(mesh, VALUES["random"](mesh))[:, None]
    net = mapping.fem_to_relu(mesh, values, method="maxima")
    assert relu.hidden_layers(net) == 2
    x, exact = sample(mesh, values)
    assert np.abs(by_hand(net, x) - exact).max() <= tolerance(net, x)
    x = outside(mesh)
    assert np.abs(by_hand(net, x)).max() <= tolerance(net, x)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", STAR_SHAPED)
def test_boundary_values_are_continued_along_rays_with_two_layers(name):
    """On a ray from p the function is affine beyond the boundary."""
    mesh = THREE[name]()
    values = VALUES["random"](mesh)
    net = mapping.fem_to_relu(mesh, values, method="maxima")
    assert relu.hidden_layers(net) == 2
    p = exterior.conic(mesh).point
    step = np.random.default_rng(0).normal(size=(50, 3))
    step *= np.linalg.norm(np.ptp(mesh.nodes, axis=0)) / np.linalg.norm(step, axis=1)[:, None]
    near, middle, far = (by_hand(net, p + t * step) for t in (1.0, 1.5, 2.0))
    limit = 4 * tolerance(net, p + 2 * step)
    np.testing.assert_allclose(middle, (near + far) / 2, rtol=0, atol=limit)


def combination_of(mesh, values, free):
    frame = maxima.frame_of(mesh, exterior.conic(mesh) if free else exterior.vanishing(mesh))
    pieces = maxima.pieces_of(frame, values)
    return frame, pieces, combinations.combination(frame.fans, pieces)


ALL_DIMENSIONS = {
    "random line": LINES["random line"],
    "random plane": PLANES["random"],
    "lattice": PLANES["rectangles"],
    "bent box": SPACES["bent box"],
    "random space": SPACES["random"],
    "twelve tetrahedra": SPACES["twelve tetrahedra"],
    **FOUR,
    "random, five dimensions": lambda: random_cells(9, 5, 0),
}


@pytest.mark.parametrize("noise", [2.0**-48, -(2.0**-48)], ids=["zero is +", "zero is -"])
@pytest.mark.parametrize("free", [True, False])
@pytest.mark.parametrize("name", ALL_DIMENSIONS)
def test_each_point_sees_its_own_piece_once(name, free, noise, monkeypatch):
    """The pieces that attain the maxima, counted with the coefficients, are f's own piece."""
    monkeypatch.setattr(combinations, "NOISE", noise)
    mesh = ALL_DIMENSIONS[name]()
    values = VALUES["integer"](mesh)
    values = values if free else vanishing(mesh, values)
    frame, pieces, terms = combination_of(mesh, values, free)
    assert terms.labels.shape[1] == mesh.nodes.shape[1] + 1
    np.testing.assert_array_equal(terms.coefficient, np.round(terms.coefficient))
    rng = np.random.default_rng(2)
    cell = rng.integers(0, len(mesh.cells), 60)
    weights = rng.dirichlet(np.ones(mesh.cells.shape[1]), 60)
    x = np.einsum("nk,nki->ni", weights, mesh.nodes[mesh.cells[cell]]) - frame.middle
    heights = x @ pieces.slopes.T + pieces.constants
    for own, height in zip(pieces.label[cell], heights, strict=True):
        attained = terms.labels[np.arange(len(terms.labels)), height[terms.labels].argmax(axis=1)]
        count = np.bincount(attained, terms.coefficient, minlength=len(height))
        np.testing.assert_array_equal(count, np.arange(len(height)) == own)


@pytest.mark.parametrize("noise", [0.03, -0.03])
def test_a_wrong_sign_of_a_small_difference_costs_no_more_than_the_difference(noise, monkeypatch):
    mesh = SPACES["random"]()
    values = VALUES["random"](mesh)
    _, pieces, right = combination_of(mesh, values, free=True)
    x = np.random.default_rng(0).random((200, 3)) - 0.5
    heights = x @ pieces.slopes.T + pieces.constants
    exact = heights[:, right.labels].max(axis=2) @ right.coefficient
    monkeypatch.setattr(combinations, "NOISE", noise)
    _, _, wrong = combination_of(mesh, values, free=True)
    assert len(wrong.labels) != len(right.labels)
    error = np.abs(heights[:, wrong.labels].max(axis=2) @ wrong.coefficient - exact).max()
    # A term changes where |h| <= x_w |F_w|, with x_w <= |grad lambda_w| |x| and |F_w| <= noise.
    steep = 2 * np.linalg.norm(pieces.slopes, axis=1).max()
    far = np.sqrt(3) * 2 * fem.shape_regularity(mesh).max()
    assert 0 < error <= 0.03 * steep * far * np.abs(wrong.coefficient).sum()


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("data", VALUES)
@pytest.mark.parametrize("n", [60, 200, 600])
def test_a_random_mesh_takes_at_most_twelve_neurons_per_tetrahedron(n, data):
    mesh = delaunay_box(n, seed=n)
    values = vanishing(mesh, VALUES[data](mesh))
    net = mapping.fem_to_relu(mesh, values, method="maxima")
    assert relu.n_neurons(net) <= 12 * len(mesh.cells)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("data", VALUES)
@pytest.mark.parametrize("n", [2, 4, 7])
def test_kuhns_box_takes_at_most_nine_neurons_per_tetrahedron(n, data):
    mesh = fem.box((n, n, n))
    values = vanishing(mesh, VALUES[data](mesh))
    net = mapping.fem_to_relu(mesh, values, method="maxima")
    assert relu.n_neurons(net) <= 9 * len(mesh.cells)


@pytest.mark.usefixtures("x64")
def test_in_the_plane_it_takes_as_many_neurons_as_the_polygon_form():
    mesh = PLANES["random, many"]()
    values = VALUES["random"](mesh)
    net = mapping.fem_to_relu(mesh, values, method="maxima")
    polygon = mapping.size(mesh, method="polygon")
    assert relu.n_neurons(net) <= 1.01 * polygon.n_neurons


@pytest.mark.sample(8)
@pytest.mark.parametrize("free", [True, False])
@pytest.mark.parametrize(
    "name", [*THREE, "random", "pinched", "lattice", "random line", "hollow box"]
)
def test_the_size_is_bounded_whatever_the_values(name, free):
    mesh = (MESHES | ALL_DIMENSIONS)[name]()
    kept = np.full(len(mesh.nodes), True)
    kept[boundary(mesh)] = free
    plan = maxima.plan(mesh, kept)
    for make in VALUES.values():
        net = plan.network(np.where(kept, make(mesh), 0.0)[:, None])
        widths = np.array(relu.widths(net))
        assert len(widths) == len(plan.widths)
        assert (widths <= plan.widths).all()


def value(folded, heights):
    """(points,), lower + relu(upper - lower) with minima or maxima of pairs of heights."""
    total = 0
    for row, c, least in zip(folded.labels, folded.coefficient, folded.minimum, strict=True):
        pairs = heights[:, row].reshape(-1, 2, 2)
        sides = np.where(least, pairs.min(axis=2), pairs.max(axis=2))
        total = total + c * sides.max(axis=1)
    return total


@pytest.mark.parametrize("width", [2, 3, 4])
@pytest.mark.parametrize("seed", range(20))
def test_folding_changes_no_value(width, seed):
    """Also of combinations that come from no mesh, with few pieces and large coefficients."""
    rng = np.random.default_rng(seed)
    rows = np.unique(combinations._canonical(rng.integers(0, 7, (40, width))), axis=0)
    coefficient = rng.choice([-2.0, -1.0, 1.0, 2.0], len(rows))
    terms = combinations.Combination(np.zeros(len(rows), int), rows, coefficient)
    heights = rng.integers(-50, 50, (100, 7)) * 1.0
    exact = heights[:, rows].max(axis=2) @ coefficient
    np.testing.assert_array_equal(value(folding.fold(terms), heights), exact)


@pytest.mark.parametrize("data", ["random", "bump"])
@pytest.mark.parametrize("name", ["random plane", "random space"])
def test_folding_leaves_few_maxima_of_d_pieces(name, data):
    mesh = ALL_DIMENSIONS[name]()
    d = mesh.nodes.shape[1]
    _, pieces, terms = combination_of(mesh, VALUES[data](mesh), free=True)
    folded = folding.fold(terms)
    (whole, smaller), (still_whole, still_smaller) = (
        [(combinations.sizes(labels) == size).sum() for size in (d + 1, d)]
        for labels in (terms.labels, folded.labels)
    )
    assert still_whole == whole
    assert still_smaller < 0.6 * smaller
    heights = np.random.default_rng(0).integers(-50, 50, (50, len(pieces.slopes))) * 1.0
    exact = heights[:, terms.labels].max(axis=2) @ terms.coefficient
    np.testing.assert_array_equal(value(folded, heights), exact)


def test_the_combination_has_linearly_many_terms_in_each_dimension():
    """The constant may depend on d, not on the mesh: it does not grow from box to box."""
    for d, sides in ((1, (20, 200)), (2, (8, 24)), (3, (3, 7)), (4, (2, 3))):
        ratio = []
        for side in sides:
            mesh = fem.box((side,) * d)
            terms = combination_of(mesh, VALUES["random"](mesh), free=True)[2]
            ratio.append(len(terms.labels) / len(mesh.cells))
        assert ratio[1] <= 1.3 * ratio[0]


@pytest.mark.parametrize("name", STAR_SHAPED)
def test_the_point_of_the_exterior_sees_every_boundary_facet(name):
    mesh = THREE[name]()
    beyond = exterior.conic(mesh)
    corners = mesh.nodes[beyond.facets]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    middle = mesh.nodes[mesh.cells].mean(axis=1)
    owner = [np.isin(mesh.cells, facet).sum(axis=1).argmax() for facet in beyond.facets]
    inwards = np.einsum("bi,bi->b", normals, middle[owner] - corners[:, 0])
    seen = np.einsum("bi,bi->b", normals, beyond.point - corners[:, 0])
    assert (inwards * seen > 0).all()


def test_no_point_sees_the_whole_boundary_of_a_hollow_box():
    assert exterior.conic(hollow(fem.box((4, 4, 4)))) is None
    assert exterior.conic(PLANES["ring"]()) is None
    assert exterior.conic(LINES["with a gap"]()) is None


@pytest.mark.usefixtures("x64")
def test_the_hat_of_twelve_tetrahedra_is_right():
    mesh = SPACES["twelve tetrahedra"]()
    hat = mapping.hat_to_relu(mesh, 0, method="maxima")
    x = np.array([320.1695, 156.7797, 671.8305])
    assert abs(relu.evaluate(hat, x) - 0.186441) < 1e-6
    assert relu.hidden_layers(hat) == 2


def test_what_the_values_decide_is_refused_where_there_are_none():
    mesh = SPACES["random"]()
    with pytest.raises(AssumptionError, match="depend on the nodal values"):
        mapping.basis_network(mesh, method="maxima")
    with pytest.raises(AssumptionError, match="d = 1 or 2 or 3 dimensions, got d = 4"):
        mapping.size(SPACES["box in four dimensions"](), method="maxima")

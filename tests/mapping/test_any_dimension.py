"""Hat functions in any dimension: minima where patches are convex, barriers on every mesh."""

import jax
import numpy as np
import pytest
import scipy.optimize

from approxnet import fem, mapping, relu
from approxnet.errors import AssumptionError
from approxnet.mapping import barrier, convex, hats

from .meshes import LINES, PLANES, SPACES, boundary, sample, tolerance, twelve_tetrahedra

SMALL_PLANES = [
    "one square",
    "rectangles",
    "equilateral",
    "L-shape",
    "pinched",
    "one triangle",
    "two triangles apart",
    "random",
    "flat",
    "corner, hole, notch",
]
MESHES = LINES | {name: PLANES[name] for name in SMALL_PLANES} | SPACES
# Meshes on which all hat functions are positive parts of minima.
CONVEX = [
    *(name for name in LINES if name != "with a gap"),
    "one square",
    "rectangles",
    "equilateral",
    "L-shape",
    "one triangle",
    "one tetrahedron",
    "box",
    "box in four dimensions",
]
CASES = [(name, "barrier") for name in MESHES] + [(name, "convex") for name in CONVEX]


def normal_values(mesh):
    return np.random.default_rng(1).normal(size=len(mesh.nodes))


@pytest.mark.sample(6)
@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(("name", "method"), CASES)
def test_a_finite_element_function_is_a_network_in_any_dimension(name, method):
    mesh = MESHES[name]()
    values = np.stack([normal_values(mesh), np.ones(len(mesh.nodes)), mesh.nodes[:, 0]], axis=1)
    net = mapping.fem_to_relu(mesh, values, method=method)
    x, exact = sample(mesh, values)
    error = np.abs(np.asarray(relu.apply(net, x)) - exact).max()
    assert error <= min(tolerance(net, x), 1e-9 * np.abs(values).max())


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(("name", "method"), CASES)
def test_the_size_is_that_of_the_trees(name, method):
    """ceil(log2 k) + 1 hidden layers, or ceil(log2(d + 1)) + ceil(log2(k + 1))."""
    mesh = MESHES[name]()
    d, n = mesh.nodes.shape[1], len(mesh.nodes)
    k = np.bincount(mesh.cells.ravel()).max()
    layers = {
        "convex": np.ceil(np.log2(k)) + 1,
        "barrier": np.ceil(np.log2(d + 1)) + np.ceil(np.log2(k + 1)),
    }
    size = mapping.size(mesh, method=method)
    net = mapping.fem_to_relu(mesh, normal_values(mesh), method=method)
    assert size.widths == relu.widths(net)
    assert size.hidden_layers == layers[method]
    leaves = {"convex": mesh.cells.size, "barrier": mesh.cells.size * (d + 2)}
    assert size.n_neurons <= 3 * leaves[method] + n * size.hidden_layers
    assert relu.n_nonzero(net) <= (d + 7) * size.n_neurons


@pytest.mark.sample(3)
@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("method", ["barrier", "convex"])
@pytest.mark.parametrize("name", ["box", "bent box", "random", "twelve tetrahedra", "rectangles"])
def test_a_function_that_vanishes_on_the_boundary_is_zero_outside(name, method):
    if method == "convex" and name not in CONVEX:
        name = "box"
    mesh = MESHES[name]()
    values = normal_values(mesh)
    values[boundary(mesh)] = 0
    net = mapping.fem_to_relu(mesh, values, method=method)
    lower, upper = mesh.nodes.min(axis=0), mesh.nodes.max(axis=0)
    x = np.random.default_rng(0).uniform(2 * lower - upper, 2 * upper - lower, (3000, len(lower)))
    corners = mesh.nodes[mesh.cells]
    edges = (corners[:, 1:] - corners[:, :1]).transpose(0, 2, 1)
    local = np.einsum("cij,ncj->nci", np.linalg.inv(edges), x[:, None] - corners[None, :, 0])
    inside = ((local >= 0).all(axis=2) & (local.sum(axis=2) <= 1)).any(axis=1)
    assert np.abs(np.asarray(relu.evaluate(net, x[~inside]))).max() <= tolerance(net, x)
    assert values.any()
    assert inside.any()


@pytest.mark.usefixtures("x64")
def test_twelve_tetrahedra_on_which_minima_of_convex_pieces_are_wrong():
    """max_T min {g_S : S in the star, g_S >= g_T on T} is 0.359894 where phi is 0.186441."""
    mesh = twelve_tetrahedra()
    x = np.array([320.1695, 156.7797, 671.8305])
    hat = mapping.hat_to_relu(mesh, 0, method="barrier")
    assert abs(relu.evaluate(hat, x) - 0.186441) < 1e-6
    corners = mesh.nodes[mesh.cells]
    pieces = np.linalg.inv(np.concatenate([corners, np.ones((12, 4, 1))], axis=2))
    own = np.argmax(mesh.cells == 0, axis=1)
    g = pieces[np.arange(12), :, own]
    at_corners = np.einsum("si,tvi->tsv", g[:, :3], corners) + g[:, 3, None]
    is_above = (at_corners >= (mesh.cells == 0)[:, None] - 1e-9).all(axis=2)
    at_x = g[:, :3] @ x + g[:, 3]
    lattice = np.where(is_above, at_x, np.inf).min(axis=1).max()
    assert abs(max(lattice, 0) - 0.359894) < 1e-6
    with pytest.raises(AssumptionError, match=r"convex patches.*node 0 at"):
        mapping.hat_to_relu(mesh, 0, method="convex")


@pytest.mark.parametrize("name", ["bent box", "random", "twelve tetrahedra"])
def test_barriers_are_the_least_that_the_star_needs(name):
    """The linear programs of the definition, one at a time, in the coordinates of space."""
    mesh = SPACES[name]()
    inner = np.setdiff1d(np.arange(len(mesh.nodes)), boundary(mesh))[:2]
    star = hats.stars(mesh, np.isin(np.arange(len(mesh.nodes)), inner))
    corners = mesh.nodes[mesh.cells]
    pieces = np.linalg.inv(np.concatenate([corners, np.ones((*corners.shape[:2], 1))], axis=2))
    gradients = pieces[:, :3].transpose(0, 2, 1)
    for mine, found in enumerate(barrier.barriers(mesh, star)):
        needed = 0.0
        cell, own = star.cell[mine], star.corner[mine]
        for other in np.flatnonzero(star.node == star.node[mine]):
            cone, apex = star.cell[other], star.corner[other]
            step = gradients[cell, own] - gradients[cone, apex]
            walls = np.delete(gradients[cone], apex, axis=0)
            depth = np.delete(gradients[cell], own, axis=0)
            program = scipy.optimize.linprog(
                -step,
                A_ub=np.vstack([-walls, -depth]),
                b_ub=np.repeat([0.0, 1.0], [len(walls), len(depth)]),
                bounds=(None, None),
            )
            needed = max(needed, -program.fun)
        assert needed <= found <= needed * (1 + 2e-6)


@pytest.mark.parametrize("name", ["random", "random with a bite", "bent box", "pinched", "flat"])
def test_convex_names_a_node_that_it_cannot_serve(name):
    mesh = MESHES[name]()
    with pytest.raises(AssumptionError, match=r"convex needs .* node [0-9]+ at .*use barrier"):
        mapping.fem_to_relu(mesh, normal_values(mesh), method="convex")


def test_convex_names_a_boundary_node_whose_minimum_reaches_across_a_gap():
    line = LINES["with a gap"]()
    with pytest.raises(AssumptionError, match=r"node 1 at \[1.\] would be 2 on .* facet \[3\]"):
        mapping.size(line, method="convex")


@pytest.mark.usefixtures("x64")
def test_convex_serves_inner_nodes_where_boundary_nodes_forbid_it():
    mesh = PLANES["pinched"]()
    values = normal_values(mesh)
    values[boundary(mesh)] = 0
    net = mapping.fem_to_relu(mesh, values, method="convex")
    x, exact = sample(mesh, values)
    assert np.abs(np.asarray(relu.evaluate(net, x)) - exact).max() <= tolerance(net, x)


@pytest.mark.usefixtures("x64")
def test_auto_is_convex_in_space_where_it_applies():
    mesh = fem.box((2, 2, 2))
    assert mapping.size(mesh) == mapping.size(mesh, method="convex")
    assert mapping.basis_network(mesh).method == "convex"
    assert mapping.size(twelve_tetrahedra()).method == "maxima"
    with pytest.raises(AssumptionError, match=r"auto found no .* d = 3: .* not around.*barrier"):
        mapping.basis_network(twelve_tetrahedra())


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("method", ["convex", "barrier"])
def test_values_in_space_are_traced_and_differentiated(method):
    mesh = fem.box((2, 2, 2))
    basis = mapping.basis_network(mesh, method=method)
    x, hat_values = sample(mesh, np.eye(len(mesh.nodes)), n=3)
    gradient = jax.jit(jax.grad(lambda u: relu.evaluate(basis.network(u), x[0])))
    np.testing.assert_allclose(gradient(normal_values(mesh)), hat_values[0], rtol=0, atol=1e-13)


@pytest.mark.usefixtures("x64")
def test_cells_that_overlap_are_refused_by_the_linear_programs():
    """Two tetrahedra on one facet, of which one is turned over into the other."""
    nodes = np.vstack([np.zeros(3), np.eye(3), np.ones(3)])
    mesh = fem.from_arrays(nodes, [[0, 1, 2, 3], [1, 2, 3, 4]])
    nodes[4] = 0.2
    with pytest.raises(AssumptionError, match=r"common faces, but around node [0-9]"):
        mapping.fem_to_relu(mesh._replace(nodes=nodes), np.ones(5), method="barrier")


@pytest.mark.parametrize(
    "name", ["L-shape", "pinched", "corner, hole, notch", "random", "bent box"]
)
def test_convex_serves_exactly_the_nodes_whose_formula_holds(name):
    """The formula, at many points of the mesh, against the hat function, node by node."""
    mesh = MESHES[name]()
    x, exact = sample(mesh, np.eye(len(mesh.nodes)), n=4000)
    corners = mesh.nodes[mesh.cells]
    pieces = np.linalg.inv(np.concatenate([corners, np.ones((*corners.shape[:2], 1))], axis=2))
    for node in range(len(mesh.nodes)):
        g = pieces.transpose(0, 2, 1)[mesh.cells == node]
        minimum = (x @ g[:, :-1].T + g[:, -1]).min(axis=1)
        holds = np.abs(np.maximum(minimum, 0) - exact[:, node]).max() < 1e-9
        try:
            convex.plan(mesh, np.arange(len(mesh.nodes)) == node)
        except AssumptionError:
            assert not holds
        else:
            assert holds

"""The statement of the chapter: a P1 function is a ReLU network, whatever the mesh and the form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from approxnet import fem, mapping, relu
from approxnet.errors import (
    AssumptionError,
    ConfigError,
    NetworkError,
    NonFiniteError,
    PrecisionWarning,
)
from approxnet.mapping.to_relu import METHODS

from .meshes import LATTICES, LINES, PLANES, boundary, random_points, sample, tolerance

MESHES = LINES | PLANES
LINEAR = [name for name, method in METHODS.items() if method.linear]
CASES = (
    [(name, "shallow") for name in LINES]
    + [(name, method) for name in PLANES for method in ("tripod", "polygon")]
    + [(name, "uniform") for name in LATTICES]
    + [(name, "auto") for name in MESHES]
)
VALUES = {
    "random": lambda mesh: np.random.default_rng(1).normal(size=len(mesh.nodes)),
    "integers with ties": lambda mesh: (
        np.random.default_rng(2).integers(-1, 2, len(mesh.nodes)) * 1.0
    ),
    "constant": lambda mesh: np.full(len(mesh.nodes), 3.0),
    "zero": lambda mesh: np.zeros(len(mesh.nodes)),
    "affine": lambda mesh: 1.0 + mesh.nodes @ np.arange(1.0, 1.0 + mesh.nodes.shape[1]),
    "convex": lambda mesh: (mesh.nodes**2).sum(axis=1),
    "one node": lambda mesh: np.eye(1, len(mesh.nodes), len(mesh.nodes) // 2)[0],
}


@pytest.mark.sample(24)
@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(("name", "method"), CASES)
def test_a_finite_element_function_is_a_network(name, method):
    mesh = MESHES[name]()
    values = np.stack([make(mesh) for make in VALUES.values()], axis=1)
    net = mapping.fem_to_relu(mesh, values, method=method)
    x, exact = sample(mesh, values)
    error = np.abs(np.asarray(relu.apply(net, x)) - exact).max()
    assert error <= tolerance(net, x)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(("name", "method"), CASES)
def test_the_size_is_predicted_exactly(name, method):
    mesh = MESHES[name]()
    values = VALUES["random"](mesh)
    for kind in ("free", "zero"):
        if kind == "zero":
            values[boundary(mesh)] = 0
            if not values.any():
                continue
        net = mapping.fem_to_relu(mesh, values, method=method)
        size = mapping.size(mesh, method=method, boundary=kind)
        assert size.widths == tuple(layer.n_out for layer in net.layers[:-1])
        assert size.n_neurons == relu.n_neurons(net) == sum(size.widths)
        assert size.hidden_layers == relu.hidden_layers(net) == len(size.widths)


@pytest.mark.sample(12)
@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", PLANES)
@pytest.mark.parametrize("method", ["uniform", "tripod"])
def test_a_function_that_vanishes_on_the_boundary_is_zero_outside(name, method):
    if method == "uniform" and name not in LATTICES:
        name = "rectangles"
    mesh = PLANES[name]()
    values = VALUES["random"](mesh)
    values[boundary(mesh)] = 0
    net = mapping.fem_to_relu(mesh, values, method=method)
    lower, upper = mesh.nodes.min(axis=0), mesh.nodes.max(axis=0)
    x = np.random.default_rng(0).uniform(2 * lower - upper, 2 * upper - lower, (2000, 2))
    corners = mesh.nodes[mesh.cells]
    edges = np.stack([corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]], axis=2)
    local = np.einsum("cij,ncj->nci", np.linalg.inv(edges), x[:, None] - corners[None, :, 0])
    inside = ((local >= 0).all(axis=2) & (local.sum(axis=2) <= 1)).any(axis=1)
    assert np.abs(np.asarray(relu.evaluate(net, x[~inside]))).max() <= tolerance(net, x)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", LINES)
def test_a_line_continues_linearly(name):
    line = LINES[name]()
    values = VALUES["random"](line)
    net = mapping.fem_to_relu(line, values)
    order = np.argsort(line.nodes[:, 0])
    x, v = line.nodes[order, 0], values[order]
    for end, inner, step in ((0, 1, -1.0), (-1, -2, 2.0)):
        slope = (v[end] - v[inner]) / (x[end] - x[inner])
        place = np.array([x[end] + step])
        value = relu.evaluate(net, place)
        assert abs(value - (v[end] + slope * step)) <= tolerance(net, place[None])


@pytest.mark.usefixtures("x64")
def test_the_tripod_form_falls_to_zero_far_from_the_mesh():
    mesh = PLANES["ring"]()
    net = mapping.fem_to_relu(mesh, VALUES["random"](mesh), method="tripod")
    angle = np.linspace(0, 6, 50)[:, None]
    far = 5 * np.concatenate([np.cos(angle), np.sin(angle)], axis=1)
    assert np.abs(np.asarray(relu.evaluate(net, far))).max() <= tolerance(net, far)


@given(
    arrays(np.float64, 60, elements=st.sampled_from([-1.0, 0.0, 0.5, 1.0, 1.0 + 1e-12, 1e3])),
    st.sampled_from(["tripod", "polygon"]),
)
def test_ties_and_scales_do_not_matter(values, method):
    mesh = PLANES["random"]()
    with jax.enable_x64(True):
        net = mapping.fem_to_relu(mesh, values, method=method)
        x, exact = sample(mesh, values, n=100)
        assert np.abs(np.asarray(relu.evaluate(net, x)) - exact).max() <= tolerance(net, x)


MESH_OF = {
    "shallow": "random line",
    "uniform": "rectangles",
    "tripod": "ring",
    "convex": "rectangles",
    "barrier": "random",
}


def basis_of(method):
    mesh = MESHES[MESH_OF[method]]()
    return mesh, mapping.basis_network(mesh, method=method)


@pytest.mark.sample(2)
@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("method", LINEAR)
def test_the_read_out_is_linear_and_batched(method):
    mesh, basis = basis_of(method)
    values = np.random.default_rng(0).normal(size=(3, len(mesh.nodes)))
    x, exact = sample(mesh, values.T)

    @jax.jit
    def evaluate(basis, u):
        return relu.evaluate(basis.network(u), x)

    batch = jax.vmap(evaluate, in_axes=(None, 0))(basis, values)
    limit = tolerance(jax.tree.map(np.asarray, basis.network(values.T)), x)
    np.testing.assert_allclose(batch, exact.T, rtol=0, atol=limit)
    one = basis.readout(values[0])
    rounding = len(mesh.nodes) * np.finfo(float).eps * np.abs(one.weight).max()
    np.testing.assert_allclose(
        one.weight[0], basis.readout(values.T).weight[0], rtol=0, atol=rounding
    )
    twice = basis.readout(2 * values[0])
    np.testing.assert_array_equal(twice.weight, 2 * one.weight)


@pytest.mark.sample(2)
@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("method", LINEAR)
def test_the_derivative_by_the_values_is_the_hat_function(method):
    mesh, basis = basis_of(method)
    x, hats = sample(mesh, np.eye(len(mesh.nodes)), n=5)
    u = jnp.zeros(len(mesh.nodes))
    limit = tolerance(jax.tree.map(np.asarray, basis.network(np.eye(len(u)))), x)
    for place, expected in zip(x[:5], hats[:5], strict=True):
        gradient = jax.grad(lambda u, p=place: relu.evaluate(basis.network(u), p))(u)
        np.testing.assert_allclose(gradient, expected, rtol=0, atol=limit)


@pytest.mark.usefixtures("x64")
def test_traced_values_give_the_same_network():
    mesh = PLANES["random"]()
    values = VALUES["random"](mesh)
    x, exact = sample(mesh, values)
    traced = jax.jit(lambda u: relu.evaluate(mapping.fem_to_relu(mesh, u), x))(values)
    net = mapping.fem_to_relu(mesh, values, method="tripod")
    np.testing.assert_allclose(traced, exact, rtol=0, atol=tolerance(net, x))


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", ["random", "rectangles", "ring"])
def test_a_hat_function_needs_the_neurons_of_its_patch(name):
    mesh = PLANES[name]()
    inner = np.setdiff1d(np.arange(len(mesh.nodes)), boundary(mesh))
    node = int(inner[len(inner) // 2])
    hat = mapping.hat_to_relu(mesh, node)
    x, exact = sample(mesh, np.eye(len(mesh.nodes))[node])
    assert np.abs(np.asarray(relu.evaluate(hat, x)) - exact).max() <= tolerance(hat, x)
    whole = mapping.size(mesh, boundary="zero").n_neurons
    assert relu.n_neurons(hat) < whole


@pytest.mark.usefixtures("x64")
def test_auto_takes_the_smallest_form():
    for name, make in PLANES.items():
        mesh = make()
        sizes = [mapping.size(mesh, method="tripod"), mapping.size(mesh, method="polygon")]
        if name in LATTICES:
            sizes.append(mapping.size(mesh, method="uniform"))
        assert mapping.size(mesh) == min(sizes, key=lambda size: size.n_neurons)
    assert mapping.basis_network(PLANES["random"]()).method == "tripod"
    assert mapping.basis_network(PLANES["rectangles"]()).method == "uniform"
    assert mapping.basis_network(LINES["random line"]()).method == "shallow"


@pytest.mark.usefixtures("x64")
def test_leaves_are_numpy_in_double_precision_also_without_x64():
    mesh = PLANES["random"]()
    with jax.enable_x64(False):
        net = mapping.fem_to_relu(mesh, np.asarray(VALUES["convex"](mesh)))
    for leaf in jax.tree.leaves(net):
        assert isinstance(leaf, np.ndarray)
        assert leaf.dtype in (np.float64, np.int32)


def test_single_precision_is_predicted_and_warned_of():
    mesh = fem.delaunay(random_points(2000, 0))
    values = np.random.default_rng(0).normal(size=2000)
    for method in ("tripod", "polygon"):
        with pytest.warns(PrecisionWarning, match="error is predicted as") as caught:
            net = mapping.fem_to_relu(mesh, values, method=method)
        predicted = float(str(caught[0].message).split("predicted as ")[1].split()[0])
        x, exact = sample(mesh, values, n=2000)
        error = np.abs(np.asarray(relu.evaluate(net, x)) - exact).max()
        assert predicted / 10 < error < 10 * predicted
        assert caught[0].filename == __file__


def test_auto_passes_over_a_smaller_form_that_single_precision_cannot_hold():
    """A strip one cell high: its cones are few but long, its hat functions many but local."""
    strip = fem.box((400, 1), (0.0, 0.0), (400.0, 1.0))
    values = np.random.default_rng(0).normal(size=len(strip.nodes))
    smallest = mapping.size(strip)
    with pytest.warns(PrecisionWarning, match="predicted"):
        mapping.fem_to_relu(strip, values, method=smallest.method)
    net = mapping.fem_to_relu(strip, values)
    assert relu.n_neurons(net) == mapping.size(strip, method="uniform").n_neurons
    assert smallest.n_neurons < relu.n_neurons(net)


WRONG = {
    "values too short": (lambda mesh: mapping.fem_to_relu(mesh, np.ones(3)), ValueError, "60"),
    "values of rank 3": (
        lambda mesh: mapping.fem_to_relu(mesh, np.ones((60, 1, 1))),
        ValueError,
        "one row per node",
    ),
    "nan": (
        lambda mesh: mapping.fem_to_relu(mesh, np.where(np.arange(60) == 7, np.nan, 0.0)),
        NonFiniteError,
        r"got nan at index \(7,\)",
    ),
    "complex": (lambda mesh: mapping.fem_to_relu(mesh, np.ones(60) * 1j), ValueError, "real"),
    "method misspelt": (
        lambda mesh: mapping.fem_to_relu(mesh, np.ones(60), method="poligon"),
        ConfigError,
        "did you mean 'polygon'",
    ),
    "boundary misspelt": (
        lambda mesh: mapping.size(mesh, boundary="zeros"),
        ConfigError,
        "did you mean 'zero'",
    ),
    "not a lattice": (
        lambda mesh: mapping.fem_to_relu(mesh, np.ones(60), method="uniform"),
        AssumptionError,
        "in cell [0-9]+; use tripod or polygon",
    ),
    "wrong dimension": (
        lambda mesh: mapping.size(mesh, method="shallow"),
        AssumptionError,
        "shallow needs a mesh in d = 1 dimensions, got d = 2",
    ),
    "features of polygon": (
        lambda mesh: mapping.basis_network(mesh, method="polygon"),
        AssumptionError,
        "depend on the nodal values.*uniform, tripod",
    ),
    "no such node": (lambda mesh: mapping.hat_to_relu(mesh, 60), ValueError, "below 60"),
    "negative node": (lambda mesh: mapping.hat_to_relu(mesh, -1), ValueError, ">= 0, got -1"),
    "not zero on the boundary": (
        lambda mesh: mapping.basis_network(mesh, boundary="zero").readout(np.ones(60)),
        ValueError,
        "got 1.0 at node [0-9]+; build the network with",
    ),
    "traced mesh": (
        lambda mesh: jax.jit(mapping.fem_to_relu)(mesh, np.ones(60)),
        TypeError,
        "outside of jit",
    ),
}


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("fault", WRONG)
def test_wrong_input_is_named(fault):
    call, error, message = WRONG[fault]
    with pytest.raises(error, match=message):
        call(PLANES["random"]())


@pytest.mark.usefixtures("x64")
def test_what_does_not_fit_into_memory_is_refused(monkeypatch):
    mesh = PLANES["random"]()
    monkeypatch.setattr("os.sysconf", lambda name: 100)
    with pytest.raises(NetworkError, match=r"polygon network with [0-9]+ neurons"):
        mapping.fem_to_relu(mesh, np.ones(60))

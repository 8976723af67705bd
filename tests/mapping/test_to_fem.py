"""A network is a P1 function on the mesh of its regions: exact values, conformity, round trips."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from approxnet import fem, mapping, relu
from approxnet.errors import AssumptionError, MeshError
from approxnet.mapping import to_fem
from approxnet.relu.complexes import LADDER
from approxnet.relu.layers import to_csr
from approxnet.relu.regions import TOLERANCE

from .meshes import LINES, PLANES, sample

pytestmark = pytest.mark.usefixtures("x64")


def random_net(shape, seed, bias=0.5, activations=None):
    rng = np.random.default_rng(seed)
    layers = [
        (rng.normal(size=(n, k)) * math.sqrt(2 / k), bias * rng.normal(size=n))
        for k, n in itertools.pairwise(shape)
    ]
    return relu.from_layers(layers, activations)


def integer_net(shape, seed, noise=0.0):
    """Equal, opposite and dead neurons, kinks through corners of the box; up to some noise."""
    rng = np.random.default_rng(seed)
    layers = [
        (rng.integers(-1, 2, (n, k)) * 1.0, rng.integers(-1, 2, n) / 2)
        for k, n in itertools.pairwise(shape)
    ]
    return relu.from_layers(
        (weight * (1 + noise * rng.normal(size=weight.shape)), bias) for weight, bias in layers
    )


def zero_net(d):
    return relu.from_layers(
        [(np.zeros((4, d)), np.ones(4)), (np.zeros((2, 4)), np.zeros(2)), (np.ones((1, 2)), [1.0])]
    )


def copies(net):
    """The network beside itself, its halves subtracted: every kink twice."""
    return relu.linear_combination([1.0, -0.5], [net, net])


NETWORKS = {
    "affine on a line": lambda: random_net((1, 1), 0),
    "affine in the plane": lambda: random_net((2, 2), 0),
    "affine in space": lambda: random_net((3, 1), 0),
    "affine in four dimensions": lambda: random_net((4, 1), 0),
    "line": lambda: random_net((1, 20, 1), 1),
    "deep line": lambda: random_net((1, 10, 10, 10, 3), 2),
    "plane": lambda: random_net((2, 12, 1), 3),
    "deep plane": lambda: random_net((2, 12, 12, 12, 2), 4),
    "space": lambda: random_net((3, 8, 8, 2), 5),
    "four dimensions": lambda: random_net((4, 5, 1), 6),
    "hats and identities": lambda: random_net(
        (2, 4, 3, 4, 1), 7, activations=["hat", "identity", "relu"]
    ),
    "zero on a line": lambda: zero_net(1),
    "zero in the plane": lambda: zero_net(2),
    "zero in space": lambda: zero_net(3),
    "copies in the plane": lambda: copies(random_net((2, 8, 8, 1), 8)),
    "copies in space": lambda: copies(random_net((3, 5, 5, 1), 9)),
    "planes through one point": lambda: random_net((3, 8, 1), 10, bias=0.0),
    "integers on a line": lambda: integer_net((1, 8, 8, 1), 0),
    **{f"integers in the plane {s}": lambda s=s: integer_net((2, 9, 9, 2), s) for s in range(4)},
    **{f"integers in space {s}": lambda s=s: integer_net((3, 6, 6, 1), s) for s in range(3)},
    "integers in four dimensions": lambda: integer_net((4, 5, 3, 1), 1),
    **{
        f"integers up to {noise:g}": lambda noise=noise: integer_net((2, 9, 9, 1), 1, noise)
        for noise in (1e-15, 1e-12, 1e-10, 1e-6)
    },
}
LOWER, UPPER = -1.0, 1.5


def noise(net, reach=UPPER):
    """What counts as 0 at the kinks, carried to the output: how far regions can be from affine."""
    bound, error = np.full(net.layers[0].n_in, reach), np.zeros(net.layers[0].n_in)
    for layer in net.layers:
        weight = abs(to_csr(layer))
        bound = weight @ bound + np.abs(layer.bias_vector())
        error = TOLERANCE * bound + weight @ error
    return error.max()


def columns(values):
    return values.reshape(len(values), -1).T


@pytest.mark.sample(10)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_a_function_on_its_mesh(name):
    net = NETWORKS[name]()
    mesh, values = mapping.relu_to_fem(net, LOWER, UPPER)
    assert values.dtype == np.float64
    assert values.shape == (len(mesh.nodes), *relu.shape(net)[-1:][: relu.shape(net)[-1] > 1])
    # Where kinks nearly meet, a multiple of the noise counts as 0.
    limit = noise(net) * (LADDER[-1] if "up to" in name else 1)
    for output, column in enumerate(columns(values)):
        error = fem.error_max(mesh, column, lambda x, i=output: relu.apply(net, x)[..., i])
        assert error <= limit


@pytest.mark.filterwarnings("ignore::approxnet.errors.MeshWarning")
@pytest.mark.parametrize("name", [name for name in NETWORKS if "four" not in name])
def test_the_mesh_conforms_and_fills_the_box(name):
    net = NETWORKS[name]()
    mesh, _ = mapping.relu_to_fem(net, LOWER, UPPER)
    d = mesh.nodes.shape[1]
    assert fem.volumes(mesh).min() > 0
    assert math.isclose(fem.volumes(mesh).sum(), (UPPER - LOWER) ** d, rel_tol=1e-12)
    np.testing.assert_array_equal(mesh.nodes.min(axis=0), np.full(d, LOWER))
    np.testing.assert_array_equal(mesh.nodes.max(axis=0), np.full(d, UPPER))
    checked = fem.from_arrays(mesh.nodes, mesh.cells)
    np.testing.assert_array_equal(checked.cells, mesh.cells)
    np.testing.assert_array_equal(checked.neighbours, mesh.neighbours)


@pytest.mark.parametrize("name", [name for name in NETWORKS if "up to" not in name])
def test_the_norms_of_the_function_are_those_of_the_network(name):
    net = NETWORKS[name]()
    mesh, values = mapping.relu_to_fem(net, LOWER, UPPER)
    mass, stiffness = fem.mass(mesh), fem.stiffness(mesh)
    square = sum(v @ (mass @ v) for v in columns(values))
    energy = sum(v @ (stiffness @ v) for v in columns(values))
    close = {"rel_tol": 1e-10, "abs_tol": 1e-14}
    assert math.isclose(square, relu.norm_l2(net, LOWER, UPPER) ** 2, **close)
    assert math.isclose(energy, relu.norm_h1(net, LOWER, UPPER) ** 2, **close)


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_an_affine_network_parts_the_box_like_kuhn(d):
    net = random_net((d, 1), d)
    mesh, _ = mapping.relu_to_fem(net, 0.0, 1.0)
    kuhn = fem.box((1,) * d)

    def simplices(mesh):
        return {frozenset(map(tuple, corners)) for corners in mesh.nodes[mesh.cells]}

    assert simplices(mesh) == simplices(kuhn)


def test_the_nodes_of_a_line_are_its_kinks():
    mesh = fem.interval([0.0, 0.25, 0.4, 1.0])
    values = np.array([1.0, -1.0, 2.0, 0.0])
    back = mapping.relu_to_fem(mapping.fem_to_relu(mesh, values), 0.0, 1.0)
    order = np.argsort(back.mesh.nodes[:, 0])
    np.testing.assert_allclose(back.mesh.nodes[order], mesh.nodes, rtol=1e-15)
    np.testing.assert_allclose(back.values[order], values, atol=1e-14)


MESHES = LINES | PLANES | {"cube": lambda: fem.box((1, 1, 1))}
ROUND_TRIPS = [
    *((name, "shallow") for name in LINES),
    *((name, "uniform") for name in ("one square", "other diagonal", "L-shape", "pinched")),
    *((name, "tripod") for name in ("rectangles", "turned", "two triangles apart")),
    *((name, "polygon") for name in ("rectangles", "turned", "L-shape", "one triangle")),
    *((name, "convex") for name in ("two intervals", "one square", "cube")),
    *((name, "barrier") for name in ("two intervals", "one square")),
    *((name, "maxima") for name in ("random line", "turned", "one triangle", "cube")),
]


@pytest.mark.sample(4)
@pytest.mark.parametrize(("name", "method"), ROUND_TRIPS)
def test_a_function_becomes_a_network_and_a_function_again(name, method):
    mesh = MESHES[name]()
    values = np.random.default_rng(1).normal(size=len(mesh.nodes))
    net = mapping.fem_to_relu(mesh, values, method=method)
    lower, upper = mesh.nodes.min(axis=0), mesh.nodes.max(axis=0)
    back = mapping.relu_to_fem(net, lower, upper)
    x, exact = sample(mesh, values)
    found = fem.evaluate(back.mesh, back.values, x, outside="extrapolate")
    np.testing.assert_allclose(found, exact, rtol=0, atol=noise(net, np.abs(mesh.nodes).max()))
    if math.isclose(fem.volumes(mesh).sum(), np.prod(upper - lower)):
        for matrix in (fem.mass, fem.stiffness):
            norms = [v @ (matrix(m) @ v) for m, v in ((mesh, values), back)]
            assert math.isclose(*norms, rel_tol=1e-9)


TRIPS_BACK = {
    "shallow": ((1, 6, 6, 2), "shallow"),
    "tripod": ((2, 4, 3, 1), "tripod"),
    "polygon": ((2, 6, 4, 2), "polygon"),
    "convex on a line": ((1, 6, 1), "convex"),
    "barrier in space": ((3, 3, 1), "barrier"),
    "maxima in space": ((3, 5, 4, 2), "maxima"),
}


@pytest.mark.sample(3)
@pytest.mark.parametrize("name", TRIPS_BACK)
def test_a_network_becomes_a_function_and_a_network_again(name):
    widths, method = TRIPS_BACK[name]
    net = random_net(widths, 4)
    mesh, values = mapping.relu_to_fem(net, LOWER, UPPER)
    again = mapping.fem_to_relu(mesh, values, method=method)
    x = np.random.default_rng(0).uniform(LOWER, UPPER, (500, widths[0]))
    np.testing.assert_allclose(relu.apply(again, x), relu.apply(net, x), rtol=0, atol=noise(again))


def test_a_network_that_was_trained_on_is_mapped_back():
    mesh = fem.box((3, 3))
    parameters, pattern = relu.split(mapping.fem_to_relu(mesh, np.sin(5 * mesh.nodes.sum(axis=1))))
    x = np.random.default_rng(0).random((200, 2))

    def loss(parameters):
        return jnp.mean((relu.evaluate(relu.join(parameters, pattern), x) - x[:, 0]) ** 2)

    optimizer = optax.sgd(1e-3)
    state, gradient = optimizer.init(parameters), jax.jit(jax.grad(loss))
    before = loss(parameters)
    for _ in range(10):
        change, state = optimizer.update(gradient(parameters), state)
        parameters = optax.apply_updates(parameters, change)
    assert loss(parameters) < 0.9 * before
    net = jax.tree.map(np.asarray, relu.join(parameters, pattern))
    back = mapping.relu_to_fem(net, 0.0, 1.0)
    error = fem.error_max(back.mesh, back.values, lambda x: relu.evaluate(net, x))
    assert error <= noise(net)


def test_the_result_is_the_same_without_double_precision():
    net = random_net((2, 8, 1), 0)
    one = mapping.relu_to_fem(net, LOWER, UPPER)
    with jax.enable_x64(False):
        other = mapping.relu_to_fem(net, LOWER, UPPER)
    jax.tree.map(np.testing.assert_array_equal, one, other)


def test_what_is_not_piecewise_linear_is_refused_by_name():
    net = random_net((2, 3, 3, 1), 0, activations=["relu", "tanh"])
    with pytest.raises(AssumptionError, match=r"hidden layer 1 .* got 'tanh'"):
        mapping.relu_to_fem(net, LOWER, UPPER)


def test_five_dimensions_and_an_empty_box_are_refused():
    with pytest.raises(ValueError, match="at most 4 inputs, got 5"):
        mapping.relu_to_fem(random_net((5, 1), 0), LOWER, UPPER)
    with pytest.raises(ValueError, match="lower must be less than upper"):
        mapping.relu_to_fem(random_net((2, 1), 0), UPPER, LOWER)


def test_where_one_direction_makes_a_flat_simplex_another_does_not(monkeypatch):
    # Found by search: kinks that differ by 1e-9.
    net = integer_net((3, 4, 4, 1), 2, 1e-9)
    mesh, _ = mapping.relu_to_fem(net, LOWER, UPPER)
    assert fem.volumes(mesh).min() > 0
    assert math.isclose(fem.volumes(mesh).sum(), (UPPER - LOWER) ** 3, rel_tol=1e-12)
    monkeypatch.setattr(to_fem, "DIRECTIONS", 1)
    with pytest.raises(MeshError, match="thicker than rounding"):
        mapping.relu_to_fem(net, LOWER, UPPER)


def test_regions_as_thin_as_rounding_are_refused():
    # Found by search: kinks that differ by 1e-8 make regions of 1e-16.
    net = integer_net((2, 8, 8, 1), 3, 1e-8)
    with pytest.raises(MeshError, match="the regions of net must be thicker than rounding"):
        mapping.relu_to_fem(net, LOWER, UPPER)

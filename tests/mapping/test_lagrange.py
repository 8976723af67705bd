"""Functions of degree k are networks with relu and squared relu."""

import itertools

import jax
import numpy as np
import pytest

from approxnet import fem, mapping, relu
from approxnet.errors import ConfigError, NonFiniteError

from .meshes import LINES, PLANES

MESHES = {
    "random line": LINES["random line"],
    "unordered line": LINES["unordered nodes"],
    "one square": PLANES["one square"],
    "rectangles": PLANES["rectangles"],
    "random": PLANES["random"],
    "L-shape": PLANES["L-shape"],
    "box in space": lambda: fem.box((2, 1, 1)),
}
CASES = [(name, degree) for name in MESHES for degree in (1, 2, 3, 4)] + [("one square", 5)]
# A product of k factors of size and slope at most k multiplies errors of the hat functions, at most
# 3e-13 on these meshes, by no more than k k^k, which is 1024 for k = 4.
CLOSE = 5e-10


def function(mesh, degree, seed=0):
    """Random nodal values, and points of all cells with the values there, product by product."""
    rng = np.random.default_rng(seed)
    nodes = fem.lagrange_nodes(mesh, degree)
    values = rng.normal(size=len(nodes.points))
    cell = np.resize(np.arange(len(mesh.cells)), max(200, len(mesh.cells)))
    weights = rng.dirichlet(np.full(mesh.cells.shape[1], 0.7), len(cell))
    x = np.einsum("nk,nki->ni", weights, mesh.nodes[mesh.cells[cell]])
    exact = np.zeros(len(cell))
    entries = range(degree, -1, -1)
    every = itertools.product(entries, repeat=mesh.cells.shape[1])
    for local, alpha in enumerate(a for a in every if sum(a) == degree):
        product = np.ones(len(cell))
        for j, power in enumerate(alpha):
            for m in range(power):
                product *= (degree * weights[:, j] - m) / (m + 1)
        exact += values[nodes.cells[cell, local]] * product
    return values, x, exact


@pytest.mark.sample(4)
@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(("name", "degree"), CASES)
def test_a_function_of_degree_k_is_a_network(name, degree):
    mesh = MESHES[name]()
    values, x, exact = function(mesh, degree)
    net = mapping.lagrange_to_relu(mesh, values, degree)
    np.testing.assert_allclose(relu.evaluate(net, x), exact, rtol=0, atol=CLOSE)
    points = fem.lagrange_nodes(mesh, degree).points
    np.testing.assert_allclose(relu.evaluate(net, points), values, rtol=0, atol=CLOSE)


@pytest.mark.sample(9)
@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(("name", "degree"), CASES)
def test_products_take_logarithmically_many_layers(name, degree):
    mesh = MESHES[name]()
    values, _, _ = function(mesh, degree)
    net = mapping.lagrange_to_relu(mesh, values, degree)
    hidden = mapping.basis_network(mesh).hidden
    products = net.activations[len(hidden) :]
    assert products == ("relu2",) * int(np.ceil(np.log2(degree)))
    assert relu.widths(net)[: len(hidden)] == tuple(layer.n_out for layer in hidden)
    for i, width in enumerate(relu.widths(net)[len(hidden) :]):
        assert width <= 4 * np.ceil(degree / 2 ** (i + 1)) * len(values)
    for leaf in jax.tree.leaves(net):
        assert isinstance(leaf, np.ndarray)
        assert leaf.dtype in (np.float64, np.int32)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("method", ["tripod", "uniform", "convex", "barrier"])
def test_every_form_of_the_hat_functions_serves(method):
    mesh = PLANES["rectangles"]()
    values, x, exact = function(mesh, 3)
    net = mapping.lagrange_to_relu(mesh, np.stack([values, -values], axis=1), 3, method=method)
    expected = np.stack([exact, -exact], axis=1)
    np.testing.assert_allclose(relu.apply(net, x), expected, rtol=0, atol=CLOSE)


@pytest.mark.usefixtures("x64")
def test_a_polynomial_of_degree_k_is_reproduced():
    mesh = PLANES["random"]()

    def cubic(x):
        return x[..., 0] ** 3 - 2 * x[..., 0] * x[..., 1] ** 2 + x[..., 1] - 1

    net = mapping.lagrange_to_relu(mesh, cubic(fem.lagrange_nodes(mesh, 3).points), 3)
    _, x, _ = function(mesh, 3)
    np.testing.assert_allclose(relu.evaluate(net, x), cubic(x), rtol=0, atol=CLOSE)


@pytest.mark.usefixtures("x64")
def test_values_may_be_traced():
    mesh = PLANES["rectangles"]()
    values, x, exact = function(mesh, 2)
    evaluate = jax.jit(lambda u: relu.evaluate(mapping.lagrange_to_relu(mesh, u, 2), x))
    np.testing.assert_allclose(evaluate(values), exact, rtol=0, atol=CLOSE)


WRONG = {
    "values of degree 1": (np.ones(4), 2, {}, ValueError, "9"),
    "degree 0": (np.ones(9), 0, {}, ValueError, "degree must be an integer >= 1, got 0"),
    "nan": (np.array([*[0.0] * 8, np.nan]), 2, {}, NonFiniteError, r"nan at index \(8,\)"),
    "method": (np.ones(9), 2, {"method": "tripods"}, ConfigError, "did you mean 'tripod'"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_wrong_input_is_named(fault):
    values, degree, options, error, message = WRONG[fault]
    with pytest.raises(error, match=message):
        mapping.lagrange_to_relu(PLANES["one square"](), values, degree, **options)

"""The tolerance is above every rounding error and below every real one."""

import jax
import numpy as np
import pytest

from approxnet import fem, mapping, relu
from approxnet.reproduce import rounding

EPS = {"float32": 2.0**-23, "float64": 2.0**-52}


def planar(n):
    rng = np.random.default_rng(n)
    inner = rng.uniform(0.05, 0.95, (n - 4, 2))
    mesh = fem.delaunay(np.concatenate([[[0, 0], [1, 0], [0, 1], [1, 1]], inner]))
    return mesh, rng.uniform(-1, 1, n), rng.uniform(size=(4000, 2))


def test_the_tolerance_of_a_small_network_is_that_of_the_formula():
    net = relu.from_layers([([[3.0, -1.0]], [2.0]), ([[-5.0]], [1.0]), ([[2.0]], [-4.0])])
    size = 2.0 * (5.0 * (3.0 * 2.0 + 1.0 * 3.0 + 2.0) + 1.0) + 4.0
    assert rounding.tolerance(net, [-2.0, 0.0], [1.0, 3.0], eps=1.0) == 8 * size


@pytest.mark.sample(2)
@pytest.mark.parametrize("method", ["tripod", "polygon"])
@pytest.mark.parametrize("n", [20, 100, 400])
def test_rounding_stays_below_the_tolerance_in_double_precision(x64, n, method):
    mesh, values, x = planar(n)
    net = mapping.fem_to_relu(mesh, values, method=method)
    error = np.abs(relu.evaluate(net, x) - fem.evaluate(mesh, values, x)).max()
    assert 0 < error <= rounding.tolerance(net, [0, 0], [1, 1])


def test_rounding_stays_below_the_tolerance_in_single_precision():
    rng = np.random.default_rng(0)
    layers = [(rng.normal(size=s), rng.normal(size=s[0])) for s in [(50, 2), (40, 50), (1, 40)]]
    x = rng.uniform(size=(2000, 2))
    exact = x.T
    for weight, bias in layers[:-1]:
        exact = np.maximum(weight @ exact + bias[:, None], 0)
    exact = layers[-1][0] @ exact + layers[-1][1][:, None]
    net = jax.tree.map(lambda a: np.asarray(a, np.float32), relu.from_layers(layers))
    error = np.abs(np.asarray(relu.evaluate(net, x.astype(np.float32)), float) - exact[0]).max()
    assert error <= rounding.tolerance(net, [0, 0], [1, 1], EPS["float32"])


def test_a_weight_that_is_wrong_by_a_millionth_is_above_the_tolerance(x64):
    mesh, values, x = planar(100)
    net = mapping.fem_to_relu(mesh, values, method="polygon")
    leaves, tree = jax.tree.flatten(net)
    tolerance = rounding.tolerance(net, [0, 0], [1, 1])
    reference = fem.evaluate(mesh, values, x)
    for i in (0, 1, 3, 7):
        wrong = np.array(leaves[i])
        assert wrong.dtype == float
        wrong.ravel()[wrong.size // 2] += 1e-6
        spoiled = jax.tree.unflatten(tree, [*leaves[:i], wrong, *leaves[i + 1 :]])
        assert np.abs(relu.evaluate(spoiled, x) - reference).max() > 10 * tolerance

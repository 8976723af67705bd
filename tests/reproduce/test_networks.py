"""The networks of the experiments have as many linear regions as the theorems say."""

import itertools
import math

import numpy as np
import pytest

from approxnet import relu
from approxnet.reproduce import networks

RNG = np.random.default_rng(0)


def test_random_weights_have_the_variance_of_their_layer():
    net = networks.random((50, 400, 1), RNG)
    weight, bias = net.layers[0].weight, net.layers[0].bias
    # the standard deviation of n normal numbers is known to a relative 1 / sqrt(2 n); five of them
    assert np.std(weight) == pytest.approx(math.sqrt(2 / 50), rel=5 / math.sqrt(2 * weight.size))
    assert np.std(bias) == pytest.approx(networks.BIAS, rel=5 / math.sqrt(2 * bias.size))


@pytest.mark.parametrize("d", [1, 2, 3])
def test_hyperplanes_cross_inside_the_unit_cube(d):
    normals, offsets = networks.hyperplanes(d, 6, RNG)
    for some in itertools.combinations(range(6), d):
        x = np.linalg.solve(normals[list(some)], -offsets[list(some)])
        assert np.linalg.norm(x - networks.CENTRE) <= networks.RADIUS + 1e-9


@pytest.mark.parametrize(("d", "n", "count"), [(2, 3, 7), (2, 6, 22), (2, 10, 56), (3, 5, 26)])
def test_one_hidden_layer_attains_the_number_of_zaslavsky(d, n, count):
    net = networks.folded(d, (), n, RNG)
    assert relu.count_regions(net, 0.0, 1.0) == count


@pytest.mark.parametrize(
    ("d", "folds", "last", "count"),
    [(1, (3, 3), 3, 36), (2, (2,), 4, 44), (2, (4,), 8, 592), (3, (2, 2), 6, 2688)],
)
def test_folds_attain_the_lower_bound_of_montufar_et_al(d, folds, last, count):
    net = networks.folded(d, folds, last, RNG)
    assert relu.widths(net) == (*(d * p for p in folds), last)
    assert relu.count_regions(net, 0.0, 1.0) == count


def test_a_sawtooth_is_an_iterated_hat_function():
    x = np.linspace(0, 1, 65)
    hat = x
    for levels in range(1, 6):
        hat = 1 - np.abs(2 * hat - 1)
        net = networks.sawtooth(levels)
        np.testing.assert_allclose(relu.evaluate(net, x[:, None]), hat, atol=2.0**-15)
        assert relu.widths(net) == (2,) * levels

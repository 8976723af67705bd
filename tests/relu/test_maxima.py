"""Minima and maxima as networks: values, sizes, weights, wrong input."""

import itertools

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from approxnet import relu
from approxnet.errors import ConfigError

# hidden layers and neurons of n numbers: three per pair and two per number left over
SIZES = {
    1: (0, 0),
    2: (1, 3),
    3: (2, 8),
    4: (2, 9),
    5: (3, 16),
    6: (3, 17),
    7: (3, 20),
    8: (3, 21),
    12: (4, 35),
    24: (5, 71),
}
TREES = {"minimum": (relu.minimum, np.min), "maximum": (relu.maximum, np.max)}


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("name", TREES)
def test_the_size_is_that_of_a_balanced_tree(name, n):
    net = TREES[name][0](n)
    assert (relu.hidden_layers(net), relu.n_neurons(net)) == SIZES[n]
    assert relu.hidden_layers(net) == int(np.ceil(np.log2(n)))


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("name", TREES)
def test_weights_are_small_integers_and_biases_zero(name, n, matrix):
    for layer in TREES[name][0](n).layers:
        assert set(np.unique(matrix(layer))) <= {-2.0, -1.0, 0.0, 1.0, 2.0}
        assert not np.asarray(layer.bias).any()
        assert layer.columns.shape[1] <= 6


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("name", TREES)
def test_it_is_exact_on_a_cube_of_integers(name, n):
    make, extremum = TREES[name]
    x = np.array(list(itertools.product(range(-2, 3), repeat=n)), np.float32)
    np.testing.assert_array_equal(relu.evaluate(make(n), x), extremum(x, axis=1))


@given(
    st.sampled_from([6, 7, 12, 24]).flatmap(
        lambda n: arrays(np.float32, (4, n), elements=st.integers(-1000, 1000))
    )
)
def test_it_is_exact_on_integers(x):
    for make, extremum in TREES.values():
        value = relu.evaluate(make(x.shape[1]), x)
        np.testing.assert_array_equal(value, extremum(x, axis=1))


def test_rounding_is_that_of_one_sum_per_hidden_layer(dtype):
    """Every layer adds three terms of at most twice the largest number."""
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(500, 24)) * 10.0 ** rng.integers(-3, 4, (500, 1))).astype(dtype)
    for make, extremum in TREES.values():
        net = make(24)
        value = np.asarray(relu.evaluate(net, x))
        assert value.dtype == dtype
        limit = 6 * relu.hidden_layers(net) * np.finfo(dtype).eps * np.abs(x).max(axis=1)
        assert (np.abs(value - extremum(x, axis=1)) <= limit).all()


def test_the_gradient_picks_the_largest_number():
    x = np.array([1.0, 4.0, -2.0, 3.0, 0.5], np.float32)
    gradient = jax.grad(lambda x: relu.evaluate(relu.maximum(5), x))(x)
    np.testing.assert_array_equal(gradient, [0, 1, 0, 0, 0])


@pytest.mark.parametrize("n", [0, -3, 2.5])
@pytest.mark.parametrize("name", TREES)
def test_the_number_of_arguments_must_be_positive(name, n):
    with pytest.raises(ValueError, match=f"n must be an integer >= 1, got {n}"):
        TREES[name][0](n)


def test_another_preference_is_refused_by_name():
    with pytest.raises(ConfigError, match="prefer must be one of size, got 'depth'"):
        relu.maximum(5, prefer="depth")

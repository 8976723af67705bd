"""Pruning: the same function with fewer neurons."""

import jax
import numpy as np
import pytest

from approxnet import relu


def test_pruning_changes_no_value_and_widens_no_layer(net, points, reference):
    small = relu.prune(net)
    x = points(net, 50)
    scale = np.abs(reference(net, x)).max()
    np.testing.assert_allclose(reference(small, x), reference(net, x), rtol=0, atol=1e-12 * scale)
    assert relu.hidden_layers(small) == relu.hidden_layers(net)
    assert all(a <= b for a, b in zip(relu.shape(small), relu.shape(net), strict=True))
    assert all(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(small))


def test_superfluous_neurons_are_found_in_every_layer(reference):
    rng = np.random.default_rng(0)
    first = rng.normal(size=(6, 2)), rng.normal(size=6)
    first[0][1], first[1][1] = first[0][0], first[1][0]  # duplicate
    first[0][2] = 0  # constant
    # Small integers, so that sums of weights have no rounding.
    second = rng.integers(1, 9, (5, 6)) * 1.0, rng.normal(size=5)
    second[0][:, 3] = 0  # makes neuron 3 of the first layer dead
    # Rows 0 and 1 are equal once neurons 0 and 1 of the first layer have become one.
    second[0][0] = second[0][1] + np.array([1, -1, 0, 0, 0, 0])
    second[1][0] = second[1][1]
    output = rng.normal(size=(2, 5)), rng.normal(size=2)
    output[0][:, 4] = 0  # dead neuron of the second layer
    net = relu.from_layers([first, second, output])
    small = relu.prune(net)
    x = rng.normal(size=(50, 2))
    np.testing.assert_allclose(reference(small, x), reference(net, x), rtol=1e-12, atol=1e-13)
    assert relu.shape(small) == (2, 6 - 3, 5 - 2, 2)


def test_neurons_read_only_by_dead_ones_are_dead():
    net = relu.from_layers(
        [
            (np.eye(2), np.zeros(2)),
            (np.eye(2), np.zeros(2)),
            (np.array([[1.0, 0.0]]), np.zeros(1)),
        ]
    )
    assert relu.shape(relu.prune(net)) == (2, 1, 1, 1)


def test_duplicates_whose_weights_cancel_are_dead():
    weights = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), np.zeros(3)
    net = relu.from_layers([weights, (np.array([[2.0, -2.0, 1.0]]), np.zeros(1))])
    assert relu.shape(relu.prune(net)) == (2, 1, 1)


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "hat", "relu2"])
def test_a_constant_network_becomes_affine(activation, x64):
    net = relu.from_layers(
        [
            (np.zeros((3, 2)), np.full(3, 0.75)),
            (np.ones((1, 3)), np.ones(1)),
            (np.ones((2, 1)), np.zeros(2)),
        ],
        [activation, activation],
    )
    small = relu.prune(net)
    assert relu.shape(small) == (2, 2)
    np.testing.assert_allclose(
        relu.apply(small, np.ones(2)), relu.apply(net, np.ones(2)), rtol=1e-15
    )


def test_a_network_that_reads_nothing_becomes_affine():
    net = relu.from_layers([(np.ones((3, 2)), np.ones(3)), (np.zeros((1, 3)), np.ones(1))])
    small = relu.prune(net)
    assert relu.shape(small) == (2, 1) and relu.evaluate(small, np.ones(2)) == 1.0


def test_neurons_of_different_bias_are_no_duplicates():
    net = relu.from_layers(
        [(np.ones((3, 1)), np.array([0.0, 1.0, -0.0])), (np.ones((1, 3)), np.zeros(1))]
    )
    assert relu.shape(relu.prune(net)) == (1, 2, 1)


def test_a_sparse_layer_with_few_long_rows_stays_sparse(reference):
    rng = np.random.default_rng(0)
    columns = np.argsort(rng.random((300, 200)))[:, :3].astype(np.int32)
    short = relu.SparseAffine(columns, rng.normal(size=(300, 3)), rng.normal(size=300), 200)
    long = relu.Affine(rng.normal(size=(2, 200)), rng.normal(size=2))
    net = relu.from_layers(
        [
            (rng.normal(size=(200, 2)), rng.normal(size=200)),
            relu.Stack((long, short)),
            (rng.normal(size=(1, 302)), np.zeros(1)),
        ]
    )
    small = relu.prune(net)
    sparse, dense = small.layers[1].parts
    assert sparse.columns.shape == (300, 3) and dense.weight.shape == (2, 200)
    x = rng.normal(size=(20, 2))
    np.testing.assert_allclose(reference(small, x), reference(net, x), rtol=1e-11, atol=1e-11)


def test_parallel_copies_of_a_network_prune_to_one(build, points, reference):
    net = build("dense")
    small = relu.prune(relu.linear_combination([1.0, 1.0], [net, net]))
    assert relu.shape(small) == relu.shape(net)
    np.testing.assert_allclose(
        reference(small, points(net)), 2 * reference(net, points(net)), rtol=1e-12
    )


def test_the_dtype_is_kept(build):
    net = jax.tree.map(lambda a: a.astype(np.float32), build("dense"))
    assert {leaf.dtype.name for leaf in jax.tree.leaves(relu.prune(net))} == {"float32"}

"""Random networks; parameters apart from structure."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from approxnet import relu
from approxnet.errors import NetworkError


def test_split_and_join_are_inverse(net):
    parameters, pattern = relu.split(net)
    assert all(np.issubdtype(a.dtype, np.floating) for a in jax.tree.leaves(parameters))
    assert all(np.issubdtype(a.dtype, np.integer) for a in jax.tree.leaves(pattern))
    joined = relu.join(parameters, pattern)
    assert jax.tree.structure(joined) == jax.tree.structure(net)
    assert all(a is b for a, b in zip(jax.tree.leaves(joined), jax.tree.leaves(net), strict=True))


@pytest.mark.sample(2)
def test_an_optax_step_reduces_the_loss_of_every_network(net, points):
    parameters, pattern = relu.split(jax.tree.map(jnp.asarray, net))
    x = jnp.asarray(points(net), jnp.float32)

    def loss(parameters):
        return jnp.mean(relu.apply(relu.join(parameters, pattern), x) ** 2)

    optimizer = optax.sgd(1e-4)
    value, gradient = jax.value_and_grad(loss)(parameters)
    updates, _ = optimizer.update(gradient, optimizer.init(parameters), parameters)
    after = optax.apply_updates(parameters, updates)
    assert jax.tree.structure(after) == jax.tree.structure(parameters)
    assert loss(after) < value


def test_training_leaves_the_pattern_of_a_sparse_layer_alone(build, points):
    net = jax.tree.map(jnp.asarray, build("sparse"))
    parameters, pattern = relu.split(net)
    x = jnp.asarray(points(net), jnp.float32)
    gradient = jax.grad(lambda p: jnp.sum(relu.apply(relu.join(p, pattern), x)))(parameters)
    output = net.layers[-1]
    filled = np.asarray(output.columns) < 0
    assert filled.any()
    assert np.all(np.asarray(gradient.layers[-1].weight)[filled] == 0)
    assert np.any(np.asarray(gradient.layers[-1].weight)[~filled] != 0)


@pytest.mark.sample(3)
def test_networks_of_one_pattern_are_evaluated_together_by_vmap(net, points):
    parameters, pattern = relu.split(jax.tree.map(jnp.asarray, net))
    scales = jnp.array([1.0, 0.5, -2.0])
    many = jax.tree.map(lambda a: jnp.stack([s * a for s in scales]), parameters)
    x = jnp.asarray(points(net), jnp.float32)
    together = jax.vmap(lambda p: relu.apply(relu.join(p, pattern), x))(many)
    for i in range(3):
        one = jax.tree.map(lambda a, i=i: a[i], many)
        alone = relu.apply(relu.join(one, pattern), x)
        np.testing.assert_allclose(together[i], alone, rtol=1e-4, atol=1e-4)


def test_join_names_a_leaf_that_is_missing_or_double(build):
    parameters, pattern = relu.split(build("sparse"))
    with pytest.raises(NetworkError, match=r"columns must be .* missing in both"):
        relu.join(parameters, parameters)
    with pytest.raises(NetworkError, match="present in both"):
        relu.join(build("sparse"), pattern)
    with pytest.raises(NetworkError, match="one network"):
        relu.join(parameters, relu.split(build("dense"))[1])


def test_init_has_the_variance_of_He_and_zero_biases(dtype):
    net = relu.init(jax.random.key(0), (50, 400, 1))
    weight = net.layers[0].weight
    assert weight.dtype == dtype and weight.shape == (400, 50)
    # The standard error of a sample variance of n normals is sqrt(2 / n) of it.
    assert abs(float(jnp.var(weight)) * 50 / 2 - 1) < 5 * np.sqrt(2 / weight.size)
    assert not any(np.any(layer.bias) for layer in net.layers)


def test_init_keeps_the_second_moment_from_layer_to_layer(x64):
    net = relu.init(jax.random.key(1), (100, 400, 400, 100))
    x = jax.random.normal(jax.random.key(2), (100, 100))
    moment = jnp.mean(relu.apply(net, x) ** 2) / 2
    # Each hidden layer of width n multiplies by a factor of mean 1 and variance about 5 / n.
    assert abs(moment - 1) < 4 * np.sqrt(2 * 5 / 400)


def test_init_takes_activations_and_different_keys_for_different_layers():
    net = relu.init(jax.random.key(0), (3, 3, 3), activations=["tanh"])
    assert net.activations == ("tanh",)
    assert not np.allclose(net.layers[0].weight, net.layers[1].weight)


@pytest.mark.parametrize("widths", [(), (2,), (2, 0, 1), (2, 1.5, 1)])
def test_init_refuses_widths_that_are_no_network(widths):
    with pytest.raises(ValueError, match="widths"):
        relu.init(jax.random.key(0), widths)


def test_init_refuses_an_unknown_activation():
    with pytest.raises(NetworkError, match="did you mean 'tanh'"):
        relu.init(jax.random.key(0), (2, 2, 1), activations=["tahn"])

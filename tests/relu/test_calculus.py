"""The calculus of networks: values, sizes, wrong input, derivatives."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from approxnet import relu
from approxnet.errors import NetworkError

RELU = ["affine", "block diagonal", "dense", "shallow on a line", "sparse", "stacked", "wide rows"]


def dense(rng, *widths, activations=None):
    pairs = [(rng.normal(size=(b, a)), rng.normal(size=b)) for a, b in itertools.pairwise(widths)]
    return relu.from_layers(pairs, activations)


def selection(d, m):
    """The sparse affine map of R^d to R^m that sums neighbours."""
    columns = np.arange(2 * m, dtype=np.int32).reshape(m, 2) % (d + 1) - 1
    return relu.from_layers([relu.SparseAffine(columns, np.ones((m, 2)), np.ones(m), d)])


def fitting(build, name, m):
    """A registry network and an affine map from R^m to its input."""
    net = build(name)
    return net, selection(m, net.layers[0].n_in)


@pytest.mark.sample(5)
@pytest.mark.parametrize("outer", [*RELU, "mixed activations"])
@pytest.mark.parametrize("inner", ["sparse", "block diagonal"])
def test_composition_is_composition_and_hidden_layers_add_up(
    outer, inner, build, points, reference
):
    inner = build(inner)
    outer, between = fitting(build, outer, inner.layers[-1].n_out)
    both = relu.compose(outer, relu.compose(between, inner))
    x = points(inner)
    expected = reference(outer, reference(between, reference(inner, x)))
    np.testing.assert_allclose(reference(both, x), expected, rtol=1e-12, atol=1e-11)
    assert relu.shape(both) == relu.shape(inner)[:-1] + relu.shape(outer)[1:]
    assert both.activations == inner.activations + outer.activations


def test_sparse_layers_compose_to_a_sparse_layer(matrix):
    rng = np.random.default_rng(0)
    outer, inner = selection(20, 5), selection(50, 20)
    both = relu.compose(outer, inner)
    product = matrix(outer.layers[0]) @ matrix(inner.layers[0])
    np.testing.assert_array_equal(matrix(both.layers[0]), product)
    assert np.any(outer.layers[0].columns == -1)
    assert isinstance(both.layers[0], relu.SparseAffine)
    assert both.layers[0].columns.shape == (5, 4) and both.layers[0].columns.dtype == np.int32
    stacked = relu.Stack((both.layers[0], relu.Affine(rng.normal(size=(2, 50)), np.zeros(2))))
    product = relu.compose(
        relu.from_layers([stacked]), relu.from_layers([selection(60, 50).layers[0]])
    )
    assert isinstance(product.layers[0].parts[0], relu.SparseAffine)


def test_composition_refuses_what_does_not_fit(build):
    with pytest.raises(NetworkError, match=r"the 3 outputs of inner, got .* with 2 inputs"):
        relu.compose(build("dense"), build("dense"))


@pytest.mark.parametrize("second", ["dense", "stacked", "block diagonal"])
def test_parallel_networks_stand_side_by_side_and_widths_add_up(second, build, points, reference):
    first, second = build("dense"), build(second)
    both = relu.parallel(first, second, first)
    x = points(first)
    expected = np.concatenate([reference(first, x), reference(second, x), reference(first, x)], -1)
    np.testing.assert_allclose(reference(both, x), expected, rtol=1e-12)
    hidden = [a + b + a for a, b in zip(relu.shape(first)[1:], relu.shape(second)[1:], strict=True)]
    assert relu.shape(both)[1:] == tuple(hidden)
    assert relu.n_parameters(both) == 2 * relu.n_parameters(first) + relu.n_parameters(second)


def test_shallower_parallel_networks_are_deepened():
    rng = np.random.default_rng(0)
    deep, shallow, affine = dense(rng, 2, 5, 4, 3, 1), dense(rng, 2, 6, 2), dense(rng, 2, 3)
    both = relu.parallel(deep, shallow, affine)
    assert relu.shape(both) == (2, 5 + 6 + 6, 4 + 4 + 6, 3 + 4 + 6, 1 + 2 + 3)
    x = rng.normal(size=(9, 2))
    with jax.enable_x64(True):
        expected = jnp.concatenate([relu.apply(net, x) for net in (deep, shallow, affine)], -1)
        np.testing.assert_allclose(relu.apply(both, x), expected, rtol=1e-13)


def test_affine_functions_are_parallel_without_hidden_layers(build, points, reference):
    net = build("affine")
    both = relu.parallel(net, net)
    assert relu.shape(both) == (3, 4)
    x = points(net)
    np.testing.assert_array_equal(reference(both, x), np.tile(reference(net, x), 2))


def test_parallel_names_the_layer_where_activations_differ():
    rng = np.random.default_rng(0)
    first = dense(rng, 2, 3, 3, 1)
    second = dense(rng, 2, 3, 3, 1, activations=["relu", "tanh"])
    with pytest.raises(
        NetworkError, match="hidden layer 1 must have one activation, got relu, tanh"
    ):
        relu.parallel(first, second)
    with pytest.raises(NetworkError, match=r"hidden layer 1 .* tanh, relu .*padded"):
        relu.parallel(second, dense(rng, 2, 3, 1))


def test_parallel_refuses_other_inputs_and_no_network(build):
    with pytest.raises(NetworkError, match=r"same number of inputs, got \[2, 3\]"):
        relu.parallel(build("dense"), build("sparse"))
    with pytest.raises(NetworkError, match="at least one"):
        relu.parallel()


@given(st.lists(st.floats(-10, 10), min_size=3, max_size=3))
def test_a_linear_combination_is_the_linear_combination(build, reference, coefficients):
    rng = np.random.default_rng(0)
    nets = [dense(rng, 2, 5, 2), build("affine"), dense(rng, 2, 4, 4, 2)]
    nets[1] = relu.compose(nets[1], selection(2, 3))
    x = rng.normal(size=(7, 2))
    net = relu.linear_combination(coefficients, nets)
    expected = sum(c * reference(f, x) for c, f in zip(coefficients, nets, strict=True))
    np.testing.assert_allclose(reference(net, x), expected, rtol=1e-12, atol=1e-11)
    assert relu.shape(net) == (2, 5 + 4 + 4, 4 + 4 + 4, 2)
    assert isinstance(net.layers[-1], relu.Affine)


def test_a_linear_combination_of_affine_functions_is_affine(build, points, reference):
    net = build("affine")
    twice = relu.linear_combination([3.0, -1.0], [net, net])
    assert relu.shape(twice) == (3, 2)
    np.testing.assert_allclose(reference(twice, points(net)), 2 * reference(net, points(net)))


def test_a_linear_combination_refuses_what_does_not_fit(build):
    with pytest.raises(ValueError, match=r"coefficients must have shape \(1,\).*got \(2,\)"):
        relu.linear_combination([1.0, 2.0], [build("dense")])
    with pytest.raises(NetworkError, match=r"same number of outputs, got \[1, 3\]"):
        relu.linear_combination([1.0, 2.0], [build("dense"), build("stacked")])


def test_the_gradient_in_the_coefficients_is_the_basis(build, points, x64):
    nets = [build("stacked"), build("block diagonal")]
    nets[1] = relu.compose(relu.from_layers([(np.ones((1, 2)), np.zeros(1))]), nets[1])
    x = points(nets[0], 1)[0]
    gradient = jax.jit(jax.grad(lambda c: relu.evaluate(relu.linear_combination(c, nets), x)))
    expected = [relu.evaluate(net, x) for net in nets]
    np.testing.assert_allclose(gradient(jnp.array([2.0, 3.0])), expected, rtol=1e-12)


@pytest.mark.parametrize(("d", "k"), [(1, 0), (1, 1), (3, 1), (2, 4)])
def test_the_identity_is_exact_with_2d_neurons_in_a_layer(d, k, dtype):
    net = relu.identity(d, k)
    assert relu.shape(net) == (d, *k * (2 * d,), d)
    x = np.random.default_rng(d).normal(size=(20, d)).astype(dtype)
    np.testing.assert_array_equal(relu.apply(net, x), x)


@pytest.mark.parametrize(
    ("d", "k", "name"), [(0, 1, "d"), (1.5, 1, "d"), (1, -1, "k"), (1, "2", "k")]
)
def test_the_identity_refuses_wrong_sizes(d, k, name):
    with pytest.raises(ValueError, match=f"{name} must be an integer"):
        relu.identity(d, k)


@pytest.mark.sample(3)
def test_padding_keeps_every_value_and_adds_2m_neurons_a_layer(net, points):
    m, k = net.layers[-1].n_out, relu.hidden_layers(net)
    deep = relu.pad_depth(net, k + 3)
    x = points(net).astype(np.float32)
    np.testing.assert_allclose(relu.apply(deep, x), relu.apply(net, x), rtol=1e-5, atol=1e-5)
    assert relu.shape(deep) == (*relu.shape(net)[:-1], *3 * (2 * m,), m)
    assert deep.activations == (*net.activations, *3 * ("relu",))


def test_padding_to_the_same_depth_is_nothing_and_to_less_an_error(build):
    net = build("dense")
    assert relu.pad_depth(net, 2) is net
    with pytest.raises(NetworkError, match="at least the 2 hidden layers, got 1"):
        relu.pad_depth(net, 1)


def test_host_networks_stay_in_double_precision_on_the_host(build):
    net = build("dense")
    between = relu.from_layers([(np.full((2, 3), 1 / 3), np.full(2, 1 / 3))])
    made = [
        relu.compose(between, net),
        relu.parallel(net, relu.identity(2, 1)),
        relu.linear_combination([1 / 3, 1.0], [net, net]),
        relu.pad_depth(net, 4),
    ]
    for leaf in itertools.chain.from_iterable(map(jax.tree.leaves, made)):
        assert isinstance(leaf, np.ndarray) and leaf.dtype in (np.float64, np.int32)
    weight = between.layers[0].weight @ net.layers[-1].weight
    np.testing.assert_allclose(made[0].layers[-1].weight, weight, rtol=1e-15)
    np.testing.assert_array_equal(made[2].layers[-1].weight[:, :5], net.layers[-1].weight * (1 / 3))


def test_host_networks_are_composed_while_another_function_is_traced(build):
    net = build("dense")
    square = relu.from_layers([(np.ones((1, 3)), np.zeros(1))])
    traced = jax.jit(lambda x: relu.evaluate(relu.compose(square, net), x))(jnp.ones(2))
    np.testing.assert_allclose(
        traced, relu.evaluate(relu.compose(square, net), np.ones(2)), rtol=1e-5
    )


def test_the_calculus_is_differentiable_in_the_weights(build, points, x64):
    parameters, pattern = relu.split(jax.tree.map(jnp.asarray, build("sparse")))
    x = points(build("sparse"), 1)[0]
    outer = jax.tree.map(jnp.asarray, selection(2, 3))

    def one_network(parameters):
        net = relu.join(parameters, pattern)
        net = relu.linear_combination([2.0, 1.0], [relu.compose(outer, net), relu.identity(3, 1)])
        return jnp.sum(relu.apply(relu.parallel(net, net), x) ** 2)

    def by_hand(parameters):
        value = relu.apply(outer, relu.apply(relu.join(parameters, pattern), x))
        return 2 * jnp.sum((2 * value + x) ** 2)

    slopes = jax.jit(jax.grad(one_network))(parameters), jax.grad(by_hand)(parameters)
    for a, b in zip(*map(jax.tree.leaves, slopes), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)


def test_different_dtypes_meet_in_the_wider_one(build, x64):
    net = build("dense")
    single = jax.tree.map(
        lambda a: jnp.asarray(a, jnp.float32), relu.identity(3, 0).layers[0].weight
    )
    outer = relu.from_layers([(np.ones((1, 3), np.float32), jnp.zeros(1, jnp.float32))])
    assert single.dtype == np.float32
    assert relu.compose(outer, net).layers[-1].weight.dtype == np.float64

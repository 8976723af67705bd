"""Evaluation of networks against matrices in plain NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from approxnet import relu
from approxnet.errors import NetworkError
from approxnet.relu import evaluation


def tolerance(net, x, dtype):
    """eps times the number of terms of all sums times the network of absolute values."""
    h = np.abs(x)
    for layer in net.layers:
        h = h @ abs(relu.to_csr(layer)).toarray().T + np.abs(np.asarray(layer.bias_vector()))
        h = h + h**2 if "relu2" in net.activations else h + 1
    return np.finfo(dtype).eps * sum(relu.shape(net)) * float(h.max())


@pytest.mark.sample(5)
def test_values_are_those_of_the_matrices(net, points, reference, dtype):
    x = points(net).astype(dtype)
    values = relu.apply(jax.tree.map(jnp.asarray, net), x)
    assert values.dtype == dtype and values.shape == (9, net.layers[-1].n_out)
    np.testing.assert_allclose(values, reference(net, x), rtol=0, atol=tolerance(net, x, dtype))


@given(st.lists(st.floats(-1e3, 1e3), min_size=6, max_size=6))
def test_values_are_right_at_any_points(build, reference, entries):
    net, x = build("stacked"), np.array(entries, np.float32).reshape(3, 2)
    np.testing.assert_allclose(
        relu.apply(net, x), reference(net, x), rtol=0, atol=tolerance(net, x, np.float32)
    )


@pytest.mark.sample(3)
def test_points_may_have_any_leading_shape(net, points):
    x = points(net, 6).astype(np.float32)
    flat = np.asarray(relu.apply(net, x))
    m = flat.shape[1]
    np.testing.assert_array_equal(relu.apply(net, x.reshape(2, 3, -1)), flat.reshape(2, 3, m))
    np.testing.assert_allclose(relu.apply(net, x[0]), flat[0], rtol=1e-4, atol=1e-4)
    assert relu.apply(net, x[0]).shape == (m,)
    assert relu.apply(net, x[:0]).shape == (0, m)
    assert relu.apply(net, x[:0].reshape(0, 4, x.shape[1])).shape == (0, 4, m)


@pytest.mark.sample(3)
def test_jit_and_vmap_change_nothing(net, points):
    net, x = jax.tree.map(jnp.asarray, net), jnp.asarray(points(net), jnp.float32)
    eager = relu.apply(net, x)
    np.testing.assert_allclose(jax.jit(relu.apply)(net, x), eager, rtol=1e-5, atol=1e-5)
    by_point = jax.vmap(relu.apply, (None, 0))(net, x)
    np.testing.assert_allclose(by_point, eager, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(
        by_point, jnp.stack([relu.apply(net, p) for p in x]), rtol=1e-4, atol=1e-4
    )


@pytest.mark.sample(2)
def test_gradients_are_difference_quotients_away_from_kinks(net, points, x64):
    parameters, pattern = relu.split(jax.tree.map(jnp.asarray, net))
    x = jnp.asarray(points(net, 1)[0])

    @jax.jit
    def value(parameters, x):
        return jnp.sum(jnp.sin(relu.apply(relu.join(parameters, pattern), x)))

    slopes = jax.jit(jax.grad(value, (0, 1)))(parameters, x)
    direction = jax.tree.map(
        lambda a: jnp.cos(1.7 * jnp.arange(a.size, dtype=a.dtype)).reshape(a.shape), (parameters, x)
    )
    h = 1e-6
    forward = jax.tree.map(lambda a, b: a + h * b, (parameters, x), direction)
    backward = jax.tree.map(lambda a, b: a - h * b, (parameters, x), direction)
    quotient = (value(*forward) - value(*backward)) / (2 * h)
    slope = sum(
        jnp.vdot(a, b)
        for a, b in zip(jax.tree.leaves(slopes), jax.tree.leaves(direction), strict=True)
    )
    np.testing.assert_allclose(slope, quotient, rtol=1e-6, atol=1e-6)


def test_a_host_network_in_double_precision_runs_in_the_precision_in_force(build, points):
    net = build("dense")
    assert net.layers[0].weight.dtype == np.float64
    assert relu.apply(net, points(net)).dtype == np.float32
    with jax.enable_x64(True):
        assert relu.apply(net, points(net).astype(np.float32)).dtype == np.float64


@pytest.mark.parametrize(
    ("x_dtype", "expected"), [("int32", "float32"), ("float16", "float32"), ("float64", "float64")]
)
def test_the_result_has_the_promoted_dtype(build, x64, x_dtype, expected):
    net = jax.tree.map(lambda a: a.astype(np.float32), build("dense"))
    assert relu.apply(net, np.ones((3, 2), x_dtype)).dtype == expected


def test_lists_are_points(build):
    assert relu.apply(build("dense"), [[0.0, 1.0], [2.0, 3.0]]).shape == (2, 3)


def test_evaluate_drops_the_axis_of_the_one_output(build, points):
    net = build("stacked")
    x = points(net)
    np.testing.assert_array_equal(relu.evaluate(net, x), relu.apply(net, x)[:, 0])
    assert relu.evaluate(net, x[0]).shape == ()
    with pytest.raises(NetworkError, match=r"1 output, got 3; use apply.*\(..., 3\)"):
        relu.evaluate(build("dense"), x)


@pytest.mark.parametrize("x", [np.ones((4, 3)), np.ones(()), np.ones((2, 2)) * 1j])
def test_wrong_points_are_refused(build, x):
    with pytest.raises(ValueError, match="x must"):
        relu.apply(build("dense"), x)


def test_the_gradient_at_a_kink_is_0():
    net = relu.from_layers([([[1.0]], [0.0]), ([[1.0]], [0.0])])
    assert jax.grad(lambda x: relu.evaluate(net, x))(jnp.zeros(1)).item() == 0.0


def test_an_infinite_feature_spoils_only_the_rows_that_read_it():
    rows = relu.SparseAffine(
        np.array([[0, 1], [1, -1]], np.int32), np.array([[1.0, 1.0], [1.0, 7.0]]), np.zeros(2), 2
    )
    net = relu.from_layers([rows])
    np.testing.assert_array_equal(relu.apply(net, np.array([np.inf, 2.0])), [np.inf, 2.0])
    slope = jax.jacobian(lambda x: relu.apply(net, x))(jnp.array([jnp.inf, 2.0]))
    np.testing.assert_array_equal(slope, [[1.0, 1.0], [0.0, 1.0]])


@pytest.mark.parametrize("name", ["stacked", "block diagonal"])
def test_chunks_change_nothing(build, reference, points, name):
    net = build(name)
    for n in (0, 63, 64, 65, 300):
        x = points(net, n).astype(np.float32)
        values = jax.jit(lambda net, x: evaluation._in_chunks(net, x, 64))(
            jax.tree.map(
                lambda a: jnp.asarray(a, jnp.float32) if a.dtype == np.float64 else a, net
            ),
            x,
        )
        assert values.shape == (n, net.layers[-1].n_out)
        bound = tolerance(net, x, np.float32) if n else 0
        np.testing.assert_allclose(values, reference(net, x), rtol=0, atol=bound)


def test_chunks_are_never_empty_and_bounded_in_bytes():
    for widths in [(1, 1), (2, 100, 3, 1), (2, 15_000, 20_002, 1), (10**6, 10**7, 1)]:
        size = evaluation.chunk_size(widths, 4)
        features = 4 * size * max(np.add(widths[1:], widths[:-1]))
        assert size == 64 or (size > 64 and size % 64 == 0 and features <= evaluation.CHUNK_BYTES)


def test_gradients_pass_through_chunks(build, points, x64):
    net = build("stacked")
    x = jnp.asarray(points(net, 200))

    def gradient(chunk):
        return jax.jit(jax.grad(lambda x: jnp.sum(evaluation._in_chunks(net, x, chunk))))(x)

    pieces, whole = gradient(64), gradient(256)
    np.testing.assert_allclose(pieces, whole, rtol=1e-12, atol=1e-12)


def test_new_weights_and_points_of_the_same_shape_are_not_traced_again(build, points):
    net = build("sparse")
    relu.apply(net, points(net))
    traced = evaluation._apply._cache_size()
    relu.apply(jax.tree.map(lambda a: a if a.dtype == np.int32 else 2 * a, net), 2 * points(net))
    assert evaluation._apply._cache_size() == traced
    relu.apply(net, points(net, 8))
    assert evaluation._apply._cache_size() == traced + 1


def photograph(n_first, n_second):
    """A network of the shape that a function on a planar mesh has, of float32 shapes only."""

    def array(*shape, dtype=jnp.float32):
        return jax.ShapeDtypeStruct(shape, dtype)

    def affine(n_out, n_in):
        return relu.Affine(array(n_out, n_in), array(n_out))

    local = relu.SparseAffine(
        array(n_second, 4, dtype=jnp.int32), array(n_second, 4), array(n_second), n_first
    )
    layers = affine(n_first, 2), relu.Stack((local, affine(2, n_first))), affine(1, n_second + 2)
    return relu.Network(layers, ("relu", "relu"))


@pytest.mark.parametrize("what", ["values", "gradients"])
def test_thirty_five_thousand_neurons_at_a_hundred_thousand_points_take_less_than_64_MiB(what):
    net, x = photograph(15_000, 20_000), jax.ShapeDtypeStruct((100_000, 2), jnp.float32)
    f = {
        "values": evaluation._apply,
        "gradients": jax.jit(
            jax.grad(lambda net, x: jnp.sum(evaluation._apply(net, x)), argnums=1)
        ),
    }[what]
    assert f.lower(net, x).compile().memory_analysis().temp_size_in_bytes < 2**26

"""Shallow networks: values, gradients, and the same network in the chapter relu."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from approxnet import relu, shallow
from approxnet.errors import AssumptionError, ConfigError, NetworkError, NonFiniteError


def net(activation="relu2", dtype=np.float64):
    rng = np.random.default_rng(0)
    arrays = rng.normal(size=(5, 3)), rng.normal(size=5), rng.normal(size=5)
    return shallow.from_arrays(*(a.astype(dtype) for a in arrays), activation)


X = np.random.default_rng(1).normal(size=(4, 2, 3))


def test_the_value_is_the_sum(dtype):
    v = net(dtype=dtype)
    t = X @ v.directions.T + v.offsets
    found = shallow.evaluate(v, X.astype(dtype))
    assert found.dtype == dtype
    np.testing.assert_allclose(
        found, np.maximum(t, 0) ** 2 @ v.coefficients, rtol=50 * np.finfo(dtype).eps, atol=1e-5
    )


def test_the_gradient_is_the_derivative_of_the_value(x64):
    v = net("tanh")
    expected = jax.vmap(jax.grad(lambda p: shallow.evaluate(v, p)))(jnp.asarray(X.reshape(-1, 3)))
    np.testing.assert_allclose(shallow.gradient(v, X).reshape(-1, 3), expected, rtol=1e-12)


def test_as_a_network_of_the_chapter_relu_it_has_the_same_shape_and_values():
    v = net("relu")
    found = shallow.to_relu(v)
    assert relu.shape(found) == (3, 5, 1)
    np.testing.assert_array_equal(relu.evaluate(found, X), shallow.evaluate(v, X))


def test_what_is_no_network_is_named():
    w, b, c = np.ones((2, 3)), np.ones(2), np.ones(2)
    with pytest.raises(NetworkError, match=r"offsets must have shape \(2,\)"):
        shallow.from_arrays(w, np.ones(3), c)
    with pytest.raises(NetworkError, match=r"directions must have shape \(n, d\)"):
        shallow.from_arrays(b, b, c)
    with pytest.raises(NonFiniteError, match="coefficients must be finite, got nan"):
        shallow.from_arrays(w, b, c * np.nan)
    with pytest.raises(ConfigError, match="did you mean 'relu2'"):
        shallow.from_arrays(w, b, c, "relu22")
    with pytest.raises(AssumptionError, match="1 derivatives in L2"):
        shallow.gradient(net("heaviside"), X)

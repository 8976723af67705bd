"""The convolution and its gradients, against sums in NumPy and against JAX's own."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.test_util import check_grads

from approxnet.errors import ConfigError
from approxnet.models import Conv, convolve

from . import reference
from .zoo import assert_fast_in_a_loop, compile_quickly


def random(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


def jax_convolution(x, w, s, padding):
    layout = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x, w, (s, s), padding, dimension_numbers=layout)


@pytest.mark.sample(14)
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize(("k", "s"), [*itertools.product(range(1, 8), (1, 2, 3))])
def test_value_and_gradients_are_those_of_JAX_and_of_the_sums(x64, k, s, padding):
    """A side of even and one of odd length; sums of at most 7 * 7 * 3 terms of order one."""
    x, w = random(0, 2, 8, 9, 3), random(1, k, k, 3, 2)

    @compile_quickly
    def compare(x, w):
        y, pull = jax.vjp(lambda x, w: convolve(x, w, stride=s, padding=padding), x, w)
        expected, expected_pull = jax.vjp(lambda x, w: jax_convolution(x, w, s, padding), x, w)
        g = jnp.sin(jnp.arange(y.size).reshape(y.shape))
        return (y, *pull(g)), (expected, *expected_pull(g))

    found, expected = compare(x, w)
    np.testing.assert_allclose(found[0], reference.convolve(x, w, s, padding), rtol=0, atol=1e-12)
    for a, b in zip(found, expected, strict=True):
        assert np.isfinite(a).all()
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12)


@pytest.mark.parametrize("boundary", ["periodic", "reflected"])
@pytest.mark.parametrize(("k", "s", "padding"), [(3, 1, "SAME"), (4, 2, "SAME"), (5, 3, 2)])
def test_the_border_continues_periodically_or_by_reflection(x64, boundary, k, s, padding):
    x, w = random(0, 2, 6, 7, 2), random(1, k, k, 2, 3)

    def f(x, w):
        return convolve(x, w, stride=s, padding=padding, boundary=boundary)

    np.testing.assert_allclose(
        f(x, w), reference.convolve(x, w, s, padding, boundary), rtol=0, atol=1e-12
    )
    check_grads(f, (x, w), order=1, modes=["rev"])


def test_a_periodic_convolution_commutes_with_shifts(x64):
    x, w = jnp.asarray(random(0, 1, 6, 5, 2)), jnp.asarray(random(1, 3, 3, 2, 2))
    shifted = convolve(jnp.roll(x, (2, 3), (1, 2)), w, boundary="periodic")
    expected = jnp.roll(convolve(x, w, boundary="periodic"), (2, 3), (1, 2))
    np.testing.assert_allclose(shifted, expected, atol=1e-13)


def test_a_number_pads_all_sides(x64):
    x, w = random(0, 1, 6, 7, 2), random(1, 3, 3, 2, 2)
    y = convolve(x, w, stride=2, padding=1)
    np.testing.assert_allclose(y, reference.convolve(x, w, 2, 1), rtol=0, atol=1e-12)


def test_a_kernel_may_be_oblong(x64):
    x, w = random(0, 1, 6, 7, 1), random(1, 1, 3, 1, 1)
    expected = np.pad(x, [(0, 0), (0, 0), (1, 1), (0, 0)])
    expected = sum(w[0, j, 0, 0] * expected[:, :, j : j + 7] for j in range(3))
    np.testing.assert_allclose(convolve(x, w), expected, atol=1e-13)


@pytest.mark.parametrize("s", [1, 2])
def test_gradients_of_gradients_are_those_of_JAX(x64, s):
    x, w = random(0, 1, 5, 6, 2), random(1, 3, 3, 2, 2)

    def second(convolution):
        def loss(x, w):
            return jnp.sum(jnp.sin(convolution(x, w)))

        def norm(x, w):
            return sum(jnp.sum(g**3) for g in jax.grad(loss, (0, 1))(x, w))

        return compile_quickly(jax.grad(norm, (0, 1)))(x, w)

    found = second(lambda x, w: convolve(x, w, stride=s))
    expected = second(lambda x, w: jax_convolution(x, w, s, "SAME"))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("s", [1, 2])
def test_every_derivative_has_the_layout_that_is_fast_in_a_loop(s):
    x, w = jnp.ones((1, 5, 6, 2)), jnp.ones((3, 3, 2, 2))

    def loss(x, w):
        return jnp.sum(convolve(x, w, stride=s) ** 2)

    def norm(x, w):
        return sum(jnp.sum(g**2) for g in jax.grad(loss, (0, 1))(x, w))

    assert assert_fast_in_a_loop(jax.make_jaxpr(jax.grad(norm, (0, 1)))(x, w).jaxpr) > 6


def test_forward_mode_is_refused():
    x, w = jnp.ones((1, 4, 4, 1)), jnp.ones((3, 3, 1, 1))
    with pytest.raises(TypeError, match="custom_vjp"):
        jax.jvp(lambda x: convolve(x, w), (x,), (x,))


def test_vmap_over_kernels_and_images_is_a_loop(x64):
    x, w = jnp.asarray(random(0, 3, 1, 5, 5, 2)), jnp.asarray(random(1, 3, 3, 3, 2, 2))

    def gradient(x, w):
        return jax.grad(lambda w: jnp.sum(jnp.sin(convolve(x, w, stride=2))))(w)

    together = jax.vmap(gradient)(x, w)
    for i in range(3):
        np.testing.assert_allclose(together[i], gradient(x[i], w[i]), atol=1e-13)


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_the_dtype_is_kept(name):
    x, w = jnp.ones((1, 4, 4, 1), name), jnp.ones((3, 3, 1, 1), name)
    assert convolve(x, w).dtype == name
    assert jax.eval_shape(jax.grad(lambda w: convolve(x, w).sum()), w).dtype == name


def test_the_module_adds_a_bias_to_the_convolution():
    x = jnp.asarray(random(0, 2, 5, 5, 2), jnp.float32)
    layer = Conv(3, stride=2, boundary="periodic")
    params = layer.init(jax.random.key(0), x)["params"]
    assert params["bias"].shape == (1, 1, 1, 3) and not params["bias"].any()
    params["bias"] = jnp.arange(3.0).reshape(1, 1, 1, 3)
    expected = convolve(x, params["kernel"], stride=2, boundary="periodic") + params["bias"]
    np.testing.assert_array_equal(layer.apply({"params": params}, x), expected)


def test_wrong_arguments_are_named():
    x, w = jnp.ones((1, 4, 4, 1)), jnp.ones((3, 3, 1, 1))
    with pytest.raises(ValueError, match=r"\(n, h, w, c\).*got \(4, 4, 1\)"):
        convolve(x[0], w)
    with pytest.raises(ValueError, match="the same c"):
        convolve(x, jnp.ones((3, 3, 2, 1)))
    with pytest.raises(ValueError, match="stride must be an integer >= 1, got 0"):
        convolve(x, w, stride=0)
    with pytest.raises(ConfigError, match="did you mean 'SAME'"):
        convolve(x, w, padding="SAMe")
    with pytest.raises(ConfigError, match="did you mean 'reflected'"):
        convolve(x, w, boundary="reflect")
    with pytest.raises(ValueError, match="padding must be an integer >= 0, got -1"):
        convolve(x, w, padding=-1)
    with pytest.raises(ValueError, match=r"kernel must fit .* got kernel \(5, 5\)"):
        convolve(x, jnp.ones((5, 5, 1, 1)), padding="VALID")

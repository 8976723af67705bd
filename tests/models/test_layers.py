"""Batch normalisation, dropout and the initial weights, as in the course."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from approxnet import models
from approxnet.models import BatchNorm, functional, kaiming, lecun, orthogonal, xavier
from approxnet.models.layers import dropout


def normalise(x, train, state=None, **fields):
    """A batch norm with scale 2 and shift -1: its values and its state afterwards."""
    layer = BatchNorm(**fields)
    c = x.shape[-1]
    params = {"scale": jnp.full(c, 2, x.dtype), "shift": jnp.full(c, -1, x.dtype)}
    if state is None:
        state = {"mean": jnp.zeros(c, x.dtype), "variance": jnp.ones(c, x.dtype)}
    variables = {"params": params, "batch_stats": state}
    y, updated = layer.apply(variables, x, train, mutable=["batch_stats"])
    return y, updated["batch_stats"]


def images(dtype, offset=0.0):
    rng = np.random.default_rng(0)
    return jnp.asarray(rng.normal(size=(4, 3, 5, 2)) * [1, 3] + offset, dtype)


# --- batch normalisation --------------------------------------------------------------------------


def test_in_training_every_channel_has_the_mean_and_variance_asked_for(dtype):
    y, _ = normalise(images(dtype), True, epsilon=0.0)
    tolerance = 50 * np.finfo(dtype).eps
    np.testing.assert_allclose(y.mean((0, 1, 2)), -1, atol=tolerance)
    np.testing.assert_allclose(y.var((0, 1, 2)), 4, atol=4 * tolerance)


def test_a_large_mean_costs_no_digits_but_its_own():
    """E x^2 - m^2 would lose all: 1e4^2 = 1e8 has a rounding error of 4 in single precision."""
    y, _ = normalise(images("float32", offset=1e4), True)
    exact, _ = normalise(images("float32"), True)
    np.testing.assert_allclose(y, exact, atol=2 * 1e4 * np.finfo("float32").eps)


def test_the_moving_averages_follow_their_formula_with_the_correction_of_Bessel(x64):
    x = images("float64", offset=1.0)
    start = {"mean": jnp.array([0.5, -0.5]), "variance": jnp.array([2.0, 3.0])}
    _, state = normalise(x, True, start)
    rows = np.asarray(x).reshape(-1, 2)
    mean = 0.9 * np.array([0.5, -0.5]) + 0.1 * rows.mean(0)
    variance = 0.9 * np.array([2.0, 3.0]) + 0.1 * rows.var(0, ddof=1)
    np.testing.assert_allclose(state["mean"], mean, rtol=1e-14)
    np.testing.assert_allclose(state["variance"], variance, rtol=1e-14)


def test_evaluation_uses_the_moving_averages_and_keeps_them(x64):
    x = images("float64")
    start = {"mean": jnp.array([0.5, -0.5]), "variance": jnp.array([2.0, 3.0])}
    y, state = normalise(x, False, start)
    expected = 2 * (np.asarray(x) - [0.5, -0.5]) / np.sqrt(np.array([2.0, 3.0]) + 1e-5) - 1
    np.testing.assert_allclose(y, expected, rtol=1e-13, atol=1e-13)
    assert all(state[name] is start[name] for name in start)


def test_with_no_past_evaluation_is_training_up_to_the_correction(x64):
    x = images("float64")
    trained, state = normalise(x, True, momentum=0.0, epsilon=0.0)
    evaluated, _ = normalise(x, False, state, epsilon=0.0)
    n = 4 * 3 * 5
    np.testing.assert_allclose(evaluated + 1, (trained + 1) * np.sqrt(1 - 1 / n), rtol=1e-12)


def test_the_gradient_goes_through_the_statistics(x64):
    def f(x):
        return jnp.sin(normalise(x, True)[0])

    check_grads(f, (images("float64"),), order=1, modes=["rev"], eps=1e-6)


def test_a_batch_of_one_value_per_channel_has_no_variance():
    with pytest.raises(ValueError, match=r"at least 2 values per channel .* got 1"):
        normalise(jnp.ones((1, 1, 1, 2)), True)


# --- dropout -------------------------------------------------------------------------------------


def test_dropout_keeps_the_mean():
    model = models.MLP(hidden=(20_000,), dropout=0.4, activation="identity")
    init, apply = functional(model)
    x = jnp.ones((1, 1))
    params, state = init(jax.random.key(0), x)
    # Hidden values are 1, and the output is the mean of what is left of them.
    params["Dense_0"]["kernel"] = jnp.ones_like(params["Dense_0"]["kernel"])
    params["Dense_1"]["kernel"] = jnp.full_like(params["Dense_1"]["kernel"], 1 / 20_000)
    logits, _ = apply(params, state, x, train=True, key=jax.random.key(1))
    deviation = np.sqrt(0.4 / 0.6 / 20_000)
    assert 0 < abs(float(logits[0, 0]) - 1) < 5 * deviation


@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan")])
def test_a_probability_of_dropout_is_less_than_one(rate):
    with pytest.raises(ValueError, match=r"dropout must be a probability in \[0, 1\)"):
        dropout(jnp.ones(3), rate, True)


# --- initial weights -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("draw", "shape", "variance"),
    [
        (xavier, (300, 200), 2 / 500),
        (kaiming, (300, 200), 2 / 300),
        (lecun, (300, 200), 1 / 300),
        (xavier, (5, 5, 40, 60), 2 / (25 * 100)),
        (kaiming, (5, 5, 40, 60), 2 / (25 * 40)),
    ],
)
def test_weights_have_mean_zero_and_their_variance(dtype, draw, shape, variance):
    weight = draw(jax.random.key(0), shape)
    assert weight.shape == shape and weight.dtype == dtype
    # Standard errors of the mean and the variance of n normals.
    n = weight.size
    assert abs(float(weight.mean())) < 5 * np.sqrt(variance / n)
    assert abs(float(weight.var()) / variance - 1) < 5 * np.sqrt(2 / n)


@pytest.mark.parametrize("shape", [(5, 5), (3, 12), (12, 3)])
def test_orthogonal_matrices_are_orthogonal(x64, shape):
    q = orthogonal(jax.random.key(0), shape)
    assert q.shape == shape
    small = q @ q.T if shape[0] < shape[1] else q.T @ q
    np.testing.assert_allclose(small, np.eye(min(shape)), atol=1e-14)


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("draw", "activation", "factor", "noise"),
    [
        (kaiming, jax.nn.relu, 1.0, 5),
        (xavier, jax.nn.relu, 0.5, 5),
        (xavier, lambda t: t, 1.0, 2),
    ],
)
def test_thirty_layers_keep_or_halve_the_variance(draw, activation, factor, noise):
    """The lemma of the course, E[relu(t)^2] = Var(t) / 2, layer upon layer.

    Given its input, the second moment of a layer of width n is that of the input times a factor of
    mean ``factor`` and relative variance ``noise`` / n: E relu(t)^4 / (E relu(t)^2)^2 - 1 = 5 for a
    normal t, and 2 without relu. The factors of thirty layers are independent.
    """
    n, layers, networks = 256, 30, 100

    def moment(key):
        def layer(h, key):
            return activation(h @ draw(key, (n, n))), None

        h, _ = jax.lax.scan(layer, jnp.ones(n), jax.random.split(key, layers))
        return jnp.mean(h**2)

    moments = jax.lax.map(moment, jax.random.split(jax.random.key(0), networks))
    deviation = np.sqrt(((1 + noise / n) ** layers - 1) / networks)
    assert deviation < 0.1
    assert abs(float(moments.mean()) / factor**layers - 1) < 4 * deviation


@pytest.mark.parametrize(("draw", "variance"), [(kaiming, 2 / 300), (xavier, 2 / 500)])
def test_the_hidden_layers_of_a_perceptron_start_as_asked(draw, variance):
    init, _ = functional(models.MLP((200,), 100, kernel_init=draw))
    params, _ = init(jax.random.key(0), jnp.ones((1, 300)))
    hidden, output = params["Dense_0"]["kernel"], params["Dense_1"]["kernel"]
    assert abs(float(hidden.var()) / variance - 1) < 5 * np.sqrt(2 / hidden.size)
    assert abs(float(output.var()) * 200 - 1) < 5 * np.sqrt(2 / output.size)
    assert not params["Dense_0"]["bias"].any() and not params["Dense_1"]["bias"].any()

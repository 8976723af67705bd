"""Training on functions as labels: fit finds a linear map, and what does not fit is refused."""

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from approxnet.errors import DataError
from approxnet.training import TrainConfig, cross_entropy, evaluate, fit
from approxnet.training.examples import on_device
from approxnet.training.step import correct

FACTOR = np.array([[2.0, -1.0], [0.5, 3.0]])


def functions(n=40, seed=0):
    """Pairs v, u = v FACTOR of functions on four points."""
    v = np.random.default_rng(seed).normal(size=(n, 2, 2, 2)).astype("float32")
    return SimpleNamespace(images=v, labels=v @ FACTOR.astype("float32"))


def init(key, x):
    return {"w": jnp.zeros((2, 2), x.dtype)}, {}


def apply(params, state, x, *, train=False, key=None):
    return jnp.einsum("nhwc,co->nhwo", x, params["w"]), state


def squares(v, u):
    return jnp.square(v - u).mean((1, 2, 3))


def test_a_linear_map_between_functions_is_found():
    config = TrainConfig(epochs=20, batch=16)
    result = fit(
        (init, apply),
        functions(),
        config,
        test=functions(seed=1),
        loss=squares,
        optimizer=optax.sgd(0.5),
    )
    np.testing.assert_allclose(result.state.params["w"], FACTOR, atol=1e-4)
    first, last = result.history[0], result.history[-1]
    assert last.test_loss < 1e-8 < first.test_loss
    assert first.test_accuracy < last.test_accuracy <= 1
    assert last.test_accuracy > 1 - 1e-4


def test_the_accuracy_of_functions_is_one_minus_the_relative_error(x64):
    rng = np.random.default_rng(0)
    v, u = rng.normal(size=(2, 5, 4, 3, 2))
    gap = np.sqrt(((v - u) ** 2).sum((1, 2, 3)) / (u**2).sum((1, 2, 3)))
    np.testing.assert_allclose(correct(jnp.asarray(v), jnp.asarray(u)), 1 - gap, rtol=1e-12)
    state = SimpleNamespace(params={"w": jnp.eye(2)}, model_state={})
    examples = SimpleNamespace(images=v, labels=u)
    model = (init, lambda params, state, x, **_: (x, state))
    scores = evaluate(model, state, examples, batch=2, loss=squares)
    np.testing.assert_allclose(scores.accuracy, (1 - gap).mean(), rtol=1e-12)
    np.testing.assert_allclose(scores.loss, ((v - u) ** 2).mean(), rtol=1e-12)


def test_functions_have_no_classes():
    u = jnp.ones((2, 3))
    with pytest.raises(ValueError, match="labels must be integers for cross_entropy, got float32"):
        cross_entropy(u, u)
    with pytest.raises(ValueError, match="labels must be integers for cross_entropy"):
        fit((init, apply), functions(), TrainConfig(epochs=1, batch=8))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda u: u[:-1], "one row per image"),
        (lambda u: u[..., :1], r"must have shape \(n, \*\(2, 2, 2\)\)"),
        (lambda u: np.where(u > 3, np.nan, u), "labels must be finite, got nan"),
        (lambda u: u.astype(complex), "labels must be integers, or functions"),
    ],
)
def test_labels_that_are_no_functions_like_the_outputs_are_refused(change, match):
    given = functions()
    with pytest.raises(DataError, match=match):
        fit(
            (init, apply),
            SimpleNamespace(images=given.images, labels=change(given.labels)),
            TrainConfig(epochs=1, batch=8),
            loss=squares,
        )


def test_functions_keep_their_precision(x64):
    given = functions()
    assert on_device(given).labels.dtype == jnp.float32
    given.labels = given.labels.astype(float)
    assert on_device(given).labels.dtype == jnp.float64

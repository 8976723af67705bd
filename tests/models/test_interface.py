"""The door to Flax: what it hands out, what it refuses, what it counts."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from approxnet import models
from approxnet.models import count_macs, count_parameters, functional

IMAGES = jax.ShapeDtypeStruct((2, 28, 28, 1), "float32")


def small():
    return functional(models.MLP(hidden=(5,), num_classes=3))


def test_init_depends_on_the_key_and_the_shape_alone():
    init = small().init
    x = jnp.ones((4, 2))
    one, again, other = (
        init(jax.random.key(seed), y) for seed, y in ((0, x), (0, 0 * x[:1]), (1, x))
    )
    for a, b, c in zip(*map(jax.tree.leaves, (one, again, other)), strict=True):
        np.testing.assert_array_equal(a, b)
        assert not a.any() or not np.allclose(a, c)


def test_init_is_compiled_once_for_equal_models():
    before = models.interface._init._cache_size()
    for seed in range(3):
        small().init(jax.random.key(seed), jnp.ones((4, 11)))
    assert models.interface._init._cache_size() == before + 1


@pytest.mark.parametrize(
    "x", [np.ones((4, 2), np.float32), jax.ShapeDtypeStruct((4, 2), "float32")]
)
def test_init_takes_host_arrays_and_shapes(x):
    params, state = small().init(jax.random.key(0), x)
    assert state == {}
    assert count_parameters(params) == 2 * 5 + 5 + 5 * 3 + 3
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(params))


def test_fields_must_be_hashable():
    with pytest.raises(TypeError, match=r"(?s)hashable fields, got MLP.*write tuples for lists"):
        functional(models.MLP(hidden=[5]))


def test_a_model_must_be_an_instance():
    with pytest.raises(TypeError, match=r"got <class .*; write models\.LeNet5"):
        functional(models.LeNet5)


def test_integers_are_no_images():
    """The sum of two uint8 pixels, 200 + 100, is 44."""
    init, apply = small()
    pixels = np.zeros((4, 2), np.uint8)
    with pytest.raises(ValueError, match="floating dtype, got uint8; write x / 255"):
        init(jax.random.key(0), pixels)
    params, state = init(jax.random.key(0), jnp.ones((4, 2)))
    with pytest.raises(ValueError, match="floating dtype, got uint8"):
        apply(params, state, jnp.asarray(pixels))


@pytest.mark.parametrize("shape", [(), (2,), (0, 2), (4, 0)])
def test_a_batch_has_at_least_one_sample(shape):
    with pytest.raises(ValueError, match=r"batch \(batch, \.\.\.\).*write x\[None\]"):
        small().init(jax.random.key(0), jnp.ones(shape))


def test_images_of_another_shape_than_at_init_are_refused():
    init, apply = functional(models.LeNet5())
    params, state = jax.eval_shape(init, jax.random.key(0), IMAGES)
    with pytest.raises(ValueError, match=r"got a batch \(2, 28, 28, 3\).*images are"):
        jax.eval_shape(apply, params, state, jax.ShapeDtypeStruct((2, 28, 28, 3), "float32"))


def test_images_that_are_too_large_for_LeNet5_are_refused():
    init, _ = functional(models.LeNet5())
    with pytest.raises(ValueError, match="at most 32 x 32 pixels, got 40 x 28; crop or shrink"):
        jax.eval_shape(init, jax.random.key(0), jax.ShapeDtypeStruct((2, 40, 28, 1), "float32"))


def test_the_params_of_another_model_are_refused():
    x = jnp.ones((4, 2))
    params, state = small().init(jax.random.key(0), x)
    deeper = functional(models.MLP(hidden=(5, 3), num_classes=3))
    with pytest.raises(ValueError, match=r"params and state must be those of MLP.*Dense_2"):
        deeper.apply(params, state, x)
    with pytest.raises(ValueError, match="params and state must be those of MLP"):
        deeper.apply({}, state, x)


def test_a_state_that_is_missing_is_refused():
    x = jnp.ones((4, 8, 8, 1))
    init, apply = functional(models.VGG(stages=(1,), channels=(2,)))
    params, _ = init(jax.random.key(0), x)
    with pytest.raises(ValueError, match="params and state must be those of VGG"):
        apply(params, {}, x)
    with pytest.raises(ValueError, match="params and state must be those of VGG"):
        apply(params, {}, x, train=True)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (models.MLP(dropout=1.0), r"dropout must be a probability in \[0, 1\), got 1.0"),
        (models.MLP(hidden=(0,)), "width of a hidden layer must be an integer >= 1, got 0"),
        (models.MLP(activation="rleu"), "did you mean 'relu'"),
        (models.LSTM(outputs="lsat"), "did you mean 'last'"),
        (models.VGG(stages=(1,)), r"stages and channels .* got \(1,\) and \(64, 128"),
        (models.ResNet(width=0), "features must be an integer >= 1, got 0"),
    ],
)
def test_fields_are_checked_when_the_model_is_traced(model, message):
    with pytest.raises(Exception, match=message):
        jax.eval_shape(functional(model).init, jax.random.key(0), IMAGES)


# --- counting -----------------------------------------------------------------------------------


class Looped(nn.Module):
    """Five products in a scan, one more in a branch or a loop if asked for."""

    extra: str = "none"

    @nn.compact
    def __call__(self, x, train):
        weight = self.param("weight", nn.initializers.ones, (x.shape[-1], x.shape[-1]))
        x, _ = lax.scan(lambda x, _: (x @ weight, None), x, None, length=5)
        match self.extra:
            case "cond":
                return lax.cond(x.sum() > 0, lambda x: x @ weight, lambda x: x, x)
            case "while":
                return lax.while_loop(lambda x: x.sum() < 1, lambda x: x @ weight, x)
            case _:
                return x


def test_macs_of_a_scan_count_every_step():
    assert count_macs(Looped(), (3,)) == 5 * 3 * 3


@pytest.mark.parametrize("extra", ["cond", "while"])
def test_macs_that_depend_on_the_input_are_refused(extra):
    with pytest.raises(ValueError, match=f"equally often .* got a {extra}"):
        count_macs(Looped(extra), (3,))


def test_macs_are_those_of_one_sample_and_leave_biases_out():
    assert count_macs(models.MLP(hidden=(500,)), (28, 28, 1)) == 784 * 500 + 500 * 10
    time, hidden = 28, 128
    elman = time * (28 * hidden + hidden**2) + hidden * 10
    assert count_macs(models.ElmanRNN(), (28, 28, 1)) == elman
    assert count_macs(models.LSTM(), (28, 28, 1)) == 4 * time * (28 + hidden) * hidden + 1280

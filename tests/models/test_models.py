"""What every architecture must do: small ones are run, those of the registry are traced."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from approxnet.models import MODELS, functional

from . import reference, zoo

every_model = pytest.mark.parametrize("name", zoo.SMALL)
every_registered = pytest.mark.parametrize("name", MODELS)


@functools.cache
def compiled(name):
    """Apply of a small model, compiled once for this module, and the list of its traces."""
    apply, traces = functional(zoo.SMALL[name]).apply, []

    def counted(params, state, x, *, train=False, key=None):
        traces.append(x.shape)
        return apply(params, state, x, train=train, key=key)

    return zoo.compile_quickly(counted, static_argnames="train"), traces


def generic(name, seed=0):
    """Params and state with no zero in them, so that no relu sits at its kink."""
    init = functional(zoo.SMALL[name]).init
    params, state = jax.eval_shape(init, jax.random.key(0), zoo.images("float64"))
    rng = np.random.default_rng(seed)
    params = jax.tree.map(lambda p: jnp.asarray(rng.normal(size=p.shape) / 2), params)
    return params, jax.tree.map(lambda s: jnp.asarray(rng.uniform(0.5, 2, s.shape)), state)


def key_for(name):
    return jax.random.key(7) if name in zoo.DROPOUT else None


def compare_with_differences(value_and_grad, params, direction, h=1e-6):
    """The derivative in a direction; the error of the central difference is about eps / h + h^2."""

    def along(t):
        return value_and_grad(jax.tree.map(lambda p, d: p + t * d, params, direction))

    products = jax.tree.map(lambda g, d: jnp.vdot(g, d), along(0.0)[1], direction)
    slope = sum(jax.tree.leaves(products))
    difference = (along(h)[0] - along(-h)[0]) / (2 * h)
    assert abs(slope) > 1e-3
    np.testing.assert_allclose(difference, slope, rtol=1e-5, atol=1e-7)


# --- small models ------------------------------------------------------------------------------


def test_the_small_models_cover_every_class_of_the_registry():
    classes = {type(build()) for build in MODELS.values()}
    assert classes == {type(model) for model in zoo.SMALL.values()}


@pytest.mark.sample(5)
@every_model
def test_values_are_those_of_NumPy(x64, name):
    params, state = generic(name)
    x = zoo.images("float64")
    logits, _ = compiled(name)[0](params, state, x)
    expected = reference.VALUES[name](np.asarray(x), params, state.get("batch_stats"))
    np.testing.assert_allclose(logits, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", ["mlp with dropout", "preact_resnet", "lstm"])
def test_compiled_and_eager_values_agree(x64, name):
    params, state = generic(name)
    x = zoo.images("float64")
    options = {"train": True, "key": key_for(name)}
    found = compiled(name)[0](params, state, x, **options)
    expected = functional(zoo.SMALL[name]).apply(params, state, x, **options)
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.sample(5)
@every_model
def test_vmap_over_networks_is_a_loop(x64, name):
    x, apply = zoo.images("float64"), compiled(name)[0]
    networks = [generic(name, seed) for seed in range(2)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *networks)
    many = jax.vmap(functional(zoo.SMALL[name]).apply, (0, 0, None))
    together, _ = zoo.compile_quickly(many)(*stacked, x)
    for network, logits in zip(networks, together, strict=True):
        np.testing.assert_allclose(logits, apply(*network, x)[0], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["mlp", "vgg"])
def test_vmap_of_init_over_keys_is_a_loop(x64, name):
    init, x = functional(zoo.SMALL[name]).init, zoo.images("float64")
    keys = jax.random.split(jax.random.key(3), 2)
    together = jax.vmap(init, (0, None))(keys, x)
    for i in range(2):
        alone = init(keys[i], x)
        for a, b in zip(jax.tree.leaves(together), jax.tree.leaves(alone), strict=True):
            np.testing.assert_allclose(a[i], b, rtol=1e-6)


@pytest.mark.sample(2)
@every_model
def test_the_gradient_is_that_of_differences(x64, name):
    params, state = generic(name)
    direction, _ = generic(name, seed=1)
    x, apply = zoo.images("float64"), functional(zoo.SMALL[name]).apply

    def loss(params):
        logits, _ = apply(params, state, x, train=True, key=key_for(name))
        return jnp.sum(jnp.sin(logits))

    value_and_grad = zoo.compile_quickly(jax.value_and_grad(loss))
    compare_with_differences(value_and_grad, params, direction)


@every_model
def test_one_shape_is_traced_once(x64, name):
    apply, traces = compiled(name)
    before, x = len(traces), zoo.images("float64")
    for seed in range(3):
        params, state = generic(name, seed)
        apply(params, state, x + seed)
    assert len(traces) <= before + 1
    jax.eval_shape(apply, params, state, x[:2])
    assert traces[-1] == (2, *x.shape[1:])


@pytest.mark.sample(5)
@every_model
def test_training_moves_the_state_of_batch_norm_alone_and_evaluation_nothing(x64, name):
    params, state = generic(name)
    x, apply = zoo.images("float64"), compiled(name)[0]
    _, kept = apply(params, state, x)
    _, moved = apply(params, state, x, train=True, key=key_for(name))
    assert bool(state) == (name in zoo.BATCH_NORM)
    assert jax.tree.structure(kept) == jax.tree.structure(moved) == jax.tree.structure(state)
    for before, after in zip(jax.tree.leaves(state), jax.tree.leaves(kept), strict=True):
        np.testing.assert_array_equal(before, after)
    for before, after in zip(jax.tree.leaves(state), jax.tree.leaves(moved), strict=True):
        assert not np.allclose(before, after)


@every_model
def test_training_and_evaluation_differ_where_they_should(x64, name):
    params, state = generic(name)
    x, apply = zoo.images("float64"), compiled(name)[0]
    evaluated, _ = apply(params, state, x)
    trained, _ = apply(params, state, x, train=True, key=key_for(name))
    differ = name in zoo.BATCH_NORM | zoo.DROPOUT
    assert np.allclose(evaluated, trained) != differ
    assert np.isfinite(evaluated).all() and np.isfinite(trained).all()


@pytest.mark.parametrize("name", sorted(zoo.DROPOUT))
def test_dropout_follows_its_key_and_asks_for_it(x64, name):
    params, state = generic(name)
    x, apply = zoo.images("float64"), compiled(name)[0]
    one, again, other = (
        apply(params, state, x, train=True, key=jax.random.key(seed))[0] for seed in (7, 7, 8)
    )
    np.testing.assert_array_equal(one, again)
    assert not np.allclose(one, other)
    with pytest.raises(ValueError, match=r"key must be a random key, got None; .* has dropout"):
        apply(params, state, x, train=True)


@every_model
@pytest.mark.parametrize("dtype", ["bfloat16", "float32", "float64"])
def test_every_leaf_has_the_dtype_of_the_images(x64, name, dtype):
    init, apply = functional(zoo.SMALL[name])
    x, key = zoo.images(dtype), jax.random.key(0)
    params, state = jax.eval_shape(init, key, x)
    results = jax.eval_shape(functools.partial(apply, train=True, key=key), params, state, x)
    leaves = jax.tree.leaves((params, state, results))
    assert {leaf.dtype for leaf in leaves} == {jnp.dtype(dtype)}


@every_model
def test_every_gradient_is_made_of_convolutions_that_are_fast_in_a_loop(name):
    init, apply = functional(zoo.SMALL[name])
    x, key = zoo.images("float32"), jax.random.key(0)
    params, state = jax.eval_shape(init, key, x)

    def loss(params, state, x):
        return apply(params, state, x, train=True, key=key)[0].sum()

    program = jax.make_jaxpr(jax.grad(loss))(params, state, x).jaxpr
    forward = jax.make_jaxpr(functools.partial(apply, train=True, key=key))(params, state, x).jaxpr
    # The value and two gradients of each.
    assert zoo.assert_fast_in_a_loop(program) == 3 * len(list(zoo.convolutions(forward)))


# --- the registry: traced, not run --------------------------------------------------------------


def traced(name, shape, dtype="float32", **options):
    """The shapes of logits, params and state of a model of the registry."""
    init, apply = functional(MODELS[name](**options))
    x, key = jax.ShapeDtypeStruct(shape, dtype), jax.random.key(0)
    params, state = jax.eval_shape(init, key, x)
    apply = functools.partial(apply, train=True, key=key)
    logits, after = jax.eval_shape(apply, params, state, x)
    return logits, params, state, after


@pytest.mark.sample(6)
@every_registered
def test_images_of_28_pixels_will_do(name):
    assert traced(name, (4, 28, 28, 1), num_classes=7)[0].shape == (4, 7)


@pytest.mark.parametrize("name", ["lenet5", "alexnet", "vgg19", "googlenet"])
def test_images_of_8_pixels_will_do(name):
    assert traced(name, (4, 8, 8, 1), num_classes=7)[0].shape == (4, 7)


@pytest.mark.parametrize("name", sorted(set(MODELS) - {"linear", "mlp", "elman_rnn", "lstm"}))
def test_convolutional_networks_ask_for_images(name):
    with pytest.raises(ValueError, match=r"\(batch, height, width, channels\), got .*\(28, 28\)"):
        traced(name, (28, 28))
    with pytest.raises(ValueError, match=r"channels first; write x\.transpose"):
        traced(name, (4, 3, 32, 32))


def test_a_coloured_line_is_an_image():
    assert traced("vgg11", (4, 1, 8, 3))[0].shape == (4, 10)


@every_registered
def test_the_number_of_classes_is_a_positive_integer(name):
    with pytest.raises(ValueError, match="num_classes must be an integer >= 1, got 0"):
        traced(name, (4, 32, 32, 3), num_classes=0)

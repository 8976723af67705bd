"""MgNet is multigrid and a residual network, in two forms and with the counts of its papers."""

import functools
import itertools

import flax.linen as nn
import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest

from approxnet import models, multigrid
from approxnet.errors import AssumptionError, ConfigError
from approxnet.models import MgNet, count_macs, count_parameters, functional, mgnet_from_hierarchy

from . import reference, zoo

CIFAR, MNIST = (32, 32, 3), (28, 28, 1)


def n_parameters(shape, *fields, **options):
    init, _ = functional(MgNet(*fields, **options))
    x = jax.ShapeDtypeStruct((2, *shape), "float32")
    return count_parameters(jax.eval_shape(init, jax.random.key(0), x)[0])


# --- sizes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("iterations", "channels", "extractor", "shape", "classes", "parameters"),
    [
        # He, Xu, Zhang, Zhu (2023), tables 4 and 5: 8.2M and 8.3M, 10.7M; the exact counts are
        # those of the course's and MindSpore's programs.
        ((2, 2, 2, 2), 256, "constant", CIFAR, 10, 8_278_794),
        ((2, 2, 2, 2), 256, "constant", CIFAR, 100, 8_301_924),
        ((2, 2, 2, 2), 256, "variable", CIFAR, 10, 10_638_090),
        ((2, 2, 2, 2), 256, "variable", CIFAR, 100, 10_661_220),
        ((1, 1, 1, 1), 64, "constant", CIFAR, 10, 520_394),  # the course's final project
        ((2, 2, 2, 2), 64, "constant", CIFAR, 10, 521_418),
        ((3, 4, 6, 3), (128, 256, 512, 1024), "variable", (224, 224, 3), 1000, 71_255_144),
        ((1, 1, 1, 1), 16, "constant", MNIST, 10, 33_050),
    ],
)
def test_the_parameters_are_those_of_the_papers(
    iterations, channels, extractor, shape, classes, parameters
):
    found = n_parameters(shape, iterations, channels, channels, classes, extractor=extractor)
    assert found == parameters


@pytest.mark.parametrize("form", ["residual", "standard"])
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_the_convolutions_are_those_of_the_form(form, steps):
    """Standard: nu + 1 residuals, one less on the last grid, A u^{l+1,0}; residual: A c and B."""
    c, sides = 8, (32, 16, 8, 4)
    finer = {"residual": 2 * steps, "standard": 2 * steps + 1}[form]
    last = {"residual": 2 * steps - 1, "standard": 2 * steps}[form]
    onto = {"residual": 2, "standard": 3}[form]
    pixels = 1024 * finer + sum(side**2 * (finer + onto) for side in sides[1:3])
    pixels += 16 * (last + onto)
    macs = 9 * (3 * c * 1024 + c * c * pixels) + 10 * c
    assert count_macs(MgNet(4 * (steps,), c, c, form=form), CIFAR) == macs


def test_the_residual_form_saves_a_fifth_of_the_multiplications():
    macs = {
        form: count_macs(MgNet((2, 2, 2, 2), 64, 64, form=form), CIFAR)
        for form in ("residual", "standard")
    }
    assert round(macs["standard"] / 1e6, 2) == 289.01
    assert round(macs["residual"] / macs["standard"], 4) == 0.7837


def test_the_published_network_costs_eight_times_as_much_as_ResNet_18():
    macs = count_macs(MgNet((2, 2, 2, 2), 256, 256, form="standard"), CIFAR)
    assert round(macs / 1e9, 3) == 4.603
    assert round(macs / count_macs(models.ResNet(), CIFAR), 1) == 8.3


def test_channelwise_maps_of_u_have_nine_weights_for_each_channel():
    options = {"channels_u": 8, "channels_f": 8, "num_classes": 10}
    counts = [n_parameters(CIFAR, (1, 1), **options, pi=pi) for pi in models.mgnet.network.PI]
    trained, channelwise, zero = counts
    assert trained - zero == 9 * 64 + 16
    assert channelwise - zero == 9 * 8 + 16


# --- two forms, one function ---------------------------------------------------------------------


FORMS = {
    "as in the papers": MgNet((2, 2), 4, 4, 3),
    "V, channels by grid": MgNet((1, 1), (2, 4), (3, 5), 3, cycle="v"),
    "linear": MgNet((2, 2), 2, 3, None, linear=True, cycle="v", padding=0),
    "zero, scaled, Chebyshev": MgNet((2, 2), 3, 4, 3, "scaled", "zero", scheme="chebyshev"),
    "channelwise, periodic": MgNet((2, 1), 3, 4, None, pi="channelwise", boundary="periodic"),
    "variable, multistep": MgNet(
        (1, 1), 3, 4, 3, "variable", cycle="v", scheme="multistep", post=(2,)
    ),
}
QUICK = ("as in the papers", "V, channels by grid")
EVERY_FORM = [pytest.param(n, marks=[] if n in QUICK else pytest.mark.slow) for n in FORMS]


def generic(model, x, seed=0):
    """Params and state with no zero in them."""
    params, state = jax.eval_shape(functional(model).init, jax.random.key(0), x)
    rng = np.random.default_rng(seed)
    params = jax.tree.map(lambda p: jnp.asarray(rng.normal(size=p.shape) / 3), params)
    return params, jax.tree.map(lambda s: jnp.asarray(rng.uniform(0.5, 2, s.shape)), state)


def value_and_gradient(model):
    apply = functional(model).apply

    def loss(params, state, x):
        y, moved = apply(params, state, x, train=True)
        weights = jnp.cos(jnp.arange(float(y.size))).reshape(y.shape)
        return jnp.vdot(weights, y), (y, moved)

    return zoo.compile_quickly(jax.grad(loss, has_aux=True))


def largest(tree, other):
    """The largest difference of two trees, relative to their largest entry."""
    flat, expected = (jax.flatten_util.ravel_pytree(t)[0] for t in (tree, other))
    return float(abs(flat - expected).max() / abs(expected).max())


@pytest.mark.parametrize("name", EVERY_FORM)
def test_both_forms_are_one_function_with_one_gradient(x64, name):
    model = FORMS[name]
    x = zoo.images("float64", batch=3, side=9)
    params, state = generic(model, x)
    assert jax.tree.structure(params) == jax.tree.structure(
        generic(model.clone(form="standard"), x)[0]
    )
    gradient, (y, moved) = value_and_gradient(model)(params, state, x)
    expected = value_and_gradient(model.clone(form="standard"))(params, state, x)
    assert largest(y, expected[1][0]) <= 1e-13
    assert largest(gradient, expected[0]) <= 1e-11
    assert largest((moved, y), (expected[1][1], y)) <= 1e-12


@pytest.mark.parametrize("side", [1, 2, 5, 8, 9])
def test_images_of_any_size_are_halved_upwards(side):
    model = MgNet((1, 1, 1), 2, 2, None, cycle="v")
    x = jnp.ones((2, side, side + 1, 1))
    params, state = jax.eval_shape(functional(model).init, jax.random.key(0), x)
    u, _ = jax.eval_shape(functional(model).apply, params, state, x)
    assert u.shape == (2, side, side + 1, 2)


# --- multigrid -----------------------------------------------------------------------------------


SMOOTHERS = {
    "course": multigrid.course_kernel(),
    "jacobi": multigrid.jacobi(0.7),
    "chebyshev": multigrid.chebyshev(2),
}
SIZES = {"dirichlet": (15, 31), "neumann": (17, 9), "periodic": (16, 8)}


def as_image(x):
    return jnp.asarray(x)[None, ..., None]


def with_random_pi(params, seed=0):
    rng = np.random.default_rng(seed)
    return {
        name: jax.tree.map(lambda k: rng.normal(size=k.shape), part) if "Pi" in name else part
        for name, part in params.items()
    }


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("boundary", "smoother", "post"),
    [
        ("dirichlet", "course", 0),
        ("dirichlet", "course", 1),
        ("neumann", "chebyshev", 0),
        ("neumann", "jacobi", 1),
        ("periodic", "jacobi", 0),
        ("periodic", "chebyshev", 1),
    ],
)
def test_a_linear_MgNet_with_any_Pi_is_a_cycle(x64, boundary, smoother, post):
    """He and Xu, theorem 1, algorithms 1 to 4."""
    h = multigrid.hierarchy(SIZES[boundary], boundary=boundary, reaction=2.0)
    smoother = SMOOTHERS[smoother]
    model, params = mgnet_from_hierarchy(h, smoother=smoother, pre=2, post=post)
    options = {"pre": 2, "exact": False}
    cycle = {
        0: multigrid.backslash_cycle(smoother, **options),
        1: multigrid.v_cycle(smoother, post=1, **options),
    }[post]
    b = jax.random.normal(jax.random.key(1), h.shapes[0])
    expected = zoo.compile_quickly(cycle)(h, b, 0 * b)
    network = zoo.compile_quickly(lambda p, x: model.apply({"params": p}, x))
    for p in (params, with_random_pi(params)):
        u = network(p, as_image(b))[0, ..., 0]
        assert float(abs(u - expected).max() / abs(expected).max()) <= 1e-13


@pytest.mark.parametrize(
    ("form", "pi", "transfer"),
    [
        ("standard", "trained", multigrid.bilinear),
        ("residual", "zero", multigrid.linear_element),
    ],
)
def test_it_is_a_cycle_in_every_form(x64, form, pi, transfer):
    h = multigrid.hierarchy((7, 7), coarse="galerkin", transfer=transfer)
    model, params = mgnet_from_hierarchy(h, pre=1)
    cycle = multigrid.backslash_cycle(multigrid.course_kernel(), pre=1, exact=False)
    b = jax.random.normal(jax.random.key(1), (7, 7))
    model = model.clone(form=form, pi=pi)
    u = model.apply({"params": with_random_pi(params)}, as_image(b))[0, ..., 0]
    np.testing.assert_allclose(u, cycle(h, b, 0 * b), rtol=0, atol=1e-13 * float(abs(u).max()))


def test_an_extractor_of_your_own_may_be_a_function(x64):
    """On one grid with B = 1/8 the linear network makes steps of gradient descent."""

    def eighth(features, name):
        return lambda r, step, train: r / 8

    model = MgNet((3,), 1, 1, None, eighth, linear=True)
    _, params = mgnet_from_hierarchy(multigrid.hierarchy((3, 3)))
    f = jax.random.normal(jax.random.key(0), (1, 7, 7, 1))
    u = 0 * f
    for _ in range(3):
        u = u + (f - models.convolve(u, params["A_1"], padding=1)) / 8
    np.testing.assert_allclose(model.apply({"params": params}, f), u, rtol=1e-12)


def test_a_hierarchy_that_is_no_convolution_is_refused():
    with pytest.raises(ValueError, match=r"in the plane .* got \('dirichlet',\)"):
        mgnet_from_hierarchy(multigrid.hierarchy(7))
    varying = multigrid.hierarchy((7, 7), coefficient=lambda x: 1 + x[..., 0])
    with pytest.raises(ValueError, match=r"constant coefficients, got some of shape \(7, 7\)"):
        mgnet_from_hierarchy(varying)
    plain = multigrid.hierarchy((7, 7))
    for smoother in (multigrid.red_black(), multigrid.chebyshev(3)):
        with pytest.raises(AssumptionError, match="smoother must be a convolution"):
            mgnet_from_hierarchy(plain, smoother=smoother)


# --- residual networks ---------------------------------------------------------------------------


def test_the_residual_of_MgNet_is_a_pre_activation_ResNet_with_one_A(x64):
    """He and Xu, theorem 2, with batch normalisation: r <- r - A relu bn eta relu bn r."""
    x = zoo.images("float64")
    model = MgNet((3,), 5, 4, None, extractor="variable", linear=False)
    params, state = generic(model, x)
    u, _ = functional(model).apply(params, state, x, train=True)
    A, stem = params["A_1"], models.mgnet.layers.Layer(4)
    f, _ = stem.apply(
        {"params": params["stem"], "batch_stats": state["batch_stats"]["stem"]},
        x,
        True,
        mutable=["batch_stats"],
    )
    r = f
    for i in (1, 2, 3):
        B = params["B_1"]
        p = {
            "BatchNorm_0": B[f"before_{i}"],
            "Conv_0": B[f"eta_{i}"],
            "BatchNorm_1": B[f"after_{i}"],
            "Conv_1": {"kernel": -A},
        }
        block = Wide(5, 4)
        statistics = jax.eval_shape(block.init, jax.random.key(0), r)["batch_stats"]
        statistics = jax.tree.map(lambda s: jnp.ones(s.shape), statistics)
        r, _ = block.apply(
            {"params": p, "batch_stats": statistics}, r, True, mutable=["batch_stats"]
        )
    assert largest(f - models.convolve(u, A, padding=1), r) <= 1e-13


class Wide(nn.Module):
    """The block of a pre-activation ResNet with other channels inside."""

    inner: int
    channels: int

    @nn.compact
    def __call__(self, x, train=False):
        y = models.Conv(self.inner, bias=False)(nn.relu(models.BatchNorm()(x, train)))
        return x + models.Conv(self.channels, bias=False)(nn.relu(models.BatchNorm()(y, train)))


def kernel(rng, size, *channels):
    return rng.normal(size=(size, size, *channels)) / 3


@pytest.mark.parametrize("seed", range(3))
def test_a_ResNet_is_a_sigma_ResNet(x64, seed):
    """Lemma 2: g_i = f_{i-1} - xi eta(f_{i-1}) solves g_i = s g_{i-1} - xi s eta s g_{i-1}."""
    rng = np.random.default_rng(seed)
    f = g = rng.normal(size=(2, 6, 6, 3))
    f = reference.relu(f)
    for xi, eta in [(kernel(rng, 3, 4, 3), kernel(rng, 3, 3, 4)) for _ in range(3)]:
        K = functools.partial(convolve, kernel=xi)
        f = reference.relu(f - K(reference.relu(convolve(f, eta))))
        g = reference.relu(g) - K(reference.relu(convolve(reference.relu(g), eta)))
    assert abs(reference.relu(g) - f).max() / abs(f).max() <= 1e-13


@pytest.mark.parametrize("c", [1, 3])
def test_a_CNN_layer_is_a_sigma_ResNet_with_a_fixed_A(x64, c):
    """Theorem 3: chi s f = s f - xi s eta s f, xi = -[id, -id], eta = [id; -id] (chi - id)."""
    rng = np.random.default_rng(c)
    f, chi = rng.normal(size=(2, 6, 6, c)), kernel(rng, 3, c, c)
    identity = np.zeros((3, 3, c, c))
    identity[1, 1] = np.eye(c)
    eta = np.concatenate([chi - identity, identity - chi], axis=3)
    xi = -np.concatenate([identity, -identity], axis=2)
    s = reference.relu
    assert abs(s(f) - convolve(s(convolve(s(f), eta)), xi) - convolve(s(f), chi)).max() <= 1e-13


def convolve(x, kernel):
    return np.asarray(models.convolve(jnp.asarray(x), jnp.asarray(kernel)))


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "match", "options"),
    [
        (ConfigError, "form must be one of", {"form": "other"}),
        (ConfigError, "extractor must be one of", {"extractor": "other"}),
        (ConfigError, "pi must be one of", {"pi": "other"}),
        (ConfigError, "cycle must be one of", {"cycle": "w"}),
        (ConfigError, "scheme must be one of", {"scheme": "other"}),
        (ConfigError, "boundary must be one of", {"boundary": "other"}),
        (ValueError, "channels_u must be a number or one for each of 2", {"channels_u": (1,)}),
        (ValueError, r"channels_f\[1\] must be an integer >= 1, got 0", {"channels_f": (1, 0)}),
        (ValueError, "post must be 1 numbers", {"cycle": "v", "post": (1, 1)}),
        (ValueError, "the same on all grids", {"pi": "channelwise", "channels_u": (1, 2)}),
        (ValueError, "number of grids must be an integer >= 1", {"iterations": ()}),
        (ValueError, "iterations must be an integer >= 0, got -1", {"iterations": (1, -1)}),
    ],
)
def test_options_that_do_not_fit_are_refused(error, match, options):
    fields = {"iterations": (1, 1), "channels_u": 2, "channels_f": 2, "num_classes": 3} | options
    init, _ = functional(MgNet(**fields))
    with pytest.raises(error, match=match):
        jax.eval_shape(init, jax.random.key(0), jax.ShapeDtypeStruct((2, 8, 8, 3), "float32"))


def test_the_transposed_convolution_is_the_transpose(x64):
    rng = np.random.default_rng(0)
    for padding, side in itertools.product((0, 1), (7, 8)):
        x, w = jnp.asarray(rng.normal(size=(2, side, side, 3))), jnp.asarray(kernel(rng, 3, 3, 2))
        forward = functools.partial(models.convolve, kernel=w, stride=2, padding=padding)
        y, transpose = jax.vjp(forward, x)
        e = jnp.asarray(rng.normal(size=y.shape))
        turned = w[::-1, ::-1].swapaxes(2, 3)
        found = models.convolve_transposed(e, turned, (side, side), padding=padding)
        np.testing.assert_allclose(found, transpose(e)[0], rtol=1e-12, atol=1e-12)
    with pytest.raises(ValueError, match=r"x must be images of \(4, 4\) pixels"):
        models.convolve_transposed(e[:, :3], turned, (8, 8), padding=1)

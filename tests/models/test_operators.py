"""MgNO and FNO: sizes of their papers, multigrid and Fourier series as special cases."""

import functools
import itertools

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from approxnet import models, multigrid
from approxnet.errors import ConfigError
from approxnet.models import (
    FNO,
    MgNO,
    count_macs,
    count_parameters,
    functional,
    mgnet_from_hierarchy,
)
from approxnet.models.fno import SpectralConv
from approxnet.models.mgno import DARCY, LinearCycle
from approxnet.training.epoch import Plan, Progress, advance, start_metrics
from approxnet.training.examples import Examples, scale, unchanged
from approxnet.training.state import State, init_state

from . import zoo

SMALL = {
    "mgno": MgNO(2, 3, 1, ((1, 1), (0, 1), (2, 0)), "residual"),
    "mgno periodic": MgNO(1, 3, 1, ((2, 0), (1, 0)), boundary="periodic"),
    "fno": FNO(2, 3, 2, 2, hidden=4),
}
every_operator = pytest.mark.parametrize("name", SMALL)


def n_parameters(model, shape):
    x = jax.ShapeDtypeStruct((2, *shape), "float32")
    return count_parameters(jax.eval_shape(functional(model).init, jax.random.key(0), x)[0])


def generic(module, x, seed=0, size=0.3):
    """Variables with no zero in them."""
    variables = jax.eval_shape(module.init, jax.random.key(0), x)
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda p: jnp.asarray(size * rng.normal(size=p.shape)), variables)


def fields(channels=2, side=8, batch=3):
    return zoo.images("float64", batch=batch, side=side, channels=channels)


# --- sizes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("layers", "parameters"), [(4, 572_661), (5, 738_573)])
def test_the_parameters_are_those_of_the_published_program_for_Darcy_s_problem(layers, parameters):
    """The paper prints 0.57 M; the exact counts are those of the authors' program."""
    assert n_parameters(MgNO(layers=layers), (256, 256, 1)) == parameters


@pytest.mark.parametrize("restricted", ["data", "residual"])
@pytest.mark.parametrize("steps", [((1, 0),), ((2, 1), (0, 0), (3, 0)), DARCY])
def test_a_cycle_has_the_parameters_of_the_formula(restricted, steps):
    c_f, c, N, J = 2, 5, sum(map(sum, steps)), len(steps)
    expected = 9 * c * c_f * (2 * N - 1) + (J - 1) * (9 * c_f**2 + 25 * c**2)
    expected += c * c_f + c + (9 * c * c_f * (J - 1) if restricted == "residual" else 0)
    found = n_parameters(MgNO(1, c, 1, steps, restricted), (64, 64, c_f))
    assert found == expected + c


@pytest.mark.parametrize(("width", "modes", "layers", "hidden"), [(32, 12, 4, 128), (3, 2, 1, 5)])
def test_FNO_has_the_parameters_of_the_formula(width, modes, layers, hidden):
    c, w, m, q = 3, width, modes, hidden
    expected = (c + 1) * w + layers * (4 * m**2 * w**2 + w**2 + w) + (w + 1) * q + q + 1
    assert n_parameters(FNO(1, w, m, layers, q), (64, 64, c)) == expected


def test_the_multiplications_are_those_of_the_kernels():
    """S on the finest grid, then A and S; R and Pi onto 16 pixels; P onto 64, by 4 x 4 kernels."""
    model = MgNO(1, 3, 1, ((1, 0), (1, 0)))
    S, transfers, P = 9 * 2 * 3, 9 * (2 * 2 + 3 * 3), 16 * 3 * 3
    expected = 64 * S + 16 * (2 * S + transfers) + 64 * P + 64 * (2 * 3 + 3)
    assert count_macs(model, (8, 8, 2)) == expected


# --- cycles --------------------------------------------------------------------------------------


@pytest.mark.parametrize("restricted", ["data", "residual"])
@pytest.mark.parametrize("boundary", ["zero", "periodic"])
def test_a_cycle_is_linear(x64, restricted, boundary):
    W = LinearCycle(3, ((1, 1), (2, 0)), restricted, boundary)
    f, g = fields(side=7), fields(side=7)[::-1]
    variables = generic(W, f)
    apply = zoo.compile_quickly(functools.partial(W.apply, variables))
    expected = 2.5 * apply(f) - 0.7 * apply(g)
    np.testing.assert_allclose(apply(2.5 * f - 0.7 * g), expected, rtol=0, atol=1e-12)


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("boundary", "shape", "post"),
    [("dirichlet", (7, 15), 2), ("neumann", (9, 5), 0), ("periodic", (16, 16), 1)],
)
def test_with_the_kernels_of_multigrid_a_cycle_is_the_V_cycle(x64, boundary, shape, post):
    """The residual restricted, one channel, and zero for Pi."""
    h = multigrid.hierarchy(shape, boundary=boundary, reaction=2.0)
    smoother = multigrid.jacobi(0.7)
    mgnet, kernels = mgnet_from_hierarchy(h, smoother=smoother, pre=1, post=post)
    J = len(h.shapes)
    steps = (*(J - 1) * ((1, post),), (1, 0))
    W = LinearCycle(1, steps, "residual", mgnet.boundary, mgnet.padding)
    f = jax.random.normal(jax.random.key(1), h.shapes[0])[None, ..., None]
    names = jax.eval_shape(W.init, jax.random.key(0), f)["params"]
    params = {name: {"kernel": from_mgnet(name, kernels)} for name in names}
    u = zoo.compile_quickly(lambda p, f: W.apply({"params": p}, f))(params, f)[0, ..., 0]
    cycle = multigrid.v_cycle(smoother, pre=1, post=post, exact=False)
    expected = zoo.compile_quickly(cycle)(h, f[0, ..., 0], 0 * f[0, ..., 0])
    assert float(abs(u - expected).max() / abs(expected).max()) <= 1e-13


def from_mgnet(name, kernels):
    """The kernel of that name, of the linear MgNet of a hierarchy."""
    letter, l, *_ = name.split("_")
    if letter == "Pi":
        return np.zeros((3, 3, 1, 1))
    if letter == "P":
        return np.pad(kernels[f"P_{l}"]["kernel"], [(1, 0), (1, 0), (0, 0), (0, 0)])
    return {
        "A": lambda: kernels[f"A_{l}"],
        "S": lambda: kernels[f"B_{l}"]["eta"]["kernel"],
        "R": lambda: kernels[f"R_{l}"]["conv"]["kernel"],
    }[letter]()


def test_the_published_cycle_is_that_of_the_paper_s_formulas(x64):
    """Three grids of 6 x 6, 3 x 3 and 2 x 2 pixels, by matrices of the convolutions."""
    W = LinearCycle(2, ((1, 0), (1, 1), (2, 0)))
    f = fields(channels=3, side=6, batch=1)
    variables = generic(W, f)
    k = {name: v["kernel"] for name, v in variables["params"].items()}

    def conv(x, name, stride=1):
        x = np.pad(np.asarray(x), [(1, 1), (1, 1), (0, 0)])
        n = (x.shape[0] - 3) // stride + 1
        y = np.zeros((n, n, k[name].shape[3]))
        for i, j in itertools.product(range(n), repeat=2):
            window = x[stride * i : stride * i + 3, stride * j : stride * j + 3]
            y[i, j] = np.einsum("ijc,ijco->o", window, k[name])
        return y

    def prolong(e, name, n):
        y = np.zeros((2 * len(e) + 2, 2 * len(e) + 2, 2))
        flipped = np.asarray(k[name])[::-1, ::-1]
        for i, j in itertools.product(range(len(e)), repeat=2):
            y[2 * i : 2 * i + 4, 2 * j : 2 * j + 4] += np.einsum("c,ijco->ijo", e[i, j], flipped)
        return y[1 : n + 1, 1 : n + 1]

    def smooth(u, f, step):
        return u + conv(f - conv(u, f"A_{step}"), f"S_{step}")

    f1 = np.asarray(f[0])
    u1 = conv(f1, "S_1_1")
    f2 = conv(f1, "R_2", 2)
    u2 = smooth(conv(u1, "Pi_2", 2), f2, "2_1")
    f3 = conv(f2, "R_3", 2)
    u3 = smooth(smooth(conv(u2, "Pi_3", 2), f3, "3_1"), f3, "3_2")
    u2 = smooth(u2 + prolong(u3, "P_2", 3), f2, "2_2")
    u1 = u1 + prolong(u2, "P_1", 6)
    np.testing.assert_allclose(W.apply(variables, f)[0], u1, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("side", [1, 5, 8])
def test_functions_on_any_grid_are_mapped(side):
    x = jnp.ones((2, side, side + 1, 1))
    assert jax.eval_shape(MgNO().init_with_output, jax.random.key(0), x)[0].shape == x.shape


def test_a_periodic_MgNO_commutes_with_shifts_of_the_coarsest_grid(x64):
    model, x = SMALL["mgno periodic"], fields(side=12)
    apply = zoo.compile_quickly(functools.partial(model.apply, generic(model, x)))
    np.testing.assert_allclose(apply(jnp.roll(x, 2, 1)), jnp.roll(apply(x), 2, 1), atol=1e-12)


# --- Fourier -------------------------------------------------------------------------------------


def waves(h, w, seed=0, highest=3):
    """A function without frequencies above ``highest``, on a grid: (1, h, w, 2)."""
    x, y = np.meshgrid(np.arange(h) / h, np.arange(w) / w, indexing="ij")
    rng = np.random.default_rng(seed)
    v = np.zeros((1, h, w, 2))
    for k, l in itertools.product(range(-highest, highest + 1), repeat=2):
        amplitude, phase = rng.normal(size=(2, 2))
        v += amplitude * np.cos(2 * np.pi * (k * x + l * y)[None, ..., None] + phase)
    return jnp.asarray(v)


@pytest.mark.parametrize(("shape", "m"), [((8, 8), 4), ((9, 12), 2), ((7, 6), 3)])
def test_the_spectral_convolution_is_the_sum_of_its_formula(x64, shape, m):
    W = SpectralConv(3, m)
    v = np.asarray(zoo.images("float64", 2, 12)[:, : shape[0], : shape[1]])
    variables = generic(W, v)
    real, imaginary = np.asarray(variables["params"]["weight"])
    x = np.stack(np.meshgrid(*(np.arange(n) / n for n in shape), indexing="ij"), -1)
    expected = np.zeros((2, *shape, 3))
    for i, k1 in enumerate([*range(m), *range(-m, 0)]):
        for k2 in range(m):
            wave = np.exp(2j * np.pi * (x @ np.array([k1, k2])))
            v_k = (v * wave.conj()[None, ..., None]).mean((1, 2))
            y_k = v_k @ (real + 1j * imaginary)[i, k2]
            expected += (2 if k2 else 1) * (y_k[:, None, None] * wave[None, ..., None]).real
    np.testing.assert_allclose(W.apply(variables, v), expected, rtol=0, atol=1e-12)


def test_the_spectral_convolution_of_low_frequencies_is_the_same_on_all_grids(x64):
    W, coarse = SpectralConv(3, 4), waves(8, 10)
    variables = generic(W, coarse)
    expected = W.apply(variables, coarse)
    for factor in (2, 3):
        fine = W.apply(variables, waves(8 * factor, 10 * factor))
        np.testing.assert_allclose(fine[:, ::factor, ::factor], expected, rtol=0, atol=1e-12)


def test_FNO_with_one_layer_is_the_same_on_all_grids_and_a_deep_one_nearly(x64):
    """gelu makes high frequencies, but few of them."""
    gaps = {}
    for layers, side in ((1, 8), (2, 8), (2, 32)):
        model = FNO(1, 4, 3, layers, hidden=5)
        variables = generic(model, waves(8, 8, highest=2))
        apply = zoo.compile_quickly(functools.partial(model.apply, variables))
        coarse, fine = (apply(waves(n, n, highest=2)) for n in (side, 2 * side))
        gaps[layers, side] = float(abs(fine[:, ::2, ::2] - coarse).max() / abs(coarse).max())
    assert gaps[1, 8] <= 1e-12
    assert gaps[2, 32] <= 1e-2 * gaps[2, 8]


def test_FNO_commutes_with_shifts(x64):
    model, x = SMALL["fno"], fields(side=7)
    apply = zoo.compile_quickly(functools.partial(model.apply, generic(model, x)))
    np.testing.assert_allclose(apply(jnp.roll(x, 3, 2)), jnp.roll(apply(x), 3, 2), atol=1e-12)


# --- both ----------------------------------------------------------------------------------------


@pytest.mark.sample(2)
@every_operator
def test_compiled_and_eager_values_and_those_of_a_loop_over_networks_agree(x64, name):
    model, x = SMALL[name], fields()
    networks = [generic(model, x, seed) for seed in range(2)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *networks)
    traces = []

    def apply(variables, x):
        traces.append(x.shape)
        return model.apply(variables, x)

    compiled = zoo.compile_quickly(apply)
    together = zoo.compile_quickly(jax.vmap(model.apply, (0, None)))(stacked, x)
    for variables, u in zip(networks, together, strict=True):
        np.testing.assert_allclose(u, compiled(variables, x), rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(compiled(networks[0], x), model.apply(networks[0], x), rtol=1e-9)
    assert len(traces) == 1


@pytest.mark.sample(2)
@every_operator
def test_the_gradient_is_that_of_differences(x64, name):
    model, x = SMALL[name], fields()
    params, direction = generic(model, x, size=0.1), generic(model, x, seed=1)

    def loss(params):
        return jnp.mean(jnp.sin(model.apply(params, x)))

    flat, unravel = jax.flatten_util.ravel_pytree(params)
    d, _ = jax.flatten_util.ravel_pytree(direction)
    value_and_grad = zoo.compile_quickly(jax.value_and_grad(lambda p: loss(unravel(p))))
    h = 1e-6
    difference = (value_and_grad(flat + h * d)[0] - value_and_grad(flat - h * d)[0]) / (2 * h)
    slope = jnp.vdot(value_and_grad(flat)[1], d)
    assert abs(slope) > 1e-3
    np.testing.assert_allclose(difference, slope, rtol=1e-5)


@every_operator
def test_the_dtype_is_kept(dtype, name):
    x = zoo.images(dtype, side=8)
    init, apply = functional(SMALL[name])
    params, state = jax.eval_shape(init, jax.random.key(0), x)
    assert {leaf.dtype.name for leaf in jax.tree.leaves(params)} == {x.dtype.name}
    assert jax.eval_shape(apply, params, state, x)[0].dtype == x.dtype
    assert state == {}


@pytest.mark.parametrize("name", ["mgno", "mgno periodic"])
def test_every_convolution_is_fast_in_a_loop(name):
    model, x = SMALL[name], zoo.images("float32")
    variables = jax.eval_shape(model.init, jax.random.key(0), x)
    loss = jax.grad(lambda v, x: model.apply(v, x).sum(), argnums=(0, 1))
    assert zoo.assert_fast_in_a_loop(jax.make_jaxpr(loss)(variables, x).jaxpr) > 10


@pytest.mark.parametrize("model", [MgNO(), FNO()], ids=["mgno", "fno"])
def test_the_loop_is_lowered_for_gpu_and_tpu(model):
    init, apply = functional(model)
    optimizer = optax.adam(1e-3)
    plan = Plan(
        apply, lambda u, v: jnp.square(u - v).mean((1, 2, 3)), optimizer, unchanged, scale, 8
    )
    x = jax.ShapeDtypeStruct((8, 32, 32, 1), "float32")
    state = jax.eval_shape(
        lambda: State(*init_state(init, optimizer, jax.random.key(0), x)[:4], ())
    )
    functions = jax.ShapeDtypeStruct((20, 32, 32, 1), jnp.float32)

    def run(state, data, examples):
        state = state._replace(key=jax.random.wrap_key_data(data))
        after, bad = advance(plan, Progress(state, start_metrics()), examples, 3)
        return after.state.params, bad

    data = jax.ShapeDtypeStruct((2,), jnp.uint32)
    exported = jax.export.export(jax.jit(run), platforms=("cuda", "tpu"))(
        state, data, Examples(functions, functions)
    )
    assert exported.platforms == ("cuda", "tpu")


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "match", "model"),
    [
        (ConfigError, "restricted must be one of", MgNO(restricted="other")),
        (ConfigError, "boundary must be one of", MgNO(boundary="other")),
        (ValueError, r"steps\[0\]\[0\] must be an integer >= 1", MgNO(steps=((0, 0), (1, 0)))),
        (ValueError, r"steps must have none after .* write \(3, 0\)", MgNO(steps=((2, 1),))),
        (ValueError, "number of grids must be an integer >= 1", MgNO(steps=())),
        (ValueError, "channels must be an integer >= 1", MgNO(channels=0)),
        (ValueError, "layers must be an integer >= 1", MgNO(layers=0)),
        (ValueError, r"at most half .* got 5 for a grid of 8 x 8; take modes=4", FNO(modes=5)),
        (ValueError, "width must be an integer >= 1", FNO(width=0)),
        (ValueError, "modes must be an integer >= 1", FNO(modes=0)),
    ],
)
def test_options_that_do_not_fit_are_refused(error, match, model):
    x = jax.ShapeDtypeStruct((2, 8, 8, 1), "float32")
    with pytest.raises(error, match=match):
        jax.eval_shape(functional(model).init, jax.random.key(0), x)


def test_a_transposed_convolution_with_other_kernels_is_refused():
    x = jnp.ones((1, 4, 4, 1))
    with pytest.raises(ValueError, match=r"\(3, 3, c, o\) or \(4, 4, c, o\)"):
        models.convolve_transposed(x, jnp.ones((5, 5, 1, 1)), (8, 8))

"""xRDA against its formula, and the two methods that it contains."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from approxnet import optimize
from approxnet.errors import AssumptionError
from approxnet.optimize import trajectory

RNG = np.random.default_rng(0)
A, RIGHT = RNG.normal(size=(12, 6)) / 3, RNG.normal(size=12)
START = RNG.normal(size=6)


def least_squares(x):
    r = jnp.matmul(jnp.asarray(A, x.dtype), x, precision="highest") - jnp.asarray(RIGHT, x.dtype)
    return jnp.sum(r * r) / 2


def slope(x):
    return A.T @ (A @ x - RIGHT)


def soft(z, t):
    return np.sign(z) * np.maximum(abs(z) - t, 0)


def written_out(steps, s, strength, M, tau, tau_w, alpha, decay):
    x, z, v, a, B = START, START, 0, 0, 0
    points = [x]
    for _ in range(steps):
        v = np.exp(-s / tau) * v + (1 - np.exp(-s / tau)) * (slope(x) + decay * x)
        a = np.exp(-s / tau_w) * a + (1 - np.exp(-s / tau_w)) * abs(x)
        B = alpha * B + s * M / (1 + (M - 1) * a / a.max())
        z = alpha * z + (1 - alpha) * x - s * v
        x = soft(z, strength * B)
        points.append(x)
    return np.stack(points)


@pytest.mark.parametrize("alpha", [0.0, 0.3])
def test_it_takes_the_steps_of_its_formula(dtype, alpha):
    transform = optimize.xrda(
        0.2, strength=0.01, spread=20.0, memory=1.5, weight_memory=0.7, averaging=alpha, decay=0.1
    )
    path = jax.jit(lambda x: trajectory(least_squares, x, transform, 20))(jnp.asarray(START, dtype))
    expected = written_out(20, 0.2, 0.01, 20.0, 1.5, 0.7, alpha, 0.1)
    assert path.points.dtype == dtype
    # no step enlarges an error: 20 steps of some thirty operations
    tolerance = 600 * float(jnp.finfo(dtype).eps)
    np.testing.assert_allclose(path.points, expected, rtol=0, atol=tolerance)


def test_without_memory_and_weights_it_ends_at_the_minimiser_of_the_penalised_sum(x64):
    """|grad f| = lambda against the sign of x where x is not 0, and at most lambda where it is."""
    strength = 0.3
    transform = optimize.xrda(0.5, strength=strength, spread=1.0, memory=1e-3)
    x = np.asarray(trajectory(least_squares, jnp.asarray(START), transform, 3000).points[-1])
    g, zero = slope(x), x == 0
    assert 0 < zero.sum() < len(x)
    np.testing.assert_allclose(g[~zero], -strength * np.sign(x[~zero]), atol=1e-12)
    assert (abs(g[zero]) <= strength).all()


def test_averaged_it_is_the_dual_averaging_of_xiao(x64):
    """x_k minimises s sum g_i . x + |x - x_0|^2 / 2 + lambda s k |x|_1."""
    s, strength, k = 0.1, 0.05, 15
    transform = optimize.xrda(s, strength=strength, spread=1.0, memory=1e-3, averaging=1.0)
    path = trajectory(least_squares, jnp.asarray(START), transform, k)
    total = np.asarray(path.gradients)[:k].sum(axis=0)
    expected = soft(START - s * total, strength * s * k)
    np.testing.assert_allclose(path.points[k], expected, rtol=1e-12, atol=1e-15)


def test_the_weights_shrink_small_numbers_and_spare_large_ones(x64):
    """f = |x - c|^2 / 2: with equal weights every number loses lambda, with others less."""
    c = np.array([2.0, 0.5, 0.01, -0.02])

    def end(spread):
        transform = optimize.xrda(0.1, strength=0.005, spread=spread, memory=1.0)
        f = lambda x: jnp.sum((x - jnp.asarray(c)) ** 2) / 2  # noqa: E731
        return np.asarray(trajectory(f, jnp.asarray(c), transform, 2000).points[-1])

    np.testing.assert_allclose(end(1.0), np.sign(c) * (abs(c) - 0.005), rtol=1e-6)
    weighted = end(500.0)
    assert (weighted[2:] == 0).all()
    assert weighted[0] == pytest.approx(2.0 - 0.005, rel=1e-6)


def test_only_the_leaves_that_are_named_become_sparse_and_zeros_are_harmless(x64):
    labels = {"weight": "sparse", "bias": "free"}
    transform = optax.partition(
        {"sparse": optimize.xrda(0.1, strength=1.0), "free": optimize.sgd(0.1)}, labels
    )
    x0 = {"weight": jnp.zeros((2, 2)), "bias": jnp.ones(2)}
    f = lambda x: sum(jnp.sum((leaf - 0.5) ** 2) / 2 for leaf in x.values())  # noqa: E731
    with jax.numpy_dtype_promotion("standard"):
        path = trajectory(f, x0, transform, 50)
    assert (path.points["weight"] == 0).all()
    np.testing.assert_allclose(path.points["bias"][-1], 0.5 + 0.5 * 0.9**50, rtol=1e-12)


def test_a_schedule_is_the_step_of_each_turn(x64):
    """With alpha = 0 and no memory x_{k+1} = soft(x_k - s_k g_k, lambda s_k)."""
    schedule = optimize.inverse_sqrt(0.5)
    transform = optimize.xrda(schedule, strength=0.1, spread=1.0, memory=1e-3)
    path = trajectory(least_squares, jnp.asarray(START), transform, 3)
    x = START
    for k in range(3):
        s = 0.5 / np.sqrt(k + 1)
        x = soft(x - s * slope(x), 0.1 * s)
    np.testing.assert_allclose(path.points[3], x, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("step", 0.0),
        ("memory", 0.0),
        ("weight_memory", -1.0),
        ("strength", -1.0),
        ("spread", 0.5),
        ("averaging", 1.5),
        ("decay", float("nan")),
    ],
)
def test_numbers_out_of_range_are_refused(name, value):
    with pytest.raises(AssumptionError, match=f"{name} must be"):
        optimize.xrda(**{"step": 0.1, "strength": 0.1, name: value})


def test_parameters_are_needed():
    transform = optimize.xrda(0.1, strength=0.1)
    with pytest.raises(ValueError, match="params"):
        transform.update(jnp.ones(2), transform.init(jnp.ones(2)))

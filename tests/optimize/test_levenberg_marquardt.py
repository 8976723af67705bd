"""Damped Gauss-Newton against SciPy and the published minima of standard problems."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

from approxnet.errors import ConvergenceWarning, NonFiniteError
from approxnet.optimize import REASONS, gauss_newton

T = np.linspace(0, 2, 15)
Y = 3 * np.exp(-1.3 * T) + 0.05 * np.cos(17 * T)


def rosenbrock(x):
    return jnp.stack([10 * (x[1] - x[0] ** 2), 1 - x[0]])


def powell_singular(x):
    return jnp.stack(
        [
            x[0] + 10 * x[1],
            5**0.5 * (x[2] - x[3]),
            (x[1] - 2 * x[2]) ** 2,
            10**0.5 * (x[0] - x[3]) ** 2,
        ]
    )


def freudenstein_roth(x):
    return jnp.stack(
        [
            -13 + x[0] + ((5 - x[1]) * x[1] - 2) * x[1],
            -29 + x[0] + ((x[1] + 1) * x[1] - 14) * x[1],
        ]
    )


def brown_dennis(x):
    t = jnp.arange(1, 21, dtype=x.dtype) / 5
    return (x[0] + t * x[1] - jnp.exp(t)) ** 2 + (x[2] + x[3] * jnp.sin(t) - jnp.cos(t)) ** 2


def decay(x):
    return x[0] * jnp.exp(-x[1] * jnp.asarray(T, x.dtype)) - jnp.asarray(Y, x.dtype)


# More, Garbow, Hillstrom, ACM Trans. Math. Softw. 7 (1981): |r|^2 at the minimum.
PROBLEMS = {
    "rosenbrock": (rosenbrock, [-1.2, 1.0], 0.0),
    "powell": (powell_singular, [3.0, -1.0, 0.0, 1.0], 0.0),
    "freudenstein-roth": (freudenstein_roth, [0.5, -2.0], 48.98425),
    "brown-dennis": (brown_dennis, [25.0, 5.0, -5.0, -1.0], 85822.2),
    "decay": (decay, [1.0, 0.0], None),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_standard_problems_end_where_scipy_ends(x64, name):
    f, x0, published = PROBLEMS[name]
    found = jax.jit(lambda x: gauss_newton(f, x, max_steps=500, rtol=1e-12))(jnp.array(x0))
    g, jacobian = jax.jit(f), jax.jit(jax.jacfwd(f))
    expected = scipy.optimize.least_squares(
        lambda x: np.asarray(g(x)),
        x0,
        jac=lambda x: np.asarray(jacobian(x)),
        method="lm",
        xtol=1e-15,
        ftol=1e-15,
        gtol=1e-15,
    )
    cost = float(found.costs[-1])
    assert found.converged
    assert np.all(np.diff(found.costs) <= 0)
    assert cost == pytest.approx(float((g(found.value) ** 2).sum() / 2), rel=1e-13)
    assert abs(cost - expected.cost) <= 1e-10 * expected.cost + 1e-18
    if published is not None:
        assert abs(2 * cost - published) <= 1e-6 * published + 1e-18
    if name != "powell":  # a singular minimum, reached slowly
        np.testing.assert_allclose(found.value, expected.x, rtol=1e-5, atol=1e-8)


def test_zero_residuals_are_reached_quadratically(x64):
    found = gauss_newton(rosenbrock, jnp.array([0.9, 0.9]), damping=1e-8)
    assert int(found.steps) < 10 and float(found.costs[-1]) < 1e-25


def test_linear_problems_take_one_undamped_step(x64):
    A = np.random.default_rng(0).standard_normal((9, 4))
    b = np.arange(9.0)
    found = gauss_newton(lambda x: jnp.matmul(A, x) - b, jnp.zeros(4), damping=0.0)
    np.testing.assert_allclose(found.value, np.linalg.lstsq(A, b)[0], rtol=1e-12)
    assert int(found.steps) <= 2
    assert float(found.costs[1]) == pytest.approx(float(found.costs[-1]), rel=1e-12)


def test_trees_and_dtypes_are_kept(dtype):
    x0 = {"a": jnp.ones((2,), dtype), "b": jnp.zeros((), dtype)}
    found = jax.jit(lambda x: gauss_newton(lambda y: (y["a"] - 3, [y["b"] + y["a"][0]]), x))(x0)
    assert found.value["a"].dtype == dtype and found.value["b"].shape == ()
    eps = float(np.finfo(dtype).eps)
    np.testing.assert_allclose(found.value["a"], 3, rtol=10 * eps)
    np.testing.assert_allclose(found.value["b"], -3, rtol=10 * eps)
    assert found.costs.dtype == dtype


def test_it_is_jitted_mapped_and_differentiated(x64):
    traces = []

    @jax.jit
    def fit(y):
        traces.append(1)
        t = jnp.asarray(T)
        found = gauss_newton(lambda x: x[0] * jnp.exp(-x[1] * t) - y, jnp.array([1.0, 0.5]))
        return found.value

    plain = gauss_newton(decay, jnp.array([1.0, 0.5])).value
    np.testing.assert_allclose(fit(jnp.asarray(Y)), plain, rtol=1e-7)
    fit(jnp.asarray(Y) + 0.1)
    assert len(traces) == 1
    both = jax.vmap(fit)(jnp.stack([jnp.asarray(Y), jnp.asarray(Y) + 0.1]))
    np.testing.assert_allclose(both[0], plain, rtol=1e-7)


def test_a_nan_on_the_way_is_stepped_back_from(x64):
    """The undamped step for log x = 0 from 8 goes to 8 - 8 log 8 < 0."""
    found = gauss_newton(jnp.log, jnp.array([8.0]), damping=1e-12)
    assert found.converged and abs(float(found.value[0]) - 1) < 1e-12


@pytest.mark.parametrize("x0", [[-1.0], [np.nan]])
def test_a_residual_that_is_not_finite_raises_or_is_marked(x64, x0):
    with pytest.raises(NonFiniteError, match="at x0"):
        gauss_newton(jnp.log, jnp.array(x0))
    found = jax.jit(lambda x: gauss_newton(jnp.log, x))(jnp.array(x0))
    assert not found.converged and "not finite" in REASONS[int(found.reason)]


def test_too_few_steps_are_not_silent(x64):
    with pytest.warns(ConvergenceWarning, match="used up"):
        found = gauss_newton(rosenbrock, jnp.array([-1.2, 1.0]), max_steps=3)
    assert not found.converged and found.costs.shape == (4,) and int(found.steps) == 3


def test_where_no_step_helps_it_says_so(x64):
    """A derivative of the wrong sign."""

    @jax.custom_jvp
    def liar(x):
        return x

    liar.defjvp(lambda primals, tangents: (primals[0], -tangents[0]))
    with pytest.warns(ConvergenceWarning, match="no step decreases"):
        found = gauss_newton(lambda x: liar(x) - 1.0, jnp.array([0.0, 5.0]), max_steps=200)
    assert not found.converged


def test_a_start_at_the_minimum_stays(x64):
    found = gauss_newton(rosenbrock, jnp.array([1.0, 1.0]))
    assert found.converged and int(found.steps) == 0


def test_integers_are_refused():
    with pytest.raises(ValueError, match="floating"):
        gauss_newton(lambda x: x, jnp.array([1]))

"""Natural gradients against closed forms, Gauss-Newton and a harder start."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from approxnet.errors import ConvergenceWarning, NonFiniteError
from approxnet.optimize import REASONS, gauss_newton, natural_gradient

T = np.linspace(0, 2, 15)


def model(x):
    return x[0] * jnp.exp(-x[1] * jnp.asarray(T, x.dtype))


def residual(x):
    return model(x) - model(jnp.array([3.0, 1.3], x.dtype))


def energy(x):
    return (residual(x) ** 2).sum() / 2


def test_of_a_sum_of_squares_it_is_gauss_newton_without_damping(x64):
    """One step from a start near the minimum, by normal equations in closed form."""
    x = np.array([2.9, 1.2])
    J = np.stack([np.exp(-x[1] * T), -x[0] * T * np.exp(-x[1] * T)], axis=1)
    r = x[0] * np.exp(-x[1] * T) - 3 * np.exp(-1.3 * T)
    expected = x - np.linalg.solve(J.T @ J, J.T @ r)
    with pytest.warns(ConvergenceWarning, match="used up"):
        found = natural_gradient(energy, residual, jnp.asarray(x), halvings=0, max_steps=1)
    np.testing.assert_allclose(found.value, expected, rtol=1e-12)


def test_it_ends_where_gauss_newton_ends(x64):
    found = jax.jit(lambda x: natural_gradient(energy, residual, x))(jnp.array([1.0, 0.0]))
    expected = gauss_newton(residual, jnp.array([1.0, 0.0]))
    np.testing.assert_allclose(found.value, expected.value, rtol=1e-9)
    assert found.converged and found.costs.shape == (101,)
    assert np.all(np.diff(found.costs) <= 0)


def test_a_quadratic_energy_takes_one_step_whatever_its_condition(x64):
    """E(u) = a(u, u) / 2 - l(u) with a of condition 1e8, whose minimum is a linear system."""
    A = np.diag(10.0 ** -np.arange(5)) @ (np.eye(5) + np.tri(5))
    load = np.arange(1.0, 6.0)
    x = natural_gradient(
        lambda x: (jnp.matmul(A, x) ** 2).sum() / 2 - (load * x).sum(),
        lambda x: jnp.matmul(A, x),
        jnp.zeros(5),
    )
    expected = np.linalg.solve(A.T @ A, load)
    # The normal equations have condition 1e8 times that of the triangle.
    np.testing.assert_allclose(x.value, expected, rtol=1e-6)
    assert x.converged and int(x.steps) <= 3


def test_parameters_may_be_scaled_and_the_steps_stay_the_same(x64):
    """Natural gradients depend on the functions alone."""
    scale = jnp.array([100.0, 0.01])

    def costs(s, x):
        found = natural_gradient(
            lambda y: energy(s * y), lambda y: model(s * y), x / s, max_steps=4, rtol=0.0
        )
        return found.costs

    run = jax.jit(costs)
    plain, scaled = (run(s, jnp.array([2.0, 1.0])) for s in (jnp.ones(2), scale))
    np.testing.assert_allclose(scaled[:4], plain[:4], rtol=1e-6)


def test_parameters_without_effect_stay(x64):
    """The Gram matrix is singular: two parameters enter by their sum, one not at all."""
    x0 = jnp.array([0.5, 0.5, 1.0, 7.0])

    def reduced(x):
        return residual(jnp.stack([x[0] + x[1], x[2]]))

    found = natural_gradient(lambda x: (reduced(x) ** 2).sum() / 2, reduced, x0)
    np.testing.assert_allclose(found.value, [1.5, 1.5, 1.3, 7.0], rtol=1e-8)


def test_trees_and_dtypes_are_kept_and_it_is_mapped(dtype):
    def samples(x):
        return {"a": x["a"] - 3, "b": jnp.exp(x["b"])}

    def square(x):
        return ((x["a"] - 3) ** 2).sum() + (jnp.exp(x["b"]) - 2) ** 2

    x0 = {"a": jnp.ones((3, 2), dtype), "b": jnp.zeros((3,), dtype)}
    found = jax.jit(jax.vmap(lambda x: natural_gradient(square, samples, x, max_steps=20)))(x0)
    assert found.value["a"].dtype == dtype and found.value["b"].shape == (3,)
    tolerance = 4 * float(np.finfo(dtype).eps) ** 0.5
    np.testing.assert_allclose(found.value["a"], 3.0, rtol=tolerance)
    np.testing.assert_allclose(found.value["b"], np.log(2), rtol=tolerance)
    assert np.asarray(found.converged).all()


def test_what_is_wrong_is_named(x64):
    one = jnp.ones(2)
    with pytest.raises(ValueError, match="number, got shape"):
        natural_gradient(residual, residual, one)
    with pytest.raises(ValueError, match="floating"):
        natural_gradient(energy, residual, jnp.array([1, 2]))
    with pytest.raises(ValueError, match="halvings"):
        natural_gradient(energy, residual, one, halvings=-1)
    with pytest.raises(NonFiniteError, match="at x0"):
        natural_gradient(lambda x: jnp.log(x[0]), lambda x: x, -one)


def test_an_inner_product_that_leads_uphill_is_reported(x64):
    """The slope that autodiff is told has the wrong sign, so that no step helps."""

    @jax.custom_jvp
    def liar(x):
        return (x**2).sum()

    liar.defjvp(lambda x, t: ((x[0] ** 2).sum(), -(2 * x[0] * t[0]).sum()))
    with pytest.warns(ConvergenceWarning, match="no step decreases"):
        found = natural_gradient(liar, lambda x: x, jnp.ones(2))
    assert REASONS[int(found.reason)] == "no step decreases the cost"

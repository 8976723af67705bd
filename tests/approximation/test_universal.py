"""Networks from finite differences obey both bounds, and the best step balances them."""

import numpy as np
import pytest

from approxnet import relu
from approxnet.approximation import polynomials, universal
from approxnet.errors import AssumptionError, ConfigError

X = np.linspace(-1, 1, 201)[:, None]


def error(net, exact):
    return np.abs(np.asarray(relu.evaluate(net, X)) - exact).max()


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
@pytest.mark.parametrize("degree", [1, 3])
def test_errors_are_below_the_bound_at_every_step(x64, activation, degree):
    for step in (0.3, 0.1, 0.03, 1e-2, 1e-3):
        part = universal.monomial(degree, activation, step=step)
        measured = error(part.network, X[:, 0] ** degree)
        assert measured <= part.step_error + part.rounding
        if part.rounding < 1e-3 * part.step_error:
            assert measured >= 0.02 * part.step_error  # the bound is not idle


@pytest.mark.parametrize("degree", [2, 4])
def test_the_error_falls_like_the_square_of_the_step(x64, degree):
    errors = [
        error(universal.monomial(degree, step=h).network, X[:, 0] ** degree) for h in (0.08, 0.04)
    ]
    assert abs(np.log2(errors[0] / errors[1]) - 2) < 0.05


@pytest.mark.parametrize("degree", [2, 4])
def test_the_best_step_is_near_the_root_of_eps(x64, degree):
    best = universal.monomial(degree)
    assert 0.02 < best.step / 2.0 ** (-52 / (degree + 2)) < 20
    bound = best.step_error + best.rounding
    assert error(best.network, X[:, 0] ** degree) <= bound
    for factor in (0.3, 3.0):
        other = universal.monomial(degree, step=factor * best.step)
        assert other.step_error + other.rounding > bound


def test_rounding_spoils_a_step_that_is_too_small(x64):
    good, bad = universal.monomial(3), universal.monomial(3, step=1e-6)
    assert error(bad.network, X[:, 0] ** 3) > 100 * error(good.network, X[:, 0] ** 3)


def test_sizes_are_those_of_the_theorem():
    part = universal.monomial(4)
    assert relu.shape(part.network) == (1, 5, 1)
    net, _ = universal.polynomial([1.0, 2.0, 0.0, 4.0])
    assert relu.shape(net) == (1, 2 + 4, 1)


def test_a_continuous_function_is_approximated_as_well_as_by_its_polynomial(x64):
    """Weierstrass and Leshno et al. in one line: |f - net| <= E_n + the bound."""
    best = polynomials.best_uniform(lambda x: np.cos(2 * x[..., 0]), 4)
    c = np.polynomial.chebyshev.cheb2poly(best.polynomial.coefficients)
    c = np.where(abs(c) < 1e-12, 0.0, c)
    net, bound = universal.polynomial(c)
    assert error(net, np.cos(2 * X[:, 0])) <= best.error + bound
    assert bound < 1e-3


def test_derivatives_are_those_of_the_closed_forms():
    t = np.linspace(-2, 2, 9)
    y = np.tanh(t)
    np.testing.assert_allclose(universal.derivatives("tanh", 1, t), 1 - y**2, rtol=1e-12)
    exact = (1 - y**2) * (6 * y**2 - 2)
    np.testing.assert_allclose(universal.derivatives("tanh", 3, t), exact, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
@pytest.mark.parametrize("order", [2, 7, 12])
def test_derivatives_of_any_order_are_those_of_the_polynomials_in_the_value(activation, order):
    """With sigma' = p(sigma), sigma^(k) = p_k(sigma) where p_{k+1} = p_k' p, in integers."""
    p = np.polynomial.Polynomial({"tanh": [1, 0, -1], "sigmoid": [0, 1, -1]}[activation])
    q = np.polynomial.Polynomial([0, 1])
    for _ in range(order):
        q = q.deriv() * p
    t = np.linspace(-3, 3, 31)
    y = np.tanh(t) if activation == "tanh" else 1 / (1 + np.exp(-t))
    tolerance = 1e-14 * abs(q.coef).sum()
    np.testing.assert_allclose(universal.derivatives(activation, order, t), q(y), atol=tolerance)


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: universal.monomial(2, "relu"), AssumptionError, "smooth it"),
        (lambda: universal.monomial(3, "relu2"), AssumptionError, "order 3"),
        (lambda: universal.monomial(2, "tahn"), ConfigError, "did you mean 'tanh'"),
        (lambda: universal.monomial(0), ValueError, "degree"),
        (lambda: universal.monomial(1, step=-1.0), ValueError, "step"),
        (lambda: universal.polynomial([1.0]), ValueError, "coefficients"),
    ],
)
def test_wrong_input_is_named(call, error, match):
    with pytest.raises(error, match=match):
        call()

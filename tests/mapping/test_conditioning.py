"""The condition numbers of ReLU and hats against quadrature, finite elements and their bounds."""

import numpy as np
import pytest

from approxnet import fem, mapping, quadrature
from approxnet.errors import ConfigError
from approxnet.mapping.conditioning import RELU_MASS

CASES = [(activation, norm) for activation in ("relu", "hat") for norm in ("L2", "H1")]


@pytest.mark.parametrize(("activation", "norm"), CASES)
@pytest.mark.parametrize("n", [1, 2, 7])
def test_the_factor_is_that_of_the_gram_matrix_by_quadrature(activation, norm, n):
    rule = quadrature.box(n, 3)
    x, h = rule.points, 1 / n
    knots = np.arange(n) * h
    if activation == "relu":
        value, slope = np.maximum(x - knots, 0), np.where(x > knots, 1.0, 0.0)
    else:
        t = (x - knots) / h - 1  # node (j + 1) h
        value, slope = np.maximum(1 - abs(t), 0), np.where(abs(t) < 1, -np.sign(t) / h, 0.0)
    basis = value if norm == "L2" else slope
    R = mapping.gram_factor(n, activation=activation, norm=norm)
    gram = basis.T @ (rule.weights[:, None] * basis)
    np.testing.assert_allclose(R.T @ R, gram, rtol=1e-12, atol=1e-14 * n)


def test_hats_have_the_matrices_of_finite_elements():
    mesh = fem.interval(np.linspace(0, 1, 9))
    for norm, matrix in (("L2", fem.mass(mesh)), ("H1", fem.stiffness(mesh))):
        R = mapping.gram_factor(8, activation="hat", norm=norm)
        np.testing.assert_allclose(R.T @ R, matrix.toarray()[1:, 1:], rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(("activation", "norm"), CASES)
@pytest.mark.parametrize("n", [1, 2, 3, 8, 33, 128])
def test_condition_numbers_keep_their_bounds(activation, norm, n):
    lower, upper = mapping.condition_bounds(n, activation=activation, norm=norm)
    kappa = mapping.condition_number(n, activation=activation, norm=norm)
    assert lower * (1 - 1e-11) <= kappa <= upper * (1 + 1e-11)


def test_the_mass_of_relu_grows_like_the_fourth_power_of_n():
    """kappa / n^4 tends to 48 / beta^4 like 1 / n."""
    ratios = {n: mapping.condition_number(n) / n**4 for n in (8, 32, 128, 256)}
    assert [round(ratios[n], 2) for n in (8, 32, 128)] == [4.39, 4.09, 3.94]
    assert all(0 < n * (ratio - RELU_MASS) < 8 for n, ratio in ratios.items())
    beta = (48 / RELU_MASS) ** 0.25
    assert abs(np.cos(beta) * np.cosh(beta) + 1) < 1e-12


def test_the_mass_of_hats_has_a_condition_number_near_four():
    assert 4 - mapping.condition_number(128, activation="hat") < 1e-3


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"n": 0}, ValueError, "n must be"),
        ({"n": 4, "activation": "rleu"}, ConfigError, "did you mean 'relu'"),
        ({"n": 4, "norm": "H2"}, ConfigError, "norm must be one of"),
    ],
)
def test_wrong_input_is_named(options, error, match):
    for function in (mapping.gram_factor, mapping.condition_number, mapping.condition_bounds):
        with pytest.raises(error, match=match):
            function(**options)

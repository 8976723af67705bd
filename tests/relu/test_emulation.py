"""Sawteeth, squares and products: exact values, exact errors, exact sizes."""

import itertools

import jax
import numpy as np
import pytest

from approxnet import fem, quadrature, relu
from approxnet.errors import NonFiniteError

LEVELS = [1, 2, 3, 6]


@pytest.fixture(autouse=True)
def _double(request):
    """Double precision, but where a test asks for both."""
    request.getfixturevalue("dtype" if "dtype" in request.fixturenames else "x64")


def values(net, x):
    return np.asarray(relu.evaluate(net, np.asarray(x, float)[:, None]))


def teeth(levels, x):
    """The distance to the nearest integer multiple of 2^(1-m), scaled to height 1."""
    scaled = 2.0 ** (levels - 1) * x
    return 2 * np.abs(scaled - np.round(scaled))


@pytest.mark.parametrize("m", LEVELS)
def test_the_sawtooth_is_the_distance_to_multiples(m):
    x = np.arange(2 ** (m + 4) + 1) / 2 ** (m + 4)
    net = relu.sawtooth(m)
    np.testing.assert_array_equal(values(net, x), teeth(m, x))
    assert relu.widths(net) == (2,) * m
    assert values(net, [-1.0, -0.1]).tolist() == [0.0, 0.0]
    assert values(net, [1.5]).tolist() == [0.0 if m > 1 else -1.0]


@pytest.mark.parametrize("m", LEVELS)
def test_the_sawtooth_has_exponentially_many_regions(m):
    assert relu.count_regions(relu.sawtooth(m), 0.0, 1.0) == 2**m


@pytest.mark.parametrize("m", LEVELS)
def test_the_error_of_the_square_is_attained_at_odd_multiples(m):
    """Yarotsky (2017): sup error 2^(-2m-2); here with equality, and 0 at the nodes."""
    x = np.arange(2 ** (m + 1) + 1) / 2 ** (m + 1)
    assert relu.widths(relu.square(m)) == (2, *(m - 1) * (3,))
    error = values(relu.square(m), x) - x**2
    np.testing.assert_array_equal(error[1::2], relu.square_error_bound(m))
    np.testing.assert_array_equal(error[::2], 0.0)
    fine = np.random.default_rng(m).random(2000)
    error = values(relu.square(m), fine) - fine**2
    assert error.min() >= -4e-16
    assert error.max() <= relu.square_error_bound(m) + 4e-16


@pytest.mark.parametrize("m", LEVELS)
def test_the_integral_of_the_squared_error_is_that_of_the_paper(m):
    """2^(-4m) / 30, by a rule that is exact for degree 4 on each of the 2^m cells."""
    rule = quadrature.box(2**m, 4, 0.0, 1.0)
    error = np.asarray(relu.evaluate(relu.square(m), rule.points)) - rule.points[:, 0] ** 2
    assert abs(30 * 16**m * (rule.weights @ error**2) - 1) <= 1e-12 * 4**m


@pytest.mark.parametrize("m", LEVELS)
def test_levels_differ_by_the_norm_of_a_sawtooth(m):
    """||S_m - S_{m-1}|| = 4^-m / 3^(1/2), integrated on the linear regions."""
    difference = relu.linear_combination([1.0, -1.0], [relu.square(m + 1), relu.square(m)])
    assert abs(relu.norm_l2(difference, 0.0, 1.0) * 4 ** (m + 1) * 3**0.5 - 1) <= 1e-11


@pytest.mark.parametrize("m", [1, 2, 3, 4])
def test_a_level_of_the_square_is_a_level_of_the_hierarchical_basis(m):
    """He, Li, Xu (2022): (I_l - I_{l-1}) x^2 = -4^-l g_l, on the meshes of the finite elements."""
    coarse = fem.box((2 ** (m - 1),))
    fine = fem.refine(coarse)
    surplus = fem.interpolate(fine.mesh, square) - fine.prolongation @ fem.interpolate(
        coarse, square
    )
    x = np.random.default_rng(0).random((200, 1))
    level = np.asarray(fem.evaluate(fine.mesh, surplus, x))
    np.testing.assert_allclose(level, -(4.0**-m) * values(relu.sawtooth(m), x[:, 0]), atol=1e-15)
    interpolant = np.asarray(fem.evaluate(fine.mesh, fem.interpolate(fine.mesh, square), x))
    np.testing.assert_allclose(values(relu.square(m), x[:, 0]), interpolant, atol=1e-15)


def square(x):
    return x[..., 0] ** 2


def xy(x):
    return x[..., 0] * x[..., 1]


def antidiagonal(n):
    """The uniform mesh of [-1, 1]^2 with the diagonals x + y = const."""
    mesh = fem.box((n, n), -1.0, 1.0)
    return fem.from_arrays(mesh.nodes * [-1.0, 1.0], mesh.cells[:, [1, 0, 2]])


@pytest.mark.parametrize("m", [0, 1, 2])
def test_the_product_of_three_squares_is_the_interpolant_on_the_uniform_mesh(m):
    mesh = antidiagonal(2 ** (m + 1))
    net = relu.interpolated_product(m)
    x = np.random.default_rng(1).uniform(-1, 1, (300, 2))
    interpolant = np.asarray(fem.evaluate(mesh, fem.interpolate(mesh, xy), x))
    np.testing.assert_allclose(np.asarray(relu.evaluate(net, x)), interpolant, atol=1e-15)
    assert relu.widths(net) == (12, *m * (7,))
    assert np.abs(interpolant - xy(x)).max() <= relu.square_error_bound(m)


@pytest.mark.parametrize("m", [1, 2])
def test_a_level_of_the_product_is_three_sawteeth(m):
    """He, Li, Xu (2022), section 4."""
    x = np.random.default_rng(2).uniform(-1, 1, (300, 2))
    fine, coarse = (
        np.asarray(relu.evaluate(relu.interpolated_product(level), x)) for level in (m, m - 1)
    )
    one, two, both = (teeth(m + 1, np.abs(t) / 2) for t in (x[:, 0], x[:, 1], x.sum(axis=1)))
    np.testing.assert_allclose(fine - coarse, 2 * 4.0 ** (-m - 1) * (one + two - both), atol=1e-15)


@pytest.mark.parametrize(("m", "bound"), [(1, 1.0), (3, 1.0), (3, 3.0)])
def test_the_product_keeps_its_bound_and_attains_it(m, bound):
    net = relu.product(m, bound)
    limit = relu.product_error_bound(m, bound)
    x = np.random.default_rng(0).uniform(-bound, bound, (5000, 2))
    value = np.asarray(relu.evaluate(net, x))
    assert np.abs(value - xy(x)).max() <= limit
    assert np.abs(value).max() <= bound**2
    worst = bound * np.full((1, 2), 0.5 ** (m + 1))
    assert abs(relu.evaluate(net, worst).item() - xy(worst).item() - limit) <= 1e-15 * bound**2
    axes = np.concatenate([x * [1.0, 0.0], x * [0.0, 1.0]])
    np.testing.assert_array_equal(relu.evaluate(net, axes), 0.0)
    assert relu.widths(net) == (8, *(m - 1) * (5,))


@pytest.mark.parametrize("c", [[1.0], [0.5, -2.0, 3.0], [0.0, -1.0, 0.25, -0.125]])
def test_a_series_of_sawteeth_is_exact(c):
    x = np.arange(257) / 256
    net = relu.sawtooth_series(c)
    series = sum(weight * teeth(level, x) for level, weight in enumerate(c, 1))
    np.testing.assert_array_equal(values(net, x), series)
    assert relu.widths(net) == (2, *(len(c) - 1) * (3,))


@pytest.mark.parametrize("m", [2, 5, 8])
def test_takagis_function_loses_two_thirds_of_a_power_of_two(m):
    """sup |T - T_m| = 2^-m max T = (2/3) 2^-m; T = 2/3 at 1/3, whose teeth are all 2/3."""
    x = np.concatenate([[1 / 3], (1 / 3 + np.arange(2**m)) / 2**m])
    total = sum(0.5**level * teeth(level, x) for level in range(1, 40))
    error = total - values(relu.sawtooth_series(0.5 ** np.arange(1, m + 1)), x)
    assert abs(error.max() * 2**m - 2 / 3) <= 1e-6
    assert error.min() >= 0


def test_values_and_gradients_in_both_precisions(dtype):
    x = np.linspace(0.01, 0.99, 30).astype(dtype)[:, None]
    net = relu.square(4)
    value, gradient = jax.vmap(jax.value_and_grad(lambda p: relu.evaluate(net, p)))(x)
    eps = np.finfo(dtype).eps
    assert np.abs(value - x[:, 0] ** 2).max() <= relu.square_error_bound(4) + 8 * eps
    # The slopes of the interpolant are those of x^2 in the middle of the cells.
    assert np.abs(gradient - 2 * x).max() <= 2.0**-4 + 64 * eps


WRONG = {
    "sawtooth": (lambda: relu.sawtooth(0), "levels must be an integer >= 1, got 0"),
    "square": (lambda: relu.square(1.5), "levels must be an integer >= 1, got 1.5"),
    "bound": (lambda: relu.product(2, -1.0), "bound must be positive and finite, got -1.0"),
    "series": (lambda: relu.sawtooth_series([]), r"coefficients must have shape \(m,\)"),
    "matrix": (lambda: relu.sawtooth_series(np.ones((1, 2))), r"got \(1, 2\)"),
    "interpolant": (lambda: relu.interpolated_product(-1), "levels must be an integer >= 0"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_named(name):
    build, message = WRONG[name]
    with pytest.raises(ValueError, match=message):
        build()


def test_a_coefficient_that_is_not_finite_is_named():
    with pytest.raises(NonFiniteError, match="coefficients must be finite, got nan at index"):
        relu.sawtooth_series([1.0, np.nan])


def test_polynomials_keep_their_bounds():
    x = np.linspace(-1, 1, 801)
    evaluators = {
        "monomial": np.polynomial.polynomial.polyval,
        "chebyshev": np.polynomial.chebyshev.chebval,
    }
    for p, basis in itertools.product([2, 3, 6], evaluators):
        c = np.random.default_rng(p).normal(size=p + 1)
        net = relu.polynomial(c, 5, basis=basis)
        error = np.abs(values(net, x) - evaluators[basis](x, c)).max()
        bound = relu.polynomial_error_bound(c, 5, basis=basis)
        assert 0.05 * bound <= error <= bound
        assert relu.hidden_layers(net) == 5 * np.ceil(np.log2(p))
        assert max(relu.widths(net)) <= 3 * p + 3


@pytest.mark.parametrize("p", [0, 1])
def test_polynomials_of_degree_one_take_no_hidden_layer(p):
    c = np.array([2.0, -3.0])[: p + 1]
    net = relu.polynomial(c, 3)
    assert relu.hidden_layers(net) == 0
    assert relu.polynomial_error_bound(c, 3) == 0
    np.testing.assert_array_equal(values(net, [0.5]), [2.0 - 1.5 * p])


def test_analytic_functions_converge_exponentially_within_the_bound():
    """1 / (4 - 3 t), analytic for rho < 2.215, on an interval that is not [-1, 1]."""
    x, rho = np.linspace(0.0, 4.0, 801), 2.0
    largest = 1 / (4 - 3 * (rho + 1 / rho) / 2)
    errors = []
    for n, m in ((2, 4), (4, 8), (8, 12), (16, 20)):
        net = relu.analytic(lambda x: 1 / (4 - 3 * (x[..., 0] - 2) / 2), n, m, lower=0.0, upper=4.0)
        errors.append(np.abs(values(net, x) - 1 / (4 - 1.5 * (x - 2))).max())
        assert errors[-1] <= relu.analytic_error_bound(n, m, rho, largest)
    assert errors[-1] <= 1e-5 < errors[0]
    with pytest.raises(ValueError, match="rho must be greater than 1"):
        relu.analytic_error_bound(2, 3, 1.0, 1.0)


@pytest.mark.parametrize("k", [2, 3, 9])
@pytest.mark.parametrize("p", [1, 2, 5, 10])
def test_powers_of_relu_are_polynomials_exactly(k, p):
    """He, Mao, Xu (2023): degree k^L in L hidden layers; the terms of a layer sum to k^1.5."""
    x, c = np.linspace(-1, 1, 101), np.random.default_rng(p).normal(size=p + 1)
    net = relu.power_polynomial(c, k)
    exact = np.polynomial.polynomial.polyval(x, c)
    layers = relu.hidden_layers(net)
    assert p == 1 or k**layers >= p > k ** (layers - 1)
    assert set(net.activations) <= {f"relu{k}"}
    assert max(relu.widths(net), default=0) <= 2 * (k + 1) * (p // k + 1)
    limit = 8 * k * (k**1.5) ** layers * np.finfo(float).eps * np.abs(c).sum()
    assert np.abs(values(net, x) - exact).max() <= limit


@pytest.mark.parametrize("p", [7, 27, 30])
def test_a_monomial_takes_few_neurons(p):
    net = relu.power_polynomial(np.eye(p + 1)[p], 3)
    assert max(relu.widths(net)) <= 10
    x = np.linspace(-1.1, 1.1, 50)
    np.testing.assert_allclose(values(net, x), x**p, atol=1e-11)


def test_a_power_that_is_no_activation_is_refused():
    with pytest.raises(ValueError, match="k must be at most 9"):
        relu.power_polynomial([1.0, 2.0], 10)

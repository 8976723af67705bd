"""B-splines against SciPy, and splines against the theorems about their errors."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.interpolate
from jax.test_util import check_grads

from approxnet import quadrature
from approxnet.approximation import rates, splines
from approxnet.approximation.splines import Spline
from approxnet.errors import SingularSystemError

EPS = 2.0**-52
BREAKS = np.array([0.0, 0.1, 0.15, 0.5, 0.7, 1.0])


def wave(x):
    return jnp.sin(2 * math.pi * x[..., 0])


@pytest.mark.parametrize("degree", range(6))
def test_b_splines_are_those_of_scipy(degree):
    t = splines.clamped(BREAKS, degree)
    x = np.unique(np.concatenate([np.linspace(0, 1, 60), BREAKS]))
    ours = splines.basis(t, x[:, None], degree=degree)
    theirs = scipy.interpolate.BSpline.design_matrix(x, t, degree).toarray()
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=8 * EPS)
    assert np.all(ours >= 0)
    np.testing.assert_allclose(ours.sum(axis=1), 1, rtol=4 * EPS * (degree + 1))


@pytest.mark.parametrize("degree", [0, 1, 3])
def test_evaluation_is_the_sum_of_the_basis(degree, dtype):
    t = splines.clamped(BREAKS, degree)
    c = np.random.default_rng(0).standard_normal(len(t) - degree - 1)
    x = np.linspace(0, 1, 33).astype(dtype)
    values = Spline(t, c, degree)(x[:, None])
    assert values.dtype == dtype
    if degree:  # a jump may be on either side of a rounded point
        expected = splines.basis(t, x[:, None].astype(float), degree=degree) @ c
        slope = 2 * degree * np.abs(c).max() / 0.05
        atol = 8 * float(np.finfo(dtype).eps) * slope
        np.testing.assert_allclose(values, expected, rtol=0, atol=atol)
    assert np.isnan(Spline(t, c, degree)(np.array([[-0.1], [1.1]]))).all()


def test_splines_are_pure_jax_in_knots_coefficients_and_points(x64):
    t, c = splines.clamped(BREAKS, 3), np.random.default_rng(0).standard_normal(8)
    x = jnp.array([[0.05], [0.12], [0.33], [0.9]])

    @jax.jit
    def values(inner, c, x):
        b = jnp.concatenate([jnp.zeros(1), inner, jnp.ones(1)])
        return Spline(splines.clamped(b, 3, jnp), c, 3)(x)

    inner = jnp.asarray(BREAKS[1:-1])
    np.testing.assert_allclose(values(inner, c, x), Spline(t, c, 3)(x), rtol=1e-13)
    check_grads(values, (inner, jnp.asarray(c), x), order=1, modes=["rev"], eps=1e-6)
    np.testing.assert_allclose(
        jax.vmap(lambda y: Spline(t, c, 3)(y))(x), Spline(t, c, 3)(x), rtol=1e-14
    )


@pytest.mark.parametrize("degree", range(5))
def test_polynomials_of_the_degree_are_reproduced(x64, degree):
    x = np.linspace(0, 1, 41)
    f = np.polynomial.Polynomial(np.arange(1.0, degree + 2))
    met = splines.interpolate(lambda x: f(x[..., 0]), BREAKS, degree=degree)
    fitted = splines.least_squares(x[:, None], f(x), BREAKS, degree=degree)
    np.testing.assert_allclose(met(x[:, None]), f(x), rtol=1e-12)
    np.testing.assert_allclose(fitted(x[:, None]), f(x), rtol=1e-11)


def test_linear_interpolation_has_the_sharp_constant(x64):
    """|f - s| <= h^2 / 8 max |f''|, with equality for a parabola."""
    x = np.linspace(0, 1, 4 * 64 + 1)[:, None]
    for n in (4, 16, 64):
        grid = np.linspace(0, 1, n + 1)
        parabola = splines.interpolate(lambda x: x[..., 0] ** 2, grid, degree=1)
        error = np.abs(np.asarray(parabola(x)) - x[:, 0] ** 2).max()
        assert error == pytest.approx(2 / (8 * n**2), rel=1e-10)
        error = np.abs(np.asarray(splines.interpolate(wave, grid, degree=1)(x) - wave(x))).max()
        assert error <= 4 * math.pi**2 / (8 * n**2)


@pytest.mark.parametrize("degree", range(5))
def test_the_order_is_the_degree_plus_one(degree):
    cells = np.array([16, 32, 64, 128, 256])
    rule = quadrature.box(512, 9)
    errors = []
    for n in cells:
        s = splines.interpolate(wave, np.linspace(0, 1, n + 1), degree=degree)
        e = splines.basis(s.knots, rule.points, degree=degree) @ s.coefficients
        e = e - np.sin(2 * np.pi * rule.points[:, 0])
        errors.append(math.sqrt(rule.weights @ e**2))
    assert abs(rates.fit(cells, errors, last=3).order - degree - 1) < 0.05


@pytest.mark.parametrize("n", [3, 16])
def test_least_squares_on_uniform_cells_has_the_constant_of_the_parabola(n):
    """1 / (180^(1/2) n^2) for (x - 1/2)^2, which no choice of knots beats."""
    rule = quadrature.box(n, 9)
    f = (rule.points[:, 0] - 0.5) ** 2
    s = splines.least_squares(
        rule.points, f, np.linspace(0, 1, n + 1), degree=1, weights=rule.weights
    )
    e = f - splines.basis(s.knots, rule.points, degree=1) @ s.coefficients
    assert math.sqrt(rule.weights @ e**2) == pytest.approx(1 / (math.sqrt(180) * n**2), rel=1e-10)


def power(x):
    return jnp.cbrt(x[..., 0]) ** 2


@pytest.mark.parametrize(
    ("intervals", "share"),
    [
        (8, 0.85),
        pytest.param(16, 0.92, marks=pytest.mark.slow),
        pytest.param(64, 0.97, marks=pytest.mark.slow),
    ],
)
def test_free_knots_reach_the_optimal_constant(intervals, share):
    """m^2 |f - s| -> 720^(-1/2) (int |f''|^(2/5))^(5/2): .0557 for x^(2/3)."""
    exact = (2 / 9) * (15 / 7) ** 2.5 / math.sqrt(720)
    fitted = splines.fit_free_knots(power, intervals)
    assert fitted.converged and fitted.error <= fitted.start
    assert share * exact < intervals**2 * fitted.error < exact


@pytest.mark.slow
def test_free_knots_find_the_better_place_of_an_inflection():
    """The best 16 intervals for a sine have one across the inflection: 3.167e-3, not 3.523e-3."""
    assert splines.fit_free_knots(wave, 16).error == pytest.approx(3.1665e-3, rel=1e-4)


def test_cells_of_equal_error_are_as_good_as_fitted_ones_to_a_twentieth():
    """For x^(2/3) on 16 cells; the errors of the cells differ by less than a third."""
    exact = (2 / 9) * (15 / 7) ** 2.5 / math.sqrt(720)
    s, b, error = splines.equidistribute(lambda x: np.cbrt(x[..., 0]) ** 2, 16)
    assert 0.92 * exact < 256 * error < 1.02 * exact
    rule = quadrature.gauss_legendre(20)
    x = b[:-1, None] + np.diff(b)[:, None] * rule.points[:, 0]
    e = np.cbrt(x) ** 2 - (
        splines.basis(s.knots, x.reshape(-1, 1), degree=1) @ s.coefficients
    ).reshape(x.shape)
    square = np.diff(b) * (e**2 @ rule.weights)
    assert math.sqrt(square.sum()) == pytest.approx(error, rel=2e-3)
    middle = np.sqrt(square)[2:]
    assert middle.max() < 1.34 * middle.min()


def test_free_knots_of_the_parabola_are_uniform():
    fitted = splines.fit_free_knots(lambda x: (x[..., 0] - 0.5) ** 2, 4)
    np.testing.assert_allclose(fitted.breakpoints, np.linspace(0, 1, 5), atol=1e-5)
    assert fitted.error == pytest.approx(1 / (math.sqrt(180) * 16), rel=1e-8)


def test_the_optimal_constant_is_the_integral():
    rule = quadrature.box(256, 15)
    bend = lambda x: 4 * np.pi**2 * np.sin(2 * np.pi * x[..., 0])  # noqa: E731
    assert splines.optimal_constant(bend, rule) == pytest.approx(0.836, abs=5e-4)


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: splines.basis([0.0, 1.0], [[2.0]], degree=0), ValueError, "lie in"),
        (lambda: splines.basis([0.0, 0.0, 0.0, 1.0], [[0.5]], degree=1), ValueError, "ascend"),
        (lambda: splines.interpolate(wave, [0.0, 0.0, 1.0]), ValueError, "ascend"),
        (
            lambda: splines.least_squares([[0.1], [0.2], [0.3]], np.ones(3), [0.0, 0.5, 1.0]),
            SingularSystemError,
            "rank 3",
        ),
        (lambda: splines.least_squares([[0.1]], np.ones(3), [0.0, 1.0]), ValueError, "y must"),
        (lambda: splines.fit_free_knots(wave, 4, points=2), ValueError, "points"),
        (lambda: splines.equidistribute(wave, 4, points=2), ValueError, "points"),
    ],
)
def test_wrong_input_is_named(call, error, match):
    with pytest.raises(error, match=match):
        call()

"""Polynomials against NumPy, SciPy and closed forms, and theorems with their constants."""

import math
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
from jax.test_util import check_grads

from approxnet.approximation import polynomials
from approxnet.approximation.polynomials import (
    Polynomial,
    barycentric,
    bernstein,
    bernstein_bound,
    bernstein_constant,
    best_uniform,
    chebyshev,
    chebyshev_points,
    evaluate,
    gauss,
    interpolate,
    jacobi,
    landau,
    landau_bound,
    least_squares,
    lebesgue_constant,
    legendre,
    monomial,
)
from approxnet.approximation.polynomials.families import basis, host_values
from approxnet.errors import (
    AssumptionError,
    ConvergenceWarning,
    NonFiniteError,
    SingularSystemError,
)

EPS = 2.0**-52
FAMILIES = {
    "chebyshev": (chebyshev, scipy.special.eval_chebyt),
    "legendre": (legendre, scipy.special.eval_legendre),
    "monomial": (monomial, lambda k, t: t**k),
    "jacobi(1, 0)": (jacobi(1.0, 0.0), lambda k, t: scipy.special.eval_jacobi(k, 1, 0, t)),
    "jacobi(-0.5, 0.5)": (
        jacobi(-0.5, 0.5),
        lambda k, t: scipy.special.eval_jacobi(k, -0.5, 0.5, t),
    ),
    "jacobi(-0.5, -0.5)": (
        jacobi(-0.5, -0.5),
        lambda k, t: scipy.special.eval_jacobi(k, -0.5, -0.5, t),
    ),
}
BERNSTEIN = 0.2801694990238691330  # Varga, Carpenter (1985)


def first(f):
    """A function of one number as a function of points."""
    return lambda x: f(x[..., 0])


runge = first(lambda x: 1 / (1 + 25 * x**2))
kink = first(abs)


@pytest.mark.parametrize("name", FAMILIES)
def test_each_family_is_the_one_of_the_handbook(name):
    family, expected = FAMILIES[name]
    t = np.linspace(-1, 1, 41)
    ours = basis(family, 12, t)
    theirs = np.stack([expected(k, t) for k in range(13)], axis=-1)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=60 * EPS * np.abs(theirs).max())


@pytest.mark.parametrize("name", ["chebyshev", "legendre", "monomial", "jacobi(1, 0)"])
def test_clenshaw_is_the_sum_of_the_basis(name, dtype):
    family, _ = FAMILIES[name]
    c = np.random.default_rng(0).standard_normal(13)
    p = Polynomial(c, -1.0, 3.0, family)
    x = np.linspace(-1, 3, 25).astype(dtype)
    expected = basis(family, 12, (x.astype(float) - 1) / 2) @ c
    values = evaluate(p, x[:, None])
    assert values.dtype == dtype
    tolerance = 100 * float(np.finfo(dtype).eps) * np.abs(c).sum() * np.abs(expected).max()
    np.testing.assert_allclose(values, expected, rtol=0, atol=tolerance)
    np.testing.assert_allclose(host_values(p, x.astype(float)), expected, rtol=0, atol=1e-12)


def test_evaluation_is_pure_jax(x64):
    p = Polynomial(jnp.array([0.3, -1.0, 2.0, 0.5]), 0.0, 2.0, legendre)
    x = jnp.array([[0.1], [0.7], [1.9]])
    traces = []

    @jax.jit
    def values(p, x):
        traces.append(1)
        return evaluate(p, x)

    np.testing.assert_allclose(values(p, x), evaluate(p, x), rtol=1e-15)
    values(p, x + 0.1)
    assert len(traces) == 1
    np.testing.assert_allclose(jax.vmap(lambda y: p(y))(x), p(x), rtol=1e-15)
    check_grads(lambda c, x: Polynomial(c, 0.0, 2.0, legendre)(x), (p.coefficients, x), order=1)


@pytest.mark.parametrize("n", [1, 2, 7, 40])
@pytest.mark.parametrize("name", ["chebyshev", "legendre", "jacobi(1, 0)", "jacobi(-0.5, 0.5)"])
def test_gauss_rules_are_those_of_scipy(name, n):
    family, _ = FAMILIES[name]
    rule = gauss(n, family)
    t, w = scipy.special.roots_jacobi(n, *family.weight)
    np.testing.assert_allclose(rule.points[:, 0], t, rtol=0, atol=20 * EPS)
    # A point moved by eps has a weight changed by eps / (1 - t^2), that is n^2 eps at the ends.
    np.testing.assert_allclose(rule.weights, w, rtol=(4 * n**2 + 8) * EPS)


def test_chebyshev_points_are_zeros_and_extrema():
    np.testing.assert_allclose(np.cos(9 * np.arccos(chebyshev_points(9, kind=1))), 0, atol=1e-14)
    extrema = np.cos(9 * np.arccos(chebyshev_points(10)))
    np.testing.assert_allclose(np.abs(extrema), 1, atol=1e-14)
    points = chebyshev_points(12)
    assert np.array_equal(points, -points[::-1])


# --- interpolation


def test_runge_at_chebyshev_points_has_the_published_errors():
    """rho = (1 + sqrt 26) / 5, Trefethen (2013), theorem 8.2: error = O(rho^-n)."""
    x, rho = np.linspace(-1, 1, 20001)[:, None], (1 + math.sqrt(26)) / 5
    for n, published in [(20, 1.774e-2), (40, 3.399e-4), (60, 6.381e-6), (80, 1.196e-7)]:
        p = interpolate(runge, n)
        error = np.abs(host_values(p, x[:, 0]) - runge(x)).max()
        assert abs(error / published - 1) < 1e-3
        assert 0.9 < error * rho**n < 1.0
        # M = 1 / (1 + 25 (i b)^2) at the top of a smaller ellipse: 4 M rho^-n / (rho - 1)
        smaller = 1 + 0.95 * (rho - 1)
        b = (smaller - 1 / smaller) / 2
        assert error < 4 / (1 - 25 * b**2) * smaller**-n / (smaller - 1)


def test_runge_at_equispaced_points_diverges():
    x = np.linspace(-1, 1, 2001)[:, None]
    with jax.enable_x64(True):
        errors = []
        for n in (10, 40):
            nodes = np.linspace(-1, 1, n + 1)[:, None]
            errors.append(float(np.abs(barycentric(nodes, runge(nodes))(x) - runge(x)).max()))
    assert errors[0] > 1.9 and errors[1] > 1e4


@pytest.mark.parametrize(
    ("f", "degree"),
    [
        (np.exp, range(13, 17)),
        (lambda x: 1 / (1 + 25 * x**2), range(175, 200)),
        (lambda x: np.cos(100 * x), range(125, 150)),
        (lambda x: x**5 - x, range(5, 6)),
        (np.zeros_like, range(1)),
        (lambda x: np.sin(1e3 * x) + 1e-4 * x, range(1050, 1150)),
    ],
)
def test_the_degree_is_found(f, degree):
    p = interpolate(first(f))
    assert p.degree in degree
    x = np.linspace(-1, 1, 3001)
    scale = max(np.abs(f(x)).max(), 1e-300)
    slope = np.abs(np.diff(f(x))).max() / (x[1] - x[0])
    np.testing.assert_allclose(host_values(p, x), f(x), rtol=0, atol=60 * EPS * (scale + slope))


def test_what_no_degree_resolves_is_refused():
    with pytest.raises(AssumptionError, match="give a degree"):
        interpolate(first(np.sign))


def test_interpolation_of_a_given_degree_meets_the_nodes():
    for n in (0, 1, 5, 12):
        p = interpolate(kink, n, lower=-1.0, upper=3.0)
        x = chebyshev_points(n + 1, lower=-1.0, upper=3.0) if n else np.array([[1.0]])
        np.testing.assert_allclose(host_values(p, x[:, 0]), kink(x), rtol=0, atol=20 * EPS)


def test_the_barycentric_form_is_the_polynomial_and_differentiates_at_the_nodes(x64):
    nodes = np.array([[0.0], [0.3], [1.0], [1.7], [2.0]])
    f = np.polynomial.Polynomial([1.0, -2.0, 0.5, 3.0, -1.0])
    p = barycentric(nodes, f(nodes[:, 0]))
    x = jnp.array([0.0, 0.3, 0.5, 1.7, 1.7 + 1e-9, 1.9])
    np.testing.assert_allclose(p(x[:, None]), f(np.asarray(x)), rtol=1e-13)
    slope = jax.jit(jax.vmap(jax.grad(lambda y: p(y[None]))))(x)
    np.testing.assert_allclose(slope, f.deriv()(np.asarray(x)), rtol=1e-12)
    bend = jax.jit(jax.vmap(jax.grad(jax.grad(lambda y: p(y[None])))))(x)
    np.testing.assert_allclose(bend, f.deriv(2)(np.asarray(x)), rtol=1e-10)
    jacobian = jax.jit(jax.jacrev(lambda v: p._replace(values=v)(x[:, None])))(p.values)
    np.testing.assert_allclose(jacobian @ p.values, p(x[:, None]), rtol=1e-12)


def test_barycentric_keeps_single_precision():
    nodes = chebyshev_points(9)
    p = barycentric(nodes, np.exp(nodes[:, 0]))
    x = np.linspace(-1, 1, 33, dtype=np.float32)
    values = p(x[:, None])
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, np.exp(x), rtol=2e-6)


@pytest.mark.parametrize("n", [2, 5, 10, 33])
def test_lebesgue_constants_of_chebyshev_zeros_have_a_closed_form(n):
    """1/n sum cot((2 i + 1) pi / (4 n)), attained at the ends (Ehlich, Zeller 1966)."""
    exact = (1 / np.tan((2 * np.arange(n) + 1) * np.pi / (4 * n))).sum() / n
    assert abs(lebesgue_constant(chebyshev_points(n, kind=1)) / exact - 1) < 1e-12


def test_lebesgue_constants_obey_their_theorems():
    """Trefethen (2013), theorem 15.2."""
    for n in (1, 2, 4, 10, 60, 200):
        constant = lebesgue_constant(chebyshev_points(n + 1))
        assert 1 <= constant <= 2 / math.pi * math.log(n + 1) + 1 + 1e-12
    for n in (10, 20, 40, 80):
        constant = lebesgue_constant(np.linspace(-1, 1, n + 1)[:, None])
        assert 2 ** (n - 2) / n**2 < constant < 2 ** (n + 3) / n
    ratio = constant * math.e * n * math.log(n) / 2 ** (n + 1)
    assert 0.8 < ratio < 1.0  # the limit 1 is reached like 1 / log n
    dense = np.linspace(0, 1, 40001)
    nodes = np.array([0.1, 0.2, 0.5, 0.9])
    cardinal = [scipy.interpolate.lagrange(nodes, e)(dense) for e in np.eye(4)]
    found = lebesgue_constant(nodes[:, None], lower=0.0, upper=1.0)
    assert abs(found / np.abs(cardinal).sum(axis=0).max() - 1) < 1e-7


def test_interpolation_is_near_best():
    """|f - p| <= (1 + Lambda) E_n(f), Trefethen (2013), theorem 15.1."""
    x = np.linspace(-1, 1, 5001)
    for n in (3, 8, 17):
        p = interpolate(kink, n)
        error = np.abs(host_values(p, x) - abs(x)).max()
        bound = (1 + lebesgue_constant(chebyshev_points(n + 1))) * best_uniform(kink, n).error
        assert best_uniform(kink, n).lower_bound < error <= bound


# --- least squares


@pytest.mark.parametrize("name", ["chebyshev", "legendre", "monomial"])
def test_least_squares_is_that_of_numpy(name):
    rng = np.random.default_rng(1)
    x, w = np.sort(rng.random(40)) * 3, rng.random(40) + 0.1
    y = np.cos(x) + 0.1 * rng.standard_normal(40)
    p = least_squares(x[:, None], y, 5, family=FAMILIES[name][0], weights=w)
    expected = np.polynomial.Polynomial.fit(x, y, 5, w=np.sqrt(w))
    np.testing.assert_allclose(host_values(p, x), expected(x), rtol=0, atol=1e-12)


def test_a_gauss_rule_makes_the_orthogonal_projection():
    """x^5 = 3/7 P_1 + 4/9 P_3 + 8/63 P_5."""
    rule = gauss(5)
    p = least_squares(
        rule.points,
        rule.points[:, 0] ** 5,
        3,
        family=legendre,
        weights=rule.weights,
        lower=-1.0,
        upper=1.0,
    )
    np.testing.assert_allclose(p.coefficients, [0, 3 / 7, 0, 4 / 9], rtol=0, atol=1e-14)


def test_too_few_points_are_named():
    x = np.zeros((5, 1))
    x[1:3] = 1.0
    with pytest.raises(SingularSystemError, match="rank 2"):
        least_squares(x, x[:, 0], 3)
    with pytest.raises(ValueError, match="positive"):
        least_squares(np.array([[0.0], [1.0]]), np.ones(2), 1, weights=[1.0, 0.0])


# --- Bernstein and Landau


@pytest.mark.parametrize("n", [1, 10, 100, 400])
def test_bernstein_polynomials_have_the_closed_forms_of_powers(n):
    x = np.linspace(0, 1, 21)
    for f, exact in [
        (lambda x: 1 + 2 * x, 1 + 2 * x),
        (lambda x: x**2, x**2 + x * (1 - x) / n),
        (np.exp, (1 + x * np.expm1(1 / n)) ** n),
    ]:
        p = bernstein(first(f), n)
        assert p.degree == n
        np.testing.assert_allclose(host_values(p, x), exact, rtol=0, atol=1e-14 * (n + 10))


def test_bernstein_errors_obey_their_bounds():
    x = np.linspace(0, 1, 4001)
    for n in (4, 16, 64, 256):
        bend = host_values(bernstein(first(lambda x: np.sin(3 * x)), n), x) - np.sin(3 * x)
        assert np.abs(bend).max() <= 9 / (8 * n)
        tent = host_values(bernstein(first(lambda x: abs(x - 0.5)), n), x) - abs(x - 0.5)
        assert np.abs(tent).max() <= bernstein_bound(lambda d: min(d, 0.5), n)
        # Voronovskaya's theorem for the kink: sqrt(1 / (2 pi n)) to first order
        assert abs(np.abs(tent).max() * math.sqrt(2 * math.pi * n) - 1) < 1 / n
        root = host_values(bernstein(first(np.sqrt), n), x) - np.sqrt(x)
        assert np.abs(root).max() <= bernstein_bound(lambda d: d**0.5, n)
    assert abs(polynomials.bernstein_bound(lambda d: 1.0, 1) - 1.0898873) < 1e-7


def test_landau_polynomials_have_closed_forms_and_obey_their_bound():
    x = np.linspace(0, 1, 401)
    # at 1/2, x (1 - x) becomes c_n int (1/4 - t^2) (1 - t^2)^n over |t| < 1/2
    for n in (1, 6, 50, 200):
        p = landau(first(lambda x: x * (1 - x) + 3 * x - 1), n)
        assert p.degree == 2 * n
        rule = gauss(n + 2, lower=-0.5, upper=0.5)
        t = rule.points[:, 0]
        c = math.exp(math.lgamma(n + 1.5) - math.lgamma(n + 1)) / math.sqrt(math.pi)
        exact = c * rule.weights @ ((0.25 - t**2) * (1 - t**2) ** n) + 0.5
        assert abs(host_values(p, np.array([0.5]))[0] - exact) < 1e-13
        tent = first(lambda x: 0.5 - abs(x - 0.5))
        error = np.abs(host_values(landau(tent, n), x) - tent(x[:, None])).max()
        assert error <= landau_bound(lambda d: min(d, 0.5), n)


# --- best uniform approximation


def test_the_kink_has_bernsteins_constant():
    assert abs(bernstein_constant([8, 16, 32, 64, 128]) - BERNSTEIN) < 2e-11


@pytest.mark.parametrize("n", [1, 4, 9, 20, 60])
def test_a_power_is_approximated_by_chebyshevs_polynomial(n):
    """E_{n-1}(x^n) = 2^(1-n), with the error 2^(1-n) T_n."""
    best = best_uniform(first(lambda x: x**n), n - 1)
    exact = 2.0 ** (1 - n)
    rounding = 4 * (n + 3) * EPS
    assert best.converged
    assert best.lower_bound - rounding <= exact <= best.error + rounding
    assert best.error <= exact * (1 + 1e-10) + rounding


@pytest.mark.parametrize("a", [1.2, 2.0])
@pytest.mark.parametrize("n", [0, 3, 12, 40])
def test_the_pole_has_the_closed_form_of_chebyshev(a, n):
    """E_n(1 / (a - x)) = (a - sqrt(a^2 - 1))^n / (a^2 - 1)."""
    best = best_uniform(first(lambda x: 1 / (a - x)), n)
    exact = (a - math.sqrt(a**2 - 1)) ** n / (a**2 - 1)
    rounding = 4 * (n + 4) * EPS / (a - 1)
    assert abs(best.error - exact) <= 1e-9 * exact + rounding


@pytest.mark.parametrize("degree", [0, 5, 10, 30, 60])
@pytest.mark.parametrize(
    "f",
    [
        np.exp,
        abs,
        lambda x: 1 / (1 + 25 * x**2),
        lambda x: np.cos(40 * x),
        lambda x: np.sqrt(1 + x),
    ],
    ids=["exp", "kink", "runge", "cos40", "root"],
)
def test_the_certificate_holds_up_to_degree_sixty(f, degree):
    """Equioscillation, and a lower bound that no polynomial beats."""
    best = best_uniform(first(f), degree)
    x = np.linspace(-1, 1, 40001)
    scale = np.abs(f(x)).max()
    rounding = 8 * (degree + 4) * EPS * scale
    assert best.converged and best.iterations < 20
    assert best.error - best.lower_bound <= 1e-10 * best.error + rounding
    assert (
        np.abs(f(x) - host_values(best.polynomial, x)).max() <= best.error * (1 + 1e-9) + rounding
    )
    t = best.reference[:, 0]
    assert len(t) == degree + 2 and np.all(np.diff(t) > 0)
    e = (f(t) - host_values(best.polynomial, t)) * (-1.0) ** np.arange(len(t))
    np.testing.assert_allclose(e * np.sign(e[0]), best.lower_bound, rtol=1e-5, atol=rounding)


def test_the_best_approximation_moves_with_the_interval():
    here = best_uniform(first(lambda x: np.sqrt(abs(x - 5))), 6, lower=5.0, upper=9.0)
    there = best_uniform(first(lambda x: 2 * np.sqrt((x + 1) / 2)), 6)
    assert abs(here.error / there.error - 1) < 1e-9


def test_a_jump_is_not_silent():
    with pytest.warns(ConvergenceWarning, match="continuous"):
        best = best_uniform(first(lambda x: np.where(x > 0.3, 1.0, 0.0)), 8, max_iterations=10)
    assert not best.converged
    assert best.lower_bound <= 0.5 + 1e-12 <= best.error + 1e-6


def test_functions_written_in_jax_are_evaluated_in_double_precision():
    best = best_uniform(lambda x: jnp.exp(x[..., 0]), 10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same = best_uniform(first(np.exp), 10)
    assert abs(best.error - same.error) < 1e-14


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (
            lambda: evaluate(Polynomial(np.ones(2), 0, 1, monomial), np.ones(3)),
            ValueError,
            "x must",
        ),
        (lambda: gauss(3, monomial), AssumptionError, "orthogonal"),
        (lambda: jacobi(-1.0, 0.0), ValueError, "> -1"),
        (lambda: chebyshev_points(1), ValueError, "n must"),
        (lambda: chebyshev_points(3, kind=3), ValueError, "kind"),
        (lambda: barycentric([[0.0], [0.0]], [1.0, 2.0]), ValueError, "distinct"),
        (lambda: barycentric([[0.0], [1.0]], [1.0]), ValueError, "values"),
        (lambda: lebesgue_constant([[0.0], [2.0]]), ValueError, "lie in"),
        (lambda: interpolate(lambda x: x, 3), ValueError, "drop the last axis"),
        (lambda: best_uniform(first(lambda x: np.log(x - x)), 3), NonFiniteError, "finite"),
        (lambda: bernstein_constant([4, 6]), ValueError, "twice"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_wrong_input_is_named(call, error, match):
    with pytest.raises(error, match=match):
        call()

"""Quadrature against closed forms: int x^alpha over the simplex is alpha! / (|alpha| + d)!."""

import itertools
import math

import jax
import numpy as np
import pytest

from approxnet import quadrature

EPS = np.finfo(float).eps


def multi_indices(d, degree):
    return [a for a in itertools.product(range(degree + 1), repeat=d) if sum(a) <= degree]


def monomial(x, alpha):
    return np.prod(x ** np.array(alpha), axis=-1)


@pytest.mark.parametrize("n", [1, 2, 5, 20])
def test_gauss_legendre_is_exact_up_to_degree_2n_minus_1_and_not_beyond(n):
    rule = quadrature.gauss_legendre(n, -1.0, 2.0)
    assert rule.points.shape == (n, 1) and rule.weights.shape == (n,)
    for k in range(2 * n):
        exact = (2.0 ** (k + 1) - (-1.0) ** (k + 1)) / (k + 1)
        scale = rule.weights @ np.abs(rule.points[:, 0]) ** k
        error = abs(rule.weights @ rule.points[:, 0] ** k - exact)
        assert error <= 64 * n * EPS * scale, (k, error)
    unit = quadrature.gauss_legendre(n)
    # The error for t^(2n) on [0, 1] is (n!)^4 / ((2n + 1) ((2n)!)^2), Davis-Rabinowitz (2.7.11).
    exact_error = math.factorial(n) ** 4 / ((2 * n + 1) * math.factorial(2 * n) ** 2)
    error = 1 / (2 * n + 1) - unit.weights @ unit.points[:, 0] ** (2 * n)
    assert error == pytest.approx(exact_error, rel=1e-6, abs=4 * EPS)


def test_a_reversed_interval_changes_the_sign():
    forward, backward = quadrature.gauss_legendre(4, 0, 3), quadrature.gauss_legendre(4, 3, 0)
    np.testing.assert_allclose(backward.weights[::-1], -forward.weights, rtol=1e-14)


@pytest.mark.parametrize(("d", "top"), [(1, 12), (2, 9), (3, 7), (4, 4), (6, 2)])
def test_simplex_rules_are_exact_for_all_monomials(d, top):
    for degree in range(top + 1):
        rule = quadrature.simplex(d, degree)
        assert rule.points.shape == (len(rule.weights), d)
        for alpha in multi_indices(d, degree):
            exact = math.prod(map(math.factorial, alpha)) / math.factorial(sum(alpha) + d)
            error = abs(rule.weights @ monomial(rule.points, alpha) - exact)
            assert error <= 50 * EPS * exact, (degree, alpha, error)


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_simplex_rules_have_positive_weights_and_inner_points(d):
    for degree in (0, 1, 3, 6):
        rule = quadrature.simplex(d, degree)
        assert (rule.weights > 0).all()
        assert (rule.points > 0).all() and (rule.points.sum(axis=1) < 1).all()


def test_the_simplex_of_dimension_zero_is_a_point_of_weight_one():
    rule = quadrature.simplex(0, 3)
    assert rule.points.shape == (1, 0) and rule.weights.tolist() == [1.0]


def test_a_degree_is_not_exceeded_by_accident():
    """x^4 on the interval: the two-point rule of degree 3 must miss 1/5."""
    rule = quadrature.simplex(1, 3)
    assert abs(rule.weights @ rule.points[:, 0] ** 4 - 1 / 5) > 1e-3


def test_on_simplices_maps_cells_and_facets_and_scales_by_their_volume():
    rng = np.random.default_rng(0)
    for k, d in [(0, 1), (1, 1), (1, 2), (2, 2), (1, 3), (2, 3), (3, 3)]:
        vertices = rng.normal(size=(5, k + 1, d))
        mapped = quadrature.on_simplices(quadrature.simplex(k, 2), vertices)
        edges = vertices[:, 1:] - vertices[:, :1]
        singular = np.linalg.svd(edges, compute_uv=False)
        volume = singular.prod(axis=1) / math.factorial(k)
        np.testing.assert_allclose(mapped.weights.sum(axis=1), volume, rtol=1e-10)
        centroid = (mapped.weights[..., None] * mapped.points).sum(axis=1) / volume[:, None]
        np.testing.assert_allclose(centroid, vertices.mean(axis=1), rtol=1e-9, atol=1e-12)


def test_on_simplices_asks_for_as_many_corners_as_the_rule_has():
    with pytest.raises(ValueError, match=r"\(c, 3, d\).*got \(4, 2, 2\)"):
        quadrature.on_simplices(quadrature.simplex(2, 1), np.zeros((4, 2, 2)))


@pytest.mark.parametrize("cells", [(1,), (3, 2), (2, 1, 3)])
def test_box_rules_are_exact_for_each_variable_and_for_piecewise_polynomials(cells):
    d = len(cells)
    lower, upper = -np.arange(1.0, d + 1), np.arange(1.0, d + 1) + 0.5
    rule = quadrature.box(cells, 3, lower, upper)
    assert len(rule.weights) == math.prod(cells) * 2**d
    for alpha in itertools.product(range(4), repeat=d):
        one = [
            (b ** (k + 1) - a ** (k + 1)) / (k + 1)
            for k, a, b in zip(alpha, lower, upper, strict=True)
        ]
        value = rule.weights @ monomial(rule.points, alpha)
        assert value == pytest.approx(math.prod(one), rel=1e-12, abs=1e-12 * math.prod(upper) ** 4)
    knot = lower[0] + (upper[0] - lower[0]) / cells[0]
    kink = np.maximum(rule.points[:, 0] - knot, 0.0)
    exact = (upper[0] - knot) ** 2 / 2 * math.prod(upper[1:] - lower[1:])
    assert rule.weights @ kink == pytest.approx(exact, rel=1e-12)


def test_the_dimension_of_a_box_is_that_of_its_longest_argument():
    assert quadrature.box(2, 1).points.shape == (2, 1)
    assert quadrature.box((2, 3), 1).points.shape == (6, 2)
    assert quadrature.box(2, 1, lower=(0, 0, 0)).points.shape == (8, 3)


def test_sobol_points_repeat_with_the_key_and_differ_between_keys():
    one, same, other = (quadrature.sobol(jax.random.key(i), 64, (0, 0)) for i in (1, 1, 2))
    np.testing.assert_array_equal(one.points, same.points)
    assert not np.allclose(one.points, other.points)


@pytest.mark.parametrize("n", [1, 100, 1024])
def test_sobol_points_lie_in_the_box_with_equal_weights(n):
    lower, upper = np.array([-1.0, 2.0, 0.0]), np.array([1.0, 5.0, 0.5])
    rule = quadrature.sobol(jax.random.key(3), n, lower, upper)
    assert rule.points.shape == (n, 3)
    assert (rule.points >= lower).all() and (rule.points <= upper).all()
    np.testing.assert_allclose(rule.weights, 3.0 / n, rtol=1e-14)


def test_sobol_converges_faster_than_random_points_and_without_bias():
    def error(seed, n):
        rule = quadrature.sobol(jax.random.key(seed), n, np.zeros(2), 1.0)
        return rule.weights @ np.exp(rule.points.sum(axis=1)) - (math.e - 1) ** 2

    errors = np.array([[error(seed, n) for n in (64, 1024)] for seed in range(32)])
    spread = errors.std(axis=0)
    # Random points: 0.79 / sqrt(n) = 0.025 at n = 1024, and a factor 4 between the two.
    assert spread[1] < 0.025 / 10 and spread[0] / spread[1] > 16
    assert (abs(errors.mean(axis=0)) < 4 * spread / math.sqrt(len(errors))).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: quadrature.gauss_legendre(0), "n must be an integer >= 1, got 0"),
        (lambda: quadrature.gauss_legendre(2.0), "n must be an integer >= 1, got 2.0"),
        (lambda: quadrature.simplex(-1, 2), "d must be an integer >= 0, got -1"),
        (lambda: quadrature.simplex(2, -1), "degree must be an integer >= 0, got -1"),
        (lambda: quadrature.box((2, 0), 1), "cells must be an integer >= 1, got 0"),
        (lambda: quadrature.box(2, 1, 1.0, 1.0), "axis 0: 1.0 and 1.0"),
        (lambda: quadrature.box(2, 1, (0, 3), (1, 2)), "axis 1: 3.0 and 2.0"),
        (lambda: quadrature.box(2, 1, np.nan), "lower must be less than upper"),
        (lambda: quadrature.sobol(jax.random.key(0), 0), "n must be an integer >= 1, got 0"),
        (lambda: quadrature.sobol(jax.random.key(0), 4, 1.0, -1.0), "axis 0: 1.0 and -1.0"),
    ],
)
def test_wrong_arguments_are_named_with_their_value(call, message):
    with pytest.raises(ValueError, match=message):
        call()

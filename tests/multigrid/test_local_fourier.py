"""Local Fourier analysis gives the textbook's table, and predicts what cycles do."""

import re

import numpy as np
import pytest

from approxnet import multigrid
from approxnet.multigrid import (
    chebyshev,
    course_kernel,
    jacobi,
    linear_element,
    red_black,
    smoothing_factor,
    two_grid_factor,
    v_cycle,
    w_cycle,
)

# Stueben, Trottenberg (1982): the 5-point stencil with full weighting and bilinear interpolation.
BILINEAR = {
    "jacobi 4/5": (jacobi(4 / 5), [0.600, 0.360, 0.216, 0.137]),
    "jacobi 2/3": (jacobi(2 / 3), [0.667, 0.444, 0.296, 0.197]),
    "red-black": (red_black(), [0.250, 0.074, 0.053, 0.041]),
    "chebyshev 2": (chebyshev(2), [0.220]),
    "chebyshev 3": (chebyshev(3), [0.125]),
    "chebyshev 4": (chebyshev(4), [0.110]),
}
LINEAR = {
    "red-black": (red_black(), [0.250, 0.148, 0.105, 0.082]),
    "jacobi 4/5": (jacobi(4 / 5), [0.600, 0.360, 0.260, 0.216]),
    "course": (course_kernel(), [0.562, 0.328, 0.235, 0.185]),
}
HALF = 0.0005 + 1e-4  # rounding to three digits, and the distance to the supremum on 128^2


@pytest.mark.parametrize("name", BILINEAR)
def test_two_grid_factors_are_those_of_the_textbook(name):
    smoother, expected = BILINEAR[name]
    factors = [two_grid_factor(smoother, pre=k + 1) for k in range(len(expected))]
    np.testing.assert_allclose(factors, expected, rtol=0, atol=HALF)


@pytest.mark.parametrize("name", LINEAR)
def test_two_grid_factors_with_linear_element_transfers(name):
    smoother, expected = LINEAR[name]
    factors = [two_grid_factor(smoother, pre=k + 1, transfer=linear_element) for k in range(4)]
    np.testing.assert_allclose(factors, expected, rtol=0, atol=HALF)


@pytest.mark.parametrize(
    ("smoother", "steps", "expected"),
    [
        (jacobi(4 / 5), 1, 3 / 5),
        (jacobi(2 / 3), 1, 2 / 3),
        (course_kernel(), 1, (3 / 4) ** 2),
        (red_black(), 1, 1 / 4),
        (red_black(), 2, 1 / 4),
        (red_black(), 3, 0.322),
        (red_black(), 4, 0.396),
        (chebyshev(2), 1, 1 / (2 * (5 / 3) ** 2 - 1)),
        (chebyshev(3), 1, 1 / (4 * (5 / 3) ** 3 - 5)),
    ],
)
def test_smoothing_factors_are_those_of_the_closed_forms(smoother, steps, expected):
    tolerance = HALF if steps > 2 else 1e-3 * expected
    assert abs(smoothing_factor(smoother, steps=steps) - expected) < tolerance


def test_smoothing_factors_in_one_and_three_dimensions():
    """Jacobi with omega: 1 - omega/d, where the high frequencies begin, against |1 - 2 omega|."""
    assert abs(smoothing_factor(jacobi(2 / 3), d=1) - 1 / 3) < 1e-12
    assert abs(smoothing_factor(jacobi(6 / 7), d=3) - 5 / 7) < 1e-12
    assert two_grid_factor(red_black(), d=1, frequencies=64) < 1e-10


@pytest.mark.parametrize("name", ["red-black", "jacobi 4/5"])
def test_w_cycles_have_the_two_grid_factor(x64, name):
    smoother, _ = BILINEAR[name]
    predicted = two_grid_factor(smoother, pre=1, post=1)
    measured = multigrid.convergence_factor(multigrid.hierarchy((63, 63)), w_cycle(smoother))
    assert abs(measured - predicted) < 0.01


def test_a_smoother_of_the_user_is_analysed_like_one_of_the_library(x64):
    def richardson(A, b, x):
        return x + 0.8 * (b - A(x)) / A.diagonal

    assert abs(two_grid_factor(richardson) - 0.6) < 1e-3
    h = multigrid.hierarchy((15, 15))
    assert multigrid.convergence_factor(h, v_cycle(richardson), steps=30, last=10) < 0.4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": 0}, "steps must be an integer >= 1, got 0"),
        ({"d": 0}, "d must be an integer >= 1, got 0"),
        ({"frequencies": 30}, "frequencies must be a multiple of 4, at least 8, got 30"),
    ],
)
def test_a_wrong_argument_is_named_with_its_value(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        smoothing_factor(jacobi(), **arguments)

"""Fourier series against closed forms, and the theorems about their sums."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from approxnet import relu
from approxnet.approximation import fourier

PI = math.pi


def square(x):
    return np.sign(x[..., 0])


def saw(x):
    return x[..., 0]


def test_coefficients_are_those_of_the_closed_forms():
    k = np.arange(1, 41)
    wave = fourier.series(square, 40, lower=-1.0, breakpoints=[0.0])
    # on [-1, 1], sin(k pi (x + 1)) = (-1)^k sin(k pi x)
    exact = (-1.0) ** k * 2 * (1 - (-1.0) ** k) / (k * PI)
    np.testing.assert_allclose(wave.sines[1:], exact, rtol=0, atol=1e-14)
    np.testing.assert_allclose(wave.cosines, 0, atol=1e-14)
    ramp = fourier.series(saw, 40)
    np.testing.assert_allclose(ramp.sines[1:], -1 / (k * PI), rtol=0, atol=1e-14)
    np.testing.assert_allclose(ramp.cosines, np.eye(41)[0] / 2, rtol=0, atol=1e-14)
    c = fourier.series(lambda x: np.exp(x[..., 0]), 10).coefficients
    np.testing.assert_allclose(c, (math.e - 1) / (1 - 2j * PI * np.arange(11)), atol=1e-14)


def test_sums_are_evaluated_in_the_dtype_of_the_points(dtype):
    s = fourier.series(lambda x: np.exp(np.sin(2 * PI * x[..., 0])), 25)
    x = np.linspace(-1, 2, 31).astype(dtype)
    values = s(x[:, None])
    assert values.dtype == dtype
    # an argument of size 2 pi 2 rounded moves the value by its slope, 25 terms add
    atol = 60 * float(np.finfo(dtype).eps) * 2 * PI * math.e
    np.testing.assert_allclose(values, np.exp(np.sin(2 * PI * x.astype(float))), rtol=0, atol=atol)


def test_sums_are_pure_jax(x64):
    s = fourier.series(lambda x: np.sin(2 * PI * x[..., 0]) + 3.0, 2)
    x = jnp.array([[0.1], [0.7]])
    np.testing.assert_allclose(jax.jit(lambda s, x: s(x))(s, x), s(x), rtol=1e-15)
    slope = jax.vmap(jax.grad(lambda y: s(y)))(x)
    np.testing.assert_allclose(slope, 2 * PI * np.cos(2 * PI * x), rtol=1e-12)


def test_gibbs_overshoot_tends_to_its_constant():
    assert abs(fourier.GIBBS - 0.0894898722360836) < 1e-15
    overshoots = np.array([fourier.gibbs(n) for n in (10, 20, 40, 80)]) - fourier.GIBBS
    assert np.all(overshoots > 0)
    np.testing.assert_allclose(overshoots[:-1] / overshoots[1:], 4, rtol=0.01)  # O(n^-2)


def test_the_measured_overshoot_is_that_of_the_formula(x64):
    n = 64
    s = fourier.series(square, 2 * n, lower=-1.0, breakpoints=[0.0])
    x = np.linspace(0, 4 / n, 4001)[:, None]
    assert abs((float(s(x).max()) - 1) / 2 - fourier.gibbs(n)) < 1e-6


def test_fejers_means_do_not_overshoot_and_converge(x64):
    x = np.linspace(-1, 1, 2001)[:, None]
    s = fourier.series(square, 128, lower=-1.0, breakpoints=[0.0])
    assert float(np.abs(fourier.fejer(s, 128)(x)).max()) <= 1
    mean = sum(np.asarray(fourier.partial_sum(s, k)(x)) for k in range(4)) / 4
    np.testing.assert_allclose(fourier.fejer(s, 3)(x), mean, rtol=0, atol=1e-13)


def test_parsevals_identity_and_the_decay_of_spectra():
    """A jump decays like 1 / k, a kink like 1 / k^2, an analytic function geometrically."""
    k = np.array([21, 41, 81])
    for f, order, cut in [(square, 1, [0.0]), (lambda x: abs(x[..., 0]), 2, [0.0])]:
        size = fourier.spectrum(f, 81, lower=-1.0, breakpoints=cut)
        np.testing.assert_allclose(size[k] * k**order / (size[1]), 1, rtol=1e-9)
    size = fourier.spectrum(lambda x: 1 / (2 + np.cos(2 * PI * x[..., 0])), 20)
    np.testing.assert_allclose(size[2:] / size[1:-1], 2 - math.sqrt(3), rtol=1e-3)
    # the mean of (2 + cos)^-2 is 2 / 3^(3/2)
    assert abs((size**2).sum() - 2 / 3**1.5) < 1e-14


def test_the_spectrum_of_a_networks_error_is_that_of_its_kinks():
    net = relu.from_layers([([[1.0], [-1.0]], [-0.5, 0.5]), ([[1.0, 1.0]], [0.0])])
    tent = fourier.spectrum(lambda x: relu.evaluate(net, x), 9, breakpoints=[0.5])
    odd = np.arange(1, 10, 2)
    np.testing.assert_allclose(tent[odd], math.sqrt(2) / (PI * odd) ** 2, rtol=1e-12)
    np.testing.assert_allclose(tent[2::2], 0, atol=1e-15)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: fourier.series(saw, 3, breakpoints=[1.5]), "breakpoints must lie"),
        (lambda: fourier.series(saw, -1), "n must"),
        (lambda: fourier.partial_sum(fourier.series(saw, 3), 4), "at most 3"),
        (lambda: fourier.gibbs(0), "n must"),
        (lambda: fourier.series(saw, 3)(np.zeros(2)), "x must"),
    ],
)
def test_wrong_input_is_named(call, match):
    with pytest.raises(ValueError, match=match):
        call()

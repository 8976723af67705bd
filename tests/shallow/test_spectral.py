"""Energies of interpolants: exact for polynomials, and what greedy algorithms make of them."""

import jax.numpy as jnp
import numpy as np
import pytest

from approxnet import shallow
from approxnet.shallow import energy as forms
from approxnet.shallow import spectral


def v(x):
    return x[..., 0] ** 3 * (1 + x[..., 1]) ** 2 - x[..., 1]


def test_the_energy_of_a_polynomial_is_exact(x64):
    """1/2 int 2 |grad v|^2 + 3 v^2 - 5 v over (-1, 1) x (0, 2), by a rule of high degree."""
    from approxnet import quadrature

    energy = forms.cast(
        spectral.diffusion(5.0, (2, 3), 4, (-1.0, 0.0), (1.0, 2.0), coefficient=2.0, reaction=3.0),
        float,
    )
    found = forms.value(energy, v(energy.points)[:, None])
    x, w = quadrature.box((2, 2), 9, (-1.0, 0.0), (1.0, 2.0))
    slope = 3 * x[:, 0] ** 2 * (1 + x[:, 1]) ** 2
    rise = 2 * x[:, 0] ** 3 * (1 + x[:, 1]) - 1
    exact = w @ (slope**2 + rise**2 + 1.5 * v(x) ** 2 - 5 * v(x))
    np.testing.assert_allclose(found, exact, rtol=1e-12)


@pytest.mark.parametrize("p", [1, 2, 5])
def test_lobatto_points_with_p_plus_1_weights_integrate_to_degree_2p_minus_1(p):
    t = spectral.lobatto(p)
    powers = np.arange(p + 1)
    moments = (1 - (-1.0) ** (powers + 1)) / (powers + 1)
    weights = np.linalg.solve(np.vander(t, increasing=True).T, moments)
    for k in range(2 * p):
        assert weights @ t**k == pytest.approx((1 - (-1.0) ** (k + 1)) / (k + 1), abs=1e-13)


def test_in_three_dimensions_constants_have_no_slope(x64):
    energy = forms.cast(spectral.diffusion(0.0, 2, 3, 0.0, (1.0, 2.0, 3.0), reaction=0.0), float)
    ones = jnp.ones_like(energy.load)
    np.testing.assert_allclose(forms.weighted(energy, ones), 0.0, atol=1e-12)


def test_wrong_numbers_are_named():
    with pytest.raises(ValueError, match="degree must be an integer >= 1, got 0"):
        spectral.diffusion(1.0, 4, 0, 0.0, 1.0)
    with pytest.raises(ValueError, match=r"coefficient must be a number > 0, got -1"):
        spectral.diffusion(1.0, 4, 2, 0.0, 1.0, coefficient=-1)
    energy = spectral.diffusion(1.0, 4, 2, 0.0, 1.0)
    with pytest.raises(ValueError, match="cannot be added"):
        energy + energy
    assert shallow.Energy is type(energy)

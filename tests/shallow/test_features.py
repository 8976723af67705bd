"""Random features against SciPy, and the polynomials that they contain."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from approxnet import quadrature, shallow
from approxnet.errors import ConfigError, NonFiniteError, SingularSystemError

RULE = quadrature.box((12, 12), 3)


def key(seed=0):
    return jax.random.key(seed)


def bump(x):
    return jnp.sin(np.pi * x[..., 0]) * jnp.sin(np.pi * x[..., 1])


def test_the_coefficients_are_those_of_least_squares(x64):
    net = shallow.draw_network(key(), (0.0, 0.0), 1.0, 12, scale=4.0)
    found = shallow.random_features(key(), bump, net, rule=RULE)
    root = np.sqrt(RULE.weights)
    phi = np.tanh(RULE.points @ np.asarray(net.directions).T + np.asarray(net.offsets))
    expected, _, rank, _ = scipy.linalg.lstsq(
        root[:, None] * phi, root * np.asarray(bump(RULE.points))
    )
    np.testing.assert_allclose(found.network.coefficients, expected, rtol=1e-6)
    r = root * (phi @ expected - np.asarray(bump(RULE.points)))
    assert float(found.error) == pytest.approx(np.linalg.norm(r), rel=1e-8)
    assert int(found.rank) == rank == 12


@pytest.mark.slow
def test_the_error_falls_like_that_of_polynomials(x64):
    errors = [
        float(
            shallow.random_features(
                key(), bump, shallow.draw_network(key(), (0.0, 0.0), 1.0, n), rule=RULE
            ).error
        )
        for n in (16, 128)
    ]
    assert errors[0] < 0.2 and errors[1] < 1e-8


@pytest.mark.slow
def test_atoms_of_a_dictionary_are_unit_ridge_functions_that_cut_the_box(x64):
    d = shallow.dictionary((0.0, 0.0), 1.0, "relu", extension=0.0)
    net = shallow.random_features(key(), bump, d, 100, rule=RULE).network
    np.testing.assert_allclose(np.linalg.norm(net.directions, axis=1), 1, rtol=1e-12)
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]])
    t = corners @ np.asarray(net.directions).T + np.asarray(net.offsets)
    assert np.all(t.max(axis=0) > 0) and np.all(t.min(axis=0) <= 1e-12)
    assert len(np.unique(np.asarray(net.offsets))) == 100


def test_hyperplanes_of_a_drawn_network_meet_the_box(x64):
    net = shallow.draw_network(key(), (-1.0, 2.0), (0.0, 5.0), 200, scale=3.0)
    w, b = np.asarray(net.directions), np.asarray(net.offsets)
    low, high = np.array([-1.0, 2.0]), np.array([0.0, 5.0])
    assert np.all(np.maximum(w * low, w * high).sum(axis=1) + b >= 0)
    assert np.all(np.minimum(w * low, w * high).sum(axis=1) + b <= 0)
    assert np.abs(w).max() <= 3 and np.abs(w).max() > 2.9


def test_an_equation_is_solved_by_its_data(x64):
    """-u'' + u = f on (-1, 1), u = cos(pi x), whose energy is -(1 + pi^2) / 2."""
    energy = shallow.elliptic.diffusion(
        lambda x: (1 + np.pi**2) * jnp.cos(np.pi * x[..., 0]),
        quadrature.box(64, 7, -1.0),
        minimum=-(1 + np.pi**2) / 2,
    )
    found = shallow.random_features(
        key(), energy, shallow.draw_network(key(), -1.0, 1.0, 16, scale=3.0)
    )
    x = np.linspace(-1, 1, 33)[:, None]
    gap = np.abs(np.asarray(shallow.evaluate(found.network, x)) - np.cos(np.pi * x[:, 0])).max()
    # On an interval of length 2, max |v| <= coth(2)^(1/2) |v| in H1.
    assert 0 < gap <= 1.02 * float(found.error) < 1e-2


def test_what_is_wrong_is_named():
    net = shallow.from_arrays([[1.0]], [-9.0], [1.0])
    line = quadrature.box(4, 3)
    d = shallow.dictionary(0.0, 1.0)
    with pytest.raises(SingularSystemError, match="vanish"):
        shallow.random_features(key(), lambda x: x[..., 0], net, rule=line)
    with pytest.raises(ConfigError, match="n must be given"):
        shallow.random_features(key(), lambda x: x[..., 0], d, rule=line)
    with pytest.raises(ValueError, match="n must be"):
        shallow.random_features(key(), lambda x: x[..., 0], d, 0, rule=line)
    with pytest.raises(NonFiniteError, match="target"):
        shallow.random_features(key(), lambda x: x[..., 0] * np.nan, net, rule=line)
    with pytest.raises(ValueError, match="dimension 2"):
        shallow.random_features(key(), bump, net, rule=RULE)
    with pytest.raises(ValueError, match="scale"):
        shallow.draw_network(key(), 0.0, 1.0, 3, scale=0)

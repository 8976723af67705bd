"""Refined networks against networks that are known, differences, and free-knot splines."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from approxnet import quadrature, shallow
from approxnet.errors import AssumptionError, ConvergenceWarning, NonFiniteError
from approxnet.shallow import energy as forms
from approxnet.shallow import projection

RULE = quadrature.box(256, 3)


def sine(x):
    return jnp.sin(2 * jnp.pi * x[..., 0])


def kinks(net):
    return np.sort(-np.asarray(net.offsets) / np.asarray(net.directions)[:, 0])


def line(offsets, activation="relu"):
    b = np.asarray(offsets)
    return shallow.from_arrays(np.ones((len(b), 1)), -b, np.ones(len(b)), activation)


def form_of(activation, n=3):
    """A small problem in the plane: the form, the chart and a start."""
    rng = np.random.default_rng(3)
    w = rng.standard_normal((n, 2))
    energy = shallow.l2(lambda x: jnp.cos(x[..., 0] + 2 * x[..., 1]), quadrature.box((8, 8), 3))
    form = projection.squares(forms.cast(energy, float))
    place = projection.chart(activation, jnp.asarray(w))
    theta = 0.1 * rng.standard_normal((n, place.frame.shape[-1] + 1))
    return form, place, jnp.asarray(theta)


@pytest.mark.parametrize("activation", ["tanh", "relu3"])
def test_the_derivative_of_the_cost_is_that_of_differences(x64, activation):
    """Kaufman leaves out a term that is orthogonal to r, so that J^T r is exact."""
    form, place, theta = form_of(activation)

    @jax.jit
    def both(t):
        r = projection.residual(form, activation, place, t)
        return (r**2).sum() / 2, projection.jacobian(form, activation, place, t), r

    _, J, r = both(theta)
    direction = np.random.default_rng(0).standard_normal(theta.shape)
    h = 1e-5
    difference = (both(theta + h * direction)[0] - both(theta - h * direction)[0]) / (2 * h)
    slope = (np.asarray(J).T @ np.asarray(r)) @ direction.ravel()
    assert slope == pytest.approx(float(difference), rel=1e-6)


@pytest.mark.slow
def test_at_a_minimum_the_second_derivative_is_that_of_differences(x64):
    """(2) of the module, for tanh."""
    form, place, theta = form_of("tanh", n=1)
    w = projection.directions("tanh", place, theta[:, :-1])
    net = shallow.from_arrays(w, theta[:, -1], jnp.ones(1), "tanh")
    net = shallow.refine_network(net, form.energy, rtol=1e-9).network
    place = projection.chart("tanh", net.directions)
    theta = jnp.concatenate([0 * net.directions, net.offsets[:, None]], axis=1)
    cost = jax.jit(lambda t: (projection.residual(form, "tanh", place, t) ** 2).sum() / 2)
    slope = jax.jit(lambda t: projection.jacobian(form, "tanh", place, t))
    J, bend = slope(theta), jax.jit(lambda t: projection.curvature(form, "tanh", place, t))
    H = np.asarray(J).T @ np.asarray(J) + np.asarray(bend(theta))
    p = np.random.default_rng(1).standard_normal(theta.shape)
    h = 1e-3
    second = (cost(theta + h * p) - 2 * cost(theta) + cost(theta - h * p)) / h**2
    assert p.ravel() @ H @ p.ravel() == pytest.approx(float(second), rel=1e-3)


def test_the_kinks_of_a_network_are_found_again(x64):
    truth = line([-0.01, 0.23, 0.6])
    found = shallow.refine_network(
        line([-0.02, 0.3, 0.5]), lambda x: shallow.evaluate(truth, x), rule=RULE, rtol=1e-12
    )
    np.testing.assert_allclose(kinks(found.network)[1:], [0.23, 0.6], atol=1e-6)
    assert found.errors[-1] < 1e-7 and found.converged
    assert np.all(np.diff(found.errors) <= 0)


@pytest.mark.slow
def test_sixteen_kinks_are_placed_as_well_as_the_best_spline_does(x64):
    """A3: the optimum over 16 pieces with a free value at 0 has e n^2 = 0.811."""
    start = line(np.arange(16) / 16)
    with pytest.warns(ConvergenceWarning):
        found = shallow.refine_network(
            start, sine, rule=quadrature.box(512, 3), rtol=1e-10, max_steps=15, exchanges=2
        )
    x = quadrature.box(5003, 5)
    error = np.sqrt(
        x.weights @ np.asarray(shallow.evaluate(found.network, x.points) - sine(x.points)) ** 2
    )
    assert 0.811 <= 256 * error <= 0.85
    assert error == pytest.approx(float(found.errors[-1]), rel=1e-3)
    assert found.errors.shape == (18,)


def test_an_exchange_brings_neurons_to_where_they_are_needed(x64):
    """All kinks stand in the left half; there Gauss-Newton alone leaves most of them."""
    start = line(np.linspace(0.0, 0.5, 8, endpoint=False))
    with pytest.warns(ConvergenceWarning):
        found = shallow.refine_network(start, sine, rule=RULE, max_steps=15, exchanges=6)
    assert found.errors[-1] < 0.5 * found.errors[15]


def test_neurons_on_their_own_decrease_the_error_and_dead_ones_return(x64):
    start = line([-0.01, 0.2, 0.4, 0.7, 2.0])
    with pytest.warns(ConvergenceWarning, match="used up"):
        found = shallow.refine_network(start, sine, rule=RULE, method="neuronwise", max_steps=20)
    assert np.all(np.diff(found.errors) <= 0) and found.errors[-1] < 0.65 * found.errors[0]
    assert not np.any(found.dead) and np.sum(kinks(found.network) < 1) == 5


def test_dead_neurons_are_named(x64):
    with pytest.warns(ConvergenceWarning, match=r"vanish on all points: \[2\]"):
        found = shallow.refine_network(
            line([-0.01, 0.3, 2.0]), lambda x: x[..., 0] ** 2, rule=RULE, rtol=1e-4
        )
    assert found.dead.tolist() == [False, False, True]
    assert found.network.coefficients[2] == 0


@pytest.mark.slow
def test_directions_turn_and_keep_their_lengths(x64):
    w = np.array([[2.0, 0.1], [0.3, 1.0], [0.0, 0.0]])
    net = shallow.from_arrays(w, np.array([-0.9, -0.5, 1.0]), np.ones(3), "relu")
    truth = shallow.from_arrays([[2.0, 0.0], [0.5, 1.0]], [-1.0, -0.6], [1.0, -1.0], "relu")
    found = shallow.refine_network(
        net, lambda x: shallow.evaluate(truth, x), rule=quadrature.box((24, 24), 3), rtol=1e-6
    )
    lengths = np.linalg.norm(np.asarray(found.network.directions), axis=1)
    np.testing.assert_allclose(lengths, np.linalg.norm(w, axis=1), rtol=1e-12)
    assert found.errors[-1] < 1e-3 * found.errors[0]


@pytest.mark.slow
def test_the_energy_of_an_equation_decreases_to_that_of_the_solution(x64):
    """-u'' + u = f on (-1, 1) with u = cos(pi x), by tanh: E = -(1 + pi^2) / 2."""
    energy = shallow.elliptic.diffusion(
        lambda x: (1 + np.pi**2) * jnp.cos(np.pi * x[..., 0]),
        quadrature.box(64, 5, -1.0),
        minimum=-(1 + np.pi**2) / 2,
    )
    b = np.linspace(-1.5, 1.5, 8)
    net = shallow.from_arrays(2 * np.ones((8, 1)), 2 * b, np.ones(8), "tanh")
    found = shallow.refine_network(net, energy, rtol=1e-8, max_steps=200)
    assert found.energies[-1] == pytest.approx(-(1 + np.pi**2) / 2, rel=1e-6)
    assert found.errors[-1] < 0.1 * found.errors[0]


def test_natural_gradients_need_no_sum_of_squares(x64):
    """-u'' = f, u(0) = u(1) = 0, by x (1 - x) v, and -u'' + sinh u = f, u' = 0 at the ends."""
    rule, x = quadrature.box(32, 7), np.linspace(0, 1, 101)[:, None]

    def u(x):
        return jnp.sin(np.pi * x[..., 0])

    poisson = shallow.elliptic.diffusion(lambda x: np.pi**2 * u(x), rule, reaction=0.0)
    bubble = shallow.elliptic.vanishing(poisson, lambda x: x[..., 0] * (1 - x[..., 0]))
    b = -np.linspace(0, 1, 6)
    start = shallow.from_arrays(np.ones((6, 1)), b, 0.1 * np.ones(6), "tanh")
    found = shallow.refine_network(start, bubble, method="natural_gradient", rtol=1e-10)
    v = x[:, 0] * (1 - x[:, 0]) * np.asarray(shallow.evaluate(found.network, x))
    assert abs(v - np.sin(np.pi * x[:, 0])).max() < 1e-5
    assert found.energies[-1] == pytest.approx(-(np.pi**2) / 4, rel=1e-8)

    def w(x):
        return jnp.cos(np.pi * x[..., 0])

    convex = shallow.elliptic.poisson_boltzmann(lambda x: np.pi**2 * w(x) + jnp.sinh(w(x)), rule)
    found = shallow.refine_network(start, convex, method="natural_gradient", rtol=1e-10)
    v = np.asarray(shallow.evaluate(found.network, x))
    assert abs(v - np.cos(np.pi * x[:, 0])).max() < 1e-5


def test_what_is_wrong_is_named():
    net, f = line([0.0, 0.5]), lambda x: x[..., 0] ** 2
    with pytest.raises(ValueError, match="rule must be given"):
        shallow.refine_network(net, f)
    with pytest.raises(ValueError, match="dimension 2"):
        shallow.refine_network(net, f, rule=quadrature.box((2, 2), 3))
    with pytest.raises(NonFiniteError, match="target"):
        shallow.refine_network(net, lambda x: np.full(x.shape[:-1], np.nan), rule=RULE)
    with pytest.raises(ValueError, match="exchanges"):
        shallow.refine_network(net, f, rule=RULE, exchanges=-1)
    with pytest.raises(AssumptionError, match="1 derivatives"):
        shallow.refine_network(line([0.0], "heaviside"), f, rule=RULE)
    poisson = shallow.elliptic.diffusion(1.0, RULE, reaction=0.0)
    with pytest.raises(AssumptionError, match="sum of squares"):
        shallow.refine_network(line([0.0], "relu2"), poisson)
    with pytest.raises(AssumptionError, match="without exchanges"):
        shallow.refine_network(
            line([0.0], "relu2"), poisson, method="natural_gradient", exchanges=1
        )
    free = poisson + shallow.elliptic.nitsche(0.0, shallow.elliptic.box_boundary(1, 1), 100.0)
    with pytest.raises(AssumptionError, match=r"bounded below on all networks, got weight -0\.01"):
        shallow.refine_network(line([0.0], "relu2"), free, method="natural_gradient")
    smooth = shallow.spectral.diffusion(1.0, 4, 4, 0.0, 1.0)
    with pytest.raises(AssumptionError, match="one of interpolants"):
        shallow.refine_network(line([0.0], "relu2"), smooth, method="natural_gradient")

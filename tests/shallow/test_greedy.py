"""Greedy algorithms: what a step is, how growth ends, and what the theorems and tables say."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from approxnet import quadrature, shallow
from approxnet.errors import AssumptionError, ConvergenceWarning, NonFiniteError
from approxnet.shallow import atoms, pursuit, samples, scores
from approxnet.shallow import energy as forms
from approxnet.shallow import path as paths


def key():
    """A fresh one, since a key may be used once."""
    return jax.random.key(3)


RULE = quadrature.box((6, 5), 3, (-1.0, 0.0), (1.0, 1.0))
SQUARE = ((-1.0, 0.0), (1.0, 1.0))


def f(x):
    return jnp.sin(3 * x[..., 0]) * jnp.cos(2 * x[..., 1])


def lines(activation, **options):
    options = {"directions": 6, "offsets": 16, **options}
    return shallow.dictionary(*SQUARE, activation, **options)


@pytest.fixture(scope="module")
def path():
    """Twenty neurons of relu2 on a square, in double precision."""
    with jax.enable_x64(True):
        return shallow.orthogonal_greedy(key(), f, lines("relu2"), 20, rule=RULE)


@pytest.mark.parametrize("activation", ["heaviside", "relu", "relu3", "hat", "tanh"])
def test_the_scores_of_a_line_are_the_sums_over_all_points(activation, x64):
    """Of values and, where there are, slopes: C^0 and C^1 are random."""
    rng = np.random.default_rng(0)
    q, order = len(RULE.weights), min(1, int(min(9, shallow.derivatives.SMOOTHNESS[activation])))
    operator = tuple(rng.normal(size=(q, 2, 2**k)) for k in range(order + 1))
    energy = forms.build(RULE.points, operator, np.ones((q, 2)), rng.normal(size=(q, 2)))
    energy, d = forms.cast((energy, lines(activation, fresh=True)), float)
    R = samples.distribution(energy, energy.load)
    w, first, step = atoms.draw(key(), d)
    found = scores._line(R, d, energy, w[2], first[2], step[2])
    offsets = np.asarray(first[2]) + np.asarray(step[2]) * np.arange(float(d.offsets))
    g = samples.sample_atoms(energy, activation, jnp.broadcast_to(w[2], (16, 2)), offsets)
    expected = np.einsum("nqm,qm->n", g, energy.load)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * abs(energy.load).sum())


def test_each_network_is_the_best_on_its_atoms(path):
    """By NumPy: least squares on the atoms of the path, at the points of the rule."""
    x, weight = RULE
    for k in (1, 7, 20):
        net = path.network(k)
        t = x @ np.asarray(net.directions).T + np.asarray(net.offsets)
        g, root = np.maximum(t, 0) ** 2, np.sqrt(weight)
        target = np.sin(3 * x[:, 0]) * np.cos(2 * x[:, 1])
        _, (square,), *_ = np.linalg.lstsq(root[:, None] * g, root * target, rcond=None)
        left = g @ np.asarray(net.coefficients) - target
        assert math.sqrt(weight @ left**2) == pytest.approx(math.sqrt(square), rel=1e-8)
        assert float(path.errors[k - 1]) == pytest.approx(math.sqrt(square), rel=1e-8)


def test_the_errors_fall_and_the_histories_are_those_of_the_networks(path):
    assert (np.diff(path.errors) < 0).all()
    assert shallow.REASONS[int(path.reason)] == "all neurons are there"
    first = path.network(1)
    assert np.linalg.norm(first.directions) == pytest.approx(1.0)


@pytest.mark.slow
def test_a_search_around_the_best_atoms_improves_the_first_one(x64):
    plain = shallow.orthogonal_greedy(key(), f, lines("relu2"), 20, rule=RULE, refine=False)
    better = shallow.orthogonal_greedy(key(), f, lines("relu2"), 20, rule=RULE)
    assert better.scores[0] >= plain.scores[0]
    assert better.errors[-1] < plain.errors[-1]


def test_quadratic_models_find_the_maximum_of_a_bent_hill():
    def hill(y):
        a, b = y[:, 0] - 0.7, y[:, 1] + 0.4
        return -(a**2) - 3 * b**2 - a * b - a**4

    y, top = scores.maximise(hill, jnp.zeros(2), hill(jnp.zeros((1, 2)))[0], jnp.ones(2))
    np.testing.assert_allclose(y, [0.7, -0.4], atol=2e-3)
    assert top > -1e-5


def test_the_relaxed_algorithm_stays_below_its_bound_and_in_the_hull(x64):
    """32 (C M)^2 K / n for E, with C = 3^(-1/2), K = 1 and M = |f'(0)| + int |f''| = 10 pi."""
    d = shallow.dictionary(0.0, 1.0, directions=[[1.0]], offsets=256, extension=0.0)
    bound, n = 10 * math.pi, 64

    def sine(x):
        return jnp.sin(2 * np.pi * x[..., 0])

    found = shallow.relaxed_greedy(key(), sine, d, n, bound=bound, refine=False)
    steps = np.arange(1, n + 1)
    assert (np.asarray(found.errors) ** 2 / 2 <= 32 * bound**2 / 3 / steps).all()
    assert abs(found.coefficients).sum(axis=0).max() <= bound * (1 + 1e-12)
    last = found.network()
    x, w = shallow.exact_rule(d)
    left = np.asarray(shallow.evaluate(last, x)) - np.sin(2 * np.pi * x[:, 0])
    assert math.sqrt(w @ left**2) == pytest.approx(float(found.errors[-1]), rel=1e-9)


def test_the_relaxed_algorithm_mixes_in_two_nths_of_its_nth_atom(x64):
    """v_n = (1 - a_n) v_{n-1} + a_n M g_n with a_n = min(1, 2 / n), written out for four atoms."""
    d = shallow.dictionary(0.0, 1.0, directions=[[1.0]], offsets=64, extension=0.0)
    path = shallow.relaxed_greedy(key(), lambda x: x[..., 0] ** 2, d, 4, bound=6.0, refine=False)
    expected = [[6, 0, 0, 0], [0, 6, 2, 1], [0, 0, 4, 2], [0, 0, 0, 3]]
    np.testing.assert_allclose(abs(path.coefficients), expected, atol=1e-14)


def test_the_first_step_of_the_pure_algorithm_is_the_projection_on_the_best_atom(x64):
    d = shallow.dictionary(0.0, 1.0, directions=[[1.0]], offsets=32, normalized=True)

    def target(x):
        return x[..., 0] ** 2

    found = shallow.pure_greedy(key(), target, d, 3, refine=False)
    _, first, step = atoms.draw(key(), forms.cast(d, float))
    x, weight = shallow.exact_rule(d)
    g = np.maximum(x + (first[0] + step[0] * np.arange(32.0))[None], 0)
    products, squares = weight @ (g * x**2), weight @ g**2
    best = np.nanargmax(products / np.sqrt(np.where(squares > 0, squares, np.nan)))
    assert float(found.coefficients[0, 0]) == pytest.approx(products[best] / squares[best])
    assert (np.diff(found.errors) <= 0).all()


def test_the_printed_digits_of_the_course(x64):
    """0.005480, 0.001357, 0.000336, 0.000085 for n = 4, 8, 16, 32."""
    d = shallow.dictionary(0.0, 1.0, directions=[[1.0]], offsets=1024, extension=0.0)
    found = shallow.orthogonal_greedy(
        key(), lambda x: (x[..., 0] - 0.5) ** 2 - 0.25, d, 32, refine=False
    )
    digits = [f"{found.errors[n - 1]:.6f}" for n in (4, 8, 16, 32)]
    assert digits == ["0.005480", "0.001357", "0.000336", "0.000085"]


def test_a_target_in_the_span_ends_the_growth_as_solved(x64):
    d = shallow.dictionary(0.0, 1.0, offsets=8, extension=0.0)
    found = shallow.orthogonal_greedy(
        key(), lambda x: jnp.maximum(x[..., 0] - 0.5, 0), d, 4, refine=False
    )
    assert shallow.REASONS[int(found.reason)] == "the residual vanishes on the dictionary"
    assert 1 <= found.neurons <= 3 and found.errors[-1] < 1e-12
    with pytest.raises(ValueError, match="k must be in 1"):
        found.network(4)


ENDS = {
    "a number is not finite": {"load": np.nan},
    "all atoms of the dictionary vanish on the points": {"points": -0.5},
    "the form of the energy is not positive on the atoms": {"weights": -1.0},
}


@pytest.mark.parametrize("reason", ENDS)
def test_what_cannot_be_grown_ends_with_its_name(reason, x64):
    d = shallow.dictionary(-1.0, 0.0, directions=[[1.0]], offsets=1, extension=0.0)
    d = dataclasses.replace(d, lower=np.array([0.0]), upper=np.array([1.0]))
    energy = forms.l2(lambda x: 1 + x[..., 0], quadrature.box(4, 1))
    change = {name: getattr(energy, name) * 0 + v for name, v in ENDS[reason].items()}
    if reason.startswith("a number"):
        change = {"load": energy.load * np.nan}
    energy = dataclasses.replace(energy, **change)
    found = pursuit.orthogonal(key(), energy, d, 2, False)
    with pytest.warns(ConvergenceWarning, match="the last good network is returned"):
        paths.report(found)
    assert shallow.REASONS[int(found.reason)] == reason and found.neurons == 0


def test_atoms_that_are_used_up_end_the_growth_with_the_last_good_network(x64):
    """Three relu on a line span a space of dimension 3 that does not hold the target."""
    d = shallow.dictionary(0.0, 1.0, directions=[[1.0]], offsets=3, extension=0.0)
    rule = quadrature.box(64, 3)
    found = shallow.orthogonal_greedy(
        key(), lambda x: x[..., 0] ** 3, d, 5, rule=rule, refine=False
    )
    assert found.neurons == 3 and int(found.reason) in (paths.SOLVED, paths.DEPENDENT)
    assert np.isfinite(found.errors).all() and found.errors[4] == found.errors[2]


def test_wrong_input_is_named():
    d = lines("relu")
    with pytest.raises(NonFiniteError, match="target must be finite, got nan at the point"):
        shallow.orthogonal_greedy(key(), lambda x: x[..., 0] * jnp.nan, d, 3)
    with pytest.raises(ValueError, match="n must be an integer >= 1, got 0"):
        shallow.orthogonal_greedy(key(), f, d, 0, rule=RULE)
    outside = quadrature.box((2, 2), 1, 0.0, 2.0)
    with pytest.raises(ValueError, match=r"points must lie in .* got \[0.5 1.5"):
        shallow.relaxed_greedy(key(), f, d, 3, bound=1.0, rule=outside)
    with pytest.raises(ValueError, match="directions must be an integer >= 1, got 0"):
        lines("relu", directions=0)
    with pytest.raises(ValueError, match=r"directions must have shape \(p, 2\) with p >= 1"):
        lines("relu", directions=np.zeros((0, 2)))
    with pytest.raises(AssumptionError, match="1 derivatives in L2 for this energy, got 'heavi"):
        shallow.pure_greedy(key(), shallow.h1(f, RULE), lines("heaviside"), 3)
    energy = shallow.elliptic.poisson_boltzmann(1.0, RULE)
    with pytest.raises(ValueError, match="take relaxed_greedy"):
        shallow.orthogonal_greedy(key(), energy, d, 3)
    with pytest.raises(ValueError, match="bound must be a positive number, got 0"):
        shallow.relaxed_greedy(key(), f, d, 3, bound=0, rule=RULE)


def test_the_kinks_of_a_line_are_the_ends_of_the_cells_of_its_rule():
    d = shallow.dictionary(-1.0, 3.0, "relu2", offsets=24)
    x, w = shallow.exact_rule(d, degree=4)
    assert len(w) == 3 * 16 and w.sum() == pytest.approx(4.0)
    cells = np.floor((x[:, 0] + 1) / 0.25)
    assert (np.bincount(cells.astype(int)) == 3).all()
    with pytest.raises(ValueError, match="dictionary must be on a line and not fresh"):
        shallow.exact_rule(lines("relu"))


@pytest.mark.slow
def test_an_equation_in_the_plane_is_as_good_as_table_7_at_128_neurons(x64):
    """Siegel et al. (2023), table 7: 5.86e-04 in L2; public code breaks between 128 and 256."""
    tau = 2 * np.pi

    def load(x):
        return (2 * tau**2 + 1) * jnp.cos(tau * x[..., 0]) * jnp.cos(tau * x[..., 1])

    energy = shallow.spectral.diffusion(load, 24, 4, (0.0, 0.0), 1.0)
    d = shallow.dictionary((0.0, 0.0), 1.0, "relu2", offsets=64)
    found = shallow.orthogonal_greedy(jax.random.key(0), energy, d, 128)
    x, w = quadrature.box((50, 50), 5)
    u = np.cos(tau * x[:, 0]) * np.cos(tau * x[:, 1])
    left = np.asarray(shallow.evaluate(found.network(), x)) - u
    assert math.sqrt(w @ left**2) < 1.1 * 5.86e-4

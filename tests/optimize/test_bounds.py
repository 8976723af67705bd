"""What is measured obeys what is proven, and attains it where it is sharp."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from approxnet import optimize
from approxnet.errors import AssumptionError
from approxnet.optimize import bounds, trajectory

pytestmark = pytest.mark.usefixtures("x64")

STEPS = 40
K = np.arange(STEPS + 1)
L, MU = 9.0, 1.0
ROUNDING = 1 + 1e-9


def diagonal(eigenvalues):
    a = jnp.asarray(eigenvalues, float)
    return lambda x: jnp.sum(a * x * x) / 2


ROWS = np.array([[2.0, -1.0], [-2.0, -2.0], [0.0, 2.0], [1.0, 1.0]])
LOGISTIC_L = 1 + float(np.linalg.norm(ROWS, 2) ** 2) / 4


def logistic(x):
    """1-strongly convex, with a Hessian of at most 1 + |rows|^2 / 4."""
    return jnp.sum(jax.nn.softplus(jnp.asarray(ROWS) @ x)) + jnp.sum(x * x) / 2


def run(f, x0, method, steps=STEPS):
    path = jax.jit(lambda x: trajectory(f, x, method, steps))(jnp.asarray(x0, float))
    return jax.tree.map(np.asarray, path)


def newton():
    """The minimiser of ``logistic`` and its value, in NumPy."""
    x = np.zeros(2)
    for _ in range(30):
        p = 1 / (1 + np.exp(-ROWS @ x))
        H = np.eye(2) + ROWS.T @ np.diag(p * (1 - p)) @ ROWS
        x = x - np.linalg.solve(H, ROWS.T @ p + x)
    return x, float(np.logaddexp(0, ROWS @ x).sum() + x @ x / 2)


BEST, LEAST = newton()


@pytest.mark.parametrize("step", [0.5 / L, 1 / L, 2 / (L + MU), 1.9 / L])
def test_gradient_descent_attains_its_factor_on_a_quadratic(step):
    transform = optimize.gradient_descent(step)
    far = run(diagonal([MU, L]), [1.0, 1.0], transform).points
    proven = bounds.distance_factor(K, L, MU, step)
    slow = abs(1 - step * MU) >= abs(1 - step * L)
    np.testing.assert_allclose(abs(far[:, 0 if slow else 1]), proven, rtol=1e-9)
    assert (np.linalg.norm(far, axis=1) <= ROUNDING * np.sqrt(2) * proven).all()


def test_the_two_factors_of_the_course_are_those_of_kappa():
    kappa = L / MU
    assert bounds.distance_factor(1, L, MU) == pytest.approx(1 - 1 / kappa)
    best = bounds.distance_factor(1, L, MU, 2 / (L + MU))
    assert best == pytest.approx((kappa - 1) / (kappa + 1))
    for step in np.linspace(0.01, 1.99, 50) / L:
        assert bounds.distance_factor(1, L, MU, step) >= best * (1 - 1e-12)


@pytest.mark.parametrize("step", [0.3, 1.0, 1.7])
def test_gradient_descent_obeys_its_bounds_on_a_function_that_is_not_quadratic(step):
    s, x0 = step / LOGISTIC_L, np.array([3.0, -4.0])
    path = run(logistic, x0, optimize.gradient_descent(s))
    away = np.linalg.norm(path.points - BEST, axis=1)
    floor = 1e-13
    assert (away <= bounds.distance_factor(K, LOGISTIC_L, 1.0, s) * away[0] + floor).all()
    gap = path.values - LEAST
    assert (gap <= bounds.value_factor(K, LOGISTIC_L, 1.0, s) * gap[0] + floor).all()
    if step <= 1:
        assert (gap[1:] <= bounds.convex(K[1:], LOGISTIC_L, away[0], s)).all()
        assert (gap <= bounds.convex_sharp(K, LOGISTIC_L, away[0], s)).all()


def test_the_inequality_of_polyak_and_lojasiewicz_is_enough():
    """x^2 + 3 sin^2 x is not convex; it has mu = 1/32 and L = 8 (Karimi, Nutini, Schmidt 2016)."""
    path = run(lambda x: x**2 + 3 * jnp.sin(x) ** 2, 3.0, optimize.gradient_descent(1 / 8))
    assert (path.values <= ROUNDING * bounds.value_factor(K, 8.0, 1 / 32) * path.values[0]).all()


@pytest.mark.parametrize("sL", [0.4, 1.0])
@pytest.mark.parametrize("k", [1, 7])
def test_hubers_function_attains_the_sharp_bound_for_convex_functions(k, sL):
    start, s = 3.0, sL / L
    b = start / (2 * k * sL + 1)

    def huber(x):
        return jnp.where(abs(x) <= b, L * x * x / 2, L * b * abs(x) - L * b * b / 2)

    gap = run(huber, start, optimize.gradient_descent(s), k).values[k]
    assert gap == pytest.approx(float(bounds.convex_sharp(k, L, start, s)), rel=1e-12)
    assert gap <= bounds.convex(k, L, start, s)


@pytest.mark.parametrize("step", [0.3, 1.0, 1.6])
def test_a_field_that_turns_attains_the_factor_of_monotone_fields(step):
    """F(x) = A x with A = mu + a quarter turn."""
    turn = np.sqrt(L**2 - MU**2)
    A, s = np.array([[MU, -turn], [turn, MU]]), step * MU / L**2
    x, squares = np.array([1.0, 2.0]), []
    for _ in K:
        squares.append(x @ x)
        x = x - s * A @ x
    np.testing.assert_allclose(squares, 5 * bounds.monotone_factor(K, L, MU, s), rtol=1e-10)


def test_both_theorems_of_the_course_on_gradient_descent_hold_and_one_is_sharper():
    """eta = mu / L^2 with 1 - (mu/L)^2, and eta = mu / (2 L^2) with 1 - (mu/L)^2 / 4."""
    q = (MU / L) ** 2
    first = bounds.monotone_factor(1, L, MU)
    second = bounds.monotone_factor(1, L, MU, MU / (2 * L**2))
    assert first == pytest.approx(1 - q)
    assert second == pytest.approx(1 - 3 * q / 4) and first < second < 1 - q / 4
    for step in (MU / L**2, MU / (2 * L**2)):
        path = run(diagonal([MU, L]), [1.0, 1.0], optimize.gradient_descent(step)).points
        away = (path**2).sum(axis=1)
        assert (away <= ROUNDING * 2 * bounds.monotone_factor(K, L, MU, step)).all()


def test_exact_line_search_attains_kantorovichs_factor():
    path = run(diagonal([MU, 3.0, L]), [1 / MU, 0.0, 1 / L], optimize.exact_line_search())
    proven = bounds.exact_line_search_factor(K, L, MU) * path.values[0]
    np.testing.assert_allclose(path.values, proven, rtol=1e-9)
    other = run(diagonal([MU, 3.0, L]), [1.0, 1.0, 1.0], optimize.exact_line_search()).values
    assert (other <= ROUNDING * bounds.exact_line_search_factor(K, L, MU) * other[0]).all()


@pytest.mark.parametrize("options", [{}, {"step": 0.01}, {"slope": 0.1, "factor": 0.9}])
def test_armijos_rule_obeys_its_factor(options):
    path = run(logistic, [3.0, -4.0], optimize.armijo(**options))
    gap = path.values - LEAST
    proven = bounds.armijo_factor(K, LOGISTIC_L, 1.0, **options) * gap[0]
    assert (gap <= ROUNDING * proven + 1e-13).all()


def test_the_heavy_ball_attains_its_factor_at_the_largest_eigenvalue():
    eigenvalues = np.linspace(MU, L, 9)
    path = run(diagonal(eigenvalues), np.eye(9)[-1], optimize.heavy_ball(
        *bounds.heavy_ball_parameters(L, MU))).points  # fmt: skip
    proven = bounds.heavy_ball_factor(K, L, MU)
    np.testing.assert_allclose(abs(path[:, -1]), proven, rtol=1e-7)
    many = run(diagonal(eigenvalues), np.ones(9), optimize.heavy_ball(
        *bounds.heavy_ball_parameters(L, MU))).points  # fmt: skip
    assert (abs(many) <= (1 + 1e-7) * proven[:, None]).all()


def test_nesterovs_method_obeys_its_bounds():
    x0 = np.array([3.0, -4.0])
    distance, gap = np.linalg.norm(x0 - BEST), float(logistic(jnp.asarray(x0))) - LEAST
    momenta = {
        "convex": (optimize.growing_momentum, bounds.nesterov_convex(K, LOGISTIC_L, distance)),
        "strongly convex": (
            bounds.nesterov_momentum(LOGISTIC_L, 1.0),
            bounds.nesterov_strongly_convex(K, LOGISTIC_L, 1.0, gap, distance),
        ),
    }
    for momentum, proven in momenta.values():
        s = 1 / LOGISTIC_L
        path = run(logistic, x0, optimize.nesterov(s, momentum, smoothness=LOGISTIC_L))
        x = np.concatenate([x0[None], path.points[:-1] - s * path.gradients[:-1]])
        values = np.asarray(jax.vmap(logistic)(x))
        assert (values - LEAST <= ROUNDING * proven + 1e-13).all()


def noisy(step, seeds=4000, d=2, sigma=0.5, steps=STEPS, eigenvalues=(MU, MU)):
    """E|x_k|^2 from unit distance with its standard error, gradients with normal noise."""
    f = diagonal(eigenvalues)

    def squares(key):
        noise = sigma / np.sqrt(d) * jax.random.normal(key, (steps + 1, d))
        start = jnp.array([1.0] + [0.0] * (d - 1))
        path = trajectory(lambda x, n: f(x) + jnp.sum(n * x), start, step, steps, batches=(noise,))
        return jnp.sum(path.points**2, axis=1)

    found = np.asarray(jax.jit(jax.vmap(squares))(jax.random.split(jax.random.key(5), seeds)))
    return found.mean(axis=0), found.std(axis=0) / np.sqrt(seeds)


def test_noise_leaves_the_ball_that_is_proven_exactly_for_one_eigenvalue():
    """Within five standard errors of the mean over the seeds."""
    s, sigma = 0.3, 0.5
    mean, error = noisy(optimize.sgd(s))
    proven = bounds.noise_ball(K, MU, MU, sigma, 1.0, s)
    assert (abs(mean - proven) <= 5 * error + 1e-12).all()
    assert proven[-1] == pytest.approx(s * sigma**2 / (MU * (2 - s * MU)), rel=1e-4)
    mean, error = noisy(optimize.sgd(1 / L), eigenvalues=(MU, L))
    assert (mean <= bounds.noise_ball(K, L, MU, sigma, 1.0, 1 / L) + 5 * error).all()


def test_with_steps_like_one_over_k_the_noise_dies_out_like_one_over_k():
    schedule = optimize.inverse_time(2 / MU, 2 * L / MU)
    mean, error = noisy(optimize.sgd(schedule), eigenvalues=(MU, L), steps=STEPS)
    assert (mean <= bounds.noise_inverse_time(K, L, MU, 0.5, 1.0) + 5 * error).all()


def test_sgd_on_a_finite_sum_obeys_its_ball():
    """f_i(x) = |x - c_i|^2 / 2 plus a term along one axis; the noise at x* alone counts."""
    rng = np.random.default_rng(0)
    n, rows, right = 20, rng.normal(size=(20, 2)), rng.normal(size=20)
    H = rows[:, :, None] * rows[:, None, :]
    best = np.linalg.solve(H.mean(axis=0), (rows * right[:, None]).mean(axis=0))
    mu = np.linalg.eigvalsh(H.mean(axis=0))[0]
    largest = (rows**2).sum(axis=1).max()
    sigma = np.sqrt((((rows @ best - right)[:, None] * rows) ** 2).sum(axis=1).mean())
    s, steps = 0.5 / largest, 60

    def f(x, i):
        return jnp.sum((jnp.asarray(rows)[i] @ x - jnp.asarray(right)[i]) ** 2) / 2

    def squares(key):
        draws = optimize.minibatches(key, n, steps=steps + 1)
        path = trajectory(f, jnp.zeros(2), optimize.sgd(s), steps, batches=(draws,))
        return jnp.sum((path.points - best[None]) ** 2, axis=1)

    found = np.asarray(jax.jit(jax.vmap(squares))(jax.random.split(jax.random.key(1), 1000)))
    proven = bounds.sgd_ball(np.arange(steps + 1), largest, mu, sigma, np.linalg.norm(best), s)
    error = found.std(axis=0) / np.sqrt(1000)
    assert (found.mean(axis=0) <= proven + 5 * error).all()


@pytest.mark.parametrize("a", [1.5, 4.0])
def test_projected_sgd_obeys_the_theorem_of_the_course(a):
    """f = |x|^2 / 2 on the unit ball with noise of variance 1/4, so that M^2 = 1 + 1/4."""
    step = optimize.sgd(
        optimize.inverse_time(a / MU), projection=optax.projections.projection_l2_ball
    )
    mean, error = noisy(step, seeds=1000)
    assert (mean <= bounds.projected_inverse_time(K, MU, np.sqrt(1.25), a) + 5 * error).all()


def test_strong_convexity_and_bounded_gradients_contradict_each_other_on_the_line():
    """|grad f(x)| >= mu |x - x*|: whatever M is, at x = 2 M / mu the gradient is larger."""
    slope = jax.grad(diagonal([MU]))
    for M in (1.0, 1e3, 1e6):
        assert float(slope(jnp.array([2 * M / MU]))[0]) > M


def test_subgradients_attain_their_bound_for_the_maximum_of_the_coordinates():
    """From 0 each step lowers one coordinate, so that a maximum of 0 is left to the last."""
    k, M, r = 15, 2.0, 3.0
    step = r / (M * np.sqrt(k + 1))

    def largest(x):
        return M * x[jnp.argmax(x)]

    values = run(largest, np.zeros(k + 1), optimize.gradient_descent(step), k).values
    lowest = -M * r / np.sqrt(k + 1)  # on the ball of radius r
    assert min(values) - lowest == pytest.approx(
        bounds.subgradient([step] * (k + 1), M, r)[-1], rel=1e-12
    )


def test_subgradients_obey_their_bound_with_shrinking_steps():
    schedule = optimize.inverse_sqrt(0.3)
    steps = [float(schedule(int(k))) for k in K]
    values = run(
        lambda x: abs(x[0]) + 2 * abs(x[1] - 1), [3.0, 2.0], optimize.gradient_descent(schedule)
    ).values
    proven = bounds.subgradient(steps, np.sqrt(5.0), np.sqrt(10.0))
    assert (np.minimum.accumulate(values) <= proven).all()


@pytest.mark.parametrize(
    ("bound", "given"),
    [
        (bounds.distance_factor, (1, 2.0, 3.0)),
        (bounds.distance_factor, (1, 2.0, 1.0, 1.0)),
        (bounds.value_factor, (1, 2.0, 1.0, -0.1)),
        (bounds.monotone_factor, (1, 2.0, 1.0, 0.5)),
        (bounds.convex, (1, 2.0, 1.0, 0.6)),
        (bounds.convex_sharp, (1, 0.0, 1.0)),
        (bounds.exact_line_search_factor, (1, 2.0, 0.0)),
        (bounds.armijo_factor, (1, 2.0, -1.0)),
        (bounds.heavy_ball_factor, (1, 2.0, np.nan)),
        (bounds.nesterov_strongly_convex, (1, 2.0, 3.0, 1.0, 1.0)),
        (bounds.nesterov_convex, (1, -1.0, 1.0)),
        (bounds.noise_ball, (1, 2.0, 1.0, 1.0, 1.0, 1.0)),
        (bounds.sgd_ball, (1, 2.0, 1.0, 1.0, 1.0, 0.3)),
        (bounds.noise_inverse_time, (1, 2.0, 1.0, 1.0, 1.0, 3.9)),
        (bounds.projected_inverse_time, (1, 1.0, 1.0, 1.0)),
        (bounds.subgradient, ([1.0, 0.0], 1.0, 1.0)),
    ],
)
def test_outside_its_assumptions_a_theorem_says_nothing(bound, given):
    with pytest.raises(AssumptionError, match="must"):
        bound(*given)

"""Methods of descent against loops in NumPy, and what they refuse."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from approxnet import optimize
from approxnet.errors import AssumptionError, StepWarning
from approxnet.optimize import trajectory

EIGENVALUES = np.array([1.0, 3.0, 10.0])
START = np.array([2.0, -1.0, 0.5])


def quadratic(x):
    return jnp.sum(jnp.asarray(EIGENVALUES, x.dtype) * x * x) / 2


def slope(x):
    return EIGENVALUES * x


def plain(steps, s=0.15):
    x = [START]
    for _ in range(steps):
        x.append(x[-1] - s * slope(x[-1]))
    return x


def shrinking(steps):
    x = [START]
    for k in range(steps):
        x.append(x[-1] - 0.1 / np.sqrt(k + 1) * slope(x[-1]))
    return x


def harmonic(steps):
    x = [START]
    for k in range(steps):
        x.append(x[-1] - 0.4 / (k + 3) * slope(x[-1]))
    return x


def ball(steps, s=0.1, beta=0.4):
    x = [START, START]
    for _ in range(steps):
        x.append(x[-1] - s * slope(x[-1]) + beta * (x[-1] - x[-2]))
    return x[1:]


def momentum(steps, s=0.05, beta=0.7):
    x, v = [START], 0
    for _ in range(steps):
        v = beta * v + slope(x[-1])
        x.append(x[-1] - s * v)
    return x


def accelerated(steps, s=0.1):
    x, y = [START], [START]
    for k in range(1, steps + 1):
        x.append(y[-1] - s * slope(y[-1]))
        y.append(x[-1] + (k - 1) / (k + 2) * (x[-1] - x[-2]))
    return y


def accelerated_constant(steps, s=0.1, beta=0.5):
    x, y = [START], [START]
    for _ in range(steps):
        x.append(y[-1] - s * slope(y[-1]))
        y.append(x[-1] + beta * (x[-1] - x[-2]))
    return y


def steepest(steps):
    x = [START]
    for _ in range(steps):
        g = slope(x[-1])
        x.append(x[-1] - g @ g / (g @ slope(g)) * g)
    return x


def backtracked(steps):
    x = [START]
    f = lambda z: z @ slope(z) / 2  # noqa: E731
    for _ in range(steps):
        g, t = slope(x[-1]), 1.0
        while f(x[-1] - t * g) > f(x[-1]) - 0.3 * t * g @ g:
            t *= 0.6
        x.append(x[-1] - t * g)
    return x


METHODS = {
    "gradient descent": (optimize.gradient_descent(0.15), plain),
    "1 / sqrt": (optimize.gradient_descent(optimize.inverse_sqrt(0.1)), shrinking),
    "1 / k": (optimize.sgd(optimize.inverse_time(0.4, 3.0)), harmonic),
    "heavy ball": (optimize.heavy_ball(0.1, 0.4), ball),
    "sgd": (optimize.sgd(0.05, momentum=0.7), momentum),
    "nesterov": (optimize.nesterov(0.1), accelerated),
    "nesterov, constant": (optimize.nesterov(0.1, 0.5), accelerated_constant),
    "exact line search": (optimize.exact_line_search(), steepest),
    "armijo": (optimize.armijo(slope=0.3, factor=0.6), backtracked),
}


@pytest.mark.parametrize("name", METHODS)
def test_a_method_takes_the_steps_of_its_formula(name, dtype):
    transform, formula = METHODS[name]
    steps = 8
    path = jax.jit(lambda x: trajectory(quadratic, x, transform, steps))(jnp.asarray(START, dtype))
    expected = np.stack(formula(steps))
    assert path.points.dtype == path.values.dtype == dtype
    # a relative eps at each step, which the step may enlarge twofold at most where it is stable
    tolerance = 2**steps * float(jnp.finfo(dtype).eps)
    np.testing.assert_allclose(path.points, expected, rtol=0, atol=2 * tolerance)
    # the gradient is 10 times a point at most, the value 10 |x|^2
    np.testing.assert_allclose(path.gradients, slope(expected), rtol=0, atol=20 * tolerance)
    values = (expected * slope(expected)).sum(axis=1) / 2
    np.testing.assert_allclose(path.values, values, rtol=0, atol=100 * tolerance)


@pytest.mark.parametrize("name", ["nesterov", "armijo", "exact line search"])
def test_many_starts_at_once_are_each_start_alone(name, x64):
    def end(x):
        return trajectory(quadratic, {"x": x}["x"], METHODS[name][0], 5).points[-1]

    starts = jnp.stack([jnp.asarray(START), 2 * jnp.asarray(START), jnp.zeros(3)])
    together = jax.jit(jax.vmap(end))(starts)
    np.testing.assert_allclose(together[1], end(starts[1]), rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(together[2], 0)  # the minimiser is not left


def test_the_end_has_a_derivative_in_step_and_start(x64):
    """For a x^2 / 2 it is x_k = (1 - s a)^k x_0."""

    def end(s, x):
        return trajectory(lambda y: 3 * y**2 / 2, x, optimize.gradient_descent(s), 4).points[-1]

    ds, dx = jax.jit(jax.grad(end, argnums=(0, 1)))(0.1, 2.0)
    assert float(dx) == pytest.approx(0.7**4) and float(ds) == pytest.approx(-4 * 3 * 0.7**3 * 2)


def test_trees_are_taken_and_lbfgs_goes_down_to_the_minimum_of_rosenbrock(x64):
    def rosenbrock(x):
        return 100 * (x["b"] - x["a"] ** 2) ** 2 + (1 - x["a"]) ** 2

    start = {"a": jnp.asarray(-1.2), "b": jnp.asarray(1.0)}
    with jax.numpy_dtype_promotion("standard"):  # optax counts in two kinds of integers
        path = jax.jit(lambda x: trajectory(rosenbrock, x, optimize.lbfgs(), 60))(start)
    assert path.values.shape == (61,) and float(path.values[0]) == pytest.approx(24.2)
    assert (np.diff(path.values) <= 0).all()
    np.testing.assert_allclose([path.points["a"][-1], path.points["b"][-1]], 1.0, rtol=1e-8)
    values, slopes = jax.jit(jax.vmap(jax.value_and_grad(rosenbrock)))(path.points)
    np.testing.assert_allclose(values, path.values, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(slopes["a"], path.gradients["a"], rtol=1e-9, atol=1e-12)


def test_lbfgs_does_not_cross_walls_of_infinite_energy(x64):
    """The minimum on x > 0 of 1 / x + x, which has another branch below 0."""

    def energy(x):
        return jnp.where(x > 0, 1 / x + x, jnp.inf)

    with jax.numpy_dtype_promotion("standard"):
        path = jax.jit(lambda x: trajectory(energy, x, optimize.lbfgs(), 40))(jnp.asarray(20.0))
    assert (np.asarray(path.points) > 0).all()
    assert float(path.values[-1]) == pytest.approx(2.0, rel=1e-12)


def test_every_example_is_seen_once_in_an_epoch_without_replacement():
    draw = optimize.minibatches(jax.random.key(3), 12, size=4, steps=7, replace=False)
    assert draw.shape == (7, 4) and draw.dtype == jnp.int32
    first, second = draw[:3].ravel(), draw[3:6].ravel()
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(12))
    assert first.tolist() != second.tolist()


def test_draws_with_replacement_are_uniform():
    """A count of a binomial law lies within five deviations of its mean."""
    draws = np.asarray(optimize.minibatches(jax.random.key(3), 5, size=10, steps=1000))
    counts = np.bincount(draws.ravel(), minlength=5)
    assert (abs(counts - 2000) < 5 * np.sqrt(10_000 * 0.2 * 0.8)).all()


def test_batches_come_in_their_order(x64):
    data = jnp.arange(5.0)
    path = trajectory(lambda x, b: (x - b) ** 2 / 2, jnp.zeros(()), optimize.sgd(1.0), 4,
                      batches=(data,))  # fmt: skip
    np.testing.assert_array_equal(path.points, [0, 0, 1, 2, 3])
    np.testing.assert_array_equal(path.values, [0, 0.5, 0.5, 0.5, 0.5])


def test_a_projected_step_is_the_nearest_point_of_the_set(x64):
    unit = optimize.sgd(10.0, projection=optax.projections.projection_l2_ball)
    path = trajectory(quadratic, jnp.asarray(START) / 10, unit, 3)
    z = START / 10 - 10 * slope(START / 10)
    np.testing.assert_allclose(path.points[1], z / np.linalg.norm(z), rtol=1e-14)
    assert (np.linalg.norm(path.points, axis=1) <= 1 + 1e-15).all()


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
@pytest.mark.parametrize(
    "method",
    [
        optimize.gradient_descent,
        optimize.sgd,
        optimize.nesterov,
        optimize.armijo,
        optimize.inverse_sqrt,
        optimize.inverse_time,
        lambda s: optimize.heavy_ball(s, 0.5),
        lambda s: optimize.gradient_descent(lambda k: s),
    ],
)
def test_a_step_that_is_not_positive_is_refused(method, bad):
    with pytest.raises(AssumptionError, match="must be positive and finite, got"):
        method(bad)


def test_other_numbers_out_of_range_are_refused():
    with pytest.raises(AssumptionError, match=r"momentum must be in \[0, 1\), got 1.0"):
        optimize.heavy_ball(0.1, 1.0)
    with pytest.raises(AssumptionError, match="slope"):
        optimize.armijo(slope=1.0)
    with pytest.raises(AssumptionError, match="factor"):
        optimize.armijo(factor=0.0)
    with pytest.raises(ValueError, match="must divide n"):
        optimize.minibatches(jax.random.key(0), 5, size=2, steps=3, replace=False)
    with pytest.raises(ValueError, match="steps \\+ 1 = 3"):
        trajectory(quadratic, jnp.zeros(3), optimize.sgd(0.1), 2, batches=(jnp.zeros(2),))
    with pytest.raises(ValueError, match="keeps gradients"):
        trajectory(quadratic, jnp.zeros(3), optimize.lbfgs(), 2, batches=(jnp.zeros(3),))
    with pytest.raises(ValueError, match="steps must be an integer"):
        trajectory(quadratic, jnp.zeros(3), optimize.sgd(0.1), -1)


LONGEST = {
    "gradient descent": (optimize.gradient_descent, 2.0),
    "heavy ball": (lambda s, **known: optimize.heavy_ball(s, 0.5, **known), 3.0),
    "nesterov": (lambda s, **known: optimize.nesterov(s, 1 - 1e-9, **known), 4 / 3),
}


@pytest.mark.parametrize("name", LONGEST)
def test_a_step_that_may_diverge_gives_a_warning_and_one_below_it_converges(name, x64):
    """On L x^2 / 2 the method is stable below the longest step and not above."""
    make, longest = LONGEST[name]
    L = 5.0

    def end(factor):
        method = make(factor * longest / L, smoothness=L)
        return float(abs(trajectory(lambda x: L * x**2 / 2, jnp.ones(()), method, 300).points[-1]))

    with pytest.warns(StepWarning, match="may diverge"):
        assert end(1.05) > 1e3
    assert end(0.95) < 1e-3
    with pytest.warns(StepWarning):
        make(longest / L, smoothness=L)

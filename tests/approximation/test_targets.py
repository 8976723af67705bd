"""Every target of the catalogue is what its entry says."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from approxnet import fem, quadrature
from approxnet.approximation import polynomials, rates
from approxnet.approximation.targets import CATALOG, Rate, Target, find, register
from approxnet.errors import ConfigError

LINE = [name for name, target in CATALOG.items() if target.dimension == 1]


def rule_of(target):
    """A rule independent of the closed forms, and how far it can be trusted."""
    d = target.dimension
    if d == 1:
        return quadrature.box(6 * 2**11, 3, target.lower, target.upper), 1e-7
    if d <= 3:
        return quadrature.box(
            {2: 96, 3: 8}[d], 3 if d == 2 else 7, target.lower, target.upper
        ), 1e-7
    if d == 4:
        return quadrature.box(2, 11, target.lower, target.upper), 1e-8
    return quadrature.sobol(jax.random.key(0), 2**15, target.lower, target.upper), 3e-3


LOOSE = {
    "disk": 1e-2,
    "step": 1e-3,
    "corner": 1e-4,
    "takagi": 1e-5,
    "wave 10d": 1e-2,
    "weierstrass": 2e-3,
    "root": 1e-6,
}


@pytest.mark.parametrize("name", CATALOG)
def test_the_l2_norm_is_exact(x64, name):
    target = CATALOG[name]
    rule, trust = rule_of(target)
    values = np.asarray(jax.jit(target.f)(rule.points))
    measured = math.sqrt(rule.weights @ values**2)
    assert abs(measured / target.norms["L2"] - 1) < LOOSE.get(name, trust)


@pytest.mark.parametrize(
    "name", [n for n, t in CATALOG.items() if "H1" in t.norms and n != "weierstrass"]
)
def test_the_h1_seminorm_is_exact_or_infinite(x64, name):
    """Difference quotients on finer and finer grids, or the gradient, whichever is reliable."""
    target = CATALOG[name]
    exact = target.norms["H1"]
    if target.dimension == 1:
        x = np.linspace(target.lower[0], target.upper[0], 3 * 2**13 + 1)
        values = np.asarray(jax.jit(target.f)(x[:, None]))
        quotients = [
            math.sqrt((np.diff(values[::k]) ** 2 / (k * (x[1] - x[0]))).sum()) for k in (64, 1)
        ]
        if math.isinf(exact):
            assert quotients[1] > 1.05 * quotients[0]
        else:
            assert abs(quotients[1] / exact - 1) < (0.02 if name == "power" else 1e-4)
    elif math.isfinite(exact):
        rule, trust = rule_of(target)
        slopes = jax.jit(jax.vmap(jax.grad(lambda y: target(y))))(jnp.asarray(rule.points))
        measured = math.sqrt(rule.weights @ np.asarray((slopes**2).sum(axis=-1)))
        loose = {"corner": 1e-2, "wave 10d": 1e-2}.get(name, max(trust, 1e-6))
        assert abs(measured / exact - 1) < loose


@pytest.mark.parametrize("name", CATALOG)
def test_the_maximum_is_a_sharp_bound(x64, name):
    target = CATALOG[name]
    if target.dimension == 1:
        x = np.linspace(target.lower[0], target.upper[0], 3 * 2**15 + 1)[:, None]
    else:
        axis = np.linspace(0, 1, 101 if target.dimension == 2 else 3)
        grid = np.meshgrid(*[axis] * min(target.dimension, 8), indexing="ij")
        grid = np.stack([g.ravel() for g in grid], axis=-1)
        missing = target.dimension - grid.shape[1]
        grid = np.concatenate([grid, grid[:, :missing]], axis=1)
        x = np.asarray(target.lower) + (np.subtract(target.upper, target.lower)) * grid
    top = np.abs(np.asarray(jax.jit(target.f)(x))).max()
    assert top <= target.norms["max"] * (1 + 1e-12)
    assert top >= target.norms["max"] * (1 - 2e-3)


def points_of(target, dtype):
    middle = np.add(target.lower, target.upper) * 0.3
    return jnp.asarray(np.broadcast_to(middle, (2, 3, target.dimension)), dtype)


@pytest.mark.parametrize("name", CATALOG)
def test_shapes_and_dtypes_are_kept(name, dtype):
    target = CATALOG[name]
    values = jax.eval_shape(target.f, points_of(target, dtype))
    assert values.shape == (2, 3) and values.dtype == dtype


@pytest.mark.parametrize("name", CATALOG)
def test_jitted_values_are_the_same(name):
    target = CATALOG[name]
    x = points_of(target, np.float32)
    values = target(x)
    assert np.isfinite(values).all()
    np.testing.assert_allclose(jax.jit(target.f)(x), values, rtol=1e-5, atol=1e-5)


def test_the_catalogue_covers_what_it_promises():
    assert len(CATALOG) >= 20
    assert {t.dimension for t in CATALOG.values()} >= {1, 2, 3, 4, 5, 8, 10}
    for tag in ("smooth", "kink", "power", "jump", "oscillating", "gabor", "corner", "barron"):
        assert find(tag), tag
    assert [t.name for t in find("corner", dimension=2)] == ["corner"]
    for target in CATALOG.values():
        assert set(target.norms) >= {"L2", "max"}
        assert all(
            rate.reference and rate.order >= 0 and 0 < rate.ratio <= 1 for rate in target.rates
        )


@pytest.mark.sample(4)
@pytest.mark.parametrize(
    "name", [n for n in LINE if any(r.method == "uniform P1" for r in CATALOG[n].rates)]
)
def test_uniform_linear_elements_have_the_order_of_the_entry(name):
    """The L2 projection on 5 levels of meshes whose nodes do not meet the singularities."""
    target = CATALOG[name]
    (rate,) = [r for r in target.rates if r.method == "uniform P1"]
    cells = np.array([128, 256, 512, 1024, 2048])
    with jax.enable_x64(True):
        errors = [_projection_error(target, n) for n in cells]
    found = rates.fit(cells, errors)
    assert abs(found.order - rate.order) < 0.05, found


def _projection_error(target, n):
    import scipy.sparse.linalg

    low, high = target.lower[0], target.upper[0]
    mesh = fem.interval(np.linspace(low, high, n + 1))
    rule = quadrature.box(3 * n, 9, low, high)
    B = fem.basis(mesh, rule.points)
    values = np.asarray(jax.jit(target.f)(rule.points))
    load = B.T @ (rule.weights * values)
    c = scipy.sparse.linalg.spsolve(fem.mass(mesh).tocsc(), load)
    return math.sqrt(rule.weights @ (values - B @ c) ** 2)


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    "name", [n for n in LINE if any(r.method == "polynomial" for r in CATALOG[n].rates)]
)
def test_polynomials_have_the_rate_of_the_entry(name):
    target = CATALOG[name]
    (rate,) = [r for r in target.rates if r.method == "polynomial"]
    degrees = np.array([16, 32, 64] if rate.ratio == 1 else [20, 40])
    ends = {"lower": target.lower[0], "upper": target.upper[0]}
    f = jax.jit(target.f)
    errors = [polynomials.best_uniform(f, int(n), rtol=1e-6, **ends).error for n in degrees]
    if rate.ratio == 1:
        assert abs(rates.fit(degrees, errors).order - rate.order) < 0.05
    else:
        fall = (errors[-1] / errors[0]) ** (1 / (degrees[-1] - degrees[0]))
        assert abs(math.log(fall) / math.log(rate.ratio) - 1) < 0.05


def test_takagi_is_self_similar(x64):
    T = CATALOG["takagi"]
    x = np.linspace(0, 0.5, 97)[:, None]
    np.testing.assert_allclose(T(x), x[:, 0] + T(2 * x) / 2, rtol=0, atol=1e-15)
    np.testing.assert_allclose(T(np.array([[1 / 3], [0.5], [0.25]])), [2 / 3, 0.5, 0.5], rtol=1e-15)


def test_the_corner_function_is_harmonic(x64):
    u = CATALOG["corner"]
    x = jnp.array([[0.3, 0.2], [0.05, 0.9]])
    laplacian = jax.jit(jax.vmap(lambda y: jnp.trace(jax.hessian(u.f)(y))))(x)
    np.testing.assert_allclose(laplacian, 0, atol=1e-12)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"name": "sine"}, ConfigError, "taken"),
        ({"norms": {"l2": 1.0}}, ConfigError, "norm must be one of"),
        ({"norms": {"L2": -1.0}}, ValueError, ">= 0"),
        ({"lower": (1.0,)}, ValueError, "lower must be less"),
        ({"f": lambda x: x}, ValueError, "drop the last axis"),
        ({"rates": (Rate("P1", "sup", 2.0, ""),)}, ConfigError, "norm must be one of"),
    ],
)
def test_a_wrong_entry_is_refused(change, error, match):
    good = Target("new", lambda x: x[..., 0], (0.0,), (1.0,), frozenset(), {"max": 1.0})
    with pytest.raises(error, match=match):
        register(good._replace(**change))
    assert "new" not in CATALOG


def test_an_unknown_tag_is_named():
    with pytest.raises(ConfigError, match="did you mean 'smooth'"):
        find("smoth")

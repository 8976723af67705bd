"""Full approximation and the projected cycle, against Newton's method and least squares."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import nnls, root

from approxnet import multigrid
from approxnet.multigrid import complementarity, fas_cycle, jacobi, projected_cycle, v_cycle
from tests.multigrid.problems import laplacian


def repeated(cycle, h, b, steps):
    """The iterates after 0, ..., steps cycles from zero."""

    @jax.jit
    def run(h, b):
        def step(u, _):
            return cycle(h, b, u), u

        return jax.lax.scan(step, jnp.zeros_like(b), length=steps + 1)[1]

    return run(h, b)


def one_sided(n):
    """A force upwards in a disc and downwards outside, so that u = 0 in a part of the square."""
    x = multigrid.nodes((n, n))
    return jnp.asarray(np.where(((x - 0.4) ** 2).sum(-1) < 0.06, 40.0, -20.0))


def zero(u):
    return 0 * u


def cube(u):
    return 10 * u**3


def test_without_a_nonlinear_term_full_approximation_is_the_linear_cycle(x64):
    h, b = multigrid.hierarchy((7, 7)), jax.random.normal(jax.random.key(0), (7, 7))
    start = jax.random.normal(jax.random.key(1), (7, 7))
    linear = v_cycle(jacobi(0.8), pre=2, post=2)(h, b, start)
    np.testing.assert_allclose(fas_cycle(zero)(h, b, start), linear, atol=1e-13)


@pytest.mark.parametrize("g", [cube, jnp.exp], ids=["cube", "exp"])
def test_full_approximation_finds_the_root_of_the_discrete_equations(x64, g):
    n = 15
    h, b = multigrid.hierarchy((n, n)), 50 * jax.random.normal(jax.random.key(0), (n, n))
    matrix, flat = laplacian((n, n)).toarray(), np.asarray(b).ravel()
    slope = jax.vmap(jax.grad(g))
    exact = root(
        lambda u: matrix @ u + np.asarray(g(jnp.asarray(u))) - flat,
        np.zeros(n * n),
        jac=lambda u: matrix + np.diag(np.asarray(slope(jnp.asarray(u)))),
        tol=1e-12,
    )
    assert exact.success
    iterates = np.asarray(repeated(fas_cycle(g), h, b, 20)).reshape(21, -1)
    np.testing.assert_allclose(iterates[-1], exact.x, atol=1e-11 * np.abs(exact.x).max())


def test_the_factor_of_full_approximation_is_that_of_the_linear_cycle(x64):
    """0.187 for Jacobi V(2,2) at n = 63, and not larger on finer grids."""
    for n in (15, 63):
        h, x = multigrid.hierarchy((n, n)), multigrid.nodes((n, n))
        b = jnp.asarray(300 * np.sin(3 * x[..., 0]) * x[..., 1])
        u = repeated(fas_cycle(cube), h, b, 14)
        sizes = jax.vmap(jnp.linalg.norm)(u[1:] - u[:-1])
        assert (sizes[-1] / sizes[-5]) ** 0.25 < 0.2


def test_the_projected_cycle_solves_the_complementarity_problem(x64):
    """|L^T u - L^-1 b|^2 over u >= 0 has the same minimiser, for A = L L^T."""
    n = 15
    h, b = multigrid.hierarchy((n, n)), one_sided(n)
    L = np.linalg.cholesky(laplacian((n, n)).toarray())
    exact = nnls(L.T, np.linalg.solve(L, np.ravel(b)))[0].reshape(n, n)
    assert 0.1 < (exact == 0).mean() < 0.9
    u = repeated(projected_cycle(), h, b, 40)[-1]
    np.testing.assert_allclose(u, exact, atol=1e-9 * exact.max())
    assert jnp.abs(complementarity(h.operators[0], b, u)).max() < 1e-9


@pytest.mark.parametrize("coarse", ["rediscretised", "galerkin"])
def test_the_energy_falls_with_every_projected_cycle(x64, coarse):
    h, b = multigrid.hierarchy((15, 15), coarse=coarse), one_sided(15)
    iterates = repeated(projected_cycle(), h, b, 12)
    assert (iterates >= 0).all()
    A = h.operators[0]
    energy = jax.vmap(lambda u: jnp.vdot(u, A(u)) / 2 - jnp.vdot(b, u))(iterates)
    assert (jnp.diff(energy) <= 1e-12 * jnp.abs(energy[-1])).all()


def test_the_projected_cycle_slows_down_a_little_on_finer_grids(x64):
    """Relaxation alone has the factor 1 - O(h^2), 0.999 at n = 63; the cycle stays below 0.8."""
    factors = []
    for n in (15, 63):
        h, b = multigrid.hierarchy((n, n)), one_sided(n)
        u = repeated(projected_cycle(), h, b, 24)
        sizes = jax.vmap(jnp.linalg.norm)(u[1:] - u[:-1])
        factors.append(float((sizes[-1] / sizes[-9]) ** (1 / 8)))
    assert factors[0] < 0.7 and factors[1] < 0.8


def test_a_positive_solution_is_that_of_the_linear_problem(x64):
    h, b = multigrid.hierarchy((7, 7)), jnp.ones((7, 7))
    u = repeated(projected_cycle(), h, b, 30)[-1]
    np.testing.assert_allclose(u, multigrid.solve(h, b, rtol=1e-13).value, atol=1e-12)


@pytest.mark.sample(2)
@pytest.mark.parametrize("cycle", [fas_cycle(cube), projected_cycle()], ids=["fas", "projected"])
def test_cycles_keep_the_dtype_and_are_the_same_under_jit_and_vmap(dtype, cycle):
    h = multigrid.hierarchy(7)
    b = 50 * jax.random.normal(jax.random.key(0), (2, 7), dtype)
    eager = jnp.stack([cycle(h, one, jnp.zeros_like(one)) for one in b])
    assert eager.dtype == dtype
    batched = jax.jit(jax.vmap(lambda b: cycle(h, b, jnp.zeros_like(b))))(b)
    np.testing.assert_allclose(batched, eager, atol=1e-5 if dtype == "float32" else 1e-13)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fas_cycle(cube, omega=2.0), "omega must be between 0 and 2, got 2.0"),
        (lambda: fas_cycle(cube, pre=0, post=0), "pre + post must be an integer >= 1"),
        (lambda: projected_cycle(omega=1.5), "omega must be at most 1"),
        (
            lambda: fas_cycle(cube)(
                multigrid.hierarchy(5, boundary="neumann"), jnp.ones(5), jnp.ones(5)
            ),
            "hierarchy must have a Dirichlet end or a reaction",
        ),
    ],
)
def test_a_wrong_argument_is_named_with_its_value(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()

"""``solve`` and ``multigrid_pcg`` against sparse direct solvers, with evidence and derivatives."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.sparse.linalg import spsolve

from approxnet import multigrid
from approxnet.errors import AssumptionError, ConvergenceWarning, NonFiniteError
from approxnet.multigrid import axes
from tests.multigrid.problems import dense, laplacian

SOLVERS = {"cycles": multigrid.solve, "pcg": multigrid.multigrid_pcg}


def random(shape, seed=0, dtype=None):
    return jax.random.normal(jax.random.key(seed), shape, dtype)


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("shape", [(63,), (15, 31), (7, 7, 7)])
def test_the_solution_is_that_of_a_direct_solver(x64, name, shape):
    b = random(shape)
    solution = SOLVERS[name](multigrid.hierarchy(shape), b, rtol=1e-12)
    exact = spsolve(laplacian(shape), np.asarray(b).ravel()).reshape(shape)
    assert bool(solution.converged)
    np.testing.assert_allclose(solution.value, exact, atol=1e-11 * np.abs(exact).max())


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("boundary", ["neumann", "periodic", ("neumann", "dirichlet")])
def test_every_boundary_condition_and_galerkin_grids_are_solved(x64, name, boundary):
    names = (boundary,) * 2 if isinstance(boundary, str) else boundary
    shape = tuple({"dirichlet": 15, "neumann": 17, "periodic": 16}[one] for one in names)
    h = multigrid.hierarchy(
        shape,
        boundary=boundary,
        coefficient=lambda x: 1 + x[..., 0] ** 2 * (2 - x[..., 0]),
        reaction=0.5,
        coarse="galerkin",
    )
    b = random(shape)
    exact = np.linalg.solve(dense(h.operators[0], shape), np.asarray(b).ravel()).reshape(shape)
    value, _, converged, _ = SOLVERS[name](h, b, rtol=1e-11)
    assert bool(converged)
    np.testing.assert_allclose(value, exact, atol=1e-9 * np.abs(exact).max())


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("boundary", ["neumann", "periodic"])
def test_singular_problems_have_the_solution_with_mean_zero(x64, name, boundary):
    """cos(2 pi x) cos(4 pi y) is an eigenvector of both, with 4 - 2 cos - 2 cos over h^2."""
    shape = (17, 17) if boundary == "neumann" else (16, 16)
    x = multigrid.nodes(shape, boundary=boundary)
    u = np.cos(2 * np.pi * x[..., 0]) * np.cos(4 * np.pi * x[..., 1])
    value = 16**2 * (4 - 2 * np.cos(np.pi / 8) - 2 * np.cos(np.pi / 4))
    solution = SOLVERS[name](multigrid.hierarchy(shape, boundary=boundary), value * u, rtol=1e-11)
    assert bool(solution.converged)
    np.testing.assert_allclose(solution.value, u, atol=1e-10)


@pytest.mark.parametrize("name", SOLVERS)
def test_an_inconsistent_singular_problem_is_refused_or_does_not_converge(x64, name):
    h = multigrid.hierarchy((9, 9), boundary="neumann")
    with pytest.raises(AssumptionError, match=r"mean zero with the trapezoidal weights, got 1\.0"):
        SOLVERS[name](h, jnp.ones((9, 9)))
    traced = jax.jit(lambda b: SOLVERS[name](h, b).converged)
    assert not bool(traced(1 + random((9, 9))))


@pytest.mark.parametrize("name", SOLVERS)
def test_the_history_is_that_of_the_true_residual(x64, name):
    h, b = multigrid.hierarchy((15, 15)), random((15, 15))
    value, residuals, converged, k = SOLVERS[name](h, b, rtol=1e-6)
    k = int(k)
    last = jnp.linalg.norm(b - h.operators[0](value))
    np.testing.assert_allclose(residuals[0], jnp.linalg.norm(b), rtol=1e-14)
    np.testing.assert_allclose(residuals[k:], last, rtol=1e-6)
    assert bool(converged) and residuals[k] <= 1e-6 * residuals[0] < residuals[k - 1]


@pytest.mark.parametrize("name", SOLVERS)
def test_a_solution_that_is_not_reached_is_said(x64, name):
    h, b = multigrid.hierarchy((15, 15)), random((15, 15))
    most = {"cycles": {"max_cycles": 2}, "pcg": {"max_iterations": 2}}[name]
    with pytest.warns(ConvergenceWarning, match=r"must fall by 1e-08, got .* after 2 iterations"):
        assert not bool(SOLVERS[name](h, b, **most).converged)


@pytest.mark.parametrize("name", SOLVERS)
def test_nan_is_refused_and_a_traced_one_does_not_converge(x64, name):
    h, b = multigrid.hierarchy((3, 3)), jnp.ones((3, 3)).at[1, 2].set(jnp.nan)
    with pytest.raises(
        NonFiniteError, match=re.escape("b must be finite, got nan at index (1, 2)")
    ):
        SOLVERS[name](h, b)
    assert not bool(jax.jit(lambda h, b: SOLVERS[name](h, b).converged)(h, b))


@pytest.mark.parametrize("name", SOLVERS)
def test_a_right_hand_side_of_another_shape_is_refused(name):
    with pytest.raises(ValueError, match=re.escape("of shape (3, 3), one value per unknown, got")):
        SOLVERS[name](multigrid.hierarchy((3, 3)), jnp.ones((2, 3, 3)))


@pytest.mark.parametrize("name", SOLVERS)
def test_zero_is_the_solution_for_zero(name):
    value, _, converged, k = SOLVERS[name](multigrid.hierarchy((3, 3)), jnp.zeros((3, 3)))
    assert bool(converged) and int(k) == 0 and not value.any()


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", SOLVERS)
def test_solvers_keep_the_dtype_and_are_the_same_under_vmap(dtype, name):
    h, b = multigrid.hierarchy((7, 7)), random((3, 7, 7), 0, dtype)

    def solve(b):
        return SOLVERS[name](h, b, rtol=1e-5).value

    alone = jnp.stack([solve(one) for one in b])
    assert alone.dtype == dtype
    np.testing.assert_allclose(jax.vmap(solve)(b), alone, atol=1e-6)


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("boundary", ["dirichlet", "neumann"])
def test_the_gradient_is_that_of_the_inverse_matrix(x64, name, boundary):
    """For (g, A^-1 b) it is A^-T g for b, and -(y_i u_i) with y = A^-T g for the diagonal of A."""
    shape = (7, 7) if boundary == "dirichlet" else (9, 9)
    h = multigrid.hierarchy(shape, boundary=boundary, reaction=lambda x: 1 + x[..., 0])
    b, g = random(shape, 1), random(shape, 2)

    def functional(h, b):
        return jnp.vdot(g, SOLVERS[name](h, b, rtol=1e-12).value)

    h = jax.tree.map(jnp.asarray, h)
    by_h, by_b = jax.jit(jax.grad(functional, argnums=(0, 1)))(h, b)
    A = dense(h.operators[0], shape)
    u, y = np.linalg.solve(A, np.ravel(b)), np.linalg.solve(A.T, np.ravel(g))
    np.testing.assert_allclose(np.ravel(by_b), y, atol=1e-10 * np.abs(y).max())
    np.testing.assert_allclose(np.ravel(by_h.operators[0].diagonal), -y * u, atol=1e-10)


def test_the_gradient_of_a_singular_problem_is_the_projected_inverse(x64):
    h = multigrid.hierarchy((9,), boundary="neumann")
    g = random((9,), 2)
    M = axes.weights((9,), ("neumann",))
    b = random((9,), 1)
    b = b - jnp.vdot(M, b) / M.sum()
    mine = jax.jit(jax.grad(lambda b: jnp.vdot(g, multigrid.solve(h, b, rtol=1e-12).value)))(b)
    A = dense(h.operators[0], (9,))
    project = np.eye(9) - np.ones((9, 1)) * M / M.sum()
    exact = (project @ np.linalg.pinv(A) @ project).T @ g
    np.testing.assert_allclose(mine, exact, atol=1e-12)


def test_solving_again_does_not_trace_again(x64):
    traces = []

    def smoother(A, b, x):
        traces.append(1)
        return x + 0.8 * (b - A(x)) / A.diagonal

    h, seen = multigrid.hierarchy((7, 7)), []
    for seed in (0, 1, 2):
        multigrid.solve(h, random((7, 7), seed), cycle=multigrid.v_cycle(smoother))
        seen.append(len(traces))
    assert seen[0] == seen[2]

"""Cycles converge with the factors of the theory, whatever the size of the grid."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from approxnet import multigrid
from approxnet.multigrid import (
    backslash_cycle,
    chebyshev,
    course_element,
    course_kernel,
    f_cycle,
    full_multigrid,
    jacobi,
    linear_element,
    red_black,
    v_cycle,
    w_cycle,
)
from tests.multigrid.problems import dense, laplacian

SMOOTHERS = {
    "jacobi": jacobi(),
    "red_black": red_black(),
    "over_relaxed": red_black(1.15),
    "reverse": red_black(reverse=True),
    "chebyshev": chebyshev(3),
    "course_kernel": course_kernel(),
}
CYCLES = {
    "v": v_cycle(red_black()),
    "w": w_cycle(red_black()),
    "f": f_cycle(red_black()),
    "backslash": backslash_cycle(jacobi(), pre=2),
    "full": full_multigrid(),
}


def random(shape, seed=0, dtype=None):
    return jax.random.normal(jax.random.key(seed), shape, dtype)


def matrix_cycle(A, P, R, S, level, visits):
    """The error propagation of V (visits = 1) or W (2) with one step S before and after."""
    if level == len(A) - 1:
        return np.zeros_like(A[level])
    below = matrix_cycle(A, P, R, S, level + 1, visits)
    coarse = np.eye(len(A[level + 1])) - np.linalg.matrix_power(below, visits)
    correction = P[level] @ coarse @ np.linalg.solve(A[level + 1], R[level] @ A[level])
    return S[level] @ (np.eye(len(A[level])) - correction) @ S[level]


@pytest.mark.sample(2)
@pytest.mark.parametrize(("factory", "visits"), [(v_cycle, 1), (w_cycle, 2)])
@pytest.mark.parametrize("shape", [(15,), (7, 7)])
def test_a_cycle_is_the_textbook_recursion_of_matrices(x64, factory, visits, shape):
    h = multigrid.hierarchy(shape)
    A = [laplacian(grid).toarray() for grid in h.shapes]
    P = [dense(multigrid.prolong, grid) for grid in h.shapes[1:]]
    R = [p.T / 2 ** len(shape) for p in P]
    S = [np.eye(len(a)) - 0.8 * a / np.diag(a)[:, None] for a in A]
    exact = matrix_cycle(A, P, R, S, 0, visits)
    zero = jnp.zeros(shape)
    mine = dense(lambda x: factory(jacobi(0.8))(h, zero, x), shape)
    np.testing.assert_allclose(mine, exact, atol=1e-13)


def test_an_f_cycle_is_made_of_an_f_and_a_v_cycle(x64):
    """With F_l = S (I - P (I - V F) A^-1 R A) S, where V follows F on the coarser grid."""
    shape = (15,)
    h = multigrid.hierarchy(shape)
    A = [laplacian(grid).toarray() for grid in h.shapes]
    P = [dense(multigrid.prolong, grid) for grid in h.shapes[1:]]
    R = [p.T / 2 for p in P]
    S = [np.eye(len(a)) - 0.8 * a / np.diag(a)[:, None] for a in A]
    F = np.zeros_like(A[-1])
    for level in (2, 1, 0):
        V = matrix_cycle(A, P, R, S, level + 1, 1)
        coarse = (np.eye(len(F)) - V @ F) @ np.linalg.solve(A[level + 1], R[level] @ A[level])
        F = S[level] @ (np.eye(len(A[level])) - P[level] @ coarse) @ S[level]
    mine = dense(lambda x: f_cycle(jacobi(0.8))(h, jnp.zeros(shape), x), shape)
    np.testing.assert_allclose(mine, F, atol=1e-13)


@pytest.mark.parametrize("name", SMOOTHERS)
def test_the_solution_is_a_fixed_point_of_every_smoother(x64, name):
    A = multigrid.hierarchy((7, 7), reaction=3.0).operators[0]
    u = random((7, 7))
    np.testing.assert_allclose(SMOOTHERS[name](A, A(u), u), u, rtol=1e-13)


def test_red_black_relaxes_the_even_nodes_first(x64):
    """Against a loop over the nodes in that order."""
    n, h = 5, 1 / 6
    b = np.asarray(random((n, n)))
    u = np.zeros((n + 2, n + 2))
    for colour in (0, 1):
        for i in range(1, n + 1):
            for j in range(1, n + 1):
                if (i + j) % 2 == colour:
                    around = u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1]
                    u[i, j] += 1.15 * ((h**2 * b[i - 1, j - 1] + around) / 4 - u[i, j])
    A = multigrid.hierarchy((n, n)).operators[0]
    np.testing.assert_allclose(red_black(1.15)(A, b, jnp.zeros((n, n))), u[1:-1, 1:-1], rtol=1e-13)


def test_the_reverse_smoother_is_the_adjoint(x64):
    A = multigrid.hierarchy((4, 4)).operators[0]
    zero = jnp.zeros((4, 4))
    smoothers = red_black(1.1), red_black(1.1, reverse=True)
    forward, backward = (dense(lambda b, s=s: s(A, b, zero), (4, 4)) for s in smoothers)
    np.testing.assert_allclose(forward, backward.T, atol=1e-15)


@pytest.mark.parametrize(("degree", "expected"), [(1, 1 / 2), (2, 1 / 7), (3, 1 / 26)])
def test_chebyshev_has_the_least_maximum_on_its_interval(x64, degree, expected):
    """1 / T_k((b + a) / (b - a)) with a = 2/3, b = 2: the argument is 2."""
    n = 200
    A = multigrid.hierarchy(n).operators[0]
    k = np.arange(1, n + 1)
    modes = np.sin(np.pi * np.outer(k, k) / (n + 1))
    values = 1 - np.cos(np.pi * k / (n + 1))  # the eigenvalues of D^-1 A
    chosen = modes[values >= 2 / 3]
    smooth = chebyshev(degree, lower=2 / 3)
    after = np.asarray(jax.vmap(lambda x: smooth(A, jnp.zeros(n), x))(chosen))
    largest = (np.linalg.norm(after, axis=1) / np.linalg.norm(chosen, axis=1)).max()
    assert 0.98 * expected < largest < expected * (1 + 1e-9)


def test_the_kernel_of_the_course_is_two_jacobi_steps(x64):
    """[0 1 0; 1 12 1; 0 1 0] / 64 for A = [0 -1 0; -1 4 -1; 0 -1 0], He and Xu, section 5."""
    A = multigrid.hierarchy((7, 7)).operators[0]
    unit = jnp.zeros((7, 7)).at[3, 3].set(64.0 * 64.0)  # A holds h^-2 = 64
    kernel = course_kernel()(A, unit, jnp.zeros((7, 7)))
    np.testing.assert_array_equal(kernel[2:5, 2:5], [[0, 1, 0], [1, 12, 1], [0, 1, 0]])
    twice = jacobi(0.5)(A, unit, jacobi(0.5)(A, unit, jnp.zeros((7, 7))))
    np.testing.assert_allclose(kernel, twice, atol=1e-14)


FACTORS = {  # measured independently at n = 63
    "rb_v10": (v_cycle(red_black(), post=0), 0.339),
    "rb_v11": (v_cycle(red_black()), 0.119),
    "rb_v21": (v_cycle(red_black(), pre=2), 0.081),
    "rb_v22": (v_cycle(red_black(), pre=2, post=2), 0.061),
    "rb_w11": (w_cycle(red_black()), 0.073),
    "rb_f11": (f_cycle(red_black()), 0.073),
    "sor_v11": (v_cycle(red_black(1.15)), 0.043),
    "jacobi_v11": (v_cycle(jacobi()), 0.362),
    "jacobi_w21": (w_cycle(jacobi(), pre=2), 0.212),
    "chebyshev2_v11": (v_cycle(chebyshev(2)), 0.158),
    "chebyshev3_v11": (v_cycle(chebyshev(3)), 0.108),
    "course_v11": (v_cycle(course_kernel()), 0.324),
    "course_v22": (v_cycle(course_kernel(), pre=2, post=2), 0.161),
}


SLOW = {"rb_v10", "rb_v21", "rb_v22", "jacobi_w21", "chebyshev3_v11", "course_v22"}


@pytest.mark.sample(4)
@pytest.mark.parametrize(
    "name", [pytest.param(k, marks=[pytest.mark.slow] * (k in SLOW)) for k in FACTORS]
)
def test_cycles_have_the_known_factors(x64, name):
    cycle, expected = FACTORS[name]
    factor = multigrid.convergence_factor(multigrid.hierarchy((63, 63)), cycle, steps=120)
    assert abs(factor - expected) < 0.005


@pytest.mark.parametrize(
    ("cycle", "expected"), [(v_cycle(red_black()), 0.211), (v_cycle(jacobi()), 0.438)]
)
def test_linear_element_transfers_have_the_known_factors(x64, cycle, expected):
    h = multigrid.hierarchy((63, 63), transfer=linear_element)
    assert abs(multigrid.convergence_factor(h, cycle, steps=120) - expected) < 0.005


@pytest.mark.slow
@pytest.mark.parametrize(("omega", "bound"), [(1.15, 0.05), (1.0, 0.125)])
def test_the_factor_of_red_black_does_not_depend_on_the_grid_width(x64, omega, bound):
    cycle = v_cycle(red_black(omega))
    factors = [
        multigrid.convergence_factor(multigrid.hierarchy((n, n)), cycle) for n in (31, 63, 127, 255)
    ]
    assert max(factors) <= bound
    assert max(factors) / min(factors) <= 1.1


def test_a_cycle_with_red_black_solves_one_dimensional_problems(x64):
    h = multigrid.hierarchy(255)
    b = random((255,))
    x = jax.jit(v_cycle(red_black(), post=0))(h, b, jnp.zeros(255))
    assert jnp.linalg.norm(b - h.operators[0](x)) < 1e-12 * jnp.linalg.norm(b) * 255


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("boundary", "shape"),
    [("neumann", (33, 33)), ("periodic", (32, 32)), (("periodic", "dirichlet"), (32, 31))],
)
def test_every_boundary_condition_has_the_same_factor(x64, boundary, shape):
    """A reaction of 1e-3 makes the problems regular without a change of the factor."""
    h = multigrid.hierarchy(shape, boundary=boundary, reaction=1e-3)
    assert multigrid.convergence_factor(h, v_cycle(red_black()), steps=40, last=10) < 0.125


def test_three_dimensional_cycles_converge(x64):
    h = multigrid.hierarchy((15, 15, 15))
    assert multigrid.convergence_factor(h, v_cycle(red_black()), steps=40, last=10) < 0.25


def test_galerkin_cycles_do_not_diverge_where_the_coefficient_jumps(x64):
    """With a = 1000 in an inner square cycles with rediscretised coarse grids do."""

    def a(x):
        return jnp.where((jnp.abs(x - 0.5) < 0.25).all(axis=-1), 1000.0, 1.0)

    galerkin, plain = (
        multigrid.convergence_factor(
            multigrid.hierarchy((15, 15), coefficient=a, coarse=coarse),
            v_cycle(chebyshev(2)),
            steps=40,
            last=10,
        )
        for coarse in ("galerkin", "rediscretised")
    )
    assert galerkin < 1 < plain


@pytest.mark.parametrize(
    ("cycle", "count", "factor"),
    [
        (lambda h, b, x: jacobi(0.5)(h.operators[0], b, x), 883, np.cos(np.pi / 32) ** 2),
        (lambda h, b, x: course_kernel()(h.operators[0], b, x), 442, np.cos(np.pi / 32) ** 4),
        (backslash_cycle(course_kernel(), pre=2), 11, 0.378),
        (v_cycle(course_kernel(), pre=2, post=2), 6, 0.209),
    ],
    ids=["gradient descent", "kernel", "backslash", "v"],
)
def test_the_final_project_of_the_course_takes_883_11_and_6_iterations(x64, cycle, count, factor):
    """The course's A is h^2 A, and f = h^2; iterate until |f - h^2 A u| < 1e-5 from zero."""
    n, h = 15, 1 / 16
    problem = multigrid.hierarchy((n, n), transfer=course_element)
    ones = jnp.ones((n, n))
    rtol = 1e-5 / h**2 / float(jnp.linalg.norm(ones))
    solution = multigrid.solve(problem, ones, cycle=cycle, rtol=rtol, max_cycles=1000)
    assert int(solution.iterations) == count
    assert abs(multigrid.convergence_factor(problem, cycle, steps=400) - factor) < 0.001


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [(31, 63), (63, 127, 255)], ids=str)
def test_full_multigrid_ends_below_the_discretisation_error(x64, sizes):
    """u = e^(xy) sin(pi x) sin(2 pi y), one red-black V(1,1) per grid: 0.4 of it, and order 2."""

    def u(p):
        x, y = p[..., 0], p[..., 1]
        return jnp.exp(x * y) * jnp.sin(jnp.pi * x) * jnp.sin(2 * jnp.pi * y)

    def laplace(p):
        hessian = jax.hessian(u)
        return jnp.trace(jax.vmap(hessian)(p.reshape(-1, 2)), axis1=1, axis2=2).reshape(
            p.shape[:-1]
        )

    totals = []
    for n in sizes:
        points = jnp.asarray(multigrid.nodes((n, n)))
        h, b, exact = multigrid.hierarchy((n, n)), -jax.jit(laplace)(points), u(points)
        discrete = multigrid.solve(h, b, rtol=1e-10).value
        mine = jax.jit(full_multigrid())(h, b, jnp.zeros((n, n)))
        discretisation = jnp.linalg.norm(discrete - exact)
        assert jnp.linalg.norm(mine - discrete) <= 0.4 * discretisation
        totals.append(float(jnp.linalg.norm(mine - exact) / jnp.linalg.norm(exact)))
    orders = np.log2(np.array(totals[:-1]) / totals[1:])
    np.testing.assert_allclose(orders, 2.0, atol=0.02)


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", CYCLES)
def test_cycles_keep_the_dtype_and_are_the_same_under_jit_and_vmap(dtype, name):
    cycle, h = CYCLES[name], multigrid.hierarchy(7, coefficient=lambda x: 1 + x[..., 0])
    b, x = random((2, 7), 1, dtype), random((2, 7), 2, dtype)
    eager = jnp.stack([cycle(h, *pair) for pair in zip(b, x, strict=True)])
    assert eager.dtype == dtype
    batched = jax.jit(jax.vmap(cycle, (None, 0, 0)))(h, b, x)
    np.testing.assert_allclose(batched, eager, atol=1e-5 if dtype == "float32" else 1e-13)


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", CYCLES)
def test_cycles_are_linear_and_differentiable_both_ways(x64, name):
    cycle, h = jax.jit(CYCLES[name]), multigrid.hierarchy((7, 3))
    b, x, db = random((7, 3), 1), random((7, 3), 2), random((7, 3), 3)
    _, tangent = jax.jvp(lambda b: cycle(h, b, x), (b,), (db,))
    np.testing.assert_allclose(tangent, cycle(h, db, 0 * x), atol=1e-13)
    gradient = jax.grad(lambda b: jnp.vdot(db, cycle(h, b, x)))(b)
    assert abs(jnp.vdot(gradient, b) - jnp.vdot(db, cycle(h, b, 0 * x))) < 1e-12


@pytest.mark.parametrize("name", ["v", "w", "f", "full"])
def test_the_program_grows_by_a_constant_per_grid(name):
    sizes = []
    for n in (15, 31, 63, 127):
        zero = jnp.zeros(n)
        program = jax.jit(CYCLES[name]).lower(multigrid.hierarchy(n), zero, zero)
        sizes.append(program.as_text().count("\n"))
    steps = np.diff(sizes)
    assert steps.max() < 1.1 * steps.min()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: jacobi(0.0), "omega must be between 0 and 2, got 0.0"),
        (lambda: red_black(2.5), "omega must be between 0 and 2, got 2.5"),
        (lambda: chebyshev(0), "degree must be an integer >= 1, got 0"),
        (lambda: chebyshev(2, lower=3.0), "got lower=3.0 and upper=2.0"),
        (lambda: v_cycle(pre=0, post=0), "pre + post must be an integer >= 1"),
        (lambda: backslash_cycle(pre=-1), "pre must be an integer >= 0, got -1"),
        (lambda: full_multigrid(cycles=0), "cycles must be an integer >= 1"),
        (
            lambda: v_cycle()(multigrid.hierarchy(3), jnp.zeros(4), jnp.zeros(4)),
            "b must be a floating-point array of shape (3,), one value per unknown, got",
        ),
        (
            lambda: v_cycle()(multigrid.hierarchy(3), jnp.zeros(3), jnp.zeros(4)),
            "x must have the shape (3,) of b, got (4,)",
        ),
        (
            lambda: v_cycle(red_black())(
                multigrid.hierarchy((7, 7), coarse="galerkin"), jnp.zeros((7, 7)), jnp.zeros((7, 7))
            ),
            "couples nearest neighbours only, got a stencil of 9 points",
        ),
        (
            lambda: red_black()(
                multigrid.hierarchy(5, boundary="periodic").operators[0], jnp.zeros(5), jnp.zeros(5)
            ),
            "an even number of nodes on a periodic axis, got 5 on axis 0",
        ),
    ],
)
def test_a_wrong_argument_is_named_with_its_value(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()

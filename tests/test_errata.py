"""What the errata page says, and that every test it names exists."""

import ast
import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal

from approxnet import fem

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "errata.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE)))

LAPLACE = np.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]])
PRINTED = np.array([[0, -1, 0], [-1, 4, -1], [0, 1, 0]])


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_every_test_named_on_the_page_exists(file, name):
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_row_of_the_page_names_a_test():
    rows = [line for line in PAGE.splitlines() if re.match(r"\| (?!place \|)", line)]
    assert len(rows) >= 14
    assert [row for row in rows if not re.search(r"\.py::test_\w+` \|$", row)] == []


def residuals(sign, steps=200, n=15):
    """|f - A * u| along u <- u + sign eta (f - A * u) of the final project."""
    u, f, found = np.zeros((n, n)), np.full((n, n), 1 / (n + 1) ** 2), []
    for _ in range(steps):
        r = f - scipy.signal.convolve2d(u, LAPLACE, mode="same")
        found.append(np.linalg.norm(r))
        u = u + sign / 8 * r
    return np.array(found)


def test_the_residual_is_added_and_not_subtracted():
    assert (np.diff(residuals(1)) < 0).all()
    assert residuals(-1)[-1] > 1e30


def test_the_stencil_of_the_laplacian_has_four_equal_neighbours():
    row = fem.stiffness(fem.box((4, 4)))[[12]].toarray().reshape(5, 5)
    np.testing.assert_allclose(row[1:4, 1:4], LAPLACE, atol=1e-13)
    assert LAPLACE.sum() == 0 and (LAPLACE == LAPLACE.T).all()
    assert PRINTED.sum() == 2 and (PRINTED != PRINTED.T).any()


def test_the_exponential_of_the_squared_radius_is_convex():
    """Its Hessian over e^{x^2 + y^2} has the determinant 4 + 8 x^2 + 8 y^2 and a positive trace."""
    with jax.enable_x64(True):
        points = jnp.asarray(np.random.default_rng(0).normal(size=(50, 2)))
        hessians = jax.jit(jax.vmap(jax.hessian(lambda p: jnp.exp(p @ p))))(points)
    squares = (np.asarray(points) ** 2).sum(axis=1)
    scaled = np.asarray(hessians) / np.exp(squares)[:, None, None]
    np.testing.assert_allclose(np.linalg.det(scaled), 4 + 8 * squares, rtol=1e-11)
    assert (np.trace(scaled, axis1=1, axis2=2) > 0).all()


def minimise(goes_on, eta=0.1, eps=1e-6):
    """Gradient descent for (x - 1)^2 from 0 while goes_on(|gradient|, eps), 1000 steps at most."""
    x = 0.0
    for _ in range(1000):
        if not goes_on(abs(2 * (x - 1)), eps):
            break
        x -= eta * 2 * (x - 1)
    return x


def test_descent_goes_on_while_the_gradient_is_large():
    assert abs(minimise(lambda size, eps: size > eps) - 1) <= 1e-6 / 2
    assert minimise(lambda size, eps: size <= eps) == 0.0


def test_the_bilinear_stencil_is_a_third_of_the_integers_that_are_printed():
    """The element matrix of bilinear functions on a unit square, by a Gauss rule that is exact."""
    t = 0.5 + np.array([-1, 1]) / np.sqrt(12)
    x, y = (a.ravel() for a in np.meshgrid(t, t))
    corners = [(0, 0), (1, 0), (0, 1), (1, 1)]
    sign = {0: -1.0, 1: 1.0}
    along = {0: lambda s: 1 - s, 1: lambda s: s}
    slopes = np.array([[sign[i] * along[j](y), sign[j] * along[i](x)] for i, j in corners])
    element = np.einsum("adq,bdq->ab", slopes, slopes) / 4
    stencil = np.zeros((3, 3))
    for a, (i, j) in enumerate(corners):  # each cell at the middle node is met at its corner a
        for b, (k, l) in enumerate(corners):
            stencil[1 + k - i, 1 + l - j] += element[a, b]
    printed = np.full((3, 3), -1.0)
    printed[1, 1] = 8
    np.testing.assert_allclose(3 * stencil, printed, atol=1e-14)
    u, f = np.ones((4, 4)), np.ones(16)
    operators = [
        np.array([scipy.signal.convolve2d(e.reshape(u.shape), s, mode="same").ravel()
                  for e in np.eye(16)]) for s in (stencil, printed)
    ]  # fmt: skip
    right, small = (np.linalg.solve(A, f) for A in operators)
    np.testing.assert_allclose(small, right / 3, rtol=1e-12)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_landaus_kernel_concentrates_by_its_exponent(d):
    """The mass of prod (1 - t_i^2)^n outside of |t_i| <= 1/4, all i, vanishes only as n grows."""

    def outside(n):
        t = np.linspace(-1, 1, 4001)
        kernel = (1 - t**2) ** n
        inside = kernel[abs(t) <= 0.25].sum() / kernel.sum()
        return 1 - inside**d

    assert outside(1) > 0.6 and outside(100) < 0.002


def test_the_monte_carlo_bound_grows_with_the_size_of_the_integrand():
    """f = 0 is the mean of g = +-C; (1/n) sum g is never below C / n for odd n."""
    C, n = 3.0, np.array([1, 3, 5, 101])
    least = C / n
    assert (least <= C * n**-0.5).all()
    assert least[0] > n[0] ** -0.5  # the printed bound, C missing


def test_cosines_of_random_frequencies_need_no_denominators():
    """For f = s exp(-x^2 / 2) on (0, 1): |f^| is s times the normal density, |f^|_1 = s."""
    x = np.linspace(0, 1, 101)
    f = np.exp(-(x**2) / 2)
    omega = np.random.default_rng(0).normal(size=(2000, 4, 1))
    density = np.exp(-(omega**2) / 2) / np.sqrt(2 * np.pi)
    right = np.cos(omega * x).mean(axis=1)
    assert ((f - right) ** 2).mean() < 1 / 4
    assert abs(right.mean(axis=0) - f).max() < 0.03
    for s in (1, 1000):
        printed = (np.cos(omega * x) / (s * density)).mean(axis=1)
        assert abs(printed.mean(axis=0) - f).max() > 0.5
    # With n = 1 no frequency has the printed bound s for a large s: the left is of the order s^2.
    one = np.cos(np.linspace(0, 5, 2001)[:, None] * x)
    assert ((f - one) ** 2).mean(axis=1).min() > 1e-6  # over s^2, where the printed bound is 1 / s


def test_the_matrix_of_the_first_assignment_is_singular():
    A = np.arange(1.0, 10).reshape(3, 3)
    assert np.linalg.matrix_rank(A) == np.linalg.matrix_rank(A @ A) == 2


def test_the_loop_of_the_nearly_singular_homework_counts_one_step_too_many():
    """eps = 0.1, scaled, from (1, 0, -1): 401 updates bring the residual to 1e-8, 402 are counted.

    The loop keeps the residual before the update and looks at it after.
    """
    A = np.array([[1.1, -1, 0], [-1, 2.1, -1], [0, -1, 1.1]])
    b, x, stored, counted, needed = np.array([-1.0, -1, 2]), np.array([1.0, 0, -1]), 1.0, 0, None
    while stored > 1e-8:
        residual = b - A @ x
        stored = np.linalg.norm(residual)
        if needed is None and stored <= 1e-8:
            needed = counted
        x = x + 0.5 * residual / np.diag(A)
        counted += 1
    assert (counted, needed) == (402, 401)

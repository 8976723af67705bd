"""Operators and hierarchies, against matrices assembled by hand."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.sparse import diags_array

from approxnet import fem, multigrid
from approxnet.errors import ConfigError, NonFiniteError
from approxnet.multigrid import axes
from tests.multigrid.problems import dense, laplacian

BOUNDARIES = ("dirichlet", "neumann", "periodic")


def wavy(x):
    return 1.5 + jnp.sin(3 * x[..., 0]) * jnp.cos(2 * x[..., -1])


@pytest.mark.parametrize("shape", [(7,), (3, 5), (3, 1, 3)])
def test_the_operator_is_the_kronecker_sum_of_second_differences(x64, shape):
    A = multigrid.hierarchy(shape).operators[0]
    exact = laplacian(shape).toarray()
    np.testing.assert_allclose(dense(A, shape), exact, rtol=1e-14)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_the_eigenvalues_are_those_of_cosines_and_exponentials(x64, boundary):
    n = 8 if boundary == "periodic" else 9
    intervals = n + {"dirichlet": 1, "neumann": -1, "periodic": 0}[boundary]
    k = np.arange(n) + (boundary == "dirichlet")
    angle = (np.pi if boundary != "periodic" else 2 * np.pi) * k / intervals
    A = dense(multigrid.hierarchy(n, boundary=boundary).operators[0], (n,))
    expected = np.sort(2 * intervals**2 * (1 - np.cos(angle)))
    np.testing.assert_allclose(np.sort(np.linalg.eigvals(A).real), expected, atol=1e-10)


def test_a_variable_coefficient_and_reaction_give_the_textbook_matrix(x64):
    """a at the midpoints of -(a u')' + c u on [1, 3] with Dirichlet ends."""
    n, h = 7, 0.25
    x = 1 + h * np.arange(1, n + 1)
    left, right = np.exp(x - h / 2), np.exp(x + h / 2)
    exact = diags_array([-left[1:], left + right, -right[:-1]], offsets=[-1, 0, 1]) / h**2
    exact = exact.toarray() + np.diag(x)
    h1 = multigrid.hierarchy(
        n, lower=1, upper=3, coefficient=lambda x: jnp.exp(x[..., 0]), reaction=lambda x: x[..., 0]
    )
    np.testing.assert_allclose(dense(h1.operators[0], (n,)), exact, rtol=1e-13)


@pytest.mark.sample(2)
@pytest.mark.parametrize("coarse", ["rediscretised", "galerkin"])
@pytest.mark.parametrize("boundary", [*BOUNDARIES, ("periodic", "neumann")])
def test_every_operator_is_symmetric_with_the_weights_and_positive(x64, boundary, coarse):
    names = (boundary,) * 2 if isinstance(boundary, str) else boundary
    shape = tuple({"dirichlet": 7, "neumann": 9, "periodic": 12}[name] for name in names)
    h = multigrid.hierarchy(
        shape, boundary=boundary, coefficient=wavy, reaction=2.0, coarse=coarse, upper=(1, 2)
    )
    assert len(h.operators) > 1
    for A, grid in zip(h.operators, h.shapes, strict=True):
        M = np.broadcast_to(axes.weights(grid, names), grid).reshape(-1, 1)
        matrix = M * dense(A, grid)
        np.testing.assert_allclose(matrix, matrix.T, atol=1e-10)
        # The constants have the energy of the reaction, and no function has less.
        least = np.linalg.eigvalsh(np.diag(M[:, 0] ** -0.5) @ matrix @ np.diag(M[:, 0] ** -0.5))[0]
        assert least > 2.0 - 1e-9


@pytest.mark.sample(2)
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("transfer", [multigrid.bilinear, multigrid.linear_element])
def test_the_galerkin_operator_is_the_product_of_matrices(x64, boundary, transfer):
    shape = {"dirichlet": (7, 15), "neumann": (5, 9), "periodic": (8, 20)}[boundary]
    names = (boundary,) * 2
    for coefficient in (None, wavy):
        h = multigrid.hierarchy(
            shape, boundary=boundary, coefficient=coefficient, coarse="galerkin", transfer=transfer
        )
        fine, coarse = h.shapes[:2]
        P = dense(lambda x: transfer.prolong(x, names), coarse)
        R = dense(lambda x: transfer.restrict(x, names), fine)
        product = R @ dense(h.operators[0], fine) @ P
        np.testing.assert_allclose(dense(h.operators[1], coarse), product, atol=1e-9)


@pytest.mark.parametrize("transfer", [multigrid.linear_element, multigrid.course_element])
def test_linear_elements_reproduce_the_five_point_stencil_on_every_grid(transfer):
    """The remark after Lemma 1 of He and Xu: R A P is the same stencil with the width 2h."""
    shape = (15, 15)
    galerkin = multigrid.hierarchy(shape, coarse="galerkin", transfer=transfer)
    for A, B in zip(galerkin.operators, multigrid.hierarchy(shape).operators, strict=True):
        mine = dict(zip(A.offsets, np.ravel(A.coefficients), strict=True))
        other = dict(zip(B.offsets, np.ravel(B.coefficients), strict=True))
        assert mine == other


def test_bilinear_elements_give_the_nine_point_stencil():
    """[-1 -2 -1; -2 12 -2; -1 -2 -1] / 4, over the square of the coarse width."""
    A = multigrid.hierarchy((7, 7), coarse="galerkin").operators[1]
    expected = {0: 3.0, 1: -0.5, 2: -0.25}
    for o, c in zip(A.offsets, np.ravel(A.coefficients), strict=True):
        assert c / 16 == expected[np.abs(o).sum()]


def test_the_nodes_are_those_of_the_finite_element_box():
    inner = multigrid.nodes((3, 7), lower=(0, 1), upper=(2, 3)).reshape(-1, 2)
    mesh = fem.box((4, 8), (0, 1), (2, 3))
    free = np.setdiff1d(np.arange(len(mesh.nodes)), fem.boundary_nodes(mesh))

    def ordered(points):
        return points[np.lexsort(points.T)]

    np.testing.assert_allclose(ordered(inner), ordered(mesh.nodes[free]), atol=1e-15)
    every = multigrid.nodes((5, 9), lower=(0, 1), upper=(2, 3), boundary="neumann").reshape(-1, 2)
    np.testing.assert_allclose(ordered(every), ordered(mesh.nodes), atol=1e-15)


def test_grids_are_coarsened_as_far_as_they_can_be():
    assert multigrid.hierarchy((15, 15)).shapes == ((15, 15), (7, 7), (3, 3), (1, 1))
    assert multigrid.hierarchy((12,)).shapes == ((12,),)
    assert multigrid.hierarchy((13,), boundary="neumann").shapes == ((13,), (7,), (4,))
    assert multigrid.hierarchy((24,), boundary="periodic").shapes == ((24,), (12,), (6,), (3,))


def test_the_hierarchy_has_leaves_on_the_host_in_double_precision():
    leaves = jax.tree.leaves(multigrid.hierarchy((7, 7), coefficient=wavy, coarse="galerkin"))
    assert all(isinstance(leaf, np.ndarray) and leaf.dtype == np.float64 for leaf in leaves)


def test_a_size_that_cannot_be_coarsened_is_refused_with_the_nearest_ones():
    with pytest.raises(ValueError, match=r"\(100, 100\).*\(99, 99\) and \(103, 103\)"):
        multigrid.hierarchy((100, 100))
    for near in (99, 103):
        multigrid.hierarchy((near, near))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"shape": ()}, ValueError, "at least one axis"),
        ({"shape": (3, 0)}, ValueError, "shape[1] must be an integer >= 1, got 0"),
        ({"shape": 1, "boundary": "neumann"}, ValueError, ">= 2, got 1"),
        ({"shape": 3, "boundary": "newmann"}, ConfigError, "did you mean 'neumann'"),
        ({"shape": 3, "boundary": ("neumann",) * 2}, ValueError, "one condition per axis"),
        ({"shape": 3, "coarse": "galerkine"}, ConfigError, "did you mean 'galerkin'"),
        ({"shape": 3, "lower": 2.0}, ValueError, "lower must be less than upper"),
        ({"shape": 3, "coefficient": -1.0}, ValueError, "coefficient must be positive, got -1.0"),
        (
            {"shape": 3, "coefficient": lambda x: x[..., 0] - 0.5},
            ValueError,
            "coefficient must be positive, got -0.375 at [0.125]",
        ),
        ({"shape": 3, "reaction": -2.0}, ValueError, "reaction must be >= 0, got -2.0"),
        ({"shape": 3, "coefficient": np.ones(3)}, ValueError, "of shape (4,), got shape (3,)"),
        ({"shape": 3, "reaction": np.ones(4)}, ValueError, "of shape (3,), got shape (4,)"),
        (
            {"shape": 3, "coefficient": np.array([1.0, 2.0, 0.0, 1.0])},
            ValueError,
            "coefficient must be positive, got 0.0 at index (2,)",
        ),
        ({"shape": 3, "coefficient": lambda x: x}, ValueError, "drop the last axis"),
        ({"shape": 3, "coefficient": np.nan}, NonFiniteError, "coefficient must be finite"),
    ],
)
def test_a_wrong_argument_is_named_with_its_value(arguments, error, message):
    with pytest.raises(error, match=re.escape(message)):
        multigrid.hierarchy(**arguments)

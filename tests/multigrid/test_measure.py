"""Factors and condition numbers are those of the matrices."""

import re

import numpy as np
import pytest

from approxnet import multigrid
from approxnet.multigrid import jacobi, v_cycle
from tests.multigrid.problems import dense, laplacian


def test_the_factor_of_a_cycle_is_the_spectral_radius_of_its_matrix(x64):
    h, cycle = multigrid.hierarchy((7, 7)), v_cycle(jacobi(0.8))
    E = dense(lambda x: cycle(h, 0 * x, x), (7, 7))
    radius = np.abs(np.linalg.eigvals(E)).max()
    assert abs(multigrid.convergence_factor(h, cycle, steps=150) - radius) < 1e-6


def test_the_factor_of_a_direct_solver_is_zero(x64):
    h = multigrid.hierarchy((3, 1))
    assert multigrid.convergence_factor(h, v_cycle(jacobi()), steps=3, last=1) < 1e-12


def test_the_condition_number_is_that_of_the_matrix(dtype):
    """From 17 different eigenvalues, after which the residual has vanished."""
    h = multigrid.hierarchy((7, 7))
    A = laplacian((7, 7)).toarray()
    B = dense(lambda r: multigrid.bpx(h, r), (7, 7))
    values = np.linalg.eigvals(B @ A).real
    found = multigrid.condition_number(h, multigrid.bpx, steps=100)
    np.testing.assert_allclose(found, values.max() / values.min(), rtol=1e-3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda h: multigrid.convergence_factor(h, v_cycle(), steps=3, last=4),
            "steps must be an integer >= 4, got 3",
        ),
        (
            lambda h: multigrid.condition_number(h, multigrid.bpx, steps=0),
            "steps must be an integer >= 1, got 0",
        ),
    ],
)
def test_a_wrong_argument_is_named_with_its_value(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call(multigrid.hierarchy(3))

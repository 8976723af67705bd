"""Condition numbers of the preconditioned operators, and the iterations they take."""

import jax
import numpy as np
import pytest

from approxnet import multigrid
from approxnet.multigrid import (
    axes,
    chebyshev,
    from_cycle,
    jacobi,
    linear_element,
    red_black,
    v_cycle,
)
from tests.multigrid.problems import dense

SYMMETRIC = from_cycle(v_cycle(red_black(), post_smoother=red_black(reverse=True)))
ALL = {
    "bpx": multigrid.bpx,
    "hierarchical basis": multigrid.hierarchical_basis,
    "cycle": SYMMETRIC,
}


@pytest.mark.sample(2)
@pytest.mark.parametrize("boundary", ["dirichlet", "neumann"])
@pytest.mark.parametrize("name", ALL)
def test_preconditioners_are_self_adjoint_and_positive(x64, name, boundary):
    shape = (7, 7) if boundary == "dirichlet" else (9, 9)
    h = multigrid.hierarchy(shape, boundary=boundary, reaction=lambda x: 1 + x[..., 0])
    M = np.broadcast_to(axes.weights(shape, (boundary,) * 2), shape).reshape(-1, 1)
    B = M * dense(lambda r: ALL[name](h, r), shape)
    np.testing.assert_allclose(B, B.T, atol=1e-14)
    assert np.linalg.eigvalsh((B + B.T) / 2)[0] > 0


@pytest.mark.parametrize("d", [1, 2])
def test_bpx_and_the_hierarchical_basis_are_the_sums_of_their_definitions(x64, d):
    shape = d * (7,)
    h = multigrid.hierarchy(shape)
    P, bpx, basis = np.eye(7**d), 0.0, 0.0
    for level, (A, grid) in enumerate(zip(h.operators, h.shapes, strict=True)):
        coarse_nodes = np.all((np.indices(grid) % 2 == 1).reshape(d, -1), axis=0)
        new = ~coarse_nodes if level + 1 < len(h.shapes) else np.ones(len(coarse_nodes))
        weight = 2.0 ** (-d * level) / float(np.ravel(A.diagonal)[0])
        bpx = bpx + weight * P @ P.T
        basis = basis + weight * P @ np.diag(new) @ P.T
        if level + 1 < len(h.shapes):
            P = P @ dense(multigrid.prolong, h.shapes[level + 1])
    np.testing.assert_allclose(dense(lambda r: multigrid.bpx(h, r), shape), bpx, atol=1e-15)
    mine = dense(lambda r: multigrid.hierarchical_basis(h, r), shape)
    np.testing.assert_allclose(mine, basis, atol=1e-15)


@pytest.mark.parametrize(("n", "expected"), [(15, 3.88), (63, 4.43), (255, 5.02)])
def test_bpx_has_the_known_condition_number(x64, n, expected):
    measured = multigrid.condition_number(multigrid.hierarchy((n, n)), multigrid.bpx)
    assert abs(measured - expected) < 0.01 * expected


def test_bpx_is_bounded_at_511(x64):
    assert multigrid.condition_number(multigrid.hierarchy((511, 511)), multigrid.bpx) <= 5.5


def test_the_hierarchical_basis_grows_with_the_square_of_the_number_of_grids(x64):
    basis = multigrid.hierarchical_basis
    small, large = (
        multigrid.condition_number(
            multigrid.hierarchy(shape, transfer=linear_element), basis, steps=steps
        )
        for shape, steps in (((15, 15), 60), ((255, 255), 160))
    )
    assert abs(small - 19.5) < 0.2
    assert large / small > 4


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("preconditioner", "bound"),
    [
        (SYMMETRIC, 1.4),
        (from_cycle(v_cycle(jacobi())), 1.59),
        (from_cycle(v_cycle(chebyshev())), 1.2),
    ],
    ids=["red-black", "jacobi", "chebyshev"],
)
def test_symmetric_cycles_are_nearly_the_inverse(x64, preconditioner, bound):
    assert (
        multigrid.condition_number(multigrid.hierarchy((63, 63)), preconditioner, steps=12) <= bound
    )


@pytest.mark.parametrize("n", [31, 127])
def test_multigrid_conjugate_gradients_take_eight_iterations(x64, n):
    b = jax.random.normal(jax.random.key(1), (n, n))
    solution = multigrid.multigrid_pcg(multigrid.hierarchy((n, n)), b)
    assert bool(solution.converged)
    assert int(solution.iterations) <= 8


@pytest.mark.parametrize("name", ["bpx", "hierarchical basis"])
def test_conjugate_gradients_take_any_preconditioner(x64, name):
    b = jax.random.normal(jax.random.key(1), (63, 63))
    solution = multigrid.multigrid_pcg(multigrid.hierarchy((63, 63)), b, preconditioner=ALL[name])
    assert bool(solution.converged)
    assert int(solution.iterations) <= {"bpx": 21, "hierarchical basis": 60}[name]

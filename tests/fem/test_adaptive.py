"""Estimates, marking and the rates of adaptive refinement at a re-entrant corner."""

import math

import jax.numpy as jnp
import numpy as np
import pytest

from approxnet import fem
from approxnet.errors import NonFiniteError


def l_shape():
    nodes = [[0, 0], [1, 0], [1, 1], [0, 1], [-1, 1], [-1, 0], [-1, -1], [0, -1]]
    cells = [[0, 1, 2], [0, 2, 3], [0, 3, 4], [0, 4, 5], [0, 5, 6], [0, 6, 7]]
    return fem.from_arrays(nodes, cells)


def angle(x):
    """In [0, 2 pi), with -0.0 and rounding below the positive axis counted as 0."""
    theta = np.arctan2(x[..., 1], x[..., 0])
    return np.where(theta < -1e-12, theta + 2 * np.pi, theta)


def corner_solution(x):
    """r^(2/3) sin(2 theta / 3): harmonic, 0 on both sides of the corner, in H^(5/3 - eps)."""
    return (x**2).sum(axis=-1) ** (1 / 3) * np.sin(2 * angle(x) / 3)


def corner_gradient(x):
    r, theta = np.hypot(x[..., 0], x[..., 1]), angle(x)
    direction = np.stack([-np.sin(theta / 3), np.cos(theta / 3)], axis=-1)
    return 2 / 3 * r[..., None] ** (-1 / 3) * direction


def zero(x):
    return np.zeros(x.shape[:-1])


def solve(mesh):
    return fem.solve_poisson(mesh, zero, dirichlet=corner_solution)


def error(mesh):
    return fem.error_h1(mesh, solve(mesh), corner_solution, gradient=corner_gradient)


def indicator(mesh):
    return fem.estimate(mesh, solve(mesh), zero)


def rate(nodes, errors):
    return -np.polyfit(np.log(nodes), np.log(errors), 1)[0]


def test_uniform_refinement_at_a_reentrant_corner_has_order_2_3_in_h():
    """|u - v|_1 = O(h^(2/3)) = O(N^(-1/3)), Grisvard's regularity H^(5/3 - eps)."""
    mesh, sides, errors = fem.refine(l_shape()).mesh, [], []
    for _ in range(5):
        mesh = fem.refine(mesh).mesh
        sides.append(1 / math.sqrt(len(mesh.cells)))
        errors.append(error(mesh))
    assert np.polyfit(np.log(sides), np.log(errors), 1)[0] == pytest.approx(2 / 3, abs=0.05)


def test_adaptive_refinement_recovers_order_1_in_n_to_the_minus_one_half():
    """Stevenson, Found. Comput. Math. 7 (2007), theorem 5.1: the optimal rate N^(-1/2)."""
    mesh, nodes, errors = fem.refine(l_shape()).mesh, [], []
    for cells in (2400, 4800, 9600, 19_200, 38_400):
        mesh = fem.adapt(mesh, indicator, cells=cells)
        nodes.append(len(mesh.nodes))
        errors.append(error(mesh))
    assert 2 * rate(nodes, errors) == pytest.approx(1, abs=0.05)
    smallest = mesh.nodes[mesh.cells][np.argmin(fem.volumes(mesh))]
    assert np.abs(smallest).max() < 0.01, "the smallest cell is at the corner"


def test_the_estimate_is_equivalent_to_the_error():
    """Efficiency index sqrt(sum eta^2) / |u - v|_1 between constants, here 3 to 4."""
    mesh = fem.refine(l_shape()).mesh
    indices = []
    for _ in range(4):
        mesh = fem.refine(mesh).mesh
        indices.append(np.linalg.norm(indicator(mesh)) / error(mesh))
    assert max(indices) / min(indices) < 1.1 and min(indices) > 1 and max(indices) < 5


def test_the_indicator_is_the_residual_written_out_for_two_triangles():
    """f = 1 and v = phi_0 on two triangles: h^2 = 2, |T| = 1/2, gradients (-1, -1) and 0."""
    mesh = fem.from_arrays([[0, 0], [1, 0], [0, 1], [1, 1]], [[0, 1, 2], [1, 3, 2]])
    eta = fem.estimate(mesh, [1.0, 0.0, 0.0, 0.0], lambda x: np.ones(x.shape[:-1]))
    # The jump is sqrt(2) on a facet of length sqrt(2): its squared norm is 2 sqrt(2).
    expected = math.sqrt(2 * 1 / 2 + math.sqrt(2) / 2 * 2 * math.sqrt(2))
    np.testing.assert_allclose(eta, [expected, expected], rtol=1e-13)
    scaled = fem.estimate(mesh, [1.0, 0.0, 0.0, 0.0], zero, coefficient=np.array([2.0, 5.0]))
    by_tensor = fem.estimate(
        mesh,
        [1.0, 0.0, 0.0, 0.0],
        zero,
        coefficient=np.array([2.0, 5.0])[:, None, None] * np.eye(2),
    )
    np.testing.assert_allclose(scaled, 2 * math.sqrt(2), rtol=1e-13)
    np.testing.assert_allclose(by_tensor, scaled, rtol=1e-13)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_affine_functions_have_no_jumps(d):
    mesh = fem.box((3,) * d)
    values = mesh.nodes @ np.arange(1.0, d + 1)
    np.testing.assert_allclose(fem.estimate(mesh, values, zero), 0, atol=1e-12)


def test_the_source_counts_by_its_norm_on_each_cell(x64):
    mesh = fem.interval([0.0, 0.5, 2.0])
    eta = fem.estimate(mesh, np.zeros(3), lambda x: jnp.asarray(x[..., 0]))
    np.testing.assert_allclose(eta**2, [0.25 * 0.125 / 3, 2.25 * (8 - 0.125) / 3], rtol=1e-13)


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9, 1.0])
def test_marking_holds_the_fraction_with_the_fewest_cells(fraction):
    eta = np.random.default_rng(0).exponential(size=40)
    marked = fem.mark(eta, fraction)
    total, held = (eta**2).sum(), (eta[marked] ** 2).sum()
    assert held >= fraction * total * (1 - 1e-12)
    assert held - (eta[marked] ** 2).min() < fraction * total
    assert eta[marked].min() > (eta[~marked].max() if not marked.all() else 0)


def test_marking_breaks_ties_by_number_and_marks_nothing_where_all_is_zero():
    assert fem.mark([1.0, 1.0, 1.0, 1.0], 0.5).tolist() == [True, True, False, False]
    assert not fem.mark(np.zeros(3)).any()
    assert fem.mark([0.0, 2.0, 0.0], 1.0).tolist() == [False, True, False]


@pytest.mark.parametrize("d", [1, 2, 3])
def test_adapt_stops_at_the_first_mesh_with_enough_cells(d):
    start = fem.box((2,) * d)
    sizes = []

    def near_the_origin(mesh):
        sizes.append(len(mesh.cells))
        return 1 / (0.01 + np.linalg.norm(mesh.nodes[mesh.cells].mean(axis=1), axis=1))

    mesh = fem.adapt(start, near_the_origin, cells=100, fraction=0.3)
    assert len(mesh.cells) >= 100 > max(sizes) and sizes == sorted(set(sizes))
    assert fem.adapt(start, near_the_origin, cells=1) is start


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m: fem.mark(np.ones((2, 2))), ValueError, r"shape \(c,\).*got \(2, 2\)"),
        (lambda m: fem.mark([1.0, -2.0]), ValueError, "indicator must be >= 0, got -2.0 on cell 1"),
        (lambda m: fem.mark([1.0, np.nan]), NonFiniteError, r"got nan at index \(1,\)"),
        (lambda m: fem.mark([1.0], 0.0), ValueError, r"fraction must be in \(0, 1\], got 0"),
        (lambda m: fem.mark([1.0], 1.5), ValueError, r"fraction must be in \(0, 1\], got 1.5"),
        (lambda m: fem.estimate(m, np.ones(4), zero), ValueError, r"values .*\(9,\).* got \(4,\)"),
        (lambda m: fem.estimate(m, np.full(9, np.inf), zero), NonFiniteError, "values must be"),
        (lambda m: fem.adapt(m, lambda m: np.ones(3), cells=20), ValueError, r"shape \(8,\).*\(3,"),
        (
            lambda m: fem.adapt(m, lambda m: np.zeros(len(m.cells)), cells=20),
            ValueError,
            "got 0 on all 8 cells",
        ),
        (lambda m: fem.adapt(m, indicator, cells=0), ValueError, "cells must be an integer >= 1"),
    ],
)
def test_wrong_input_is_named_with_its_value(call, error, message):
    with pytest.raises(error, match=message):
        call(fem.box((2, 2)))

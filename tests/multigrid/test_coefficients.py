"""Coefficients as arrays: against finite elements, sums over faces, and a known solution."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from approxnet import fem, multigrid
from approxnet.multigrid import axes
from tests.multigrid.problems import dense

EXTRA = {"dirichlet": 1, "neumann": -1, "periodic": 0}


def rough(shape, seed=0):
    """3 or 12 on every cell, as in the Darcy problems of operator learning."""
    return np.where(np.random.default_rng(seed).random(shape) < 0.5, 3.0, 12.0)


@pytest.mark.parametrize("boundary", ["dirichlet", "neumann"])
@pytest.mark.parametrize("cells", [(8,), (4, 8)])
def test_cell_values_give_the_matrix_of_linear_elements(x64, cells, boundary):
    """M A = stiffness / (product of the widths), with a constant on the simplices of a cell."""
    d, a = len(cells), rough(cells)
    mesh = fem.interval(np.linspace(0, 1, 9)) if d == 1 else fem.box(cells)
    centres = np.floor(mesh.nodes[mesh.cells].mean(axis=1) * cells).astype(int)
    K = fem.stiffness(mesh, a[tuple(centres.T)]).toarray() * np.prod(cells)
    order = np.lexsort(mesh.nodes.T[::-1])
    if boundary == "dirichlet":
        order = order[~np.isin(order, fem.boundary_nodes(mesh))]
    shape = tuple(m - EXTRA[boundary] for m in cells)
    h = multigrid.hierarchy(shape, coefficient=a, boundary=boundary)
    M = np.broadcast_to(axes.weights(shape, d * (boundary,)), shape).reshape(-1, 1)
    np.testing.assert_allclose(
        M * dense(h.operators[0], shape), K[np.ix_(order, order)], atol=1e-10
    )


def test_in_space_a_face_has_the_mean_of_its_four_cells(x64):
    """Against a loop over the nodes and their neighbours, periodic on the second axis."""
    shape, boundary = (3, 4, 5), ("dirichlet", "periodic", "neumann")
    cells = tuple(n + EXTRA[name] for n, name in zip(shape, boundary, strict=True))
    a, c = rough(cells), np.random.default_rng(1).random(shape)
    h = multigrid.hierarchy(shape, coefficient=a, reaction=c, boundary=boundary)

    def mean(node, axis, side):
        """The mean over the cells that touch the edge from a node along one axis."""
        total = 0.0
        for corner in itertools.product((0, 1), repeat=2):
            offset = list(corner)
            offset.insert(axis, side)
            i, j, k = (p + o for p, o in zip(node, offset, strict=True))
            # Unknown i is between the cells i and i + 1 of the first axis, j - 1 and j otherwise.
            total += a[i, (j - 1) % 4, np.clip(k - 1, 0, 3)]
        return total / 4

    exact = np.zeros((*shape, *shape))
    widths = [1 / m for m in cells]
    for node in itertools.product(*map(range, shape)):
        exact[(*node, *node)] += c[node]
        for axis, side in itertools.product(range(3), (0, 1)):
            other = list(node)
            other[axis] += 2 * side - 1
            mirrored = axis == 2 and not 0 <= other[2] < 5
            if mirrored:
                other[2] = node[2] - (2 * side - 1)
            other[1] %= 4
            # Beyond a Neumann end the mirror image has the coefficient of the last cells.
            weight = mean(node, axis, side) / widths[axis] ** 2
            exact[(*node, *node)] += weight
            if 0 <= other[0] < 3:
                exact[(*node, *other)] -= weight
    np.testing.assert_allclose(dense(h.operators[0], shape), exact.reshape(60, 60), atol=1e-10)


@pytest.mark.parametrize("kind", [pytest.param("array", marks=pytest.mark.slow), "function"])
def test_smooth_coefficients_give_second_order(x64, kind):
    """u = sin(pi x) cos(pi y), a = 1 + x y^2, c = x + y, Dirichlet in x and Neumann in y."""
    ends = ("dirichlet", "neumann")

    def u(p):
        return jnp.sin(jnp.pi * p[0]) * jnp.cos(jnp.pi * p[1])

    def a(p):
        return 1 + p[..., 0] * p[..., 1] ** 2

    def right(p):
        flux = jax.jacfwd(lambda q: a(q) * jax.grad(u)(q))(p)
        return -jnp.trace(flux) + p.sum() * u(p)

    errors = []
    for m in (8, 16, 32):
        shape = (m - 1, m + 1)
        points = multigrid.nodes(shape, boundary=ends)
        centres = (np.indices((m, m)).transpose(1, 2, 0) + 0.5) / m
        h = multigrid.hierarchy(
            shape,
            boundary=ends,
            coefficient=a if kind == "function" else a(centres),
            reaction=points.sum(-1),
        )
        b, exact = (np.asarray(jax.vmap(f)(points.reshape(-1, 2))) for f in (right, u))
        errors.append(np.abs(np.linalg.solve(dense(h.operators[0], shape), b) - exact).max())
    np.testing.assert_allclose(np.log2(np.divide(errors[:-1], errors[1:])), 2.0, atol=0.1)
    assert errors[-1] < 2 / 32**2


def test_the_coarse_coefficient_is_the_mean_over_the_cells(x64):
    a, c = rough((8, 8)), np.random.default_rng(1).random((7, 7))
    fine = multigrid.hierarchy((7, 7), coefficient=a, reaction=c)
    means = a.reshape(4, 2, 4, 2).mean(axis=(1, 3))
    coarse = multigrid.hierarchy((3, 3), coefficient=means, reaction=c[1::2, 1::2])
    jax.tree.map(np.testing.assert_array_equal, fine.operators[1:], coarse.operators)


@pytest.mark.parametrize("boundary", ["dirichlet", pytest.param("neumann", marks=pytest.mark.slow)])
def test_many_traced_coefficients_are_solved_by_one_program(x64, boundary):
    """vmap equals a loop over hierarchies made on the host, and direct solutions."""
    shape = tuple(8 - EXTRA[boundary] for _ in range(2))
    b, many = np.random.default_rng(2).random(shape), [rough((8, 8), seed) for seed in range(3)]
    traces = []

    @jax.jit
    @jax.vmap
    def solutions(a):
        traces.append(1)
        h = multigrid.hierarchy(
            shape, coefficient=a, reaction=1.0, boundary=boundary, coarse="galerkin"
        )
        return multigrid.solve(h, b, rtol=1e-12)

    batch = solutions(jnp.stack(many))
    assert bool(batch.converged.all())
    solutions(jnp.stack(many[::-1]))
    assert len(traces) == 1
    for a, value in zip(many, batch.value, strict=True):
        h = multigrid.hierarchy(shape, coefficient=a, reaction=1.0, boundary=boundary)
        exact = np.linalg.solve(dense(h.operators[0], shape), b.ravel()).reshape(shape)
        np.testing.assert_allclose(value, exact, atol=1e-10)


def test_a_traced_hierarchy_is_the_one_of_the_host(dtype):
    a, tolerance = rough((8,)), 1e-5 if dtype == "float32" else 1e-13
    for coarse in ("rediscretised", "galerkin"):
        host = multigrid.hierarchy(7, coefficient=a, coarse=coarse)
        traced = jax.jit(
            lambda a, coarse=coarse: multigrid.hierarchy(7, coefficient=a, coarse=coarse)
        )(jnp.asarray(a, dtype))
        assert all(leaf.dtype == dtype for leaf in jax.tree.leaves(traced))
        for A, B, n in zip(host.operators, traced.operators, (7, 3, 1), strict=True):
            np.testing.assert_allclose(dense(A, (n,)), dense(B, (n,)), rtol=tolerance)


def test_the_derivative_in_the_coefficient_is_the_difference_quotient(x64):
    """d/da (g, A(a)^-1 b), through the hierarchy and the solution."""
    a, rng = jnp.asarray(rough((8,))), np.random.default_rng(3)
    b, g, direction = rng.random(7), rng.random(7), rng.random(8)

    @jax.jit
    def functional(a):
        h = multigrid.hierarchy(7, coefficient=a)
        return jnp.vdot(g, multigrid.solve(h, b, rtol=1e-13).value)

    step = 1e-4
    quotient = (functional(a + step * direction) - functional(a - step * direction)) / (2 * step)
    mine = jnp.vdot(jax.grad(functional)(a), direction)
    assert abs(mine - quotient) < 1e-8 * abs(quotient)


@pytest.mark.parametrize("contrast", [4.0, 1e4])
def test_galerkin_grids_solve_jumps_between_cells(x64, contrast):
    a = np.where(rough((16, 16)) > 5, contrast, 1.0)
    h = multigrid.hierarchy((15, 15), coefficient=a, coarse="galerkin")
    solution = multigrid.multigrid_pcg(h, np.ones((15, 15)), rtol=1e-9)
    assert bool(solution.converged)
    assert int(solution.iterations) < {4.0: 12, 1e4: 60}[contrast]

"""Matrices and loads against integrals of hats written out by quadrature and by hand."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from approxnet import fem, quadrature
from approxnet.errors import NonFiniteError


def unit_points(n, d, seed=0):
    corners = np.array(list(itertools.product([0.0, 1.0], repeat=d)))
    return np.concatenate([corners, np.random.default_rng(seed).random((n, d))])


MESHES = {
    "interval": lambda: fem.interval(np.sort(unit_points(9, 1)[:, 0])),
    "box": lambda: fem.box((3, 4), (-1.0, 0.0), (1.0, 2.0)),
    "delaunay2": lambda: fem.delaunay(unit_points(20, 2)),
    "delaunay3": lambda: fem.delaunay(unit_points(12, 3)),
}


@pytest.fixture(params=MESHES)
def mesh(request):
    return MESHES[request.param]()


def wave(x):
    return 2.0 + np.sin(3 * x[..., 0]) * x[..., -1]


def dense_forms(mesh, a=None, c=None, degree=4):
    """int a grad phi_i . grad phi_j and int c phi_i phi_j, cell by cell and point by point."""
    n, d = mesh.nodes.shape
    rule = quadrature.simplex(d, degree)
    hats = np.column_stack([1 - rule.points.sum(axis=1), rule.points])
    A, M = np.zeros((n, n)), np.zeros((n, n))
    for t, cell in enumerate(mesh.cells):
        corner = mesh.nodes[cell]
        jacobian = (corner[1:] - corner[0]).T
        slopes = np.vstack([-np.ones(d), np.eye(d)]) @ np.linalg.inv(jacobian)
        weights = rule.weights * np.linalg.det(jacobian)
        tensor = np.eye(d) if a is None else a[t] * np.eye(d) if np.ndim(a[t]) == 0 else a[t]
        density = np.ones(len(weights)) if c is None else np.full(len(weights), c[t])
        A[np.ix_(cell, cell)] += weights.sum() * slopes @ tensor @ slopes.T
        M[np.ix_(cell, cell)] += (hats.T * (weights * density)) @ hats
    return A, M


def close(matrix, dense):
    np.testing.assert_allclose(matrix.toarray(), dense, rtol=0, atol=1e-11 * np.abs(dense).max())


def cell_coefficients(mesh, seed=0):
    rng = np.random.default_rng(seed)
    c, d = len(mesh.cells), mesh.nodes.shape[1]
    root = rng.normal(size=(c, d, d))
    return 0.5 + rng.random(c), root @ np.swapaxes(root, 1, 2) + np.eye(d)


def test_stiffness_and_mass_are_the_integrals_of_hats(mesh):
    A, M = dense_forms(mesh)
    close(fem.stiffness(mesh), A)
    close(fem.mass(mesh), M)


def test_coefficients_per_cell_and_tensors_enter_the_integrals(mesh):
    scalar, tensor = cell_coefficients(mesh)
    A, M = dense_forms(mesh, scalar, scalar)
    close(fem.stiffness(mesh, scalar), A)
    close(fem.mass(mesh, scalar), M)
    close(fem.stiffness(mesh, tensor), dense_forms(mesh, tensor)[0])
    close(fem.stiffness(mesh, 3.0), 3 * dense_forms(mesh)[0])


def test_a_function_as_coefficient_counts_by_its_mean_on_each_cell(mesh):
    """Exact for a quadratic: the rule has degree 2."""
    d = mesh.nodes.shape[1]
    points, weights = quadrature.on_simplices(quadrature.simplex(d, 6), mesh.nodes[mesh.cells])

    def quadratic(x):
        return 1.0 + x[..., 0] ** 2 - x[..., -1] * x[..., 0]

    mean = (weights * quadratic(points)).sum(axis=1) / weights.sum(axis=1)
    close(fem.stiffness(mesh, quadratic), dense_forms(mesh, mean)[0])
    close(fem.mass(mesh, quadratic), dense_forms(mesh, None, mean)[1])


def test_matrices_are_canonical_symmetric_csr_of_double_precision(mesh):
    for matrix in (fem.stiffness(mesh, wave), fem.mass(mesh, wave)):
        assert matrix.format == "csr" and matrix.dtype == np.float64
        assert matrix.indices.dtype == np.int32 and matrix.indptr.dtype == np.int32
        assert matrix.has_canonical_format
        assert (matrix != matrix.T).nnz == 0


def test_rows_of_the_stiffness_sum_to_zero_and_the_mass_sums_to_the_volume(mesh):
    A, M = fem.stiffness(mesh, wave), fem.mass(mesh)
    ones = np.ones(len(mesh.nodes))
    np.testing.assert_allclose(A @ ones, 0 * ones, rtol=0, atol=1e-12 * A.diagonal().max())
    _, weights = quadrature.on_simplices(
        quadrature.simplex(mesh.nodes.shape[1], 1), mesh.nodes[mesh.cells]
    )
    assert ones @ M @ ones == pytest.approx(weights.sum(), rel=1e-12)
    # Affine functions u, v: the form is the volume times the product of the gradients.
    x = mesh.nodes[:, 0]
    assert x @ fem.stiffness(mesh) @ x == pytest.approx(weights.sum(), rel=1e-11)


def test_the_uniform_meshes_give_the_textbook_stencils():
    line = fem.stiffness(fem.box((4,))).toarray()
    np.testing.assert_allclose(line[2], [0, -4, 8, -4, 0], atol=1e-13)
    square = fem.stiffness(fem.box((4, 4)))
    row = square[[12]].toarray().reshape(5, 5)
    expected = np.zeros((5, 5))
    expected[2, 2], expected[[1, 3, 2, 2], [2, 2, 1, 3]] = 4, -1
    np.testing.assert_allclose(row, expected, atol=1e-13)
    assert square.nnz == 5 * 25 - 4 * 5


def _on_hull(mesh):
    cell, vertex = np.nonzero(mesh.neighbours < 0)
    on_hull = np.zeros(len(mesh.nodes), bool)
    for shift in (1, 2):
        on_hull[mesh.cells[cell, (vertex + shift) % 3]] = True
    return on_hull


def test_a_delaunay_triangulation_gives_an_m_matrix_and_a_bad_one_does_not():
    """At an inner edge A_ij = -(cot a + cot b) / 2 is <= 0 iff the mesh is Delaunay there."""
    mesh = fem.delaunay(unit_points(200, 2))
    A = fem.stiffness(mesh).toarray()
    inner = np.flatnonzero(~_on_hull(mesh))
    off_diagonal = A[inner] - np.diag(np.diag(A))[inner]
    assert off_diagonal.max() <= 1e-12 * A.max() and (np.diag(A) > 0).all()
    kite = np.array([[0.0, 0.0], [1.0, -0.2], [2.0, 0.0], [1.0, 0.2]])
    flat = fem.stiffness(fem.from_arrays(kite, [[0, 1, 2], [0, 2, 3]])).toarray()
    # Both angles opposite to the edge (0, 2) are pi - 2 atan(0.2), with cotangent -2.4.
    assert flat[0, 2] == pytest.approx(2.4, rel=1e-12)


@pytest.mark.sample(2)
def test_apply_equals_the_matrices(dtype, mesh):
    values = np.random.default_rng(1).normal(size=(len(mesh.nodes), 2)).astype(dtype)
    scalar, tensor = cell_coefficients(mesh)

    def wave_jax(x):
        return 2.0 + jnp.sin(3 * x[..., 0]) * x[..., -1]

    def check(apply, matrix, values, coefficient):
        got = apply(mesh, values, coefficient)
        assert got.dtype == dtype and got.shape == values.shape
        scale = (abs(matrix) @ np.abs(values).astype(float)).max()
        tolerance = 200 * np.finfo(dtype).eps * scale
        np.testing.assert_allclose(got, matrix @ values, rtol=0, atol=tolerance)

    for coefficient, same in [(2.5, 2.5), (scalar, scalar), (wave_jax, wave)]:
        check(fem.apply_stiffness, fem.stiffness(mesh, same), values, coefficient)
        check(fem.apply_mass, fem.mass(mesh, same), values, coefficient)
    check(fem.apply_stiffness, fem.stiffness(mesh, tensor), values, tensor)
    check(fem.apply_stiffness, fem.stiffness(mesh), values[:, 0], None)
    check(fem.apply_mass, fem.mass(mesh), values[:, 0], None)


def test_apply_annihilates_constants_exactly(dtype, mesh):
    ones = jnp.full(len(mesh.nodes), 0.1, dtype)
    assert (fem.apply_stiffness(mesh, ones) == 0).all()


def test_apply_jits_with_the_mesh_as_argument_traces_once_and_transposes(x64):
    mesh = MESHES["delaunay2"]()
    traces = []

    @jax.jit
    def energy(mesh, values, a):
        traces.append(1)
        return values @ fem.apply_stiffness(mesh, values, a) / 2

    rng = np.random.default_rng(2)
    scalar, _ = cell_coefficients(mesh)
    A = fem.stiffness(mesh, scalar)
    for _ in range(2):
        v = rng.normal(size=len(mesh.nodes))
        np.testing.assert_allclose(energy(mesh, v, scalar), v @ A @ v / 2, rtol=1e-12)
    assert len(traces) == 1
    # The derivative of the energy is A v; in the coefficient it is the energy of each cell.
    slope, density = jax.grad(energy, argnums=(1, 2))(mesh, jnp.asarray(v), jnp.asarray(scalar))
    np.testing.assert_allclose(slope, A @ v, rtol=0, atol=1e-12 * abs(A @ v).max())
    np.testing.assert_allclose(density @ scalar, v @ A @ v / 2, rtol=1e-12)
    several = rng.normal(size=(3, len(v)))
    batched = jax.vmap(fem.apply_stiffness, (None, 0, None))(mesh, several, jnp.asarray(scalar))
    np.testing.assert_allclose(batched, several @ A, rtol=0, atol=1e-11 * abs(A).max())


def test_the_load_is_exact_for_polynomials_of_its_degree(mesh):
    """For affine f = sum f_j phi_j the load is M f."""
    f = fem.interpolate(mesh, lambda x: 1.0 + x @ np.arange(1.0, x.shape[-1] + 1))
    expected = fem.mass(mesh) @ f
    got = fem.load(mesh, lambda x: 1.0 + x @ np.arange(1.0, x.shape[-1] + 1), degree=2)
    np.testing.assert_allclose(got, expected, rtol=1e-11)
    cubic = fem.load(mesh, lambda x: x[..., 0] ** 3)
    np.testing.assert_allclose(
        cubic, fem.load(mesh, lambda x: x[..., 0] ** 3, degree=9), rtol=0, atol=1e-14
    )


def test_functions_written_in_jax_are_integrated_in_double_precision():
    mesh = fem.box((4, 4))
    with jax.enable_x64(False):
        got = fem.load(mesh, lambda x: jnp.sin(x[..., 0]))
    np.testing.assert_allclose(
        got, fem.load(mesh, lambda x: np.sin(x[..., 0])), rtol=1e-14, atol=1e-16
    )


def test_blocks_of_cells_leave_no_seam(monkeypatch):
    mesh = MESHES["delaunay2"]()
    A, b = fem.stiffness(mesh, wave), fem.load(mesh, wave)
    monkeypatch.setattr("approxnet.fem.assembly._BLOCK", 7)
    np.testing.assert_array_equal(fem.stiffness(mesh, wave).toarray(), A.toarray())
    np.testing.assert_allclose(fem.load(mesh, wave), b, rtol=1e-13)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m: fem.stiffness(m, np.ones(7)), ValueError, r"\(8,\) or \(8, 2, 2\), got \(7,\)"),
        (lambda m: fem.mass(m, np.ones((8, 2, 2))), ValueError, r"per cell: \(8,\), got"),
        (lambda m: fem.stiffness(m, np.nan), NonFiniteError, "coefficient must be finite, got nan"),
        (
            lambda m: fem.stiffness(m, np.broadcast_to([[1.0, 1.0], [0.0, 1.0]], (8, 2, 2))),
            ValueError,
            r"symmetric on every cell, got \[\[1.0, 1.0\], \[0.0, 1.0\]\] on cell 0",
        ),
        (lambda m: fem.stiffness(m, lambda x: x), ValueError, "coefficient must map points"),
        (lambda m: fem.load(m, lambda x: 1 / (x[..., 0] * 0)), NonFiniteError, "f must be finite"),
        (lambda m: fem.load(m, wave, degree=0), ValueError, "degree must be an integer >= 1"),
        (lambda m: fem.apply_mass(m, np.ones(8)), ValueError, r"\(9,\) or \(9, m\)"),
        (lambda m: fem.apply_stiffness(m, np.ones(9), np.ones(3)), ValueError, r"got \(3,\)"),
    ],
)
def test_wrong_input_is_named_with_its_value(call, error, message):
    with np.errstate(divide="ignore"), pytest.raises(error, match=message):
        call(fem.box((2, 2)))

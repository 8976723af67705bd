"""P1 and P_k bases against nodality, polynomials and closed forms."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from approxnet import fem, quadrature
from approxnet.errors import ConfigError, NonFiniteError
from approxnet.fem.lagrange import lattice

L_SHAPE = [[0, 0], [1, 0], [2, 0], [0, 1], [1, 1], [2, 1], [0, 2], [1, 2]]
L_CELLS = [[0, 1, 4], [0, 4, 3], [1, 2, 5], [1, 5, 4], [3, 4, 7], [3, 7, 6]]


def random_points(n, d, seed=0):
    corners = np.array(list(itertools.product([0.0, 1.0], repeat=d)))
    return np.concatenate([corners, np.random.default_rng(seed).random((n, d))])


MESHES = {
    "interval": lambda: fem.interval(np.sort(random_points(9, 1)[:, 0])),
    "box": lambda: fem.box((2, 3, 2), (-1.0, 0.0, 0.0), (1.0, 2.0, 1.0)),
    "delaunay": lambda: fem.delaunay(random_points(16, 2)),
}


def l_shape():
    return fem.from_arrays(L_SHAPE, L_CELLS)


@pytest.fixture(params=MESHES)
def mesh(request):
    return MESHES[request.param]()


def inner_points(mesh, per_cell=3, seed=1):
    """Points with their cell, from random barycentric coordinates: independent of the locator."""
    rng = np.random.default_rng(seed)
    d = mesh.nodes.shape[1]
    lam = rng.dirichlet(np.ones(d + 1), size=(len(mesh.cells), per_cell))
    return lam, np.einsum("cqi,cia->cqa", lam, mesh.nodes[mesh.cells])


def affine(x):
    return 1.5 - x @ np.arange(1.0, x.shape[-1] + 1)


def test_hats_are_nodal(mesh):
    at_nodes = fem.basis(mesh, mesh.nodes).toarray()
    np.testing.assert_allclose(at_nodes, np.eye(len(mesh.nodes)), rtol=0, atol=1e-12)


@pytest.mark.sample(2)
def test_a_value_is_the_barycentric_mean_of_the_corners(dtype, mesh):
    lam, x = inner_points(mesh)
    values = np.random.default_rng(2).normal(size=(len(mesh.nodes), 2))
    expected = np.einsum("cqi,cim->cqm", lam, values[mesh.cells])
    got = fem.evaluate(mesh, jnp.asarray(values, dtype), jnp.asarray(x, dtype))
    assert got.dtype == dtype and got.shape == expected.shape
    # Moving x by eps |x| moves the value by eps |x| times the slope.
    slope = np.abs(fem.gradient(mesh, jnp.asarray(values, dtype))).max()
    tolerance = 32 * float(jnp.finfo(dtype).eps) * (1 + 2 * slope)
    np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance)
    single = fem.evaluate(mesh, jnp.asarray(values[:, 0], dtype), jnp.asarray(x, dtype))
    np.testing.assert_allclose(single, got[..., 0], rtol=0, atol=tolerance)


def test_affine_functions_are_reproduced_with_their_gradient(x64, mesh):
    d = mesh.nodes.shape[1]
    values = fem.interpolate(mesh, affine)
    _, x = inner_points(mesh)
    np.testing.assert_allclose(fem.evaluate(mesh, values, x), affine(x), rtol=0, atol=1e-12)
    slopes = np.broadcast_to(-np.arange(1.0, d + 1), (len(mesh.cells), d))
    np.testing.assert_allclose(fem.gradient(mesh, values), slopes, rtol=0, atol=1e-10)
    several = fem.gradient(mesh, np.stack([values, 2 * values], axis=1))
    assert several.shape == (len(mesh.cells), 2, d)
    np.testing.assert_allclose(several[:, 1], 2 * slopes, rtol=0, atol=1e-10)


def test_the_gradient_is_the_difference_quotient_in_each_cell(x64, mesh):
    values = np.random.default_rng(0).normal(size=len(mesh.nodes))
    corner = mesh.nodes[mesh.cells]
    rise = values[mesh.cells][:, 1:] - values[mesh.cells][:, :1]
    expected = np.linalg.solve(corner[:, 1:] - corner[:, :1], rise[..., None])[..., 0]
    scale = np.abs(expected).max()
    np.testing.assert_allclose(fem.gradient(mesh, values), expected, rtol=1e-9, atol=1e-11 * scale)


@pytest.mark.sample(2)
def test_evaluate_is_differentiable_in_points_and_values(x64, mesh):
    values = jnp.asarray(np.random.default_rng(3).normal(size=len(mesh.nodes)))
    _, x = inner_points(mesh)
    along, slope = jax.grad(lambda values, x: fem.evaluate(mesh, values, x).sum(), argnums=(0, 1))(
        values, jnp.asarray(x)
    )
    np.testing.assert_allclose(along, fem.basis(mesh, x).sum(axis=0), rtol=0, atol=1e-11)
    owner = np.broadcast_to(fem.gradient(mesh, values)[:, None], x.shape)
    np.testing.assert_allclose(slope, owner, rtol=1e-8, atol=1e-10)


def test_jit_and_vmap_agree_with_eager_evaluation_and_trace_once(x64):
    mesh = MESHES["delaunay"]()
    traces = []

    @jax.jit
    def run(mesh, values, x):
        traces.append(1)
        return fem.evaluate(mesh, values, x), fem.gradient(mesh, values)

    _, x = inner_points(mesh)
    for seed in range(2):
        values = np.random.default_rng(seed).normal(size=len(mesh.nodes))
        got, slope = run(mesh, values, x)
        np.testing.assert_allclose(got, fem.evaluate(mesh, values, x), rtol=1e-13, atol=1e-13)
        np.testing.assert_allclose(slope, fem.gradient(mesh, values), rtol=1e-12, atol=1e-12)
    assert len(traces) == 1
    batched = jax.vmap(fem.evaluate, (None, None, 0))(mesh, values, jnp.asarray(x))
    np.testing.assert_allclose(batched, got, rtol=1e-13, atol=1e-13)


def test_the_probing_matrix_maps_values_to_point_values(mesh):
    _, x = inner_points(mesh)
    B = fem.basis(mesh, x)
    n, p = len(mesh.nodes), x.shape[0] * x.shape[1]
    assert B.shape == (p, n) and B.has_canonical_format and B.dtype == float
    assert np.diff(B.indptr).max() <= mesh.nodes.shape[1] + 1
    np.testing.assert_allclose(B @ np.ones(n), np.ones(p), rtol=1e-13)
    np.testing.assert_allclose(B @ mesh.nodes, x.reshape(p, -1), rtol=0, atol=1e-13)
    with pytest.raises(ValueError, match=r"index \(0,\)"):
        fem.basis(mesh, mesh.nodes.max(axis=0, keepdims=True) + 1.0)


@pytest.mark.parametrize(
    ("values", "x", "expected"),
    [
        ("float32", "float32", "float32"),
        ("float64", "float32", "float64"),
        ("float32", "float64", "float64"),
        ("int32", "float32", "float32"),
        ("float32", "int32", "float32"),
        ("int32", "int32", "float64"),
    ],
)
def test_the_dtype_is_what_values_and_points_promote_to(x64, values, x, expected):
    mesh = fem.interval([0.0, 1.0, 2.0])
    got = fem.evaluate(mesh, jnp.arange(3).astype(values), jnp.ones((4, 1), x))
    assert got.dtype == expected and (got == 1).all()


def test_outside_is_nan_by_default_with_derivative_zero(dtype):
    mesh = fem.box((2, 2))
    x = jnp.asarray([[0.5, 0.5], [1.5, 0.5], [jnp.nan, 0.0]], dtype)
    got = fem.evaluate(mesh, jnp.ones(9, dtype), x)
    assert np.isnan(got).tolist() == [False, True, True]

    def inner_sum(values):
        v = fem.evaluate(mesh, values, x)
        return jnp.where(jnp.isnan(v), 0.0, v).sum()

    assert np.isfinite(jax.grad(inner_sum)(jnp.ones(9, dtype))).all()


def test_outside_as_an_error_names_the_first_point_and_refuses_a_trace():
    mesh = fem.box((2, 2))
    x = np.array([[[0.5, 0.5], [0.25, -0.5]], [[2.0, 0.0], [1.0, 1.0]]], np.float32)
    with pytest.raises(ValueError, match=r"\[ 0.25 -0.5 \] at index \(0, 1\) \(2 of 4 points"):
        fem.evaluate(mesh, np.ones(9, np.float32), x, outside="error")
    inside = fem.evaluate(mesh, np.ones(9, np.float32), x[0, :1], outside="error")
    assert inside.tolist() == [1.0]
    with pytest.raises(ValueError, match="outside must be 'nan' or 'extrapolate' under jit"):
        jax.jit(lambda x: fem.evaluate(mesh, np.ones(9), x, outside="error"))(x)


def test_extrapolation_continues_affine_functions(x64, mesh):
    values = fem.interpolate(mesh, affine)
    offsets = np.random.default_rng(5).normal(size=(40, mesh.nodes.shape[1]))
    x = mesh.nodes.mean(axis=0) + 3 * offsets
    got = fem.evaluate(mesh, values, x, outside="extrapolate")
    np.testing.assert_allclose(got, affine(x), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("make", [MESHES["box"], l_shape])
def test_extrapolation_is_continuous_across_the_boundary_and_changes_nothing_inside(x64, make):
    mesh = make()
    values = np.random.default_rng(6).normal(size=len(mesh.nodes))
    lam, inner = inner_points(mesh, per_cell=1)
    cell, i = np.nonzero(mesh.neighbours < 0)
    d = mesh.nodes.shape[1]
    corner = mesh.nodes[mesh.cells[cell]]
    weights = np.full((len(cell), d + 1), 1 / d)
    weights[np.arange(len(cell)), i] = 0
    on_facet = np.einsum("bi,bia->ba", weights, corner)
    beyond = on_facet + 1e-7 * (on_facet - corner[np.arange(len(cell)), i])
    expected = np.concatenate(
        [
            np.einsum("ci,ci->c", lam[:, 0], values[mesh.cells]),
            (weights * values[mesh.cells[cell]]).sum(axis=1),
        ]
    )
    got = fem.evaluate(mesh, values, np.append(inner[:, 0], beyond, axis=0), outside="extrapolate")
    steepest = np.abs(fem.gradient(mesh, values)).max()
    np.testing.assert_allclose(got[: len(lam)], expected[: len(lam)], rtol=0, atol=1e-12)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6 * (1 + steepest))


def test_extrapolation_into_the_notch_of_an_l_shape_continues_a_boundary_cell(x64):
    mesh = l_shape()
    values = np.random.default_rng(0).normal(size=8)
    x = np.array([[1.4, 1.7], [1.9, 1.2], [5.0, -3.0]])
    got = fem.evaluate(mesh, values, x, outside="extrapolate")
    slopes, first = np.asarray(fem.gradient(mesh, values)), mesh.cells[:, 0]
    pieces = values[first] + np.einsum("pca,ca->pc", x[:, None] - mesh.nodes[first], slopes)
    on_boundary = (mesh.neighbours < 0).any(axis=1)
    assert (np.abs(pieces - np.asarray(got)[:, None])[:, on_boundary].min(axis=1) < 1e-12).all()


def test_the_interpolation_error_is_at_most_h_squared_over_8_times_the_second_derivative(x64):
    """Interpolation error <= h^2 / 8 max|u''|, and the constant is attained by x^2."""
    x = np.linspace(0, 2, 20001)[:, None]
    for seed, nodes in enumerate([np.linspace(0, 2, 9), None, None]):
        inner = np.random.default_rng(seed).uniform(0, 2, 12)
        mesh = fem.interval(np.sort([0, 2, *inner]) if nodes is None else nodes)
        h = np.diff(mesh.nodes[:, 0]).max()

        def gap(u, mesh=mesh):
            v = fem.interpolate(mesh, u)
            return float(np.abs(fem.evaluate(mesh, v, x) - u(x)).max())

        wave = gap(lambda x: np.sin(3 * x[..., 0]))
        assert wave <= h**2 / 8 * 9
        assert gap(lambda x: x[..., 0] ** 2) == pytest.approx(h**2 / 8 * 2, rel=1e-4)


@pytest.mark.sample(4)
@pytest.mark.parametrize("degree", [1, 2, 3, 4])
def test_lagrange_bases_are_nodal_and_sum_to_one(x64, mesh, degree):
    d = mesh.nodes.shape[1]
    alpha = lattice(d, degree)
    assert len(alpha) == math.comb(degree + d, d)
    at_nodes = fem.lagrange_basis(degree, alpha / degree)
    np.testing.assert_allclose(at_nodes, np.eye(len(alpha)), rtol=0, atol=1e-12)
    lam, _ = inner_points(mesh)
    total = fem.lagrange_basis(degree, lam).sum(axis=-1)
    np.testing.assert_allclose(total, np.ones(total.shape), rtol=1e-12)


def degree_k_polynomial(degree):
    def polynomial(x):
        direction = np.arange(1.0, x.shape[-1] + 1) / x.shape[-1]
        return (x @ direction - 0.3) ** degree - x[..., -1] ** (degree - 1)

    return polynomial


@pytest.mark.parametrize("degree", [1, 2, 3, 4])
def test_polynomials_of_degree_k_are_reproduced(x64, mesh, degree):
    u = degree_k_polynomial(degree)
    values = fem.interpolate(mesh, u, degree=degree)
    lam, x = inner_points(mesh)
    local = values[fem.lagrange_nodes(mesh, degree).cells]
    got = np.einsum("cql,cl->cq", fem.lagrange_basis(degree, lam), local)
    np.testing.assert_allclose(got, u(x), rtol=0, atol=1e-11)


@pytest.mark.parametrize("degree", [2, 4])
def test_evaluate_takes_the_values_of_p_k_with_their_table(x64, degree):
    mesh = fem.box((3, 2))
    u = degree_k_polynomial(degree)
    values = fem.interpolate(mesh, u, degree=degree)
    _, x = inner_points(mesh)
    table = fem.lagrange_nodes(mesh, degree).cells
    got = fem.evaluate(mesh, np.stack([values, -values], axis=1), x, cell_nodes=table)
    np.testing.assert_allclose(got[..., 0], u(x), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(got[..., 1], -got[..., 0])


@pytest.mark.parametrize("degree", [2, 3, 4])
def test_lagrange_nodes_are_shared_on_facets_and_lie_where_the_table_says(mesh, degree):
    d = mesh.nodes.shape[1]
    nodes = fem.lagrange_nodes(mesh, degree)
    assert nodes.cells.dtype == np.int32
    np.testing.assert_array_equal(nodes.points[: len(mesh.nodes)], mesh.nodes)
    alpha = lattice(d, degree)
    np.testing.assert_array_equal(nodes.cells[:, (alpha == degree).argmax(axis=0)], mesh.cells)
    placed = np.einsum("li,cia->cla", alpha / degree, mesh.nodes[mesh.cells])
    np.testing.assert_allclose(nodes.points[nodes.cells], placed, rtol=0, atol=1e-14)
    # Every node is used, no two are in one place, and so nodes on common faces are shared.
    assert (np.unique(nodes.cells) == np.arange(len(nodes.points))).all()
    gaps = np.linalg.norm(nodes.points[:, None] - nodes.points[None], axis=-1)
    assert gaps[~np.eye(len(gaps), dtype=bool)].min() > 1e-9


def test_p_k_has_the_known_number_of_nodes_on_a_square_and_a_cube():
    for k in (1, 2, 3, 4):
        assert len(fem.lagrange_nodes(fem.box((3, 5)), k).points) == (3 * k + 1) * (5 * k + 1)
        cube = fem.lagrange_nodes(fem.box((2, 1, 2)), k)
        assert len(cube.points) == (2 * k + 1) ** 2 * (k + 1)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_p_k_interpolation_converges_with_order_k_plus_1(x64, d):
    def u(x):
        return np.exp(x[..., 0]) * np.cos(x.sum(axis=-1))

    rule = quadrature.simplex(d, 5)
    lam = np.column_stack([1 - rule.points.sum(axis=1), rule.points])
    sides = {1: (4, 8, 16, 32, 64), 2: (2, 4, 8, 16, 32), 3: (2, 3, 4, 6, 8)}[d]
    for degree in (1, 2, 3, 4) if d < 3 else (1, 2):
        errors = []
        basis = np.asarray(fem.lagrange_basis(degree, lam))
        for side in sides:
            mesh = fem.box((side,) * d)
            points, weights = quadrature.on_simplices(rule, mesh.nodes[mesh.cells])
            nodes = fem.lagrange_nodes(mesh, degree)
            gap = u(nodes.points)[nodes.cells] @ basis.T - u(points)
            errors.append(np.sqrt((weights * gap**2).sum()))
        slope = -np.polyfit(np.log(sides), np.log(errors), 1)[0]
        assert slope == pytest.approx(degree + 1, abs=0.05), (degree, errors)


@given(
    st.sampled_from([1, 2]),
    st.lists(st.floats(-1e3, 1e3, width=32), min_size=64, max_size=64),
)
def test_a_value_lies_between_the_nodal_values(d, numbers):
    mesh = fem.box((3,) * d)
    values = np.array(numbers, np.float32)[: len(mesh.nodes)]
    x = np.random.default_rng(0).random((50, d)).astype(np.float32)
    got = np.asarray(fem.evaluate(mesh, values, x))
    slack = 1e-5 * (1 + np.abs(values).max())
    assert got.min() >= values.min() - slack and got.max() <= values.max() + slack


def test_interpolation_can_be_traced_in_the_parameters_of_the_function(x64):
    mesh = fem.box((3, 3))

    def mean(p):
        return fem.interpolate(mesh, lambda x: jnp.sin(p * x[..., 0])).mean()

    h = 1e-6
    quotient = (mean(1.0 + h) - mean(1.0 - h)) / (2 * h)
    assert float(jax.grad(mean)(1.0)) == pytest.approx(float(quotient), rel=1e-8)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m: fem.evaluate(m, np.ones(9), [0.5]), ValueError, r"x must have shape \(..., 2\)"),
        (lambda m: fem.evaluate(m, np.ones(8), [[0.5, 0.5]]), ValueError, r"values .*\(9,\)"),
        (lambda m: fem.evaluate(m, np.ones(9) * 1j, [[0.5, 0.5]]), ValueError, "must be real"),
        (
            lambda m: fem.evaluate(m, np.ones(9), [[0.5, 0.5]], outside="extrapolat"),
            ConfigError,
            "did you mean 'extrapolate'",
        ),
        (
            lambda m: fem.evaluate(m, np.ones(9), [[0.5, 0.5]], cell_nodes=np.ones((8, 5), int)),
            ValueError,
            r"binomial\(k \+ 2, 2\) columns for some degree k, got 5",
        ),
        (lambda m: fem.gradient(m, np.ones((9, 1, 1))), ValueError, r"values must have shape"),
        (lambda m: fem.interpolate(m, np.sin), ValueError, r"got \(9, 2\)"),
        (lambda m: fem.interpolate(m, 3.0), TypeError, "f must be a function"),
        (lambda m: fem.interpolate(m, affine, degree=0), ValueError, "degree .*>= 1, got 0"),
        (
            lambda m: fem.interpolate(m, lambda x: np.where(x[..., 0] > 0.6, np.nan, 0.0)),
            NonFiniteError,
            r"at the point \[1. 0.\] \(3 of 9 points\)",
        ),
        (lambda m: fem.lagrange_basis(1.5, np.ones(3)), ValueError, "degree must be an integer"),
    ],
)
def test_wrong_input_is_named_with_its_value(call, error, message):
    with pytest.raises(error, match=message):
        call(fem.box((2, 2)))

"""The model problem against manufactured solutions and theorems of the textbook."""

import math
import warnings

import jax.numpy as jnp
import numpy as np
import pytest

from approxnet import fem
from approxnet.errors import ConfigError, NonFiniteError, PrecisionWarning, SingularSystemError
from approxnet.fem.geometry import boundary_nodes


def constant(value):
    return lambda x: np.full(x.shape[:-1], float(value))


def rising(x):
    return np.exp(x[..., 0]) * np.cos(x[..., 1:].sum(axis=-1))


def gradient_of_rising(x):
    sine = np.exp(x[..., 0]) * np.sin(x[..., 1:].sum(axis=-1))
    return np.stack([rising(x), *[-sine] * (x.shape[-1] - 1)], axis=-1)


def minus_laplacian_of_rising(x):
    """u = e^(x_1) cos(s), s = x_2 + ... + x_d: Laplace u = (2 - d) u."""
    return (x.shape[-1] - 2) * rising(x)


def orders(sides, errors):
    return -np.polyfit(np.log(sides), np.log(errors), 1)[0]


@pytest.mark.parametrize(
    ("d", "sides"), [(1, (8, 16, 32, 64, 128)), (2, (8, 16, 24, 32, 48)), (3, (4, 6, 8, 10, 12))]
)
def test_the_error_is_of_order_2_in_l2_and_1_in_h1(d, sides):
    """Ciarlet, theorems 3.2.2 and 3.2.5."""
    l2, h1 = [], []
    for side in sides:
        mesh = fem.box((side,) * d)
        v = fem.solve_poisson(mesh, minus_laplacian_of_rising, dirichlet=rising)
        l2.append(fem.error_l2(mesh, v, rising))
        h1.append(fem.error_h1(mesh, v, rising, gradient=gradient_of_rising))
    assert orders(sides, l2) == pytest.approx(2, abs=0.05)
    assert orders(sides, h1) == pytest.approx(1, abs=0.05)


def test_the_one_dimensional_solution_is_exact_at_the_nodes_on_any_mesh():
    inner = np.sort(np.random.default_rng(0).random(30))
    mesh = fem.interval([0.0, *inner, 1.0])
    # -u'' = 20 x^3 - 2, whose load of degree 4 is integrated exactly.
    v = fem.solve_poisson(mesh, lambda x: 20 * x[..., 0] ** 3 - 2, dirichlet=lambda x: x[..., 0])
    x = mesh.nodes[:, 0]
    np.testing.assert_allclose(v, x**2 - x**5 + x, rtol=0, atol=1e-13)


def meshes():
    points = np.random.default_rng(3).random((40, 2))
    corners = [[0, 0], [1, 0], [0, 1], [1, 1]]
    solid = np.random.default_rng(4).random((20, 3))
    cube = [[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]
    return {
        "interval": fem.interval(np.sort([0.0, 1.0, *points[:, 0]])),
        "box": fem.box((4, 3)),
        "delaunay2": fem.delaunay(np.concatenate([corners, points])),
        "delaunay3": fem.delaunay(np.concatenate([cube, solid])),
    }


@pytest.mark.parametrize("name", ["interval", "box", "delaunay2", "delaunay3"])
def test_the_patch_test_holds_for_every_constant_coefficient_and_boundary_part(name):
    """An affine solution is reproduced: -div(a grad u) = 0, flux a grad u . n."""
    mesh = meshes()[name]
    d = mesh.nodes.shape[1]
    slope = np.arange(1.0, d + 1)
    tensor = np.eye(d) + 0.3 * np.ones((d, d))

    def u(x):
        return 0.5 + x @ slope

    def flux(x):
        outward = np.where(x[..., 0] < 0.5, -1.0, 1.0)
        return outward * (tensor @ slope)[0]

    def sides(x):
        return (x[..., 0] > 0) if d == 1 else (x[..., 1:] % 1 == 0).any(axis=-1)

    a = np.broadcast_to(tensor, (len(mesh.cells), d, d))
    v = fem.solve_poisson(mesh, constant(0), coefficient=a, dirichlet=u)
    np.testing.assert_allclose(v, u(mesh.nodes), rtol=0, atol=1e-11)
    mixed = fem.solve_poisson(
        mesh, constant(0), coefficient=a, dirichlet=u, neumann=flux, where=sides
    )
    np.testing.assert_allclose(mixed, u(mesh.nodes), rtol=0, atol=1e-11)


def test_piecewise_constant_coefficients_give_the_kink_of_the_exact_solution():
    """-(a u')' = 0, a = 1 left of 1/2 and 3 right of it: slopes 3/2 and 1/2."""
    mesh = fem.box((10,))
    middle = mesh.nodes[mesh.cells].mean(axis=(1, 2))
    a = np.where(middle < 0.5, 1.0, 3.0)
    v = fem.solve_poisson(mesh, constant(0), coefficient=a, dirichlet=lambda x: x[..., 0])
    x = mesh.nodes[:, 0]
    np.testing.assert_allclose(v, np.where(x < 0.5, 1.5 * x, 0.5 + 0.5 * x), rtol=0, atol=1e-13)


def test_variable_coefficient_reaction_and_mixed_boundary_converge_with_order_2():
    """u = sin(x) e^y, a = 1 + x y, c = x: f = -div(a grad u) + c u."""

    def u(x):
        return np.sin(x[..., 0]) * np.exp(x[..., 1])

    def f(p):
        x, y = p[..., 0], p[..., 1]
        return -y * np.cos(x) * np.exp(y) - x * np.sin(x) * np.exp(y) + x * u(p)

    def g(p):
        # The outer normal is e_x at x = 1 and e_y at y = 1.
        x, y = p[..., 0], p[..., 1]
        along_x = (1 + x * y) * np.cos(x) * np.exp(y)
        along_y = (1 + x * y) * np.sin(x) * np.exp(y)
        return np.where(x > 1 - 1e-9, along_x, along_y)

    sides, errors = (4, 8, 12, 16, 24), []
    for side in sides:
        mesh = fem.box((side, side))
        v = fem.solve_poisson(
            mesh,
            f,
            coefficient=lambda p: 1 + p[..., 0] * p[..., 1],
            reaction=lambda p: p[..., 0],
            dirichlet=u,
            neumann=g,
            where=lambda p: (p[..., 0] == 0) | (p[..., 1] == 0),
        )
        errors.append(fem.error_l2(mesh, v, u))
    assert orders(sides, errors) == pytest.approx(2, abs=0.05)


def test_a_pure_neumann_problem_with_reaction_has_its_solution():
    """-u'' + u = 1 with u' = 0 at both ends: u = 1; with flux: cosh."""
    mesh = fem.box((200,))
    one = fem.solve_poisson(mesh, constant(1), reaction=1.0, neumann=constant(0))
    np.testing.assert_allclose(one, 1.0, rtol=1e-11)
    flux = lambda x: np.where(x[..., 0] > 0.5, math.sinh(1.0), 0.0)  # noqa: E731
    v = fem.solve_poisson(mesh, constant(0), reaction=1.0, neumann=flux)
    # Nodal error of -u'' + u: h^2 / 12 times u and its derivatives, at most cosh(1) h^2 / 6.
    np.testing.assert_allclose(v, np.cosh(mesh.nodes[:, 0]), rtol=0, atol=0.3 / 200**2)


def test_without_neumann_data_the_rest_of_the_boundary_is_natural():
    mesh = fem.box((6, 5))
    v = fem.solve_poisson(mesh, constant(2), where=lambda x: x[..., 0] == 0)
    line = fem.solve_poisson(fem.box((6,)), constant(2), where=lambda x: x[..., 0] == 0)
    x = np.linspace(0, 1, 7)
    np.testing.assert_allclose(line, 2 * x - x**2, rtol=0, atol=1e-13)
    np.testing.assert_allclose(v.reshape(7, 6), np.tile(line[:, None], 6), rtol=0, atol=0.02)


def test_the_discrete_maximum_principle_holds_on_a_delaunay_mesh():
    mesh = meshes()["delaunay2"]
    v = fem.solve_poisson(mesh, constant(0), dirichlet=lambda x: np.cos(7 * x.sum(axis=-1)))
    boundary = v[boundary_nodes(mesh)]
    assert boundary.min() - 1e-12 <= v.min() and v.max() <= boundary.max() + 1e-12


def test_a_mesh_without_inner_nodes_takes_the_boundary_values():
    mesh = fem.box((1, 1))
    np.testing.assert_array_equal(
        fem.solve_poisson(mesh, constant(1), dirichlet=2.0), np.full(4, 2.0)
    )


def two_components():
    nodes = [[0, 0], [1, 0], [0, 1], [5, 5], [6, 5], [5, 6], [6, 6]]
    return fem.from_arrays(nodes, [[0, 1, 2], [3, 4, 5], [4, 6, 5]])


def test_a_component_without_dirichlet_nodes_is_named():
    mesh = two_components()
    with pytest.raises(
        SingularSystemError,
        match=r"component 1 of 2 of the mesh \(2 cells, with node 3 at \[5.0, 5.0\]\)",
    ):
        fem.solve_poisson(mesh, constant(1), where=lambda x: x[..., 0] < 2)
    with pytest.raises(SingularSystemError, match="component 0 of 2"):
        fem.solve_poisson(mesh, constant(1), neumann=constant(0))
    reaction = np.array([0.0, 1.0, 0.0])
    v = fem.solve_poisson(mesh, constant(1), reaction=reaction, where=lambda x: x[..., 0] < 2)
    assert np.isfinite(v).all()


def test_errors_of_a_known_gap_are_its_norms():
    """u = x_1^2 against its interpolant on a uniform mesh: h^2/8, h^2/sqrt(30), h/sqrt(3)."""
    h = 1 / 8
    mesh = fem.box((8,))
    v = fem.interpolate(mesh, lambda x: x[..., 0] ** 2)
    square = lambda x: x[..., 0] ** 2  # noqa: E731
    assert fem.error_max(mesh, v, square) == pytest.approx(h**2 / 4, rel=1e-12)
    assert fem.error_l2(mesh, v, square) == pytest.approx(h**2 / math.sqrt(30), rel=1e-12)
    assert fem.error_h1(mesh, v, square) == pytest.approx(h / math.sqrt(3), rel=1e-12)
    given = fem.error_h1(mesh, v, square, gradient=lambda x: 2 * x)
    assert given == pytest.approx(h / math.sqrt(3), rel=1e-12)
    plane = fem.box((4, 4))
    v = np.zeros(25)
    # int |grad (x y^2)|^2 = int y^4 + 4 x^2 y^2 = 1/5 + 4/9, by automatic differentiation.
    product = lambda x: x[..., 0] * x[..., 1] ** 2  # noqa: E731
    assert fem.error_h1(plane, v, product) == pytest.approx(math.sqrt(29 / 45), rel=1e-12)


def test_errors_are_measured_in_double_precision_whatever_the_precision_in_force():
    mesh = fem.box((512,))
    v = np.sin(mesh.nodes[:, 0])
    u = lambda x: jnp.sin(x[..., 0])  # noqa: E731
    exact = (1 / 512) ** 2 / math.sqrt(120) * math.sqrt((1 - math.sin(2) / 2) / 2)
    assert fem.error_l2(mesh, v, u) == pytest.approx(exact, rel=1e-4)


FLOOR_MESHES = {
    **{f"interval {n}": lambda n=n: fem.box((n,)) for n in (64, 256, 512, 1024, 2048, 4096)},
    "stretched interval": lambda: fem.interval(np.linspace(0, 3.7, 1000)),
    "graded interval": lambda: fem.interval(np.linspace(0, 1, 1025) ** 2),
    "random interval": lambda: fem.interval(np.sort(np.random.default_rng(0).random(1000))),
    **{f"square {n}": lambda n=n: fem.box((n, n)) for n in (16, 64)},
    "rectangle": lambda: fem.box((50, 50), (0, 0), (1.0, 1.3)),
    "cube": lambda: fem.box((8, 8, 8), (0, 0, 0), (1.0, 1.3, 0.7)),
}


def floor_over_error(mesh):
    """The prediction over the error of a genuine float32 factorisation of the float32 system."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrecisionWarning)
        single = fem.solve_poisson(mesh, constant(1), dtype="float32")
    assert single.dtype == np.float32
    double = fem.solve_poisson(mesh, constant(1))
    return fem.float32_floor(mesh) * double.max() / np.abs(single - double).max()


@pytest.mark.parametrize("name", FLOOR_MESHES)
def test_the_float32_floor_is_predicted_within_a_factor_10(name):
    assert 0.1 <= floor_over_error(FLOOR_MESHES[name]()) <= 10


def test_the_prediction_of_the_float32_floor_fails_on_at_most_one_box_in_twenty():
    rng = np.random.default_rng(1)
    ratios = []
    for d in (1, 2, 2, 3) * 10:
        low, high = {1: (100, 3000), 2: (10, 60), 3: (4, 10)}[d]
        sides = tuple(int(n) for n in rng.integers(low, high, d))
        ratios.append(floor_over_error(fem.box(sides, 0.0, rng.uniform(0.5, 3, d))))
    assert min(ratios) >= 0.1 and np.sort(ratios)[-3] <= 10


def test_the_float32_floor_does_not_depend_on_units():
    for d in (1, 2, 3):
        small, large = (fem.box((6,) * d, 0.0, size) for size in (1.0, 64.0))
        assert fem.float32_floor(large) == pytest.approx(fem.float32_floor(small), rel=1e-6)


def test_past_the_floor_float32_is_warned_of_and_before_it_is_not():
    with pytest.warns(PrecisionWarning, match="float32 holds the solution on this mesh to about"):
        fem.solve_poisson(fem.box((1024,)), constant(1), dtype=np.float32)
    fem.solve_poisson(fem.box((64,)), constant(1), dtype=np.float32)
    fem.solve_poisson(fem.box((1024,)), constant(1))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"coefficient": -1.0}, ValueError, "coefficient must be positive .* got -1.0 on cell 0"),
        ({"coefficient": np.r_[np.ones(5), 0, 1, 1]}, ValueError, "got 0.0 on cell 5"),
        ({"reaction": -0.5}, ValueError, "reaction must be >= 0 on every cell, got -0.5"),
        ({"dirichlet": np.nan}, NonFiniteError, "dirichlet must be finite"),
        ({"dirichlet": [1.0, 2.0]}, ValueError, r"dirichlet .* got shape \(2,\)"),
        ({"dirichlet": lambda x: x}, ValueError, "dirichlet must map points of shape"),
        ({"neumann": lambda x: x, "reaction": 1.0}, ValueError, "neumann must map points of shape"),
        ({"where": lambda x: x[..., 0]}, ValueError, "where must map points .* got float64"),
        ({"where": lambda x: x == 0}, ValueError, r"bool of shape \(8, 2\)"),
        ({"where": lambda x: x[..., 0] > 2}, SingularSystemError, "component 0 of 1"),
        ({"dtype": "float16"}, ConfigError, "dtype must be one of float32, float64"),
    ],
)
def test_wrong_input_is_named_with_its_value(options, error, message):
    with pytest.raises(error, match=message):
        fem.solve_poisson(fem.box((2, 2)), constant(1), **options)


def test_a_source_that_is_not_finite_is_named_with_its_point():
    def f(x):
        return np.where(x[..., 0] > 0.9, np.inf, 1.0)

    with pytest.raises(NonFiniteError, match=r"f must be finite, got inf at the point \["):
        fem.solve_poisson(fem.box((2, 2)), f)


def test_errors_refuse_what_they_cannot_measure():
    mesh, u = fem.box((2, 2)), lambda x: x[..., 0] ** 2
    with pytest.raises(ValueError, match=r"values must have shape \(9,\)"):
        fem.error_l2(mesh, np.ones((9, 2)), u)
    with pytest.raises(NonFiniteError, match=r"values must be finite, got nan at index \(8,\)"):
        fem.error_max(mesh, np.r_[np.ones(8), np.nan], u)
    with pytest.raises(TypeError, match=r"u must be written in jax.numpy .* pass gradient="):
        fem.error_h1(mesh, np.ones(9), lambda x: np.sin(np.asarray(x)[..., 0]))
    with pytest.raises(ValueError, match="gradient must map points"):
        fem.error_h1(mesh, np.ones(9), u, gradient=u)
    with pytest.raises(NonFiniteError, match="gradient must be finite"):
        fem.error_h1(mesh, np.ones(9), u, gradient=lambda x: np.full(x.shape, np.nan))
    with pytest.raises(ValueError, match="degree must be an integer >= 2, got 1"):
        fem.error_l2(mesh, np.ones(9), u, degree=1)

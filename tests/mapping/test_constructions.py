"""The sizes that the constructions promise, and the identities that they rest on."""

import numpy as np
import pytest

from approxnet import fem, mapping, relu
from approxnet.mapping import planar, polygon, tripod

from .meshes import LATTICES, LINES, PLANES, boundary, random_points


@pytest.mark.parametrize("name", LINES)
def test_a_line_needs_one_neuron_per_inner_node_and_one(name):
    mesh = LINES[name]()
    assert mapping.size(mesh).widths == (max(len(mesh.nodes) - 1, 2),)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("n", [1, 2, 3, 9])
def test_the_hat_basis_of_a_uniform_mesh_has_widths_4n_minus_1_and_n_squared(n, mirror):
    """He, Li, Xu (2022) give 15 n^2 per layer; with carriers of x it is (4n + 3, n^2)."""
    mesh = fem.box((n + 1, n + 1), mirror=mirror)
    size = mapping.size(mesh, method="uniform", boundary="zero")
    assert size.widths == (4 * n - 1, n * n)
    everywhere = mapping.size(mesh, method="uniform")
    assert everywhere.widths == (4 * (n + 2) - 1, (n + 2) ** 2)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", LATTICES)
def test_the_second_layer_of_a_lattice_is_its_hat_basis(name):
    mesh = LATTICES[name]()
    basis = mapping.basis_network(mesh, method="uniform")
    second = basis.hidden[1]
    assert set(np.unique(second.weight)) == {-1.0}
    assert set(np.unique(second.bias)) == {1.0}
    identity = relu.Affine(np.eye(len(mesh.nodes)), np.zeros(len(mesh.nodes)))
    hats = relu.Network((*basis.hidden, identity), ("relu", "relu"))
    values = np.asarray(relu.apply(hats, mesh.nodes))
    scale = np.abs(mesh.nodes).max() / np.ptp(mesh.nodes, axis=0).min() * len(mesh.nodes)
    np.testing.assert_allclose(values, np.eye(len(mesh.nodes)), atol=8 * scale * 2.3e-16, rtol=0)


def test_three_numbers_with_sum_zero_have_their_largest_modulus_as_sum_of_positive_parts():
    s, t = np.random.default_rng(0).normal(size=(2, 1000))
    parts = np.maximum(-s, 0) + np.maximum(t, 0) + np.maximum(s - t, 0)
    np.testing.assert_allclose(parts, np.abs([s, t, s - t]).max(axis=0), rtol=1e-15)


@pytest.mark.parametrize("n", [10, 100, 1000])
def test_the_polygon_form_has_widths_of_eulers_formula(n):
    """No two edges of a random mesh are collinear: l = E_inner = 3V - 3 - 2b, Sum (k_v - 2)."""
    mesh = fem.delaunay(random_points(n, n))
    b = len(boundary(mesh))
    inner_degrees = 2 * (3 * n - 3 - b) - np.bincount(_edges(mesh).ravel())[boundary(mesh)].sum()
    widths = mapping.size(mesh, method="polygon").widths
    assert widths == (3 * n - 3 - 2 * b + 2, inner_degrees - 2 * (n - b) + 2)
    assert widths[0] <= 3 * n - 3 - b + b + 4
    assert widths[1] <= 4 * n - 6 - b + 2


def _edges(mesh):
    pairs = np.concatenate([mesh.cells[:, [0, 1]], mesh.cells[:, [1, 2]], mesh.cells[:, [2, 0]]])
    return np.unique(np.sort(pairs, axis=1), axis=0)


def test_neurons_per_triangle_of_large_meshes():
    mesh = fem.delaunay(random_points(5000, 0))
    cells = len(mesh.cells)
    assert mapping.size(mesh, method="polygon").n_neurons <= 3.5 * cells
    assert mapping.size(mesh, method="tripod").n_neurons <= 4.6 * cells
    assert mapping.size(mesh, method="tripod", boundary="zero").n_neurons <= 4.6 * cells


def test_the_collar_of_the_tripod_form_counts():
    mesh = PLANES["random"]()
    free = mapping.size(mesh, method="tripod")
    zero = mapping.size(mesh, method="tripod", boundary="zero")
    corners, b = 4, len(boundary(mesh))
    assert free.widths[0] - zero.widths[0] >= b + corners
    assert free.n_neurons > zero.n_neurons


def test_size_does_not_build_the_weights(monkeypatch):
    def refuse(*_):
        raise AssertionError("built")

    monkeypatch.setattr(polygon, "_network", refuse)
    monkeypatch.setattr(tripod, "_features", refuse)
    mesh = PLANES["random"]()
    assert mapping.size(mesh, method="polygon").n_neurons > 0
    assert mapping.size(mesh, method="tripod").n_neurons > 0


@pytest.mark.parametrize("name", PLANES)
def test_the_jumps_determine_the_function_up_to_its_gradient_at_one_place(name):
    """Walking from cell to cell, g_left - g_right = a n, by an independent gradient."""
    mesh = PLANES[name]()
    values = np.random.default_rng(0).normal(size=len(mesh.nodes))
    edges, lines = planar.edges_and_lines(mesh, boundary=True)
    jumps = planar.jump_matrix(mesh, edges, lines) @ values
    corners = mesh.nodes[mesh.cells]
    system = np.concatenate([corners, np.ones((len(corners), 3, 1))], axis=2)
    gradient = np.linalg.solve(system, values[mesh.cells][..., None])[:, :2, 0]
    gradient = np.vstack([gradient, np.zeros(2)])
    expected = gradient[edges.left] - gradient[edges.right]
    scale = np.abs(gradient).max() * np.linalg.cond(system).max()
    inner = (edges.left >= 0) & (edges.right >= 0)
    found = jumps[:, None] * lines.normals[edges.line]
    np.testing.assert_allclose(found[inner], expected[inner], atol=64 * scale * 2.3e-16, rtol=0)


def test_collinear_edges_share_a_line_and_near_ones_do_not():
    mesh = fem.box((7, 7))
    _, lines = planar.edges_and_lines(mesh, boundary=True)
    assert len(lines.offsets) == 8 + 8 + 13
    nodes = mesh.nodes.copy()
    nodes[27] += 1e-11  # along the diagonal: its two other directions bend, four edges in all
    _, moved = planar.edges_and_lines(mesh._replace(nodes=nodes), boundary=True)
    assert len(moved.offsets) == len(lines.offsets) + 4

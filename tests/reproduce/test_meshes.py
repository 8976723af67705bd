"""The meshes of the experiments are what their names say."""

import numpy as np
import pytest

from approxnet import fem
from approxnet.reproduce import meshes

LINES = ["uniform_grid", "clustered_grid", "random_grid"]
PLANES = ["uniform_square", "random_square", "annulus", "notched"]
SPACES = ["uniform_cube", "random_cube", "hollow_cube"]


def made(kind, n):
    return getattr(meshes, kind)(n, np.random.default_rng(n))


@pytest.mark.parametrize("kind", LINES)
@pytest.mark.parametrize("n", [2, 30])
def test_a_grid_covers_the_unit_interval_with_as_many_nodes_as_asked(kind, n):
    x = made(kind, n).nodes[:, 0]
    assert len(x) == n
    assert x[0] == 0
    assert x[-1] == pytest.approx(1)


@pytest.mark.parametrize("n", [80, 400])
@pytest.mark.parametrize("kind", PLANES)
def test_a_mesh_has_about_as_many_nodes_as_asked(kind, n):
    assert 0.5 * n <= len(made(kind, n).nodes) <= 2 * n


@pytest.mark.parametrize("kind", PLANES)
def test_no_triangle_is_a_sliver(kind):
    mesh = made(kind, 1000)
    assert fem.volumes(mesh).min() > 1e-5 * fem.volumes(mesh).sum() / len(mesh.cells)


@pytest.mark.parametrize("kind", ["random_square", "annulus", "random_cube", "hollow_cube"])
def test_patches_are_not_all_convex(kind):
    assert not np.all(fem.is_locally_convex(made(kind, 400)))


def test_the_holes_are_holes():
    ring, notched = made("annulus", 200), made("notched", 300)
    empty = np.array([[0.0, 0.0]]), np.array([[0.75, 0.75], [0.25, 0.25], [0.75, 0.1]])
    for mesh, x in zip((ring, notched), empty, strict=True):
        assert np.isnan(fem.evaluate(mesh, np.ones(len(mesh.nodes)), x)).all()
    assert fem.volumes(notched).sum() == pytest.approx(0.75 - 1 / 16 - 1 / 16)


@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize("n", [300, 1000])
def test_a_mesh_in_space_has_about_as_many_nodes_as_asked(kind, n):
    assert n / 2.5 <= len(made(kind, n).nodes) <= 2.5 * n

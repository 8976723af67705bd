"""Mesh files are read as they were written, and wrong files are refused with what they hold."""

import builtins

import meshio
import numpy as np
import pytest

from approxnet import fem
from approxnet.errors import ConfigError, MeshError

MESHES = {
    1: lambda: fem.interval([0.0, 0.5, 2.0]),
    2: lambda: fem.box((3, 2), -1.0, 1.0),
    3: lambda: fem.delaunay(np.random.default_rng(0).random((12, 3))),
}


@pytest.mark.parametrize("suffix", [".msh", ".vtu", ".vtk"])
@pytest.mark.parametrize("d", MESHES)
def test_a_mesh_and_its_fields_return_from_a_file(tmp_path, suffix, d):
    mesh = MESHES[d]()
    u = np.random.default_rng(1).random(len(mesh.nodes))
    eta = np.random.default_rng(2).random(len(mesh.cells))
    fem.write(tmp_path / f"mesh{suffix}", mesh, u=u, cell_data={"eta": eta})
    again, point_data, cell_data = fem.read(tmp_path / f"mesh{suffix}")
    np.testing.assert_array_equal(again.nodes, mesh.nodes)
    np.testing.assert_array_equal(np.sort(again.cells), np.sort(mesh.cells))
    np.testing.assert_allclose(point_data["u"], u, rtol=1e-15)
    np.testing.assert_allclose(cell_data["eta"], eta, rtol=1e-15)


def save(path, points, cells, **data):
    meshio.write(path, meshio.Mesh(np.asarray(points, float), cells, **data))


SQUARE = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]


def test_blocks_of_one_kind_join_and_lower_cells_are_left_aside(tmp_path):
    cells = [("line", [[0, 1]]), ("triangle", [[0, 1, 2]]), ("triangle", [[0, 2, 3]])]
    save(tmp_path / "a.vtu", SQUARE, cells, cell_data={"part": [[7], [1], [2]]})
    found = fem.read(tmp_path / "a.vtu")
    assert found.mesh.nodes.shape == (4, 2)
    assert np.sort(found.mesh.cells).tolist() == [[0, 1, 2], [0, 2, 3]]
    assert found.cell_data["part"].tolist() == [1, 2]


def test_orphans_are_refused_with_the_remedy_and_dropped_on_demand(tmp_path):
    points = [[9, 9, 0], *SQUARE]
    save(
        tmp_path / "a.vtu",
        points,
        [("triangle", [[1, 2, 3], [1, 3, 4]])],
        point_data={"u": np.arange(5.0)},
    )
    with pytest.raises(MeshError, match=r"node 0 .* drop_orphans=True"):
        fem.read(tmp_path / "a.vtu")
    found = fem.read(tmp_path / "a.vtu", drop_orphans=True)
    assert len(found.mesh.nodes) == 4
    assert found.point_data["u"].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("points", "cells", "message"),
    [
        (SQUARE, [("quad", [[0, 1, 2, 3]])], "got 1 quad"),
        (
            [*SQUARE, [2, 0, 0]],
            [("quad", [[0, 1, 2, 3]]), ("triangle", [[1, 4, 2]])],
            "got 1 quad, 1 triangle",
        ),
        (SQUARE, [("vertex", [[0], [1], [2], [3]])], "got 4 vertex"),
        (
            [[0, 0, 0], [1, 0, 1], [0, 1, 2]],
            [("triangle", [[0, 1, 2]])],
            "coordinate 2 ranges from 0.0 to 2.0",
        ),
        ([*SQUARE[:2], [2, 0, 0]], [("triangle", [[0, 1, 2]])], "cell 0 has zero area"),
    ],
)
def test_files_without_a_simplicial_mesh_are_refused(tmp_path, points, cells, message):
    save(tmp_path / "a.vtu", points, cells)
    with pytest.raises(MeshError, match=message):
        fem.read(tmp_path / "a.vtu")


@pytest.mark.parametrize("name", ["a.vtu", "a.msh", "a.unknown"])
def test_damaged_files_are_refused(tmp_path, name):
    (tmp_path / name).write_text("<html>not found</html>")
    with pytest.raises(MeshError, match="must be a mesh file that meshio reads"):
        fem.read(tmp_path / name)


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent\.msh"):
        fem.read(tmp_path / "absent.msh")


def test_wrong_fields_and_suffixes_are_refused_and_no_file_is_left(tmp_path):
    mesh = fem.box((2, 2))
    with pytest.raises(MeshError, match=r"u must have shape \(9,\) .* per node, got \(8,\)"):
        fem.write(tmp_path / "a.vtu", mesh, u=np.zeros(8))
    with pytest.raises(MeshError, match=r"eta must have shape \(8,\) .* per cell, got \(9, 1, 1\)"):
        fem.write(tmp_path / "a.vtu", mesh, cell_data={"eta": np.zeros((9, 1, 1))})
    with pytest.raises(MeshError, match="at most 3 dimensions"):
        fem.write(tmp_path / "a.vtu", fem.box((1, 1, 1, 1)))
    with pytest.raises(ConfigError, match=r"must be one of .msh, .vtu, .vtk, .xdmf, got '.stl'"):
        fem.write(tmp_path / "a.stl", mesh)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("missing", ["meshio", "h5py"])
def test_a_missing_package_is_named_with_the_remedy(tmp_path, monkeypatch, missing):
    original = builtins.__import__

    def no_import(name, *args, **kwargs):
        if name.split(".")[0] == missing:
            raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_import)
    remedy = {"meshio": r"pip install approxnet\[mesh\]", "h5py": "pip install h5py"}[missing]
    with pytest.raises(ImportError, match=remedy):
        fem.write(tmp_path / "a.xdmf", fem.box((2, 2)))

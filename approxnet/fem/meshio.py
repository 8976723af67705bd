"""Mesh files, read and written by the meshio package (extra ``mesh``).

The file format follows from the suffix. Written are the formats that keep fields: gmsh ``.msh``,
``.vtu``, ``.vtk`` and ``.xdmf``; read is what meshio reads, also ``.mesh``, ``.inp`` and others.
Points are stored with three coordinates; the zeros added are dropped on reading.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from approxnet import _checks
from approxnet.errors import MeshError
from approxnet.fem.construction import from_arrays
from approxnet.fem.mesh import SimplexMesh

KINDS = {1: "line", 2: "triangle", 3: "tetra"}
FORMATS: dict[str, dict[str, str]] = {
    ".msh": {"file_format": "gmsh"},
    ".vtu": {"file_format": "vtu"},
    ".vtk": {"file_format": "vtk"},
    ".xdmf": {"file_format": "xdmf", "data_format": "XML"},
}


class MeshFile(NamedTuple):
    """A mesh and the fields that its file holds.

    Example:
      >>> MeshFile.__annotations__.keys()
      dict_keys(['mesh', 'point_data', 'cell_data'])
    """

    mesh: SimplexMesh
    point_data: dict[str, np.ndarray]  # each (n, ...)
    cell_data: dict[str, np.ndarray]  # each (c, ...)


def read(path: str | os.PathLike[str], *, drop_orphans: bool = False) -> MeshFile:
    """The mesh in a file.

    The cells of the highest dimension are the mesh; points, lines and surfaces that a mesh
    generator adds for boundary conditions are left aside. If all points have the same last
    coordinates and the cells are of a lower dimension, those coordinates are dropped.

    Args:
      path: a file in a format that meshio reads.
      drop_orphans: remove nodes that belong to no cell, which gmsh writes for its geometry.

    Returns:
      The mesh, checked as ``from_arrays`` does, and the file's fields on its nodes and cells.

    Raises:
      MeshError: if the file is not readable as a mesh, or its cells are not simplices of one kind
        (says what was found), or they are not a conforming mesh.
      ImportError: if meshio, or what it needs for the format, is not installed.

    Example:
      >>> import os, tempfile
      >>> from approxnet import fem
      >>> path = os.path.join(tempfile.mkdtemp(), "square.vtu")
      >>> fem.write(path, fem.box((2, 2)), u=np.arange(9.0))
      >>> fem.read(path).point_data["u"].tolist()
      [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    """
    if not os.path.exists(path):
        raise FileNotFoundError(f"path must name a file, got {os.fspath(path)!r}; check the name")
    found = _read(path)
    kind, blocks = _simplices(path, found)
    cells = np.concatenate([found.cells[b].data for b in blocks])
    cell_data = {
        name: np.concatenate([np.asarray(values[b]) for b in blocks])
        for name, values in found.cell_data.items()
    }
    nodes = _drop_coordinates(path, np.asarray(found.points, np.float64), kind)
    point_data = {name: np.asarray(values) for name, values in found.point_data.items()}
    if drop_orphans:
        used, cells = np.unique(cells, return_inverse=True)
        nodes, point_data = nodes[used], {k: v[used] for k, v in point_data.items()}
    try:
        return MeshFile(from_arrays(nodes, cells), point_data, cell_data)
    except MeshError as error:
        hint = "; read(path, drop_orphans=True) drops them" if "in none" in str(error) else ""
        raise MeshError(f"{os.fspath(path)}: {error}{hint}") from error


@contextlib.contextmanager
def _packages() -> Iterator[None]:
    """Say how to install what is missing: meshio, or a package that it needs for a format."""
    try:
        yield
    except ModuleNotFoundError as error:
        remedy = "approxnet[mesh]" if error.name == "meshio" else error.name
        raise ImportError(
            f"mesh files of this kind need the package {error.name}; pip install {remedy}"
        ) from error


def _read(path: str | os.PathLike[str]) -> Any:
    """What meshio reads, with all its failures as MeshError."""
    with _packages():
        import meshio

        try:
            return meshio.read(path)
        except ModuleNotFoundError:
            raise
        except (Exception, SystemExit) as error:  # meshio exits on files that it cannot parse
            raise MeshError(
                f"path must be a mesh file that meshio reads, got {os.fspath(path)!r} "
                f"({type(error).__name__}: {error}); check the suffix, or convert it with gmsh"
            ) from error


def _simplices(path: Any, found: Any) -> tuple[int, list[int]]:
    """The dimension of the cells and the numbers of the blocks that hold them."""
    counts: dict[str, int] = {}
    for block in found.cells:
        counts[block.type] = counts.get(block.type, 0) + len(block.data)
    summary = ", ".join(f"{count} {kind}" for kind, count in counts.items()) or "no cells"
    dimension = max((block.dim for block in found.cells), default=0)
    top = [b for b, block in enumerate(found.cells) if block.dim == dimension]
    kind = KINDS.get(dimension)
    if kind is None or any(found.cells[b].type != kind for b in top):
        raise MeshError(
            f"{os.fspath(path)} must hold cells of one kind, line, triangle or tetra, got "
            f"{summary}; mesh with linear simplices, or convert the others into them"
        )
    return dimension, top


def _drop_coordinates(path: Any, points: np.ndarray, d: int) -> np.ndarray:
    rest = points[:, d:]
    if points.shape[1] > d and np.ptp(rest, axis=0).max(initial=0) > 0:
        raise MeshError(
            f"{os.fspath(path)} must hold a mesh of full dimension, got {KINDS[d]} cells whose "
            f"coordinate {d} ranges from {rest[:, 0].min()} to {rest[:, 0].max()}; curves and "
            "surfaces in space are not supported"
        )
    return points[:, :d]


def write(
    path: str | os.PathLike[str],
    mesh: SimplexMesh,
    /,
    *,
    cell_data: Mapping[str, Any] | None = None,
    **fields: Any,
) -> None:
    """Write a mesh and fields on it to a file.

    Args:
      path: where to write; the suffix, .msh, .vtu, .vtk or .xdmf, picks the format.
      mesh: a mesh with n nodes and c cells in d <= 3 dimensions.
      cell_data: (c,) or (c, m) values on cells, by name.
      **fields: (n,) or (n, m) nodal values, by name.

    Raises:
      MeshError: if d > 3, or values do not fit the nodes or the cells.
      ConfigError: if the suffix is another one.
      ImportError: if meshio, or what it needs for the format, is not installed.

    Example:
      >>> import os, tempfile
      >>> from approxnet import fem
      >>> path = os.path.join(tempfile.mkdtemp(), "line.vtu")
      >>> fem.write(path, fem.interval([0.0, 1.0, 3.0]), u=[1.0, 2.0, 3.0])
      >>> os.path.exists(path)
      True
    """
    suffix = _checks.one_of("the suffix of path", os.path.splitext(path)[1], FORMATS)
    nodes, cells = np.asarray(mesh.nodes), np.asarray(mesh.cells)
    d = nodes.shape[1]
    if d not in KINDS:
        raise MeshError(f"mesh must have at most 3 dimensions to be written, got {d}")
    point_data = {name: _rows(name, v, len(nodes), "node") for name, v in fields.items()}
    on_cells = {name: [_rows(name, v, len(cells), "cell")] for name, v in (cell_data or {}).items()}
    points = np.pad(nodes, ((0, 0), (0, 3 - d)))
    with _packages():
        import meshio

        found = meshio.Mesh(points, [(KINDS[d], cells)], point_data=point_data, cell_data=on_cells)
        meshio.write(path, found, **FORMATS[suffix])


def _rows(name: str, values: Any, n: int, item: str) -> np.ndarray:
    array = np.asarray(values)
    if array.ndim not in (1, 2) or len(array) != n:
        hint = (
            "pass values on cells as cell_data" if item == "node" else "pass nodal values by name"
        )
        raise MeshError(
            f"{name} must have shape ({n},) or ({n}, m), one row per {item}, got "
            f"{array.shape}; {hint}"
        )
    return array

"""Meshes, functions, networks, kinks and linear regions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from approxnet import _checks, relu
from approxnet.errors import AssumptionError
from approxnet.fem.mesh import SimplexMesh
from approxnet.plot.canvas import COLOUR_MAP, COLOURS, target
from approxnet.relu.network import Network

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def mesh(mesh: SimplexMesh, *, axes: Axes | None = None) -> Figure:
    """The edges of a mesh in the plane, or the nodes of a mesh on the line.

    Raises:
      AssumptionError: if the mesh has another dimension.

    Example:
      >>> from approxnet import fem
      >>> drawing = mesh(fem.box((4, 4)))
      >>> drawing.axes[0].get_aspect()
      1.0
    """
    drawing, axes = target(axes)
    nodes = np.asarray(mesh.nodes)
    if _planar("mesh", nodes.shape[1]):
        lines = {"color": "#333333", "lw": min(0.6, 24 / math.sqrt(len(mesh.cells)))}
        axes.triplot(nodes[:, 0], nodes[:, 1], np.asarray(mesh.cells), **lines)
        _frame(axes, nodes.min(axis=0), nodes.max(axis=0))
    else:
        axes.plot(nodes[:, 0], np.zeros(len(nodes)), "|", color=COLOURS[0], ms=12)
        axes.set_yticks([])
        axes.set_xlabel("x")
    return drawing


def function(mesh: SimplexMesh, values: Any, *, axes: Axes | None = None) -> Figure:
    """A P1 function: its graph on the line, its values as colours in the plane.

    Args:
      mesh: a mesh with n nodes in 1 or 2 dimensions.
      values: (n,), nodal values.
      axes: where to draw; None for a new figure.

    Raises:
      ValueError: if values does not have one number per node.
      AssumptionError: if the mesh has another dimension.

    Example:
      >>> from approxnet import fem
      >>> square = fem.box((4, 4))
      >>> drawing = function(square, square.nodes[:, 0])
    """
    from matplotlib.tri import Triangulation

    nodes, values = np.asarray(mesh.nodes), np.asarray(values)
    if values.shape != (len(nodes),):
        raise ValueError(f"values must have shape ({len(nodes)},), got {values.shape}")
    drawing, axes = target(axes)
    if _planar("mesh", nodes.shape[1]):
        triangles = Triangulation(nodes[:, 0], nodes[:, 1], np.asarray(mesh.cells))
        colours = axes.tripcolor(triangles, values, shading="gouraud", cmap=COLOUR_MAP)
        drawing.colorbar(colours, ax=axes, shrink=0.85)
        _frame(axes, nodes.min(axis=0), nodes.max(axis=0))
    else:
        order = np.argsort(nodes[:, 0])
        axes.plot(nodes[order, 0], values[order], ".-", color=COLOURS[0], lw=1.2, ms=4)
        axes.set_xlabel("x")
    return drawing


def network(
    net: Network, lower: Any, upper: Any, *, points: int = 300, axes: Axes | None = None
) -> Figure:
    """A network with one output on a box: its graph on the line, its values in the plane.

    Args:
      net: a network on R^1 or R^2 with one output.
      lower: (d,), the lower corner of the box.
      upper: (d,), the upper corner.
      points: points per axis.
      axes: where to draw; None for a new figure.

    Raises:
      ValueError: if a corner does not fit the network or the box is empty.
      AssumptionError: if the network is on another space.

    Example:
      >>> from approxnet import relu
      >>> net = relu.from_layers([([[1.0]], [0.0]), ([[2.0]], [0.0])])
      >>> drawing = network(net, [-1.0], [1.0])
    """
    grid, values = _sample(net, lower, upper, points)
    drawing, axes = target(axes)
    if len(grid) == 2:
        colours = _pixels(axes, grid, values, cmap=COLOUR_MAP)
        drawing.colorbar(colours, ax=axes, shrink=0.85)
    else:
        axes.plot(grid[0], values, color=COLOURS[0], lw=1.4)
        axes.set_xlabel("x")
    return drawing


def kinks(
    net: Network, lower: Any, upper: Any, *, points: int = 500, axes: Axes | None = None
) -> Figure:
    """Where the gradient of a network in the plane jumps: the darker, the larger the jump.

    Shown is the largest second difference |u(x + e) - 2 u(x) + u(x - e)| / |e| over the steps e
    along rows, columns and diagonals of a grid; it vanishes where the network is affine.

    Args:
      net: a network on R^2 with one output.
      lower: (2,), the lower corner of the box.
      upper: (2,), the upper corner.
      points: points per axis.
      axes: where to draw; None for a new figure.

    Raises:
      AssumptionError: if the network is not on the plane.

    Example:
      >>> from approxnet import relu
      >>> net = relu.from_layers([([[1.0, 1.0]], [0.0]), ([[2.0]], [0.0])])
      >>> drawing = kinks(net, [-1.0, -1.0], [1.0, 1.0])
    """
    from matplotlib.colors import PowerNorm

    if np.shape(lower) != (2,):
        raise AssumptionError(f"kinks must be drawn in the plane, got corners {np.shape(lower)}")
    grid, u = _sample(net, lower, upper, points)
    steps = [(1, 0), (0, 1), (1, 1), (1, -1)]
    spacing = np.array([axis[1] - axis[0] for axis in grid])
    inner = [
        np.abs(_shift(u, i, j) - 2 * _shift(u, 0, 0) + _shift(u, -i, -j))
        / math.hypot(*(spacing * (i, j)))
        for i, j in steps
    ]
    drawing, axes = target(axes)
    _pixels(axes, [axis[1:-1] for axis in grid], np.max(inner, axis=0), cmap="Greys",
            norm=PowerNorm(0.5))  # fmt: skip
    return drawing


def regions(net: Network, lower: Any, upper: Any, *, axes: Axes | None = None) -> Figure:
    """The linear regions of a network: kinks on its exact graph, or cells of one colour each.

    In the plane the colour of a cell is the value in its middle, the mean of those at its corners.

    Args:
      net: a network on R^1 or R^2 with one output, as for ``relu.linear_regions``.
      lower: (d,), the lower corner of the box.
      upper: (d,), the upper corner.
      axes: where to draw; None for a new figure.

    Raises:
      AssumptionError: if the network is on another space or not piecewise linear.
      ValueError: if the box is empty.

    Example:
      >>> from approxnet import relu
      >>> net = relu.from_layers([(np.eye(2), [0.0, 0.0]), ([[1.0, 2.0]], [0.0])])
      >>> drawing = regions(net, [-1.0, -1.0], [1.0, 1.0])
      >>> len(drawing.axes[0].collections[0].get_paths())
      4
    """
    from matplotlib.collections import PolyCollection

    planar = _planar("the network", net.layers[0].n_in)
    cells = relu.linear_regions(net, lower, upper)
    drawing, axes = target(axes)
    x, first = cells.vertices[cells.corners], cells.starts[:-1]
    sizes = np.diff(cells.starts)
    slope, intercept = (np.repeat(a[:, 0], sizes, axis=0) for a in (cells.slopes, cells.intercepts))
    values = (slope * x).sum(axis=1) + intercept
    if planar:
        middle = np.add.reduceat(values, first) / sizes
        thickness = min(0.5, 12 / math.sqrt(len(sizes)))
        faces = PolyCollection(
            np.split(x, first[1:]), array=middle, cmap=COLOUR_MAP, edgecolor="w", lw=thickness
        )
        axes.add_collection(faces)
        _frame(axes, x.min(axis=0), x.max(axis=0))
    else:
        order = np.argsort(x[:, 0], kind="stable")
        axes.plot(x[order, 0], values[order], ".-", color=COLOURS[0], lw=1.2, ms=4)
        axes.set_xlabel("x")
    return drawing


def _planar(name: str, d: int) -> bool:
    if d not in (1, 2):
        raise AssumptionError(
            f"{name} must be on the line or in the plane to be drawn, got d = {d}"
        )
    return d == 2


def _frame(axes: Axes, lower: np.ndarray, upper: np.ndarray) -> None:
    """Equal scales, and a margin that keeps the boundary visible."""
    margin = 0.02 * (upper - lower).max()
    axes.set_aspect("equal")
    axes.set_xlim(lower[0] - margin, upper[0] + margin)
    axes.set_ylim(lower[1] - margin, upper[1] + margin)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelsize=7)


def _sample(
    net: Network, lower: Any, upper: Any, points: int
) -> tuple[list[np.ndarray], np.ndarray]:
    """The points per axis and the values on their grid, one axis of the array per coordinate."""
    lower, upper = np.asarray(lower, float), np.asarray(upper, float)
    if lower.ndim != 1 or lower.shape != upper.shape or not np.all(lower < upper):
        raise ValueError(
            f"lower and upper must be corners (d,) with lower < upper, got {lower} and {upper}"
        )
    _planar("the network", len(lower))
    _checks.count("points", points, at_least=3)
    grid = [np.linspace(low, high, points) for low, high in zip(lower, upper, strict=True)]
    x = jnp.asarray(np.stack(np.meshgrid(*grid, indexing="ij"), axis=-1))
    return grid, np.asarray(relu.evaluate(net, x))


def _shift(u: np.ndarray, i: int, j: int) -> np.ndarray:
    """The interior of a grid function, moved by (i, j), each -1, 0 or 1."""
    rows, columns = u.shape
    return u[1 + i : rows - 1 + i, 1 + j : columns - 1 + j]


def _pixels(axes: Axes, grid: Sequence[np.ndarray], values: np.ndarray, **options: Any) -> Any:
    """Values on a grid as an image whose axes are the coordinates."""
    edges = [axis[[0, -1]] + (axis[1] - axis[0]) * np.array([-0.5, 0.5]) for axis in grid]
    drawn = axes.imshow(values.T, origin="lower", extent=(*edges[0], *edges[1]), **options)
    axes.set_aspect("equal")
    axes.tick_params(length=2, labelsize=7)
    return drawn

"""Meshes on which representations are tried: graded, random, with holes, not locally convex.

Each function takes about how many nodes to make and a generator of random numbers, which the
regular ones do not use, so that a table of them is a table of functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from approxnet import fem

Factory = Callable[[int, np.random.Generator], fem.SimplexMesh]


def uniform_grid(n: int, rng: np.random.Generator) -> fem.SimplexMesh:
    """Equal intervals of [0, 1].

    Example:
      >>> uniform_grid(3, np.random.default_rng(0)).nodes[:, 0].tolist()
      [0.0, 0.5, 1.0]
    """
    return fem.interval(np.linspace(0, 1, n))


def clustered_grid(n: int, rng: np.random.Generator) -> fem.SimplexMesh:
    """Nodes crowded at 0, x_i = (i / (n - 1))^3.

    Example:
      >>> clustered_grid(3, np.random.default_rng(0)).nodes[:, 0].tolist()
      [0.0, 0.125, 1.0]
    """
    return fem.interval(np.linspace(0, 1, n) ** 3)


def random_grid(n: int, rng: np.random.Generator) -> fem.SimplexMesh:
    """Random steps in [0, 1], each at least a nineteenth of any other.

    Example:
      >>> len(random_grid(10, np.random.default_rng(0)).nodes)
      10
    """
    steps = rng.uniform(0.1, 1.9, n - 1)
    return fem.interval(np.concatenate([[0.0], np.cumsum(steps) / steps.sum()]))


def uniform_square(n: int, rng: np.random.Generator) -> fem.SimplexMesh:
    """The three-direction mesh of the unit square.

    Example:
      >>> len(uniform_square(16, np.random.default_rng(0)).nodes)
      16
    """
    side = math.isqrt(n) - 1
    return fem.box((side, side))


def random_square(n: int, rng: np.random.Generator) -> fem.SimplexMesh:
    """The Delaunay mesh of random points in the unit square, equal steps on its boundary.

    Example:
      >>> len(random_square(100, np.random.default_rng(0)).nodes)
      100
    """
    side = round(math.sqrt(n))
    t = np.arange(side) / side
    border = [(t, 0 * t), (1 + 0 * t, t), (1 - t, 1 + 0 * t), (0 * t, 1 - t)]
    inner = rng.uniform(0.3 / side, 1 - 0.3 / side, size=(n - 4 * side, 2))
    return fem.delaunay(np.concatenate([*(np.stack(edge, axis=1) for edge in border), inner]))


def annulus(n: int, rng: np.random.Generator) -> fem.SimplexMesh:
    """Radii from 0.4 to 1, the inner nodes moved along theirs at random.

    Example:
      >>> bool(annulus(100, np.random.default_rng(0)).nodes.min() >= -1)
      True
    """
    rings = max(3, round(math.sqrt(n / 7)))
    around = n // rings
    box = fem.box((around, rings - 1), (0.0, 0.4), (2 * math.pi, 1.0))
    angle, radius = box.nodes.reshape(around + 1, rings, 2)[:-1].reshape(-1, 2).T
    inner = (radius > 0.41) & (radius < 0.99)
    radius = radius + inner * rng.uniform(-0.25, 0.25, len(radius)) * 0.6 / (rings - 1)
    nodes = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return fem.from_arrays(nodes, box.cells % len(nodes))


def notched(n: int, rng: np.random.Generator) -> fem.SimplexMesh:
    """An L-shape with a square hole and a notch, the inner nodes moved at random.

    Example:
      >>> round(float(fem.volumes(notched(100, np.random.default_rng(0))).sum()), 6)
      0.625
    """
    side = 8 * max(1, round(math.sqrt(n / 0.66) / 8))
    box = fem.box((side, side))
    x, y = box.nodes[box.cells].mean(axis=1).T
    outside = (x > 0.5) & (y > 0.5)
    hole = (abs(x - 0.25) < 0.125) & (abs(y - 0.25) < 0.125)
    notch = (abs(x - 0.75) < 0.125) & (y < 0.25)
    used, cells = np.unique(box.cells[~(outside | hole | notch)], return_inverse=True)
    mesh = fem.from_arrays(box.nodes[used], cells.reshape(-1, 3))
    inner = np.setdiff1d(np.arange(len(used)), fem.boundary_nodes(mesh))
    moved = np.array(mesh.nodes)
    moved[inner] += rng.uniform(-0.2, 0.2, (len(inner), 2)) / side
    return fem.from_arrays(moved, mesh.cells)


def uniform_cube(n: int, rng: np.random.Generator) -> fem.SimplexMesh:
    """Kuhn's mesh of the unit cube, six tetrahedra for each small cube.

    Example:
      >>> len(uniform_cube(27, np.random.default_rng(0)).nodes)
      27
    """
    side = max(2, round(n ** (1 / 3)) - 1)
    return fem.box((side, side, side))


def random_cube(n: int, rng: np.random.Generator) -> fem.SimplexMesh:
    """The Delaunay mesh of random points in the unit cube and of the corners of a larger one.

    Example:
      >>> len(random_cube(100, np.random.default_rng(0)).nodes)
      100
    """
    corners = np.stack(np.meshgrid(*[[-0.3, 1.3]] * 3), axis=-1).reshape(-1, 3)
    corners += rng.uniform(-0.03, 0.03, corners.shape)
    return fem.delaunay(np.vstack([corners, rng.random((n - 8, 3))]))


def hollow_cube(n: int, rng: np.random.Generator) -> fem.SimplexMesh:
    """The unit cube without its middle, a third of it wide, the inner nodes moved at random.

    Example:
      >>> round(27 * float(fem.volumes(hollow_cube(300, np.random.default_rng(0))).sum()), 6)
      26.0
    """
    side = 6 * max(1, round(n ** (1 / 3) / 6))
    box = fem.box((side, side, side))
    middle = (np.abs(box.nodes[box.cells].mean(axis=1) - 0.5) < 1 / 6).all(axis=1)
    used, cells = np.unique(box.cells[~middle], return_inverse=True)
    mesh = fem.from_arrays(box.nodes[used], cells.reshape(-1, 4))
    inner = np.setdiff1d(np.arange(len(used)), fem.boundary_nodes(mesh))
    moved = np.array(mesh.nodes)
    moved[inner] += rng.uniform(-0.15, 0.15, (len(inner), 3)) / side
    return fem.from_arrays(moved, mesh.cells)


TRAP = [
    [436, 104, 567],
    [632, 207, 517],
    [877, 11, 801],
    [612, 301, 779],
    [574, 87, 537],
    [373, 116, 87],
    [198, 145, 688],
    [513, 380, 459],
    [418, 221, 800],
]
TRAP_FACETS = [
    [1, 2, 3],
    [1, 4, 2],
    [4, 2, 5],
    [6, 2, 5],
    [4, 5, 7],
    [1, 4, 7],
    [6, 5, 7],
    [1, 6, 7],
    [8, 1, 3],
    [8, 1, 6],
    [8, 2, 3],
    [8, 6, 2],
]


def twelve_tetrahedra() -> fem.SimplexMesh:
    """The patch of node 0, on which the maximum of minima over convex pieces is no hat function.

    Example:
      >>> len(twelve_tetrahedra().cells)
      12
    """
    cells = np.column_stack([np.zeros(len(TRAP_FACETS), int), TRAP_FACETS])
    return fem.from_arrays(np.array(TRAP, float), cells)

"""The linear regions of a network on a box, exactly.

A network with piecewise linear activations is affine on each cell of a polyhedral complex, with
the map that ``approxnet.relu.piecewise`` makes from the activation pattern of the cell. The complex
is the box, cut along z = 0 for the pre-activation z of every neuron, layer by layer, as z is affine
on every cell of the layers before. In the plane all neurons of a layer are cut at once
(``approxnet.relu.planar``); in other dimensions, and where rounding leaves no subdivision of the
plane at any tolerance, one after the other (``approxnet.relu.complexes``).

Rounding: at the vertices z_j counts as 0 up to its noise, 1e-12 (|A_j| max |h| + |b_j|) plus |A_j|
times the noise of the features h, which run over all vertices, but no more than a hundred times the
first part: the errors of the features of a point depend on each other, so that they do not grow
from layer to layer like the product of the norms. Other tolerances than 1e-12 are taken where signs
contradict each other. New vertices are convex combinations of old ones, which do
not amplify errors. Cells can be as small as rounding allows; their map comes from the weights and
is exact up to the rounding of that product.

Reference: Berzins, "Polyhedral complex extraction from ReLU networks using edge subdivision", ICML
2023; Humayun, Balestriero, Balakrishnan, Baraniuk, "SplineCam", CVPR 2023.
"""

from __future__ import annotations

import contextlib
from typing import NamedTuple

import numpy as np
import scipy.sparse
import scipy.sparse.csgraph
from numpy.typing import ArrayLike

from approxnet import _checks
from approxnet.relu.complexes import Complex
from approxnet.relu.network import Network
from approxnet.relu.piecewise import (
    Matrix,
    Weights,
    affine_maps,
    affine_maps_of_bits,
    pre_activations,
    relu_layers,
)
from approxnet.relu.planar import Contradiction, cut
from approxnet.relu.subdivision import Subdivision, rectangle

TOLERANCE = 1e-12
TOLERANCES = (1e-12, 1e-11, 1e-10, 1e-9, 1e-14)
"""Tried one after the other in the plane, where all neurons of a layer are cut at once."""

MOST = 100.0
"""The noise of a layer is at most so many times that which it adds itself."""

BLOCK, BLOCK_BYTES = 1024, 2**28
"""So many neurons of a layer are cut at once, and their values at all vertices have so many bytes;
at least 8 are."""

CELL_BYTES = 1024
"""So much memory a cell in the plane takes while it is cut, beside the patterns; measured."""

SAME_MAP = 1e-10
"""Slopes are equal if they differ by less than this, relative to the sum that they are."""

MAX_DIMENSION = 4


class Regions(NamedTuple):
    """The linear regions of a network on a box: v vertices, c cells.

    Attributes:
      vertices: (v, d).
      starts: (c + 1,) int32; cell c has the vertices ``corners[starts[c]:starts[c + 1]]``.
      corners: int32, the vertices of all cells, one cell after the other: from left to right for
        d = 1, counterclockwise for d = 2, ascending for d > 2 and for merged cells.
      slopes: (c, m, d), also for m = 1.
      intercepts: (c, m); on cell c the network is slopes[c] x + intercepts[c].
      neighbours: (p, 2) int32, the pairs of cells that share a facet, the smaller index first,
        in ascending order, each once.

    >>> from approxnet import relu
    >>> net = relu.from_layers([([[1.0]], [0.0]), ([[2.0]], [1.0])])
    >>> regions = linear_regions(net, -1.0, 1.0)  # 2 relu(x) + 1
    >>> regions.slopes[:, 0, 0].tolist(), regions.neighbours.tolist()
    ([2.0, 0.0], [[0, 1]])
    """

    vertices: np.ndarray
    starts: np.ndarray
    corners: np.ndarray
    slopes: np.ndarray
    intercepts: np.ndarray
    neighbours: np.ndarray


def linear_regions(
    net: Network, lower: ArrayLike, upper: ArrayLike, *, merge: bool = False
) -> Regions:
    """The cells of a box on which a network is affine, with their affine maps; host only.

    Args:
      net: a network (d, ..., m) with d <= 4 and concrete leaves, its activations among the keys of
        ``PIECEWISE_LINEAR``.
      lower: (d,) or a number, the lower corner of the box.
      upper: (d,) or a number, the upper corner.
      merge: join neighbours with the same affine map (static). Joined cells need not be convex, and
        their corners are all vertices of the cells that they are made of.

    Returns:
      the regions, in double precision; without ``merge`` they are convex and have one activation
      pattern each, and neighbours can have the same map.

    Raises:
      AssumptionError: if an activation is not piecewise linear; names the layer.
      ValueError: if d > 4, or unless lower < upper on every axis.
      MemoryError: if regions in the plane do not fit into the memory.

    >>> from approxnet import relu
    >>> net = relu.from_layers([([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]), ([[1.0, -1.0]], [0.0])])
    >>> regions = linear_regions(net, -1.0, 1.0)  # relu(x) - relu(y): four squares
    >>> regions.vertices.shape, len(regions.slopes), len(regions.neighbours)
    ((9, 2), 4, 4)
    """
    low, high = _box(net, lower, upper)
    regions, sizes = _regions(relu_layers(net), low, high)
    if merge:
        slope, other = regions.slopes[regions.neighbours.T]
        size = sizes[regions.neighbours].max(axis=1)
        return _merged(regions, (np.abs(slope - other) <= SAME_MAP * size).all(axis=(1, 2)))
    return regions


def count_regions(net: Network, lower: ArrayLike, upper: ArrayLike) -> int:
    """The number of activation regions of positive volume in a box; host only.

    Args:
      net: a network as for ``linear_regions``.
      lower: (d,) or a number, the lower corner of the box.
      upper: (d,) or a number, the upper corner.

    Returns:
      the number of activation patterns that occur on sets of positive volume. Regions with the
      same affine map count one by one; ``linear_regions(..., merge=True)`` joins them.

    Raises:
      AssumptionError: if an activation is not piecewise linear; names the layer.
      ValueError: if d > 4, or unless lower < upper on every axis.
      MemoryError: if regions in the plane do not fit into the memory.

    >>> from approxnet import relu
    >>> net = relu.from_layers([([[1.0], [2.0]], [0.0, 1.0]), ([[1.0, 1.0]], [0.0])])
    >>> count_regions(net, -1.0, 1.0)  # kinks at 0 and -1/2
    3
    """
    low, high = _box(net, lower, upper)
    layers = relu_layers(net)
    if plane := _plane(layers, low, high):
        return len(plane.cells.starts) - 1
    return _complex(layers, low, high).n_faces[-1]


def activation_complex(net: Network, lower: ArrayLike, upper: ArrayLike) -> tuple[Complex, Weights]:
    """The box, cut by all neurons, and the layers of the network with relu between them.

    ``positive`` of the complex holds the activation patterns, all layers one after the other, and
    ``functions`` the pre-activations of the last hidden layer at the vertices. The matrices of
    hidden layers with few entries are sparse.

    Raises:
      AssumptionError, ValueError: as ``linear_regions``.
    """
    low, high = _box(net, lower, upper)
    layers = relu_layers(net)
    return _complex(layers, low, high), layers


def _box(net: Network, lower: ArrayLike, upper: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    d = net.layers[0].n_in
    if d > MAX_DIMENSION:
        raise ValueError(
            f"net must have at most {MAX_DIMENSION} inputs, got {d}; restrict it to a plane with "
            "relu.compose"
        )
    return _checks.box(lower, upper, d)


def _regions(layers: Weights, low: np.ndarray, high: np.ndarray) -> tuple[Regions, np.ndarray]:
    """The regions, and the sizes (c, m, d) of the terms of their slopes."""
    if plane := _plane(layers, low, high):
        cells = plane.cells
        vertices, starts, corners = cells.points, cells.starts, cells.corners
        slopes, intercepts, sizes = affine_maps_of_bits(layers, plane.active)
    else:
        cells = _complex(layers, low, high)
        vertices, (starts, corners) = cells.points.T.copy(), cells.corners()
        corners = _in_order(vertices, starts, corners)
        slopes, intercepts, sizes = affine_maps(layers, cells.positive.array)
    starts, corners, neighbours = (
        index.astype(np.int32) for index in (starts, corners, cells.neighbours())
    )
    return Regions(vertices, starts, corners, slopes, intercepts, neighbours), sizes


def _complex(layers: Weights, low: np.ndarray, high: np.ndarray) -> Complex:
    cells = Complex(low, high)
    features, noise = cells.points, cells.noise
    for weight, bias in layers[:-1]:
        size = abs(weight) @ np.abs(features).max(axis=1) + np.abs(bias)
        noise = _noise(weight, TOLERANCE * size, noise)
        cells.attach(weight @ features + bias[:, None], noise)
        for neuron in range(len(bias)):
            cells.cut(neuron)
        features, noise = np.maximum(cells.functions, 0), cells.noise[cells.d :]
    return cells


def _noise(weight: Matrix, own: np.ndarray, below: np.ndarray) -> np.ndarray:
    """The noise of a layer, from that which it adds and that of the layer below."""
    return np.minimum(own + abs(weight) @ below, MOST * own)


class Plane(NamedTuple):
    """Cells in the plane, and for each layer the packed bits (c, b) of its active neurons."""

    cells: Subdivision
    active: list[np.ndarray]


def _plane(layers: Weights, low: np.ndarray, high: np.ndarray) -> Plane | None:
    """The rectangle, cut by all neurons; None if d is not 2 or every tolerance contradicts."""
    for tolerance in TOLERANCES if len(low) == 2 else ():
        with contextlib.suppress(Contradiction):
            return cut_plane(layers, low, high, tolerance)
    return None


def cut_plane(layers: Weights, low: np.ndarray, high: np.ndarray, tolerance: float) -> Plane:
    """The rectangle, cut by all neurons, which count as 0 up to the tolerance.

    Raises:
      Contradiction: if rounding left no subdivision.
    """
    cells, active = rectangle(low, high), []
    features, noise = np.maximum(np.abs(low), np.abs(high)), np.zeros(2)
    for depth, (weight, bias) in enumerate(layers[:-1]):
        size = abs(weight) @ features + np.abs(bias)
        noise = _noise(weight, tolerance * size, noise)
        cells, parent, bits, features = _cut_layer(cells, layers[: depth + 1], noise)
        active = [*(on[parent] for on in active), bits]
    return Plane(cells, active)


def _cut_layer(
    cells: Subdivision, layers: Weights, noise: np.ndarray
) -> tuple[Subdivision, np.ndarray, np.ndarray, np.ndarray]:
    """Cut the cells by the neurons of the last of some layers, block by block.

    Returns:
      the new cells, the old cell (c,) of each, the bits (c, b) of the active neurons, and the
      largest features (n,).
    """
    *below, (weight, bias) = layers
    parent, bits, features, start = np.arange(len(cells.starts) - 1), [], np.zeros(len(bias)), 0
    cell_bytes = CELL_BYTES + sum(len(bias) for _, bias in layers) // 8
    while start < len(bias):
        fit = BLOCK_BYTES // (8 * len(cells.points)) // 8 * 8
        block = slice(start, start + min(max(fit, 8), BLOCK))
        z = pre_activations([*below, (weight[block], bias[block])], cells.points)
        features[block] = z.max(axis=0, initial=0)
        cells, up, positive = cut(cells, z, noise[block])
        _checks.memory(f"{len(up)} regions", len(up) * cell_bytes)
        parent, bits = parent[up], [*(on[up] for on in bits), positive]
        start = block.stop
    return cells, parent, np.concatenate(bits, axis=1), features


def _in_order(vertices: np.ndarray, starts: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """The corners of each cell, left to right on the line and counterclockwise in the plane."""
    d, count = vertices.shape[1], np.diff(starts)
    if d > 2:
        return corners
    x = vertices[corners]
    centre = np.add.reduceat(x, starts[:-1], axis=0) / count[:, None]
    x = x - np.repeat(centre, count, axis=0)
    key = x[:, 0] if d == 1 else np.arctan2(x[:, 1], x[:, 0])
    return corners[np.lexsort((key, np.repeat(np.arange(len(count)), count)))]


def _merged(regions: Regions, same: np.ndarray) -> Regions:
    """The regions with those neighbours joined that are marked as having the same map."""
    c = len(regions.slopes)
    first, second = regions.neighbours.T
    joined = (np.ones(int(same.sum()), np.int8), (first[same], second[same]))
    graph = scipy.sparse.coo_array(joined, shape=(c, c))
    n, label = scipy.sparse.csgraph.connected_components(graph, directed=False)
    leader = np.unique(label, return_index=True)[1]
    cell = np.repeat(label, np.diff(regions.starts))
    cell, corners = np.unique(np.stack([cell, regions.corners]), axis=1)
    pairs = np.sort(label[regions.neighbours], axis=1)
    pairs = np.unique(pairs[pairs[:, 0] < pairs[:, 1]], axis=0)
    return Regions(
        regions.vertices,
        np.searchsorted(cell, np.arange(n + 1)).astype(np.int32),
        corners.astype(np.int32),
        regions.slopes[leader],
        regions.intercepts[leader],
        pairs.astype(np.int32),
    )

"""The linear regions of a network on a box, exactly.

A network with piecewise linear activations is affine on each cell of a polyhedral complex. Layer
by layer, neuron by neuron, the pre-activation z is affine on every cell so far, and the cells are
cut along z = 0 (``approxnet.relu.complexes``). In the end each cell has one activation pattern
D_1, ..., D_k (diagonal, 0 or 1), and on it

    f(x) = S x + t,   S = A D_k A_k ... D_1 A_1,   t = b + A D_k b_k + ... .

The hat is relu(t) - 2 relu(t - 1) + relu(t - 2), so that a hat neuron cuts three times.

Rounding: at the vertices z_j counts as 0 up to its noise, 1e-12 (|A_j| max |h| + |b_j|) plus |A_j|
times the noise of the features h, which run over all vertices; ``approxnet.relu.complexes`` says
when a multiple or a part of the noise is taken. Interpolation along edges takes convex
combinations, which do not amplify errors. Cells can be as small as rounding allows; their map comes
from the weights and is exact up to the rounding of that product.

Reference: Montúfar, Pascanu, Cho, Bengio, "On the number of linear regions of deep neural
networks", NeurIPS 2014; Serra, Tjandraatmadja, Ramalingam, "Bounding and counting linear regions of
deep neural networks", ICML 2018.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import scipy.sparse
import scipy.sparse.csgraph
from numpy.typing import ArrayLike

from approxnet import _checks
from approxnet.errors import AssumptionError
from approxnet.relu.activations import PIECEWISE_LINEAR
from approxnet.relu.complexes import Complex
from approxnet.relu.layers import Layer, to_csr
from approxnet.relu.network import Network
from approxnet.relu.planar import Contradiction, Subdivision, cut, rectangle

TOLERANCE = 1e-12
TOLERANCES = (1e-12, 1e-11, 1e-10, 1e-9, 1e-14)
"""Tried one after the other in the plane, where all neurons of a layer are cut at once."""

SPARSE = 32
"""A product with a dense matrix is so many times faster per entry than with a sparse one."""

BLOCK_BYTES = 2**28
"""The neurons of a layer that are cut at once have so many bytes of values at most."""

SAME_MAP = 1e-10
"""Slopes are equal if they differ by less than this, relative to the sum that they are."""

MAX_DIMENSION = 4
CHUNK = 2048
"""Cells per matrix product: what fits into the cache."""

JUMPS = {"relu": (1.0,), "hat": (1.0, -2.0, 1.0)}
"""The jumps of the slope of an activation at its breakpoints; left of them it is 0."""

Matrix: TypeAlias = np.ndarray | scipy.sparse.csr_array
Weights: TypeAlias = list[tuple[Matrix, np.ndarray]]


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

    >>> from approxnet import relu
    >>> net = relu.from_layers([([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]), ([[1.0, -1.0]], [0.0])])
    >>> regions = linear_regions(net, -1.0, 1.0)  # relu(x) - relu(y): four squares
    >>> regions.vertices.shape, len(regions.slopes), len(regions.neighbours)
    ((9, 2), 4, 4)
    """
    low, high = _box(net, lower, upper)
    regions, sizes = _regions(_relu_layers(net), low, high)
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

    >>> from approxnet import relu
    >>> net = relu.from_layers([([[1.0], [2.0]], [0.0, 1.0]), ([[1.0, 1.0]], [0.0])])
    >>> count_regions(net, -1.0, 1.0)  # kinks at 0 and -1/2
    3
    """
    low, high = _box(net, lower, upper)
    layers = _relu_layers(net)
    if plane := _plane(layers, low, high):
        return len(plane.cells.starts) - 1
    return _complex(layers, low, high).n_faces[-1]


def max_regions(widths: Sequence[int], *, bound: str) -> int:
    """A bound on the largest number of linear regions of ReLU networks of a shape.

        zaslavsky   <=  prod_l sum_{j <= d} C(w_l, j): each layer cuts each region at most so often
        serra       <=  sum prod_l C(w_l, j_l) over 0 <= j_l <= min(d, w_1 - j_1, ...,
                        w_{l-1} - j_{l-1}, w_l): regions of low rank are cut less often
        montufar    >=  prod_{l < k} floor(w_l / d)^d sum_{j <= d} C(w_k, j): so many are attained

    Args:
      widths: (d, w_1, ..., w_k, m), the shape of a network (``relu.shape(net)``).
      bound: "zaslavsky" (one hidden layer: attained), "serra" or "montufar".

    Returns:
      the bound.

    Raises:
      ConfigError: if the bound has another name.
      ValueError: if a width is not a positive integer.
      AssumptionError: if "montufar" is asked for a layer narrower than d.

    Reference: Zaslavsky, Mem. AMS 154 (1975), theorem B; Serra et al., ICML 2018, theorem 1;
    Montúfar et al., NeurIPS 2014, theorem 5.

    >>> max_regions((2, 4, 4, 1), bound="serra"), max_regions((2, 4, 4, 1), bound="montufar")
    (121, 44)
    """
    _checks.one_of("bound", bound, BOUNDS)
    if len(widths) < 2:
        raise ValueError(f"widths must be (d, ..., m), got {tuple(widths)}; use relu.shape(net)")
    d, *hidden, _ = (_checks.count(f"widths[{i}]", w, at_least=1) for i, w in enumerate(widths))
    return BOUNDS[bound](d, tuple(hidden))


def _arrangement(d: int, n: int) -> int:
    """The regions that n hyperplanes in general position make in dimension d."""
    return sum(math.comb(n, j) for j in range(d + 1))


def _zaslavsky(d: int, hidden: tuple[int, ...]) -> int:
    return math.prod(_arrangement(d, n) for n in hidden)


@functools.cache
def _serra(rank: int, hidden: tuple[int, ...]) -> int:
    """The bound for regions whose features span at most ``rank`` dimensions."""
    if not hidden:
        return 1
    n, rest = hidden[0], hidden[1:]
    dimensions = range(min(rank, n) + 1)
    return sum(math.comb(n, j) * _serra(min(rank, n - j), rest) for j in dimensions)


def _montufar(d: int, hidden: tuple[int, ...]) -> int:
    for i, n in enumerate(hidden):
        if n < d:
            raise AssumptionError(
                f"the lower bound of Montufar et al. needs layers of at least d = {d} neurons, got "
                f"{n} in hidden layer {i}"
            )
    if not hidden:
        return 1
    return math.prod((n // d) ** d for n in hidden[:-1]) * _arrangement(d, hidden[-1])


BOUNDS = {"zaslavsky": _zaslavsky, "serra": _serra, "montufar": _montufar}


def activation_complex(net: Network, lower: ArrayLike, upper: ArrayLike) -> tuple[Complex, Weights]:
    """The box, cut by all neurons, and the layers of the network with relu between them.

    ``positive`` of the complex holds the activation patterns, all layers one after the other, and
    ``functions`` the pre-activations of the last hidden layer at the vertices.

    Raises:
      AssumptionError, ValueError: as ``linear_regions``.
    """
    low, high = _box(net, lower, upper)
    layers = _relu_layers(net)
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
    """All cells, and the sizes (c, m, d) of the terms of their slopes."""
    if plane := _plane(layers, low, high):
        vertices, starts, corners = plane.cells.points, plane.cells.starts, plane.cells.corners
        neighbours = plane.cells.neighbours()
        widths = [len(bias) for _, bias in layers[:-1]]

        def patterns(chunk: slice) -> list[np.ndarray]:
            each = zip(plane.active, widths, strict=True)
            return [np.unpackbits(on[chunk], axis=1, count=n) for on, n in each]

        maps = _maps(layers, len(starts) - 1, patterns)
    else:
        cells = _complex(layers, low, high)
        vertices, (starts, corners) = cells.points.T.copy(), cells.corners()
        corners, neighbours = _in_order(vertices, starts, corners), cells.neighbours()
        maps = affine_maps(layers, cells.positive.array)
    slopes, intercepts, sizes = maps
    indices = (a.astype(np.int32) for a in (starts, corners, neighbours))
    starts, corners, neighbours = indices
    return Regions(vertices, starts, corners, slopes, intercepts, neighbours), sizes


def _relu_layers(net: Network) -> Weights:
    """The same network with layers in double precision and only relu between them.

    With the jumps c_i of an activation at its breaks s_i, activation(t) = sum_i c_i relu(t - s_i).
    """
    weight, bias = _weights(net.layers[0])
    built: Weights = []
    for i, (name, layer) in enumerate(zip(net.activations, net.layers[1:], strict=True)):
        if name not in PIECEWISE_LINEAR:
            raise AssumptionError(
                f"hidden layer {i} must have a piecewise linear activation, one of "
                f"{', '.join(PIECEWISE_LINEAR)}, got {name!r}; a network is affine on regions only "
                "then"
            )
        next_weight, next_bias = _weights(layer)
        if name == "identity":
            weight, bias = next_weight @ weight, next_weight @ bias + next_bias
            continue
        breaks, jumps = np.array(PIECEWISE_LINEAR[name]), np.array(JUMPS[name])
        each = scipy.sparse.eye_array(len(bias))
        copies = scipy.sparse.kron(each, np.ones((len(breaks), 1)), "csr")
        built.append((copies @ weight, (bias[:, None] - breaks).ravel()))
        weight, bias = next_weight @ scipy.sparse.kron(each, jumps[None], "csr"), next_bias
    return [*built, (weight, bias)]


def _weights(layer: Layer) -> tuple[np.ndarray | scipy.sparse.csr_array, np.ndarray]:
    """The matrix of a layer, dense unless few of its entries are not 0, and its bias."""
    matrix = to_csr(layer)
    dense = matrix.nnz * SPARSE >= layer.n_in * layer.n_out
    return matrix.toarray() if dense else matrix, _bias(layer)


def _bias(layer: Layer) -> np.ndarray:
    parts = getattr(layer, "parts", None)
    if parts is None:
        return np.asarray(layer.bias, np.float64)  # pyright: ignore[reportAttributeAccessIssue]
    return np.concatenate([_bias(part) for part in parts])


def _complex(layers: Weights, low: np.ndarray, high: np.ndarray) -> Complex:
    cells = Complex(low, high)
    features, noise = cells.points, cells.noise
    for weight, bias in layers[:-1]:
        size = abs(weight) @ np.abs(features).max(axis=1) + np.abs(bias)
        noise = TOLERANCE * size + abs(weight) @ noise
        cells.attach(weight @ features + bias[:, None], noise)
        for neuron in range(len(bias)):
            cells.cut(neuron)
        features, noise = np.maximum(cells.functions, 0), cells.noise[cells.d :]
    return cells


class _Plane(NamedTuple):
    """The cells in the plane, and the packed bits (c, b) of the active neurons of each layer."""

    cells: Subdivision
    active: list[np.ndarray]


def _plane(layers: Weights, low: np.ndarray, high: np.ndarray) -> _Plane | None:
    """The rectangle, cut by all neurons; none if d is not 2 or at no tolerance signs agree."""
    for tolerance in TOLERANCES if len(low) == 2 else ():
        with contextlib.suppress(Contradiction):
            return _cut_plane(layers, low, high, tolerance)
    return None


def _cut_plane(layers: Weights, low: np.ndarray, high: np.ndarray, tolerance: float) -> _Plane:
    cells, active = rectangle(low, high), []
    features, noise = np.maximum(np.abs(low), np.abs(high)), np.zeros(2)
    for depth, (weight, bias) in enumerate(layers[:-1]):
        size = abs(weight) @ features + np.abs(bias)
        noise = tolerance * size + abs(weight) @ noise
        features, bits, start = np.zeros(len(bias)), [], 0
        while start < len(bias):
            width = max(8, BLOCK_BYTES // (8 * len(cells.points)) // 8 * 8)
            block = slice(start, start + width)
            z = _pre_activations(layers[:depth], weight[block], bias[block], cells.points)
            features[block] = z.max(axis=0, initial=0)
            cells, parent, positive = cut(cells, z, noise[block])
            active, bits = [[on[parent] for on in each] for each in (active, bits)]
            bits.append(positive)
            start += width
        active.append(np.concatenate(bits, axis=1))
    return _Plane(cells, active)


def _pre_activations(
    layers: Weights, weight: Matrix, bias: np.ndarray, points: np.ndarray
) -> np.ndarray:
    """The values (v, n) at points of n neurons that stand on some layers."""
    z = np.empty((len(points), len(bias)))
    for start in range(0, len(points), CHUNK):
        z[start : start + CHUNK] = _features(layers, weight, bias, points[start : start + CHUNK])
    return z


def _features(layers: Weights, weight: Matrix, bias: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The values (q, n) at points (q, 2), from those features only that have a weight."""
    if layers:
        *below, (before, offset) = layers
        read = np.flatnonzero(abs(weight).sum(axis=0))
        x = _features(below, before[read], offset[read], x)
        np.maximum(x, 0, out=x)
        weight = weight[:, read]
    z = x @ weight.T
    z += bias
    return z


def affine_maps(layers: Weights, active: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The affine maps of the cells from their activation patterns.

    Args:
      layers: weights and biases, with relu between them.
      active: (n, c) bool, the active neurons of all layers, one after the other.

    Returns:
      slopes (c, m, d), intercepts (c, m), and the sizes (c, m, d) of the terms that the slopes are
      sums of, which bounds what can cancel.
    """
    ends = np.cumsum([len(bias) for _, bias in layers[:-1]])
    patterns = np.split(active, ends[:-1]) if len(ends) else []
    return _maps(
        layers,
        active.shape[1],
        lambda chunk: [np.ascontiguousarray(on[:, chunk].T) for on in patterns],
    )


def _maps(
    layers: Weights, c: int, patterns: Callable[[slice], list[np.ndarray]]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The maps of c cells; ``patterns`` gives those of a chunk, cells first, layer by layer."""
    starts = range(0, c, CHUNK)
    chunks = [
        _chunk_of_maps(layers, patterns(slice(s, s + CHUNK)), min(CHUNK, c - s)) for s in starts
    ]
    slopes, intercepts, sizes = (np.concatenate(parts) for parts in zip(*chunks, strict=True))
    return slopes, intercepts, sizes


def _chunk_of_maps(
    layers: Weights, patterns: list[np.ndarray], c: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows A D_k A_k ... of c cells, from the output to the input."""
    weight, bias = layers[-1]
    m = len(bias)
    factors, first = np.eye(m), weight
    rows = np.broadcast_to(weight, (c, *weight.shape))
    intercepts = np.broadcast_to(bias, (c, m))
    for (weight, bias), on in zip(reversed(layers[:-1]), reversed(patterns), strict=True):
        factors, first = (rows * on[:, None, :]).reshape(c * m, -1), weight
        intercepts = intercepts + (factors @ bias).reshape(c, m)
        rows = (factors @ weight).reshape(c, m, -1)
    sizes = np.broadcast_to((np.abs(factors) @ abs(first)).reshape(-1, *rows.shape[1:]), rows.shape)
    return rows, intercepts, sizes


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

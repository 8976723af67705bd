"""The plane cut layer by layer: against cuts neuron by neuron, closed counts, contradictions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from approxnet import relu
from approxnet.relu import piecewise, regions
from approxnet.relu.planar import Contradiction, _flips, cut
from approxnet.relu.subdivision import following, rectangle

from .networks import DEGENERATE, GENERAL, NEARLY, copied, integer_net, random_net

LOW, HIGH = np.array([-1.0, -1.0]), np.array([1.0, 1.0])
ELSEWHERE = ("line", "space", "four", "sawtooth")
PLANES = [name for name in GENERAL | DEGENERATE if not any(word in name for word in ELSEWHERE)]


def square():
    return rectangle(LOW, HIGH)


def areas(cells):
    x = cells.points[cells.corners]
    x = x - np.repeat(x[cells.starts[:-1]], np.diff(cells.starts), axis=0)
    y = x[following(cells.starts)]
    return np.add.reduceat((x[:, 0] * y[:, 1] - x[:, 1] * y[:, 0]) / 2, cells.starts[:-1])


def by_pattern(active, areas):
    """The areas by activation pattern, (n, c) bool; no pattern occurs twice."""
    found = {key.tobytes(): area for key, area in zip(active.T, areas, strict=True)}
    assert len(found) == len(areas)
    return found


def layerwise(net):
    layers = piecewise.relu_layers(net)
    cells, active = regions.cut_plane(layers, LOW, HIGH, regions.TOLERANCE)
    widths = [len(bias) for _, bias in layers[:-1]]
    bits = [np.unpackbits(b, axis=1, count=n) for b, n in zip(active, widths, strict=True)]
    pattern = np.concatenate([np.zeros((len(cells.starts) - 1, 0), np.uint8), *bits], axis=1)
    return by_pattern(pattern.T.astype(bool), areas(cells))


def neuronwise(net):
    complex, _ = regions.activation_complex(net, -1.0, 1.0)
    simplices, cell = complex.simplices()
    x = complex.points.T[simplices]
    size = np.bincount(cell, np.abs(np.linalg.det(x[:, 1:] - x[:, :1])) / 2)
    return by_pattern(complex.positive.array, size)


def assert_same(one, other):
    assert one.keys() == other.keys()
    np.testing.assert_allclose([one[k] for k in other], list(other.values()), rtol=0, atol=1e-12)


def assert_is_a_subdivision(cells):
    """Every edge has a cell on its left, and one on its right unless it lies on the boundary."""
    left = np.bincount(cells.sides[cells.forward()], minlength=len(cells.edges))
    right = np.bincount(cells.sides[~cells.forward()], minlength=len(cells.edges))
    on_boundary = (np.abs(cells.points[cells.edges].sum(axis=1)) == 2).any(axis=1)
    assert (left == 1).all() and (right[~on_boundary] == 1).all()
    tail, head = cells.corners, cells.corners[following(cells.starts)]
    ends = np.where(cells.forward(), [tail, head], [head, tail])
    np.testing.assert_array_equal(ends.T, cells.edges[cells.sides])
    assert len(cells.points) - len(cells.edges) + len(cells.starts) - 1 == 1
    assert np.diff(cells.starts).min() >= 3


@pytest.mark.parametrize("name", PLANES)
def test_layer_by_layer_gives_the_cells_of_neuron_by_neuron(name, x64):
    net = (GENERAL | DEGENERATE)[name]()
    assert_same(layerwise(net), neuronwise(net))


@given(st.sampled_from([(2, 5, 1), (2, 8, 8, 1), (2, 6, 6, 6, 1)]), st.integers(0, 10**6))
def test_layer_by_layer_gives_the_cells_of_integer_networks(shape, seed):
    net = integer_net(shape, seed)
    assert_same(layerwise(net), neuronwise(net))


@given(st.sampled_from([(2, 9, 1), (2, 12, 12, 1), (2, 7, 7, 7, 7, 1)]), st.integers(0, 10**6))
def test_layer_by_layer_gives_the_cells_of_random_networks(shape, seed):
    net = random_net(shape, seed)
    assert_same(layerwise(net), neuronwise(net))
    assert_same(layerwise(copied(net)), neuronwise(copied(net)))


def test_many_cells_fill_the_square(reference):
    net = random_net((2, 64, 64, 64, 1), 0)
    cells, _ = regions.cut_plane(piecewise.relu_layers(net), LOW, HIGH, regions.TOLERANCE)
    assert_is_a_subdivision(cells)
    assert areas(cells).min() > 0 and math.isclose(areas(cells).sum(), 4, rel_tol=1e-12)
    found = relu.linear_regions(net, -1.0, 1.0)
    count = np.diff(found.starts)[:, None]
    x = np.add.reduceat(found.vertices[found.corners], found.starts[:-1], axis=0) / count
    values = np.einsum("cmd,cd->cm", found.slopes, x) + found.intercepts
    np.testing.assert_allclose(values, reference(net, x), rtol=0, atol=1e-13)


@pytest.mark.parametrize("n", [2, 3, 8, 40])
@pytest.mark.parametrize("shift", [0.0, 1e-15])
def test_lines_through_one_point_make_two_cells_each(n, shift):
    angle = np.pi * (np.arange(n) + 0.3) / n
    normal = np.stack([np.cos(angle), np.sin(angle)])
    offset = np.array([0.2, -0.1]) @ normal + shift * np.random.default_rng(0).normal(size=n)
    cells, parent, signs = cut(square(), square().points @ normal - offset, np.full(n, 1e-12))
    assert_is_a_subdivision(cells)
    assert len(parent) == len(np.unique(signs, axis=0)) == len(cells.neighbours()) == 2 * n
    assert len(cells.points) == 4 + 2 * n + 1


@pytest.mark.parametrize("turn", range(3))
def test_where_lines_meet_is_that_of_their_crossings_which_is_known_best(turn):
    # Two lines with an angle of 1e-6 cross somewhere within 1e-9 of the third.
    angle = np.roll([0.3, 0.3 + 1e-6, 1.5], turn)
    normal = np.stack([np.cos(angle), np.sin(angle)])
    offset = np.array([0.2, -0.1]) @ normal + np.roll([0.0, 1e-15, 0.0], turn)
    cells, _, _ = cut(square(), square().points @ normal - offset, np.full(3, 1e-12))
    assert_is_a_subdivision(cells)
    assert len(cells.points) == 4 + 6 + 1
    assert np.abs(cells.points[-1] @ normal - offset).max() < 4e-15


def test_functions_with_the_same_zeros_share_their_chord():
    z = square().points @ np.array([[1.0, 2.0, -1.0, 0.0]] * 2)
    cells, parent, signs = cut(square(), z, np.full(4, 1e-12))
    assert_is_a_subdivision(cells)
    assert parent.tolist() == [0, 0]
    assert sorted(np.unpackbits(signs, axis=1, count=4).tolist()) == [[0, 0, 1, 0], [1, 1, 0, 0]]


def test_cells_that_no_function_crosses_stay_as_they_are():
    left, right = 0, 1
    halves, _, signs = cut(square(), square().points[:, :1], np.full(1, 1e-12))
    if signs[left, 0]:
        left, right = right, left
    # y > 1/2, right of the axis alone; left of it 1.
    x, y = halves.points.T
    cells, parent, _ = cut(halves, np.where(x > 0, y - 0.5, 1.0)[:, None], np.full(1, 1e-12))
    assert sorted(parent.tolist()) == sorted([left, right, right])
    assert len(cells.starts) == 4


def test_a_function_with_four_zeros_around_a_cell_contradicts():
    with pytest.raises(Contradiction, match="not two ends"):
        cut(square(), np.array([[1.0], [-1.0], [1.0], [-1.0]]), np.zeros(1))


@pytest.mark.parametrize("name", ["equal to 12 digits", "equal to 11 digits", "flat cells"])
def test_lines_that_nearly_coincide_contradict(name):
    layers = piecewise.relu_layers(NEARLY[name]())
    with pytest.raises(Contradiction, match=r"3 sides or more and V - E \+ F must be 1"):
        regions.cut_plane(layers, LOW, HIGH, 1e-12)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_cells_that_follow_each_other_in_a_circle_contradict(n):
    cell = np.arange(n)
    bits = np.eye(n + 1, 8, dtype=np.uint8)
    with pytest.raises(Contradiction, match="do not form a tree"):
        _flips(np.roll(cell, 1), cell, bits[:n], n + 1)
    chain = _flips(cell, cell + 1, bits[1:], n + 1)
    np.testing.assert_array_equal(chain[:, : n + 1], np.tri(n + 1) - (np.arange(n + 1) == 0))


@pytest.mark.parametrize("failures", [1, 4, 5])
def test_after_a_contradiction_another_tolerance_or_the_other_algorithm_is_taken(
    failures, monkeypatch
):
    net = random_net((2, 9, 9, 1), 0)
    expected = relu.linear_regions(net, -1.0, 1.0)
    noises = []

    def contradicting(old, z, noise):
        if len(old.starts) == 2:
            noises.append(noise[0])
            if len(noises) <= failures:
                raise Contradiction
        return cut(old, z, noise)

    monkeypatch.setattr(regions, "cut", contradicting)
    found = relu.linear_regions(net, -1.0, 1.0)
    tried = regions.TOLERANCES[: failures + 1]
    np.testing.assert_allclose(np.array(noises) / noises[0], np.array(tried) / tried[0])
    order, wanted = (np.lexsort(r.slopes[:, 0].T) for r in (found, expected))
    np.testing.assert_allclose(found.slopes[order], expected.slopes[wanted], rtol=1e-12)
    assert len(found.neighbours) == len(expected.neighbours)


@pytest.mark.parametrize("name", ["wide plane", "wide integers 0", "random mesh"])
def test_cutting_a_layer_in_blocks_gives_the_same_cells(name, monkeypatch, x64):
    net = (GENERAL | DEGENERATE)[name]()
    expected = layerwise(net)
    monkeypatch.setattr(regions, "BLOCK_BYTES", 1)
    assert_same(layerwise(net), expected)


def test_more_regions_than_the_memory_holds_are_refused(monkeypatch):
    monkeypatch.setattr(regions, "CELL_BYTES", 2**60)
    with pytest.raises(MemoryError, match=r"^46 regions must fit into the memory"):
        relu.count_regions(GENERAL["plane"](), -1.0, 1.0)


@pytest.mark.parametrize("name", [*PLANES, "space", "finite elements on a line"])
def test_sparse_layers_have_the_regions_of_dense_ones(name, monkeypatch, x64):
    net = (GENERAL | DEGENERATE)[name]()
    expected = relu.linear_regions(net, -1.0, 1.0)
    monkeypatch.setattr(piecewise, "SPARSE", 0)
    found = relu.linear_regions(net, -1.0, 1.0)
    scale = np.abs(expected.slopes).max() + 1
    np.testing.assert_allclose(found.slopes, expected.slopes, rtol=0, atol=1e-12 * scale)
    np.testing.assert_array_equal(found.neighbours, expected.neighbours)


def test_layers_stay_sparse_if_they_have_few_weights():
    columns = np.random.default_rng(0).integers(0, 100, (50, 3)).astype(np.int32)
    few = relu.SparseAffine(columns, np.ones((50, 3)), np.zeros(50), 100)
    dense, many = random_net((2, 100, 1), 0), random_net((50, 1), 0)
    layers = piecewise.relu_layers(relu.from_layers([dense.layers[0], few, many.layers[0]]))
    assert [isinstance(weight, np.ndarray) for weight, _ in layers] == [True, False, True]

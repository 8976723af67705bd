"""Every fault of a mesh is refused with the place, the value and the remedy; legal meshes pass."""

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from approxnet import fem
from approxnet.errors import MeshError, MeshWarning

SQUARE = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
HALVES = [[0, 1, 2], [1, 3, 2]]
TETRAHEDRON = [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]


def tangled():
    mesh = fem.box((4, 4))
    nodes = mesh.nodes.copy()
    nodes[12] = [0.9, 0.95]
    return nodes, mesh.cells


FAULTS = {
    "zero area": (
        [[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [1.0, 1.0]],
        [[0, 1, 3], [0, 1, 2]],
        r"cell 1 has zero area \(0\): nodes \[0, 1, 2\].*remove it or move a node",
    ),
    "duplicate node": ([*SQUARE, [1.0, 0.0]], [[0, 1, 2], [4, 3, 2]], "nodes 1 and 4 .*merge"),
    "duplicate up to rounding": (
        [*SQUARE, [1 + 2e-16, 1e-16]],
        [[0, 1, 2], [4, 3, 2]],
        "nodes 1 and 4",
    ),
    "slit": (
        [*SQUARE, [0.5, 0.5], [0.5, 0.5]],
        [[0, 1, 4], [0, 4, 2], [1, 3, 5], [2, 5, 3]],
        "nodes 4 and 5 .*no continuous function",
    ),
    "hanging node": (
        [*SQUARE, [0.5, 0.5]],
        [[0, 1, 2], [1, 3, 4], [4, 3, 2]],
        r"node 4 at \[0.5, 0.5\] of cell 1 hangs on the boundary of cell 0",
    ),
    "node inside a cell": (
        [[0.0, 0.0], [3.0, 0.0], [0.0, 3.0], [0.5, 0.5], [1.0, 0.5], [0.5, 1.0]],
        [[0, 1, 2], [3, 4, 5]],
        "overlap: node 3 .* is inside cell 0",
    ),
    "crossing sheets": (
        [[0.0, 0.0], [3.0, 0.0], [0.0, 1.0], [1.0, -1.0], [2.0, -1.0], [1.5, 3.0]],
        [[0, 1, 2], [3, 4, 5]],
        "cells 0 and 1 overlap or cross",
    ),
    "touching edges in space": (
        [*TETRAHEDRON, [0.5, 0.5, -1.0], [0.5, 0.5, 1.0], [2.0, 2.0, 0.0], [3.0, 2.0, 0.0]],
        [[0, 1, 2, 3], [4, 5, 6, 7]],
        "cells 0 and 1 overlap or cross",
    ),
    "cell listed twice": (
        SQUARE,
        [[0, 1, 2], [2, 0, 1], [1, 3, 2]],
        r"cells 0 and 1 with .* nodes \[0, 1, 2\]",
    ),
    "three cells on a facet": (
        [*SQUARE, [2.0, 2.0]],
        [[0, 1, 2], [1, 3, 2], [1, 4, 2]],
        r"at most two cells.*in cells \[0, 1, 2\]",
    ),
    "same side of a facet": (
        [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.3, 0.3]],
        [[0, 1, 2], [0, 1, 3]],
        r"cells 0 and 1 overlap: .* same side .* nodes \[0, 1\]",
    ),
    "tangled": (*tangled(), "overlap: they lie on the same side"),
    "negative index": (
        SQUARE,
        [[0, 1, -1], [1, 3, 2]],
        "from 0 to 3, got -1 in cell 0 at vertex 2",
    ),
    "index too large": (SQUARE, [[0, 1, 2], [1, 3, 4]], "got 4 in cell 1 at vertex 2"),
    "numbered from one": (SQUARE, [[1, 2, 3], [2, 4, 3]], "numbered from 1, subtract 1"),
    "fractional index": (SQUARE, [[0, 1, 2.5]], r"cells must hold integers, got \[0. +1. +2.5\]"),
    "nan index": (SQUARE, [[0, 1, np.nan]], "cells must hold integers"),
    "text": (SQUARE, [["a", "b", "c"]], "cells must hold numbers"),
    "truth values": (SQUARE, [[True, False, True]], "cells must hold numbers, got dtype bool"),
    "nan node": ([[0.0, np.nan], [1.0, 0.0], [0.0, 1.0]], [[0, 1, 2]], r"node 0 at \[0.0, nan\]"),
    "infinite node": ([[0.0, 0.0], [np.inf, 0.0], [0.0, 1.0]], [[0, 1, 2]], r"node 1 at \[inf"),
    "complex nodes": (np.array(SQUARE) * 1j, HALVES, "nodes must be real"),
    "orphan": (SQUARE, [[0, 1, 2]], r"node 3 at \[1.0, 1.0\] in none.*np.unique"),
    "no cell": (SQUARE, np.zeros((0, 3), int), "at least one cell"),
    "no node": (np.zeros((0, 2)), HALVES, r"nodes must have shape \(n, d\)"),
    "repeated vertex": (SQUARE, [[0, 1, 1], [1, 3, 2]], r"3 different nodes, got \[0, 1, 1\]"),
    "ragged": (SQUARE, [[0, 1, 2], [1, 3]], "rows of different lengths"),
    "quadrilaterals": (SQUARE, [[0, 1, 3, 2]], "cut quadrilaterals into triangles"),
    "transposed": (SQUARE, np.array(HALVES).T, "transpose it"),
    "surface": (TETRAHEDRON, [[0, 1, 2], [1, 2, 3]], "drop a coordinate"),
    "flat list of nodes": ([0.0, 1.0], [[0, 1]], r"write nodes\[:, None\]"),
    "overlap on a line": (
        [[0.0], [1.0], [2.0], [3.0]],
        [[0, 2], [1, 3]],
        "overlap: node 2 .* is inside cell 1",
    ),
    "hanging node on a line": ([[0.0], [1.0], [2.0]], [[0, 2], [0, 1]], "same side"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_refused_with_its_place(fault):
    nodes, cells, message = FAULTS[fault]
    with pytest.raises(MeshError, match=message):
        fem.from_arrays(nodes, cells)


def test_a_sliver_is_warned_of_with_its_quality():
    nodes = [[0.0, 0.0], [1.0, 0.0], [0.5, 1e-5], [0.5, 1.0]]
    with pytest.warns(MeshWarning, match=r"cell 0 is a sliver: .* 1e\+05 times"):
        fem.from_arrays(nodes, [[0, 1, 2], [0, 2, 3], [2, 1, 3]])


LEGAL = {
    "two components": ([*SQUARE, [5.0, 0.0], [6.0, 0.0], [5.0, 1.0]], [*HALVES, [4, 5, 6]]),
    "pinched at a node": ([*SQUARE, [-1.0, 0.0], [0.0, -1.0]], [*HALVES, [0, 4, 5]]),
    "integral floats": (SQUARE, np.array(HALVES, float)),
    "clockwise": (SQUARE, [[0, 2, 1], [1, 3, 2]]),
    "apart in space": (
        [*TETRAHEDRON, [0.6, 0.6, -1.0], [0.6, 0.6, 1.0], [2.0, 2.0, 0.0], [3.0, 2.0, 0.0]],
        [[0, 1, 2, 3], [4, 5, 6, 7]],
    ),
    "line in two pieces": ([[0.0], [1.0], [2.0], [3.0]], [[0, 1], [3, 2]]),
}


@pytest.mark.parametrize("case", LEGAL)
def test_a_legal_mesh_keeps_its_nodes_and_cells(case):
    nodes, cells = LEGAL[case]
    mesh = fem.from_arrays(nodes, cells)
    np.testing.assert_array_equal(mesh.nodes, nodes)
    np.testing.assert_array_equal(np.sort(mesh.cells, axis=1), np.sort(cells, axis=1))
    assert (fem.volumes(mesh) > 0).all()


@given(
    seed=st.integers(0, 10**6),
    d=st.sampled_from([1, 2, 3, 4]),
    share=st.sampled_from([0.0, 0.3, 0.7]),
    scale=st.sampled_from([1e-12, 1.0, 1e9]),
    offset=st.sampled_from([0.0, 100.0]),
)
def test_parts_of_delaunay_meshes_pass_in_any_order_and_orientation(seed, d, share, scale, offset):
    rng = np.random.default_rng(seed)
    mesh = fem.delaunay(rng.random((16, d)))
    cells = mesh.cells[rng.random(len(mesh.cells)) >= share]
    cells = rng.permuted(cells if len(cells) else mesh.cells[:1], axis=1)
    used, cells = np.unique(cells, return_inverse=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MeshWarning)
        again = fem.from_arrays(scale * (mesh.nodes[used] + offset), cells.reshape(-1, d + 1))
    assert (fem.volumes(again) > 0).all()


def refused(nodes, cells):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MeshWarning)
        try:
            fem.from_arrays(nodes, cells)
        except MeshError:
            return True
    return False


def overlap(one, two):
    """Whether two simplices have a common inner point, by a linear program."""
    d = one.shape[1]
    # Barycentric weights of both, and a margin t below all of them.
    same = np.hstack([one.T, -two.T, np.zeros((d, 1))])
    sums = np.zeros((2, 2 * d + 3))
    sums[0, : d + 1] = sums[1, d + 1 : -1] = 1
    margin = np.hstack([-np.eye(2 * d + 2), np.ones((2 * d + 2, 1))])
    result = linprog(
        [0.0] * (2 * d + 2) + [-1.0],
        A_ub=margin,
        b_ub=np.zeros(2 * d + 2),
        A_eq=np.vstack([same, sums]),
        b_eq=[0.0] * d + [1.0, 1.0],
        bounds=[(0, 1)] * (2 * d + 2) + [(None, None)],
    )
    return result.status == 0 and -result.fun > 1e-9


@pytest.mark.parametrize(("d", "shared"), [(2, 0), (2, 1), (3, 0), (3, 1), (3, 2), (4, 1), (4, 2)])
def test_two_cells_are_refused_exactly_if_they_overlap(d, shared):
    rng = np.random.default_rng(10 * d + shared)
    outcomes = []
    for _ in range(40):
        nodes = rng.random((2 * d + 2 - shared, d))
        nodes[d + 1 :] += rng.choice([0.0, 0.3])
        cells = [list(range(d + 1)), [*range(shared), *range(d + 1, 2 * d + 2 - shared)]]
        outcomes.append(refused(nodes, cells))
        assert outcomes[-1] == overlap(*nodes[np.array(cells)])
    assert len(set(outcomes)) == 2


def test_a_moved_node_is_refused_as_soon_as_a_cell_is_turned():
    mesh = fem.box((6, 6))
    rng = np.random.default_rng(0)
    inner = np.setdiff1d(np.arange(49), fem.boundary_nodes(mesh))
    outcomes = []
    for node in np.repeat(inner, 4):
        nodes = mesh.nodes.copy()
        nodes[node] += rng.normal(scale=0.12, size=2)
        corners = nodes[mesh.cells]
        legal = np.linalg.det(corners[:, 1:] - corners[:, :1]).min() > 0
        assert refused(nodes, mesh.cells) != legal
        outcomes.append(legal)
    assert len(set(outcomes)) == 2


@pytest.mark.parametrize("turns", [2.5, 0.9])
def test_a_spiral_staircase_is_refused_only_if_it_closes(turns):
    # Triangles around the origin that share facets with their neighbours only.
    angle = np.linspace(0, 2 * np.pi * turns, 40)
    nodes = np.concatenate([[[0.0, 0.0]], np.column_stack([np.cos(angle), np.sin(angle)])])
    nodes[1:] *= np.linspace(1, 2, 40)[:, None]
    cells = [[0, i, i + 1] for i in range(1, 40)]
    if turns < 1:
        fem.from_arrays(nodes, cells)
    else:
        with pytest.raises(MeshError, match="overlap"):
            fem.from_arrays(nodes, cells)


def test_sheets_that_cross_far_from_their_nodes_are_found_among_many_cells():
    base = fem.box((20, 20))
    strip = [[0.101, -0.5], [0.102, -0.5], [0.1015, 1.5]]
    nodes = np.concatenate([base.nodes, strip])
    cells = np.concatenate([base.cells, [[441, 442, 443]]])
    with pytest.raises(MeshError, match="overlap or cross"):
        fem.from_arrays(nodes, cells)


def test_the_message_of_a_permuted_fault_names_the_same_nodes():
    nodes, cells, _ = FAULTS["hanging node"]
    for order in itertools.permutations(range(3)):
        with pytest.raises(MeshError, match="node 4 "):
            fem.from_arrays(nodes, [cells[i] for i in order])

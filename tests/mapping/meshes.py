"""Meshes on which every construction is tried, and an evaluation that uses no library code."""

import numpy as np

from approxnet import fem
from approxnet.relu.layers import to_csr
from approxnet.reproduce.meshes import twelve_tetrahedra

TURN = np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])


def cut(mesh, keep):
    """The part of a mesh with the cells whose centre satisfies keep."""
    cells = mesh.cells[keep(mesh.nodes[mesh.cells].mean(axis=1))]
    used, local = np.unique(cells, return_inverse=True)
    return fem.from_arrays(mesh.nodes[used], local.reshape(cells.shape))


def move(mesh, matrix, shift=0.0):
    """The mesh with its nodes mapped by x -> matrix x + shift."""
    return fem.from_arrays(mesh.nodes @ np.asarray(matrix).T + shift, mesh.cells)


def random_points(n, seed):
    return np.random.default_rng(seed).random((n, 2))


def ring(x):
    return np.linalg.norm(x - 0.5, axis=1) > 0.25


def island(x):
    return (np.linalg.norm(x - 0.5, axis=1) > 0.3) | (np.linalg.norm(x - 0.5, axis=1) < 0.12)


def corner_hole_notch(x):
    corner = (x > 0.5).all(axis=1)
    hole = (np.abs(x - 0.25) < 0.1).all(axis=1)
    notch = (np.abs(x[:, 0] - 0.3) < 0.1) & (x[:, 1] > 0.7)
    return ~(corner | hole | notch)


def pinched(x):
    """Two squares that share one corner, and so a node with two boundary chains."""
    return (x[:, 0] < 0.5) == (x[:, 1] < 0.5)


LINES = {
    "one interval": lambda: fem.interval([-1.0, 2.0]),
    "two intervals": lambda: fem.interval([-1.0, 0.5, 2.0]),
    "uniform line": lambda: fem.interval(np.linspace(0, 1, 65)),
    "random line": lambda: fem.interval(np.sort(np.random.default_rng(0).random(50))),
    "clustered": lambda: fem.interval(np.linspace(0, 1, 40) ** 4),
    "box": lambda: fem.box((9,), -1.0, 1.0),
    "unordered nodes": lambda: fem.from_arrays([[1.0], [0.0], [0.3]], [[1, 2], [2, 0]]),
    "with a gap": lambda: fem.from_arrays([[0.0], [1.0], [1.5], [2.0]], [[0, 1], [2, 3]]),
}

LATTICES = {
    "one square": lambda: fem.box((1, 1)),
    "rectangles": lambda: fem.box((5, 3), (-1.0, 0.0), (2.0, 0.5)),
    "other diagonal": lambda: fem.box((6, 6), mirror=True),
    "turned": lambda: move(fem.box((6, 5)), TURN, 3.0),
    "equilateral": lambda: move(fem.box((6, 6), mirror=True), [[1.0, 0.5], [0.0, 0.75**0.5]]),
    "L-shape": lambda: cut(fem.box((8, 8)), lambda x: ~(x > 0.5).all(axis=1)),
    "corner, hole, notch": lambda: cut(fem.box((20, 20)), corner_hole_notch),
    "the same, turned": lambda: move(cut(fem.box((20, 20)), corner_hole_notch), TURN),
    "pinched": lambda: cut(fem.box((4, 4)), pinched),
}

PLANES = LATTICES | {
    "one triangle": lambda: fem.from_arrays([[0.0, 0.0], [1.0, 0.2], [0.3, 1.0]], [[0, 1, 2]]),
    "two triangles apart": lambda: fem.from_arrays(
        [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [3.0, 3.0], [4.0, 3.0], [3.0, 4.0]],
        [[0, 1, 2], [3, 4, 5]],
    ),
    "random": lambda: fem.delaunay(random_points(60, 1)),
    "random, many": lambda: fem.delaunay(random_points(700, 2)),
    "far from the origin": lambda: move(fem.delaunay(random_points(40, 3)), np.eye(2), 30.0),
    "flat": lambda: move(fem.delaunay(random_points(40, 4)), [[1.0, 0.0], [0.0, 0.02]]),
    "ring": lambda: cut(fem.delaunay(random_points(300, 5)), ring),
    "island in a hole": lambda: cut(fem.delaunay(random_points(500, 6)), island),
    "random corner, hole, notch": lambda: cut(
        fem.delaunay(random_points(600, 7)), corner_hole_notch
    ),
    "graded": lambda: fem.delaunay(random_points(150, 8) ** 3),
}


def random_cells(n, d, seed):
    return fem.delaunay(np.random.default_rng(seed).random((n, d)))


def bent_box():
    """A box with its inner node moved: its patches are not convex."""
    mesh = fem.box((2, 2, 2))
    nodes = mesh.nodes.copy()
    nodes[13] += [0.2, -0.1, 0.15]
    return fem.from_arrays(nodes, mesh.cells)


def bite(x):
    """All but a corner with a notch, so that boundary patches are not convex."""
    return ~((x[:, 0] > 0.5) & (x[:, 1] > 0.5) & (x[:, 2] > 0.4))


def two_boxes(x):
    """Two boxes that share an edge."""
    return (x[:, 0] < 0.5) == (x[:, 1] < 0.5)


SPACES = {
    "one tetrahedron": lambda: fem.from_arrays(np.vstack([np.zeros(3), np.eye(3)]), [[0, 1, 2, 3]]),
    "box": lambda: fem.box((2, 2, 2)),
    "bent box": bent_box,
    "random": lambda: random_cells(40, 3, 1),
    "random with a bite": lambda: cut(random_cells(40, 3, 1), bite),
    "two boxes on an edge": lambda: cut(fem.box((2, 2, 2)), two_boxes),
    "twelve tetrahedra": twelve_tetrahedra,
    "box in four dimensions": lambda: fem.box((1, 1, 2, 1)),
    "random in four dimensions": lambda: random_cells(12, 4, 0),
}


def boundary(mesh):
    """The boundary nodes, by counting the facets of the cells."""
    d = mesh.nodes.shape[1]
    facets = np.concatenate([np.delete(mesh.cells, i, axis=1) for i in range(d + 1)])
    facets, count = np.unique(np.sort(facets, axis=1), axis=0, return_counts=True)
    return np.unique(facets[count == 1])


def sample(mesh, values, n=400, seed=0):
    """Points of the mesh, its nodes among them, and the exact values there, (n, m) for (n, m)."""
    rng = np.random.default_rng(seed)
    cell = rng.integers(0, len(mesh.cells), n)
    weights = rng.dirichlet(np.full(mesh.cells.shape[1], 0.7), n)
    inside = np.einsum("nk,nki->ni", weights, mesh.nodes[mesh.cells[cell]])
    exact = np.einsum("nk,nk...->n...", weights, values[mesh.cells[cell]])
    return np.concatenate([inside, mesh.nodes]), np.concatenate([exact, values])


def by_hand(net, x):
    """(points, m), a relu network layer by layer, without JAX and its compilation."""
    features = x.T
    for i, layer in enumerate(net.layers):
        features = to_csr(layer) @ features + np.asarray(layer.bias_vector())[:, None]
        features = np.maximum(features, 0) if i < len(net.activations) else features
    return features.T


def tolerance(net, x):
    """4 eps sum_j |c_j| max m_j: what rounding may do to a sum of neurons with large parts.

    m_j = |w_j| |h| + |b_j| bounds the parts of neuron j, which is computed from three or four of
    them; the errors of the neurons, weighted with c_j, add up.
    """
    features = np.abs(x).T
    for layer in net.layers[:-1]:
        features = abs(to_csr(layer)) @ features + np.abs(np.asarray(layer.bias_vector()))[:, None]
    last = net.layers[-1]
    parts = abs(to_csr(last)) @ features.max(axis=1) + np.abs(np.asarray(last.bias_vector()))
    return 4 * np.finfo(float).eps * parts.max()

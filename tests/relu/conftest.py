"""The networks that every generic test runs on, and their values in plain NumPy."""

import numpy as np
import pytest

from approxnet import relu


def dense_matrix(layer):
    """The matrix of a layer, entry by entry."""
    if isinstance(layer, relu.Affine):
        return np.asarray(layer.weight)
    if isinstance(layer, relu.SparseAffine):
        matrix = np.zeros((layer.n_out, layer.n_in), np.asarray(layer.weight).dtype)
        for j, row in enumerate(np.asarray(layer.columns)):
            for i, column in enumerate(row):
                if column >= 0:
                    matrix[j, column] += np.asarray(layer.weight)[j, i]
        return matrix
    parts = [dense_matrix(part) for part in layer.parts]
    if isinstance(layer, relu.Stack):
        return np.concatenate(parts)
    matrix = np.zeros((sum(p.shape[0] for p in parts), sum(p.shape[1] for p in parts)))
    row = column = 0
    for part in parts:
        matrix[row : row + part.shape[0], column : column + part.shape[1]] = part
        row, column = row + part.shape[0], column + part.shape[1]
    return matrix


def bias_vector(layer):
    """The bias of a layer."""
    if isinstance(layer, relu.Stack | relu.BlockDiagonal):
        return np.concatenate([bias_vector(part) for part in layer.parts])
    return np.asarray(layer.bias)


NUMPY = {
    "relu": lambda t: np.where(t > 0, t, 0),
    "relu2": lambda t: np.where(t > 0, t * t, 0),
    "relu3": lambda t: np.where(t > 0, t * t * t, 0),
    "hat": lambda t: np.interp(t, [0.0, 1.0, 2.0], [0.0, 1.0, 0.0]),
    "heaviside": lambda t: np.where(t > 0, 1.0, 0.0),
    "tanh": np.tanh,
    "sigmoid": lambda t: 1 / (1 + np.exp(-t)),
    "identity": lambda t: t,
}


def reference(net, x):
    """The values (..., m) of a network, with its layers as matrices, in double precision."""
    h = np.asarray(x, np.float64)
    for layer, name in zip(net.layers[:-1], net.activations, strict=True):
        h = NUMPY[name](h @ dense_matrix(layer).astype(np.float64).T + bias_vector(layer))
    return h @ dense_matrix(net.layers[-1]).astype(np.float64).T + bias_vector(net.layers[-1])


def sparse(rng, n_out, k, n_in):
    """A sparse layer with some filled-up places and some columns twice in a row."""
    columns = rng.integers(-1, n_in, (n_out, k)).astype(np.int32)
    return relu.SparseAffine(columns, rng.normal(size=(n_out, k)), rng.normal(size=n_out), n_in)


def dense(rng, n_out, n_in):
    """A dense layer."""
    return relu.Affine(rng.normal(size=(n_out, n_in)), rng.normal(size=n_out))


def build(name):
    """One network of the registry, with NumPy float64 leaves."""
    rng = np.random.default_rng(sorted(NETWORKS).index(name))
    return relu.from_layers(*NETWORKS[name](rng))


NETWORKS = {
    "affine": lambda r: ([dense(r, 2, 3)],),
    "shallow on a line": lambda r: ([dense(r, 7, 1), dense(r, 1, 7)],),
    "dense": lambda r: ([dense(r, 6, 2), dense(r, 5, 6), dense(r, 3, 5)],),
    "sparse": lambda r: ([sparse(r, 6, 2, 3), sparse(r, 5, 3, 6), sparse(r, 2, 4, 5)],),
    "wide rows": lambda r: ([dense(r, 30, 2), sparse(r, 4, 21, 30), dense(r, 1, 4)],),
    "stacked": lambda r: (
        [dense(r, 6, 2), relu.Stack((sparse(r, 5, 3, 6), dense(r, 2, 6))), dense(r, 1, 7)],
    ),
    "block diagonal": lambda r: (
        [
            relu.Stack((dense(r, 3, 2), sparse(r, 4, 2, 2))),
            relu.BlockDiagonal((dense(r, 2, 3), relu.Stack((sparse(r, 3, 2, 4), dense(r, 1, 4))))),
            relu.BlockDiagonal((dense(r, 1, 2), dense(r, 1, 4))),
        ],
    ),
    "mixed activations": lambda r: (
        [dense(r, 6, 2), sparse(r, 5, 3, 6), dense(r, 4, 5), dense(r, 2, 4)],
        ["hat", "tanh", "relu2"],
    ),
}


@pytest.fixture(params=sorted(NETWORKS))
def net(request):
    """Every network of the registry, one after the other."""
    return build(request.param)


@pytest.fixture(name="reference", scope="session")
def _reference():
    """The function (net, x) -> values of the network in NumPy."""
    return reference


@pytest.fixture(name="matrix", scope="session")
def _matrix():
    """The function layer -> its matrix in NumPy."""
    return dense_matrix


@pytest.fixture(name="build", scope="session")
def _build():
    """The function name -> network of the registry."""
    return build


@pytest.fixture
def points():
    """The function (net, n) -> n points (n, d) in double precision."""
    return lambda net, n=9: np.random.default_rng(n).normal(size=(n, net.layers[0].n_in))

"""Networks in general position, degenerate ones, and nearly degenerate ones."""

import itertools
import math

import numpy as np

from approxnet import fem, mapping, relu


def random_net(shape, seed, bias=0.5):
    """He weights, biases N(0, bias^2)."""
    rng = np.random.default_rng(seed)
    return relu.from_layers(
        (rng.normal(size=(n, k)) * math.sqrt(2 / k), bias * rng.normal(size=n))
        for k, n in itertools.pairwise(shape)
    )


def integer_net(shape, seed):
    """Weights -1, 0, 1 and biases -1/2, 0, 1/2: equal, opposite and dead neurons everywhere."""
    rng = np.random.default_rng(seed)
    return relu.from_layers(
        (rng.integers(-1, 2, (n, k)) * 1.0, rng.integers(-1, 2, n) / 2)
        for k, n in itertools.pairwise(shape)
    )


def copied(net, noise=0.0):
    """The network with every neuron doubled, negated and beside a dead one, up to some noise."""
    layers, rng = [], np.random.default_rng(0)
    for i, layer in enumerate(net.layers):
        weight, bias = layer.weight, layer.bias
        if i:
            weight = np.hstack([weight, weight / 2, -weight / 4, 0 * weight])
        if i < len(net.activations):
            weight = np.vstack([weight, 2 * weight, -weight, 0 * weight])
            bias = np.concatenate([bias, 2 * bias, -bias, np.arange(len(bias)) % 3 - 1.0])
        layers.append((weight * (1 + noise * rng.normal(size=weight.shape)), bias))
    return relu.from_layers(layers)


def flat_net():
    layers = [(np.zeros((5, 2)), np.zeros(5)), (np.zeros((3, 5)), np.ones(3))]
    return relu.from_layers([*layers, (np.ones((1, 3)), np.zeros(1))])


def sawtooth(levels):
    """The hat function, composed with itself: 2^levels pieces on [0, 1]."""
    hat = [([[1.0], [1.0]], [0.0, -0.5]), ([[2.0, -4.0]], [0.0])]
    net = relu.from_layers(hat)
    for _ in range(levels - 1):
        net = relu.compose(relu.from_layers(hat), net)
    return net


def finite_element_net(mesh, seed=0):
    values = np.random.default_rng(seed).normal(size=len(mesh.nodes))
    return mapping.fem_to_relu(mesh, values)


def every_kind_of_layer():
    rng = np.random.default_rng(5)
    columns = rng.integers(-1, 6, (5, 3)).astype(np.int32)
    sparse = relu.SparseAffine(columns, rng.normal(size=(5, 3)), rng.normal(size=5), 6)

    def dense(n_out, n_in):
        return relu.Affine(rng.normal(size=(n_out, n_in)), rng.normal(size=n_out))

    blocks = relu.BlockDiagonal((dense(2, 3), dense(2, 4)))
    stack = relu.Stack((sparse, dense(2, 6)))
    return relu.from_layers([dense(6, 2), stack, blocks, dense(3, 4)], ["hat", "identity", "relu"])


GENERAL = {
    "affine": lambda: random_net((2, 3), 0),
    "line": lambda: random_net((1, 20, 1), 1),
    "deep line": lambda: random_net((1, 10, 10, 10, 2), 2),
    "plane": lambda: random_net((2, 12, 1), 3),
    "deep plane": lambda: random_net((2, 16, 16, 16, 1), 4),
    "wide plane": lambda: random_net((2, 40, 40, 2), 5),
    "narrow plane": lambda: random_net((2, 12, 1, 12, 1), 6),
    "every kind of layer": every_kind_of_layer,
    "space": lambda: random_net((3, 10, 10, 1), 7),
    "four dimensions": lambda: random_net((4, 6, 5, 1), 8),
}

DEGENERATE = {
    "zero": flat_net,
    "copies": lambda: copied(random_net((2, 8, 8, 1), 0)),
    "copies in space": lambda: copied(random_net((3, 5, 5, 1), 0)),
    "copies on a line": lambda: copied(random_net((1, 8, 8, 1), 0)),
    "through the origin": lambda: random_net((2, 24, 24, 1), 1, bias=0.0),
    "through the origin of space": lambda: random_net((3, 9, 9, 1), 1, bias=0.0),
    "through the origin of four": lambda: random_net((4, 6, 3, 1), 1, bias=0.0),
    "origin, deep": lambda: random_net((2, 12, 12, 12, 1), 2, bias=0.0),
    **{f"integers {s}": lambda s=s: integer_net((2, 16, 16, 16, 1), s) for s in range(6)},
    **{f"wide integers {s}": lambda s=s: integer_net((2, 64, 64, 1), s) for s in range(2)},
    **{f"integers in space {s}": lambda s=s: integer_net((3, 8, 8, 1), s) for s in range(4)},
    "integers in four": lambda: integer_net((4, 6, 4, 1), 0),
    "sawtooth": lambda: sawtooth(8),
    "uniform mesh": lambda: finite_element_net(fem.box((6, 6), -1.0, 1.0)),
    "random mesh": lambda: finite_element_net(
        fem.delaunay(np.random.default_rng(0).uniform(-1, 1, (12, 2)))
    ),
    "finite elements on a line": lambda: finite_element_net(fem.box((9,), -1.0, 1.0)),
}

NEARLY = {
    f"equal to {-math.log10(noise):.0f} digits": lambda noise=noise: copied(
        random_net((2, 8, 8, 1), 0), noise
    )
    for noise in (1e-15, 1e-13, 1e-12, 1e-11, 1e-10, 1e-8)
} | {
    # Found by search: the signs contradict each other.
    "flat cells": lambda: copied(random_net((2, 12, 12, 1), 89), 1e-9),
    "more flat cells": lambda: copied(random_net((2, 12, 12, 1), 1009), 1e-9),
    "flat cells in space": lambda: copied(random_net((3, 6, 6, 1), 274), 1e-10),
    "flat cells in four": lambda: copied(random_net((4, 4, 4, 1), 19), 1e-11),
}

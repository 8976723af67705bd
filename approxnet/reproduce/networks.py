"""Networks that the experiments share: random ones, and those with the most linear regions.

Hyperplanes {w_i . x + b_i = 0} are in general position if any d of them meet in one point and no
more than d in any; n of them cut space into sum_{j <= d} C(n, j) regions (Zaslavsky, Mem. AMS 154
(1975)), and so do they a box that holds all their crossings.

A layer of d p neurons folds the unit cube p times along each axis:

    tooth(t) = p relu(t) + 2 p sum_{0 < j < p} (-1)^j relu(t - j / p)

takes each of the p equal parts of [0, 1] to all of [0, 1]. Whatever follows is repeated p^d times
(Montúfar, Pascanu, Cho, Bengio, NeurIPS 2014, theorem 5).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from approxnet import relu

BIAS = 0.5
"""The standard deviation of random biases."""

CENTRE, RADIUS = 0.5, 0.4
"""Where hyperplanes cross: in a ball inside the unit cube."""

DRAWS = 100
"""Hyperplanes are drawn so often; those are taken whose crossings reach least far."""


def random(widths: Sequence[int], rng: np.random.Generator) -> relu.Network:
    """A dense network with weights N(0, 2 / n_in) and biases N(0, 1/4).

    Args:
      widths: (d, w_1, ..., w_k, m).
      rng: of weights and biases.

    Example:
      >>> relu.shape(random((2, 5, 4, 1), np.random.default_rng(0)))
      (2, 5, 4, 1)
    """
    return relu.from_layers(
        [
            (rng.normal(0, math.sqrt(2 / n_in), (n_out, n_in)), rng.normal(0, BIAS, n_out))
            for n_in, n_out in itertools.pairwise(widths)
        ]
    )


def hyperplanes(d: int, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Normals (n, d) and offsets (n,) of n hyperplanes that all cross inside the unit cube.

    Args:
      d: the dimension.
      n: how many, at least d; they are in general position with probability 1.
      rng: of normals and offsets.

    Example:
      >>> normals, offsets = hyperplanes(2, 5, np.random.default_rng(0))
      >>> normals.shape, offsets.shape
      ((5, 2), (5,))
    """
    normals, offsets = rng.normal(size=(DRAWS, n, d)), rng.normal(size=(DRAWS, n))
    normals /= np.linalg.norm(normals, axis=2, keepdims=True)
    some = np.array(list(itertools.combinations(range(n), d)))
    crossings = np.linalg.solve(normals[:, some], -offsets[:, some, None])
    reach = np.linalg.norm(crossings, axis=2).max(axis=(1, 2))
    best = reach.argmin()
    normals, offsets = normals[best], offsets[best] * RADIUS / reach[best]
    return normals, offsets - CENTRE * normals.sum(axis=1)


def folded(d: int, folds: Sequence[int], last: int, rng: np.random.Generator) -> relu.Network:
    """A network with prod_l p_l^d sum_{j <= d} C(n, j) regions in the unit cube.

    Its hidden layers have the widths (d p_1, ..., d p_k, n) and attain the lower bound of Montúfar
    et al. for them, ``relu.max_regions``; its output is the sum of the last one.

    Args:
      d: the dimension.
      folds: (k,), the folds p_1, ..., p_k per axis; () for a single layer.
      last: n, the neurons of the last hidden layer, at least d.
      rng: of their hyperplanes.

    Example:
      >>> net = folded(2, (2,), 4, np.random.default_rng(0))
      >>> relu.count_regions(net, 0.0, 1.0)  # 2^2 copies of 11 regions
      44
    """
    layers, read = [], np.eye(d)
    for p in folds:
        place, teeth = _fold(d, p)
        layers.append((place @ read, -np.tile(np.arange(p) / p, d)))
        read = teeth
    normals, offsets = hyperplanes(d, last, rng)
    return relu.from_layers([*layers, (normals @ read, offsets), (np.ones((1, last)), [0.0])])


def sawtooth(levels: int) -> relu.Network:
    """The hat function of [0, 1], composed with itself: 2^levels pieces from 2 neurons a layer.

    Args:
      levels: the number of hidden layers.

    Example:
      >>> relu.count_regions(sawtooth(5), 0.0, 1.0)
      32
    """
    place, tooth = _fold(1, 2)
    weights = [place, *[place @ tooth] * (levels - 1)]
    return relu.from_layers([*((w, [0.0, -0.5]) for w in weights), (tooth, [0.0])])


def _fold(d: int, p: int) -> tuple[np.ndarray, np.ndarray]:
    """Copies (d p, d) of the coordinates, and the teeth (d, d p) as sums of neurons."""
    tooth = 2.0 * p * (-1.0) ** np.arange(p)
    tooth[0] = p
    return np.kron(np.eye(d), np.ones((p, 1))), np.kron(np.eye(d), tooth[None])

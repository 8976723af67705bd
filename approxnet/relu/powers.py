"""Polynomials are networks of relu^k, exactly.

With t^k = relu(t)^k + (-1)^k relu(-t)^k, two neurons hold a k-th power. The k-th powers of k + 1
linear forms span all products of degree k of two numbers,

    y^(k-r) z^r = sum_i w_ri (cos(t_i) y + sin(t_i) z)^k,
    sum_i w_ri binomial(k, s) cos(t_i)^(k-s) sin(t_i)^s = [r = s],    t_i = pi i / (k + 1),    (1)

and with y = x^a and z = x^(a+1) these are the powers x^e, k a <= e <= k (a + 1). So the exponents e
of one hidden layer ask for floor(e / k) and, unless k divides e, floor(e / k) + 1 of the one before
it, until only 0 and 1 are left: L hidden layers represent each polynomial of degree at most k^L.

For |y|, |z| <= 1 the terms of (1) have a sum of moduli below k^1.5, for k = 9 it is 21; the forms
y + t z with t in [-1, 1], the Chebyshev points say, have 5 10^4.

Reference: He, Mao, Xu, "Expressivity and approximation properties of deep neural networks with
ReLU^k activation", arXiv:2312.16483.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import ArrayLike

from approxnet import _checks
from approxnet.relu.layers import Affine
from approxnet.relu.network import Network
from approxnet.relu.polynomials import checked_coefficients


def power_polynomial(coefficients: ArrayLike, k: int) -> Network:
    """The network of relu^k that is the polynomial sum_n c_n x^n, on all of R.

    Args:
      coefficients: (p+1,), c_0, ..., c_p; exponents whose coefficient is 0 cost nothing.
      k: the power, 2, ..., 9; static.

    Returns:
      a network from R to R with L hidden layers of the activation relu^k, k^L >= p > k^(L-1), with
      at most 2 (k + 1)(floor(p / k) + 1) neurons in each, and at most 2 (k + 2) for one monomial.

    Raises:
      ValueError: if coefficients is not a vector with at least one entry, or k is not in 2, ..., 9.
      NonFiniteError: if a coefficient is nan or infinite.

    Source: He, Mao, Xu (2023).

    >>> from approxnet import relu
    >>> net = power_polynomial([0.0, 0.0, 0.0, 0.0, 1.0], 2)  # x^4
    >>> relu.widths(net), net.activations, relu.evaluate(net, np.array([-3.0])).item()
    ((2, 2), ('relu2', 'relu2'), 81.0)
    """
    c, k = checked_coefficients(coefficients), _checks.count("k", k, at_least=2)
    if k > 9:
        raise ValueError(f"k must be at most 9, the largest power of an activation, got {k}")
    wanted = np.flatnonzero(c)
    exponents = [wanted]
    while exponents[0].max(initial=0) > 1:
        exponents.insert(0, np.union1d(exponents[0] // k, -(-exponents[0] // k)))
    # The power x^e is powers[e] . h + constants[e], in terms of the neurons h of the last layer.
    powers, constants, layers = np.array([[0.0], [1.0]]), np.array([1.0, 0.0]), []
    for needed in exponents[1:]:
        layer, powers, constants = _layer(powers, constants, needed, k)
        layers.append(layer)
    read = np.zeros(len(constants))
    read[: len(c)] = c[: len(read)]
    output = Affine((read @ powers)[None], np.array([read @ constants]))
    return Network((*layers, output), (f"relu{k}",) * len(layers))


def _layer(
    powers: np.ndarray, constants: np.ndarray, needed: np.ndarray, k: int
) -> tuple[Affine, np.ndarray, np.ndarray]:
    """One hidden layer for the needed exponents, and the powers in terms of it."""
    forms, terms = [], []
    for a, group in itertools.groupby(needed.tolist(), lambda e: e // k):
        remainders = [e - k * a for e in group]
        angles, weights = _angles(k) if any(remainders) else (np.zeros(1), np.ones((1, 1)))
        terms += [(k * a + r, len(forms), weights[r]) for r in remainders]
        forms += [(a, t) for t in angles]
    base = np.array([a for a, _ in forms])
    t = np.array([t for _, t in forms])
    cos, sin = np.cos(t), np.sin(t)
    above = np.minimum(base + 1, len(constants) - 1)
    rows = cos[:, None] * powers[base] + sin[:, None] * powers[above]
    bias = cos * constants[base] + sin * constants[above]
    top = int(needed.max())
    after = np.zeros((top + 1, len(forms)))
    for e, start, weight in terms:
        after[e, start : start + len(weight)] = weight
    layer = Affine(np.concatenate([rows, -rows]), np.concatenate([bias, -bias]))
    return layer, np.concatenate([after, (-1.0) ** k * after], axis=1), np.zeros(top + 1)


def _angles(k: int) -> tuple[np.ndarray, np.ndarray]:
    """The t_i, (k+1,), and the weights w of (1), (k+1, k+1)."""
    t, s = math.pi * np.arange(k + 1) / (k + 1), np.arange(k + 1)[:, None]
    binomials = np.array([[math.comb(k, int(i))] for i in s[:, 0]])
    return t, np.linalg.inv(binomials * np.cos(t) ** (k - s) * np.sin(t) ** s).T

"""Kernels k(x, z) = phi(x) . phi(z), positive semidefinite functions of two points.

A kernel maps points (n, d) and (m, d) to the matrix (n, m) of its values.

Reference: Xu, Deep Learning and Analysis, lecture notes, chapter 2 (kernel methods).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np
import scipy.spatial.distance

from approxnet import _checks
from approxnet.learn._examples import nonnegative, positive

Kernel: TypeAlias = Callable[[np.ndarray, np.ndarray], np.ndarray]


def linear() -> Kernel:
    """k(x, z) = x . z: the plane itself, no features.

    Example:
      >>> linear()(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])).tolist()
      [[11.0]]
    """
    return _linear


def polynomial(degree: int, *, scale: float = 1.0, offset: float = 1.0) -> Kernel:
    """k(x, z) = (scale x . z + offset)^degree: the monomials of at most this degree.

    Raises:
      ValueError: if the degree is less than 1, the scale not positive or the offset negative.

    Example:
      >>> polynomial(2)(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])).tolist()
      [[144.0]]
    """
    degree = _checks.count("degree", degree, at_least=1)
    scale, offset = positive("scale", scale), nonnegative("offset", offset)
    return functools.partial(_polynomial, degree=degree, scale=scale, offset=offset)


def gauss(rate: float) -> Kernel:
    """k(x, z) = exp(-rate |x - z|^2), |.| the Euclidean norm.

    Raises:
      ValueError: if the rate is not positive.

    Example:
      >>> gauss(0.5)(np.array([[0.0]]), np.array([[0.0], [2.0]])).round(4).tolist()
      [[1.0, 0.1353]]
    """
    return functools.partial(_radial, rate=positive("rate", rate), metric="sqeuclidean")


def laplace(rate: float) -> Kernel:
    """k(x, z) = exp(-rate |x - z|_1), the sum of the absolute differences.

    Raises:
      ValueError: if the rate is not positive.

    Example:
      >>> laplace(0.5)(np.array([[0.0]]), np.array([[0.0], [2.0]])).round(4).tolist()
      [[1.0, 0.3679]]
    """
    return functools.partial(_radial, rate=positive("rate", rate), metric="cityblock")


Metric: TypeAlias = Literal["sqeuclidean", "cityblock"]


def _linear(x: np.ndarray, z: np.ndarray) -> np.ndarray:
    return x @ z.T


def _polynomial(
    x: np.ndarray, z: np.ndarray, *, degree: int, scale: float, offset: float
) -> np.ndarray:
    return (scale * (x @ z.T) + offset) ** degree


def _radial(x: np.ndarray, z: np.ndarray, *, rate: float, metric: Metric) -> np.ndarray:
    return np.exp(-rate * scipy.spatial.distance.cdist(x, z, metric))

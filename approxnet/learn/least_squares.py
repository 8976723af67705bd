"""Least squares onto the unit vectors of the classes.

The weights W (k, d) and b (k,) minimise

    sum_i |W x_i + b - e_{y_i}|^2;

of several minimisers this is the one of smallest |W|^2 + |b|^2.

Reference: Xu, Deep Learning and Analysis, lecture notes, numerical results of chapter 2, where the
normal equations A^T A theta = A^T Y are written; for images A has no full rank.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from approxnet.learn._examples import examples
from approxnet.learn.linear import Linear, predict

__all__ = ["fit", "predict"]


def fit(x: Any, y: Any) -> Linear:
    """The linear classifier of least squares.

    Args:
      x: (n, d), points.
      y: (n,), labels 0, ..., k - 1.

    Raises:
      ValueError, DataError, NonFiniteError: if the examples are not as described; names the place.

    Example:
      >>> model = fit([[0.0], [1.0]], [0, 1])
      >>> model.weight.ravel().round(12).tolist(), model.bias.round(12).tolist()
      ([-1.0, 1.0], [1.0, 0.0])
    """
    given = examples(x, y)
    affine = np.column_stack([given.x, np.ones(len(given.x))])
    theta = np.linalg.lstsq(affine, given.unit, rcond=None)[0]
    return Linear(theta[:-1].T, theta[-1])

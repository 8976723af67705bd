"""Linear classifiers: x belongs to the class i with the largest w_i . x + b_i.

Reference: Xu, Deep Learning and Analysis, lecture notes, chapter 2.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from approxnet.learn._examples import queries


class Linear(NamedTuple):
    """A linear classifier.

    Fields:
      weight: (k, d), the w_i.
      bias: (k,), the b_i.

    Example:
      >>> predict(Linear(np.array([[-1.0], [1.0]]), np.zeros(2)), [[-3.0], [2.0]]).tolist()
      [0, 1]
    """

    weight: np.ndarray
    bias: np.ndarray


def scores(model: Linear, x: Any) -> np.ndarray:
    """w_i . x + b_i for each class i.

    Args:
      model: of k classes in d dimensions.
      x: (..., d), points.

    Returns:
      (..., k), float64.

    Raises:
      ValueError: if the last axis of x is not d; NonFiniteError if x is not finite.

    Example:
      >>> scores(Linear(np.array([[-1.0], [1.0]]), np.array([0.0, 4.0])), [2.0]).tolist()
      [-2.0, 6.0]
    """
    return queries(x, model.weight.shape[1]) @ model.weight.T + model.bias


def predict(model: Linear, x: Any) -> np.ndarray:
    """The class with the largest score, the first of equal ones: (..., d) -> (...) int32.

    Raises:
      ValueError: if the last axis of x is not d; NonFiniteError if x is not finite.

    Example:
      >>> predict(Linear(np.eye(2), np.zeros(2)), [[1.0, 3.0], [5.0, 4.0]]).tolist()
      [1, 0]
    """
    return scores(model, x).argmax(axis=-1).astype(np.int32)


def margin(model: Linear, x: Any, y: Any) -> float:
    """The distance of the nearest example from the boundary of its own region.

    That is the least ((w_i - w_j) . x + b_i - b_j) / |w_i - w_j| over the examples x of class i and
    the other classes j; it is negative if an example lies outside its region.

    Args:
      model: of k classes in d dimensions, with different w_i.
      x: (n, d), points.
      y: (n,), their labels.

    Example:
      >>> margin(Linear(np.array([[-1.0], [1.0]]), np.zeros(2)), [[-3.0], [2.0]], [0, 1])
      2.0
    """
    y = np.asarray(y)
    s, rows = scores(model, x), np.arange(len(y))
    lead = s[rows, y][:, None] - s
    distance = np.linalg.norm(model.weight[y][:, None] - model.weight, axis=2)
    others = np.arange(len(model.bias)) != y[:, None]
    return float((lead[others] / distance[others]).min())

"""Exact integrals of networks over a box.

On a simplex T with vertices v_0, ..., v_d, affine functions f and g have the integrals

    int_T f = |T| / (d + 1) sum_i f(v_i),
    int_T f g = |T| / ((d + 1)(d + 2)) (sum_i f(v_i) sum_i g(v_i) + sum_i f(v_i) g(v_i)),

and a network is affine on each simplex of its parted regions (``approxnet.relu.regions``). For two
networks the regions are those of both side by side. Nothing but rounding is lost.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from approxnet.errors import NetworkError
from approxnet.relu.calculus import parallel
from approxnet.relu.network import Network
from approxnet.relu.piecewise import affine_maps
from approxnet.relu.regions import activation_complex


class _Pieces(NamedTuple):
    """Volumes (s,) of simplices, values (s, d + 1, m) at their vertices, slopes (s, m, d)."""

    volumes: np.ndarray
    values: np.ndarray
    slopes: np.ndarray


def integrate(net: Network, lower: ArrayLike, upper: ArrayLike) -> np.ndarray:
    """The integral of a network over a box, exactly; host only.

    Args:
      net: a network (d, ..., m) as for ``linear_regions``.
      lower: (d,) or a number, the lower corner of the box.
      upper: (d,) or a number, the upper corner.

    Returns:
      (m,), in double precision.

    Raises:
      AssumptionError, ValueError: as ``linear_regions``.

    >>> from approxnet import relu
    >>> integrate(relu.from_layers([([[1.0]], [0.0]), ([[1.0]], [0.0])]), -1.0, 2.0).tolist()
    [2.0]
    """
    pieces = _pieces(net, lower, upper)
    return pieces.volumes @ pieces.values.mean(axis=1)


def inner_product(net: Network, other: Network, lower: ArrayLike, upper: ArrayLike) -> float:
    """The L2 inner product of two networks over a box, exactly; host only.

    Args:
      net: a network (d, ..., m) as for ``linear_regions``.
      other: a network with the same d and m, and the same activation per hidden layer.
      lower: (d,) or a number, the lower corner of the box.
      upper: (d,) or a number, the upper corner.

    Returns:
      the integral of net . other, the sum over the m outputs.

    Raises:
      NetworkError: if d, m or the activations differ.
      AssumptionError, ValueError: as ``linear_regions``.

    >>> from approxnet import relu
    >>> net = relu.from_layers([([[1.0]], [0.0]), ([[1.0]], [0.0])])
    >>> round(inner_product(net, relu.identity(1, 1), -1.0, 3.0), 12)  # int_0^3 x^2
    9.0
    """
    m, n = net.layers[-1].n_out, other.layers[-1].n_out
    if m != n:
        raise NetworkError(f"the networks must have the same number of outputs, got {m} and {n}")
    pieces = _pieces(parallel(net, other), lower, upper)
    return _product(pieces.volumes, pieces.values[..., :m], pieces.values[..., m:])


def norm_l2(net: Network, lower: ArrayLike, upper: ArrayLike) -> float:
    """The L2 norm of a network over a box, exactly; host only.

    Args:
      net: a network (d, ..., m) as for ``linear_regions``.
      lower: (d,) or a number, the lower corner of the box.
      upper: (d,) or a number, the upper corner.

    Returns:
      the root of the integral of |net|^2.

    Raises:
      AssumptionError, ValueError: as ``linear_regions``.

    >>> from approxnet import relu
    >>> round(norm_l2(relu.from_layers([([[1.0]], [0.0]), ([[1.0]], [0.0])]), -1.0, 3.0), 12)
    3.0
    """
    pieces = _pieces(net, lower, upper)
    return math.sqrt(_product(pieces.volumes, pieces.values, pieces.values))


def norm_h1(net: Network, lower: ArrayLike, upper: ArrayLike) -> float:
    """The H1 seminorm ||grad net|| of a network over a box, exactly; host only.

    The full norm is ``math.hypot(norm_l2(...), norm_h1(...))``.

    Args:
      net: a network (d, ..., m) as for ``linear_regions``.
      lower: (d,) or a number, the lower corner of the box.
      upper: (d,) or a number, the upper corner.

    Returns:
      the root of the integral of the squares of all partial derivatives.

    Raises:
      AssumptionError, ValueError: as ``linear_regions``.

    >>> from approxnet import relu
    >>> norm_h1(relu.from_layers([([[1.0]], [0.0]), ([[3.0]], [0.0])]), -1.0, 4.0)
    6.0
    """
    pieces = _pieces(net, lower, upper)
    return math.sqrt(pieces.volumes @ (pieces.slopes**2).sum(axis=(1, 2)))


def _pieces(net: Network, lower: ArrayLike, upper: ArrayLike) -> _Pieces:
    cells, layers = activation_complex(net, lower, upper)
    slopes, intercepts, _ = affine_maps(layers, cells.positive.array)
    simplices, cell = cells.simplices()
    x = cells.points.T[simplices]
    volumes = np.abs(np.linalg.det(x[:, 1:] - x[:, :1])) / math.factorial(cells.d)
    values = x @ slopes[cell].transpose(0, 2, 1) + intercepts[cell][:, None]
    return _Pieces(volumes, values, slopes[cell])


def _product(volumes: np.ndarray, f: np.ndarray, g: np.ndarray) -> float:
    """The sum over the simplices and outputs of the integrals of f g."""
    k = f.shape[1]
    sums = (f.sum(axis=1) * g.sum(axis=1)).sum(axis=1) + (f * g).sum(axis=(1, 2))
    return float(volumes @ sums / (k * (k + 1)))

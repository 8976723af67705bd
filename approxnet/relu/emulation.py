"""Functions emulated by deep ReLU networks: sawteeth, squares, products.

The sawtooth g_l = g(g_{l-1}), g_0(t) = t, g(t) = 2 min(t, 1 - t), has 2^(l-1) teeth on [0, 1]. It
is the sum of the hats of level l of the hierarchical basis, and the Yarotsky sum

    S_m(t) = t - sum_{l=1}^m 4^-l g_l(t),      0 <= S_m(t) - t^2 <= 2^(-2m-2),

is the P1 interpolant of t^2 on 2^m cells: one hidden layer is one level of the hierarchical basis.
Its error is 2^(-2m-2) exactly at the odd multiples of 2^(-m-1), and its square has the integral
2^(-4m) / 30. On [0, 1] two neurons hold a tooth, since g(t) = 2 relu(t) - 4 relu(t - 1/2), and

    relu(2 y_1 - 4 y_2),      relu(2 y_1 - 4 y_2 - 1/2)

hold the next. A third neuron carries the sum, which is shifted so that it is not negative.
Everything here is one construction: with rows u_r and matrices L and C,

    x  ->  L x + C s(|U x|) + b,      s(t) = w_0 t + sum_{l=1}^m w_l g_l(t),      |U x| <= 1.   (1)

Squares have w_l = -4^-l. Then by polarisation, for |x|, |y| <= B,

    x y = B^2 (((x + y) / 2B)^2 - ((x - y) / 2B)^2),      error at most B^2 2^(-2m-2),

two squares whose errors have opposite signs; where x = 0 or y = 0 they cancel. With three squares

    x y = 2 ((x + y) / 2)^2 - 2 (x / 2)^2 - 2 (y / 2)^2

gives the P1 interpolant of x y on the uniform mesh of [-1, 1]^2 with diagonals x + y = const.

References: Yarotsky, Neural Networks 94 (2017), 103-114; He, Li, Xu, "ReLU deep neural networks
from the hierarchical basis perspective", Comput. Math. Appl. 120 (2022), 105-114; for series of
sawteeth Daubechies, DeVore, Foucart, Hanin, Petrova, Constr. Approx. 55 (2022), 127-172.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from approxnet import _checks
from approxnet.relu.layers import Affine
from approxnet.relu.network import Network

HALVES = (1.0, -1.0)


class Form(NamedTuple):
    """The data of (1).

    Attributes:
      U: (r, d), with |U x| <= 1.
      C: (q, r).
      L: (q, d).
      b: (q,).
      reach: (d,), bounds of |x|.
    """

    U: np.ndarray
    C: np.ndarray
    L: np.ndarray
    b: np.ndarray
    reach: np.ndarray


def quadratic(U: ArrayLike, C: ArrayLike) -> Form:
    """The form x -> C s(|U x|), without a linear part."""
    rows, weights = np.array(U, float), np.array(C, float)
    q, d = len(weights), rows.shape[1]
    return Form(rows, weights, np.zeros((q, d)), np.zeros(q), np.zeros(d))


def sawtooth(levels: int) -> Network:
    """The sawtooth g_m with 2^(m-1) teeth on [0, 1], m = ``levels``.

    Args:
      levels: m, at least 1; static.

    Returns:
      a network from R to R of m hidden layers with 2 neurons each. Its weights are 1, 2, -4 and
      1/2. Outside of [0, 1] it is 0, but for m = 1 it is 2 - 2x beyond 1.

    Raises:
      ValueError: if levels < 1.

    Source: Telgarsky, COLT 2016; He, Li, Xu (2022), the recursion of width 2.

    >>> from approxnet import relu
    >>> net = sawtooth(3)
    >>> relu.widths(net), relu.evaluate(net, np.array([[0.125], [0.25], [0.3125]])).tolist()
    ((2, 2, 2), [1.0, 0.0, 0.5])
    """
    m = _checks.count("levels", levels, at_least=1)
    bias = np.array([0.0, -0.5])
    first = Affine(np.ones((2, 1)), bias)
    deeper = (m - 1) * (Affine(np.tile([2.0, -4.0], (2, 1)), bias),)
    return Network((first, *deeper, Affine(np.array([[2.0, -4.0]]), np.zeros(1))), m * ("relu",))


def sawtooth_series(coefficients: ArrayLike) -> Network:
    """The series sum_l c_l g_l on [0, 1], exactly, one hidden layer for each term.

    Self-similar functions are such series: c_l = 2^-l is Takagi's function, nowhere
    differentiable, whose partial sum of m terms has the error (2/3) 2^-m; c_l = 4^-l is x - x^2.

    Args:
      coefficients: (m,), c_1, ..., c_m.

    Returns:
      a network from R to R of the widths (2, 3, ..., 3), m hidden layers.

    Raises:
      ValueError: if coefficients is not a vector with at least one entry.
      NonFiniteError: if one is nan or infinite.

    Source: Daubechies, DeVore, Foucart, Hanin, Petrova (2022), section 6.

    >>> from approxnet import relu
    >>> takagi = sawtooth_series(0.5 ** np.arange(1, 5))
    >>> relu.widths(takagi), relu.evaluate(takagi, np.array([0.3125])).item()
    ((2, 3, 3, 3), 0.625)
    """
    c = np.asarray(coefficients, float)
    if c.ndim != 1 or c.size < 1:
        raise ValueError(f"coefficients must have shape (m,) with m >= 1, got {c.shape}")
    _checks.finite("coefficients", c)
    span = (np.minimum(c, 0.0).sum(), np.maximum(c, 0.0).sum())
    return series(quadratic([[1]], [[1]]), np.r_[0.0, c], span, signs=(1.0,))


def square(levels: int) -> Network:
    """The network S_m of x^2 on [0, 1], m = ``levels``: the P1 interpolant on 2^m cells.

    Args:
      levels: m, at least 1; static.

    Returns:
      a network from R to R of the widths (2, 3, ..., 3), m hidden layers: 3m - 1 neurons. On
      [0, 1] it is at least x^2, with an error of at most ``square_error_bound(m)``; at dyadic
      numbers with m binary places it is exact. Beyond it is affine: 0, and (3x - 1) / 2.

    Raises:
      ValueError: if levels < 1.

    Source: Yarotsky (2017), Proposition 2; He, Li, Xu (2022).

    >>> from approxnet import relu
    >>> net = square(3)
    >>> relu.widths(net), relu.evaluate(net, np.array([[0.25], [0.3125]])).tolist()
    ((2, 3, 3), [0.0625, 0.1015625])
    """
    m = _checks.count("levels", levels, at_least=1)
    return squares(quadratic([[1]], [[1]]), m, signs=(1.0,))


def square_error_bound(levels: int) -> float:
    """The largest error of ``square(levels)`` on [0, 1], 2^(-2m-2).

    Args:
      levels: m, at least 0; static.

    Raises:
      ValueError: if levels < 0.

    >>> square_error_bound(3)
    0.00390625
    """
    return math.ldexp(1.0, -2 * _checks.count("levels", levels) - 2)


def product(levels: int, bound: float = 1.0) -> Network:
    """The network of x y for |x|, |y| <= ``bound``.

    Args:
      levels: m, at least 1; static.
      bound: B, positive.

    Returns:
      a network from R^2 to R of the widths (8, 5, ..., 5), m hidden layers. Its error is at most
      ``product_error_bound(m, B)``, a bound that is attained, and 0 where x = 0 or y = 0; its
      values are at most B^2 in modulus.

    Raises:
      ValueError: if levels < 1 or bound is not positive and finite.

    Source: Yarotsky (2017), Proposition 3, with two squares in the place of three.

    >>> from approxnet import relu
    >>> net = product(4)
    >>> relu.widths(net), relu.evaluate(net, np.array([[0.5, -0.25], [0.3, 0.0]])).tolist()
    ((8, 5, 5, 5), [-0.125, 0.0])
    """
    m, B = _checks.count("levels", levels, at_least=1), _positive("bound", bound)
    h = 1 / (2 * B)
    return squares(quadratic([[h, h], [h, -h]], [[B**2, -(B**2)]]), m)


def product_error_bound(levels: int, bound: float = 1.0) -> float:
    """The largest error of ``product(levels, bound)``, B^2 2^(-2m-2).

    Args:
      levels: m, at least 0; static.
      bound: B, positive.

    Raises:
      ValueError: if levels < 0 or bound is not positive and finite.

    >>> product_error_bound(3, 2.0)
    0.015625
    """
    return _positive("bound", bound) ** 2 * square_error_bound(levels)


def interpolated_product(levels: int) -> Network:
    """The P1 interpolant of x y on a uniform mesh of [-1, 1]^2, level by level.

    The mesh has squares of the side 2^-m, m = ``levels``, cut by diagonals x + y = const, and

        (P_l - P_{l-1})(x y) = 2 4^(-l-1) (g_{l+1}(|x| / 2) + g_{l+1}(|y| / 2)
                                           - g_{l+1}(|x + y| / 2))

    are its levels in the hierarchical basis.

    Args:
      levels: m, at least 0; static.

    Returns:
      a network from R^2 to R of the widths (12, 7, ..., 7), m + 1 hidden layers, with an error of
      at most 2^(-2m-2) on [-1, 1]^2.

    Raises:
      ValueError: if levels < 0.

    Source: He, Li, Xu (2022), section 4.

    >>> from approxnet import relu
    >>> net = interpolated_product(1)
    >>> relu.widths(net), relu.evaluate(net, np.array([[0.5, -0.5], [0.25, 0.25]])).tolist()
    ((12, 7), [-0.25, 0.0])
    """
    m = _checks.count("levels", levels)
    return squares(quadratic([[0.5, 0.5], [0.5, 0], [0, 0.5]], [[2, -2, -2]]), m + 1)


def squares(form: Form, levels: int, *, signs: tuple[float, ...] = HALVES) -> Network:
    """The network x -> L x + C S_m(|U x|) + b; see ``series``."""
    weights = np.r_[1.0, -(0.25 ** np.arange(1, levels + 1))]
    return series(form, weights, (0.0, 1.0), signs=signs)


def series(
    form: Form,
    weights: np.ndarray,
    span: tuple[float, float],
    *,
    signs: tuple[float, ...] = HALVES,
) -> Network:
    """The network (1).

    Args:
      form: U, C, L and b.
      weights: (m+1,), w_0, ..., w_m with m >= 1.
      span: an interval with all partial sums of s on [0, 1].
      signs: (1, -1), or (1,) if U x >= 0.

    Returns:
      a network with m hidden layers: 2 len(signs) r neurons and one for each row of L that is not
      0, then 2r + q in each of the others.
    """
    U, C, L, b, reach = form
    q, r = C.shape
    # A sum that is carried by one neuron is at least 0 with this shift.
    shift = np.abs(L) @ reach + np.maximum(-C * span[0], -C * span[1]).clip(0).sum(axis=1)
    linear = np.flatnonzero(L.any(axis=1))
    both, k = np.concatenate([s * U for s in signs]), len(signs) * r
    first = np.concatenate([both, both, L[linear]])
    bias = np.concatenate([np.zeros(k), np.full(k, -0.5), shift[linear]])
    # |U x|, relu(|U x| - 1/2) and L x + shift in terms of the first layer.
    features = np.eye(len(first))
    t, late = (features[i * k : (i + 1) * k].reshape(-1, r, len(first)).sum(axis=0) for i in (0, 1))
    total = np.zeros((q, len(first)))
    total[linear] = features[2 * k :]
    total += weights[0] * C @ t
    missing = np.where(L.any(axis=1), 0.0, shift)
    layers = [Affine(first, bias)]
    for weight in weights[1:]:
        tooth = 2 * t - 4 * late
        total = total + weight * C @ tooth
        bias = np.concatenate([np.zeros(r), np.full(r, -0.5), missing])
        layers.append(Affine(np.concatenate([tooth, tooth, total]), bias))
        t, late, total = np.split(np.eye(2 * r + q), [r, 2 * r])
        missing = np.zeros(q)
    last = layers.pop()
    output = Affine(last.weight[2 * r :], last.bias[2 * r :] - shift + b)
    return Network((*layers, output), len(layers) * ("relu",))


def _positive(name: str, value: float) -> float:
    number = float(value)
    if not 0 < number < math.inf:
        raise ValueError(f"{name} must be positive and finite, got {value}")
    return number

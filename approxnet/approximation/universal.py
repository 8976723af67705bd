"""Universal approximation, constructively: finite differences of an activation are monomials.

If sigma is smooth near b and sigma^(k)(b) is not 0, the central difference in the weight

    x^k  ~  1 / (h^k sigma^(k)(b)) sum_{j=0}^k (-1)^(k-j) binom(k, j) sigma(b + (j - k/2) h x)

is a network with k + 1 neurons whose error is at most, for |x| <= R,

    h^2 k R^(k+2) / 24 max |sigma^(k+2)| / |sigma^(k)(b)|      (the step)
    2^k (k + 2) eps max |sigma| / (h^k |sigma^(k)(b)|)          (rounding),

the maxima over |t - b| <= k h R / 2, so that the best step is of the size eps^(1/(k+2)); where
sigma(b) = 0 the activations are as small as h and rounding costs one power of h less. As sigma is
not a polynomial every k has such a b, so that networks with one hidden layer are dense.

References: Leshno, Lin, Pinkus, Schocken, Neural Networks 6 (1993), 861-867; Pinkus, Acta Numerica
8 (1999), 143-195, section 3. The error is that of the average of sigma^(k)(b + s h x) x^k over the
centred sum s of k uniform numbers on (-1/2, 1/2), whose variance is k / 12.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike
from scipy.special import comb

from approxnet import _checks
from approxnet.errors import AssumptionError
from approxnet.relu.activations import ACTIVATIONS
from approxnet.relu.network import Network, from_layers

EQUATIONS = {"tanh": (1.0, 0.0, -1.0), "sigmoid": (0.0, 1.0, -1.0)}
"""The activations with sigma' = a + b sigma + c sigma^2: a, b, c."""

EPS = 2.0**-52
CENTRES = np.linspace(-3.0, 3.0, 121)
SAMPLES = 401


class Monomial(NamedTuple):
    """A network that approximates x^k on [-radius, radius], with its bounds.

    Attributes:
      network: one hidden layer of k + 1 neurons.
      step: h.
      centre: b.
      step_error: bound of the error in exact arithmetic.
      rounding: bound of what rounding of the activations adds.
    """

    network: Network
    step: float
    centre: float
    step_error: float
    rounding: float


def derivatives(activation: str, order: int, t: np.ndarray) -> np.ndarray:
    """The derivative of an activation at points t, any shape, in float64 on the host.

    That of a smooth one by the Taylor coefficients of its equation y' = a + b y + c y^2,

        (m + 1) y_{m+1} = a [m = 0] + b y_m + c sum_{i <= m} y_i y_{m-i},

    whose number of operations is the square of the order, while repeated differentiation doubles it
    each time. Those of piecewise polynomials end soon.

    Raises:
      ConfigError: if the activation is unknown.
      ValueError: if order < 0.

    Example:
      >>> derivatives("tanh", 3, np.array([0.0])).tolist()
      [-2.0]
    """
    _checks.one_of("activation", activation, ACTIVATIONS)
    order, t = _checks.count("order", order), np.asarray(t, np.float64)
    with jax.enable_x64(True):
        if activation not in EQUATIONS:
            flat = jnp.asarray(t.ravel())
            return np.asarray(_derivative(activation, order)(flat)).reshape(t.shape)
        y = [np.asarray(ACTIVATIONS[activation](jnp.asarray(t)))]
    a, b, c = EQUATIONS[activation]
    for m in range(order):
        square = sum(y[i] * y[m - i] for i in range(m + 1))
        y.append((a * (m == 0) + b * y[m] + c * square) / (m + 1))
    return math.factorial(order) * y[order]


@functools.cache
def _derivative(activation: str, order: int) -> Callable[[jax.Array], jax.Array]:
    """Kept, so that each is compiled once."""
    f = ACTIVATIONS[activation]
    for _ in range(order):
        f = jax.grad(f)
    return jax.jit(jax.vmap(f))


def monomial(
    degree: int, activation: str = "tanh", *, step: float | None = None, radius: float = 1.0
) -> Monomial:
    """The network of a central difference that approximates x^degree.

    Args:
      degree: k >= 1.
      activation: a smooth one, such as tanh or sigmoid.
      step: h; None for the one that minimises the sum of the two bounds.
      radius: R, the network is used for |x| <= R.

    Returns:
      Monomial with the network from R to R and the bounds of its errors in float64.

    Raises:
      ConfigError: if the activation is unknown.
      AssumptionError: if its derivative of this order vanishes where it was looked for: a piecewise
        polynomial must be smoothed first.
      ValueError: if degree < 1, or step or radius is not positive.

    Example:
      >>> cube = monomial(3)
      >>> cube.network.layers[0].n_out, cube.step_error + cube.rounding < 1e-5
      (4, True)
    """
    k = _checks.count("degree", degree, at_least=1)
    for name, value in (("radius", radius), ("step", step)):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be positive, got {value}")
    slopes = derivatives(activation, k, CENTRES)
    best = int(np.argmax(np.abs(slopes)))
    b, slope = float(CENTRES[best]), float(slopes[best])
    if not abs(slope) > 1e-8:
        raise AssumptionError(
            f"activation must have a derivative of order {k} that is not 0, got {activation!r} "
            f"with {slope}; smooth it, or choose tanh"
        )
    bounds = functools.partial(_bounds, activation, k, b, radius)
    if step is None:
        trials = np.exp(np.linspace(math.log(1e-8), math.log(2 / (k * radius)), 200))
        step = float(trials[np.argmin(np.sum(bounds(trials), axis=0))])
    j = np.arange(k + 1)
    weight = (j - k / 2) * step
    outer = (-1.0) ** (k - j) * comb(k, j) / (step**k * slope)
    hidden = (weight[:, None], np.full(k + 1, b))
    net = from_layers([hidden, (outer[None, :], np.zeros(1))], [activation])
    step_error, rounding = bounds(np.array([step]))
    return Monomial(net, step, b, float(step_error[0]), float(rounding[0]))


def _bounds(
    activation: str, k: int, b: float, radius: float, h: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The two bounds of the module's head for steps h (n,), each (n,)."""
    t = b + k * h[:, None] * radius / 2 * np.linspace(-1, 1, SAMPLES)
    bend = np.abs(derivatives(activation, k + 2, t)).max(axis=1)
    size = np.abs(derivatives(activation, 0, t)).max(axis=1)
    slope = abs(float(derivatives(activation, k, np.array(b))))
    step_error = h**2 * k * radius ** (k + 2) / 24 * bend / slope
    return step_error, 2**k * (k + 2) * EPS * size / (h**k * slope)


def polynomial(
    coefficients: ArrayLike,
    activation: str = "tanh",
    *,
    step: float | None = None,
    radius: float = 1.0,
) -> tuple[Network, float]:
    """The network sum_k c_k x^k of the monomials' networks, with the bound of its error.

    Args:
      coefficients: (n + 1,), c_0, ..., c_n; c_0 is the bias of the output.
      activation: a smooth one.
      step: h for every monomial; None for the best one of each.
      radius: R.

    Returns:
      a network with one hidden layer of at most (n + 1)(n + 2) / 2 - 1 neurons, and the sum of
      |c_k| times the bounds of the monomials.

    Raises:
      ValueError: if coefficients are not (n + 1,) with n >= 1, or as ``monomial``.
      NonFiniteError: if a coefficient is nan or infinite.
      AssumptionError: as ``monomial``.

    Example:
      >>> net, bound = polynomial([1.0, 0.0, -0.5])  # of cos x
      >>> net.layers[0].n_out, bound < 1e-7
      (3, True)
    """
    c = np.asarray(coefficients, np.float64)
    _checks.finite("coefficients", c)
    used = np.flatnonzero(c[1:]) + 1 if c.ndim == 1 else np.array([], int)
    if not used.size:
        raise ValueError(
            f"coefficients must be (n + 1,) with one of positive degree that is not 0, got {c}"
        )
    parts = [monomial(int(k), activation, step=step, radius=radius) for k in used]
    layers = [part.network.layers for part in parts]
    weight = np.concatenate([hidden.dense() for hidden, _ in layers])
    bias = np.concatenate([hidden.bias_vector() for hidden, _ in layers])
    outer = np.concatenate(
        [c[k] * out.dense() for k, (_, out) in zip(used, layers, strict=True)], axis=1
    )
    net = from_layers([(weight, bias), (outer, c[:1])], [activation])
    bound = sum(abs(c[k]) * (p.step_error + p.rounding) for k, p in zip(used, parts, strict=True))
    return net, float(bound)

"""Quadrature for functions with kinks.

A kink inside a cell of size h changes an integral of a product of slopes by up to 0.02 h^2 times
the jump, with two Gauss points; rules of q points in the plane have up to about 0.1 / q. In the
distance from a target this does not matter, as the integrand is small where the error is. In the
energy of an equation it does: its minimum over networks is below that of the solution, and once the
square of the error is no larger than that, a greedy algorithm finds such networks, with kinks
between the points and huge coefficients: the error rises with n. The remedies are more points, or
cells that end at the kinks (``exact_rule``).
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from approxnet import quadrature
from approxnet.shallow.atoms import Dictionary


def default_rule(key: jax.Array, d: Dictionary) -> quadrature.Rule:
    """Between the kinks on a line, 60^2 Gauss quadruples in the plane, 2^15 Sobol points else.

    Example:
      >>> from approxnet.shallow.atoms import dictionary
      >>> len(default_rule(jax.random.key(0), dictionary(0.0, (1.0, 1.0, 1.0))).weights)
      32768
    """
    dim = len(d.lower)
    if dim == 1:
        return quadrature.box(1024, 3, d.lower, d.upper) if d.fresh else exact_rule(d)
    if dim == 2:
        return quadrature.box((60, 60), 3, d.lower, d.upper)
    return quadrature.sobol(key, 2**15, d.lower, d.upper)


def exact_rule(d: Dictionary, degree: int = 3) -> quadrature.Rule:
    """Gauss points between neighbouring kinks of a dictionary on a line.

    It is exact for integrands that are polynomials of the degree between kinks: 2 k for products of
    relu^k, as long as the search does not move the kinks (``refine=False``).

    Args:
      d: a dictionary on a line that is not fresh; with the extension e = 1/2 the kinks of both
        directions coincide if 3 divides the number of offsets.
      degree: static.

    Returns:
      Rule with (cells (degree // 2 + 1), 1) points.

    Raises:
      ValueError: if the dictionary is fresh or not on a line.

    Example:
      >>> from approxnet.shallow.atoms import dictionary
      >>> len(exact_rule(dictionary(0.0, 1.0, offsets=96)).weights)  # 64 cells
      128
    """
    if d.fresh or len(d.lower) != 1:
        raise ValueError(
            f"dictionary must be on a line and not fresh, got dimension {len(d.lower)} and fresh = "
            f"{d.fresh}; take quadrature.box"
        )
    ends = _kinks(d)
    rule = quadrature.on_simplices(
        quadrature.simplex(1, degree), np.stack([ends[:-1], ends[1:]], axis=1)[..., None]
    )
    return quadrature.Rule(rule.points.reshape(-1, 1), rule.weights.ravel())


def _kinks(d: Dictionary) -> np.ndarray:
    """The kinks in the box and its ends, sorted; of those that differ by rounding, one."""
    w, low, high = (np.asarray(a, np.float64) for a in (d.directions[:, 0], d.lower, d.upper))
    reach = abs(w) * (high - low)
    step = (1 + float(d.extension)) * reach / d.offsets
    last = np.where(w > 0, -w * high, -w * low)
    i: Any = np.arange(1, d.offsets + 1)
    kinks = -(last[:, None] + step[:, None] * i) / w[:, None]
    inside = kinks[(kinks > low) & (kinks < high)]
    ends = np.sort(np.concatenate([low, high, inside]))
    apart = np.append(np.diff(ends) > 1e-9 * (high - low), True)
    return ends[apart]

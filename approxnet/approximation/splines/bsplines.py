"""B-splines of any degree k, and the splines on given knots that they span.

On knots t_0 <= ... <= t_{n+k} the B-splines of degree k are

    B_{i,0} = 1 on [t_i, t_{i+1}),    B_{i,k} = w_{i,k} B_{i,k-1} + (1 - w_{i+1,k}) B_{i+1,k-1},

w_{i,k}(x) = (x - t_i) / (t_{i+k} - t_i), and a spline is sum_i c_i B_{i,k} on [t_k, t_n]. Only the
k + 1 of them that do not vanish at x are computed. Breakpoints are the distinct knots; the ends are
repeated k + 1 times, so that m intervals carry m + k coefficients.

Reference: de Boor, A Practical Guide to Splines (2001), chapters IX and XIV.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from approxnet import _checks
from approxnet.approximation.polynomials.families import floating
from approxnet.approximation.polynomials.interpolation import root_weights, solve_least_squares
from approxnet.fem.assembly import sample


@functools.partial(
    jax.tree_util.register_dataclass, data_fields=["knots", "coefficients"], meta_fields=["degree"]
)
@dataclasses.dataclass(frozen=True, eq=False)
class Spline:
    """A spline, a pytree; as a function of points it is ``evaluate``.

    Attributes:
      knots: (n + degree + 1,), ascending.
      coefficients: (n,), of the B-splines.
      degree: static.

    Example:
      >>> import numpy as np
      >>> hat = Spline(np.array([0.0, 0.0, 1.0, 2.0, 2.0]), np.array([0.0, 1.0, 0.0]), 1)
      >>> hat(np.array([[0.5], [1.5], [3.0]])).tolist()
      [0.5, 0.5, nan]
    """

    knots: Any
    coefficients: Any
    degree: int

    def __call__(self, x: Any) -> jax.Array:
        """The values at points."""
        return evaluate(self, x)


def clamped(breakpoints: Any, degree: int, xp: Any = np) -> Any:
    """The knots of breakpoints (m + 1,): the ends are repeated degree + 1 times.

    Example:
      >>> clamped(np.array([0.0, 0.5, 1.0]), 1).tolist()
      [0.0, 0.0, 0.5, 1.0, 1.0]
    """
    return xp.concatenate([breakpoints[:1]] * degree + [breakpoints] + [breakpoints[-1:]] * degree)


def _local(knots: Any, x: Any, degree: int, xp: Any) -> tuple[Any, Any]:
    """The index of the first B-spline that counts at x (p,), and the values (p, degree + 1)."""
    n = len(knots) - degree - 1
    cell = xp.clip(xp.searchsorted(knots, x, side="right") - 1, degree, n - 1)
    values = [xp.ones_like(x)]
    for k in range(1, degree + 1):
        terms = [xp.zeros_like(x)] * (k + 1)
        for j in range(k):
            left, right = knots[cell - k + 1 + j], knots[cell + 1 + j]
            share = values[j] / (right - left)
            terms[j] = terms[j] + (right - x) * share
            terms[j + 1] = terms[j + 1] + (x - left) * share
        values = terms
    return cell - degree, xp.stack(values, axis=-1)


def evaluate(s: Spline, x: Any) -> jax.Array:
    """The values of a spline; pure JAX, to be jitted, vmapped and differentiated, in knots too.

    Args:
      s: the spline.
      x: (..., 1), points.

    Returns:
      (...), in the dtype of x; nan outside of the knots.

    Raises:
      ValueError: if the last axis of x is not 1.

    Example:
      >>> import numpy as np
      >>> s = interpolate(lambda x: x[..., 0] ** 3, np.linspace(0, 1, 4), degree=3)
      >>> evaluate(s, np.array([[0.5]])).round(6).tolist()
      [0.125]
    """
    _checks.points("x", x, 1)
    return _evaluate(s, floating(x)[..., 0])


@jax.jit
def _evaluate(s: Spline, x: jax.Array) -> jax.Array:
    knots, c = jnp.asarray(s.knots, x.dtype), jnp.asarray(s.coefficients, x.dtype)
    first, values = _local(knots, x.ravel(), s.degree, jnp)
    place = first[:, None] + jnp.arange(s.degree + 1, dtype=first.dtype)[None, :]
    inside = (knots[s.degree] <= x) & (x <= knots[-s.degree - 1])
    return jnp.where(inside, (values * c[place]).sum(axis=1).reshape(x.shape), jnp.nan)


def basis(knots: Any, x: Any, *, degree: int) -> np.ndarray:
    """The values of all B-splines at points, on the host in float64.

    Args:
      knots: (n + degree + 1,), ascending.
      x: (p, 1), points between the knots.
      degree: k >= 0.

    Returns:
      (p, n), non-negative, with rows that sum to 1.

    Raises:
      ValueError: if the knots do not ascend or a point lies outside.

    Example:
      >>> basis([0.0, 0.0, 1.0, 2.0, 2.0], [[0.5], [2.0]], degree=1).tolist()
      [[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]
    """
    degree = _checks.count("degree", degree)
    _checks.points("x", x, 1)
    t, y = np.asarray(knots, np.float64), np.asarray(x, np.float64)[..., 0].ravel()
    n = len(t) - degree - 1
    if n <= degree or np.any(np.diff(t) < 0) or np.any(t[degree + 1 : n + 1] <= t[: n - degree]):
        raise ValueError(
            f"knots must ascend, at least {2 * degree + 2} of them and none more than "
            f"{degree + 1} times, got {t}"
        )
    bad = np.flatnonzero(~((t[degree] <= y) & (y <= t[n])))
    if bad.size:
        raise ValueError(f"x must lie in [{t[degree]}, {t[n]}], got {y[bad[0]]} at {bad[0]}")
    first, values = _local(t, y, degree, np)
    matrix = np.zeros((len(y), n))
    np.put_along_axis(matrix, first[:, None] + np.arange(degree + 1), values, axis=1)
    return matrix


def _breaks(breakpoints: Any, degree: int) -> tuple[np.ndarray, int]:
    b = np.asarray(breakpoints, np.float64)
    _checks.finite("breakpoints", b)
    if b.ndim != 1 or len(b) < 2 or np.any(np.diff(b) <= 0):
        raise ValueError(f"breakpoints must ascend, two or more, got {b}")
    return b, _checks.count("degree", degree)


def interpolate(f: Callable[[Any], Any], breakpoints: Any, *, degree: int = 3) -> Spline:
    """The spline that meets a function at the Greville points (t_{i+1} + ... + t_{i+k}) / k.

    These are the nodes for degree 1, and the midpoints of the intervals for degree 0.

    Args:
      f: a function, (..., 1) -> (...).
      breakpoints: (m + 1,), ascending.
      degree: k >= 0.

    Raises:
      ValueError: if the breakpoints do not ascend or f has a wrong shape.

    Example:
      >>> import numpy as np
      >>> interpolate(lambda x: x[..., 0] ** 2, [0.0, 1.0, 3.0], degree=1).coefficients.tolist()
      [0.0, 1.0, 9.0]
    """
    b, degree = _breaks(breakpoints, degree)
    t = clamped(b, degree)
    windows = np.lib.stride_tricks.sliding_window_view(t[1:-1] if degree else t, degree or 2)
    x = np.clip(windows.mean(axis=1), b[0], b[-1])[:, None]
    return Spline(t, np.linalg.solve(basis(t, x, degree=degree), sample(f, x)), degree)


def least_squares(
    x: Any, y: Any, breakpoints: Any, *, degree: int = 3, weights: Any = None
) -> Spline:
    """The spline on given breakpoints that is nearest to data, sum_i w_i (y_i - s(x_i))^2 = min.

    Args:
      x: (p, 1), points between the breakpoints.
      y: (p,), values.
      breakpoints: (m + 1,), ascending.
      degree: k >= 0.
      weights: (p,), the w_i > 0; 1 by default.

    Raises:
      ValueError: if a shape is wrong, a point lies outside or a weight is not positive.
      SingularSystemError: if the points do not determine the spline.

    Example:
      >>> import numpy as np
      >>> x = np.linspace(0, 1, 9)[:, None]
      >>> least_squares(x, x[:, 0], [0.0, 0.5, 1.0], degree=1).coefficients.round(12).tolist()
      [0.0, 0.5, 1.0]
    """
    b, degree = _breaks(breakpoints, degree)
    _checks.finite("y", y)
    y = np.asarray(y, np.float64)
    t = clamped(b, degree)
    A = basis(t, x, degree=degree)
    if y.shape != A.shape[:1]:
        raise ValueError(f"y must have shape {A.shape[:1]}, one per point, got {y.shape}")
    root = root_weights(weights, len(y))
    return Spline(t, solve_least_squares(root[:, None] * A, root * y), degree)

"""Smoothers: iterations x <- x + B (b - A x) that damp the error of high frequency.

A smoother is a function (A, b, x) -> x of an ``Operator`` and two grid functions. With D the
diagonal of A:

    jacobi(omega)      B = omega D^-1
    red_black(omega)   Gauss-Seidel over the nodes of even, then of odd parity, over-relaxed
    chebyshev(k)       k steps of the Chebyshev iteration for the spectrum [lower, upper] of D^-1 A
    course_kernel()    two steps of jacobi(1/2), the kernel [1 6 1] h/16 for [-1 2 -1]/h and
                       [0 1 0; 1 12 1; 0 1 0]/64 for [0 -1 0; -1 4 -1; 0 -1 0]

The coarse nodes are among those of even parity, which are relaxed first: in one dimension this
makes a cycle a direct solver.

References: Trottenberg, Oosterlee, Schueller, Multigrid (2001), sections 2.1 and 4.3. Adams,
Brezina, Hu, Tuminaro, J. Comput. Phys. 188 (2003), for Chebyshev. He, Xu, MgNet, Sci. China Math.
62 (2019), section 5, for the course's kernel.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from approxnet import _checks
from approxnet.multigrid import axes
from approxnet.multigrid.operators import Operator

Smoother = Callable[[Operator, Any, Any], jax.Array]


@functools.cache  # equal arguments give the same function, so that jit does not trace it again
def jacobi(omega: float = 0.8) -> Smoother:
    """Damped Jacobi relaxation; omega = 4/5 is the best damping for the 5-point stencil.

    A smoother of your own is a function like the one that this factory returns:

      >>> def jacobi_by_hand(A, b, x):
      ...     return x + 0.8 * (b - A(x)) / A.diagonal

    Args:
      omega: the damping, between 0 and 2.

    Raises:
      ValueError: if omega is not between 0 and 2.

    Example:
      >>> import numpy as np
      >>> from approxnet import multigrid
      >>> A = multigrid.hierarchy(3).operators[0]
      >>> smoother = multigrid.jacobi(omega=0.5)
      >>> smoother(A, np.full(3, 32.0, np.float32), np.zeros(3, np.float32)).tolist()
      [0.5, 0.5, 0.5]
    """
    _check_relaxation(omega)

    def smooth(A: Operator, b: Any, x: Any) -> jax.Array:
        return x + omega * _scaled_residual(A, b, x)

    return smooth


@functools.cache
def red_black(omega: float = 1.0, *, reverse: bool = False) -> Smoother:
    """Red-black Gauss-Seidel with over-relaxation, for stencils that couple nearest neighbours.

    For the 5-point stencil omega = 1.15 costs nothing and makes V(1,1) 2.7 times better.

    Args:
      omega: the relaxation, between 0 and 2.
      reverse: odd parity first, the adjoint of the smoother, for symmetric preconditioners.

    Returns:
      A smoother; it raises a ValueError for an operator whose nodes of one parity are coupled.

    Raises:
      ValueError: if omega is not between 0 and 2.

    Example:
      >>> import numpy as np
      >>> from approxnet import multigrid
      >>> A = multigrid.hierarchy(3).operators[0]
      >>> b = np.full(3, 32.0, np.float32)
      >>> multigrid.red_black()(A, b, np.zeros(3, np.float32)).tolist()
      [1.5, 1.0, 1.5]
    """
    _check_relaxation(omega)

    def smooth(A: Operator, b: Any, x: Any) -> jax.Array:
        _check_two_colours(A, x.shape)
        even = axes.parity(x.shape, A.boundary) % 2 == 0
        for colour in (~even, even) if reverse else (even, ~even):
            x = jnp.where(colour, x + omega * _scaled_residual(A, b, x), x)
        return x

    return smooth


@functools.cache
def chebyshev(degree: int = 2, *, lower: float | None = None, upper: float = 2.0) -> Smoother:
    """The polynomial in D^-1 A that is smallest on [lower, upper] among those with value 1 at 0.

    Args:
      degree: the number of applications of A.
      lower: where the high frequencies begin; 1/d by default, as for constant coefficients.
      upper: a bound of the spectrum; 2 by default, which holds if A has no positive entries off
        the diagonal and no negative row sums.

    Raises:
      ValueError: if degree < 1 or lower < upper, both positive, does not hold.

    Example:
      >>> import numpy as np
      >>> from approxnet import multigrid
      >>> A = multigrid.hierarchy(1).operators[0]
      >>> b, x = np.array([8.0], np.float32), np.zeros(1, np.float32)
      >>> multigrid.chebyshev(1, lower=0.5, upper=1.5)(A, b, x).tolist()
      [1.0]
    """
    degree = _checks.count("degree", degree, at_least=1)
    if not 0 < (upper / 2 if lower is None else lower) < upper < float("inf"):
        raise ValueError(f"0 < lower < upper must hold, got lower={lower} and upper={upper}")

    def smooth(A: Operator, b: Any, x: Any) -> jax.Array:
        low = 1 / x.ndim if lower is None else lower
        centre, radius = (upper + low) / 2, (upper - low) / 2
        step = _scaled_residual(A, b, x) / centre
        x, rho = x + step, radius / centre
        for _ in range(degree - 1):
            following = 1 / (2 * centre / radius - rho)
            step = following * (rho * step + 2 / radius * _scaled_residual(A, b, x))
            x, rho = x + step, following
        return x

    return smooth


@functools.cache
def course_kernel() -> Smoother:
    """The smoother of the course: one kernel that makes two Jacobi steps with omega = 1/2.

    Example:
      >>> import numpy as np
      >>> from approxnet import multigrid
      >>> A = multigrid.hierarchy(3).operators[0]  # h = 1/4 and A = [-1 2 -1]/h^2
      >>> b = np.array([0.0, 256.0, 0.0], np.float32)
      >>> multigrid.course_kernel()(A, b, np.zeros(3, np.float32)).tolist()
      [1.0, 6.0, 1.0]
    """

    def smooth(A: Operator, b: Any, x: Any) -> jax.Array:
        scaled = _scaled_residual(A, b, x)
        return x + scaled - A(scaled) / (4 * _diagonal(A, x))

    return smooth


def _scaled_residual(A: Operator, b: Any, x: Any) -> jax.Array:
    """D^-1 (b - A x)."""
    return (b - A(x)) / _diagonal(A, x)


def _diagonal(A: Operator, x: Any) -> jax.Array:
    return jnp.asarray(A.diagonal, x.dtype)


def _check_relaxation(omega: float) -> None:
    if not 0 < omega < 2:
        raise ValueError(f"omega must be between 0 and 2, got {omega}")


def _check_two_colours(A: Operator, shape: tuple[int, ...]) -> None:
    if not A.is_star:
        raise ValueError(
            f"red_black must have an operator that couples nearest neighbours only, got a stencil "
            f"of {len(A.offsets)} points; use chebyshev or jacobi, or coarse='rediscretised'"
        )
    for axis, (n, name) in enumerate(zip(shape, A.boundary, strict=True)):
        if axes.ENDS[name].ghost == "wrap" and n % 2:
            raise ValueError(
                f"red_black must have an even number of nodes on a periodic axis, got {n} on axis "
                f"{axis}; use chebyshev or jacobi"
            )

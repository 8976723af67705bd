"""Transfers between a grid and the grid of every second node.

P is the embedding of coarse finite element functions: a fine node is a coarse node or the midpoint
of coarse ones. With e in {0, 1}^d the odd coordinates of a fine node that follows the coarse node
i, its value is

    bilinear        the mean of u_{i+c} over all c <= e      (d-linear elements),
    linear element  the mean of u_i and u_{i+e}              (linear elements on Kuhn's simplices),
    course element  the mean of u_{i+e'} and u_{i+e-e'}      (their mirror image in the first axis),

where e' is e with zeros but for the first axis.

R is the adjoint of P in the inner products with weights M_l 2^(d l), so that

    R = 2^-d M_c^-1 P^T M.

For d = 2 its kernels, with the first index of the array downwards, are [1 2 1; 2 4 2; 1 2 1]/16
(full weighting), [1 1 0; 1 2 1; 0 1 1]/8 and [0 1 1; 1 2 1; 1 1 0]/8. The last is Lemma 1 of He and
Xu, the kernel of the course; both linear elements give R A P = A for the 5-point stencil.

Reference: He, Xu, MgNet, Sci. China Math. 62 (2019), Lemma 1.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from approxnet import _checks
from approxnet.multigrid import axes

Corners = Callable[[tuple[int, ...]], list[tuple[int, ...]]]


class Transfer(NamedTuple):
    """A prolongation and a restriction, functions of a grid function and the boundary per axis.

    Example:
      >>> import jax.numpy as jnp
      >>> from approxnet import multigrid
      >>> multigrid.bilinear.prolong(jnp.array([1.0, 3.0]), ("dirichlet",)).tolist()
      [0.5, 1.0, 2.0, 3.0, 1.5]
    """

    prolong: Callable[[Any, tuple[str, ...]], jax.Array]
    restrict: Callable[[Any, tuple[str, ...]], jax.Array]


def _box(e: tuple[int, ...]) -> list[tuple[int, ...]]:
    return list(itertools.product(*(range(k + 1) for k in e)))


def _edge(e: tuple[int, ...]) -> list[tuple[int, ...]]:
    return sorted({len(e) * (0,), e})


def _mirrored_edge(e: tuple[int, ...]) -> list[tuple[int, ...]]:
    return sorted({(e[0], *(0 for _ in e[1:])), (0, *e[1:])})


def _prolong(corners: Corners, x: Any, boundary: tuple[str, ...]) -> jax.Array:
    """The means over corners, interleaved along every axis."""
    d = len(boundary)
    ends = [axes.ENDS[name] for name in boundary]
    ghost, cells = axes.extend(x, boundary), [m + 1 for m in x.shape]
    parts = []
    for e in itertools.product((0, 1), repeat=d):
        terms = [axes.window(ghost, [k - 1 for k in c], cells) for c in corners(e)]
        parts.append(sum(terms[1:], start=terms[0]) / len(terms))
    order = [k for axis in range(d) for k in (d + axis, axis)]
    fine = jnp.stack(parts).reshape(*d * (2,), *cells).transpose(order)
    fine = fine.reshape([2 * m for m in cells])
    starts = [2 - end.start for end in ends]
    stops = [s + 2 * m + end.extra for s, m, end in zip(starts, x.shape, ends, strict=True)]
    return fine[tuple(map(slice, starts, stops))]


def _restrict(corners: Corners, r: Any, boundary: tuple[str, ...]) -> jax.Array:
    """The sum over the fine nodes whose means a coarse node enters, with the weights M."""
    coarse = _coarse_shape(r.shape, boundary)
    starts = [axes.ENDS[name].start for name in boundary]
    ghost = axes.extend(r * _weights(r.shape, boundary, r.dtype), boundary, adjoint=True)
    total = jnp.zeros(coarse, r.dtype)
    for e in itertools.product((0, 1), repeat=len(boundary)):
        for c in corners(e):
            offset = [s + k - 2 * i for s, k, i in zip(starts, e, c, strict=True)]
            total = total + axes.window(ghost, offset, coarse, 2) / len(corners(e))
    return total / (2 ** len(boundary) * _weights(coarse, boundary, r.dtype))


def _weights(shape: Sequence[int], boundary: Sequence[str], dtype: Any) -> jax.Array:
    return jnp.asarray(axes.weights(shape, boundary), dtype)


def _coarse_shape(shape: Sequence[int], boundary: Sequence[str]) -> tuple[int, ...]:
    coarse = axes.coarsen(shape, boundary)
    if coarse is None:
        raise ValueError(
            f"r must have an even number of intervals and a coarse grid on every axis, got shape "
            f"{tuple(shape)} with {tuple(boundary)} ends"
        )
    return coarse


bilinear = Transfer(functools.partial(_prolong, _box), functools.partial(_restrict, _box))
linear_element = Transfer(functools.partial(_prolong, _edge), functools.partial(_restrict, _edge))
course_element = Transfer(
    functools.partial(_prolong, _mirrored_edge), functools.partial(_restrict, _mirrored_edge)
)
TRANSFERS = {
    "bilinear": bilinear,
    "linear_element": linear_element,
    "course_element": course_element,
}


def prolong(
    x: Any, *, boundary: str | Sequence[str] = "dirichlet", element: str = "bilinear"
) -> jax.Array:
    """The coarse function on the fine grid, P x.

    Args:
      x: (m_1, ..., m_d), nodal values on the coarse grid.
      boundary: dirichlet, neumann or periodic, for all axes or one per axis; static.
      element: bilinear, linear_element or course_element; static.

    Returns:
      Nodal values on the grid with 2 m + 1 (Dirichlet), 2 m - 1 (Neumann) or 2 m (periodic)
      unknowns per axis.

    Raises:
      ConfigError: if boundary or element is not known.
      ValueError: if an axis has too few unknowns.

    Example:
      >>> import jax.numpy as jnp
      >>> from approxnet import multigrid
      >>> multigrid.prolong(jnp.array([1.0, 3.0]), boundary="neumann").tolist()
      [1.0, 2.0, 3.0]
    """
    x = _grid_function("x", x)
    ends = axes.boundary(boundary, x.shape)
    return TRANSFERS[_checks.one_of("element", element, TRANSFERS)].prolong(x, ends)


def restrict(
    r: Any, *, boundary: str | Sequence[str] = "dirichlet", element: str = "bilinear"
) -> jax.Array:
    """The weighted means of a fine function at the coarse nodes, R r = 2^-d M_c^-1 P^T M r.

    Args:
      r: (n_1, ..., n_d), nodal values on the fine grid.
      boundary: dirichlet, neumann or periodic, for all axes or one per axis; static.
      element: bilinear, linear_element or course_element; static.

    Returns:
      Nodal values on the coarse grid.

    Raises:
      ConfigError: if boundary or element is not known.
      ValueError: if an axis has an odd number of intervals, or too few.

    Example:
      >>> import jax.numpy as jnp
      >>> from approxnet import multigrid
      >>> multigrid.restrict(jnp.array([0.0, 4.0, 2.0])).tolist()
      [2.5]
    """
    r = _grid_function("r", r)
    ends = axes.boundary(boundary, r.shape)
    return TRANSFERS[_checks.one_of("element", element, TRANSFERS)].restrict(r, ends)


def _grid_function(name: str, x: Any) -> jax.Array:
    x = jnp.asarray(x)
    if not (x.ndim and jnp.issubdtype(x.dtype, jnp.floating)):
        raise ValueError(
            f"{name} must be a floating-point array with one axis per dimension, got {x.dtype} of "
            f"shape {x.shape}"
        )
    return x

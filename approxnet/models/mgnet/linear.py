"""A multigrid hierarchy as a linear MgNet (theorem 1 of He and Xu).

On one channel, with the kernel of the operator for A, that of a smoother x <- x + B (b - A x) for B
and those of the transfers for R and P, the linear MgNet that prolongs its corrections maps f to the
result of one cycle from zero: of a backslash cycle, or with post-smoothing of a V-cycle. This holds
for every Pi, since u^{l+1,0} is taken off again: the multigrid iterates are

    f^l - A^l u^{l,0}    and    u^{l,i} - u^{l,0}.

The coarsest grid is smoothed, not solved: ``exact=False`` in the cycles of ``multigrid``.

The kernels are read off by differentiating smoother and transfers at an inner node of a small grid,
and compared there with what they were read from.

Reference: He, Xu, MgNet, Sci. China Math. 62 (2019), theorem 1 and algorithms 1 to 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from approxnet import _checks
from approxnet.errors import AssumptionError
from approxnet.models.conv import convolve, convolve_transposed
from approxnet.models.mgnet.network import MgNet
from approxnet.multigrid import axes
from approxnet.multigrid.grids import Hierarchy
from approxnet.multigrid.operators import Operator
from approxnet.multigrid.smooth import Smoother, course_kernel
from approxnet.multigrid.transfer import Transfer

ENDS = {"dirichlet": ("zero", 0), "neumann": ("reflected", 1), "periodic": ("periodic", 1)}
"""Boundary and padding of the network for each kind of boundary condition."""

COARSE = 5  # nodes per axis of the coarse grid on which kernels are read off
PRECISION = 1e-12  # relative, of a kernel against what it was read from, in double precision


def mgnet_from_hierarchy(
    hierarchy: Hierarchy,
    *,
    smoother: Smoother = course_kernel(),  # noqa: B008 - a cached pure function
    pre: int = 2,
    post: int = 0,
) -> tuple[MgNet, dict[str, Any]]:
    """The linear MgNet that is a cycle on a hierarchy.

    Args:
      hierarchy: of a problem in the plane with constant coefficients and the same boundary
        condition on all sides.
      smoother: one whose x - smoother(A, b, x) is a 3 x 3 kernel times A x - b, as
        ``course_kernel``, ``jacobi`` and ``chebyshev(2)``.
      pre: smoothing steps on every grid, the coarsest one included.
      post: steps after each correction.

    Returns:
      The module, which maps f (n, h, w, 1) to u, and its params in double precision. They equal
      ``backslash_cycle(smoother, pre=pre, exact=False)`` from x = 0, and with post > 0
      ``v_cycle(smoother, pre=pre, post=post, exact=False)``, whatever is put for the kernels of
      Pi, which are those of the injection.

    Raises:
      ValueError: if the hierarchy is not in the plane, its coefficients vary, or its sides differ.
      AssumptionError: if the smoother or a transfer is not a 3 x 3 convolution.

    >>> from approxnet import multigrid
    >>> h = multigrid.hierarchy((3, 3))
    >>> model, params = mgnet_from_hierarchy(h)
    >>> b = np.ones((3, 3), np.float32)
    >>> u = model.apply({"params": jax.tree.map(np.float32, params)}, b[None, ..., None])
    >>> cycle = multigrid.backslash_cycle(multigrid.course_kernel(), pre=2, exact=False)
    >>> float(abs(u[0, ..., 0] - cycle(h, b, 0 * b)).max()) < 1e-6
    True
    """
    pre, post = _checks.count("pre", pre, at_least=1), _checks.count("post", post)
    boundary, padding = ENDS[_same_ends(hierarchy)]
    levels = len(hierarchy.operators)
    identity = _kernel(np.outer([0, 1, 0], [0, 1, 0]))
    params: dict[str, Any] = {"stem": {"conv": identity}}
    with jax.enable_x64(True):
        R, P = _transfers(hierarchy, boundary, padding)
        for l, operator in enumerate(hierarchy.operators, start=1):
            params[f"A_{l}"] = _kernel(_stencil(operator))["kernel"]
            B = _kernel(_smoothing(operator, smoother, boundary))
            params[f"B_{l}"] = {"eta": B}
            if l > 1:
                params |= {f"R_{l}": {"conv": R}, f"Pi_{l}": {"conv": identity}}
            if l < levels:
                params[f"P_{l}"] = P
            if l < levels and post:
                params[f"C_{l}"] = {"eta": B}
    model = MgNet(
        levels * (pre,),
        1,
        1,
        None,
        linear=True,
        cycle="v" if post else "backslash",
        post=(levels - 1) * (post,),
        boundary=boundary,
        padding=padding,
    )
    return model, params


def _same_ends(h: Hierarchy) -> str:
    """The boundary condition, if the hierarchy is one of convolutions on images."""
    if len(h.boundary) != 2 or h.boundary[0] != h.boundary[1]:
        raise ValueError(
            "hierarchy must be one in the plane with the same condition on all sides, got "
            f"{h.boundary}"
        )
    for l, operator in enumerate(h.operators):
        sizes = {np.shape(c) for c in operator.coefficients} - {(1, 1)}
        if sizes:
            raise ValueError(
                f"hierarchy must have constant coefficients, got some of shape {sizes.pop()} on "
                f"grid {l}; use the cycles of approxnet.multigrid"
            )
    return h.boundary[0]


def _stencil(operator: Operator) -> np.ndarray:
    kernel = np.zeros((3, 3))
    for c, (i, j) in zip(operator.coefficients, operator.offsets, strict=True):
        kernel[1 + i, 1 + j] = c[0, 0]
    return kernel


def _smoothing(A: Operator, smoother: Smoother, boundary: str) -> np.ndarray:
    """The kernel of B in x <- x + B (b - A x)."""
    kernel, *steps = _probe_smoother(A, smoother, boundary)
    _agree("smoother", steps, "jacobi(), chebyshev(2) and course_kernel() are for A of 5 points")
    return np.asarray(kernel)


@partial(jax.jit, static_argnums=(1, 2))
def _probe_smoother(A: Operator, smoother: Smoother, boundary: str) -> tuple[jax.Array, ...]:
    """The kernel, and a step from a random x by the smoother and by the kernel."""
    n = _fine(A.boundary)
    zero, at = jnp.zeros((n, n)), n // 2
    kernel = _window(jax.grad(lambda b: smoother(A, b, zero)[at, at])(zero), at)
    b, x = jax.random.normal(jax.random.key(0), (2, n, n))
    by_kernel = convolve(_batch(b - A(x)), kernel[:, :, None, None], padding=1, boundary=boundary)
    return kernel, smoother(A, b, x) - x, _image(by_kernel)


def _transfers(h: Hierarchy, boundary: str, padding: int) -> tuple[dict, dict]:
    """The kernels of R and P."""
    R, P, restricted, prolonged = _probe_transfer(h.transfer, h.boundary, boundary, padding)
    remedy = "bilinear is one for all conditions"
    _agree("restriction", restricted, remedy)
    _agree("prolongation", prolonged, remedy)
    return _kernel(R), _kernel(P)


@partial(jax.jit, static_argnums=(0, 1, 2, 3))
def _probe_transfer(
    transfer: Transfer, ends: tuple[str, ...], boundary: str, padding: int
) -> tuple[Any, ...]:
    """The kernels of R and P, and random grid functions mapped by the transfer and by them."""
    n, middle = _fine(ends), COARSE // 2
    at = 2 * middle + 1 - padding
    x, e = jnp.zeros((n, n)), jnp.zeros((COARSE, COARSE))
    R = _window(jax.grad(lambda r: transfer.restrict(r, ends)[middle, middle])(x), at)
    unit = e.at[middle, middle].set(1.0)
    P = _window(transfer.prolong(unit, ends), at)[::-1, ::-1]
    x = jax.random.normal(jax.random.key(1), x.shape)
    e = jax.random.normal(jax.random.key(2), e.shape)
    down = convolve(_batch(x), R[:, :, None, None], stride=2, padding=padding, boundary=boundary)
    up = convolve_transposed(
        _batch(e), P[:, :, None, None], (n, n), padding=padding, boundary=boundary
    )
    restricted = transfer.restrict(x, ends), _image(down)
    return R, P, restricted, (transfer.prolong(e, ends), _image(up))


def _fine(ends: tuple[str, ...]) -> int:
    """Nodes per axis of the fine grid on which kernels are read off."""
    return 2 * COARSE + axes.ENDS[ends[0]].extra


def _window(x: jax.Array, at: int) -> jax.Array:
    """The 3 x 3 entries around (at, at)."""
    return x[at - 1 : at + 2, at - 1 : at + 2]


def _kernel(weights: Any) -> dict[str, np.ndarray]:
    return {"kernel": np.asarray(weights, np.float64)[:, :, None, None]}


def _batch(x: jax.Array) -> jax.Array:
    return x[None, ..., None]


def _image(x: jax.Array) -> jax.Array:
    return x[0, ..., 0]


def _agree(name: str, both: Sequence[jax.Array], remedy: str) -> None:
    expected, found = both
    error = float(jnp.abs(expected - found).max() / jnp.abs(expected).max())
    if not error <= PRECISION:
        raise AssumptionError(
            f"{name} must be a convolution with a 3 x 3 kernel, got one that differs from it by "
            f"{error:.1e}; {remedy}"
        )

"""Linear operators on grid functions as stencils, their matrices and Galerkin products.

The stencil of A has one coefficient per offset o and node i,

    (A u)_i = sum_o c_o(i) u_{i+o},

where u goes on beyond the ends of an axis as the boundary condition says.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from approxnet import _checks
from approxnet.multigrid import axes
from approxnet.multigrid.transfer import Transfer


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Operator:
    """A linear operator on grid functions, given by its stencil; call it to apply it.

    Example:
      >>> import numpy as np
      >>> from approxnet import multigrid
      >>> A = multigrid.hierarchy((3,)).operators[0]
      >>> A(np.array([0.0, 1.0, 0.0], np.float32)).tolist()
      [-16.0, 32.0, -16.0]
    """

    coefficients: tuple[Any, ...]  # (*shape), or (1, ..., 1) if one does not vary; diagonal first
    offsets: tuple[tuple[int, ...], ...] = field(metadata={"static": True})
    boundary: tuple[str, ...] = field(metadata={"static": True})

    def __call__(self, x: Any) -> jax.Array:
        """A x, in the shape and dtype of x."""
        ghost = axes.extend(x, self.boundary)
        terms = (
            jnp.asarray(c, x.dtype) * axes.window(ghost, o, x.shape)
            for c, o in zip(self.coefficients, self.offsets, strict=True)
        )
        return sum(terms, start=jnp.zeros_like(x))

    @property
    def diagonal(self) -> Any:
        """The diagonal of A, of the shape of a grid function or (1, ..., 1)."""
        return self.coefficients[0]

    @property
    def is_star(self) -> bool:
        """Whether a node is coupled to its 2d nearest neighbours only, so that two colours do."""
        return all(np.abs(o).sum() <= 1 for o in self.offsets)


def library(*values: Any) -> ModuleType:
    """NumPy, in double precision, for values at hand, and JAX for traced ones."""
    return np if _checks.concrete(*values) else jnp


def matrix(A: Operator, shape: tuple[int, ...]) -> Any:
    """(N, N), the matrix of an operator."""
    n, xp = math.prod(shape), library(*A.coefficients)
    unit = np.eye(n, dtype=A.diagonal.dtype).reshape(n, *shape)
    with _double(xp):
        columns = xp.asarray(_columns(A, unit))
    return columns.reshape(n, n).T


def galerkin(fine: Operator, shape: tuple[int, ...], transfer: Transfer) -> Operator:
    """R A P, found by applying it to sums of unit vectors whose images do not overlap.

    A stencil that does not vary is found on a small periodic grid, since no end changes it. The
    zeros of a traced stencil are not known and are kept.
    """
    d, boundary, xp = len(shape), fine.boundary, library(*fine.coefficients)
    varies = any(c.size > 1 for c in fine.coefficients)
    if not varies:
        shape, boundary = d * (8,), d * ("periodic",)
    coarse = axes.coarsen(shape, boundary)
    assert coarse is not None
    colours = [axes.colours(n, name) for n, name in zip(coarse, boundary, strict=True)]
    index = np.indices(coarse)
    colour = np.stack([i % q for i, q in zip(index, colours, strict=True)], axis=-1)
    chosen = np.array(list(itertools.product(*map(range, colours)))).reshape(-1, *d * (1,), d)
    units = (colour == chosen).all(axis=-1).astype(fine.diagonal.dtype)
    with _double(xp):
        A = Operator(fine.coefficients, fine.offsets, boundary)
        images = xp.asarray(_images(A, units, transfer)).reshape(*colours, *coarse)
    offsets = sorted(itertools.product((-1, 0, 1), repeat=d), key=lambda o: np.abs(o).sum())
    rows = []
    for o in offsets:
        seen = [(i + k) % q for i, k, q in zip(index, o, colours, strict=True)]
        row = images[(*seen, *index)]
        rows.append(row if varies else row[d * (slice(1),)])
    kept = range(len(rows))
    if xp is np:
        size = np.array([np.abs(row).max() for row in rows])
        kept = np.flatnonzero(size > 1e-14 * size[0])
    return Operator(tuple(rows[k] for k in kept), tuple(offsets[k] for k in kept), fine.boundary)


@jax.jit
def _columns(A: Operator, units: Any) -> jax.Array:
    return jax.vmap(A)(units)


@functools.partial(jax.jit, static_argnames="transfer")
def _images(A: Operator, units: Any, transfer: Transfer) -> jax.Array:
    """R A P x for every x."""

    def image(x: jax.Array) -> jax.Array:
        return transfer.restrict(A(transfer.prolong(x, A.boundary)), A.boundary)

    return jax.vmap(image)(units)


def _double(xp: ModuleType) -> contextlib.AbstractContextManager:
    """Double precision for values on the host; traced ones keep their own."""
    return jax.enable_x64(True) if xp is np else contextlib.nullcontext()

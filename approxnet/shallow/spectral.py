"""The energy of interpolants: elliptic equations on boxes without errors of quadrature at kinks.

Gauss points see a slope with a kink wrongly where the kink cuts their cell, and once a network is
so good that this is all that is left, a greedy algorithm minimises it (``rules``). The energy here
is that of the *interpolant* I v of a network v by continuous piecewise polynomials of degree p on a
tensor grid of Gauss-Lobatto points:

    E(v) = 1/2 (a grad I v, grad I v) + 1/2 (c I v, I v) - (I f, I v),

exactly. The samples are the values v(x_p) at the nodes alone, and the form is a matrix on them,

    A = sum_i a M x ... x K x ... x M + c M x ... x M      (K in the i-th place),

with the mass and stiffness matrices M and K of one axis. So E(v) >= min E over the interpolants,
which is that of the solution up to O(h^(2p)): the residual vanishes with the error, and no set of
atoms is better than the solution. A derivative is not asked of the activation.

Reference: Patera, J. Comput. Phys. 54 (1984), 468-488, for spectral elements.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.polynomial import legendre
from numpy.typing import ArrayLike

from approxnet import _checks, quadrature
from approxnet.shallow.energy import Energy, build, values
from approxnet.shallow.network import HIGHEST


@partial(
    jax.tree_util.register_dataclass, data_fields=["mass", "stiffness", "reaction"], meta_fields=[]
)
@dataclasses.dataclass(frozen=True, eq=False)
class Kronecker:
    """The form A on values at the nodes of a tensor grid.

    Attributes:
      mass: (N_i, N_i) for each axis i.
      stiffness: the same, with the coefficient a in it.
      reaction: (), c.

    Example:
      >>> form = diffusion(1.0, 2, 3, 0.0, 1.0).coupling
      >>> form.mass[0].shape
      (7, 7)
    """

    mass: tuple[Any, ...]
    stiffness: tuple[Any, ...]
    reaction: Any

    def __call__(self, phi: jax.Array) -> jax.Array:
        """A phi, (q, 1) -> (q, 1)."""
        d, shape = len(self.mass), [len(M) for M in self.mass]
        v = phi.reshape(shape)
        total = self.reaction * _apply(self.mass, v)
        for i in range(d):
            factors = (*self.mass[:i], self.stiffness[i], *self.mass[i + 1 :])
            total = total + _apply(factors, v)
        return total.reshape(phi.shape)


def _apply(factors: tuple[Any, ...], v: jax.Array) -> jax.Array:
    """(F_1 x ... x F_d) v for an array v with d axes."""
    for F in factors:  # each product brings the next axis to the front
        v = jnp.tensordot(v, F, axes=((0,), (1,)), precision=HIGHEST)
    return v


def diffusion(
    f: Any,
    cells: int | ArrayLike,
    degree: int,
    lower: ArrayLike,
    upper: ArrayLike,
    *,
    coefficient: float = 1.0,
    reaction: float = 1.0,
    minimum: float = np.nan,
) -> Energy:
    """The energy of -div(a grad u) + c u = f on a box, d_n u = 0, for interpolants.

    Args:
      f: a number or a function (..., d) -> (...).
      cells: per axis, an int or (d,).
      degree: p of the polynomials, at least 1.
      lower: (d,) or a number.
      upper: (d,) or a number; the dimension is the longest of cells, lower and upper.
      coefficient: a, a positive number.
      reaction: c, a number that is not negative.
      minimum: the energy of the solution, where it is known.

    Raises:
      ValueError: if a shape or a number is wrong.
      NonFiniteError: if a value of f is nan or infinite; names the point.

    Example:
      >>> energy = diffusion(1.0, 4, 3, (0.0, 0.0), 1.0)
      >>> energy.points.shape, energy.order
      ((169, 2), 0)
    """
    d = max(np.size(a) for a in (cells, lower, upper))
    low, high = _checks.box(lower, upper, d)
    p = _checks.count("degree", degree, at_least=1)
    for name, number, least in (("coefficient", coefficient, 1e-300), ("reaction", reaction, 0.0)):
        if not (np.ndim(number) == 0 and np.isfinite(number) and number >= least):
            raise ValueError(f"{name} must be a number {'>' if least else '>='} 0, got {number!r}")
    counts = [_checks.count("cells", n, at_least=1) for n in np.broadcast_to(cells, (d,))]
    boxes = list(zip(counts, low, high, strict=True))
    grid = np.meshgrid(*(_nodes(n, p, a, b) for n, a, b in boxes), indexing="ij")
    points = np.stack(grid, axis=-1).reshape(-1, d)
    mass, stiffness = zip(*(weighted_axis(n, p, a, b) for n, a, b in boxes), strict=True)
    form = Kronecker(mass, tuple(coefficient * K for K in stiffness), np.array(float(reaction)))
    data = values("f", f, points).reshape([len(M) for M in mass])
    for M in mass:
        data = np.tensordot(data, M, axes=((0,), (1,)))
    return build(
        points, (np.ones((1, 1, 1)),), np.zeros((len(points), 1)), data.reshape(-1, 1),
        minimum=np.array(float(minimum)), coupling=form,
    )  # fmt: skip


def _nodes(cells: int, p: int, a: float, b: float) -> np.ndarray:
    """The Gauss-Lobatto points of all cells, (cells p + 1,)."""
    inner = np.arange(cells)[:, None] + (lobatto(p)[1:] + 1) / 2
    return np.append(a, a + (b - a) / cells * inner)


def weighted_axis(
    cells: int,
    p: int,
    a: float,
    b: float,
    coefficient: Callable[[np.ndarray], np.ndarray] = np.ones_like,
) -> tuple[np.ndarray, np.ndarray]:
    """Mass and stiffness matrices, (N, N) with N = cells p + 1, of interpolants on [a, b].

    Args:
      cells: of equal length.
      p: degree.
      a: left end.
      b: right end.
      coefficient: (q,) -> (q,), of the stiffness; by p + 3 Gauss points in each cell.

    Example:
      >>> M, K = weighted_axis(2, 1, 0.0, 1.0)
      >>> K.tolist()
      [[2.0, -2.0, 0.0], [-2.0, 4.0, -2.0], [0.0, -2.0, 2.0]]
    """
    rule, h, N = quadrature.gauss_legendre(p + 3, -1.0, 1.0), (b - a) / cells, cells * p + 1
    t = rule.points[:, 0]
    to_coefficients = np.linalg.inv(legendre.legvander(lobatto(p), p))
    B = legendre.legvander(t, p) @ to_coefficients
    D = 2 / h * legendre.legval(t, legendre.legder(np.eye(p + 1))).T @ to_coefficients
    weights = h / 2 * rule.weights
    alpha = coefficient(a + h * (np.arange(cells)[:, None] + (t + 1) / 2).ravel())
    M, K = np.zeros((N, N)), np.zeros((N, N))
    i = p * np.arange(cells)[:, None] + np.arange(p + 1)
    place = i[:, :, None], i[:, None, :]
    np.add.at(M, place, B.T @ (weights[:, None] * B))
    np.add.at(K, place, np.einsum("qi,cq,qj->cij", D, alpha.reshape(cells, -1) * weights, D))
    return M, K


def lobatto(p: int) -> np.ndarray:
    """The p + 1 Gauss-Lobatto points on [-1, 1]: the ends and the zeros of P_p'.

    Example:
      >>> lobatto(2).tolist()
      [-1.0, 0.0, 1.0]
    """
    inner = legendre.legroots(legendre.legder(np.eye(p + 1)[p])) if p > 1 else np.zeros(0)
    return np.concatenate([[-1.0], np.sort(inner), [1.0]])

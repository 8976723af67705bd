"""Samples of networks and atoms, and what a residual says of an atom.

With the samples phi_pi(v) = sum_k C^k_pi : D^k v(x_p) of an ``Energy``, a ridge function
g = sigma(w.x + b) has

    phi_pi(g) = sum_k (C^k_pi : w x ... x w) sigma^(k)(w.x_p + b),

and for a residual r, with R^k_p = sum_i r_pi C^k_pi,

    <r, g> = sum_k sum_p (R^k_p : w x ... x w) sigma^(k)(w.x_p + b),                           (1)

which costs O(q) per atom however many samples there are at a point.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from approxnet.shallow.derivatives import derivatives
from approxnet.shallow.energy import Energy
from approxnet.shallow.network import HIGHEST, ShallowNetwork


def tensor_power(w: jax.Array, k: int) -> jax.Array:
    """The powers w x ... x w, k times: (n, d) -> (n, d^k).

    Example:
      >>> tensor_power(jnp.array([[2.0, 3.0]]), 2).tolist()
      [[4.0, 6.0, 6.0, 9.0]]
    """
    power = jnp.ones((len(w), 1), w.dtype)
    for _ in range(k):
        power = (power[:, :, None] * w[:, None, :]).reshape((len(w), -1))
    return power


def sample_atoms(energy: Energy, activation: str, w: jax.Array, b: jax.Array) -> jax.Array:
    """The samples of the atoms sigma(w.x + b), (n, d) and (n,) -> (n, q, m); one dtype.

    Example:
      >>> from approxnet import quadrature
      >>> from approxnet.shallow.energy import cast, l2
      >>> energy = cast(l2(lambda x: x[..., 0], quadrature.gauss_legendre(2)), float)
      >>> sample_atoms(energy, "relu", jnp.array([[1.0], [-1.0]]), jnp.array([0.0, 1.0])).shape
      (2, 2, 1)
    """
    t = jnp.matmul(w, energy.points.T, precision=HIGHEST) + b[:, None]
    total = jnp.zeros((*t.shape, energy.weights.shape[1]), t.dtype)
    for k, s in enumerate(derivatives(activation, energy.order, t)):
        along = jnp.einsum("qmt,nt->nqm", energy.operator[k], tensor_power(w, k), precision=HIGHEST)
        total = total + along * s[..., None]
    return total


def sample(energy: Energy, net: ShallowNetwork) -> jax.Array:
    """The samples phi(v) of a network, (q, m); all leaves of one dtype.

    Example:
      >>> from approxnet import quadrature, shallow
      >>> from approxnet.shallow.energy import cast, l2
      >>> energy = cast(l2(lambda x: x[..., 0], quadrature.gauss_legendre(2)), float)
      >>> net = cast(shallow.from_arrays([[1.0]], [0.0], [3.0], "relu"), float)
      >>> sample(energy, net).ravel().round(3).tolist()
      [0.634, 2.366]
    """
    w = net.directions
    t = jnp.matmul(energy.points, w.T, precision=HIGHEST) + net.offsets[None]
    total = jnp.zeros((len(t), energy.weights.shape[1]), t.dtype)
    for k, s in enumerate(derivatives(net.activation, energy.order, t)):
        moments = jnp.matmul(s, net.coefficients[:, None] * tensor_power(w, k), precision=HIGHEST)
        total = total + (energy.operator[k] * moments[:, None]).sum(axis=-1)
    return total


def distribution(energy: Energy, r: jax.Array) -> tuple[jax.Array, ...]:
    """R^0, R^1, ... of (1) for a residual r, (q, m); R^k has shape (q, d^k).

    Example:
      >>> from approxnet import quadrature
      >>> from approxnet.shallow.energy import cast, l2, residual
      >>> energy = cast(l2(lambda x: x[..., 0], quadrature.gauss_legendre(2)), float)
      >>> [R.shape for R in distribution(energy, residual(energy, 0 * energy.load))]
      [(2, 1)]
    """
    return tuple((C * r[..., None]).sum(axis=1) for C in energy.operator)


def pairing(
    R: tuple[jax.Array, ...], points: jax.Array, activation: str, w: jax.Array, b: jax.Array
) -> jax.Array:
    """<r, g> of (1) for the atoms g = sigma(w.x + b): (n, d) and (n,) -> (n,).

    Example:
      >>> from approxnet import quadrature
      >>> from approxnet.shallow.energy import cast, l2, residual
      >>> energy = cast(l2(lambda x: x[..., 0], quadrature.gauss_legendre(2)), float)
      >>> R = distribution(energy, residual(energy, 0 * energy.load))
      >>> round(float(pairing(R, energy.points, "relu", jnp.ones((1, 1)), jnp.zeros(1))[0]), 5)
      0.33333
    """
    t = jnp.matmul(points, w.T, precision=HIGHEST) + b[None]
    total = jnp.zeros_like(b)
    for k, s in enumerate(derivatives(activation, len(R) - 1, t)):
        total = total + (s * jnp.matmul(R[k], tensor_power(w, k).T, precision=HIGHEST)).sum(axis=0)
    return total

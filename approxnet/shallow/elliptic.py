"""Energies of elliptic equations, by data alone.

On a domain with a quadrature rule, the solution u of

    -div(a grad u) + c u = f,       a d_n u = g on the boundary        (``diffusion``)
    D^2 : D^2 u + c u = f,          natural conditions                 (``biharmonic``)
    -Laplace u + k^2 sinh(u) = f,   d_n u = 0                          (``poisson_boltzmann``)

minimises an energy. Values u = g on the boundary are imposed by

    penalty   |v - g|^2 / (2 delta): u changes by O(delta), and the optimal delta halves the orders;
    Nitsche   - (a d_n v, v - g) + gamma |v - g|^2 / 2: consistent for every gamma; positive if
              gamma is above the constant of |a d_n v|^2 <= gamma a(v, v) on the functions in use;
    a factor  u = omega v with omega = 0 on the boundary: exact for g = 0 (``vanishing``).

``least_squares`` is the squared residual of the equation itself, the loss of physics-informed
networks. As a sum of squares with signs, Nitsche's terms are

    -(p, v) + gamma |v|^2 / 2 = gamma |v - p / gamma|^2 / 2 - |p|^2 / (2 gamma),   p = a d_n v.

References: Nitsche, Abh. Math. Sem. Hamburg 36 (1971); Siegel, Hong, Jin, Hao, Xu, J. Comput. Phys.
484 (2023) 112084, sections 3 and 7.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from approxnet import quadrature
from approxnet.shallow.energy import Energy, build, check_rule, values

Data = Callable[[Any], Any] | float


class Boundary(NamedTuple):
    """A quadrature rule on the boundary of a domain.

    Attributes:
      points: (q, d).
      weights: (q,); on a line the boundary is two points of weight 1.
      normals: (q, d), outer, of length 1.

    Example:
      >>> box_boundary(1, 1).normals.tolist()
      [[-1.0], [1.0]]
    """

    points: np.ndarray
    weights: np.ndarray
    normals: np.ndarray


def box_boundary(
    cells: int | ArrayLike, degree: int, lower: ArrayLike = 0.0, upper: ArrayLike = 1.0
) -> Boundary:
    """The composite Gauss rule on the faces of a box; arguments as for ``quadrature.box``.

    Example:
      >>> rule = box_boundary((4, 4), 3)
      >>> rule.points.shape, round(float(rule.weights.sum()), 12)
      ((32, 2), 4.0)
    """
    low, high, counts = (a.astype(float) for a in np.broadcast_arrays(
        *(np.atleast_1d(a) for a in (lower, upper, cells))))  # fmt: skip
    d, parts = low.size, []
    quadrature.box(1, 0, low, high)  # checks the corners
    for axis, (end, sign) in [(i, s) for i in range(d) for s in ((low, -1.0), (high, 1.0))]:
        others = np.arange(d) != axis
        face = quadrature.Rule(np.zeros((1, 0)), np.ones(1))
        if d > 1:
            inner = counts[others].astype(int)
            face = quadrature.box(inner, degree, low[others], high[others])
        points = np.insert(face.points, axis, end[axis], axis=1)
        normals = np.zeros_like(points)
        normals[:, axis] = sign
        parts.append(Boundary(points, face.weights, normals))
    return Boundary(*(np.concatenate(p) for p in zip(*parts, strict=True)))


def diffusion(
    f: Data,
    rule: quadrature.Rule,
    *,
    coefficient: Data = 1.0,
    reaction: Data = 1.0,
    flux: Data = 0.0,
    boundary: Boundary | None = None,
    minimum: float = np.nan,
) -> Energy:
    """E(v) = 1/2 (a grad v, grad v) + 1/2 (c v, v) - (f, v) - (g, v) on the boundary.

    Its minimiser solves -div(a grad u) + c u = f with the flux a d_n u = g.

    Args:
      f: a number or a function (..., d) -> (...).
      rule: points (q, d) and weights (q,) on the domain.
      coefficient: a, positive.
      reaction: c, not negative.
      flux: g; needs a boundary unless it is 0.
      boundary: a rule on the boundary.
      minimum: the energy of the solution, where it is known: errors are then in the energy norm.

    Raises:
      ValueError: if a shape is wrong, a <= 0 or c < 0 at a point, or a flux has no boundary.
      NonFiniteError: if a value of the data is nan or infinite; names the point.

    Example:
      >>> energy = diffusion(1.0, quadrature.box((8, 8), 3), reaction=2.0)
      >>> energy.weights.shape, energy.order  # v, d_1 v, d_2 v
      ((256, 3), 1)
    """
    points, w = check_rule(rule)
    q, d = points.shape
    a = _positive("coefficient", coefficient, points, strict=True)
    c = _positive("reaction", reaction, points)
    weights = w[:, None] * np.stack([c] + d * [a], axis=1)
    load = np.zeros((q, d + 1))
    load[:, 0] = w * values("f", f, points)
    lowest = np.array(float(minimum))
    energy = build(points, _value_and_gradient(d), weights, load, minimum=lowest)
    if boundary is None:
        if callable(flux) or flux != 0:
            raise ValueError(f"boundary must be given for a flux, got None and flux {flux!r}")
        return energy
    return energy + _boundary_load(boundary, flux)


def _positive(name: str, f: Data, points: np.ndarray, *, strict: bool = False) -> np.ndarray:
    """The values (q,) of a coefficient, positive or not negative."""
    found = values(name, f, points)
    bad = np.flatnonzero(found <= 0 if strict else found < 0)
    if bad.size:
        raise ValueError(
            f"{name} must be {'positive' if strict else 'at least 0'}, got {found[bad[0]]} at the "
            f"point {points[bad[0]]} ({bad.size} of {found.size} points)"
        )
    return found


def _value_and_gradient(d: int) -> tuple[np.ndarray, ...]:
    """The operator v -> (v, d_1 v, ..., d_d v)."""
    eye = np.eye(d + 1)
    return eye[None, :, :1], eye[None, :, 1:]


def _value(m: int = 1) -> tuple[np.ndarray, ...]:
    return (np.ones((1, m, 1)),)


def _boundary_load(boundary: Boundary, g: Data) -> Energy:
    load = boundary.weights * values("flux", g, boundary.points)
    return build(boundary.points, _value(), 0 * load[:, None], load[:, None], minimum=np.array(0.0))


def penalty(g: Data, boundary: Boundary, delta: float) -> Energy:
    """|v - g|^2 / (2 delta) on the boundary, up to a constant; to be added to an energy.

    Raises:
      ValueError: if delta is not positive.

    Example:
      >>> ends = box_boundary(1, 1)
      >>> energy = diffusion(1.0, quadrature.box(8, 3), reaction=0.0) + penalty(0.0, ends, 1e-3)
      >>> energy.points.shape
      (18, 1)
    """
    s = boundary.weights / _above_zero("delta", delta)
    load = s * values("g", g, boundary.points)
    return build(boundary.points, _value(), s[:, None], load[:, None], minimum=np.array(0.0))


def nitsche(g: Data, boundary: Boundary, gamma: float, *, coefficient: Data = 1.0) -> Energy:
    """-(a d_n v, v - g) + gamma |v - g|^2 / 2 on the boundary; to be added to an energy.

    Raises:
      ValueError: if gamma or a coefficient is not positive.

    Example:
      >>> terms = nitsche(0.0, box_boundary(1, 1), 100.0)
      >>> terms.weights.tolist()  # of v - d_n v / gamma and d_n v
      [[100.0, -0.01], [100.0, -0.01]]
    """
    points, w, normals = boundary
    gamma = _above_zero("gamma", gamma)
    a = _positive("coefficient", coefficient, points, strict=True)
    flux = a[:, None] * normals
    operator = (
        np.broadcast_to(np.array([[[1.0], [0.0]]]), (len(w), 2, 1)),
        np.stack([-flux / gamma, flux], axis=1),
    )
    weights = w[:, None] * np.array([[gamma, -1 / gamma]])
    load = np.stack([gamma * w * values("g", g, points), 0 * w], axis=1)
    return build(points, operator, weights, load, minimum=np.array(0.0))


def _above_zero(name: str, number: Any) -> float:
    if not (np.ndim(number) == 0 and np.isfinite(number) and number > 0):
        raise ValueError(f"{name} must be a positive number, got {number!r}")
    return float(number)


def vanishing(energy: Energy, omega: Callable[[Any], Any]) -> Energy:
    """The energy of v -> E(omega v), for functions that vanish where omega does.

    The solution is omega times the network. With Leibniz' rule the operator of the samples becomes
    sum_k C^k : D^k (omega v) = sum_j (sum_k C^k binom(k, j) D^(k-j) omega) : D^j v.

    Args:
      energy: of order at most 2.
      omega: (..., d) -> (...), pure JAX, as often differentiable as the energy asks.

    Raises:
      ValueError: if the order is larger, or omega has a wrong shape.

    Example:
      >>> energy = diffusion(1.0, quadrature.box(8, 3), reaction=0.0)
      >>> vanishing(energy, lambda x: x[..., 0] * (1 - x[..., 0])).order
      1
    """
    if energy.order > 2:
        raise ValueError(f"energy must have order at most 2, got {energy.order}")
    q, d = energy.points.shape
    jet = [values("omega", omega, energy.points)[:, None, None]]
    with jax.enable_x64(True):
        for k in range(1, energy.order + 1):
            derivative = functools.reduce(lambda f, _: jax.jacfwd(f), range(k), omega)
            jet.append(np.asarray(jax.vmap(derivative)(energy.points)).reshape(q, 1, d**k))
    C = [np.broadcast_to(c, (q, *c.shape[1:])) for c in energy.operator]
    operator = [sum((c * D).sum(-1, keepdims=True) for c, D in zip(C, jet, strict=True))]
    operator += [c * jet[0] for c in C[1:]]
    if energy.order == 2:  # the mixed term, D omega x D v in both orders
        second = C[2].reshape(q, -1, d, d)
        operator[1] = operator[1] + ((second + second.swapaxes(-1, -2)) * jet[1][..., None]).sum(-2)
    return dataclasses.replace(energy, operator=tuple(operator))


def biharmonic(
    f: Data, rule: quadrature.Rule, *, reaction: Data = 1.0, minimum: float = np.nan
) -> Energy:
    """E(v) = 1/2 |D^2 v|^2 + 1/2 (c v, v) - (f, v), for Delta^2 u + c u = f.

    The natural conditions are those of a free plate with Poisson ratio 0.

    Raises:
      ValueError: if a shape is wrong or c < 0 at a point.
      NonFiniteError: if a value of the data is nan or infinite; names the point.

    Example:
      >>> biharmonic(1.0, quadrature.box((8, 8), 3)).weights.shape  # v and four second derivatives
      (256, 5)
    """
    points, w = check_rule(rule)
    q, d = points.shape
    eye = np.eye(1 + d * d)
    operator = (eye[None, :, :1], np.zeros((1, 1 + d * d, d)), eye[None, :, 1:])
    c = _positive("reaction", reaction, points)
    weights = w[:, None] * np.concatenate([c[:, None], np.ones((q, d * d))], axis=1)
    load = np.zeros((q, 1 + d * d))
    load[:, 0] = w * values("f", f, points)
    return build(points, operator, weights, load, minimum=np.array(float(minimum)))


def least_squares(
    f: Data,
    rule: quadrature.Rule,
    *,
    coefficient: Data = 1.0,
    reaction: Data = 1.0,
    flux: Data = 0.0,
    boundary: Boundary | None = None,
) -> Energy:
    """1/2 |-a Delta v + c v - f|^2 + 1/2 |d_n v - g|^2 on the boundary, up to a constant.

    The loss of physics-informed networks; ``error`` is the square root of the loss.

    Args:
      f: a number or a function (..., d) -> (...).
      rule: points (q, d) and weights (q,) on the domain.
      coefficient: a, in front of the Laplacian.
      reaction: c.
      flux: g.
      boundary: a rule on the boundary; None for no condition.

    Raises:
      ValueError: if a shape is wrong.
      NonFiniteError: if a value of the data is nan or infinite; names the point.

    Example:
      >>> least_squares(1.0, quadrature.box((8, 8), 3)).order
      2
    """
    points, w = check_rule(rule)
    d = points.shape[1]
    a, c = values("coefficient", coefficient, points), values("reaction", reaction, points)
    laplace = -a[:, None] * np.eye(d).reshape(1, -1)
    operator = (c[:, None, None], np.zeros((1, 1, d)), laplace[:, None])
    load = w * values("f", f, points)
    energy = build(
        points, operator, w[:, None], load[:, None], minimum=np.array(np.nan), squares=True
    )
    if boundary is None:
        return energy
    points, w, normals = boundary
    operator = (np.zeros((1, 1, 1)), normals[:, None])
    load = w * values("flux", flux, points)
    return energy + build(points, operator, w[:, None], load[:, None], squares=True)


def poisson_boltzmann(
    f: Data, rule: quadrature.Rule, *, k: float = 1.0, minimum: float = np.nan
) -> Energy:
    """E(v) = 1/2 |grad v|^2 + k^2 (cosh(v), 1) - (f, v), for -Delta u + k^2 sinh(u) = f.

    The energy is convex and not quadratic; relaxed_greedy minimises it.

    Raises:
      ValueError: if k is not positive or a shape is wrong.
      NonFiniteError: if a value of f is nan or infinite; names the point.

    Example:
      >>> poisson_boltzmann(1.0, quadrature.box((8, 8), 3)).quadratic
      False
    """
    energy = diffusion(f, rule, reaction=0.0, minimum=minimum)
    growth = np.zeros_like(energy.weights)
    growth[:, 0] = _above_zero("k", k) ** 2 * check_rule(rule).weights
    return dataclasses.replace(energy, growth=growth, potential=jnp.cosh)

"""Energies of functions that are known by samples: one form for every method of this chapter.

An energy sees a function v through finitely many numbers, its *samples*,

    phi_pi(v) = sum_k C^k_pi : D^k v(x_p),    p = 1, ..., q,  i = 1, ..., m,                   (1)

values of m linear differential operators at q points, and is a sum over them,

    E(v) = sum_pi  s_pi phi_pi^2 / 2 - l_pi phi_pi + z_pi psi(phi_pi)  =  a(v, v) / 2 - l(v)   (2)

where the last equation holds for psi = 0: a(g, h) = sum s_pi phi_pi(g) phi_pi(h) is the bilinear
form by quadrature and l(g) = sum l_pi phi_pi(g) the load, of which the data alone are needed, never
the solution. Weights s may be negative, as long as a is positive definite on the functions in use.

- L2 projection: phi = v, s the weights of the rule, l = s f.
- -div(a grad u) + c u = f: phi = (v, grad v), s = weight (c, a, ..., a), l = (weight f, 0, ..., 0).
- Residual minimisation (PINN): phi = L v, s the weights, l = s f: with F = l / s the energy is
  |phi(v) - F|^2 / 2 up to a constant.
- Penalty, and Nitsche's method: points on the boundary with phi = v, or v and v - d_n v / gamma.
- Poisson-Boltzmann: psi = cosh.

Every method needs the *residual* r_pi = -dE/dphi_pi = l - s phi - z psi'(phi), for which

    -E'(v) g = sum_pi r_pi phi_pi(g) =: <r, g>.                                               (3)

On (2) and (3) the methods read:

- pure greedy: g maximises <r, g>^2 / a(g, g), and v moves by <r, g> / a(g, g) along it;
- relaxed greedy: g maximises |<r, g>|, v <- (1 - t) v + t M sign g;
- orthogonal greedy: the same g; v becomes the minimiser of E on the span of all g so far;
- variable parameters theta = (w, b, c) with J = d phi(v(theta)) / d theta and S = diag(s):
  natural gradient solves J^T S J p = J^T r; Gauss-Newton solves min |S^(1/2) J p - S^(-1/2) r|,
  which is the same wherever s > 0.

References: Siegel, Hong, Jin, Hao, Xu, J. Comput. Phys. 484 (2023) 112084, (6.3)-(6.5); Mueller,
Zeinhofer, ICML 2023, arXiv:2302.13163.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from approxnet import _checks, quadrature


def nothing(t: jax.Array) -> jax.Array:
    """The potential 0, of a quadratic energy.

    Example:
      >>> nothing(jnp.ones(2)).tolist()
      [0.0, 0.0]
    """
    return jnp.zeros_like(t)


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["points", "operator", "weights", "load", "growth", "minimum", "coupling"],
    meta_fields=["potential", "squares"],
)
@dataclasses.dataclass(frozen=True, eq=False)
class Energy:
    """An energy (2) by samples (1), a pytree of NumPy or JAX arrays.

    Energies of the same functions add: ``interior + boundary``.

    Attributes:
      points: (q, d), x.
      operator: C^0, C^1, ...; C^k has shape (q, m, d^k), or (1, m, d^k) if it is constant.
      weights: (q, m), s.
      load: (q, m), l.
      growth: (q, m), z, or (1, 1).
      minimum: (), the energy of the solution, nan where it is not known.
      coupling: a symmetric matrix on the samples, to be added to s: a pytree that is a function,
        (q, m) -> (q, m); or None.
      potential: psi, a function of arrays; static.
      squares: whether the energy is |phi - l / s|^2 / 2 up to a constant, s > 0; static.

    Example:
      >>> energy = l2(lambda x: x[..., 0] ** 2, quadrature.box(8, 3))
      >>> energy.points.shape, energy.weights.shape, energy.order
      ((16, 1), (16, 1), 0)
    """

    points: Any
    operator: tuple[Any, ...]
    weights: Any
    load: Any
    growth: Any
    minimum: Any
    coupling: Any = None
    potential: Callable[[jax.Array], jax.Array] = nothing
    squares: bool = False

    @property
    def order(self) -> int:
        """The highest derivative in the samples."""
        return len(self.operator) - 1

    @property
    def dimension(self) -> int:
        """d, the number of variables."""
        return self.points.shape[1]

    @property
    def quadratic(self) -> bool:
        """Whether psi = 0."""
        return self.potential is nothing

    def __add__(self, other: Energy) -> Energy:
        return _sum(self, other)


def weighted(energy: Energy, phi: jax.Array) -> jax.Array:
    """What the form makes of samples, (q, m) -> (q, m): s phi, plus the coupling if there is one.

    So a(g, h) is the sum of phi(h) times that of phi(g).

    Example:
      >>> energy = cast(l2(lambda x: x[..., 0], quadrature.gauss_legendre(2)), float)
      >>> weighted(energy, energy.points).sum().round(4).item()
      0.5
    """
    own = energy.weights * phi
    return own if energy.coupling is None else own + energy.coupling(phi)


def residual(energy: Energy, phi: jax.Array) -> jax.Array:
    """The residual r = -dE/dphi at samples phi, (q, m) -> (q, m).

    Example:
      >>> energy = cast(l2(lambda x: x[..., 0], quadrature.gauss_legendre(2)), float)
      >>> bool(residual(energy, energy.points).any())  # of the target itself
      False
    """
    slope = jax.jvp(energy.potential, (phi,), (jnp.ones_like(phi),))[1]
    return energy.load - weighted(energy, phi) - energy.growth * slope


def value(energy: Energy, phi: jax.Array) -> jax.Array:
    """E at samples phi, (q, m) -> ().

    Example:
      >>> energy = cast(l2(lambda x: x[..., 0], quadrature.gauss_legendre(2)), float)
      >>> round(float(value(energy, energy.points)), 5)  # -1/6, half the square of its norm
      -0.16667
    """
    terms = (weighted(energy, phi) / 2 - energy.load) * phi + energy.growth * energy.potential(phi)
    return terms.sum()


def error(energy: Energy, phi: jax.Array) -> jax.Array:
    """The distance of samples phi from the solution, (2 (E(v) - min E))^(1/2): (q, m) -> ().

    In the norm of the energy, if that is quadratic; nan where the minimum is not known.

    Example:
      >>> energy = cast(l2(lambda x: x[..., 0], quadrature.gauss_legendre(2)), float)
      >>> round(float(error(energy, 0 * energy.points)), 5)
      0.57735
    """
    if energy.squares:  # the difference of two energies would lose half of the digits
        s = jnp.where(energy.weights > 0, energy.weights, 1)
        return jnp.sqrt((residual(energy, phi) ** 2 / s).sum())
    return jnp.sqrt(2 * (value(energy, phi) - energy.minimum))


def cast(tree: Any, dtype: Any) -> Any:
    """A tree of arrays on the device in one floating-point dtype.

    Example:
      >>> cast({"a": np.ones(2)}, jnp.float32)["a"].dtype
      dtype('float32')
    """
    return jax.tree.map(lambda a: jnp.asarray(a, dtype), tree)


def _sum(first: Energy, second: Energy) -> Energy:
    """The sum, on the points of both; missing samples and derivatives are 0."""
    if first.dimension != second.dimension:
        raise ValueError(
            f"energies must have one dimension, got {first.dimension} and {second.dimension}"
        )
    if not (first.coupling is None and second.coupling is None):
        raise ValueError("energies of interpolants cannot be added; write them as one")
    m, order = max(first.weights.shape[1], second.weights.shape[1]), max(first.order, second.order)
    if not (first.quadratic or second.quadratic or first.potential is second.potential):
        raise ValueError("energies must have one potential, got two; write them as one function")
    parts = [_padded(energy, m, order) for energy in (first, second)]
    return Energy(
        *(
            jax.tree.map(lambda *a: np.concatenate(a), *(getattr(part, name) for part in parts))
            for name in ("points", "operator", "weights", "load", "growth")
        ),
        minimum=first.minimum + second.minimum,
        potential=second.potential if first.quadratic else first.potential,
        squares=first.squares and second.squares,
    )


def _padded(energy: Energy, m: int, order: int) -> Energy:
    """The same energy with m samples at each point and derivatives up to the order."""
    q, d = energy.points.shape
    spare = ((0, 0), (0, m - energy.weights.shape[1]))
    operator = [
        np.pad(np.broadcast_to(C, (q, *C.shape[1:])), (*spare, (0, 0))) for C in energy.operator
    ]
    operator += [np.zeros((q, m, d**k)) for k in range(energy.order + 1, order + 1)]
    growth = np.broadcast_to(energy.growth, energy.weights.shape)
    return dataclasses.replace(
        energy,
        operator=tuple(operator),
        weights=np.pad(energy.weights, spare),
        load=np.pad(energy.load, spare),
        growth=np.pad(growth, spare),
    )


def build(
    points: np.ndarray,
    operator: tuple[np.ndarray, ...],
    weights: np.ndarray,
    load: np.ndarray,
    **others: Any,
) -> Energy:
    """A quadratic energy from host arrays, or with a potential and its ``growth``."""
    fields = {"growth": np.zeros((1, 1)), "minimum": np.array(np.nan), **others}
    return Energy(points, operator, weights, load, **fields)


def check_rule(rule: Any) -> quadrature.Rule:
    """A rule with points (q, d) and weights (q,), both finite, or an error that says so."""
    points, weights = (np.asarray(a, np.float64) for a in rule)
    if points.ndim != 2 or weights.shape != points.shape[:1] or not len(points):
        raise ValueError(
            f"rule must have points (q, d) and weights (q,), got {points.shape} and {weights.shape}"
        )
    _checks.finite("points of the rule", points)
    _checks.finite("weights of the rule", weights)
    return quadrature.Rule(points, weights)


def values(name: str, f: Any, points: np.ndarray) -> np.ndarray:
    """A number or a function at points as an array (q,) in double precision, checked."""
    if not callable(f):
        _checks.finite(name, f)
        return np.full(len(points), float(f))
    with jax.enable_x64(True):
        return np.asarray(_checks.target(f, points, name), np.float64)


def l2(f: Callable[[Any], Any], rule: quadrature.Rule) -> Energy:
    """The energy |v - f|^2 / 2 - |f|^2 / 2 in L2 by a rule.

    Args:
      f: (..., d) -> (...), the target.
      rule: points (q, d) and weights (q,).

    Raises:
      ValueError: if f or the rule has a wrong shape.
      NonFiniteError: if a value of f is nan or infinite; names the point.

    Example:
      >>> energy = l2(lambda x: x[..., 0], quadrature.box((8, 8), 3))
      >>> energy.squares, energy.dimension
      (True, 2)
    """
    points, w = check_rule(rule)
    F = values("target", f, points)
    return build(
        points, (np.ones((1, 1, 1)),), w[:, None], (w * F)[:, None],
        minimum=np.array(-(w @ F**2) / 2), squares=True,
    )  # fmt: skip


def h1(f: Callable[[Any], Any], rule: quadrature.Rule) -> Energy:
    """The energy |v - f|^2 / 2 - |f|^2 / 2 in H1 by a rule, for a target known by itself.

    Args:
      f: (..., d) -> (...), pure JAX; its gradient is taken.
      rule: points (q, d) and weights (q,).

    Raises:
      ValueError: if f or the rule has a wrong shape.
      NonFiniteError: if a value or a derivative of f is nan or infinite.

    Example:
      >>> energy = h1(lambda x: x[..., 0] ** 2, quadrature.box(8, 3))
      >>> round(-2 * float(energy.minimum), 4)  # 1/5 + 4/3
      1.5333
    """
    points, w = check_rule(rule)
    d = points.shape[1]
    F = [values("target", f, points)]
    with jax.enable_x64(True):
        slopes = np.asarray(jax.vmap(jax.grad(lambda p: f(p)))(jnp.asarray(points)))
    _checks.finite("gradient of the target", slopes)
    F = np.concatenate([F[0][:, None], slopes], axis=1)
    eye = np.eye(d + 1)
    weights = np.broadcast_to(w[:, None], F.shape)
    return build(
        points, (eye[None, :, :1], eye[None, :, 1:]), weights, weights * F,
        minimum=np.array(-(weights * F**2).sum() / 2), squares=True,
    )  # fmt: skip


def of(target: Callable[[Any], Any] | Energy, inner: str, rule: quadrature.Rule | None) -> Energy:
    """The energy of a function by a rule, "l2" or "h1", or the energy that is given.

    Raises:
      ValueError: if a function has no rule, or an energy has one.
      ConfigError: if the inner product is not known.

    Example:
      >>> of(lambda x: x[..., 0], "h1", quadrature.gauss_legendre(2)).order
      1
    """
    _checks.one_of("inner", inner, ("l2", "h1"))
    if isinstance(target, Energy):
        if rule is not None:
            raise ValueError("rule must be left out for an energy, which has its own points")
        return target
    if rule is None:
        raise ValueError("rule must be given for a function, got None; take quadrature.box")
    return {"l2": l2, "h1": h1}[inner](target, rule)

"""Variable projection: the residual of an energy as a function of directions and offsets alone.

For fixed (w, b) the best coefficients solve a linear least-squares problem, so that what remains of
an energy |r|^2 / 2 is, with the projection P on the complement of the span of the atoms,

    r(w, b) = y - Phi c = P y,    Phi_i = S^(1/2) phi(sigma(w_i.x + b_i)),  y = S^(-1/2) l,    (1)
    d r = -P sum_i c_i d Phi_i,

S and l the weights and the load of the energy, and d r the derivative of Kaufman, which leaves out
a term of the order of r. At a minimum of E = |r|^2 / 2, where r is orthogonal to all c_i d Phi_i,

    E'' = (d r)^T d r + C,    C = - diag_i (c_i r.d^2 Phi_i),                                  (2)

one block for each neuron; and C is as large as the rest, since kinks sit where r has its maxima.
For sigma = relu^k the second derivative is that of the mean of sigma over [t - h, t + h],

    (relu^(k+1)(t + h) - relu^(k+1)(t - h)) / (2 (k + 1) h),                                   (3)

with an h that has an eighth of n^(-1/d) of all points between. QR works on columns of length 1
above a ridge of eps^(5/8), which makes atoms equal that differ less, and an atom that is 0
harmless.

A truncated power is positively homogeneous: a length of w is a factor of c. There w turns and keeps
its length, w = |w_0| (e + T y) / |e + T y| with e = w_0 / |w_0| and an orthonormal basis T of its
complement; otherwise w = w_0 + y.

References: Golub, Pereyra, SIAM J. Numer. Anal. 10 (1973), 413-432; Kaufman, BIT 15 (1975), 49-57.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from approxnet.errors import AssumptionError
from approxnet.shallow.energy import Energy
from approxnet.shallow.network import HIGHEST
from approxnet.shallow.samples import sample_atoms
from approxnet.shallow.scores import POWERS


class Squares(NamedTuple):
    """The energy |y - S^(1/2) phi|^2 / 2, up to a constant.

    Attributes:
      energy: whose samples are phi, (q, m).
      root: (q, m), S^(1/2).
      y: (q m,).
    """

    energy: Energy
    root: Any
    y: Any


def check_squares(energy: Energy) -> None:
    """AssumptionError unless the energy is a sum of squares up to a constant.

    Example:
      >>> from approxnet import quadrature, shallow
      >>> check_squares(shallow.l2(lambda x: x[..., 0], quadrature.gauss_legendre(2)))
    """
    s, load = np.asarray(energy.weights), np.asarray(energy.load)
    _check_samples(
        energy, (s < 0) | ((s == 0) & (load != 0)), energy.quadratic,
        "a sum of squares",
        "add a reaction or a penalty, or take method='natural_gradient' without exchanges",
    )  # fmt: skip


def check_bounded(energy: Energy) -> None:
    """AssumptionError unless the form of the energy is a sum of squares, whatever its load is.

    With negative weights, those of Nitsche's method, an energy is bounded below on each space of
    finite dimension for a gamma of that space, and on networks that move for none.

    Example:
      >>> from approxnet import quadrature, shallow
      >>> rule = quadrature.gauss_legendre(2)
      >>> check_bounded(shallow.elliptic.diffusion(1.0, rule, reaction=0.0))
    """
    _check_samples(
        energy, np.asarray(energy.weights) < 0, True,
        "bounded below on all networks", "take elliptic.penalty or elliptic.vanishing",
    )  # fmt: skip


def _check_samples(energy: Energy, bad: np.ndarray, fits: bool, what: str, remedy: str) -> None:
    first = tuple(np.argwhere(bad)[:1].ravel().tolist())
    if energy.coupling is not None:
        found = "one of interpolants (shallow.spectral)"
        remedy = "take one by a quadrature rule (shallow.elliptic)"
    elif not fits:
        found = "a potential"
    elif first:
        found = f"weight {energy.weights[first]} and load {energy.load[first]} of sample {first}"
    else:
        return
    raise AssumptionError(f"energy must be {what}, got {found}; {remedy}")


def squares(energy: Energy) -> Squares:
    """The form of an energy that ``check_squares`` lets pass.

    Example:
      >>> from approxnet import quadrature, shallow
      >>> energy = shallow.l2(lambda x: x[..., 0], quadrature.gauss_legendre(2))
      >>> squares(energy).y.round(3).tolist()  # x / 2^(1/2)
      [0.149, 0.558]
    """
    root = jnp.sqrt(energy.weights)
    y = jnp.where(root > 0, energy.load / jnp.where(root > 0, root, 1), 0)
    return Squares(energy, root, y.ravel())


class Chart(NamedTuple):
    """Coordinates of directions around those of a network.

    Attributes:
      centre: (n, d), w_0.
      frame: (n, d, k), T, or unit matrices where w moves freely.
    """

    centre: jax.Array
    frame: jax.Array


def chart(activation: str, w: jax.Array) -> Chart:
    """The chart around directions (n, d).

    Example:
      >>> chart("relu", jnp.ones((4, 3))).frame.shape, chart("tanh", jnp.ones((4, 3))).frame.shape
      ((4, 3, 2), (4, 3, 3))
    """
    if activation not in POWERS:
        n, d = w.shape
        return Chart(w, jnp.broadcast_to(jnp.eye(d, dtype=w.dtype), (n, d, d)))
    frame = jnp.linalg.qr(w[:, :, None], mode="complete")[0]
    return Chart(w, frame[:, :, 1:])


def directions(activation: str, place: Chart, y: jax.Array) -> jax.Array:
    """The directions (n, d) at coordinates (n, k).

    Example:
      >>> place = chart("relu", jnp.array([[0.0, 2.0]]))
      >>> abs(directions("relu", place, jnp.ones((1, 1)))).round(4).tolist()  # an eighth turn
      [[1.4142, 1.4142]]
    """
    move = (place.frame * y[:, None, :]).sum(axis=-1)
    if activation not in POWERS:
        return place.centre + move
    length = jnp.linalg.norm(place.centre, axis=1, keepdims=True)
    # A direction 0 stays 0: it turns like the first unit vector, so that no derivative is nan.
    first = jnp.zeros_like(move).at[:, 0].set(1)
    v = jnp.where(length > 0, place.centre / jnp.where(length > 0, length, 1), first) + move
    return length * v / jnp.sqrt((v * v).sum(axis=1, keepdims=True))


def columns(form: Squares, activation: str, place: Chart, theta: jax.Array) -> jax.Array:
    """The rows Phi_i, (n, q m), at coordinates and offsets theta, (n, k + 1).

    Example:
      >>> from approxnet import quadrature, shallow
      >>> form = squares(shallow.l2(lambda x: x[..., 0], quadrature.gauss_legendre(2)))
      >>> place = chart("relu", jnp.array([[1.0]]))
      >>> columns(form, "relu", place, jnp.zeros((1, 1))).round(3).tolist()
      [[0.149, 0.558]]
    """
    w = directions(activation, place, theta[:, :-1])
    phi = sample_atoms(form.energy, activation, w, theta[:, -1])
    return (phi * form.root[None]).reshape(len(phi), -1)


def slopes(form: Squares, activation: str, place: Chart, theta: jax.Array) -> jax.Array:
    """The derivatives of each Phi_i by its own coordinates and offset, (n, q m, k + 1).

    Example:
      >>> from approxnet import quadrature, shallow
      >>> form = squares(shallow.l2(lambda x: x[..., 0], quadrature.gauss_legendre(2)))
      >>> place = chart("relu", jnp.array([[1.0]]))
      >>> slopes(form, "relu", place, jnp.zeros((1, 1))).round(3).tolist()
      [[[0.707], [0.707]]]
    """

    def one(centre: jax.Array, frame: jax.Array, row: jax.Array) -> jax.Array:
        return columns(form, activation, Chart(centre[None], frame[None]), row[None])[0]

    return jax.vmap(jax.jacfwd(one, argnums=2))(*place, theta)


class Projected(NamedTuple):
    """The best coefficients of given atoms.

    Attributes:
      coefficients: (n,), c.
      residual: (q m,), r = P y.
      Q: (q m, n), an orthonormal basis of the span.
    """

    coefficients: jax.Array
    residual: jax.Array
    Q: jax.Array


def project(phi: jax.Array, y: jax.Array) -> Projected:
    """The least-squares solution for atoms (n, q m) and a right-hand side (q m,).

    Example:
      >>> found = project(jnp.array([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]), jnp.array([2.0, 1.0, 0.0]))
      >>> found.coefficients.tolist(), found.residual.tolist()
      ([2.0, 0.0], [0.0, 1.0, 0.0])
    """
    length = jnp.linalg.norm(phi, axis=1)
    length = jnp.where(length > 0, length, 1)
    unit = phi / length[:, None]
    ridge = float(jnp.finfo(phi.dtype).eps) ** 0.625 * jnp.eye(len(phi), dtype=phi.dtype)
    Q, R = jnp.linalg.qr(jnp.concatenate([unit.T, ridge]))
    Q = Q[: len(y)]
    c = jax.scipy.linalg.solve_triangular(R, jnp.matmul(y, Q, precision=HIGHEST))
    return Projected(c / length, y - jnp.matmul(c, unit, precision=HIGHEST), Q)


@partial(jax.jit, static_argnames="activation")
def residual(form: Squares, activation: str, place: Chart, theta: jax.Array) -> jax.Array:
    """The residual (1).

    Example:
      >>> from approxnet import quadrature, shallow
      >>> form = squares(shallow.l2(lambda x: x[..., 0], quadrature.gauss_legendre(2)))
      >>> place = chart("relu", jnp.array([[1.0]]))
      >>> bool(abs(residual(form, "relu", place, jnp.zeros((1, 1)))).max() < 1e-6)
      True
    """
    return project(columns(form, activation, place, theta), form.y).residual


def jacobian(form: Squares, activation: str, place: Chart, theta: jax.Array) -> jax.Array:
    """Kaufman's derivative of the residual (1), (q m, n (k + 1)).

    It is 0 where the derivative of an atom is in the span of all to rounding: a relu whose kink has
    left the points moves within the linear functions, and there is no reason why it should.

    Example:
      >>> from approxnet import quadrature, shallow
      >>> form = squares(shallow.l2(lambda x: x[..., 0], quadrature.gauss_legendre(2)))
      >>> place = chart("relu", jnp.array([[1.0]]))
      >>> jacobian(form, "relu", place, jnp.zeros((1, 1))).shape
      (2, 1)
    """
    found = project(columns(form, activation, place, theta), form.y)
    D = slopes(form, activation, place, theta) * found.coefficients[:, None, None]
    D = jnp.moveaxis(D, 1, 0).reshape(len(found.residual), -1)
    inside = jnp.matmul(found.Q.T, D, precision=HIGHEST)
    J = jnp.matmul(found.Q, inside, precision=HIGHEST) - D
    rounding = float(jnp.finfo(D.dtype).eps) ** 0.5 * jnp.linalg.norm(D, axis=0)
    return jnp.where(jnp.linalg.norm(J, axis=0) > rounding, J, 0)


def curvature(form: Squares, activation: str, place: Chart, theta: jax.Array) -> jax.Array:
    """The term C of (2), (n (k + 1), n (k + 1)); 0 for the hat, which has no second derivative.

    Example:
      >>> from approxnet import quadrature, shallow
      >>> form = squares(shallow.l2(lambda x: x[..., 0], quadrature.gauss_legendre(2)))
      >>> place = chart("relu", jnp.array([[1.0]]))
      >>> curvature(form, "relu", place, jnp.zeros((1, 1))).shape
      (1, 1)
    """
    n, k = theta.shape
    found = project(columns(form, activation, place, theta), form.y)
    if activation == "hat":
        return jnp.zeros((n * k, n * k), theta.dtype)

    def one(given: tuple[jax.Array, ...]) -> jax.Array:
        centre, frame, row, c = given
        alone = Chart(centre[None], frame[None])
        h = _half_width(form, directions(activation, alone, row[None, :-1])[0], row[-1], n)

        def load(t: jax.Array) -> jax.Array:
            return -c * jnp.vdot(found.residual, _mean(form, activation, alone, t[None], h))

        return jax.hessian(load)(row)

    blocks = jax.lax.map(one, (*place, theta, found.coefficients), batch_size=32)
    full = jnp.zeros((n, k, n, k), theta.dtype)
    i = jnp.arange(n, dtype=jnp.int32)
    return full.at[i, :, i, :].set(blocks).reshape(n * k, n * k)


def _half_width(form: Squares, w: jax.Array, b: jax.Array, n: int) -> jax.Array:
    points = form.energy.points
    near = max(int(len(points) / (8 * n ** (1 / points.shape[1]))), 1)
    t = jnp.matmul(points, w, precision=HIGHEST) + b
    h = jnp.sort(abs(t))[near]
    return jnp.where(h > 0, h, 1)


def _mean(
    form: Squares, activation: str, place: Chart, theta: jax.Array, h: jax.Array
) -> jax.Array:
    """(3) for a truncated power, Phi itself for a smooth activation."""
    if activation not in POWERS:
        return columns(form, activation, place, theta)[0]
    power = POWERS[activation] + 1
    w = directions(activation, place, theta[:, :-1])
    after, before = (
        sample_atoms(form.energy, "relu" if power == 1 else f"relu{power}", w, theta[:, -1] + s)
        for s in (h, -h)
    )
    return ((after - before) * form.root[None] / (2 * power * h)).ravel()

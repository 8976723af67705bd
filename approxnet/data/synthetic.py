"""Labelled points whose geometry is known.

Three sets A_1, A_2, A_3 are separable in three senses, each of which implies the next:

    all versus one   a hyperplane parts each A_i from the union of the others
    linear           affine functions w_i x + b_i exist, of which the i-th is the largest on A_i
    pairwise         a hyperplane parts each two

and ``three_sets`` has an example of each that is none of the sense before it.

Reference: Xu, Deep Learning and Analysis, lecture notes, chapter 2 (linearly separable sets).
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from approxnet import _checks


class Points(NamedTuple):
    """Points and the numbers of their classes.

    Example:
      >>> Points(jnp.zeros((3, 2)), jnp.zeros(3, jnp.int32)).x.shape
      (3, 2)
    """

    x: jax.Array  # (n, d)
    labels: jax.Array  # (n,) int32


def separable(
    key: jax.Array, n: int, *, d: int = 2, classes: int = 2, margin: float = 0.1
) -> Points:
    """Linearly separable sets: the sectors of a disc, drawn apart.

    With unit vectors w_0, ..., w_{k-1} at equal angles in a random plane, class i is the sector of
    the unit disc where w_i . x is the largest, moved by t w_i. From the boundary to class j a point
    of class i then has at least the distance t |w_i - w_j| / 2 >= t sin(pi / k), so that
    t = margin / sin(pi / k) leaves the margin free on both sides.

    Args:
      key: random key.
      n: static; how many points, the classes in turn.
      d: static, at least 2; the dimension.
      classes: static, at least 2.
      margin: least distance of a point from the boundary to another class.

    Returns:
      x: (n, d), labels: (n,).

    Raises:
      ValueError: if n, d or classes is too small.

    Example:
      >>> x, labels = separable(jax.random.key(0), 5, classes=3)
      >>> x.shape, labels.tolist()
      ((5, 2), [0, 1, 2, 0, 1])
    """
    n, d = _checks.count("n", n, at_least=1), _checks.count("d", d, at_least=2)
    k = _checks.count("classes", classes, at_least=2)
    angles, radii, plane = jax.random.split(key, 3)
    labels = _in_turn(n, k)
    radius = jnp.sqrt(jax.random.uniform(radii, (n,)))
    middle = 2 * jnp.pi / k * labels.astype(radius.dtype)
    angle = middle + jnp.pi / k * jax.random.uniform(angles, (n,), minval=-1, maxval=1)
    shift = margin / np.sin(np.pi / k).item()
    flat = radius[:, None] * _circle(angle) + shift * _circle(middle)
    axes = jnp.linalg.qr(jax.random.normal(plane, (d, 2)))[0]
    return Points(jnp.matmul(flat, axes.T, precision=jax.lax.Precision.HIGHEST), labels)


def circles(key: jax.Array, n: int, *, classes: int = 2, width: float = 0.5) -> Points:
    """Concentric rings in the plane; no two of them can be parted by a line.

    Args:
      key: random key.
      n: static; how many points, the classes in turn.
      classes: static, at least 2; class i lies around the circle of radius i + 1.
      width: of each ring, in [0, 1); the rings are 1 - width apart.

    Returns:
      x: (n, 2), labels: (n,).

    Raises:
      ValueError: if n or classes is too small.

    Example:
      >>> x, labels = circles(jax.random.key(0), 4, width=0.0)
      >>> jnp.linalg.norm(x, axis=1).round(4).tolist()
      [1.0, 2.0, 1.0, 2.0]
    """
    labels = _in_turn(
        _checks.count("n", n, at_least=1), _checks.count("classes", classes, at_least=2)
    )
    angles, radii = jax.random.split(key)
    angle = jax.random.uniform(angles, (n,), maxval=2 * jnp.pi)
    radius = 1 + labels.astype(angle.dtype)
    radius = radius + width * jax.random.uniform(radii, (n,), minval=-0.5, maxval=0.5)
    return Points(radius[:, None] * _circle(angle), labels)


def spirals(
    key: jax.Array, n: int, *, classes: int = 2, turns: float = 1.5, noise: float = 0.0
) -> Points:
    """Archimedean spirals wound into one another: class i is r = s, angle 2 pi (turns s + i / k).

    Args:
      key: random key.
      n: static; how many points, the classes in turn.
      classes: static, at least 2.
      turns: of each arm, as s goes from 0 to 1.
      noise: standard deviation of a normal displacement of each point.

    Returns:
      x: (n, 2), labels: (n,).

    Raises:
      ValueError: if n or classes is too small.

    Example:
      >>> spirals(jax.random.key(0), 6, classes=3).x.shape
      (6, 2)
    """
    k = _checks.count("classes", classes, at_least=2)
    labels = _in_turn(_checks.count("n", n, at_least=1), k)
    along, aside = jax.random.split(key)
    s = jax.random.uniform(along, (n,))
    arm = s[:, None] * _circle(2 * jnp.pi * (turns * s + labels.astype(s.dtype) / k))
    return Points(arm + noise * jax.random.normal(aside, (n, 2)), labels)


def three_sets(kind: str, n: int) -> Points:
    """Three segments that are separable in one sense and in none that is stronger.

    - "all_versus_one": three rays from the corners of a triangle outward, in the plane.
    - "linear": the intervals [-4, -2], [-1, 1], [2, 4]; w = (-2, 0, 2), b = (-3, 0, -3) does it,
      but no point parts the middle one from the other two.
    - "pairwise": the pinwheel, from p_i to 2 p_{i-1} with p_0, p_1, p_2 the cube roots of unity. If
      the w_i and b_i existed, (w_i - w_{i+1}) p_i + b_i - b_{i+1} > 0 and
      (w_i - w_{i-1}) 2 p_{i-1} + b_i - b_{i-1} > 0 for each i; but twice the first plus the second,
      summed over i, is 0.

    Args:
      kind: static; "all_versus_one", "linear" or "pairwise".
      n: static, at least 2; points on each segment, evenly spaced, the ends among them.

    Returns:
      x: (3 n, d) with d = 1 for "linear" and 2 otherwise, labels: (3 n,).

    Raises:
      ConfigError: if the kind is not known.
      ValueError: if n is less than 2.

    Example:
      >>> x, labels = three_sets("linear", 2)
      >>> x[:, 0].tolist(), labels.tolist()
      ([-4.0, -2.0, -1.0, 1.0, 2.0, 4.0], [0, 0, 1, 1, 2, 2])
    """
    ends = SEGMENTS[_checks.one_of("kind", kind, SEGMENTS)]  # (3, 2, d)
    n = _checks.count("n", n, at_least=2)
    along = np.linspace(0, 1, n)[:, None]
    x = ends[:, None, 0] * (1 - along) + ends[:, None, 1] * along
    labels = np.repeat(np.arange(3, dtype=np.int32), n)
    return Points(jnp.asarray(x.reshape(3 * n, -1)), jnp.asarray(labels))


def half_discs(n: int, *, margin: float = 0.5, slide: float = 0.5) -> Points:
    """The halves of the unit disc, drawn apart; two separable sets without random numbers.

    Point i has the radius ((i + 1/2) / n)^(1/2) and, in its half, the angle pi (i sqrt(2) mod 1),
    the halves in turn, so that the points are spread evenly; each half is moved by the margin, and
    along the line that parts them by the slide, so that this line is not the bisector of the means.

    Args:
      n: static, at least 2; how many points.
      margin: least distance of a point from the line x_0 = 0 that parts the halves.
      slide: of the right half upward and of the left half downward.

    Returns:
      x: (n, 2), labels: (n,).

    Raises:
      ValueError: if n is less than 2.

    Example:
      >>> x, labels = half_discs(5)
      >>> (x[:, 0] > 0).astype(int).tolist(), bool((abs(x[:, 0]) >= 0.5).all())
      ([0, 1, 0, 1, 0], True)
    """
    i = np.arange(_checks.count("n", n, at_least=2))
    labels, radius = i % 2, np.sqrt((i + 0.5) / n)
    side, angle = 2 * labels - 1, np.pi * (i * np.sqrt(2) % 1)
    across, along = radius * np.sin(angle) + margin, radius * np.cos(angle) + slide
    x = np.stack([side * across, side * along], 1)
    return Points(jnp.asarray(x), jnp.asarray(labels.astype(np.int32)))


ROOTS = np.stack([np.cos(2 * np.pi / 3 * np.arange(3)), np.sin(2 * np.pi / 3 * np.arange(3))], 1)
SEGMENTS = {
    "all_versus_one": np.stack([ROOTS, 2 * ROOTS], 1),
    "linear": np.array([[-4.0, -2.0], [-1.0, 1.0], [2.0, 4.0]])[..., None],
    "pairwise": np.stack([ROOTS, 2 * np.roll(ROOTS, 1, axis=0)], 1),
}


def _circle(angle: jax.Array) -> jax.Array:
    """Points on the unit circle, (n, 2)."""
    return jnp.stack([jnp.cos(angle), jnp.sin(angle)], -1)


def _in_turn(n: int, k: int) -> jax.Array:
    """0, 1, ..., k - 1, 0, 1, ...; n numbers."""
    return jnp.arange(n, dtype=jnp.int32) % k

"""Convolution whose gradients are convolutions of the same form, fast in every loop.

The convolution of the notes is a correlation: with kernel w, stride s and padding l in front,

    y_i = sum_j w_j x_{s i + j - l}

on each axis, summed over the channels that enter. Let the kernel be spread by b and the image by a,
that is, let zeros stand between their entries. Then y is the gradient in g of one trilinear form

    T(x, w, g) = sum of g_i w_j x_k over all i, j, k with  s i + b j - a k = l,

and so are, with the roles of the three permuted, the gradients of the loss: for a kernel of size K

    in x:  a k + b j' - s i = b (K - 1) - l,  j' = K - 1 - j:  stride a, image g spread by s,
           kernel w flipped and spread by b;
    in w:  b j + s i - a k = l:               stride b, image x spread by a, kernel g spread by s.

Both are written below as convolutions in the layout NHWC x HWIO, to any order of differentiation.
This is what XLA's CPU compiler runs fast in a loop: the gradient in w that JAX itself derives has
batch and channels swapped in its layout, and inside ``lax.scan`` runs 19 to 82 times slower
(jax-ml/jax issue 12868).

The rule is a ``jax.custom_vjp``: gradients of gradients are right, and forward mode (``jax.jvp``,
``jax.jacfwd``, ``jax.hessian``) raises TypeError; take ``jax.jacrev`` twice for a Hessian.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from approxnet import _checks
from approxnet.models.initializers import kaiming

BOUNDARIES = {"zero": "constant", "periodic": "wrap", "reflected": "reflect"}
"""What stands beyond the border, and its name in ``jax.numpy.pad``."""

Pair = tuple[int, ...]  # one number per axis


class Geometry(NamedTuple):
    """The condition s i + b j - a k = l on each axis, with i < size; static.

    Attributes:
      stride: s.
      kernel_spread: b.
      image_spread: a.
      before: l, the padding in front.
      size: height and width of the result.
    """

    stride: Pair
    kernel_spread: Pair
    image_spread: Pair
    before: Pair
    size: Pair


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _correlate(x: jax.Array, w: jax.Array, geometry: Geometry) -> jax.Array:
    """The gradient of T in g: x (n, h, w, c), w (k, k, c, o), result (n, *size, o)."""
    s, b, a, before, _ = geometry
    padding = [(before[d], _after(geometry, d, x.shape[1 + d], w.shape[d])) for d in range(2)]
    return lax.conv_general_dilated(
        x, w, s, padding, a, b, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def _after(geometry: Geometry, d: int, image: int, kernel: int) -> int:
    """The padding behind that makes the result end where it should; negative crops."""
    s, b, a, before, size = (pair[d] for pair in geometry)
    return s * (size - 1) + b * (kernel - 1) - a * (image - 1) - before


def _forward(
    x: jax.Array, w: jax.Array, geometry: Geometry
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return _correlate(x, w, geometry), (x, w)


def _backward(
    geometry: Geometry, saved: tuple[jax.Array, jax.Array], g: jax.Array
) -> tuple[Any, Any]:
    (x, w), (s, b, a, before, _) = saved, geometry
    turned = tuple(b[d] * (w.shape[d] - 1) - before[d] for d in range(2))
    for_x = Geometry(a, b, s, turned, x.shape[1:3])
    for_w = Geometry(b, s, a, before, w.shape[:2])
    gradient_x = _correlate(g, w[::-1, ::-1].swapaxes(2, 3), for_x)
    gradient_w: Any = _correlate(x.transpose(3, 1, 2, 0), g.transpose(1, 2, 0, 3), for_w)
    return gradient_x, gradient_w.transpose(1, 2, 0, 3)


_correlate.defvjp(_forward, _backward)


def convolve(
    x: jax.Array,
    kernel: jax.Array,
    *,
    stride: int = 1,
    padding: str | int = "SAME",
    boundary: str = "zero",
) -> jax.Array:
    """The convolution of images with a kernel, without a flip.

    Args:
      x: (n, h, w, c), images.
      kernel: (k, k', c, o).
      stride: the step s in both directions; static.
      padding: static; "SAME" for ceil(h / s) results, with floor(t / 2) of t padded rows in front;
        "VALID" for none; a number for as many on all four sides.
      boundary: "zero", "periodic" (x_{-1} = x_{h-1}) or "reflected" (x_{-1} = x_1), what is padded;
        static.

    Returns:
      (n, h', w', o), in the dtype that x and kernel promote to.

    Raises:
      ValueError: if shapes or options do not fit; if the kernel is larger than the padded image.
      ConfigError: if boundary is none of the three.

    >>> x = jnp.arange(16.0).reshape(1, 4, 4, 1)
    >>> laplace = jnp.array([[0.0, -1, 0], [-1, 4, -1], [0, -1, 0]])[..., None, None]
    >>> convolve(x, laplace, padding="VALID")[0, ..., 0]
    Array([[0., 0.],
           [0., 0.]], dtype=float32)
    >>> convolve(x, laplace, boundary="periodic", stride=2).shape
    (1, 2, 2, 1)
    """
    if jnp.ndim(x) != 4 or jnp.ndim(kernel) != 4 or x.shape[3] != kernel.shape[2]:
        raise ValueError(
            "x must have shape (n, h, w, c) and kernel (k, k', c, o) with the same c, got "
            f"{jnp.shape(x)} and {jnp.shape(kernel)}"
        )
    s = _checks.count("stride", stride, at_least=1)
    mode = BOUNDARIES[_checks.one_of("boundary", boundary, BOUNDARIES)]
    dtype = jnp.result_type(x, kernel)
    x, kernel = x.astype(dtype), kernel.astype(dtype)
    pads = [_pads(padding, x.shape[1 + d], kernel.shape[d], s) for d in range(2)]
    if mode != "constant":
        x, pads = jnp.pad(x, [(0, 0), *pads, (0, 0)], mode=mode), [(0, 0), (0, 0)]
    rows, columns = ((x.shape[1 + d] + sum(pads[d]) - kernel.shape[d]) // s + 1 for d in range(2))
    if min(rows, columns) < 1:
        raise ValueError(
            f"kernel must fit into the padded images, got kernel {kernel.shape[:2]}, images "
            f"{x.shape[1:3]} and padding {pads}; pad with padding='SAME'"
        )
    before = (pads[0][0], pads[1][0])
    return _correlate(x, kernel, Geometry((s, s), (1, 1), (1, 1), before, (rows, columns)))


def convolve_transposed(
    x: jax.Array,
    kernel: jax.Array,
    size: tuple[int, ...],
    *,
    padding: int = 1,
    boundary: str = "zero",
) -> jax.Array:
    """From coarse to fine pixels: the transpose of a convolution of stride 2.

    The coarse pixels are those of a convolution of stride 2 with a 3 x 3 kernel: pixel k lies on
    the fine pixel m = 2 k + 1 - padding. It adds w_j x_k to the fine pixels m + K - 2 - j,
    j = 0, ..., K - 1, on each axis, where K is the size of the kernel.

    Args:
      x: (n, h, w, c), coarse images.
      kernel: (3, 3, c, o) or (4, 4, c, o).
      size: height and width of the fine images; static.
      padding: of the convolution to the coarse pixels, 0 or 1; static.
      boundary: "zero", "periodic" or "reflected", how x goes on beyond its border; static.

    Returns:
      (n, *size, o), in the dtype that x and kernel promote to.

    Raises:
      ValueError: if the convolution does not lead from images of that size to those of x.
      ConfigError: if boundary is none of the three.

    >>> tent = jnp.array([0.5, 1.0, 0.5])
    >>> bilinear = jnp.outer(tent, tent)[..., None, None]
    >>> convolve_transposed(jnp.ones((1, 1, 1, 1)), bilinear, (3, 3), padding=0)[0, ..., 0]
    Array([[0.25, 0.5 , 0.25],
           [0.5 , 1.  , 0.5 ],
           [0.25, 0.5 , 0.25]], dtype=float32)
    """
    mode: Any = BOUNDARIES[_checks.one_of("boundary", boundary, BOUNDARIES)]
    coarse = tuple((n + 2 * padding - 3) // 2 + 1 for n in size)
    kernels = [(k, k, *jnp.shape(x)[3:]) for k in (3, 4)]
    if jnp.ndim(x) != 4 or x.shape[1:3] != coarse or kernel.shape[:3] not in kernels:
        raise ValueError(
            f"x must be images of {coarse} pixels, half of size={tuple(size)}, and kernel "
            f"(3, 3, c, o) or (4, 4, c, o) with the same c, got {jnp.shape(x)} and "
            f"{jnp.shape(kernel)}"
        )
    dtype = jnp.result_type(x, kernel)
    x = jnp.pad(x.astype(dtype), [(0, 0), (1, 1), (1, 1), (0, 0)], mode=mode)
    before = kernel.shape[0] - 3 - padding
    geometry = Geometry((1, 1), (1, 1), (2, 2), (before, before), tuple(size))
    return _correlate(x, kernel.astype(dtype), geometry)


def _pads(padding: str | int, n: int, k: int, s: int) -> Pair:
    """The rows padded in front and behind."""
    if isinstance(padding, str):
        total = max((-(-n // s) - 1) * s + k - n, 0)
        same = (total // 2, total - total // 2)
        return {"SAME": same, "VALID": (0, 0)}[
            _checks.one_of("padding", padding, ("SAME", "VALID"))
        ]
    number = _checks.count("padding", padding)
    return number, number


class Conv(nn.Module):
    """``convolve`` with a kernel, and a bias if wanted, as parameters.

    Attributes:
      features: the number o of channels that leave.
      size: the kernel is size x size.
      stride, padding, boundary: as for ``convolve``.
      bias: whether a bias is added.
      kernel_init: ``init(key, shape, dtype)`` for the kernel; the bias starts at 0.

    >>> layer = Conv(8, stride=2)
    >>> y, params = layer.init_with_output(jax.random.key(0), jnp.ones((1, 32, 32, 3)))
    >>> y.shape, params["params"]["kernel"].shape
    ((1, 16, 16, 8), (3, 3, 3, 8))
    """

    features: int
    size: int = 3
    stride: int = 1
    padding: str | int = "SAME"
    boundary: str = "zero"
    bias: bool = True
    kernel_init: Any = kaiming

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """The convolution, (n, h', w', features), of images (n, h, w, c)."""
        features = _checks.count("features", self.features, at_least=1)
        size = _checks.count("size", self.size, at_least=1)
        kernel = self.param(
            "kernel", self.kernel_init, (size, size, x.shape[-1], features), x.dtype
        )
        y = convolve(x, kernel, stride=self.stride, padding=self.padding, boundary=self.boundary)
        if not self.bias:
            return y
        return y + self.param("bias", nn.initializers.zeros, (1, 1, 1, features), x.dtype)

"""Images as the networks see them: normalised, cropped at random, mirrored at random.

    normalize:   (x / 255 - mean) / std, per channel
    crop_flip:   pad with zeros on every side, cut a window of the old size out, mirror every second

Two standard deviations of a set are in use, and ``STATISTICS`` names both for CIFAR-10: that of all
pixels together ("cifar10"), and the mean over the images of the deviation within the image
("cifar10_per_image"), which is smaller; the second is what Xu's course divides by.

References: Xu, Deep Learning and Analysis, lecture notes, on data normalisation; He, Zhang, Ren,
Sun, CVPR (2016), section 4.2, for crop and flip.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from approxnet import _checks


class Statistics(NamedTuple):
    """Mean and standard deviation of each channel, of pixels in [0, 1].

    Example:
      >>> STATISTICS["fashion_mnist"]
      Statistics(mean=(0.2860406,), std=(0.3530242,))
    """

    mean: tuple[float, ...]  # (c,)
    std: tuple[float, ...]  # (c,)


CIFAR10_MEAN = (0.49140105, 0.48215663, 0.44653168)
STATISTICS = {
    "fashion_mnist": Statistics((0.2860406,), (0.3530242,)),
    "cifar10": Statistics(CIFAR10_MEAN, (0.24703284, 0.24348499, 0.26158834)),
    "cifar10_per_image": Statistics(CIFAR10_MEAN, (0.20220193, 0.19931635, 0.20086373)),
}


def statistics(images: Any, *, per_image: bool = False) -> Statistics:
    """Mean and standard deviation of the channels of a set, on the host in double precision.

    Args:
      images: (n, h, w, c) uint8.
      per_image: take the mean over the images of the deviation within each, not the deviation of
        all pixels together.

    Returns:
      c means and c deviations, of pixels in [0, 1].

    Raises:
      ValueError: if the images are not uint8 of that shape.

    Example:
      >>> images = np.array([0, 255, 0, 0], np.uint8).reshape(2, 2, 1, 1)
      >>> [round(statistics(images, per_image=p).std[0], 4) for p in (False, True)]
      [0.433, 0.25]
    """
    images = np.asarray(images)
    _check_bytes("images", images)
    values = np.arange(256) / 255
    counts = np.array([[np.bincount(c, minlength=256) for c in _pixels(i)] for i in images])
    share = counts / counts[0, 0].sum()  # (n, c, 256), of each value in each image and channel
    mean, square = share @ values, share @ values**2
    pooled = square.mean(0) - mean.mean(0) ** 2
    within = np.sqrt(np.maximum(square - mean**2, 0))
    std = within.mean(0) if per_image else np.sqrt(np.maximum(pooled, 0))
    return Statistics(tuple(mean.mean(0).tolist()), tuple(std.tolist()))


def _pixels(image: np.ndarray) -> np.ndarray:
    """(c, h * w)."""
    return image.reshape(-1, image.shape[-1]).T


def normalize(images: Any, statistics: str | Statistics, *, dtype: Any = None) -> jax.Array:
    """Images with mean 0 and deviation 1 in each channel, over the set.

    Args:
      images: (..., h, w, c) uint8.
      statistics: static; a name in ``STATISTICS`` or the statistics themselves.
      dtype: static; of the result; None for JAX's default.

    Returns:
      (..., h, w, c).

    Raises:
      ValueError: if the images are not uint8, or have not as many channels as the statistics.
      ConfigError: if the name is not known.

    Example:
      >>> x = jnp.zeros((2, 32, 32, 3), jnp.uint8)
      >>> normalize(x, "cifar10_per_image")[0, 0, 0].tolist()
      [-2.4302, -2.4191, -2.2231]
    """
    if isinstance(statistics, str):
        statistics = STATISTICS[_checks.one_of("statistics", statistics, STATISTICS)]
    _check_bytes("images", images, len(statistics.mean))
    dtype = jnp.result_type(float) if dtype is None else dtype
    mean, std = (np.asarray(values, np.float64) for values in statistics)
    # (x / 255 - mean) / std as one multiplication and one addition
    scale, shift = (
        jnp.broadcast_to(jnp.asarray(values, dtype), np.shape(images))
        for values in (1 / (255 * std), -mean / std)
    )
    return jnp.asarray(images).astype(dtype) * scale + shift


def crop_flip(key: jax.Array, x: Any, pad: int = 4) -> jax.Array:
    """Each image shifted by up to ``pad`` pixels, zeros coming in, and mirrored with chance 1/2.

    Args:
      key: random key.
      x: (n, h, w, c), images of any dtype; augment before you normalise, so that the zeros are
        black.
      pad: static, at least 0; width of the zeros on every side.

    Returns:
      (n, h, w, c) in the dtype of x.

    Raises:
      ValueError: if x has another number of axes or pad is negative.

    Example:
      >>> x = jnp.ones((2, 32, 32, 3), jnp.uint8)
      >>> crop_flip(jax.random.key(0), x).shape
      (2, 32, 32, 3)
    """
    pad = _checks.count("pad", pad)
    x = jnp.asarray(x)
    if x.ndim != 4:
        raise ValueError(f"x must have shape (n, h, w, c), got {x.shape}; add the axes with [None]")
    rows, columns, mirror = jax.random.split(key, 3)
    n, h, w, _ = x.shape
    top = jax.random.randint(rows, (n, 1), 0, 2 * pad + 1)
    left = jax.random.randint(columns, (n, 1), 0, 2 * pad + 1)
    flipped = jax.random.bernoulli(mirror, 0.5, (n, 1))
    across = jnp.arange(w)[None]
    i = jnp.arange(h)[None] + top
    j = jnp.where(flipped, w - 1 - across, across) + left
    padded = jnp.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    return padded[jnp.arange(n)[:, None, None], i[:, :, None], j[:, None, :]]


def _check_bytes(name: str, images: Any, channels: int | None = None) -> None:
    """ValueError unless the images are (..., h, w, c) uint8 with that many channels."""
    dtype, shape = getattr(images, "dtype", None), np.shape(images)
    if dtype != np.uint8:
        raise ValueError(
            f"{name} must be uint8 in 0..255, got {dtype}; normalise the bytes as they are loaded, "
            "once, before any arithmetic"
        )
    if len(shape) < 3 or (channels is not None and shape[-1] != channels):
        raise ValueError(
            f"{name} must have shape (..., h, w, {channels or 'c'}), the channel on the last axis, "
            f"got {shape}"
        )

"""A data set on the device, and the way of an example from there into the model.

Images stay bytes in memory. In each step the examples of the batch are taken out, augmented, and
normalised to floating-point numbers:

    x = normalize(augment(key, images[index]))

Labels are integers, or functions on a grid, numbers of a floating dtype, for models that map
functions to functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from approxnet import _checks
from approxnet.errors import ConfigError, DataError

Normalize = Callable[[jax.Array], jax.Array]
"""``normalize(images (n, ...)) -> x (n, ...)``, of a floating dtype."""

Augment = Callable[[jax.Array, jax.Array], jax.Array]
"""``augment(key, images (n, ...)) -> images``."""


class Labelled(Protocol):
    """Anything with images and labels, as ``data.load`` returns it."""

    @property
    def images(self) -> Any:
        """(n, ...), numbers of any kind."""

    @property
    def labels(self) -> Any:
        """(n, ...), integers from 0, or functions of a floating dtype."""


class Examples(NamedTuple):
    """Images and labels as arrays of JAX; `on_device` checks them.

    Example:
      >>> Examples(jnp.zeros((2, 8, 8, 1), jnp.uint8), jnp.zeros(2, jnp.int32)).images.nbytes
      128
    """

    images: jax.Array  # (n, ...)
    labels: jax.Array  # (n, ...) int32 or of a floating dtype


def scale(images: jax.Array) -> jax.Array:
    """Bytes divided by 255; floating-point numbers as they are.

    Example:
      >>> scale(jnp.array([[0, 255]], jnp.uint8)).tolist()
      [[0.0, 1.0]]
    """
    if jnp.issubdtype(images.dtype, jnp.floating):
        return images
    return images.astype(jnp.result_type(float)) / 255


def unchanged(key: jax.Array, images: jax.Array) -> jax.Array:
    """The images as they are: no augmentation.

    Example:
      >>> unchanged(jax.random.key(0), jnp.ones((2, 3))).shape
      (2, 3)
    """
    return images


def on_device(dataset: Labelled) -> Examples:
    """The examples of a data set, checked, on the device.

    Raises:
      DataError: if there is none, if there are not as many labels as images, if an integer label
        is negative, or if a number is not finite; names the first such.

    Example:
      >>> from types import SimpleNamespace
      >>> on_device(SimpleNamespace(images=np.zeros((2, 3)), labels=[0, -1]))
      Traceback (most recent call last):
      ...
      approxnet.errors.DataError: labels must be at least 0, got -1 at index (1,) ...
    """
    images, labels = np.asarray(dataset.images), np.asarray(dataset.labels)
    if images.ndim < 2 or 0 in images.shape or not np.issubdtype(images.dtype, np.number):
        raise DataError(
            f"images must be numbers of shape (n, ...) with at least one example, got "
            f"{images.dtype} of shape {images.shape}"
        )
    kinds = [kind for kind in (np.integer, np.floating) if np.issubdtype(labels.dtype, kind)]
    if labels.shape[:1] != images.shape[:1] or not kinds:
        raise DataError(
            f"labels must be integers, or functions of a floating dtype, of shape ({len(images)}, "
            f"...), one row per image, got {labels.dtype} of shape {labels.shape}"
        )
    _refuse("images must be finite", images, ~np.isfinite(images))
    if kinds == [np.floating]:
        _refuse("labels must be finite", labels, ~np.isfinite(labels))
        return Examples(jnp.asarray(images), jnp.asarray(labels))
    _refuse("labels must be at least 0", labels, labels < 0)
    return Examples(jnp.asarray(images), jnp.asarray(labels, jnp.int32))


def batch_shape(normalize: Normalize, images: Any, batch: int) -> jax.ShapeDtypeStruct:
    """Shape and dtype of the batches that the model sees.

    Raises:
      ConfigError: if what ``normalize`` returns is not of a floating dtype.

    Example:
      >>> batch_shape(scale, jnp.zeros((9, 8, 8, 1), jnp.uint8), 4).shape
      (4, 8, 8, 1)
    """
    x = jax.eval_shape(normalize, jax.ShapeDtypeStruct((batch, *images.shape[1:]), images.dtype))
    if not jnp.issubdtype(x.dtype, jnp.floating):
        raise ConfigError(
            f"normalize must return a floating dtype, got {x.dtype}; bytes would overflow"
        )
    return x


def check_labels(labels: Any, logits: jax.ShapeDtypeStruct) -> None:
    """DataError unless the labels fit the logits (n, ..., m): (n, ...), each less than m.

    Labels that are functions have the shape of the logits.

    Example:
      >>> check_labels(jnp.array([1, 3]), jax.ShapeDtypeStruct((8, 3), float))
      Traceback (most recent call last):
      ...
      approxnet.errors.DataError: labels must be less than 3, ... got 3 at index (1,) ...
    """
    if jnp.issubdtype(labels.dtype, jnp.floating):
        if labels.shape[1:] != logits.shape[1:]:
            raise DataError(
                f"labels of a floating dtype must have shape (n, *{logits.shape[1:]}) for the "
                f"outputs {logits.shape} of the model, got {labels.shape}"
            )
        return
    m = logits.shape[-1]
    if labels.shape[1:] != logits.shape[1:-1]:
        raise DataError(
            f"labels must have shape (n, *{logits.shape[1:-1]}) for logits "
            f"{logits.shape}, got {labels.shape}"
        )
    values = np.asarray(labels)
    _refuse(f"labels must be less than {m}, the outputs of the model,", values, values >= m)


def _refuse(rule: str, values: np.ndarray, bad: np.ndarray) -> None:
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        raise DataError(
            f"{rule}, got {values[place]} at index {place} ({int(bad.sum())} of {bad.size}); "
            "mend or remove it"
        )


def check_batch(batch: int, n: int) -> int:
    """The batch if it is at most n; ConfigError otherwise.

    Example:
      >>> check_batch(128, 1437)
      128
    """
    if _checks.count("batch", batch, at_least=1) > n:
        raise ConfigError(f"batch must be at most {n}, the number of examples, got {batch}")
    return batch

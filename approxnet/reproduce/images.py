"""Photographs as functions in the plane: pixels as points, a greedy choice of nodes, the PSNR.

Pixel (row i, column j) of an image with H rows is the point (j, H - 1 - i) / 512. The unit is a
power of two so that the points are exact in every precision, and pixels on a line stay on it.

What n nodes interpolate is the photograph blurred to the width of the mesh,

    g_n = G_s * photograph,    s = 0.15 sqrt(H W / n) pixels,

G_s a Gaussian of standard deviation s: single pixels of a texture say little about their
neighbourhood. The peak signal-to-noise ratio of an image u in [0, 1] is

    PSNR = -10 log10( mean |u - photograph|^2 )    (decibels).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import scipy.ndimage
import scipy.spatial

from approxnet.data import used
from approxnet.errors import ConfigError

PIXELS_PER_UNIT = 512
BLUR = 0.15
GROWTH = 0.3


class Nodes(NamedTuple):
    """Nodes at pixels and the values that they carry: (n,) rows, (n,) columns, (n,) values.

    Example:
      >>> Nodes(np.array([0]), np.array([3]), np.array([0.5])).columns
      array([3])
    """

    rows: np.ndarray
    columns: np.ndarray
    values: np.ndarray


def photograph() -> np.ndarray:
    """The photograph ``china.jpg`` of scikit-learn in grey, (427, 640) in [0, 1].

    Grey is the luma of ITU-R BT.601, 0.299 red + 0.587 green + 0.114 blue.

    Raises:
      ConfigError: if scikit-learn or pillow is missing.

    Example:
      >>> photograph().shape
      (427, 640)
    """
    try:
        from sklearn.datasets import load_sample_image

        colours = load_sample_image("china.jpg")
    except ImportError as error:
        raise ConfigError(
            "the photograph needs scikit-learn and pillow, got neither or one "
            f"({error}); install them with: pip install 'approxnet[examples]'"
        ) from None
    used.note("china.jpg of scikit-learn", colours)
    return colours @ np.array([0.299, 0.587, 0.114]) / 255


def points(shape: tuple[int, int]) -> np.ndarray:
    """The pixels of an image as points, (H, W, 2).

    Example:
      >>> points((2, 3))[0, 2].tolist()
      [0.00390625, 0.001953125]
    """
    rows, columns = np.indices(shape)
    return place(rows, columns, shape)


def place(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The points of some pixels, (..., 2), by their (...) rows and (...) columns.

    Example:
      >>> place(np.array([1]), np.array([512]), (2, 600)).tolist()
      [[1.0, 0.0]]
    """
    return np.stack([columns, shape[0] - 1 - rows], axis=-1) / PIXELS_PER_UNIT


def blurred(image: np.ndarray, n: int) -> np.ndarray:
    """The image as n nodes should see it, (H, W).

    Example:
      >>> float(blurred(np.ones((8, 8)), 4).round(12).min())
      1.0
    """
    return scipy.ndimage.gaussian_filter(image, BLUR * np.sqrt(image.size / n))


def sample(image: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The bilinear function through the pixels at points x: (n, 2) -> (n,).

    Example:
      >>> image = np.array([[0.0, 1.0], [2.0, 3.0]])
      >>> sample(image, points((2, 2)).mean(axis=1))
      array([0.5, 2.5])
    """
    columns, rows = x[..., 0] * PIXELS_PER_UNIT, len(image) - 1 - x[..., 1] * PIXELS_PER_UNIT
    return scipy.ndimage.map_coordinates(image, np.stack([rows, columns]), order=1, mode="nearest")


def psnr(image: np.ndarray, photograph: np.ndarray) -> float:
    """The peak signal-to-noise ratio in decibels.

    Example:
      >>> round(psnr(np.full((2, 2), 0.6), np.full((2, 2), 0.5)), 6)
      20.0
    """
    return float(-10 * np.log10(np.mean((image - photograph) ** 2)))


def greedy_nodes(image: np.ndarray, counts: Sequence[int]) -> Iterator[Nodes]:
    """Nodes where a Delaunay interpolant needs them, for each count in turn.

    From the four corners on, in rounds: interpolate on the Delaunay triangulation; take the
    triangles with the largest squared error, 30 % as many as there are nodes; insert in each the
    pixel where the blurred photograph and the interpolant differ most.

    Args:
      image: (H, W), a photograph.
      counts: increasing numbers of nodes, at least 4 and at most H W.

    Yields:
      The nodes for each count, with the blurred photograph as values.

    Raises:
      ConfigError: if the counts are not increasing or out of range.

    Example:
      >>> image = np.add.outer(np.arange(9.0), np.arange(9.0) ** 2) / 80
      >>> [len(nodes.values) for nodes in greedy_nodes(image, [5, 20])]
      [5, 20]
    """
    if list(counts) != sorted(set(counts)) or not 4 <= counts[0] <= counts[-1] <= image.size:
        raise ConfigError(
            f"counts of nodes must increase from at least 4 to at most {image.size}, the number "
            f"of pixels, got {tuple(counts)}"
        )
    chosen = np.zeros(image.shape, bool)
    chosen[np.ix_([0, -1], [0, -1])] = True
    for count in counts:
        while chosen.sum() < count:
            n = int(chosen.sum())
            batch = min(max(4, int(GROWTH * n)), count - n)
            chosen.ravel()[_worst_pixels(image, chosen, batch)] = True
        rows, columns = np.nonzero(chosen)
        yield Nodes(rows, columns, blurred(image, count)[chosen])


def _worst_pixels(image: np.ndarray, chosen: np.ndarray, batch: int) -> np.ndarray:
    """At most ``batch`` pixels as flat indices, one in each of the worst triangles."""
    target = blurred(image, int(chosen.sum()))
    cell, interpolant = _interpolate(chosen, target)
    squared = np.bincount(cell, weights=(interpolant - image).ravel() ** 2)
    gap = np.where(chosen, -1.0, np.abs(interpolant - target)).ravel()
    order = np.lexsort((-gap, cell))
    first = order[np.diff(cell[order], prepend=-1) > 0]
    first = first[gap[first] >= 0]
    return first[np.argsort(-squared[cell[first]], kind="stable")[:batch]]


def _interpolate(chosen: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The triangle of each pixel, (H W,), and the interpolant of the target, (H, W)."""
    pixels = np.indices(chosen.shape).reshape(2, -1).T.astype(float)
    triangulation = scipy.spatial.Delaunay(pixels[chosen.ravel()])
    cell = triangulation.find_simplex(pixels, tol=1e-9)
    inverse = triangulation.transform[cell]
    two = np.einsum("pij,pj->pi", inverse[:, :2], pixels - inverse[:, 2])
    barycentric = np.concatenate([two, 1 - two.sum(axis=1, keepdims=True)], axis=1)
    corners = target[chosen][triangulation.simplices[cell]]
    return cell, (barycentric * corners).sum(axis=1).reshape(chosen.shape)

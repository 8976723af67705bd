"""Convergence rates, and grey images."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from approxnet.plot.canvas import MARKERS, figure, target

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def rates(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    xlabel: str = "N",
    ylabel: str = "error",
    axes: Axes | None = None,
) -> Figure:
    """Errors against sizes on logarithmic axes, with the fitted slope of each curve.

    The slope is that of the least-squares line through the logarithms of all its points; errors
    that fall like N^-p have the slope -p.

    Args:
      curves: sizes and errors by name; all positive.
      xlabel: what the sizes are.
      ylabel: what the errors are.
      axes: where to draw; None for a new figure.

    Raises:
      ValueError: if a size or an error is not positive.

    Example:
      >>> drawing = rates({"P1": ([8, 16, 32], [1e-2, 2.5e-3, 6.25e-4])}, xlabel="1 / h")
      >>> drawing.axes[0].get_legend().get_texts()[0].get_text()
      'P1, slope -2.00'
    """
    drawing, axes = target(axes)
    for i, (name, (sizes, errors)) in enumerate(curves.items()):
        x, y = np.asarray(sizes, float), np.asarray(errors, float)
        if not (np.all(x > 0) and np.all(y > 0)):
            raise ValueError(
                f"sizes and errors must be positive, got {sizes}, {errors} for {name!r}"
            )
        label = name
        if len(x) > 1:
            label = f"{name}, slope {np.polyfit(np.log(x), np.log(y), 1)[0]:.2f}"
        axes.loglog(x, y, MARKERS[i % len(MARKERS)] + "-", label=label, lw=1.2, ms=4.5)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.grid(True, which="major", color="#dddddd", lw=0.6)
    axes.legend(frameon=False)
    return drawing


def images(pictures: Mapping[str, Any], *, columns: int = 3) -> Figure:
    """Grey images in [0, 1] side by side under their names.

    Args:
      pictures: (rows, columns) arrays of one shape, by title.
      columns: images in a row.

    Raises:
      ValueError: if there is no picture or one is not a matrix.

    Example:
      >>> drawing = images({"black": np.zeros((4, 6)), "white": np.ones((4, 6))})
      >>> len(drawing.axes)
      2
    """
    shapes = {name: np.shape(picture) for name, picture in pictures.items()}
    if not shapes or any(len(shape) != 2 for shape in shapes.values()):
        raise ValueError(f"pictures must be matrices by title, got shapes {shapes}")
    columns = min(columns, len(shapes))
    rows = math.ceil(len(shapes) / columns)
    height, width = next(iter(shapes.values()))
    size = (4.2 * columns, rows * (4.2 * height / width + 0.35))
    drawing, axes = figure(rows, columns, size=size)
    for ax in np.ravel(axes)[len(shapes) :]:
        ax.remove()
    for ax, (name, picture) in zip(np.ravel(axes), pictures.items(), strict=False):
        image(picture, axes=ax)
        ax.set_title(name)
    return drawing


def image(picture: Any, *, axes: Axes | None = None) -> Figure:
    """A grey image, black 0 and white 1, its first row on top.

    Args:
      picture: (rows, columns), values outside [0, 1] are drawn black or white.
      axes: where to draw; None for a new figure.

    Example:
      >>> drawing = image(np.eye(3))
    """
    drawing, axes = target(axes)
    axes.imshow(np.asarray(picture), cmap="gray", vmin=0.0, vmax=1.0)
    axes.set_axis_off()
    return drawing

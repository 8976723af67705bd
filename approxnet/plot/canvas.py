"""Empty figures with the house's style, and their files."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
COLOUR_MAP = "cividis"


def figure(
    rows: int = 1, columns: int = 1, *, size: tuple[float, float] | None = None
) -> tuple[Figure, Any]:
    """A figure with ``rows`` times ``columns`` axes: the axes, or an array of them.

    Args:
      rows: how many rows of axes.
      columns: how many columns of axes.
      size: width and height in inches; None for 4.5 x 3.4 per axes.

    Example:
      >>> _, axes = figure(1, 3)
      >>> axes.shape
      (3,)
    """
    import matplotlib as mpl
    from cycler import cycler
    from matplotlib.figure import Figure

    style: Any = {
        "font.size": 9,
        "axes.titlesize": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": False,
        "axes.edgecolor": "#555555",
        "axes.prop_cycle": cycler(color=COLOURS),
    }
    with mpl.rc_context(style):
        drawing = Figure(figsize=size or (4.5 * columns, 3.4 * rows), layout="constrained")
        engine: Any = drawing.get_layout_engine()
        engine.set(w_pad=0.06, h_pad=0.06)
        axes = drawing.subplots(rows, columns)
    return drawing, axes


def target(axes: Axes | None) -> tuple[Figure, Axes]:
    """The figure of the axes, new ones if there are none."""
    if axes is None:
        return figure()
    drawing: Any = axes.figure
    return drawing, axes


def png(figure: Figure | Sequence[Figure], *, dpi: int = 130, pause: float = 0.7) -> bytes:
    """A figure, or an animation of several, as a PNG file of 256 colours.

    That is a third of the size of a file with all colours.

    Args:
      figure: the figure, or the frames of an animation, which is repeated without end.
      dpi: pixels per inch.
      pause: seconds between frames.

    Example:
      >>> png(figure()[0])[1:4]
      b'PNG'
    """
    from PIL import Image  # matplotlib depends on it

    frames = []
    for drawn in figure if isinstance(figure, Sequence) else (figure,):
        full = io.BytesIO()
        drawn.savefig(full, format="png", dpi=dpi)
        frames.append(Image.open(full).convert("RGB"))
    colours = frames[0].quantize(256)
    first, *rest = (frame.quantize(palette=colours, dither=Image.Dither.NONE) for frame in frames)
    small = io.BytesIO()
    first.save(
        small,
        format="png",
        optimize=True,
        save_all=bool(rest),
        append_images=rest,
        duration=1000 * pause,
        loop=0,
    )
    return small.getvalue()

"""Figures of meshes, functions, networks, kinks, linear regions, convergence rates and images.

Every function draws into ``axes`` if they are given, makes a figure otherwise, and returns the
figure. Nothing is shown, and matplotlib's global state is neither used nor changed: the figures
are ``matplotlib.figure.Figure`` objects, to be saved or shown by the caller.

Colours are those of Okabe and Ito, which readers with any colour vision can tell apart, and the
colour map is cividis for the same reason.
"""

from approxnet.plot.canvas import COLOUR_MAP, COLOURS, MARKERS, figure, png
from approxnet.plot.charts import image, images, rates
from approxnet.plot.functions import function, kinks, mesh, network, regions

__all__ = [
    "COLOURS",
    "COLOUR_MAP",
    "MARKERS",
    "figure",
    "function",
    "image",
    "images",
    "kinks",
    "mesh",
    "network",
    "png",
    "rates",
    "regions",
]

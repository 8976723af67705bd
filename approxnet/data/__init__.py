"""Data sets: labelled images, characters, points whose geometry is known.

``load`` gives a split of a set in memory, ``stream`` example by example; ``fetch`` prepares a set
from the internet or from its official files, and ``status`` lists what is there. ``from_arrays``
makes a set of what is at hand, ``subset`` one of some classes, ``characters`` of a text.
``augment`` normalises, crops and mirrors images in JAX; ``synthetic`` draws points.
"""

from approxnet.data import augment, readers, synthetic
from approxnet.data.augment import normalize
from approxnet.data.catalog import CATALOG
from approxnet.data.dataset import Dataset, from_arrays, subset
from approxnet.data.fetching import fetch
from approxnet.data.folders import data_folder
from approxnet.data.listing import StoredFile, status
from approxnet.data.loading import load
from approxnet.data.streaming import Example, Stream, stream
from approxnet.data.text import Text, characters

__all__ = [
    "CATALOG",
    "Dataset",
    "Example",
    "StoredFile",
    "Stream",
    "Text",
    "augment",
    "characters",
    "data_folder",
    "fetch",
    "from_arrays",
    "load",
    "normalize",
    "readers",
    "status",
    "stream",
    "subset",
    "synthetic",
]

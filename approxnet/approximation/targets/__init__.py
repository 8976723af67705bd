"""Functions to approximate, with exact norms and known rates.

``CATALOG`` holds them by name, ``find`` selects by tag and dimension, ``register`` adds one.
"""

from approxnet.approximation.targets import line, space  # noqa: F401 (they fill the catalogue)
from approxnet.approximation.targets.catalog import CATALOG, Rate, Target, find, register

__all__ = ["CATALOG", "Rate", "Target", "find", "register"]

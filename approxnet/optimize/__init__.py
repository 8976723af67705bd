"""Methods of optimisation, with the theorems about them.

``gauss_newton`` minimises sums of squares, ``natural_gradient`` energies of functions.
"""

from approxnet.optimize.levenberg_marquardt import gauss_newton
from approxnet.optimize.natural_gradients import natural_gradient
from approxnet.optimize.result import REASONS, Minimum

__all__ = ["REASONS", "Minimum", "gauss_newton", "natural_gradient"]

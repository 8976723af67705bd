"""Methods of optimisation, with the theorems about them.

``gauss_newton`` minimises sums of squares.
"""

from approxnet.optimize.levenberg_marquardt import REASONS, LeastSquares, gauss_newton

__all__ = ["REASONS", "LeastSquares", "gauss_newton"]

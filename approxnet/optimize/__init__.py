"""Methods of optimisation, with the theorems about them.

``gauss_newton`` minimises sums of squares. The others are transformations of optax, whose way is
recorded by ``trajectory``; ``bounds`` holds what is proven about them, as functions to be drawn
beside what is measured.
"""

from approxnet.optimize import bounds
from approxnet.optimize.descent import (
    Trajectory,
    armijo,
    exact_line_search,
    gradient_descent,
    heavy_ball,
    lbfgs,
    minibatches,
    nesterov,
    sgd,
    trajectory,
)
from approxnet.optimize.dual_averaging import DualAverage, xrda
from approxnet.optimize.levenberg_marquardt import REASONS, LeastSquares, gauss_newton
from approxnet.optimize.schedules import Schedule, growing_momentum, inverse_sqrt, inverse_time

__all__ = [
    "REASONS",
    "DualAverage",
    "LeastSquares",
    "Schedule",
    "Trajectory",
    "armijo",
    "bounds",
    "exact_line_search",
    "gauss_newton",
    "gradient_descent",
    "growing_momentum",
    "heavy_ball",
    "inverse_sqrt",
    "inverse_time",
    "lbfgs",
    "minibatches",
    "nesterov",
    "sgd",
    "trajectory",
    "xrda",
]

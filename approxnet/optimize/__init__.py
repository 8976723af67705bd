"""Methods of optimisation, with the theorems about them.

``gauss_newton`` minimises sums of squares, ``natural_gradient`` energies of functions. The others
are transformations of optax, whose way is recorded by ``trajectory``; ``bounds`` holds what is
proven about them, as functions to be drawn beside what is measured.
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
from approxnet.optimize.levenberg_marquardt import gauss_newton
from approxnet.optimize.natural_gradients import natural_gradient
from approxnet.optimize.result import REASONS, Minimum
from approxnet.optimize.schedules import Schedule, growing_momentum, inverse_sqrt, inverse_time

__all__ = [
    "REASONS",
    "DualAverage",
    "Minimum",
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
    "natural_gradient",
    "nesterov",
    "sgd",
    "trajectory",
    "xrda",
]

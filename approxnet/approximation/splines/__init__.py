"""Splines: piecewise polynomials of any degree k on given or free knots.

``interpolate`` and ``least_squares`` make a ``Spline`` on given breakpoints, in the ``basis`` of
B-splines. ``fit_free_knots`` fits the breakpoints too, and ``equidistribute`` gives every interval
nearly the same error; ``optimal_constant`` is what free breakpoints can reach.
"""

from approxnet.approximation.splines.bsplines import (
    Spline,
    basis,
    clamped,
    evaluate,
    interpolate,
    least_squares,
)
from approxnet.approximation.splines.free_knots import (
    FreeKnots,
    breakpoints_from_gaps,
    equidistribute,
    fit_free_knots,
    optimal_constant,
)

__all__ = [
    "FreeKnots",
    "Spline",
    "basis",
    "breakpoints_from_gaps",
    "clamped",
    "equidistribute",
    "evaluate",
    "fit_free_knots",
    "interpolate",
    "least_squares",
    "optimal_constant",
]

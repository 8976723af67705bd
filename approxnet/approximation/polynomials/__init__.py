"""Polynomials on an interval: bases, interpolation, means, best approximation.

A ``Polynomial`` is coefficients in a ``Family`` (``chebyshev``, ``legendre``, ``jacobi``,
``monomial``) and a function of points. ``interpolate``, ``least_squares``, ``bernstein``,
``landau`` and ``best_uniform`` make it; ``barycentric`` interpolates at any nodes, and
``lebesgue_constant`` says how well that can go. ``gauss`` and ``chebyshev_points`` are the points.
"""

from approxnet.approximation.polynomials.exchange import (
    BestUniform,
    bernstein_constant,
    best_uniform,
)
from approxnet.approximation.polynomials.families import (
    Family,
    Polynomial,
    chebyshev,
    chebyshev_points,
    evaluate,
    gauss,
    jacobi,
    legendre,
    monomial,
)
from approxnet.approximation.polynomials.interpolation import (
    Interpolant,
    barycentric,
    interpolate,
    least_squares,
    lebesgue_constant,
)
from approxnet.approximation.polynomials.operators import (
    bernstein,
    bernstein_bound,
    landau,
    landau_bound,
)

__all__ = [
    "BestUniform",
    "Family",
    "Interpolant",
    "Polynomial",
    "barycentric",
    "bernstein",
    "bernstein_bound",
    "bernstein_constant",
    "best_uniform",
    "chebyshev",
    "chebyshev_points",
    "evaluate",
    "gauss",
    "interpolate",
    "jacobi",
    "landau",
    "landau_bound",
    "least_squares",
    "lebesgue_constant",
    "legendre",
    "monomial",
]

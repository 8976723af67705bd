"""Classical approximation theory, and the measuring sticks of every other chapter.

``polynomials`` holds bases, interpolation and best approximation; ``splines`` B-splines with given
or free knots; ``fourier`` series and their means; ``universal`` networks from finite differences of
an activation; ``targets`` the functions to approximate, with exact norms; ``rates`` the orders of
what was measured.
"""

from approxnet.approximation import fourier, polynomials, rates, splines, targets, universal

__all__ = ["fourier", "polynomials", "rates", "splines", "targets", "universal"]

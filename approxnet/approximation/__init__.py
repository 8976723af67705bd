"""Classical approximation theory, and the measuring sticks of every other chapter.

``polynomials`` holds bases, interpolation and best approximation; ``targets`` the functions to
approximate, with exact norms; ``rates`` the orders of what was measured.
"""

from approxnet.approximation import polynomials, rates, targets

__all__ = ["polynomials", "rates", "targets"]

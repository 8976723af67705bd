"""Bounds on the number of linear regions of ReLU networks of a shape.

n hyperplanes in general position part R^d into sum_{j <= d} C(n, j) regions, and each layer cuts
the regions of the layers before it like an arrangement of hyperplanes.

Reference: Zaslavsky, Mem. AMS 154 (1975); Montúfar, Pascanu, Cho, Bengio, "On the number of linear
regions of deep neural networks", NeurIPS 2014; Serra, Tjandraatmadja, Ramalingam, "Bounding and
counting linear regions of deep neural networks", ICML 2018.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

from approxnet import _checks
from approxnet.errors import AssumptionError


def max_regions(widths: Sequence[int], *, bound: str) -> int:
    """A bound on the largest number of linear regions of ReLU networks of a shape.

        zaslavsky   <=  prod_l sum_{j <= d} C(w_l, j): each layer cuts each region at most so often
        serra       <=  sum prod_l C(w_l, j_l) over 0 <= j_l <= min(d, w_1 - j_1, ...,
                        w_{l-1} - j_{l-1}, w_l): regions of low rank are cut less often
        montufar    >=  prod_{l < k} floor(w_l / d)^d sum_{j <= d} C(w_k, j): so many are attained

    Args:
      widths: (d, w_1, ..., w_k, m), the shape of a network (``relu.shape(net)``).
      bound: "zaslavsky" (one hidden layer: attained), "serra" or "montufar".

    Returns:
      the bound.

    Raises:
      ConfigError: if the bound has another name.
      ValueError: if a width is not a positive integer.
      AssumptionError: if "montufar" is asked for a layer narrower than d.

    Reference: Zaslavsky, Mem. AMS 154 (1975), theorem B; Serra et al., ICML 2018, theorem 1;
    Montúfar et al., NeurIPS 2014, theorem 5.

    >>> max_regions((2, 4, 4, 1), bound="serra"), max_regions((2, 4, 4, 1), bound="montufar")
    (121, 44)
    """
    _checks.one_of("bound", bound, BOUNDS)
    if len(widths) < 2:
        raise ValueError(f"widths must be (d, ..., m), got {tuple(widths)}; use relu.shape(net)")
    d, *hidden, _ = (_checks.count(f"widths[{i}]", w, at_least=1) for i, w in enumerate(widths))
    return BOUNDS[bound](d, tuple(hidden))


def _arrangement(d: int, n: int) -> int:
    """The regions that n hyperplanes in general position make in dimension d."""
    return sum(math.comb(n, j) for j in range(d + 1))


def _zaslavsky(d: int, hidden: tuple[int, ...]) -> int:
    return math.prod(_arrangement(d, n) for n in hidden)


@functools.cache
def _serra(rank: int, hidden: tuple[int, ...]) -> int:
    """The bound for regions whose features span at most ``rank`` dimensions."""
    if not hidden:
        return 1
    n, rest = hidden[0], hidden[1:]
    dimensions = range(min(rank, n) + 1)
    return sum(math.comb(n, j) * _serra(min(rank, n - j), rest) for j in dimensions)


def _montufar(d: int, hidden: tuple[int, ...]) -> int:
    for i, n in enumerate(hidden):
        if n < d:
            raise AssumptionError(
                f"the lower bound of Montufar et al. needs layers of at least d = {d} neurons, got "
                f"{n} in hidden layer {i}"
            )
    if not hidden:
        return 1
    return math.prod((n // d) ** d for n in hidden[:-1]) * _arrangement(d, hidden[-1])


BOUNDS = {"zaslavsky": _zaslavsky, "serra": _serra, "montufar": _montufar}

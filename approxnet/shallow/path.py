"""The path of a greedy algorithm: all networks on the way, and why it ended."""

from __future__ import annotations

import dataclasses
import warnings
from functools import partial
from typing import Any

import jax

from approxnet import _checks
from approxnet.errors import ConvergenceWarning
from approxnet.shallow.network import ShallowNetwork

REASONS = (
    "all neurons are there",
    "the residual vanishes on the dictionary",
    "the best atom depends on those before to rounding",
    "all atoms of the dictionary vanish on the points",
    "a number is not finite",
    "the form of the energy is not positive on the atoms",
)
"""Why a growth ended, by ``Path.reason``."""
FULL, SOLVED, DEPENDENT, DEAD, NOT_FINITE, INDEFINITE = range(6)


@partial(
    jax.tree_util.register_dataclass,
    data_fields=[
        "errors", "energies", "scores", "directions", "offsets", "coefficients", "neurons", "reason"
    ],
    meta_fields=["activation"],
)  # fmt: skip
@dataclasses.dataclass(frozen=True, eq=False)
class Path:
    """The networks of a greedy algorithm, a pytree.

    If it ended before n neurons, the last entries of the histories are repeated, and the atoms that
    are missing are 0.

    Attributes:
      errors: (n,), (2 (E(v_k) - min E))^(1/2) after k = 1, ..., n neurons: the L2 error for a
        target, the error in the energy norm for an equation; nan where the minimum is not known.
      energies: (n,), E(v_k).
      scores: (n,), |<r_{k-1}, g_k>|.
      directions: (n, d).
      offsets: (n,).
      coefficients: (n, n); column k - 1 is that of v_k.
      neurons: (), how many there are.
      reason: (), why it ended, an index into ``REASONS``.
      activation: static.

    Example:
      >>> from approxnet import shallow
      >>> lines = shallow.dictionary(-1.0, 1.0, offsets=64)
      >>> path = shallow.orthogonal_greedy(jax.random.key(0), lambda x: abs(x[..., 0]), lines, 2)
      >>> path.network(1).offsets.shape, path.network().offsets.shape
      ((1,), (2,))
    """

    errors: Any
    energies: Any
    scores: Any
    directions: Any
    offsets: Any
    coefficients: Any
    neurons: Any
    reason: Any
    activation: str

    def network(self, k: int | None = None) -> ShallowNetwork:
        """The network of k neurons, by default of all.

        Raises:
          ValueError: if k is not in 1, ..., neurons.
        """
        k = int(self.neurons) if k is None else _checks.count("k", k, at_least=1)
        if not 1 <= k <= self.neurons:
            raise ValueError(
                f"k must be in 1, ..., {int(self.neurons)}, the neurons there are, got {k}"
            )
        c = self.coefficients[:k, k - 1]
        return ShallowNetwork(self.directions[:k], self.offsets[:k], c, self.activation)


def report(path: Path) -> Path:
    """The path; a ConvergenceWarning if it ended early with a residual.

    The warning names the line that called the caller.
    """
    if int(path.reason) not in (FULL, SOLVED):
        warnings.warn(
            f"n = {len(path.errors)} neurons must be found, got {int(path.neurons)}: "
            f"{REASONS[int(path.reason)]}; the last good network is returned; take another "
            "dictionary, more points, or double precision",
            ConvergenceWarning,
            stacklevel=3,
        )
    return path

"""What a target is: a function on a box, its exact norms, and the best rates that are known.

Norms are of the function (L2, max) and of its gradient (H1, the seminorm), in closed form wherever
there is one; infinity where the function is not in the space. A rate

    error ~ n^(-order) ratio^n

names the method, the norm of the error, and where it is proved; n is the number of cells, pieces,
neurons or the degree, as the method says.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from approxnet import _checks
from approxnet.errors import ConfigError
from approxnet.fem.assembly import sample

NORMS = ("L2", "H1", "max")


class Rate(NamedTuple):
    """A rate error ~ n^(-order) ratio^n with its reference.

    Example:
      >>> Rate("uniform P1", "L2", 2.0, "de Boor, Fix (1973)").ratio
      1.0
    """

    method: str
    norm: str
    order: float
    reference: str
    ratio: float = 1.0


class Target(NamedTuple):
    """A function to be approximated, on a box; calling it evaluates it.

    Attributes:
      name: what it is called.
      f: (..., d) -> (...), pure JAX, in the dtype of its argument.
      lower: (d,), the lower corner of the domain.
      upper: (d,), the upper corner.
      tags: words to select by, such as "smooth" or "kink".
      norms: the exact L2 norm, H1 seminorm and maximum of |f|, those that are known.
      rates: what is known about its approximation.

    Example:
      >>> import jax.numpy as jnp
      >>> float(CATALOG["kink"](jnp.array([-0.5])))
      0.5
    """

    name: str
    f: Callable[[Any], jax.Array]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    tags: frozenset[str]
    norms: Mapping[str, float]
    rates: tuple[Rate, ...] = ()

    @property
    def dimension(self) -> int:
        """The number d of variables."""
        return len(self.lower)

    def __call__(self, x: Any) -> jax.Array:
        """The values (...) at points x (..., d), in the dtype of x."""
        _checks.points("x", x, self.dimension)
        return self.f(jax.numpy.asarray(x))


CATALOG: dict[str, Target] = {}
"""Every target by its name."""


def register(target: Target) -> Target:
    """Check a target and put it into the catalogue.

    Args:
      target: with a name of its own; f is tried at two points.

    Returns:
      the target.

    Raises:
      ConfigError: if the name is taken, or a norm or a rate has an unknown norm.
      ValueError: if the box or a value of f has a wrong shape, or a norm is negative or nan.

    Example:
      How a user adds a target and gets its figure:

      >>> import jax.numpy as jnp
      >>> import numpy as np
      >>> from approxnet import plot
      >>> from approxnet.approximation import polynomials
      >>> mine = register(Target(
      ...     name="my bump", f=lambda x: jnp.exp(-9 * x[..., 0] ** 2), lower=(-1.0,), upper=(1.0,),
      ...     tags=frozenset({"smooth"}), norms={"max": 1.0}))
      >>> degrees = [4, 8]
      >>> errors = [polynomials.best_uniform(mine, n, lower=-1, upper=1).error for n in degrees]
      >>> figure = plot.rates({mine.name: (degrees, errors)}, xlabel="degree")
      >>> del CATALOG["my bump"]

      The experiment ``rates_lab`` measures it by all methods; its head says how.
    """
    if target.name in CATALOG:
        raise ConfigError(f"name must be new, got {target.name!r}, which is taken; choose another")
    low, high = _checks.box(target.lower, target.upper, len(target.lower))
    for norm in (*target.norms, *(rate.norm for rate in target.rates)):
        _checks.one_of("norm", norm, NORMS)
    bad = [name for name, value in target.norms.items() if math.isnan(value) or value < 0]
    if bad:
        raise ValueError(f"norms must be >= 0, got {target.norms[bad[0]]} for {bad[0]!r}")
    sample(target.f, np.stack([(low + high) / 2, (3 * low + high) / 4]))
    CATALOG[target.name] = target
    return target


def find(*tags: str, dimension: int | None = None) -> list[Target]:
    """The targets with all these tags, in d dimensions if d is given.

    Args:
      tags: words; a word that no target has is an error.
      dimension: d; None for any.

    Raises:
      ConfigError: if a tag is unknown; suggests the nearest one.

    Example:
      >>> [target.name for target in find("self-similar")]
      ['takagi', 'weierstrass']
    """
    known = sorted(set().union(*(target.tags for target in CATALOG.values())))
    wanted = {_checks.one_of("tag", tag, known) for tag in tags}
    return [
        target
        for target in CATALOG.values()
        if wanted <= target.tags and dimension in (None, target.dimension)
    ]

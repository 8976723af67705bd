"""Whether this installation can be trusted: what is installed, and a small computation.

The self test takes a function, its P1 interpolant on a mesh of the unit square and the ReLU
network of that interpolant, and compares the two functions at random points, in single and in
double precision, on the device that JAX uses.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from approxnet import fem, mapping, relu
from approxnet.reproduce import provenance, rounding
from approxnet.reproduce.records import Check

SIDE = 16
POINTS = 1000


class Diagnosis(NamedTuple):
    """Facts by name, and the checks of the self test.

    Example:
      >>> Diagnosis({"python": "3.12"}, ()).facts["python"]
      '3.12'
    """

    facts: Mapping[str, str]
    checks: tuple[Check, ...]


def examine() -> Diagnosis:
    """Look at the installation and test it.

    Example:
      >>> all(check.passed for check in examine().checks)
      True
    """
    start = time.perf_counter()
    checks = tuple(_self_test(precision) for precision in ("float32", "float64"))
    facts = {
        **provenance.versions(),
        "devices": ", ".join(f"{d.device_kind} ({d.platform})" for d in jax.devices()),
        "precision": f"{jnp.result_type(float)}, by jax_enable_x64",
        "cores": str(os.cpu_count()),
        "memory": provenance.memory(),
        "self test": f"{time.perf_counter() - start:.1f} s",
    }
    return Diagnosis(facts, checks)


def _self_test(precision: str) -> Check:
    """A function, its interpolant, its network: the last two are the same up to rounding."""
    with jax.enable_x64(precision == "float64"):
        mesh = fem.box((SIDE, SIDE))
        values = fem.interpolate(mesh, lambda x: jnp.sin(3 * x[..., 0]) * x[..., 1])
        network = mapping.fem_to_relu(mesh, values)
        x = jnp.asarray(np.random.default_rng(0).uniform(size=(POINTS, 2)), precision)
        difference = jnp.abs(relu.evaluate(network, x) - fem.evaluate(mesh, values, x)).max()
        eps = float(jnp.finfo(precision).eps)
        bound = rounding.tolerance(network, [0.0, 0.0], [1.0, 1.0], eps)
    claim = f"a function on {len(mesh.nodes)} nodes and its network agree in {precision}"
    return Check(claim, float(difference), "<=", bound)

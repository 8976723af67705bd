"""What a precision makes of a network: its rounding error, tried at some points of the mesh.

The forms of finite element functions with the fewest neurons are sums of large cones that cancel
outside their part of the mesh; others, like hat functions, are local. How much the cancellation
costs depends on the mesh, the values and the form, and is cheapest to predict by trying: the
network is evaluated in the precision in force at a few points, where the function is known.
"""

from __future__ import annotations

import warnings

import jax.numpy as jnp
import numpy as np

from approxnet.errors import PrecisionWarning
from approxnet.fem.mesh import SimplexMesh
from approxnet.relu.layers import to_csr
from approxnet.relu.network import Network

# A predicted error above this fraction of the largest value is worth a warning.
TOLERABLE = 1e-4

SAMPLES = 8


def predicted_error(net: Network, mesh: SimplexMesh, values: np.ndarray) -> float:
    """The largest error of a relu network in the precision in force, at points of some cells.

    Args:
      net: a network of dense or sparse layers with the activation relu.
      mesh: the mesh of the function.
      values: (n, m), its nodal values.
    """
    dtype = jnp.result_type(float)
    cells = np.asarray(mesh.cells)
    cells = cells[np.unique(np.linspace(0, len(cells) - 1, SAMPLES).astype(int))]
    vertices = np.arange(cells.shape[1])
    weights = 1.5 + np.sin(1.0 + np.arange(len(cells))[:, None] * (vertices + np.sqrt(2.0)))
    weights /= weights.sum(axis=1, keepdims=True)
    x = np.einsum("sk,ski->is", weights, np.asarray(mesh.nodes)[cells]).astype(dtype)
    features = x
    for i, layer in enumerate(net.layers):
        bias = np.asarray(layer.bias_vector(), dtype)
        features = to_csr(layer).astype(dtype, copy=False) @ features + bias[:, None]
        if i < len(net.activations):
            np.maximum(features, 0, out=features)
    expected = np.einsum("sk,skm->ms", weights, values[cells])
    return float(np.abs(features - expected).max())


def warn(error: float, scale: float) -> None:
    """PrecisionWarning if a predicted error is above the tolerable fraction of ``scale``."""
    if error > TOLERABLE * scale:
        warnings.warn(
            f"the network cancels large numbers: in {jnp.result_type(float)} its error is "
            f"predicted as {error:.1e} for values up to {scale:.1e}; enable float64 with "
            "jax.config.update('jax_enable_x64', True), or use fewer nodes",
            PrecisionWarning,
            stacklevel=4,
        )

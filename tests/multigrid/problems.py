"""Independent matrices."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from scipy.sparse import csr_array, diags_array, eye_array, kron


def second_difference(n, h):
    """The matrix of -u'' with Dirichlet ends."""
    return (
        diags_array([-np.ones(n - 1), 2 * np.ones(n), -np.ones(n - 1)], offsets=[-1, 0, 1]) / h**2
    )


def laplacian(shape):
    """The matrix of -Delta on the unit box with Dirichlet ends, as a sum of Kronecker products."""
    total = csr_array((int(np.prod(shape)),) * 2)
    for axis, n in enumerate(shape):
        parts = [eye_array(m) for m in shape]
        parts[axis] = second_difference(n, 1 / (n + 1))
        total = total + functools.reduce(kron, parts)
    return total.tocsc()


def dense(apply, shape):
    """The matrix of a linear map of grid functions."""
    n = int(np.prod(shape))
    return np.asarray(jax.jit(jax.vmap(apply))(jnp.eye(n).reshape(n, *shape))).reshape(n, -1).T

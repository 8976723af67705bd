"""Pooling against JAX's windows and against means in NumPy."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from approxnet.models import average_pool, max_pool

from . import reference

CASES = [(2, 2, 6), (2, 2, 7), (3, 2, 8), (3, 2, 7), (3, 1, 5), (2, 2, 1)]


def images(n, c=2):
    return np.random.default_rng(0).normal(size=(2, n, n + 1, c))


@pytest.mark.sample(4)
@pytest.mark.parametrize(("k", "s", "n"), CASES)
def test_the_maximum_is_that_of_the_windows(dtype, k, s, n):
    x = jnp.asarray(images(n), dtype)
    found = max_pool(x, k, s)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, nn.max_pool(x, (k, k), (s, s), "SAME"))


@pytest.mark.parametrize(("k", "s", "n"), CASES)
def test_the_mean_is_that_of_what_lies_inside(x64, k, s, n):
    x = images(n)
    found = average_pool(jnp.asarray(x), k, s)
    np.testing.assert_allclose(found, reference.pool(x, k, s, np.nanmean), atol=1e-14)


@pytest.mark.parametrize("pool", [max_pool, average_pool])
def test_the_gradient_is_that_of_differences(x64, pool):
    check_grads(lambda x: pool(x, 3, 2), (jnp.asarray(images(6)),), order=1, modes=["rev"])


def test_entries_that_tie_share_the_gradient():
    x = jnp.array([2.0, 2.0, 1.0, 0.0]).reshape(1, 2, 2, 1)
    gradient = jax.grad(lambda x: max_pool(x).sum())(x)
    np.testing.assert_array_equal(gradient.ravel(), [0.5, 0.5, 0, 0])


def test_sizes_are_positive_integers():
    with pytest.raises(ValueError, match="size must be an integer >= 1, got 0"):
        max_pool(jnp.ones((1, 2, 2, 1)), 0)
    with pytest.raises(ValueError, match="stride must be an integer >= 1, got 0"):
        average_pool(jnp.ones((1, 2, 2, 1)), 2, 0)

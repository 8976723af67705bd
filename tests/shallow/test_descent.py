"""Training by gradients against steps by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from approxnet import quadrature, shallow
from approxnet.errors import NonFiniteError

RULE = quadrature.box(16, 3)


def net():
    return shallow.from_arrays([[1.0], [2.0]], [0.1, -0.7], [0.5, -0.3], "relu2")


def f(x):
    return jnp.cos(x[..., 0])


def test_a_step_is_that_of_the_gradient_of_the_square_error(x64):
    found = shallow.train(net(), f, optax.sgd(0.1), 1, rule=RULE)
    x, w = RULE.points, RULE.weights

    def loss(n):
        t = jnp.asarray(x) @ n.directions.T + n.offsets[None]
        v = (jnp.maximum(t, 0) ** 2 * n.coefficients[None]).sum(axis=1)
        return (w * (v - f(x)) ** 2).sum() / 2

    start = jax.tree.map(jnp.asarray, net())
    slope = jax.grad(loss)(start)
    for name in ("directions", "offsets", "coefficients"):
        expected = getattr(start, name) - 0.1 * getattr(slope, name)
        np.testing.assert_allclose(getattr(found.network, name), expected, rtol=1e-10)
    assert float(found.errors[0]) == pytest.approx(np.sqrt(2 * loss(start)), rel=1e-10)
    assert found.energies.shape == (2,) and found.finite


def test_methods_with_a_line_search_run(x64):
    found = shallow.train(net(), f, optax.lbfgs(), 15, rule=RULE)
    assert np.all(np.diff(found.errors) <= 1e-12) and found.errors[-1] < 0.1 * found.errors[0]


def test_an_ascent_that_diverges_is_said_and_the_last_good_network_stays(x64):
    found = shallow.train(net(), f, optax.scale(1.0), 60, rule=RULE)
    assert not found.finite and np.isfinite(found.network.coefficients).all()


def test_what_is_wrong_is_named():
    with pytest.raises(ValueError, match="steps"):
        shallow.train(net(), f, optax.sgd(0.1), -1, rule=RULE)
    with pytest.raises(NonFiniteError, match="target"):
        shallow.train(net(), lambda x: x[..., 0] * np.nan, optax.sgd(0.1), 1, rule=RULE)

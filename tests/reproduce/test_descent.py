"""The path of L-BFGS: where it ends, and that it only goes down."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from approxnet.reproduce.descent import descend

pytestmark = pytest.mark.usefixtures("x64")


def rosenbrock(x):
    return 100 * (x["b"] - x["a"] ** 2) ** 2 + (1 - x["a"]) ** 2


def test_the_path_goes_down_to_the_minimum_of_rosenbrock():
    start = {"a": jnp.asarray(-1.2), "b": jnp.asarray(1.0)}
    path, energies = jax.jit(lambda x: descend(rosenbrock, x, 60))(start)
    assert energies.shape == (61,)
    assert float(energies[0]) == pytest.approx(24.2)
    assert (np.diff(energies) <= 0).all()
    np.testing.assert_allclose([path["a"][-1], path["b"][-1]], 1.0, rtol=1e-8)
    np.testing.assert_allclose(jax.vmap(rosenbrock)(path), energies, rtol=1e-12, atol=1e-14)


def test_walls_of_infinite_energy_are_not_crossed():
    """The minimum on x > 0 of 1 / x + x, which has another branch below 0."""

    def energy(x):
        return jnp.where(x > 0, 1 / x + x, jnp.inf)

    path, energies = jax.jit(lambda x: descend(energy, x, 40))(jnp.asarray(20.0))
    assert (np.asarray(path) > 0).all()
    assert float(energies[-1]) == pytest.approx(2.0, rel=1e-12)

"""The parity form is the over-corrected red-black cycle, whatever the constants of the stencil."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.sparse.linalg import spsolve

from approxnet import multigrid
from approxnet.multigrid import parity, red_black, v_cycle
from tests.multigrid.problems import laplacian


def over_corrected(h, b, x):
    """x + 1.04 (V x - x)."""
    return x + 1.04 * (v_cycle(red_black())(h, b, x) - x)


def red_relaxed(h, b, x):
    A = h.operators[0]
    red = np.indices(x.shape).sum(axis=0) % 2 == 0
    return jnp.where(red, x + (b - A(x)) / A.diagonal, x)


@pytest.mark.filterwarnings("ignore::approxnet.errors.ConvergenceWarning")
@pytest.mark.parametrize("shape", [(15, 15), (7, 31)])
def test_every_iterate_is_that_of_the_generic_cycle(x64, shape):
    """With different widths on the axes and a reaction."""
    h = multigrid.hierarchy(shape, upper=(1, 3), coefficient=2.0, reaction=5.0)
    b, x = jax.random.normal(jax.random.key(0), shape), jnp.zeros(shape)
    assert parity.applies(h)
    for k in (1, 2, 3):
        x = jax.jit(over_corrected)(h, b, x)
        mine = multigrid.solve(h, b, rtol=0.0, max_cycles=k)
        generic = red_relaxed(h, b, x)
        np.testing.assert_allclose(mine.value, generic, atol=1e-13 * jnp.abs(generic).max())
        residual = jnp.linalg.norm(b - h.operators[0](generic))
        np.testing.assert_allclose(mine.residuals[k], residual, rtol=1e-8)


@pytest.mark.parametrize("kind", ["smooth", "random"])
def test_the_number_of_cycles_does_not_depend_on_the_width(x64, kind):
    counts = []
    for n in (31, 127):
        points = multigrid.nodes((n, n))
        smooth = np.exp(points[..., 0]) * points[..., 1]
        b = smooth if kind == "smooth" else np.random.default_rng(0).standard_normal((n, n))
        counts.append(int(multigrid.solve(multigrid.hierarchy((n, n)), b).iterations))
    assert max(counts) <= 8


def test_corrections_in_single_precision_reach_double_precision(x64):
    b = np.random.default_rng(0).standard_normal((31, 31))
    h, exact = multigrid.hierarchy((31, 31)), spsolve(laplacian((31, 31)), b.ravel())
    for cycle in (None, v_cycle(red_black())):
        solution = multigrid.solve(h, b, rtol=1e-12, inner="float32", cycle=cycle)
        assert bool(solution.converged)
        assert solution.value.dtype == "float64"
        np.testing.assert_allclose(solution.value.ravel(), exact, atol=1e-11 * np.abs(exact).max())


@pytest.mark.parametrize(
    "arguments",
    [
        {"shape": 15},
        {"shape": (1, 1)},
        {"shape": (9, 9), "boundary": "neumann"},
        {"shape": (7, 7), "coarse": "galerkin"},
        {"shape": (7, 7), "transfer": multigrid.linear_element},
        {"shape": (7, 7), "reaction": lambda x: x[..., 0]},
    ],
)
def test_other_problems_keep_the_generic_cycle(arguments):
    assert not parity.applies(multigrid.hierarchy(**arguments))


def test_the_parity_classes_are_put_together_again(dtype):
    x = jax.random.normal(jax.random.key(0), (7, 15), dtype)
    whole = parity.merge(*parity.split(x))
    np.testing.assert_array_equal(whole, np.pad(x, 1))

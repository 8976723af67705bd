"""Prolongation is the finite element embedding, and restriction its adjoint."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from approxnet import fem, multigrid
from approxnet.errors import ConfigError
from approxnet.multigrid import axes
from approxnet.multigrid.transfer import TRANSFERS
from tests.multigrid.problems import dense

KINDS = list(TRANSFERS)
COARSE = {"dirichlet": (3, 7), "neumann": (4, 5), "periodic": (3, 4)}


@pytest.mark.parametrize("d", [1, 2, 3])
def test_linear_elements_are_embedded_as_uniform_refinement_of_kuhn_meshes_does(x64, d):
    mesh = fem.box((2,) * d)
    fine, prolongation = fem.refine(mesh)
    u = np.random.default_rng(0).random(len(mesh.nodes))

    def as_grid(mesh, values, m):
        index = np.rint(mesh.nodes * (m - 1)).astype(int)
        grid = np.empty((m,) * d)
        grid[tuple(index.T)] = values
        return grid

    x = multigrid.prolong(as_grid(mesh, u, 3), boundary="neumann", element="linear_element")
    np.testing.assert_allclose(x, as_grid(fine, prolongation @ u, 5), atol=1e-15)


@pytest.mark.parametrize("boundary", ["neumann", "periodic"])
def test_bilinear_prolongation_is_linear_interpolation_along_every_axis(x64, boundary):
    x = np.random.default_rng(0).random((4, 6))
    y = x
    for axis in (0, 1):
        closed = np.concatenate([y, y.take([0], axis)], axis) if boundary == "periodic" else y
        m = closed.shape[axis]
        count = 2 * m - 1 - (boundary == "periodic")
        at = np.arange(count) / 2
        y = np.apply_along_axis(lambda v: np.interp(at, np.arange(len(v)), v), axis, closed)  # noqa: B023
    np.testing.assert_allclose(multigrid.prolong(x, boundary=boundary), y, atol=1e-15)


@pytest.mark.sample(3)
@pytest.mark.parametrize("element", KINDS)
@pytest.mark.parametrize("boundary", list(COARSE))
def test_restriction_is_the_adjoint_of_prolongation_with_the_weights(x64, boundary, element):
    coarse, names = COARSE[boundary], (boundary,) * 2
    fine = multigrid.prolong(jnp.zeros(coarse), boundary=boundary).shape
    P = dense(lambda x: multigrid.prolong(x, boundary=boundary, element=element), coarse)
    R = dense(lambda r: multigrid.restrict(r, boundary=boundary, element=element), fine)
    M = np.broadcast_to(axes.weights(fine, names), fine).ravel()
    M_coarse = np.broadcast_to(axes.weights(coarse, names), coarse).ravel()
    np.testing.assert_allclose(4 * M_coarse[:, None] * R, P.T * M, atol=1e-15)


@pytest.mark.parametrize(
    ("element", "kernel"),
    [
        ("bilinear", [[1, 2, 1], [2, 4, 2], [1, 2, 1]]),
        ("linear_element", [[2, 2, 0], [2, 4, 2], [0, 2, 2]]),
        ("course_element", [[0, 2, 2], [2, 4, 2], [2, 2, 0]]),
    ],
)
def test_restriction_has_the_kernels_of_lemma_1(element, kernel):
    """[0 1/2 1/2; 1/2 1 1/2; 1/2 1/2 0] is that of the course; the kernel is a row of R."""
    R = dense(lambda r: multigrid.restrict(r, element=element), (7, 7))
    np.testing.assert_array_equal(16 * R[4].reshape(7, 7)[2:5, 2:5], kernel)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_the_element_of_the_course_is_the_mirror_image_of_kuhns(x64, d):
    x = np.random.default_rng(0).random(d * (3,))
    mirrored = multigrid.prolong(x[::-1], element="linear_element")[::-1]
    np.testing.assert_array_equal(multigrid.prolong(x, element="course_element"), mirrored)


@pytest.mark.sample(2)
@pytest.mark.parametrize("element", KINDS)
def test_transfers_keep_the_dtype_and_are_the_same_under_jit_and_vmap(dtype, element):
    x = jax.random.normal(jax.random.key(0), (2, 3, 3), dtype)
    for move in (multigrid.prolong, multigrid.restrict):
        eager = jnp.stack([move(one, element=element) for one in x])
        assert eager.dtype == dtype
        batched = jax.jit(jax.vmap(lambda one, move=move: move(one, element=element)))(x)
        np.testing.assert_allclose(batched, eager, rtol=1e-6 if dtype == "float32" else 1e-15)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: multigrid.restrict(jnp.zeros(4)), ValueError, "even number of intervals"),
        (lambda: multigrid.restrict(jnp.zeros(3, int)), ValueError, "floating-point"),
        (lambda: multigrid.prolong(jnp.zeros(())), ValueError, "one axis per dimension"),
        (lambda: multigrid.prolong(jnp.zeros(3), element="bilinea"), ConfigError, "'bilinear'"),
        (lambda: multigrid.prolong(jnp.zeros(3), boundary="open"), ConfigError, "boundary"),
    ],
)
def test_a_wrong_argument_is_named_with_its_value(call, error, message):
    with pytest.raises(error, match=re.escape(message)):
        call()

"""Integrals of networks: closed forms, Gauss rules, and the matrices of finite elements."""

import math

import numpy as np
import pytest

from approxnet import fem, mapping, relu
from approxnet.errors import NetworkError


def coordinate_relus(d):
    """x -> (relu(x_1), ..., relu(x_d))."""
    return relu.from_layers([(np.eye(d), np.zeros(d)), (np.eye(d), np.zeros(d))])


@pytest.mark.parametrize("d", [1, 2, 3])
def test_the_integrals_of_the_coordinates_are_those_of_calculus(d, x64):
    net = coordinate_relus(d)
    # On [-1, 2]^d: int relu = 2, int relu^2 = 8/3, int relu'^2 = 2 in one variable.
    np.testing.assert_allclose(relu.integrate(net, -1.0, 2.0), np.full(d, 2 * 3.0 ** (d - 1)))
    square = d * 8 / 3 * 3 ** (d - 1)
    assert math.isclose(relu.norm_l2(net, -1.0, 2.0) ** 2, square, rel_tol=1e-13)
    assert math.isclose(relu.norm_h1(net, -1.0, 2.0) ** 2, 2 * d * 3 ** (d - 1), rel_tol=1e-13)
    # int relu(x) x = 8/3 as well.
    product = relu.inner_product(net, relu.identity(d, 1), -1.0, 2.0)
    assert math.isclose(product, square, rel_tol=1e-13)


@pytest.mark.parametrize("mesh", [fem.box((9,)), fem.box((4, 3)), fem.box((5, 5), mirror=True)])
def test_the_norms_of_a_finite_element_function_are_those_of_its_matrices(mesh, x64):
    u, v = np.random.default_rng(0).normal(size=(2, len(mesh.nodes)))
    f, g = mapping.fem_to_relu(mesh, u), mapping.fem_to_relu(mesh, v)
    mass, stiffness = fem.mass(mesh), fem.stiffness(mesh)
    close = {"rel_tol": 1e-10}
    assert math.isclose(relu.inner_product(f, g, 0.0, 1.0), u @ (mass @ v), **close)
    assert math.isclose(relu.norm_l2(f, 0.0, 1.0) ** 2, u @ (mass @ u), **close)
    assert math.isclose(relu.norm_h1(f, 0.0, 1.0) ** 2, u @ (stiffness @ u), **close)
    assert math.isclose(relu.integrate(f, 0.0, 1.0)[0], (mass @ u).sum(), **close)


def test_networks_with_different_outputs_have_no_inner_product():
    with pytest.raises(NetworkError, match="got 2 and 1"):
        relu.inner_product(coordinate_relus(2), relu.from_layers([(np.ones((1, 2)), [0.0])]), 0, 1)

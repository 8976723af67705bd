"""A P1 function as a signed sum of maxima of its pieces, and its network in two hidden layers."""

import numpy as np
import pytest

from approxnet import fem, mapping, relu
from approxnet.errors import AssumptionError, NonFiniteError

from .meshes import LINES, PLANES, SPACES, boundary, by_hand, cut, sample, tolerance

MESHES = {
    "random line": LINES["random line"],
    "random plane": PLANES["random"],
    "random space": SPACES["random"],
    **{name: make for name, make in SPACES.items() if "four" in name},
}
pytestmark = pytest.mark.usefixtures("x64")


@pytest.mark.parametrize("name", MESHES)
def test_the_form_and_its_network_are_the_function(name):
    """In four dimensions too: two hidden layers, 12 and 8 neurons for a maximum of five pieces."""
    mesh = MESHES[name]()
    d = mesh.nodes.shape[1]
    values = np.random.default_rng(0).normal(size=len(mesh.nodes))
    form = mapping.maxima_form(mesh, values)
    assert form.labels.shape[1] == d + 1
    np.testing.assert_array_equal(form.coefficients, np.round(form.coefficients))
    assert form.coefficients.sum() == 1
    x, exact = sample(mesh, values[:, None])
    x, exact = x[:400], exact[:400]
    net = form.network()
    limit = tolerance(net, x)
    assert np.abs(form(x) - exact[:, 0]).max() <= limit
    assert np.abs(by_hand(net, x) - exact).max() <= limit
    block = {1: (3,), 2: (5, 3), 3: (6, 3), 4: (12, 8)}[d]
    assert relu.widths(net) == tuple(len(form.labels) * width for width in block)


@pytest.mark.parametrize("name", ["random plane", "box in four dimensions"])
def test_a_function_that_vanishes_on_the_boundary_vanishes_outside(name):
    mesh = MESHES[name]() if "plane" in name else fem.box((2, 2, 2, 2))
    values = np.random.default_rng(1).normal(size=len(mesh.nodes))
    values[boundary(mesh)] = 0.0
    form = mapping.maxima_form(mesh, values)
    d = mesh.nodes.shape[1]
    x = np.random.default_rng(2).uniform(-2, 3, (400, d))
    x = x[(x < mesh.nodes.min(axis=0)).any(axis=1) | (x > mesh.nodes.max(axis=0)).any(axis=1)]
    assert np.abs(form(x)).max() <= tolerance(form.network(), x)
    assert values.any()


def test_pieces_are_those_of_the_function():
    """On the line: maxima of two neighbouring pieces, the kinks of the free-knot spline."""
    mesh = fem.interval([0.0, 1.0, 2.0, 4.0])
    form = mapping.maxima_form(mesh, np.array([0.0, 1.0, -1.0, 0.0]))
    slopes = set(np.round(form.slopes[:, 0], 12))
    assert {1.0, -2.0, 0.5} <= slopes <= {1.0, -2.0, 0.5, 0.0}


def test_a_hollow_box_is_refused_unless_the_values_vanish():
    mesh = cut(fem.box((4, 4)), lambda x: (np.abs(x - 0.5) > 0.26).any(axis=1))
    with pytest.raises(AssumptionError, match="0 on the boundary of a mesh whose boundary no"):
        mapping.maxima_form(mesh, np.ones(len(mesh.nodes)))
    assert mapping.maxima_form(mesh, np.zeros(len(mesh.nodes))).network() is not None


def test_wrong_values_are_refused():
    mesh = fem.box((2, 2))
    with pytest.raises(ValueError, match=r"values must have shape \(9,\), got \(9, 2\)"):
        mapping.maxima_form(mesh, np.ones((9, 2)))
    with pytest.raises(NonFiniteError, match="values must be finite"):
        mapping.maxima_form(mesh, np.full(9, np.nan))

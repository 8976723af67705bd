"""Networks: construction, wrong input, sizes, activations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse

from approxnet import relu
from approxnet.errors import NetworkError, NonFiniteError

ZERO, ONE = np.zeros, np.ones


def sparse(columns, n_in, weight=None, bias=None):
    columns = np.asarray(columns, np.int32)
    weight = ONE(columns.shape) if weight is None else weight
    return relu.SparseAffine(columns, weight, ZERO(len(columns)) if bias is None else bias, n_in)


WRONG = {
    "no layers": ([], None, "output layer"),
    "bias too long": (
        [(ONE((2, 3)), ZERO(3))],
        None,
        r"layer 0: weight \(2, 3\) does not fit bias \(3,\)",
    ),
    "layers do not fit": (
        [(ONE((5, 2)), ZERO(5)), (ONE((4, 3)), ZERO(4))],
        None,
        r"layer 1: weight \(4, 3\) does not fit layer 0 with weight \(5, 2\)",
    ),
    "weight is a vector": ([(ONE(3), ZERO(3))], None, r"layer 0: weight must have shape"),
    "width 0": ([(ZERO((0, 2)), ZERO(0)), (ZERO((1, 0)), ZERO(1))], None, "no side of length 0"),
    "complex": ([(ONE((1, 1)) * 1j, ZERO(1))], None, "layer 0: weight must hold real numbers"),
    "text": ([([["a"]], ZERO(1))], None, "layer 0: weight must hold real numbers"),
    "ragged": ([([[1.0], [1.0, 2.0]], ZERO(2))], None, "unequal length"),
    "no pair": ([ONE((1, 1))], None, "must be a pair"),
    "activation misspelt": (
        [(ONE((1, 1)), ZERO(1))] * 2,
        ["rellu"],
        "hidden layer 0 .* 'rellu'; did you mean 'relu'",
    ),
    "too few activations": ([(ONE((1, 1)), ZERO(1))] * 3, ["relu"], "per hidden layer, 2, got 1"),
    "column too large": ([sparse([[0, 3]], 3)], None, r"columns must be in -1 ... 2, got 3 .*0, 1"),
    "column beyond 32 bits": (
        [relu.SparseAffine(np.array([[2**32]]), ONE((1, 1)), ZERO(1), 3)],
        None,
        "got 4294967296",
    ),
    "column too small": ([sparse([[0, -2]], 3)], None, "got -2"),
    "columns are floats": (
        [relu.SparseAffine(ZERO((1, 2)), ONE((1, 2)), ZERO(1), 3)],
        None,
        "columns must hold integers",
    ),
    "columns and weight differ": ([sparse([[0, 1]], 3, ONE((1, 3)))], None, "do not fit weight"),
    "empty stack": ([relu.Stack(())], None, "at least one part"),
    "unequal parts": (
        [relu.Stack((relu.Affine(ONE((1, 2)), ZERO(1)), relu.Affine(ONE((1, 3)), ZERO(1))))],
        None,
        "layer 0: the parts must have the same number of inputs",
    ),
    "bad part": (
        [
            relu.BlockDiagonal(
                (relu.Affine(ONE((1, 2)), ZERO(1)), relu.Affine(ONE((1, 3)), ZERO(2)))
            )
        ],
        None,
        "layer 0, part 1: weight",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_layers_are_named(case):
    layers, activations, message = WRONG[case]
    with pytest.raises(NetworkError, match=message):
        relu.from_layers(layers, activations)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_named_with_their_place(bad):
    weight = ONE((2, 3))
    weight[1, 2] = bad
    layer = relu.Stack((relu.Affine(ONE((1, 3)), ZERO(1)), relu.Affine(weight, ZERO(2))))
    with pytest.raises(NonFiniteError, match=r"layer 0, part 1: weight .*\(1, 2\)"):
        relu.from_layers([layer])


def test_integers_become_floats_and_float_dtypes_are_kept():
    net = relu.from_layers([([[1, 2]], [0]), (ONE((1, 1), np.float32), jnp.zeros(1))])
    assert [leaf.dtype.name for leaf in jax.tree.leaves(net)] == [
        *["float64"] * 2,
        *["float32"] * 2,
    ]


def test_a_scipy_matrix_becomes_a_sparse_layer(matrix):
    given = scipy.sparse.random_array((6, 5), density=0.3, rng=np.random.default_rng(0))
    layer = relu.from_layers([(given.tocoo(), ZERO(6))]).layers[0]
    assert isinstance(layer, relu.SparseAffine) and layer.columns.dtype == np.int32
    np.testing.assert_array_equal(matrix(layer), given.toarray())


def test_from_layers_takes_traced_weights():
    def value(w):
        return relu.evaluate(relu.from_layers([(w, jnp.zeros(1)), (w, jnp.zeros(1))]), jnp.ones(1))

    assert jax.jit(jax.grad(value))(jnp.full((1, 1), 3.0)).item() == 6.0


def test_to_csr_is_the_matrix_of_the_layer(net, matrix):
    for layer in net.layers:
        np.testing.assert_allclose(
            relu.to_csr(layer).toarray(), matrix(layer), rtol=1e-14, atol=1e-15
        )


def test_sizes_count_what_they_say(build):
    net = build("stacked")
    sparse_part = net.layers[1].parts[0]
    used = int((sparse_part.columns >= 0).sum())
    assert relu.hidden_layers(net) == 2
    assert relu.shape(net) == (2, 6, 7, 1)
    assert relu.n_neurons(net) == 13
    assert relu.n_parameters(net) == (6 * 2 + 6) + (used + 5) + (2 * 6 + 2) + (7 + 1)
    assert used < sparse_part.columns.size
    net.layers[0].weight[0, 0] = net.layers[2].bias[0] = 0.0
    assert relu.n_nonzero(net) == relu.n_parameters(net) - 2


def test_an_affine_function_has_no_hidden_layer(build):
    net = build("affine")
    assert (relu.hidden_layers(net), relu.n_neurons(net), relu.shape(net)) == (0, 0, (3, 2))


def test_the_derivative_of_relu_and_of_its_kin_at_0_is_0():
    for name in ["relu", "relu2", "hat", "heaviside"]:
        assert jax.grad(relu.ACTIVATIONS[name])(0.0) == 0.0, name


@pytest.mark.parametrize("name", sorted(relu.PIECEWISE_LINEAR))
def test_piecewise_linear_activations_are_linear_between_their_breakpoints(name, x64):
    ends = np.array([-3.0, *relu.PIECEWISE_LINEAR[name], 4.0])
    middle, width = (ends[1:] + ends[:-1]) / 2, np.diff(ends)
    sigma = relu.ACTIVATIONS[name]
    values = [
        np.asarray(sigma(jnp.asarray(middle + t * width))) for t in (-0.5, -0.25, 0, 0.3, 0.5)
    ]
    chord = values[4] - values[0]
    np.testing.assert_allclose(values[1], values[0] + 0.25 * chord, atol=1e-15)
    np.testing.assert_allclose(values[3], values[0] + 0.8 * chord, atol=1e-15)
    slopes = chord / width
    assert np.all(np.diff(slopes) != 0), "each breakpoint is a kink"


@pytest.mark.parametrize("name", sorted(set(relu.ACTIVATIONS) - set(relu.PIECEWISE_LINEAR)))
def test_other_activations_are_not_piecewise_linear_and_continuous(name):
    t = jnp.array([0.25, 0.5, 0.75])
    curved = jnp.diff(relu.ACTIVATIONS[name](t), 2).item() != 0
    jumps = (
        relu.ACTIVATIONS[name](jnp.float32(1e-30)) - relu.ACTIVATIONS[name](jnp.float32(0)) > 0.1
    )
    assert curved or jumps

"""Minima and maxima as networks: values, sizes, weights, wrong input."""

import itertools
import math

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from approxnet import relu
from approxnet.errors import ConfigError
from approxnet.relu import joins

# hidden layers and neurons of n numbers: three per pair and two per number left over
SIZES = {
    1: (0, 0),
    2: (1, 3),
    3: (2, 8),
    4: (2, 9),
    5: (3, 16),
    6: (3, 17),
    7: (3, 20),
    8: (3, 21),
    12: (4, 35),
    24: (5, 71),
}
TREES = {"minimum": (relu.minimum, np.min), "maximum": (relu.maximum, np.max)}


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("name", TREES)
def test_the_size_is_that_of_a_balanced_tree(name, n):
    net = TREES[name][0](n)
    assert (relu.hidden_layers(net), relu.n_neurons(net)) == SIZES[n]
    assert relu.hidden_layers(net) == int(np.ceil(np.log2(n)))


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("name", TREES)
def test_weights_are_small_integers_and_biases_zero(name, n, matrix):
    for layer in TREES[name][0](n).layers:
        assert set(np.unique(matrix(layer))) <= {-2.0, -1.0, 0.0, 1.0, 2.0}
        assert not np.asarray(layer.bias).any()
        assert layer.columns.shape[1] <= 6


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("name", TREES)
def test_it_is_exact_on_a_cube_of_integers(name, n):
    make, extremum = TREES[name]
    x = np.array(list(itertools.product(range(-2, 3), repeat=n)), np.float32)
    np.testing.assert_array_equal(relu.evaluate(make(n), x), extremum(x, axis=1))


@given(
    st.sampled_from([6, 7, 12, 24]).flatmap(
        lambda n: arrays(np.float32, (4, n), elements=st.integers(-1000, 1000))
    )
)
def test_it_is_exact_on_integers(x):
    for make, extremum in TREES.values():
        value = relu.evaluate(make(x.shape[1]), x)
        np.testing.assert_array_equal(value, extremum(x, axis=1))


def test_rounding_is_that_of_one_sum_per_hidden_layer(dtype):
    """Every layer adds three terms of at most twice the largest number."""
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(500, 24)) * 10.0 ** rng.integers(-3, 4, (500, 1))).astype(dtype)
    for make, extremum in TREES.values():
        net = make(24)
        value = np.asarray(relu.evaluate(net, x))
        assert value.dtype == dtype
        limit = 6 * relu.hidden_layers(net) * np.finfo(dtype).eps * np.abs(x).max(axis=1)
        assert (np.abs(value - extremum(x, axis=1)) <= limit).all()


def test_the_gradient_picks_the_largest_number():
    x = np.array([1.0, 4.0, -2.0, 3.0, 0.5], np.float32)
    gradient = jax.grad(lambda x: relu.evaluate(relu.maximum(5), x))(x)
    np.testing.assert_array_equal(gradient, [0, 1, 0, 0, 0])


@pytest.mark.parametrize("n", [0, -3, 2.5])
@pytest.mark.parametrize("name", TREES)
def test_the_number_of_arguments_must_be_positive(name, n):
    with pytest.raises(ValueError, match=f"n must be an integer >= 1, got {n}"):
        TREES[name][0](n)


def test_another_preference_is_refused_by_name():
    with pytest.raises(ConfigError, match="prefer must be one of size, depth, got 'dept'"):
        relu.maximum(5, prefer="dept")


FORMULAS = {"five": joins.MAX5, "six": joins.MAX6}


def integer_sum(formula, x):
    """Twelve times the sum of joins at integers (n, points), word by word, in integers."""

    def side(text):
        return sum(x[["abcdef".index(letter) for letter in word]].max(0) for word in text.split())

    scaled = [round(12 * weight) for weight, *_ in formula.joins]
    assert np.allclose(scaled, [12 * weight for weight, *_ in formula.joins], rtol=1e-15)
    return sum(
        c * np.maximum(side(first), side(second))
        for c, (_, first, second) in zip(scaled, formula.joins, strict=True)
    )


def test_five_numbers_are_exact_on_a_cube_of_integers():
    """All of {0, ..., 8}^5, which holds every ray."""
    x = np.indices((9,) * 5).reshape(5, -1)
    np.testing.assert_array_equal(integer_sum(joins.MAX5, x), 12 * x.max(axis=0))
    net = relu.maximum(5, prefer="depth")
    value = relu.evaluate(net, x.T.astype(np.float32))
    np.testing.assert_array_equal(value, x.max(axis=0))


def rays(n):
    """The rays with x_1 >= ... >= x_n = 0 of the planes 2 x_i = x_j + x_k, x_i + x_j = x_k + x_l.

    In the gaps between neighbours a plane is a sum of gaps equal to another; a ray is the one
    solution that is not negative of n - 2 of the planes, walls of the chamber among them.
    """
    columns = np.triu(np.ones((n, n - 1), int))  # x = columns @ gaps
    pairs = list(itertools.combinations_with_replacement(range(n), 2))
    planes = {
        tuple(row if row[np.flatnonzero(row)[0]] > 0 else -row)
        for (i, j), (k, l) in itertools.combinations(pairs, 2)
        if (row := columns[i] + columns[j] - columns[k] - columns[l]).any()
    }
    mixed = [row for row in planes if min(row) < 0 < max(row)]
    walls = np.eye(n - 1, dtype=int).tolist()
    chosen = np.array(list(itertools.combinations([*walls, *mixed], n - 2)))
    minors = [np.delete(chosen, i, axis=2) for i in range(n - 1)]
    gaps = np.stack([(-1) ** i * np.rint(np.linalg.det(m)) for i, m in enumerate(minors)], axis=1)
    gaps = np.unique(gaps.astype(int), axis=0)
    gaps = np.concatenate([gaps, -gaps])
    gaps = gaps[(gaps >= 0).all(axis=1) & gaps.any(axis=1)]
    return np.unique(gaps // np.gcd.reduce(gaps, axis=1)[:, None], axis=0) @ columns.T


@pytest.mark.parametrize("name", FORMULAS)
def test_the_formulas_hold_on_every_ray_and_hence_everywhere(name):
    """A proof: both sides are linear on the cones of the planes, and shift with all numbers."""
    formula = FORMULAS[name]
    words = [[len(side.split()) for side in join[1:]] for join in formula.joins]
    assert all(first == second for first, second in words)
    degree = sum(
        weight * first for (weight, *_), (first, _) in zip(formula.joins, words, strict=True)
    )
    assert abs(degree - 1) < 1e-14
    representatives = rays(formula.n)
    assert len(representatives) == {"five": 42, "six": 411}[name]
    for order in ORDERS[name]:
        x = representatives[:, list(order)].T
        np.testing.assert_array_equal(integer_sum(formula, x), 12 * x.max(axis=0))


# The orders of the numbers; for six up to exchanges in and of the pairs.
ORDERS = {
    "five": list(itertools.permutations(range(5))),
    "six": [
        (a, b, c, d, e, f)
        for a, b, c, d, e, f in itertools.permutations(range(6))
        if a < b and c < d and e < f and a < c < e
    ],
}


def test_six_numbers_are_exact_on_random_integers_with_ties():
    rng = np.random.default_rng(0)
    for high in (2, 4, 9, 1000):
        x = rng.integers(-high, high, (6, 4000))
        np.testing.assert_array_equal(integer_sum(joins.MAX6, x), 12 * x.max(axis=0))


def test_the_formula_for_six_is_the_same_after_exchanges_in_and_of_the_pairs():
    for swap in ("badcfe", "bacdef", "cdabef", "cdefab"):
        table = str.maketrans("abcdef", swap)

        def moved(text, table=table):
            words = ("".join(sorted(word)) for word in text.translate(table).split())
            return " ".join(sorted(words))

        def key(join, of=lambda text: text):
            return (join[0], *sorted(of(side) for side in join[1:]))

        assert {key(j) for j in joins.MAX6.joins} == {key(j, moved) for j in joins.MAX6.joins}


def test_five_and_six_numbers_take_two_hidden_layers_of_the_stated_widths(matrix):
    five, six = (relu.maximum(n, prefer="depth") for n in (5, 6))
    assert relu.widths(five) == (12, 8)
    assert relu.widths(six) == (22, 68)
    assert [np.count_nonzero(matrix(layer)) for layer in five.layers] == [22, 44, 8]
    weights = np.concatenate([matrix(layer).ravel() for layer in five.layers])
    assert set(np.abs(weights)) == {0.0, 0.5, 1.0}
    weights = 12 * np.concatenate([matrix(layer).ravel() for layer in six.layers])
    np.testing.assert_allclose(weights, np.round(weights), rtol=0, atol=1e-12)
    for layer in (*five.layers, *six.layers):
        assert not np.asarray(layer.bias).any()


DEPTHS = {1: 0, 2: 1, 3: 2, 5: 2, 6: 2, 7: 3, 12: 3}


@pytest.mark.parametrize("n", DEPTHS)
def test_groups_make_the_depth_least(n):
    net = relu.maximum(n, prefer="depth")
    assert relu.hidden_layers(net) == DEPTHS[n] == relu.known_depth(n).built
    assert relu.shape(net)[0] == n


def test_thirty_six_numbers_take_four_layers_of_groups_of_six():
    net = relu.maximum(36, prefer="depth")
    assert relu.widths(net) == (6 * 22, 6 * 68, 22, 68)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("n", [4, 6, 8, 36])
def test_the_shallow_form_is_the_maximum_up_to_rounding(n):
    """Every layer adds at most the numbers of its row, with |weights| of sum below 66 / 6."""
    rng = np.random.default_rng(n)
    net = relu.maximum(n, prefer="depth")
    x = np.concatenate([rng.normal(size=(200, n)), rng.integers(-2, 3, (200, n)) * 1.0])
    limit = 100 * relu.hidden_layers(net) * np.finfo(float).eps * np.abs(x).max(axis=1)
    assert (np.abs(np.asarray(relu.evaluate(net, x)) - x.max(axis=1)) <= limit).all()


def test_the_known_bounds_are_those_of_the_papers():
    """Upper bounds of arXiv:2505.14338 by n: 3, 4 -> 2; 5 -> 2; 6 ... 11 -> 3; 12 ... 29 -> 4."""
    upper = {1: 0, 2: 1, 3: 2, 4: 2, 5: 2, 6: 2, 7: 3, 12: 3, 13: 4, 36: 4, 37: 5, 83: 5, 84: 6}
    for n, k in upper.items():
        depth = relu.known_depth(n)
        assert depth.upper == k
        assert depth.lower == min(depth.integer, 2) <= depth.upper <= depth.integer
        assert depth.integer == math.ceil(math.log2(n))
        assert depth.upper <= depth.built
    assert "2505.14338" in relu.known_depth(83).reference
    assert "Sun" in relu.known_depth(36).reference
    assert "Arora" in relu.known_depth(4).reference
    assert relu.known_depth(83).built == 6
    with pytest.raises(ValueError, match="n must be an integer >= 1, got 0"):
        relu.known_depth(0)

"""Decision trees: CART, pruning, boxes, networks."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_diabetes
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from approxnet import relu
from approxnet.errors import ConfigError
from approxnet.learn import tree
from tests.learn.learners import standardised


def examples(name):
    """In single precision, which scikit-learn rounds to."""
    x, y = load_diabetes(return_X_y=True) if name == "diabetes" else standardised(name)
    return x.astype(np.float32).astype(np.float64), y


def reference(name):
    if name == "diabetes":
        return "numbers", DecisionTreeRegressor
    return "classes", DecisionTreeClassifier


def risk(grown):
    return grown.spread[grown.feature < 0].sum()


NAMES = ["iris", "wine", "breast_cancer", "diabetes"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("depth", [2, 4])
def test_it_is_the_tree_of_scikit_learn(name, depth):
    """Which takes one of equally good splits at random."""
    x, y = examples(name)
    target, learner = reference(name)
    mine = tree.fit(x, y, target=target, depth=depth)
    theirs = [learner(max_depth=depth, random_state=seed).fit(x, y) for seed in range(4)]
    assert len(mine.feature) == theirs[0].tree_.node_count
    assert any(np.allclose(tree.predict(mine, x), t.predict(x), rtol=1e-12) for t in theirs)
    penalties, _ = tree.pruning_path(mine)
    path = learner(max_depth=depth, random_state=0).cost_complexity_pruning_path(x, y)
    np.testing.assert_allclose(penalties, path.ccp_alphas, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("name", ["wine", "diabetes"])
def test_leaves_have_as_many_examples_as_asked_for(name):
    x, y = examples(name)
    target, learner = reference(name)
    mine = tree.fit(x, y, target=target, leaf=12)
    theirs = learner(min_samples_leaf=12, random_state=0).fit(x, y)
    np.testing.assert_allclose(tree.predict(mine, x), theirs.predict(x), rtol=1e-12)
    assert mine.count[mine.feature < 0].min() >= 12
    assert mine.count[mine.feature < 0].sum() == len(x)


@given(st.integers(0, 10**6), st.sampled_from([1, 2]), st.sampled_from([2, 3]))
def test_a_stump_is_the_best_of_all_splits(seed, d, k):
    """By hand: every coordinate, every threshold between two values; ties among them."""
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 5, (12, d)).astype(float), np.arange(12) % k
    unit = np.eye(k)[y]

    def spread(rows):
        return ((unit[rows] - unit[rows].mean(axis=0)) ** 2).sum() / 12 if rows.any() else 0.0

    splits = [x[:, f] <= t + 0.5 for f in range(d) for t in range(4)]
    best = min(spread(rows) + spread(~rows) for rows in splits)
    np.testing.assert_allclose(risk(tree.fit(x, y, depth=1)), best, atol=1e-12)


@pytest.mark.parametrize("name", ["iris", "wine"])
def test_a_pruned_tree_is_the_best_of_all_subtrees(name):
    """By enumeration of the sets of collapsed nodes; the smallest of the best is taken."""
    x, y = examples(name)
    grown = tree.fit(x, y, depth=4)
    inner = np.flatnonzero(grown.feature >= 0)

    def subtrees(i):
        """Each subtree at node i as (R, leaves)."""
        yield grown.spread[i], 1
        if grown.feature[i] >= 0:
            for a, b in itertools.product(subtrees(grown.left[i]), subtrees(grown.right[i])):
                yield a[0] + b[0], a[1] + b[1]

    everything = np.array(list(subtrees(0)))
    assert len(everything) > len(inner)
    for penalty in (0.0, 1e-3, 0.01, 0.03, 0.1, 0.3, 1.0):
        pruned = tree.prune(grown, penalty)
        leaves = (pruned.feature < 0).sum()
        costs = everything[:, 0] + penalty * everything[:, 1]
        np.testing.assert_allclose(risk(pruned) + penalty * leaves, costs.min(), atol=1e-13)
        assert leaves == everything[costs <= costs.min() + 1e-13, 1].min()


def test_subtrees_of_rising_penalties_are_nested_and_end_at_the_root():
    grown = tree.fit(*examples("breast_cancer"))
    penalties, leaves = tree.pruning_path(grown)
    assert penalties[0] == 0 and leaves[-1] == 1
    assert (np.diff(penalties) > 0).all() and (np.diff(leaves) < 0).all()
    for penalty, n in zip(penalties, leaves, strict=True):
        between = penalty * (1 + 1e-9) + 1e-15
        assert (tree.prune(grown, between).feature < 0).sum() == n


@pytest.mark.parametrize("name", NAMES)
def test_boxes_tile_the_space_and_hold_the_function(name):
    x, y = examples(name)
    grown = tree.fit(x, y, target=reference(name)[0], depth=4)
    lower, upper, value = tree.boxes(grown)
    rng = np.random.default_rng(0)
    points = np.concatenate(
        [x, rng.uniform(x.min(axis=0) - 1, x.max(axis=0) + 1, (500, x.shape[1]))]
    )
    inside = ((lower < points[:, None]) & (points[:, None] <= upper)).all(axis=2)
    np.testing.assert_array_equal(inside.sum(axis=1), 1)
    np.testing.assert_array_equal(value[inside.argmax(axis=1)], tree.values(grown, points))


@pytest.mark.parametrize("name", NAMES)
def test_the_network_of_heaviside_units_is_the_same_function_in_every_bit(x64, name):
    """At the examples, at random points, and on the thresholds and one ulp beside them."""
    x, y = examples(name)
    grown = tree.fit(x, y, target=reference(name)[0], depth=6)
    net = tree.to_network(grown)
    inner, leaves = (grown.feature >= 0).sum(), (grown.feature < 0).sum()
    assert relu.widths(net) == (inner, leaves)
    rng = np.random.default_rng(1)
    near = rng.choice(x, 50)
    asked = grown.feature[grown.feature >= 0][:50]
    at = grown.threshold[grown.feature >= 0][:50]
    points = [x, rng.uniform(x.min(axis=0) - 1, x.max(axis=0) + 1, (300, x.shape[1]))]
    for level in (at, np.nextafter(at, np.inf), np.nextafter(at, -np.inf)):
        moved = near[: len(asked)].copy()
        moved[np.arange(len(asked)), asked] = level
        points.append(moved)
    points = np.concatenate(points)
    np.testing.assert_array_equal(np.asarray(relu.apply(net, points)), tree.values(grown, points))


def test_a_single_leaf_is_a_network_too(x64):
    grown = tree.fit([[0.0, 1.0], [0.0, 1.0]], [0, 1])
    assert len(grown.feature) == 1
    net = tree.to_network(grown)
    points = np.array([[-1.0, 0.0], [0.0, 0.0], [2.0, 5.0]])
    np.testing.assert_array_equal(np.asarray(relu.apply(net, points)), np.full((3, 2), 0.5))


def test_thresholds_between_neighbouring_numbers_part_them():
    """The middle of 1 and its successor rounds to one of them."""
    for low in (1.0, np.nextafter(1.0, 2.0)):
        x = np.array([[low], [np.nextafter(low, 2.0)]])
        np.testing.assert_array_equal(tree.predict(tree.fit(x, [0, 1]), x), [0, 1])


def test_large_values_do_not_overflow_the_middle():
    x = np.array([[1.6e308], [1.7e308]])
    np.testing.assert_array_equal(tree.predict(tree.fit(x, [0, 1]), x), [0, 1])


def test_numbers_with_a_large_mean_keep_their_splits():
    """Sums of squares are taken about the mean, so that 1e8 cancels nothing."""
    x = np.arange(8.0)[:, None]
    y = np.array([0, 0, 0, 1, 1, 1, 3, 3]) * 1e-3
    moved, still = (tree.fit(x, y + shift, target="numbers") for shift in (1e8, 0.0))
    np.testing.assert_array_equal(moved.threshold, still.threshold)


def test_wrong_options_are_refused():
    x, y = [[0.0], [1.0]], [0, 1]
    with pytest.raises(ConfigError, match="target must be one of classes, numbers"):
        tree.fit(x, y, target="class")
    with pytest.raises(ValueError, match="leaf must be an integer >= 1, got 0"):
        tree.fit(x, y, leaf=0)
    with pytest.raises(ValueError, match="penalty must be a finite number >= 0"):
        tree.fit(x, y, penalty=-0.1)

"""What every learner has in common: shapes, labels, and the answer to wrong input."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from approxnet.errors import DataError, NonFiniteError
from approxnet.learn import logistic, separability, svm, tree
from tests.learn.learners import LEARNERS, cloud

FITS = {name: fit for name, (fit, _) in LEARNERS.items()} | {
    "SGD": lambda x, y: logistic.fit_stochastic(jax.random.key(0), x, y, batch=1),
    "separability": separability.classify,
    "overlap": separability.overlap,
}
X = np.array([[0.0, 1.0], [1.0, 3.0], [2.0, 0.0]])
Y = np.array([0, 1, 2])

WRONG = {
    "a negative label": (X, [0, -1, 1], DataError, r"0, ..., k - 1, got -1 at index 1"),
    "a gap": (X, [0, 1, 3], DataError, "3 occurs at index 2, but 2 does not"),
    "one class": (X, [0, 0, 0], DataError, "at least 2 classes, got only 0 in 3 examples"),
    "labels that are no integers": (X, [0.0, 1.0, 2.0], DataError, "got dtype float64"),
    "too many labels": (X, [0, 1, 2, 0], ValueError, r"shape \(3,\), one label .* got \(4,\)"),
    "unit vectors": (X, np.eye(3, dtype=int), ValueError, r"one label per row of x, got \(3, 3\)"),
    "nan": (
        np.where(X == 3, np.nan, X),
        Y,
        NonFiniteError,
        r"x must be finite, got nan at index \(1, 1\)",
    ),
    "no example": (X[:0], Y[:0], DataError, r"at least one example .* got shape \(0, 2\)"),
    "no coordinate": (X[:, :0], Y, DataError, r"with one coordinate, got shape \(3, 0\)"),
    "points without an axis": (X[:, 0], Y, ValueError, r"write x\[:, None\] for points on a line"),
    "words": (X.astype(str), Y, ValueError, "x must hold real numbers"),
}


@pytest.mark.parametrize("name", FITS)
@pytest.mark.parametrize("kind", WRONG)
def test_wrong_examples_are_named_with_their_place(name, kind):
    x, y, error, message = WRONG[kind]
    with pytest.raises(error, match=message):
        FITS[name](x, y)


@pytest.mark.parametrize("name", LEARNERS)
def test_points_of_another_dimension_and_nan_are_not_predicted(name):
    fit, predict = LEARNERS[name]
    model = fit(X, Y)
    with pytest.raises(ValueError, match=r"x must have shape \(..., 2\)"):
        predict(model, np.zeros((4, 3)))
    with pytest.raises(NonFiniteError, match="x must be finite, got inf"):
        predict(model, [[0.0, np.inf]])


@pytest.mark.parametrize("name", LEARNERS)
def test_predictions_are_integers_of_the_shape_of_the_points(name):
    fit, predict = LEARNERS[name]
    x, y = cloud(0, 12, 2, 3)
    model = fit(jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.int32))
    many = predict(model, x.reshape(3, 4, 2).astype(np.float32))
    assert many.shape == (3, 4) and many.dtype == np.int32
    assert predict(model, x[5]).shape == ()
    np.testing.assert_array_equal(many.ravel(), predict(model, x.astype(np.float32)))


@pytest.mark.parametrize("name", LEARNERS)
def test_what_is_far_apart_is_learnt(name):
    fit, predict = LEARNERS[name]
    rng = np.random.default_rng(1)
    y = np.arange(30) % 3
    x = np.array([[0.0, 8.0], [7.0, -4.0], [-7.0, -4.0]])[y] + rng.uniform(-1, 1, (30, 2))
    np.testing.assert_array_equal(predict(fit(x, y), x), y)


def test_a_learner_of_numbers_names_wrong_numbers():
    with pytest.raises(ValueError, match=r"one number per row of x, got \(3, 1\)"):
        tree.fit(X, np.ones((3, 1)), target="numbers")
    with pytest.raises(NonFiniteError, match="y must be finite"):
        tree.fit(X, [0.0, np.nan, 1.0], target="numbers")


@pytest.mark.parametrize("cost", [0.0, -1.0, np.nan])
def test_a_cost_that_is_not_positive_is_refused(cost):
    with pytest.raises(ValueError, match="cost must be > 0"):
        svm.fit(X, Y, cost=cost)

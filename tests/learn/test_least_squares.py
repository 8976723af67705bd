"""Least squares onto unit vectors."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from approxnet.learn import least_squares, linear
from tests.learn.learners import standardised


@pytest.mark.parametrize("copies", [0, 2])
@pytest.mark.parametrize("name", ["iris", "wine"])
def test_it_is_the_linear_regression_of_scikit_learn(name, copies):
    """With copied coordinates there are several minimisers, of the same scores."""
    x, y = standardised(name)
    x = np.column_stack([x, x[:, :copies]])
    reference = LinearRegression().fit(x, np.eye(3)[y])
    mine = linear.scores(least_squares.fit(x, y), x)
    np.testing.assert_allclose(mine, reference.predict(x), atol=1e-12)


def test_the_residual_is_orthogonal_to_the_data_and_the_weights_are_smallest():
    x, y = standardised("iris")
    x = np.column_stack([x, x[:, 0]])
    model = least_squares.fit(x, y)
    residual = linear.scores(model, x) - np.eye(3)[y]
    np.testing.assert_allclose(residual.T @ x, 0, atol=1e-11)
    np.testing.assert_allclose(residual.sum(axis=0), 0, atol=1e-11)
    np.testing.assert_allclose(model.weight[:, 0], model.weight[:, 4], atol=1e-13)


def test_scores_sum_to_one():
    """The sum of the unit vectors is the constant 1, which is in the range."""
    x, y = standardised("wine")
    scores = linear.scores(least_squares.fit(x, y), 3 * x)
    np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-12)

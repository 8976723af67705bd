"""Logistic regression: its minimiser, its theorems, its descent."""

import jax
import numpy as np
import optax
import pytest
from sklearn.linear_model import LogisticRegression

from approxnet.data import synthetic
from approxnet.errors import AssumptionError
from approxnet.learn import information, linear, logistic, svm
from tests.learn.learners import cloud, standardised


def numerical_gradient(x, y, model, penalty):
    """Central differences of the loss, one entry of (W, b) at a time."""
    theta, h = np.column_stack([model.weight, model.bias]), 1e-5
    gradient = np.empty_like(theta)
    for place in np.ndindex(theta.shape):
        values = []
        for sign in (1, -1):
            moved = theta.copy()
            moved[place] += sign * h
            near = linear.Linear(moved[:, :-1], moved[:, -1])
            values.append(logistic.loss(near, x, y, penalty=penalty))
        gradient[place] = (values[0] - values[1]) / (2 * h)
    return gradient


def separable():
    """The stored example of separable sets, without random numbers."""
    x, y = synthetic.half_discs(40)
    return np.asarray(x, np.float64), np.asarray(y)


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer"])
@pytest.mark.parametrize("penalty", [1e-1, 1e-4])
def test_it_is_the_logistic_regression_of_scikit_learn(name, penalty):
    """For two classes scikit-learn has |w_1 - w_0|^2 = 2 |W|^2 in the penalty."""
    x, y = standardised(name)
    k = y.max() + 1
    C = (2 if k == 2 else 1) / (len(y) * penalty)
    reference = LogisticRegression(C=C, solver="newton-cg", tol=1e-12, max_iter=1000).fit(x, y)
    mine = logistic.fit(x, y, penalty=penalty)
    np.testing.assert_allclose(
        logistic.probabilities(mine, x), reference.predict_proba(x), atol=2e-6
    )
    np.testing.assert_array_equal(logistic.predict(mine, x), reference.predict(x))


def test_newton_takes_few_steps(monkeypatch):
    """A wrong Hessian would still come to the minimiser, but linearly."""
    steps, honest = [], logistic._newton_step
    monkeypatch.setattr(logistic, "_newton_step", lambda *a: steps.append(1) or honest(*a))
    logistic.fit(*cloud(0, 60, 2, 3), penalty=1e-2)
    assert len(steps) <= 8


@pytest.mark.parametrize("k", [2, 3])
def test_the_gradient_vanishes_at_the_minimiser(k):
    """Central differences of a loss of the size 1 err by eps / h + h^2 |L'''| < 1e-9."""
    x, y = cloud(0, 24, 2, k)
    model = logistic.fit(x, y, penalty=0.01)
    np.testing.assert_allclose(numerical_gradient(x, y, model, 0.01), 0, atol=1e-9)
    np.testing.assert_allclose(model.weight.sum(axis=0), 0, atol=1e-13)
    np.testing.assert_allclose(model.bias.sum(), 0, atol=1e-12)


def test_the_loss_does_not_feel_a_number_added_to_every_bias():
    x, y = cloud(1, 12, 2, 3)
    model = logistic.fit(x, y)
    moved = model._replace(bias=model.bias + 5)
    np.testing.assert_allclose(logistic.loss(moved, x, y), logistic.loss(model, x, y), rtol=1e-13)


def test_two_classes_have_opposite_weights():
    model = logistic.fit(*cloud(2, 12, 3, 2))
    np.testing.assert_allclose(model.weight[0], -model.weight[1], rtol=1e-12)


def test_without_a_penalty_overlapping_classes_have_a_minimiser():
    x, y = cloud(3, 60, 1, 2)
    model = logistic.fit(x, y, penalty=0)
    np.testing.assert_allclose(numerical_gradient(x, y, model, 0.0), 0, atol=1e-9)
    reference = LogisticRegression(C=np.inf, solver="newton-cg", tol=1e-12).fit(x, y)
    np.testing.assert_allclose(
        logistic.probabilities(model, x), reference.predict_proba(x), atol=1e-7
    )


def test_without_a_penalty_separable_classes_have_no_minimiser():
    """W grows without bound and the loss falls to 0 along every W that separates."""
    x, y = separable()
    with pytest.raises(AssumptionError, match="must have classes that overlap where the penalty"):
        logistic.fit(x, y, penalty=0)
    model = logistic.fit(x, y, penalty=1e-4)
    losses = [
        logistic.loss(linear.Linear(t * model.weight, t * model.bias), x, y)
        for t in (1, 4, 16, 64, 256)
    ]
    assert all(after < before / 2 for before, after in zip(losses[:-1], losses[1:], strict=True))
    assert losses[-1] < 1e-12


def test_weights_that_give_every_example_more_than_one_half_classify_all_rightly():
    """P > 1/2 implies theta in Theta, where P is the product of the probabilities."""
    x, y = separable()
    for model in logistic.path(x, y, 10.0 ** -np.arange(0, 9)):
        if np.exp(-len(y) * logistic.loss(model, x, y)) > 1 / 2:
            np.testing.assert_array_equal(logistic.predict(model, x), y)


def test_the_margin_rises_to_the_largest_like_one_over_the_logarithm():
    """Rosset, Zhu, Hastie 2004; the margin, not the angle, is monotone."""
    x, y = separable()
    penalties = 10.0 ** -np.arange(0, 17, 2)
    models = logistic.path(x, y, penalties)
    largest = svm.fit(x, y, cost=np.inf).machines[0].width / 2
    ratios = np.array([linear.margin(model, x, y) for model in models]) / largest
    norms = np.array([np.linalg.norm(model.weight[1] - model.weight[0]) for model in models])
    assert (np.diff(ratios) > 0).all()
    assert 0.99 <= ratios[6] < ratios[-1] < 1
    # |w| = log(1 / penalty) / largest + O(log log): the slope, over the last decades
    slope = np.diff(norms) / np.log(100)
    np.testing.assert_allclose(slope[-1] * largest, 1, atol=0.06)
    # the error times the logarithm stays between two constants
    product = (1 - ratios[3:]) * np.log(1 / penalties[3:])
    assert product.max() < 1.5 * product.min()


@pytest.mark.parametrize("margin", [0.1, 1.0])
@pytest.mark.parametrize("slide", [0.0, 0.5, 3.0])
def test_the_margin_is_above_its_bound(margin, slide):
    """For several sets and penalties; the bound tends to the largest margin too."""
    penalties = 10.0 ** -np.arange(1, 17, 5)
    x, y = (np.asarray(a) for a in synthetic.half_discs(10, margin=margin, slide=slide))
    largest = svm.fit(x, y, cost=np.inf).machines[0].width / 2
    for model, penalty in zip(logistic.path(x, y, penalties), penalties, strict=True):
        bound = logistic.margin_bound(10, largest, penalty)
        assert bound <= linear.margin(model, x, y) <= largest * (1 + 1e-9)
    assert logistic.margin_bound(10, 1.0, 1e-300) > 0.99


def test_stochastic_descent_comes_to_the_minimiser_in_both_precisions(dtype):
    x, y = cloud(4, 60, 2, 3)
    rate = optax.exponential_decay(0.5, 6000, 1e-3)
    model = logistic.fit_stochastic(
        jax.random.key(0), x, y, penalty=0.1, optimizer=optax.sgd(rate), batch=20, epochs=2000
    )
    assert model.weight.dtype == np.float64
    exact = logistic.fit(x, y, penalty=0.1)
    least = logistic.loss(exact, x, y, penalty=0.1)
    assert least <= logistic.loss(model, x, y, penalty=0.1) <= least * (1 + 1e-5)


def test_a_batch_of_all_examples_is_gradient_descent(x64):
    x, y = cloud(5, 12, 2, 2)
    mine = logistic.fit_stochastic(
        jax.random.key(1), x, y, penalty=0.1, optimizer=optax.sgd(0.5), batch=12, epochs=1
    )
    zero = linear.Linear(np.zeros((2, 2)), np.zeros(2))
    step = -0.5 * numerical_gradient(x, y, zero, 0.1)
    np.testing.assert_allclose(np.column_stack([mine.weight, mine.bias]), step, atol=1e-9)


def test_wrong_options_are_refused():
    x, y = cloud(6, 6, 1, 2)
    with pytest.raises(ValueError, match=r"penalty must be a finite number >= 0, got -1"):
        logistic.fit(x, y, penalty=-1)
    with pytest.raises(ValueError, match="penalties must fall"):
        logistic.path(x, y, [0.1, 1.0])
    with pytest.raises(ValueError, match="batch must be at most 6, the number of examples, got 7"):
        logistic.fit_stochastic(jax.random.key(0), x, y, batch=7)


def test_cross_entropy_is_entropy_and_divergence():
    rng = np.random.default_rng(0)
    q, p = rng.dirichlet(np.ones(5), (2, 100))
    H, KL = information.entropy(q), information.divergence(q, p)
    np.testing.assert_allclose(information.cross_entropy(q, p), H + KL, rtol=1e-13)
    assert (KL > 0).all()
    np.testing.assert_allclose(information.divergence(q, q), 0, atol=1e-16)
    np.testing.assert_allclose(information.entropy(np.full(5, 0.2)), np.log(5), rtol=1e-15)


def test_the_loss_is_the_mean_cross_entropy_of_unit_vectors_and_the_divergence():
    x, y = cloud(7, 30, 2, 3)
    model = logistic.fit(x, y)
    unit, p = np.eye(3)[y], logistic.probabilities(model, x)
    loss = logistic.loss(model, x, y)
    np.testing.assert_allclose(information.cross_entropy(unit, p).mean(), loss, rtol=1e-13)
    np.testing.assert_allclose(information.divergence(unit, p).mean(), loss, rtol=1e-13)

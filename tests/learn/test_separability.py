"""The three senses of separability, with their proofs (lecture notes, chapter 2)."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approxnet.data import synthetic
from approxnet.errors import AssumptionError
from approxnet.learn import linear, separability

SENSES = {"all_versus_one": 3, "linear": 2, "pairwise": 1}
"""Of three_sets(kind), in how many senses it is separable."""


def decisions(found):
    return (*found.all_versus_one, found.linear, *found.pairwise)


def parted(x, y, decision):
    """The examples that a decision is about, with the numbers of their parts."""
    part = {c: i for i, classes in enumerate(decision.classes) for c in classes}
    mine = np.isin(y, list(part))
    return x[mine], np.array([part[c] for c in y[mine].tolist()])


def check_proof(x, y, decision):
    """Weights classify every example; multipliers combine the a_ij to 0."""
    x, part = parted(np.asarray(x, float), np.asarray(y), decision)
    if decision.separable:
        np.testing.assert_array_equal(linear.predict(decision.model, x), part)
        assert linear.margin(decision.model, x, part) > 0
        return
    c = decision.certificate
    assert c.min() >= 0 and c[np.arange(len(c)), part].max() == 0
    np.testing.assert_allclose(c.sum(), 1, rtol=1e-12)
    affine = np.column_stack([x, np.ones(len(x))])
    k = c.shape[1]
    combined = np.eye(k)[part].T @ (c.sum(axis=1)[:, None] * affine) - c.T @ affine
    np.testing.assert_allclose(combined, 0, atol=1e-8 * max(1, np.abs(x).max()))


@pytest.mark.parametrize("kind", SENSES)
def test_all_versus_one_implies_linearly_implies_pairwise_and_the_converses_fail(kind):
    """Quiz 1, question 2, has it that "A implies B; C implies B"."""
    x, y = (np.asarray(a) for a in synthetic.three_sets(kind, 5))
    found = separability.classify(x, y)
    assert found.senses == separability.SENSES[3 - SENSES[kind] :]
    for decision in decisions(found):
        check_proof(x, y, decision)


@settings(max_examples=20)
@given(
    st.integers(0, 10**6), st.sampled_from([1, 2, 3]), st.sampled_from([2, 3, 4]), st.floats(0, 4)
)
def test_the_implications_hold_for_random_sets(seed, d, k, apart):
    rng = np.random.default_rng(seed)
    y = np.arange(4 * k) % k
    x = rng.standard_normal((4 * k, d)) + apart * rng.standard_normal((k, d))[y]
    found = separability.classify(x, y)
    for decision in decisions(found):
        check_proof(x, y, decision)
    senses = found.senses
    assert senses == separability.SENSES[3 - len(senses) :]
    if k == 2:
        assert len(senses) in (0, 3)


def test_the_weights_of_the_course_separate_the_three_intervals():
    """W = (-2, 0, 2), b = (-3, 0, -3), quiz 4, question 1."""
    x, y = synthetic.three_sets("linear", 9)
    model = linear.Linear(np.array([[-2.0], [0.0], [2.0]]), np.array([-3.0, 0.0, -3.0]))
    np.testing.assert_array_equal(linear.predict(model, x), y)
    np.testing.assert_allclose(linear.margin(model, x, y), 0.5, rtol=1e-12)
    found = separability.classify(x, y)
    assert [decision.separable for decision in found.all_versus_one] == [True, False, True]


def test_the_bounds_hold_the_best_margin_between_them():
    """On a line with -1 and 1 the best a . theta with |theta| <= 1 is 2: w = (-1, 1)."""
    found = separability.classify([[-1.0], [1.0]], [0, 1]).linear
    np.testing.assert_allclose([found.lower, found.upper], 2, rtol=1e-12)


def test_shifts_scales_and_constant_coordinates_change_nothing():
    x, y = (np.asarray(a, float) for a in synthetic.three_sets("pairwise", 4))
    y = y.astype(int)
    moved = np.column_stack([1e6 + 1e3 * x[:, 0], 1e-4 * x[:, 1], np.full(len(x), 7.0)])
    assert separability.classify(moved, y).strongest == "pairwise"


def test_sets_that_touch_are_not_separable_and_do_not_overlap():
    """0 < 1 = 1 < 2: a_ij . theta >= 0 has solutions, > 0 has none."""
    x, y = [[0.0], [1.0], [1.0], [2.0]], [0, 0, 1, 1]
    found = separability.classify(x, y)
    assert found.strongest == "not"
    check_proof(x, y, found.linear)
    assert not separability.overlap(x, y)
    assert separability.overlap([[0.0], [1.5], [1.0], [2.0]], y)


def test_a_solver_that_lies_is_found_out(monkeypatch):
    """Zero weights for sets that are separable: the certificate proves nothing."""
    honest = separability._solve

    def lying(*program):
        found = honest(*program)
        found.x[:] = 0
        return found

    monkeypatch.setattr(separability, "_solve", lying)
    with pytest.raises(AssumptionError, match=r"clearly separable or not, got the bounds 0.0 and"):
        separability.classify([[-1.0], [1.0]], [0, 1])

"""Support vector machines: the certificate, the geometry, scikit-learn."""

import math

import numpy as np
import pytest
import scipy.optimize
from sklearn.svm import SVC

from approxnet.errors import AssumptionError, ConfigError, ConvergenceWarning
from approxnet.learn import dual, kernels, svm
from tests.learn.learners import cloud, standardised

KERNELS = {
    "linear": kernels.linear(),
    "polynomial": kernels.polynomial(3, scale=0.1, offset=1.0),
    "Gauss": kernels.gauss(0.1),
    "Laplace": kernels.laplace(0.1),
}


def gap(x, y, model, cost):
    """The largest relative duality gap of two classes' machines, from the definitions."""
    worst = 0.0
    for row, m in zip(model.code, model.machines, strict=True):
        signs = row[y].astype(float)
        mine = signs != 0
        K = model.kernel(m.vectors, m.vectors)
        squared = m.coefficients @ K @ m.coefficients
        assert abs(m.coefficients.sum()) <= 1e-11 * abs(m.coefficients).sum()
        assert (abs(m.coefficients) <= cost).all() and (m.coefficients * signs[m.support] > 0).all()
        f = model.kernel(x[mine], m.vectors) @ m.coefficients + m.bias
        primal = squared / 2 + cost * np.maximum(1 - signs[mine] * f, 0).sum()
        worst = max(worst, (primal - abs(m.coefficients).sum() + squared / 2) / primal)
    return worst


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer"])
def test_it_is_the_machine_of_scikit_learn_with_a_closed_gap(name, kernel):
    """scikit-learn stops at a violation of 1e-10; outputs differ by the root of its gap."""
    x, y = standardised(name)
    k = KERNELS[kernel]
    model = svm.fit(x, y, kernel=k, cost=1.0)
    assert gap(x, y, model, 1.0) <= 1e-8
    assert max(m.gap for m in model.machines) <= 1e-8
    reference = SVC(C=1.0, kernel=k, tol=1e-10, decision_function_shape="ovo").fit(x, y)
    f, theirs = svm.outputs(model, x), reference.decision_function(x).reshape(len(x), -1)
    sign = 1 if y.max() == 1 else -1
    np.testing.assert_allclose(f, sign * theirs, atol=1e-4)
    np.testing.assert_array_equal(svm.predict(model, x), reference.predict(x))
    support = np.unique(np.concatenate([m.support for m in model.machines]))
    np.testing.assert_array_equal(support, np.sort(reference.support_))


@pytest.mark.parametrize("cost", [1e-3, 1e2, 1e4])
def test_the_gap_is_closed_for_small_and_large_costs(cost):
    x, y = cloud(0, 60, 2, 2)
    for kernel in KERNELS.values():
        assert gap(x, y, svm.fit(x, y, kernel=kernel, cost=cost), cost) <= 1e-8


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("shift", [0.0, 10.0])
def test_the_gap_is_closed_for_data_of_any_size_with_repeated_points(scale, shift):
    """Every point four times, under both labels for one of them."""
    x, y = cloud(7, 24, 2, 2)
    x, y = scale * (np.repeat(x, 4, axis=0) + shift), np.repeat(y, 4)
    y[0] = 1 - y[0]
    for cost in (1e-2, 1e2):
        assert gap(x, y, svm.fit(x, y, cost=cost / scale**2), cost / scale**2) <= 1e-8
    kernel = kernels.gauss(0.1 / scale**2)
    assert gap(x, y, svm.fit(x, y, kernel=kernel, cost=1e2), 1e2) <= 1e-8


def test_the_hard_margin_of_two_points_is_their_distance():
    x = np.array([[0.0, 0.0], [3.0, 4.0]])
    machine = svm.fit(x, [0, 1], cost=math.inf).machines[0]
    np.testing.assert_allclose(machine.width, 5, rtol=1e-9)
    np.testing.assert_allclose(svm.outputs(svm.fit(x, [0, 1], cost=math.inf), [[1.5, 2.0]]), 0,
                               atol=1e-9)  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_the_hard_margin_is_the_distance_of_the_hulls(seed):
    """An independent evaluation: least squares for two convex combinations, by NNLS."""
    rng = np.random.default_rng(seed)
    y = np.arange(20) % 2
    x = rng.standard_normal((20, 3)) + np.outer(4 * y, [1.0, 1.0, 0.0])
    machine = svm.fit(x, y, cost=math.inf).machines[0]
    weight = 1e5
    A = np.vstack([np.where(y, x.T, -x.T), weight * y, weight * (1 - y)])
    combination, _ = scipy.optimize.nnls(A, np.append(np.zeros(3), [weight, weight]))
    apart = np.linalg.norm(np.where(y, x.T, -x.T) @ combination)
    np.testing.assert_allclose(machine.width, apart, rtol=1e-7)
    f = svm.outputs(svm.fit(x, y, cost=math.inf), x)[:, 0] * (2 * y - 1)
    np.testing.assert_allclose(f[machine.support], 1, rtol=1e-7)
    assert f.min() >= 1 - 1e-9


def test_a_soft_margin_of_a_large_cost_is_the_hard_margin():
    x, y = cloud(1, 20, 2, 2)
    x = x + 6 * y[:, None]
    hard, soft = (svm.fit(x, y, cost=c).machines[0] for c in (math.inf, 1e3))
    np.testing.assert_allclose(hard.coefficients, soft.coefficients, rtol=1e-6)
    np.testing.assert_allclose(hard.width, soft.width, rtol=1e-8)


def test_no_hard_margin_parts_classes_whose_hulls_meet():
    x, y = cloud(2, 40, 2, 2)
    with pytest.raises(AssumptionError, match="must have classes whose hulls do not touch, got"):
        svm.fit(x, y, cost=math.inf)
    assert (svm.predict(svm.fit(x, y, kernel=KERNELS["Gauss"], cost=math.inf), x) == y).all()


def test_a_kernel_that_is_not_semidefinite_is_refused():
    x, y = cloud(3, 20, 2, 2)
    with pytest.raises(AssumptionError, match=r"kernel must be positive semidefinite, got the eig"):
        svm.fit(x, y, kernel=lambda x, z: np.exp(((x[:, None] - z) ** 2).sum(-1)), cost=1e6)


@pytest.mark.parametrize("kernel", ["linear", "Gauss"])
def test_a_working_set_that_grows_finds_the_same_machine(monkeypatch, kernel):
    x, y = cloud(4, 300, 2, 2)
    whole = svm.fit(x, y, kernel=KERNELS[kernel]).machines[0]
    sizes, honest = [], dual._active_set
    monkeypatch.setattr(dual, "CHUNK", 20)
    monkeypatch.setattr(dual, "_active_set", lambda K, *a: sizes.append(len(K)) or honest(K, *a))
    part = svm.fit(x, y, kernel=KERNELS[kernel])
    assert sizes[0] == 20 < sizes[-1] < 300
    assert gap(x, y, part, 1.0) <= 1e-8
    np.testing.assert_allclose(part.machines[0].norm, whole.norm, rtol=1e-8)
    np.testing.assert_allclose(part.machines[0].bias, whole.bias, atol=1e-6)


def test_one_versus_rest_is_each_class_against_the_others():
    x, y = standardised("iris")
    model = svm.fit(x, y, kernel=KERNELS["Gauss"], multiclass="one_versus_rest")
    assert gap(x, y, model, 1.0) <= 1e-8
    for i in range(3):
        alone = svm.fit(x, (y == i).astype(int), kernel=KERNELS["Gauss"])
        np.testing.assert_allclose(svm.outputs(model, x)[:, i], svm.outputs(alone, x)[:, 0])
    np.testing.assert_array_equal(svm.predict(model, x), svm.outputs(model, x).argmax(axis=1))


def test_pairs_vote():
    x, y = standardised("iris")
    model = svm.fit(x, y)
    votes = np.zeros((len(x), 3), int)
    for row, f in zip(model.code, svm.outputs(model, x).T, strict=True):
        minus, plus = row.tolist().index(-1), row.tolist().index(1)
        votes[np.arange(len(x)), np.where(f > 0, plus, minus)] += 1
    np.testing.assert_array_equal(svm.predict(model, x), votes.argmax(axis=1))


def test_a_gap_that_stays_open_is_said(monkeypatch):
    honest = dual.interior.solve
    monkeypatch.setattr(
        dual.interior, "solve", lambda *a, **k: honest(*a, **k)._replace(b=7.0, z=np.zeros((2, 20)))
    )
    monkeypatch.setattr(dual.scipy.linalg, "lstsq", lambda A, b, cond: (np.zeros(len(b)),))
    x, y = cloud(5, 20, 2, 2)
    with pytest.warns(ConvergenceWarning, match="relative duality gap must be at most 1e-08, got"):
        svm.fit(x, y)


def test_wrong_options_are_refused():
    x, y = cloud(6, 6, 1, 2)
    with pytest.raises(ConfigError, match="did you mean 'one_versus_one'"):
        svm.fit(x, y, multiclass="one_versus_on")
    with pytest.raises(ValueError, match="degree must be an integer >= 1"):
        kernels.polynomial(0)
    with pytest.raises(ValueError, match="offset must be a finite number >= 0"):
        kernels.polynomial(2, offset=-1.0)
    for kernel in (kernels.gauss, kernels.laplace):
        with pytest.raises(ValueError, match="rate must be a finite number > 0"):
            kernel(0.0)

"""Orders, fits and tables of errors."""

import numpy as np
import pytest
import scipy.stats

from approxnet.approximation import rates
from approxnet.reproduce import Table

N = np.array([8, 16, 32, 64, 128])


def test_powers_have_their_order():
    np.testing.assert_allclose(rates.order(1 / N, 3.0 * N**-1.5), 1.5, rtol=1e-12)
    found = rates.fit(N, 3.0 * N**-1.5)
    np.testing.assert_allclose([found.order, *found.interval, found.constant], [1.5] * 3 + [3.0])
    np.testing.assert_allclose(found(N), 3.0 * N**-1.5)
    np.testing.assert_allclose(rates.fit(N, np.append(7.0, 3.0 * N[1:] ** -2.0), last=4).order, 2)


def test_fits_are_those_of_scipy():
    errors = np.array([0.1, 0.03, 0.006, 0.002, 0.0004])
    found, expected = (
        rates.fit(N, errors, confidence=0.9),
        scipy.stats.linregress(np.log(N), np.log(errors)),
    )
    half = scipy.stats.t.ppf(0.95, 3) * expected.stderr
    np.testing.assert_allclose(found.order, -expected.slope, rtol=1e-12)
    np.testing.assert_allclose(found.interval, -expected.slope + np.array([-half, half]), rtol=1e-9)
    np.testing.assert_allclose(np.log(found.constant), expected.intercept, rtol=1e-12)


def test_intervals_hold_as_often_as_they_say():
    rng = np.random.default_rng(0)
    errors = N**-2.0 * np.exp(0.1 * rng.standard_normal((1000, 5)))
    fits = [rates.fit(N, e) for e in errors]
    hits = np.mean([f.interval[0] <= 2 <= f.interval[1] for f in fits])
    assert abs(hits - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 1000)


def test_two_levels_say_nothing_about_the_interval():
    assert rates.fit([1, 2], [4.0, 1.0]).interval == (-np.inf, np.inf)


def test_tables_fit_the_printer():
    columns, rows = rates.table(
        N[:2], {"L2": [4e-2, 1e-2], "H1": [1.0, 0.5]}, paper={"H1": [None, 0.25]}
    )
    assert columns == ("n", "L2", "order", "H1", "order", "H1 (paper)", "ours / paper")
    assert rows == (
        (8, 0.04, "-", 1.0, "-", "-", "-"),
        (16, 0.01, 2.0, 0.5, 1.0, 0.25, 2.0),
    )
    assert Table("errors", columns, rows).columns == columns


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: rates.order([1.0], [1.0]), "l >= 2"),
        (lambda: rates.order([1.0, 0.5], [1.0, 0.0]), "errors must be positive.*0.0 at level 1"),
        (lambda: rates.order([1.0, 1.0], [1.0, 0.5]), "change between levels"),
        (lambda: rates.fit([1, 2, 3], [1.0, 0.5, np.nan]), "finite"),
        (lambda: rates.fit([1, 2], [1.0, 0.5], confidence=95), "confidence"),
        (lambda: rates.fit([1, 2], [1.0, 0.5], last=1), "last"),
        (lambda: rates.table([1, 2], {"a": [2.0, 1.0]}, paper={"b": [1, 1]}), "names among a"),
        (lambda: rates.table([1, 2], {"a": [2.0, 1.0]}, paper={"a": [1]}), "2 numbers"),
    ],
)
def test_wrong_input_is_named(call, match):
    with pytest.raises(ValueError, match=match):
        call()

"""Judges say nothing about a right answer, and one sentence about any other, whatever it is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approxnet import course
from approxnet.course import judges
from approxnet.errors import ConfigError

ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.text(max_size=3),
    st.floats(),
    st.integers(-(10**6), 10**6),
    st.lists(st.floats(), max_size=4),
    st.dictionaries(st.text(max_size=1), st.integers(), max_size=2),
)


@settings(max_examples=20)
@given(answer=ANYTHING)
@pytest.mark.parametrize("name", list(course.check))
def test_every_judge_has_a_sentence_for_anything(name, answer):
    verdict = course.check(name, answer)
    assert verdict.passed == (verdict.missing == "")
    assert isinstance(verdict.missing, str)


@pytest.mark.parametrize("name", list(course.check))
def test_an_answer_to_come_gets_the_question(name):
    verdict = course.check(name, ...)
    assert not verdict.passed
    assert verdict.missing == course.check[name].question


def test_an_unknown_exercise_is_an_error_that_names_the_nearest():
    with pytest.raises(ConfigError, match=r"did you mean 'final1\.sign'"):
        course.check("final1.signs", "+")


def test_a_number_is_forgiven_up_to_the_tolerance_and_no_further():
    judge = judges.value(1.0, tolerance=1e-3)
    assert judge(1.0009) == ""
    assert judge(1.0011) == "1.0011 is too large"
    assert judge(0.998) == "0.998 is too small"
    assert judge(np.nan) == "the answer must be finite, got nan or infinity"


def test_an_array_must_have_the_shape_and_a_wrong_entry_is_named():
    judge = judges.value(np.eye(2), (np.ones((2, 2)), "ones"))
    assert judge(np.eye(3)) == "the answer must be an array of shape (2, 2), got an array of " \
        "shape (3, 3)"  # fmt: skip
    assert judge(np.ones((2, 2))) == "ones"
    assert judge([[1, 0], [5, 1]]) == "1 of 4 entries are wrong, the first at index (1, 0)"


def test_a_function_is_called_at_the_points_and_its_worst_value_is_named():
    judge = judges.function(np.square, [0.0, 1.0, 2.0])
    assert judge(lambda x: x * x) == ""
    assert judge(lambda x: x) == "at x = 2.0 its value must be 4, got 2"
    assert judge(lambda x: x[:1]).startswith("its value must be an array of shape (3,)")


def test_no_sentence_about_a_wrong_answer_tells_the_right_one():
    """Too large or too small, and where: the number itself stays the student's to find."""
    for name, answer in {"final1.gradient": 700, "pa5.steps": 10_000, "final2.two": 1}.items():
        said = course.check(name, answer).missing
        assert not any(digits in said for digits in ("883", "800", "521"))


def test_the_table_holds_a_row_for_each_answer():
    shown = repr(course.check_all({"final1.sign": "+", "quiz4.5": ...}))
    assert len(shown.splitlines()) == 4
    assert "| final1.sign | final project, problem 1 | pass |" in shown


def test_bars_and_digits_of_a_table_are_kept_in_order():
    rows = [("|x|", np.float32(0.123456)), (1, np.array([0.5, 1.0]))]
    shown = repr(course.table(("|a|", "b"), rows))
    assert shown.splitlines()[0] == r"| \|a\| | b |"
    assert shown.splitlines()[-2:] == [r"| \|x\| | 0.1235 |", "| 1 | [0.5 1. ] |"]
    with pytest.raises(ValueError, match="row 0 must have 2 entries, one per column, got 1"):
        course.table(("a", "b"), [(1,)])


def test_quick_is_what_the_environment_says(monkeypatch, capsys):
    monkeypatch.setenv("APPROXNET_QUICK", "1")
    assert course.begin()
    assert "quick" in capsys.readouterr().out
    monkeypatch.setenv("APPROXNET_QUICK", "0")
    assert not course.begin()

"""Judges of answers: what is missing from an answer, in a sentence, or nothing if it is right.

A judge is a function of the answer alone. ``value`` compares numbers and arrays, ``function``
compares functions at points, ``mark`` asks for a number that is large enough, ``chosen`` for words.
A mistake that is often made has a sentence of its own, which says what was done instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

Judge = Callable[[Any], str]

Mistake = tuple[Any, str]
"""A wrong answer, and the sentence that helps."""


def value(expected: Any, *mistakes: Mistake, tolerance: float = 0.0, unit: str = "") -> Judge:
    """A number or an array must be the expected one, up to the tolerance in each entry.

    Args:
      expected: a number or an array.
      mistakes: wrong numbers or arrays with their sentences.
      tolerance: the largest difference that is forgiven, in right and in wrong answers.
      unit: what the numbers count, for the sentence about all other answers.

    Example:
      >>> judge = value(4, (16, "that is the square"))
      >>> judge(4), judge(16), judge([4, 4])
      ('', 'that is the square', 'the answer must be a number, got an array of shape (2,)')
    """
    right = np.asarray(expected, float)

    def judge(answer: Any) -> str:
        given, missing = _numbers(answer, right.shape)
        if missing:
            return missing
        if _close(given, right, tolerance):
            return ""
        for wrong, sentence in mistakes:
            if np.shape(wrong) == given.shape and _close(given, wrong, tolerance):
                return sentence
        return _where(given, right, tolerance, unit)

    return judge


def mark(least: float, what: str, *, most: float = 1.0) -> Judge:
    """A number must be at least ``least`` and can be at most ``most``.

    Example:
      >>> judge = mark(0.92, "the test accuracy")
      >>> judge(0.93)
      ''
      >>> judge(93.0)
      'the test accuracy is at most 1, got 93; give it as a part of one, not in percent'
    """

    def judge(answer: Any) -> str:
        given, missing = _numbers(answer, ())
        if missing:
            return missing
        if given > most:
            return (
                f"{what} is at most {most:g}, got {float(given):g}; give it as a part of one, "
                "not in percent"
            )
        return "" if given >= least else f"{what} must be at least {least:g}, got {float(given):g}"

    return judge


def function(
    expected: Callable[[Any], Any], x: Any, *mistakes: Mistake, tolerance: float = 1e-5
) -> Judge:
    """A function must have the expected values at the points x, up to the tolerance.

    Args:
      expected: the function.
      x: what it is called with; a row, where it misses, is named.
      mistakes: wrong functions with their sentences.
      tolerance: the largest difference of values that is forgiven.

    Example:
      >>> judge = function(np.cos, np.linspace(0, 1, 5), (np.sin, "that is the sine"))
      >>> judge(np.cos), judge(np.sin), judge(3)
      ('', 'that is the sine', 'the answer must be a function, got int')
    """
    x = np.asarray(x, float)
    right = np.asarray(expected(x), float)

    def judge(answer: Any) -> str:
        if not callable(answer):
            return f"the answer must be a function, got {type(answer).__name__}"
        given, missing = _numbers(answer(x), right.shape)
        if missing:
            return missing.replace("the answer", "its value")
        if _close(given, right, tolerance):
            return ""
        for wrong, sentence in mistakes:
            if _close(given, np.asarray(wrong(x), float), tolerance):
                return sentence
        i = np.unravel_index(np.argmax(np.abs(given - right)), right.shape)
        return f"at x = {x[i]} its value must be {right[i]:.6g}, got {given[i]:.6g}"

    return judge


def chosen(expected: str | Iterable[str], *mistakes: Mistake) -> Judge:
    """One word or a set of words must be the expected one; case and order do not matter.

    Example:
      >>> judge = chosen({"A", "B"}, ({"A"}, "there is one more"))
      >>> judge(["b", "a"]), judge("a"), judge("c")
      ('', 'there is one more', 'not all of that is so: c')
    """
    right = _words(expected)

    def judge(answer: Any) -> str:
        if not isinstance(answer, str | set | frozenset | list | tuple):
            return f"the answer must be a word or a set of words, got {type(answer).__name__}"
        given = _words(answer)
        if given == right:
            return ""
        for wrong, sentence in mistakes:
            if given == _words(wrong):
                return sentence
        false, rest = given - right, right - given
        if false:
            return f"not all of that is so: {', '.join(sorted(false))}"
        return f"{len(rest)} more {'is' if len(rest) == 1 else 'are'} missing"

    return judge


def all_of(*judges: Judge) -> Judge:
    """What the first dissatisfied judge says.

    Example:
      >>> all_of(value(1), value(1))(1)
      ''
    """
    return lambda answer: next((said for judge in judges if (said := judge(answer))), "")


def _words(answer: str | Iterable[str]) -> set[str]:
    return {str(word).strip().lower() for word in ([answer] if isinstance(answer, str) else answer)}


def _numbers(answer: Any, shape: Sequence[int]) -> tuple[np.ndarray, str]:
    """The answer as an array, and what is wrong with its kind."""
    try:
        given = np.asarray(answer, float)
    except (TypeError, ValueError):
        wanted = "a number" if not shape else f"an array of shape {tuple(shape)}"
        return np.empty(0), f"the answer must be {wanted}, got {answer!r}"
    if given.shape != tuple(shape):
        wanted = "a number" if not shape else f"an array of shape {tuple(shape)}"
        got = "a number" if not given.shape else f"an array of shape {given.shape}"
        return given, f"the answer must be {wanted}, got {got}"
    if not np.isfinite(given).all():
        return given, "the answer must be finite, got nan or infinity"
    return given, ""


def _close(given: np.ndarray, right: Any, tolerance: float) -> bool:
    return bool(np.all(np.abs(given - np.asarray(right, float)) <= tolerance))


def _where(given: np.ndarray, right: np.ndarray, tolerance: float, unit: str) -> str:
    """Too large, too small, or which entry: never the answer itself."""
    if not right.shape:
        side = "large" if given > right else "small"
        return f"{float(given):g}{' ' + unit if unit else ''} is too {side}"
    wrong = np.abs(given - right) > tolerance
    i = tuple(int(k) for k in np.argwhere(wrong)[0])
    return f"{int(wrong.sum())} of {wrong.size} entries are wrong, the first at index {i}"

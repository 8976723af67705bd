"""Exercises with a checker: it says pass, or what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from approxnet import _checks
from approxnet.course.judges import Judge


class Exercise(NamedTuple):
    """A question and the judge of its answers.

    Example:
      >>> from approxnet.course import judges
      >>> Exercise("ours", "How much is 2 + 2?", judges.value(4)).judge(5)
      '5 is too large'
    """

    source: str
    question: str
    judge: Judge


class Verdict(NamedTuple):
    """Whether an answer is right, and what is missing if it is not.

    Example:
      >>> Verdict(True, ""), Verdict(False, "a sign is wrong")
      (pass, not yet: a sign is wrong)
    """

    passed: bool
    missing: str

    def __repr__(self) -> str:
        return "pass" if self.passed else f"not yet: {self.missing}"


class Exercises(Mapping[str, Exercise]):
    """Exercises by name; ``exercises(name, answer)`` is the verdict.

    Example:
      >>> from approxnet.course import judges
      >>> check = Exercises({"sum": Exercise("ours", "How much is 2 + 2?", judges.value(4))})
      >>> check("sum", 4), check("sum", ...)
      (pass, not yet: How much is 2 + 2?)
    """

    def __init__(self, *chapters: Mapping[str, Exercise]) -> None:
        self._all = {name: e for chapter in chapters for name, e in chapter.items()}
        if len(self._all) != sum(map(len, chapters)):
            raise ValueError("names of exercises must differ, got one twice; rename it")

    def __getitem__(self, name: str) -> Exercise:
        return self._all[_checks.one_of("exercise", name, self._all)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def __call__(self, name: str, answer: Any) -> Verdict:
        """The verdict on an answer; to the answer ``...`` it repeats the question.

        Raises:
          ConfigError: if there is no exercise of that name.
        """
        exercise = self[name]
        missing = exercise.question if answer is ... else exercise.judge(answer)
        return Verdict(not missing, missing)

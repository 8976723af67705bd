"""All exercises of the course."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from approxnet.course import convolutions, elements, learners, multilevel
from approxnet.course.exercise import Exercises
from approxnet.course.session import Shown, table

check = Exercises(
    learners.EXERCISES, elements.EXERCISES, multilevel.EXERCISES, convolutions.EXERCISES
)
"""``check(name, answer)`` is the verdict; ``check[name]`` the exercise."""


def check_all(answers: Mapping[str, Any]) -> Shown:
    """The verdicts on several answers; ``...`` stands for an answer to come.

    Args:
      answers: by name of the exercise.

    Raises:
      ConfigError: if there is no exercise of a name.

    Example:
      >>> check_all({"final1.multigrid": 10, "final1.sign": "+"})
      | exercise | from | verdict |
      |---|---|---|
      | final1.multigrid | final project, problem 1 | not yet: one less: count the cycles, not ... |
      | final1.sign | final project, problem 1 | pass |
    """
    rows = [(name, check[name].source, check(name, answer)) for name, answer in answers.items()]
    return table(("exercise", "from", "verdict"), rows)

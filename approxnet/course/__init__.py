"""The course in notebooks: exercises that check themselves, and what a notebook shows.

``check(name, answer)`` says pass, or what is missing; ``check_all`` does so for several answers, in
a table. ``begin`` opens the session of a notebook; ``show``, ``table`` and ``compare`` are its
figures and tables. The exercises are those of Penn State's MATH 452 (spring 2022), by J. Xu, with
the names pa1 to pa5, quiz1 to quiz5 and final1 to final4, those of his computer sessions (2023,
2024), and some of our own.
"""

from approxnet.course.collection import check, check_all
from approxnet.course.exercise import Exercise, Exercises, Verdict
from approxnet.course.session import begin, compare, show, table

__all__ = [
    "Exercise",
    "Exercises",
    "Verdict",
    "begin",
    "check",
    "check_all",
    "compare",
    "show",
    "table",
]

"""Exercises on multigrid and MgNet: lectures 6 and 11."""

from __future__ import annotations

from typing import Any

import numpy as np

from approxnet.course.exercise import Exercise
from approxnet.course.judges import chosen, function, mark, value


def _residual(u: Any) -> Any:
    """1 - A * u for A = (-1, 2, -1) with zero padding."""
    return 1 - 2 * u + np.pad(u, (1, 0))[:-1] + np.pad(u, (0, 1))[1:]


_U = np.linspace(0, 1, 7) ** 2

EXERCISES = {
    "pa5.steps": Exercise(
        "programming assignment 5, problem 2",
        "From u = 0, n = 15, eta = h / 4: after how many steps is |A * u - b| < 10^-4?",
        value(
            800,
            (799, "one less: count the steps, not the index that starts at 0"),
            (801, "one more: the residual after the step counts, not the one before"),
            unit="steps",
        ),
    ),
    "quiz5.9": Exercise(
        "quiz 5, question 9",
        "Which kernel S_1, for h = 1, makes in one step what u + (f - A * u) / 4 makes in two?",
        value(
            np.array([1, 6, 1]) / 16,
            (np.array([-1, 6, -1]) / 16, "a sign: (I - A/4) has +1/4 beside the middle"),
            ([0.0, 0.5, 0.0], "two steps are not one of twice the size: the second sees the "
                              "residual of the first"),
            ([1, 6, 1], "the factor 1/16 is missing"),
            tolerance=1e-6,
        ),
    ),
    "quiz5.10": Exercise(
        "quiz 5, question 10",
        "Write one step of gradient descent for u A u / 2 - f u, A = (-1, 2, -1), f = 1, "
        "eta = 1/4, as a function of u.",
        function(
            lambda u: u + _residual(u) / 4,
            _U,
            (lambda u: u - _residual(u) / 4, "a sign: this goes uphill"),
            (lambda u: u + _residual(u) / 8, "the gradient is A u - f, without another 1/2"),
        ),
    ),
    "final1.sign": Exercise(
        "final project, problem 1",
        "u <- u + eta (f - A * u) or u <- u - eta (f - A * u): which sign converges, + or -?",
        chosen("+", ("-", "this is printed in the project, and it diverges: try it")),
    ),
    "final1.gradient": Exercise(
        "final project, problem 1",
        "From u = 0, J = 4: how many steps of gradient descent until |A * u - f| < 10^-5?",
        value(
            883,
            (882, "one less: count the steps, not the index that starts at 0"),
            (442, "this is the smoother, each of whose steps is two of gradient descent"),
            (100, "M = 100 steps do not suffice"),
            unit="steps",
        ),
    ),
    "final1.multigrid": Exercise(
        "final project, problem 1",
        "From u = 0, J = 4, nu = [2, 2, 2, 2]: how many cycles MG1 until |A * u - f| < 10^-5?",
        value(
            11,
            (10, "one less: count the cycles, not the index that starts at 0"),
            (6, "this is the V-cycle; MG1 does not smooth on the way up"),
            unit="cycles",
        ),
    ),
    "lecture6.factor": Exercise(
        "notes, gradient descent as a smoother",
        "By which factor does gradient descent with eta = 1/8 reduce the lowest mode for n = 15?",
        value(
            np.cos(np.pi / 32) ** 2,
            (np.cos(np.pi / 16) ** 2, "the smallest eigenvalue is 8 sin^2(pi / 32), h = 1/16"),
            (1 - np.sin(np.pi / 32) ** 2 / 2, "A is of the plane: the eigenvalue has two terms"),
            tolerance=1e-4,
        ),
    ),
    "lecture6.transfer": Exercise(
        "notes, restriction and prolongation",
        "What is the 3 x 3 kernel of the restriction for linear elements, as in the project?",
        value(
            [[0, 0.5, 0.5], [0.5, 1, 0.5], [0.5, 0.5, 0]],
            ([[0.5, 0.5, 0], [0.5, 1, 0.5], [0, 0.5, 0.5]],
             "the diagonals of the triangles run the other way"),
            ([[0.25, 0.5, 0.25], [0.5, 1, 0.5], [0.25, 0.5, 0.25]], "this is bilinear"),
            tolerance=1e-6,
        ),
    ),
    "final2.one": Exercise(
        "final project, problem 2 (1)",
        "How many parameters has MgNet with nu = [1, 1, 1, 1] and 64 channels?",
        value(520_394, (518_474, "the scales and shifts of the batch normalisations count, too"),
              unit="parameters"),
    ),
    "final2.two": Exercise(
        "final project, problem 2 (2)",
        "How many parameters has MgNet with nu = [2, 2, 2, 2] and 64 channels, S^l shared?",
        value(521_418, (668_874, "this has an S of its own in each iteration"),
              (520_394, "the batch normalisations of the second iterations count, too"),
              unit="parameters"),
    ),
    "final2.three": Exercise(
        "final project, problem 2 (3)",
        "How many with an S^{l,i} of its own in each iteration?",
        value(668_874, (521_418, "this shares S^l within a grid"),
              (816_330, "A^l is still shared within a grid; only S has one more per grid"),
              unit="parameters"),
    ),
    "final2.accuracy": Exercise(
        "final project, problem 4",
        "Which test accuracy has your network on CIFAR-10? The last points are for more than 0.95.",
        mark(0.95, "the test accuracy"),
    ),
    "pa5.resnet": Exercise(
        "programming assignment 5, problem 1",
        "Which test accuracy has ResNet-18 on CIFAR-10 when the rate is divided by 10 every 30 of "
        "120 epochs?",
        mark(0.94, "the test accuracy"),
    ),
}  # fmt: skip
"""By name."""

"""Exercises on classification and optimisation: lectures 1, 2, 3 and 9."""

from __future__ import annotations

from typing import Any

import numpy as np

from approxnet.course.exercise import Exercise
from approxnet.course.judges import chosen, function, mark, value


def _spectrum(answer: Any) -> str:
    """Eigenvalues in any order."""
    judge = value(
        [0, 0, 0, 0, 5],
        ([0, 0, 0, 0, 1], "the eigenvector has the norm sqrt(5), so that a a^T a = 5 a"),
        ([1, 1, 1, 1, 1], "A has rank one: four of the eigenvalues are zero"),
        tolerance=1e-6,
    )
    try:
        return judge(sorted(answer))
    except TypeError:
        return judge(answer)


def _quadratic(z: Any) -> Any:
    """Programming assignment 1, the last problem."""
    x, y = z
    return (x - 2) ** 2 + y**2 + 2 * (y - 4) ** 2 + 2 * x**2 + 2 * x * y + 4 * y - 16 * x + 1


def _minimiser(answer: Any) -> str:
    """(x, y, f(x, y))."""
    missing = value(np.zeros(3), tolerance=np.inf)(answer)
    if missing:
        return missing
    x, y, least = np.asarray(answer, float)
    if abs(least - _quadratic((x, y))) > 1e-3:
        return f"f({x:g}, {y:g}) is {_quadratic((x, y)):.4g}, not {least:g}"
    if np.hypot(x - 3, y - 1) > 1e-2:
        return f"the gradient of f is not zero at ({x:g}, {y:g}): more steps, or smaller ones"
    return ""


_A = np.array([[1, 2, 3], [0, 4, 1], [-1, -1, 3]], float)
_ROOTS = np.array([-0.5, 1.0])
_PLANE = np.array([[0.0, 0.0], [0.5, -1.0], [1.0, 1.0], [-0.25, 0.75]])
_TABLE = (321, 2551, 22520, 187769)

EXERCISES = {
    "quiz1.1": Exercise(
        "quiz 1, question 1",
        "Discs of radius 1/2 around (0, 0), (1/2, 0), (3/2, 0), A1, A2, A3: which two are linearly "
        "separable? Write both names.",
        chosen(
            {"A1", "A3"},
            ({"A2", "A3"}, "they touch at (1, 0), a point of both"),
            ({"A1", "A2"}, "they overlap"),
        ),
    ),
    "quiz1.2": Exercise(
        "quiz 1, question 2",
        "A: all-versus-one separable, B: linearly, C: pairwise. Which implications hold? "
        'For example {"A=>B"}.',
        chosen(
            {"A=>B", "B=>C", "A=>C"},
            ({"A=>B", "C=>B"}, "so the quiz has it, but the pinwheel is C and not B"),
            ({"A=>B", "B=>C"}, "and what follows from both"),
        ),
    ),
    "quiz1.3": Exercise(
        "quiz 1, question 3",
        "What are the five eigenvalues of a a^T, a = (1, 1, 1, 1, 1)?",
        _spectrum,
    ),
    "quiz1.4": Exercise(
        "quiz 1, question 4",
        "(x, y) and the minimum of exp((x-2)^2 + y^2 + 2x^2 + 2xy + 2(y-4)^2 + 4y - 16x)?",
        value([3, 1, 1], ([3, 1, 0], "that is the exponent; the function is e^0"), tolerance=1e-3),
    ),
    "quiz1.5": Exercise(
        "quiz 1, question 5",
        "What is the Hessian of x^T A x / 2, A = [[1, 2, 3], [0, 4, 1], [-1, -1, 3]]?",
        value(
            (_A + _A.T) / 2,
            (_A, "a Hessian is symmetric"),
            (_A + _A.T, "the factor 1/2 of the function is missing"),
            tolerance=1e-6,
        ),
    ),
    "quiz1.8": Exercise(
        "quiz 1, questions 8 and 10",
        "What does question 8 print for the salary, and how many swaps does question 10 make?",
        value([8000, 6], ([10000, 6], "the function changes a variable of its own")),
    ),
    "pa1.roots": Exercise(
        "programming assignment 1",
        "What are the roots of 2x^2 - x - 1, in ascending order?",
        value(_ROOTS, (-_ROOTS[::-1], "the signs: (1 +- 3) / 4"), tolerance=1e-4),
    ),
    "pa1.derivative": Exercise(
        "programming assignment 1",
        "What is the derivative in y of x^2 + y^2 + (xy)^3 at (1, 2)?",
        value(16, (26, "that is the derivative in x"), (14, "3 x^3 y^2 = 12, and 2y = 4"),
              tolerance=1e-4),
    ),
    "pa1.system": Exercise(
        "programming assignment 1",
        "Has A^2 x = b, A = [[1, 2, 3], [4, 5, 6], [7, 8, 9]], a unique solution for each b: yes, "
        "or no?",
        chosen("no", ("yes", "what a computer returns is rounding: A has rank 2; look at its "
                             "singular values")),
    ),
    "pa1.minimum": Exercise(
        "programming assignment 1",
        "(x, y) and the minimum of (x-2)^2 + y^2 + 2(y-4)^2 + 2x^2 + 2xy + 4y - 16x + 1, by "
        "gradient descent?",
        _minimiser,
    ),
    "pa2.logistic": Exercise(
        "programming assignment 2",
        "Which test accuracy has logistic regression on MNIST?",
        mark(0.92, "the test accuracy"),
    ),
    "pa2.subset": Exercise(
        "programming assignment 2",
        "Which of the digits 0 to 9 are in the subset of the assignment? As a list.",
        value([0, 1, 3, 4, 7]),
    ),
    "pa3.mnist": Exercise(
        "programming assignment 3",
        "Which test accuracy has one hidden layer on MNIST?",
        mark(0.97, "the test accuracy"),
    ),
    "pa3.linear": Exercise(
        "programming assignment 3",
        "Which test accuracy has logistic regression on CIFAR-10?",
        mark(0.25, "the test accuracy"),
    ),
    "pa3.two": Exercise(
        "programming assignment 3",
        "Which test accuracy have two hidden layers, 3072 and 500, on CIFAR-10?",
        mark(0.5, "the test accuracy"),
    ),
    "lecture2.difference": Exercise(
        "notes, logistic regression",
        "Write softmax of an array (..., k) so that it survives 1000 and -1000.",
        function(
            lambda t: np.exp(t - t.max(-1, keepdims=True))
            / np.exp(t - t.max(-1, keepdims=True)).sum(-1, keepdims=True),
            np.array([[0.0, 1, 2], [1000, 0, -1000], [-1000, -1000, -999]]),
            (lambda t: np.exp(t - t.max(-1, keepdims=True)), "the sum must be 1"),
        ),
    ),
    "lecture2.margin": Exercise(
        "notes, support vector machines",
        "The classes are (0, 0) and (2, 2): how wide is the margin, 2 / |w|?",
        value(
            np.sqrt(8),
            (np.sqrt(2), "this is the distance from the line to one of them"),
            (8, "the root is missing"),
            tolerance=1e-3,
        ),
    ),
    "quiz2.1": Exercise(
        "quiz 2, questions 1 to 3; quiz 3, question 1",
        "Which are convex: exp(x^2 + y^2), exp(w x + b), x^2, exp(x)? Name them f1, f2, f3, f4.",
        chosen(
            {"f1", "f2", "f3", "f4"},
            ({"f2", "f3", "f4"}, "so the quiz has it, but the Hessian of f1 is f1 times a matrix "
                                 "with positive trace and determinant 4 + 8x^2 + 8y^2"),
        ),
    ),
    "quiz2.3": Exercise(
        "quiz 2, question 3",
        "Is f(x, y) = x^2 strongly convex in the plane: yes, or no?",
        chosen("no", ("yes", "along y it is constant: the Hessian has the eigenvalue 0")),
    ),
    "quiz2.4": Exercise(
        "quiz 2, question 4",
        "Two steps of gradient descent for x^2 + y^2 from (1, 2), eta = 1/4?",
        value([0.25, 0.5], ([0.5, 1], "that is one step"),
              ([0.5625, 1.125], "the gradient is (2x, 2y)"), tolerance=1e-6),
    ),
    "quiz2.5": Exercise(
        "quiz 2, question 5; quiz 3, questions 2 and 3",
        "Mean and variance of x . (1, 1) for x uniform in [-1, 1]^2?",
        value([0, 2 / 3], ([0, 1 / 3], "that is one coordinate; variances add"),
              ([0, 4 / 9], "that is the square of the variance"), tolerance=1e-3),
    ),
    "quiz2.8": Exercise(
        "quiz 2, question 8",
        "How many steps are there in an epoch of MNIST with batches of 600?",
        value(100, (600, "that is a batch"), (117, "MNIST has 60,000 training images"),
              unit="steps"),
    ),
    "quiz2.9": Exercise(
        "quiz 2, questions 9 and 10",
        "How many of the predictions [0, 2, 3, 4, 1, 2, 0] of [1, 2, 3, 4, 0, 0, 0] are right?",
        value(4, (3, "these are the wrong ones"), unit="predictions"),
    ),
    "quiz3.4": Exercise(
        "quiz 3, question 4",
        "In which direction does yz + exp(xyz) decrease most at (0, 1, 2)? The negative gradient.",
        value([-2, -2, -1], ([2, 2, 1], "there it increases most"), tolerance=1e-6),
    ),
    "quiz3.5": Exercise(
        "quiz 3, question 5",
        "Two steps of gradient descent for 2x^2 + 2y^2 from (2, 3), eta = 1/8?",
        value([0.5, 0.75], ([1, 1.5], "that is one step"), tolerance=1e-6),
    ),
    "session2023.singular": Exercise(
        "computer session 2023",
        "Steps of gradient descent, eta = 1/2, to a residual of 10^-8 for A_0 + eps I, eps = 0.1, "
        "0.01, 0.001, 0.0001? The starts are random: to 15 percent.",
        lambda answer: _within(answer, _TABLE, 0.15),
    ),
    "session2023.expanded": Exercise(
        "computer session 2023",
        "The same for the expanded 4 x 4 system, scaled, eta = 0.7?",
        lambda answer: _within(answer, (17, 21, 21, 21), 0.2),
    ),
    "lecture3.rate": Exercise(
        "notes, convergence of gradient descent",
        "By which factor does a step with eta = lambda / L^2 reduce |x - x*|^2 at least, for "
        "lambda = 1, L = 2?",
        value(0.75, (0.9375, "that is the weaker theorem, 1 - lambda^2 / (4 L^2)"),
              (0.5, "1 - lambda^2 / L^2, not 1 - lambda / L"), tolerance=1e-6),
    ),
    "session2024.order": Exercise(
        "computer session 2024",
        "Which order in n has the orthogonal greedy algorithm with ReLU in one dimension?",
        value(2, (0.5, "that is Maurey's n^(-1/2), for every dictionary; ReLU gains more"),
              (1, "the exponent is 1/2 + (2k + 1) / (2d), k = d = 1"), tolerance=0.06),
    ),
    "session2024.error": Exercise(
        "computer session 2024",
        "The L2 error of the orthogonal greedy algorithm for (x - 1/2)^2 - 1/4 after 64 neurons?",
        value(2.1e-5, (5e-6, "that is for 128 neurons"), (8.5e-5, "that is for 32 neurons"),
              tolerance=5e-7),
    ),
}  # fmt: skip
"""By name."""


def _within(answer: Any, table: tuple[int, ...], part: float) -> str:
    """Each count within that part of the printed one."""
    missing = value(np.zeros(len(table)), tolerance=np.inf)(answer)
    if missing:
        return missing
    ratio = np.asarray(answer, float) / np.array(table)
    wrong = np.flatnonzero(np.abs(ratio - 1) > part)
    if not len(wrong):
        return ""
    i = int(wrong[0])
    return f"number {i + 1} is too {'large' if ratio[i] > 1 else 'small'}"

"""Exercises on polynomials, finite elements and networks: lectures 4, 5, 7 and 8."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from approxnet.approximation.polynomials.interpolation import lebesgue_constant
from approxnet.course.exercise import Exercise
from approxnet.course.judges import function, value


def _good_nodes(answer: Any) -> str:
    """Whether interpolation of degree 12 at the nodes is nearly as good as it can be."""
    missing = value(np.zeros(13), tolerance=1.0 + 1e-12)(answer)
    if missing:
        return missing.replace("entries are wrong", "nodes are outside of [-1, 1]")
    nodes = np.asarray(answer, float)
    if len(np.unique(nodes)) < 13:
        return "two of the nodes are equal"
    constant = lebesgue_constant(nodes[:, None])
    limit = 2 / math.pi * math.log(13) + 1
    if constant <= limit:
        return ""
    if np.ptp(np.diff(np.sort(nodes))) < 1e-6:
        return (
            f"equispaced nodes are Runge's: their Lebesgue constant is {constant:.0f}; "
            "the nodes must be denser at the ends"
        )
    return f"the Lebesgue constant of your nodes is {constant:.3g}, more than {limit:.3g}"


def _hat(x: Any) -> Any:
    return np.maximum(0, 1 - np.abs(2 * x - 1))


_SECOND = 2 * np.eye(3) - np.eye(3, k=1) - np.eye(3, k=-1)
_BILINEAR = 3 * np.eye(3)[1][:, None] * np.eye(3)[1] - 1 / 3
_SQUARE_1 = lambda x: x - np.minimum(x, 1 - x) / 2  # noqa: E731

EXERCISES = {
    "lecture4.dimension": Exercise(
        "notes, polynomials",
        "How many monomials of degree at most 100 are there in 4 variables?",
        value(
            math.comb(104, 4),
            (101**4, "these have degree at most 100 in each variable; count the total degree"),
            (math.comb(103, 3), "these are the monomials of degree 100 alone"),
        ),
    ),
    "lecture4.nodes": Exercise(
        "notes, Runge's example",
        "Which 13 nodes in [-1, 1] have a Lebesgue constant of at most 2/pi log(13) + 1?",
        _good_nodes,
    ),
    "lecture4.bernstein": Exercise(
        "ours, after the notes' proof of Weierstrass' theorem",
        "What is the value at 1/2 of the Bernstein polynomial of degree 10 of x^2?",
        value(
            0.275,
            (0.25, "that is x^2; the Bernstein polynomial of x^2 is not x^2"),
            (0.225, "the sign of x (1 - x) / n: the polynomials of convex functions are above"),
            tolerance=1e-9,
        ),
    ),
    "quiz4.5": Exercise(
        "quiz 4, question 5",
        "Which (a_1, a_2, a_3) make the hat function of the mesh h = 1/2 of the three of h = 1/4?",
        value(
            [0.5, 1, 0.5],
            ([0.25, 0.5, 0.25], "these are weights of a mean; the hat is 1 in the middle"),
            ([1, 1, 1], "this sum is 1 on [1/4, 3/4], and the hat is not"),
        ),
    ),
    "lecture5.stiffness": Exercise(
        "notes, finite elements; programming assignment 5",
        "What is the 3 x 3 stiffness matrix of -u'' with u(0) = u(1) = 0 and h = 1/4?",
        value(
            4 * _SECOND,
            (_SECOND, "the factor 1 / h is missing"),
            (16 * _SECOND, "these are finite differences, 1 / h^2; int phi_i' phi_j' has 1 / h"),
            (_SECOND / 4, "this has the factor h; a derivative brings 1 / h, an integral h"),
            tolerance=1e-6,
        ),
    ),
    "lecture5.bilinear": Exercise(
        "notes, bilinear elements",
        "What is the 3 x 3 stencil of the stiffness matrix of bilinear elements on squares?",
        value(
            _BILINEAR,
            (3 * _BILINEAR, "this is printed in the notes, and three times the stiffness: with "
                            "f h^2 on the right the solution is a third of the right one"),
            ([[0, -1, 0], [-1, 4, -1], [0, -1, 0]], "that is the stencil of linear elements"),
            tolerance=1e-3,
        ),
    ),
    "lecture8.hat": Exercise(
        "notes, from finite elements to networks",
        "Write the hat function on [0, 1/2, 1] with three ReLUs, as a function of an array.",
        function(
            _hat,
            np.linspace(-1, 2, 25),
            (lambda x: np.maximum(0, x) - 2 * np.maximum(0, x - 0.5) + np.maximum(0, x - 1),
             "its height is 1/2: the slopes of the hat are 2 and -2"),
            (lambda x: 2 * np.maximum(0, x) - 4 * np.maximum(0, x - 0.5),
             "beyond 1 it goes on falling: the third ReLU is missing"),
        ),
    ),
    "lecture8.neurons": Exercise(
        "He, Li, Xu, Zheng (2020)",
        "How many ReLUs does one hidden layer need for any P1 function on [0, 1] with 9 nodes?",
        value(
            8,
            (24, "three for each hat, but neighbours share theirs: count the kinks"),
            (9, "one more than needed: there are 7 kinks inside, and one ReLU starts at 0"),
            (7, "these are the kinks inside; the slope of the first interval needs one, too"),
            unit="neurons",
        ),
    ),
    "lecture7.square": Exercise(
        "notes, spectral approximation; Yarotsky (2017)",
        "Write f_1(x) = x - g(x) / 4, the first network of x^2 on [0, 1], g the hat function.",
        function(
            _SQUARE_1,
            np.linspace(0, 1, 17),
            (np.square, "this is x^2 itself, and no ReLU network"),
            (lambda x: x - np.minimum(x, 1 - x), "the hat has height 1, so that its part is "
                                                 "g / 4 = min(x, 1 - x) / 2"),
        ),
    ),
    "lecture7.levels": Exercise(
        "notes, spectral approximation; Yarotsky (2017)",
        "How many levels m does the network of x^2 need for an error of at most 10^-6 on [0, 1]?",
        value(
            9,
            (10, "one more than needed: the error is 2^(-2m-2), not 2^(-2m)"),
            (19, "each level divides the error by 4, not by 2"),
            unit="levels",
        ),
    ),
}  # fmt: skip
"""By name."""

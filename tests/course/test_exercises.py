"""Right answers pass, and a typical wrong one gets its own sentence.

Right answers are computed here by loops over matrices or taken from the facts of the course, never
from the library's judges.
"""

import math

import numpy as np
import pytest

from approxnet import course


def second_difference(n):
    """The matrix of (-1, 2, -1) with zero padding."""
    return 2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)


def steps(A, b, eta, tolerance):
    """Steps of gradient descent from zero until |A u - b| < tolerance."""
    u, count = np.zeros_like(b), 0
    while np.linalg.norm(A @ u - b) >= tolerance:
        u, count = u + eta * (b - A @ u), count + 1
    return count


def plane(n):
    """The matrix of the five-point stencil."""
    return np.kron(second_difference(n), np.eye(n)) + np.kron(np.eye(n), second_difference(n))


def mg1(n, u, f):
    """The project's MG1: two steps of S on each grid, on the way down."""
    A = plane(n)
    for _ in range(2):
        once = (f - A @ u) / 8
        u = u + once + (f - A @ (u + once)) / 8
    if n == 1:
        return u
    m = n // 2
    P = np.zeros((n, n, m, m))
    for i, j in np.ndindex(m, m):
        for di, dj, w in ((0, 0, 1), (0, 1, 0.5), (1, 0, 0.5), (1, -1, 0.5), (0, -1, 0.5),
                          (-1, 0, 0.5), (-1, 1, 0.5)):  # fmt: skip
            P[2 * i + 1 + di, 2 * j + 1 + dj, i, j] = w
    P = P.reshape(n * n, m * m)
    return u + P @ mg1(m, np.zeros(m * m), P.T @ (f - A @ u))


def cycles(n, tolerance):
    f, u, count = np.full(n * n, 1 / (n + 1) ** 2), np.zeros(n * n), 0
    while np.linalg.norm(plane(n) @ u - f) >= tolerance:
        u, count = mg1(n, u, f), count + 1
    return count


def mgnet_parameters(c, steps, own):
    """Stem, A and S on four grids, Pi and R between them, last layer; two numbers per channel and
    batch normalisation: one of the stem, two per step, one each for Pi and R.
    """
    kernels = 4 + 4 * (steps if own else 1) + 6
    normalisations = 1 + 2 * 4 * steps + 6
    return 27 * c + 9 * c * c * kernels + 2 * c * normalisations + 10 * c + 10


def hat(x):
    return np.interp(x, [0, 0.5, 1], [0, 1, 0])


def square_levels():
    """f_m misses x^2 by 2^(-2m-2), measured on the grid of the kinks and their middles."""
    for m in range(1, 20):
        x = np.arange(2 ** (m + 1) + 1) / 2 ** (m + 1)
        interpolant = np.interp(x, x[::2], x[::2] ** 2)
        if np.abs(interpolant - x**2).max() <= 1e-6:
            return m
    return None


N15 = second_difference(15)
BILINEAR = np.full((3, 3), -1 / 3) + 3 * np.diag([0, 1, 0])

RIGHT = {
    "lecture4.dimension": sum(math.comb(k + 3, 3) for k in range(101)),
    "lecture4.nodes": np.cos(np.pi * np.arange(13) / 12),
    "lecture4.bernstein": sum(
        (k / 10) ** 2 * math.comb(10, k) * 0.5**10 for k in range(11)
    ),
    "quiz4.5": np.interp([0.25, 0.5, 0.75], [0, 0.5, 1], [0, 1, 0]),
    "lecture5.stiffness": [[8, -4, 0], [-4, 8, -4], [0, -4, 8]],
    "lecture5.bilinear": BILINEAR,
    "lecture8.hat": lambda x: np.where((x > 0) & (x < 1), 1 - np.abs(2 * x - 1), 0),
    "lecture8.neurons": 8,
    "lecture7.square": lambda x: np.interp(x, [0, 0.5, 1], [0, 0.25, 1]),
    "lecture7.levels": square_levels(),
    "pa5.steps": steps(16 * N15, np.full(15, 1 / 16), 1 / 64, 1e-4),
    "quiz5.9": np.convolve([1, 2, 1], [0, 1, 0])[1:4] / 16 + np.array([0, 4, 0]) / 16,
    "quiz5.10": lambda u: u - (second_difference(7) @ u - 1) / 4,
    "final1.sign": "+",
    "final1.gradient": steps(plane(15), np.full(225, 1 / 256), 1 / 8, 1e-5),
    "final1.multigrid": cycles(15, 1e-5),
    "lecture6.factor": 1 - np.linalg.eigvalsh(plane(15)).min() / 8,
    "lecture6.transfer": np.array([[0, 1, 1], [1, 2, 1], [1, 1, 0]]) / 2,
    "final2.one": mgnet_parameters(64, 1, own=False),
    "final2.two": mgnet_parameters(64, 2, own=False),
    "final2.three": mgnet_parameters(64, 2, own=True),
    "final2.accuracy": 0.9501,
    "pa5.resnet": 0.943,
}  # fmt: skip

WRONG = [
    ("lecture4.dimension", 101**4, "total degree"),
    ("lecture4.dimension", math.comb(103, 3), "of degree 100 alone"),
    ("lecture4.nodes", np.linspace(-1, 1, 13), "equispaced nodes are Runge's"),
    ("lecture4.nodes", np.linspace(-2, 2, 13), "nodes are outside of"),
    ("lecture4.nodes", np.zeros(13), "two of the nodes are equal"),
    ("lecture4.nodes", np.cos(np.arange(13) / 4), "the Lebesgue constant of your nodes"),
    ("lecture4.bernstein", 0.5**2, "is not x^2"),
    ("lecture4.bernstein", 0.5**2 - 0.25 / 10, "are above"),
    ("quiz4.5", np.array([1, 2, 1]) / 4, "weights of a mean"),
    ("quiz4.5", [1, 1, 1], "this sum is 1"),
    ("lecture5.stiffness", second_difference(3), "1 / h is missing"),
    ("lecture5.stiffness", second_difference(3) * 4**2, "finite differences"),
    ("lecture5.stiffness", second_difference(3) / 4, "a derivative brings 1 / h"),
    ("lecture5.bilinear", [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], "a third of the right one"),
    ("lecture5.bilinear", [[0, -1, 0], [-1, 4, -1], [0, -1, 0]], "linear elements"),
    ("lecture8.hat", lambda x: hat(x) / 2, "its height is 1/2"),
    ("lecture8.hat", lambda x: 2 * np.clip(x, 0, None) - 4 * np.clip(x - 0.5, 0, None),
     "the third ReLU is missing"),
    ("lecture8.hat", lambda x: hat(x + 0.1), "its value must be"),
    ("lecture8.neurons", 3 * 8, "neighbours share"),
    ("lecture8.neurons", 9, "one more than needed"),
    ("lecture8.neurons", 7, "the slope of the first interval"),
    ("lecture7.square", np.square, "no ReLU network"),
    ("lecture7.square", lambda x: x - hat(x) / 2, "g / 4"),
    ("lecture7.levels", 10, "not 2^(-2m)"),
    ("lecture7.levels", 19, "by 4, not by 2"),
    ("pa5.steps", 799, "the index that starts at 0"),
    ("pa5.steps", 801, "after the step counts"),
    ("pa5.steps", 805, "805 steps is too large"),
    ("quiz5.9", np.array([-1, 6, -1]) / 16, "a sign"),
    ("quiz5.9", [0, 0.5, 0], "twice the size"),
    ("quiz5.9", [1, 6, 1], "1/16 is missing"),
    ("quiz5.10", lambda u: u + (second_difference(7) @ u - 1) / 4, "uphill"),
    ("quiz5.10", lambda u: u - (second_difference(7) @ u - 1) / 8, "without another 1/2"),
    ("final1.sign", "-", "it diverges"),
    ("final1.gradient", 882, "the index that starts at 0"),
    ("final1.gradient", 442, "two of gradient descent"),
    ("final1.gradient", 100, "do not suffice"),
    ("final1.multigrid", 10, "the index that starts at 0"),
    ("final1.multigrid", 6, "this is the V-cycle"),
    ("lecture6.factor", 1 - np.linalg.eigvalsh(plane(7)).min() / 8, "h = 1/16"),
    ("lecture6.factor", 1 - np.linalg.eigvalsh(N15).min() / 8, "of the plane"),
    ("lecture6.transfer", np.array([[1, 1, 0], [1, 2, 1], [0, 1, 1]]) / 2, "the other way"),
    ("lecture6.transfer", np.outer([1, 2, 1], [1, 2, 1]) / 4, "bilinear"),
    ("final2.one", mgnet_parameters(64, 1, own=False) - 2 * 64 * 15, "batch normalisations"),
    ("final2.two", mgnet_parameters(64, 2, own=True), "an S of its own"),
    ("final2.two", mgnet_parameters(64, 1, own=False), "second iterations"),
    ("final2.three", mgnet_parameters(64, 2, own=False), "shares S^l"),
    ("final2.three", mgnet_parameters(64, 2, own=True) + 4 * 9 * 64**2, "A^l is still shared"),
    ("final2.accuracy", 0.947, "at least 0.95"),
    ("pa5.resnet", 94.3, "not in percent"),
]  # fmt: skip


def test_every_exercise_has_a_right_answer_here():
    assert set(RIGHT) == set(course.check)


@pytest.mark.parametrize("name", list(RIGHT))
def test_the_right_answer_passes(name):
    assert course.check(name, RIGHT[name]) == (True, "")


@pytest.mark.parametrize(("name", "answer", "sentence"), WRONG)
def test_a_typical_wrong_answer_gets_its_sentence(name, answer, sentence):
    verdict = course.check(name, answer)
    assert not verdict.passed
    assert sentence in verdict.missing


def test_every_exercise_has_a_wrong_answer_here():
    assert {name for name, _, _ in WRONG} == set(course.check)

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


def correlate(kernel, image):
    """Pixel by pixel, with zeros beyond the border."""
    kernel, image = np.asarray(kernel), np.asarray(image)
    r = len(kernel) // 2
    result = np.zeros(image.shape)
    for i, j in np.ndindex(image.shape):
        for a, b in np.ndindex(kernel.shape):
            k, l = i + a - r, j + b - r
            if 0 <= k < image.shape[0] and 0 <= l < image.shape[1]:
                result[i, j] += kernel[a, b] * image[k, l]
    return result


LOG = np.array([[0, 0, -1, 0, 0], [0, -1, -2, -1, 0], [-1, -2, 16, -2, -1], [0, -1, -2, -1, 0],
                [0, 0, -1, 0, 0]])  # fmt: skip
MEAN = np.full((3, 3), 1 / 9)
Z = np.array([[1, 2, 3], [0, 4, 1], [-1, -1, 3]])


def session(A, g, eta, x, scale=1.0):
    """Steps until |A x - g| <= 1e-8."""
    count = 0
    while np.linalg.norm(A @ x - g) > 1e-8:
        x, count = x - eta * scale * (A @ x - g), count + 1
    return count


def nearly_singular(eps):
    return np.array([[1.0, -1, 0], [-1, 2, -1], [0, -1, 1]]) + eps * np.eye(3)


def expanded(eps):
    """The 4 x 4 system of the four directions e_1, e_2, e_3 and (1, 1, 1), scaled."""
    P = np.column_stack([np.eye(3), np.ones(3)])
    A = P.T @ nearly_singular(eps) @ P
    return session(A, P.T @ np.array([-1.0, -1, 2]), 0.7, np.zeros(4), 1 / np.diag(A))


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
    "quiz4.1": [[1, 2, 1, 3], [2, 1, 5, 2], [0, 5, 3, 1], [3, 3, 1, 1]],  # as printed
    "quiz4.2": 3 * 3 * 2 * 5,
    "quiz4.3": (3, 3, 3),
    "quiz4.4": (1, 4, 1),
    "quiz4.6": (2, 1, 3, 3),
    "quiz4.7": [[[1, 2], [3, 4]], [[0.5, 1], [1.5, 2]]],
    "quiz4.8": [(1, 48), (3, 27)],
    "quiz4.9": lambda epoch: np.select([epoch < 30, epoch < 60, epoch < 90], [1, 0.2, 0.04], 0.008),
    "quiz5.1": 1 / 100,
    "quiz5.2": 10,
    "quiz5.4": (64, 8),
    "quiz5.8": (math.e, 1),
    "pa4.edges": lambda x: correlate(MEAN, np.maximum(correlate(LOG, x), 0)),
    "pa4.lenet": 0.61,
    "pa4.mnist": 0.991,
    "pa4.wide": 0.7,
    "lecture10.lenet": 5 * 5 * 6 + 6 + 5 * 5 * 6 * 16 + 16 + 401 * 120 + 121 * 84 + 85 * 10,
    "lecture12.linear": "neither",
    "lecture12.parameters": 24 * 24 * 9,
    "quiz1.1": ["A1", "A3"],
    "quiz1.2": {"A=>B", "B=>C", "A=>C"},
    "quiz1.3": np.linalg.eigvalsh(np.ones((5, 5)))[::-1],
    "quiz1.4": (3, 1, 1),
    "quiz1.5": (Z + Z.T) / 2,
    "quiz1.8": (8000, 6),
    "pa1.roots": np.sort(np.roots([2, -1, -1])),
    "pa1.derivative": 2 * 2 + 3 * 2**2,
    "pa1.system": "no",
    "pa1.minimum": (3, 1, 1),
    "pa2.logistic": 0.9233,
    "pa2.subset": [0, 1, 3, 4, 7],
    "pa3.mnist": 0.98,
    "pa3.linear": 0.38,
    "pa3.two": 0.53,
    "lecture2.difference": lambda t: np.exp(t - np.log(np.exp(t - t.max(-1, keepdims=True)).sum(
        -1, keepdims=True)) - t.max(-1, keepdims=True)),
    "lecture2.margin": math.hypot(2, 2),
    "quiz2.1": {"f1", "f2", "f3", "f4"},
    "quiz2.3": "No",
    "quiz2.4": (0.25, 0.5),
    "quiz2.5": (0, 2 / 3),
    "quiz2.8": 60_000 / 600,
    "quiz2.9": 4,
    "quiz3.4": (-2, -2, -1),
    "quiz3.5": (0.5, 0.75),
    "session2023.singular": [
        *(session(nearly_singular(eps), np.array([-1.0, -1, 2]), 0.5, np.array([1.0, 1, 1]))
          for eps in (1e-1, 1e-2)), 22520, 187769],
    "session2023.expanded": [expanded(eps) for eps in (1e-1, 1e-2, 1e-3, 1e-4)],
    "lecture3.rate": 1 - 1 / 4,
    "session2024.order": 1.98,
    "session2024.error": 2.1e-5,
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
    ("quiz4.1", correlate(np.eye(3), [[1, 2, 1, 1], [0, 0, 2, 0], [0, 2, 2, 0], [1, 1, 1, 1]]),
     "from the lower left"),
    ("quiz4.1", [[3, 4, 2, 1], [2, 1, 5, 2], [1, 5, 3, 1], [3, 3, 1, 1]], "entries are wrong"),
    ("quiz4.2", 95, "biases"),
    ("quiz4.2", 5 * 9, "for each input channel"),
    ("quiz4.2", 9 * (2 + 5), "they do not add"),
    ("quiz4.3", (3, 5, 5), "stride is 2"),
    ("quiz4.3", (3, 2, 2), "without padding"),
    ("quiz4.3", (2, 3, 3), "from 2 channels to 3"),
    ("quiz4.4", (4, 1, 0), "a row"),
    ("quiz4.6", (3, 3, 1, 2), "Flax's order"),
    ("quiz4.6", (1, 2, 3, 3), "outputs come first"),
    ("quiz4.7", [[[0.5, 1], [1.5, 2]], [[1, 2], [3, 4]]], "the maximum first"),
    ("quiz4.7", [[[1, 2], [3, 4]], [[2, 4], [6, 8]]], "the sum of the four"),
    ("quiz4.8", [(1, 48), (1, 81)], "counts images"),
    ("quiz4.9", lambda epoch: 5.0 ** (epoch // 30), "multiplies"),
    ("quiz4.9", lambda epoch: 0.2 ** (epoch // 10), "every 10 epochs"),
    ("quiz4.9", lambda epoch: 0.2 ** (epoch / 30), "//"),
    ("quiz5.1", 2 / 100, "Kaiming"),
    ("quiz5.1", math.sqrt(1 / 100), "standard deviation"),
    ("quiz5.2", 3, "what comes out"),
    ("quiz5.2", 1280, "all images"),
    ("quiz5.4", (64, 4), "two blocks each"),
    ("quiz5.4", (64, 18), "a block has two"),
    ("quiz5.8", (1, math.e), "exchanges"),
    ("quiz5.8", (1, 0), "derivative of exp"),
    ("pa4.edges", lambda x: correlate(MEAN, correlate(LOG, x)), "is missing"),
    ("pa4.edges", lambda x: np.maximum(correlate(MEAN, correlate(LOG, x)), 0), "before the mean"),
    ("pa4.edges", lambda x: correlate(9 * MEAN, np.maximum(correlate(LOG, x), 0)), "1/9"),
    ("pa4.edges", lambda x: correlate(MEAN, np.maximum(correlate(-LOG, x), 0)), "the sign"),
    ("pa4.lenet", 0.55, "at least 0.6"),
    ("pa4.mnist", 99.1, "not in percent"),
    ("pa4.wide", "good", "must be a number"),
    ("lecture10.lenet", 61_706 - 236, "biases"),
    ("lecture10.lenet", 61_706 - 120 * (400 - 256), "pads its images"),
    ("lecture12.linear", "1/a", "on the line"),
    ("lecture12.linear", "a", "half the solution"),
    ("lecture12.parameters", 24 * 9, "to each"),
    ("lecture12.parameters", 24 * 24, "3 x 3 numbers"),
    ("quiz1.1", {"A2", "A3"}, "touch"),
    ("quiz1.1", {"A1", "A2"}, "overlap"),
    ("quiz1.2", {"A=>B", "C=>B"}, "pinwheel"),
    ("quiz1.2", {"A=>B", "B=>C"}, "from both"),
    ("quiz1.3", [0, 0, 0, 0, 1], "sqrt(5)"),
    ("quiz1.3", np.ones(5), "rank one"),
    ("quiz1.3", 5, "an array of shape (5,)"),
    ("quiz1.4", (3, 1, 0), "the exponent"),
    ("quiz1.5", Z, "symmetric"),
    ("quiz1.5", Z + Z.T, "1/2"),
    ("quiz1.8", (10_000, 6), "of its own"),
    ("pa1.roots", (-1, 0.5), "the signs"),
    ("pa1.derivative", 2 + 3 * 2**3, "the derivative in x"),
    ("pa1.derivative", 14, "3 x^3 y^2"),
    ("pa1.system", "yes", "rank 2"),
    ("pa1.minimum", (3, 1, 0), "f(3, 1) is 1, not 0"),
    ("pa1.minimum", (2, 1, 4), "is not zero at (2, 1)"),
    ("pa1.minimum", 3, "an array of shape (3,)"),
    ("pa2.logistic", 0.9, "at least 0.92"),
    ("pa2.subset", [0, 1, 2, 3, 4], "the first at index (2,)"),
    ("pa3.mnist", 0.9, "at least 0.97"),
    ("pa3.linear", 0.2, "at least 0.25"),
    ("pa3.two", 0.4, "at least 0.5"),
    ("lecture2.difference", lambda t: np.exp(t - t.max(-1, keepdims=True)), "the sum must be 1"),
    ("lecture2.margin", math.sqrt(2), "to one of them"),
    ("lecture2.margin", 8, "root"),
    ("quiz2.1", {"f2", "f3", "f4"}, "determinant 4 + 8x^2 + 8y^2"),
    ("quiz2.3", "yes", "along y"),
    ("quiz2.4", (0.5, 1), "one step"),
    ("quiz2.4", (0.75**2, 2 * 0.75**2), "(2x, 2y)"),
    ("quiz2.5", (0, 1 / 3), "variances add"),
    ("quiz2.5", (0, 4 / 9), "the square"),
    ("quiz2.8", 600, "a batch"),
    ("quiz2.8", 117, "60,000"),
    ("quiz2.9", 3, "the wrong ones"),
    ("quiz3.4", (2, 2, 1), "increases"),
    ("quiz3.5", (1, 1.5), "one step"),
    ("session2023.singular", (321, 2551, 22520, 100), "number 4 is too small"),
    ("session2023.singular", 321, "an array of shape (4,)"),
    ("session2023.expanded", (321, 2551, 22520, 187769), "number 1 is too large"),
    ("lecture3.rate", 1 - 1 / 16, "weaker"),
    ("lecture3.rate", 0.5, "not 1 - lambda / L"),
    ("session2024.order", 0.5, "Maurey"),
    ("session2024.order", 1, "k = d = 1"),
    ("session2024.error", 5e-6, "128 neurons"),
    ("session2024.error", 8.5e-5, "32 neurons"),
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

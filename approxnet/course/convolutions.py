"""Exercises on convolutions, classical networks and operators: lectures 7, 10 and 12."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from approxnet.course.exercise import Exercise
from approxnet.course.judges import chosen, function, mark, value


def _correlate(kernel: Any, image: Any, mode: Any = "constant") -> np.ndarray:
    """The notes' convolution, without a flip, of a matrix that is padded as numpy.pad does."""
    kernel, image = np.asarray(kernel, float), np.asarray(image, float)
    padded = np.pad(image, len(kernel) // 2, mode=mode)
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape)
    return np.einsum("ijkl,kl->ij", windows, kernel)


def _edges(image: Any, rectified: bool = True, kernel: int = 1) -> np.ndarray:
    """Problem 1 of assignment 4, on images of any number of rows."""
    first = _correlate(kernel * _LOG, image)
    return _correlate(np.full((3, 3), 1 / 9), np.maximum(first, 0) if rectified else first)


_G = np.array([[1, 2, 1, 1], [0, 0, 2, 0], [0, 2, 2, 0], [1, 1, 1, 1]], float)
_K = np.eye(3)[::-1]
_LOG = np.array([[0, 0, -1, 0, 0], [0, -1, -2, -1, 0], [-1, -2, 16, -2, -1], [0, -1, -2, -1, 0],
                 [0, 0, -1, 0, 0]], float)  # fmt: skip
_IMAGE = np.add.outer(np.arange(7) ** 2 % 5, np.arange(7) % 3).astype(float)
_EPOCHS = np.arange(0, 120, 10)

EXERCISES = {
    "quiz4.1": Exercise(
        "quiz 4, question 1",
        "What is K * g, with stride 1 and zero padding, for the g and K of the notebook?",
        value(
            _correlate(_K, _G),
            (_correlate(_K, _G, "wrap"), "the padding is periodic here, and zero in the question"),
            (_correlate(_K, _G, "reflect"), "the padding is reflected here, and zero in the "
                                            "question"),
            (_correlate(np.eye(3), _G), "K is 1 from the lower left to the upper right"),
        ),
    ),
    "quiz4.2": Exercise(
        "quiz 4, question 2",
        "How many parameters has a 3 x 3 convolution from 2 to 5 channels, without a bias?",
        value(
            90,
            (95, "the biases are not counted here"),
            (45, "each output channel has a kernel for each input channel"),
            (63, "channels multiply, they do not add"),
            unit="parameters",
        ),
    ),
    "quiz4.3": Exercise(
        "quiz 4, question 3",
        "Which shape (channels, rows, columns) has K *_2 g, for g 2 x 5 x 5 and K 3 x 2 x 3 x 3 "
        "with zero padding?",
        value(
            [3, 3, 3],
            ([3, 5, 5], "the stride is 2: every second pixel remains"),
            ([3, 2, 2], "without padding; with zero padding floor((5 + 1) / 2) rows remain"),
            ([2, 3, 3], "K leads from 2 channels to 3"),
        ),
    ),
    "quiz4.4": Exercise(
        "quiz 4, question 4",
        "Which kernel M has the matrix with 4 on and 1 beside the diagonal?",
        value([1, 4, 1], ([4, 1, 0], "this is a row; the kernel stands around the diagonal")),
    ),
    "quiz4.6": Exercise(
        "quiz 4, question 6",
        "Which shape has a 3 x 3 kernel from 1 to 2 channels in PyTorch's order?",
        value([2, 1, 3, 3], ([3, 3, 1, 2], "this is Flax's order; PyTorch has (out, in, rows, "
                                           "columns)"),
              ([1, 2, 3, 3], "the outputs come first")),
    ),
    "quiz4.7": Exercise(
        "quiz 4, question 7",
        "What are the maximum and the mean pooling, 2 x 2, of [[1, 1, 2, 2], [0, 0, 0, 0], "
        "[3, 3, 4, 4], [0, 0, 0, 0]]? Both, as an array (2, 2, 2).",
        value(
            [[[1, 2], [3, 4]], [[0.5, 1], [1.5, 2]]],
            ([[[0.5, 1], [1.5, 2]], [[1, 2], [3, 4]]], "the maximum first, then the mean"),
            ([[[1, 2], [3, 4]], [[2, 4], [6, 8]]], "this is the sum of the four, not their mean"),
        ),
    ),
    "quiz4.8": Exercise(
        "quiz 4, question 8; quiz 5, question 6",
        "Which shapes have (1, 3, 4, 4) and (3, 3, 3, 3) when all axes but the first are one?",
        value([[1, 48], [3, 27]], ([[1, 48], [1, 81]], "the first axis counts images and stays")),
    ),
    "quiz4.9": Exercise(
        "quiz 4, question 9",
        "Write the learning rate of an epoch: 1, divided by 5 every 30 epochs.",
        function(
            lambda epoch: 0.2 ** (epoch // 30),
            _EPOCHS,
            (lambda epoch: 5.0 ** (epoch // 30), "this multiplies by 5"),
            (lambda epoch: 0.2 ** (epoch // 10), "this divides every 10 epochs"),
            (lambda epoch: 0.2 ** (epoch / 30), "it stays the same for 30 epochs: //"),
            tolerance=1e-9,
        ),
    ),
    "quiz5.1": Exercise(
        "quiz 5, question 1",
        "Which variance has Xavier's weight of a layer with 100 inputs and 100 outputs?",
        value(
            0.01,
            (0.02, "this is Kaiming's, for ReLU; Xavier's is 2 / (inputs + outputs)"),
            (0.1, "this is the standard deviation"),
            tolerance=1e-6,
        ),
    ),
    "quiz5.2": Exercise(
        "quiz 5, questions 2, 3 and 4",
        "How many means has the batch normalisation after a convolution from 3 to 10 channels of "
        "a batch of 128 images?",
        value(
            10,
            (3, "it follows the convolution, and normalises what comes out"),
            (1280, "one mean for all images of a batch"),
            unit="means",
        ),
    ),
    "quiz5.4": Exercise(
        "quiz 5, questions 4 and 7",
        "How many kernels 3 x 3 x 3 has the first layer of ResNet-18, and how many blocks follow?",
        value([64, 8], ([64, 4], "four grids with two blocks each"),
              ([64, 18], "18 layers with weights; a block has two")),
    ),
    "quiz5.8": Exercise(
        "quiz 5, question 8",
        "sigma = exp, W^1 = [[0, 1], [1, 0]], W^2 = [1, 1], b = 0, x = (1, 0): what is the "
        "gradient of W^2 sigma(W^1 x) in x?",
        value(
            [math.e, 1],
            ([1, math.e], "W^1 exchanges the components, and its transpose exchanges them again"),
            ([1, 0], "the derivative of exp is exp"),
            tolerance=1e-4,
        ),
    ),
    "pa4.edges": Exercise(
        "programming assignment 4, problem 1",
        "Write the 5 x 5 kernel, ReLU and the 3 x 3 mean, with zero padding, as a function of a "
        "matrix.",
        function(
            _edges,
            _IMAGE,
            (lambda x: _edges(x, rectified=False), "the ReLU between the convolutions is missing"),
            (lambda x: np.maximum(_edges(x, rectified=False), 0), "the ReLU comes before the mean"),
            (lambda x: 9 * _edges(x), "the second kernel is a mean: 1/9"),
            (lambda x: _edges(x, kernel=-1), "the sign of the kernel: 16 in the middle"),
            tolerance=1e-3,
        ),
    ),
    "pa4.lenet": Exercise(
        "programming assignment 4, problem 2",
        "Which test accuracy has LeNet-5 on CIFAR-10 after 30 epochs?",
        mark(0.6, "the test accuracy"),
    ),
    "pa4.mnist": Exercise(
        "programming assignment 4, optional problem 1",
        "Which test accuracy has LeNet-5 on MNIST after 20 epochs?",
        mark(0.99, "the test accuracy"),
    ),
    "pa4.wide": Exercise(
        "programming assignment 4, optional problem 2",
        "Which test accuracy has a wider LeNet-5 on CIFAR-10?",
        mark(0.7, "the test accuracy"),
    ),
    "lecture10.lenet": Exercise(
        "notes, classical networks",
        "How many parameters has LeNet-5 for MNIST, with biases?",
        value(
            61_706,
            (61_470, "the biases count, too"),
            (44_426, "the first convolution pads its images by 2, so that 16 x 5 x 5 features are "
                     "left, not 16 x 4 x 4"),
            unit="parameters",
        ),
    ),
    "lecture12.linear": Exercise(
        "He, Liu, Xu (2024)",
        "Is the solution u of -div(a grad u) = 1 linear in a, in 1/a, or in neither?",
        chosen(
            "neither",
            ("1/a", "so it is on the line, and for constants; in the plane it is not"),
            ("a", "twice the coefficient makes half the solution"),
        ),
    ),
    "lecture12.parameters": Exercise(
        "He, Liu, Xu (2024)",
        "How many parameters has a linear 3 x 3 convolution of MgNO with 24 channels, and no bias?",
        value(5184, (216, "from each of 24 channels to each"), (576, "each pair has 3 x 3 numbers"),
              unit="parameters"),
    ),
}  # fmt: skip
"""By name."""

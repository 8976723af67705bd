"""The course's classical learners, exact where the theory is exact.

Each learner is a module with ``fit(x, y, ...)`` for points x (n, d) and labels y (n,), numbered
0, ..., k - 1, and ``predict(model, x)``: ``least_squares``, ``logistic``, ``svm`` with the kernels
of ``kernels``, and ``tree``. ``separability.classify`` decides by linear programs in which sense
the classes can be parted, and proves it; ``information`` holds entropy and divergence;
``linear.margin`` is the margin of a linear classifier. All compute in double precision on the host.

Example:
  >>> from approxnet import learn
  >>> model = learn.least_squares.fit([[0.0], [1.0], [3.0]], [0, 0, 1])
  >>> learn.least_squares.predict(model, [[0.5], [4.0]]).tolist()
  [0, 1]
"""

from approxnet.learn import (
    information,
    kernels,
    least_squares,
    linear,
    logistic,
    separability,
    svm,
    tree,
)

__all__ = [
    "information",
    "kernels",
    "least_squares",
    "linear",
    "logistic",
    "separability",
    "svm",
    "tree",
]

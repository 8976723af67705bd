"""The learners of classes, and data sets that scikit-learn brings along."""

import functools

import numpy as np
import sklearn.datasets

from approxnet.learn import kernels, least_squares, logistic, svm, tree

LEARNERS = {
    "least squares": (least_squares.fit, least_squares.predict),
    "logistic regression": (logistic.fit, logistic.predict),
    "SVM": (svm.fit, svm.predict),
    "SVM, Gauss": (functools.partial(svm.fit, kernel=kernels.gauss(1.0)), svm.predict),
    "tree": (tree.fit, tree.predict),
}


@functools.cache
def standardised(name):
    """A data set of scikit-learn whose coordinates have mean 0 and deviation 1."""
    x, y = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
    return (x - x.mean(axis=0)) / x.std(axis=0), y


def cloud(seed, n, d, k):
    """Normal points with labels of which each occurs, some examples misplaced."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % k
    x = rng.standard_normal((n, d)) + 1.5 * np.outer(y, np.ones(d)) * (-1) ** np.arange(d)
    return x, y

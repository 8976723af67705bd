"""How well the bases of ReLU and of hats are conditioned on the uniform grid of (0, 1).

The P1 functions on n cells of length h = 1/n that vanish at 0 have the two bases

    psi_j(x) = relu(x - j h), j = 0, ..., n - 1,        hats phi_i of the nodes i h, i = 1, ..., n,

psi_j = h sum_{i > j} (i - j) phi_i. Gradient descent for coefficients converges as fast as the Gram
matrix G of the basis allows, in L2 (mass) or in the seminorm of H1 (stiffness). With C the lower
triangle of ones and T = (C C^t)^-1, that is tridiag(-1, 2, -1) with 1 in the last corner,

    H1:  G = T / h for hats and h C^t C for ReLU, so both have the condition number of T,
             kappa = cos^2(pi / (2n + 1)) / sin^2(pi / (4n + 2))  ~  16 n^2 / pi^2;
    L2:  3 - 2/n <= kappa < 4                        for hats, kappa -> 4;
         9/20 n^4 <= kappa <= 4 kappa(T)^2           for ReLU, kappa ~ 48 n^4 / beta^4 = 3.8829 n^4,

where beta = 1.8751 is the first root of cos(beta) cosh(beta) = -1.

Proofs. T has the eigenvalues 4 sin^2((2k - 1) pi / (4n + 2)). The eigenvectors of the mass of hats,
h/6 tridiag(1, 4, 1) with 2 in the last corner, are sines, with eigenvalues below h and above h/3,
but for one, (-1)^i sinh(i t) with sinh((n + 1) t) = 2 sinh(n t), so that exp(t) < 2 and its
eigenvalue is above h (4 - 5/2) / 6 = h/4; below are the Rayleigh quotients of (1, ..., 1) and the
last node. For ReLU G = h^2 (C^t)^2 M C^2 with the mass M of hats, from which the upper bound; sum_j
psi_j >= n x^2 / 2 makes the largest eigenvalue at least n/20, and psi_j - 2 psi_{j+1} + psi_{j+2}
= h phi_{j+1} the smallest at most h^3/9, if n >= 3; for n = 1 and 2 kappa is 1 and 44.3. The limit
is of two parts: the largest eigenvalue over n tends to that of integrating twice and its adjoint
twice, beta^-4 (the clamped beam), and the smallest over h^3 to 1/48, at the fastest oscillation.

Reference: Hong, Siegel, Tan, Xu, On the activation function dependence of the spectral bias of
neural networks, arXiv:2208.04924.
"""

from __future__ import annotations

import math

import numpy as np

from approxnet import _checks

ACTIVATIONS = ("relu", "hat")
NORMS = ("L2", "H1")
RELU_MASS = 48 / 1.8751040687119611**4
"""The limit of kappa / n^4 for the mass matrix of ReLU."""


def gram_factor(n: int, *, activation: str = "relu", norm: str = "L2") -> np.ndarray:
    """A square matrix R with R^t R the Gram matrix of a basis on n cells of (0, 1).

    Its singular values have half of the digits of the condition number only, so that they are
    accurate where the eigenvalues of the Gram matrix are not.

    Args:
      n: number of cells, at least 1.
      activation: "relu" or "hat".
      norm: "L2" for the mass matrix, "H1" for the stiffness matrix.

    Returns:
      (n, n), float64.

    Raises:
      ValueError: if n < 1.
      ConfigError: if the activation or the norm is unknown.

    Example:
      >>> R = gram_factor(2, activation="hat", norm="H1")
      >>> (R.T @ R).round(12).tolist()
      [[4.0, -2.0], [-2.0, 2.0]]
    """
    n = _known(n, activation, norm)
    sums = np.tril(np.ones((n, n)))  # C
    nodal = {"relu": sums @ sums / n, "hat": np.eye(n)}[activation]
    if norm == "H1":  # h^(1/2) times the slopes on the cells
        return math.sqrt(n) * (np.eye(n) - np.eye(n, k=-1)) @ nodal
    mass = (4 * np.eye(n) + np.eye(n, k=1) + np.eye(n, k=-1)) / (6 * n)
    mass[-1, -1] /= 2
    return np.linalg.cholesky(mass).T @ nodal


def condition_number(n: int, *, activation: str = "relu", norm: str = "L2") -> float:
    """The condition number of a Gram matrix, the squared ratio of singular values of its factor.

    Args:
      n: number of cells, at least 1.
      activation: "relu" or "hat".
      norm: "L2" for the mass matrix, "H1" for the stiffness matrix.

    Raises:
      ValueError, ConfigError: as ``gram_factor``.

    Example:
      >>> [round(condition_number(n) / n**4, 2) for n in (8, 32, 128)]
      [4.39, 4.09, 3.94]
    """
    sizes = np.linalg.svd(gram_factor(n, activation=activation, norm=norm), compute_uv=False)
    return float((sizes[0] / sizes[-1]) ** 2)


def condition_bounds(n: int, *, activation: str = "relu", norm: str = "L2") -> tuple[float, float]:
    """Bounds (lower, upper) of the condition number, proved in the head of this module.

    Args:
      n: number of cells, at least 1.
      activation: "relu" or "hat".
      norm: "L2" for the mass matrix, "H1" for the stiffness matrix, where both are the number.

    Raises:
      ValueError, ConfigError: as ``gram_factor``.

    Example:
      >>> condition_bounds(10, activation="hat")
      (2.8, 4.0)
    """
    n = _known(n, activation, norm)
    slopes = (math.cos(math.pi / (2 * n + 1)) / math.sin(math.pi / (4 * n + 2))) ** 2
    if norm == "H1":
        return slopes, slopes
    return {"relu": (0.45 * n**4, 4 * slopes**2), "hat": (3 - 2 / n, 4.0)}[activation]


def _known(n: int, activation: str, norm: str) -> int:
    _checks.one_of("activation", activation, ACTIVATIONS)
    _checks.one_of("norm", norm, NORMS)
    return _checks.count("n", n, at_least=1)

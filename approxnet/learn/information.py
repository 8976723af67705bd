"""Entropy, cross-entropy and the divergence of Kullback and Leibler.

For probabilities q and p of k events, with 0 log 0 = 0,

    H(q) = -sum q_i log q_i,   H(q, p) = -sum q_i log p_i,   KL(q, p) = sum q_i log(q_i / p_i),

so that H(q, p) = H(q) + KL(q, p), and KL(q, p) >= 0 with equality only for q = p. For the unit
vector of a class H(q) = 0: the loss of logistic regression is a cross-entropy and a divergence.

Reference: Xu, Deep Learning and Analysis, lecture notes, chapter 2 (KL divergence, cross-entropy).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special


def entropy(q: Any) -> np.ndarray:
    """H(q): (..., k) -> (...), in nats.

    Example:
      >>> round(float(entropy([0.5, 0.5])), 6), float(entropy([1.0, 0.0]))
      (0.693147, 0.0)
    """
    return scipy.special.entr(np.asarray(q, np.float64)).sum(axis=-1)


def cross_entropy(q: Any, p: Any) -> np.ndarray:
    """H(q, p): two (..., k) -> (...), in nats; infinite where p_i = 0 < q_i.

    Example:
      >>> round(float(cross_entropy([1.0, 0.0], [0.5, 0.5])), 6)
      0.693147
    """
    q, p = np.asarray(q, np.float64), np.asarray(p, np.float64)
    return -scipy.special.xlogy(q, p).sum(axis=-1)


def divergence(q: Any, p: Any) -> np.ndarray:
    """KL(q, p): two (..., k) -> (...), in nats; infinite where p_i = 0 < q_i.

    Example:
      >>> float(divergence([0.25, 0.75], [0.25, 0.75])), float(divergence([0.5, 0.5], [1.0, 0.0]))
      (0.0, inf)
    """
    return scipy.special.rel_entr(np.asarray(q, np.float64), np.asarray(p, np.float64)).sum(axis=-1)

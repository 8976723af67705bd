"""Local Fourier analysis: the factors of smoothing and of the two-grid cycle on the whole space.

On a periodic grid with constant coefficients, every part of a two-grid cycle commutes with shifts
by two nodes. It is then a matrix of 2^d x 2^d circulant blocks, one row and column per parity of
the coordinates, and the discrete Fourier transform of the blocks' first columns turns it into one
2^d x 2^d matrix per frequency. The columns are found by applying the parts to unit vectors, so
that the analysis holds for the very functions that run, yours included. With
S the error propagation of one smoothing step and Q the projection to the frequencies outside
[-pi/2, pi/2)^d,

    smoothing factor   sup over frequencies of rho(Q S^k)^(1/k),
    two-grid factor    sup of rho(S^post (I - P A_c^-1 R A) S^pre), frequency 0 left out.

References: Stueben, Trottenberg, Multigrid methods, Lecture Notes in Math. 960 (1982).
Trottenberg, Oosterlee, Schueller, Multigrid (2001), chapter 4.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from approxnet import _checks
from approxnet.multigrid.grids import hierarchy
from approxnet.multigrid.operators import Operator
from approxnet.multigrid.smooth import Smoother
from approxnet.multigrid.transfer import Transfer, bilinear

FREQUENCIES = {1: 256, 2: 128, 3: 32}  # per axis


def smoothing_factor(
    smoother: Smoother, *, d: int = 2, steps: int = 1, frequencies: int | None = None
) -> float:
    """The factor per step by which a smoother reduces errors of high frequency.

    Args:
      smoother: a function (A, b, x) -> x, linear in b and x.
      d: the dimension of the Laplacian with 2d + 1 points.
      steps: the number of steps after which the low frequencies are taken out.
      frequencies: per axis, a multiple of 4; 256, 128, 32 for d = 1, 2, 3 by default.

    Returns:
      The smoothing factor.

    Raises:
      ValueError: if a number is too small or frequencies is no multiple of 4.

    Example:
      >>> from approxnet import multigrid
      >>> round(multigrid.smoothing_factor(multigrid.red_black()), 4)
      0.25
    """
    steps = _checks.count("steps", steps, at_least=1)
    analysis = _analysis(d, frequencies, bilinear)
    S = analysis.error_of(smoother)
    low = analysis.low_frequency()
    Q = np.eye(2**d) - low[..., :, None] * low.conj()[..., None, :] / 2**d
    return _spectral_radius(Q @ np.linalg.matrix_power(S, steps)) ** (1 / steps)


def two_grid_factor(
    smoother: Smoother,
    *,
    d: int = 2,
    pre: int = 1,
    post: int = 0,
    transfer: Transfer = bilinear,
    frequencies: int | None = None,
) -> float:
    """The factor by which the two-grid cycle with an exact coarse solution reduces the error.

    Args:
      smoother: a function (A, b, x) -> x, linear in b and x.
      d: the dimension of the Laplacian with 2d + 1 points, rediscretised on the coarse grid.
      pre: the number of smoothing steps before the coarse grid.
      post: the number after it.
      transfer: the pair P, R.
      frequencies: per axis, a multiple of 4; 256, 128, 32 for d = 1, 2, 3 by default.

    Returns:
      The spectral radius, which W-cycles have too, nearly.

    Raises:
      ValueError: if a number is negative or frequencies is no multiple of 4.

    Example:
      >>> from approxnet import multigrid
      >>> round(multigrid.two_grid_factor(multigrid.red_black(), pre=1, post=1), 3)
      0.074
    """
    pre, post = _checks.count("pre", pre), _checks.count("post", post)
    analysis = _analysis(d, frequencies, transfer)
    S, C = analysis.error_of(smoother), analysis.correction()
    M = np.linalg.matrix_power(S, post) @ C @ np.linalg.matrix_power(S, pre)
    M[d * (0,)] = 0.0
    return _spectral_radius(M)


@functools.lru_cache(maxsize=4)
def _analysis(d: int, frequencies: int | None, transfer: Transfer) -> _Analysis:
    """One analysis for many smoothers, whose symbols it remembers."""
    return _Analysis(d, frequencies, transfer)


class _Analysis:
    """The Laplacian on a periodic grid and its coarse grid, and the symbols of linear maps."""

    def __init__(self, d: int, frequencies: int | None, transfer: Transfer) -> None:
        self.d = _checks.count("d", d, at_least=1)
        default = FREQUENCIES.get(self.d, 16)
        n = _checks.count("frequencies", default if frequencies is None else frequencies)
        if n % 4 or n < 8:
            raise ValueError(f"frequencies must be a multiple of 4, at least 8, got {n}")
        self.fine_shape, self.coarse_shape = self.d * (n,), self.d * (n // 2,)
        self.boundary = self.d * ("periodic",)
        self.transfer = transfer
        self.fine, self.coarse = hierarchy(self.fine_shape, boundary="periodic").operators[:2]
        self.parities = list(itertools.product((0, 1), repeat=self.d))
        self.error_of = functools.lru_cache(maxsize=16)(self._error_of)
        self.correction = functools.cache(self._correction)

    def _error_of(self, smoother: Smoother) -> np.ndarray:
        """The symbol of the error propagation x -> smoother(A, 0, x)."""
        return self.on_fine(functools.partial(_smooth_error, smoother, self.fine))

    def _correction(self) -> np.ndarray:
        """The symbol of the coarse grid correction I - P A_c^-1 R A; anything at frequency 0."""
        A = self.on_fine(functools.partial(_apply, self.fine))
        coarse = self.on_coarse(functools.partial(_apply, self.coarse))
        coarse[self.d * (0,)] = 1.0
        P, R = self.prolongation(), self.restriction()
        return np.eye(2**self.d) - P @ (R @ A) / coarse[..., None, None]

    def on_fine(self, apply: Callable[[Any], Any]) -> np.ndarray:
        """(n/2, ..., n/2, 2^d, 2^d), the symbol of a map of the fine grid."""
        images = self._images(apply, self.fine_shape, self.parities)
        return np.stack([self._by_parity(image) for image in images], axis=-1)

    def on_coarse(self, apply: Callable[[Any], Any]) -> np.ndarray:
        """(n/2, ..., n/2), the symbol of a map of the coarse grid."""
        (image,) = self._images(apply, self.coarse_shape, self.parities[:1])
        return np.fft.fftn(image)

    def prolongation(self) -> np.ndarray:
        """(n/2, ..., n/2, 2^d, 1)."""
        P = self._images(
            functools.partial(_move, self.transfer.prolong, self.boundary),
            self.coarse_shape,
            self.parities[:1],
        )
        return self._by_parity(P[0])[..., None]

    def restriction(self) -> np.ndarray:
        """(n/2, ..., n/2, 1, 2^d)."""
        R = self._images(
            functools.partial(_move, self.transfer.restrict, self.boundary),
            self.fine_shape,
            self.parities,
        )
        return np.stack([np.fft.fftn(image) for image in R], axis=-1)[..., None, :]

    def low_frequency(self) -> np.ndarray:
        """(n/2, ..., n/2, 2^d), the harmonic with the lowest frequency as values per parity."""
        line = np.pi * np.fft.fftfreq(self.coarse_shape[0])
        omega = np.stack(np.meshgrid(*self.d * (line,), indexing="ij"), axis=-1)
        return np.exp(1j * omega @ np.array(self.parities).T)

    def _images(self, apply: Any, shape: tuple[int, ...], places: Any) -> list[np.ndarray]:
        """The images of unit vectors."""
        with jax.enable_x64(True):
            images = []
            for place in places:
                unit = np.zeros(shape)
                unit[place] = 1.0
                images.append(np.asarray(apply(unit)))
        return images

    def _by_parity(self, image: np.ndarray) -> np.ndarray:
        """The Fourier transforms of the sub-grids of every parity."""
        grids = [image[tuple(slice(q, None, 2) for q in parity)] for parity in self.parities]
        return np.stack([np.fft.fftn(grid) for grid in grids], axis=-1)


@functools.partial(jax.jit, static_argnums=0)
def _smooth_error(smoother: Smoother, A: Operator, x: Any) -> jax.Array:
    return smoother(A, jnp.zeros_like(x), x)


@jax.jit
def _apply(A: Operator, x: Any) -> jax.Array:
    return A(x)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _move(move: Callable[..., Any], boundary: tuple[str, ...], x: Any) -> jax.Array:
    return move(x, boundary)


def _spectral_radius(matrices: np.ndarray) -> float:
    return float(np.abs(np.linalg.eigvals(matrices)).max())

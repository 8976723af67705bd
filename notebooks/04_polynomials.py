# %% [markdown]
# # Lecture 4: polynomials and Weierstrass' theorem
#
# Every continuous function on an interval is a limit of polynomials, but not of its interpolants at
# equispaced points. What is approximated how fast, and what does it cost in $d$ variables?
#
# Course: *Deep Learning and Analysis*, lecture notes by J. Xu, chapter 5. Theory: Trefethen,
# *Approximation Theory and Approximation Practice* (2013), chapters 8, 13, 15.

# %%
from approxnet import course

quick = course.begin(double=True)

# %%
import math

import numpy as np

from approxnet import plot
from approxnet.approximation import fourier, polynomials

x = np.linspace(-1, 1, 2001)[:, None]  # points (..., 1): the last axis is the coordinate


def largest(f, p):
    """The largest error on the grid."""
    return float(np.abs(f(x) - np.asarray(p(x))).max())


# %% [markdown]
# ## Runge's example
#
# $f(x) = 1 / (1 + 25 x^2)$ is analytic on $[-1, 1]$, and in the ellipse through its poles
# $\pm i/5$, whose half axes add up to $\rho = (1 + \sqrt{26})/5$. Its interpolants of degree $n$ at
# Chebyshev points satisfy, with $M$ the maximum of $|f|$ in a smaller ellipse,
#
# $$\|f - p_n\|_\infty \le \frac{4 M \rho^{-n}}{\rho - 1} \qquad\text{(Trefethen, theorem 8.2).}$$
#
# At equispaced points they diverge.


# %%
def runge(x):
    return 1 / (1 + 25 * x[..., 0] ** 2)


def bound(n):
    """The best of the bounds in smaller ellipses, with half axes b < 1/5 and (1 + b^2)^(1/2)."""
    b = np.linspace(0.01, 0.1999, 400)
    rho = b + np.sqrt(1 + b**2)
    return float((4 / (1 - 25 * b**2) * rho**-n / (rho - 1)).min())


degrees = range(2, 31, 4) if quick else range(2, 81, 6)
equispaced, chebyshev = [], []
for n in degrees:
    nodes = np.linspace(-1, 1, n + 1)[:, None]
    equispaced.append(largest(runge, polynomials.barycentric(nodes, runge(nodes))))
    chebyshev.append(largest(runge, polynomials.interpolate(runge, n)))

# %%
figure, axes = plot.figure(1, 2)
nodes = np.linspace(-1, 1, 13)[:, None]
axes[0].plot(x, polynomials.barycentric(nodes, runge(nodes))(x), label="12, equispaced")
axes[0].plot(x, polynomials.interpolate(runge, 12)(x), label="12, Chebyshev")
axes[0].plot(x, runge(x), "k--", lw=0.9, label="f")
axes[0].set_ylim(-1.2, 1.6)
axes[1].semilogy(degrees, equispaced, "o-", label="equispaced, measured")
axes[1].semilogy(degrees, chebyshev, "s", label="Chebyshev, measured")
axes[1].semilogy(degrees, [bound(n) for n in degrees], "-", color="#555555", label="bound")
axes[1].set_xlabel("degree")
axes[1].set_ylabel("largest error")
for ax in axes:
    ax.legend(frameon=False)
course.show(figure)

# %% [markdown]
# ## Why: Lebesgue's constant
#
# The interpolant is at most $1 + \Lambda_n$ times as bad as the best polynomial. For equispaced
# points $\Lambda_n > 2^{n-2}/n^2$, for Chebyshev points $\Lambda_n \le \frac2\pi\log(n+1) + 1$
# (Trefethen, theorem 15.2).

# %%
n = np.array(list(degrees))
measured = [
    [polynomials.lebesgue_constant(np.linspace(-1, 1, k + 1)[:, None]) for k in n],
    [polynomials.lebesgue_constant(polynomials.chebyshev_points(k + 1)) for k in n],
]
figure, axes = plot.figure(1, 2)
axes[0].semilogy(n, measured[0], "o", label="equispaced, measured")
axes[0].semilogy(n, 2.0 ** (n - 2) / n**2, "-", label="$2^{n-2}/n^2$, below")
axes[1].plot(n, measured[1], "o", label="Chebyshev, measured")
axes[1].plot(n, 2 / np.pi * np.log(n + 1) + 1, "-", label=r"$\frac{2}{\pi}\log(n+1) + 1$, above")
for ax in axes:
    ax.set_xlabel("degree")
    ax.legend(frameon=False)
course.show(figure)

# %% [markdown]
# ## Weierstrass' theorem
#
# The notes prove it with Landau's kernel $Q_n(t) = c_n (1 - t^2)^n$, Bernstein with the binomial
# distribution. Both take means of $f$, so that the error is at most a constant times the modulus of
# continuity $\omega$:
#
# $$\|B_n f - f\| \le 1.0899\,\omega(n^{-1/2}), \qquad
#   \|L_n f - f\| \le 2\,\omega((2n+3)^{-1/2}).$$
#
# They converge for every continuous function, and slowly. The best polynomials of $|x|$ have the
# error $E_n \approx 0.28017/n$ (Bernstein 1914; Varga and Carpenter 1987); Remez' algorithm finds
# them.


# %%
def kink(x):
    return abs(x[..., 0])


sizes = (4, 16, 64) if quick else (4, 16, 64, 256, 1024)
modulus = lambda delta: min(2 * delta, 1.0)  # of |2t - 1| on [0, 1]
means = {
    "Bernstein": (polynomials.bernstein, polynomials.bernstein_bound),
    "Landau": (polynomials.landau, polynomials.landau_bound),
}
figure, axes = plot.figure(1, 2)
for (name, (operator, limit)), colour in zip(means.items(), plot.COLOURS, strict=False):
    approximations = [operator(kink, n, lower=-1.0, upper=1.0) for n in sizes]
    axes[0].plot(x, approximations[1](x), color=colour, label=f"{name}, n = 16")
    axes[1].loglog(sizes, [largest(kink, p) for p in approximations], "o", color=colour)
    axes[1].loglog(sizes, [limit(modulus, n) for n in sizes], color=colour, label=f"{name}, bound")
best_degrees = (4, 8, 16) if quick else (4, 8, 16, 32)
best = [polynomials.best_uniform(kink, n) for n in best_degrees]
axes[0].plot(x, kink(x), "k--", lw=0.9, label="|x|")
axes[1].loglog(best_degrees, [b.error for b in best], "^", color=plot.COLOURS[2])
axes[1].loglog(sizes, [0.28017 / n for n in sizes], color=plot.COLOURS[2], label="0.28017 / n")
axes[1].set_xscale("log", base=2)
axes[1].set_xlabel("n")
axes[1].set_ylabel("largest error (marks: measured)")
for ax in axes:
    ax.legend(frameon=False)
course.show(figure)

# %% [markdown]
# ## A jump: Gibbs' phenomenon
#
# The partial sums of the Fourier series of a jump overshoot it by
# $\frac1\pi\int_0^\pi \frac{\sin t}{t}\,dt - \frac12 = 0.0894898722\ldots$ of its height, however
# many terms there are. Fejer's means do not.


# %%
def wave(x):
    return np.where(np.asarray(x)[..., 0] % 1 < 0.5, 1.0, -1.0)


t = np.linspace(-0.25, 0.25, 2001)[:, None]
s = fourier.series(wave, 31, breakpoints=[0.5])
overshoot = (float(np.asarray(s(np.array([[1 / 64]]))).max()) - 1) / 2
figure, axes = plot.figure(size=(6, 3))
axes.plot(t, wave(t), color="#999999", lw=0.8)
axes.plot(t, s(t), label="Fourier, 16 terms")
axes.plot(t, fourier.fejer(s, 31)(t), label="Fejer")
axes.axhline(1 + 2 * fourier.GIBBS, color="#555555", ls=":", label="limit of the overshoot")
axes.legend(frameon=False, loc="lower right")
course.show(figure)

# %% [markdown]
# ## The curse of dimension
#
# Polynomials of degree $n$ in $d$ variables have $\binom{n+d}{d}$ coefficients.

# %%
dimensions = np.arange(1, 9)
figure, axes = plot.figure(size=(5, 3))
for degree, marker in zip((10, 30, 100), plot.MARKERS, strict=False):
    counts = [math.comb(degree + d, d) for d in dimensions.tolist()]
    axes.semilogy(dimensions, counts, marker + "-", label=f"degree {degree}")
axes.set_xlabel("d")
axes.set_ylabel("coefficients")
axes.legend(frameon=False)
course.show(figure)

# %% [markdown]
# ## The course says, we get

# %%
course.compare(
    [
        ("coefficients, degree 100, d = 2", "notes, chapter 5", 5151, math.comb(102, 2)),
        ("coefficients, degree 100, d = 4", "notes, chapter 5", "4.6e6", float(math.comb(104, 4))),
        ("coefficients, degree 100, d = 8", "notes, chapter 5", "3.5e11", float(math.comb(108, 8))),
        ("equispaced interpolants of Runge's function", "notes, chapter 5", "diverge",
         f"error {equispaced[0]:.2g}, then {equispaced[-1]:.2g}"),
        ("overshoot at a jump", "Gibbs' constant", 0.0894898722, overshoot),
        ("n E_n for |x|", "Bernstein's constant", 0.28017, best_degrees[-1] * best[-1].error),
    ]
)  # fmt: skip

# %% [markdown]
# ## Exercises
#
# Replace each `...` by your answer and run the cell.

# %%
course.check_all(
    {
        "lecture4.dimension": ...,
        "lecture4.nodes": np.linspace(-1, 1, 13),  # an answer that is not yet right
        "lecture4.bernstein": ...,
    }
)

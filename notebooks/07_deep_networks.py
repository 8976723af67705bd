# %% [markdown]
# # Lecture 7: deep networks and approximation
#
# Which functions are networks, how well do wide ones approximate, and what does depth buy?
# A ReLU network is a piecewise linear function, and its pieces can be counted and drawn exactly.
#
# Course: lecture notes by J. Xu, chapter 7 and the section on spectral approximation by deep ReLU
# networks. Theory: Leshno, Lin, Pinkus, Schocken (1993); Yarotsky (2017); Siegel and Xu (2024).

# %%
from approxnet import course

quick = course.begin(double=True)

# %%
import itertools

import jax
import jax.numpy as jnp
import numpy as np

from approxnet import plot, relu
from approxnet.approximation import rates, universal

# %% [markdown]
# ## Networks are piecewise linear
#
# `relu.linear_regions` computes the polyhedra on which a network is affine. A layer of $n$ neurons
# cuts the plane into at most $\binom n0 + \binom n1 + \binom n2$ pieces (Zaslavsky 1975); each
# further layer cuts each piece again, along lines that bend at the old ones.

# %%
counts = []
rng = np.random.default_rng(1)
figure, axes = plot.figure(1, 3, size=(10, 3.2))
for ax, widths in zip(axes, [(2, 8, 1), (2, 8, 8, 1), (2, 8, 8, 8, 1)], strict=True):
    net = relu.from_layers(
        [(rng.normal(size=(m, n)), rng.normal(size=m)) for n, m in itertools.pairwise(widths)]
    )
    plot.regions(net, [-2.0, -2.0], [2.0, 2.0], axes=ax)
    found = len(relu.linear_regions(net, [-2.0, -2.0], [2.0, 2.0]).slopes)
    counts.append((widths, found, relu.max_regions(widths, bound="serra")))
    ax.set_title(f"{len(widths) - 2} hidden, {found} regions")
course.show(figure)

# %%
course.table(("widths", "regions in the square", "bound (Serra et al. 2018)"), counts)

# %% [markdown]
# ## Universal approximation
#
# Networks with one hidden layer are dense in the continuous functions exactly if $\sigma$ is not a
# polynomial (Leshno, Lin, Pinkus, Schocken). The proof is constructive: the central difference
#
# $$x^k \approx \frac{1}{h^k \sigma^{(k)}(b)} \sum_{j=0}^k (-1)^{k-j} \binom kj\,
#   \sigma\big(b + (j - \tfrac k2) h x\big)$$
#
# is a network of $k + 1$ neurons. Its error is $O(h^2)$ until rounding, amplified by $h^{-k}$, takes
# over; both have bounds.

# %%
grid = np.linspace(-1, 1, 401)[:, None]
h = np.logspace(-5, 0, 11 if quick else 31)
figure, axes = plot.figure(size=(6, 3.6))
orders = {}
for k, colour in zip((1, 2, 3), plot.COLOURS, strict=False):
    made = [universal.monomial(k, "tanh", step=float(s)) for s in h]
    errors = np.array([
        float(np.abs(np.asarray(relu.evaluate(m.network, grid)) - grid[:, 0] ** k).max())
        for m in made
    ])  # fmt: skip
    axes.loglog(h, errors, "o", ms=4, color=colour, label=f"$x^{k}$, measured")
    axes.loglog(h, [m.step_error + m.rounding for m in made], color=colour, lw=1, label="bound")
    large = (h > 0.03) & (h < 0.5)
    orders[k] = -float(rates.fit(h[large], errors[large]).order)
axes.set_xlabel("step h")
axes.set_ylabel("largest error")
axes.set_ylim(1e-12, 1e2)
axes.legend(frameon=False, ncols=3, fontsize=7)
course.show(figure)

# %% [markdown]
# ## Depth: $x^2$
#
# Let $g(x) = \min(2x, 2 - 2x)$ be the hat function and $g_s$ its $s$-fold composition, a sawtooth with
# $2^{s-1}$ teeth. Then
#
# $$f_m(x) = x - \sum_{s=1}^m \frac{g_s(x)}{4^s}, \qquad
#   \max_{[0,1]} |x^2 - f_m| = 2^{-2m-2}$$
#
# (Yarotsky 2017, proposition 2). A network with one hidden layer of $N$ neurons has at most $N + 1$
# pieces, so that it misses $x^2$ by at least $\frac{1}{8 (N+1)^2}$.

# %%
levels = (1, 2, 3, 4) if quick else (1, 2, 3, 4, 5, 6, 8)
x = np.arange(2**10 + 1)[:, None] / 2**10
nets = [relu.square(m) for m in levels]
errors = [float(np.abs(np.asarray(relu.evaluate(net, x)) - x[:, 0] ** 2).max()) for net in nets]
neurons = np.array([relu.n_neurons(net) for net in nets])
figure, axes = plot.figure(1, 2)
for m in (1, 2, 3):
    axes[0].plot(x, relu.evaluate(relu.square(m), x) - x[:, 0] ** 2, label=f"$f_{m} - x^2$")
axes[1].semilogy(neurons, errors, "o", label="deep, measured")
axes[1].semilogy(neurons, [relu.square_error_bound(m) for m in levels], "-", label="$2^{-2m-2}$")
axes[1].semilogy(neurons, 1 / (8 * (neurons + 1) ** 2), ":", label="one layer, at best")
axes[1].set_xlabel("neurons")
axes[1].set_ylabel("largest error")
for ax in axes:
    ax.legend(frameon=False)
course.show(figure)

# %% [markdown]
# ## Products and polynomials
#
# $xy = \frac12\big((x+y)^2 - x^2 - y^2\big)$: products, hence polynomials and analytic functions, cost
# depth proportional to the logarithm of the accuracy. On $[-1, 1]^2$ the notes' product has the error
# $3 \cdot 2^{-2m}$ at most; `relu.product`, made of two squares instead of three, is below
# $B^2 2^{-2m-2}$.

# %%
points = jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (4000, 2)))
diagonal = jnp.asarray(np.arange(1 - 2**9, 2**9)[:, None] / 2**9 * np.ones(2))
points = jnp.concatenate([points, diagonal])
errors_product = [
    float(jnp.abs(relu.evaluate(relu.product(m, 1.0), points) - points.prod(axis=1)).max())
    for m in levels
]
figure, axes = plot.figure(size=(5.5, 3.2))
axes.semilogy(levels, errors_product, "o", label="relu.product, measured")
axes.semilogy(levels, [0.25 ** (m + 1) for m in levels], "-", label="bound $2^{-2m-2}$")
axes.semilogy(
    levels, [3 * 0.25**m for m in levels], "--", label="the notes' bound $3\\cdot 2^{-2m}$"
)
axes.set_xlabel("levels m")
axes.set_ylabel("largest error of xy on $[-1, 1]^2$")
axes.legend(frameon=False)
course.show(figure)

# %% [markdown]
# ## Initial weights
#
# A layer multiplies the variance of a signal by $n\,\mathrm{Var}(W)$, and ReLU halves the second
# moment: $E[\mathrm{ReLU}(X)^2] = \frac12\mathrm{Var}(X)$ for a symmetric $X$. With Xavier's
# $\mathrm{Var}(W) = 1/n$ the signal loses half of it in each layer, with Kaiming's $2/n$ it stays.

# %%
depth, width = 12, 256
samples = jax.random.normal(jax.random.key(0), (200, width))
figure, axes = plot.figure(size=(5.5, 3.2))
kept = {}
for name, variance in {"Xavier": 1 / width, "Kaiming": 2 / width}.items():
    signal, moments = samples, []
    for key in jax.random.split(jax.random.key(1), depth):
        signal = signal @ (jax.random.normal(key, (width, width)) * variance**0.5)
        moments.append(float((signal**2).mean()))
        signal = jax.nn.relu(signal)
    kept[name] = (moments[-1] / moments[0]) ** (1 / (depth - 1))
    axes.semilogy(range(1, depth + 1), moments, "o", label=f"{name}, measured")
theory = np.arange(depth)
axes.semilogy(theory + 1, 0.5**theory, "-", label="$2^{-l}$")
axes.semilogy(theory + 1, 2.0 + 0 * theory, "-", label="constant")
axes.set_xlabel("layer l")
axes.set_ylabel("second moment before ReLU")
axes.legend(frameon=False)
course.show(figure)

# %% [markdown]
# ## The course says, we get

# %%
course.compare(
    [
        (f"error of x^2, m = {levels[-1]}", "notes (order 2^(-2m)); Yarotsky (2017)",
         0.25 ** (levels[-1] + 1), errors[-1]),
        ("error of xy over 2^(-2m)", "notes", "<= 3", errors_product[-1] * 4 ** levels[-1]),
        ("order of the difference for x^2 in h", "notes, universal approximation", 2, orders[2]),
        ("second moment kept per layer, Xavier", "notes, initialisation", 0.5, kept["Xavier"]),
        ("second moment kept per layer, Kaiming", "notes, initialisation", 1, kept["Kaiming"]),
    ]
)  # fmt: skip

# %% [markdown]
# ## Exercises

# %%
course.check_all(
    {
        "lecture7.square": np.square,  # an answer that is not yet right
        "lecture7.levels": ...,
        "quiz5.1": ...,
        "quiz5.8": ...,
    }
)

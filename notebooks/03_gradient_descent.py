# %% [markdown]
# # Lecture 3: gradient descent and stochastic gradient descent
#
# How fast do they converge, with which step, and what changes when the gradient is that of a few
# examples? Each theorem below is a function of `optimize.bounds`, drawn beside what is measured.
#
# Course: lecture notes by J. Xu, chapter 4; programming assignment 1; quizzes 2 and 3; computer session
# 2023. Theory: Nesterov, *Lectures on Convex Optimization* (2018); Garrigos and Gower (2023).

# %%
from approxnet import course

quick = course.begin(double=True)

# %%
import jax
import jax.numpy as jnp
import numpy as np

from approxnet import optimize, plot
from approxnet.optimize import bounds

# %% [markdown]
# ## Gradient descent
#
# Programming assignment 1: $f(x, y) = (x-2)^2 + y^2 + 2(y-4)^2 + 2x^2 + 2xy + 4y - 16x + 1$ has the minimiser
# $(3, 1)$ and the minimum 1. Its Hessian has the eigenvalues $\mu = \lambda$ and $L$. For
# $x_{k+1} = x_k - \eta \nabla f(x_k)$ the course proves
#
# $$|x_k - x^*|^2 \le \Big(1 - \frac{\lambda^2}{L^2}\Big)^k |x_0 - x^*|^2, \qquad
#   \eta = \frac{\lambda}{L^2},$$
#
# which holds for every strongly monotone field. For gradients larger steps are allowed, and
# $\eta = 2/(L + \lambda)$ gives $\big(\frac{L - \lambda}{L + \lambda}\big)^k$, the best possible.


# %%
def f(z):
    x, y = z
    return (x - 2) ** 2 + y**2 + 2 * (y - 4) ** 2 + 2 * x**2 + 2 * x * y + 4 * y - 16 * x + 1


start, minimiser = jnp.array([0.0, 4.0]), jnp.array([3.0, 1.0])
eigenvalues = np.linalg.eigvalsh(jax.hessian(f)(start))
mu, L = float(eigenvalues[0]), float(eigenvalues[-1])
steps = 40
k = np.arange(steps + 1)
distance = float(jnp.linalg.norm(start - minimiser))
paths = {
    name: optimize.trajectory(f, start, optimize.gradient_descent(eta), steps)
    for name, eta in {
        r"\lambda/L^2": mu / L**2,
        "1/L": 1 / L,
        r"2/(L+\lambda)": 2 / (L + mu),
    }.items()
}
proven = {
    r"\lambda/L^2": np.sqrt(bounds.monotone_factor(k, L, mu)),
    "1/L": bounds.distance_factor(k, L, mu, 1 / L),
    r"2/(L+\lambda)": bounds.distance_factor(k, L, mu),
}
figure, axes = plot.figure(1, 2)
grid = np.stack(np.meshgrid(np.linspace(-1, 5, 80), np.linspace(-1.5, 4.5, 80)))
axes[0].contour(*grid, np.asarray(f(grid)), levels=15, linewidths=0.5, cmap=plot.COLOUR_MAP)
for (name, path), colour in zip(paths.items(), plot.COLOURS, strict=False):
    axes[0].plot(*np.asarray(path.points).T, "o-", ms=2.5, lw=1, color=colour)
    errors = np.linalg.norm(path.points - minimiser, axis=1)
    axes[1].semilogy(k, np.maximum(errors, 1e-16), "o", ms=2.5, color=colour,
                     label=rf"$\eta = {name}$")  # fmt: skip
    axes[1].semilogy(k, distance * proven[name], "-", lw=1, color=colour)
axes[1].set_ylim(1e-12, 10)
axes[1].set_xlabel("step (lines: bounds)")
axes[1].set_ylabel("|x - x*|")
axes[1].legend(frameon=False)
course.show(figure)

# %% [markdown]
# ## Line searches and momentum
#
# On a quadratic with condition number $\kappa$ gradient descent needs $O(\kappa)$ steps, momentum
# $O(\sqrt\kappa)$. The worst case of each theorem is attained for some start, so that bounds and
# measurement can touch.

# %%
values = jnp.logspace(0, 2, 10)
quadratic = lambda x: 0.5 * (values * x**2).sum()
x0, kappa, count = 1 / values, 100.0, 120
gap, size = float(quadratic(x0)), float(jnp.linalg.norm(x0))
heavy_step, momentum = bounds.heavy_ball_parameters(kappa, 1.0)
k = np.arange(count + 1)
methods = {
    "exact line search": (
        optimize.exact_line_search(),
        gap * bounds.exact_line_search_factor(k, kappa, 1.0),
    ),
    "Armijo": (optimize.armijo(), gap * bounds.armijo_factor(k, kappa, 1.0)),
    "Nesterov": (
        optimize.nesterov(1 / kappa, lambda k: bounds.nesterov_momentum(kappa, 1.0)),
        bounds.nesterov_strongly_convex(k, kappa, 1.0, gap, size),
    ),
    "heavy ball": (
        optimize.heavy_ball(heavy_step, momentum),
        kappa / 2 * (size * bounds.heavy_ball_factor(k, kappa, 1.0)) ** 2,
    ),
}
figure, axes = plot.figure(size=(6.5, 3.6))
for (name, (method, bound)), colour in zip(methods.items(), plot.COLOURS, strict=False):
    path = optimize.trajectory(quadratic, x0, method, count)
    axes.semilogy(k, np.maximum(path.values, 1e-18), ".", ms=3, color=colour, label=name)
    axes.semilogy(k, bound, "-", lw=1, color=colour)
axes.set_ylim(1e-12, 1e3)
axes.set_xlabel("step (lines: bounds)")
axes.set_ylabel("f(x) - f*")
axes.legend(frameon=False)
course.show(figure)

# %% [markdown]
# ## Stochastic gradient descent
#
# $f = \frac1n\sum f_i$; each step sees one $i$, drawn with replacement. With a constant step the error
# falls and then stays, with $\eta_t \sim 1/t$ it falls like $1/t$:
#
# $$E|x_k - x^*|^2 \le (1 - \eta\mu)^k |x_0 - x^*|^2 + \frac{2\eta\sigma^2}{\mu}, \qquad
#   E|x_k - x^*|^2 \le \frac{C}{k + k_0}.$$
#
# The course's theorem assumes bounded gradients and strong convexity on all of $\mathbb R^n$, which no
# function has: it needs a bounded set, or, as here, the variance at the minimiser alone (Garrigos and
# Gower). Below, least squares with noise; the mean over seeds is an estimate of $E$.

# %%
key = jax.random.key(0)
n, seeds, steps = 64, 64 if quick else 400, 400
a = jax.random.normal(key, (n, 2))
b = a @ jnp.array([1.0, -2.0]) + 0.5 * jax.random.normal(jax.random.key(1), (n,))
solution = jnp.linalg.lstsq(a, b)[0]
H = a.T @ a / n
mu, L = float(jnp.linalg.eigvalsh(H)[0]), float((a**2).sum(1).max())
sigma = float(jnp.sqrt(((a * (a @ solution - b)[:, None]) ** 2).sum(1).mean()))
loss = lambda x, i: 0.5 * ((a[i] @ x - b[i]) ** 2).mean()
origin = jnp.zeros(2)
far = float(jnp.linalg.norm(solution))


def squares(step):
    """E |x_k - x*|^2, estimated; one program for all seeds."""

    def one(key):
        batches = optimize.minibatches(key, n, steps=steps + 1)
        path = optimize.trajectory(loss, origin, optimize.sgd(step), steps, batches=(batches,))
        return ((path.points - solution) ** 2).sum(axis=1)

    return jax.jit(lambda keys: jax.vmap(one)(keys).mean(axis=0))(
        jax.random.split(jax.random.key(2), seeds)
    )


k = np.arange(steps + 1)
figure, axes = plot.figure(size=(6.5, 3.6))
worst = 0.0
for step, colour in zip((1 / (2 * L), 1 / (8 * L)), plot.COLOURS, strict=False):
    bound = bounds.sgd_ball(k, L, mu, sigma, far, step)
    found = squares(step)
    worst = max(worst, float((found / bound).max()))
    axes.loglog(1 + k, found, color=colour, label=rf"$\eta$ = {step:.3f}, measured")
    axes.loglog(1 + k, bound, "--", lw=1, color=colour)
shift = 2 * L / mu
falling = squares(optimize.inverse_time(2 / mu, shift))
axes.loglog(1 + k, falling, color=plot.COLOURS[2], label=r"$\eta_k = 2/(\mu(k + k_0))$, measured")
spread = float(falling[-1] * (steps + shift))
axes.loglog(1 + k, spread / (k + shift), ":", color=plot.COLOURS[2], label="$c/(k + k_0)$")
axes.set_xlabel("1 + step (dashed: bounds)")
axes.set_ylabel(r"mean of $|x - x^*|^2$")
axes.legend(frameon=False, fontsize=7)
course.show(figure)

# %% [markdown]
# ## Nearly singular systems: the computer session
#
# $A_\epsilon = A_0 + \epsilon I$ with $A_0 = [1,-1,0;\,-1,2,-1;\,0,-1,1]$: gradient descent needs
# $O(1/\epsilon)$ steps, since the error in the direction $p = (1, 1, 1)$ hardly decays. Adding $p$ as a
# fourth unknown, $u = x + c\,p$, makes the system singular and the steps few: an over-parametrised system
# that removes the dependence on $\epsilon$. It is multigrid with one coarse unknown.

# %%
A0 = jnp.array([[1.0, -1, 0], [-1, 2, -1], [0, -1, 1]])
g = jnp.array([-1.0, -1.0, 2.0])
P = jnp.concatenate([jnp.eye(3), jnp.ones((3, 1))], axis=1)


@jax.jit
def count(A, g, step, x):
    """Steps x <- x - step (A x - g) until the residual is at most 1e-8."""
    going = lambda s: jnp.linalg.norm(A @ s[0] - g) > 1e-8
    return jax.lax.while_loop(going, lambda s: (s[0] - step * (A @ s[0] - g), s[1] + 1), (x, 0))[1]


epsilons = (1e-1, 1e-2, 1e-3, 1e-4)
start = jax.random.uniform(jax.random.key(3), (3,))
plain, expanded = [], []
for epsilon in epsilons:
    A = A0 + epsilon * jnp.eye(3)
    B = P.T @ A @ P
    plain.append(int(count(A, g, jnp.full(3, 0.5), start)))
    expanded.append(int(count(B, P.T @ g, 0.7 / jnp.diag(B), jnp.zeros(4))))
figure, axes = plot.figure(size=(5.5, 3.4))
axes.loglog(epsilons, plain, "o", label="gradient descent, measured")
predicted = [np.log(e * float(start.sum()) / 3**0.5 / 1e-8) / -np.log1p(-0.5 * e) for e in epsilons]
axes.loglog(
    epsilons,
    predicted,
    "-",
    lw=1,
    label=r"$\log(\epsilon\,|p\cdot x_0| / |p|\,10^8)/(-\log(1 - \epsilon/2))$",
)
axes.loglog(epsilons, expanded, "s", label="expanded, scaled, measured")
axes.invert_xaxis()
axes.set_xlabel(r"$\epsilon$")
axes.set_ylabel("steps")
axes.legend(frameon=False, fontsize=7)
course.show(figure)

# %% [markdown]
# ## The course says, we get

# %%
printed = (321, 2551, 22520, 187769), (17, 21, 21, 21)
descent = paths["1/L"]
course.compare(
    [
        ("minimiser of the assignment", "programming assignment 1", "(3, 1)",
         np.asarray(paths[r"2/(L+\lambda)"].points[-1]).round(6)),
        ("minimum", "programming assignment 1", 1, float(descent.values[-1])),
        *((f"steps, eps = {e:g}", "computer session 2023 (random start)", n, m)
          for e, n, m in zip(epsilons, printed[0], plain, strict=True)),
        *((f"expanded and scaled, eps = {e:g}", "computer session 2023", n, m)
          for e, n, m in zip(epsilons, printed[1], expanded, strict=True)),
        ("SGD: measured over bound, largest", "Garrigos and Gower", "<= 1", worst),
    ]
)  # fmt: skip

# %% [markdown]
# ## Exercises

# %%
course.check_all(
    {
        "pa1.minimum": (2.0, 1.0, 4.0),  # an answer that is not yet right
        "quiz1.4": ...,
        "quiz2.1": ...,
        "quiz2.3": ...,
        "quiz2.4": ...,
        "quiz2.5": ...,
        "quiz2.8": ...,
        "quiz2.9": ...,
        "quiz3.4": ...,
        "quiz3.5": ...,
        "lecture3.rate": ...,
        "session2023.singular": ...,
        "session2023.expanded": ...,
    }
)

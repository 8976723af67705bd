# %% [markdown]
# # Lecture 6: multigrid
#
# Gradient descent for $A * u = f$ needs $O(n^2)$ steps on an $n \times n$ grid, since it does not see
# smooth errors. Multigrid hands them to coarser grids, where they are no longer smooth, and needs
# the same number of cycles on every grid.
#
# Course: lecture notes by J. Xu, chapter 8; programming assignment 5; final project, problem 1.
# Theory: Trottenberg, Oosterlee, Schueller, *Multigrid* (2001).

# %%
from approxnet import course

quick = course.begin(double=True)

# %%
import jax
import jax.numpy as jnp
import numpy as np

from approxnet import multigrid, plot

# %% [markdown]
# ## Gradient descent smooths
#
# On the line $A = \frac1h [-1, 2, -1]$ with zero padding has the eigenvectors $\sin(k\pi x)$ and the
# eigenvalues $\lambda_k = \frac4h \sin^2\frac{k\pi h}{2}$. A step
# $u \leftarrow u + \eta\,(f - A * u)$ with $\eta = h/4$ multiplies the error in mode $k$ by
#
# $$1 - \eta\lambda_k = \cos^2\frac{k\pi h}{2}.$$
#
# The high half of the modes is at least halved by each step; the lowest loses $O(h^2)$.
# (The project prints a minus for the plus: that diverges. An erratum.)

# %%
n = 31
line = multigrid.hierarchy(n)
descent = lambda h, b, x: multigrid.jacobi(0.5)(h.operators[0], b, x)  # eta = h / 4
modes = np.sin(np.pi * np.outer(np.arange(1, n + 1), np.arange(1, n + 1)) / (n + 1))
after = jax.vmap(lambda e: descent(line, jnp.zeros(n), e))(jnp.asarray(modes))
kept = np.linalg.norm(after, axis=1) / np.linalg.norm(modes, axis=1)
kernel = jax.vmap(
    lambda e: multigrid.course_kernel()(line.operators[0], jnp.zeros(n), e)
)(jnp.asarray(modes))  # fmt: skip
twice = np.linalg.norm(kernel, axis=1) / np.linalg.norm(modes, axis=1)

rng = np.random.default_rng(0)
error = jnp.asarray(rng.normal(size=n))
figure, axes = plot.figure(1, 2)
k = np.arange(1, n + 1)
axes[0].plot(k, kept, "o", ms=3, label="gradient descent, measured")
axes[0].plot(k, np.cos(k * np.pi / (n + 1) / 2) ** 2, "-", lw=1, label=r"$\cos^2(k\pi h/2)$")
axes[0].plot(k, twice, "s", ms=3, label=r"kernel $S_1 = \frac{h}{16}[1,6,1]$, measured")
axes[0].plot(k, np.cos(k * np.pi / (n + 1) / 2) ** 4, "-", lw=1, label=r"$\cos^4(k\pi h/2)$")
axes[0].axvspan((n + 1) / 2, n, color="#eeeeee", zorder=-1)
axes[0].set_xlabel("mode k (shaded: not seen by the coarse grid)")
axes[0].set_ylabel("part left by one step")
x = np.arange(1, n + 1) / (n + 1)
for steps in (0, 3, 30):
    e = error
    for _ in range(steps):
        e = descent(line, jnp.zeros(n), e)
    axes[1].plot(x, e, label=f"error after {steps} steps")
axes[1].set_xlabel("x")
for ax in axes:
    ax.legend(frameon=False, fontsize=7)
course.show(figure)

# %% [markdown]
# ## Programming assignment 5
#
# $-u'' = 1$ on 15 inner nodes, from $u = 0$, until the norm of $A * u - b$ is below $10^{-4}$. The
# library's operators are those of finite differences, the course's times $1/h$; hence the scale.


# %%
def until(hierarchy, shape, cycle, tolerance, scale):
    """The solution of A u = 1 by steps or cycles from zero."""
    ones = jnp.ones(shape)
    rtol = tolerance * scale / float(jnp.linalg.norm(ones))
    return multigrid.solve(hierarchy, ones, cycle=cycle, rtol=rtol, max_cycles=4000)


assignment = until(multigrid.hierarchy(15), (15,), descent, 1e-4, 16)
x = np.arange(1, 16) / 16
figure, axes = plot.figure(1, 2)
axes[0].plot(x, assignment.value, "o", label="gradient descent")
axes[0].plot(x, x * (1 - x) / 2, "-", label="x (1 - x) / 2")
steps = int(assignment.iterations)
axes[1].semilogy(np.asarray(assignment.residuals)[: steps + 1] / 16, label="measured")
rate = np.cos(np.pi / 32) ** 2
axes[1].semilogy(float(assignment.residuals[0]) / 16 * rate ** np.arange(steps), "--",
                 label=r"bound $|r_0| \cos^{2m}(\pi h / 2)$")  # fmt: skip
axes[1].set_xlabel("step m")
axes[1].set_ylabel("norm of the residual")
for ax in axes:
    ax.legend(frameon=False)
print(steps, "steps")
course.show(figure)

# %% [markdown]
# ## Grids as convolutions
#
# P1 functions of the coarse grid are P1 functions of the fine one: prolongation is the transpose of a
# convolution with stride 2, restriction that convolution, with the kernel
#
# $$R = \begin{bmatrix} 0 & \frac12 & \frac12 \\ \frac12 & 1 & \frac12 \\ \frac12 & \frac12 & 0
#   \end{bmatrix}, \qquad R *_2 A * R^T = A$$
#
# (He and Xu 2019, lemma 1): the Galerkin operator on the coarse grid is the same stencil again.

# %%
unit = np.zeros((3, 3))
unit[1, 1] = 1
fine = np.asarray(multigrid.prolong(jnp.asarray(unit), element="course_element"))
laplace = lambda u: (
    4 * u - sum(np.roll(np.pad(u, 1), s, axis=a)[1:-1, 1:-1] for a in (0, 1) for s in (-1, 1))
)
coarse = multigrid.restrict(jnp.asarray(laplace(fine)), element="course_element")
print("a coarse hat on the fine grid:\n", fine[2:5, 2:5])
print("R A R^T of it, up to the scale of the restriction:\n", np.asarray(coarse) * 4)

# %% [markdown]
# ## The final project, problem 1
#
# $A * u = f$ with $A = [0,-1,0;\,-1,4,-1;\,0,-1,0]$ and $f = 1/(n+1)^2$ on $n = 2^J - 1$ points per
# side, until $\|A * u - f\|_F < 10^{-5}$, from zero. Gradient descent has $\eta = 1/8$; `MG1` smooths
# twice on each grid on the way down and not on the way up (a backslash cycle).

# %%
methods = {
    "gradient descent": descent,
    "smoother S": lambda h, b, x: multigrid.course_kernel()(h.operators[0], b, x),
    "MG1, nu = 2": multigrid.backslash_cycle(multigrid.course_kernel(), pre=2),
    "V-cycle, 2 + 2": multigrid.v_cycle(multigrid.course_kernel(), pre=2, post=2),
}
levels = (3, 4) if quick else (3, 4, 5)
counts, histories = {}, {}
for J in levels:
    shape = (2**J - 1, 2**J - 1)
    h = multigrid.hierarchy(shape, transfer=multigrid.course_element)
    for name, cycle in methods.items():
        found = until(h, shape, cycle, 1e-5, 4**J)
        counts[name, J] = int(found.iterations)
        if J == 4:
            histories[name] = np.asarray(found.residuals)[: counts[name, J] + 1] / 4**J
            solution = np.asarray(found.value)
figure, axes = plot.figure(1, 2)
for name, residuals in histories.items():
    axes[0].loglog(1 + np.arange(len(residuals)), residuals, label=name)
factor = np.cos(np.pi / 32) ** 2
m = np.arange(len(histories["gradient descent"]))
axes[0].loglog(1 + m, residuals[0] * factor**m, "k--", lw=0.9, label=r"bound $\cos^{2m}(\pi h/2)$")
axes[0].axhline(1e-5, color="#888888", ls=":")
axes[0].set_xlabel("1 + steps or cycles")
axes[0].set_ylabel(r"$\|A * u - f\|$")
axes[0].legend(frameon=False, fontsize=7)
shown = axes[1].imshow(np.pad(solution, 1), cmap=plot.COLOUR_MAP, extent=(0, 1, 0, 1))
figure.colorbar(shown, ax=axes[1])
axes[1].set_title("u, J = 4")
course.show(figure)

# %%
course.table(
    ("J", "n", *methods),
    [(J, 2**J - 1, *(counts[name, J] for name in methods)) for J in levels],
)

# %% [markdown]
# ## The factor is predicted
#
# Local Fourier analysis computes the factor by which two grids reduce the error, for any smoother and
# transfer. On a periodic grid it is exact; here is the worst mode of cycles with Dirichlet ends.

# %%
smoothers = {
    "Jacobi 4/5": multigrid.jacobi(0.8),
    "red-black": multigrid.red_black(),
}
grids = (15, 31) if quick else (15, 31, 63)
figure, axes = plot.figure(size=(6, 3.4))
measured = {}
for (name, smoother), colour in zip(smoothers.items(), plot.COLOURS, strict=False):
    predicted = multigrid.two_grid_factor(smoother, pre=1, post=1)
    cycle = multigrid.w_cycle(smoother)
    measured[name] = [
        multigrid.convergence_factor(multigrid.hierarchy((n, n)), cycle, seed=0) for n in grids
    ]
    axes.plot(grids, measured[name], "o", color=colour, label=f"{name}, W(1,1) measured")
    axes.axhline(predicted, color=colour, lw=1, label=f"{name}, two grids predicted")
axes.plot(grids, [np.cos(np.pi / (n + 1) / 2) ** 2 for n in grids], "k^--", lw=1,
          label="gradient descent")  # fmt: skip
axes.set_xscale("log", base=2)
axes.set_ylim(0, 1.02)
axes.set_xlabel("unknowns per side")
axes.set_ylabel("factor per cycle")
axes.legend(frameon=False, fontsize=7)
course.show(figure)

# %% [markdown]
# ## The course says, we get

# %%
course.compare(
    [
        ("steps, line, n = 15", "programming assignment 5, counted by a loop", 800, steps),
        ("m_1, J = 4, from zero", "final project, counted by a loop", 883,
         counts["gradient descent", 4]),
        ("m_2, J = 4, from zero", "final project, counted by a loop", 11, counts["MG1, nu = 2", 4]),
        ("m_1 / m_2", "final project", "m_1 >> m_2",
         counts["gradient descent", 4] / counts["MG1, nu = 2", 4]),
        ("two grids, red-black, two steps", "Stueben, Trottenberg (1982)", 0.074,
         float(multigrid.two_grid_factor(multigrid.red_black(), pre=2))),
        ("two grids, Jacobi 4/5, two steps", "Stueben, Trottenberg (1982)", 0.360,
         float(multigrid.two_grid_factor(multigrid.jacobi(0.8), pre=2))),
    ]
)  # fmt: skip

# %% [markdown]
# ## Exercises

# %%
course.check_all(
    {
        "pa5.steps": ...,
        "quiz5.9": ...,
        "quiz5.10": lambda u: u,  # an answer that is not yet right
        "final1.sign": "-",
        "final1.gradient": ...,
        "final1.multigrid": ...,
        "lecture6.factor": ...,
        "lecture6.transfer": ...,
    }
)

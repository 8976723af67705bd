# %% [markdown]
# # Lecture 9: greedy training
#
# Training a network of $n$ neurons is not convex, and gradient descent gives no rate. Greedy algorithms
# add one neuron at a time, solve a convex problem for the coefficients, and attain the rates of
# approximation theory.
#
# Course: computer sessions 2023 and 2024 (CEMRACS, KAUST AMCS 304) by J. Xu. Theory: Siegel, Hong, Jin,
# Hao, Xu, *Greedy training algorithms for neural networks and applications to PDEs*, J. Comput. Phys. 484
# (2023); DeVore and Temlyakov (1996).

# %%
from approxnet import course

quick = course.begin(double=True)

# %%
import jax
import jax.numpy as jnp
import numpy as np
import optax

from approxnet import optimize, plot, quadrature, shallow
from approxnet.approximation import rates

# %% [markdown]
# ## Orthogonal greedy algorithm
#
# From the dictionary of the atoms $\sigma(w\cdot x + b)$, take the one with the largest
# $|\langle g, u - u_{n-1}\rangle|$, then project: $u_n = P_n u$ on the span of all atoms taken. For ReLU$^k$ in
# $d$ dimensions
#
# $$\|u - u_n\| \le C n^{-\frac12 - \frac{2k+1}{2d}},$$
#
# that is $n^{-2}$ for ReLU on the line. For $u = (x - \frac12)^2 - \frac14$ no network with $n$ pieces has an
# $L^2$ error below $1/(\sqrt{180}\,n^2)$. The session's dictionary has the atoms $\sigma(x - b)$, $b = i/N$.

# %%
N = 1024
rule = quadrature.box(N, 3, 0.0, 1.0)
atoms = shallow.dictionary(0.0, 1.0, "relu", directions=[[1.0]], offsets=N, extension=0.0)
parabola = lambda x: (x[..., 0] - 0.5) ** 2 - 0.25
n = 64 if quick else 256
path = shallow.orthogonal_greedy(jax.random.key(0), parabola, atoms, n, rule=rule, refine=False)
sizes = 2 ** np.arange(2, int(np.log2(n)) + 1)
errors = np.asarray(path.errors)[sizes - 1]
figure, axes = plot.figure(1, 2)
x = np.linspace(0, 1, 501)[:, None]
axes[0].plot(x, parabola(x), "k--", lw=1, label="u")
for k in (2, 4, 8):
    axes[0].plot(x, shallow.evaluate(path.network(k), x), lw=1, label=f"{k} neurons")
axes[1].loglog(sizes, errors, "o", label="greedy, measured")
axes[1].loglog(
    sizes, 1 / (np.sqrt(180) * sizes**2.0), "-", label=r"least possible, $n^{-2}/\sqrt{180}$"
)
axes[1].set_xscale("log", base=2)
axes[1].set_xlabel("neurons")
axes[1].set_ylabel("L2 error")
for ax in axes:
    ax.legend(frameon=False)
course.show(figure)

# %% [markdown]
# ## Adam does not get there
#
# The same network, trained by Adam from random weights and from equidistant ones, on the same
# integral. The line is the greedy algorithm's error with as many neurons.


# %%
def energy(parameters):
    w, b, c = parameters
    values = jax.nn.relu(jnp.asarray(rule.points) * w + b) @ c
    return (jnp.asarray(rule.weights) * (values - parabola(jnp.asarray(rule.points))) ** 2).sum()


width, steps = 16, 1500 if quick else 10_000
keys = jax.random.split(jax.random.key(1), 3)
starts = {
    "random": tuple(
        jax.random.normal(k, (width,)) * s for k, s in zip(keys, (1, 1, 0.3), strict=True)
    ),
    "equidistant": (jnp.ones(width), -jnp.arange(width) / width, jnp.zeros(width)),
}
trained = {}
figure, axes = plot.figure(size=(6, 3.4))
run = jax.jit(
    lambda start: (
        optimize.trajectory(
            energy, start, optax.adam(optax.cosine_decay_schedule(5e-3, steps)), steps
        ).values
    )
)
for name, start in starts.items():
    history = np.sqrt(np.asarray(run(start)))
    trained[name] = float(history[-1])
    axes.loglog(1 + np.arange(len(history)), history, lw=1, label=f"Adam, {name} start, measured")
greedy_16 = float(errors[2])
axes.axhline(greedy_16, color="k", lw=1, label="greedy, 16 neurons, measured")
axes.axhline(1 / (np.sqrt(180) * 256), color="#555555", ls=":", label="least possible")
axes.set_xlabel("1 + step")
axes.set_ylabel("L2 error")
axes.legend(frameon=False, fontsize=7)
course.show(figure)

# %% [markdown]
# ## Oscillation
#
# The session asks for $\sin(2\pi x)$ and $\sin(10\pi x)$. The order is the same; the constant is that of free
# knots, $\frac{1}{\sqrt{720}}\big(\int |u''|^{2/5}\big)^{5/2}$, times a factor of about 1.4.

# %%
curves, ratio = {}, {}
mean = float(np.mean(np.abs(np.sin(np.linspace(0, np.pi, 20001))) ** 0.4)) ** 2.5
for frequency in (1, 5):
    wave = lambda x, m=frequency: jnp.sin(2 * jnp.pi * m * x[..., 0])
    greedy = shallow.orthogonal_greedy(jax.random.key(0), wave, atoms, n, rule=rule, refine=False)
    history = np.asarray(greedy.errors)
    seen = sizes[1:] if frequency == 1 else sizes[2:]
    values = history[seen - 1]
    curves[rf"$\sin({2 * frequency}\pi x)$, greedy"] = (seen, values)
    constant = (2 * np.pi * frequency) ** 2 * mean / np.sqrt(720)
    curves[f"free knots, frequency {frequency}"] = (seen, constant / seen**2.0)
    ratio[frequency] = float(values[-1] * seen[-1] ** 2 / constant)
figure = plot.rates(curves, xlabel="neurons", ylabel="L2 error")
figure.axes[0].set_xscale("log", base=2)
figure.axes[0].legend(frameon=False, fontsize=7)
course.show(figure)

# %% [markdown]
# ## A differential equation, without its solution
#
# $-u'' + u = f$ with $u' = 0$ at the ends. The same algorithm in the energy
# $\frac12\int u'^2 + u^2 - 2fu$ needs $f$ alone. The kinks of the atoms are nodes of the quadrature, so that the
# integrals of networks are exact: otherwise the algorithm finds the networks that the rule does not see. With ReLU$^2$ the orders are 3 in $L^2$ and 2 in $H^1$ (Siegel et
# al., table 1).

# %%
solution = lambda x: jnp.cos(jnp.pi * x[..., 0])
cells = 512 if quick else 2048
line = quadrature.box(cells, 5, -1.0, 1.0)
problem = shallow.elliptic.diffusion(lambda x: (jnp.pi**2 + 1) * solution(x), line)
pieces = shallow.dictionary(-1.0, 1.0, "relu2", offsets=3 * cells // 2)
count = 32 if quick else 128
found = shallow.orthogonal_greedy(jax.random.key(0), problem, pieces, count, refine=False)
checked = 2 ** np.arange(3, int(np.log2(count)) + 1)
fine = quadrature.box(1500, 5, -1.0, 1.0)
l2, h1 = [], []
for k in checked.tolist():
    network = found.network(k)
    points = jnp.asarray(fine.points)
    gap = shallow.evaluate(network, points) - solution(points)
    slope = shallow.gradient(network, points)[..., 0] + jnp.pi * jnp.sin(jnp.pi * points[..., 0])
    weights = jnp.asarray(fine.weights)
    l2.append(float(jnp.sqrt((weights * gap**2).sum())))
    h1.append(float(jnp.sqrt((weights * (gap**2 + slope**2)).sum())))
table_1 = {
    16: (7.86e-4, 2.79e-2),
    32: (7.70e-5, 5.89e-3),
    64: (8.45e-6, 1.36e-3),
    128: (9.68e-7, 3.22e-4),
}
known = [k for k in checked.tolist() if k in table_1]
figure = plot.rates(
    {"L2, measured": (checked, l2), "H1, measured": (checked, h1)}, xlabel="neurons"
)
figure.axes[0].loglog(known, [table_1[k][0] for k in known], "kx", label="printed, L2")
figure.axes[0].loglog(known, [table_1[k][1] for k in known], "k+", label="printed, H1")
figure.axes[0].set_xscale("log", base=2)
figure.axes[0].legend(frameon=False, fontsize=7)
course.show(figure)

# %% [markdown]
# ## The course says, we get

# %%
session = {4: 5.480e-3, 8: 1.357e-3, 16: 3.36e-4, 32: 8.5e-5, 64: 2.1e-5, 128: 5e-6, 256: 1e-6}
course.compare(
    [
        *((f"L2 error, parabola, n = {k}", "computer session 2024", session[k], float(e))
          for k, e in zip(sizes.tolist(), errors, strict=True)),
        ("order", "computer session 2024", "2.01, ..., 1.93",
         float(rates.order(1 / sizes[-2:], errors[-2:])[-1])),
        ("factor over free knots, sin(2 pi x)", "computed from the session's files: 1.42", 1.42,
         ratio[1]),
        *((f"H1 error, Neumann problem, n = {k}", "Siegel et al., table 1", table_1[k][1],
           h1[checked.tolist().index(k)]) for k in known),
        ("Adam, 16 neurons, over greedy", "session: does it converge?", "",
         f"{trained['random'] / greedy_16:.1f} (random), {trained['equidistant'] / greedy_16:.1f} "
         "(equidistant)"),
    ]
)  # fmt: skip

# %% [markdown]
# ## Exercises

# %%
course.check_all({"session2024.order": 0.5, "session2024.error": ...})

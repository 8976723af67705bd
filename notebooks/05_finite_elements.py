# %% [markdown]
# # Lecture 5: finite elements
#
# Piecewise linear functions on a mesh: hats are their basis, interpolation is the first
# approximation, and Galerkin's method solves $-u'' = f$ with them. Error bounds are theorems with
# constants, so that they can be drawn beside what is measured.
#
# Course: lecture notes by J. Xu, chapter 6; programming assignment 5. Theory: Ciarlet, *The Finite
# Element Method for Elliptic Problems* (1978), chapters 3 and 4.

# %%
from approxnet import course

quick = course.begin(double=True)

# %%
import jax.numpy as jnp
import numpy as np

from approxnet import fem, plot
from approxnet.approximation import rates

# %% [markdown]
# ## Hats
#
# The hat $\varphi_i$ is 1 at the node $x_i$ and 0 at the others; every P1 function is
# $v = \sum_i v(x_i)\,\varphi_i$. `fem.basis` gives the barycentric coordinates of points in their
# cells, that is, the values of the hats that do not vanish there.

# %%
line = fem.interval(np.linspace(0, 1, 6))
square = fem.box((8, 8))
values = fem.interpolate(square, lambda x: jnp.sin(4 * x[..., 0]) * jnp.cos(3 * x[..., 1]))
figure, axes = plot.figure(1, 3, size=(11, 3))
for i in range(len(line.nodes)):
    axes[0].plot(line.nodes[:, 0], np.eye(len(line.nodes))[i])
axes[0].set_title("hats on the line")
plot.mesh(square, axes=axes[1])
plot.function(square, values, axes=axes[2])
axes[1].set_title("a mesh of the square")
axes[2].set_title("a P1 function on it")
course.show(figure)

# %% [markdown]
# ## Interpolation
#
# $$\|u - I_h u\|_\infty \le \frac{h^2}{8} \max|u''| \qquad\text{on the line,}$$
#
# with equality for $x^2$. In $d$ dimensions there are $N \sim h^{-d}$ nodes, so that the error is
# $O(N^{-2/d})$.

# %%
u = lambda x: jnp.sin(2 * jnp.pi * x[..., 0])
sizes = [8, 16, 32, 64] if quick else [8, 16, 32, 64, 128, 256, 512]
points = np.linspace(0, 1, 5001)[:, None]
interpolation = []
for n in sizes:
    mesh = fem.interval(np.linspace(0, 1, n + 1))
    values = fem.evaluate(mesh, fem.interpolate(mesh, u), points)
    interpolation.append(float(jnp.abs(values - u(points)).max()))
h = 1 / np.array(sizes)
figure = plot.rates(
    {
        "measured": (sizes, interpolation),
        r"bound $h^2/8\,\max|u''|$": (sizes, h**2 / 8 * 4 * np.pi**2),
    },
    xlabel="1 / h",
    ylabel="largest error of the interpolant of sin(2 pi x)",
)
figure.axes[0].set_xscale("log", base=2)
course.show(figure)

# %% [markdown]
# ## The two-point boundary value problem
#
# $-u'' = f$, $u(0) = u(1) = 0$. With hats the stiffness matrix is
# $\frac1h\,\mathrm{tridiag}(-1, 2, -1)$, which is the convolution with the kernel $[-1, 2, -1]/h$
# and zero padding; the load of $f = 1$ is $h$ at each node. On the line the finite element solution
# is **exact at the nodes**.

# %%
n = 15
mesh = fem.interval(np.linspace(0, 1, n + 2))
A = fem.stiffness(mesh).toarray()[1:-1, 1:-1] / (n + 1)
v = fem.solve_poisson(mesh, lambda x: jnp.ones(x.shape[:-1]))
exact = mesh.nodes[:, 0] * (1 - mesh.nodes[:, 0]) / 2
nodal_error = float(np.abs(v - exact).max())
print("h times the stiffness matrix, its first rows:")
print(A[:3, :5].round(12) + 0.0)
print("largest error at the nodes:", nodal_error)

# %% [markdown]
# ## Galerkin's method in the plane
#
# For smooth $u$, $|u - u_h|_{H^1} \le C h$ and $\|u - u_h\|_{L^2} \le C h^2$ (Ciarlet, theorem
# 3.2.2). The interpolant has the same orders, and in the energy norm no P1 function is better than
# $u_h$ (Cea): the H1 error of the interpolant is a bound that can be computed.

# %%
exact_2d = lambda x: jnp.sin(jnp.pi * x[..., 0]) * jnp.sin(jnp.pi * x[..., 1])
force = lambda x: 2 * jnp.pi**2 * exact_2d(x)
sides = [4, 8, 16] if quick else [4, 8, 16, 32, 64]
l2, h1, interpolant = [], [], []
for side in sides:
    mesh = fem.box((side, side))
    solution = fem.solve_poisson(mesh, force)
    l2.append(float(fem.error_l2(mesh, solution, exact_2d)))
    h1.append(float(fem.error_h1(mesh, solution, exact_2d)))
    interpolant.append(float(fem.error_h1(mesh, fem.interpolate(mesh, exact_2d), exact_2d)))
figure = plot.rates(
    {"H1, measured": (sides, h1), "H1, bound (interpolant)": (sides, interpolant),
     "L2, measured": (sides, l2)},
    xlabel="1 / h",
)  # fmt: skip
figure.axes[0].set_xscale("log", base=2)
course.show(figure)

# %% [markdown]
# ## Where to put the nodes
#
# $x^{2/3}$ has an unbounded derivative at 0. On equidistant nodes its $L^2$ error is
# $O(h^{2/3 + 1/2})$; nodes $x_i = (i/n)^{q}$ with $q$ large enough give $O(n^{-2})$ back. No choice
# of $n$ intervals gives less than
#
# $$\frac{n^{-2}}{\sqrt{720}} \Big(\int_0^1 |u''|^{2/5}\Big)^{5/2} \qquad\text{for } n \to \infty$$
#
# (de Boor 1973). Networks choose their nodes themselves: that is what lectures 7 to 9 are about.

# %%
root = lambda x: jnp.cbrt(x[..., 0]) ** 2
counts = [8, 16, 32, 64]
curves = {}
for name, power in {"equidistant": 1, "graded, q = 3": 3}.items():
    errors = []
    for k in counts:
        mesh = fem.interval(np.linspace(0, 1, k + 1) ** power)
        values = fem.interpolate(mesh, root)
        s = (np.arange(20_000) + 0.5)[:, None] / 20_000
        s = s**6  # dense at 0
        weights = 6 * ((np.arange(20_000) + 0.5) / 20_000) ** 5 / 20_000
        difference = np.asarray(fem.evaluate(mesh, values, s) - root(s))
        errors.append(float(np.sqrt((weights * difference**2).sum())))
    curves[name] = (counts, errors)
constant = (2 / 9) * (15 / 7) ** 2.5 / np.sqrt(720)  # u'' = -(2/9) x^(-4/3)
curves["least possible"] = (counts, [constant / k**2 for k in counts])
figure = plot.rates(curves, xlabel="intervals", ylabel="L2 error of x^(2/3)")
figure.axes[0].set_xscale("log", base=2)
course.show(figure)

# %% [markdown]
# ## Bilinear elements: an erratum
#
# The notes print the stencil $[-1,-1,-1;\,-1,8,-1;\,-1,-1,-1]$ for bilinear elements. The integrals
# of $\nabla\varphi_i\cdot\nabla\varphi_j$ give a third of it: with the load $f h^2$ the printed
# stencil makes the solution three times too small.

# %%
gauss, weight = np.polynomial.legendre.leggauss(2)
gauss, weight = (gauss + 1) / 2, weight / 2
stencil = np.zeros((3, 3))
hat = {0: (lambda t: 1 - t, -1.0), 1: (lambda t: t, 1.0)}  # on [0, 1], with their slopes
for i, j in np.ndindex(
    2, 2
):  # the cell to the upper right of the node (0, 0), four times by symmetry
    for a, wa in zip(gauss, weight, strict=True):
        for b, wb in zip(gauss, weight, strict=True):
            centre = np.array([hat[0][1] * hat[0][0](b), hat[0][0](a) * hat[0][1]])
            other = np.array([hat[i][1] * hat[j][0](b), hat[i][0](a) * hat[j][1]])
            for sx, sy in np.ndindex(2, 2):
                stencil[1 + (2 * sx - 1) * i, 1 + (2 * sy - 1) * j] += wa * wb * centre @ other
print(stencil.round(12))

# %% [markdown]
# ## The course says, we get

# %%
order = rates.fit(sides, l2).order
course.compare(
    [
        ("order of the interpolation error", "notes, chapter 6", 2,
         float(rates.fit(sizes, interpolation).order)),
        ("order of the L2 error in the plane", "notes, chapter 6", 2, float(order)),
        ("order of the H1 error in the plane", "notes, chapter 6", 1,
         float(rates.fit(sides, h1).order)),
        ("error at the nodes of -u'' = 1", "programming assignment 5", 0, nodal_error),
        ("middle of the bilinear stencil", "notes, printed", 8, float(stencil[1, 1])),
    ]
)  # fmt: skip

# %% [markdown]
# ## Exercises

# %%
wrong = 2 * np.eye(3) - np.eye(3, k=1) - np.eye(3, k=-1)  # an answer that is not yet right
course.check_all(
    {
        "quiz4.5": ...,
        "lecture5.stiffness": wrong,
        "lecture5.bilinear": ...,
    }
)

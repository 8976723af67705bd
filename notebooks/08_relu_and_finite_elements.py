# %% [markdown]
# # Lecture 8: ReLU networks and finite elements
#
# A linear finite element function is a ReLU network with the same values, and a ReLU network is a
# linear finite element function on the mesh of its own kinks. On the line one hidden layer is enough;
# in the plane one never is, and two always are.
#
# Course: lecture notes by J. Xu, chapter 7 (from finite elements to networks). Theory: He, Li, Xu,
# Zheng, *ReLU deep neural networks and linear finite elements*, J. Comput. Math. 38 (2020); Hong,
# Siegel, Tan, Xu, arXiv:2208.04924, on the spectral bias.

# %%
from approxnet import course

quick = course.begin(double=True)

# %%
import jax
import jax.numpy as jnp
import numpy as np

from approxnet import fem, mapping, plot, relu
from approxnet.reproduce.rounding import tolerance

# %% [markdown]
# ## On the line
#
# The hat function on $[0, 1]$ is $\varphi(x) = 2\sigma(x) - 4\sigma(x - \frac12) + 2\sigma(x - 1)$, and
# every P1 function with slopes $s_i$ is
#
# $$v(x) = v_0 + s_0\,\sigma(x - x_0) + \sum_i (s_i - s_{i-1})\,\sigma(x - x_i):$$
#
# as many neurons as intervals.

# %%
line = fem.interval(np.array([0, 0.1, 0.25, 0.3, 0.5, 0.65, 0.8, 0.9, 1.0]))
values = fem.interpolate(line, lambda x: jnp.sin(7 * x[..., 0]))
net = mapping.fem_to_relu(line, values)
x = jnp.linspace(0, 1, 1001)[:, None]
gap = float(jnp.abs(relu.evaluate(net, x) - fem.evaluate(line, values, x)).max())
figure, axes = plot.figure(1, 2)
layer = relu.from_layers([([[1.0], [1.0], [1.0]], [0.0, -0.5, -1.0]), ([[2.0, -4.0, 2.0]], [0.0])])
t = jnp.linspace(-0.5, 1.5, 401)[:, None]
for weight, bias in ((2, 0), (-4, -0.5), (2, -1)):
    axes[0].plot(t, weight * jax.nn.relu(t + bias), lw=1)
axes[0].plot(t, relu.evaluate(layer, t), "k", lw=2, label="their sum: the hat")
axes[0].set_ylim(-1.5, 2)
plot.function(line, values, axes=axes[1])
axes[1].plot(x, relu.evaluate(net, x), "--", label=f"network, {relu.n_neurons(net)} neurons")
for ax in axes:
    ax.legend(frameon=False)
print("largest difference:", gap)
course.show(figure)

# %% [markdown]
# ## In the plane one hidden layer is not enough
#
# The gradient of $\sum_i c_i\,\sigma(w_i\cdot x + b_i)$ jumps by $c_i w_i$ along the **whole** line
# $w_i \cdot x + b_i = 0$; the gradient of a hat function jumps in a bounded set. With two hidden
# layers, a hat is a minimum of its pieces, cut off at 0 (He et al., theorem 3.1 and corollary;
# the notes' statement that one layer does not suffice lost its $d \ge 2$).

# %%
mesh = fem.box((2, 2), -1.0, 1.0)
hat = np.all(mesh.nodes == 0, axis=1).astype(float)
two = mapping.fem_to_relu(mesh, hat)
rng = np.random.default_rng(0)
angle = rng.uniform(0, 2 * np.pi, 12)
normals = np.stack([np.cos(angle), np.sin(angle)], axis=1)
one = relu.from_layers(
    [(normals, rng.uniform(-1, 1, 12)), (rng.choice([-1.0, 1.0], (1, 12)), [0.0])]
)
figure, axes = plot.figure(1, 3, size=(11, 3.2))
pixels = 150 if quick else 400
plot.kinks(one, [-2.0, -2.0], [2.0, 2.0], points=pixels, axes=axes[0])
plot.kinks(two, [-2.0, -2.0], [2.0, 2.0], points=pixels, axes=axes[1])
plot.network(two, [-2.0, -2.0], [2.0, 2.0], points=pixels, axes=axes[2])
for ax, title in zip(axes, ("one layer: kinks", "hat, two layers: kinks", "the hat"), strict=True):
    ax.set_title(title)
course.show(figure)

# %% [markdown]
# ## Any P1 function in the plane
#
# Two hidden layers, with at most a fixed number of neurons per node; on a uniform mesh, the second
# layer has one neuron per node, and its output weights are the nodal values: **a basis is a network**.

# %%
sides = (4, 8, 16) if quick else (4, 8, 16, 32)
rows, gaps, rounding = [], [], []
for side in sides:
    square = fem.box((side, side))
    u = fem.interpolate(square, lambda x: jnp.sin(6 * x[..., 0]) * x[..., 1])
    network = mapping.fem_to_relu(square, u)
    points = jnp.asarray(rng.uniform(size=(2000, 2)))
    difference = jnp.abs(relu.evaluate(network, points) - fem.evaluate(square, u, points))
    gaps.append(float(difference.max()))
    rounding.append(tolerance(network, [0.0, 0.0], [1.0, 1.0]))
    size = mapping.size(square)
    rows.append((len(square.nodes), size.method, size.hidden_layers, size.n_neurons, gaps[-1]))
figure, axes = plot.figure(1, 2)
nodes = np.array([row[0] for row in rows])
h = 1 / np.array(sides)
axes[0].loglog(1 / h, [row[3] for row in rows], "o", label="neurons, measured")
axes[0].loglog(1 / h, nodes + 4 / h + 3, "-", lw=1, label="nodes + 4 / h + 3")
axes[1].loglog(1 / h, gaps, "o", label="largest difference, measured")
axes[1].loglog(1 / h, rounding, "-", lw=1, label="bound on the rounding")
for ax in axes:
    ax.set_xscale("log", base=2)
    ax.set_xlabel("1 / h")
    ax.legend(frameon=False)
course.show(figure)

# %%
course.table(("nodes", "construction", "hidden layers", "neurons", "largest difference"), rows)

# %% [markdown]
# ## And back
#
# A network with random weights is a finite element function on the mesh of its linear regions; its
# integral and its norms are those of finite elements, without quadrature error.

# %%
shapes = [(10, 2), (10, 10), (1, 10)]
random = relu.from_layers([(rng.normal(size=s), rng.normal(size=s[0])) for s in shapes])
regions_mesh, nodal = mapping.relu_to_fem(random, [-2.0, -2.0], [2.0, 2.0])
points = jnp.asarray(rng.uniform(-2, 2, (2000, 2)))
back = float(
    jnp.abs(fem.evaluate(regions_mesh, nodal, points) - relu.evaluate(random, points)).max()
)
exact = float(relu.integrate(random, [-2.0, -2.0], [2.0, 2.0]).item())
sampled = 16 * float(relu.evaluate(random, points).mean())
figure, axes = plot.figure(1, 2, size=(9, 3.4))
plot.regions(random, [-2.0, -2.0], [2.0, 2.0], axes=axes[0])
plot.mesh(regions_mesh, axes=axes[1])
axes[0].set_title("a network, by linear regions")
axes[1].set_title(f"its mesh: {len(regions_mesh.cells)} triangles")
print(f"largest difference {back:.1e}; integral {exact:.6f}, by 2000 samples {sampled:.6f}")
course.show(figure)

# %% [markdown]
# ## Two bases of one space
#
# On the line ReLUs and hats span the same functions, but gradient descent sees the difference: the
# Gram matrix of the ReLUs has a condition number of order $n^4$, that of the hats is bounded. This is
# the spectral bias of ReLU networks (Hong, Siegel, Tan, Xu).

# %%
ns = [4, 8, 16, 32] if quick else [4, 8, 16, 32, 64, 128]
conditions = {
    kind: [mapping.condition_number(n, activation=kind) for n in ns] for kind in ("relu", "hat")
}
bounds = [mapping.condition_bounds(n, activation="relu") for n in ns]
figure, axes = plot.figure(size=(5.5, 3.4))
axes.loglog(ns, conditions["relu"], "o", label="ReLU, measured")
axes.loglog(ns, [b[1] for b in bounds], "-", color="#555555", lw=1, label="ReLU, bounds")
axes.loglog(ns, [b[0] for b in bounds], "-", color="#555555", lw=1)
axes.loglog(ns, conditions["hat"], "s", label="hats, measured")
axes.set_xscale("log", base=2)
axes.set_xlabel("intervals")
axes.set_ylabel("condition number of the Gram matrix")
axes.legend(frameon=False)
course.show(figure)

# %% [markdown]
# ## The course says, we get

# %%
course.compare(
    [
        ("network - P1 function on the line", "notes, chapter 7", 0, gap),
        ("hidden layers in the plane", "He et al. (2020), theorem 3.1", 2, rows[-1][2]),
        ("network - P1 function in the plane", "He et al. (2020)", 0, gaps[-1]),
        ("P1 function of a network - network", "He et al. (2020)", 0, back),
        ("order of the condition number, ReLU", "arXiv:2208.04924", 4,
         float(np.log2(conditions["relu"][-1] / conditions["relu"][-2]))),
        ("condition number, hats", "arXiv:2208.04924", "bounded", conditions["hat"][-1]),
    ]
)  # fmt: skip

# %% [markdown]
# ## Exercises


# %%
def hat_of_three(x):
    """An answer that is not yet right."""
    return 2 * np.maximum(0, x) - 4 * np.maximum(0, x - 0.5)


course.check_all({"lecture8.hat": hat_of_three, "lecture8.neurons": ...})

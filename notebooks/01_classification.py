# %% [markdown]
# # Lecture 1: classification and data
#
# Given examples of $k$ classes, find a map from points to classes. When can affine functions do it, how
# does one prove that they cannot, and what does the simplest learner attain on images?
#
# Course: lecture notes by J. Xu, chapters 1 and 2; programming assignment 1; quiz 1.

# %%
from approxnet import course

quick = course.begin(double=True)

# %%
import jax
import jax.numpy as jnp
import numpy as np

from approxnet import data, learn, plot
from approxnet.errors import OfflineError


def regions(ax, predict, lower, upper, k, n=160):
    """Which class a learner gives to each point of a square."""
    axis = np.linspace(lower, upper, n)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1)
    ax.imshow(predict(grid), origin="lower", extent=(lower, upper, lower, upper), cmap="Pastel1",
              vmin=0, vmax=max(8, k), interpolation="nearest")  # fmt: skip


def scatter(ax, x, y):
    for i in range(int(np.max(y)) + 1):
        ax.plot(*np.asarray(x)[np.asarray(y) == i].T, plot.MARKERS[i], ms=3, color=plot.COLOURS[i])


# %% [markdown]
# ## Three senses of separable
#
# With $x$ in class $i$ if $w_i\cdot x + b_i$ is the largest: sets are **linearly separable** if one
# $(W, b)$ classifies all, **all-versus-one** if each set can be parted from the union of the others by a
# hyperplane, **pairwise** if each two can. All-versus-one implies linearly implies pairwise, and no
# arrow can be turned (quiz 1 has this wrong). Linear programs decide: they return $(W, b)$, or
# multipliers that prove there is none.

# %%
figure, axes = plot.figure(1, 3, size=(10, 3.2))
rows = []
for ax, kind in zip(axes, ("all_versus_one", "linear", "pairwise"), strict=True):
    x, y = data.synthetic.three_sets(kind, 12)
    found = learn.separability.classify(x, y)
    proof = found.linear.lower if found.linear.separable else found.linear.upper
    rows.append((kind, ", ".join(found.senses), "yes" if found.linear.separable else "no", proof))
    if x.shape[1] == 1:
        for i in range(3):
            points = np.asarray(x)[np.asarray(y) == i, 0]
            ax.plot(points, 0 * points, plot.MARKERS[i], color=plot.COLOURS[i], ms=4)
        t = np.linspace(-4.5, 4.5, 10)
        for i, (w, b) in enumerate(zip((-2, 0, 2), (-3, 0, -3), strict=True)):
            ax.plot(t, w * t + b, color=plot.COLOURS[i], lw=1)
        ax.set_ylim(-4, 6)
    else:
        regions(ax, lambda p, m=found.linear.model: learn.linear.predict(m, p), -2.3, 2.3, 3)
        scatter(ax, x, y)
    ax.set_title(found.strongest + (" separable" if found.linear.separable else ", not linearly"))
course.show(figure)

# %%
course.table(
    ("sets", "separable in the senses", "linearly", "margin, or size of the refutation"), rows
)

# %% [markdown]
# ## What no hyperplane parts
#
# Two rings: the proof of infeasibility is computed. The map $x \mapsto (x, |x|^2)$ parts them in one
# more dimension, and a decision tree by boxes.

# %%
x, y = data.synthetic.circles(jax.random.key(0), 120)
x, y = np.asarray(x, float), np.asarray(y)
flat = learn.separability.classify(x, y)
lift = lambda p: np.concatenate([p, (p**2).sum(axis=-1, keepdims=True)], axis=-1)
lifted = learn.separability.classify(lift(x), y)
tree = learn.tree.fit(x, y)
reach = float(np.abs(x).max()) * 1.05
figure, axes = plot.figure(1, 3, size=(10, 3.2))
learners = {
    "linear: none exists": lambda p: learn.linear.predict(learn.least_squares.fit(x, y), p),
    "linear in (x, |x|^2)": lambda p: learn.linear.predict(lifted.linear.model, lift(p)),
    "a decision tree": lambda p: learn.tree.predict(tree, p),
}
for ax, (name, predict) in zip(axes, learners.items(), strict=True):
    regions(ax, predict, -reach, reach, 2)
    scatter(ax, x, y)
    ax.set_title(f"{name}: {(predict(x) == y).mean():.0%}")
print("separable in the plane:", flat.linear.separable, "- lifted:", lifted.linear.separable)
course.show(figure)

# %% [markdown]
# ## Images
#
# An image of $8 \times 8$ pixels is a point in $[0, 1]^{64}$, one of CIFAR-10 a point in
# $[0, 1]^{3072}$. The library reads MNIST, Fashion-MNIST, CIFAR without TensorFlow:
# `approxnet data status` lists what is at hand, `approxnet data fetch NAME` downloads.

# %%
train, test = (data.load("digits", split) for split in ("train", "test"))
examples = np.concatenate([train.images[train.labels == c][:10, ..., 0] for c in range(10)])
tile = lambda pictures, rows: (
    np.pad(pictures, [(0, 0), (1, 1), (1, 1)], constant_values=128)
    .reshape(rows, -1, 10, 10)
    .transpose(0, 2, 1, 3)
    .reshape(rows * 10, -1)
    / 255
)
mean = np.stack([train.images[train.labels == c].mean(0)[..., 0] for c in range(10)])
figure, axes = plot.figure(1, 2, size=(8, 3.6))
plot.image(tile(examples, 10), axes=axes[0])
plot.image(tile(mean, 2), axes=axes[1])
axes[0].set_title("digits, ten of each class")
axes[1].set_title("the means of the classes")
course.show(figure)

# %% [markdown]
# ## Least squares
#
# The affine map that minimises $\sum_i |W x_i + b - e_{y_i}|^2$, by a pseudo-inverse in double
# precision: no seed, no schedule, no epoch. On MNIST it attains **exactly** what the notes print, so
# that it checks data, labels and solver at once.


# %%
def accuracies(name):
    """Of least squares, on the training and on the test images."""
    sets = [data.load(name, split) for split in ("train", "test")]
    points = [s.images.reshape(len(s.images), -1) / 255 for s in sets]
    model = learn.least_squares.fit(points[0], sets[0].labels)
    return [
        float((learn.linear.predict(model, p) == s.labels).mean())
        for p, s in zip(points, sets, strict=True)
    ]


attained = {}
for name in ("digits",) if quick else ("digits", "fashion_mnist", "mnist"):
    try:
        attained[name] = accuracies(name)
    except OfflineError:
        print(f"{name} is not at hand: approxnet data fetch {name}")
rows = [(name, *found) for name, found in attained.items()]
course.table(("set", "train", "test"), rows)

# %% [markdown]
# More examples close the gap between training and test, as statistics says they must; the dashed line
# is the accuracy on all training images.

# %%
sizes = (100, 200, 400, 800, len(train.images))
points, queries = (s.images.reshape(len(s.images), -1) / 255 for s in (train, test))
curves = []
for size in sizes:
    model = learn.least_squares.fit(points[:size], train.labels[:size])
    curves.append([
        (learn.linear.predict(model, p) == s).mean()
        for p, s in ((points[:size], train.labels[:size]), (queries, test.labels))
    ])  # fmt: skip
curves = np.array(curves)
figure, axes = plot.figure(size=(5.5, 3.2))
axes.semilogx(sizes, curves[:, 0], "o-", label="training images, measured")
axes.semilogx(sizes, curves[:, 1], "s-", label="test images, measured")
axes.axhline(attained["digits"][0], ls="--", color="#555555", label="all, training")
axes.axhline(0.1, ls=":", color="#555555", label="guessing")
axes.set_xlabel("examples")
axes.set_ylabel("accuracy")
axes.legend(frameon=False)
course.show(figure)

# %% [markdown]
# ## Programming assignment 1: derivatives
#
# JAX differentiates: `jax.grad` of $x^2 + y^2 + (xy)^3$, `jax.hessian` of $\frac12 x^T A x$. The system
# $A^2 x = b$ of the assignment is a trap: $A$ has rank 2, which the singular values show.

# %%
f = lambda z: z[0] ** 2 + z[1] ** 2 + (z[0] * z[1]) ** 3
A = jnp.arange(1.0, 10.0).reshape(3, 3)
gradient = jax.grad(f)(jnp.array([1.0, 2.0]))
singular = jnp.linalg.svd(A, compute_uv=False)
print("gradient", gradient, "- singular values of A", singular)

# %% [markdown]
# ## The course says, we get

# %%
printed = {
    "mnist": ("notes, numerical results", "85.77 % / 86.03 %"),
    "fashion_mnist": ("computed independently", "83.11 % / 81.13 %"),
}
x, y = data.synthetic.three_sets("linear", 12)
course.compare(
    [
        ("[-4,-2], [-1,1], [2,4]", "notes, chapter 2", "linearly, not all-versus-one",
         learn.separability.classify(x, y).strongest),
        ("derivative in y of x^2 + y^2 + (xy)^3", "programming assignment 1", 16,
         float(gradient[1])),
        ("rank of A", "programming assignment 1", "A^2 x = b is to be solved",
         int((singular > 1e-10).sum())),
        *((f"least squares, {name}", *printed[name],
           f"{100 * attained[name][0]:.2f} % / {100 * attained[name][1]:.2f} %")
          for name in attained if name in printed),
        ("least squares, digits", "ours", "", f"{100 * attained['digits'][1]:.1f} % test"),
    ]
)  # fmt: skip

# %% [markdown]
# ## Exercises

# %%
course.check_all(
    {
        "pa1.roots": ...,
        "pa1.derivative": float(gradient[0]),  # an answer that is not yet right
        "pa1.system": ...,
        "quiz1.1": ...,
        "quiz1.2": {"A=>B", "C=>B"},
        "quiz1.3": ...,
        "quiz1.5": ...,
        "quiz1.8": ...,
    }
)

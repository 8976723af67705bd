# %% [markdown]
# # Lecture 10: convolutions and classical networks
#
# A convolution is a matrix that commutes with shifts, given by a few numbers: a finite difference, a
# smoother, an edge detector. What lies beyond the border is a boundary condition. LeNet, VGG and ResNet
# train these numbers.
#
# Course: lecture notes by J. Xu, chapters 9 and 11; programming assignments 4 and 5 (problem 1);
# quizzes 4 and 5.

# %%
from approxnet import course

quick = course.begin()

# %%
import dataclasses
import time

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console

from approxnet import data, models, plot, training


def convolve(kernel, image, **options):
    """The notes' convolution K * g, without a flip, of two matrices."""
    k, g = jnp.asarray(kernel, jnp.float32), jnp.asarray(image, jnp.float32)
    return models.convolve(g[None, ..., None], k[..., None, None], **options)[0, ..., 0]


# %% [markdown]
# ## Stride, padding, boundary
#
# With stride $s$ and zero padding, $m$ rows become $\lfloor (m + s - 1)/s \rfloor$: for $s = 2$,
# $\lfloor (m+1)/2 \rfloor$, and $K *_2 g = S(K * g)$, where $S$ keeps every second pixel. Zero padding
# is a Dirichlet condition, periodic padding a torus, reflected padding a Neumann condition: below,
# 60 steps of the smoother $[0,1,0;\,1,4,1;\,0,1,0]/8$ on the image 1. What the border takes away tells
# them apart; the constant is kept exactly where it must be.

# %%
g = jnp.arange(49.0).reshape(7, 7) % 5
laplace = np.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]])
commutes = float(jnp.abs(convolve(laplace, g)[::2, ::2] - convolve(laplace, g, stride=2)).max())
smoother = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]]) / 8
figure, axes = plot.figure(1, 3, size=(9, 3))
kept = {}
for ax, boundary in zip(axes, ("zero", "periodic", "reflected"), strict=True):
    image = jnp.ones((33, 33))
    for _ in range(60):
        image = convolve(smoother, image, boundary=boundary)
    kept[boundary] = float(image.mean())
    ax.imshow(image, cmap=plot.COLOUR_MAP, vmin=0, vmax=1)
    ax.set_axis_off()
    ax.set_title(f"{boundary}: mean {kept[boundary]:.3f}")
course.show(figure)

# %% [markdown]
# For zero padding the heat equation predicts the decay: the eigenvalues of the smoother are
# $1 - \frac12\big(\sin^2\frac{i\pi}{2(n+1)} + \sin^2\frac{j\pi}{2(n+1)}\big)$, so that the mean of the
# image is a sum of powers of them, bounded by the first power.

# %%
n, steps = 33, 60
i = np.arange(1, n + 1)
sine = np.sin(np.pi * np.outer(i, i) / (n + 1)) * np.sqrt(2 / (n + 1))
part = sine.sum(axis=0) ** 2  # of the image 1 in the mode i
s = np.sin(np.pi * i / (2 * (n + 1))) ** 2
eigenvalue = 1 - (s[:, None] + s) / 2
measured, image = [], jnp.ones((n, n))
for _ in range(steps):
    image = convolve(smoother, image)
    measured.append(float(image.mean()))
m = np.arange(1, steps + 1)
predicted = [float((eigenvalue**k * part[:, None] * part).sum() / n**2) for k in m]
figure, axes = plot.figure(size=(5.5, 3))
axes.plot(m, measured, "o", ms=3, label="mean of the image, measured")
axes.plot(m, predicted, "-", label="predicted by the eigenvalues")
axes.plot(m, part.sum() ** 2 / n**2 * eigenvalue[0, 0] ** m, "--", label="bound, lowest eigenvalue")
axes.set_xlabel("steps")
axes.legend(frameon=False)
course.show(figure)

# %% [markdown]
# ## Filters
#
# A mean and Gauss' kernel smooth, Sobel's differentiate, the Laplacian and the Laplacian of a Gaussian
# find edges, and a line detector one direction.

# %%
x, y = np.meshgrid(np.linspace(-1, 1, 96), np.linspace(-1, 1, 96))
picture = 0.5 + 0.25 * (np.hypot(x, y) < 0.7) + 0.2 * (np.abs(x) < 0.1) - 0.3 * (y > x + 0.6)
tent = np.array([1, 2, 1])
log = np.array([[0, 0, -1, 0, 0], [0, -1, -2, -1, 0], [-1, -2, 16, -2, -1], [0, -1, -2, -1, 0],
                [0, 0, -1, 0, 0]])  # fmt: skip
filters = {
    "mean": np.full((3, 3), 1 / 9),
    "Gauss": np.outer(tent, tent) / 16,
    "Sobel, x": np.outer(tent, [-1, 0, 1]),
    "Sobel, y": np.outer([-1, 0, 1], tent),
    "Laplace": laplace,
    "Laplacian of a Gaussian": log,
    "vertical line": np.array([[-1, 2, -1]] * 3),
}
shown = {"image": picture}
for name, kernel in filters.items():
    filtered = convolve(kernel, picture, boundary="reflected")
    smooth = np.all(kernel >= 0)
    shown[name] = filtered if smooth else 0.5 + filtered / (2 * jnp.abs(filtered).max())
course.show(plot.images(shown, columns=4), dpi=55)

# %% [markdown]
# ## Programming assignment 4, problem 1
#
# $x \mapsto K_1 * x$ with the 5 x 5 Laplacian of a Gaussian, ReLU, mean over 3 x 3: a network with one
# hidden layer whose weights nobody trained.

# %%
first = convolve(log, picture)
rectified = jax.nn.relu(first)
second = convolve(filters["mean"], rectified)
course.show(
    plot.images(
        {"x": picture, "conv 1": 0.5 + first / 8, "ReLU": rectified, "conv 2": second}, columns=4
    ),
    dpi=55,
)

# %% [markdown]
# ## Classical networks for 32 x 32 images
#
# The course's numbers of parameters are those of its code. Parameters are not work: the
# multiplications for one image are counted as well.

# %%
names = ["lenet5", "alexnet", "vgg19", "googlenet", "resnet18", "preact_resnet18", "densenet100"]
rows = []
for name in names:
    model = models.MODELS[name]()
    shape = jax.ShapeDtypeStruct((1, 32, 32, 3), "float32")
    parameters, _ = jax.eval_shape(models.functional(model).init, jax.random.key(0), shape)
    rows.append(
        (name, models.count_parameters(parameters), models.count_macs(model, (32, 32, 3)) / 1e6)
    )
course.table(("network", "parameters", "million multiplications"), rows)

# %% [markdown]
# ## LeNet-5 learns
#
# In the course LeNet-5 reaches 99 % on MNIST and 60 % on CIFAR-10. Here it learns the 8 x 8 digits of
# scikit-learn, which need no download; with `NAME = "mnist"` or `"cifar10"` this cell is the
# assignment, best on a GPU.

# %%
NAME = "digits"
train, test = (data.load(NAME, split) for split in ("train", "test"))
statistics = data.augment.statistics(train.images)
normalize = lambda images: data.normalize(images, statistics=statistics)
recipe = training.TrainConfig(epochs=30, batch=64, learning_rate=0.05, momentum=0.9,
                              weight_decay=5e-4, schedule="step", drop_every=10)  # fmt: skip
if NAME == "digits":
    recipe = dataclasses.replace(recipe, epochs=6 if quick else 30, drop_every=2 if quick else 10)
lenet = models.functional(models.LeNet5(num_classes=len(train.classes)))
start = time.perf_counter()
result = training.fit(
    lenet, train, recipe, test=test, normalize=normalize, console=Console(quiet=True)
)
seconds = time.perf_counter() - start
score = training.evaluate(lenet, result.state, test, normalize=normalize)
curve = [epoch.test_accuracy for epoch in result.history]
figure, axes = plot.figure(size=(5.5, 3))
axes.plot(range(1, len(curve) + 1), curve, "o-", label="test accuracy")
axes.axhline(1 / len(train.classes), ls=":", color="#555555", label="guessing")
for drop in range(recipe.drop_every, recipe.epochs, recipe.drop_every):
    axes.axvline(drop + 0.5, lw=0.6, color="#bbbbbb")
axes.set_xlabel("epoch (lines: the rate is divided by 10)")
axes.set_ylim(0, 1.02)
axes.legend(frameon=False, loc="lower right")
print(f"{NAME}: {score.accuracy:.3f} after {recipe.epochs} epochs, {seconds:.0f} s, seed 0")
course.show(figure)

# %% [markdown]
# ## The course says, we get

# %%
lenet_mnist, _ = jax.eval_shape(
    models.functional(models.LeNet5()).init,
    jax.random.key(0),
    jax.ShapeDtypeStruct((1, 28, 28, 1), "float32"),
)
sizes = {row[0]: row[1] for row in rows}
course.compare(
    [
        ("parameters of LeNet-5, MNIST", "course code", 61706, models.count_parameters(lenet_mnist)),
        ("parameters of ResNet-18", "course code", 11173962, sizes["resnet18"]),
        ("parameters of VGG-19", "notes, chapter 9", "20.0M", sizes["vgg19"]),
        ("|S(K * g) - K *_2 g|", "notes, chapter 9", 0, commutes),
        ("mean after smoothing, periodic", "constants are kept", 1, kept["periodic"]),
        ("mean after smoothing, zero", "eigenvalues, above", predicted[-1], kept["zero"]),
        ("LeNet-5, MNIST", "programming assignment 4", "99 %",
         f"{100 * score.accuracy:.1f} % on {NAME}"),
    ]
)  # fmt: skip

# %% [markdown]
# ## Exercises
#
# For `quiz4.1`, $g$ and $K$ are these matrices; `pa4.edges` wants a function of a matrix, and the
# accuracies of the assignments those of your own runs.

# %%
g = np.array([[1, 2, 1, 1], [0, 0, 2, 0], [0, 2, 2, 0], [1, 1, 1, 1]])
K = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]])
course.check_all(
    {
        "quiz4.1": convolve(K, g, boundary="periodic"),  # an answer that is not yet right
        "quiz4.2": ...,
        "quiz4.3": ...,
        "quiz4.4": ...,
        "quiz4.6": ...,
        "quiz4.7": ...,
        "quiz4.8": ...,
        "quiz4.9": ...,
        "quiz5.2": ...,
        "quiz5.4": ...,
        "pa4.edges": lambda x: convolve(filters["mean"], convolve(log, x)),
        "pa4.lenet": ...,
        "pa4.mnist": ...,
        "pa4.wide": ...,
        "pa5.resnet": ...,
        "lecture10.lenet": ...,
    }
)

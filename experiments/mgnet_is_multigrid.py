"""Multigrid is the linear MgNet, and the residual of MgNet a residual network: to the last digits.

Command: approxnet reproduce mgnet_is_multigrid
Cost: 10 s (smoke, 15 unknowns a side), 1 min (full, to 127), on two cores
Expect: the linear MgNet with the kernels of a multigrid hierarchy is its cycle up to rounding,
whatever Pi does to the features of the coarse grids; iterated, it solves the course's problem in 11
(backslash) and 6 (V) cycles, where gradient descent, an MgNet with one grid, takes 883 steps. Both
forms of MgNet are one function, of which the residual form takes 78 % of the multiplications.

The problem is A u = f with the 5-point stencil on n x n interior points, f = 1/(n + 1)^2, zero
start, until |A u - f| < 1e-5 in Frobenius' norm; smoothing is two steps of gradient descent with
eta = 1/8, transfers are those of linear elements. Errors are largest differences relative to the
largest entry, in double precision.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np

from approxnet import models, multigrid
from approxnet import plot as drawing
from approxnet.models.mgnet.iterations import FORMS
from approxnet.reproduce import Check, Numbers, Quote, Table
from approxnet.reproduce.progress import Reporter

PAPER = (
    Quote(
        "J. He, J. Xu, MgNet: a unified framework of multigrid and convolutional neural network, "
        "Sci. China Math. 62 (2019)",
        "theorem 1",
        "with linear A, R and B, multigrid and MgNet are the same for every Pi: f - A u^{l,0} and "
        "u^{l,i} - u^{l,0} are the iterates of multigrid",
    ),
    Quote(
        "the same",
        "theorem 2 and theorem 3",
        "the residual of MgNet is a pre-activation ResNet with one A for each grid; a layer of a "
        "convolutional network is a step of such a one with a fixed A",
    ),
    Quote(
        "Penn State MATH 452, Deep Learning, Spring 2022",
        "final project",
        "gradient descent takes many times as many steps as multigrid takes cycles",
    ),
)

TOLERANCE = 1e-5
COURSE = {"gradient descent": 883, "backslash": 11, "V": 6}
"""Steps and cycles for n = 15, from zero."""

# Machine code that is not optimised compiles in half the time; the programs are small.
_compile: Any = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


@dataclasses.dataclass(frozen=True)
class Config:
    """Which grids, and how many cycles.

    Attributes:
      sides: unknowns per axis, 2^J - 1.
      cycles: of every network.
      channels: of the network whose forms are compared.
      seed: of everything random.
    """

    sides: tuple[int, ...]
    cycles: int = 16
    channels: int = 8
    seed: int = 0


SCALES = {"smoke": Config(sides=(15,)), "full": Config(sides=(15, 31, 63, 127), channels=32)}


def run(config: Config, progress: Reporter) -> Numbers:
    """Compare networks and cycles, let the networks solve, compare the forms, count."""
    studies = []
    total = len(config.sides) + 2
    for i, n in enumerate(config.sides):
        progress(f"cycles on {n} x {n} unknowns", i, total)
        studies.append(_study(config, n))
    progress("residual networks and the two forms", total - 2, total)
    identities = [row for study in studies for row in study.identities]
    identities += [*_forms(config), *_residual_networks(config)]
    progress("multiplications", total - 1, total)
    costs = _costs()
    checks = [Check(f"{name}: difference", error, "<=", bound) for name, error, bound in identities]
    checks += _course_checks(studies) + _cost_checks(costs)
    return Numbers(
        tables=(_identity_table(identities), _cycle_table(studies), _cost_table(costs)),
        checks=tuple(checks),
        data={"studies": studies, "features": _features(config)},
    )


Identity = tuple[str, float, float]  # name, error, bound


class Study(NamedTuple):
    """Networks on one grid: how they differ from cycles, and their residuals in the iteration."""

    n: int
    identities: list[Identity]
    residuals: dict[str, np.ndarray]


def _study(config: Config, n: int) -> Study:
    h = multigrid.hierarchy((n, n), transfer=multigrid.linear_element)
    smoother = multigrid.course_kernel()
    b = jax.random.normal(jax.random.key(config.seed), (n, n))
    identities, residuals = [], {}
    for name, post in (("backslash", 0), ("V", 2)):
        cycle = multigrid.v_cycle(smoother, pre=2, post=post, exact=False)
        expected = _compile(cycle)(h, b, jnp.zeros((n, n)))
        model, params = models.mgnet_from_hierarchy(h, smoother=smoother, pre=2, post=post)
        solve = _compile(partial(_iterate, model, config.cycles))
        for kind, pi in _maps(params, config.seed).items():
            found, history = solve(pi, h, b)
            error = _difference(found, expected)
            identities.append((f"MgNet, Pi {kind}, is the {name} cycle, n = {n}", error, 1e-13))
            residuals[name] = np.asarray(history)
    if n == 15:
        model, params = models.mgnet_from_hierarchy(h, smoother=multigrid.jacobi(0.5), pre=1)
        descent = partial(_iterate, model.clone(iterations=(1,), post=()), 900)
        residuals["gradient descent"] = np.asarray(_compile(descent)(params, h, b)[1])
    return Study(n, identities, residuals)


def _maps(params: dict[str, Any], seed: int) -> dict[str, dict[str, Any]]:
    """The params with other maps Pi."""
    rng = np.random.default_rng(seed)

    def random(shape: tuple[int, ...]) -> np.ndarray:
        kernel = rng.normal(size=shape)
        return kernel - kernel.mean()  # whose features do not look like the image

    draws: dict[str, Any] = {"zero": np.zeros, "random": random}
    return {
        kind: {
            name: jax.tree.map(lambda k, draw=draw: draw(k.shape), part) if "Pi" in name else part
            for name, part in params.items()
        }
        for kind, draw in draws.items()
    }


def _iterate(
    model: models.MgNet, cycles: int, params: Any, h: multigrid.Hierarchy, b: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The network of b, and |A u - f| for the iterates u <- u + network(f - A u), f constant."""
    scale = 1 / (b.shape[0] + 1) ** 2
    right = jnp.stack([b, jnp.ones_like(b)])

    def step(u: jax.Array, _: Any) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        r = right - jax.vmap(h.operators[0])(u)
        correction = jnp.asarray(model.apply({"params": params}, r[..., None]))[..., 0]
        return u + correction, (correction[0], scale * jnp.linalg.norm(r[1]))

    _, (corrections, residuals) = jax.lax.scan(step, jnp.zeros_like(right), length=cycles + 1)
    return corrections[0], residuals


def _difference(found: Any, expected: Any) -> float:
    flat, other = (jax.flatten_util.ravel_pytree(t)[0] for t in (found, expected))
    return float(jnp.abs(flat - other).max() / jnp.abs(other).max())


def _forms(config: Config) -> list[Identity]:
    """Logits and gradients of both forms, with batch statistics."""
    rng = np.random.default_rng(config.seed)
    x = jnp.asarray(rng.normal(size=(4, 8, 8, 3)))
    c, results = config.channels, []
    for form in FORMS:
        init, apply = models.functional(models.MgNet((2, 1), c, c, form=form))
        params, state = init(jax.random.key(config.seed), x)

        def loss(p: Any, apply: Any = apply, state: Any = state) -> tuple[jax.Array, jax.Array]:
            logits, _ = apply(p, state, x, train=True)
            return (logits**2).sum(), logits

        gradient, logits = _compile(jax.grad(loss, has_aux=True))(params)
        results.append((logits, gradient))
    (logits, gradient), (expected, other) = results
    return [
        ("MgNet: logits of residual and standard form", _difference(logits, expected), 1e-13),
        ("MgNet: gradients of residual and standard form", _difference(gradient, other), 1e-11),
    ]


def _residual_networks(config: Config) -> list[Identity]:
    """Theorem 2, lemma 2 and theorem 3 on random images with random kernels."""
    rng, c = np.random.default_rng(config.seed), 4
    f = rng.normal(size=(2, 9, 9, c))
    xi, *etas = rng.normal(size=(4, 3, 3, c, c)) / 6
    theorem2, lemma2, theorem3 = _both_sides(f, xi, etas)
    return [
        ("theorem 2: the residual of MgNet is a pre-activation ResNet", _difference(*theorem2),
         1e-13),
        ("lemma 2: ResNet is the relu of a sigma-ResNet", _difference(*lemma2), 1e-13),
        ("theorem 3: a CNN layer is a step with a fixed A", _difference(*theorem3), 1e-13),
    ]  # fmt: skip


@_compile
def _both_sides(f: Any, xi: Any, etas: Any) -> tuple[tuple[jax.Array, jax.Array], ...]:
    """Both sides of the statements, for images f, an operator xi and extractors."""
    K, relu, c = models.convolve, jax.nn.relu, f.shape[-1]
    u, r = jnp.zeros_like(f), f
    g, resnet = f, relu(f)
    for eta in etas:
        u = u + relu(K(relu(f - K(u, xi)), eta))
        r = r - K(relu(K(relu(r), eta)), xi)
        resnet = relu(resnet - K(relu(K(resnet, eta)), xi))
        g = relu(g) - K(relu(K(relu(g), eta)), xi)
    identity = jnp.zeros((3, 3, c, c)).at[1, 1].set(jnp.eye(c))
    double = jnp.concatenate([etas[0] - identity, identity - etas[0]], axis=3)
    fixed = jnp.concatenate([-identity, identity], axis=2)
    layer = relu(f) - K(relu(K(relu(f), double)), fixed)
    return (f - K(u, xi), r), (relu(g), resnet), (layer, K(relu(f), etas[0]))


def _costs() -> dict[str, tuple[int, int]]:
    """Parameters and multiplications for an image of 32 x 32 x 3."""
    networks: dict[str, Any] = {"ResNet-18": models.ResNet()}
    for c in (64, 256):
        for form in ("standard", "residual"):
            networks[f"MgNet [2,2,2,2], {c} channels, {form} form"] = models.MgNet(
                (2, 2, 2, 2), c, c, form=form
            )
    x = jax.ShapeDtypeStruct((1, 32, 32, 3), "float32")
    costs = {}
    for name, model in networks.items():
        params, _ = jax.eval_shape(models.functional(model).init, jax.random.key(0), x)
        costs[name] = (models.count_parameters(params), models.count_macs(model, (32, 32, 3)))
    return costs


def _cost_checks(costs: Mapping[str, tuple[int, int]]) -> list[Check]:
    macs = {name: m for name, (_, m) in costs.items()}
    standard, residual = (
        macs[f"MgNet [2,2,2,2], 64 channels, {form} form"] for form in ("standard", "residual")
    )
    return [
        Check("multiplications, residual over standard form, 64 channels", residual / standard,
              "<=", 0.7838),
    ]  # fmt: skip


def _course_checks(studies: list[Study]) -> list[Check]:
    """The counts of the course, and cycles that do not grow with n."""
    checks = []
    for name, number in COURSE.items():
        measured = [_count(s.residuals[name]) for s in studies if name in s.residuals]
        course = [_count(s.residuals[name]) for s in studies if s.n == 15]
        checks += [
            Check(f"{name}: |steps - {number}| for n = 15", abs(found - number), "<=", 0)
            for found in course
        ]
        checks.append(Check(f"{name}: steps for every n", max(measured), "<=", 2 * number))
    return checks


def _count(residuals: np.ndarray) -> int:
    """The first step with a residual below the tolerance; the number of all if there is none."""
    below = np.flatnonzero(residuals < TOLERANCE)
    return int(below[0]) if below.size else len(residuals)


def _identity_table(identities: list[Identity]) -> Table:
    return Table("Identities", ("statement", "difference", "bound"), tuple(identities))


def _cycle_table(studies: list[Study]) -> Table:
    rows = tuple(
        (study.n, name, _count(r), float(r[-1] / r[-2]))
        for study in studies
        for name, r in study.residuals.items()
    )
    return Table(
        "Steps of the network to |A u - f| < 1e-5",
        ("n", "network", "steps", "last factor"),
        rows,
    )


def _cost_table(costs: Mapping[str, tuple[int, int]]) -> Table:
    reference = costs["ResNet-18"]
    rows = tuple(
        (name, parameters, macs, parameters / reference[0], macs / reference[1])
        for name, (parameters, macs) in costs.items()
    )
    columns = ("network", "parameters", "multiplications", "parameters / ResNet-18",
               "multiplications / ResNet-18")  # fmt: skip
    return Table("Cost of an image of 32 x 32 x 3", columns, rows)


class Features(NamedTuple):
    """The kernels of a network, and by map Pi the start on the second grid and the result."""

    kernels: dict[str, np.ndarray]
    coarse: dict[str, np.ndarray]
    results: dict[str, np.ndarray]


def _features(config: Config) -> Features:
    n = 31
    h = multigrid.hierarchy((n, n), transfer=multigrid.linear_element)
    model, params = models.mgnet_from_hierarchy(h, pre=2)
    x = multigrid.nodes((n, n))
    f = np.exp(-60 * ((x - [0.3, 0.4]) ** 2).sum(-1)) - np.exp(
        -60 * ((x - [0.7, 0.6]) ** 2).sum(-1)
    )

    @_compile
    def forward(params: Any) -> Any:
        return model.apply(
            {"params": params},
            f[None, ..., None],
            capture_intermediates=lambda module, _: module.name == "Pi_2",
            mutable=["intermediates"],
        )

    coarse, results = {}, {}
    maps = {"injection": params, **_maps(params, config.seed)}
    for kind, pi in maps.items():
        u, captured = forward(pi)
        coarse[kind] = np.asarray(captured["intermediates"]["Pi_2"]["__call__"][0])[0, ..., 0]
        results[kind] = np.asarray(u)[0, ..., 0]
    kernels = {
        "A": params["A_1"] / (n + 1) ** 2,
        "B": params["B_1"]["eta"]["kernel"] * (n + 1) ** 2 * 64,
        "R": params["R_2"]["conv"]["kernel"] * 8,
        "P": params["P_1"]["kernel"] * 2,
    }
    return Features({k: v[..., 0, 0] for k, v in kernels.items()}, coarse, results)


def plot(numbers: Numbers) -> Mapping[str, Any]:
    """The figures by caption."""
    return {
        "The linear MgNet as a solver, u <- u + network(f - A u): residuals over the steps. With "
        "one grid it is gradient descent; with all grids the number of cycles does not depend on "
        "the number of unknowns.": _histories(numbers.data["studies"]),
        "The kernels of a linear MgNet (A h^2, 64 B / h^2, 8 R and 2 P), its features on the "
        "second grid for three maps Pi, and its result for these, which is the same: the "
        "correction takes off what Pi put in.": _pictures(numbers.data["features"]),
    }


def _histories(studies: list[Study]) -> Any:
    figure, ax = drawing.figure(size=(6.4, 3.8))
    colours = dict(zip(COURSE, drawing.COLOURS, strict=False))
    for study, marker in zip(studies, drawing.MARKERS, strict=False):
        for name, residuals in study.residuals.items():
            shown = residuals[: _count(residuals) + 1]
            mark = {"marker": marker, "ms": 4} if name != "gradient descent" else {}
            ax.loglog(np.arange(len(shown)) + 1, shown, color=colours[name], lw=1.2, **mark,
                      label=f"{name}, n = {study.n}: {_count(residuals)}")  # fmt: skip
    ax.axhline(TOLERANCE, color="#555555", lw=0.8, ls=":")
    ax.set_xlabel("1 + steps")
    ax.set_ylabel("|A u - f|")
    ax.legend(frameon=False, fontsize=8, loc=(0.4, 0.1))
    return figure


def _pictures(features: Features) -> Any:
    figure, axes = drawing.figure(2, 5, size=(10.0, 4.4))
    for ax, (name, kernel) in zip(axes[:, :2].flat, features.kernels.items(), strict=True):
        limit = np.abs(kernel).max()
        ax.imshow(kernel, cmap="PuOr", vmin=-2 * limit, vmax=2 * limit)
        for (i, j), value in np.ndenumerate(kernel):
            ax.text(j, i, f"{value:g}", ha="center", va="center", fontsize=9)
        ax.set_title(name)
    for row, pictures, title in ((0, features.coarse, "start on grid 2"),
                                 (1, features.results, "result")):  # fmt: skip
        for ax, (kind, picture) in zip(axes[row, 2:], pictures.items(), strict=True):
            size = np.abs(picture).max() or 1.0
            ax.imshow(picture, cmap=drawing.COLOUR_MAP, vmin=-size, vmax=size)
            ax.set_title(f"Pi {kind}: {title}", fontsize=8.5)
    for ax in axes.flat:
        ax.set_xticks([])
        ax.set_yticks([])
    return figure

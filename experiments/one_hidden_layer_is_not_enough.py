"""Why finite elements in the plane need two hidden layers.

Command: approxnet reproduce one_hidden_layer_is_not_enough
Cost: 10 s (smoke, to 400 neurons), 2 min (full, to 3,000 neurons), on two cores
Expect: the gradient of a network with one hidden layer jumps by the same vector all along each of
its lines, however far out; the gradient of a hat function jumps inside its patch and nowhere
else. So one layer approximates the hat with an error that falls slowly with its neurons, and two
layers are exact with a handful.

One hidden layer is u(x) = sum_i c_i relu(w_i . x + b_i). On the line {w_i . x + b_i = 0} its
gradient jumps by c_i w_i, away from the other lines; a nonzero jump therefore extends to
infinity, and no u but an affine one has its kinks in a bounded set. The hat function is 1 at the
centre of a hexagon and 0 outside of it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from approxnet import fem, mapping, relu
from approxnet import plot as drawing
from approxnet.reproduce import Check, Numbers, Quote, Table, rounding
from approxnet.reproduce.progress import Reporter

PAPER = (
    Quote(
        "J. He, L. Li, J. Xu, C. Zheng, ReLU deep neural networks and linear finite elements, "
        "J. Comput. Math. 38 (2020), 502-527",
        "abstract",
        "'at least 2 hidden layers are needed in a ReLU DNN to represent any linear finite "
        "element functions in Omega in R^d when d >= 2'",
    ),
)


@dataclasses.dataclass(frozen=True)
class Config:
    """How many neurons the fits have, and where the kinks are measured.

    Attributes:
      neurons: sizes of the fits with one hidden layer.
      grid: points per axis at which the hat is fitted; twice as many judge the fit.
      lines: neurons of the network whose kinks are measured.
      reach: how far out along each line.
      samples: points on each line.
      seed: of the networks.
    """

    neurons: tuple[int, ...]
    grid: int
    lines: int = 12
    reach: float = 1000.0
    samples: int = 200
    seed: int = 0


SCALES = {
    "smoke": Config(neurons=(25, 50, 100, 200, 400), grid=48),
    "full": Config(neurons=(25, 50, 100, 200, 400, 800, 1600, 3000), grid=96),
}

BOX = 2.0
"""The hat, of support in [-1, 1]^2, is fitted and drawn on [-BOX, BOX]^2."""

STEP = 1e-6
"""Gradients are compared this far to both sides of a line."""


def hat() -> tuple[fem.SimplexMesh, np.ndarray]:
    """Six triangles around the origin, and the hat function of the origin."""
    mesh = fem.box((2, 2), -1.0, 1.0)
    return mesh, np.all(mesh.nodes == 0, axis=1).astype(float)


def run(config: Config, progress: Reporter) -> Numbers:
    """Measure the kinks of one and of two layers; fit the hat with one layer, write it with two."""
    rng = np.random.default_rng(config.seed)
    mesh, values = hat()
    two_layers = mapping.fem_to_relu(mesh, values)
    one_layer = _random_network(config.lines, rng)
    progress("kinks", 0, len(config.neurons) + 1)
    checks = _shallow_kinks(one_layer, config) + _hat_kinks(two_layers, config)
    fits = []
    for i, n in enumerate(config.neurons):
        progress(f"best fit of {n} neurons", i + 1, len(config.neurons) + 1)
        fits.append(_best_fit(n, config.grid, rng))
    x = _grid(2 * config.grid)
    exact = _rms(relu.evaluate(two_layers, x) - _hat_at(x))
    tolerance = rounding.tolerance(two_layers, [-BOX, -BOX], [BOX, BOX])
    errors = [_rms(relu.evaluate(fit, x) - _hat_at(x)) for fit in fits]
    checks.append(Check("the hat in two hidden layers: error", exact, "<=", tolerance))
    for fit, error in zip(fits, errors, strict=True):
        limit = rounding.tolerance(fit, [-BOX, -BOX], [BOX, BOX])
        claim = f"the hat in one hidden layer of {relu.n_neurons(fit)} is not exact: error"
        checks.append(Check(claim, error, ">", limit))
    data = {"one": one_layer, "two": two_layers, "fits": fits, "errors": errors, "exact": exact}
    return Numbers((_table(fits, errors, two_layers, exact),), tuple(checks), data)


def _random_network(n: int, rng: np.random.Generator) -> relu.Network:
    """One hidden layer of n neurons with lines through [-1, 1]^2 and unit normals."""
    weight, bias = _random_lines(n, rng)
    return relu.from_layers([(weight, bias), (rng.choice([-1.0, 1.0], (1, n)), np.zeros(1))])


def _random_lines(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Unit normals (n, 2) and offsets (n,) of lines through random points of [-1, 1]^2."""
    angle = rng.uniform(0, 2 * math.pi, n)
    normals = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return normals, -(normals * rng.uniform(-1, 1, (n, 2))).sum(axis=1)


def _jumps(net: relu.Network, x: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """The jump of the normal derivative of a network across lines, at points x on them."""
    gradient = jax.vmap(jax.grad(lambda point: relu.evaluate(net, point)))
    sides = [gradient(jnp.asarray(x + sign * STEP * normal)) for sign in (1, -1)]
    return np.asarray((sides[0] - sides[1]) @ normal)


def _shallow_kinks(net: relu.Network, config: Config) -> list[Check]:
    """The jump along each line of one hidden layer is c_i |w_i|, all the way."""
    first, last = net.layers
    weight, offset = np.asarray(first.dense()), np.asarray(first.bias_vector())
    coefficients = np.asarray(last.dense())[0]
    t = np.linspace(-config.reach, config.reach, config.samples)
    deviations = []
    for normal, b, c in zip(weight, offset, coefficients, strict=True):
        x = -b * normal + t[:, None] * np.array([-normal[1], normal[0]])
        deviations.append(np.abs(_jumps(net, x, normal) - c).max())
    bound = len(weight) * 2.0**-52 * np.abs(coefficients).sum()
    claim = f"one hidden layer: the jump along each line is c_i, to {config.reach:g} either way"
    return [Check(f"{claim}: deviation", float(max(deviations)), "<=", float(bound))]


def _hat_kinks(net: relu.Network, config: Config) -> list[Check]:
    """On lines through the centre of the hat the jump is >= 1 in its patch and 0 outside."""
    inside, outside = [], []
    for direction in ([1.0, 0.0], [0.0, 1.0], [1.0, 1.0]):
        end = np.array(direction)
        normal = np.array([-end[1], end[0]]) / np.linalg.norm(end)
        near = np.linspace(0.01, 0.99, config.samples)
        far = 1 + np.geomspace(0.01, config.reach, config.samples)
        for sign in (1, -1):
            inside.append(np.abs(_jumps(net, sign * near[:, None] * end, normal)).min())
            outside.append(np.abs(_jumps(net, sign * far[:, None] * end, normal)).max())
    return [
        Check("the hat: smallest jump on the edges in its patch", float(min(inside)), ">", 0.999),
        Check("the hat: largest jump on the same lines outside", float(max(outside)), "<=", 1e-12),
    ]


def _best_fit(n: int, grid: int, rng: np.random.Generator) -> relu.Network:
    """The least-squares fit of the hat by one hidden layer of n neurons.

    The first nine lines are those that carry the edges of the hexagon, the others are random.
    """
    normals, offsets = _random_lines(n, rng)
    edges = [(w, b) for w in ((1.0, 0.0), (0.0, 1.0), (1.0, -1.0)) for b in (-1.0, 0.0, 1.0)]
    for i, (normal, b) in enumerate(edges):
        normals[i], offsets[i] = normal, b
    x = _grid(grid)
    features = np.concatenate([np.maximum(x @ normals.T + offsets, 0), np.ones((len(x), 1))], 1)
    solution = np.linalg.lstsq(features, _hat_at(x), rcond=1e-12)[0]
    return relu.from_layers([(normals, offsets), (solution[None, :-1], solution[-1:])])


def _grid(points: int) -> np.ndarray:
    """The midpoints of points x points equal squares, (points^2, 2)."""
    t = BOX * ((2 * np.arange(points) + 1) / points - 1)
    return np.stack(np.meshgrid(t, t), axis=-1).reshape(-1, 2)


def _hat_at(x: np.ndarray) -> np.ndarray:
    """The hat function at points, (..., 2) -> (...), 0 outside its mesh."""
    mesh, values = hat()
    return np.nan_to_num(np.asarray(fem.evaluate(mesh, values, x)), nan=0.0)


def _rms(difference: Any) -> float:
    return float(np.sqrt(np.mean(np.asarray(difference) ** 2)))


def _table(
    fits: list[relu.Network], errors: list[float], two_layers: relu.Network, exact: float
) -> Table:
    rows = [(1, relu.n_neurons(fit), error) for fit, error in zip(fits, errors, strict=True)]
    rows.append((2, relu.n_neurons(two_layers), exact))
    columns = ("hidden layers", "neurons", "root mean square error")
    return Table(f"The hat function on [{-BOX:g}, {BOX:g}]^2", columns, tuple(rows))


def plot(numbers: Numbers) -> Mapping[str, Any]:
    """The figures by caption."""
    data = numbers.data
    return {
        "Where gradients jump, the darker the larger. Kinks of one hidden layer are whole lines "
        "(left); those of the hat function, in two hidden layers, end at its patch (middle); the "
        "best fit in one hidden layer needs lines that cross the whole square (right).": _kinks(
            data["one"], data["two"], data["fits"][-1]
        ),
        "The best fit of the hat function in one hidden layer, by neurons. Two hidden layers are "
        "exact up to rounding.": _errors(data["fits"], data["errors"], data["two"], data["exact"]),
    }


def _kinks(one: relu.Network, two: relu.Network, fit: relu.Network) -> Any:
    figure, axes = drawing.figure(1, 3, size=(12.0, 4.1))
    titles = ("one hidden layer", "the hat, two hidden layers", "its best fit in one")
    for ax, net, title in zip(axes, (one, two, fit), titles, strict=True):
        drawing.kinks(net, [-BOX, -BOX], [BOX, BOX], axes=ax)
        ax.set_title(f"{title}: {relu.n_neurons(net):,} neurons")
    return figure


def _errors(fits: list[relu.Network], errors: list[float], two: relu.Network, exact: float) -> Any:
    sizes = [relu.n_neurons(fit) for fit in fits]
    figure = drawing.rates(
        {"one hidden layer": (sizes, errors)}, xlabel="neurons", ylabel="root mean square error"
    )
    (axes,) = figure.axes
    label = f"two hidden layers, {relu.n_neurons(two)} neurons"
    axes.loglog([relu.n_neurons(two)], [max(exact, 2.0**-52)], "D", label=label, ms=5)
    axes.legend(frameon=False)
    return figure

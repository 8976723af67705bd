"""How many linear regions networks have, and how many they could have.

Command: approxnet reproduce linear_regions_of_networks
Cost: 10 s (smoke, to 128 neurons), 2 min (full, to 512), on two cores
Expect: special networks attain the bounds, one hidden layer that of Zaslavsky, folds that of
Montúfar et al., a sawtooth of two neurons a layer 2^depth pieces. Random networks have about as
many regions as n hyperplanes make, n^d / d!, with n neurons in all layers together and whatever
their number; the bound of Serra et al. for their shapes is larger by orders of magnitude. Training
moves the kinks to where the target bends and hardly changes how many regions they make.

Random weights are N(0, 2 / n_in) and biases N(0, 1/4), the box is [-1, 1]^d, and regions are those
of activation patterns. The network that is trained learns tanh(8 (|x| - 0.6)) in the square.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from approxnet import plot as drawing
from approxnet import relu
from approxnet.reproduce import Check, Numbers, Quote, Table, networks
from approxnet.reproduce.progress import Reporter

PAPER = (
    Quote(
        "B. Hanin, D. Rolnick, Deep ReLU networks have surprisingly few activation patterns, "
        "NeurIPS 2019",
        "abstract",
        "the average number of activation patterns at initialization is at most about the number "
        "of neurons to the power of the input dimension, whatever the depth; it stays so during "
        "training",
    ),
)


@dataclasses.dataclass(frozen=True)
class Config:
    """How large the networks are and how long one is trained.

    Attributes:
      neurons: neurons of random networks in all layers together, for d = 1, 2, 3.
      depths: hidden layers of random networks.
      nets: random networks of each shape.
      levels: the sawtooth has up to as many layers.
      widths: of the network that is trained.
      steps: optimiser steps at which its regions are counted, increasing from 0.
      seed: of everything random.
    """

    neurons: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
    nets: int
    levels: int
    depths: tuple[int, ...] = (1, 2, 3, 4)
    widths: tuple[int, ...] = (2, 24, 24, 1)
    steps: tuple[int, ...] = (0, 3, 10, 20, 30, 60, 100, 200, 300, 600, 1000, 2000, 3000)
    seed: int = 0


SCALES = {
    "smoke": Config(neurons=((16, 32, 64, 128), (16, 32, 64, 128), (16, 32)), nets=5, levels=10),
    "full": Config(
        neurons=((16, 32, 64, 128, 256, 512), (16, 32, 64, 128, 256), (16, 32, 64)),
        nets=20,
        levels=16,
        steps=(0, 3, 10, 20, 30, 60, 100, 200, 300, 600, 1000, 2000, 3000, 6000, 10_000, 20_000),
    ),
}

DEVIATIONS = 4.0
"""How many standard deviations chance is given."""

SHALLOW = ((1, 6), (2, 3), (2, 6), (2, 10), (3, 6))
"""Dimensions and neurons of networks that attain the bound of Zaslavsky."""

FOLDED = ((1, (3, 3), 3), (2, (2,), 4), (2, (4,), 8), (3, (2, 2), 6))
"""Dimensions, folds and last widths of networks that attain the bound of Montúfar et al."""

RADIUS, HALF_WIDTH = 0.6, 0.2
"""The target bends in the ring of points whose distance from the origin is about RADIUS."""

RING = math.pi * RADIUS * HALF_WIDTH
"""The share of the ring in the square: 2 pi RADIUS times 2 HALF_WIDTH of 4."""

LEARNING_RATE = 3e-3
GRID = 32
"""Points per axis at which the network is trained."""


class Extreme(NamedTuple):
    """A network built to have many regions in the unit cube, and how many it should have."""

    name: str
    net: relu.Network
    regions: int
    expected: int


class Sample(NamedTuple):
    """The regions of random networks of one shape."""

    d: int
    depth: int
    neurons: int
    shape: tuple[int, ...]
    regions: np.ndarray

    @property
    def mean(self) -> float:
        """The average number of regions."""
        return float(self.regions.mean())

    @property
    def spread(self) -> float:
        """The standard deviation of the number of regions."""
        return float(self.regions.std(ddof=1))

    @property
    def hyperplanes(self) -> int:
        """How many regions as many hyperplanes make."""
        return relu.max_regions((self.d, self.neurons, 1), bound="zaslavsky")


class Moment(NamedTuple):
    """The network after some steps: its error, its regions and their share in the ring."""

    step: int
    net: relu.Network
    error: float
    regions: int
    share: float


def run(config: Config, progress: Reporter) -> Numbers:
    """Count the regions of extreme networks, of random ones, and of one during training."""
    rng = np.random.default_rng(config.seed)
    progress("extreme networks", 0, 5)
    extremes = _extremes(config, rng)
    samples = []
    for d, neurons in enumerate(config.neurons, start=1):
        progress(f"random networks, d = {d}", d, 5)
        samples += [_sample(config, d, k, n, rng) for k in config.depths for n in neurons]
    progress("training", 4, 5)
    moments = _training(config, rng)
    return Numbers(
        tables=(_extreme_table(extremes), _sample_table(samples), _moment_table(moments)),
        checks=(
            *(Check(f"{e.name}: |regions - {e.expected:,}|", abs(e.regions - e.expected), "<=", 0)
              for e in extremes),
            *(check for d in (1, 2, 3) for check in _sample_checks(config, samples, d)),
            _line_check(config, samples),
            *_moment_checks(config, moments),
        ),
        data={"extremes": extremes, "samples": samples, "moments": moments},
    )  # fmt: skip


def _extremes(config: Config, rng: np.random.Generator) -> list[Extreme]:
    """One hidden layer, folds, and sawtooths, each with what it attains."""
    built = []
    for d, n in SHALLOW:
        net = networks.folded(d, (), n, rng)
        built.append(("one hidden layer", net, relu.max_regions((d, n, 1), bound="zaslavsky")))
    for d, folds, last in FOLDED:
        net = networks.folded(d, folds, last, rng)
        built.append(("folds", net, relu.max_regions(relu.shape(net), bound="montufar")))
    for levels in range(2, config.levels + 1, 2):
        built.append((f"sawtooth, {levels} layers", networks.sawtooth(levels), 2**levels))
    return [
        Extreme(
            f"{name}, shape {relu.shape(net)}", net, relu.count_regions(net, 0.0, 1.0), expected
        )
        for name, net, expected in built
    ]


def _sample(config: Config, d: int, depth: int, neurons: int, rng: np.random.Generator) -> Sample:
    """Random networks whose neurons are shared out among the layers, the first ones first."""
    widths = tuple((neurons + i) // depth for i in reversed(range(depth)))
    shape = (d, *widths, 1)
    counts = [
        relu.count_regions(networks.random(shape, rng), -1.0, 1.0) for _ in range(config.nets)
    ]
    return Sample(d, depth, neurons, shape, np.array(counts))


def _target(x: np.ndarray) -> np.ndarray:
    return np.tanh(8 * (np.linalg.norm(x, axis=-1) - RADIUS))


def _training(config: Config, rng: np.random.Generator) -> list[Moment]:
    t = (2 * np.arange(GRID) + 1) / GRID - 1
    x = np.stack(np.meshgrid(t, t), axis=-1).reshape(-1, 2)
    y = _target(x)
    optimizer = optax.adam(LEARNING_RATE)

    def loss(net: relu.Network, x: jax.Array, y: jax.Array) -> jax.Array:
        return jnp.mean((relu.evaluate(net, x) - y) ** 2)

    @jax.jit
    def advance(count: int, net: relu.Network, state: Any, x: jax.Array, y: jax.Array) -> Any:
        def step(_: Any, carry: Any) -> Any:
            net, state = carry
            updates, state = optimizer.update(jax.grad(loss)(net, x, y), state)
            return optax.apply_updates(net, updates), state

        net, state = jax.lax.fori_loop(0, count, step, (net, state))
        return net, state, loss(net, x, y)

    net = jax.tree.map(jnp.asarray, networks.random(config.widths, rng))
    state, moments = optimizer.init(net), []
    for step, count in zip(config.steps, np.diff(config.steps, prepend=0), strict=True):
        net, state, error = advance(count, net, state, x, y)
        regions, share = _ring(net)
        moments.append(Moment(step, net, math.sqrt(error), regions, share))
    return moments


def _ring(net: relu.Network) -> tuple[int, float]:
    """The number of regions in the square, and the share of those with their middle in the ring."""
    cells = relu.linear_regions(net, -1.0, 1.0)
    sums = np.add.reduceat(cells.vertices[cells.corners], cells.starts[:-1])
    middle = sums / np.diff(cells.starts)[:, None]
    inside = np.abs(np.linalg.norm(middle, axis=1) - RADIUS) < HALF_WIDTH
    return len(inside), float(inside.mean())


def _sample_checks(config: Config, samples: list[Sample], d: int) -> list[Check]:
    """The bound of Serra et al. holds for each network, that of Hanin and Rolnick for the mean.

    One hidden layer is the measure of depth: deeper networks of as many neurons may have more
    regions by chance only.
    """
    chosen = [s for s in samples if s.d == d]
    one = {s.neurons: s for s in chosen if s.depth == 1}
    serra = max(s.regions.max() / relu.max_regions(s.shape, bound="serra") for s in chosen)
    beyond = max(
        (s.mean - one[s.neurons].mean) / math.hypot(s.spread, one[s.neurons].spread)
        for s in chosen
        if s.depth > 1
    )
    return [
        Check(f"d = {d}: regions of any network over the bound of Serra et al.", float(serra),
              "<=", 1.0),
        Check(f"d = {d}: mean regions of any shape over those of as many hyperplanes",
              max(s.mean / s.hyperplanes for s in chosen), "<=", 1.0),
        Check(f"d = {d}: mean regions beyond those of one hidden layer, in standard deviations",
              beyond * math.sqrt(config.nets), "<=", DEVIATIONS),
    ]  # fmt: skip


def _line_check(config: Config, samples: list[Sample]) -> Check:
    """The kink -b / w of a neuron is in (-1, 1) with probability 2 / pi arctan(sd(w) / sd(b))."""
    p = 2 / math.pi * math.atan(math.sqrt(2) / networks.BIAS)
    deviation = max(
        abs(s.mean - 1 - p * s.neurons) / math.sqrt(s.neurons * p * (1 - p) / config.nets)
        for s in samples
        if (s.d, s.depth) == (1, 1)
    )
    claim = "d = 1, one hidden layer: |mean - (1 + p n)| in standard deviations"
    return Check(claim, deviation, "<=", DEVIATIONS)


def _moment_checks(config: Config, moments: list[Moment]) -> list[Check]:
    first, last = moments[0], moments[-1]
    n = sum(config.widths[1:-1])
    most = max(moment.regions for moment in moments)
    return [
        Check("training: error after and before", last.error, "<", first.error),
        Check("training: most regions, and those of as many hyperplanes", most, "<=",
              relu.max_regions((2, n, 1), bound="zaslavsky")),
        Check("training: share of the regions in the ring, after and before", last.share, ">",
              first.share),
        Check("training: share of the regions in the ring, and of its area", last.share, ">", RING),
    ]  # fmt: skip


def _extreme_table(extremes: list[Extreme]) -> Table:
    columns = ("network", "neurons", "regions", "Montúfar et al. (attained)", "Serra et al.")
    rows = tuple(
        (
            extreme.name,
            relu.n_neurons(extreme.net),
            extreme.regions,
            *(relu.max_regions(relu.shape(extreme.net), bound=b) for b in ("montufar", "serra")),
        )
        for extreme in extremes
    )
    return Table("Networks with many regions in the unit cube", columns, rows)


def _sample_table(samples: list[Sample]) -> Table:
    columns = ("d", "hidden layers", "neurons", "regions, mean", "spread", "mean d! / n^d",
               "of hyperplanes", "Serra et al.")  # fmt: skip
    rows = tuple(
        (
            s.d,
            s.depth,
            s.neurons,
            s.mean,
            s.spread,
            s.mean * math.factorial(s.d) / s.neurons**s.d,
            s.hyperplanes,
            f"{relu.max_regions(s.shape, bound='serra'):.3g}",
        )
        for s in samples
    )
    return Table("Random networks in [-1, 1]^d", columns, rows)


def _moment_table(moments: list[Moment]) -> Table:
    columns = ("step", "root mean square error", "regions", "share in the ring")
    return Table("Training", columns, tuple((m.step, m.error, m.regions, m.share) for m in moments))


def plot(numbers: Numbers) -> Mapping[str, Any]:
    """The figures by caption."""
    data = numbers.data
    return {
        "Linear regions in the plane, coloured by the network's value in their middle: lines in "
        "general position (left), folds, which repeat what follows (middle), and a random network "
        "of two hidden layers, the second of which bends where the first does (right).": _pictures(
            data["extremes"], data["moments"][0].net
        ),
        "Regions of random networks against all their neurons, mean and spread, side by side for "
        "legibility. Whatever the "
        "depth, there are no more than those of as many hyperplanes (solid line); the "
        "bounds of Serra et al. for the same shapes (dotted) grow with the depth.": _counts(
            data["samples"]
        ),
        "Linear regions during training: the circles bound the ring in which the target "
        "bends.": _moments(data["moments"]),
        "The number of regions during training, and the share of them in the ring, whose share "
        "of the area is dotted.": _history(data["moments"]),
    }


def _pictures(extremes: list[Extreme], random: relu.Network) -> Any:
    planar = [e for e in extremes if relu.shape(e.net)[0] == 2]
    largest = {depth: [e for e in planar if relu.hidden_layers(e.net) == depth][-1]
               for depth in (1, 2)}  # fmt: skip
    shown = [(e.net, 0.0, e.regions) for e in largest.values()]
    shown.append((random, -1.0, relu.count_regions(random, -1.0, 1.0)))
    figure, axes = drawing.figure(1, 3, size=(12.0, 4.1))
    names = ("one hidden layer", "folds", "random")
    for ax, name, (net, lower, regions) in zip(axes, names, shown, strict=True):
        drawing.regions(net, [lower, lower], [1.0, 1.0], axes=ax)
        ax.set_title(f"{name}, {relu.n_neurons(net)} neurons: {regions:,} regions")
    return figure


def _counts(samples: list[Sample]) -> Any:
    figure, axes = drawing.figure(1, 3, size=(12.0, 4.0))
    for ax, d in zip(axes, (1, 2, 3), strict=True):
        depths = sorted({s.depth for s in samples})
        for depth, colour, marker in zip(depths, drawing.COLOURS, drawing.MARKERS, strict=False):
            chosen = [s for s in samples if (s.d, s.depth) == (d, depth)]
            n = [s.neurons for s in chosen]
            beside = np.array(n) * (n[-1] / n[0]) ** (0.02 * (depth - 1))
            ax.errorbar(beside, [s.mean for s in chosen], [s.spread for s in chosen], fmt=marker,
                        color=colour, ms=4.5, capsize=2, label=f"{depth} hidden")  # fmt: skip
            bounds = [float(relu.max_regions(s.shape, bound="serra")) for s in chosen]
            ax.plot(n, bounds, ":", color=colour, lw=1.2)
        line = [s for s in samples if (s.d, s.depth) == (d, depths[0])]
        ax.plot([s.neurons for s in line], [s.hyperplanes for s in line], "-", color="#555555",
                lw=1.2, label="hyperplanes")  # fmt: skip
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_xticks(n, [str(count) for count in n])
        ax.minorticks_off()
        ax.set_title(f"d = {d}")
        ax.set_xlabel("neurons in all layers")
    axes[0].set_ylabel("regions")
    axes[0].legend(frameon=False, fontsize=8)
    return figure


def _moments(moments: list[Moment]) -> Any:
    from matplotlib.patches import Circle

    chosen = [moments[round(i)] for i in np.linspace(0, len(moments) - 1, 4)]
    figure, axes = drawing.figure(1, 4, size=(13.0, 3.5))
    for ax, moment in zip(axes, chosen, strict=True):
        drawing.regions(moment.net, [-1.0, -1.0], [1.0, 1.0], axes=ax)
        for radius in (RADIUS - HALF_WIDTH, RADIUS + HALF_WIDTH):
            ax.add_patch(Circle((0, 0), radius, fill=False, color=drawing.COLOURS[1], lw=1.2))
        ax.set_title(f"step {moment.step:,}: {moment.regions:,} regions")
    return figure


def _history(moments: list[Moment]) -> Any:
    figure, axes = drawing.figure(1, 3, size=(12.0, 3.4))
    steps = [m.step for m in moments]
    columns = {"root mean square error": [m.error for m in moments],
               "regions": [m.regions for m in moments],
               "share of the regions in the ring": [m.share for m in moments]}  # fmt: skip
    for ax, (name, values) in zip(axes, columns.items(), strict=True):
        ax.plot(steps, values, "o-", ms=4, lw=1.2)
        ax.set_xscale("symlog", linthresh=3)
        ax.set_xlim(0)
        ax.set_ylim(0)
        ax.set_xlabel("steps")
        ax.set_title(name)
    axes[2].axhline(RING, color="#555555", ls=":", lw=1.2)
    return figure

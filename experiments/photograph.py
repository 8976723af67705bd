"""A photograph becomes a finite element function and a ReLU network.

Command: approxnet reproduce photograph
Cost: 20 s (smoke, to 2,000 nodes), 3 min (full, to 20,000 nodes), on two cores
Expect: the network equals the interpolant at all 273,280 pixels up to rounding, so that both have
the same PSNR; nodes that follow the picture beat the same number on a uniform mesh by 0.7 dB at
500 nodes and 2.6 dB at 20,000; at most 3.6 neurons per triangle.

The photograph is china.jpg of scikit-learn in grey; `approxnet.reproduce.images` says how the
nodes are chosen and what they interpolate. The first figure of the full scale is the picture in
the README: ``approxnet reproduce photograph --scale full`` writes it to
``results/photograph/figure-1.png``.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from approxnet import fem, mapping, relu
from approxnet import plot as drawing
from approxnet.reproduce import Check, Numbers, Table, images, rounding
from approxnet.reproduce.progress import Reporter


@dataclasses.dataclass(frozen=True)
class Config:
    """How many nodes, of which pixels, and whether to spoil the networks.

    Attributes:
      nodes: numbers of nodes, increasing.
      step: take every step-th row and column of the photograph.
      perturbation: what is added to one weight of each network. Anything but 0 must turn the
        report red.
    """

    nodes: tuple[int, ...]
    step: int = 1
    perturbation: float = 0.0


SCALES = {
    "smoke": Config(nodes=(500, 1000, 2000)),
    "full": Config(nodes=(500, 1000, 2000, 5000, 10_000, 20_000)),
}

NEURONS_PER_TRIANGLE = 3.6
LARGE = 1000


class Picture(NamedTuple):
    """One mesh: what was measured on it and what is drawn of it."""

    mesh: fem.SimplexMesh
    method: str
    neurons: int
    interpolant: np.ndarray
    network: np.ndarray
    tolerance: float
    uniform: float
    seconds: dict[str, float]

    @property
    def difference(self) -> float:
        """The largest difference of network and interpolant over all pixels."""
        return float(np.abs(self.network - self.interpolant).max())


def run(config: Config, progress: Reporter) -> Numbers:
    """Interpolate, map, evaluate at all pixels, for each number of nodes."""
    photograph = images.photograph()[:: config.step, :: config.step]
    pictures = []
    greedy = images.greedy_nodes(photograph, config.nodes)
    for i, n in enumerate(config.nodes):
        progress(f"{n:,} nodes", i, len(config.nodes))
        start = time.perf_counter()
        pictures.append(_picture(config, photograph, next(greedy), start))
    return Numbers(
        tables=(_table(photograph, pictures),),
        checks=tuple(check for picture in pictures for check in _checks(photograph, picture)),
        data={"photograph": photograph, "pictures": pictures},
    )


def _picture(config: Config, photograph: np.ndarray, nodes: images.Nodes, start: float) -> Picture:
    x = images.points(photograph.shape)
    mesh = fem.delaunay(images.place(nodes.rows, nodes.columns, photograph.shape))
    clock = [start, time.perf_counter()]
    net = mapping.fem_to_relu(mesh, nodes.values)
    clock.append(time.perf_counter())
    network = np.asarray(relu.evaluate(_perturbed(net, config.perturbation), x))
    clock.append(time.perf_counter())
    return Picture(
        mesh=mesh,
        method=mapping.size(mesh).method,
        neurons=relu.n_neurons(net),
        interpolant=np.asarray(fem.evaluate(mesh, nodes.values, x)),
        network=network,
        tolerance=rounding.tolerance(net, x[-1, 0], x[0, -1]),
        uniform=_uniform(photograph, len(nodes.values)),
        seconds=dict(zip(("mesh", "network", "pixels"), np.diff(clock), strict=True)),
    )


def _perturbed(net: relu.Network, amount: float) -> relu.Network:
    """The network with ``amount`` added to the middle weight of its first layer."""
    leaves, tree = jax.tree.flatten(net)
    weight = np.array(leaves[0])
    weight[len(weight) // 2, 0] += amount
    return jax.tree.unflatten(tree, [weight, *leaves[1:]])


def _uniform(photograph: np.ndarray, n: int) -> float:
    """The PSNR on a uniform mesh with about n nodes and the same aim."""
    x = images.points(photograph.shape)
    lower, upper = x[-1, 0], x[0, -1]
    across = round(math.sqrt(n * upper[0] / upper[1]))
    mesh = fem.box((across - 1, max(1, round(n / across) - 1)), lower, upper)
    values = images.sample(images.blurred(photograph, n), mesh.nodes)
    return images.psnr(np.asarray(fem.evaluate(mesh, values, x)), photograph)


def _table(photograph: np.ndarray, pictures: list[Picture]) -> Table:
    columns = ("nodes", "triangles", "form", "neurons", "neurons per triangle",
               "PSNR of interpolant [dB]", "PSNR of network [dB]", "PSNR, uniform mesh [dB]",
               "largest difference", "tolerance", "mesh [s]", "network [s]",
               "pixels [s]")  # fmt: skip
    rows = tuple(
        (
            len(p.mesh.nodes),
            len(p.mesh.cells),
            p.method,
            p.neurons,
            p.neurons / len(p.mesh.cells),
            images.psnr(p.interpolant, photograph),
            images.psnr(p.network, photograph),
            p.uniform,
            p.difference,
            p.tolerance,
            *(round(seconds, 3) for seconds in p.seconds.values()),
        )
        for p in pictures
    )
    return Table(f"The photograph at {photograph.size:,} pixels", columns, rows)


def _checks(photograph: np.ndarray, picture: Picture) -> list[Check]:
    n, tolerance = len(picture.mesh.nodes), picture.tolerance
    psnr = images.psnr(picture.interpolant, photograph)
    # |d mse| <= 2 rmse t + t^2 for a difference of at most t at each pixel
    rmse = 10 ** (-psnr / 20)
    psnr_tolerance = 20 / math.log(10) * (tolerance / rmse) * (1 + tolerance / rmse)
    same = abs(images.psnr(picture.network, photograph) - psnr)
    checks = [
        Check(f"{n} nodes: |network - interpolant| at every pixel", picture.difference, "<=",
              tolerance),
        Check(f"{n} nodes: |PSNR of network - PSNR of interpolant|", same, "<=", psnr_tolerance),
        Check(f"{n} nodes: PSNR is more than on a uniform mesh", psnr, ">", picture.uniform),
    ]  # fmt: skip
    if n >= LARGE:
        ratio = picture.neurons / len(picture.mesh.cells)
        checks.append(Check(f"{n} nodes: neurons per triangle", ratio, "<=", NEURONS_PER_TRIANGLE))
    return checks


def _beside(photograph: np.ndarray, picture: Picture) -> Any:
    """The photograph, the mesh and the network side by side."""
    figure, axes = drawing.figure(1, 3, size=(12.0, 3.0))
    drawing.image(photograph, axes=axes[0])
    drawing.mesh(picture.mesh, axes=axes[1])
    axes[1].set_axis_off()
    axes[1].margins(0)
    axes[1].autoscale()
    drawing.image(picture.network, axes=axes[2])
    titles = (
        f"photograph, {photograph.size:,} pixels",
        f"mesh, {len(picture.mesh.nodes):,} nodes",
        f"ReLU network, {picture.neurons:,} neurons",
    )
    for ax, title in zip(axes, titles, strict=True):
        ax.set_title(title)
    return figure


def _rows(pictures: list[Picture]) -> Any:
    """The interpolants above their networks."""
    named = {f"interpolant, {len(p.mesh.nodes):,} nodes": p.interpolant for p in pictures}
    named |= {f"network, {p.neurons:,} neurons": p.network for p in pictures}
    return drawing.images(named, columns=len(pictures))


def _psnr(photograph: np.ndarray, pictures: list[Picture]) -> Any:
    """PSNR against the number of nodes, next to the uniform mesh."""
    figure, axes = drawing.figure()
    n = [len(p.mesh.nodes) for p in pictures]
    adaptive = [images.psnr(p.network, photograph) for p in pictures]
    axes.semilogx(n, adaptive, "o-", label="nodes that follow the picture")
    axes.semilogx(n, [p.uniform for p in pictures], "s--", label="uniform mesh")
    axes.set_xlabel("nodes")
    axes.set_ylabel("PSNR [dB]")
    axes.set_xticks(n, [f"{count:,}" for count in n], minor=False)
    axes.minorticks_off()
    axes.legend(frameon=False)
    return figure


def plot(numbers: Numbers) -> Mapping[str, Any]:
    """The figures by caption."""
    photograph, pictures = numbers.data["photograph"], numbers.data["pictures"]
    return {
        "The photograph, the adaptive mesh with the most nodes, and the ReLU network that equals "
        "the interpolant on it.": _beside(photograph, pictures[-1]),
        "Interpolants (above) and their networks (below): the same functions, evaluated in two "
        "ways.": _rows(pictures),
        "PSNR against the number of nodes. Interpolant and network have the same to all digits "
        "shown.": _psnr(photograph, pictures),
    }

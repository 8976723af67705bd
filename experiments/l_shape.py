"""On the L-shaped domain a trained network is better than the finite elements it starts from.

Command: approxnet reproduce l_shape
Cost: 15 s (smoke, 355 neurons), 2 min (full, 800 neurons), on two cores
Expect: the energy of the adaptive finite element solution and of its network agree to rounding; a
few hundred steps of training take away at least a third of what the energy is above its minimum,
with the same neurons; finite elements need half as many nodes again, or more, for that.

-div grad u = 1 in the L-shaped domain (-1, 1)^2 without [0, 1] x [-1, 0], u = 0 on its boundary,
minimises E(v) = |v|_1^2 / 2 - int v over the functions that are 0 on the boundary, so only their
energies can be compared, and |u - v|_1^2 = 2 (E(v) - E(u)). A network with all its weights free
does not stay among them: its boundary values would have to be punished, and its energy could fall
below the minimum. So the weights move together, all of them, along the networks that stay.

Those are the networks of P1 functions (method ``polygon``, two hidden layers): a neuron of the
first layer for each inner edge and k - 2 of the second for each inner node with k cells. Trained
are the places of the nodes, that is, the kinks. Inner nodes move freely, boundary nodes along their
side, the corners stay, and which nodes share a cell does not change, so that neither does the
number of neurons. For given kinks the best values are the finite element solution and are solved
for. A term of 1 to 2 10^-3 of the energy, which is left out of what is reported, keeps the cells
from collapsing:

    QUALITY times the mean over the cells of (sum of squared edges) / (4 3^(1/2) area).

Bisection puts many edges on one line, which the network needs once; therefore all nodes are first
moved a little at random, and every edge has its neuron from the start.

The energies of networks are exact integrals over their linear regions in the three squares of the
domain. That of u is extrapolated, to about 10^-4 of it, from two fine adaptive meshes, on which it
falls like the inverse of the number of cells. The experiment is ours: the paper solves equations in
one dimension.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from approxnet import fem, mapping, optimize, relu
from approxnet import plot as drawing
from approxnet.relu.complexes import LADDER
from approxnet.relu.regions import TOLERANCE
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
    """The size of the network and how long it is trained.

    Attributes:
      cells: at least so many triangles.
      steps: of the optimiser.
      reference: triangles of the finer mesh from which the energy of u is extrapolated.
      seed: of the first move of the nodes.
    """

    cells: int
    steps: int
    reference: int
    seed: int = 0


SCALES = {
    "smoke": Config(cells=100, steps=300, reference=20_000),
    "full": Config(cells=200, steps=600, reference=80_000),
}

SQUARES = (((-1.0, -1.0), (0.0, 0.0)), ((-1.0, 0.0), (0.0, 1.0)), ((0.0, 0.0), (1.0, 1.0)))
"""The lower and upper corners of the three squares that the domain is made of."""

QUALITY = 1e-4
"""The weight of the term that keeps cells from collapsing."""

NUDGE = 0.02
"""The first move of a coordinate is at most this part of the smallest cell beside the node."""

KINK = TOLERANCE * LADDER[-1]
"""The linear regions know kinks up to this."""


class State(NamedTuple):
    """A mesh, its finite element solution, the network of this, and its energy by regions."""

    mesh: fem.SimplexMesh
    values: np.ndarray
    net: relu.Network
    energy: float


def run(config: Config, progress: Reporter) -> Numbers:
    """Solve adaptively, write the solution as a network, train it."""
    progress("energy of u", 0, 4)
    least = _least_energy(config.reference)
    progress("adaptive finite elements", 1, 4)
    mesh, free, reach = _start(config)
    before = _state(mesh)
    progress("training", 2, 4)
    path, energies = _train(mesh, free, reach, config.steps)
    progress("energy of the trained network", 3, 4)
    after = _state(fem.from_arrays(path[-1], mesh.cells))
    needed = _nodes_needed(after.energy)
    excess = [(energy - least) / -least for energy in (before.energy, after.energy)]
    checks = _checks(before, after, excess[1] / excess[0], needed / len(mesh.nodes))
    data = {"before": before, "after": after, "path": path, "excess": energies / -least + 1}
    return Numbers((_table(before, after, excess, needed),), checks, data)


def _one(x: np.ndarray) -> np.ndarray:
    return np.ones(x.shape[:-1])


def _domain() -> fem.SimplexMesh:
    """Six triangles."""
    mesh = fem.box((2, 2), -1.0, 1.0)
    centre = mesh.nodes[mesh.cells].mean(axis=1)
    cells = mesh.cells[(centre[:, 0] < 0) | (centre[:, 1] > 0)]
    used, local = np.unique(cells, return_inverse=True)
    return fem.from_arrays(mesh.nodes[used], local.reshape(cells.shape))


def _indicator(mesh: fem.SimplexMesh) -> np.ndarray:
    return fem.estimate(mesh, fem.solve_poisson(mesh, _one), _one)


def _energy(mesh: fem.SimplexMesh) -> float:
    """The energy of the finite element solution v, -int v / 2."""
    return -float(fem.load(mesh, _one) @ fem.solve_poisson(mesh, _one)) / 2


def _least_energy(cells: int) -> float:
    """E(u) from E(v) = E(u) + C / cells on two meshes."""
    coarse = fem.adapt(_domain(), _indicator, cells=cells // 2)
    fine = fem.adapt(coarse, _indicator, cells=cells)
    weights = np.array([-len(coarse.cells), len(fine.cells)])
    return float(weights @ [_energy(coarse), _energy(fine)] / weights.sum())


def _start(config: Config) -> tuple[fem.SimplexMesh, np.ndarray, np.ndarray]:
    """A mesh in general position, which coordinates may move (n, 2), and the cells' sizes (n,)."""
    mesh = fem.adapt(_domain(), _indicator, cells=config.cells)
    free, reach = _freedom(mesh), np.full(len(mesh.nodes), np.inf)
    np.minimum.at(reach, mesh.cells, fem.diameters(mesh)[:, None])
    rng = np.random.default_rng(config.seed)
    move = NUDGE * reach[:, None] * rng.uniform(-1, 1, mesh.nodes.shape)
    return fem.from_arrays(mesh.nodes + np.where(free, move, 0), mesh.cells), free, reach


def _freedom(mesh: fem.SimplexMesh) -> np.ndarray:
    """(n, 2): a coordinate is free unless a boundary edge of the node keeps it constant."""
    free = np.ones(mesh.nodes.shape, bool)
    cell, vertex = np.nonzero(mesh.neighbours < 0)
    for ends in ((vertex + 1) % 3, (vertex + 2) % 3):
        here, there = mesh.cells[cell, ends], mesh.cells[cell, 3 - vertex - ends]
        free[here] &= mesh.nodes[here] != mesh.nodes[there]
    return free


def _state(mesh: fem.SimplexMesh) -> State:
    values = fem.solve_poisson(mesh, _one)
    net = mapping.fem_to_relu(mesh, values, method="polygon")
    energy = sum(
        relu.norm_h1(net, *square) ** 2 / 2 - float(relu.integrate(net, *square)[0])
        for square in SQUARES
    )
    return State(mesh, values, net, energy)


def _nodes_needed(energy: float) -> int:
    """The nodes of the first adaptive mesh, refined a cell at a time, with at most this energy."""
    mesh = _domain()
    while _energy(mesh) > energy:
        mesh = fem.bisect(mesh, [int(np.argmax(_indicator(mesh)))]).mesh
    return len(mesh.nodes)


def _train(
    mesh: fem.SimplexMesh, free: np.ndarray, reach: np.ndarray, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """The places of the nodes (steps + 1, n, 2) along the path, and the energies (steps + 1,)."""
    inner = np.setdiff1d(np.arange(len(mesh.nodes)), fem.boundary_nodes(mesh))
    path, energies = _descend(mesh.nodes, mesh.cells, inner, free * reach[:, None], steps=steps)
    return np.asarray(path), np.asarray(energies)


@functools.partial(jax.jit, static_argnames="steps")
def _descend(nodes: Any, cells: Any, inner: Any, scale: Any, *, steps: int) -> tuple[Any, Any]:
    """L-BFGS for the moves p in x = nodes + scale p, measured in sizes of cells."""

    def objective(p: jax.Array) -> jax.Array:
        area, energy, quality = _measure(nodes + scale * p, cells, inner)
        return jnp.where(area > 0, energy + QUALITY * quality, jnp.inf)

    moves = optimize.trajectory(objective, jnp.zeros_like(nodes), optimize.lbfgs(), steps).points
    path = nodes[None] + scale[None] * moves
    return path, jax.lax.map(lambda x: _measure(x, cells, inner)[1], path)


def _measure(x: jax.Array, cells: Any, inner: Any) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The smallest area, the energy of the finite element solution, and the mean quality."""
    corner = x[cells]
    side = jnp.roll(corner, -1, axis=1) - jnp.roll(corner, -2, axis=1)
    area = jnp.linalg.det(side[:, :2]) / 2
    local = jnp.einsum("cik,cjk->cij", side, side) / (4 * area[:, None, None])
    n = len(x)
    A = jnp.zeros((n, n), x.dtype).at[cells[:, :, None], cells[:, None, :]].add(local)
    b = jnp.zeros(n, x.dtype).at[cells].add(jnp.broadcast_to(area[:, None] / 3, cells.shape))
    b = b[inner]
    energy = -b @ jnp.linalg.solve(A[inner][:, inner], b) / 2
    quality = jnp.trace(local, axis1=1, axis2=2) / math.sqrt(3)
    return area.min(), energy, quality.mean()


def _checks(before: State, after: State, left: float, more: float) -> tuple[Check, ...]:
    checks = []
    for name, state in (("start", before), ("trained", after)):
        limit = rounding.tolerance(state.net, [-1.0, -1.0], [1.0, 1.0])
        gap = abs(state.energy - _energy(state.mesh))
        checks += [
            Check(
                f"{name}: |energy of the network - energy of the P1 function|",
                gap,
                "<=",
                _energy_near_kinks(state),
            ),
            Check(f"{name}: largest boundary value", _boundary_value(state.net), "<=", limit),
        ]
    neurons = relu.n_neurons(after.net) - relu.n_neurons(before.net)
    return (
        *checks,
        Check("neurons that training adds", float(neurons), "<=", 0.0),
        Check("E(trained) - E(start)", after.energy - before.energy, "<", 0.0),
        Check("(E(trained) - E(u)) / (E(start) - E(u))", left, "<=", 2 / 3),
        Check("nodes that adaptive finite elements need for that, over nodes", more, ">=", 1.5),
    )


def _energy_near_kinks(state: State) -> float:
    """What the place of the kinks can change: |grad v|^2 / 2 on strips that are KINK wide."""
    length = 3 * fem.diameters(state.mesh).sum() / 2
    slope = np.asarray(fem.gradient(state.mesh, state.values))
    return float(KINK * length * (slope**2).sum(axis=1).max() / 2)


def _boundary_value(net: relu.Network, points: int = 1000) -> float:
    """The largest |v| at points along the boundary."""
    corners = np.array([[-1, -1], [0, -1], [0, 0], [1, 0], [1, 1], [-1, 1], [-1, -1]], float)
    t = np.linspace(0, 1, points)[:, None, None]
    x = (1 - t) * corners[:-1] + t * corners[1:]
    return float(np.abs(np.asarray(relu.evaluate(net, x))).max())


def _table(before: State, after: State, excess: list[float], needed: int) -> Table:
    columns = (
        "network",
        "nodes",
        "neurons",
        "E(v)",
        "(E(v) - E(u)) / |E(u)|",
        "same energy: nodes",
    )
    rows = [
        (name, len(state.mesh.nodes), relu.n_neurons(state.net), state.energy, part, nodes)
        for name, state, part, nodes in (
            ("adaptive finite elements", before, excess[0], len(before.mesh.nodes)),
            ("trained", after, excess[1], needed),
        )
    ]
    return Table("The L-shaped domain", columns, tuple(rows))


def plot(numbers: Numbers) -> Mapping[str, Any]:
    """The figures by caption."""
    data = numbers.data
    return {
        "The kinks of the network before (left) and after training (middle), and the paths of the "
        "nodes (right).": _meshes(data["before"], data["after"], data["path"]),
        "How much the energy is above its minimum, by steps of training.": _history(data["excess"]),
        "The trained network on the domain, and its kinks in the square around it, the darker the "
        "larger the jump of the gradient. In the notch the network is 0.": _network(data["after"]),
    }


def _meshes(before: State, after: State, path: np.ndarray) -> Any:
    figure, axes = drawing.figure(1, 3, size=(12.0, 4.1))
    for ax, state in zip(axes, (before, after), strict=False):
        drawing.mesh(state.mesh, axes=ax)
    drawing.mesh(after.mesh, axes=axes[2])
    for line in axes[2].lines:
        line.set_color("#cccccc")
    axes[2].plot(path[..., 0], path[..., 1], color=drawing.COLOURS[1], lw=0.9)
    axes[2].plot(path[0, :, 0], path[0, :, 1], "o", color=drawing.COLOURS[0], ms=2.5)
    for ax in axes:
        ax.set_axis_off()
    return figure


def _history(excess: np.ndarray) -> Any:
    figure, ax = drawing.figure()
    ax.loglog(np.arange(1, len(excess) + 1), excess)
    ax.set_xlabel("step of L-BFGS")
    ax.set_ylabel("(E(v) - E(u)) / |E(u)|")
    return figure


def _network(state: State) -> Any:
    figure, axes = drawing.figure(1, 2, size=(9.0, 4.1))
    drawing.function(state.mesh, state.values, axes=axes[0])
    drawing.kinks(state.net, [-1.0, -1.0], [1.0, 1.0], axes=axes[1])
    return figure

"""In space a finite element function is a network with two hidden layers, on any mesh.

Command: approxnet reproduce three_dimensions
Cost: 20 s (smoke, to 2,500 tetrahedra), 1 min (full, to 10,000), on two cores
Expect: at most 12 neurons per tetrahedron for random, integer and constant data on random meshes
and on Kuhn's; two hidden layers also with boundary values, if the domain is star-shaped; errors
below what rounding explains. The formula that takes a maximum of minima over convex pieces, which
is right in the plane, is wrong by 0.17 on a patch of twelve tetrahedra.

A P1 function on tetrahedra is an integer combination of maxima of at most four of its own affine
pieces (docs/maxima.md), and two hidden layers hold a maximum of four. The other constructions for
meshes whose patches are not convex need a logarithm of the number of cells at a node as depth.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from approxnet import fem, mapping, relu
from approxnet import plot as drawing
from approxnet.errors import AssumptionError
from approxnet.reproduce import Check, Numbers, Quote, Table, meshes, rounding
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
    """How large the meshes are and where they are tried.

    Attributes:
      nodes: numbers of nodes, about.
      grids: the meshes, keys of ``CUBES``; forms are compared on those that are star-shaped.
      varied: how many of these, the first ones, are tried with all data.
      compared: nodes, about, of the meshes on which all forms are compared.
      points: random points of random cells, and as many around the mesh, at most.
      work: at most this many points times neurons for each network.
      seed: of values, meshes and points.
    """

    nodes: tuple[int, ...]
    grids: tuple[str, ...] = ("random", "Kuhn", "hollow")
    varied: int = 1
    compared: int = 60
    points: int = 2000
    work: int = 3 * 10**8
    seed: int = 0


SCALES = {
    "smoke": Config(nodes=(100, 400)),
    "full": Config(nodes=(100, 400, 1600), varied=3),
}

NEURONS_PER_TETRAHEDRON = 12

CUBES: dict[str, meshes.Factory] = {
    "random": meshes.random_cube,
    "Kuhn": meshes.uniform_cube,
    "hollow": meshes.hollow_cube,
}
STAR_SHAPED = ("random", "Kuhn")
DATA: dict[str, Callable[[int, np.random.Generator], np.ndarray]] = {
    "random": lambda n, rng: rng.normal(size=n),
    "integer": lambda n, rng: rng.integers(-1, 2, n).astype(float),
    "constant": lambda n, rng: np.ones(n),
}


class Case(NamedTuple):
    """A function on a mesh, its network, and how they compare."""

    grid: str
    data: str
    method: str
    boundary: str
    mesh: fem.SimplexMesh
    values: np.ndarray
    net: relu.Network
    seconds: float
    error: float
    tolerance: float

    @property
    def per_cell(self) -> float:
        """Neurons per tetrahedron."""
        return relu.n_neurons(self.net) / len(self.mesh.cells)

    @property
    def label(self) -> str:
        """What the checks call it."""
        cells = f"{len(self.mesh.cells):,} tetrahedra"
        return f"{self.grid}, {cells}, {self.data} data, {self.boundary}, {self.method}"


def run(config: Config, progress: Reporter) -> Numbers:
    """Map and compare on every mesh, with all data and in all forms."""
    rng = np.random.default_rng(config.seed)
    jobs = [(grid, n) for n in config.nodes for grid in config.grids]
    grown = []
    for i, (grid, n) in enumerate(jobs):
        progress(f"{grid}, {n:,} nodes", i, len(jobs) + 2)
        mesh = CUBES[grid](n, rng)
        data = list(DATA)[: None if n in config.nodes[: config.varied] else 1]
        grown += [_case(config, grid, mesh, name, "maxima", "zero", rng) for name in data]
    progress("all forms", len(jobs), len(jobs) + 2)
    compared = _compared(config, rng)
    progress("twelve tetrahedra", len(jobs) + 1, len(jobs) + 2)
    trap = _trap()
    cases = grown + compared
    return Numbers(
        tables=(_table("Zero boundary values: two hidden layers", grown),
                _table("All forms on small meshes", compared)),
        checks=(*(check for case in cases for check in _checks(case)), *_trap_checks(trap)),
        data={"grown": grown, "trap": trap},
    )  # fmt: skip


def _case(
    config: Config,
    grid: str,
    mesh: fem.SimplexMesh,
    data: str,
    method: str,
    boundary: str,
    rng: np.random.Generator,
) -> Case:
    values = DATA[data](len(mesh.nodes), rng)
    if boundary == "zero":
        values[fem.boundary_nodes(mesh)] = 0.0
    start = time.perf_counter()
    net = mapping.fem_to_relu(mesh, values, method=method)
    seconds = time.perf_counter() - start
    points = min(config.points, config.work // relu.n_neurons(net))
    x, exact = _sample(mesh, values, points, boundary == "zero", rng)
    error = np.abs(np.asarray(relu.evaluate(net, x)) - exact).max()
    limit = rounding.tolerance(net, x.min(axis=0), x.max(axis=0))
    return Case(grid, data, method, boundary, mesh, values, net, seconds, float(error), limit)


def _sample(
    mesh: fem.SimplexMesh, values: np.ndarray, n: int, around: bool, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Points of random cells, and around the mesh, where the function is 0; and its values."""
    cells = mesh.cells[rng.integers(len(mesh.cells), size=n)]
    weights = rng.dirichlet(np.ones(cells.shape[1]), size=n)
    x = np.einsum("pk,pki->pi", weights, mesh.nodes[cells])
    exact = np.einsum("pk,pk->p", weights, values[cells])
    if around:
        lower, upper = mesh.nodes.min(axis=0), mesh.nodes.max(axis=0)
        beyond = rng.uniform(2 * lower - upper, 2 * upper - lower, (n, 3))
        beyond = beyond[np.asarray(fem.locate(mesh, beyond)) < 0]
        x, exact = np.vstack([x, beyond]), np.append(exact, np.zeros(len(beyond)))
    return x, exact


def _compared(config: Config, rng: np.random.Generator) -> list[Case]:
    """Every form that applies to a mesh and random values, on the boundary too."""
    cases = []
    for grid in (grid for grid in config.grids if grid in STAR_SHAPED):
        mesh = CUBES[grid](config.compared, rng)
        for method in ("maxima", "convex", "barrier"):
            try:
                cases.append(_case(config, grid, mesh, "random", method, "free", rng))
            except AssumptionError:
                assert method == "convex"
    return cases


class Trap(NamedTuple):
    """The hat of the patch along a line through the point where the lattice form is wrong."""

    distance: np.ndarray
    hat: np.ndarray
    lattice: np.ndarray
    network: np.ndarray
    tolerance: float


def _trap() -> Trap:
    mesh = meshes.twelve_tetrahedra()
    values = np.eye(1, len(mesh.nodes))[0]
    net = mapping.fem_to_relu(mesh, values, method="maxima")
    worst = np.array([320.1695, 156.7797, 671.8305])
    distance = np.linspace(0, 2, 401)
    centre, cells = mesh.nodes[0], mesh.cells
    x = centre + distance[:, None] * (worst - centre)
    hat = fem.evaluate(mesh, values, x)
    corners = np.asarray(mesh.nodes)[mesh.cells]
    rows = np.concatenate([corners, np.ones((len(cells), 4, 1))], axis=2)
    pieces = np.linalg.solve(rows, values[mesh.cells][..., None])[..., 0]
    at_corners = np.einsum("si,tvi->tsv", pieces[:, :3], corners) + pieces[:, 3, None]
    above = (at_corners >= values[mesh.cells][:, None] - 1e-9).all(axis=2)
    heights = x @ pieces[:, :3].T + pieces[:, 3]
    least = np.where(above, heights[:, None, :], np.inf).min(axis=2)
    return Trap(
        distance,
        np.nan_to_num(np.asarray(hat)),
        np.maximum(least.max(axis=1), 0),
        np.asarray(relu.evaluate(net, x)),
        rounding.tolerance(net, x.min(axis=0), x.max(axis=0)),
    )


def _table(title: str, cases: list[Case]) -> Table:
    columns = ("mesh", "data", "boundary values", "form", "tetrahedra", "hidden layers",
               "neurons", "per tetrahedron", "largest error", "tolerance", "map [s]")  # fmt: skip
    rows = tuple(
        (
            case.grid,
            case.data,
            case.boundary,
            case.method,
            len(case.mesh.cells),
            relu.hidden_layers(case.net),
            relu.n_neurons(case.net),
            case.per_cell,
            case.error,
            case.tolerance,
            round(case.seconds, 3),
        )
        for case in cases
    )
    return Table(title, columns, rows)


def _checks(case: Case) -> list[Check]:
    checks = [Check(f"{case.label}: error", case.error, "<=", case.tolerance)]
    if case.method == "maxima":
        depth = relu.hidden_layers(case.net)
        checks.append(Check(f"{case.label}: hidden layers", depth, "<=", 2))
    if case.method == "maxima" and case.boundary == "zero":
        bound = NEURONS_PER_TETRAHEDRON
        checks.append(Check(f"{case.label}: neurons per tetrahedron", case.per_cell, "<=", bound))
    return checks


def _trap_checks(trap: Trap) -> list[Check]:
    error = float(np.abs(trap.network - trap.hat).max())
    wrong = float(np.abs(trap.lattice - trap.hat).max())
    return [
        Check("twelve tetrahedra: error of the network", error, "<=", trap.tolerance),
        Check("twelve tetrahedra: error of minima over convex pieces", wrong, ">=", 0.17),
    ]


def plot(numbers: Numbers) -> Mapping[str, Any]:
    """The figures by caption."""
    grown: list[Case] = numbers.data["grown"]
    return {
        "A function of random values on tetrahedra, as a network, on the plane z = 1/2; and its "
        "kinks there, the cut through the mesh.": _slices(grown),
        "Neurons against tetrahedra, and the seconds to find them.": _growth(grown),
        "The hat function of a node of twelve tetrahedra on a line. The maximum over all cells T "
        "of the minimum of the pieces that are above that of T on T is larger than the hat; the "
        "network of maxima is not.": _line(numbers.data["trap"]),
    }


def _slices(grown: list[Case]) -> Any:
    grids = dict.fromkeys(case.grid for case in grown)
    figure, axes = drawing.figure(2, len(grids), size=(1 + 3.3 * len(grids), 6.4))
    plane = relu.from_layers([([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]], [0.0, 0.0, 0.5])])
    for column, grid in zip(np.reshape(axes, (2, -1)).T, grids, strict=True):
        case = next(c for c in grown if c.grid == grid and c.data == "random")
        net = relu.compose(case.net, plane)
        lower, upper = case.mesh.nodes.min(axis=0)[:2], case.mesh.nodes.max(axis=0)[:2]
        drawing.network(net, lower, upper, points=120, axes=column[0])
        drawing.kinks(net, lower, upper, points=250, axes=column[1])
        column[0].set_title(f"{grid}, {len(case.mesh.cells):,} tetrahedra")
        column[1].set_title(f"{relu.n_neurons(case.net):,} neurons")
    return figure


def _growth(grown: list[Case]) -> Any:
    figure, axes = drawing.figure(1, 2)
    most = max(len(case.mesh.cells) for case in grown)
    least = min(len(case.mesh.cells) for case in grown)
    ends = np.array([least, most])
    bound = NEURONS_PER_TETRAHEDRON
    axes[0].loglog(ends, bound * ends, "k--", lw=0.8, label=f"{bound} per tetrahedron")
    for grid, marker, colour in zip(CUBES, drawing.MARKERS, drawing.COLOURS, strict=False):
        cases = [case for case in grown if case.grid == grid]
        cells = [len(case.mesh.cells) for case in cases]
        neurons = [relu.n_neurons(case.net) for case in cases]
        axes[0].loglog(cells, neurons, marker, color=colour, ms=5, label=grid)
        axes[1].loglog(cells, [case.seconds for case in cases], marker, color=colour, ms=5)
    axes[0].set_ylabel("neurons")
    axes[0].legend(frameon=False)
    axes[1].set_ylabel("seconds to map")
    for ax in axes:
        ax.set_xlabel("tetrahedra")
    return figure


def _line(trap: Trap) -> Any:
    figure, axes = drawing.figure(1, 1, size=(6.5, 3.6))
    ax = np.ravel(axes)[0]
    ax.plot(trap.distance, trap.lattice, "--", color=drawing.COLOURS[1], label="maximum of minima")
    ax.plot(trap.distance, trap.network, color=drawing.COLOURS[0], lw=3, alpha=0.5,
            label="network of maxima")  # fmt: skip
    ax.plot(trap.distance, trap.hat, "k:", label="hat function")
    ax.set_xlabel("distance from the node, in units of that of the worst point")
    ax.legend(frameon=False)
    return figure

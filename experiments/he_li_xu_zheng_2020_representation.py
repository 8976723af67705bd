"""Linear finite element functions are ReLU networks of the sizes in the theorems.

Command: approxnet reproduce he_li_xu_zheng_2020_representation
Cost: 20 s (smoke, to 1,000 nodes), 5 min (full, to 100,000 nodes), on two cores
Expect: one hidden layer on the line with as many neurons as nodes; two in the plane, on every
mesh, where the bound for locally convex meshes has four or more; widths at most (4 n + 3, n^2) on
uniform meshes of n x n interior nodes; at most 3.6 neurons per triangle (polygon) on large
meshes; every error below what rounding explains.

Functions with random nodal values between -1 and 1 are mapped and compared with the finite
element function at random points of random cells. On uniform meshes the boundary values are 0, as
in the theorem; everywhere else they are as random as the others.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from approxnet import fem, mapping, relu
from approxnet import plot as drawing
from approxnet.reproduce import Check, Comparison, Numbers, Quote, Table, meshes, rounding
from approxnet.reproduce.progress import Reporter

PAPER = (
    Quote(
        "J. He, L. Li, J. Xu, C. Zheng, ReLU deep neural networks and linear finite elements, "
        "J. Comput. Math. 38 (2020), 502-527",
        "abstract",
        "'at least 2 hidden layers are needed in a ReLU DNN to represent any linear finite "
        "element functions in Omega in R^d when d >= 2'",
    ),
    Quote(
        "J. He, L. Li, J. Xu, C. Zheng, the same",
        "the theorem on locally convex grids",
        "on a locally convex grid with N nodes, at most k_h cells at a node: "
        "ceil(log2 k_h) + 1 hidden layers and O(k_h N) neurons",
    ),
    Quote(
        "J. He, L. Li, J. Xu, ReLU deep neural networks from the hierarchical basis perspective, "
        "Comput. Math. Appl. 120 (2022), 105-114",
        "the theorem on uniform grids in the plane",
        "two hidden layers of width at most 15 N",
    ),
)


@dataclasses.dataclass(frozen=True)
class Config:
    """How large the meshes are and how many points are tried.

    Attributes:
      line: numbers of nodes in one dimension.
      plane: numbers of nodes, about, in two.
      work: at most this many points times neurons for each network.
      points: at most this many points.
      seed: of values, meshes and points.
    """

    line: tuple[int, ...]
    plane: tuple[int, ...]
    work: int
    points: int = 100_000
    seed: int = 0


SCALES = {
    "smoke": Config(line=(100, 1000), plane=(300, 1000), work=10**9),
    "full": Config(line=(100, 1000, 10_000), plane=(1000, 10_000, 100_000), work=10**10),
}

POLYGON_NEURONS_PER_TRIANGLE = 3.6
LARGE = 1000


class Case(NamedTuple):
    """A function on a mesh, its network, and how they compare."""

    grid: str
    mesh: fem.SimplexMesh
    values: np.ndarray
    net: relu.Network
    predicted: mapping.Size
    seconds: float
    points: int
    error: float
    tolerance: float

    @property
    def cells_at_a_node(self) -> int:
        """The largest number of cells that share a node, k_h."""
        return int(np.bincount(np.asarray(self.mesh.cells).ravel()).max())

    @property
    def label(self) -> str:
        """What the checks call it."""
        return f"{self.grid}, {len(self.mesh.nodes):,} nodes, {self.predicted.method}"


LINES: dict[str, tuple[meshes.Factory, tuple[str, ...]]] = {
    "uniform grid": (meshes.uniform_grid, ("shallow",)),
    "clustered grid": (meshes.clustered_grid, ("shallow",)),
    "random grid": (meshes.random_grid, ("shallow",)),
}
PLANES: dict[str, tuple[meshes.Factory, tuple[str, ...]]] = {
    "uniform square": (meshes.uniform_square, ("uniform",)),
    "random square": (meshes.random_square, ("tripod", "polygon")),
    "annulus": (meshes.annulus, ("tripod", "polygon")),
    "L, hole and notch": (meshes.notched, ("tripod", "polygon")),
}
GRIDS = LINES | PLANES


def run(config: Config, progress: Reporter) -> Numbers:
    """Map and compare on every grid, in every form, at every size."""
    rng = np.random.default_rng(config.seed)
    jobs = [(grid, n) for n in config.line for grid in LINES]
    jobs += [(grid, n) for n in config.plane for grid in PLANES]
    cases = []
    for i, (grid, n) in enumerate(jobs):
        progress(f"{grid}, {n:,} nodes", i, len(jobs))
        make, methods = GRIDS[grid]
        mesh = make(n, rng)
        cases += [_case(config, grid, mesh, method, rng) for method in methods]
    lines = [case for case in cases if case.grid in LINES]
    planes = [case for case in cases if case.grid in PLANES]
    return Numbers(
        tables=(_line_table(lines), _plane_table(planes)),
        checks=(*_common_checks(lines, planes), *(c for case in cases for c in _checks(case))),
        data={"planes": planes},
        compared=tuple(_compared(planes)),
    )


def _case(
    config: Config, grid: str, mesh: fem.SimplexMesh, method: str, rng: np.random.Generator
) -> Case:
    values = rng.uniform(-1, 1, len(mesh.nodes))
    boundary = "zero" if method == "uniform" else "free"
    if boundary == "zero":
        values[fem.boundary_nodes(mesh)] = 0.0
    start = time.perf_counter()
    net = mapping.fem_to_relu(mesh, values, method=method)
    seconds = time.perf_counter() - start
    points = min(config.points, config.work // relu.n_neurons(net))
    x = _points(mesh, points, rng)
    difference = np.asarray(relu.evaluate(net, x)) - np.asarray(fem.evaluate(mesh, values, x))
    lower, upper = mesh.nodes.min(axis=0), mesh.nodes.max(axis=0)
    return Case(
        grid=grid,
        mesh=mesh,
        values=values,
        net=net,
        predicted=mapping.size(mesh, method=method, boundary=boundary),
        seconds=seconds,
        points=points,
        error=float(np.abs(difference).max()),
        tolerance=rounding.tolerance(net, lower, upper),
    )


def _points(mesh: fem.SimplexMesh, count: int, rng: np.random.Generator) -> np.ndarray:
    """Random points of random cells, (count, d)."""
    corners = np.asarray(mesh.nodes)[mesh.cells[rng.integers(len(mesh.cells), size=count)]]
    weights = rng.dirichlet(np.ones(corners.shape[1]), size=count)
    return np.einsum("pk,pki->pi", weights, corners)


def _line_table(cases: list[Case]) -> Table:
    columns = ("grid", "nodes", "hidden layers", "neurons", "points", "largest error", "tolerance",
               "map [s]")  # fmt: skip
    rows = tuple(
        (
            case.grid,
            len(case.mesh.nodes),
            relu.hidden_layers(case.net),
            relu.n_neurons(case.net),
            case.points,
            case.error,
            case.tolerance,
            round(case.seconds, 4),
        )
        for case in cases
    )
    return Table("One dimension: one hidden layer (shallow)", columns, rows)


def _plane_table(cases: list[Case]) -> Table:
    columns = ("grid", "form", "nodes N", "triangles", "k_h", "hidden layers",
               "bound ceil(log2 k_h) + 1", "neurons", "k_h N", "neurons per triangle", "points",
               "largest error", "tolerance", "map [s]")  # fmt: skip
    rows = tuple(
        (
            case.grid,
            case.predicted.method,
            len(case.mesh.nodes),
            len(case.mesh.cells),
            case.cells_at_a_node,
            relu.hidden_layers(case.net),
            _depth_bound(case),
            relu.n_neurons(case.net),
            case.cells_at_a_node * len(case.mesh.nodes),
            relu.n_neurons(case.net) / len(case.mesh.cells),
            case.points,
            case.error,
            case.tolerance,
            round(case.seconds, 4),
        )
        for case in cases
    )
    return Table("Two dimensions: two hidden layers", columns, rows)


def _depth_bound(case: Case) -> int:
    return math.ceil(math.log2(case.cells_at_a_node)) + 1


def _common_checks(lines: list[Case], planes: list[Case]) -> list[Check]:
    depths = [max(relu.hidden_layers(case.net) for case in cases) for cases in (lines, planes)]
    unforeseen = max(
        abs(relu.n_neurons(case.net) - case.predicted.n_neurons) for case in lines + planes
    )
    return [
        Check("hidden layers on the line", depths[0], "<=", 1),
        Check("hidden layers in the plane", depths[1], "<=", 2),
        Check("neurons that mapping.size did not predict", unforeseen, "<=", 0),
    ]


def _compared(planes: list[Case]) -> Iterator[Comparison]:
    depth = max(relu.hidden_layers(case.net) for case in planes)
    least = min(_depth_bound(case) for case in planes)
    yield Comparison("hidden layers on any mesh in the plane", "at least 2", depth)
    yield Comparison("the same, for locally convex meshes", f"{least} or more", depth, quote=1)
    wide = max(
        max(relu.widths(case.net)) / (math.isqrt(len(case.mesh.nodes)) - 2) ** 2
        for case in planes
        if case.predicted.method == "uniform"
    )
    yield Comparison("uniform square: largest width over N", "at most 15", wide, quote=2)


def _checks(case: Case) -> list[Check]:
    error = Check(f"{case.label}: error", case.error, "<=", case.tolerance)
    return [error, *SIZES[case.predicted.method](case)]


def _shallow_size(case: Case) -> list[Check]:
    neurons, n = relu.n_neurons(case.net), len(case.mesh.nodes)
    return [Check(f"{case.label}: neurons, at most one per node", neurons, "<=", n)]


def _uniform_size(case: Case) -> list[Check]:
    n = math.isqrt(len(case.mesh.nodes)) - 2
    first, second = relu.widths(case.net)
    return [
        Check(f"{case.label}: first width, at most 4 n + 3", first, "<=", 4 * n + 3),
        Check(f"{case.label}: second width, at most n^2", second, "<=", n**2),
        Check(f"{case.label}: larger width, at most 15 N", max(first, second), "<=", 15 * n**2),
    ]


def _polygon_size(case: Case) -> list[Check]:
    if len(case.mesh.nodes) < LARGE:
        return []
    ratio = relu.n_neurons(case.net) / len(case.mesh.cells)
    bound = POLYGON_NEURONS_PER_TRIANGLE
    return [Check(f"{case.label}: neurons per triangle", ratio, "<=", bound)]


SIZES: dict[str, Callable[[Case], list[Check]]] = {
    "shallow": _shallow_size,
    "uniform": _uniform_size,
    "tripod": lambda case: [],
    "polygon": _polygon_size,
}


def plot(numbers: Numbers) -> Mapping[str, Any]:
    """The figures by caption."""
    planes: list[Case] = numbers.data["planes"]
    return {
        "The meshes with the fewest nodes: locally convex patches are not needed, nor a domain "
        "without holes.": _meshes(planes),
        "The networks on these meshes are the finite element functions.": _networks(planes),
        "The number of neurons is linear in the number of triangles; the polygon form is the "
        "smallest that holds any boundary values on any mesh. Right: the time to map.": _growth(
            planes
        ),
    }


def _smallest(planes: list[Case]) -> dict[str, Case]:
    """The smallest mesh of each kind, in its last form."""
    fewest = {case.grid: len(case.mesh.nodes) for case in reversed(planes)}
    return {case.grid: case for case in planes if len(case.mesh.nodes) == fewest[case.grid]}


def _meshes(planes: list[Case]) -> Any:
    figure, axes = drawing.figure(1, len(PLANES), size=(12.0, 3.2))
    smallest = _smallest(planes)
    for ax, grid in zip(axes, PLANES, strict=True):
        drawing.mesh(smallest[grid].mesh, axes=ax)
        ax.set_axis_off()
        ax.set_title(f"{grid}, {len(smallest[grid].mesh.nodes):,} nodes")
    return figure


def _networks(planes: list[Case]) -> Any:
    """Each network on its mesh, and where there is no mesh nothing."""
    figure, axes = drawing.figure(1, len(PLANES), size=(12.0, 3.2))
    smallest = _smallest(planes)
    for ax, grid in zip(axes, PLANES, strict=True):
        case = smallest[grid]
        drawing.function(case.mesh, relu.evaluate(case.net, case.mesh.nodes), axes=ax)
        ax.set_axis_off()
        ax.set_title(f"{case.predicted.method}, {relu.n_neurons(case.net):,} neurons")
    return figure


def _growth(planes: list[Case]) -> Any:
    figure, axes = drawing.figure(1, 2)
    neurons: dict[str, tuple[list[float], list[float]]] = {form: ([], []) for form in STYLES}
    for case in sorted(planes, key=lambda case: len(case.mesh.cells)):
        sizes, counts = neurons[case.predicted.method]
        sizes.append(len(case.mesh.cells))
        counts.append(relu.n_neurons(case.net))
        axes[1].loglog(len(case.mesh.cells), case.seconds, **STYLES[case.predicted.method])
    drawing.rates(neurons, xlabel="triangles", ylabel="neurons", axes=axes[0])
    axes[1].set_xlabel("triangles")
    axes[1].set_ylabel("seconds to map")
    return figure


STYLES: dict[str, dict[str, Any]] = {
    method: {"marker": marker, "color": colour, "ms": 5}
    for method, marker, colour in zip(
        ("uniform", "tripod", "polygon"), drawing.MARKERS, drawing.COLOURS, strict=False
    )
}

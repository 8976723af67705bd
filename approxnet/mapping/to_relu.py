"""Linear finite element functions are ReLU networks, exactly.

    method    d  hidden layers  neurons                          exact in            weights know
    shallow   1  1              inner nodes + 1                  the line            the mesh
    uniform   2  2              lattice lines + nodes            the plane           the mesh
    tripod    2  2              about 4.5 per triangle           the plane           the mesh
    polygon   2  2              about 3.5 per triangle           the convex hull     the values too
    maxima   <4  2              about 11 per tetrahedron         R^d                 the values too
    convex    *  log2 k + 1     about 3 d + 3 per simplex        the mesh            the mesh
    barrier   *  see there      O(d^2) per simplex               the mesh            the mesh

"*": any d; k: the largest number of cells that share a node, the logarithm rounded up. "The mesh":
the hidden layers depend on the mesh alone (``basis_network``) and the output weights are linear in
the nodal values. ``auto`` takes the form with the fewest neurons that the precision in force can
hold; ``maxima`` is among them for d = 3, ``convex`` for d >= 3, ``barrier`` (which solves linear
programs) never. Where a mesh is not star-shaped, ``maxima`` leaves boundary values to ``barrier``.

Outside the mesh the function continues: linearly (shallow), with whole hat functions (uniform), by
a collar on which it falls to 0 (tripod), along rays from a point (maxima), or as the formula does
(convex, barrier). Functions that vanish on the boundary are thus 0 outside; ``boundary="zero"``
drops what only other functions need.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

import jax
import numpy as np
from jax.typing import ArrayLike

from approxnet import _checks
from approxnet.errors import AssumptionError, NetworkError
from approxnet.fem.geometry import boundary_nodes
from approxnet.fem.mesh import SimplexMesh
from approxnet.mapping import barrier, convex, maxima, polygon, shallow, tripod, uniform
from approxnet.mapping.basis import BasisNetwork, Features, Plan, basis_readout, fixed
from approxnet.mapping.precision import TOLERABLE, predicted_error, warn
from approxnet.relu.network import Network
from approxnet.relu.pruning import prune

BOUNDARIES = ("free", "zero")

# Weights, columns and biases of five inputs per neuron, and as much again ten times while building.
BYTES_PER_NEURON = 1000

T = TypeVar("T")


class Size(NamedTuple):
    """The size of a network, predicted without building it; for ``maxima`` a bound.

    Attributes:
      method: the construction.
      hidden_layers: k.
      widths: (k,) tuple, the widths of the hidden layers.
      n_neurons: their sum.
    """

    method: str
    hidden_layers: int
    widths: tuple[int, ...]
    n_neurons: int


NONE, LINE, PLANE, SPACE = range(0), range(1, 2), range(2, 3), range(3, 4)
UP_TO_SPACE, ANY = range(1, 4), range(1, sys.maxsize)


class Method(NamedTuple):
    """A construction.

    Attributes:
      d: the dimensions it serves.
      auto: the dimensions in which ``auto`` considers it.
      linear: whether the mesh alone fixes its features.
      plan: from a mesh and the nodes whose values may differ from 0.
    """

    d: range
    auto: range
    linear: bool
    plan: Callable[[SimplexMesh, np.ndarray], Plan]


METHODS = {
    "shallow": Method(LINE, LINE, True, shallow.plan),
    "uniform": Method(PLANE, PLANE, True, uniform.plan),
    "tripod": Method(PLANE, PLANE, True, tripod.plan),
    "polygon": Method(PLANE, PLANE, False, polygon.plan),
    "maxima": Method(UP_TO_SPACE, SPACE, False, maxima.plan),
    "convex": Method(ANY, range(3, sys.maxsize), True, convex.plan),
    "barrier": Method(ANY, NONE, True, barrier.plan),
}


class Candidate(NamedTuple):
    """A form that applies to a mesh."""

    size: Size
    plan: Plan


def size(mesh: SimplexMesh, *, method: str = "auto", boundary: str = "free") -> Size:
    """The size of the network of a function on the mesh, without building it.

    Args:
      mesh: a mesh with n nodes in d dimensions.
      method: one of auto, shallow, uniform, tripod, polygon, maxima, convex, barrier; static.
        ``auto`` is the smallest.
      boundary: "free", or "zero" for functions that vanish at the boundary nodes; static.

    Returns:
      The exact size of what ``fem_to_relu`` builds; for ``maxima``, where the values decide, bounds
      of the widths.

    Raises:
      ConfigError: if the method or boundary is not known.
      AssumptionError: if the method does not apply to the mesh; says why.

    >>> from approxnet import fem
    >>> size(fem.box((10, 10)), boundary="zero")
    Size(method='uniform', hidden_layers=2, widths=(35, 81), n_neurons=116)
    """
    return _candidates(mesh, method, boundary)[0].size


def basis_network(
    mesh: SimplexMesh, *, method: str = "auto", boundary: str = "free"
) -> BasisNetwork:
    """The network whose hidden layers span the P1 functions on a mesh.

    Args:
      mesh: a mesh with n nodes in d dimensions.
      method: one of auto, shallow, uniform, tripod, convex, barrier; static.
      boundary: "zero" restricts to functions that vanish at the boundary nodes; static.

    Returns:
      The features and the read-out; ``network(values)`` is exact where the method is.

    Raises:
      ConfigError: if the method or boundary is not known.
      AssumptionError: if the method does not apply to the mesh, or depends on the values.
      NetworkError: if the network does not fit into memory.

    Warns:
      PrecisionWarning: if the precision in force cannot hold functions with values up to 1.

    >>> from approxnet import fem, relu
    >>> basis = basis_network(fem.box((4, 4)))
    >>> net = basis.network(np.arange(25.0))
    >>> relu.evaluate(net, np.array([0.5, 0.5])).item()
    12.0
    """
    forms = _candidates(mesh, method, boundary, linear=True)
    bases = (_basis(mesh, form, boundary) for form in forms)
    return _first_that_holds(mesh, bases, BasisNetwork.network, _probe(mesh, boundary))


def fem_to_relu(mesh: SimplexMesh, values: ArrayLike, *, method: str = "auto") -> Network:
    """The ReLU network of a P1 function.

    Args:
      mesh: a mesh with n nodes in d dimensions; its arrays must not be traced.
      values: (n,) or (n, m), nodal values. They may be traced, unless the method is
        polygon or maxima.
      method: one of auto, shallow, uniform, tripod, polygon, maxima, convex, barrier; static.
        ``auto`` is the smallest that the precision in force can hold.

    Returns:
      A network from R^d to R^m, equal to the function on the mesh up to rounding: the error is at
      most eps (terms summed) sum |c| max |piece|.

    Raises:
      ValueError: if values has the wrong shape.
      NonFiniteError: if a value is nan or infinite; names the node.
      ConfigError: if the method is not known.
      AssumptionError: if the method does not apply to the mesh, or to traced values.
      NetworkError: if the network does not fit into memory.

    Warns:
      PrecisionWarning: if the precision in force cannot hold the network.

    Source: He, Li, Xu, Zheng, J. Comput. Math. 38 (2020); the constructions and their sizes are
    in the modules of their names.

    >>> from approxnet import fem, relu
    >>> mesh = fem.delaunay([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.4, 0.5]])
    >>> net = fem_to_relu(mesh, np.array([0.0, 0.0, 0.0, 0.0, 1.0]))
    >>> relu.hidden_layers(net), round(relu.evaluate(net, np.array([0.4, 0.5])).item(), 5)
    (2, 1.0)
    """
    _checks.nodal("values", values, len(mesh.nodes))
    _checks.finite("values", values)
    if not _checks.concrete(values):
        return basis_network(mesh, method=method).network(values)
    columns = np.asarray(values, float).reshape(len(mesh.nodes), -1)
    boundary = "zero" if _vanishes(mesh, columns) else "free"
    networks = (_network(form, columns) for form in _candidates(mesh, method, boundary))
    return _first_that_holds(mesh, networks, lambda net, _: net, columns)


def hat_to_relu(mesh: SimplexMesh, node: int, *, method: str = "auto") -> Network:
    """The network of the hat function of one node, without the neurons that it does not need.

    Args:
      mesh: a mesh with n nodes in d dimensions.
      node: its index, 0 <= node < n.
      method: as in ``fem_to_relu``; static.

    Raises:
      ValueError: if node is not an index.
      ConfigError, AssumptionError, NetworkError: as ``fem_to_relu``.

    >>> from approxnet import fem, relu
    >>> hat = hat_to_relu(fem.box((4, 4)), 12)
    >>> relu.n_neurons(hat), relu.evaluate(hat, np.array([0.5, 0.5])).item()
    (4, 1.0)
    """
    n = len(mesh.nodes)
    if _checks.count("node", node) >= n:
        raise ValueError(f"node must be an index below {n}, the number of nodes, got {node}")
    return prune(fem_to_relu(mesh, np.eye(1, n, node)[0], method=method))


def _candidates(
    mesh: SimplexMesh, method: str, boundary: str, *, linear: bool = False
) -> list[Candidate]:
    """The forms that apply, smallest first; ``linear`` asks for those that the mesh alone fixes."""
    _checks.one_of("method", method, ["auto", *METHODS])
    _checks.one_of("boundary", boundary, BOUNDARIES)
    if not _checks.concrete(*jax.tree.leaves(mesh)):
        raise TypeError(
            "mesh must hold arrays, got traced ones; build the network outside of jit and pass "
            "it as an argument"
        )
    if method != "auto":
        return [_candidate(mesh, method, boundary, linear)]
    d = np.shape(mesh.nodes)[1]
    found, reasons = [], []
    for name in (n for n, form in METHODS.items() if d in form.auto and form.linear >= linear):
        try:
            found.append(_candidate(mesh, name, boundary, linear))
        except AssumptionError as reason:
            reasons.append(str(reason))
    if not found:
        raise AssumptionError(f"auto found no construction for d = {d}: {'; '.join(reasons)}")
    return sorted(found, key=lambda form: form.size.n_neurons)


def _candidate(mesh: SimplexMesh, name: str, boundary: str, linear: bool) -> Candidate:
    form, d = METHODS[name], np.shape(mesh.nodes)[1]
    if d not in form.d:
        served = " or ".join(map(str, form.d))
        raise AssumptionError(f"{name} needs a mesh in d = {served} dimensions, got d = {d}")
    if linear and not form.linear:
        others = [n for n, other in METHODS.items() if d in other.d and other.linear]
        raise AssumptionError(
            f"the hidden layers of {name} depend on the nodal values, which are not at hand; use "
            f"{', '.join(others)}"
        )
    plan = form.plan(mesh, _kept(mesh, boundary))
    return Candidate(Size(name, len(plan.widths), plan.widths, sum(plan.widths)), plan)


def _features(form: Candidate) -> Features:
    _fits(form.size)
    assert form.plan.features is not None
    return form.plan.features()


def _basis(mesh: SimplexMesh, form: Candidate, boundary: str) -> BasisNetwork:
    hidden, blocks = _features(form)
    zero = np.flatnonzero(~_kept(mesh, boundary))
    return BasisNetwork(hidden, basis_readout(blocks, zero), form.size.method)


def _network(form: Candidate, columns: np.ndarray) -> Network:
    """The network of values (n, m)."""
    if form.plan.network is not None:
        _fits(form.size)
        return form.plan.network(columns)
    return fixed(_features(form), columns)


def _fits(size: Size) -> None:
    _checks.memory(
        f"a {size.method} network with {size.n_neurons} neurons of widths {size.widths}",
        BYTES_PER_NEURON * size.n_neurons,
        NetworkError,
    )


def _kept(mesh: SimplexMesh, boundary: str) -> np.ndarray:
    """(n,), the nodes at which the values may differ from 0."""
    kept = np.full(len(mesh.nodes), True)
    if boundary == "zero":
        kept[boundary_nodes(mesh)] = False
    return kept


def _vanishes(mesh: SimplexMesh, values: np.ndarray) -> bool:
    """Whether the values are 0 at all boundary nodes, and some node is not one of them."""
    border = boundary_nodes(mesh)
    return len(border) < len(mesh.nodes) and not values[border].any()


def _probe(mesh: SimplexMesh, boundary: str) -> np.ndarray:
    """Values +-1 without a pattern, to predict the error for values up to 1."""
    signs = np.where(np.sin(np.arange(len(mesh.nodes)) ** 2) < 0, -1.0, 1.0)
    return np.where(_kept(mesh, boundary), signs, 0.0)[:, None]


def _first_that_holds(
    mesh: SimplexMesh,
    built: Iterable[T],
    network: Callable[[T, np.ndarray], Network],
    values: np.ndarray,
) -> T:
    """The first thing built whose predicted error is tolerable; else the best, and a warning."""
    scale = float(np.abs(values).max())
    tried: list[tuple[float, T]] = []
    for thing in built:
        with jax.ensure_compile_time_eval():
            error = predicted_error(network(thing, values), mesh, values)
        if error <= TOLERABLE * scale:
            return thing
        tried.append((error, thing))
    error, thing = min(tried, key=lambda pair: pair[0])
    warn(error, scale)
    return thing

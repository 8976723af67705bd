"""Tables of networks that grow: errors of all networks on a path, beside the printed ones.

The errors are measured against the exact solution, by a rule that the algorithm has not seen, and
by NumPy alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from approxnet import plot as drawing
from approxnet import quadrature, shallow
from approxnet.approximation import rates
from approxnet.reproduce.records import Check, Comparison, Numbers, Quote, Table, quoted
from approxnet.shallow.scores import POWERS

PAPER = (
    "J. W. Siegel, Q. Hong, X. Jin, W. Hao, J. Xu, Greedy training algorithms for neural networks "
    "and applications to PDEs, J. Comput. Phys. 484 (2023), 112084"
)

CHUNK = 4096
"""Points at a time."""


class Solution(NamedTuple):
    """A function with its gradient, in NumPy: (q, d) -> (q,) and (q, d).

    Example:
      >>> Solution(lambda x: x[:, 0], lambda x: np.ones_like(x)).value(np.ones((2, 1))).tolist()
      [1.0, 1.0]
    """

    value: Callable[[np.ndarray], np.ndarray]
    gradient: Callable[[np.ndarray], np.ndarray]


class Equation(NamedTuple):
    """The equation -Laplace u + u = f on a box.

    Attributes:
      solution: u.
      load: f, by JAX, (..., d) -> (...).
      lower: corner of the box, (d,).
      upper: corner of the box.
    """

    solution: Solution
    load: Callable[[Any], Any]
    lower: tuple[float, ...]
    upper: tuple[float, ...]


def cosines(wave: float, lower: Sequence[float], upper: Sequence[float]) -> Equation:
    """The equation that is solved by the product of cos(wave x_i).

    The slopes across the boundary vanish where wave x_i is a multiple of pi there.

    Example:
      >>> equation = cosines(np.pi, (0.0,), (1.0,))
      >>> bool(np.isclose(equation.load(np.zeros((1,))), np.pi**2 + 1))
      True
      >>> equation.solution.gradient(np.array([[0.5]])).round(6).tolist()
      [[-3.141593]]
    """
    d = len(lower)

    def gradient(x: np.ndarray) -> np.ndarray:
        factors = np.where(
            np.eye(d, dtype=bool),
            -wave * np.sin(wave * x)[:, None],
            np.cos(wave * x)[:, None],
        )
        return factors.prod(axis=-1)

    return Equation(
        Solution(lambda x: np.cos(wave * x).prod(axis=-1), gradient),
        lambda x: (d * wave**2 + 1) * jnp.cos(wave * x).prod(axis=-1),
        tuple(lower),
        tuple(upper),
    )


LINE = cosines(math.pi, (-1.0,), (1.0,))
"""The equation of the paper's tables 1 and 3 to 5, with u' = 0 at the ends."""

SQUARE = cosines(2 * math.pi, (0.0, 0.0), (1.0, 1.0))
"""The equation of the paper's tables 7 and 8, with d_n u = 0 on the boundary."""


def activation(name: str, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """sigma(t) and sigma'(t) of a truncated power or the sigmoid, by NumPy.

    Example:
      >>> [s.tolist() for s in activation("relu2", np.array([-1.0, 3.0]))]
      [[0.0, 9.0], [0.0, 6.0]]
    """
    if name == "sigmoid":
        s = 1 / (1 + np.exp(-t))
        return s, s * (1 - s)
    k = POWERS[name]
    positive, step = np.maximum(t, 0), (t > 0).astype(t.dtype)
    return positive**k * step, k * positive ** max(k - 1, 0) * step


def errors(
    path: shallow.Path,
    solution: Solution,
    rule: quadrature.Rule,
    sizes: Any,
    *,
    factor: Solution | None = None,
) -> dict[str, np.ndarray]:
    """The errors in L2 and H1 of the networks of these sizes, by name: (s,) each.

    With a factor, those of factor times network.

    Example:
      >>> import jax
      >>> lines = shallow.dictionary(0.0, 1.0, offsets=96)
      >>> path = shallow.orthogonal_greedy(jax.random.key(0), lambda x: x[..., 0] ** 2, lines, 4)
      >>> solution = Solution(lambda x: x[:, 0] ** 2, lambda x: 2 * x)
      >>> found = errors(path, solution, quadrature.box(64, 3), (2, 4))
      >>> bool(found["L2"][1] < found["L2"][0] < found["H1"][0])
      True
    """
    n = max(sizes)
    w, b = np.asarray(path.directions[:n]), np.asarray(path.offsets[:n])
    c = np.asarray(path.coefficients[:n, np.array(sizes) - 1])
    squares = np.zeros((2, len(sizes)))
    for start in range(0, len(rule.weights), CHUNK):
        x, weight = (a[start : start + CHUNK] for a in rule)
        s, slope = activation(path.activation, x @ w.T + b)
        v, exact = s @ c, solution.gradient(x)
        omega = np.ones(len(x)) if factor is None else factor.value(x)
        d_omega = np.zeros_like(x) if factor is None else factor.gradient(x)
        squares[0] += weight @ (omega[:, None] * v - solution.value(x)[:, None]) ** 2
        for i in range(x.shape[1]):
            slopes = omega[:, None] * (slope @ (w[:, i, None] * c)) + d_omega[:, i, None] * v
            squares[1] += weight @ (slopes - exact[:, i, None]) ** 2
    return {"L2": np.sqrt(squares[0]), "H1": np.sqrt(squares.sum(axis=0))}


class Growth(NamedTuple):
    """Errors of networks that grow, by name, beside those that a paper prints.

    Attributes:
      sizes: numbers of neurons, (s,), increasing.
      errors: (s,) by name.
      paper: n: a number for each name, in this order; sizes may be missing, or all of them.

    Example:
      >>> growth = Growth((8, 16), {"L2": [4e-2, 1e-2]}, {16: (2e-2,)})
      >>> growth.printed
      {'L2': [None, 0.02]}
      >>> growth.table("Errors").rows[1]
      (16, 0.01, 2.0, Cell(values=(0.02,), level='quoted'), 0.5)
      >>> growth.compared()
      (Comparison(claim='L2, n = 16', paper=0.02, ours=0.01, quote=0),)
      >>> [check.passed for check in growth.within({"L2": 1.1})]
      [True]
      >>> round(growth.order("L2"), 6)
      2.0
    """

    sizes: Sequence[int]
    errors: Mapping[str, Any]
    paper: Mapping[int, Sequence[float]] = {}

    @property
    def printed(self) -> dict[str, list[float | None]]:
        """The printed numbers of these sizes by name, None where there is none."""
        if not self.paper:
            return {}
        return {
            name: [self.paper[n][i] if n in self.paper else None for n in self.sizes]
            for i, name in enumerate(self.errors)
        }

    def table(self, title: str) -> Table:
        """All errors with their orders, beside the printed ones."""
        columns, rows = rates.table(self.sizes, self.errors, paper=self.printed)
        return Table(
            title,
            columns,
            tuple(
                tuple(
                    quoted(entry) if column.endswith("(paper)") and entry != "-" else entry
                    for column, entry in zip(columns, row, strict=True)
                )
                for row in rows
            ),
        )

    def compared(self, label: str = "") -> tuple[Comparison, ...]:
        """The printed numbers beside ours, the largest network first."""
        return tuple(
            Comparison(f"{label}{name}, n = {self.sizes[i]}", number, float(self.errors[name][i]))
            for i in reversed(range(len(self.sizes)))
            for name, numbers in self.printed.items()
            if (number := numbers[i]) is not None
        )

    def within(
        self, bounds: Mapping[str, float], *, label: str = "", since: int = 0
    ) -> list[Check]:
        """That errors are at most a factor times the printed ones, at sizes from ``since`` on."""
        return [
            Check(f"{label}n = {n}: {name} over the printed {number:.3g}", float(e / number), "<=",
                  bounds[name])
            for name in bounds
            for n, e, number in zip(
                self.sizes, self.errors[name], self.printed[name], strict=True
            )
            if number is not None and n >= since
        ]  # fmt: skip

    def order(self, name: str, *, last: int = 3) -> float:
        """The order of an error at the last sizes."""
        count = min(last, len(self.sizes))
        return rates.fit(self.sizes, self.errors[name], last=count).order

    def figure(self, *names: str, ylabel: str = "error") -> Any:
        """Errors against neurons, all or those of these names, with the printed ones as crosses."""
        names = names or tuple(self.errors)
        column = {name: i for i, name in enumerate(self.errors)}
        return figure(
            {name: (self.sizes, self.errors[name]) for name in names},
            {name: {n: row[column[name]] for n, row in self.paper.items()} for name in names},
            ylabel=ylabel,
        )


def solved(
    title: str, growth: Growth, path: shallow.Path, equation: Equation, checks: Sequence[Check]
) -> Numbers:
    """The numbers of an experiment in which one network grows and solves an equation.

    Example:
      >>> import jax
      >>> lines = shallow.dictionary(-1.0, 1.0, "relu2", offsets=96)
      >>> energy = shallow.elliptic.diffusion(LINE.load, shallow.exact_rule(lines))
      >>> path = shallow.orthogonal_greedy(jax.random.key(0), energy, lines, 4)
      >>> rule = quadrature.box(64, 3, -1.0, 1.0)
      >>> growth = Growth((2, 4), errors(path, LINE.solution, rule, (2, 4)))
      >>> len(solved("A network", growth, path, LINE, ()).tables[0].rows)
      2
    """
    data = {"growth": growth, "path": path, "equation": equation}
    return Numbers((growth.table(title),), tuple(checks), data, growth.compared())


def pictures(numbers: Numbers) -> dict[str, Any]:
    """The figures of an experiment in which one network grows, by caption; of ``solved``."""
    growth, path, equation = (numbers.data[name] for name in ("growth", "path", "equation"))
    names = ", ".join(growth.errors)
    return {
        f"{names} against neurons; crosses are the printed ones.": growth.figure(),
        "The largest network: what it misses, and where its kinks are.": portrait(
            path.network(), equation
        ),
    }


def quote(number: int, statement: str) -> Quote:
    """What a table of the paper says, in our words.

    Example:
      >>> quote(1, "orders 3 and 2").place
      'Table 1, in our words'
    """
    return Quote(PAPER, f"Table {number}, in our words", statement)


def figure(
    curves: Mapping[str, tuple[Sequence[int], Any]],
    paper: Mapping[str, Mapping[int, float]],
    *,
    ylabel: str = "error",
) -> Any:
    """Errors against neurons, with the printed ones of the same name as crosses.

    Example:
      >>> drawn = figure({"L2": ((8, 16), [1.0, 0.25])}, {"L2": {8: 1.1}})
    """
    drawn = drawing.rates(curves, xlabel="neurons", ylabel=ylabel)
    axes = drawn.axes[0]
    for line, name in zip(list(axes.lines), curves, strict=True):
        numbers = paper.get(name, {})
        axes.loglog(
            list(numbers), list(numbers.values()), "x", ms=7, mew=1.4, color=line.get_color()
        )
    axes.plot([], [], "kx", label="printed")
    axes.legend(frameon=False)
    sizes = {n for sizes, _ in curves.values() for n in sizes} | {
        n for row in paper.values() for n in row
    }
    ticks = sorted(n for n in sizes if n & (n - 1) == 0)
    axes.set_xticks(ticks, [str(n) for n in ticks])
    axes.tick_params(axis="x", which="minor", labelbottom=False)
    return drawn


def portrait(net: shallow.ShallowNetwork, equation: Equation) -> Any:
    """The error of a network on a box with where its kinks are; on a line or in the plane.

    Example:
      >>> drawn = portrait(shallow.from_arrays([[1.0]], [-0.5], [1.0]), LINE)
    """
    solution = equation.solution
    lower, upper = np.array(equation.lower), np.array(equation.upper)
    drawn, (left, right) = drawing.figure(1, 2, size=(9.2, 3.8))
    d, points = len(lower), 2001 if len(lower) == 1 else 161
    axes = [np.linspace(a, b, points) for a, b in zip(lower, upper, strict=True)]
    x = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, d)
    w, b, c = (np.asarray(a) for a in (net.directions, net.offsets, net.coefficients))
    miss = activation(net.activation, x @ w.T + b)[0] @ c - solution.value(x)
    if d == 1:
        left.plot(x[:, 0], miss, lw=0.9)
        right.hist(-b / w[:, 0], bins=np.linspace(lower[0], upper[0], 33).tolist())
        right.set_ylabel("kinks")
        right.set_xlabel("x")
    else:
        top = float(np.abs(miss).max())
        image = left.imshow(
            miss.reshape(points, points).T, origin="lower", cmap="RdBu", vmin=-top, vmax=top,
            extent=(lower[0], upper[0], lower[1], upper[1]),
        )  # fmt: skip
        drawn.colorbar(image, ax=left, shrink=0.8)
        for normal, offset in zip(w, b, strict=True):
            foot = -offset * normal / (normal @ normal)
            along = np.array([-normal[1], normal[0]])
            ends = foot + np.array([[-1.0], [1.0]]) * 4 * np.ptp(x, axis=0).max() * along
            right.plot(*ends.T, "k-", lw=0.4, alpha=0.5)
        right.set_xlim(lower[0], upper[0])
        right.set_ylim(lower[1], upper[1])
        right.set_aspect("equal")
    left.set_title("network - solution")
    right.set_title("where the kinks are")
    return drawn


def network_errors(
    net: shallow.ShallowNetwork, solution: Solution, rule: quadrature.Rule
) -> dict[str, float]:
    """The errors of one network in L2 and H1.

    Example:
      >>> net = shallow.from_arrays([[1.0]], [0.0], [1.0])
      >>> linear = Solution(lambda x: x[:, 0], np.ones_like)
      >>> network_errors(net, linear, quadrature.box(4, 3))
      {'L2': 0.0, 'H1': 0.0}
    """
    v = np.asarray(shallow.evaluate(net, rule.points)) - solution.value(rule.points)
    g = np.asarray(shallow.gradient(net, rule.points)) - solution.gradient(rule.points)
    square = float(rule.weights @ v**2)
    return {"L2": square**0.5, "H1": (square + float(rule.weights @ (g**2).sum(axis=1))) ** 0.5}

"""Decision trees: CART for classes and for numbers, pruned by cost and complexity.

A tree asks x_f <= t at each node, goes left for yes and right for no, and answers with the mean
target of the training examples in its leaf. It is grown by the split that lowers

    sum over the two sides of   sum_i |y_i - mean|^2

the most. For classes the targets are the unit vectors e_{y_i}: the mean is the vector of the
frequencies p_j, and the mean square distance is Gini's impurity sum_j p_j (1 - p_j), so that one
algorithm does both.

With R(T) the mean squared distance of a tree and |T| its number of leaves, the subtree that
minimises R(T) + penalty |T| is found by collapsing weakest links: of all nodes the one with the
least (R(node as a leaf) - R(its subtree)) / (its leaves - 1), as long as that is at most the
penalty. The subtrees for all penalties are nested.

A tree is a function that is constant on boxes (``boxes``), and exactly the same function is a
network with two hidden layers of Heaviside units (``to_network``): one unit for each question, one
for each leaf, which counts the answers on the way to it.

Reference: Breiman, Friedman, Olshen, Stone, Classification and Regression Trees, Wadsworth 1984,
chapters 3, 8.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse

from approxnet import _checks, relu
from approxnet.learn._examples import examples, nonnegative, queries, sample

TARGETS = ("classes", "numbers")


class Tree(NamedTuple):
    """A decision tree with m nodes; node 0 is the root, children follow their parents.

    Fields:
      feature: (m,) int32, the coordinate f asked for; -1 at a leaf.
      threshold: (m,), t; 0 at a leaf.
      left, right: (m,) int32, the next nodes; -1 at a leaf.
      value: (m, k) frequencies of the classes, or (m, 1) means.
      spread: (m,), R of the node as a leaf: its squared distances over the number of all examples.
      count: (m,) int32, examples at the node.
      target: "classes" or "numbers".
      dimension: d.

    Example:
      >>> tree = fit([[0.0], [1.0], [4.0]], [0, 0, 1])
      >>> tree.threshold.tolist(), tree.value.tolist()
      ([2.5, 0.0, 0.0], [[0.6666666666666666, 0.3333333333333333], [1.0, 0.0], [0.0, 1.0]])
    """

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    value: np.ndarray
    spread: np.ndarray
    count: np.ndarray
    target: str
    dimension: int


class Boxes(NamedTuple):
    """A function that is constant on boxes lower < x <= upper, which tile R^d.

    Fields:
      lower, upper: (l, d), corners; infinite where a box is unbounded.
      value: (l, k).
    """

    lower: np.ndarray
    upper: np.ndarray
    value: np.ndarray


def fit(
    x: Any,
    y: Any,
    *,
    target: str = "classes",
    depth: int | None = None,
    leaf: int = 1,
    penalty: float = 0.0,
) -> Tree:
    """The tree that CART grows, pruned.

    Of splits that are equally good the one of the first coordinate and the least threshold is
    taken; thresholds lie in the middle between two values. A node whose targets are all the same,
    or that no split makes better, is a leaf.

    Args:
      x: (n, d), points.
      y: (n,), labels 0, ..., k - 1, or numbers.
      target: "classes" or "numbers".
      depth: the most questions on the way to a leaf; None for any number.
      leaf: the least examples in a leaf.
      penalty: of a leaf, for the pruning.

    Raises:
      ValueError, DataError, NonFiniteError: if the examples are not as described; names the place.
      ConfigError: if the target is not known.

    Example:
      >>> tree = fit([[0.0], [1.0], [2.0]], [5.0, 5.0, 8.0], target="numbers")
      >>> predict(tree, [[0.5], [7.0]]).tolist()
      [5.0, 8.0]
    """
    points, Y = _targets(x, y, target)
    leaf, penalty = _checks.count("leaf", leaf, at_least=1), nonnegative("penalty", penalty)
    most = len(points) if depth is None else _checks.count("depth", depth)
    nodes: list[tuple[Any, ...]] = []
    links: list[list[int]] = []
    waiting = [(np.arange(len(points)), 0, -1, 0)]
    while waiting:
        rows, level, parent, side = waiting.pop()
        here, targets = len(nodes), Y[rows]
        mean = targets.mean(axis=0)
        spread = float(((targets - mean) ** 2).sum()) / len(points)
        split = _best_split(points[rows], targets, leaf) if level < most else None
        nodes.append((*(split or (-1, 0.0)), mean, spread, len(rows)))
        links.append([-1, -1])
        if parent >= 0:
            links[parent][side] = here
        if split is not None:
            yes = points[rows, split[0]] <= split[1]
            waiting += [(rows[~yes], level + 1, here, 1), (rows[yes], level + 1, here, 0)]
    feature, threshold, value, spread, count = zip(*nodes, strict=True)
    left, right = np.array(links, np.int32).T
    tree = Tree(
        np.array(feature, np.int32),
        np.array(threshold, np.float64),
        left,
        right,
        np.array(value),
        np.array(spread),
        np.array(count, np.int32),
        target,
        points.shape[1],
    )
    return prune(tree, penalty)


def predict(tree: Tree, x: Any) -> np.ndarray:
    """The classes, (...) int32, or the numbers, (...) float64, of points (..., d).

    Raises:
      ValueError: if the last axis of x is not d; NonFiniteError if x is not finite.

    Example:
      >>> predict(fit([[0.0], [1.0]], [0, 1]), [[0.2], [0.5], [0.6]]).tolist()
      [0, 0, 1]
    """
    found = values(tree, x)
    if tree.target == "classes":
        return found.argmax(axis=-1).astype(np.int32)
    return found[..., 0]


def values(tree: Tree, x: Any) -> np.ndarray:
    """The value of the leaf that holds each point: (..., d) -> (..., k).

    Raises:
      ValueError: if the last axis of x is not d; NonFiniteError if x is not finite.

    Example:
      >>> values(fit([[0.0], [1.0]], [0, 1]), [[0.2]]).tolist()
      [[1.0, 0.0]]
    """
    points = queries(x, tree.dimension)
    node = np.zeros(points.shape[:-1], np.int32)
    while (tree.feature[node] >= 0).any():
        asked = np.maximum(tree.feature[node], 0)
        yes = np.take_along_axis(points, asked[..., None], -1)[..., 0] <= tree.threshold[node]
        following = np.where(yes, tree.left[node], tree.right[node])
        node = np.where(tree.feature[node] < 0, node, following)
    return tree.value[node]


def pruning_path(tree: Tree) -> tuple[np.ndarray, np.ndarray]:
    """The penalties at which pruning collapses a node, rising, and the leaves that are left.

    Returns:
      penalties (s,), the first 0, and leaves (s,) int32, the last 1.

    Example:
      >>> penalties, leaves = pruning_path(fit([[0.0], [1.0], [2.0]], [0, 1, 0]))
      >>> penalties.round(4).tolist(), leaves.tolist()
      ([0.0, 0.2222], [3, 1])
    """
    penalties, leaves = [0.0], [int((tree.feature < 0).sum())]
    while (tree.feature >= 0).any():
        weakest = _links(tree).min()
        tree = _collapse(tree, weakest)
        n = int((tree.feature < 0).sum())
        if weakest > penalties[-1]:
            penalties.append(float(weakest))
            leaves.append(n)
        leaves[-1] = n
    return np.array(penalties), np.array(leaves, np.int32)


def prune(tree: Tree, penalty: float) -> Tree:
    """The smallest of the subtrees that minimise R(T) + penalty |T|.

    Raises:
      ValueError: if the penalty is negative.

    Example:
      >>> tree = fit([[0.0], [1.0], [2.0]], [0, 1, 0])
      >>> [len(prune(tree, penalty).feature) for penalty in (0.2, 0.3)]
      [5, 1]
    """
    penalty = nonnegative("penalty", penalty)
    while (tree.feature >= 0).any() and (weakest := _links(tree).min()) <= penalty:
        tree = _collapse(tree, weakest)
    return tree


def boxes(tree: Tree) -> Boxes:
    """The boxes of the leaves, from left to right, with their values.

    Example:
      >>> boxes(fit([[0.0], [1.0]], [0, 1])).upper.tolist()
      [[0.5], [inf]]
    """
    m = len(tree.feature)
    lower, upper = np.full((m, tree.dimension), -np.inf), np.full((m, tree.dimension), np.inf)
    for i in np.flatnonzero(tree.feature >= 0):
        f, left, right = tree.feature[i], tree.left[i], tree.right[i]
        lower[[left, right]], upper[[left, right]] = lower[i], upper[i]
        upper[left, f] = lower[right, f] = tree.threshold[i]
    leaves = tree.feature < 0
    return Boxes(lower[leaves], upper[leaves], tree.value[leaves])


def to_network(tree: Tree) -> relu.Network:
    """The same function as a network with two hidden layers of Heaviside units.

    With s_j = H(x_f - t) for the questions, the unit of a leaf is
    H(sum of s_j where the way goes right - sum of s_j where it goes left - (rights - 1/2)), which
    is 1 for its leaf and 0 elsewhere; the output weights are the values of the leaves. In double
    precision the two functions are equal in every bit: x - t has the sign of the comparison, and
    a sum with one term other than 0 is exact.

    Returns:
      a network from R^d to R^k with m - l and l units for m nodes and l leaves; a single leaf is
      given the question x_0 <= 0, whose answer it does not read.

    Example:
      >>> net = to_network(fit([[0.0], [1.0]], [0, 1]))
      >>> relu.shape(net), relu.apply(net, np.array([[0.5], [0.75]])).tolist()
      ((1, 1, 2, 2), [[1.0, 0.0], [0.0, 1.0]])
    """
    inner = np.flatnonzero(tree.feature >= 0)
    leaves = np.flatnonzero(tree.feature < 0)
    asked, at = (tree.feature[inner], tree.threshold[inner]) if inner.size else ([0], [0.0])
    q = len(asked)
    questions = scipy.sparse.csr_array(
        (np.ones(q), (np.arange(q), asked)), shape=(q, tree.dimension)
    )
    way = np.zeros((len(tree.feature), q))
    for j, i in enumerate(inner):
        way[[tree.left[i], tree.right[i]]] = way[i]
        way[tree.left[i], j], way[tree.right[i], j] = -1.0, 1.0
    way = way[leaves]
    rights = (way > 0).sum(axis=1)
    return relu.from_layers(
        [
            (questions, -np.asarray(at)),
            (scipy.sparse.csr_array(way), 0.5 - rights),
            (tree.value[leaves].T, np.zeros(tree.value.shape[1])),
        ],
        ["heaviside", "heaviside"],
    )


def _targets(x: Any, y: Any, target: str) -> tuple[np.ndarray, np.ndarray]:
    """The points, and the targets (n, k)."""
    if _checks.one_of("target", target, TARGETS) == "classes":
        given = examples(x, y)
        return given.x, given.unit
    points = sample(x)
    if np.shape(y) != (len(points),):
        raise ValueError(
            f"y must have shape ({len(points)},), one number per row of x, got {np.shape(y)}"
        )
    _checks.finite("y", y)
    return points, np.asarray(y, np.float64)[:, None]


def _best_split(x: np.ndarray, Y: np.ndarray, leaf: int) -> tuple[int, float] | None:
    """The coordinate and threshold that lower the sum of squares the most, if any does.

    With S the sum of the targets of m examples on a side, the sum of squares there is the sum of
    |y_i|^2 less |S|^2 / m: the best split has the largest |S|^2 / m over the two sides together.
    """
    n = len(x)
    if n < 2 * leaf:
        return None
    Y = Y - Y.mean(axis=0)
    order = np.argsort(x, axis=0, kind="stable")
    along = np.take_along_axis(x, order, axis=0)
    total = Y[order].cumsum(axis=0)[:-1]
    m = np.arange(1, n)[:, None]
    gain = (total**2).sum(axis=2) * n / (m * (n - m))
    allowed = (along[1:] > along[:-1]) & (m >= leaf) & (n - m >= leaf)
    gain = np.where(allowed, gain, -np.inf)
    row, f = np.unravel_index(gain.T.argmax(), gain.T.shape)[::-1]
    if not gain[row, f] > 1e-13 * (Y**2).sum():
        return None
    below, above = along[row, f], along[row + 1, f]
    middle = below / 2 + above / 2
    return int(f), float(middle if middle < above else below)


def _links(tree: Tree) -> np.ndarray:
    """(R(node as a leaf) - R(its subtree)) / (its leaves - 1), infinite at leaves, (m,)."""
    inside = tree.feature >= 0
    leaves, rest = np.where(inside, 0, 1), np.where(inside, 0.0, tree.spread)
    for i in np.flatnonzero(inside)[::-1]:
        leaves[i] = leaves[tree.left[i]] + leaves[tree.right[i]]
        rest[i] = rest[tree.left[i]] + rest[tree.right[i]]
    return np.where(inside, np.maximum(tree.spread - rest, 0) / np.maximum(leaves - 1, 1), np.inf)


def _collapse(tree: Tree, weakest: float) -> Tree:
    """The tree in which the nodes with the weakest links, up to rounding, are leaves."""
    cut = _links(tree) <= weakest * (1 + 1e-12)
    kept = np.zeros(len(cut), bool)
    kept[0] = True
    for i in np.flatnonzero((tree.feature >= 0) & ~cut):
        kept[[tree.left[i], tree.right[i]]] = kept[i]
    number = np.append(np.cumsum(kept) - 1, -1)
    leaf = (cut | (tree.feature < 0))[kept]
    return tree._replace(
        feature=np.where(leaf, -1, tree.feature[kept]).astype(np.int32),
        threshold=np.where(leaf, 0.0, tree.threshold[kept]),
        left=np.where(leaf, -1, number[tree.left[kept]]).astype(np.int32),
        right=np.where(leaf, -1, number[tree.right[kept]]).astype(np.int32),
        value=tree.value[kept],
        spread=tree.spread[kept],
        count=tree.count[kept],
    )

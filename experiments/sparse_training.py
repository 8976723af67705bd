"""How many weights a network needs: sparse training by xRDA.

Command: approxnet reproduce sparse_training
Cost: 6 s (smoke), 60 s (full), on two cores
Expect: the stronger the penalty, the fewer weights of an MLP are left, all others being exactly 0.
With 7 % of its 4,736 weights it loses about two percent of accuracy, where a threshold after the
training loses more than twenty. At this size the adaptive penalty, M = 500, is no better than equal
weights, M = 1, by more than the noise of 360 test images.

The networks of one start see the same batches of digits; only the strength of the penalty and M
differ. Biases are not penalised. For comparison the network without a penalty has its smallest
weights set to 0 after its training, as many as each of the others has.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from approxnet import data, optimize
from approxnet import plot as drawing
from approxnet.reproduce import Check, Numbers, Quote, Table
from approxnet.reproduce.progress import Reporter

PRECISION = "float32"

PAPER = (
    Quote(
        "J. W. Siegel, J. Chen, P. Zhang, J. Xu, Training sparse neural networks using compressed "
        "sensing, arXiv:2008.09661",
        "title and method",
        "an adaptively weighted l1 penalty and a generalised regularised dual averaging with "
        "momentum",
    ),
    Quote(
        "J. He, X. Jia, J. Xu, L. Zhang, L. Zhao, Make l1 regularization effective in training "
        "sparse CNN (2018)",
        "abstract",
        "95 % of the weights of ResNet-18 are 0 on CIFAR-10 without loss of accuracy",
    ),
)


@dataclasses.dataclass(frozen=True)
class Config:
    """The network, its training and the penalties.

    Attributes:
      hidden: neurons of the one hidden layer.
      epochs: of each training.
      strengths: how many lambda for each M, beside 0.
      starts: how many networks of each kind, of which the means are reported.
      seed: the seeds of the networks are seed * starts and those that follow it.
    """

    hidden: int = 64
    epochs: int = 40
    strengths: int = 6
    starts: int = 4
    seed: int = 0


SCALES = {"smoke": Config(), "full": Config(hidden=256, epochs=200, strengths=12)}

BATCH, STEP = 32, 0.5
MEMORY = 9.5 * STEP
"""That of the authors for the step 1: past gradients count 0.9 as much at each step."""
RANGES = {500.0: (3e-6, 1e-3), 1.0: (1e-4, 1e-2)}
"""The smallest and the largest strength by M."""


class Digits(NamedTuple):
    """Pixels with mean 0 and deviation 1 over the training set, (n, 64), and labels."""

    x: Any
    labels: Any


class Trained(NamedTuple):
    """Networks by strength.

    Fields:
      left: the fraction of weights that are not 0.
      train, test: accuracies.
      kept: that fraction for each input, (strengths, inputs).
    """

    strengths: np.ndarray
    left: np.ndarray
    train: np.ndarray
    test: np.ndarray
    kept: np.ndarray
    params: Any


def run(config: Config, progress: Reporter) -> Numbers:
    """Train for every M and strength at once, from several starts, and average."""
    splits, found = _digits(), []
    for i in range(config.starts):
        progress(f"start {i}", i, config.starts)
        found.append(_from_start(config, config.seed * config.starts + i, splits))
    groups, cut, plain = jax.tree.map(lambda *leaves: np.mean(leaves, axis=0), *found)
    table = _table(groups, plain, cut)
    return Numbers((table,), tuple(_checks_of(groups, plain, cut)),
                   {"groups": groups, "plain": plain, "cut": cut})  # fmt: skip


Groups = dict[float, Trained]


def _from_start(
    config: Config, seed: int, splits: dict[str, Digits]
) -> tuple[Groups, Groups, Trained]:
    """By M the networks that are trained and those that are cut, and the one without a penalty."""
    spread = np.append(np.repeat(list(RANGES), config.strengths), 1.0)
    strength = [np.geomspace(*limits, config.strengths) for limits in RANGES.values()]
    strength = np.append(np.concatenate(strength), 0.0)
    nets = _judge(strength, _train(config, seed, splits["train"], strength, spread), splits)
    plain = _pick(nets, strength == 0)
    groups = {M: _pick(nets, (spread == M) & (strength > 0)) for M in RANGES}
    cut = {M: _cut(plain, group, splits) for M, group in groups.items()}
    return tuple(
        jax.tree.map(lambda t: t._replace(params=()), nets, is_leaf=lambda t: hasattr(t, "left"))
        for nets in (groups, cut, plain)
    )


def _digits() -> dict[str, Digits]:
    sets = {split: data.load("digits", split) for split in ("train", "test")}
    pixels = {s: d.images.reshape(len(d.labels), -1).astype(np.float32) for s, d in sets.items()}
    mean, deviation = pixels["train"].mean(), pixels["train"].std()
    return {s: Digits((pixels[s] - mean) / deviation, sets[s].labels) for s in sets}


def _logits(params: Any, x: jax.Array) -> jax.Array:
    (W, V), (b, c) = params["weights"], params["biases"]
    return jax.nn.relu(x @ W + b[None]) @ V + c[None]


def _loss(params: Any, x: jax.Array, labels: jax.Array) -> jax.Array:
    losses = optax.softmax_cross_entropy_with_integer_labels(_logits(params, x), labels)
    return losses.mean()


def _start(config: Config, seed: int, inputs: int, classes: int) -> Any:
    """Kaiming's normal weights."""
    rng = np.random.default_rng(seed)
    sizes = ((inputs, config.hidden), (config.hidden, classes))
    weights = [rng.normal(0, (2 / m) ** 0.5, (m, n)).astype(np.float32) for m, n in sizes]
    return {"weights": weights, "biases": [np.zeros(n, np.float32) for _, n in sizes]}


def _train(
    config: Config, seed: int, digits: Digits, strength: np.ndarray, spread: np.ndarray
) -> Any:
    n = len(digits.labels) // BATCH * BATCH
    steps = config.epochs * (n // BATCH)
    draws = optimize.minibatches(jax.random.key(seed), n, size=BATCH, steps=steps, replace=False)
    start = _start(config, seed, digits.x.shape[1], int(digits.labels.max()) + 1)
    floats = (jnp.asarray(strength, jnp.float32), jnp.asarray(spread, jnp.float32))
    return jax.tree.map(np.asarray, _train_all(start, digits, draws, *floats))


@jax.jit
def _train_all(start: Any, digits: Digits, draws: Any, strength: Any, spread: Any) -> Any:
    schedule = optax.cosine_decay_schedule(STEP, len(draws))

    def train(strength: jax.Array, spread: jax.Array) -> Any:
        sparse = optimize.xrda(schedule, strength=strength, spread=spread, memory=MEMORY)
        free = optimize.xrda(schedule, strength=0.0, memory=MEMORY)
        transform = optax.partition(
            {"sparse": sparse, "free": free}, {"weights": "sparse", "biases": "free"}
        )

        def step(carry: Any, batch: jax.Array) -> tuple[Any, None]:
            params, state = carry
            x, labels = jnp.asarray(digits.x)[batch], jnp.asarray(digits.labels)[batch]
            change, state = transform.update(jax.grad(_loss)(params, x, labels), state, params)
            return (optax.apply_updates(params, change), state), None

        params = jax.tree.map(jnp.asarray, start)
        return jax.lax.scan(step, (params, transform.init(params)), draws)[0][0]

    return jax.vmap(train)(strength, spread)


@jax.jit
def _accuracies(params: Any, digits: Digits) -> jax.Array:
    return jax.vmap(lambda p: jnp.mean(_logits(p, digits.x).argmax(axis=1) == digits.labels))(
        params
    )


def _judge(strength: np.ndarray, params: Any, splits: dict[str, Digits]) -> Trained:
    weights = np.concatenate([w.reshape(len(strength), -1) for w in params["weights"]], axis=1)
    scores = {s: np.asarray(_accuracies(params, digits)) for s, digits in splits.items()}
    left, kept = (weights != 0).mean(axis=1), (params["weights"][0] != 0).mean(axis=2)
    return Trained(strength, left, scores["train"], scores["test"], kept, params)


def _pick(nets: Trained, which: np.ndarray) -> Trained:
    return jax.tree.map(lambda leaf: leaf[which], nets)


def _cut(plain: Trained, group: Trained, splits: dict[str, Digits]) -> Trained:
    """The network without a penalty with its smallest weights set to 0, as many as in group."""
    weights = [w[0] for w in plain.params["weights"]]
    sizes = np.sort(np.abs(np.concatenate([w.ravel() for w in weights])))
    ranks = np.round((1 - group.left) * sizes.size).astype(int)
    limits = sizes[np.minimum(ranks, sizes.size - 1)]
    cut = [np.stack([np.where(abs(w) >= t, w, 0) for t in limits]) for w in weights]
    biases = [np.repeat(b, len(limits), axis=0) for b in plain.params["biases"]]
    return _judge(group.strengths, {"weights": cut, "biases": biases}, splits)


LOSS, FEW = 0.03, 0.1


def _checks_of(groups: Groups, plain: Trained, cut: Groups) -> list[Check]:
    """With FEW of the weights at most, of several networks the one with the most weights."""
    checks = []
    for M, group in groups.items():
        few = int(np.argmax(group.left <= FEW))
        checks += [
            Check(f"M = {M:g}: most growth of the fraction left from strength to strength",
                  float(np.diff(group.left).max()), "<=", 0.0),
            Check(f"M = {M:g}: least fraction left", float(group.left.min()), "<=", FEW),
            Check(f"M = {M:g}, {group.left[few]:.1%} left: test accuracy - that of a threshold",
                  float(group.test[few] - cut[M].test[few]), ">=", 0.1),
        ]  # fmt: skip
    sparse = groups[500.0]
    few = int(np.argmax(sparse.left <= FEW))
    loss = float(plain.test[0] - sparse.test[few])
    return [
        *checks,
        Check(f"M = 500, {sparse.left[few]:.1%} left: accuracy lost", loss, "<=", LOSS),
    ]


def _table(groups: Groups, plain: Trained, cut: Groups) -> Table:
    columns = ("M", "lambda", "weights left", "train", "test", "test, threshold instead")
    rows: list[tuple[float | int | str, ...]] = [
        ("", 0.0, 1.0, float(plain.train[0]), float(plain.test[0]), float(plain.test[0]))
    ]
    for M, group in groups.items():
        numbers = zip(*(group[:4]), cut[M].test, strict=True)
        rows += [(M, *(float(v) for v in row)) for row in numbers]
    return Table("Sparsity and accuracy", columns, tuple(rows))


def plot(numbers: Numbers) -> Mapping[str, Any]:
    """The figures by caption."""
    found = numbers.data
    return {
        "Test accuracy against the fraction of weights that are not 0: trained with the penalty "
        "(lines), or cut by a threshold after the training (crosses).": _trade(**found),
        "The percentage of its weights that each pixel keeps, for three strengths with M = 500: "
        "the edges left and right, which are nearly always black, lose theirs.": _pixels(
            found["groups"][500.0]
        ),
    }


def _trade(groups: Groups, plain: Trained, cut: Groups) -> Any:
    figure, ax = drawing.figure(size=(6.6, 4.2))
    for (M, group), colour, marker in zip(
        groups.items(), drawing.COLOURS, drawing.MARKERS, strict=False
    ):
        ax.semilogx(group.left, group.test, marker + "-", color=colour, lw=1.2, ms=5,
                    label=f"xRDA, M = {M:g}")  # fmt: skip
        ax.semilogx(cut[M].left, cut[M].test, "x", color="black", ms=6)
    ax.axhline(plain.test[0], color="#555555", ls=":", lw=1, label="no penalty")
    ax.plot([], [], "kx", label="threshold instead")
    ax.set_xlabel("fraction of weights left")
    ax.set_ylabel("test accuracy")
    ax.legend(frameon=False, loc="lower right")
    return figure


def _pixels(group: Trained) -> Any:
    chosen = np.linspace(0, len(group.left) - 1, 3).round().astype(int)
    figure, axes = drawing.figure(1, 3, size=(9.6, 3.3))
    for ax, i in zip(axes, chosen, strict=True):
        kept = 100 * group.kept[i]
        side = int(len(kept) ** 0.5)
        shown = ax.imshow(kept.reshape(side, side), cmap=drawing.COLOUR_MAP, vmin=0)
        ax.set_title(f"{group.left[i]:.1%} of all weights left")
        ax.set_axis_off()
        figure.colorbar(shown, ax=ax, shrink=0.8)
    return figure

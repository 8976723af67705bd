"""Image classifiers trained from several seeds, and tables of papers about them.

A network is trained by its recipe from each seed and judged after its last epoch, never after its
best. A paper's table lists contenders with the accuracies that it prints; beside them stand ours,
or "not run".
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from rich.console import Console

from approxnet import _checks, data, models, training
from approxnet import plot as drawing
from approxnet.data import augment as augmentation
from approxnet.data.dataset import Dataset
from approxnet.errors import OfflineError
from approxnet.reproduce.progress import Reporter
from approxnet.reproduce.records import Check, Table
from approxnet.training import TrainConfig
from approxnet.training.examples import Augment, Normalize, unchanged

Splits = dict[str, Dataset]
"""A data set by its splits, "train" and "test"."""

Scores = dict[str, dict[str, "Outcome"]]
"""What was attained, by data set and by learner."""


class Outcome(NamedTuple):
    """What a learner attains, from each seed.

    Fields:
      train, test: (seeds,), accuracies in the end.
      curves: (seeds, epochs), test accuracies after each epoch; without epochs for least squares.
      parameters, macs, seconds: its size, its multiplications for one image, the time of all seeds.
    """

    train: np.ndarray
    test: np.ndarray
    curves: np.ndarray
    parameters: int
    macs: int
    seconds: float


def load(names: Sequence[str], known: Sequence[str]) -> tuple[dict[str, Splits], dict[str, str]]:
    """The data sets that are at hand, and why the others are not.

    Args:
      names: of the sets.
      known: the names that are allowed.

    Raises:
      ConfigError: if a name is not known.
      OfflineError: if none of the sets is at hand.

    Example:
      >>> found, missing = load(("digits",), ("digits",))
      >>> found["digits"]["test"].images.shape, missing
      ((360, 8, 8, 1), {})
    """
    found, missing = {}, {}
    for name in names:
        _checks.one_of("set", name, known)
        try:
            found[name] = {split: data.load(name, split) for split in ("train", "test")}
        except OfflineError as error:
            missing[name] = str(error)
    if not found:
        raise OfflineError("; ".join(missing.values()))
    return found, missing


def standardised(images: np.ndarray) -> Normalize:
    """The normalisation by mean and deviation over all images of each channel.

    Example:
      >>> images = np.array([[[[0]]], [[[2]]]], np.uint8)
      >>> standardised(images)(images).ravel().tolist()
      [-1.0, 1.0]
    """
    statistics = augmentation.statistics(images)
    return lambda x: data.normalize(x, statistics=statistics)


def train(
    model: Any,
    recipe: TrainConfig,
    splits: Splits,
    *,
    seeds: int,
    normalize: Normalize,
    augment: Augment = unchanged,
) -> Outcome:
    """Train a network from the seeds recipe.seed, recipe.seed + 1, ... and judge it.

    Args:
      model: a Flax module.
      recipe: how it is trained.
      splits: on what.
      seeds: how many of them.
      normalize: of the images.
      augment: of the training images.

    Example:
      >>> found, _ = load(("digits",), ("digits",))
      >>> model = models.MODELS["linear"]()
      >>> outcome = train(model, TrainConfig(epochs=1), found["digits"], seeds=2,
      ...                 normalize=standardised(found["digits"]["train"].images))
      >>> outcome.parameters, outcome.curves.shape
      (650, (2, 1))
    """
    start = time.perf_counter()
    function = models.functional(model)
    results = training.fit_seeds(
        function,
        splits["train"],
        recipe,
        seeds=seeds,
        test=splits["test"],
        augment=augment,
        normalize=normalize,
        console=Console(quiet=True),
    )
    accuracy = {
        split: np.array(
            [training.evaluate(function, r.state, s, normalize=normalize).accuracy for r in results]
        )
        for split, s in splits.items()
    }
    return Outcome(
        accuracy["train"],
        accuracy["test"],
        np.array([[epoch.test_accuracy for epoch in r.history] for r in results]),
        models.count_parameters(results[0].state.params),
        models.count_macs(model, splits["train"].images.shape[1:]),
        time.perf_counter() - start,
    )


def size(model: Any, shape: Sequence[int]) -> int:
    """The number of parameters of a network on images of that shape; nothing is evaluated.

    Example:
      >>> size(models.MODELS["lenet5"](), (28, 28, 1))
      61706
    """
    images = jax.ShapeDtypeStruct((1, *shape), np.float32)
    return models.count_parameters(
        jax.eval_shape(models.functional(model).init, jax.random.key(0), images)[0]
    )


def spread(values: np.ndarray) -> float:
    """The standard deviation of a sample; 0 for a single value.

    Example:
      >>> spread(np.array([1.0, 3.0])), spread(np.array([5.0]))
      (1.4142135623730951, 0.0)
    """
    return float(values.std(ddof=min(1, len(values) - 1)))


class Contender(NamedTuple):
    """A row of a paper's table.

    Fields:
      build: (number of classes, part) -> the network with ``part`` of the paper's channels.
      published: the printed accuracy in percent, by data set.
      parameters: the printed number of parameters, as it is printed.
    """

    build: Callable[[int, float], Any]
    published: Mapping[str, float]
    parameters: str


@dataclasses.dataclass(frozen=True)
class Contest:
    """Which rows of a table are run, and how.

    Attributes:
      sets: names of data sets.
      rows: names of contenders; None for all.
      part: of the paper's channels.
      seeds: how many networks of each kind.
      epochs: of every network, in which the rate drops after the same part of them as in the
        paper's recipe; None for those of the recipe.
      batch: examples in a step; None for the recipe's.
      seed: the first seed is seed * seeds.
    """

    sets: tuple[str, ...]
    rows: tuple[str, ...] | None = None
    part: float = 1.0
    seeds: int = 5
    epochs: int | None = None
    batch: int | None = None
    seed: int = 0


def contest(
    contenders: Mapping[str, Contender],
    recipes: Mapping[str, tuple[TrainConfig, Augment]],
    config: Contest,
    progress: Reporter,
) -> tuple[Scores, dict[str, str]]:
    """Train the chosen rows on every set that is at hand.

    Args:
      contenders: the rows of the table.
      recipes: by data set, how to train and what is done to the training images.
      config: which rows are run, and how.
      progress: told before each training.

    Returns:
      What was attained, and why sets are not at hand.
    """
    rows = tuple(contenders) if config.rows is None else config.rows
    for row in rows:
        _checks.one_of("row", row, contenders)
    found, missing = load(config.sets, tuple(recipes))
    scores: Scores = {name: {} for name in found}
    jobs = [(name, row) for name in found for row in rows]
    for i, (name, row) in enumerate(jobs):
        progress(f"{name}, {row}", i, len(jobs))
        splits, (recipe, augment) = found[name], recipes[name]
        scores[name][row] = train(
            contenders[row].build(len(splits["train"].classes), config.part),
            _shortened(recipe, config),
            splits,
            seeds=config.seeds,
            normalize=standardised(splits["train"].images),
            augment=augment,
        )
    return scores, missing


def _shortened(recipe: TrainConfig, config: Contest) -> TrainConfig:
    """The recipe with the epochs of a contest; the rate drops after the same part of them."""
    epochs = recipe.epochs if config.epochs is None else config.epochs
    return dataclasses.replace(
        recipe,
        epochs=epochs,
        batch=recipe.batch if config.batch is None else config.batch,
        drop_every=max(1, round(recipe.drop_every * epochs / recipe.epochs)),
        seed=config.seed * config.seeds,
    )


def published_table(
    title: str,
    contenders: Mapping[str, Contender],
    scores: Scores,
    config: Contest,
    *,
    classes: int = 10,
) -> Table:
    """The paper's table, with our accuracies beside its own, or "not run".

    The parameters are those of the networks for so many classes at full size.
    """
    sets = tuple(dict.fromkeys(name for c in contenders.values() for name in c.published))
    columns = (
        "network",
        "parameters, printed",
        "parameters, ours",
        "MACs of a 32 x 32 image",
        *(f"{name}, {what}" for name in sets for what in ("printed", "ours, mean", "spread")),
    )
    rows = []
    for name, contender in contenders.items():
        model = contender.build(classes, 1.0)
        cells: list[Any] = []
        for s in sets:
            outcome = scores.get(s, {}).get(name) if config.part == 1.0 else None
            ours = (100 * float(outcome.test.mean()), 100 * spread(outcome.test)) if outcome else ()
            cells += [contender.published.get(s, ""), *(ours or ("not run", ""))]
        macs = models.count_macs(model, (32, 32, 3))
        rows.append((name, contender.parameters, size(model, (32, 32, 3)), macs, *cells))
    return Table(title, columns, tuple(rows))


def score_table(name: str, outcomes: Mapping[str, Outcome]) -> Table:
    """What was attained on one set."""
    columns = (
        "learner",
        "parameters",
        "MACs",
        "seeds",
        "epochs",
        "train accuracy, mean",
        "spread",
        "test accuracy, mean",
        "spread",
        "seconds",
    )
    rows = tuple(
        (
            learner,
            o.parameters,
            o.macs,
            *o.curves.shape,
            *(value for a in (o.train, o.test) for value in (float(a.mean()), spread(a))),
            round(o.seconds, 1),
        )
        for learner, o in outcomes.items()
    )
    return Table(f"{name}: after the last epoch", columns, rows)


def sizes(
    names: Sequence[str], contenders: Mapping[str, Contender], counted: Sequence[int]
) -> list[Check]:
    """That networks for ten classes have as many parameters as were counted elsewhere."""
    return [
        Check(
            f"{name}: |parameters - {count:,}|",
            abs(size(contenders[name].build(10, 1.0), (32, 32, 3)) - count),
            "<=",
            0,
        )
        for name, count in zip(names, counted, strict=True)
    ]


def learned(scores: Scores, least: Mapping[str, float]) -> list[Check]:
    """That each mean test accuracy on a set is at least so high."""
    return [
        Check(f"{name}, {row}: mean test accuracy", float(outcome.test.mean()), ">=", least[name])
        for name, outcomes in scores.items()
        for row, outcome in outcomes.items()
        if name in least
    ]


def curves(scores: Scores) -> Any:
    """The test accuracy after each epoch, mean and spread over the seeds, a drawing per set."""
    figure, axes = drawing.figure(1, len(scores), size=(6.4 * len(scores), 3.6))
    for ax, (name, outcomes) in zip(np.ravel(axes), scores.items(), strict=True):
        for (row, o), colour in zip(outcomes.items(), drawing.COLOURS, strict=False):
            epochs = 1 + np.arange(o.curves.shape[1])
            mean = o.curves.mean(axis=0)
            around = np.array([spread(accuracies) for accuracies in o.curves.T])
            ax.plot(epochs, mean, ".-", color=colour, label=row)
            ax.fill_between(epochs, mean - around, mean + around, color=colour, alpha=0.2, lw=0)
            ax.axhline(o.test.mean(), color=colour, ls=":", lw=1.0)
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.set_title(name)
        ax.set_xlabel("epoch")
        ax.set_ylabel("test accuracy")
        ax.grid(True, axis="y", color="#dddddd", lw=0.6)
        ax.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def against_parameters(scores: Scores) -> Any:
    """The test accuracy in the end against the number of parameters, a drawing per set."""
    figure, axes = drawing.figure(1, len(scores), size=(6.4 * len(scores), 3.6))
    for ax, (name, outcomes) in zip(np.ravel(axes), scores.items(), strict=True):
        styles = zip(outcomes.items(), drawing.COLOURS, drawing.MARKERS, strict=False)
        for (row, o), colour, marker in styles:
            ax.errorbar(
                o.parameters,
                o.test.mean(),
                spread(o.test),
                fmt=marker,
                color=colour,
                ms=6,
                capsize=3,
                label=row,
            )
        ax.set_title(name)
        ax.set_xscale("log")
        ax.set_xlabel("parameters")
        ax.set_ylabel("test accuracy")
        ax.grid(True, axis="y", color="#dddddd", lw=0.6)
        ax.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def agreement(
    contenders: Mapping[str, Contender],
    scores: Scores,
    config: Contest,
    within: Mapping[str, float],
) -> list[Check]:
    """At full size, that our mean accuracy is the printed one within so many percent on a set."""
    if config.part != 1.0 or config.epochs is not None:
        return []
    return [
        Check(
            f"{name}, {row}: |mean test accuracy - printed|, percent",
            abs(100 * float(outcome.test.mean()) - contenders[row].published[name]),
            "<=",
            within[name],
        )
        for name, outcomes in scores.items()
        for row, outcome in outcomes.items()
        if name in contenders[row].published
    ]

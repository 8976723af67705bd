"""Image classifiers trained from several seeds: what they attain, in tables and figures.

A network is trained by its recipe from each seed and judged after its last epoch, never after its
best.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from rich.console import Console

from approxnet import _checks, data, models, training
from approxnet import plot as drawing
from approxnet.data import augment as augmentation
from approxnet.data.dataset import Dataset
from approxnet.errors import OfflineError
from approxnet.reproduce.records import Table
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
      OfflineError: if sets are named and none is at hand.

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
    if missing and not found:
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

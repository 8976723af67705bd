"""Tables of papers about image classifiers: their rows are contenders, trained by one recipe.

A row is a network with the accuracies that the paper prints; beside them stand ours, or "not run".
A contest may be small: with a part of the channels, few epochs and another set of images.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from approxnet import _checks, models
from approxnet.reproduce import classifiers
from approxnet.reproduce.progress import Reporter
from approxnet.reproduce.records import Cell, Check, Comparison, Table, over_seeds, quoted
from approxnet.training import TrainConfig
from approxnet.training.examples import Augment


class Contender(NamedTuple):
    """A row of a paper's table.

    Fields:
      build: (number of classes, part) -> the network with ``part`` of the paper's channels.
      published: the printed accuracy in percent, by data set.
      parameters: the printed number of parameters, as it is printed.

    Example:
      >>> row = Contender(lambda n, part: models.MLP((int(8 * part),), n), {}, "1k")
      >>> row.build(10, 0.5).hidden
      (4,)
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

    Example:
      >>> Contest(("digits",), part=1 / 16, epochs=12).seeds
      5
    """

    sets: tuple[str, ...]
    rows: tuple[str, ...] | None = None
    part: float = 1.0
    seeds: int = 5
    epochs: int | None = None
    batch: int | None = None
    seed: int = 0


def hold(
    contenders: Mapping[str, Contender],
    recipes: Mapping[str, tuple[TrainConfig, Augment]],
    config: Contest,
    progress: Reporter,
) -> tuple[classifiers.Scores, dict[str, str]]:
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
    found, missing = classifiers.load(config.sets, tuple(recipes))
    scores: classifiers.Scores = {name: {} for name in found}
    jobs = [(name, row) for name in found for row in rows]
    for i, (name, row) in enumerate(jobs):
        progress(f"{name}, {row}", i, len(jobs))
        splits, (recipe, augment) = found[name], recipes[name]
        scores[name][row] = classifiers.train(
            contenders[row].build(len(splits["train"].classes), config.part),
            _shortened(recipe, config),
            splits,
            seeds=config.seeds,
            normalize=classifiers.standardised(splits["train"].images),
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
    scores: classifiers.Scores,
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
        *(f"{name}, {what}" for name in sets for what in ("printed", "ours")),
    )
    rows = []
    for name, contender in contenders.items():
        model = contender.build(classes, 1.0)
        cells: list[Any] = []
        for s in sets:
            printed = contender.published.get(s)
            cells += ["" if printed is None else quoted(printed), _percent(scores, config, s, name)]
        macs = models.count_macs(model, (32, 32, 3))
        rows.append(
            (name, quoted(contender.parameters), classifiers.size(model, (32, 32, 3)), macs, *cells)
        )
    return Table(title, columns, tuple(rows))


def _percent(scores: classifiers.Scores, config: Contest, name: str, row: str) -> Cell:
    """Our test accuracies in percent, not run unless with all the channels."""
    outcome = scores.get(name, {}).get(row) if config.part == 1.0 else None
    return over_seeds(None if outcome is None else 100 * outcome.test)


def compared(
    contenders: Mapping[str, Contender], scores: classifiers.Scores, config: Contest
) -> tuple[Comparison, ...]:
    """The printed accuracies beside ours, in percent."""
    return tuple(
        Comparison(
            f"{row}: accuracy on {name}, percent",
            f"{printed:.2f}",
            _percent(scores, config, name, row),
        )
        for row, contender in contenders.items()
        for name, printed in contender.published.items()
    )


def sizes(
    names: Sequence[str], contenders: Mapping[str, Contender], counted: Sequence[int]
) -> list[Check]:
    """That networks for ten classes of 32 x 32 images have as many parameters as counted elsewhere.

    Example:
      >>> row = Contender(lambda n, part: models.MODELS["linear"](num_classes=n), {}, "31k")
      >>> sizes(["linear"], {"linear": row}, [30730])[0].passed
      True
    """
    return [
        Check(
            f"{name}: |parameters - {count:,}|",
            abs(classifiers.size(contenders[name].build(10, 1.0), (32, 32, 3)) - count),
            "<=",
            0,
        )
        for name, count in zip(names, counted, strict=True)
    ]


def learned(scores: classifiers.Scores, least: Mapping[str, float]) -> list[Check]:
    """That each mean test accuracy on a set is at least so high."""
    return [
        Check(f"{name}, {row}: mean test accuracy", float(outcome.test.mean()), ">=", least[name])
        for name, outcomes in scores.items()
        for row, outcome in outcomes.items()
        if name in least
    ]


def agreement(
    contenders: Mapping[str, Contender],
    scores: classifiers.Scores,
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

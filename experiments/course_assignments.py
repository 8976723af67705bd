"""What the learners of the course attain, from least squares over LeNet-5 to MgNet.

Command: approxnet reproduce course_assignments
Cost: 40 s (smoke, digits), 40 min (full, Fashion-MNIST), on two cores
Expect: the test accuracy rises from least squares over logistic regression and an MLP with 500
hidden neurons to LeNet-5 and MgNet: on digits 0.856, 0.88, 0.92, 0.94, 0.95, by about one percent
from seed to seed; on Fashion-MNIST exactly 0.8113 (0.8311333 on the training images), then 0.835,
0.884, 0.903, 0.925, by less than 0.002. There LeNet-5 has less than a sixth of the parameters of
the MLP, and MgNet, with 16 channels, a twelfth.

Least squares is the solution of smallest norm, in double precision, of pixels / 255 and a one onto
the unit vectors of the classes. Every network is trained from several seeds and judged after its
last epoch, never after its best. On Fashion-MNIST the rate of MgNet is divided by 10 after 60 and
85 percent of the epochs, and no image is cropped or flipped. The marks of MNIST and CIFAR-10 are
the course's, which has none for MgNet; those of digits and Fashion-MNIST are ours. A set that is
not at hand is named in the first table with the remedy; if none is at hand, the run fails. MNIST
and CIFAR-10 are run by

    full = reproduce.find("course_assignments").scales["full"]
    config = dataclasses.replace(full, sets=("mnist", "cifar10"))
    reproduce.run("course_assignments", config, out="results")
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from approxnet import _checks, data, learn, models
from approxnet.data import augment as augmentation
from approxnet.reproduce import (
    Check,
    Comparison,
    Numbers,
    Quote,
    Table,
    classifiers,
    over_seeds,
)
from approxnet.reproduce.classifiers import Outcome, Splits, score_table, standardised
from approxnet.reproduce.progress import Reporter
from approxnet.training import TrainConfig
from approxnet.training.examples import Augment, Normalize, scale, unchanged

PRECISION = "float32"

PAPER = (
    Quote(
        "J. Xu, Deep Learning and Analysis, lecture notes, Penn State 2021",
        "numerical results of logistic regression and support vector machines",
        "least squares classifies 85.77 % of the training images of MNIST and 86.03 % of the test "
        "images; 45.10 % and 32.86 % of CIFAR-10",
    ),
    Quote(
        "Penn State MATH 452, Deep Learning, Spring 2022",
        "programming assignments 2 to 4",
        "to pass, on the test images: MNIST by logistic regression 92 %, with one hidden layer "
        "97 %, by LeNet-5 99 %; CIFAR-10 by logistic regression 25 %, with two hidden layers 50 %, "
        "by LeNet-5 60 %",
    ),
)

LEARNERS = ("least squares", "logistic regression", "MLP", "LeNet-5", "MgNet")


@dataclasses.dataclass(frozen=True)
class Config:
    """Which sets, and from how many seeds.

    Attributes:
      sets: names of data sets, keys of ``ASSIGNMENTS``.
      learners: some of ``LEARNERS``.
      seeds: how many networks of each kind.
      epochs: of every network; None for those of its recipe.
      seed: the seeds of the networks are seed * seeds and those that follow it.
    """

    sets: tuple[str, ...]
    learners: tuple[str, ...] = LEARNERS
    seeds: int = 3
    epochs: int | None = None
    seed: int = 0


SCALES = {"smoke": Config(sets=("digits",)), "full": Config(sets=("fashion_mnist",))}

Pixels = Callable[[np.ndarray], Normalize]
"""``pixels(training images)`` is the normalisation of all images."""

Learn = Callable[[Splits, Config], Outcome]


class Assignment(NamedTuple):
    """A learner with what is asked of it on a set.

    Fields:
      printed: accuracies by split that must come out to the last digit.
      marks: mean accuracies by split that must be attained.
    """

    learn: Learn
    printed: Mapping[str, str] = {}
    marks: Mapping[str, float] = {}


def least_squares(splits: Splits, config: Config) -> Outcome:
    """Least squares of (pixels / 255, 1) onto the unit vectors of the classes."""
    start = time.perf_counter()
    flat = {split: s.images.reshape(len(s.images), -1) / 255 for split, s in splits.items()}
    model = learn.least_squares.fit(flat["train"], splits["train"].labels)
    accuracy = {
        split: np.mean(learn.least_squares.predict(model, x) == splits[split].labels, keepdims=True)
        for split, x in flat.items()
    }
    return Outcome(
        accuracy["train"],
        accuracy["test"],
        np.empty((1, 0)),
        model.weight.size + model.bias.size,
        model.weight.size,
        time.perf_counter() - start,
    )


def network(model: Any, recipe: TrainConfig, pixels: Pixels, augment: Augment = unchanged) -> Learn:
    """The learner that trains a network; ``pixels`` makes its normalisation."""
    return partial(_train, model, recipe, pixels, augment)


def _train(
    model: Any,
    recipe: TrainConfig,
    pixels: Pixels,
    augment: Augment,
    splits: Splits,
    config: Config,
) -> Outcome:
    return classifiers.train(
        model,
        dataclasses.replace(
            recipe,
            epochs=recipe.epochs if config.epochs is None else config.epochs,
            seed=config.seed * config.seeds,
        ),
        splits,
        seeds=config.seeds,
        normalize=pixels(splits["train"].images),
        augment=augment,
    )


def _bytes(images: np.ndarray) -> Normalize:
    return scale


def _standardised_per_image(images: np.ndarray) -> Normalize:
    found = augmentation.statistics(images, per_image=True)
    return partial(data.normalize, statistics=found)


LOGISTIC, PERCEPTRON, LENET = (models.MODELS[name]() for name in ("linear", "mlp", "lenet5"))
WIDE = models.MLP(hidden=(3072, 500))
SMALL_MGNET, COURSE_MGNET, MGNET = (
    models.MgNet((1, 1, 1, 1), channels, channels) for channels in (8, 16, 64)
)

# The rate falls to 0, so that the last epoch is as good as any: at a constant rate the test
# accuracy changes by one percent from epoch to epoch.
PLAIN = TrainConfig(learning_rate=0.1, momentum=0.0, schedule="cosine")
MOMENTUM = TrainConfig(learning_rate=0.02, schedule="cosine")
SMALL = TrainConfig(epochs=8, batch=32, learning_rate=0.05, schedule="cosine")
CELL = TrainConfig(epochs=12, batch=100, learning_rate=0.1, momentum=0.0)
CONSTANT = TrainConfig(learning_rate=0.1, momentum=0.0)
LATE = TrainConfig(learning_rate=0.1, weight_decay=5e-4, schedule="step", drop_at=(6, 8.5))
ONCE = dataclasses.replace(LATE, epochs=60, drop_at=(50,))
FINAL = dataclasses.replace(LATE, epochs=120, drop_at=(30, 60, 90))
DROPS = TrainConfig(
    epochs=30, learning_rate=0.01, weight_decay=5e-4, schedule="step", drop_every=10
)

ASSIGNMENTS: dict[str, dict[str, Assignment]] = {
    "digits": {
        "least squares": Assignment(least_squares, marks={"train": 0.94, "test": 0.84}),
        "logistic regression": Assignment(network(LOGISTIC, SMALL, _bytes), marks={"test": 0.87}),
        "MLP": Assignment(network(PERCEPTRON, SMALL, standardised), marks={"test": 0.9}),
        "LeNet-5": Assignment(network(LENET, SMALL, standardised), marks={"test": 0.9}),
        "MgNet": Assignment(network(SMALL_MGNET, SMALL, standardised), marks={"test": 0.9}),
    },
    "fashion_mnist": {
        "least squares": Assignment(least_squares, {"train": "0.8311333", "test": "0.8113"}),
        "logistic regression": Assignment(network(LOGISTIC, PLAIN, _bytes), marks={"test": 0.83}),
        "MLP": Assignment(network(PERCEPTRON, PLAIN, standardised), marks={"test": 0.878}),
        "LeNet-5": Assignment(network(LENET, MOMENTUM, standardised), marks={"test": 0.89}),
        "MgNet": Assignment(network(COURSE_MGNET, LATE, standardised), marks={"test": 0.916}),
    },
    "mnist": {
        "least squares": Assignment(least_squares, {"train": "0.8577", "test": "0.8603"}),
        "logistic regression": Assignment(network(LOGISTIC, CELL, _bytes), marks={"test": 0.92}),
        "MLP": Assignment(network(PERCEPTRON, CONSTANT, _bytes), marks={"test": 0.97}),
        "LeNet-5": Assignment(network(LENET, DROPS, standardised), marks={"test": 0.99}),
        "MgNet": Assignment(network(MGNET, ONCE, standardised)),
    },
    "cifar10": {
        "least squares": Assignment(least_squares, {"train": "0.4510", "test": "0.3286"}),
        "logistic regression": Assignment(network(LOGISTIC, DROPS, _bytes), marks={"test": 0.25}),
        "MLP": Assignment(network(WIDE, DROPS, _standardised_per_image), marks={"test": 0.5}),
        "LeNet-5": Assignment(
            network(LENET, DROPS, _standardised_per_image, augmentation.crop_flip),
            marks={"test": 0.6},
        ),
        "MgNet": Assignment(network(MGNET, FINAL, standardised, augmentation.crop_flip)),
    },
}
"""What is asked, by set and learner."""


def run(config: Config, progress: Reporter) -> Numbers:
    """Do the assignments of every set that is at hand."""
    for learner in config.learners:
        _checks.one_of("learner", learner, LEARNERS)
    found, missing = classifiers.load(config.sets, tuple(ASSIGNMENTS))
    jobs = [(name, learner) for name in found for learner in config.learners]
    outcomes: dict[str, dict[str, Outcome]] = {name: {} for name in found}
    for i, (name, learner) in enumerate(jobs):
        progress(f"{name}, {learner}", i, len(jobs))
        outcomes[name][learner] = ASSIGNMENTS[name][learner].learn(found[name], config)
    return Numbers(
        tables=(_set_table(config, found, missing),
                *(score_table(name, outcomes[name]) for name in found)),
        checks=tuple(
            check
            for name, learner in jobs
            for check in _checks_of(name, learner, outcomes[name][learner])
        ),
        data={"outcomes": outcomes},
        compared=tuple(_compared(outcomes)),
    )  # fmt: skip


def _set_table(config: Config, found: dict[str, Splits], missing: dict[str, str]) -> Table:
    columns = ("set", "state", "training images", "test images", "pixels")
    rows = {name: (name, f"not at hand: {missing[name]}", "", "", "") for name in missing} | {
        name: (
            name,
            "at hand",
            len(splits["train"].labels),
            len(splits["test"].labels),
            " x ".join(map(str, splits["train"].images.shape[1:])),
        )
        for name, splits in found.items()
    }
    return Table("Data sets", columns, tuple(rows[name] for name in config.sets))


def _checks_of(name: str, learner: str, outcome: Outcome) -> list[Check]:
    """What is printed must agree to half a unit of its last digit."""
    mean = {"train": float(outcome.train.mean()), "test": float(outcome.test.mean())}
    assignment, label = ASSIGNMENTS[name][learner], f"{name}, {learner}"
    return [
        Check(f"{label}: |{split} accuracy - {digits}|", abs(mean[split] - float(digits)), "<=",
              0.5 * 10.0 ** -len(digits.partition(".")[2]))
        for split, digits in assignment.printed.items()
    ] + [
        Check(f"{label}: mean {split} accuracy", mean[split], ">=", mark)
        for split, mark in assignment.marks.items()
    ]  # fmt: skip


def _compared(outcomes: Mapping[str, Mapping[str, Outcome]]) -> Iterator[Comparison]:
    """The printed accuracies and the marks on the test images, in percent, beside ours."""
    for name in ("mnist", "cifar10"):
        for learner, assignment in ASSIGNMENTS[name].items():
            outcome = outcomes.get(name, {}).get(learner)
            ours = over_seeds(None if outcome is None else 100 * outcome.test)
            claim = f"{learner} on the test images of {name}, percent"
            if "test" in assignment.printed:
                yield Comparison(claim, round(100 * float(assignment.printed["test"]), 2), ours)
            if "test" in assignment.marks:
                mark = f"at least {100 * assignment.marks['test']:.0f}"
                yield Comparison(claim, mark, ours, quote=1)


def plot(numbers: Numbers) -> Mapping[str, Any]:
    """The figures by caption."""
    outcomes = numbers.data["outcomes"]
    return {
        "Test accuracy after each epoch: mean over the seeds, and the band of one standard "
        "deviation. Dotted is the accuracy in the end, for least squares too, which has no "
        "epochs.": classifiers.curves(outcomes),
        "Test accuracy after the last epoch against the number of parameters, with one standard "
        "deviation over the seeds.": classifiers.against_parameters(outcomes),
    }

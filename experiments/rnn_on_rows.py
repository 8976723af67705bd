"""Recurrent networks read images row by row.

Command: approxnet reproduce rnn_on_rows
Cost: 10 s (smoke, digits), 3 min (full, Fashion-MNIST), on two cores
Expect: with an image as the sequence of its rows, Elman's network reaches what a multilayer
perceptron of the same hidden size reaches, although it never sees two rows at once: 0.92 on digits.
Long short-term memory, with four times the parameters, is a little behind there. On Fashion-MNIST
long short-term memory has 0.89, as the perceptron; Elman's network, whose gradient is a product of
28 matrices, diverges at their learning rate, is given a tenth of it, and has 0.86.

Each is trained by stochastic gradient descent with momentum and judged after its last epoch. A set
that is not at hand is named in the first table with the remedy; if none is, the run fails.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from approxnet import models
from approxnet.reproduce import Check, Numbers, Quote, Table, classifiers
from approxnet.reproduce.classifiers import Outcome, score_table, standardised
from approxnet.reproduce.progress import Reporter
from approxnet.training import TrainConfig

PRECISION = "float32"

PAPER = (
    Quote(
        "J. Xu, Deep Learning and Analysis, lecture notes, Penn State 2021",
        "introduction to recurrent neural networks, in our words",
        "a recurrent network reads a sequence one element at a time into a hidden state",
    ),
    Quote(
        "J. L. Elman, Finding structure in time, Cognitive Science 14 (1990), 179-211",
        "in our words",
        "the hidden state of the last step is part of the input of the next",
    ),
)


@dataclasses.dataclass(frozen=True)
class Config:
    """The set and the training.

    Attributes:
      sets: names of data sets, keys of ``MARKS``.
      hidden: the size of the hidden states, and of the perceptron.
      epochs: of every network.
      batch: examples in a step.
      elman_rate: the learning rate of Elman's network; that of the others is 0.05.
      seeds: how many networks of each kind.
      seed: the seeds of the networks are seed * seeds and those that follow it.
    """

    sets: tuple[str, ...] = ("digits",)
    hidden: int = 64
    epochs: int = 12
    batch: int = 32
    elman_rate: float = 0.05
    seeds: int = 1
    seed: int = 0


SCALES = {
    "smoke": Config(),
    "full": Config(sets=("fashion_mnist",), hidden=128, epochs=10, batch=128, elman_rate=0.005),
}

MARKS = {
    "digits": {"MLP": 0.9, "Elman": 0.85, "LSTM": 0.85},
    "fashion_mnist": {"MLP": 0.87, "Elman": 0.8, "LSTM": 0.87},
    "mnist": {"MLP": 0.97, "Elman": 0.95, "LSTM": 0.97},
}
"""Mean test accuracies that are asked for, by set and network."""


def networks(hidden: int) -> dict[str, Any]:
    """The networks by name."""
    return {
        "MLP": models.MLP(hidden=(hidden,)),
        "Elman": models.ElmanRNN(hidden=hidden),
        "LSTM": models.LSTM(hidden=hidden),
    }


def run(config: Config, progress: Reporter) -> Numbers:
    """Train every network on every set that is at hand."""
    found, missing = classifiers.load(config.sets, tuple(MARKS))
    recipe = TrainConfig(
        epochs=config.epochs,
        batch=config.batch,
        schedule="cosine",
        seed=config.seed * config.seeds,
    )
    rates = {"Elman": config.elman_rate}
    outcomes: dict[str, dict[str, Outcome]] = {name: {} for name in found}
    jobs = [(name, *job) for name in found for job in networks(config.hidden).items()]
    for i, (name, title, model) in enumerate(jobs):
        progress(f"{name}, {title}", i, len(jobs))
        outcomes[name][title] = classifiers.train(
            model,
            dataclasses.replace(recipe, learning_rate=rates.get(title, 0.05)),
            found[name],
            seeds=config.seeds,
            normalize=standardised(found[name]["train"].images),
        )
    states = tuple(
        (name, f"not run: {missing[name]}" if name in missing else "at hand")
        for name in config.sets
    )
    return Numbers(
        (Table("Data sets", ("set", "state"), states),
         *(score_table(name, outcomes[name]) for name in found)),
        tuple(
            Check(f"{name}, {title}: mean test accuracy", float(outcome.test.mean()), ">=",
                  MARKS[name][title])
            for name in found
            for title, outcome in outcomes[name].items()
        ),
        {"outcomes": outcomes},
    )  # fmt: skip


def plot(numbers: Numbers) -> Mapping[str, Any]:
    """The figures by caption."""
    outcomes = numbers.data["outcomes"]
    return {
        "Test accuracy after each epoch; dotted is the accuracy in the end.": (
            classifiers.curves(outcomes)
        ),
        "Test accuracy in the end against the number of parameters.": (
            classifiers.against_parameters(outcomes)
        ),
    }

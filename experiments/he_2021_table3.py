"""Sharing the data-feature map A on a grid costs ResNet nothing, sharing the extractor B does.

Command: approxnet reproduce he_2021_table3
Cost: 12 s (smoke, one small network on digits), days on a CPU (full, CIFAR-10 and CIFAR-100)
Expect: at smoke scale the network classifies 90 % of the digits; at full scale the printed
accuracies within half a percent, one percent on CIFAR-100, and the order of the columns: with A
shared as good as without, with B shared worse (not run so far).

In the constrained linear model A u = f, u >= 0, a block of a ResNet is a smoothing step for the
residual. Then A belongs to the grid, and one A serves all blocks of a stage; the extractors B may
differ from step to step. The paper does not say how a shared B meets a change of channels; here a
convolution with one pixel comes before it, with which the parameters are up to three percent fewer
than are printed. They are counted for 100 classes.

The recipe is the paper's: stochastic gradient descent with momentum 0.9 and weight decay 5 10^-4,
batches of 128, the rate 0.1 divided by 10 every 30 of 150 epochs, images cropped and flipped at
random. The paper does not say from how many seeds and after which epoch it judges; here it is after
the last one, from five. The small network has an eighth of the channels and is trained on
digits for a few epochs, in which the rate drops after the same parts of the training.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from approxnet import models
from approxnet.data.augment import crop_flip
from approxnet.reproduce import Check, Numbers, Quote, Table, classifiers, contest
from approxnet.reproduce.classifiers import Scores
from approxnet.reproduce.contest import Contender, Contest
from approxnet.reproduce.progress import Reporter
from approxnet.training import TrainConfig
from approxnet.training.examples import unchanged

PRECISION = "float32"

PAPER = (
    Quote(
        "J. He, J. Xu, L. Zhang, J. Zhu, An interpretive constrained linear model for ResNet and "
        "MgNet, Neural Networks 162 (2023), 384-392, arXiv:2112.07441",
        "section 5, table 3",
        "pre-act ResNet-18: 94.31 with A^{l,i}, B^{l,i}; 94.54 with A^l, B^{l,i}; 93.96 with "
        "A^{l,i}, B^l; 93.63 with A^l, B^l on CIFAR-10",
    ),
)

BLOCKS = {"18": (2, 2, 2, 2), "34": (3, 4, 6, 3)}
KINDS = {"ResNet": models.ResNet, "pre-act ResNet": models.PreActResNet}
SHARED = {"": "", "a": ", A shared", "b": ", B shared", "ab": ", A and B shared"}

PRINTED = {
    ("ResNet", "18"): "94.22/76.08/11M 94.34/76.32/8.1M 93.95/74.23/9.7M 93.30/74.85/6.6M",
    ("pre-act ResNet", "18"): "94.31/76.33/11M 94.54/76.43/8.1M 93.96/74.45/9.7M 93.63/74.46/6.6M",
    ("ResNet", "34"): "94.43/76.31/21M 94.78/76.44/13M 93.98/74.48/15M 93.55/74.46/6.7M",
    ("pre-act ResNet", "34"): "94.70/77.38/21M 94.91/77.41/13M 94.08/75.32/15M 94.01/74.12/6.7M",
}
"""CIFAR-10, CIFAR-100 and parameters as printed, by what is shared."""


def build(kind: str, depth: str, shared: str, classes: int, part: float) -> Any:
    """A network with 64 channels in the first stage."""
    width = max(1, round(64 * part))
    return KINDS[kind](classes, blocks=BLOCKS[depth], width=width, shared=shared)


def _contenders() -> dict[str, Contender]:
    rows = {}
    for (kind, depth), cells in PRINTED.items():
        for (shared, label), cell in zip(SHARED.items(), cells.split(), strict=True):
            ten, hundred, parameters = cell.split("/")
            rows[f"{kind}-{depth}{label}"] = Contender(
                partial(build, kind, depth, shared),
                {"cifar10": float(ten), "cifar100": float(hundred)},
                parameters,
            )
    return rows


CONTENDERS = _contenders()
"""The rows of table 3."""

RECIPE = TrainConfig(
    epochs=150, batch=128, learning_rate=0.1, weight_decay=5e-4, schedule="step", drop_every=30
)
RECIPES = {
    "digits": (RECIPE, unchanged),
    "cifar10": (RECIPE, crop_flip),
    "cifar100": (RECIPE, crop_flip),
}

SMALL = ("pre-act ResNet-18, A shared",)

SCALES = {
    "smoke": Contest(("digits",), SMALL, part=1 / 8, seeds=1, epochs=8, batch=32),
    "full": Contest(("cifar10", "cifar100")),
}


def run(config: Contest, progress: Reporter) -> Numbers:
    """Train what is chosen and set it beside the printed table."""
    scores, missing = contest.hold(CONTENDERS, RECIPES, config, progress)
    title = "Table 3, accuracy in percent; not run: " + (", ".join(missing) or "see the rows")
    published = contest.published_table(title, CONTENDERS, scores, config, classes=100)
    tables = (
        published,
        *(classifiers.score_table(name, outcomes) for name, outcomes in scores.items()),
    )
    checks = (
        *_sizes(published),
        *contest.learned(scores, {"digits": 0.9}),
        *contest.agreement(CONTENDERS, scores, config, {"cifar10": 0.5, "cifar100": 1.0}),
        *_order(scores, config),
    )
    compared = contest.compared(CONTENDERS, scores, config)
    return Numbers(tables, checks, {"scores": scores}, compared)


def _sizes(published: Table) -> list[Check]:
    """That our parameters for 100 classes are those that are printed, of which two digits are."""
    checks = []
    rows: tuple[Any, ...] = published.rows
    for name, _, ours, *_ in rows:
        printed = CONTENDERS[name].parameters
        ratio = ours / 1e6 / float(printed.removesuffix("M"))
        checks.append(Check(f"{name}: |parameters / {printed} - 1|", abs(ratio - 1), "<=", 0.03))
    return checks


def _order(scores: Scores, config: Contest) -> list[Check]:
    """At full size, that sharing A loses at most 0.2 percent and sharing B loses."""
    checks = []
    for name, outcomes in scores.items():
        for row, whole in outcomes.items():
            a, b = (outcomes.get(f"{row}{SHARED[kernel]}") for kernel in "ab")
            if name == "digits" or config.part != 1.0 or a is None or b is None:
                continue
            lost = [100 * float(whole.test.mean() - part.test.mean()) for part in (a, b)]
            checks += [
                Check(f"{name}, {row}: lost with A shared, percent", lost[0], "<=", 0.2),
                Check(f"{name}, {row}: lost with B shared, percent", lost[1], ">", lost[0]),
            ]
    return checks


def plot(numbers: Numbers) -> Mapping[str, Any]:
    """The figures by caption."""
    scores = numbers.data["scores"]
    return {
        "Test accuracy after each epoch; dotted, in the end.": classifiers.curves(scores),
        "Test accuracy after the last epoch against the number of parameters.": (
            classifiers.against_parameters(scores)
        ),
    }

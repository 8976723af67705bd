"""The configuration and its schedules."""

import dataclasses
import math
import re

import pytest

from approxnet.errors import ConfigError
from approxnet.training import TrainConfig, configure, learning_rate, sgd
from approxnet.training.config import check

PER_EPOCH = 10
STEPS = range(0, 90, 3)


def rates(**fields):
    schedule = learning_rate(TrainConfig(epochs=9, learning_rate=0.2, **fields), PER_EPOCH)
    return [float(schedule(t)) for t in STEPS]


def test_the_constant_schedule_is_constant():
    assert rates() == pytest.approx([0.2] * len(STEPS))


def test_the_step_schedule_drops_at_the_beginning_of_every_third_epoch():
    expected = [0.2 * 0.1 ** (t // PER_EPOCH // 3) for t in STEPS]
    assert rates(schedule="step", drop_every=3) == pytest.approx(expected, rel=1e-6)


def test_the_step_schedule_drops_where_it_is_told():
    expected = [0.2 * 0.5 ** ((t >= 20) + (t >= 85)) for t in STEPS]
    found = rates(schedule="step", drop_at=(2, 8.5), drop_factor=0.5)
    assert found == pytest.approx(expected, rel=1e-6)


def test_the_cosine_schedule_is_half_a_wave():
    expected = [0.1 * (1 + math.cos(math.pi * t / 90)) for t in STEPS]
    assert rates(schedule="cosine") == pytest.approx(expected, rel=1e-5)


def test_warm_up_rises_from_zero_and_the_drops_stay_where_they_are():
    ramp = [0.2 * t / 20 for t in STEPS if t < 20]
    drops = [0.2 * 0.1 ** (t // PER_EPOCH // 3) for t in STEPS if t >= 20]
    found = rates(schedule="step", drop_every=3, warmup=2)
    assert found == pytest.approx(ramp + drops, rel=1e-6)


def test_warm_up_leaves_the_cosine_the_other_steps():
    wave = [0.1 * (1 + math.cos(math.pi * (t - 20) / 70)) for t in STEPS if t >= 20]
    assert rates(schedule="cosine", warmup=2)[7:] == pytest.approx(wave, rel=1e-5)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("epochs", -1),
        ("epochs", 1.5),
        ("epochs", True),
        ("batch", 0),
        ("learning_rate", 0.0),
        ("learning_rate", -0.1),
        ("learning_rate", math.nan),
        ("learning_rate", "0.1"),
        ("momentum", 1.0),
        ("momentum", -0.1),
        ("weight_decay", -1e-4),
        ("weight_decay", math.inf),
        ("drop_factor", 0.0),
        ("drop_every", 0),
        ("drop_at", (3, 2)),
        ("drop_at", (0, 2)),
        ("drop_at", (math.nan,)),
        ("schedule", "cosin"),
        ("warmup", 10),
        ("seed", -1),
        ("save_every", 0),
    ],
)
def test_a_value_that_is_not_legal_is_named_with_its_field(field, value):
    with pytest.raises(ConfigError, match=f"{field} must be .*, got {re.escape(repr(value))}"):
        check(dataclasses.replace(TrainConfig(), **{field: value}))


def test_a_field_that_is_not_known_gets_the_nearest_one():
    with pytest.raises(ConfigError, match="did you mean 'learning_rate'"):
        configure({"epochs": 2, "learing_rate": 0.1})
    assert configure({"epochs": 2}) == TrainConfig(epochs=2)


def test_the_seed_is_no_part_of_the_optimizer():
    assert sgd(TrainConfig(seed=1), 10) is sgd(TrainConfig(seed=2), 10)
    assert sgd(TrainConfig(momentum=0.8), 10) is not sgd(TrainConfig(), 10)

"""Functions that differ in what can be seen have descriptions that differ in the same place."""

import functools
import json
import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from approxnet import data, models
from approxnet.data import augment
from approxnet.training.description import describe, differences


def scaled(factor: float) -> Callable[..., object]:
    return lambda x, power=2: factor * x**power


def recursive(depth):
    def inner(x):
        return inner(x - 1) if x else depth

    return inner


class Pair(NamedTuple):
    a: object
    b: object


class Method:
    def scale(self, x):
        return 2 * x


SCHEDULE = optax.cosine_decay_schedule
PAIRS = {
    "number in a closure": (scaled(2.0), scaled(3.0), "factor"),
    "code": (lambda x: x + 1, lambda x: x - 1, "code"),
    "constant": (lambda x: x + 1, lambda x: x + 2, "code"),
    "name in the code": (lambda x: x.sum(), lambda x: x.mean(), "code"),
    "default": (lambda x, p=1: x, lambda x, p=2: x, "defaults.0"),
    "keyword default": (lambda *, p=1: p, lambda *, p=2: p, "keyword_defaults.p"),
    "inner function": (lambda x: (lambda y: y + 1)(x), lambda x: (lambda y: y + 2)(x), "code"),
    "partial": (
        functools.partial(round, ndigits=1),
        functools.partial(round, ndigits=2),
        "ndigits",
    ),
    "partial in place": (functools.partial(pow, 2), functools.partial(pow, 3), "arguments.0"),
    "array": (scaled(np.zeros(3)), scaled(np.ones(3)), "factor"),
    "dtype": (scaled(jnp.zeros(3)), scaled(jnp.zeros(3, jnp.int32)), "factor"),
    "nan": (scaled(math.nan), scaled(math.inf), "factor"),
    "key of a mapping": ({"a": 1}, {"b": 1}, "a"),
    "NamedTuple": (Pair(1, 2), Pair(1, 3), "b"),
    "recursion": (recursive(1), recursive(2), "depth"),
    "function that is compiled": (jax.jit(scaled(1.0)), jax.jit(scaled(2.0)), "factor"),
    "optimizer": (optax.adamw(0.1), optax.adamw(0.1, b1=0.8), "update.update_fns.0.tx.update.b1"),
    "rate": (optax.adamw(0.1), optax.adamw(0.2), "update.update_fns.2.tx.update.step_size"),
    "kind of optimizer": (optax.adam(0.1), optax.sgd(0.1), "init"),
    "schedule": (
        optax.sgd(SCHEDULE(0.1, 10)),
        optax.sgd(SCHEDULE(0.1, 20)),
        "learning_rate.decay_steps",
    ),
    "width of a model": (
        models.functional(models.MLP(hidden=(5,))),
        models.functional(models.MLP(hidden=(6,))),
        "apply.model.hidden.0",
    ),
    "statistics": (
        functools.partial(data.normalize, statistics=augment.STATISTICS["cifar10"]),
        functools.partial(data.normalize, statistics=augment.STATISTICS["cifar10_per_image"]),
        "statistics.std.0",
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_what_differs_is_named(name):
    one, other, place = PAIRS[name]
    lines = differences(describe(one), describe(other))
    assert any(place in line.split(" = ")[0] for line in lines), lines
    assert differences(describe(one), describe(one)) == []


@pytest.mark.parametrize("name", PAIRS)
def test_a_description_comes_back_from_json(name):
    found = describe(PAIRS[name][0])
    assert json.loads(json.dumps(found)) == found


def test_made_again_it_is_the_same():
    for make in (lambda: optax.adamw(SCHEDULE(0.1, 10)), lambda: scaled(np.arange(3)), recursive):
        assert describe(make) == describe(make)
    assert describe(optax.lion(0.1)) == describe(optax.lion(0.1))
    assert describe(Method().scale) == describe(Method().scale)


def test_of_two_kinds_nothing_inside_is_compared():
    linear, wide = (models.functional(models.MODELS[name]()) for name in ("lenet5", "resnet18"))
    lines = differences(describe(linear.apply), describe(wide.apply))
    assert lines == ["model = 'LeNet5', got 'ResNet'"]

"""The numbers of a training run, and stochastic gradient descent with momentum from them.

    g_t = gradient of the loss + weight_decay * params
    v_t = momentum * v_{t-1} + g_t
    params <- params - rate_t * v_t          (Nesterov: params - rate_t * (g_t + momentum * v_t))

    constant   rate_t = r
    step       rate_t = r * drop_factor^(number of drops before step t)
    cosine     rate_t = r * (1 + cos(pi t / T)) / 2,            T the number of all steps

With ``warmup`` epochs, W steps, the rate of the first W steps is t/W of that at their end, so that
it rises from 0; ``cosine`` then goes over the other T - W steps.

References: Xu, Deep Learning and Analysis, lecture notes, on training algorithms; Loshchilov,
Hutter, ICLR 2017, for the cosine; Goyal et al., arXiv:1706.02677, for the warm-up.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Literal

import optax

from approxnet import _checks
from approxnet.errors import ConfigError

SCHEDULES = ("constant", "step", "cosine")


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """The numbers of a training run; `fit` checks them.

    Example:
      >>> TrainConfig(epochs=3, schedule="cosine").batch
      128
    """

    epochs: int = 10
    """How many times every example is seen."""
    batch: int = 128
    """Examples in a step; over all devices together."""
    learning_rate: float = 0.1
    """The rate of the schedule's beginning."""
    momentum: float = 0.9
    """Share of the last update that is kept, less than 1."""
    nesterov: bool = False
    """Nesterov's form of the momentum."""
    weight_decay: float = 0.0
    """Multiple of the parameters that is added to the gradient."""
    schedule: Literal["constant", "step", "cosine"] = "constant"
    """How the rate changes."""
    drop_every: int = 30
    """Epochs between two drops of the step schedule."""
    drop_at: tuple[float, ...] = ()
    """Epochs after which it drops, rising, such as 8.5; empty for those of drop_every."""
    drop_factor: float = 0.1
    """Factor of a drop."""
    warmup: int = 0
    """Epochs in which the rate rises from 0."""
    seed: int = 0
    """Seed of everything that is random."""
    save_every: int | None = None
    """Steps between two checkpoints; those at the ends of the epochs are always written."""

    def __post_init__(self) -> None:
        """Lists, as files hold them, become tuples."""
        object.__setattr__(self, "drop_at", tuple(self.drop_at))


def configure(fields: Mapping[str, Any]) -> TrainConfig:
    """The configuration with these fields.

    Raises:
      ConfigError: if a field is not known, with the nearest one, or has a value that is not legal.

    Example:
      >>> configure({"learing_rate": 0.1})
      Traceback (most recent call last):
      ...
      approxnet.errors.ConfigError: field must be one of ..., got 'learing_rate'; did you mean ...
    """
    known = [field.name for field in dataclasses.fields(TrainConfig)]
    return check(
        TrainConfig(**{_checks.one_of("field", name, known): fields[name] for name in fields})
    )


def check(config: TrainConfig) -> TrainConfig:
    """The configuration itself.

    Raises:
      ConfigError: if a value is not legal; names it.

    Example:
      >>> check(TrainConfig(learning_rate=-1.0))
      Traceback (most recent call last):
      ...
      approxnet.errors.ConfigError: learning_rate must be a finite number > 0, got -1.0
    """
    for name in ("epochs", "batch", "drop_every", "warmup", "seed", "save_every"):
        value = getattr(config, name)
        least = 0 if name in ("epochs", "warmup", "seed") else 1
        legal = isinstance(value, int) and not isinstance(value, bool) and value >= least
        if not (legal or (name == "save_every" and value is None)):
            raise ConfigError(f"{name} must be an integer >= {least}, got {value!r}")
    rules: dict[str, tuple[str, Callable[[float], bool]]] = {
        "learning_rate": ("a finite number > 0", lambda value: value > 0),
        "momentum": ("a number from 0 to 1, less than 1", lambda value: 0 <= value < 1),
        "weight_decay": ("a finite number >= 0", lambda value: value >= 0),
        "drop_factor": ("a finite number > 0", lambda value: value > 0),
    }
    for name, (expected, legal) in rules.items():
        value = getattr(config, name)
        if not (isinstance(value, int | float) and math.isfinite(value) and legal(value)):
            raise ConfigError(f"{name} must be {expected}, got {value!r}")
    _checks.one_of("schedule", config.schedule, SCHEDULES)
    if not all(a < b for a, b in zip((0, *config.drop_at), config.drop_at, strict=False)):
        raise ConfigError(f"drop_at must be rising numbers > 0, got {config.drop_at}")
    if config.warmup and config.warmup >= config.epochs:
        raise ConfigError(
            f"warmup must be less than epochs = {config.epochs}, got {config.warmup}; "
            "the rate would never reach learning_rate"
        )
    return config


def learning_rate(config: TrainConfig, per_epoch: int) -> optax.Schedule:
    """The learning rate as a function of the step.

    Args:
      config: the configuration.
      per_epoch: steps of an epoch.

    Example:
      >>> rate = learning_rate(TrainConfig(epochs=2, schedule="cosine", learning_rate=0.2), 10)
      >>> [round(float(rate(t)), 3) for t in (0, 10, 20)]
      [0.2, 0.1, 0.0]
    """
    first, rate = config.warmup * per_epoch, config.learning_rate
    drops = config.drop_at or range(config.drop_every, config.epochs, config.drop_every)
    schedule = {
        "constant": optax.constant_schedule(rate),
        "step": optax.piecewise_constant_schedule(
            rate, {round(epoch * per_epoch) - first: config.drop_factor for epoch in drops}
        ),
        "cosine": optax.cosine_decay_schedule(rate, max(config.epochs * per_epoch - first, 1)),
    }[config.schedule]
    if not first:
        return schedule
    return optax.join_schedules([optax.linear_schedule(0.0, rate, first), schedule], [first])


def sgd(config: TrainConfig, per_epoch: int) -> optax.GradientTransformation:
    """Stochastic gradient descent of a configuration; the same object for the same numbers.

    Args:
      config: the configuration.
      per_epoch: steps of an epoch.

    Example:
      >>> import jax.numpy as jnp
      >>> optimizer = sgd(TrainConfig(learning_rate=0.5, weight_decay=0.1), 10)
      >>> params = jnp.array(2.0)
      >>> optimizer.update(jnp.array(1.0), optimizer.init(params), params)[0].item()
      -0.6
    """
    return _sgd(dataclasses.replace(config, seed=0, save_every=None), per_epoch)


@lru_cache(maxsize=32)
def _sgd(config: TrainConfig, per_epoch: int) -> optax.GradientTransformation:
    return optax.chain(
        optax.add_decayed_weights(config.weight_decay),
        optax.sgd(learning_rate(config, per_epoch), config.momentum, config.nesterov),
    )

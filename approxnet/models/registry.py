"""Every architecture by its name, as the command line knows it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import flax.linen as nn

from approxnet.models.lenet import LeNet5
from approxnet.models.mlp import MLP

MODELS: dict[str, Callable[..., nn.Module]] = {
    "linear": partial(MLP, hidden=()),
    "mlp": MLP,
    "lenet5": LeNet5,
}
"""A constructor for every name; it takes ``num_classes`` and the fields of its class.

>>> MODELS["lenet5"](num_classes=26).num_classes
26
"""

"""Every architecture that classifies by its name, as the command line knows it.

``MgNO`` and ``FNO``, which map functions to functions, have no classes: ``training.fit`` takes them
through ``functional``, with functions for labels and a loss between functions.

>>> MODELS["vgg19"](num_classes=100).stages
(2, 2, 4, 4, 4)
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import flax.linen as nn

from approxnet.models.alexnet import AlexNet
from approxnet.models.densenet import DenseNet
from approxnet.models.googlenet import GoogLeNet
from approxnet.models.lenet import LeNet5
from approxnet.models.mgnet import MgNet
from approxnet.models.mlp import MLP
from approxnet.models.recurrent import LSTM, ElmanRNN
from approxnet.models.resnet import Bottleneck, PreActResNet, ResNet
from approxnet.models.vgg import VGG

MODELS: dict[str, Callable[..., nn.Module]] = {
    "linear": partial(MLP, hidden=()),
    "mlp": MLP,
    "lenet5": LeNet5,
    "alexnet": AlexNet,
    "vgg11": partial(VGG, stages=(1, 1, 2, 2, 2)),
    "vgg16": VGG,
    "vgg19": partial(VGG, stages=(2, 2, 4, 4, 4)),
    "googlenet": GoogLeNet,
    "resnet18": ResNet,
    "resnet34": partial(ResNet, blocks=(3, 4, 6, 3)),
    "resnet50": partial(ResNet, blocks=(3, 4, 6, 3), block=Bottleneck),
    "preact_resnet18": PreActResNet,
    "preact_resnet34": partial(PreActResNet, blocks=(3, 4, 6, 3)),
    "densenet100": DenseNet,
    "mgnet": partial(MgNet, (2, 2, 2, 2), 64, 64),
    "mgnet256": partial(MgNet, (2, 2, 2, 2), 256, 256),
    "elman_rnn": ElmanRNN,
    "lstm": LSTM,
}
"""A constructor for every name; it takes ``num_classes`` and the fields of its class."""

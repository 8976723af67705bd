"""Architectures as Flax modules, and the door that makes pure functions of them.

Each file is one architecture and reads like the figure of its paper; ``MODELS`` holds those that
classify by name. ``MgNO`` and ``FNO`` map functions on a grid to functions.
``functional(model)`` is ``(init, apply)`` on pytrees, which is all that training needs to know;
``count_parameters`` and ``count_macs`` measure a model. The convolution of all of them is
``convolve``, whose gradients are as fast inside a loop as outside.
"""

from approxnet.models.alexnet import AlexNet
from approxnet.models.conv import Conv, convolve, convolve_transposed
from approxnet.models.densenet import DenseNet
from approxnet.models.fno import FNO
from approxnet.models.googlenet import GoogLeNet
from approxnet.models.initializers import kaiming, lecun, orthogonal, xavier
from approxnet.models.interface import Functional, count_macs, count_parameters, functional
from approxnet.models.layers import BatchNorm
from approxnet.models.lenet import LeNet5
from approxnet.models.mgnet import MgNet, mgnet_from_hierarchy
from approxnet.models.mgno import MgNO
from approxnet.models.mlp import MLP
from approxnet.models.pooling import average_pool, max_pool
from approxnet.models.recurrent import LSTM, ElmanRNN
from approxnet.models.registry import MODELS
from approxnet.models.resnet import PreActResNet, ResNet
from approxnet.models.vgg import VGG

__all__ = [
    "AlexNet",
    "BatchNorm",
    "Conv",
    "DenseNet",
    "ElmanRNN",
    "FNO",
    "Functional",
    "GoogLeNet",
    "LSTM",
    "LeNet5",
    "MLP",
    "MODELS",
    "MgNO",
    "MgNet",
    "PreActResNet",
    "ResNet",
    "VGG",
    "average_pool",
    "convolve",
    "convolve_transposed",
    "count_macs",
    "count_parameters",
    "functional",
    "kaiming",
    "lecun",
    "max_pool",
    "mgnet_from_hierarchy",
    "orthogonal",
    "xavier",
]

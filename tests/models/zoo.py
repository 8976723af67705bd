"""Every class of architecture in a size that compiles in a second, and inputs for it."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from approxnet import models
from approxnet.models.resnet import Bottleneck

SMALL = {
    "linear": models.MLP(hidden=(), num_classes=3),
    "mlp": models.MLP(hidden=(7, 5), num_classes=3),
    "mlp with dropout": models.MLP(hidden=(7, 5), num_classes=3, dropout=0.3),
    "lenet5": models.LeNet5(num_classes=3),
    "alexnet": models.AlexNet(num_classes=3, channels=(2, 3, 2, 3, 2), units=(6, 5)),
    "vgg": models.VGG(num_classes=3, stages=(1, 1), channels=(2, 3)),
    "googlenet": models.GoogLeNet(num_classes=3, stem=2, stages=(((2, 2, 3, 2, 3, 2),),)),
    "resnet": models.ResNet(num_classes=3, blocks=(1, 1), width=2),
    "resnet with bottlenecks": models.ResNet(
        num_classes=3, blocks=(1, 1), width=2, block=Bottleneck
    ),
    "preact_resnet": models.PreActResNet(num_classes=3, blocks=(1, 1), width=2),
    "densenet": models.DenseNet(num_classes=3, blocks=(1, 1), growth=2),
    "mgnet": models.MgNet((2, 1), 2, 3, 3),
    "mgnet v": models.MgNet((1, 1), 2, 3, 3, "variable", "zero", cycle="v", form="standard"),
    "elman_rnn": models.ElmanRNN(num_classes=3, hidden=4),
    "lstm": models.LSTM(num_classes=3, hidden=4),
}

DROPOUT = {"mlp with dropout", "alexnet", "googlenet"}
BATCH_NORM = {
    "vgg",
    "googlenet",
    "resnet",
    "resnet with bottlenecks",
    "preact_resnet",
    "densenet",
    "mgnet",
    "mgnet v",
}


# Machine code that is not optimised compiles in half the time; the programs are tiny.
compile_quickly = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


def images(dtype, batch=4, side=8, channels=2):
    rng = np.random.default_rng(0)
    return jnp.asarray(rng.normal(size=(batch, side, side, channels)), dtype)


def convolutions(jaxpr):
    """The parameters of every convolution in a traced program."""
    for equation in jaxpr.eqns:
        if equation.primitive.name == "conv_general_dilated":
            yield equation.params
        for part in jax.tree.leaves(list(equation.params.values())):
            inner = getattr(part, "jaxpr", part)
            if hasattr(inner, "eqns"):
                yield from convolutions(inner)


def assert_fast_in_a_loop(jaxpr):
    """Every convolution is NHWC x HWIO without groups, which XLA's CPU compiler runs fast."""
    found = list(convolutions(jaxpr))
    for params in found:
        assert params["dimension_numbers"] == ((0, 3, 1, 2), (3, 2, 0, 1), (0, 3, 1, 2))
        assert params["feature_group_count"] == params["batch_group_count"] == 1
    return len(found)

"""The sizes of the architectures, from their papers and from the layers counted by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from approxnet import models
from approxnet.errors import ConfigError
from approxnet.models import MODELS, count_macs, count_parameters, functional
from approxnet.models.googlenet import STAGES, Inception

from . import reference, zoo

CIFAR, MNIST = (32, 32, 3), (28, 28, 1)


def n_parameters(name, shape, **options):
    init, _ = functional(MODELS[name](**options))
    x = jax.ShapeDtypeStruct((2, *shape), "float32")
    params, _ = jax.eval_shape(init, jax.random.key(0), x)
    return count_parameters(params)


def conv(k, c_in, c_out, side, bias=False):
    """Parameters and multiplications of a convolution with side x side results."""
    return np.array([k * k * c_in * c_out + bias * c_out, k * k * c_in * c_out * side**2])


def conv_norm(k, c_in, c_out, side):
    """The same of one with batch normalisation."""
    return conv(k, c_in, c_out, side) + norm(c_out)


def norm(c):
    return np.array([2 * c, 0])


def dense(n_in, n_out):
    return np.array([n_in * n_out + n_out, n_in * n_out])


def lenet():
    layers = conv(5, 1, 6, 28, bias=True), conv(5, 6, 16, 10, bias=True)
    return sum(layers) + dense(400, 120) + dense(120, 84) + dense(84, 10)


def alexnet():
    sizes = [(5, 3, 96, 32), (5, 96, 256, 16), (3, 256, 384, 8), (3, 384, 384, 8), (3, 384, 256, 8)]
    hidden = dense(4 * 4 * 256, 4096) + dense(4096, 4096)
    return sum(conv(*size, bias=True) for size in sizes) + hidden + dense(4096, 10)


def vgg(stages):
    total, c_in = dense(512, 10), 3
    for i, (repeats, c) in enumerate(zip(stages, (64, 128, 256, 512, 512), strict=True)):
        for _ in range(repeats):
            total, c_in = total + conv_norm(3, c_in, c, 32 >> i), c
    return total


def googlenet():
    total, c_in, side = conv_norm(3, 3, 192, 32) + dense(1024, 10), 192, 32
    for stage in STAGES:
        for a, b, c, d, e, f in stage:
            total += conv_norm(1, c_in, a, side) + conv_norm(1, c_in, b, side)
            total += conv_norm(3, b, c, side) + conv_norm(1, c_in, d, side)
            total += conv_norm(5, d, e, side) + conv_norm(1, c_in, f, side)
            c_in = a + c + e + f
        side //= 2
    return total


def resnet(blocks):
    total, c_in = conv_norm(3, 3, 64, 32) + dense(512, 10), 64
    for i, repeats in enumerate(blocks):
        c, side = 64 << i, 32 >> i
        for _ in range(repeats):
            total += conv_norm(3, c_in, c, side) + conv_norm(3, c, c, side)
            total += 0 if c_in == c else conv_norm(1, c_in, c, side)
            c_in = c
    return total


def resnet_with_bottlenecks(blocks):
    total, c_in = conv_norm(3, 3, 64, 32) + dense(2048, 10), 64
    for i, repeats in enumerate(blocks):
        c, side = 64 << i, 32 >> i
        before = side if i == 0 else 2 * side
        for _ in range(repeats):
            total += conv_norm(1, c_in, c, before) + conv_norm(3, c, c, side)
            total += conv_norm(1, c, 4 * c, side)
            total += 0 if c_in == 4 * c else conv_norm(1, c_in, 4 * c, side)
            c_in, before = 4 * c, side
    return total


def preact_resnet(blocks):
    total, c_in = conv(3, 3, 64, 32) + norm(512) + dense(512, 10), 64
    for i, repeats in enumerate(blocks):
        c, side = 64 << i, 32 >> i
        for _ in range(repeats):
            total += norm(c_in) + conv(3, c_in, c, side) + norm(c) + conv(3, c, c, side)
            total += 0 if c_in == c else conv(1, c_in, c, side)
            c_in = c
    return total


def densenet(layers=16, k=12):
    total, c, side = conv(3, 3, 2 * k, 32), 2 * k, 32
    for i in range(3):
        for _ in range(layers):
            total += norm(c) + conv(1, c, 4 * k, side) + norm(4 * k) + conv(3, 4 * k, k, side)
            c += k
        if i < 2:
            total, c = total + norm(c) + conv(1, c, c // 2, side), c // 2
            side //= 2
    return total + norm(c) + dense(c, 10)


def mgnet(c, classes=10):
    """The residual form with two steps: B c and A c in each, but for the last A c; R and Pi."""
    total = conv_norm(3, 3, c, 32) + dense(c, classes)
    for l in range(4):
        side = 32 >> l
        total += 2 * conv(3, c, c, side) + 4 * norm(c)  # A and B, each in two steps
        total += [0, (2 if l < 3 else 1) * 9 * c * c * side**2]
        total += 2 * conv_norm(3, c, c, side) if l else 0
    return total


BY_HAND = {
    "lenet5": (MNIST, lenet()),
    "alexnet": (CIFAR, alexnet()),
    "vgg11": (CIFAR, vgg((1, 1, 2, 2, 2))),
    "vgg16": (CIFAR, vgg((2, 2, 3, 3, 3))),
    "vgg19": (CIFAR, vgg((2, 2, 4, 4, 4))),
    "googlenet": (CIFAR, googlenet()),
    "resnet18": (CIFAR, resnet((2, 2, 2, 2))),
    "resnet34": (CIFAR, resnet((3, 4, 6, 3))),
    "resnet50": (CIFAR, resnet_with_bottlenecks((3, 4, 6, 3))),
    "preact_resnet18": (CIFAR, preact_resnet((2, 2, 2, 2))),
    "preact_resnet34": (CIFAR, preact_resnet((3, 4, 6, 3))),
    "densenet100": (CIFAR, densenet()),
    "mgnet": (CIFAR, mgnet(64)),
    "mgnet256": (CIFAR, mgnet(256)),
    "linear": (MNIST, dense(784, 10)),
    "mlp": (MNIST, dense(784, 500) + dense(500, 10)),
    "elman_rnn": (MNIST, dense(28, 128) * [1, 28] + [128**2, 28 * 128**2] + dense(128, 10)),
    "lstm": (
        MNIST,
        4 * (dense(28, 128) * [1, 28] + [128**2, 28 * 128**2]) + dense(128, 10),
    ),
}


@pytest.mark.sample(3)
@pytest.mark.parametrize("name", MODELS)
def test_parameters_and_multiplications_are_those_of_the_layers(name):
    shape, (parameters, macs) = BY_HAND[name]
    assert n_parameters(name, shape) == parameters
    assert count_macs(MODELS[name](), shape) == macs


@pytest.mark.parametrize(
    ("name", "shape", "classes", "parameters"),
    [
        ("lenet5", MNIST, 10, 61_706),  # the course's LeNet-5 on MNIST
        ("resnet18", CIFAR, 10, 11_173_962),  # the course's ResNet-18 on CIFAR-10
    ],
)
def test_the_counts_of_the_course(name, shape, classes, parameters):
    assert n_parameters(name, shape, num_classes=classes) == parameters


@pytest.mark.parametrize(
    ("name", "millions", "digits"),
    [
        ("vgg19", 20.0, 1),  # the notes of the course, table of results on CIFAR-10
        ("resnet18", 11.2, 1),  # the same
        ("densenet100", 0.8, 1),  # Huang et al., table 2, DenseNet-BC (L = 100, k = 12)
    ],
)
def test_the_counts_that_papers_round(name, millions, digits):
    assert round(n_parameters(name, CIFAR) / 1e6, digits) == millions


def resnet_shared(blocks, shared, classes, preact=False):
    """Parameters of a ResNet whose stages have one A, one B, or both, from those of its layers."""
    count = (preact_resnet if preact else resnet)(blocks)[0] + 513 * (classes - 10)
    for i, repeats in enumerate(blocks):
        c, kernel = 64 << i, 9 * (64 << i) ** 2
        count -= kernel * (repeats - 1) * ("a" in shared)
        if "b" in shared:
            first = kernel // 2 if i else kernel  # from c / 2 channels
            count -= first + kernel * (repeats - 1) - kernel
            count += 2 * c if preact and i else 0  # bn of c / 2 channels before P, of c after it
    return count


@pytest.mark.parametrize("preact", [False, True])
@pytest.mark.parametrize("blocks", [(2, 2, 2, 2), (3, 4, 6, 3)])
@pytest.mark.parametrize("shared", ["", "a", "b", "ab"])
def test_shared_kernels_are_counted_once(shared, blocks, preact):
    name = "preact_resnet18" if preact else "resnet18"
    found = n_parameters(name, CIFAR, num_classes=100, blocks=blocks, shared=shared)
    assert found == resnet_shared(blocks, shared, 100, preact)


@pytest.mark.parametrize(
    ("blocks", "shared", "millions"),
    [
        ((2, 2, 2, 2), "", 11),
        ((2, 2, 2, 2), "a", 8.1),
        ((3, 4, 6, 3), "", 21),
        ((3, 4, 6, 3), "a", 13),
    ],
)
def test_the_sizes_of_residual_networks_with_one_A_for_each_grid(blocks, shared, millions):
    """He, Xu, Zhang, Zhu (2023), table 3, for 100 classes.

    With one B the table prints 9.7 and 6.6 (18 layers), 15 and 6.7 (34); it does not say how B is
    shared between blocks of different stride, and ours are 9.63, 6.50, 14.69 and 6.51.
    """
    found = n_parameters("resnet18", CIFAR, num_classes=100, blocks=blocks, shared=shared)
    assert round(found / 1e6, 1 if millions < 10 else 0) == millions


@pytest.mark.parametrize(
    ("blocks", "shared", "parameters"),
    [
        ((2, 2, 2, 2), "b", 9_634_980),
        ((2, 2, 2, 2), "ab", 6_501_540),
        ((3, 4, 6, 3), "b", 14_692_772),
        ((3, 4, 6, 3), "ab", 6_508_964),
    ],
)
def test_the_sizes_of_residual_networks_with_one_B_for_each_grid(blocks, shared, parameters):
    found = n_parameters("resnet18", CIFAR, num_classes=100, blocks=blocks, shared=shared)
    assert found == parameters


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (models.ResNet(3, (1, 2), 2, shared="a"), reference.resnet_with_one_A),
        (
            models.PreActResNet(3, (1, 2), 2, shared="ab"),
            reference.preact_resnet_with_one_A_and_one_B,
        ),
    ],
)
def test_the_values_of_networks_that_share_kernels_are_those_of_NumPy(x64, model, values):
    x, (init, apply) = zoo.images("float64"), functional(model)
    params, state = zoo.compile_quickly(init)(jax.random.key(0), x)
    state = jax.tree.map(lambda s: s + 0.3, state)
    logits, _ = zoo.compile_quickly(apply)(params, state, x)
    expected = values(np.asarray(x), params, state["batch_stats"])
    np.testing.assert_allclose(logits, expected, rtol=1e-10, atol=1e-12)


def test_what_is_shared_has_a_name():
    with pytest.raises(ConfigError, match="shared must be one of"):
        n_parameters("resnet18", CIFAR, shared="c")
    with pytest.raises(ConfigError, match="shared must be one of"):
        n_parameters("resnet50", CIFAR, shared="a")  # a bottleneck has three kernels


def test_the_modules_of_GoogLeNet_multiply_as_often_as_its_table_prints():
    """Szegedy et al., table 1, millions; for 5a it prints 54, where its row gives 51."""
    printed = [128, 304, 73, 88, 100, 119, 170, 51, 71]
    c_in, found = 192, []
    for stage, side in zip(STAGES, (28, 14, 7), strict=True):
        for row in stage:
            found.append(count_macs(Inception(row), (side, side, c_in)) / 1e6)
            c_in = row[0] + row[2] + row[4] + row[5]
    np.testing.assert_allclose(found, printed, rtol=0, atol=0.7)
    assert c_in == 1024


def test_the_forget_gate_starts_open():
    init, _ = functional(models.LSTM(hidden=3))
    params, _ = init(jax.random.key(0), jnp.ones((1, 4, 2)))
    np.testing.assert_array_equal(params["Dense_0"]["bias"], [0] * 3 + [1] * 3 + [0] * 6)


@pytest.mark.parametrize("model", [models.ElmanRNN, models.LSTM])
def test_the_last_of_all_outputs_is_the_output(model):
    x = jax.random.normal(jax.random.key(0), (2, 5, 3))
    params, state = functional(model(hidden=4)).init(jax.random.key(1), x)
    every, _ = functional(model(hidden=4, outputs="all")).apply(params, state, x)
    last, _ = functional(model(hidden=4)).apply(params, state, x)
    assert every.shape == (2, 5, 10)
    np.testing.assert_allclose(every[:, -1], last, rtol=1e-6)
    # What comes later does not change what came before.
    shorter, _ = functional(model(hidden=4)).apply(params, state, x[:, :3])
    np.testing.assert_allclose(every[:, 2], shorter, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("model", [models.ElmanRNN, models.LSTM])
def test_recurrent_networks_ask_for_sequences(model):
    with pytest.raises(ValueError, match=r"sequences \(batch, time, \.\.\.\), got shape \(2, 5\)"):
        functional(model()).init(jax.random.key(0), jnp.ones((2, 5)))

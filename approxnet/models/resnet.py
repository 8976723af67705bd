"""Residual networks for 32 x 32 images.

A stage is a sequence of blocks, of which the first has stride 2 except in the first stage:

    ResNet         x -> relu(P x + F(x)),   F = bn conv relu bn conv               (basic)
                                            F = bn conv1 relu bn conv relu bn conv1 (bottleneck)
    PreActResNet   x -> P x + F(x),         F = conv relu bn conv relu bn

P is the identity where the shapes agree and otherwise a 1 x 1 convolution, with batch normalisation
in ResNet, of relu bn x in PreActResNet. The stem is one 3 x 3 convolution, the head a mean over the
pixels and a dense layer; PreActResNet normalises once more before it. With blocks (2, 2, 2, 2) this
is ResNet-18, 11,173,962 parameters for ten classes.

With F = -A relu B relu up to normalisation, a block is a smoothing step of MgNet for the residual,
in which A depends on the grid alone. ``shared`` says which kernels the blocks of a stage have in
common: "a" the second, "b" the first, "ab" both. A first kernel fits all blocks of a stage if x is
mapped by P before the first of them, with relu in ResNet:

    x -> relu P x, then blocks of stride 1        (only if the first kernels are shared).

References: He, Zhang, Ren, Sun, CVPR 2016, figures 2 and 5 and table 1; ECCV 2016, figure 1 (b).
He, Xu, Zhang, Zhu, An interpretive constrained linear model for ResNet and MgNet (2023), table 3.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax

from approxnet import _checks
from approxnet.models.conv import Conv
from approxnet.models.layers import BatchNorm, ConvNorm, check_images, logits
from approxnet.models.pooling import global_average


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut.

    Attributes:
      channels: of both convolutions.
      stride: of the first.
      A, B: a second and a first convolution that are shared with other blocks.

    >>> block = BasicBlock(8, stride=2)
    >>> x = jax.numpy.ones((1, 8, 8, 4))
    >>> jax.eval_shape(block.init_with_output, jax.random.key(0), x)[0].shape
    (1, 4, 4, 8)
    """

    channels: int
    stride: int = 1
    A: Any = None
    B: Any = None

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        """(n, h / stride, w / stride, channels) from images (n, h, w, c)."""
        y = nn.relu(ConvNorm(self.channels, stride=self.stride, conv=self.B)(x, train))
        y = ConvNorm(self.channels, conv=self.A)(y, train)
        if x.shape != y.shape:
            x = ConvNorm(self.channels, 1, self.stride)(x, train)
        return nn.relu(x + y)


class Bottleneck(nn.Module):
    """A 3 x 3 convolution between two of size 1, the last with four times the channels.

    Attributes:
      channels: of the first two convolutions.
      stride: of the 3 x 3 convolution.

    >>> block = Bottleneck(8, stride=2)
    >>> x = jax.numpy.ones((1, 8, 8, 4))
    >>> jax.eval_shape(block.init_with_output, jax.random.key(0), x)[0].shape
    (1, 4, 4, 32)
    """

    channels: int
    stride: int = 1

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        """(n, h / stride, w / stride, 4 channels) from images (n, h, w, c)."""
        y = nn.relu(ConvNorm(self.channels, 1)(x, train))
        y = nn.relu(ConvNorm(self.channels, stride=self.stride)(y, train))
        y = ConvNorm(4 * self.channels, 1)(y, train)
        if x.shape != y.shape:
            x = ConvNorm(4 * self.channels, 1, self.stride)(x, train)
        return nn.relu(x + y)


class PreActBlock(nn.Module):
    """Two 3 x 3 convolutions, each after normalisation and relu, and a shortcut.

    Attributes:
      channels: of both convolutions.
      stride: of the first.
      A, B: a second and a first convolution that are shared with other blocks.

    >>> block = PreActBlock(8, stride=2)
    >>> x = jax.numpy.ones((1, 8, 8, 4))
    >>> jax.eval_shape(block.init_with_output, jax.random.key(0), x)[0].shape
    (1, 4, 4, 8)
    """

    channels: int
    stride: int = 1
    A: Any = None
    B: Any = None

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        """(n, h / stride, w / stride, channels) from images (n, h, w, c)."""
        activated = nn.relu(BatchNorm()(x, train))
        y = (self.B or Conv(self.channels, stride=self.stride, bias=False))(activated)
        y = (self.A or Conv(self.channels, bias=False))(nn.relu(BatchNorm()(y, train)))
        if x.shape != y.shape:
            x = Conv(self.channels, 1, self.stride, bias=False)(activated)
        return x + y


class ResNet(nn.Module):
    """A residual network with batch normalisation.

    Attributes:
      num_classes: the number of outputs.
      blocks: the number of blocks of each stage.
      width: the channels of the first stage; each stage doubles them.
      block: ``BasicBlock`` or ``Bottleneck``.
      shared: "", or "a", "b", "ab" for the kernels that the basic blocks of a stage share.

    >>> from approxnet.models import count_macs
    >>> count_macs(ResNet(), (32, 32, 3))
    555422720
    """

    num_classes: int = 10
    blocks: tuple[int, ...] = (2, 2, 2, 2)
    width: int = 64
    block: Any = BasicBlock
    shared: str = ""

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        """The logits, (batch, num_classes), of images (batch, h, w, c)."""
        check_images(x)
        x = nn.relu(ConvNorm(self.width)(x, train))
        for stage, (repeats, c, stride) in enumerate(_stages(self.blocks, self.width), start=1):
            kernels = _shared(self.shared, self.block, c, stage)
            if "B" in kernels and stride > 1:
                x, stride = nn.relu(ConvNorm(c, 1, stride)(x, train)), 1
            for step in (stride, *(repeats - 1) * (1,)):
                x = self.block(c, step, **kernels)(x, train)
        return logits(global_average(x), self.num_classes)


class PreActResNet(nn.Module):
    """A residual network whose blocks begin with normalisation and relu.

    Attributes:
      num_classes: the number of outputs.
      blocks: the number of blocks of each stage.
      width: the channels of the first stage; each stage doubles them.
      shared: "", or "a", "b", "ab" for the kernels that the blocks of a stage share.

    >>> from approxnet.models import count_macs
    >>> count_macs(PreActResNet(), (32, 32, 3))
    555422720
    """

    num_classes: int = 10
    blocks: tuple[int, ...] = (2, 2, 2, 2)
    width: int = 64
    shared: str = ""

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        """The logits, (batch, num_classes), of images (batch, h, w, c)."""
        check_images(x)
        x = Conv(self.width, bias=False)(x)
        for stage, (repeats, c, stride) in enumerate(_stages(self.blocks, self.width), start=1):
            kernels = _shared(self.shared, PreActBlock, c, stage)
            if "B" in kernels and stride > 1:
                x = Conv(c, 1, stride, bias=False)(nn.relu(BatchNorm()(x, train)))
                stride = 1
            for step in (stride, *(repeats - 1) * (1,)):
                x = PreActBlock(c, step, **kernels)(x, train)
        x = nn.relu(BatchNorm()(x, train))
        return logits(global_average(x), self.num_classes)


def _stages(blocks: tuple[int, ...], width: int) -> list[tuple[int, int, int]]:
    """The number of blocks, the channels and the first stride of every stage."""
    return [(repeats, 2**i * width, 2 if i else 1) for i, repeats in enumerate(blocks)]


def _shared(which: str, block: Any, channels: int, stage: int) -> dict[str, Any]:
    """The convolutions that the blocks of a stage share; called inside a module."""
    options = ("", "a", "b", "ab") if hasattr(block, "A") else ("",)
    letters = _checks.one_of("shared", which, options).upper()
    return {k: Conv(channels, bias=False, name=f"{k}_{stage}") for k in letters}

"""DenseNet-BC for 32 x 32 images: every layer sees the outputs of all before it.

    dense layer   x -> [x, conv 3 relu bn conv 1 relu bn x]     4 k channels between, k appended
    transition    x -> mean over 2 x 2 of conv 1 relu bn x      half of the channels

The stem is a 3 x 3 convolution with 2 k channels; three dense blocks are parted by transitions; the
head is bn, relu, a mean over the pixels and a dense layer. With depth L = 100, that is 16 layers
per block, and k = 12 it has 0.8 million parameters.

Reference: Huang, Liu, van der Maaten, Weinberger, CVPR 2017, section 3 and table 2.
"""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from approxnet.models.conv import Conv
from approxnet.models.layers import BatchNorm, check_images, logits
from approxnet.models.pooling import average_pool, global_average


class NormConv(nn.Module):
    """Batch normalisation, relu, then a convolution without bias.

    Attributes:
      features: the channels that leave.
      size: the kernel is size x size.

    >>> layer = NormConv(8, 1)
    >>> x = jax.numpy.ones((1, 8, 8, 4))
    >>> jax.eval_shape(layer.init_with_output, jax.random.key(0), x)[0].shape
    (1, 8, 8, 8)
    """

    features: int
    size: int

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        """(n, h, w, features) from images (n, h, w, c)."""
        return Conv(self.features, self.size, bias=False)(nn.relu(BatchNorm()(x, train)))


class DenseNet(nn.Module):
    """DenseNet with bottlenecks and compression.

    Attributes:
      num_classes: the number of outputs.
      blocks: the number of dense layers of each block.
      growth: the channels k that a dense layer appends.

    >>> from approxnet.models import count_macs
    >>> count_macs(DenseNet(), (32, 32, 3))
    287929692
    """

    num_classes: int = 10
    blocks: tuple[int, ...] = (16, 16, 16)
    growth: int = 12

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        """The logits, (batch, num_classes), of images (batch, h, w, c)."""
        check_images(x)
        x = Conv(2 * self.growth, bias=False)(x)
        for i, layers in enumerate(self.blocks):
            x = average_pool(NormConv(x.shape[-1] // 2, 1)(x, train)) if i else x
            for _ in range(layers):
                y = NormConv(4 * self.growth, 1)(x, train)
                x = jnp.concatenate((x, NormConv(self.growth, 3)(y, train)), -1)
        x = nn.relu(BatchNorm()(x, train))
        return logits(global_average(x), self.num_classes)

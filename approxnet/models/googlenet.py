"""GoogLeNet for 32 x 32 images: modules that look at several scales at once.

An inception module joins four branches along the channels:

    x -> conv 1                        x -> conv 1 (reduce) -> conv 3
    x -> conv 1 (reduce) -> conv 5     x -> max over 3 x 3 -> conv 1

``STAGES`` holds the rows 3a to 5b of the paper's table, in its order: the outputs of 1 x 1, 3 x 3
reduce, 3 x 3, 5 x 5 reduce, 5 x 5 and pool proj. Other than in the paper, one 3 x 3 convolution
with the 192 channels that module 3a expects is the stem, batch normalisation follows every
convolution, and there are no auxiliary classifiers.

Reference: Szegedy et al., CVPR 2015, figure 2 (b) and table 1.
"""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from approxnet.models.layers import ConvNorm, check_images, dropout, logits
from approxnet.models.pooling import global_average, max_pool

Row = tuple[int, int, int, int, int, int]

STAGES: tuple[tuple[Row, ...], ...] = (
    (
        (64, 96, 128, 16, 32, 32),  # 3a
        (128, 128, 192, 32, 96, 64),  # 3b
    ),
    (
        (192, 96, 208, 16, 48, 64),  # 4a
        (160, 112, 224, 24, 64, 64),  # 4b
        (128, 128, 256, 24, 64, 64),  # 4c
        (112, 144, 288, 32, 64, 64),  # 4d
        (256, 160, 320, 32, 128, 128),  # 4e
    ),
    (
        (256, 160, 320, 32, 128, 128),  # 5a
        (384, 192, 384, 48, 128, 128),  # 5b
    ),
)
"""The modules of each stage; a pool stands between two stages."""


class Inception(nn.Module):
    """An inception module.

    Attributes:
      row: the channels of its six convolutions, in the order of the paper's table.

    >>> module = Inception((4, 2, 8, 2, 4, 4))
    >>> x = jax.numpy.ones((1, 8, 8, 3))
    >>> jax.eval_shape(module.init_with_output, jax.random.key(0), x)[0].shape
    (1, 8, 8, 20)
    """

    row: Row

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        """The four branches side by side, (n, h, w, sum of their channels)."""
        one, reduce_three, three, reduce_five, five, pooled = self.row

        def conv(x: jax.Array, channels: int, size: int) -> jax.Array:
            return nn.relu(ConvNorm(channels, size)(x, train))

        branches = (
            conv(x, one, 1),
            conv(conv(x, reduce_three, 1), three, 3),
            conv(conv(x, reduce_five, 1), five, 5),
            conv(max_pool(x, 3, 1), pooled, 1),
        )
        return jnp.concatenate(branches, -1)


class GoogLeNet(nn.Module):
    """GoogLeNet with batch normalisation.

    Attributes:
      num_classes: the number of outputs.
      stem: the channels of the first convolution.
      stages: the rows of the modules, stage by stage.
      dropout: the probability with which an input of the dense layer is silent in training.

    >>> from approxnet.models import count_macs
    >>> count_macs(GoogLeNet(), (32, 32, 3))
    1447241728
    """

    num_classes: int = 10
    stem: int = 192
    stages: tuple[tuple[Row, ...], ...] = STAGES
    dropout: float = 0.4

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        """The logits, (batch, num_classes), of images (batch, h, w, c)."""
        check_images(x)
        x = nn.relu(ConvNorm(self.stem)(x, train))
        for i, stage in enumerate(self.stages):
            x = max_pool(x, 3) if i else x
            for row in stage:
                x = Inception(row)(x, train)
        return logits(dropout(global_average(x), self.dropout, train), self.num_classes)

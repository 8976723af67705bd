"""VGG for 32 x 32 images: stages of 3 x 3 convolutions, each closed by a pool.

    [conv 3, 64] x 2 -> pool -> [conv 3, 128] x 2 -> pool -> [conv 3, 256] x 3 -> pool
                     -> [conv 3, 512] x 3 -> pool -> [conv 3, 512] x 3 -> pool -> mean -> classes

is VGG-16; two, two, four, four, four convolutions make VGG-19. Other than
in the paper, batch normalisation follows every convolution, and one dense layer stands for three,
since 32 x 32 pixels have become one.

Reference: Simonyan, Zisserman, ICLR 2015, table 1, columns A, B, D and E.
"""

from __future__ import annotations

import flax.linen as nn
import jax

from approxnet.models.layers import ConvNorm, check_images, logits
from approxnet.models.pooling import global_average, max_pool


class VGG(nn.Module):
    """VGG with batch normalisation.

    Attributes:
      num_classes: the number of outputs.
      stages: the number of convolutions of each stage.
      channels: those of each stage.

    >>> from approxnet.models import count_macs
    >>> count_macs(VGG(), (32, 32, 3))
    313201664
    """

    num_classes: int = 10
    stages: tuple[int, ...] = (2, 2, 3, 3, 3)
    channels: tuple[int, ...] = (64, 128, 256, 512, 512)

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        """The logits, (batch, num_classes), of images (batch, h, w, c)."""
        check_images(x)
        if len(self.stages) != len(self.channels):
            raise ValueError(
                "stages and channels must have one entry per stage, got "
                f"{self.stages} and {self.channels}"
            )
        for repeats, channels in zip(self.stages, self.channels, strict=True):
            for _ in range(repeats):
                x = nn.relu(ConvNorm(channels)(x, train))
            x = max_pool(x)
        return logits(global_average(x), self.num_classes)

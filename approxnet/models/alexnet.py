"""AlexNet for 32 x 32 images: five convolutions, three pools, three dense layers.

    conv 5, 96 -> pool -> conv 5, 256 -> pool -> conv 3, 384 -> conv 3, 384 -> conv 3, 256 -> pool
               -> 4096 -> 4096 -> classes

with pools over 3 x 3 pixels, 2 apart, and dropout 1/2 before the first two dense layers. Other
than in the paper, the first kernel is 5 x 5 with stride 1, not 11 x 11 with stride 4, so that small
images keep their pixels; one tower stands for the two of the two GPUs; there is no local response
normalisation.

Reference: Krizhevsky, Sutskever, Hinton, NIPS 2012, figure 2.
"""

from __future__ import annotations

import flax.linen as nn
import jax

from approxnet.models.conv import Conv
from approxnet.models.layers import check_images, dense, dropout, logits
from approxnet.models.pooling import max_pool


class AlexNet(nn.Module):
    """AlexNet for images of 32 x 32 pixels, or nearly; the dense layers fix the size.

    Attributes:
      num_classes: the number of outputs.
      channels: those of the five convolutions.
      units: the widths of the two hidden dense layers.
      dropout: the probability with which an input of a dense layer is silent in training.

    >>> from approxnet.models import count_macs
    >>> count_macs(AlexNet(), (32, 32, 3))
    396435456
    """

    num_classes: int = 10
    channels: tuple[int, int, int, int, int] = (96, 256, 384, 384, 256)
    units: tuple[int, int] = (4096, 4096)
    dropout: float = 0.5

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        """The logits, (batch, num_classes), of images (batch, h, w, c)."""
        check_images(x)
        one, two, three, four, five = self.channels
        x = max_pool(nn.relu(Conv(one, 5)(x)), 3)
        x = max_pool(nn.relu(Conv(two, 5)(x)), 3)
        x = nn.relu(Conv(three)(x))
        x = nn.relu(Conv(four)(x))
        x = max_pool(nn.relu(Conv(five)(x)), 3)
        x = x.reshape(x.shape[0], -1)
        for width in self.units:
            x = nn.relu(dense(dropout(x, self.dropout, train), width))
        return logits(x, self.num_classes)

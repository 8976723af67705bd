"""LeNet-5: two convolutions with pooling, three dense layers.

    32 x 32 -> conv 5 -> 28 x 28 x 6 -> pool -> 14 x 14 x 6
            -> conv 5 -> 10 x 10 x 16 -> pool -> 5 x 5 x 16 -> 120 -> 84 -> 10

As in the paper, smaller images are padded by zeros to 32 x 32; as in the course, activations are
relu and pooling takes the maximum. On MNIST it has 61,706 parameters.

Reference: LeCun, Bottou, Bengio, Haffner, Proc. IEEE 86 (1998), figure 2.
"""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from approxnet.models.conv import Conv
from approxnet.models.layers import check_images, dense, logits
from approxnet.models.pooling import max_pool


class LeNet5(nn.Module):
    """LeNet-5 for images of at most 32 x 32 pixels.

    Attributes:
      num_classes: the number of outputs.

    >>> x = jnp.ones((1, 28, 28, 1))
    >>> jax.eval_shape(LeNet5(num_classes=26).init_with_output, jax.random.key(0), x)[0].shape
    (1, 26)
    """

    num_classes: int = 10

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        """The logits, (batch, num_classes), of images (batch, h, w, c)."""
        x = _centre(x, 32)
        x = max_pool(nn.relu(Conv(6, 5, padding="VALID")(x)))
        x = max_pool(nn.relu(Conv(16, 5, padding="VALID")(x)))
        x = x.reshape(x.shape[0], -1)
        x = nn.relu(dense(x, 120))
        x = nn.relu(dense(x, 84))
        return logits(x, self.num_classes)


def _centre(x: jax.Array, side: int) -> jax.Array:
    """The images in the middle of side x side pixels, zeros around."""
    _, h, w, _ = check_images(x)
    if max(h, w) > side:
        raise ValueError(
            f"x must hold images of at most {side} x {side} pixels, got {h} x {w}; crop or "
            "shrink them, for example with jax.image.resize"
        )
    pads = [((side - m) // 2, side - m - (side - m) // 2) for m in (h, w)]
    return jnp.pad(x, [(0, 0), *pads, (0, 0)])

"""The scores of a model, every example counted exactly once.

The examples are cut into batches of one shape; the last one is filled with examples that are
already there, and what the model says of these is dropped. On several devices each batch is divided
among them, as in training.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh

from approxnet import _checks
from approxnet.training import parallel
from approxnet.training.examples import (
    Examples,
    Labelled,
    Normalize,
    batch_shape,
    check_labels,
    on_device,
    scale,
)
from approxnet.training.state import State
from approxnet.training.step import Loss, correct, cross_entropy


class Scores(NamedTuple):
    """Means over all examples of a set.

    Example:
      >>> Scores(loss=0.3, accuracy=0.9, n=10).accuracy
      0.9
    """

    loss: float
    accuracy: float
    n: int


def evaluate(
    functional: tuple[Callable[..., Any], Callable[..., Any]],
    state: State,
    dataset: Labelled | Examples,
    *,
    batch: int = 512,
    normalize: Normalize = scale,
    loss: Loss = cross_entropy,
    mesh: Mesh | None = None,
) -> Scores:
    """Loss and accuracy on a data set.

    Args:
      functional: the model as ``(init, apply)``, as ``models.functional`` returns it.
      state: the state of a run; its ``params`` and ``model_state`` are used.
      dataset: anything with ``images`` (n, ...) and ``labels`` (n, ...).
      batch: static; examples at a time, rounded up so that the devices have equally many. The
        result does not depend on it but for rounding.
      normalize: static; as in training.
      loss: static; as in training.
      mesh: the devices, as ``launch`` finds them; None for the one where the state is.

    Returns:
      The means over the n examples, summed in double precision.

    Raises:
      DataError: if the examples are not legal or do not fit the model.
      NonFiniteError: if the loss of an example is nan or infinite; names the first one.

    Example:
      >>> from types import SimpleNamespace
      >>> apply = lambda params, state, x, **_: (x @ params, state)
      >>> state = State(jnp.eye(2), {}, (), jnp.int32(0), jax.random.key(0))
      >>> model = (lambda key, x: (jnp.eye(2), {}), apply)
      >>> points = SimpleNamespace(images=np.eye(2, dtype="float32")[[0, 1, 1]], labels=[0, 1, 0])
      >>> evaluate(model, state, points, batch=2).accuracy
      0.666666
    """
    _, apply = functional
    _checks.count("batch", batch, at_least=1)
    examples = dataset if isinstance(dataset, Examples) else on_device(dataset)
    n = len(examples.labels)
    devices = 1 if mesh is None else mesh.size
    batch = -(-min(batch, n) // devices) * devices
    x = batch_shape(normalize, examples.images, batch)
    logits, _ = jax.eval_shape(apply, state.params, state.model_state, x)
    check_labels(examples.labels, logits)
    given = (state.params, state.model_state, examples)
    if mesh is not None:
        given = parallel.everywhere(mesh, given)
    losses, hits = jax.device_get(score(*given, apply, normalize, loss, batch, mesh))
    _checks.finite("the loss of each example", losses)
    return Scores(losses.mean(dtype=np.float64).item(), hits.mean(dtype=np.float64).item(), n)


@partial(jax.jit, static_argnames=("apply", "normalize", "loss", "batch", "mesh"))
def score(
    params: Any,
    model_state: Any,
    examples: Examples,
    apply: Callable[..., tuple[jax.Array, Any]],
    normalize: Normalize,
    loss: Loss,
    batch: int,
    mesh: Mesh | None = None,
) -> tuple[jax.Array, jax.Array]:
    """The loss of each example, (n,), and whether it is classified correctly, (n,) of 1 and 0.

    Example:
      >>> apply = lambda params, state, x, **_: (x, state)
      >>> examples = Examples(jnp.eye(3), jnp.array([0, 1, 1]))
      >>> score({}, {}, examples, apply, scale, cross_entropy, 2)[1].tolist()
      [1.0, 1.0, 0.0]
    """
    n = len(examples.labels)
    index = (jnp.arange(-(-n // batch) * batch) % n).reshape(-1, batch)

    def one(rows: jax.Array) -> tuple[jax.Array, jax.Array]:
        chosen = parallel.share(Examples(examples.images[rows], examples.labels[rows]), mesh)
        logits, _ = apply(params, model_state, normalize(chosen.images), train=False)
        found = loss(logits, chosen.labels), correct(logits, chosen.labels)
        return parallel.gather(found, mesh)

    losses, hits = lax.map(one, index)
    return losses.reshape(-1)[:n], hits.reshape(-1)[:n]

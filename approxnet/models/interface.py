"""A model as two pure functions: the only door to Flax.

A Flax module becomes ``functional(model) = (init, apply)``, and whoever trains or evaluates it
knows nothing but pytrees:

    params, state = init(key, x)
    logits, state = apply(params, state, x, train=True, key=key)

- ``init(key, x)`` reads the shape (batch, ...) and the floating dtype of x, never its values, so
  that x may be a ``jax.ShapeDtypeStruct``; params and state have the dtype of x. It is compiled
  once per shape and works under ``vmap`` over keys and under ``jax.eval_shape``, which costs no
  arithmetic.
- ``params`` are what an optimizer changes: a dict of dicts of arrays.
- ``state`` is what training changes beside them: the moving averages of batch normalisation. A
  model without such has the empty state ``{}``. With ``train=False`` it is returned unchanged.
- ``train`` is static, a bool: batch statistics and dropout in training, moving averages and no
  dropout otherwise. Under ``jit`` write ``static_argnames="train"``.
- ``key`` feeds dropout in training and is needed only there; without dropout it may be None.
- ``x`` is a batch (batch, ...) of a floating dtype; images are (batch, height, width, channels).

Any other pair of functions of this form is a ``Functional`` as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import flax.errors
import flax.linen as nn
import jax
import jax.numpy as jnp

_ABSENT = (
    flax.errors.ScopeCollectionNotFound,
    flax.errors.ScopeParamNotFoundError,
    flax.errors.ScopeVariableNotFoundError,
)


class Functional(NamedTuple):
    """A model as two pure functions.

    Attributes:
      init: ``init(key, x) -> (params, state)``.
      apply: ``apply(params, state, x, *, train=False, key=None) -> (logits, state)``.

    >>> double = Functional(lambda key, x: ({}, {}), lambda params, state, x, **_: (2 * x, state))
    >>> double.apply({}, {}, 1.5)
    (3.0, {})
    """

    init: Callable[..., tuple[Any, Any]]
    apply: Callable[..., tuple[Any, Any]]


def functional(model: nn.Module) -> Functional:
    """A Flax module as pure functions; the module docstring states their contract.

    Args:
      model: a module with ``__call__(x, train)``, with bound fields and without parameters.

    Returns:
      ``(init, apply)``. Both raise ValueError if x is not a batch of a floating dtype; ``apply``
      does so too if x or params do not fit each other, and if dropout lacks its key.

    Raises:
      TypeError: if model is not an instance of a Flax module with hashable fields.

    >>> from approxnet.models.mlp import MLP
    >>> init, apply = functional(MLP(hidden=(5,), num_classes=3))
    >>> x = jnp.ones((4, 2))
    >>> params, state = init(jax.random.key(0), x)
    >>> logits, state = apply(params, state, x)
    >>> logits.shape, state
    ((4, 3), {})
    """
    if not isinstance(model, nn.Module):
        raise TypeError(
            f"model must be an instance of a Flax module, got {model!r}; "
            "write models.LeNet5(), with parentheses"
        )
    try:
        hash(model)
    except TypeError:
        raise TypeError(
            f"model must have hashable fields, got {model!r}; write tuples for lists"
        ) from None

    def init(key: jax.Array, x: Any) -> tuple[Any, Any]:
        _check_batch(x)
        return _init(model, x.shape, jnp.dtype(x.dtype), key)

    def apply(
        params: Any, state: Any, x: jax.Array, *, train: bool = False, key: jax.Array | None = None
    ) -> tuple[jax.Array, Any]:
        _check_batch(x)
        try:
            logits, updated = model.apply(
                {"params": params, **state},
                x,
                train,
                rngs=None if key is None else {"dropout": key},
                mutable=list(state) if train else [],
            )
        except flax.errors.InvalidRngError:
            raise ValueError(
                f"key must be a random key, got None; {type(model).__name__} has dropout, "
                "so give apply(..., train=True, key=key)"
            ) from None
        except flax.errors.ScopeParamShapeError as error:
            raise ValueError(
                f"x must have samples of the shape that init has seen, got a batch {x.shape} that "
                f"does not fit params; images are (batch, height, width, channels). {error}"
            ) from None
        except _ABSENT as error:
            raise ValueError(
                f"params and state must be those of {type(model).__name__}, got trees that lack a "
                f"leaf; pass what init returned for this model. {error}"
            ) from None
        return logits, {**state, **dict(updated)}

    return Functional(init, apply)


@partial(jax.jit, static_argnums=(0, 1, 2))
def _init(
    model: nn.Module, shape: tuple[int, ...], dtype: Any, key: jax.Array
) -> tuple[Any, dict[str, Any]]:
    """Params and state; compiled, so that the forward pass, whose value is unused, is not run."""
    variables = dict(model.init(key, jnp.zeros(shape, dtype), False))
    variables = jax.tree.map(lambda leaf: leaf.astype(dtype), variables)
    return variables.pop("params", {}), variables


def _check_batch(x: Any) -> None:
    """ValueError unless x is a batch of numbers of a floating dtype."""
    if not jnp.issubdtype(x.dtype, jnp.floating):
        raise ValueError(
            f"x must be of a floating dtype, got {x.dtype}; "
            "write x / 255 for uint8 images and jax.nn.one_hot(x, n) for symbols"
        )
    if len(x.shape) < 2 or 0 in x.shape:
        raise ValueError(
            f"x must be a batch (batch, ...) of at least one sample, got shape {x.shape}; "
            "write x[None] for a single one"
        )


def count_parameters(params: Any) -> int:
    """The number of entries of all leaves.

    Args:
      params: a tree of arrays, or of shapes as ``jax.eval_shape`` returns it.

    >>> from approxnet.models.lenet import LeNet5
    >>> x = jax.ShapeDtypeStruct((1, 28, 28, 1), "float32")
    >>> params, _ = jax.eval_shape(functional(LeNet5()).init, jax.random.key(0), x)
    >>> count_parameters(params)
    61706
    """
    return sum(leaf.size for leaf in jax.tree.leaves(params))


def count_macs(model: nn.Module, shape: Sequence[int]) -> int:
    """The multiplications of the convolutions and matrix products for one sample, in evaluation.

    They are counted in the program that JAX traces, so that a new architecture needs no formula. A
    convolution counts height x width x outputs of its result times the entries of a kernel, those
    that meet padding included; a product (m, k) (k, n) counts m k n. Biases, activations, pooling
    and normalisation count nothing.

    Args:
      model: a Flax module.
      shape: the shape of one sample, for images (height, width, channels).

    >>> from approxnet.models.lenet import LeNet5
    >>> count_macs(LeNet5(), (28, 28, 1))
    416520
    """
    init, apply = functional(model)
    x = jax.ShapeDtypeStruct((1, *shape), jnp.result_type(float))
    params, state = jax.eval_shape(init, jax.random.key(0), x)
    return _macs(jax.make_jaxpr(apply)(params, state, x).jaxpr)


def _macs(jaxpr: Any) -> int:
    """The multiplications of a traced program and of those it calls."""
    total = 0
    for equation in jaxpr.eqns:
        name = equation.primitive.name
        parts = jax.tree.leaves(list(equation.params.values()))
        programs = (getattr(part, "jaxpr", part) for part in parts)
        inner = sum(_macs(program) for program in programs if hasattr(program, "eqns"))
        if inner and name in ("cond", "while"):
            raise ValueError(
                f"model must multiply equally often for every input, got a {name} with "
                f"{inner} multiplications in its branches; use scan for loops"
            )
        total += inner * (equation.params["length"] if name == "scan" else 1)
        total += _OWN_MACS.get(name, lambda _: 0)(equation)
    return total


def _convolution_macs(equation: Any) -> int:
    kernel = equation.invars[1].aval
    outputs = kernel.shape[equation.params["dimension_numbers"].rhs_spec[0]]
    return equation.outvars[0].aval.size * kernel.size // outputs


def _product_macs(equation: Any) -> int:
    left = equation.invars[0].aval
    (contracted, _), _ = equation.params["dimension_numbers"]
    length = 1
    for axis in contracted:
        length *= left.shape[axis]
    return equation.outvars[0].aval.size * length


_OWN_MACS: dict[str, Callable[[Any], int]] = {
    "conv_general_dilated": _convolution_macs,
    "dot_general": _product_macs,
}

"""The approximation theory of neural networks as a library.

A chapter of the theory is a module: ``fem`` holds linear finite elements, ``relu`` holds ReLU
networks, and ``mapping`` turns the one into the other. A chapter is imported when it is first
named, so that ``import approxnet; approxnet.fem.box((8, 8))`` works and ``import approxnet``
costs next to nothing.

Example:
  >>> import approxnet
  >>> approxnet.fem.box((8, 8)).nodes.shape
  (81, 2)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from approxnet import (
        approximation,
        course,
        data,
        errors,
        fem,
        mapping,
        models,
        multigrid,
        optimize,
        plot,
        quadrature,
        relu,
        reproduce,
        training,
    )

__version__ = "0.1.0"

__all__ = [
    "__version__",
    "approximation",
    "course",
    "data",
    "errors",
    "fem",
    "mapping",
    "models",
    "multigrid",
    "optimize",
    "plot",
    "quadrature",
    "relu",
    "reproduce",
    "training",
]


def __getattr__(name: str) -> Any:
    """The chapter of that name, imported on first use."""
    if name in __all__:
        return importlib.import_module(f"approxnet.{name}")
    import difflib

    near = difflib.get_close_matches(name, __all__, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    message = f"module 'approxnet' has no attribute {name!r}{hint}"
    raise AttributeError(message, name=name)  # named, so that Python adds no second hint


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

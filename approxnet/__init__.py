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
        learn,
        mapping,
        models,
        multigrid,
        optimize,
        plot,
        quadrature,
        relu,
        reproduce,
        shallow,
        training,
    )

__version__ = "0.1.0"

__all__ = [
    "__version__",
    "approximation",
    "cite",
    "course",
    "data",
    "errors",
    "fem",
    "learn",
    "mapping",
    "models",
    "multigrid",
    "optimize",
    "plot",
    "quadrature",
    "relu",
    "reproduce",
    "shallow",
    "training",
]


def cite(obj: Any) -> str:
    """The BibTeX entries of the papers behind an object of the library, and of the library itself.

    Args:
      obj: a chapter, another module, a function or a class of approxnet, or an object of such a
        class; one without a paper of its own has those of its chapter.

    Returns:
      the entries, with an empty line between two; that of approxnet is the last. An entry whose
      details have not been compared with the paper itself says so in its note.

    Raises:
      ConfigError: if the object is not of approxnet.

    Example:
      >>> import approxnet
      >>> print(approxnet.cite(approxnet.mapping.lagrange_to_relu).partition("}")[0])
      @misc{he2023lagrange,
        author = {He, Juncai and Xu, Jinchao
    """
    from approxnet._references.lookup import bibtex

    return bibtex(obj)


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

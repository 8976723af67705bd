"""The BibTeX entries behind an object, found by the name of the module that defines it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import approxnet
from approxnet._references.sources import SOURCES
from approxnet.errors import ConfigError

LIBRARY = "approxnet"
"""The key of the library itself, which is cited always and last."""


def entries() -> dict[str, str]:
    """The entries of ``references.bib`` by their keys.

    Example:
      >>> entries()["he2020relu"].splitlines()[0]
      '@article{he2020relu,'
    """
    text = Path(__file__).with_name("references.bib").read_text(encoding="utf-8")
    found = re.finditer(r"^@\w+\{(\w+),\n.*?^\}$", text, re.DOTALL | re.MULTILINE)
    return {entry[1]: entry[0] for entry in found}


def keys(thing: Any) -> tuple[str, ...]:
    """The keys of the papers behind an object, those of its chapter if it has none of its own.

    Raises:
      ConfigError: if the object is not of approxnet.

    Example:
      >>> from approxnet import mapping
      >>> keys(mapping.lagrange_to_relu), keys(mapping.fem_to_relu)
      (('he2023lagrange',), ('he2020relu',))
    """
    name = _name(thing)
    while name not in SOURCES:
        name = name.rpartition(".")[0]
    return SOURCES[name]


def bibtex(thing: Any) -> str:
    """The entries behind an object and that of the library, as text.

    Example:
      >>> from approxnet import multigrid
      >>> re.findall(r"@.*", bibtex(multigrid.bpx))
      ['@article{bramble1990parallel,', '@article{xu1992iterative,', '@misc{approxnet,']
    """
    known = entries()
    return "\n\n".join(known[key] for key in (*keys(thing), LIBRARY))


def _name(thing: Any) -> str:
    """Where the object is defined, without the leading ``approxnet.``."""
    for place in _places(thing):
        package, _, name = place.partition(".")
        if package == LIBRARY:
            return name
    raise ConfigError(
        f"obj must be a chapter, a function, a class or an object of approxnet, got {thing!r}; "
        "cite what it was made by, as in approxnet.cite(approxnet.fem.box)"
    )


def _places(thing: Any) -> Iterator[str]:
    """Where it may be defined: itself, its class, or a public name, which a constant has."""
    if isinstance(thing, ModuleType):
        yield thing.__name__
    for it in (thing, type(thing)):
        if hasattr(it, "__qualname__"):
            yield f"{it.__module__}.{it.__qualname__}"
    yield from (f"{LIBRARY}.{name}" for name, it in public_names().items() if it is thing)


def public_names() -> dict[str, Any]:
    """Every public object of every chapter by its name.

    Example:
      >>> "fem.box" in public_names()
      True
    """
    found = {}
    for chapter in approxnet.__all__:
        module = getattr(approxnet, chapter)
        if isinstance(module, ModuleType):
            found |= {chapter: module} | _members(chapter, module)
    return found


def _members(prefix: str, module: ModuleType) -> dict[str, Any]:
    found = {}
    for name in getattr(module, "__all__", ()) or _own(module):
        member = getattr(module, name)
        found[f"{prefix}.{name}"] = member
        if isinstance(member, ModuleType):
            found |= _members(f"{prefix}.{name}", member)
    return found


def _own(module: ModuleType) -> list[str]:
    """The public functions and classes that a module without ``__all__`` defines."""
    return [
        name
        for name, member in vars(module).items()
        if not name.startswith("_") and getattr(member, "__module__", None) == module.__name__
    ]

"""What a function is, as data that can be compared and written as JSON.

A function is described by its name, a checksum of its code, its defaults, and what it closes over
or is partially applied to, and so on inwards. An optimizer of optax is functions that close over
numbers: two have one description if and only if names, code and numbers agree. Global variables are
no part of it, and an object of an unknown kind is described by the name of its type.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import types
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

Inner = Callable[[Any], Any]
"""Describes what is inside of a value."""


def describe(value: Any) -> Any:
    """The description, of dicts, lists, texts, numbers, booleans and None.

    Args:
      value: a function, a ``functools.partial``, an array, a dataclass, a number, a text, or a
        tuple, list or mapping of such.

    Example:
      >>> describe(functools.partial(round, ndigits=2))
      {'partial': 'round', 'ndigits': 2}
    """
    return _inside(value, ())


def _inside(value: Any, around: tuple[int, ...]) -> Any:
    if id(value) in around:
        return "recursive"
    return _describe(value, lambda part: _inside(part, (*around, id(value))))


@functools.singledispatch
def _describe(value: Any, inner: Inner) -> Any:
    if hasattr(value, "__wrapped__"):  # by jax.jit or jax.custom_vjp
        return inner(value.__wrapped__)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [field.name for field in dataclasses.fields(value) if field.repr]
        return {"type": _name(type(value)), **{f: inner(getattr(value, f)) for f in fields}}
    return _name(value if hasattr(value, "__qualname__") else type(value))


@_describe.register(types.NoneType)
@_describe.register(bool)
@_describe.register(int)
@_describe.register(str)
def _plain(value: Any, inner: Inner) -> Any:
    return value


@_describe.register(float)
def _number(value: float, inner: Inner) -> str:
    return repr(value)  # JSON has neither nan nor infinity


@_describe.register(np.ndarray)
@_describe.register(np.generic)
@_describe.register(jax.Array)
def _array(value: Any, inner: Inner) -> str:
    array = np.asarray(value)
    return f"{array.dtype}{list(array.shape)} {_digest(array.tobytes())}"


@_describe.register(Mapping)
def _mapping(value: Mapping[Any, Any], inner: Inner) -> dict[str, Any]:
    return {str(key): inner(part) for key, part in value.items()}


@_describe.register(tuple)
@_describe.register(list)
def _sequence(value: Any, inner: Inner) -> Any:
    names = getattr(value, "_fields", None)  # of a NamedTuple
    if names is None:
        return [inner(part) for part in value]
    return {name: inner(part) for name, part in zip(names, value, strict=True)}


@_describe.register(functools.partial)
def _partial(value: functools.partial[Any], inner: Inner) -> dict[str, Any]:
    given = {"arguments": inner(value.args)} if value.args else {}
    return {"partial": inner(value.func), **given, **_mapping(value.keywords, inner)}


@_describe.register(types.MethodType)
def _method(value: types.MethodType, inner: Inner) -> dict[str, Any]:
    return {"self": inner(value.__self__), **inner(value.__func__)}


@_describe.register(types.FunctionType)
def _function(value: types.FunctionType, inner: Inner) -> dict[str, Any]:
    code = value.__code__
    cells = [cell.cell_contents for cell in value.__closure__ or ()]
    defaults = {"defaults": inner(value.__defaults__)} if value.__defaults__ else {}
    named = {"keyword_defaults": inner(value.__kwdefaults__)} if value.__kwdefaults__ else {}
    return {
        "function": _name(value),
        "code": _digest(_code(code).encode()),
        **defaults,
        **named,
        **{name: inner(cell) for name, cell in zip(code.co_freevars, cells, strict=True)},
    }


def _code(code: types.CodeType) -> str:
    """The instructions, with the names and constants that they use."""
    constants = [
        _code(c) if isinstance(c, types.CodeType)
        else repr(sorted(map(repr, c)) if isinstance(c, frozenset) else c)
        for c in code.co_consts
    ]  # fmt: skip
    return "\n".join([code.co_code.hex(), *code.co_names, *constants])


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _name(value: Any) -> str:
    return value.__qualname__  # a script's module has one name when run, another when imported


def differences(stored: Any, given: Any, name: str = "") -> list[str]:
    """Where two descriptions differ, each place with both values.

    Example:
      >>> differences({"a": [1, 2], "b": 3}, {"a": [1, 5], "b": 3})
      ['a.1 = 2, got 5']
    """
    one, other = _parts(stored), _parts(given)
    if not (one and other) or _kind(one) != _kind(other):
        pair = [_kind(parts) or value for parts, value in ((one, stored), (other, given))]
        return [] if stored == given else [f"{name} = {pair[0]!r}, got {pair[1]!r}"]
    return [
        line
        for key in {**one, **other}
        for line in differences(one.get(key), other.get(key), f"{name}.{key}" if name else key)
    ]


def _parts(tree: Any) -> dict[str, Any]:
    if isinstance(tree, list):
        return {str(i): part for i, part in enumerate(tree)}
    return tree if isinstance(tree, dict) else {}


def _kind(parts: dict[str, Any]) -> Any:
    """The name of the type or function; what is inside of two that differ does not compare."""
    return parts.get("type", parts.get("function"))

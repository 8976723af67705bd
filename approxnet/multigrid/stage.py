"""Stages of an algorithm, which the compiler keeps apart.

XLA on processors fuses a stencil into the one that reads it, and evaluates it once per neighbour.
A stage is a function that is compiled by itself wherever it is called, so that its result is
stored. It changes the time, never the value, and equal stages are traced once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
from jax.experimental.xla_metadata import set_xla_metadata


def stage(*static: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator; ``static`` names the arguments that are not arrays."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        compiled = jax.jit(function, static_argnames=static)

        @functools.wraps(function)
        def call(*arguments: Any) -> Any:
            with set_xla_metadata(inlineable="false"):
                return compiled(*arguments)

        return call

    return decorate

"""The session of a notebook: what runs where, figures and tables as a notebook shows them.

``begin`` prints versions and devices and says whether the notebook is to be quick, as it is in the
tests of this project: then the environment variable APPROXNET_QUICK is 1.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from approxnet import __version__, plot

QUICK = "APPROXNET_QUICK"
"""The environment variable."""


def begin(*, double: bool = False) -> bool:
    """Print versions and devices, set the precision; True if the notebook is to be quick.

    Double precision is for comparisons with theory. A TPU has none, so that there the computation
    moves to the processor.

    Args:
      double: compute in double precision from here on.

    Example:
      >>> quick = begin()  # doctest: +ELLIPSIS
      approxnet ..., jax ..., Python ...
      1 device...: cpu...
    """
    if double:
        jax.config.update("jax_enable_x64", True)
        if jax.default_backend() == "tpu":
            jax.config.update("jax_default_device", jax.devices("cpu")[0])
    quick = os.environ.get(QUICK) == "1"
    devices = jax.devices()
    print(
        f"approxnet {__version__}, jax {jax.__version__}, Python {platform.python_version()}\n"
        f"{len(devices)} device{'s' * (len(devices) > 1)}: {devices[0].platform}, "
        f"{devices[0].device_kind}; {jnp.result_type(float)}{', quick' * quick}"
    )
    return quick


class Shown:
    """A picture or a table, as a notebook displays it.

    Example:
      >>> Shown("text/markdown", "**x**")._repr_mimebundle_()
      {'text/markdown': '**x**'}
    """

    def __init__(self, kind: str, content: Any, text: str = "") -> None:
        self.bundle = {kind: content}
        self.text = text

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return self.bundle

    def __repr__(self) -> str:
        return self.text


def show(figure: Any, *, dpi: int = 80) -> Shown:
    """A figure of ``approxnet.plot``, or the frames of an animation, as a small PNG picture.

    Args:
      figure: a figure, or a list of them, which is shown as an animation.
      dpi: pixels per inch.

    Example:
      >>> list(show(plot.figure()[0]).bundle)
      ['image/png']
    """
    return Shown("image/png", plot.png(figure, dpi=dpi))


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Shown:
    """A table; real numbers have four digits.

    Args:
      columns: their names.
      rows: of words and numbers.

    Raises:
      ValueError: if a row has not one entry per column; names the row.

    Example:
      >>> table(("n", "error"), [(4, 0.1234567), (8, 1e-9)])
      | n | error |
      |---|---|
      | 4 | 0.1235 |
      | 8 | 1e-09 |
    """
    for i, row in enumerate(rows):
        if len(row) != len(columns):
            raise ValueError(
                f"row {i} must have {len(columns)} entries, one per column, got {len(row)}"
            )
    lines = [[_entry(entry) for entry in row] for row in (columns, ["---"] * len(columns), *rows)]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    text = text.replace("| --- ", "|---").replace("|--- |", "|---|")
    return Shown("text/markdown", text, text)


def compare(rows: Sequence[Sequence[Any]]) -> Shown:
    """The table "the course says / we get".

    Args:
      rows: (what, where the course says it, what it says, what we get), the last one computed.

    Example:
      >>> compare([("steps", "final project, 1", 883, 883)])
      | what | where | the course says | we get |
      |---|---|---|---|
      | steps | final project, 1 | 883 | 883 |
    """
    return table(("what", "where", "the course says", "we get"), rows)


def _entry(entry: Any) -> str:
    """Floating-point numbers to four digits; a bar would end the entry."""
    text = f"{entry:.4g}" if _is_real(entry) else str(entry)
    return text.replace("|", "\\|")


def _is_real(entry: Any) -> bool:
    return np.ndim(entry) == 0 and np.asarray(entry).dtype.kind == "f"

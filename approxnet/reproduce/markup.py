"""Tables in HTML whose cells carry the numbers that they are sorted by."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple


class Td(NamedTuple):
    """A cell of a table on the page.

    Fields:
      html: what is shown.
      value: the number by which it is sorted; None for a word.
      kind: its class, as ``quoted``.
      title: its level and seeds, shown under the pointer.

    Example:
      >>> Td("1.23e-4", 1.234e-4).kind
      ''
    """

    html: str
    value: float | None = None
    kind: str = ""
    title: str = ""


def table_of(
    columns: Sequence[str], rows: Sequence[Sequence[str | Td]], right: Collection[int] = ()
) -> str:
    """A table of cells that are HTML already; the columns ``right`` hold numbers.

    Example:
      >>> "<td>photograph</td>" in table_of(["name"], [["photograph"]])
      True
    """
    kinds = ["number" if column in right else "" for column in range(len(columns))]
    head = "".join(
        f"<th{_attribute('class', kind)}>{c}</th>" for kind, c in zip(kinds, columns, strict=True)
    )
    body = "".join(f"<tr>{''.join(map(_td, row, kinds))}</tr>\n" for row in rows)
    return (
        f'<div class="wide"><table><thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}</tbody></table></div>"
    )


def _td(cell: str | Td, column: str) -> str:
    """A cell; a number carries all its digits, by which the column is sorted."""
    cell = cell if isinstance(cell, Td) else Td(cell)
    value = "" if cell.value is None else repr(float(cell.value))
    return (
        f"<td{_attribute('class', f'{column} {cell.kind}'.strip())}"
        f"{_attribute('data-value', value)}{_attribute('title', cell.title)}>{cell.html}</td>"
    )


def _attribute(name: str, value: str) -> str:
    return f' {name}="{value}"' if value else ""

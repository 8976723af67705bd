"""The documents, and the programs in them: blocks of Python, each with what it prints."""

import contextlib
import io
import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


class Block(NamedTuple):
    """A block of Python, and what the page says that it prints; with a title, it is that file."""

    title: str
    code: str
    shown: str


def blocks(page):
    """The blocks of Python of a page; a block of text right after one is what it prints."""
    pattern = r'^```python(?: title="(.*?)")?\n(.*?)^```\n(?:\s*^```text\n(.*?)^```$)?'
    found = re.findall(pattern, page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [Block(*parts) for parts in found]


def run(block, names):
    """What a block prints; a file is written and prints nothing."""
    if block.title:
        Path(block.title).write_text(block.code, encoding="utf-8")
        return ""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(block.code, "<page>", "exec"), names)
    return printed.getvalue()

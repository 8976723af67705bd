"""How the site reads docstrings, which are plain text and not quite Markdown.

``Example:``, and doctests without a heading, are sections of examples; in prose the star of x* and
the bracket of <r, g> are characters.
"""

import re
import textwrap

import griffe

HEADING = re.compile(r"(?m)^( *)Example:$")
PROSE = re.compile(r"(?m)^ {0,3}(?![ >.]).*")
DOCTEST = re.compile(r"(?m)^>>> .*\n?(?:.+\n?)*")


class Examples(griffe.Extension):
    """Gives the sections the name under which the parser of docstrings knows them."""

    def on_object(self, *, obj, **_):
        """Called for each object that is read."""
        if obj.docstring:
            text = HEADING.sub(r"\1Examples:", obj.docstring.value)
            text = PROSE.sub(_plain, text)
            obj.docstring.value = DOCTEST.sub(_section, text)


def _plain(line):
    """The line with its marks escaped, but for what stands between backticks."""
    parts = line[0].split("`")
    for i in range(0, len(parts), 2):
        parts[i] = re.sub(r"(?<=\w)\*(?!\w)", r"\*", parts[i])
        parts[i] = re.sub(r"<(?=[a-z])", "&lt;", parts[i])
    return "`".join(parts)


def _section(doctest):
    return "Examples:\n" + textwrap.indent(doctest[0], "  ")

"""How the site reads docstrings: ``Example:``, and doctests without a heading, are examples."""

import re
import textwrap

import griffe

HEADING = re.compile(r"(?m)^( *)Example:$")
DOCTEST = re.compile(r"(?m)^>>> .*\n?(?:.+\n?)*")


class Examples(griffe.Extension):
    """Gives the sections the name under which the parser of docstrings knows them."""

    def on_object(self, *, obj, **_):
        """Called for each object that is read."""
        if obj.docstring:
            text = HEADING.sub(r"\1Examples:", obj.docstring.value)
            obj.docstring.value = DOCTEST.sub(_section, text)


def _section(doctest):
    return "Examples:\n" + textwrap.indent(doctest[0], "  ")

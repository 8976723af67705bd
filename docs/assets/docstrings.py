"""How the site reads docstrings: ``Example:``, which holds doctests, is a section of examples."""

import re

import griffe


class Examples(griffe.Extension):
    """Gives the section the name under which the parser of docstrings knows it."""

    def on_object(self, *, obj, **_):
        """Called for each object that is read."""
        if obj.docstring:
            text = obj.docstring.value
            obj.docstring.value = re.sub(
                r"(?m)^( *)Example:$", r"\1Examples:", text
            )

"""What the site's builder does beyond its plugins: it writes mathematics as MathML.

The Markdown extension arithmatex marks the formulas, latex2mathml translates them, and browsers
draw them without a script.
"""

import html
import re

from latex2mathml.converter import convert

INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
DISPLAYED = re.compile(r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>', re.DOTALL)


def on_page_content(content, **_):
    """The page with its formulas as MathML."""
    content = INLINE.sub(lambda found: _mathml(found[1], "inline"), content)
    return DISPLAYED.sub(lambda found: _mathml(found[1], "block"), content)


def _mathml(formula, display):
    """As browsers know it: double letters are characters, and a colon is an operator."""
    formula = re.sub(r"\\mathbb ?([A-Z])", r"\\mathbb{\1}", html.unescape(formula))
    return convert(formula, display=display).replace("<mi>:</mi>", "<mo>:</mo>")

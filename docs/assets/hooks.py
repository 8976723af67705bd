"""What the site's builder does beyond its plugins: it writes mathematics as MathML.

The Markdown extension arithmatex marks the formulas, latex2mathml translates them, and browsers
draw them without a script. In tables, long names may break where their words end.
"""

import html
import re

from latex2mathml.converter import convert

INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
DISPLAYED = re.compile(
    r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>', re.DOTALL
)


CELL = re.compile(r"<td>.*?</td>", re.DOTALL)
CODE = re.compile(r"(?<=<code>).*?(?=</code>)")
WORD = re.compile(r"(_|/|::|\.)(?=\w)")


def on_page_content(content, **_):
    """The page with its formulas as MathML."""
    content = INLINE.sub(lambda found: _mathml(found[1], "inline"), content)
    content = DISPLAYED.sub(
        lambda found: f"<div>{_mathml(found[1], 'block')}</div>", content
    )
    return CELL.sub(lambda cell: CODE.sub(_breakable, cell[0]), content)


def _breakable(code):
    return WORD.sub(r"\1<wbr>", code[0])


def _mathml(formula, display):
    """As browsers know it: double letters are characters, and a colon is an operator."""
    formula = re.sub(
        r"\\mathbb ?([A-Z])", r"\\mathbb{\1}", html.unescape(formula)
    )
    return convert(formula, display=display).replace("<mi>:</mi>", "<mo>:</mo>")

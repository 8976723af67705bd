"""The programs of the README and of the site run, and print what the page says."""

import re

import pytest

from . import pages

SLOW = {
    "add/architecture.md",
    "add/target.md",
    "guide/approximation.md",
    "guide/models.md",
    "guide/multigrid.md",
    "guide/optimize.md",
    "guide/shallow.md",
    "guide/training.md",
}
"""Pages whose programs take longer than two seconds, most of it compilation."""

PROGRAMS = sorted(path for path in pages.DOCS.rglob("*.md") if pages.blocks(path))


def name(path):
    return str(path.relative_to(pages.DOCS))


def agree(said, shown):
    """Words as they stand, numbers to single precision."""
    number = re.compile(r"\d+\.?\d*(?:e[-+]\d+)?")
    assert number.sub("#", said).split() == number.sub("#", shown).split()
    values = [[float(digits) for digits in number.findall(text)] for text in (said, shown)]
    assert values[0] == pytest.approx(values[1], rel=1e-6)


@pytest.mark.parametrize("i", range(5))
def test_the_readme_prints_what_it_says(i, tmp_path, monkeypatch):
    """Each block for itself."""
    blocks = pages.blocks(pages.ROOT / "README.md")
    assert len(blocks) == 5
    monkeypatch.chdir(tmp_path)
    agree(pages.run(blocks[i], {"__name__": "readme"}), blocks[i].shown)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(path, marks=[pytest.mark.slow] * (name(path) in SLOW), id=name(path))
        for path in PROGRAMS
    ],
)
def test_a_page_prints_what_it_says(page, tmp_path, monkeypatch):
    """All blocks of a page are one program."""
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "page"}
    for block in pages.blocks(page):
        agree(pages.run(block, names), block.shown)


def test_the_slow_pages_exist():
    assert {name(path) for path in PROGRAMS} >= SLOW

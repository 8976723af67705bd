"""Every figure of the gallery is small, is there, and is made by an experiment that exists."""

import re

import pytest

from approxnet.reproduce import catalog

from . import pages

SECTIONS = (pages.DOCS / "gallery.md").read_text(encoding="utf-8").split("\n## ")[1:]


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.partition("\n")[0])
def test_a_figure_is_there_with_its_command(section):
    (figure,) = re.findall(r"!\[[^]]+\]\((.+)\)", section)
    (name,) = re.findall(r"^approxnet reproduce (\w+)(?: --scale full)?$", section, re.MULTILINE)
    assert (pages.DOCS / figure).is_file()
    assert name in catalog.names()


def test_the_figures_of_the_gallery_are_shown_and_small():
    figures = sorted((pages.DOCS / "figures" / "gallery").glob("*"))
    assert figures
    for path in figures:
        assert path.stat().st_size <= 100_000
        assert f"(figures/gallery/{path.name})" in "".join(SECTIONS)

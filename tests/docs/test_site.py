"""Every chapter has its pages, and the site asks for nothing from elsewhere."""

import re
from types import ModuleType

import pytest

import approxnet
from approxnet._references.lookup import public_names

from . import pages

CHAPTERS = [name for name in approxnet.__all__ if isinstance(getattr(approxnet, name), ModuleType)]
NAVIGATION = (pages.ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_has_its_api_and_its_guide(chapter):
    api = (pages.DOCS / "api" / f"{chapter}.md").read_text(encoding="utf-8")
    assert f"::: approxnet.{chapter}\n" in api
    assert f"- api/{chapter}.md\n" in NAVIGATION
    assert f"]({chapter}.md)" in (pages.DOCS / "api" / "index.md").read_text(encoding="utf-8")
    if chapter not in {"errors", "quadrature"}:
        assert f"- guide/{chapter}.md\n" in NAVIGATION
        assert f"]({chapter}.md)" in (pages.DOCS / "guide/index.md").read_text(encoding="utf-8")


def test_every_public_module_is_in_the_api():
    modules = {name for name, it in public_names().items() if isinstance(it, ModuleType)}
    shown = "".join(path.read_text(encoding="utf-8") for path in (pages.DOCS / "api").glob("*.md"))
    assert modules == set(re.findall(r"^::: approxnet\.(\S+)$", shown, re.MULTILINE))


def test_pages_take_no_picture_and_no_script_from_elsewhere():
    for path in pages.DOCS.rglob("*.md"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"!\[[^]]*\]\(https?:|<(img|script|link|iframe)", text), path

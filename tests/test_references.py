"""Every public object has its papers, and every paper is one of an object."""

import importlib
import re
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

import approxnet
from approxnet._references import lookup
from approxnet._references.sources import SOURCES
from approxnet.errors import ConfigError

ROOT = Path(__file__).parents[1]
PUBLIC = lookup.public_names()
FIELDS = {
    "article": {"author", "title", "journal", "year", "volume"},
    "book": {"author", "title", "publisher", "year"},
    "incollection": {"author", "title", "booktitle", "publisher", "year"},
    "inproceedings": {"author", "title", "booktitle", "year"},
    "misc": {"author", "title", "year"},
    "techreport": {"author", "title", "institution", "year"},
}
"""What a kind of entry must have."""


def parse(text):
    """The entries of a BibTeX text: {key: (kind, fields)}, by counting braces."""
    found = {}
    while text := text.strip():
        opening = re.match(r"@(\w+)\{(\w+),", text)
        assert opening, f"no entry begins at {text[:60]!r}"
        text, fields = text[opening.end() :], {}
        while not text.lstrip().startswith("}"):
            name = re.match(r"\s*(\w+) = \{", text)
            assert name, f"{opening[2]} has no field at {text[:60]!r}"
            assert name[1] not in fields, f"{opening[2]} has two fields {name[1]}"
            end, depth = name.end(), 1
            while depth:
                depth += {"{": 1, "}": -1}.get(text[end], 0)
                end += 1
            fields[name[1]] = text[name.end() : end - 1]
            assert text[end] == ",", f"{opening[2]} has no comma after {name[1]}"
            text = text[end + 1 :]
        text = text.lstrip()[1:]
        assert opening[2] not in found, f"two entries have the key {opening[2]}"
        found[opening[2]] = opening[1], fields
    return found


@pytest.fixture(scope="module")
def bibliography():
    return parse((ROOT / "approxnet/_references/references.bib").read_text(encoding="utf-8"))


@pytest.mark.parametrize("chapter", sorted({name.partition(".")[0] for name in PUBLIC}))
def test_every_public_name_of_every_chapter_is_answered(chapter):
    of_chapter = {name: it for name, it in PUBLIC.items() if name.partition(".")[0] == chapter}
    for name, thing in of_chapter.items():
        cited = list(parse(approxnet.cite(thing)))
        assert cited == [*lookup.keys(thing), "approxnet"], name
        assert cited[:-1] or chapter in {"errors", "reproduce"}, name


def test_the_entries_have_the_fields_of_their_kind(bibliography):
    for key, (kind, fields) in bibliography.items():
        assert FIELDS[kind] <= fields.keys(), key
        assert all(fields.values()), key
        assert re.fullmatch(rf"[a-z]+{fields['year']}[a-z0-9]+|approxnet", key), key
        assert not re.search(r'(?<!\\)"', "".join(fields.values())), f'{key}: an accent is \\"'
        assert kind != "misc" or fields.keys() & {"eprint", "howpublished"}, key


def test_every_entry_is_cited_and_every_citation_has_an_entry(bibliography):
    cited = {key for keys in SOURCES.values() for key in keys}
    assert cited | {"approxnet"} == set(bibliography)
    assert list(lookup.entries()) == list(bibliography)


@pytest.mark.parametrize("name", SOURCES)
def test_every_name_with_a_source_exists(name):
    """A module, or an object of the module that defines it."""
    try:
        importlib.import_module(f"approxnet.{name}".rstrip("."))
    except ModuleNotFoundError:
        module, _, member = f"approxnet.{name}".rpartition(".")
        assert getattr(importlib.import_module(module), member).__module__ == module


def test_objects_have_the_papers_of_what_made_them():
    mesh = approxnet.fem.interval([0.0, 1.0])
    assert lookup.keys(mesh) == lookup.keys(type(mesh)) == lookup.keys(approxnet.fem)
    assert lookup.keys(approxnet.models.MgNO(8, 1)) == ("he2024mgno",)
    assert lookup.keys(approxnet.relu.Network.__repr__) == lookup.keys(approxnet.relu.Network)
    assert lookup.keys(jax.jit(approxnet.relu.apply)) == lookup.keys(approxnet.relu)
    assert lookup.keys(approxnet.models.MODELS) == lookup.keys(approxnet.models)
    assert lookup.keys(approxnet) == ()


@pytest.mark.parametrize(
    "thing", [jnp.sin, jax, 7, "fem.box", None], ids=lambda thing: type(thing).__name__
)
def test_what_is_not_of_the_library_is_refused(thing):
    with pytest.raises(ConfigError, match=r"obj must be .* of approxnet, got .*; cite what"):
        approxnet.cite(thing)


def test_the_citation_file_agrees_with_the_bibliography(bibliography):
    said = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    _, library = bibliography["approxnet"]
    _, paper = bibliography["he2020relu"]
    assert f'title: "{library["title"]}"' in said
    assert f"\nversion: {library['version']}\n" in said
    assert f'name: "{library["author"].strip("{}")}"' in said
    assert re.search(rf"date-released: {library['year']}-\d\d-\d\d\n", said)
    assert library["version"] == approxnet.__version__
    assert f'title: "{paper["title"].replace("{", "").replace("}", "")}"' in said
    assert f"doi: {paper['doi']}\n" in said
    assert re.findall(r"family-names: (\w+)", said) == re.findall(r"(\w+),", paper["author"])
    start, _, end = paper["pages"].partition("--")
    for line in (f"volume: {paper['volume']}", f"start: {start}", f"end: {end}"):
        assert f"    {line}\n" in said

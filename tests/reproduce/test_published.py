"""The committed results, and the tables that are drawn from them."""

import json
import platform
import re
from pathlib import Path

import pytest

from approxnet import reproduce
from approxnet.errors import ConfigError, DataError
from approxnet.reproduce import catalog, harness, page, published

ROOT = Path(__file__).parents[2]
COMMITTED = sorted((ROOT / "docs" / "results").glob("*.json"))


@pytest.fixture
def checkout(tmp_path):
    """A checkout whose README and docs have empty tables."""
    root = tmp_path / "checkout"
    (root / "docs" / "results").mkdir(parents=True)
    for path in (root / "README.md", root / "docs" / "results.md"):
        path.write_text(f"before\n{published.BEGIN}{published.END}after\n")
    return root


def test_the_tables_of_readme_and_docs_are_those_of_the_committed_results():
    for path, text in published.pages(ROOT).items():
        assert path.read_text(encoding="utf-8") == text, (
            f"{path.name} is not what docs/results gives; "
            "run: approxnet report docs/results --publish"
        )


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_a_committed_result_is_small_and_names_an_experiment_and_no_machine(path, monkeypatch):
    monkeypatch.undo()
    text = path.read_text(encoding="utf-8")
    assert len(text.encode()) <= published.MOST
    assert path.stem in catalog.names()
    assert "/home/" not in text
    assert "/tmp/" not in text
    assert page.load_one(path) == published.anonymous(page.load_one(path))


def test_publishing_writes_results_and_tables(folder, checkout):
    harness.sweep(["good", "compared", "outside"], folder / "out", seeds=2)
    written = published.publish(folder / "out", checkout)
    assert [path.name for path in written] == [
        *("compared.json", "good.json", "outside.json"),
        *("README.md", "results.md"),
    ]
    readme, docs = ((checkout / name).read_text() for name in ("README.md", "docs/results.md"))
    assert readme.startswith("before\n<!-- results -->\n| experiment | paper |")
    assert readme.endswith("<!-- end of results -->\nafter\n")
    row = r"| `compared` | Author, Table 1 | accuracy, \|percent\| | 93.53 | 1.50 ± 1.05 |"
    assert f"{row} smoke, 6 seeds |\n" in readme
    assert "| `good` | Author, Table 1 | the value is 1 |  | 2 of 2 checks hold | smoke |" in readme
    assert (
        "| `outside` | Author, Table 1 | the value is 1 |  | 0 of 2 checks hold | smoke, outside |"
        in readme
    )
    assert "never run" not in readme
    assert "| never run | at least 9 | - | not run |" in docs
    assert "| one number |  | 7.5 ± 0.707 | smoke, 2 seeds |" in docs
    assert re.search(r"^- commit ", docs, re.MULTILINE)


def test_publishing_what_is_published_changes_nothing(folder, checkout):
    harness.sweep(["good", "compared"], folder / "out")
    published.publish(folder / "out", checkout)
    before = {path: path.read_bytes() for path in checkout.rglob("*") if path.is_file()}
    assert published.rebuild(checkout) == []
    published.publish(checkout / "docs" / "results", checkout)
    assert {path: path.read_bytes() for path in before} == before


def test_a_result_that_changes_changes_the_tables(folder, checkout):
    harness.sweep(["compared"], folder / "out")
    published.publish(folder / "out", checkout)
    path = checkout / "docs" / "results" / "compared.json"
    path.write_text(path.read_text().replace("93.53", "94.12"))
    assert {page.name for page in published.rebuild(checkout)} == {"README.md", "results.md"}
    assert "| 94.12 |" in (checkout / "README.md").read_text()


def test_what_is_published_tells_nothing_of_the_machine(folder, checkout):
    path = folder / "experiments" / "broken.py"
    told = f"no file at {folder}/data/x.npz on {platform.node()}, and 1/2/3 of it"
    path.write_text(path.read_text().replace("one <two> by zero", told))
    reproduce.run("broken", out=folder / "out")
    published.publish(folder / "out", checkout)
    text = (checkout / "docs" / "results" / "broken.json").read_text()
    error = json.loads(text)["runs"][0]["error"]
    assert "no file at .../x.npz on ..., and 1/2/3 of it" in error
    assert ".../harness.py" in error
    assert str(folder) not in text


def test_figures_are_not_published(folder, checkout):
    reproduce.run("good", out=folder / "out")
    published.publish(folder / "out", checkout)
    (result,) = page.load(checkout / "docs" / "results").values()
    assert result.figures == ()
    text = reproduce.report(checkout / "docs" / "results").read_text()
    assert "A small experiment called good." in text


def test_a_result_that_is_too_large_is_refused_and_nothing_is_written(folder, checkout):
    path = folder / "experiments" / "outside.py"
    path.write_text(
        path.read_text().replace(
            "return numbers(config, value=2.0)",
            ("return Numbers((Table('T', ('n',), tuple((i,) for i in range(9000))),), ())"),
        )
    )
    harness.sweep(["good", "outside"], folder / "out")
    with pytest.raises(ConfigError, match=r"at most 50000 bytes, got \d+ of outside"):
        published.publish(folder / "out", checkout)
    assert list((checkout / "docs" / "results").iterdir()) == []


def test_a_page_without_its_lines_is_named(folder, checkout):
    (checkout / "README.md").write_text("nothing\n")
    reproduce.run("good", out=folder / "out")
    with pytest.raises(ConfigError, match=r"README.md must hold the lines '<!-- results -->'"):
        published.publish(folder / "out", checkout)


def test_a_damaged_result_is_not_published(folder, checkout):
    reproduce.run("good", out=folder / "out")
    (folder / "out" / "good" / "results.json").write_text("{")
    with pytest.raises(DataError, match="damaged"):
        published.publish(folder / "out", checkout)


def test_results_are_published_from_a_checkout_only(monkeypatch, tmp_path):
    monkeypatch.setattr(published, "__file__", str(tmp_path / "approxnet" / "reproduce" / "p.py"))
    with pytest.raises(ConfigError, match="must lie in a checkout"):
        published.checkout()

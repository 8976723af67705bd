"""The notebooks: those of their sources, without errors, small, and what every lecture has."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

from approxnet import course

FOLDER = Path(__file__).parents[1] / "notebooks"


def builder():
    """The module notebooks/build.py."""
    spec = importlib.util.spec_from_file_location("build", FOLDER / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BUILD = builder()
NAMES = BUILD.names()


def cells(name, kind):
    book = json.loads((FOLDER / f"{name}.ipynb").read_text())
    return [cell for cell in book["cells"] if cell["cell_type"] == kind]


def shown(name):
    """What the cells of a notebook show, by kind."""
    outputs = [output for cell in cells(name, "code") for output in cell["outputs"]]
    return [kind for output in outputs for kind in output.get("data", ())]


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_that_of_its_source_without_errors_warnings_or_weight(name):
    assert BUILD.check(name) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_opens_with_a_badge_and_five_lines(name):
    title, first = cells(name, "markdown")[0], cells(name, "code")[0]
    assert "colab-badge.svg" in title["source"][0]
    lines = "".join(first["source"]).splitlines()
    assert len(lines) <= 5
    installed = re.findall(r"pip install (.*)", "".join(first["source"]))
    assert len(installed) == 1
    assert "--no-deps" in installed[0]
    assert not re.search(r"jax|tensorflow", installed[0])
    assert "jax" in "".join(first["outputs"][0]["text"])


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_has_pictures_a_comparison_and_exercises(name):
    source = (FOLDER / f"{name}.py").read_text()
    assert shown(name).count("image/png") >= 3
    assert "course.compare(" in source
    assert "course.check_all(" in source


def test_every_exercise_is_in_one_notebook_and_in_the_table():
    sources = "".join((FOLDER / f"{name}.py").read_text() for name in NAMES)
    asked = re.findall(r'"((?:pa|quiz|final|lecture|session)\d+\.\w+)":', sources)
    table = (FOLDER / "README.md").read_text()
    assert sorted(asked) == sorted(course.check)
    assert not [name for name in course.check if f"`{name}`" not in table]


def test_the_table_names_every_notebook_assignment_quiz_and_project():
    table = (FOLDER / "README.md").read_text()
    assert not [name for name in NAMES if f"({name}.ipynb)" not in table]
    for work in (*(f"Programming assignment {i}" for i in range(1, 6)),
                 *(f"Quiz {i}" for i in range(1, 6)),
                 *(f"Final project {i}" for i in range(1, 5)), "Computer session"):  # fmt: skip
        assert f"| {work}" in table


def test_another_source_an_error_a_warning_and_weight_are_found(tmp_path, monkeypatch):
    monkeypatch.setattr(BUILD, "HERE", tmp_path)
    monkeypatch.setattr(BUILD, "repository", lambda: "owner/name")
    (tmp_path / "01_x.py").write_text("# %% [markdown]\n# # Title\n\n# %%\nimport course\n\n1\n")
    assert BUILD.check("01_x") == [f"01_x.ipynb is missing; run {tmp_path.name}/build.py 01_x"]
    outputs = [
        {"output_type": "error", "ename": "ValueError", "evalue": "no"},
        {"output_type": "stream", "name": "stderr", "text": ["old\n"]},
    ]
    book = [{"cell_type": kind, "source": text} for kind, text in BUILD.cells("01_x")]
    book[1]["outputs"] = outputs
    (tmp_path / "01_x.ipynb").write_text(json.dumps({"cells": book, "x": "x" * BUILD.LIMIT}))
    faults = BUILD.check("01_x")
    parts = "has an error: ValueError: no", "has a warning: old", "bytes, more than 300000"
    assert len(faults) == 3
    assert all(part in fault for part, fault in zip(parts, faults, strict=True))
    (tmp_path / "01_x.py").write_text("# %% [markdown]\n# # Title\n\n# %%\nimport course\n\n2\n")
    assert BUILD.check("01_x")[0] == f"01_x.ipynb is not that of 01_x.py; run {tmp_path.name}/" \
        "build.py 01_x"  # fmt: skip


def test_badge_and_installation_take_the_repository_of_the_citation():
    assert "colab/" not in BUILD.badge("01_x", "")
    assert "(https://colab.research.google.com/)" in BUILD.badge("01_x", "")
    badge = BUILD.badge("01_x", "owner/name")
    assert "/github/owner/name/blob/main/notebooks/01_x.ipynb)" in badge
    assert '"approxnet"' in BUILD.installation("")
    assert '"git+https://github.com/owner/name"' in BUILD.installation("owner/name")

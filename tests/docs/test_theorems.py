"""Every row of the table of theorems has its function and its tests."""

import ast
import functools
import re

import pytest

import approxnet

from . import pages

ROWS = [
    [cell.strip() for cell in line.strip("| ").split(" | ")]
    for line in (pages.DOCS / "theorems.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("|") and not re.match(r"\|(-| theorem )", line)
]


@functools.cache
def defined_in(path):
    """The names of the test functions of a file."""
    tree = ast.parse((pages.ROOT / "tests" / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:40])
def test_a_theorem_has_a_function_and_a_test(row):
    theorem, paper, function, tests = row
    assert theorem
    assert paper
    assert callable(functools.reduce(getattr, function.strip("`").split("."), approxnet))
    named = re.findall(r"`([^`]+\.py)::(test_\w+)`", tests)
    assert named
    assert len(named) == tests.count("::")
    for path, test in named:
        assert test in defined_in(path), f"{path} has no test {test}"


def test_the_table_holds_what_was_promised():
    text = "\n".join(row[0] for row in ROWS)
    for promise in ("(4n + 3, n^2)", "3.5 neurons per triangle", "15 neurons per tetrahedron"):
        assert promise in text
    for promise in ("max5", "max6", "66 joins", r"\Pi$ is the multigrid cycle"):
        assert promise in text

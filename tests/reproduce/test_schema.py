"""Every result that can be on disk is of the published schema, and nothing else is."""

import copy
import json
from pathlib import Path

import jsonschema
import pytest

from approxnet import reproduce
from approxnet.reproduce import harness, records, store

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((Path(records.__file__).parent / "results.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def tree(folder, name):
    return json.loads((folder / "out" / name / store.RESULTS).read_text())


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"]["schema"]["const"] == records.SCHEMA


def test_results_that_pass_that_are_outside_and_that_failed_are_of_the_schema(folder):
    path = folder / "experiments" / "outside.py"
    path.write_text(path.read_text().replace("value=2.0", "value=float('nan')"))
    harness.sweep(["good", "outside", "broken", "compared"], folder / "out", seeds=2)
    for name in ("good", "outside", "broken", "compared"):
        VALIDATOR.validate(tree(folder, name))


def test_an_unfinished_result_is_of_the_schema(folder):
    with pytest.raises(KeyboardInterrupt):
        reproduce.run("interrupted", out=folder / "out", seeds=2)
    VALIDATOR.validate(tree(folder, "unfinished/interrupted"))


def broken(result, change):
    changed = copy.deepcopy(result)
    change(changed)
    return changed


@pytest.mark.parametrize(
    "change",
    [
        lambda result: result.pop("level"),
        lambda result: result.update(level="nearly full"),
        lambda result: result.update(schema=1),
        lambda result: result.update(more=0),
        lambda result: result["runs"][0]["checks"][0].update(relation="=="),
        lambda result: result["runs"][0]["checks"][0].update(measured="0.5"),
        lambda result: result["runs"][0]["tables"][0]["rows"][0].append(None),
        lambda result: result["runs"][0]["compared"][0]["ours"].update(n=-1),
        lambda result: result["runs"][0]["data"].update(digits="none"),
        lambda result: result["provenance"].pop("hardware"),
        lambda result: result["quotes"][0].update(place=""),
    ],
)
def test_what_is_wrong_is_not_of_the_schema(folder, change):
    reproduce.run("compared", out=folder / "out")
    result = tree(folder, "compared")
    assert VALIDATOR.is_valid(result)
    assert not VALIDATOR.is_valid(broken(result, change))


@pytest.mark.parametrize(
    "path", sorted((ROOT / "docs" / "results").glob("*.json")), ids=lambda path: path.stem
)
def test_what_is_committed_is_of_the_schema(path):
    VALIDATOR.validate(json.loads(path.read_text(encoding="utf-8")))

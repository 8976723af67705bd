"""Why two results differ."""

import pytest

from approxnet import reproduce
from approxnet.errors import ConfigError
from approxnet.reproduce import difference, harness, provenance


def names(first, second, kind):
    return [d.name for d in difference.compare(first, second) if d.kind == kind]


def test_a_run_and_its_repetition_do_not_differ(folder):
    first, second = (reproduce.run("compared", out=folder / out, seeds=2) for out in "ab")
    assert first.seconds != second.seconds
    assert difference.compare(first, second) == []


def test_settings_and_the_numbers_that_follow_from_them_are_named(folder):
    first, second = reproduce.run("good"), reproduce.run("good", scale="full", seeds=2)
    assert names(first, second, "setting") == ["scale", "seeds", "config n"]
    assert names(first, second, "number") == ["Values: row 1, n", "Values: row 1, value"]
    assert names(first, second, "verdict") == ["seed 1: the value is at most 1"]


def test_origin_is_compared(folder, monkeypatch):
    first = reproduce.run("good")
    monkeypatch.setattr(provenance, "versions", lambda: {"jax": "99"})
    monkeypatch.setattr(provenance, "commit", lambda: {"commit": 40 * "a", "dirty": "odd"})
    second = reproduce.run("good")
    assert {"commit", "dirty", "version of jax"} <= set(names(first, second, "origin"))


def test_other_data_are_named(folder):
    first = reproduce.run("compared")
    run = first.runs[0]._replace(data={"digits, test": "sha256:0000000000000000"})
    assert names(first, first._replace(runs=(run,)), "origin") == ["data digits, test"]


def test_a_failed_seed_and_a_check_that_turned_are_verdicts(folder):
    good, outside, broken = (reproduce.run(name) for name in ("good", "outside", "broken"))
    assert names(good, outside, "verdict") == ["verdict", "seed 0: the value is at most 1"]
    verdict, check, error = difference.compare(good, broken)[-3:]
    assert (verdict.first, verdict.second) == ("pass", "incomplete")
    assert (check.first, check.second) == ("holds", "-")
    assert (error.name, error.second) == (
        "error of seed 0",
        "ZeroDivisionError: one <two> by zero",
    )


def test_wall_times_are_not_compared(folder):
    path = folder / "experiments" / "good.py"
    text = path.read_text().replace('("n", "value")', '("n", "map, seconds")')
    path.write_text(text.replace("value + config.seed", "__import__('time').perf_counter()"))
    assert difference.compare(reproduce.run("good"), reproduce.run("good")) == []


def test_results_are_found_in_a_folder_of_many_of_one_and_in_a_file(folder):
    harness.sweep(["good", "outside"], folder / "out")
    assert set(difference.load(folder / "out")) == {"good", "outside"}
    for path in (folder / "out" / "good", folder / "out" / "good" / "results.json"):
        assert set(difference.load(path)) == {"good"}
    (folder / "out" / "good" / "results.json").write_text("{")
    with pytest.raises(ConfigError, match="damaged"):
        difference.load(folder / "out")
    with pytest.raises(ConfigError, match="run_dir must hold results"):
        difference.load(folder / "nowhere")

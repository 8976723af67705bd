"""Running, keeping and judging."""

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from rich.console import Console

from approxnet import data, reproduce
from approxnet.errors import ConfigError, RunLockError
from approxnet.reproduce import catalog, harness, provenance, store


def runs(folder):
    return (folder / "log").read_text().splitlines()


def sweep(folder, *names, **options):
    with (folder / "console").open("w") as file:
        code = harness.sweep(names, folder / "out", console=Console(file=file), **options)
    return code, (folder / "console").read_text()


def test_a_result_on_disk_says_what_was_measured_and_where_it_comes_from(folder):
    reproduce.run("good", out=folder / "out")
    tree = json.loads((folder / "out" / "good" / "results.json").read_text())
    assert tree["schema"] == 2
    assert (tree["name"], tree["scale"], tree["seeds"]) == ("good", "smoke", [0])
    assert tree["verdict"] == "pass"
    assert tree["config"] == {"n": 1}
    assert tree["runs"][0]["tables"][0]["rows"] == [[1, 0.5]]
    check = tree["runs"][0]["checks"][0]
    assert check == {
        "claim": "the value is at most 1",
        "measured": 0.5,
        "relation": "<=",
        "bound": 1.0,
        "passed": True,
    }
    assert tree["quotes"][0]["place"] == "Table 1"
    origin = tree["provenance"]
    assert origin["precision"] == "float64"
    assert origin["versions"]["jax"] == jax.__version__
    assert {"commit", "dirty", "device", "started", "code"} <= set(origin)
    assert (folder / "out" / "good" / tree["figures"][0]["file"]).read_bytes()[1:4] == b"PNG"


def test_a_result_is_the_same_after_a_trip_to_disk(folder):
    result = reproduce.run("good", out=folder / "out")
    assert store.read(folder / "out" / "good") == result


def test_without_a_folder_nothing_is_written(folder, monkeypatch):
    monkeypatch.chdir(folder)
    before = sorted(folder.iterdir())
    assert reproduce.run("good").verdict == "pass"
    assert sorted(folder.iterdir()) == before


def test_a_finished_experiment_is_run_again_only_when_asked(folder):
    for _ in range(2):
        reproduce.run("good", out=folder / "out")
    assert runs(folder) == ["good 1 0"]
    reproduce.run("good", out=folder / "out", force=True)
    assert runs(folder) == ["good 1 0"] * 2


def test_what_was_finished_earlier_is_said_to_be(folder):
    assert "earlier" not in sweep(folder, "good")[1]
    assert "finished earlier (--force runs it again)" in sweep(folder, "good")[1]
    assert "earlier" not in sweep(folder, "good", force=True)[1]


def test_changed_code_and_changed_configuration_are_run(folder):
    reproduce.run("good", out=folder / "out")
    reproduce.run("good", out=folder / "out", scale="full")
    path = folder / "experiments" / "good.py"
    path.write_text(path.read_text() + "\nVALUE = 1\n")
    reproduce.run("good", out=folder / "out", scale="full")
    assert runs(folder) == ["good 1 0", "good 2 0", "good 2 0"]


def test_changed_versions_are_run(folder, monkeypatch):
    reproduce.run("good", out=folder / "out")
    monkeypatch.setattr(provenance, "versions", lambda: {"jax": "99"})
    reproduce.run("good", out=folder / "out")
    assert len(runs(folder)) == 2


def test_a_result_that_is_replaced_is_kept(folder):
    first = reproduce.run("good", out=folder / "out", scale="full")
    reproduce.run("good", out=folder / "out")
    (kept,) = (folder / "out" / "earlier").iterdir()
    assert kept.name.startswith("good-full-")
    assert store.read(kept) == first
    for _ in range(2):
        reproduce.run("good", out=folder / "out", force=True)
    assert len(list((folder / "out" / "earlier").iterdir())) == 3


def test_more_seeds_run_only_the_new_ones_and_keep_the_figures(folder):
    reproduce.run("good", out=folder / "out")
    result = reproduce.run("good", out=folder / "out", seeds=3)
    assert runs(folder) == ["good 1 0", "good 1 1", "good 1 2"]
    assert [run.seed for run in result.runs] == [0, 1, 2]
    assert (folder / "out" / "good" / result.figures[0].file).exists()
    assert reproduce.run("good", out=folder / "out", seeds=2) == result


def test_an_own_configuration_is_called_custom(folder):
    experiment = reproduce.find("good")
    config = type(experiment.scales["smoke"])(n=7, seed=4)
    result = reproduce.run(experiment, config, out=folder / "out")
    assert (result.scale, result.seeds, result.config) == ("custom", (4,), {"n": 7})


def test_experiments_run_in_double_precision_and_leave_the_user_s_alone(folder):
    before = jax.config.jax_enable_x64
    assert reproduce.run("precise").verdict == "pass"
    assert jax.config.jax_enable_x64 == before
    assert jnp.ones(()).dtype == (jnp.float64 if before else jnp.float32)


def test_what_fails_is_recorded_and_the_others_go_on(folder):
    code, text = sweep(folder, "broken", "good")
    assert code == 4
    assert runs(folder) == ["broken 1 0", "good 1 0"]
    assert store.read(folder / "out" / "broken").verdict == "incomplete"
    assert "ZeroDivisionError: one <two> by zero" in text
    assert store.read(folder / "out" / "good").verdict == "pass"


def test_a_failed_run_is_run_again(folder):
    for _ in range(2):
        sweep(folder, "broken")
    assert len(runs(folder)) == 2


@pytest.mark.parametrize(
    ("names", "code"),
    [(["good"], 0), (["good", "outside"], 3), (["outside", "broken"], 4), (["broken"], 4)],
)
def test_the_exit_code_is_that_of_the_worst(folder, names, code):
    assert sweep(folder, *names)[0] == code


def test_a_figure_that_cannot_be_drawn_makes_the_result_incomplete_and_loses_no_number(folder):
    path = folder / "experiments" / "good.py"
    path.write_text(path.read_text().replace("axes.plot", "axes.plott"))
    result = reproduce.run("good", out=folder / "out")
    assert result.verdict == "incomplete"
    assert "plott" in result.runs[0].error
    assert result.runs[0].tables[0].rows == ((1, 0.5),)


def test_what_json_cannot_hold_is_named(folder):
    path = folder / "experiments" / "good.py"
    path.write_text(path.read_text().replace("(config.n, value", "(config, value"))
    result = reproduce.run("good")
    assert "a result must hold numbers" in result.runs[0].error


def test_an_interrupted_sweep_keeps_what_is_finished_and_goes_on_from_there(folder):
    code, text = sweep(folder, "good", "interrupted", "precise", seeds=2)
    assert code == 130
    assert "Finished and kept" in text
    assert "good." in text
    assert "interrupted, precise" in text
    assert store.read(folder / "out" / "good").verdict == "pass"
    assert not (folder / "out" / "interrupted").exists()
    (folder / "healed").touch()
    assert sweep(folder, "good", "interrupted", "precise", seeds=2)[0] == 0
    assert runs(folder).count("interrupted 1 0") == 1
    assert runs(folder).count("interrupted 1 1") == 2
    assert runs(folder).count("good 1 0") == 1


def test_a_sweep_that_was_killed_goes_on_where_it_was(folder):
    code = (
        "import pathlib, sys; from approxnet.reproduce import catalog, harness;"
        "catalog.folder = lambda: pathlib.Path(sys.argv[1]) / 'experiments';"
        "harness.sweep(['good', 'slow'], pathlib.Path(sys.argv[1]) / 'out', seeds=3)"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(reproduce.__file__).parents[2])}
    command = [sys.executable, "-c", code, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment) as process:
        while "slow 1 1" not in runs(folder) and process.poll() is None:
            time.sleep(0.05)
        process.kill()
    kept = store.read(folder / "out" / "unfinished" / "slow")
    assert [run.seed for run in kept.runs] == [0]
    assert kept.verdict == "incomplete"
    (folder / "healed").touch()
    assert sweep(folder, "good", "slow", seeds=3)[0] == 0
    again = [line for line in runs(folder) if runs(folder).count(line) > 1]
    assert set(again) == {"slow 1 1"}
    assert store.read(folder / "out" / "slow").verdict == "pass"


def test_what_is_run_is_said_before_it_runs(folder):
    _, text = sweep(folder, "broken", scale="full")
    plan, _, rest = text.partition("incomplete broken")
    assert "broken, full scale: A small experiment called broken." in plan
    assert "paper   A. Author, A paper <1>, Table 1" in plan
    assert "expect  broken does what it is for." in plan
    assert "config  Config(n=2, seed=0)" in plan
    assert "ZeroDivisionError" in rest


@pytest.mark.parametrize(("n", "level"), [(1, "smoke"), (2, "full"), (7, "partial: n = 7")])
def test_a_level_names_what_differs_from_full_scale(folder, n, level):
    experiment = reproduce.find("compared")
    result = reproduce.run(experiment, type(experiment.scales["smoke"])(n=n))
    assert result.level == level
    rows = result.runs[0].tables[0].rows
    assert [cell.level for row in rows for cell in row[1:]] == [
        "quoted",
        level,
        "quoted",
        "not run",
    ]
    assert [c.ours.level for c in result.runs[0].compared[:2]] == [level, "not run"]


def test_a_record_has_the_checksums_of_its_data(folder, monkeypatch):
    first = reproduce.run("compared", out=folder / "out").runs[0].data
    assert set(first) == {"digits, test"}
    assert reproduce.run("good").runs[0].data == {}
    load = data.loading._digits
    monkeypatch.setattr(
        data.loading, "_digits", lambda split: load(split)._replace(labels=load(split).labels[::-1])
    )
    assert reproduce.run("compared").runs[0].data != first


def test_hardware_names_no_machine():
    assert "cores" in provenance.hardware()
    assert platform.node() not in provenance.hardware()


def test_an_interruption_leaves_an_earlier_result_alone(folder):
    (folder / "healed").touch()
    first = reproduce.run("interrupted", out=folder / "out", seeds=2)
    (folder / "healed").unlink()
    with pytest.raises(KeyboardInterrupt):
        reproduce.run("interrupted", out=folder / "out", seeds=2, force=True)
    assert store.read(folder / "out" / "interrupted") == first


def test_no_name_means_every_experiment(folder):
    (folder / "healed").touch()
    sweep(folder)
    assert [line.split()[0] for line in runs(folder)] == sorted(catalog.names())


def test_lines_tell_how_far_a_run_is_when_there_is_no_terminal(folder):
    _, text = sweep(folder, "good")
    assert "good: counting [n] (1 of 2)" in text
    assert "\x1b" not in text


def test_a_bar_tells_it_on_a_terminal(folder):
    with (folder / "console").open("w") as file:
        console = Console(file=file, force_terminal=True, width=80)
        assert harness.sweep(["good"], folder / "out", console=console) == 0
    assert "\x1b" in (folder / "console").read_text()


def test_an_unknown_name_is_answered_with_the_nearest_before_anything_runs(folder):
    with pytest.raises(ConfigError, match="did you mean 'good'"):
        sweep(folder, "outside", "godo")
    assert runs(folder) == []


def test_unknown_scales_and_seeds_are_refused(folder):
    with pytest.raises(ConfigError, match="did you mean 'smoke'"):
        reproduce.run("good", scale="smok")
    with pytest.raises(ConfigError, match="seeds must be an integer >= 1, got 0"):
        reproduce.run("good", seeds=0)
    with pytest.raises(ConfigError, match="config must be a dataclass"):
        reproduce.run("good", {"n": 1})


def test_an_experiment_without_its_parts_is_named(folder):
    (folder / "experiments" / "empty.py").write_text('"""Nothing."""\n')
    with pytest.raises(ConfigError, match="'empty' must have SCALES, run"):
        reproduce.run("empty")


def test_a_folder_that_cannot_be_written_to_is_named(folder):
    (folder / "file").touch()
    with pytest.raises(ConfigError, match="out must be a folder that can be written to, got"):
        reproduce.run("good", out=folder / "file")
    assert runs(folder) == []


def test_two_processes_do_not_write_to_one_folder(folder):
    (folder / "out").mkdir()
    code = (
        "import sys, pathlib; from approxnet.reproduce import store\n"
        "with store.lock(pathlib.Path(sys.argv[1])): print('held', flush=True); input()"
    )
    command = [sys.executable, "-c", code, str(folder / "out")]
    environment = os.environ | {"PYTHONPATH": str(Path(reproduce.__file__).parents[2])}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(RunLockError, match=f"in use by process {other.pid}"):
            reproduce.run("good", out=folder / "out")
        other.communicate(b"\n")
    assert reproduce.run("good", out=folder / "out").verdict == "pass"


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"schema": 2}', b"\xff\xfe", b"null"])
def test_a_damaged_result_is_run_again_and_kept(folder, damage):
    reproduce.run("good", out=folder / "out")
    (folder / "out" / "good" / "results.json").write_bytes(damage)
    assert reproduce.run("good", out=folder / "out").verdict == "pass"
    (kept,) = (folder / "out" / "earlier").iterdir()
    assert (kept / "results.json").read_bytes() == damage


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a"
    store.write(path, "old")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        store.write(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_nan_and_infinity_survive_the_trip_and_pass_no_check(folder):
    path = folder / "experiments" / "outside.py"
    path.write_text(path.read_text().replace("value=2.0", "value=float('nan')"))
    result = reproduce.run("outside", out=folder / "out")
    assert result.verdict == "outside"
    text = (folder / "out" / "outside" / "results.json").read_text()
    assert '"measured": "nan"' in text
    assert store.read(folder / "out" / "outside").verdict == "outside"


def test_the_commit_is_known_in_a_checkout_only(monkeypatch, tmp_path):
    here = provenance.commit()
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "approxnet" / "reproduce" / "p.py"))
    assert provenance.commit() == {"commit": None, "dirty": None}
    assert here["commit"] is None or len(here["commit"]) == 40


def test_the_experiments_are_found_beside_the_package_and_inside_it(monkeypatch, tmp_path):
    monkeypatch.undo()
    monkeypatch.setattr(catalog, "__file__", str(tmp_path / "approxnet" / "reproduce" / "c.py"))
    with pytest.raises(ConfigError, match="folder of the experiments"):
        catalog.folder()
    (tmp_path / "experiments").mkdir()
    assert catalog.folder() == tmp_path / "experiments"
    (tmp_path / "approxnet" / "experiments").mkdir(parents=True)
    assert catalog.folder() == tmp_path / "approxnet" / "experiments"


def test_an_experiment_that_cannot_be_loaded_fails_alone(folder):
    (folder / "experiments" / "absent.py").write_text("import a_module_that_is_not_there\n")
    code, text = sweep(folder, "absent", "good")
    assert code == 4
    assert "No module named 'a_module_that_is_not_there'" in text
    assert store.read(folder / "out" / "good").verdict == "pass"


def test_the_fingerprint_sees_every_file_of_the_package_and_the_experiment(monkeypatch, tmp_path):
    package = tmp_path / "experiments" / "approxnet"  # a folder name that must not matter
    for name in ("reproduce/p.py", "fem/mesh.py", "experiments/other.py"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text("a = 1")
    monkeypatch.setattr(provenance, "__file__", str(package / "reproduce" / "p.py"))
    own = package / "experiments" / "own.py"
    own.write_text("a = 1")
    seen = [provenance.fingerprint(own)]
    (package / "experiments" / "other.py").write_text("a = 2")
    assert provenance.fingerprint(own) == seen[0]
    for path in (package / "fem" / "mesh.py", own):
        path.write_text("a = 2")
        seen.append(provenance.fingerprint(own))
    assert len(set(seen)) == 3

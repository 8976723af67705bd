"""The command line, in this process and in its own."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import approxnet
from approxnet import cli
from approxnet.reproduce import catalog, published

EXPERIMENT = '''"""An experiment called {name}.

Command: approxnet reproduce {name}
Cost: a moment
"""
import dataclasses, time
from approxnet.reproduce import Check, Numbers

@dataclasses.dataclass(frozen=True)
class Config:
    value: float = {value}

SCALES = {{"smoke": Config(), "full": Config(value=0.0)}}

def run(config, progress):
    {body}
    return Numbers((), (Check("the value is at most 1", config.value, "<=", 1.0),))
'''

HERE = os.environ | {"PYTHONPATH": str(Path(approxnet.__file__).parents[1])}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Three experiments, and the tests' own folder as the working directory."""
    place = tmp_path / "experiments"
    place.mkdir()
    rows = {"good": (0.5, "pass"), "outside": (2.0, "pass"), "broken": (0.5, "1 / 0")}
    for name, (value, body) in rows.items():
        text = EXPERIMENT.format(name=name, value=value, body=body)
        (place / f"{name}.py").write_text(text)
    monkeypatch.setattr(catalog, "folder", lambda: place)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "approxnet", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=HERE,
    )


@pytest.mark.parametrize(
    ("names", "code"), [(["good"], 0), (["outside"], 3), (["good", "broken"], 4), ([], 4)]
)
def test_reproduce_draws_the_report_and_tells_the_verdict(folder, names, code, capsys):
    assert cli.main(["reproduce", *names]) == code
    assert (folder / "results" / "report.html").stat().st_size > 1000
    assert "report: results/report.html" in capsys.readouterr().out


def test_options_reach_the_experiment(folder):
    arguments = ["reproduce", "outside", "--scale", "full", "--out", "elsewhere"]
    assert cli.main(arguments) == 0
    tree = json.loads((folder / "elsewhere" / "outside" / "results.json").read_text())
    assert tree["scale"] == "full"


@pytest.mark.parametrize(("name", "code"), [("good", 0), ("outside", 3), ("broken", 4)])
def test_report_draws_again_and_tells_the_same_verdict(folder, name, code):
    cli.main(["reproduce", name])
    page = folder / "results" / "report.html"
    first = page.read_text()
    page.unlink()
    assert cli.main(["report", "results"]) == code
    assert page.read_text() == first


def test_report_publishes_results_and_the_tables_of_readme_and_docs(folder, monkeypatch, capsys):
    checkout = folder / "checkout"
    (checkout / "docs").mkdir(parents=True)
    for name in ("README.md", "docs/results.md"):
        (checkout / name).write_text(f"{published.BEGIN}{published.END}")
    monkeypatch.setattr(published, "checkout", lambda: checkout)
    cli.main(["reproduce", "good", "outside"])
    assert list((checkout / "docs").iterdir()) == [checkout / "docs" / "results.md"]
    assert cli.main(["report", "--publish"]) == 3
    assert f"written: {checkout / 'README.md'}" in capsys.readouterr().out
    assert "| `outside` |" in (checkout / "README.md").read_text()
    assert cli.main(["report", str(checkout / "docs" / "results")]) == 3


def test_diff_says_why_two_runs_differ(folder, capsys):
    for scale in ("smoke", "full"):
        cli.main(["reproduce", "good", "--scale", scale, "--out", scale])
    cli.main(["reproduce", "outside", "--out", "full"])
    capsys.readouterr()
    assert cli.main(["diff", "smoke", "smoke"]) == 0
    assert capsys.readouterr().out == "the same, but for the time\n"
    assert cli.main(["diff", "smoke", "full"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "only in the second: outside" in lines
    assert "  setting  scale: smoke | full" in lines


def test_list_shows_name_title_and_cost(folder, capsys):
    assert cli.main(["list"]) == 0
    text = capsys.readouterr().out
    assert "good" in text
    assert "An experiment called good." in text
    assert "a moment" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["reproduc"], "did you mean 'reproduce'?"),
        (["reproduce", "godo"], "did you mean 'good'?"),
        (["reproduce", "--out", "experiments/good.py"], "out must be a folder"),
        (["reproduce", "--seeds", "0"], "seeds must be an integer >= 1, got 0"),
        (["report", "nowhere"], "run_dir must hold results"),
    ],
)
def test_an_error_is_one_line_and_the_exit_code_is_2(folder, arguments, message, capsys):
    assert cli.main(arguments) == 2
    text = capsys.readouterr().err
    assert text.startswith("approxnet: ")
    assert text.count("\n") == 1
    assert message in text


def test_a_full_disk_is_one_line_and_the_exit_code_is_4(folder, monkeypatch, capsys):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert cli.main(["reproduce", "good"]) == 4
    text = capsys.readouterr().err
    assert "No space left on device; every finished result is kept" in text
    assert text.count("\n") == 1


def test_an_unknown_option_is_answered_with_the_nearest(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["reproduce", "--scal", "full"])
    assert stop.value.code == 2
    assert "--scale" in capsys.readouterr().err


def test_help_comes_with_no_arguments_and_on_request(capsys):
    for arguments in ([], ["--help"], ["reproduce", "--help"]):
        with pytest.raises(SystemExit) as stop:
            cli.main(arguments)
        assert stop.value.code == 0
        assert "usage: approxnet" in capsys.readouterr().out


def test_a_listing_imports_neither_jax_nor_matplotlib():
    code = (
        "import sys; from approxnet import cli; cli.main(['list']);"
        "sys.exit(bool({'jax', 'matplotlib', 'flax', 'tensorflow'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, env=HERE).returncode == 0


def test_the_version_is_told():
    done = command("--version")
    assert (done.returncode, done.stdout) == (0, "approxnet 0.1.0\n")


def test_every_real_experiment_says_what_it_shows_and_what_it_costs():
    for entry in catalog.entries():
        assert entry.title.endswith("."), entry
        assert entry.cost, entry
        experiment = catalog.find(entry.name)
        assert set(experiment.scales) == {"smoke", "full"}, entry
        assert f"approxnet reproduce {entry.name}" in experiment.about, entry
        assert "Expect:" in experiment.about, entry


def test_doctor_finds_this_installation_well(capsys):
    assert cli.main(["doctor"]) == 0
    text = capsys.readouterr().out
    for word in ("devices", "precision", "jax", "memory", "agree in float64"):
        assert word in text


def test_ctrl_c_ends_with_130_and_says_how_to_go_on(folder):
    text = EXPERIMENT.format(name="slow", value=0.5, body="time.sleep(60)")
    (folder / "experiments" / "slow.py").write_text(text)
    code = (
        "import sys, pathlib, signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from approxnet import cli; from approxnet.reproduce import catalog;"
        "catalog.folder = lambda: pathlib.Path('experiments');"
        "sys.exit(cli.main(['reproduce', 'good', 'slow']))"
    )
    with subprocess.Popen(
        [sys.executable, "-u", "-c", code], stdout=subprocess.PIPE, text=True, env=HERE
    ) as process:
        assert any(line.startswith("pass") for line in process.stdout)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Finished and kept in results: good." in rest
    assert "Run the same command again" in rest
    assert (folder / "results" / "report.html").exists()

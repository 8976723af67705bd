"""The door of the package: what `make` says where it cannot make an environment."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parents[1] / "Makefile"


@pytest.fixture
def bare(tmp_path):
    """A machine with a shell and make, and no Python; ``python3`` may be written into it."""
    for tool in ("sh", "make", "rm", "touch"):
        (tmp_path / tool).symlink_to(shutil.which(tool))
    for needed in (MAKEFILE, MAKEFILE.with_name("pyproject.toml")):
        shutil.copy(needed, tmp_path)
    (tmp_path / "constraints.txt").touch()
    return tmp_path


def make(machine, *arguments):
    """What `make test` says on that machine; it must fail and leave no environment."""
    done = subprocess.run(
        [machine / "make", "test", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=machine,
        env={"PATH": str(machine)},
    )
    assert done.returncode == 2
    assert not (machine / ".venv").exists()
    return done.stderr


def python(machine, *, without):
    """A ``python3`` that fails every command which names the module ``without``."""
    script = machine / "python3"
    script.write_text(
        f'#!/bin/sh\ncase "$*" in *{without}*) exit 1;; esac\nexec {sys.executable} "$@"\n'
    )
    script.chmod(0o755)


def test_without_python_the_remedies_are_named(bare):
    said = make(bare)
    assert "needs Python >= 3.11, got none" in said
    assert "install one, or uv, or name one with make PYTHON=..." in said


def test_an_interpreter_that_cannot_run_is_named(bare):
    python(bare, without="nothing")
    assert "needs Python >= 3.11, got python2" in make(bare, "PYTHON=python2")


def test_an_old_python_is_not_taken(bare):
    python(bare, without="version_info")
    assert "needs Python >= 3.11, got none" in make(bare)


def test_without_ensurepip_the_remedy_is_named(bare):
    python(bare, without="ensurepip")
    assert 'run "apt install python3-venv" or install uv' in make(bare)

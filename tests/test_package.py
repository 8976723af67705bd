"""The package as a whole: what importing it costs, how it is installed, what its papers say."""

import contextlib
import io
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import approxnet

ROOT = Path(__file__).parents[1]
HEAVY = {"flax", "matplotlib", "tensorflow", "tensorflow_datasets", "orbax"}


def run(*command, **options):
    """The output of a command that must succeed."""
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def blocks(language):
    """The code blocks of that language in the README."""
    found = re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert found, f"the README has no block of {language}"
    return found


def imported_by(statement):
    """The top-level modules that a fresh interpreter holds after the statement."""
    code = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    return set(run("-W", "error", "-c", code).split())


# --- chapters ---------------------------------------------------------------------------------


def test_importing_the_package_costs_less_than_importing_jax():
    """It imports the standard library alone, so there is no need to measure seconds."""
    more = imported_by("import approxnet") - imported_by("pass")
    assert more - sys.stdlib_module_names == {"approxnet"}


def test_the_chapters_of_the_theory_are_attributes_that_import_nothing_heavy():
    names = "quadrature.simplex", "fem.box", "relu.apply", "mapping.fem_to_relu"
    statement = f"import approxnet; {', '.join(f'approxnet.{name}' for name in names)}"
    assert not imported_by(statement) & HEAVY


@pytest.mark.parametrize("name", approxnet.__all__)
def test_every_public_name_is_an_attribute(name):
    assert getattr(approxnet, name) is not None
    assert name in dir(approxnet)


def test_every_module_beside_the_package_file_is_a_public_chapter_or_says_that_it_is_not():
    modules = {path.stem for path in (ROOT / "approxnet").glob("[a-z]*") if path.name != "py.typed"}
    assert modules - {"cli"} == set(approxnet.__all__) - {"__version__"}


def test_a_wrong_attribute_names_the_nearest_chapter():
    with pytest.raises(AttributeError, match="no attribute 'mappings'; did you mean 'mapping'"):
        approxnet.mappings  # noqa: B018
    with pytest.raises(AttributeError, match=r"no attribute 'zebra'$"):
        approxnet.zebra  # noqa: B018


# --- installation -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    run("-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=ROOT)
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_holds_the_package_and_the_experiments_and_nothing_else(wheel):
    names = wheel.namelist()
    info = f"approxnet-{approxnet.__version__}.dist-info"
    assert {name.partition("/")[0] for name in names} == {"approxnet", info}
    sources = {f"approxnet/{path.relative_to(ROOT)}" for path in ROOT.glob("experiments/**/*.py")}
    assert sources
    assert sources <= set(names)
    assert {"approxnet/py.typed", f"{info}/licenses/LICENSE"} <= set(names)
    assert not [name for name in names if "__pycache__" in name]


def test_a_plain_install_finds_the_experiments_of_the_checkout(wheel, tmp_path):
    wheel.extractall(tmp_path)
    code = (
        "import approxnet\n"
        "from approxnet.reproduce import catalog\n"
        "print(approxnet.__file__, catalog.folder(), *catalog.names(), sep='\\n')"
    )
    lines = run("-c", code, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(tmp_path)})
    module, folder, *names = lines.splitlines()
    assert Path(module) == tmp_path / "approxnet" / "__init__.py"
    assert Path(folder) == tmp_path / "approxnet" / "experiments"
    assert names == sorted(path.stem for path in (ROOT / "experiments").glob("[a-z]*.py"))


# --- papers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("i", range(5))
def test_the_readme_prints_what_it_says(i, tmp_path, monkeypatch):
    """Words as they stand, numbers to single precision."""
    assert len(blocks("python")) == len(blocks("text")) == 5
    monkeypatch.chdir(tmp_path)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(blocks("python")[i], "<README>", "exec"), {"__name__": "readme"})
    number = re.compile(r"\d+\.?\d*")
    said, shown = printed.getvalue(), blocks("text")[i]
    assert number.sub("#", said).split() == number.sub("#", shown).split()
    values = [[float(digits) for digits in number.findall(text)] for text in (said, shown)]
    assert values[0] == pytest.approx(values[1], rel=1e-6)


def test_one_version_stands_everywhere():
    version = approxnet.__version__
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"\n## [{version}]" in (ROOT / "CHANGELOG.md").read_text()


def test_constraints_pin_every_direct_dependency_by_name_and_version_alone():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    form = r'[a-z0-9-]+==[0-9.]+( ; python_version (<|>=) "3\.12")?'
    assert not [pin for pin in pins if not re.fullmatch(form, pin)]
    pinned = {pin.partition("==")[0] for pin in pins}
    of_this_machine = [
        requirement
        for extra, requirements in project()["optional-dependencies"].items()
        if extra not in {"cuda12", "tpu"}
        for requirement in requirements
    ]
    for requirement in project()["dependencies"] + of_this_machine:
        name = re.split(r"[\[><=]", requirement)[0].replace("_", "-")
        assert name == "approxnet" or name in pinned, requirement


def test_the_extra_all_holds_every_extra_that_runs_on_a_cpu():
    extras = project()["optional-dependencies"]
    (everything,) = extras["all"]
    named = set(everything.removeprefix("approxnet[").removesuffix("]").split(","))
    assert named == set(extras) - {"all", "cuda12", "tpu"}

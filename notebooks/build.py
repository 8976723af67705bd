"""The notebooks (.ipynb) of the sources (.py) beside this file, with their outputs.

    python notebooks/build.py [NAME ...]           run the sources, write the notebooks
    python notebooks/build.py --quick [NAME ...]   the same in quick mode
    python notebooks/build.py --check [NAME ...]   say which notebook is not that of its source

A source is in the percent form, which editors and Jupytext know: ``# %%`` begins a cell of code,
``# %% [markdown]`` one of text in comments. The first cell is the title, to which the badge is
added; the second begins the session, to which the installation on Colab is added. Both take the
address of the repository from ``repository-code`` in CITATION.cff. While it has none, the badge
opens Colab, where this file can be uploaded, and the installation takes the package's name.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
COLAB = "https://colab.research.google.com"
LIMIT = 300_000
"""The largest notebook in bytes."""


def main() -> int:
    """Build or check; the exit status is 1 if something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="notebooks, by default all of them")
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    parser.add_argument("--quick", action="store_true", help="run in quick mode")
    given = parser.parse_args()
    faults = [
        fault
        for name in given.names or names()
        for fault in (check(name) if given.check else build(name, quick=given.quick))
    ]
    print(*faults, sep="\n", end="\n" * bool(faults), file=sys.stderr)
    return bool(faults)


def names() -> list[str]:
    """The notebooks in the order of the lectures."""
    return sorted(path.stem for path in HERE.glob("[0-9]*.py"))


def repository() -> str:
    """The address of the repository on GitHub, owner/name, or nothing."""
    citation = (HERE.parent / "CITATION.cff").read_text()
    found = re.search(r'^repository-code: "?https://github\.com/([\w.-]+/[\w.-]+)', citation, re.M)
    return found[1].removesuffix(".git") if found else ""


def badge(name: str, address: str) -> str:
    """The line that opens the notebook in Colab."""
    link = f"{COLAB}/github/{address}/blob/main/notebooks/{name}.ipynb" if address else f"{COLAB}/"
    return f"[![Open in Colab]({COLAB}/assets/colab-badge.svg)]({link})"


def installation(address: str) -> str:
    """The lines that install this package if it is missing, and nothing else.

    It comes from the checkout in which the notebook lies, if it lies in one.
    """
    away = f"git+https://github.com/{address}" if address else "approxnet"
    return (
        "import importlib.util, os\n"
        'if importlib.util.find_spec("approxnet") is None:\n'
        '    %pip install --quiet --no-deps {".." if os.path.exists("../pyproject.toml") else '
        f'"{away}"}}\n'
    )


def cells(name: str) -> list[tuple[str, str]]:
    """The cells of a source, as kind ("markdown" or "code") and text."""
    parts = re.split(r"^# %%(.*)\n", (HERE / f"{name}.py").read_text(), flags=re.M)[1:]
    found = []
    for kind, text in zip(parts[::2], parts[1::2], strict=True):
        if kind.strip() == "[markdown]":
            found.append(("markdown", re.sub(r"^# ?", "", text.strip("\n"), flags=re.M)))
        else:
            found.append(("code", text.strip("\n")))
    address = repository()
    title, first = found[0][1], re.sub(r"\n\n+", "\n", found[1][1])
    found[0] = ("markdown", f"{badge(name, address)}\n\n{title}")
    found[1] = ("code", installation(address) + first)
    return found


def check(name: str) -> list[str]:
    """What is wrong with a notebook: another source, an error, a warning, its size."""
    path = HERE / f"{name}.ipynb"
    if not path.exists():
        return [f"{path.name} is missing; run {HERE.name}/build.py {name}"]
    book = json.loads(path.read_text())
    faults = []
    if [(cell["cell_type"], "".join(cell["source"])) for cell in book["cells"]] != cells(name):
        faults.append(f"{path.name} is not that of {name}.py; run {HERE.name}/build.py {name}")
    for output in (o for cell in book["cells"] for o in cell.get("outputs", [])):
        if output["output_type"] == "error":
            faults.append(f"{path.name} has an error: {output['ename']}: {output['evalue']}")
        if output.get("name") == "stderr":
            faults.append(f"{path.name} has a warning: {''.join(output['text'])[:300]}")
    if path.stat().st_size > LIMIT:
        faults.append(f"{path.name} has {path.stat().st_size} bytes, more than {LIMIT}")
    return faults


def build(name: str, *, quick: bool) -> list[str]:
    """Run the source, write the notebook, say what is wrong with it."""
    import nbformat
    from nbclient import NotebookClient

    os.environ["APPROXNET_QUICK"] = str(int(quick))
    make: dict[str, Any] = {
        "markdown": nbformat.v4.new_markdown_cell,
        "code": nbformat.v4.new_code_cell,
    }
    book = nbformat.v4.new_notebook(
        cells=[make[kind](text, id=f"cell-{i}") for i, (kind, text) in enumerate(cells(name))],
        metadata={
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            "accelerator": "GPU",
        },
    )
    NotebookClient(
        book, timeout=900, record_timing=False, resources={"metadata": {"path": str(HERE)}}
    ).execute()
    book.metadata.pop("widgets", None)
    book.metadata["language_info"] = {"name": "python"}
    nbformat.write(book, HERE / f"{name}.ipynb")
    return check(name)


if __name__ == "__main__":
    sys.exit(main())

"""Small experiments in a folder of their own."""

import textwrap

import pytest

from approxnet.reproduce import catalog

HEAD = '''"""A small experiment called {name}.

Command: approxnet reproduce {name}
Cost: nothing
Expect: {name} does what it is for.
"""
import dataclasses
import jax
import jax.numpy as jnp
from pathlib import Path
from approxnet.reproduce import Check, Comparison, Numbers, Quote, Table, over_seeds, quoted

LOG = Path({log!r})


@dataclasses.dataclass(frozen=True)
class Config:
    n: int = 1
    seed: int = 0


SCALES = {{"smoke": Config(), "full": Config(n=2)}}
PAPER = (Quote("A. Author, A paper <1>", "Table 1", "the value is 1"),)


def numbers(config, value=0.5):
    table = Table("Values", ("n", "value"), ((config.n, value + config.seed),))
    check = Check("the value is at most 1", value, "<=", 1.0)
    return Numbers((table,), (check,), {{"n": config.n}})


def log(config):
    with LOG.open("a") as file:
        print({name!r}, config.n, config.seed, file=file)
'''

BODIES = {
    "good": """
        def run(config, progress):
            log(config)
            progress("counting [n]", 0, 2)
            return numbers(config)

        def plot(numbers):
            from approxnet import plot
            figure, axes = plot.figure()
            axes.plot([0, numbers.data["n"]])
            return {"A line.": figure}
        """,
    "outside": """
        def run(config, progress):
            log(config)
            return numbers(config, value=2.0)
        """,
    "broken": """
        def run(config, progress):
            log(config)
            raise ZeroDivisionError("one <two> by zero")
        """,
    "compared": """
        def run(config, progress):
            log(config)
            from approxnet import data
            data.load("digits", "test")
            if config.seed == 2:
                raise ZeroDivisionError("the third seed fails")
            three = over_seeds([config.seed, 1 + config.seed, 2 + config.seed])
            table = Table("T", ("what", "paper", "ours"), (("a", quoted(93.53), three),
                                                            ("b", quoted("17M"), over_seeds(None))))
            claims = (Comparison("accuracy, |percent|", 93.53, three),
                      Comparison("never run", "at least 9", over_seeds(None)),
                      Comparison("one number", "", 7.0 + config.seed))
            return numbers(config)._replace(tables=(table,), compared=claims)
        """,
    "slow": """
        import time

        def run(config, progress):
            log(config)
            if config.seed == 1 and not (LOG.parent / "healed").exists():
                time.sleep(600)
            return numbers(config)
        """,
    "precise": """
        def run(config, progress):
            log(config)
            return numbers(config, value=float(jnp.ones(()).dtype.itemsize != 8))
        """,
    "interrupted": """
        def run(config, progress):
            log(config)
            if config.seed == 1 and not (LOG.parent / "healed").exists():
                raise KeyboardInterrupt
            return numbers(config)
        """,
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the experiments above; ``log`` in it counts the runs."""
    place = tmp_path / "experiments"
    place.mkdir()
    for name, body in BODIES.items():
        head = HEAD.format(name=name, log=str(tmp_path / "log"))
        (place / f"{name}.py").write_text(head + textwrap.dedent(body))
    (tmp_path / "log").touch()
    monkeypatch.setattr(catalog, "folder", lambda: place)
    return tmp_path

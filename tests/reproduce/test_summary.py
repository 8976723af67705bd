"""Results in a few words."""

import math

import pytest

from approxnet.reproduce import Cell, over_seeds, quoted, summary
from approxnet.reproduce.records import Comparison, Quote, Result, Run, Table


def result(*runs, seeds=3):
    made = tuple(
        Run(seed, 1.0, error, (Table("T", ("n",), rows),) if rows else (), (), compared)
        for seed, (error, rows, compared) in enumerate(runs)
    )
    return Result("a", "A", "", "full", "full", {}, tuple(range(seeds)), made, (), (), {})


@pytest.mark.parametrize(
    ("entry", "shown"),
    [
        ("", ""),
        ("V-cycle", "V-cycle"),
        (0.25, "0.25"),
        (Cell(("",), "smoke"), ""),
        (Cell((), "not run"), "not run"),
        (quoted("17M"), "17M"),
        (quoted(93.53), "93.53"),
        (over_seeds([1.0]), "1"),
        (over_seeds([1.0, 1.0]), "1"),
        (over_seeds([1.0, 3.0]), "2 ± 1.41"),
    ],
)
def test_an_entry_is_shown_as_a_reader_wants_it(entry, shown):
    assert summary.text(entry) == shown


def test_numbers_of_several_seeds_are_pooled_and_failed_seeds_are_counted():
    ours = [over_seeds([1.0, 2.0]), over_seeds([3.0, 4.0])]
    runs = [("", ((1,),), (Comparison("c", 9.0, cell),)) for cell in ours]
    found = result(*runs, ("it failed", (), ()))
    (line,) = summary.comparisons(found)
    assert line.ours.values == (1.0, 2.0, 3.0, 4.0)
    assert line.ours.mean == 2.5
    assert math.isclose(line.ours.deviation, math.sqrt(5 / 3))
    assert summary.worth(line.ours._replace(level="full"), found) == "full, 4 seeds, 1 failed"


@pytest.mark.parametrize(
    ("paper", "ours", "shown"),
    [
        (quoted(92.24), over_seeds([92.5, 92.1]), ("92.24", "92.30 ± 0.28")),
        (quoted(0.339e-2), over_seeds([0.05]), ("0.00339", "0.05000")),
        (quoted(2), over_seeds([2]), ("2", "2")),
        (quoted(2.0**-20), over_seeds([1e-6]), ("9.5367431640625e-07", "1.00e-6")),
        (quoted("at least 97"), over_seeds([97.81]), ("at least 97", "97.8")),
        (quoted(93.53), over_seeds(None), ("93.53", "-")),
        (Cell((), ""), over_seeds([883]), ("", "883")),
    ],
)
def test_ours_has_as_many_decimals_as_the_paper_prints(paper, ours, shown):
    assert summary.beside(summary.Line("claim", paper, ours)) == shown


def test_the_level_of_a_failed_experiment_says_so():
    found = result(("it failed", (), ()), seeds=1)
    assert summary.comparisons(found) == []
    assert summary.worth(Cell((0.0,), "full"), found) == "full, 1 failed"


def test_what_is_quoted_or_the_same_for_all_seeds_is_not_pooled():
    rows = ((quoted(93.53), "word", 2), (over_seeds(None), "other", 3))
    runs = [("", (*rows, (i, "x", 4)), ()) for i in (1, 2)]
    (table,) = summary.tables(result(*runs))
    assert table.rows[:2] == rows
    assert table.rows[2] == (Cell((1, 2), "full"), "x", 4)


@pytest.mark.parametrize(
    ("paper", "shown"),
    [
        (
            "D. Yarotsky, Error bounds, Neural Networks 94 (2017), 103-114",
            "Yarotsky (2017), table 1",
        ),
        ("Q. Hong, J. W. Siegel, Spectral bias, arXiv:2208.04924", "Hong, Siegel, table 1"),
        ("Penn State MATH 452, Deep Learning, 2022", "Penn State MATH 452 (2022), table 1"),
        ("the same", "the same, table 1"),
    ],
)
def test_papers_are_named_by_authors_and_year(paper, shown):
    assert summary.short(Quote(paper, "table 1", "")) == shown

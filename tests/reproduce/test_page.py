"""The page that is drawn from the results."""

import html.parser
import re

import pytest

from approxnet import reproduce
from approxnet.errors import ConfigError
from approxnet.reproduce import harness, page
from approxnet.reproduce.records import Check, Result, Run, Table

VOID = {"meta", "img", "br", "link", "hr", "input", "wbr"}


class Balance(html.parser.HTMLParser):
    """Every tag that opens closes, in order."""

    def __init__(self):
        super().__init__()
        self.open, self.outside = [], []

    def handle_starttag(self, tag, attributes):
        links = [value for key, value in attributes if key in ("src", "href")]
        self.outside += [link for link in links if not link.startswith(("data:", "#"))]
        self.open += [] if tag in VOID else [tag]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def drawn(folder):
    text = page.report(folder / "out").read_text()
    parser = Balance()
    parser.feed(text)
    assert parser.open == []
    assert parser.outside == []
    return text


def made(checks=(), tables=(), seeds=(0,), error=""):
    runs = tuple(Run(seed, 1.0, error, tables, checks) for seed in seeds)
    return Result("a", "An experiment", "", "smoke", "smoke", {}, seeds, runs, (), (), {})


def test_the_page_shows_what_was_asked_beside_what_was_measured(folder):
    reproduce.run("good", out=folder / "out")
    text = drawn(folder)
    assert "the value is at most 1" in text
    assert re.search(r"0\.5</td><td[^>]*>&lt;= 1</td>", text)
    assert "A small experiment called good." in text
    assert "A. Author, A paper &lt;1&gt;, Table 1" in text
    assert "1 of 1 experiments within tolerance" in text
    assert "alarm" not in text.split("</style>")[1]


def test_the_page_needs_no_network(folder):
    reproduce.run("good", out=folder / "out")
    text = drawn(folder)
    assert "data:image/png;base64," in text
    assert not re.search(r"https?://|@import|url\(|<link|import ", text)


def test_the_page_is_a_function_of_the_results(folder, monkeypatch):
    harness.sweep(["good", "outside", "broken"], folder / "out")
    first = drawn(folder)
    (folder / "out" / "report.html").unlink()
    monkeypatch.setattr(harness, "run", None)
    assert drawn(folder) == first


def test_what_is_outside_its_tolerance_is_large(folder):
    reproduce.run("outside", out=folder / "out")
    text = drawn(folder)
    assert '<div class="alarm"><p>the value is at most 1: measured 2, asked &lt;= 1</p>' in text
    assert "1 of 1 experiments outside tolerance" in text


def test_a_failed_experiment_is_shown_with_its_error(folder):
    reproduce.run("broken", out=folder / "out")
    text = drawn(folder)
    assert "ZeroDivisionError: one &lt;two&gt; by zero" in text
    assert "1 of 1 experiments incomplete" in text


def test_an_unfinished_experiment_is_shown_as_such(folder):
    with pytest.raises(KeyboardInterrupt):
        reproduce.run("interrupted", out=folder / "out", seeds=2)
    text = drawn(folder)
    assert "Not finished" in text
    assert "1 of 2 seeds" in text


def test_a_damaged_result_is_shown_and_hides_no_other(folder):
    harness.sweep(["good", "outside"], folder / "out")
    (folder / "out" / "outside" / "results.json").write_text("{")
    text = drawn(folder)
    assert "damaged file" in text
    assert "A small experiment called good." in text
    assert page.verdict(page.load(folder / "out")) == "incomplete"


def test_a_missing_figure_is_named(folder):
    result = reproduce.run("good", out=folder / "out")
    (folder / "out" / "good" / result.figures[0].file).unlink()
    assert "The figure figure-1.png is missing: A line." in drawn(folder)


def test_results_that_were_replaced_are_not_shown(folder):
    for scale in ("full", "smoke"):
        reproduce.run("good", out=folder / "out", scale=scale)
    text = drawn(folder)
    assert text.count("<section") == 1
    assert "smoke scale" in text


def test_a_folder_without_results_is_refused(folder):
    with pytest.raises(ConfigError, match="run_dir must hold results"):
        page.report(folder)


def test_several_seeds_give_mean_and_standard_deviation(folder):
    reproduce.run("good", out=folder / "out", seeds=3)
    text = drawn(folder)
    assert "1.5 ± 1</td>" in text
    assert "holds (3 of 3 seeds)" in text


def test_failed_seeds_are_shown_and_never_dropped(folder):
    reproduce.run("compared", out=folder / "out", seeds=3)
    text = drawn(folder)
    assert "2 of 3 seeds, 1 failed" in text
    assert "smoke, 6 seeds, 1 failed" in text
    assert "ZeroDivisionError: the third seed fails" in text


def test_the_paper_s_number_stands_beside_ours_with_its_level(folder):
    reproduce.run("compared", out=folder / "out", seeds=2)
    text = drawn(folder)
    title = 'title="smoke, 6 seeds"'
    assert f'data-value="1.5" {title}>1.50 ± 1.05</td><td>smoke, 6 seeds</td>' in text
    assert 'class="number quoted" data-value="93.53" title="quoted">93.53</td>' in text
    assert 'missing" title="not run">-</td><td>not run</td>' in text


def test_the_worst_seed_is_the_one_that_is_shown():
    runs = tuple(
        Run(seed, 1.0, "", (), (Check("small", value, "<=", 1.0),))
        for seed, value in enumerate([0.1, 7.0, 0.2])
    )
    result = made(seeds=(0, 1, 2))._replace(runs=runs)
    text = page.render({page.Path("a"): result})
    assert "does not hold (2 of 3 seeds)" in text
    assert "small: measured 7, asked &lt;= 1 (seed 1)" in text


@pytest.mark.parametrize(("relation", "bound", "shown"), [("<=", 9.0, "7"), (">", 0.0, "0.1")])
def test_when_every_seed_holds_the_one_nearest_to_the_bound_is_shown(relation, bound, shown):
    runs = tuple(
        Run(seed, 1.0, "", (), (Check("claim", value, relation, bound),))
        for seed, value in enumerate([0.2, 7.0, 0.1])
    )
    text = page.render({page.Path("a"): made(seeds=(0, 1, 2))._replace(runs=runs)})
    assert f'<td>claim</td><td class="number" data-value="{float(shown)}">{shown}</td>' in text


def test_seeds_with_tables_of_different_lengths_show_the_first():
    tables = [Table("T", ("n",), ((1,),) * rows) for rows in (2, 3)]
    runs = tuple(Run(seed, 1.0, "", (table,), ()) for seed, table in enumerate(tables))
    text = page.render({page.Path("a"): made(seeds=(0, 1))._replace(runs=runs)})
    assert "T (first seed)" in text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (3, "3"),
        (273280, "273\u202f280"),
        (0.5, "0.5"),
        (31.41592, "31.4"),
        (1234.5, "1\u202f234"),
        (1e-16, "1.00e-16"),
        (-2.5e10, "-2.50e10"),
        (float("inf"), "inf"),
    ],
)
def test_numbers_are_short(value, shown):
    assert page.number(value) == shown


def test_words_from_an_experiment_cannot_break_the_page(folder):
    table = Table("<b>T", ("<i>",), (("</table>",),))
    check = Check("</section>", 1.0, "<", 2.0)
    text = page.render({page.Path('a"b'): made((check,), (table,))})
    parser = Balance()
    parser.feed(text)
    assert parser.open == []

"""The report in a browser: sorted by a click, light or dark, and readable on a phone.

A script is put at the end of the page; what it finds is the only line of the body that Chromium
prints. A frame inside another page is as narrow as a phone.
"""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from approxnet import reproduce
from approxnet.reproduce import page
from approxnet.reproduce.records import Cell, Check, Comparison, Result, Run, Table

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.browser

NAMES = ("chromium", "chromium-headless-shell", "google-chrome")
DARK = ("--blink-settings=preferredColorScheme=0",)
LIGHT = ("--blink-settings=preferredColorScheme=1",)

HEAD = """
const table = [...document.querySelectorAll("table")].find((t) => t.textContent.includes("value"));
const column = (k) => [...table.tBodies[0].rows].map((row) => row.cells[k].textContent);
const click = (k) => table.tHead.rows[0].cells[k].querySelector("button").click();
const paper = () => getComputedStyle(document.body).backgroundColor;
"""


@pytest.fixture
def report(tmp_path):
    """The page of two results; the table of one has numbers of every kind."""
    rows = (
        ("b", 1e-5, Cell((3.0, 5.0), "smoke")),
        ("a", 273_280, Cell((), "not run")),
        ("c", 0.25, Cell((10.0,), "quoted")),
        ("d", "", Cell((-1.0,), "quoted")),
        ("e", 9.5, Cell((-20.0,), "quoted")),
    )
    table = Table("T", ("name", "value", "cell"), rows)
    wide = Table("W", tuple(f"column {i}" for i in range(30)), (tuple(range(30)),) * 2)
    check = Check("a claim " * 20, 1.0, "<=", 2.0)
    compared = Comparison("a number " * 9, 93.53, Cell((93.0, 94.0), "smoke"))
    runs = (Run(0, 1.0, "", (table, wide), (check,), (compared,)),)
    result = Result("a_name", "Title", "", "smoke", "smoke", {}, (0,), runs, (), (), {})
    results = {page.Path("a_name"): result, page.Path("a_damaged_result"): "damaged " * 40}
    path = tmp_path / "report.html"
    path.write_text(page.render(results), encoding="utf-8")
    return path


def looked_at(path, script, *options):
    """What the script returns on that page."""
    found = [name for name in NAMES if shutil.which(name)]
    assert found, f"one of {', '.join(NAMES)} must be on the path; apt-get install chromium"
    text = path.read_text(encoding="utf-8")
    tail = f"""<script type="module">
    const found = await (async () => {{{HEAD}{script}}})();
    document.body.textContent = JSON.stringify(found);
    </script></body>"""
    looking = path.with_name("looking.html")
    looking.write_text(text.replace("</body>", tail), encoding="utf-8")
    command = [
        *(found[0], "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"),
        *("--allow-file-access-from-files", f"--user-data-dir={path.parent / 'profile'}"),
        *("--virtual-time-budget=5000", *options, looking.as_uri()),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    body = re.search(r"<body[^>]*>(.*)</body>", done.stdout, re.DOTALL)
    assert body, done.stderr
    return json.loads(html.unescape(body[1]))


def test_a_click_sorts_by_number_and_another_one_turns_the_order(report):
    first, second, third, aria = looked_at(
        report,
        """
        const found = [column(0)];
        click(1); found.push(column(0));
        click(1); found.push(column(0));
        found.push([...table.tHead.rows[0].cells].map((th) => th.ariaSort));
        return found;
        """,
    )
    assert first == ["b", "a", "c", "d", "e"]
    assert second == ["b", "c", "e", "a", "d"]
    assert third == ["a", "e", "c", "b", "d"]
    assert aria == ["none", "descending", "none"]


def test_words_and_cells_sort_too_and_what_is_not_run_comes_after_numbers(report):
    words, cells = looked_at(
        report,
        "click(0); const words = column(0); click(2); return [words, column(0)];",
    )
    assert words == ["a", "b", "c", "d", "e"]
    assert cells == ["e", "d", "b", "c", "a"]


@pytest.mark.parametrize(("options", "order"), [(LIGHT, (0, 1, 0)), (DARK, (1, 0, 1))])
def test_the_page_is_as_the_device_is_and_the_button_turns_it(report, options, order):
    shades = ("rgb(255, 255, 255)", "rgb(20, 23, 26)")
    words = ("Dark", "Light")
    found = looked_at(
        report,
        """
        const button = document.getElementById("scheme"), found = [];
        for (let i = 0; i < 3; i++) {
          found.push([paper(), button.textContent]);
          button.click();
        }
        return found;
        """,
        *options,
    )
    assert found == [[shades[i], words[i]] for i in order]


@pytest.mark.parametrize("options", [LIGHT, DARK])
def test_every_text_stands_out_from_the_paper(report, options):
    """A contrast of 4.5, as WCAG 2 asks of text."""
    found = looked_at(
        report,
        """
        const rgb = (c) => c.match(/[\\d.]+/g).slice(0, 3).map(Number);
        const light = (c) => rgb(c).map((v) => v / 255)
          .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
          .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
        const against = light(paper());
        return [...document.body.querySelectorAll(":not(script)")]
          .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
          .map((e) => [e.textContent.slice(0, 40), light(getComputedStyle(e).color)])
          .map(([t, l]) => [t, (Math.max(l, against) + 0.05) / (Math.min(l, against) + 0.05)]);
        """,
        *options,
    )
    assert len(found) > 30
    assert [entry for entry in found if entry[1] < 4.5] == []


@pytest.mark.parametrize("results", ["made", "committed"])
def test_on_a_phone_nothing_but_tables_goes_beyond_the_edge(report, results):
    if results == "committed":
        report.write_text(page.render(page.load(ROOT / "docs" / "results")), encoding="utf-8")
    phone = report.with_name("phone.html")
    phone.write_text(f'<iframe src="{report.name}" width="375" height="800"></iframe></body>')
    width, beyond, scrolling = looked_at(
        phone,
        """
        const frame = document.querySelector("iframe");
        if (!frame.contentDocument.querySelector("h1"))
          await new Promise((ready) => (frame.onload = ready));
        const inner = frame.contentDocument;
        const beyond = [...inner.body.querySelectorAll("*")]
          .filter((e) => !e.closest(".wide > *") && e.getBoundingClientRect().right > 375.5)
          .map((e) => e.outerHTML.slice(0, 80));
        const wide = [...inner.querySelectorAll(".wide")];
        return [inner.documentElement.scrollWidth, beyond,
                wide.filter((e) => e.scrollWidth > e.clientWidth).length];
        """,
    )
    assert 300 < width <= 375
    assert beyond == []
    assert scrolling >= 1


def test_links_lead_to_their_sections(report):
    missing = looked_at(
        report,
        """
        return [...document.querySelectorAll("a")].map((a) => a.getAttribute("href"))
          .filter((href) => !document.getElementById(href.slice(1)));
        """,
    )
    assert missing == []


def test_the_report_of_a_run_is_drawn_with_its_figures(folder):
    reproduce.run("good", out=folder / "out")
    path = reproduce.report(folder / "out")
    sizes = looked_at(path, "return [...document.images].map((i) => i.naturalWidth);")
    assert len(sizes) == 1
    assert sizes[0] > 100

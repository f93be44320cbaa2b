"""The HTML report in a real browser: Chromium without a screen, with the page opened from disk."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import report_results
from report_browser import CONTRAST, DESKTOP, PHONE, Page, opened
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

from edgernn.comparison.results import Answer, Claim, Results
from edgernn.report.html import html
from edgernn.report.plots import plots
from edgernn.report.table import columns, csv_text, results_document

NASTY = "<script>document.title='broken'</script><b>a</b> & \"b\" 'c' {{ 7 * 7 }} </script>"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with opened(tmp_path_factory.mktemp("page")) as browser:
        yield browser


MADE: dict[str, Results] = {}


def made(make: Callable[[], Results]) -> Results:
    """The results of a maker, made once."""
    return MADE.get(make.__name__) or MADE.setdefault(make.__name__, make())


@pytest.fixture(scope="module")
def example() -> Results:
    return made(report_results.example)


EVERY_KIND = [
    report_results.example,
    report_results.untrained,
    report_results.all_failed,
    report_results.regression,
    report_results.one,
    report_results.many,
]


@pytest.mark.parametrize("make", EVERY_KIND)
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_it_opens_from_disk_without_errors_network_or_overflow(
    page: Page, make: Callable[[], Results], width: int
) -> None:
    results = made(make)
    page.open(results, width=width)
    assert page.complaints() == []
    assert {url.split(":")[0] for url in page.requests()} <= {"file", "data"}
    assert len(page.column("name")) == len(results.rows)
    assert page.run("return document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert page.run("return document.documentElement.clientWidth") <= width


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_every_plot_is_visible(page: Page, example: Results, width: int) -> None:
    page.open(example, width=width)
    figures = page.driver.find_elements(By.CSS_SELECTOR, "figure")
    assert [figure.get_attribute("id") for figure in figures] == [plot.name for plot in plots(example)]
    for figure in figures:
        picture = figure.find_element(By.CSS_SELECTOR, "svg")
        assert picture.is_displayed()
        assert picture.size["width"] >= 300
        assert picture.size["height"] >= 200
        assert picture.accessible_name.startswith(figure.find_element(By.CSS_SELECTOR, "h3").text)
        assert figure.find_element(By.CSS_SELECTOR, "figcaption").text


def test_no_text_of_a_plot_sticks_out(page: Page, example: Results) -> None:
    page.open(example, width=PHONE)
    out = page.run("""
        return [...document.querySelectorAll("figure")].flatMap((figure) => {
          const box = figure.getBoundingClientRect();
          return [...figure.querySelectorAll("svg text")].filter((text) => {
            const own = text.getBoundingClientRect();
            return own.left < box.left || own.right > box.right || own.width === 0;
          }).map((text) => `${figure.id}: ${text.textContent}`);
        });""")
    assert out == []


def test_text_in_plots_is_readable_on_a_phone(page: Page, example: Results) -> None:
    page.open(example, width=375)
    sizes = page.run("""
        return [...document.querySelectorAll("figure svg")].map((picture) =>
          Math.min(...[...picture.querySelectorAll("text")].map((text) => parseFloat(getComputedStyle(text).fontSize)))
          * picture.getBoundingClientRect().width / picture.viewBox.baseVal.width);""")
    assert min(sizes) >= 11


# --- the table ---


@pytest.mark.parametrize("key", ["bytes", "score", "latency_us"])
def test_a_click_sorts_by_number_and_a_second_turns_it_around(page: Page, example: Results, key: str) -> None:
    page.open(example)
    heading = page.heading(key)
    assert heading.get_attribute("aria-sort") is None
    for descending in (key == "score", key != "score"):  # the better end comes first
        heading.find_element(By.CSS_SELECTOR, "button").click()
        assert heading.get_attribute("aria-sort") == ("descending" if descending else "ascending")
        values = page.column(key)
        filled = [float(value) for value in values if value]
        assert values[len(filled) :] == [""] * (len(values) - len(filled))
        assert filled == sorted(filled, reverse=descending)
    assert len(page.driver.find_elements(By.CSS_SELECTOR, "#results-table [aria-sort]")) == 1


def test_the_keyboard_sorts_too_and_names_sort_as_people_count(page: Page, example: Results) -> None:
    page.open(made(report_results.many))
    page.heading("name").find_element(By.CSS_SELECTOR, "button").send_keys(Keys.ENTER)
    names = [name for name in dict.fromkeys(page.column("name")) if name.startswith("GRU")]
    assert names == [f"GRU {units}" for units in range(8, 21)]


def test_filters_hide_the_other_rows(page: Page, example: Results) -> None:
    page.open(example)
    tools = page.driver.find_element(By.CSS_SELECTOR, ".tools")
    Select(tools.find_element(By.CSS_SELECTOR, "[data-field=scheme]")).select_by_value("int8")
    Select(tools.find_element(By.CSS_SELECTOR, "[data-field=target]")).select_by_value("micro")
    assert set(page.column("scheme")) == {"int8"}
    assert set(page.column("target")) == {"micro"}
    tools.find_element(By.CSS_SELECTOR, "[data-field=fits]").click()
    wanted = [row for row in example.rows if (row.scheme, row.target, row.fits) == ("int8", "micro", True)]
    assert page.column("name") == [row.name for row in wanted]
    assert tools.find_element(By.CSS_SELECTOR, "output").text == f"{len(wanted)} of {len(example.rows)} rows"


def test_on_a_phone_the_table_scrolls_in_its_own_box_beside_the_names(page: Page, example: Results) -> None:
    page.open(example, width=PHONE)
    before, after, scrolled = page.run("""
        const box = document.querySelector("#results-table").parentElement;
        const name = box.querySelector("tbody th");
        const before = name.getBoundingClientRect().left;
        box.scrollLeft = 400;
        return [before, name.getBoundingClientRect().left, box.scrollLeft];""")
    assert scrolled == 400
    assert after == pytest.approx(before, abs=1)


def test_numbers_in_the_page_its_json_the_document_and_the_csv_agree(page: Page, example: Results) -> None:
    page.open(example)
    embedded = json.loads(page.run('return document.getElementById("results-json").textContent'))
    assert embedded == json.loads(json.dumps(results_document(example)))
    lines = list(csv.DictReader(io.StringIO(csv_text(example))))
    assert [row["id"] for row in embedded["rows"]] == [line["id"] for line in lines]
    checked = 0
    for column in columns(example):
        shown = page.column(column.key)
        texts = page.run(
            "return [...document.querySelectorAll('#results-table tbody tr')].map((row) => row.cells["
            f"{columns(example).index(column)}].innerText)"
        )
        for index, row in enumerate(embedded["rows"]):
            value = row[column.key]
            if isinstance(value, int | float) and not isinstance(value, bool):
                assert float(shown[index]) == float(lines[index][column.key]) == value
                assert texts[index] == column.text(example.rows[index])
                checked += 1
    assert checked > 10 * len(example.rows)


def test_the_link_saves_the_results(page: Page, example: Results) -> None:
    page.open(example)
    folder = page.folder / "saved"
    page.driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)})
    page.driver.find_element(By.CSS_SELECTOR, ".download a").click()
    deadline = time.monotonic() + 10
    while not (folder / "results.json").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert json.loads((folder / "results.json").read_text()) == json.loads(json.dumps(results_document(example)))


# --- looks ---


def test_a_dark_system_gets_a_dark_page(page: Page, example: Results) -> None:
    grounds = {}
    for mode in ("light", "dark"):
        page.open(example, mode=mode)
        color = page.run("return getComputedStyle(document.body).backgroundColor")
        grounds[mode] = sum(int(part) for part in re.findall(r"\d+", color))
    assert grounds["light"] > 3 * 220
    assert grounds["dark"] < 3 * 50


@pytest.mark.parametrize("make", [report_results.example, report_results.all_failed])
@pytest.mark.parametrize("mode", ["light", "dark"])
def test_all_text_stands_out_from_its_ground(page: Page, make: Callable[[], Results], mode: str) -> None:
    page.open(made(make), mode=mode)
    assert page.run(CONTRAST) == []


def test_verdicts_are_told_in_words(page: Page, example: Results) -> None:
    page.open(example)
    badges = [
        (badge.get_property("textContent") or "")
        for badge in page.driver.find_elements(By.CSS_SELECTOR, ".claims .badge")
    ]
    assert badges == ["✓ yes", "✗ no", "≈ within noise", "○ not measured"]


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_on_paper_it_is_light_and_nothing_is_cut_or_folded(page: Page, example: Results, mode: str) -> None:
    across = 1031  # CSS pixels between the margins of an A4 page on its side
    page.open(example, width=across, mode=mode, media="print")
    assert page.run("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.run("return document.documentElement.scrollWidth") <= across
    assert page.run(
        "return [...document.querySelectorAll('.box')].every((box) => box.scrollHeight <= box.clientHeight)"
    )
    assert not page.driver.find_element(By.CSS_SELECTOR, ".tools").is_displayed()
    assert page.run("return [...document.querySelectorAll('details table')].every((table) => table.offsetHeight > 0)")
    printed = page.driver.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    assert base64.b64decode(printed["data"]).startswith(b"%PDF")


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_pictures_of_the_page_can_be_kept(page: Page, example: Results, width: int, mode: str) -> None:
    page.open(example, width=width, mode=mode)
    path = page.picture(f"report-{width}-{mode}.png", width)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert path.stat().st_size > 100_000


# --- what others wrote ---


def test_names_are_text_and_never_markup(page: Page, example: Results) -> None:
    hostile = replace(
        example,
        rows=tuple(replace(row, name=NASTY, reason=NASTY, scheme=f"s{NASTY}") for row in example.rows[:3]),
        task=replace(example.task, name=NASTY, about=NASTY, origin=NASTY),
        claims=(Claim(NASTY, "yes", NASTY, test=NASTY),),
        answer=Answer(NASTY, (NASTY,)),
        notes=(NASTY,),
        machine={NASTY: {NASTY: NASTY}},
        command=(NASTY,),
    )
    page.open(hostile)
    assert page.complaints() == []
    assert page.driver.title == f"{NASTY}: {NASTY}"
    assert page.run("return document.querySelectorAll('script').length") == 2
    assert page.driver.find_element(By.CSS_SELECTOR, "h1").text == NASTY
    assert page.column("name") == [NASTY] * 3
    assert json.loads(page.run('return document.getElementById("results-json").textContent'))["task"]["name"] == NASTY


def test_no_script_but_our_own_may_run(page: Page, example: Results) -> None:
    page.open(example)
    page.run(
        "const own = document.createElement('script'); own.textContent = 'window.ran = 1'; document.body.append(own);"
    )
    assert page.run("return window.ran === undefined")
    assert any("Content Security Policy" in complaint for complaint in page.complaints())


def test_two_hundred_rows_make_a_page_of_less_than_three_megabytes() -> None:
    results = report_results.many()
    assert len(results.rows) >= 200
    assert len(html(results).encode()) < 3_000_000


def test_the_same_results_give_the_same_page(example: Results) -> None:
    assert html(example) == html(report_results.example())

"""The report on paper, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from autotl.report.comparison_html import render_comparison, studies_of
from autotl.report.data import ReportData
from autotl.report.html import write_report
from autotl.report.leaderboard import PRINTED_COLUMNS
from autotl.report.look import Look
from tests.report.chromium import needs_chromium
from tests.report.records import record, report, varied_report
from tests.report.test_keyboard import opened

pytestmark = [pytest.mark.slow, needs_chromium]

SHEET = 688
"""Pixels within the margins of an A4 sheet."""
WIDTHS = (
    "[...document.querySelectorAll('.chart .main-svg:first-child')].map((one) => one.getBoundingClientRect().right)"
)
HEIGHTS = "[...document.querySelectorAll('.chart')].map((one) => one.clientHeight)"


@pytest.fixture
def written(finished: ReportData, tmp_path: Path) -> Path:
    write_report(finished, tmp_path / "report.html")
    return tmp_path / "report.html"


def printed(page: Page) -> Page:
    """As it is laid out on the sheet."""
    page.set_viewport_size({"width": SHEET, "height": 1000})
    page.emulate_media(media="print")
    page.wait_for_selector("html[data-printing]")
    return page


@pytest.mark.parametrize("width", [390, 1440])
def test_charts_are_drawn_for_the_sheet_before_it_is_laid_out_and_for_the_screen_again(
    browser: Browser, written: Path, width: int
) -> None:
    page = opened(browser, written, viewport={"width": width, "height": 900}, color_scheme="dark")
    before, heights = page.evaluate(WIDTHS), page.evaluate(HEIGHTS)
    page.evaluate(
        f"addEventListener('beforeprint', () => {{ window.widths = {WIDTHS}; "
        "window.ground = getComputedStyle(document.body).backgroundColor; })"
    )
    page.pdf()
    widths = page.evaluate("widths")
    assert round(max(widths)) == SHEET
    assert page.evaluate("ground") == "rgb(255, 255, 255)", "paper is white"
    page.wait_for_function(f"({WIDTHS})[0] === {before[0]}")
    assert page.evaluate(WIDTHS) == before
    assert page.evaluate(HEIGHTS) == heights


def test_nothing_is_wider_than_the_sheet(browser: Browser, written: Path) -> None:
    page = printed(opened(browser, written))
    assert page.evaluate("document.documentElement.scrollWidth") == SHEET


def test_a_comparison_fits_too(browser: Browser, finished: ReportData, tmp_path: Path) -> None:
    path = tmp_path / "comparison.html"
    path.write_text(render_comparison(studies_of([(finished, []), (finished, [])]), Look()), encoding="utf-8")
    page = printed(opened(browser, path))
    assert page.evaluate("document.documentElement.scrollWidth") == SHEET
    assert f"{finished.written_at:%Y-%m-%d %H:%M} UTC" in page.inner_text("main > .printed")


def test_a_sheet_says_of_what_and_when_it_is(browser: Browser, finished: ReportData, written: Path) -> None:
    page = opened(browser, written)
    assert not page.locator("main > .printed").is_visible()
    said = printed(page).inner_text("main > .printed")
    assert said.startswith(f"{finished.dataset.name} · {finished.written_at:%Y-%m-%d %H:%M} UTC")


def test_another_title_is_printed_too(browser: Browser, finished: ReportData, tmp_path: Path) -> None:
    write_report(finished, tmp_path / "report.html", Look(title="Line 3"))
    assert printed(opened(browser, tmp_path / "report.html")).inner_text("main > .printed").startswith("Line 3 · ")


def test_a_leaderboard_that_is_printed_in_part_says_so(browser: Browser, tmp_path: Path) -> None:
    write_report(report(*(record(number, 0.3 + number / 1000) for number in range(212))), tmp_path / "report.html")
    page = opened(browser, tmp_path / "report.html")
    page.click("#board-after")
    assert printed(page).inner_text("#board-printed") == "Rows 101 to 200 of 212; the csv on the page has all."
    page.emulate_media(media="screen")
    page.fill("#board-find", "#21")
    assert not page.locator("#board-printed").is_visible()
    assert printed(page).inner_text("#board-printed") == "Rows 1 to 3 of 3 that were chosen from 212."


def test_a_leaderboard_that_is_printed_whole_says_nothing(browser: Browser, written: Path) -> None:
    assert printed(opened(browser, written)).inner_text("#board-printed") == ""


def test_a_leaderboard_that_is_wider_than_a_sheet_can_show_says_which_columns_are_missing(
    browser: Browser, tmp_path: Path
) -> None:
    write_report(varied_report(), tmp_path / "report.html")
    page = opened(browser, tmp_path / "report.html")
    columns = page.locator("#board th:visible")
    every = columns.count()
    note = page.locator("p", has_text="Not printed, for want of room:")
    assert not note.is_visible()
    page.locator("#board th button").first.click()
    printed(page)
    assert columns.count() == PRINTED_COLUMNS < every
    assert page.locator("#board tbody tr").first.locator("td:visible").count() == PRINTED_COLUMNS
    assert len(note.inner_text().split(":")[1].split(".")[0].split(", ")) == every - PRINTED_COLUMNS
    assert page.evaluate("parseFloat(getComputedStyle(board).fontSize)") > 8.5
    assert page.evaluate("document.documentElement.scrollWidth") == SHEET


def test_headings_stay_with_what_they_name(browser: Browser, written: Path) -> None:
    page = printed(opened(browser, written))
    breaks = page.evaluate(
        """() => ["main h2", "main figure > h3", "main figure > .key", "main .chart", "main figure"].map((selector) => {
          const { breakAfter, breakInside } = getComputedStyle(document.querySelector(selector));
          return [breakAfter, breakInside];
        })"""
    )
    assert breaks == [["avoid", "avoid"], ["avoid", "avoid"], ["avoid", "avoid"], ["auto", "avoid"], ["auto", "auto"]]

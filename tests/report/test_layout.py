"""Where things stand on the page, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from autotl.report.comparison_html import render_comparison, studies_of
from autotl.report.data import ReportData
from autotl.report.html import write_report
from autotl.report.look import Look
from tests.report.chromium import needs_chromium
from tests.report.test_keyboard import opened

pytestmark = [pytest.mark.slow, needs_chromium]


@pytest.fixture
def written(finished: ReportData, tmp_path: Path) -> Path:
    write_report(finished, tmp_path / "report.html")
    return tmp_path / "report.html"


def edges(page: Page, selector: str) -> tuple[float, float]:
    """Left and right."""
    box = page.locator(selector).first.bounding_box()
    assert box is not None
    return box["x"], box["x"] + box["width"]


def test_on_a_telephone_the_score_stands_beside_the_name(browser: Browser, written: Path) -> None:
    page = opened(browser, written, viewport={"width": 390, "height": 844})
    assert edges(page, "#board tbody td:nth-child(3)")[1] < 390
    assert edges(page, "#board th:nth-child(3)")[1] < 390


def test_on_a_telephone_a_row_s_numbers_stand_beneath_its_name_and_are_not_cut(browser: Browser, written: Path) -> None:
    heads = "[...document.querySelectorAll('[data-figure=ahead] .annotation-text')].map((one) => [one.querySelectorAll('.line').length, one.getBoundingClientRect().right])"
    found = opened(browser, written, viewport={"width": 390, "height": 844}).evaluate(heads)
    assert {lines for lines, _ in found} == {2}
    assert max(right for _, right in found) < 390 - 16
    assert {lines for lines, _ in opened(browser, written).evaluate(heads)} == {0}


@pytest.mark.parametrize("width", [390, 1440])
def test_a_row_that_is_scrolled_keeps_its_name(browser: Browser, written: Path, width: int) -> None:
    page = opened(browser, written, viewport={"width": width, "height": 900})
    before = edges(page, "#board tbody td")
    page.evaluate("board.parentElement.scrollLeft = 300")
    assert edges(page, "#board tbody td") == before
    assert edges(page, "#board tbody td:nth-child(2)")[0] < before[1]
    page.evaluate("board.parentElement.scrollLeft = 0")


def test_a_wide_table_takes_the_room_that_a_wide_screen_has(browser: Browser, written: Path) -> None:
    page = opened(browser, written, viewport={"width": 1440, "height": 900})
    text, table = edges(page, "#happened"), edges(page, ".scroll:has(#board)")
    assert table[0] == text[0]
    assert text[1] + 100 < table[1] < 1440 - 20
    small = edges(page, "#data .scroll")
    assert small[1] <= text[1]
    page.set_viewport_size({"width": 1000, "height": 900})
    assert edges(page, ".scroll:has(#board)") == edges(page, "#happened")


def test_boxes_that_are_right_and_boxes_that_are_not_differ_in_their_lines(browser: Browser, written: Path) -> None:
    page = opened(browser, written)
    lines = page.evaluate(
        """() => Object.fromEntries(["truth", "missed", "found", "alarm", "ignored"].map((kind) => {
          const { strokeDasharray, strokeWidth } = getComputedStyle(document.querySelector(`.sample.${kind}`));
          return [kind, `${strokeDasharray} ${strokeWidth}`];
        }))"""
    )
    assert len(set(lines.values())) == 5
    drawn = page.evaluate(
        "(() => { const { strokeDasharray, strokeWidth } = getComputedStyle(document.querySelector('.found .wrong rect')); "
        "return `${strokeDasharray} ${strokeWidth}`; })()"
    )
    assert drawn == lines["alarm"], "the key shows what is drawn"


def test_the_key_of_the_gallery_stands_in_one_place_and_is_printed(browser: Browser, written: Path) -> None:
    page = opened(browser, written)
    key = ["labelled", "missed", "detected", "false alarm", "not judged"]
    assert [text.strip() for text in page.locator(".toggles .toggle").all_inner_texts()] == [*key, "names"]
    page.uncheck("#show-found")
    assert page.locator(".gallery .found:visible").count() == 0
    page.emulate_media(media="print")
    shown = [one.inner_text().strip() for one in page.locator(".toggle").all() if one.is_visible()]
    assert shown == ["labelled", "missed", "not judged"], "of what is drawn"
    assert page.locator(".toggle input:visible").count() == 0


def test_a_long_command_is_shown_whole_on_a_telephone(browser: Browser, written: Path) -> None:
    page = opened(browser, written, viewport={"width": 390, "height": 844})
    page.evaluate("document.querySelector('.command').textContent += ' --space quick'.repeat(20)")
    assert page.evaluate(
        "(({ scrollWidth, clientWidth }) => scrollWidth === clientWidth)(document.querySelector('.command'))"
    )


def test_numbers_in_headings_do_not_break(browser: Browser, written: Path) -> None:
    page = opened(browser, written, viewport={"width": 390, "height": 844})
    found = page.evaluate(
        "[...document.querySelectorAll('h1 .unbroken, h3 .unbroken')].map((one) => [one.textContent, one.getClientRects().length])"
    )
    assert {"4.6e-3", "96-channel"} <= {text for text, _ in found}
    assert {lines for _, lines in found} == {1}


def test_what_a_chart_says_has_the_page_s_font(browser: Browser, written: Path) -> None:
    page = opened(browser, written, viewport={"width": 1440, "height": 900})
    page.evaluate(
        "document.querySelector('[data-figure=depth]').scrollIntoView({ behavior: 'instant', block: 'center' })"
    )
    page.evaluate(
        "(() => { const chart = document.querySelector('[data-figure=depth]'); "
        "const curveNumber = chart.data.findIndex((trace) => trace.customdata); "
        "Plotly.Fx.hover(chart, [{ curveNumber, pointNumber: 0 }]); })()"
    )
    label = page.locator("[data-figure=depth] .hoverlayer text").first
    assert label.evaluate("one => getComputedStyle(one).fontFamily").startswith("system-ui")


def test_a_comparison_begins_at_its_verdict_and_says_when_it_is_of(
    browser: Browser, finished: ReportData, tmp_path: Path
) -> None:
    path = tmp_path / "comparison.html"
    path.write_text(render_comparison(studies_of([(finished, []), (finished, [])]), Look()), encoding="utf-8")
    page = opened(browser, path, viewport={"width": 1440, "height": 900})
    assert page.inner_text("nav a[aria-current]") == "Verdict"
    assert f"{finished.written_at:%Y-%m-%d %H:%M} UTC" in page.inner_text("nav .about")
    page.evaluate("scrollTo({ top: 400, behavior: 'instant' })")
    page.wait_for_selector("nav a[aria-current][href='#studies']")

"""The report with a keyboard, in the reader's colours and without a network, in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from autotl.report.data import ReportData
from autotl.report.html import write_report
from autotl.report.look import Look, Theme
from tests.report.chromium import needs_chromium

pytestmark = [pytest.mark.slow, needs_chromium]


def opened(browser: Browser, path: Path, **context: Any) -> Page:
    """A report that is drawn, opened without a network; every request and every line of its console is kept."""
    page = browser.new_context(offline=True, **context).new_page()
    page.set_default_timeout(20_000)
    asked, said = list[str](), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-charts=drawn]")
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert said == []
    return page


@pytest.fixture
def written(finished: ReportData, tmp_path: Path) -> Path:
    write_report(finished, tmp_path / "report.html")
    return tmp_path / "report.html"


def test_everything_that_can_be_clicked_can_be_reached_with_tab(browser: Browser, written: Path) -> None:
    page = opened(browser, written)
    reached = set()
    for _ in range(300):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
    assert {
        "A", "SUMMARY", "BUTTON", "board-find", "board-state", "board-csv", "gallery-by", "gallery-class", "gallery-error",
        "show-truth", "show-found", "show-names",
    } <= reached  # fmt: skip


def test_the_skip_link_is_first_and_leads_to_the_verdict(browser: Browser, written: Path) -> None:
    page = opened(browser, written)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#verdict"


def test_the_leaderboard_sorts_and_a_card_opens_and_closes(browser: Browser, written: Path) -> None:
    page = opened(browser, written)
    page.focus("#board th:nth-child(4) button")
    page.keyboard.press("Enter")
    assert page.get_attribute("#board th:nth-child(4)", "aria-sort") == "descending"
    page.keyboard.press("Space")
    assert page.get_attribute("#board th:nth-child(4)", "aria-sort") == "ascending"
    link = page.locator("#board tbody a", has_text="#4").first
    link.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#card[open]")
    assert page.inner_text("#card-title") == "#4"
    assert page.evaluate("document.getElementById('card').contains(document.activeElement)")
    page.keyboard.press("Tab")
    assert not page.evaluate("document.querySelector('.page').contains(document.activeElement)"), "nothing behind it"
    page.keyboard.press("Escape")
    page.wait_for_selector("#card:not([open])", state="attached")
    assert page.evaluate("location.hash") == ""
    assert page.evaluate("document.activeElement.textContent") == "#4", "and returns to where it came from"


def test_a_picture_is_enlarged_and_filters_answer_to_keys(browser: Browser, written: Path) -> None:
    page = opened(browser, written)
    page.focus(".shot:first-child button")
    page.keyboard.press("Enter")
    assert page.locator(".shot:first-child .panel-name").count() == 3
    page.keyboard.press("Enter")
    assert page.locator(".shot:first-child .panel-name").count() == 0
    page.focus("#gallery-error")
    page.keyboard.press("ArrowDown")
    assert page.input_value("#gallery-error") == "Miss"
    assert page.locator(".shot:visible").count() == 4


def test_every_chart_can_be_reached_and_has_its_title_as_its_name(browser: Browser, written: Path) -> None:
    page = opened(browser, written)
    charts = page.locator("[data-figure]")
    assert {chart.get_attribute("tabindex") for chart in charts.all()} == {"0"}
    for chart in charts.all():
        title = chart.locator("xpath=../h3").inner_text()
        assert (chart.get_attribute("aria-label") or "").startswith(title)
    page.focus("[data-figure=depth]")
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    expect(page.locator("[data-figure=depth]")).to_have_css("outline-style", "solid")
    expect(page.locator("#keys")).to_be_visible()
    assert page.inner_text("#keys").startswith("Arrow keys step through the points")
    page.focus("[data-figure=importance]")
    assert page.text_content("#keys") == "Enter opens the numbers."


def test_arrows_step_through_a_chart_as_pointing_does_and_enter_opens_the_card(browser: Browser, written: Path) -> None:
    page = opened(browser, written)
    page.focus("[data-figure=depth]")
    page.keyboard.press("ArrowRight")
    expect(page.locator("[data-figure=depth] .hoverlayer text")).to_contain_text("#5")
    assert page.locator("#board tr.pointed td:first-child").all_inner_texts() == ["#5 full fine-tuning"]
    assert "#5" in (page.text_content("#point") or "")
    page.keyboard.press("End")
    last = page.text_content("#point")
    page.keyboard.press("ArrowRight")
    assert page.text_content("#point") == last, "there is none beyond"
    seen = set()
    for _ in range(30):
        page.keyboard.press("ArrowLeft")
        seen.add(page.text_content("#point"))
    assert len(seen) == 9, "all but the last of the ten strategies that froze so many stages"
    page.keyboard.press("Enter")
    page.wait_for_selector("#card[open]")
    assert page.inner_text("#card-title") == "#5"
    page.keyboard.press("Escape")
    page.wait_for_selector("#card:not([open])", state="attached")
    assert page.evaluate("document.activeElement.dataset.figure") == "depth"


def test_escape_lets_the_point_go_before_the_chosen_strategy(browser: Browser, written: Path) -> None:
    page = opened(browser, written)
    page.evaluate("mark('chosen', 9)")
    page.focus("[data-figure=latency]")
    page.keyboard.press("ArrowDown")
    expect(page.locator("[data-figure=latency] .hoverlayer text")).not_to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.locator("[data-figure=latency] .hoverlayer text")).to_have_count(0)
    assert (page.evaluate("marked.pointed"), page.evaluate("marked.chosen")) == (None, 9)
    page.keyboard.press("Escape")
    assert page.evaluate("marked.chosen") is None
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    expect(page.locator("[data-figure=latency] .hoverlayer text")).to_have_count(0)


def test_a_line_is_stepped_along_and_the_next_line_is_above_or_below(browser: Browser, written: Path) -> None:
    page = opened(browser, written)
    page.focus("[data-figure=curves]")
    page.keyboard.press("ArrowRight")
    first = page.evaluate("marked.pointed")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("marked.pointed") == first
    page.keyboard.press("ArrowUp")
    assert page.evaluate("marked.pointed") != first
    page.focus("[data-figure=timeline]")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.locator("[data-figure=timeline] .marks rect.pointed")).not_to_have_count(0)


def test_an_arrow_begins_at_the_end_that_it_comes_from(browser: Browser, written: Path) -> None:
    page = opened(browser, written)
    page.focus("[data-figure=sure]")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("marked.pointed") == 4, "the row at the top"
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowUp")
    assert page.evaluate("marked.pointed") == 5, "the one at the bottom"


def test_enter_opens_the_numbers_of_a_chart_whose_points_lead_nowhere(browser: Browser, written: Path) -> None:
    page = opened(browser, written)
    for chart in ("importance", "errors"):
        page.focus(f"[data-figure={chart}]")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        assert page.locator(f"[data-figure={chart}]").locator("xpath=..").locator("details[open]").count() == 1


LIGHT, DARK = "rgb(255, 255, 255)", "rgb(16, 18, 22)"


@pytest.mark.parametrize(
    ("theme", "reader", "ground"),
    [
        (Theme.AUTO, "light", LIGHT), (Theme.AUTO, "dark", DARK), (Theme.LIGHT, "dark", LIGHT), (Theme.DARK, "light", DARK),
    ],
)  # fmt: skip
def test_colours_are_the_readers_unless_the_writer_chose(
    browser: Browser, finished: ReportData, tmp_path: Path, theme: Theme, reader: str, ground: str
) -> None:
    write_report(finished, tmp_path / "report.html", Look(theme=theme))
    page = opened(browser, tmp_path / "report.html", color_scheme=reader)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == ground
    labels = page.evaluate(
        "[...document.querySelectorAll('[data-figure=baselines] .ytick text')].map((one) => getComputedStyle(one).fill)"
    )
    # Ink on the ground: charts take their colours from the style sheet.
    assert set(labels) == {"rgb(22, 24, 29)" if ground == LIGHT else "rgb(236, 238, 242)"}


def test_charts_follow_a_reader_who_changes_to_the_dark(browser: Browser, written: Path) -> None:
    page = opened(browser, written, color_scheme="light")
    page.emulate_media(color_scheme="dark")
    label = page.locator("[data-figure=baselines] .ytick text").first
    expect(label).to_have_css("fill", "rgb(236, 238, 242)")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == DARK


@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_is_wider_than_the_screen(browser: Browser, written: Path, width: int) -> None:
    page = opened(browser, written, viewport={"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") == width

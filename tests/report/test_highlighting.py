"""One strategy marked everywhere at once, in a real browser: the chosen one for good, the one pointed at for a moment."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from autotl.report.data import ReportData
from autotl.report.html import write_report
from tests.report.chromium import needs_chromium
from tests.report.test_keyboard import opened

pytestmark = [pytest.mark.slow, needs_chromium]


@pytest.fixture
def page(browser: Browser, finished: ReportData, tmp_path: Path) -> Page:
    write_report(finished, tmp_path / "report.html")
    shown = opened(browser, tmp_path / "report.html", viewport={"width": 1440, "height": 900})
    shown.evaluate(
        "window.drawn = 0; const react = Plotly.react; Plotly.react = (...given) => { drawn += 1; return react(...given); }; 0"
    )
    return shown


def charts_with(page: Page, kind: str) -> set[str]:
    """The charts in which something is marked so."""
    names = page.evaluate(
        "kind => [...document.querySelectorAll(`.marks .${kind}`)].map((one) => one.closest('.chart').dataset.figure)",
        kind,
    )
    return set(names)


def rows_with(page: Page, kind: str) -> list[str]:
    """The names in the leaderboard's rows that are marked so."""
    return page.locator(f"#board tr.{kind} td:first-child").all_inner_texts()


def choose(page: Page, name: str) -> None:
    """By its card, which is closed again."""
    page.locator("#board tbody a", has_text=name).first.click()
    page.wait_for_selector("#card[open]")
    page.keyboard.press("Escape")
    page.wait_for_selector("#card:not([open])", state="attached")


def test_the_chosen_strategy_stays_marked_when_its_card_closes_until_escape_or_another(page: Page) -> None:
    choose(page, "#9")
    assert {"depth", "map", "curves", "sure", "timeline", "latency", "training"} <= charts_with(page, "chosen")
    assert "baselines" not in charts_with(page, "chosen"), "it is no baseline"
    assert page.locator("[data-figure=timeline] .marks rect.chosen").count() == 4, (
        "the search's run and three fresh ones"
    )
    assert rows_with(page, "chosen") == ["#9"]
    assert page.locator("#board a[aria-current]").all_inner_texts() == ["#9"]
    page.locator("#board th button", has_text="state").click()
    assert rows_with(page, "chosen") == ["#9"], "in a table that is made anew too"
    choose(page, "#14")
    assert rows_with(page, "chosen") == ["#14"]
    page.keyboard.press("Escape")
    assert (charts_with(page, "chosen"), rows_with(page, "chosen")) == (set(), [])
    assert page.locator("#board a[aria-current]").count() == 0
    assert page.evaluate("drawn") == 0, "no chart is drawn again for it"


def test_without_keys_a_note_lets_it_go(page: Page) -> None:
    assert page.inner_text("#chosen") == ""
    choose(page, "#9")
    assert page.inner_text("#chosen") == "#9 is marked in all charts · Unmark"
    page.locator("#chosen button").click()
    assert (charts_with(page, "chosen"), page.inner_text("#chosen")) == (set(), "")


def test_escape_in_a_field_is_the_fields(page: Page) -> None:
    choose(page, "#9")
    page.focus("#board-find")
    page.keyboard.press("Escape")
    assert rows_with(page, "chosen") == ["#9"]


def test_pointing_at_a_row_marks_the_strategy_in_every_chart_and_pointing_at_a_point_its_row(page: Page) -> None:
    page.locator("#board tbody tr", has_text="#14").first.locator("td").nth(3).hover()
    assert {"depth", "map", "curves", "sure", "timeline"} <= charts_with(page, "pointed")
    page.locator("#happened-title").hover()
    assert charts_with(page, "pointed") == set()
    choose(page, "#9")
    ring = page.locator("[data-figure=depth] .marks circle.chosen")
    ring.scroll_into_view_if_needed()
    box = ring.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2 - 60, box["y"])
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator("#board tr.pointed td:first-child")).to_have_text("#9")
    assert page.evaluate("drawn") == 0


def test_keys_point_as_the_mouse_does(page: Page) -> None:
    page.locator("#board tbody a", has_text="#14").first.focus()
    assert rows_with(page, "pointed") == ["#14"]
    assert "depth" in charts_with(page, "pointed")


@pytest.mark.parametrize("width", [1440, 700])
def test_rings_lie_on_their_points(page: Page, width: int) -> None:
    choose(page, "#9")
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_timeout(1500)
    off = page.evaluate(
        """() => [...document.querySelectorAll(".marks circle.chosen")].map((ring) => {
          const middle = (one) => { const { x, y, width, height } = one.getBoundingClientRect(); return [x + width / 2, y + height / 2]; };
          const [x, y] = middle(ring);
          const points = [...ring.closest(".chart").querySelectorAll(".scatterlayer path.point")].map(middle);
          return Math.min(...points.map((point) => Math.hypot(point[0] - x, point[1] - y)));
        })"""
    )
    assert len(off) >= 6
    assert max(off) < 1.5

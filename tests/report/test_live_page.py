"""The page that is served, in a real browser: it follows the search and keeps what its reader has set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page, expect

from autotl.report.data import ReportData
from autotl.report.html import render
from autotl.report.live import ReportServer
from tests.report.chromium import needs_chromium
from tests.report.records import record, report
from tests.report.serving import serving

pytestmark = [pytest.mark.slow, needs_chromium]


class Search:
    """A study that has as many strategies as a test says, beside those of a whole search."""

    def __init__(self, data: ReportData) -> None:
        self.data = data
        self.version = "one"

    def render(self, version: str) -> str:
        return render(self.data, version=version)

    def go_on(self, data: ReportData) -> None:
        self.data, self.version = data, "two"


@pytest.fixture
def search(finished: ReportData) -> Search:
    return Search(finished)


@pytest.fixture
def server(search: Search) -> Iterator[ReportServer]:
    with serving(lambda: search.version, search.render) as server:
        yield server


@pytest.fixture
def page(browser: Browser, server: ReportServer) -> Iterator[Page]:
    shown = browser.new_page(viewport={"width": 1440, "height": 900})
    shown.set_default_timeout(30_000)
    # Its clock is the test's: nobody waits ten seconds.
    shown.clock.install()
    shown.goto(server.url)
    shown.wait_for_selector("html[data-charts=drawn]")
    yield shown
    shown.close()


def wait(page: Page, seconds: int) -> None:
    for _ in range(seconds):
        page.clock.run_for(1000)
        page.wait_for_timeout(30)


def version(page: Page) -> str | None:
    return page.get_attribute("html", "data-version")


def follow(page: Page) -> None:
    """Leaves the page alone until it shows the new version, drawn."""
    for _ in range(40):
        wait(page, 1)
        if version(page) == "two":
            break
    page.wait_for_selector("html[data-version=two][data-charts=drawn]")


def grown(data: ReportData) -> ReportData:
    """The same search with one strategy more, best of all."""
    return replace(data, strategies=(*data.strategies, record(17, 0.6)))


def test_a_page_that_is_left_alone_follows_the_search_with_all_that_was_set(
    page: Page, search: Search, finished: ReportData
) -> None:
    page.click("#board th:nth-child(4) button")
    page.click("#board th:nth-child(4) button")
    page.fill("#board-find", "lite1")
    page.select_option("#board-state", "complete")
    page.locator("#board tbody a", has_text="#14").click()
    page.keyboard.press("Escape")
    page.click("#happened figure:has([data-figure=curves]) summary")
    page.select_option("#gallery-error", "Miss")
    page.uncheck("#show-found")
    page.locator(".shot button").nth(1).click()
    page.evaluate(
        "document.getElementById('seen').scrollIntoView({ behavior: 'instant' }); scrollBy({ top: 300, behavior: 'instant' })"
    )
    before = page.evaluate("document.getElementById('seen').getBoundingClientRect().top")
    search.go_on(grown(finished))
    follow(page)
    assert page.locator("#board tbody td:first-child").all_inner_texts() == ["#8", "#14"]
    assert page.get_attribute("#board th:nth-child(4)", "aria-sort") == "ascending"
    assert (page.input_value("#board-find"), page.input_value("#board-state")) == ("lite1", "complete")
    assert page.locator("#board tr.chosen td:first-child").all_inner_texts() == ["#14"]
    assert page.locator("[data-figure=depth] .marks .chosen").count() == 1
    assert page.locator("main details[open]").count() == 1
    assert page.locator("#happened figure:has([data-figure=curves]) details[open]").count() == 1
    assert (page.input_value("#gallery-error"), page.is_checked("#show-found")) == ("Miss", False)
    assert page.locator(".shot.wide").count() == 1
    assert page.locator(".shot").nth(1).get_attribute("class") == "shot wide"
    after = page.evaluate("document.getElementById('seen').getBoundingClientRect().top")
    assert abs(after - before) < 2, "the page is where it was, whatever has grown above"


def test_to_somebody_at_work_the_news_is_offered(page: Page, search: Search, finished: ReportData) -> None:
    wait(page, 11)
    assert page.inner_text("#news") == ""
    page.mouse.move(300, 300)
    search.go_on(grown(finished))
    wait(page, 4)
    assert version(page) == "one"
    expect(page.locator("#news")).to_have_text("The search has gone on. Show it")
    page.click("#news button")
    page.wait_for_selector("html[data-version=two][data-charts=drawn]")
    assert page.locator("#board tbody tr").count() == 18


def test_a_card_that_is_open_is_not_taken_away(page: Page, search: Search, finished: ReportData) -> None:
    page.locator("#board tbody a", has_text="#14").click()
    search.go_on(grown(finished))
    wait(page, 20)
    assert (version(page), page.inner_text("#card-title")) == ("one", "#14")
    page.keyboard.press("Escape")
    follow(page)


def test_a_browser_that_keeps_nothing_follows_all_the_same(
    browser: Browser, server: ReportServer, search: Search, finished: ReportData
) -> None:
    shown = browser.new_page()
    shown.add_init_script("Object.defineProperty(window, 'sessionStorage', { get() { throw new Error('denied'); } })")
    shown.clock.install()
    shown.goto(server.url)
    shown.wait_for_selector("html[data-charts=drawn]")
    search.go_on(grown(finished))
    follow(shown)
    assert shown.locator("#board tbody tr").count() == 18
    shown.close()


def test_a_page_of_the_leaderboard_is_kept_and_a_page_opened_anew_begins_anew(
    page: Page, search: Search, server: ReportServer
) -> None:
    search.go_on(report(*(record(number, 0.3 + number / 1000) for number in range(212))))
    follow(page)
    page.click("#board-after")
    page.click("#board-after")
    search.version = "three"
    wait(page, 4)
    page.click("#news button")
    page.wait_for_selector("html[data-version=three][data-charts=drawn]")
    assert page.inner_text("#board-place") == "201 to 212 of 212"
    page.goto(server.url)
    page.wait_for_selector("html[data-charts=drawn]")
    assert page.inner_text("#board-place") == "1 to 100 of 212"

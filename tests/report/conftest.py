from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from autotl.report.data import ReportData
from autotl.report.summary import summarize
from autotl.study.recommend import recommend
from tests.report.chromium import CHROMIUM
from tests.report.studies import StudyBuilder, finished_search


@pytest.fixture
def building() -> Iterator[StudyBuilder]:
    """An empty study to write trials into."""
    built = StudyBuilder()
    yield built
    built.close()


@pytest.fixture(scope="session")
def finished() -> ReportData:
    """A whole search: see `finished_search`."""
    built = finished_search()
    advice = recommend(built.ledger)
    data = summarize(built.ledger, built.study, advice.model_dump(mode="json") if advice else None)
    built.close()
    return data


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()

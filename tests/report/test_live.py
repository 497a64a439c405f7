from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from autotl.report.data import ReportData
from autotl.report.html import render
from autotl.report.live import ReportServer
from tests.report.serving import serving


class Study:
    """Changes when a test says so, and counts how often it was shown."""

    version, shown = "one", 0

    def render(self, version: str) -> str:
        self.shown += 1
        return f"<p>ünder {version}"


@pytest.fixture
def study() -> Study:
    return Study()


@pytest.fixture
def server(study: Study) -> Iterator[ReportServer]:
    with serving(lambda: study.version, study.render) as server:
        yield server


def get(server: ReportServer, path: str, host: str | None = None) -> tuple[int, str]:
    request = urllib.request.Request(server.url + path, headers={"Host": host} if host else {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, ""


def test_the_report_is_as_the_study_is_and_made_once_for_each_version(server: ReportServer, study: Study) -> None:
    assert get(server, "") == (200, "<p>ünder one")
    assert get(server, "?again") == (200, "<p>ünder one")
    assert (get(server, "version"), study.shown) == ((200, "one"), 1)
    study.version = "two"
    assert get(server, "version") == (200, "two")
    assert (get(server, ""), study.shown) == ((200, "<p>ünder two"), 2)


@pytest.mark.parametrize("path", ["study.db", "../study.db", "version/"])
def test_nothing_else_is_served(server: ReportServer, path: str) -> None:
    assert get(server, path) == (404, "")


def test_a_name_that_leads_here_is_not_enough(server: ReportServer, study: Study) -> None:
    port = server.server_address[1]
    assert get(server, "", f"localhost:{port}")[0] == 200
    assert get(server, "", f"evil.example:{port}") == (403, "")
    assert get(server, "version", "evil.example") == (403, "")


def test_only_this_machine_is_served(server: ReportServer) -> None:
    assert server.server_address[0] == "127.0.0.1"


def test_a_page_that_is_served_asks_for_news_and_a_file_does_not(finished: ReportData) -> None:
    served, file = render(finished, version="abc"), render(finished)
    assert "connect-src 'self'" in served
    assert 'data-version="abc"' in served
    assert "connect-src" not in file
    assert "data-version" not in file
    assert "fetch(" not in file

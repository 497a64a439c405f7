"""The report in a real browser: charts are drawn, nothing is asked of the network, no error is logged."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from autotl.report.data import ReportData
from autotl.report.html import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium: apt-get install chromium"),
]


def browse(page: Path, profile: Path, width: int) -> tuple[str, str]:
    """The page's document after its scripts ran, and the browser's log."""
    assert CHROMIUM is not None
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    flags += ["--enable-logging=stderr", "--virtual-time-budget=20000", f"--window-size={width},900"]
    command = [CHROMIUM, *flags, f"--user-data-dir={profile}", "--dump-dom", page.as_uri()]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return ended.stdout, ended.stderr


@pytest.mark.parametrize("width", [390, 1440])
def test_charts_are_drawn_without_errors(finished: ReportData, tmp_path: Path, width: int) -> None:
    write_report(finished, tmp_path / "report.html")
    document, log = browse(tmp_path / "report.html", tmp_path / "profile", width)
    assert 'data-charts="drawn"' in document
    holders = re.findall(r'data-figure="(\w+)"[^>]*class="[^"]*js-plotly-plot|class="[^"]*js-plotly-plot[^"]*"[^>]*data-figure="(\w+)"', document)  # fmt: skip
    assert len(holders) == 5
    assert document.count('class="main-svg"') >= 5
    assert "17 of 17" in document
    assert re.findall(r"CONSOLE.*", log) == []


def test_a_browser_that_cannot_draw_shows_the_numbers(finished: ReportData, tmp_path: Path) -> None:
    write_report(finished, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    (tmp_path / "old.html").write_text(text.replace("new DecompressionStream", "new Absent"), encoding="utf-8")
    document, _ = browse(tmp_path / "old.html", tmp_path / "profile", 1440)
    assert document.count("cannot draw the chart") >= 5
    assert len(re.findall(r"<details open", document)) == 5

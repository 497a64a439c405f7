from __future__ import annotations

from autotl.report.comparison_html import render_comparison, studies_of
from autotl.report.data import ReportData
from autotl.report.look import Look, Theme
from tests.report.compared import A, B, fresh, study, with_runs
from tests.report.test_html import Page


def test_the_page_is_whole_and_its_names_are_text() -> None:
    hostile = "<img src=x onerror=alert(1)>"
    studies = [with_runs(study(hostile, A), (1, 5.0)), with_runs(study("hour", B, minutes=60), (1, 9.0))]
    text = render_comparison(studies, Look(theme=Theme.LIGHT))
    page = Page(text)
    assert hostile not in text
    assert hostile in page.text
    assert [heading for level, heading in page.headings if level == 2] == [
        "The studies", "What more searching brought", "What wins where",
    ]  # fmt: skip
    assert "<title>Studies compared</title>" in text


def test_only_runs_of_the_recommended_strategy_are_taken_from_the_records() -> None:
    data: ReportData = study("ten", A).data
    rows = [fresh(A, 0.4, 1), fresh(B, 0.9, 1), {**fresh(A, 0.4, 2), "state": "failed"}]
    (one, other) = studies_of([(data, rows), (data, [])])
    assert ([row["seed"] for row in one.fresh], one.name, other.name) == ([1], "ten (1)", "ten (2)")

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autotl.report.comparison import Study
from autotl.report.comparison_html import render_comparison, studies_of
from autotl.report.data import ReportData
from autotl.report.look import Look, Theme
from tests.report.compared import A, B, fresh, study, with_runs
from tests.report.records import report
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


def test_studies_of_one_name_are_called_by_their_folders_where_these_differ() -> None:
    data: ReportData = study("cells", A).data
    found: list[tuple[ReportData, list[Mapping[str, Any]]]] = [(data, []), (data, [])]
    assert [one.name for one in studies_of(found, ["ten-minutes", "an-hour"])] == ["ten-minutes", "an-hour"]
    assert [one.name for one in studies_of(found, ["out", "out"])] == ["cells (1)", "cells (2)"]
    apart: list[tuple[ReportData, list[Mapping[str, Any]]]] = [(data, []), (study("trees", A).data, [])]
    assert [one.name for one in studies_of(apart, ["a", "b"])] == ["cells", "trees"]


def test_it_is_said_whether_the_advice_is_the_same_or_there_is_none_to_compare() -> None:
    nothing = Study(name="none", data=report(), fresh=())
    same = render_comparison([study("ten", A), study("hour", A)], Look())
    assert "In nothing: all recommend the same." in same
    assert "Fewer than two studies recommend one." in render_comparison([study("ten", A), nothing], Look())
    differing = render_comparison([study("ten", A), study("hour", B)], Look())
    assert "In nothing" not in differing
    assert "Fewer than two studies recommend one." not in differing

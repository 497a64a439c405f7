from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from autotl.report import comparison
from autotl.report.comparison import Study, best_at, best_so_far, named_apart, shared
from autotl.report.comparison_charts import comparison_charts, progress_title, shared_note, shared_title
from autotl.report.comparison_html import render_comparison, studies_of
from autotl.report.data import ReportData, StrategyRecord, TrainingRun
from autotl.report.look import Look, Theme
from autotl.strategy.schema import Strategy
from tests.report.fresh_runs import confirmation, confirmed
from tests.report.records import DATASET, record, report
from tests.report.studies import strategy
from tests.report.test_html import Page

START = datetime(2026, 1, 1)
A, B = strategy(frozen=5), strategy(frozen=3, lr=4e-3)


def study(
    name: str, winner: Strategy, *scores: float, minutes: float = 10.0, fingerprint: str = "same",
    others: Sequence[StrategyRecord] = (), folds: int = 0,
) -> Study:  # fmt: skip
    """A search that recommends a strategy, with a fresh run for each score."""
    best = record(1, 0.5, tried=winner)
    data = report(best, *others)
    session = replace(data.sessions[0], seconds=60 * minutes, started_at=START)
    data = replace(
        data, study=name, sessions=(session,), dataset=replace(DATASET, fingerprint=fingerprint, name=fingerprint)
    )
    if scores:
        data = replace(data, confirmation=confirmation(confirmed(1, *scores), folds=folds))
    return Study(name=name, data=data, fresh=tuple(fresh(winner, score, seed) for seed, score in enumerate(scores)))


def fresh(tried: Strategy, score: float, seed: int) -> Mapping[str, Any]:
    draws = np.random.default_rng(0).normal(0, 0.01, 100)
    return {
        "fingerprint": tried.fingerprint(), "seed": seed, "state": "complete", "metrics": {"map": score},
        "resampled": (score + draws).tolist(),
    }  # fmt: skip


def test_names_are_told_apart() -> None:
    assert named_apart(["a", "b", "a"]) == ["a (1)", "b", "a (2)"]
    assert named_apart(["a", "a", "a (1)"]) == ["a (2)", "a (3)", "a (1)"]


@pytest.mark.parametrize(
    ("short", "long", "says"),
    [
        (
            (0.40, 0.41, 0.40),
            (0.50, 0.51, 0.50),
            "hour searched longer and found a clearly better strategy than ten: +0.0",
        ),
        (
            (0.50, 0.51, 0.50),
            (0.40, 0.41, 0.40),
            "hour searched longer, but the strategy of ten is likely better: −0.0",
        ),
        ((0.50, 0.48, 0.49), (0.49, 0.50, 0.48), "recommend strategies that cannot be told apart: "),
    ],
)
def test_on_the_same_data_the_headline_tells_what_more_searching_brought(
    short: tuple[float, ...], long: tuple[float, ...], says: str
) -> None:
    studies = [study("hour", B, *long, minutes=60), study("ten", A, *short)]
    assert says in comparison.headline(studies)
    assert "3 runs of the one and 3 of the other" in comparison.basis(studies)


@pytest.mark.parametrize(
    ("one", "other", "says"),
    [
        ((0.40, 0.41, 0.40), (0.50, 0.51, 0.50), "The strategy of b is clearly better than that of a: +0.0"),
        ((0.50, 0.51, 0.50), (0.40, 0.41, 0.40), "The strategy of a is likely better than that of b: +0.0"),
        ((0.50, 0.48, 0.49), (0.49, 0.50, 0.48), "b and a recommend strategies that cannot be told apart: "),
    ],
)
def test_where_the_searches_took_as_long_nothing_is_put_down_to_time(
    one: tuple[float, ...], other: tuple[float, ...], says: str
) -> None:
    assert comparison.headline([study("a", A, *one), study("b", B, *other, minutes=10.5)]).startswith(says)


def test_the_same_advice_needs_no_comparison() -> None:
    studies = [study("ten", A), study("hour", A, minutes=60)]
    assert comparison.headline(studies) == "hour (1.0 h of searching) and ten (10.0 min) recommend the same strategy."
    assert comparison.basis(studies) == ""
    more = [*studies, study("day", A, minutes=1440)]
    assert comparison.headline(more) == "All of these searches recommend the same strategy."


@pytest.mark.parametrize("folds", [0, 3])
def test_without_runs_on_the_same_images_which_is_better_is_not_known(folds: int) -> None:
    scores = (0.4, 0.5) if folds else ()
    studies = [study("ten", A, *scores, folds=folds), study("hour", B, 0.5, 0.5, minutes=60)]
    assert comparison.headline(studies).endswith("which is better is not known.")
    assert "have to be trained again" in comparison.basis(studies)


def test_on_different_data_the_headline_tells_in_what_the_advice_differs() -> None:
    studies = [study("cells", A, fingerprint="cells"), study("cars", B, fingerprint="cars")]
    assert comparison.headline(studies) == (
        "What is recommended differs between these studies in frozen stages and learning rate."
    )
    assert "do not compare" in comparison.basis(studies)
    alike = [study("cells", A, fingerprint="cells"), study("cars", A, fingerprint="cars")]
    assert comparison.headline(alike) == "All 2 studies recommend the same strategy."


def test_nothing_recommended_is_nothing_to_compare() -> None:
    none = Study(name="b", data=replace(report(), study="b"), fresh=())
    assert "Fewer than two of these studies" in comparison.headline([study("a", A), none])
    assert comparison.basis([study("a", A), none]) == ""
    assert len(comparison.studies_table([study("a", A), none]).rows) == 2


def test_the_tables_have_a_row_a_study_and_a_row_a_difference() -> None:
    studies = [study("hour", B, 0.5, 0.51, 0.5, minutes=60), study("ten", A)]
    rows = [[cell.text for cell in row.cells] for row in comparison.studies_table(studies).rows]
    assert [row[0] for row in rows] == ["ten", "hour"]
    assert (rows[0][5], rows[0][6]) == ("0.500", "–"), "the search's score has no interval"
    assert rows[1][6] != "–"
    differing = comparison.differences_table(studies)
    assert differing.columns == ("parameter", "ten", "hour")
    assert [[cell.text for cell in row.cells] for row in differing.rows] == [
        ["frozen stages", "5", "3"], ["learning rate", "2e-3", "4e-3"],
    ]  # fmt: skip


def with_runs(one: Study, *ended: tuple[int, float]) -> Study:
    """(number of a strategy, minute at which its only run ended)."""
    runs = tuple(
        TrainingRun(
            strategy=number, session=0, started_at=START + timedelta(minutes=minute - 1), seconds=60.0, again=False,
            state="complete",
        )
        for number, minute in ended
    )  # fmt: skip
    return replace(one, data=replace(one.data, runs=runs))


def test_the_best_over_time_rises_and_knows_when() -> None:
    others = [record(2, 0.3), record(3, 0.4), record(4, 0.9, "pruned")]
    one = with_runs(study("ten", A, others=others), (2, 2.0), (4, 3.0), (3, 4.0), (1, 8.0))
    points = best_so_far(one)
    assert points == [(120.0, 0.3), (240.0, 0.4), (480.0, 0.5)], "what was pruned is no candidate"
    assert [best_at(points, seconds) for seconds in (60, 130, 1e9)] == [None, 0.3, 0.5]


def test_the_chart_of_progress_tells_what_the_longer_search_had_by_then() -> None:
    short = with_runs(study("ten", A), (1, 5.0))
    long = with_runs(study("hour", B, minutes=60, others=[record(2, 0.42)]), (2, 4.0), (1, 30.0))
    assert progress_title([long, short]) == "ten had its best, 0.500, after 5.0 min; by then hour 0.420"
    late = with_runs(study("hour", B, minutes=60), (1, 30.0))
    assert progress_title([late, short]).endswith("by then hour nothing")
    assert progress_title([study("ten", A), study("hour", B)]).endswith("know when their strategies ended")
    assert set(comparison_charts([long, short])) == {"progress", "common"}
    elsewhere = study("cars", B, fingerprint="cars")
    assert set(comparison_charts([short, elsewhere])) == {"common"}, "over different images time does not compare"


def test_shared_strategies_are_in_order_of_where_they_do_worst() -> None:
    first = study(
        "cells", A, fingerprint="cells", others=[record(2, 0.45, tried=B), record(3, 0.1, tried=strategy(frozen=0))]
    )
    second = study("cars", B, fingerprint="cars", others=[record(2, 0.3, tried=A)])
    found = shared([first, second])
    assert [one.strategy["freeze"]["frozen_stages"] for one in found] == [3, 5]
    assert found[0].behind == {"cells": pytest.approx(0.05), "cars": 0.0}
    assert shared_title([first, second]) == (
        "Of 2 strategies that are complete in all studies that recommend something, one is nowhere more than 0.050 mAP behind the best; "
        "the least safe is 0.200 behind"
    )
    assert "Freeze 3 of 5 stages" in shared_note([first, second])
    assert shared([first]) == []
    assert shared_title([study("cells", A), study("cars", B)]).endswith(
        "No strategy is complete in all studies that recommend something"
    )


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

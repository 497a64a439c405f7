from __future__ import annotations

from autotl.report.comparison_charts import comparison_charts
from autotl.report.comparison_progress import best_at, best_so_far, progress_title
from tests.report.compared import A, B, study, with_runs
from tests.report.records import record


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

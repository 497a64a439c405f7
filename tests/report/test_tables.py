from __future__ import annotations

from dataclasses import replace

from autotl.report import tables
from autotl.report.charts import charts
from autotl.report.data import ReportData
from autotl.report.leaderboard import leaderboard
from autotl.report.tables import MOST_ROWS, best_of
from tests.report.records import record, report
from tests.report.studies import strategy


def test_the_leaderboard_shows_every_strategy_best_candidates_first(finished: ReportData) -> None:
    board = leaderboard(finished)
    assert len(board.rows) == len(finished.strategies)
    assert [row.cells[0].value for row in board.rows[:2]] == [4, 9]
    assert [row.state for row in board.rows[-2:]] == ["failed", "infeasible"]
    assert [row.winner for row in board.rows] == [True] + [False] * 16
    assert board.rows[4].cells[board.columns.index("epochs")].text == "7 of 12"


def test_a_chart_s_table_of_many_strategies_has_the_best_in_their_order_and_says_so(finished: ReportData) -> None:
    assert best_of(finished.strategies) == (finished.strategies, "")
    one = finished.strategies[0]
    many = [replace(one, number=number, map=(number % 1000) / 1000) for number in range(1200)]
    shown, note = best_of(many)
    assert len(shown) == MOST_ROWS
    assert [record.number for record in shown] == sorted(record.number for record in shown)
    assert min(record.map or 0.0 for record in shown) > 0.79
    assert note == "Of 1,200 strategies the best 200 by mAP; the leaderboard has all."


def test_the_leaderboard_has_a_column_for_each_parameter_that_varies(finished: ReportData) -> None:
    board = leaderboard(finished)
    assert {"backbone", "frozen stages", "learning rate", "neck channels"} <= set(board.columns)
    assert "head" not in board.columns
    assert "head fcos" in board.note
    assert "epochs planned" not in board.note
    assert dict(zip(board.columns, board.numeric, strict=True))["learning rate"]
    assert not dict(zip(board.columns, board.numeric, strict=True))["backbone"]


def test_the_leaderboard_of_nothing_and_of_one() -> None:
    assert leaderboard(report()).rows == ()
    one = leaderboard(report(record(0, 0.4)))
    assert (len(one.rows), one.note) == (1, "")


def test_parameters_with_and_without_a_value_share_a_column() -> None:
    deep, plain = strategy(), strategy(frozen=1)
    plain = plain.model_copy(update={"head": plain.head.model_copy(update={"tower_depth": None})})
    board = leaderboard(report(record(0, 0.4, tried=deep), record(1, 0.3, tried=plain)))
    column = board.columns.index("tower depth")
    assert [(row.cells[column].text, row.cells[column].value) for row in board.rows] == [("2", 2), ("none", None)]
    assert board.numeric[column]


def test_every_chart_has_its_numbers(finished: ReportData) -> None:
    drawn = charts(finished)
    assert {name: len(chart.table.rows) for name, chart in drawn.items()} == {
        "depth": 15,
        "baselines": 5,
        "effects": 9,
        "map": 9,
        "timeline": 31,
        "precision": 3,
        "importance": 4,
        "curves": 15,
        "classes": 3,
        "latency": 10,
        "size": 10,
        "training": 10,
        "sure": 4,
        "ahead": 3,
        "gap": 5,
        "overfitting": 2,
        "labels": 5,
        "errors": 6,
        "reliability": 10,
    }
    curves = drawn["curves"].table
    assert curves.columns[-1] == "epoch 12"
    assert [cell.text for cell in curves.rows[3].cells[3:6]][1:] == ["0.241", "–"]


def test_what_did_not_finish_is_listed_with_its_reason(finished: ReportData) -> None:
    listed = tables.failures_table(finished)
    assert [(row.cells[0].text, row.cells[3].text) for row in listed.rows] == [
        ("#7", "the loss became nan in epoch 1, step 14"),
        ("#12", "needs 3.1 GB where 2.0 GB are free"),
        ("#16", "the budget was spent"),
    ]
    assert tables.failures_table(report(record(0, 0.4))).rows == ()


def test_the_data_is_counted_by_split_and_class(finished: ReportData) -> None:
    splits = tables.splits_table(finished)
    assert splits.columns == ("", "train", "val", "test")
    assert [cell.text for cell in splits.rows[-1].cells] == ["boxes of Platelets", "199", "86", "76"]
    assert [cell.value for cell in tables.image_sizes_table(finished).rows[0].cells] == [640, 480, 360]


def test_sizes_need_a_winner(finished: ReportData) -> None:
    assert [row.cells[0].text for row in tables.sizes_table(finished).rows] == ["small", "medium", "large"]
    assert tables.sizes_table(report()).rows == ()
    assert tables.environment_table(report(record(0, 0.4))).rows[0].cells[1].text == "a small CPU"

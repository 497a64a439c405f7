from __future__ import annotations

from dataclasses import replace

from autotl.report.data import Importance, ReportData
from autotl.report.leaderboard import PRINTED_COLUMNS, common_table, leaderboard, sorted_column, unprinted_columns
from tests.report.records import record, report, varied_report
from tests.report.studies import strategy


def test_the_leaderboard_shows_every_strategy_best_candidates_first(finished: ReportData) -> None:
    board = leaderboard(finished)
    assert len(board.rows) == len(finished.strategies)
    assert [row.cells[0].value for row in board.rows[:2]] == [4, 9]
    assert [row.state for row in board.rows[-2:]] == ["failed", "infeasible"]
    assert [row.winner for row in board.rows] == [True] + [False] * 16
    assert board.rows[4].cells[board.columns.index("epochs")].text == "7 of 12"


def test_the_leaderboard_has_a_column_for_each_parameter_that_varies(finished: ReportData) -> None:
    board = leaderboard(finished)
    assert {"backbone", "frozen stages", "learning rate", "neck channels"} <= set(board.columns)
    assert "head" not in board.columns
    same = {row.cells[0].text: row.cells[1].text for row in common_table(finished).rows}
    assert same["head"] == "fcos"
    assert "epochs planned" not in same
    assert not set(same) & set(board.columns)
    assert dict(zip(board.columns, board.numeric, strict=True))["learning rate"]
    assert not dict(zip(board.columns, board.numeric, strict=True))["backbone"]


def test_it_says_by_which_column_it_stands_only_where_it_does(finished: ReportData) -> None:
    board = leaderboard(finished)
    column = sorted_column(board)
    assert column is not None
    assert board.columns[column] == "search mAP"
    early = report(record(0, 0.4), record(1, 0.5, "pruned"))
    assert [row.cells[2].value for row in leaderboard(early).rows] == [0.4, 0.5]
    assert sorted_column(leaderboard(early)) is None, "candidates are first, whatever others had"
    assert sorted_column(leaderboard(report(record(0, None, "failed")))) is None
    assert sorted_column(leaderboard(report())) is None


def test_the_leaderboard_of_nothing_and_of_one() -> None:
    assert leaderboard(report()).rows == ()
    one = leaderboard(report(record(0, 0.4)))
    assert (len(one.rows), one.note) == (1, "")
    assert common_table(report(record(0, 0.4))).rows == ()


def test_parameters_with_and_without_a_value_share_a_column() -> None:
    deep, plain = strategy(), strategy(frozen=1)
    plain = plain.model_copy(update={"head": plain.head.model_copy(update={"tower_depth": None})})
    board = leaderboard(report(record(0, 0.4, tried=deep), record(1, 0.3, tried=plain)))
    column = board.columns.index("tower depth")
    assert [(row.cells[column].text, row.cells[column].value) for row in board.rows] == [("2", 2), ("none", None)]
    assert board.numeric[column]


def test_it_says_why_numbers_are_missing_only_where_some_are() -> None:
    every = report(record(0, 0.4), record(1, 0.5))
    went_on = report(record(0, 0.4), record(2, 0.5))
    assert "has the number of its last one" in leaderboard(went_on).note
    assert "has the number of its last one" not in leaderboard(every).note


def test_a_sheet_leaves_out_the_parameters_that_tell_least_and_no_score_or_cost() -> None:
    data = varied_report()
    board = leaderboard(data)
    assert len(board.columns) > PRINTED_COLUMNS
    left_out = unprinted_columns(data, board)
    assert len(board.columns) - len(left_out) == PRINTED_COLUMNS
    printed = [name for place, name in enumerate(board.columns) if place not in left_out]
    assert printed[:5] == ["strategy", "state", "mAP", "AP50", "epochs"]
    assert printed[-3:] == ["size", "per image", "wall time"]
    assert printed[5:-3][0] == "frozen stages", "without anything known of them, the first parameters stay"
    shares = {"optim.ema_decay": 0.5, "optim.clip_norm": 0.3, "freeze.frozen_stages": 0.2}
    known = replace(data, importance=Importance(shares=shares, strategies=9, best=3))
    names = {
        board.columns[place] for place in range(len(board.columns)) if place not in unprinted_columns(known, board)
    }
    assert {"EMA decay", "gradient clip", "frozen stages"} <= names


def test_a_leaderboard_for_which_there_is_room_is_printed_whole(finished: ReportData) -> None:
    assert unprinted_columns(finished, leaderboard(finished)) == ()
    assert unprinted_columns(report(), leaderboard(report())) == ()

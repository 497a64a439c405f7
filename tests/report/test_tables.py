from __future__ import annotations

from dataclasses import replace

from autotl.report.data import ReportData
from autotl.report.tables import MOST_ROWS, Cell, best_of, strategy_cell, table, text_cell


def test_a_chart_s_table_of_many_strategies_has_the_best_in_their_order_and_says_so(finished: ReportData) -> None:
    assert best_of(finished.strategies) == (finished.strategies, "")
    one = finished.strategies[0]
    many = [replace(one, number=number, map=(number % 1000) / 1000) for number in range(1200)]
    shown, note = best_of(many)
    assert len(shown) == MOST_ROWS
    assert [record.number for record in shown] == sorted(record.number for record in shown)
    assert min(record.map or 0.0 for record in shown) > 0.79
    assert note == "Of 1,200 strategies the best 200 by mAP; the leaderboard has all."


def test_numbers_stand_right_and_words_and_names_of_strategies_left() -> None:
    rows = [
        (strategy_cell(4), Cell("0.5", 0.5), Cell("–", None), text_cell("a")),
        (strategy_cell(5), Cell("–", None), Cell("–", None), text_cell("")),
    ]
    assert table(("strategy", "mAP", "nothing", "word"), rows).numeric == (False, True, False, False)

from __future__ import annotations

from dataclasses import replace

import pytest

from autotl.report import choices
from autotl.report.data import ReportData, StrategyRecord
from autotl.report.points import MOST_POINTS
from tests.report.records import default_baseline, record, report
from tests.report.studies import strategy
from tests.report.test_effects import drawn


def searched(*others: StrategyRecord, noise: float = 0.01) -> ReportData:
    """Thirty complete strategies whose best has 96 channels."""
    return report(*drawn(0, 30, noise), *others)


def test_the_title_names_what_costs_most_with_its_interval() -> None:
    title = choices.effects_title(searched())
    assert title.startswith("On average ")
    assert " instead of " in title
    assert " costs 0.0" in title
    low, high = title.split("(")[1].rstrip(")").split(" to ")
    assert 0 < float(low) < float(high), "the ends of a cost are in order"


def test_a_choice_that_would_have_been_better_adds() -> None:
    worst = min(searched().strategies, key=lambda one: one.map or 0.0)
    assert " adds 0.0" in choices.effects_title(replace(searched(), winner=worst))


def test_where_nothing_is_told_the_title_says_so() -> None:
    alike = [
        record(number, 0.4 + 0.001 * (number % 3), tried=strategy(lr=1e-3 * (1 + number), frozen=number % 2))
        for number in range(10)
    ]
    assert choices.effects_title(report(*alike)) == "No single choice makes a difference that can be told from chance"


@pytest.mark.parametrize("count", [0, 3, 7])
def test_of_few_strategies_nothing_is_concluded(count: int) -> None:
    data = report(*drawn(0, 30)[:count])
    assert choices.effects_title(data).endswith("Too early to say")
    assert (
        f"It takes 8 complete strategies that start from the same weights, the recommended one among them ({count} so far)."
        in choices.effects_note(data)
    )
    assert choices.effects_figure(data) is None


def test_strategies_from_other_weights_and_unfinished_ones_do_not_count() -> None:
    scratch = record(40, 0.05, tried=strategy(frozen=0, scratch=True), baseline="from_scratch")
    pruned = record(41, 0.2, "pruned", tried=strategy(frozen=1))
    assert choices.effects(searched(scratch, pruned)) == choices.effects(searched())
    assert "of 30 complete strategies" in choices.effects_note(searched(scratch, pruned))


def test_the_figure_and_the_table_have_a_row_a_choice() -> None:
    data = searched()
    figure, rows = choices.effects_figure(data), choices.effects_table(data).rows
    assert figure is not None
    assert len(figure.layout.yaxis.ticktext) == len(rows) == len(choices.effects(data))
    assert "neck channels 64, not 96" in figure.layout.yaxis.ticktext
    assert rows[0].cells[0].text == "frozen stages"


def test_of_many_choices_the_chart_has_those_that_matter() -> None:
    many = [
        record(number, 0.3 + 0.01 * (number % 5), tried=strategy(backbone=f"backbone{number}", frozen=number % 5))
        for number in range(40)
    ]
    data = report(*many)
    figure = choices.effects_figure(data)
    assert figure is not None
    assert len(figure.layout.yaxis.ticktext) == choices.MOST_ROWS
    left_out = len(choices.effects(data)) - choices.MOST_ROWS
    assert f"Not drawn: {left_out} choices that matter least." in choices.effects_note(data)
    assert len(choices.effects_table(data).rows) == len(choices.effects(data))


def at(number: int, depth: int, rate: float, score: float) -> StrategyRecord:
    return record(number, score, tried=strategy(frozen=depth, lr=rate))


def test_the_map_tells_where_the_best_lie() -> None:
    good = [at(number, 4 + number % 2, 2e-3 + 1e-3 * number, 0.5) for number in range(3)]
    bad = [at(10 + number, 1, 9e-3, 0.2) for number in range(9)]
    assert choices.map_title(report(*good, *bad)) == (
        "The best 3 of 12 freeze 4 to 5 stages, at learning rates from 2e-3 to 4e-3"
    )
    one = [at(number, 1, 1e-3 + 1e-4 * number, 0.5) for number in range(3)]
    assert "freeze 1 stage, at" in choices.map_title(report(*one, *bad))
    assert choices.map_title(report(*good)).endswith("Too few strategies are complete to say")


def test_the_map_has_a_point_a_complete_strategy_and_crosses_for_the_others() -> None:
    data = report(at(0, 4, 1e-3, 0.4), default_baseline(0.3), record(2, 0.2, "pruned", tried=strategy(frozen=2)))
    figure = choices.map_figure(data)
    assert figure is not None
    crosses, points, ring = figure.data
    assert (list(crosses.customdata), list(points.customdata)) == ([2], [0, 90])
    assert [round(height) for height in points.y] == [4, 0]
    assert list(points.marker.color) == [0.4, 0.3]
    assert (ring.x[0], ring.y[0]) == (points.x[0], points.y[0])
    assert "Crosses: 1 strategy that had fewer epochs" in choices.map_note(data)
    assert "Crosses" not in choices.map_note(report(at(0, 4, 1e-3, 0.4)))
    assert [row.cells[-1].text for row in choices.map_table(data).rows] == ["#90", "#0"]


def test_a_map_of_many_strategies_is_a_sample_and_says_so() -> None:
    data = report(*(at(number, number % 6, 1e-3, number / 1e4) for number in range(MOST_POINTS + 1)))
    figure = choices.map_figure(data)
    assert figure is not None
    assert len(figure.data[0].x) == MOST_POINTS
    assert "Of 1,001 strategies the best 500 and 500 of the others are drawn." in choices.map_note(data)

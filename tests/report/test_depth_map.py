from __future__ import annotations

from dataclasses import replace

import pytest

from autotl.report import depth_map
from autotl.report.data import StrategyRecord
from autotl.report.points import MOST_POINTS
from autotl.strategy.freeze_plan import FreezePlan
from autotl.strategy.schema import Strategy
from tests.report.records import default_baseline, record, report
from tests.report.studies import strategy


def at(number: int, depth: int, rate: float, score: float) -> StrategyRecord:
    return record(number, score, tried=strategy(frozen=depth, lr=rate))


def test_the_map_tells_where_the_best_lie() -> None:
    good = [at(number, 4 + number % 2, 2e-3 + 1e-3 * number, 0.5) for number in range(3)]
    bad = [at(10 + number, 1, 9e-3, 0.2) for number in range(9)]
    assert depth_map.map_title(report(*good, *bad)) == (
        "The best 3 of 12 freeze 4 to 5 stages, at learning rates from 2e-3 to 4e-3"
    )
    one = [at(number, 1, 1e-3 + 1e-4 * number, 0.5) for number in range(3)]
    assert "freeze 1 stage, at" in depth_map.map_title(report(*one, *bad))
    few = report(*good, *bad[: depth_map.FEW - 4])
    assert depth_map.map_title(few).endswith("Too few strategies are complete to say")
    alike = [at(number, 4, 2e-3, 0.5) for number in range(3)]
    assert depth_map.map_title(report(*alike, *bad)).endswith("freeze 4 stages, at a learning rate of 2e-3")


def test_the_map_has_a_point_a_complete_strategy_and_crosses_for_the_others() -> None:
    data = report(at(0, 4, 1e-3, 0.4), default_baseline(0.3), record(2, 0.2, "pruned", tried=strategy(frozen=2)))
    figure = depth_map.map_figure(data)
    assert figure is not None
    crosses, points, ring = figure.data
    assert (list(crosses.customdata), list(points.customdata)) == ([2], [0, 90])
    assert [round(height) for height in points.y] == [4, 0]
    assert list(points.marker.color) == [0.4, 0.3]
    assert (ring.x[0], ring.y[0]) == (points.x[0], points.y[0])
    assert "Crosses: 1 strategy that had fewer epochs" in depth_map.map_note(data)
    assert "Crosses" not in depth_map.map_note(report(at(0, 4, 1e-3, 0.4)))
    assert [row.cells[-1].text for row in depth_map.map_table(data).rows] == ["#90", "#0"]


def test_a_map_of_many_strategies_is_a_sample_and_says_so() -> None:
    data = report(*(at(number, number % 6, 1e-3, number / 1e4) for number in range(MOST_POINTS + 1)))
    figure = depth_map.map_figure(data)
    assert figure is not None
    assert len(figure.data[0].x) == MOST_POINTS
    assert "Of 1,001 strategies the best 500 and 500 of the others are drawn." in depth_map.map_note(data)


def test_the_map_says_which_strategies_have_no_place_on_it() -> None:
    counting = record(1, 0.4, tried=Strategy(freeze=FreezePlan(unit="block", frozen_blocks=3)))
    assert depth_map.map_note(report(counting)) == "Not drawn: 1 strategy frozen by blocks."
    assert depth_map.map_figure(report(counting)) is None
    assert "1 strategy frozen by blocks" in depth_map.map_note(report(at(0, 4, 1e-3, 0.4), counting))
    surgical = record(2, 0.4, tried=Strategy(freeze=FreezePlan(last_trained_stage=1)))
    assert depth_map.map_note(report(surgical)) == "Not drawn: 1 strategy with trained stages below frozen ones."
    assert "Not drawn" not in depth_map.map_note(report(at(0, 4, 1e-3, 0.4)))


def test_a_recommended_strategy_that_was_stopped_has_its_ring() -> None:
    stopped = replace(at(1, 3, 1e-3, 0.5), state="stopped")
    figure = depth_map.map_figure(report(at(0, 4, 1e-3, 0.4), stopped))
    assert figure is not None
    crosses, _, ring = figure.data
    assert (ring.x[0], ring.y[0]) == (crosses.x[0], crosses.y[0])


@pytest.mark.parametrize(
    ("neighbour", "is_below"), [(4, True), (2, False), (5, False)], ids=["above", "below", "far above"]
)
def test_the_winner_s_name_stands_where_it_covers_fewer_points(neighbour: int, is_below: bool) -> None:
    data = report(at(0, 3, 1e-3, 0.5), at(1, neighbour, 1.1e-3, 0.4), at(2, 0, 1e-2, 0.3))
    figure = depth_map.map_figure(data)
    assert figure is not None
    name = next(note for note in figure.layout.annotations if "recommended" in note.text)
    assert (name.yshift < 0) == is_below

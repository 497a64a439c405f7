from __future__ import annotations

from dataclasses import replace

import pytest

from autotl.report.data import ReportData, StrategyRecord
from autotl.report.depth import best_by_depth, depth_figure, depth_note, depth_title, mapped
from autotl.study.ledger import TrialState
from tests.report.drawing import drawn
from tests.report.fresh_runs import confirmation, confirmed
from tests.report.records import record, report
from tests.report.studies import strategy


def at_depth(number: int, depth: int, score: float) -> StrategyRecord:
    return record(number, score, tried=strategy(frozen=depth))


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ({0: 0.40, 4: 0.50}, "Freezing helps here: 0.500 mAP with 4 frozen stages, 0.400 with none"),
        ({0: 0.40, 1: 0.50}, "Freezing helps here: 0.500 mAP with 1 frozen stage, 0.400 with none"),
        ({0: 0.50, 4: 0.40}, "Freezing costs accuracy here: 0.500 mAP when everything is trained, 0.400 with 4 frozen"),
        ({0: 0.50, 4: 0.505}, "Frozen depth makes little difference here"),
        ({0: 0.50, 4: 0.505, 5: 0.3}, "Freezing 4 stages (0.505) and training everything (0.500) cannot be told apart"),
        ({3: 0.50, 5: 0.40}, "The best depth so far is 3 frozen stages: 0.500 mAP"),
        ({5: 0.40}, "Too few depths have finished"),
        ({}, "Too few depths have finished"),
    ],
)
def test_the_depth_finding_follows_the_numbers(scores: dict[int, float], expected: str) -> None:
    data = report(*(at_depth(number, depth, score) for number, (depth, score) in enumerate(scores.items())))
    assert expected in depth_title(data)


def test_the_depth_finding_leaves_out_what_cannot_be_compared() -> None:
    scratch = record(7, 0.9, tried=strategy(frozen=0, scratch=True))
    pruned = record(8, 0.9, "pruned", tried=strategy(frozen=2))
    data = report(at_depth(0, 0, 0.4), at_depth(1, 5, 0.5), scratch, pruned)
    assert list(best_by_depth(mapped(data))) == [0, 5]
    assert depth_note(data).endswith(
        "Not drawn: 1 strategy pruned after fewer epochs and 1 strategy without pretrained weights."
    )
    assert "Not drawn" not in depth_note(report(at_depth(0, 0, 0.4)))


@pytest.mark.parametrize(
    ("none", "five", "expected"),
    [
        ("stopped", "complete", "The best depth so far is 3 frozen stages: 0.500 mAP"),
        ("complete", "stopped", "Freezing helps here: 0.500 mAP with 3 frozen stages, 0.100 with none"),
        ("stopped", "stopped", "Too few depths have finished"),
    ],
)
def test_the_depth_finding_compares_nothing_that_was_cut_off(none: TrialState, five: TrialState, expected: str) -> None:
    everything = record(0, 0.1, none, tried=strategy(frozen=0))
    frozen = record(2, 0.4, five, tried=strategy(frozen=5))
    assert expected in depth_title(report(everything, at_depth(1, 3, 0.5), frozen))


def test_the_depth_chart_joins_the_best_of_each_depth(finished: ReportData) -> None:
    lines = [trace for trace in drawn(depth_figure, finished).data if trace.mode == "lines" and trace.line.width == 2]
    assert [len(line.x) for line in lines] == [5, 2, 2]
    assert [round(x) for x in lines[0].x] == [0, 2, 3, 4, 5]
    assert lines[0].y == (0.446, 0.452, 0.471, 0.503, 0.462)


def test_the_depth_chart_leaves_out_pruned_and_unpretrained_strategies(finished: ReportData) -> None:
    points = [y for trace in drawn(depth_figure, finished).data if trace.customdata for y in trace.y]
    assert sorted(points) == [0.438, 0.446, 0.452, 0.455, 0.462, 0.464, 0.471, 0.479, 0.488, 0.503]


def test_stopped_strategies_are_hollow(finished: ReportData) -> None:
    hollow = [trace for trace in drawn(depth_figure, finished).data if trace.marker.color == "var(--bg)"]
    assert [trace.y for trace in hollow] == [(0.464,)]


def test_a_search_that_runs_calls_its_best_so(finished: ReportData) -> None:
    running = replace(finished, sessions=(replace(finished.sessions[0], ended_by="running"),))
    assert "best so far" in drawn(depth_figure, running).to_json()
    assert "recommended" not in drawn(depth_figure, running).to_json()


def test_the_spread_of_a_depth_is_drawn_where_there_is_one(finished: ReportData) -> None:
    spans = [trace for trace in drawn(depth_figure, finished).data if trace.mode == "lines" and trace.line.width > 2]
    assert [(round(span.x[0]), span.y) for span in spans] == [(5, (0.438, 0.462))]
    assert "A bar spans" in depth_note(finished)
    alone = report(at_depth(0, 0, 0.4), at_depth(1, 5, 0.5))
    assert all(trace.line.width == 2 for trace in drawn(depth_figure, alone).data if trace.mode == "lines")
    assert "A bar spans" not in depth_note(alone)


@pytest.mark.parametrize(
    ("scores", "medians"), [((0.3, 0.5), []), ((0.3, 0.45, 0.5), [0.45]), ((0.3, 0.4, 0.5, 0.5), [0.45])]
)
def test_three_at_a_depth_have_a_median(scores: tuple[float, ...], medians: list[float]) -> None:
    data = report(*(at_depth(number, 4, score) for number, score in enumerate(scores)))
    ticks = [trace for trace in drawn(depth_figure, data).data if trace.marker.symbol == "line-ew"]
    assert [y for trace in ticks for y in trace.y] == pytest.approx(medians)


def test_backbones_have_spreads_of_their_own() -> None:
    other = record(9, 0.6, tried=strategy("efficientnet_lite1", 4))
    data = report(at_depth(0, 4, 0.4), at_depth(1, 4, 0.5), other)
    spans = [trace.y for trace in drawn(depth_figure, data).data if trace.mode == "lines" and trace.line.width > 2]
    assert spans == [(0.4, 0.5)]


def test_what_can_be_chance_follows_the_runs_that_were_repeated() -> None:
    data = report(at_depth(0, 0, 0.40), at_depth(1, 4, 0.45))
    assert "Freezing helps here" in depth_title(data)
    noisy = replace(data, confirmation=confirmation(confirmed(1, 0.44), spread=0.03))
    assert "lie within 0.070 mAP" in depth_title(noisy)
    assert "gaps below about 0.070 can be chance" in depth_note(noisy)


def test_depths_that_had_more_tries_are_said_to() -> None:
    uneven = report(at_depth(0, 0, 0.4), at_depth(1, 4, 0.5), at_depth(2, 4, 0.45))
    assert "with 0 and 4 frozen stages there are 1 and 2 strategies" in depth_note(uneven)
    assert "by chance alone" not in depth_note(report(at_depth(0, 0, 0.4), at_depth(1, 4, 0.5)))

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from autotl.report.data import ReportData, StrategyRecord
from autotl.report.trade_offs import (
    COSTS,
    Cost,
    front,
    trade_off_chart,
    trade_off_figure,
    trade_off_note,
    trade_off_table,
    trade_off_title,
)
from tests.report.records import record, report
from tests.report.studies import strategy

LATENCY, SIZE, TRAINING = COSTS


def _priced(number: int, score: float, milliseconds: float) -> StrategyRecord:
    return record(number, score, costs={"seconds_per_image": milliseconds / 1000, "bundle_bytes": 4e6})


DATA = report(
    _priced(0, 0.50, 40), _priced(1, 0.48, 20), _priced(2, 0.45, 30), _priced(3, 0.30, 10), record(4, 0.2),
    record(5, 0.6, "pruned", costs={"seconds_per_image": 0.001}),
)  # fmt: skip


def test_the_front_is_what_no_cheaper_one_beats() -> None:
    assert [found.number for found in front(DATA, LATENCY)] == [3, 1, 0]
    assert [found.number for found in front(DATA, SIZE)] == [0], "of equal cost the best alone"


def test_the_title_names_the_next_cheaper_one_and_what_it_gives_up() -> None:
    assert trade_off_title(DATA, LATENCY) == (
        "#1 is faster than the recommended #0 (20.0 ms, not 40.0 ms), with −0.020 mAP"
    )
    assert trade_off_title(DATA, SIZE) == "No strategy is smaller than the recommended one"


def test_the_title_compares_with_what_is_recommended_whatever_scored_highest() -> None:
    recommended = replace(DATA, winner=next(one for one in DATA.strategies if one.number == 2))
    assert trade_off_title(recommended, LATENCY) == (
        "#1 is faster than the recommended #2 (20.0 ms, not 30.0 ms), with +0.030 mAP"
    )
    unpriced = replace(DATA, winner=next(one for one in DATA.strategies if one.number == 4))
    assert trade_off_title(unpriced, LATENCY).endswith("that of the recommended strategy is not known")
    alike = report(_priced(0, 0.5, 40), _priced(1, 0.4996, 20))
    assert trade_off_title(alike, LATENCY).endswith("with the same mAP")


def test_the_note_counts_those_without_a_cost() -> None:
    assert trade_off_note(DATA, LATENCY).endswith("Of 1 candidate the inference time is not known.")
    assert "not known" not in trade_off_note(DATA, TRAINING)


def test_the_chart_shows_candidates_in_the_axis_s_unit_and_rings_the_winner() -> None:
    figure = trade_off_figure(DATA, LATENCY)
    assert figure is not None
    line, points, ring = figure.data
    assert list(line.x) == pytest.approx([10, 20, 40])
    assert sorted(points.x) == pytest.approx([10, 20, 30, 40])
    assert list(ring.x) == pytest.approx([40])
    assert list(ring.y) == [0.5]


def test_the_table_has_every_point_and_says_which_are_on_the_front() -> None:
    rows = [[cell.text for cell in row.cells][:4] for row in trade_off_table(DATA, LATENCY).rows]
    assert rows == [
        ["#3", "10.0 ms", "0.300", "yes"],
        ["#1", "20.0 ms", "0.480", "yes"],
        ["#2", "30.0 ms", "0.450", "no"],
        ["#0", "40.0 ms", "0.500", "yes"],
    ]


@pytest.mark.parametrize("cost", COSTS, ids=lambda cost: cost.id)
def test_before_anything_has_finished_there_is_nothing_to_draw(cost: Cost) -> None:
    empty = report(running=True)
    assert trade_off_figure(empty, cost) is None
    assert trade_off_table(empty, cost).rows == ()
    assert "no strategy has finished" in trade_off_title(empty, cost)
    assert trade_off_note(empty, cost) == ""


def name_of_the_winner(data: ReportData) -> Any:
    figure = trade_off_figure(data, LATENCY)
    assert figure is not None
    return next(note for note in figure.layout.annotations if "recommended" in note.text), figure.layout


@pytest.mark.parametrize(("milliseconds", "side"), [(2, "left"), (20, "center"), (40, "right")])
def test_the_name_of_the_winner_stays_within_the_chart(milliseconds: float, side: str) -> None:
    best, worst = _priced(0, 0.5, milliseconds), _priced(1, 0.3, 40)
    name, layout = name_of_the_winner(report(best, worst))
    assert name.xanchor == side
    top, bottom = layout.yaxis.range[1], layout.yaxis.range[0]
    pixels = (layout.height - layout.margin.t - layout.margin.b) / (top - bottom)
    assert 0.5 + (name.yshift + 8) / pixels <= top


def test_strategies_that_score_alike_do_not_fill_the_chart_with_chance() -> None:
    _, layout = name_of_the_winner(report(_priced(0, 0.5, 40), _priced(1, 0.4999, 20)))
    low, high = layout.yaxis.range
    assert high - low > 0.02
    assert low < 0.4999 < 0.5 < high


def test_backbones_are_named_in_the_chart_where_there_is_room_and_in_its_key_otherwise() -> None:
    apart = report(
        record(0, 0.5, costs={"seconds_per_image": 0.04}),
        record(1, 0.3, tried=strategy("efficientnet_lite1"), costs={"seconds_per_image": 0.02}),
    )
    chart = trade_off_chart(apart, LATENCY)
    assert chart.figure is not None
    names = [note.text for note in chart.figure.layout.annotations if note.name == "direct"]
    assert (sorted(names), chart.direct_labels) == (["EfficientNet-Lite0", "EfficientNet-Lite1"], True)
    crowd = report(
        *(record(n, 0.3 + n / 1000, costs={"seconds_per_image": n / 10000}) for n in range(1, 200)),
        *(record(n, 0.1 + n / 1000, tried=strategy("efficientnet_lite1", lr=n / 1e4), costs={"seconds_per_image": (n - 200) / 10000}) for n in range(200, 400)),
    )  # fmt: skip
    chart = trade_off_chart(crowd, LATENCY)
    assert chart.figure is not None
    assert not any(note.name == "direct" for note in chart.figure.layout.annotations)
    assert (chart.direct_labels, len(chart.key)) == (False, 2)

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from autotl.report.charts import charts
from autotl.report.data import ReportData
from autotl.report.figures import curves_figure, depth_figure
from autotl.report.findings import MAX_CLASSES, MAX_FAINT_CURVES
from autotl.report.row_figures import baselines_figure, classes_figure, importance_figure
from autotl.report.theme import Figure, marks, plain, spread
from tests.report.records import default_baseline, record, report
from tests.report.studies import strategy


def drawn(draw: Callable[[ReportData], Figure | None], data: ReportData) -> Figure:
    """The figure of a chart that has something to draw."""
    figure = draw(data)
    assert figure is not None
    return figure


def test_the_depth_chart_joins_the_best_of_each_depth(finished: ReportData) -> None:
    lines = [trace for trace in drawn(depth_figure, finished).data if trace.mode == "lines"]
    assert [len(line.x) for line in lines] == [5, 2, 2]
    assert [round(x) for x in lines[0].x] == [0, 2, 3, 4, 5]
    assert lines[0].y == (0.446, 0.452, 0.471, 0.503, 0.462)


def test_the_depth_chart_leaves_out_pruned_and_unpretrained_strategies(finished: ReportData) -> None:
    points = [y for trace in drawn(depth_figure, finished).data if trace.customdata for y in trace.y]
    assert sorted(points) == [0.438, 0.446, 0.452, 0.455, 0.462, 0.464, 0.471, 0.479, 0.488, 0.503]


def test_stopped_strategies_are_hollow(finished: ReportData) -> None:
    hollow = [trace for trace in drawn(depth_figure, finished).data if trace.marker.color == "var(--bg)"]
    assert [trace.y for trace in hollow] == [(0.464,)]


def test_a_backbone_has_one_colour_everywhere(finished: ReportData) -> None:
    known = marks(finished.backbones)
    assert len({mark.colour for mark in known.values()}) == 3
    assert [entry.colour for entry in charts(finished)["depth"].key] == [mark.colour for mark in known.values()]
    lines = [trace.line.color for trace in drawn(depth_figure, finished).data if trace.mode == "lines"]
    assert lines == [mark.colour for mark in known.values()]
    curves = [trace.line.color for trace in drawn(curves_figure, finished).data if trace.line.width == 1.6]
    assert curves == lines


def test_pruned_and_failed_curves_are_faint_and_the_winner_is_wide(finished: ReportData) -> None:
    faint, *_, winner, ring = drawn(curves_figure, finished).data
    assert faint.opacity < 1
    assert sum(y is None for y in faint.y) == len(finished.in_state("pruned"))
    assert winner.line.width > 3
    assert winner.y[:-1][-1] == 0.503
    assert (ring.x, ring.y) == ((12,), (0.503,))


def test_the_baselines_stand_side_by_side_with_their_epochs(finished: ReportData) -> None:
    figure = drawn(baselines_figure, finished)
    labels = " ".join(figure.layout.yaxis.ticktext)
    assert "full fine-tuning (default)" in labels
    assert "3 of 12 epochs, pruned" in labels
    assert [trace.x[0] for trace in figure.data] == [0.503, 0.438, 0.471, 0.446, 0.051]


def test_the_default_that_the_study_has_is_marked() -> None:
    data = report(record(0, 0.4), default_baseline(0.3), default_baseline="feature_extraction")
    labels = drawn(baselines_figure, data).layout.yaxis.ticktext
    assert [label.split("<")[0] for label in labels if "(default)" in label] == ["feature extraction (default)"]


def test_a_baseline_that_failed_or_did_not_run_keeps_its_row() -> None:
    figure = drawn(baselines_figure, report(record(0, 0.4), default_baseline(None, "failed", reason="out of memory")))
    assert len(figure.layout.yaxis.ticktext) == 5
    assert [note.text for note in figure.layout.annotations] == ["not run", "not run", "out of memory", "not run"]


def test_charts_are_absent_before_there_is_anything_to_draw() -> None:
    for data in (report(), report(running=True), report(record(0, None, "failed")), report(record(0, None, "running"))):
        every = charts(data)
        assert {name for name, chart in every.items() if chart.figure is not None} == set()
        assert all(chart.title for chart in every.values())


def test_one_strategy_is_enough_for_charts() -> None:
    data = report(record(0, 0.0))
    assert depth_figure(data) is not None
    assert curves_figure(data) is not None
    assert baselines_figure(data) is not None
    assert importance_figure(data) is None
    assert classes_figure(data) is None


def test_the_class_chart_shows_the_worst_classes_and_the_table_all() -> None:
    by_class = {f"class {n:03d}": {"map": n / 100, "ap50": n / 50, "boxes": 3} for n in range(50)}
    data = report(record(0, 0.3, metrics={"by_class": by_class}))
    chart = charts(data)["classes"]
    assert len(drawn(classes_figure, data).data[0].x) == MAX_CLASSES
    assert drawn(classes_figure, data).data[0].x[0] == 0.0
    assert len(chart.table.rows) == 50
    assert "worst 40 of 50 classes" in chart.note


def test_what_is_not_drawn_of_many_curves_is_said() -> None:
    pruned = [record(number, 0.1, "pruned") for number in range(MAX_FAINT_CURVES + 5)]
    chart = charts(report(record(999, 0.4), *pruned))["curves"]
    assert chart.figure is not None
    assert chart.figure.data[0].x.count(None) == MAX_FAINT_CURVES
    assert "Of these 305 the last 300 are drawn." in chart.note
    assert len(chart.table.rows) == 200
    assert chart.table.note.startswith("Of 306 strategies the best 200")
    assert "are drawn" not in charts(report(*pruned[:300]))["curves"].note


def test_names_are_text_in_charts() -> None:
    by_class = {"<b>bold</b>": {"map": 0.1, "ap50": 0.2, "boxes": 1}}
    data = report(
        record(0, 0.3, tried=strategy("<i>net</i>"), metrics={"by_class": by_class}),
        default_baseline(None, "failed", reason="<a href='x'>why</a>"),
    )
    for draw in (classes_figure, depth_figure, curves_figure, baselines_figure):
        text = json.dumps(json.loads(drawn(draw, data).to_json()))
        assert re.findall(r"<(?!/?(?:b|br|span)\b)", text) == []
        assert "<b>bold" not in text


def test_charts_use_the_theme_s_colours_alone(finished: ReportData) -> None:
    for chart in charts(finished).values():
        assert chart.figure is not None
        assert re.findall(r'"#[0-9a-fA-F]{3,8}"', json.dumps(json.loads(chart.figure.to_json()))) == []


def test_many_backbones_stay_distinct() -> None:
    known = marks([f"net{n}" for n in range(12)])
    assert len(set(known.values())) == 12
    assert plain("a<b>&c") == "a&lt;b&gt;&amp;c"


@pytest.mark.parametrize("values", [[], [0.3], [0.5, 0.5, 0.5], [0.1, 0.9], [0.52, 0.5, 0.51, 0.1]])
def test_labels_are_spread_apart_in_their_order(values: list[float]) -> None:
    placed = spread(values, 0.05)
    order = sorted(range(len(values)), key=lambda index: values[index])
    steps = [placed[after] - placed[before] for before, after in pairwise(order)]
    assert all(step >= 0.05 - 1e-9 for step in steps)
    assert sum(placed) == pytest.approx(sum(values))


def test_a_search_that_runs_calls_its_best_so(finished: ReportData) -> None:
    running = replace(finished, sessions=(replace(finished.sessions[0], ended_by="running"),))
    assert "best so far" in drawn(depth_figure, running).to_json()
    assert "recommended" not in drawn(depth_figure, running).to_json()

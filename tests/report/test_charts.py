from __future__ import annotations

import json
import re

from autotl.report.baselines import baselines_figure
from autotl.report.charts import charts
from autotl.report.classes import classes_figure
from autotl.report.curves import curves_figure
from autotl.report.data import ReportData
from autotl.report.depth import depth_figure
from autotl.report.importance_chart import importance_figure
from autotl.report.theme import marks
from tests.report.drawing import drawn
from tests.report.records import default_baseline, record, report
from tests.report.studies import strategy


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
        "sizes": 3,
        "errors": 6,
        "reliability": 10,
    }
    curves = drawn["curves"].table
    assert curves.columns[-1] == "epoch 12"
    assert [cell.text for cell in curves.rows[3].cells[3:6]][1:] == ["0.241", "–"]


def test_a_backbone_has_one_colour_everywhere(finished: ReportData) -> None:
    known = marks(finished.backbones)
    assert len({mark.colour for mark in known.values()}) == 3
    assert [entry.colour for entry in charts(finished)["depth"].key] == [mark.colour for mark in known.values()]
    lines = [trace.line.color for trace in drawn(depth_figure, finished).data if trace.line.width == 2]
    assert lines == [mark.colour for mark in known.values()]
    curves = [trace.line.color for trace in drawn(curves_figure, finished).data if trace.line.width == 1.6]
    assert curves == lines


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


def test_names_are_text_in_charts() -> None:
    by_class = {key: {"map": 0.1, "ap50": 0.2, "boxes": 1} for key in ("<b>bold</b>", "<b>bolder</b>")}
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

from __future__ import annotations

from autotl.report.backbone_names import MOST
from autotl.report.curves import MAX_FAINT_CURVES, curves_chart, curves_figure, curves_note, curves_title, saved_epochs
from autotl.report.data import ReportData
from autotl.report.depth import depth_chart, depth_figure
from autotl.report.theme import marks
from tests.report.drawing import drawn
from tests.report.records import record, report
from tests.report.studies import strategy


def test_what_pruning_saved_is_counted() -> None:
    pruned = record(1, 0.1, "pruned", epochs=3, seconds_per_epoch=10.0)
    data = report(record(0, 0.4), pruned)
    assert saved_epochs(data) == 9
    assert curves_title(data) == "Pruning stopped 1 strategy early and saved 9 of 24 epochs"
    assert "another 1.5 min" in curves_note(data)
    assert curves_title(report(record(0, 0.4))) == "12 epochs trained, nothing pruned"
    assert "another" not in curves_note(report(record(0, 0.4)))
    assert curves_title(report(running=True)) == "No epoch has been trained yet"
    assert curves_note(report(running=True)) == ""


def test_pruned_and_failed_curves_are_faint_and_the_winner_is_wide(finished: ReportData) -> None:
    faint, *_, winner, ring = drawn(curves_figure, finished).data
    assert faint.opacity < 1
    assert sum(y is None for y in faint.y) == len(finished.in_state("pruned"))
    assert winner.line.width > 3
    assert winner.y[:-1][-1] == 0.503
    assert (ring.x, ring.y) == ((12,), (0.503,))


def test_what_is_not_drawn_of_many_curves_is_said() -> None:
    pruned = [record(number, 0.1, "pruned") for number in range(MAX_FAINT_CURVES + 5)]
    chart = curves_chart(report(record(999, 0.4), *pruned))
    assert chart.figure is not None
    assert chart.figure.data[0].x.count(None) == MAX_FAINT_CURVES
    assert "Of these 305 the last 300 are drawn." in chart.note
    assert len(chart.table.rows) == 200
    assert chart.table.note.startswith("Of 306 strategies the best 200")
    assert "are drawn" not in curves_chart(report(*pruned[:300])).note


def test_curves_have_the_symbol_and_the_name_of_their_backbone(finished: ReportData) -> None:
    figure = drawn(curves_figure, finished)
    known = marks(finished.backbones)
    drawn_as = {(trace.line.color, trace.marker.symbol) for trace in figure.data if trace.line.width in (1.6, 3.5)}
    assert drawn_as == {(mark.colour, mark.symbol) for mark in known.values()}
    names = {note.text: note.font.color for note in figure.layout.annotations if note.name == "direct"}
    assert names == {
        "● EfficientNet-Lite0": "var(--cat-0)",
        "■ EfficientNet-Lite1": "var(--cat-1)",
        "◆ EfficientNet-Lite2": "var(--cat-2)",
    }
    heights = {note.text: note.y for note in figure.layout.annotations if note.name == "direct"}
    assert heights["● EfficientNet-Lite0"] == max(heights.values())
    assert curves_chart(finished).direct_labels


def test_many_backbones_have_a_key_instead_of_names() -> None:
    data = report(*(record(number, 0.3, tried=strategy(f"net{number}")) for number in range(MOST + 1)))
    assert not any(note.name == "direct" for note in drawn(curves_figure, data).layout.annotations)
    assert not any(note.name == "direct" for note in drawn(depth_figure, data).layout.annotations)
    assert (curves_chart(data).direct_labels, depth_chart(data).direct_labels) == (False, False)
    assert len(curves_chart(data).key) == MOST + 1

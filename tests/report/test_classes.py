from __future__ import annotations

from autotl.report.classes import MAX_CLASSES, classes_chart, classes_figure, classes_note, classes_title
from tests.report.drawing import drawn
from tests.report.records import record, report


def test_the_hardest_class_is_named() -> None:
    by_class = {
        "red": {"map": 0.6, "ap50": 0.8, "boxes": 9},
        "white": {"map": 0.2, "ap50": 0.5, "boxes": 1},
        "blue": {"map": None, "ap50": None, "boxes": 0},
    }
    data = report(record(0, 0.4, metrics={"by_class": by_class}))
    assert classes_title(data) == "white is the hardest class (0.200 mAP), red the easiest (0.600)"
    assert classes_note(data).endswith("without a score: blue.")
    one = report(record(0, 0.4, metrics={"by_class": {"red": by_class["red"]}}))
    assert classes_title(one) == "red: 0.600 mAP"
    assert (classes_figure(one), "hollow" in classes_note(one), len(classes_chart(one).table.rows)) == (None, False, 1)
    assert classes_title(report()) == "Average precision by class is not known yet"


def test_the_class_chart_shows_the_worst_classes_and_the_table_all() -> None:
    by_class = {f"class {n:03d}": {"map": n / 100, "ap50": n / 50, "boxes": 3} for n in range(50)}
    data = report(record(0, 0.3, metrics={"by_class": by_class}))
    chart = classes_chart(data)
    assert len(drawn(classes_figure, data).data[0].x) == MAX_CLASSES
    assert drawn(classes_figure, data).data[0].x[0] == 0.0
    assert len(chart.table.rows) == 50
    assert "worst 40 of 50 classes" in chart.note

from __future__ import annotations

from dataclasses import replace
from typing import Any

from autotl.evaluation.precision_recall import PrecisionRecall
from autotl.report import precision
from autotl.report.data import ReportData
from autotl.report.diagnosed import Diagnosed
from tests.report.looks import ANATOMY, falling
from tests.report.records import record, report


def looked(**curves: PrecisionRecall) -> ReportData:
    anatomy = replace(ANATOMY, precision_recall=dict(curves))
    return replace(report(record(4, 0.5)), diagnoses=Diagnosed(trial=4, skipped={}, anatomy=anatomy))


def drawn(data: ReportData) -> Any:
    figure = precision.precision_figure(data)
    assert figure is not None
    return figure


def flat(value: float, reached: int) -> PrecisionRecall:
    """The same precision at all recalls up to so many hundredths."""
    return PrecisionRecall(precision=(value,) * (reached + 1), scores=(0.5,) * (reached + 1))


def test_the_title_compares_the_worst_class_with_the_best() -> None:
    both = looked(red=flat(0.98, 90), white=flat(0.6, 80))
    assert precision.precision_title(both) == ("With half of white found, 60% of the detections are right; of red, 98%")
    one = looked(red=flat(0.9, 90))
    assert precision.precision_title(one) == "With half of the objects found, 90% of the detections are right"


def test_a_class_of_which_half_is_never_found_is_said_to_be() -> None:
    few = looked(red=flat(0.98, 90), white=flat(1.0, 30))
    assert precision.precision_title(few) == "Fewer than half of white are found at any score: 30% at most"
    none = looked(white=flat(1.0, 30), red=PrecisionRecall(precision=(), scores=()))
    assert precision.precision_title(none) == "Fewer than half of red are found at any score: none"


def test_a_line_a_class_with_its_name_beside_it() -> None:
    figure = drawn(
        looked(red=falling(0.9, 2.0), white=falling(0.7, 1.2), none=PrecisionRecall(precision=(), scores=()))
    )
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    assert [len(trace.x) for trace in lines] == [71, 91]
    assert figure.data[0].x[-1] == 0.7
    assert [note.text for note in figure.layout.annotations][:2] == ["● white", "■ red"]
    assert "from a score of" in figure.data[0].hovertext[10]
    alone = drawn(looked(red=falling(0.9, 2.0)))
    assert [note.name for note in alone.layout.annotations] == [None]


def test_classes_differ_in_shape_and_wear_no_backbone_s_colour() -> None:
    many = looked(**{f"class{number}": flat(number / 20, 90) for number in range(9)})
    assert "--cat-" not in drawn(many).to_json()
    symbols = [trace.marker.symbol for trace in drawn(many).data if trace.mode == "markers"]
    assert len(set(symbols)) == len(symbols) == precision.DRAWN
    assert [entry.symbol for entry in precision.precision_chart(many).key] == symbols
    ends = [trace.x[-1] for trace in drawn(many).data if trace.mode == "markers"]
    assert ends == [0.9] * precision.DRAWN


def test_of_many_classes_the_chart_has_the_worst_and_the_table_all() -> None:
    many = looked(**{f"class{number}": flat(number / 20, 90) for number in range(20)})
    assert [trace.mode for trace in drawn(many).data].count("lines") == precision.DRAWN
    assert "Drawn are the 6 of 20 classes" in precision.precision_note(many)
    assert len(precision.precision_table(many).rows) == 20
    assert "Drawn are" not in precision.precision_note(looked(red=flat(0.5, 90)))


def test_what_an_older_version_left_has_no_curves() -> None:
    data = looked()
    assert precision.precision_figure(data) is None
    assert precision.precision_title(data) == "Precision over recall is not known"
    assert precision.precision_note(data) == "The detector that the search left comes without it."
    assert precision.precision_table(data).rows == ()


def test_the_table_tells_the_precision_at_some_recalls() -> None:
    (row,) = precision.precision_table(looked(red=flat(0.8, 60))).rows
    assert [cell.text for cell in row.cells] == ["red", "0.800", "0.800", "–", "–", "0.600"]


def test_the_key_has_the_colours_of_the_lines_also_where_a_class_has_none() -> None:
    data = looked(red=falling(0.9, 2.0), white=falling(0.7, 1.2), none=PrecisionRecall(precision=(), scores=()))
    key = {entry.name: entry.colour for entry in precision.precision_chart(data).key}
    lines = {trace.hovertext[0].split(",")[0]: trace.line.color for trace in drawn(data).data if trace.hovertext}
    assert key == lines
    assert set(key) == {"red", "white"}
    alone = drawn(looked(red=falling(0.9, 2.0), none=PrecisionRecall(precision=(), scores=())))
    assert [note.text for note in alone.layout.annotations][:1] == ["● red"], "of two classes the one line has its name"

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from autotl.evaluation.calibration import Calibration
from autotl.evaluation.operating_point import OperatingPoint
from autotl.evaluation.tide import KINDS, ErrorKind
from autotl.report import errors, label_chart, overfit, reliability, stage_gap
from autotl.report.charts import charts
from autotl.report.data import ReportData
from autotl.report.diagnosed import Diagnosed, read_diagnosed
from autotl.report.not_measured import not_looked
from autotl.study.overfitting import GapComparison
from tests.report.looks import ANATOMY, BINS, DIAGNOSES, ERRORS, calibration, gap, labels, overfitting
from tests.report.records import record, report


def looked(**found: Any) -> ReportData:
    """A report with these diagnoses."""
    return replace(report(record(4, 0.5)), diagnoses=Diagnosed(**{"trial": 4, "skipped": {}, **found}))


def scored(found: Calibration) -> ReportData:
    return looked(anatomy=replace(ANATOMY, calibration=found))


def test_diagnoses_are_read_from_the_recommendation() -> None:
    found = read_diagnosed(DIAGNOSES)
    assert found is not None
    assert found.anatomy == ANATOMY
    assert found.domain_gap == gap(9.8, 7.9, 6.1, 4.4, 3.2)
    assert found.label_curve is not None
    assert read_diagnosed(None) is None
    assert read_diagnosed({"trial": 4}) == Diagnosed(trial=4, skipped={})


def test_without_diagnoses_one_line_says_why() -> None:
    assert "are looked at when the search ends" in not_looked(report(running=True))
    assert "were not looked at" in not_looked(report(record(0, 0.4)))
    assert not_looked(looked()) == ""


@pytest.mark.parametrize("name", ["gap", "overfitting", "labels", "errors", "reliability"])
def test_what_is_missing_has_no_figure_but_a_line(name: str) -> None:
    chart = charts(looked())[name]
    assert chart.figure is None
    assert chart.title
    assert chart.note
    assert chart.table.rows == ()


@pytest.mark.parametrize(
    ("name", "key"), [("gap", "domain_gap"), ("overfitting", "overfitting"), ("labels", "label_curve")]
)
def test_what_was_skipped_says_the_study_s_reason(name: str, key: str) -> None:
    data = looked(skipped={key: "it would take about 90 s"})
    assert charts(data)[name].note == "Not measured: it would take about 90 s."


@pytest.mark.parametrize(
    ("times", "says"),
    [
        ((9.8, 7.9, 6.1, 4.4, 3.2), "are far from what EfficientNet-Lite0 was pretrained on: 6.3 times"),
        ((3.0, 3.0, 3.0), "are some way from what"),
        ((1.0, 1.1), "are near to what"),
    ],
)
def test_the_domain_gap_is_named_by_its_mean(times: tuple[float, ...], says: str) -> None:
    data = looked(domain_gap=gap(*times))
    assert says in stage_gap.gap_title(data)
    figure = stage_gap.gap_figure(data)
    assert figure is not None
    assert tuple(figure.data[-1].x) == pytest.approx(times)
    assert {note.bgcolor for note in figure.layout.annotations} == {"var(--bg)"}, "so that no line runs through a name"
    assert [note.text.split(",")[0] for note in figure.layout.annotations] == [f"{one:.1f}" for one in times]


def test_stages_carry_their_level_and_a_gap_without_stages_its_reason() -> None:
    data = looked(domain_gap=gap(9.8, 3.2, 1.0))
    assert [row.cells[2].text for row in stage_gap.gap_table(data).rows] == ["far", "some way off", "near"]
    none = looked(domain_gap=gap(reason="swin has no batch normalisation"))
    assert stage_gap.gap_figure(none) is None
    assert "Not measured" in stage_gap.gap_title(none)
    assert "swin has no batch normalisation" in stage_gap.gap_note(none)


@pytest.mark.parametrize(
    ("train_map", "says"),
    [
        (0.6, "It overfits: +0.100 mAP (+0.050 to +0.150)"),
        (0.52, "Whether it overfits cannot be told: +0.020 mAP"),
        (0.4, "No overfitting shows: −0.100 mAP"),
    ],
)
def test_overfitting_is_called_so_only_where_the_interval_says_so(train_map: float, says: str) -> None:
    data = looked(overfitting=overfitting(train_map, 0.5))
    assert overfit.overfit_title(data).startswith(says)
    assert "It scores" in overfit.overfit_note(data)
    assert len(overfit.overfit_table(data).rows) == 1


def test_the_default_s_gap_stands_beside_it_where_it_was_measured() -> None:
    one, other = overfitting(0.56, 0.5), overfitting(0.7, 0.45)
    pair = GapComparison(recommended=one, default=other, differs={})
    both = looked(overfitting=one, against_default=pair)
    assert [row.cells[0].text for row in overfit.overfit_table(both).rows] == ["recommended", "default"]
    assert "overfits less by 0.190" in overfit.overfit_note(both)
    skipped = looked(overfitting=one, skipped={"overfitting_against_default": "it would take about 90 s"})
    assert "The default's gap: not measured: it would take about 90 s." in overfit.overfit_note(skipped)
    assert "The default's gap" not in overfit.overfit_note(looked(overfitting=one))


@pytest.mark.parametrize(("train_map", "sides"), [(0.6, ("middle left", "middle right")), (0.4, ("middle right", "middle left")), (0.5, ("middle left", "middle right"))])  # fmt: skip
def test_the_two_scores_never_cover_each_other_s_numbers(train_map: float, sides: tuple[str, str]) -> None:
    figure = overfit.overfit_figure(looked(overfitting=overfitting(train_map, 0.5)))
    assert figure is not None
    assert tuple(trace.textposition for trace in figure.data[1:]) == sides


@pytest.mark.parametrize(
    ("maps", "noise", "says"),
    [
        (
            (0.35, 0.42, 0.455, 0.475),
            0.004,
            "More labels would help: +0.036 mAP (+0.017 to +0.051) from 200 more images",
        ),
        ((0.45, 0.455, 0.46, 0.46), 0.05, "Whether more labels would help cannot be told: +0.0"),
        ((0.6, 0.5, 0.46, 0.43), 0.001, "More labels would not help: −0."),
        ((0.4, 0.5), 0.004, "Would more labels help? Not known"),
    ],
)
def test_more_labels_help_only_where_the_interval_says_so(maps: tuple[float, ...], noise: float, says: str) -> None:
    assert label_chart.labels_title(looked(label_curve=labels(*maps, noise=noise))).startswith(says)


def test_the_label_chart_goes_on_from_the_fitted_curve_and_only_where_there_is_one() -> None:
    curve = labels(0.371, 0.428, 0.462, 0.482)
    figure = label_chart.labels_figure(looked(label_curve=curve))
    assert figure is not None
    fitted, band, ahead, points = figure.data
    assert ahead.y[0] == pytest.approx(fitted.y[-1])
    gain = curve.gain(200)
    assert gain is not None
    assert ahead.x[-1] == 405
    assert ahead.y[-1] - ahead.y[0] == pytest.approx(gain.mid)
    assert max(band.y) - ahead.y[0] == pytest.approx(gain.high)
    assert tuple(points.y) == (0.371, 0.428, 0.462, 0.482)
    few = label_chart.labels_figure(looked(label_curve=labels(0.4, 0.5)))
    assert few is not None
    assert len(few.data) == 1


def test_how_to_measure_what_labels_bring_is_said_where_it_was_not() -> None:
    assert "--label-curve" in label_chart.labels_note(looked())
    assert "--label-curve" not in label_chart.labels_note(looked(label_curve=labels(0.371, 0.428, 0.462, 0.482)))


@pytest.mark.parametrize(
    ("kind", "says"), [("Miss", "Missed objects cost most"), ("Bkg", "Detections of nothing cost most")]
)
def test_the_most_costly_kind_of_error_is_named(kind: Any, says: str) -> None:
    errors_found = {**dict.fromkeys(KINDS, ErrorKind(count=1, dap=0.01)), kind: ErrorKind(count=3, dap=0.2)}
    data = looked(anatomy=replace(ANATOMY, errors=errors_found))
    assert errors.errors_title(data) == f"{says}: AP50 would be 0.200 higher without them"
    assert errors.errors_table(data).rows[0].cells[2].text == "3"


def test_with_one_class_no_error_is_of_another() -> None:
    data = looked(anatomy=replace(ANATOMY, errors=dict.fromkeys(KINDS, ErrorKind(count=1, dap=0.01))))
    one = replace(data, dataset=replace(data.dataset, classes=("red",)))
    names = [{row.cells[-1].text for row in errors.errors_table(found).rows} for found in (data, one)]
    assert names == [set(KINDS), set(KINDS) - {"Cls", "Both"}]


def test_no_kind_is_named_where_none_costs_anything() -> None:
    data = looked(anatomy=replace(ANATOMY, errors=dict.fromkeys(KINDS, ErrorKind(count=0, dap=0.0))))
    assert errors.errors_title(data) == "No kind of error costs any AP50"
    assert errors.errors_figure(data) is not None
    assert set(errors.NAMES) == set(KINDS) == set(ERRORS)


@pytest.mark.parametrize(
    ("bins", "says"),
    [
        (((100, 0.05, 0.25), (50, 0.15, 0.4)), "Scores are too low for chances of being right, by 0.22 on average"),
        (((100, 0.05, 0.0), (50, 0.9, 0.3)), "Scores are too high for chances of being right, by 0.23 on average"),
        (((60, 0.05, 0.25), (60, 0.15, 0.6)), "Scores are too low for chances"),
        (
            ((900, 0.05, 0.0), (100, 0.15, 0.01), (50, 0.25, 0.45), (5, 0.9, 0.1)),
            "Scores up to 0.2 are too high for chances of being right and higher ones too low, by 0.07 on average",
        ),
        (((100, 0.05, 0.25), (100, 0.4, 0.2), (100, 0.5, 0.7)), "some too high and some too low"),
        (((19, 0.05, 0.25),), "off the chance of being right by 0.20 on average"),
        (((100, 0.05, 0.06),), "Scores are near to the chance of being right: off by 0.01 on average"),
    ],
)
def test_scores_are_compared_with_chances_in_their_direction(bins: Any, says: str) -> None:
    title = reliability.reliability_title(scored(calibration(*bins)))
    assert says in title
    assert ("some too high" in title) == ("some too high" in says)


def test_bins_of_few_detections_are_hollow_and_a_bin_of_most_is_named() -> None:
    figure = reliability.reliability_figure(scored(calibration(*BINS)))
    assert figure is not None
    assert [len(trace.x) for trace in figure.data] == [2, 10, 9, 1]
    assert "61% of them have scores from 0.0 to 0.1" in reliability.reliability_note(scored(calibration(*BINS)))
    even = calibration((50, 0.05, 0.1), (50, 0.15, 0.1), (50, 0.25, 0.1))
    assert "of them have scores" not in reliability.reliability_note(scored(even))
    assert len(reliability.reliability_table(scored(even)).rows) == 3


def test_a_detector_that_detects_nothing_is_no_chart() -> None:
    nothing = scored(calibration((0, 0.0, 0.0)))
    assert reliability.reliability_figure(nothing) is None
    assert reliability.reliability_note(nothing) == "It detects nothing."


def test_the_operating_point_is_a_sentence_with_its_price() -> None:
    data = looked(anatomy=ANATOMY)
    assert reliability.threshold_title(data) == "Keep detections from a score of 0.32 on"
    sentence = reliability.threshold_sentence(data)
    assert sentence.startswith("Then 84% of the detections are right (precision) and 78% of the objects are found")
    assert "an F1 of 0.81" in sentence
    empty = OperatingPoint(threshold=0.9, precision=None, recall=0.0, f1=0.0)
    none = looked(anatomy=replace(ANATOMY, operating_point=empty))
    assert "detects nothing" in reliability.threshold_sentence(none)
    assert reliability.threshold_sentence(looked()) == reliability.threshold_title(looked()) == ""

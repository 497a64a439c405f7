from __future__ import annotations

from dataclasses import replace

import pytest

from autotl.report.baselines import (
    baselines_chart,
    baselines_figure,
    baselines_note,
    baselines_table,
    baselines_title,
)
from autotl.report.data import ReportData
from autotl.study.evidence import Interval
from autotl.study.expected import Expected, ExpectedBaseline
from tests.report.drawing import drawn
from tests.report.fresh_runs import against, confirmation, confirmed, expected
from tests.report.records import default_baseline, record, report
from tests.report.studies import strategy


def test_the_baselines_finding_names_the_default_and_the_best() -> None:
    partial = record(1, 0.47, baseline="partial_fine_tuning")
    both = baselines_title(report(record(0, 0.503), partial, default_baseline(0.446)))
    assert both == ("+0.057 mAP over full fine-tuning, the default; +0.033 over partial fine-tuning, the best baseline")
    only = baselines_title(report(record(0, 0.503), default_baseline(0.446)))
    assert only == "+0.057 mAP over full fine-tuning, the default and the best of the baselines"
    unfinished = report(record(0, 0.503), partial, default_baseline(0.2, "pruned"))
    assert "partial fine-tuning, the best baseline that finished" in baselines_title(unfinished)


def test_the_baselines_finding_is_on_the_default_that_the_study_has() -> None:
    partial = record(1, 0.47, baseline="partial_fine_tuning")
    data = report(record(0, 0.503), partial, default_baseline(0.446), default_baseline="partial_fine_tuning")
    said = "+0.033 mAP over partial fine-tuning, the default and the best of the baselines"
    assert baselines_title(data) == said


def test_the_baselines_finding_says_when_a_baseline_wins() -> None:
    extraction = record(1, 0.40, baseline="feature_extraction")
    data = report(record(0, 0.3), extraction, default_baseline(0.45))
    assert baselines_title(data) == (
        "Full fine-tuning leads at 0.450 mAP; the next baseline, feature extraction, has 0.400"
    )
    partial = record(5, 0.46, baseline="partial_fine_tuning")
    tied = replace(report(record(0, 0.3), partial, default_baseline(0.45)), winner=default_baseline(0.45))
    assert baselines_title(tied) == (
        "Partial fine-tuning leads at 0.460 mAP; the next baseline, full fine-tuning, has 0.450"
    ), "what is recommended need not have had the highest score"
    assert "is a baseline" in baselines_title(report(default_baseline(0.45)))


def test_the_baselines_finding_without_baselines() -> None:
    assert baselines_title(report(running=True)) == "The four baselines: none has finished yet"
    assert baselines_title(report(record(0, 0.4))) == "No baseline ran"
    assert baselines_title(report(record(0, 0.4), running=True)) == "No baseline has run yet"
    assert "nothing of equal length" in baselines_title(report(record(0, 0.4), default_baseline(0.2, "pruned")))


def test_pretraining_is_compared_at_the_epochs_both_had() -> None:
    scratch = record(91, 0.05, "pruned", epochs=3, baseline="from_scratch", tried=strategy(frozen=0, scratch=True))
    note = baselines_note(report(default_baseline(0.48), scratch))
    assert (
        "After 3 epochs of training everything, #90 with pretrained weights has 0.120 mAP and #91 with random ones 0.050"
        in note
    )
    assert "pretrained weights give" not in baselines_note(report(default_baseline(0.48)))
    # Whatever the default is: only these two differ in nothing but their weights.
    other = report(default_baseline(0.48), scratch, default_baseline="feature_extraction")
    assert baselines_note(other) == note


def test_the_baselines_stand_side_by_side_with_their_epochs(finished: ReportData) -> None:
    figure = drawn(baselines_figure, finished)
    labels = " ".join(figure.layout.yaxis.ticktext)
    assert "full fine-tuning (default)" in labels
    assert "3 of 12 epochs, pruned" in labels
    points = [trace.x[0] for trace in figure.data if trace.mode == "markers" and trace.marker.symbol == "circle"]
    assert points == [0.503, 0.438, 0.471, 0.446, 0.051]


def test_the_default_that_the_study_has_is_marked() -> None:
    data = report(record(0, 0.4), default_baseline(0.3), default_baseline="feature_extraction")
    labels = drawn(baselines_figure, data).layout.yaxis.ticktext
    assert [label.split("<")[0] for label in labels if "(default)" in label] == ["feature extraction (default)"]


def test_a_baseline_that_failed_or_did_not_run_keeps_its_row() -> None:
    figure = drawn(baselines_figure, report(record(0, 0.4), default_baseline(None, "failed", reason="out of memory")))
    assert len(figure.layout.yaxis.ticktext) == 5
    words = [note.text for note in figure.layout.annotations]
    assert words == ["0.400", "not run", "not run", "out of memory", "not run"]


def test_baselines_that_were_trained_again_have_the_interval_of_their_runs(finished: ReportData) -> None:
    assert finished.confirmation is not None
    default = finished.confirmation.default
    assert default is not None
    figure = drawn(baselines_figure, finished)
    bars = {trace.y[0]: tuple(trace.x) for trace in figure.data if trace.mode == "lines"}
    assert set(bars) == {0, 3}, "the recommended strategy and the default"
    assert bars[3] == (default.map.low, default.map.high)
    row = next(row for row in baselines_table(finished).rows if row.cells[0].value == "full fine-tuning")
    assert [cell.value for cell in row.cells[4:8]] == [3, default.map.value, default.map.low, default.map.high]
    assert default.against is not None
    assert row.cells[8].value == default.against.difference.value
    assert "one run" not in baselines_note(finished)


def promised(trial: int) -> Expected:
    baseline = ExpectedBaseline(map=Interval(value=0.44, low=0.41, high=0.47), against=against(0.04, "likely"))
    return expected(trial, 0.48).model_copy(update={"baselines": {"full_fine_tuning": baseline}})


def test_the_search_s_own_runs_give_intervals_where_nothing_was_trained_again() -> None:
    data = replace(report(record(0, 0.5), default_baseline(0.446)), expected=promised(0))
    figure = drawn(baselines_figure, data)
    assert [tuple(trace.x) for trace in figure.data if trace.mode == "lines"] == [
        pytest.approx((0.45, 0.51)),
        (0.41, 0.47),
    ]
    assert "They rest on one run each" in baselines_note(data)
    (winner, default) = [row for row in baselines_table(data).rows if row.cells[2].value is not None]
    assert [cell.text for cell in winner.cells[4:9]] == ["1", "0.480", "0.450", "0.510", "–"]
    assert [cell.text for cell in default.cells[4:9]] == ["1", "0.440", "0.410", "0.470", "+0.040 (+0.020 to +0.060)"]


def test_a_winner_that_the_search_did_not_promise_is_not_said_to_be_ahead() -> None:
    data = replace(report(record(0, 0.5), default_baseline(0.446)), expected=promised(8))
    assert [row.cells[8].text for row in baselines_table(data).rows] == ["–"] * 5
    assert [trace.y[0] for trace in drawn(baselines_figure, data).data if trace.mode == "lines"] == [3]


def test_without_intervals_nothing_is_said_of_bars() -> None:
    chart = baselines_chart(report(record(0, 0.5), default_baseline(0.446)))
    assert (chart.key, chart.table.note) == ((), "")
    assert "A bar is" not in chart.note


def test_bars_of_two_kinds_are_told_apart() -> None:
    fresh = confirmation(confirmed(0, 0.49, 0.48))
    data = replace(report(record(0, 0.5), default_baseline(0.446)), expected=promised(0), confirmation=fresh)
    assert "Of those that were not trained again" in baselines_note(data)

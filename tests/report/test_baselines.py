from __future__ import annotations

from dataclasses import replace

from autotl.report.baselines import baselines_figure, baselines_note, baselines_title
from autotl.report.data import ReportData
from tests.report.drawing import drawn
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
    assert [trace.x[0] for trace in figure.data] == [0.503, 0.438, 0.471, 0.446, 0.051]


def test_the_default_that_the_study_has_is_marked() -> None:
    data = report(record(0, 0.4), default_baseline(0.3), default_baseline="feature_extraction")
    labels = drawn(baselines_figure, data).layout.yaxis.ticktext
    assert [label.split("<")[0] for label in labels if "(default)" in label] == ["feature extraction (default)"]


def test_a_baseline_that_failed_or_did_not_run_keeps_its_row() -> None:
    figure = drawn(baselines_figure, report(record(0, 0.4), default_baseline(None, "failed", reason="out of memory")))
    assert len(figure.layout.yaxis.ticktext) == 5
    assert [note.text for note in figure.layout.annotations] == ["not run", "not run", "out of memory", "not run"]

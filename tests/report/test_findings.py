from __future__ import annotations

import pytest

from autotl.report import findings
from autotl.report.data import Importance, StrategyRecord
from autotl.study.ledger import TrialState
from tests.report.records import default_baseline, record, report
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
    assert expected in findings.depth_title(data)


def test_the_depth_finding_leaves_out_what_cannot_be_compared() -> None:
    scratch = record(7, 0.9, tried=strategy(frozen=0, scratch=True))
    pruned = record(8, 0.9, "pruned", tried=strategy(frozen=2))
    data = report(at_depth(0, 0, 0.4), at_depth(1, 5, 0.5), scratch, pruned)
    assert list(findings.best_by_depth(data)) == [0, 5]
    assert findings.depth_note(data).endswith(
        "Not drawn: 1 strategy pruned after fewer epochs and 1 strategy without pretrained weights."
    )
    assert "Not drawn" not in findings.depth_note(report(at_depth(0, 0, 0.4)))


def test_the_baselines_finding_names_the_default_and_the_best() -> None:
    partial = record(1, 0.47, baseline="partial_fine_tuning")
    both = findings.baselines_title(report(record(0, 0.503), partial, default_baseline(0.446)))
    assert both == ("+0.057 mAP over full fine-tuning, the default; +0.033 over partial fine-tuning, the best baseline")
    only = findings.baselines_title(report(record(0, 0.503), default_baseline(0.446)))
    assert only == "+0.057 mAP over full fine-tuning, the default and the best of the baselines"
    unfinished = report(record(0, 0.503), partial, default_baseline(0.2, "pruned"))
    assert "partial fine-tuning, the best baseline that finished" in findings.baselines_title(unfinished)


def test_the_baselines_finding_is_on_the_default_that_the_study_has() -> None:
    partial = record(1, 0.47, baseline="partial_fine_tuning")
    data = report(record(0, 0.503), partial, default_baseline(0.446), default_baseline="partial_fine_tuning")
    said = "+0.033 mAP over partial fine-tuning, the default and the best of the baselines"
    assert findings.baselines_title(data) == said


def test_the_baselines_finding_says_when_a_baseline_wins() -> None:
    extraction = record(1, 0.40, baseline="feature_extraction")
    data = report(record(0, 0.3), extraction, default_baseline(0.45))
    assert findings.baselines_title(data) == (
        "Full fine-tuning leads at 0.450 mAP; the next baseline, feature extraction, has 0.400"
    )
    assert "is a baseline" in findings.baselines_title(report(default_baseline(0.45)))


def test_the_baselines_finding_without_baselines() -> None:
    assert findings.baselines_title(report(running=True)) == "The four baselines: none has finished yet"
    assert findings.baselines_title(report(record(0, 0.4))) == "No baseline ran"
    assert findings.baselines_title(report(record(0, 0.4), running=True)) == "No baseline has run yet"
    assert "nothing of equal length" in findings.baselines_title(
        report(record(0, 0.4), default_baseline(0.2, "pruned"))
    )


def test_pretraining_is_compared_at_the_epochs_both_had() -> None:
    scratch = record(91, 0.05, "pruned", epochs=3, baseline="from_scratch", tried=strategy(frozen=0, scratch=True))
    note = findings.baselines_note(report(default_baseline(0.48), scratch))
    assert "After 3 epochs of training everything, pretrained weights give 0.120 mAP and random ones 0.050" in note
    assert "pretrained weights give" not in findings.baselines_note(report(default_baseline(0.48)))
    # Whatever the default is: only these two differ in nothing but their weights.
    other = report(default_baseline(0.48), scratch, default_baseline="feature_extraction")
    assert findings.baselines_note(other) == note


def test_importance_says_what_it_rests_on_or_why_it_is_missing() -> None:
    shares = Importance(shares={"optim.lr": 0.7, "head.kind": 0.3}, strategies=9, best=4)
    data = report(record(0, 0.4), importance=shares)
    assert findings.importance_title(data) == "A first hint at what matters most: learning rate, 70% of the importance"
    assert "best 4 of 9 complete strategies" in findings.importance_note(data)
    assert "hint" in findings.importance_note(data)
    many = Importance(shares={"optim.lr": 1.0}, strategies=80, best=8)
    assert "hint" not in findings.importance_note(report(importance=many))
    assert findings.importance_title(report(importance=many)).startswith("What separates the best strategies")
    missing = report(record(0, 0.4))
    assert findings.importance_title(missing) == "Which parameters matter? Too early to say"
    assert "the Optuna study was not at hand" in findings.importance_note(missing)


def test_what_pruning_saved_is_counted() -> None:
    pruned = record(1, 0.1, "pruned", epochs=3, seconds_per_epoch=10.0)
    data = report(record(0, 0.4), pruned)
    assert findings.saved_epochs(data) == 9
    assert findings.curves_title(data) == "Pruning stopped 1 strategy early and saved 9 of 24 epochs"
    assert "another 1.5 min" in findings.curves_note(data)
    assert findings.curves_title(report(record(0, 0.4))) == "12 epochs trained, nothing pruned"
    assert "another" not in findings.curves_note(report(record(0, 0.4)))
    assert findings.curves_title(report(running=True)) == "No epoch has been trained yet"
    assert findings.curves_note(report(running=True)) == ""


def shared(number: int, read: int, computed: int, saved: float, state: TrialState = "complete") -> StrategyRecord:
    cache = {"images_read": read, "images_computed": computed, "seconds_saved": saved}
    return record(number, 0.4, state, costs={"cache": cache})


def test_what_strategies_share_is_told_where_anything_was_read() -> None:
    saved = report(shared(0, 0, 1500, 0.0), shared(1, 1400, 100, 50.0, "pruned"), shared(2, 0, 0, 0.0, "failed"))
    assert findings.sharing(saved) == (
        "Strategies that freeze the same layers share what these compute: of 3,000 passes of an image through frozen "
        "layers 47% were read instead of computed, which saved 50 s."
    )
    # Of strategies that an older version has trained nothing is known.
    older = record(0, 0.4, costs={"parameters": 7})
    assert findings.sharing(report(shared(1, 30, 10, 90.0), older)).endswith(
        "of 40 passes of an image through frozen layers 75% were read instead of computed, which saved 1.5 min."
    )


@pytest.mark.parametrize("saved", [0.0, -3.0])
def test_reading_that_was_no_faster_is_not_called_a_saving(saved: float) -> None:
    text = findings.sharing(report(shared(0, 10, 30, 5.0), shared(1, 10, 10, saved - 5.0)))
    assert text.endswith("33% were read instead of computed, which saved no time.")


def test_where_nothing_was_read_nothing_is_told() -> None:
    assert findings.sharing(report()) == ""
    assert findings.sharing(report(record(0, 0.4))) == ""
    assert findings.sharing(report(shared(0, 0, 300, 0.0), shared(1, 0, 0, 0.0))) == ""


def test_the_hardest_class_is_named() -> None:
    by_class = {
        "red": {"map": 0.6, "ap50": 0.8, "boxes": 9},
        "white": {"map": 0.2, "ap50": 0.5, "boxes": 1},
        "blue": {"map": None, "ap50": None, "boxes": 0},
    }
    data = report(record(0, 0.4, metrics={"by_class": by_class}))
    assert findings.classes_title(data) == "white is the hardest class (0.200 mAP), red the easiest (0.600)"
    assert findings.classes_note(data).endswith("without a score: blue.")
    one = report(record(0, 0.4, metrics={"by_class": {"red": by_class["red"]}}))
    assert findings.classes_title(one) == "red: 0.600 mAP"
    assert findings.classes_title(report()) == "Average precision by class is not known yet"

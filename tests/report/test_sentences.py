from __future__ import annotations

from dataclasses import replace

import pytest

from autotl.report import sentences
from autotl.report.data import StrategyRecord, TrainingRun
from autotl.study.evidence import Grade
from autotl.study.ledger import TrialState
from tests.report.fresh_runs import against, expected
from tests.report.records import default_baseline, record, report
from tests.report.studies import strategy


def test_the_headline_is_the_winner_or_why_there_is_none() -> None:
    winner = record(1, 0.5, tried=strategy(frozen=4, lr=4.6e-3, channels=96))
    assert sentences.headline(report(record(0, 0.4), winner)) == (
        "Freeze 4 of 5 stages of EfficientNet-Lite0 with a 96-channel FCOS head, learning rate 4.6e-3 (4.6e-4 for the "
        "backbone)."
    )
    assert sentences.headline(report(running=True)) == "No strategy is complete yet."
    assert sentences.headline(report()) == "No strategy was tried."
    assert sentences.headline(report(record(0, None, "failed"))).startswith("No strategy finished")


def test_the_status_says_whether_the_verdict_is_final() -> None:
    assert sentences.status(report(record(0, 0.4))).startswith("Best on validation, no grade")
    assert (
        sentences.status(report(record(0, 0.4), running=True)) == "Best so far, no grade yet: the search has not ended"
    )
    assert sentences.status(report(running=True)) == "Search running"
    assert sentences.status(report(record(0, 0.2, "pruned"))) == "No recommendation"


def test_progress_counts_strategies_by_how_they_ended() -> None:
    some = [record(0, 0.4), record(1, 0.2, "pruned"), record(2, 0.1, "pruned"), record(3, None, "infeasible")]
    assert sentences.progress(report(*some)) == (
        "4 strategies in 1.5 min: 1 complete, 2 pruned and 1 beyond the limits."
    )
    assert sentences.progress(report(running=True)) == (
        "The search had not ended when this was written. So far 0 strategies in 1.5 min."
    )
    assert sentences.progress(replace(report(running=True), budget_used=0.42)).startswith(
        "The search had not ended when this was written: 42% of its budget was used. So far 0 strategies"
    )
    assert "budget" not in sentences.progress(replace(report(), budget_used=0.42))
    assert sentences.progress(replace(report(), sessions=())) == "0 strategies."


def test_progress_says_how_much_of_the_space_was_tried() -> None:
    said = sentences.progress(report(record(0, 0.4), record(1, 0.2, "pruned"), default_baseline(0.45)))
    assert said.endswith(" 1 of them is a baseline, 2 come from the space.")
    assert "of the space" not in sentences.progress(report(record(0, 0.4)))


def test_the_evidence_warns_of_selection_only_where_there_was_one() -> None:
    alone = sentences.evidence(report(record(0, 0.4)))
    assert alone == "0.400 mAP is one training run (seed 3) on 10 validation images, with no interval yet."
    chosen = sentences.evidence(report(record(0, 0.4), record(1, 0.3), record(2, 0.1, "pruned")))
    assert "best of 3 strategies" in chosen
    assert "optimistic" in chosen
    assert sentences.evidence(report(record(0, 0.1, "pruned"))) == ""


def test_what_the_search_promises_of_its_best_replaces_the_warning() -> None:
    data = report(record(0, 0.4), record(1, 0.3), default_baseline(0.35))
    text = sentences.evidence(replace(data, expected=expected(0, 0.38)))
    assert text.endswith(
        "on 10 validation images. As the best of 5 it looks better than it is: with other images of this kind and other "
        "seeds, expect 0.380 (0.350 to 0.410, 90% interval), taking it that seeds move a run by 0.010."
    )
    assert "images. With other images" in sentences.evidence(replace(data, expected=expected(0, 0.38, among=1)))
    # The search runs, and has found another since.
    assert sentences.evidence(replace(data, expected=expected(1, 0.38))) == sentences.evidence(data)


def test_what_is_gained_over_the_default_is_told_with_how_sure_that_is() -> None:
    data = report(record(0, 0.503), default_baseline(0.446))
    grades: tuple[Grade, ...] = ("tied", "likely")
    told = {
        grade: sentences.against_default(replace(data, expected=expected(0, 0.48, gain=against(0.04, grade, 0.93))))
        for grade in grades
    }
    assert told["likely"].endswith(
        "after 12 epochs each. With one run of each, expect +0.040 (+0.020 to +0.060): better with a probability of 93%."
    )
    assert told["tied"].endswith("+0.060), which seeds and images alone can make.")
    assert sentences.against_default(replace(data, expected=expected(0, 0.48))).endswith("after 12 epochs each.")


def test_the_evidence_says_when_training_was_cut_short() -> None:
    assert "stopped after 7 of 12 epochs" in sentences.evidence(report(record(0, 0.4, "stopped", epochs=7)))
    assert "stopped" not in sentences.evidence(report(record(0, 0.4)))


def test_a_gain_over_a_complete_default_is_stated_with_both_lengths() -> None:
    assert sentences.against_default(report(record(0, 0.503), default_baseline(0.446))) == (
        "It gains 0.057 mAP over full fine-tuning, the default (0.446), after 12 epochs each."
    )
    short = sentences.against_default(report(record(0, 0.503, "stopped", epochs=7), default_baseline(0.446)))
    assert short.endswith("after 7 epochs against 12.")


def test_the_search_s_gain_is_over_the_default_that_the_study_has() -> None:
    def said(*records: StrategyRecord) -> str:
        return sentences.against_default(report(*records, default_baseline="from_scratch"))

    best, full = record(0, 0.503), default_baseline(0.446)

    def scratch(score: float | None, state: TrialState = "complete") -> StrategyRecord:
        return record(6, score, state, baseline="from_scratch")

    gain = "It gains 0.303 mAP over training from scratch, the default (0.200), after 12 epochs each."
    assert said(best, full, scratch(0.2)) == gain
    assert said(best, full).startswith("Training from scratch, the default, did not run, so")
    assert said(best, full, scratch(None, "failed")) == (
        "Training from scratch, the default, failed, so what the search gained over it is not known."
    )
    assert said(best, full, scratch(None, "running")) == "Training from scratch, the default, has no score yet."
    pruned = said(best, full, scratch(0.1, "pruned"))
    assert pruned.startswith("Training from scratch, the default, was pruned after 3 of 12 epochs at 0.100 mAP, so")
    assert said(full, scratch(0.45)).startswith("Nothing tried beats the default, training from scratch:")
    gained = sentences.known_gain(report(best, full, scratch(0.2), default_baseline="from_scratch"))
    assert gained == pytest.approx(0.303)
    tie = replace(report(best, full, scratch(0.503), default_baseline="from_scratch"), winner=best)
    assert sentences.against_default(tie) == (
        "Nothing beats the default: training from scratch reaches 0.503 mAP too or more."
    )


def test_it_is_said_that_nothing_beats_the_default() -> None:
    own = report(record(0, 0.4), default_baseline(0.45))
    assert "Nothing tried beats the default" in sentences.against_default(own)
    tie = report(record(0, 0.45), default_baseline(0.45))
    assert "Nothing beats the default" in sentences.against_default(tie)
    assert "Nothing beats" not in sentences.against_default(report(record(0, 0.46), default_baseline(0.45)))


def test_a_pruned_default_is_compared_at_its_own_length() -> None:
    data = report(record(0, 0.48), default_baseline(0.3, "pruned", epochs=3))
    said = sentences.against_default(data)
    assert "was pruned after 3 of 12 epochs at 0.300 mAP" in said
    assert "is not known" in said
    assert "After the same 3 epochs this strategy had 0.120." in said
    assert sentences.known_gain(data) is None


@pytest.mark.parametrize(
    ("default", "expected"),
    [
        (default_baseline(None, "failed", reason="out of memory"), "failed (out of memory), so"),
        (default_baseline(0.2, "failed", reason="the loss became nan"), "failed (the loss became nan), so"),
        (
            default_baseline(None, "infeasible", reason="parameters 8 M, more than --max-params 5 M"),
            "is beyond the limits (parameters 8 M, more than --max-params 5 M), so",
        ),
        (default_baseline(None, "running"), "has no score yet"),
        (default_baseline(None, "stopped"), "ended before its first epoch did"),
        (default_baseline(0.3, "stopped"), "was stopped after 3 of 12 epochs"),
        (default_baseline(0.3, "running"), "is still in training after 3 of 12 epochs"),
    ],
)
def test_a_default_without_a_full_score_is_explained(default: StrategyRecord, expected: str) -> None:
    data = report(record(0, 0.4), default)
    assert expected in sentences.against_default(data)
    assert sentences.known_gain(data) is None


def test_a_default_that_never_ran_is_no_gain() -> None:
    assert "did not run" in sentences.against_default(report(record(0, 0.4)))
    assert "has not run yet" in sentences.against_default(report(record(0, 0.4), running=True))
    assert sentences.against_default(report(running=True)) == ""


def test_the_known_gain_needs_a_complete_default() -> None:
    assert sentences.known_gain(report(record(0, 0.5), default_baseline(0.4))) == pytest.approx(0.1)
    assert sentences.known_gain(report(record(0, 0.5))) is None
    assert sentences.known_gain(report()) is None


def test_the_seed_is_that_of_the_session_that_trained_it() -> None:
    data = report(record(0, 0.4))
    sessions = (data.sessions[0], replace(data.sessions[0], seed=8))
    run = TrainingRun(
        strategy=0, session=1, started_at=data.sessions[0].started_at, seconds=9.0, again=False, state="complete"
    )
    assert "(seed 8)" in sentences.evidence(replace(data, sessions=sessions, runs=(run,)))
    again = replace(run, again=True)
    assert "(seed 3)" in sentences.evidence(replace(data, sessions=sessions, runs=(again,)))

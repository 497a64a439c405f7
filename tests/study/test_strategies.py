from __future__ import annotations

import math

from autotl.study.strategies import (
    KEPT,
    LEFT_OUT,
    best_candidate,
    best_candidates,
    count_states,
    join_chains,
    one_row_a_strategy,
    worth_keeping,
)
from tests.study.books import add_trial, ledger_with_session, strategy_at


def test_a_study_without_trials_has_no_strategies() -> None:
    ledger = ledger_with_session()
    strategies = ledger.strategy_rows()
    assert strategies == []
    assert "map" in one_row_a_strategy(ledger.read_trials())
    assert best_candidate(strategies) is None
    assert set(count_states(strategies).values()) == {0}


def test_a_killed_trial_and_its_second_run_are_one_strategy_with_its_baseline_and_place() -> None:
    ledger = ledger_with_session()
    add_trial(ledger, 0, "killed", 0.2, lr=0.5, baseline="full_fine_tuning")
    add_trial(ledger, 1, "pruned", 0.1)
    add_trial(ledger, 2, "complete", 0.3, lr=0.5)
    strategies = ledger.strategy_rows()
    assert [(row["number"], row["baseline"], row["map"]) for row in strategies] == [
        (2, "full_fine_tuning", 0.3),
        (1, None, 0.1),
    ]
    assert one_row_a_strategy(ledger.read_trials())["number"].tolist() == [2, 1]


def test_states_are_counted_in_strategies() -> None:
    ledger = ledger_with_session()
    for number, state in enumerate(("complete", "pruned", "stopped", "failed", "infeasible", "running", "killed")):
        add_trial(ledger, number, state)  # type: ignore[arg-type]
    assert count_states(ledger.strategy_rows()) == {
        "total": 7, "completed": 1, "pruned": 1, "stopped": 1, "failed": 2, "infeasible": 1, "running": 1,
    }  # fmt: skip


def test_only_complete_and_stopped_strategies_may_be_recommended() -> None:
    ledger = ledger_with_session()
    add_trial(ledger, 0, "pruned", 0.9)
    add_trial(ledger, 1, "failed", 0.8)
    add_trial(ledger, 2, "stopped")
    assert best_candidate(ledger.strategy_rows()) is None
    add_trial(ledger, 3, "stopped", 0.3)
    add_trial(ledger, 4, "complete", 0.2)
    best = best_candidate(ledger.strategy_rows())
    assert best is not None
    assert best["number"] == 3


def test_of_equal_strategies_the_trial_that_ran_first_is_best() -> None:
    """The second run of a killed trial comes late though its strategy came early; the bundle kept is the other's."""
    ledger = ledger_with_session()
    add_trial(ledger, 0, "killed", lr=0.5)
    add_trial(ledger, 1, "complete", 0.3)
    add_trial(ledger, 2, "complete", 0.3, lr=0.5)
    best = best_candidate(ledger.strategy_rows())
    assert best is not None
    assert best["number"] == 1


def test_a_strategy_that_was_never_evaluated_has_no_score() -> None:
    ledger = ledger_with_session()
    add_trial(ledger, 0, "failed")
    assert math.isnan(ledger.strategy_rows()[0]["map"])


def test_what_a_strategy_took_is_what_its_trials_took_together() -> None:
    ledger = ledger_with_session()
    for number, (state, seconds, read) in enumerate((("pruned", 4.0, 5), ("killed", None, 0), ("complete", 6.0, 7))):
        strategy = strategy_at(0.5)
        ledger.start_trial(
            number, number, fingerprint=strategy.fingerprint(), strategy=strategy.model_dump(), baseline=None
        )
        ledger.record_epoch(number, number + 1, map=0.1, ap50=0.2, train_loss=1.0, lr=0.1, seconds=2.0)
        cache = {"images_read": read, "rounding": 0.5 if number else 0.0}
        costs = {"seconds": seconds, "parameters": 7, "cache": cache} if seconds else None
        ledger.end_trial(number, state, seconds=seconds, costs=costs)  # type: ignore[arg-type]
    (row,) = ledger.strategy_rows()
    assert (row["number"], row["state"], row["epochs"], row["seconds"]) == (2, "complete", 3, 10.0)
    assert row["costs"] == {"seconds": 10.0, "parameters": 7, "cache": {"images_read": 12, "rounding": 0.5}}


def test_epochs_that_others_had_trained_count_for_neither_what_was_spent_nor_the_pace() -> None:
    """A probe of 4 epochs was there; 5 to 8 and 9 to 12 are the strategy's own."""
    ledger, strategy = ledger_with_session(), strategy_at(0.5)
    for number, (before, epoch) in enumerate(((4, 8), (8, 12))):
        ledger.start_trial(
            number, number, fingerprint=strategy.fingerprint(), strategy=strategy.model_dump(), baseline=None,
            epochs_before=before,
        )  # fmt: skip
        ledger.record_epoch(number, epoch, map=0.1, ap50=0.2, train_loss=1.0, lr=0.1, seconds=4.0)
        ledger.end_trial(number, "pruned", seconds=4.0)
        assert ledger.epoch_reached(strategy.fingerprint()) == epoch
    (row,) = ledger.strategy_rows()
    assert (row["epochs"], row["trained_epochs"], row["seconds_per_epoch"]) == (12, 8, 1.0)
    assert ledger.epoch_reached("another") == 0


def test_trials_of_an_older_version_trained_what_their_strategy_lacked() -> None:
    ledger = ledger_with_session()
    for number, state in enumerate(("pruned", "complete")):
        add_trial(ledger, number, state, 0.3, lr=0.5)  # type: ignore[arg-type]
    rows = [{**row, "epochs_before": None} for row in ledger.trial_rows()]
    (joined,) = join_chains(rows)
    assert (joined["trained_epochs"], joined["seconds_per_epoch"]) == (2, 4.0)


def test_a_strategy_that_goes_on_is_still_what_it_was() -> None:
    ledger = ledger_with_session()
    add_trial(ledger, 0, "pruned", 0.3, lr=0.5)
    add_trial(ledger, 1, "running", lr=0.5)
    add_trial(ledger, 2, "stopped", 0.4, lr=0.6)
    add_trial(ledger, 3, "stopped", lr=0.6)
    strategies = ledger.strategy_rows()
    assert [(row["number"], row["map"]) for row in strategies] == [(0, 0.3), (2, 0.4)]


def test_a_strategy_is_joined_anew_only_where_its_trials_have_changed() -> None:
    ledger = ledger_with_session()
    add_trial(ledger, 0, "pruned", 0.2, lr=0.5)
    add_trial(ledger, 1, "complete", 0.3)
    first = ledger.strategy_rows()
    add_trial(ledger, 2, "running", lr=0.5)
    ledger.end_trial(2, "complete", seconds=3.0, metrics={"map": 0.4, "ap50": 0.5})
    second = ledger.strategy_rows()
    assert [row["map"] for row in first] == [0.2, 0.3]
    assert [row["map"] for row in second] == [0.4, 0.3]
    assert second[1] is first[1]
    assert second == join_chains(ledger.trial_rows())


def test_strategies_with_one_network_have_one_inference_time() -> None:
    ledger = ledger_with_session()
    for number, seconds in enumerate((0.02, 0.03, 0.07)):
        add_trial(ledger, number, "complete", 0.25, lr=0.1 * (number + 1))
        ledger.end_trial(number, "complete", costs={"seconds_per_image": seconds})
    assert [row["costs"]["seconds_per_image"] for row in ledger.strategy_rows()] == [0.03, 0.03, 0.03]
    assert [row["costs"]["seconds_per_image"] for row in ledger.trial_rows()] == [0.02, 0.03, 0.07], "as recorded"


def test_whoever_follows_a_stopped_one_that_falls_back_has_a_bundle_too() -> None:
    ledger = ledger_with_session()
    for number, map in enumerate((0.50, 0.48, 0.46, 0.45)):
        add_trial(ledger, number, "complete", map)
    add_trial(ledger, 4, "stopped", 0.47)
    kept = {row["number"] for row in worth_keeping(ledger.strategy_rows())}
    assert kept == {0, 1, 2, 4}
    add_trial(ledger, 5, "pruned", 0.30, lr=0.005)
    fallen = best_candidates(ledger.strategy_rows())
    assert [row["number"] for row in fallen[:KEPT]] == [0, 1, 2]


def test_what_is_left_out_or_has_no_detector_is_no_candidate_but_its_bundle_stays() -> None:
    ledger = ledger_with_session()
    for number in range(2 * KEPT + 1):
        add_trial(ledger, number, "complete", 0.5 - 0.01 * number)
    ledger.write_json_artifact(
        LEFT_OUT, {"max-params": {"0": "too many"}, "max-size": {"0": "too large"}, "detector": {"2": "gone"}}
    )
    rows = ledger.strategy_rows()
    assert [row["number"] for row in best_candidates(rows)] == [1, 3, 4, 5, 6]
    assert (rows[0]["left_out"], rows[2]["left_out"], rows[2]["detector_kept"]) == ("too many; too large", "", False)
    assert {row["number"] for row in worth_keeping(rows)} == {0, 1, 2, 3, 4}

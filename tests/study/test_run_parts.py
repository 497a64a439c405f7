from __future__ import annotations

from autotl.study.ledger import Ledger
from autotl.study.run_parts import FreshState, parts_of
from tests.study.books import ledger_with_session


def note(ledger: Ledger, state: FreshState, seconds: float, epochs: int) -> None:
    ledger.record_confirmation("f", 4, state=state, reason="", seconds=seconds, epochs=epochs)


def begin_session(ledger: Ledger) -> int:
    ledger.settle_fresh_runs()
    return ledger.start_session(command="autotl search --resume", seed=3, environment={})


def test_what_each_session_took_of_a_run_adds_up_and_within_a_session_the_last_word_counts() -> None:
    ledger = ledger_with_session()
    first = begin_session(ledger)
    note(ledger, "running", 1.0, 1)
    note(ledger, "running", 2.0, 2)
    second = begin_session(ledger)
    note(ledger, "running", 1.5, 1)
    note(ledger, "stopped", 2.0, 1)
    (pending,) = ledger.fresh_runs()
    assert (pending["state"], pending["seconds"], pending["epochs"]) == ("stopped", 4.0, 3)
    assert ledger.confirmations() == []
    third = begin_session(ledger)
    note(ledger, "complete", 3.0, 2)
    (whole,) = ledger.confirmations()
    assert (whole["seconds"], whole["epochs"], whole["session"]) == (7.0, 5, third)
    parts = [(part["session"], part["seconds"], part["epochs"], part["state"]) for part in parts_of(whole)]
    assert parts == [(first, 2.0, 2, "stopped"), (second, 2.0, 1, "stopped"), (third, 3.0, 2, "complete")]
    assert parts_of(whole)[0]["started_at"] < parts_of(whole)[1]["started_at"]


def test_a_run_that_had_ended_and_is_made_again_counts_alone() -> None:
    ledger = ledger_with_session()
    for seconds in (5.0, 3.0):
        begin_session(ledger)
        note(ledger, "complete", seconds, 2)
    (row,) = ledger.confirmations()
    assert (row["seconds"], row["epochs"], len(parts_of(row))) == (3.0, 2, 1)


def test_a_run_whose_process_died_is_not_in_training() -> None:
    ledger = ledger_with_session()
    begin_session(ledger)
    note(ledger, "running", 1.0, 1)
    begin_session(ledger)
    assert [row["state"] for row in ledger.fresh_runs()] == ["killed"]

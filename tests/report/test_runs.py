from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from autotl.report.runs import training_runs
from autotl.report.summary import summarize
from tests.report.records import record
from tests.report.studies import StudyBuilder, strategy

START = datetime(2026, 1, 1)
RECORD = record(7, 0.4)


def row(
    minute: int, seconds: float | None = 60.0, *, session: int | None = 11, state: str = "complete", **changes: Any
) -> dict[str, Any]:
    """A trial that began so many minutes after the search."""
    return {
        "trial_id": minute, "fingerprint": RECORD.fingerprint, "started_at": START + timedelta(minutes=minute),
        "seconds": seconds, "session": session, "state": state,
        "epochs": 2, "cut_off": None, **changes,
    }  # fmt: skip


SESSIONS = [{"id": 11, "started_at": START}, {"id": 12, "started_at": START + timedelta(minutes=5)}]


def test_trials_and_confirmations_in_the_order_in_which_they_began() -> None:
    runs = training_runs([row(0), row(6, session=12)], [row(3)], SESSIONS, [RECORD], {})
    assert [(run.strategy, run.session, run.again) for run in runs] == [(7, 0, False), (7, 0, True), (7, 1, False)]


def test_of_studies_that_did_not_note_it_the_session_is_the_last_that_had_begun() -> None:
    runs = training_runs(
        [row(1, session=None), row(6, session=None)], [row(3, started_at=None)], SESSIONS, [RECORD], {}
    )
    assert [(run.session, run.again) for run in runs] == [(0, False), (1, False)]


def test_a_trial_that_has_not_ended_took_as_long_as_its_epochs() -> None:
    runs = training_runs(
        [row(0, None, state="running"), row(1, None, state="running")], [], SESSIONS, [RECORD], {1: 9.0}
    )
    assert [(run.seconds, run.state) for run in runs] == [(9.0, "running")]


def test_a_run_of_the_search_that_counts_again_took_no_time_and_is_no_run() -> None:
    assert training_runs([], [row(0, 0.0)], SESSIONS, [RECORD], {}) == ()


def test_a_fresh_run_that_was_cut_off_is_a_run_in_each_session_that_trained_it() -> None:
    cut = {"session": 11, "started_at": (START + timedelta(minutes=3)).isoformat(), "seconds": 40.0, "epochs": 1}
    runs = training_runs([], [row(6, session=12, cut_off=[cut])], SESSIONS, [RECORD], {})
    assert [(run.session, run.seconds, run.state, run.again) for run in runs] == [
        (0, 40.0, "stopped", True),
        (1, 20.0, "complete", True),
    ]
    assert runs[0].started_at == START + timedelta(minutes=3)
    (pending,) = training_runs([], [row(6, session=12, state="running")], SESSIONS, [RECORD], {})
    assert (pending.seconds, pending.state) == (60.0, "running")


def test_the_ledger_knows_which_session_trained_what(building: StudyBuilder) -> None:
    building.start()
    building.add(strategy(frozen=5))
    building.end()
    building.start()
    building.add(strategy(frozen=4))
    building.confirm(strategy(frozen=4), 0.41)
    runs = summarize(building.ledger, None, None).runs
    # The confirmation began a minute before it was written down.
    assert sorted((run.session, run.again, run.strategy) for run in runs) == [
        (0, False, 0),
        (1, False, 1),
        (1, True, 1),
    ]


def test_of_runs_that_an_older_version_made_it_is_known_how_long_they_took(building: StudyBuilder) -> None:
    building.start()
    building.add(strategy(frozen=4))
    building.confirm(strategy(frozen=4), 0.41, 0.42)
    assert summarize(building.ledger, None, None).undated_seconds == 0
    building.forget_when_confirmed()
    old = summarize(building.ledger, None, None)
    assert (old.undated_seconds, [run.again for run in old.runs]) == (120.0, [False])

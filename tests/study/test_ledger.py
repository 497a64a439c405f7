from __future__ import annotations

import pandas as pd

from autotl.study.energy import Energy
from autotl.study.ledger import Ledger
from tests.study.books import add_trial, ledger_with_session, memory_engine, strategy_at


def test_studies_of_one_database_do_not_see_each_other() -> None:
    engine = memory_engine()
    ledger = ledger_with_session(engine)
    add_trial(ledger, 0, "complete", 0.4)
    ledger.record_event("note", "hello", 0)
    ledger.write_artifact("a.json", "application/json", b"[1]")
    other = Ledger(engine, "other")
    frames = (other.read_trials(), other.read_epochs(), other.read_sessions(), other.read_events())
    assert [len(frame) for frame in frames] == [0, 0, 0, 0]
    assert other.read_artifact("a.json") is None
    assert [len(frame) for frame in (ledger.read_trials(), ledger.read_epochs(), ledger.read_events())] == [1, 2, 1]


def test_an_empty_frame_has_its_columns() -> None:
    ledger = ledger_with_session()
    assert list(ledger.read_epochs().columns) == ["trial_id", "epoch", "map", "ap50", "train_loss", "lr", "seconds"]
    assert {"trial_id", "state", "metrics", "fingerprint"} <= set(ledger.read_trials().columns)


def test_a_trials_epochs_are_counted_while_it_runs() -> None:
    ledger = ledger_with_session()
    add_trial(ledger, 0, "running", 0.2)
    row = ledger.read_trials().iloc[0]
    assert (row["state"], row["epochs"], row["metrics"]) == ("running", 1, None)
    assert ledger.read_epochs()["map"].tolist() == [0.2]


def test_an_artifact_takes_the_place_of_the_one_before() -> None:
    ledger = ledger_with_session()
    assert ledger.read_json_artifact("a.json") is None
    ledger.write_artifact("a.json", "application/json", b"[1]")
    ledger.write_artifact("a.json", "application/json", b"[2]")
    assert ledger.read_json_artifact("a.json") == [2]


def test_scores_are_those_of_every_strategy_after_each_epoch_as_other_processes_leave_them() -> None:
    engine = memory_engine()
    ledger, other = ledger_with_session(engine), Ledger(engine, "cells")
    assert other.scores_by_epoch()[1] == {}
    one, two = strategy_at(0.5).fingerprint(), strategy_at(0.6).fingerprint()
    add_trial(ledger, 0, "pruned", 0.2, lr=0.5)
    add_trial(ledger, 1, "running", 0.3, lr=0.6)
    other.trial_rows()
    assert other.scores_by_epoch() == {1: {one: 0.2, two: 0.3}}
    ledger.record_epoch(1, 2, map=0.4, ap50=0.5, train_loss=1.0, lr=0.1, seconds=2.0)
    assert other.scores_by_epoch() == {1: {one: 0.2, two: 0.3}, 2: {two: 0.4}}
    ledger.end_trial(1, "killed")
    add_trial(ledger, 2, "complete", 0.6, lr=0.6)
    other.trial_rows()
    for _ in range(2):
        assert other.scores_by_epoch() == {1: {one: 0.2, two: 0.6}, 2: {two: 0.6}}
    assert Ledger(engine, "cells").scores_by_epoch() == {1: {one: 0.2, two: 0.6}, 2: {two: 0.6}}


def test_trials_that_have_ended_are_read_once_and_others_as_they_are() -> None:
    engine = memory_engine()
    ledger, other = ledger_with_session(engine), Ledger(engine, "cells")
    add_trial(ledger, 0, "complete", 0.3)
    add_trial(ledger, 1, "running")
    add_trial(ledger, 2, "pruned", 0.2)
    assert ledger.read_trials()["state"].tolist() == ["complete", "running", "pruned"]
    # Another process ends one, and begins another.
    other.end_trial(1, "failed", reason="late")
    add_trial(other, 3, "running")
    assert ledger.read_trials()["state"].tolist() == ["complete", "failed", "pruned", "running"]
    # What is said again of a trial that had ended holds.
    ledger.end_trial(0, "killed")
    assert ledger.read_trials()["state"].tolist() == ["killed", "failed", "pruned", "running"]
    pd.testing.assert_frame_equal(ledger.read_trials(), Ledger(engine, "cells").read_trials())


def test_the_version_changes_with_whatever_the_study_comes_to_hold() -> None:
    ledger = ledger_with_session()
    seen = [ledger.version()]
    assert ledger.version() == seen[0]
    add_trial(ledger, 0, "running", 0.4)
    seen.append(ledger.version())
    ledger.end_trial(0, "complete", reason="", seconds=1.0)
    seen.append(ledger.version())
    ledger.record_event("note", "something")
    seen.append(ledger.version())
    ledger.write_artifact("a.json", "application/json", b"{}")
    seen.append(ledger.version())
    ledger.update_session(1, seconds=50.0, ended_by="running")
    seen.append(ledger.version())
    assert len(set(seen)) == len(seen)


def test_what_a_session_took_stays_when_another_finds_that_it_was_killed() -> None:
    ledger = ledger_with_session()
    assert ledger.read_sessions()["energy"].tolist() == [None]
    ledger.update_session(
        1,
        seconds=50.0,
        ended_by="running",
        energy=Energy(joules={"processors": 9.0}, missing={"graphics card": "lost"}),
    )
    ledger.update_session(1, seconds=50.0, ended_by="killed")
    assert ledger.read_sessions()["energy"].tolist() == [
        {"joules": {"processors": 9.0}, "missing": {"graphics card": "lost"}}
    ]

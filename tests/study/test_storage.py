from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState
from sqlalchemy import Connection, Table, text

from autotl.core.errors import ConfigError
from autotl.strategy.sample import baselines
from autotl.strategy.schema import Strategy
from autotl.strategy.space import SearchSpace
from autotl.study import optuna_rows
from autotl.study.chains import OncePerStrategy
from autotl.study.checkpoints import CHECKPOINTS
from autotl.study.ledger import Ledger
from autotl.study.storage import (
    connect,
    create_study,
    default_url,
    load_study,
    open_out,
    settle_dead_trials,
    write_pointer,
)
from autotl.study.strategies import one_row_a_strategy
from tests.study.scripted import Scripted, Session, rising, tiny_space


@pytest.fixture
def space(tmp_path: Path) -> SearchSpace:
    return tiny_space(tmp_path)


class Killed(BaseException):
    """Ends a search as kill -9 does: neither Optuna nor the search may tidy up."""


def die(*_args: object, **_kwargs: object) -> None:
    raise Killed


def die_after(call: Callable[..., Any]) -> Callable[..., Any]:
    def called(*args: Any, **kwargs: Any) -> None:
        call(*args, **kwargs)
        raise Killed

    return called


def finish(session: Session, script: Scripted, strategies: int = 5) -> list[str]:
    """Resumes to the end; gives the strategies' fingerprints. No epoch was lost that had ended."""
    session.run(trials=strategies, resume=True)
    study = open_out(session.out, None)
    assert all(trial.state.is_finished() for trial in study.optuna.get_trials())
    with sqlite3.connect(session.out / "study.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    trials = study.ledger.read_trials()
    kept = one_row_a_strategy(trials)
    assert "killed" not in set(kept["state"])
    assert kept["baseline"].dropna().is_unique
    assert len(script.epochs) == len(set(script.epochs))
    assert set(kept["baseline"].dropna()) == set(session.space.baselines)
    assert len(kept) == strategies
    return list(kept["fingerprint"])


@pytest.mark.parametrize("number", [0, 2, 4])
def test_a_trial_killed_in_training_runs_again_as_it_was(session: Session, script: Scripted, number: int) -> None:
    def curve(strategy: Strategy) -> list[float]:
        if len(script.trained) == number + 1:
            raise Killed
        return rising(strategy)

    script.curve = curve
    with pytest.raises(Killed):
        session.run(trials=5)
    assert open_out(session.out, None).optuna.get_trials()[number].state == TrialState.RUNNING
    script.curve = rising
    assert script.trained[number].fingerprint() in finish(session, script)
    ledger = open_out(session.out, None).ledger
    row = ledger.read_trials().iloc[number]
    assert (row["state"], row["reason"]) == ("killed", "its process died; another trial goes on")
    assert "settled" in set(ledger.read_events()["kind"])


def test_a_baseline_killed_while_it_was_drawn_keeps_its_other_parameters(
    session: Session, script: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        # Not while the sampler is tried beforehand.
        patch.setattr("autotl.study.samplers.rehearse", lambda *_args: None)
        patch.setattr(optuna.Trial, "suggest_float", die)
        with pytest.raises(Killed):
            session.run(trials=5)
    finish(session, script)
    assert baselines(session.space)["feature_extraction"] in script.trained


def test_a_baseline_killed_before_its_parameters_were_written_runs_again(
    session: Session, script: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    upsert = optuna_rows.upsert

    def die_at_parameters(connection: Connection, table: Table, some: list[dict[str, Any]]) -> None:
        upsert(connection, table, some)
        if table is optuna_rows.PARAMS:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(optuna_rows, "upsert", die_at_parameters)
        with pytest.raises(Killed):
            session.run(trials=5)
    *_, killed = open_out(session.out, None).optuna.get_trials()
    assert (killed.state, killed.params) == (TrialState.RUNNING, {})
    finish(session, script)


def test_a_session_that_was_killed_is_marked(session: Session, script: Scripted) -> None:
    session.run(trials=1)
    ledger = open_out(session.out, None).ledger
    ledger.start_session(command="killed", seed=0, environment={})
    session.run(trials=1, resume=True)
    assert ledger.read_sessions()["ended_by"].tolist() == ["trials", "killed", "trials"]


def test_a_trial_that_had_ended_in_the_ledger_is_told_to_optuna_and_keeps_its_bundle(
    session: Session, script: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "end_trial", die_after(Ledger.end_trial))
        with pytest.raises(Killed):
            session.run(trials=5)
    finish(session, script)
    first = open_out(session.out, None).optuna.get_trials()[0]
    assert first.state == TrialState.COMPLETE
    assert first.value == pytest.approx(0.51)
    assert script.trained.count(script.trained[0]) == 1


@pytest.mark.parametrize("moment", ["enqueue_trial", "end_trial"])
def test_a_crash_while_settling_neither_forgets_nor_doubles(
    session: Session, script: Scripted, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    script.curve = lambda one: Killed()
    with pytest.raises(Killed):
        session.run(trials=5)
    owner = Ledger if moment == "end_trial" else optuna.Study
    with monkeypatch.context() as patch:
        patch.setattr(owner, moment, die_after(getattr(owner, moment)))
        with pytest.raises(Killed):
            session.run(trials=5, resume=True)
    script.curve = rising
    finish(session, script)
    assert script.trained.count(script.trained[0]) == 2


def test_an_interrupted_trial_whose_end_was_not_awaited_runs_again(session: Session, script: Scripted) -> None:
    """The second Ctrl-C: Optuna has told itself that the trial failed."""
    script.curve = lambda one: KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        session.run(trials=5)
    assert open_out(session.out, None).optuna.get_trials()[0].state == TrialState.FAIL
    script.curve = rising
    finish(session, script)
    assert open_out(session.out, None).ledger.read_sessions()["ended_by"][0] == "KeyboardInterrupt"


def test_settling_a_study_without_dead_trials_changes_nothing(session: Session, script: Scripted) -> None:
    session.run(trials=4)
    study = open_out(session.out, None)
    before = (study.ledger.read_trials().to_csv(), len(study.optuna.get_trials()))
    settle_dead_trials(study.optuna, study.ledger, session.out / CHECKPOINTS)
    assert (study.ledger.read_trials().to_csv(), len(study.optuna.get_trials())) == before


def test_optunas_tables_and_ours_share_a_database(tmp_path: Path, space: SearchSpace) -> None:
    engine = connect(default_url(tmp_path))
    study = create_study(engine, "cells", space, 0)
    assert isinstance(study.optuna.sampler, OncePerStrategy)
    assert isinstance(study.optuna.sampler.inner, optuna.samplers.TPESampler)
    with engine.connect() as connection:
        names = {row[0] for row in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'"))}
    ours = {name for name in names if name.startswith("autotl_")}
    assert len(ours) == 8
    assert {"trials", "studies", "version_info"} <= names - ours


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nonsense", "cannot connect"),
        ("sqlite:////no/such/folder/study.db", "unable to open database file"),
        ("nosuch://host/db", "nosuch"),
        ("postgresql+psycopg3000://host/db", "cannot connect"),
        ("sqlite://", "a database in memory cannot be resumed"),
        ("sqlite:///:memory:", "a database in memory cannot be resumed"),
        ("mysql+pymysql://host/db", "pip install"),
    ],
)
def test_a_database_that_cannot_be_used_is_one_clear_line(url: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        connect(url)
    assert str(caught.value).startswith("--storage")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_database_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "study.db").write_text("these are not the bytes of a database" * 100)
    with pytest.raises(ConfigError, match="file is not a database"):
        connect(default_url(tmp_path))


def test_passwords_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        connect("postgresql+nosuch://me:secret@host/db")
    assert "secret" not in str(caught.value)
    engine = connect(f"sqlite:///{tmp_path / 'elsewhere.db'}")
    write_pointer(tmp_path, engine, "cells")
    assert json.loads((tmp_path / "study.json").read_text())["study"] == "cells"


def test_a_folder_that_is_no_search_or_lost_its_database(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not the out folder of a search"):
        open_out(tmp_path, None)
    write_pointer(tmp_path, connect(f"sqlite:///{tmp_path / 'study.db'}"), "cells")
    (tmp_path / "study.db").unlink(missing_ok=True)
    with pytest.raises(ConfigError, match=r"study\.db is missing"):
        open_out(tmp_path, None)
    with pytest.raises(ConfigError, match=r"typo\.db is missing"):
        open_out(tmp_path, f"sqlite:///{tmp_path / 'typo.db'}")
    assert [path.name for path in tmp_path.iterdir()] == ["study.json"]
    (tmp_path / "study.json").write_text('{"half')
    with pytest.raises(ConfigError, match="not the out folder of a search"):
        open_out(tmp_path, None)


@pytest.mark.parametrize("name", ["out", "out (2) #1 ä", "a%20b", "what?"])
def test_an_out_folder_may_have_any_name_and_may_be_moved(
    name: str, session: Session, script: Scripted, tmp_path: Path
) -> None:
    session.out = tmp_path / name
    session.run(trials=1)
    assert (session.out / "study.db").is_file()
    session.out.rename(tmp_path / "moved")
    assert len(open_out(tmp_path / "moved", None).ledger.read_trials()) == 1


def test_a_database_without_the_study(tmp_path: Path, space: SearchSpace) -> None:
    engine = connect(default_url(tmp_path))
    with pytest.raises(ConfigError, match="no study named 'cells'"):
        load_study(engine, "cells")
    create_study(engine, "other", space, 0)
    with pytest.raises(ConfigError, match="no study named 'cells'"):
        load_study(engine, "cells")
    with pytest.raises(ConfigError, match="has a study of that name"):
        create_study(engine, "other", space, 0)

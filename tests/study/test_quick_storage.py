from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.exceptions import UpdateFinishedTrialError
from optuna.samplers import TPESampler
from optuna.storages import BaseStorage, RDBStorage, get_storage
from optuna.study import StudyDirection
from optuna.testing.pytest_storages import StorageTestCase
from optuna.trial import TrialState
from sqlalchemy import Connection, event

from autotl.study import optuna_rows
from autotl.study.database import connect_arguments
from autotl.study.quick_storage import QuickStorage, at_once, open_storage
from tests.study.workers import COUNT, trials_of_workers


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with Optuna's tables; a copy is made sooner than another one."""
    file = tmp_path_factory.mktemp("optuna") / "empty.db"
    RDBStorage(f"sqlite:///{file}").engine.dispose()
    return file


@pytest.fixture
def url(empty: Path, tmp_path: Path) -> str:
    return f"sqlite:///{shutil.copy(empty, tmp_path / 'study.db')}"


class TestWhatOptunaAsksOfAStorage(StorageTestCase):
    """Optuna's own tests."""

    @pytest.fixture
    def storage(self, url: str) -> BaseStorage:
        return get_storage(open_storage(url, {}))


def search(storage: RDBStorage) -> optuna.Study:
    """Trials of every kind: given, drawn, pruned, failed, infeasible, with parameters of some only, and one that waits."""

    def objective(trial: optuna.Trial) -> float:
        with at_once(storage):
            depth = trial.suggest_int("depth", 1, 4)
            kind = trial.suggest_categorical("kind", [None, "light", 0.5, True])
            lr = trial.suggest_float("lr", 1e-4, 1e-1, log=True) if kind else 0.0
            trial.set_user_attr("note", {"depth": depth})
        trial.set_constraint("latency", depth - 3.0)
        with at_once(storage):
            for epoch in range(depth):
                trial.report((float("nan"), float("-inf"), lr, depth)[epoch], epoch)
        if trial.number % 3 == 1:
            raise optuna.TrialPruned
        if trial.number == 5:
            raise ValueError
        return float("inf") if trial.number == 6 else lr * depth

    sampler = TPESampler(seed=0, multivariate=True, group=True, n_startup_trials=3)
    study = optuna.create_study(storage=storage, sampler=sampler, direction="maximize")
    study.enqueue_trial({"depth": 2}, user_attrs={"from": "a test"})
    study.optimize(objective, n_trials=12, catch=(ValueError,))
    study.enqueue_trial({"depth": 1})
    return study


def content(study: optuna.Study) -> list[str]:
    """All that is known of the trials but the time; NaN equals itself as text."""
    dates = ("_datetime_start", "datetime_complete", "_trial_id")
    return [
        repr({name: value for name, value in sorted(vars(trial).items()) if name not in dates})
        for trial in study.get_trials(deepcopy=False)
    ]


def test_the_same_search_as_with_optunas_storage_is_read_alike_by_both(url: str, tmp_path: Path) -> None:
    shutil.copy(tmp_path / "study.db", tmp_path / "plain.db")
    quick = search(open_storage(url, {}))
    plain = search(RDBStorage(f"sqlite:///{tmp_path / 'plain.db'}"))
    assert content(quick) == content(plain)
    assert {trial.state for trial in quick.trials} == set(TrialState) - {TrialState.RUNNING}
    of_optuna, ours = RDBStorage(url), QuickStorage(url, {})
    for trial in of_optuna.get_all_trials(quick._study_id):
        assert repr(ours.get_trial(trial._trial_id)) == repr(trial)
        assert repr(trial) in map(repr, ours.get_all_trials(quick._study_id))


def test_at_once_is_one_transaction_that_others_see_at_its_end(url: str) -> None:
    storage, other = open_storage(url, {}), RDBStorage(url)
    study = optuna.create_study(storage=storage)
    study.ask({"lr": optuna.distributions.FloatDistribution(0, 1)})
    trial = study.ask()
    transactions: dict[int, Any] = {}

    def note(connection: Connection, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith("INSERT"):
            transactions[id(connection.get_transaction())] = connection.get_transaction()

    event.listen(storage.engine, "before_cursor_execute", note)
    with at_once(storage):
        trial.suggest_float("lr", 0, 1)
        trial.set_user_attr("note", 1)
        trial.report(0.5, 1)
        seen = other.get_trial(trial._trial_id)
        assert (seen.params, seen.user_attrs, seen.intermediate_values) == ({}, {}, {})
    assert len(transactions) == 1
    seen = other.get_trial(trial._trial_id)
    assert (seen.params, seen.user_attrs, seen.intermediate_values) == (trial.params, {"note": 1}, {1: 0.5})


def test_what_waits_is_written_before_anything_is_read_and_where_the_work_fails(url: str) -> None:
    storage = open_storage(url, {})
    study = optuna.create_study(storage=storage)
    trial = study.ask()

    def work() -> None:
        with at_once(storage):
            trial.set_user_attr("first", 1)
            assert study.trials[0].user_attrs == {"first": 1}
            trial.set_user_attr("second", 2)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert RDBStorage(url).get_trial(trial._trial_id).user_attrs == {"first": 1, "second": 2}


def test_a_trial_that_has_ended_or_is_unknown_takes_nothing(url: str) -> None:
    storage = open_storage(url, {})
    trial = storage.create_new_trial(storage.create_new_study([StudyDirection.MAXIMIZE]))
    storage.set_trial_state_values(trial, TrialState.COMPLETE, [1.0])
    with pytest.raises(UpdateFinishedTrialError), at_once(storage):
        storage.set_trial_user_attr(trial, "late", 1)
    with pytest.raises(KeyError), at_once(storage):
        storage.set_trial_user_attr(trial + 1, "nobody's", 1)
    assert storage.get_trial(trial).user_attrs == {}


def test_workers_that_share_a_study_get_numbers_and_waiting_trials_of_their_own(url: str) -> None:
    trials, numbers = trials_of_workers(url, connect_arguments("sqlite"))
    assert len(trials) == len(set(trials)) == COUNT, "none is two workers'"
    assert numbers == list(range(COUNT)), "neither gap nor twin"


def test_optuna_still_goes_the_quick_way(url: str) -> None:
    """Where this fails Optuna has changed what `quick_storage` and `optuna_rows` lean on: adapt them."""
    # As in a search; telling of a trial would ask for the study's attributes.
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = open_storage(url, {})
    assert isinstance(storage, QuickStorage), f"Optuna's tables are {storage.get_current_version()}"
    study = optuna.create_study(storage=storage, sampler=TPESampler(seed=0, multivariate=True, n_startup_trials=1))

    def objective(trial: optuna.Trial) -> float:
        trial.report(1.0, 1)
        trial.set_user_attr("note", 1)
        return trial.suggest_float("lr", 0, 1)

    study.optimize(objective, n_trials=2)
    # What Optuna's own way needs; only a parameter's first trial, and one that is enqueued, may go it.
    del storage.scoped_session
    study.optimize(objective, n_trials=2)
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 4


def test_tables_or_databases_that_it_does_not_know_are_left_to_optuna(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optuna_rows, "SCHEMA", "v9.9.9.a")
    storage = open_storage(url, {})
    assert type(storage) is RDBStorage
    trial = optuna.create_study(storage=storage).ask()
    with at_once(storage):
        trial.set_user_attr("note", 1)
        assert RDBStorage(url).get_trial(trial._trial_id).user_attrs == {"note": 1}

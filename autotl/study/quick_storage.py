"""Optuna's database storage, with plain SQL where a search spends its time.

Optuna reads a trial by half a dozen queries and writes each parameter, attribute and reported value in a transaction of
its own, all through SQLAlchemy's ORM: that was most of what a trial cost besides its training. Here trials are read by
two queries, and what is written `at_once` is one transaction. The rows are those that Optuna writes, so other processes
and its own tools find what they always found.

Together with `optuna_rows` this is all that leans on what Optuna keeps private: its tables, and the methods with an
underscore by which its cache of trials calls a storage. Where the tables are others, Optuna's own storage is used.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Container, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from optuna.distributions import BaseDistribution, distribution_to_json
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import Connection, Table

from autotl.study import optuna_rows as rows
from autotl.study.connections import statement_by_statement


def open_storage(url: str, engine_kwargs: dict[str, Any]) -> RDBStorage:
    """The quick storage where it knows the database and its tables; else Optuna's own."""
    storage = QuickStorage(url, engine_kwargs)
    if storage.engine.dialect.name in rows.DIALECTS and storage.get_current_version() == rows.SCHEMA:
        return storage
    storage.engine.dispose()
    return RDBStorage(url, engine_kwargs)


def at_once(storage: RDBStorage) -> AbstractContextManager[None]:
    """Inside, what is written of trials waits; it is written at the end, or before anything is read, in one transaction.

    A process that is killed inside loses what waits. Does nothing with Optuna's own storage.
    """
    return storage.at_once() if isinstance(storage, QuickStorage) else nullcontext()


class QuickStorage(RDBStorage):
    """Behaves as Optuna's, but for the time it takes and for `at_once`; for one thread at a time."""

    def __init__(self, url: str, engine_kwargs: dict[str, Any]):
        super().__init__(url, engine_kwargs)
        self._waits = False
        self._waiting: dict[tuple[int, Table], list[dict[str, Any]]] = defaultdict(list)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """As the function of that name."""
        self._waits = True
        try:
            yield
        finally:
            self._waits = False
            self._write()

    # Writing

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """As Optuna's."""
        self._put(rows.USER_ATTRS, trial_id, key=key, value_json=json.dumps(value))

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """As Optuna's."""
        self._put(rows.SYSTEM_ATTRS, trial_id, key=key, value_json=json.dumps(value))

    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        """As Optuna's."""
        self._put(rows.REPORTS, trial_id, step=step, **rows.stored_report(intermediate_value))

    def _set_trial_param(
        self, trial_id: int, param_name: str, param_value_internal: float, distribution: BaseDistribution,
        previous_distribution: BaseDistribution | None,
    ) -> None:  # fmt: skip
        if distribution != previous_distribution:
            # Optuna's own way looks whether it goes together with what the study holds.
            self._write()
            super()._set_trial_param(trial_id, param_name, param_value_internal, distribution, previous_distribution)
            return
        self._put(
            rows.PARAMS, trial_id, param_name=param_name, param_value=param_value_internal,
            distribution_json=distribution_to_json(distribution),
        )  # fmt: skip

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        """As Optuna's; of several who start a waiting trial one succeeds, with SQLite too."""
        self._write()
        with self.engine.begin() as connection:
            if state == TrialState.RUNNING and rows.start(connection, trial_id):
                return True
            self._check_is_updatable(connection, trial_id)
            if state == TrialState.RUNNING:
                return False
            if values is not None:
                stored = [rows.stored_value(value) for value in values]
                found = [{"trial_id": trial_id, "objective": n, **value} for n, value in enumerate(stored)]
                rows.upsert(connection, rows.VALUES, found)
            rows.end(connection, trial_id, state)
        return True

    def _create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> FrozenTrial:
        if template_trial is not None:
            return super()._create_new_trial(study_id, template_trial)
        with self.engine.begin() as connection:
            return rows.create(connection, study_id)

    def _put(self, table: Table, trial_id: int, **row: Any) -> None:
        self._waiting[trial_id, table].append({"trial_id": trial_id, **row})
        if not self._waits:
            self._write()

    def _write(self) -> None:
        waiting, self._waiting = self._waiting, defaultdict(list)
        if not waiting:
            return
        with self.engine.begin() as connection:
            for trial_id in {trial_id for trial_id, _ in waiting}:
                self._check_is_updatable(connection, trial_id)
            for (_, table), some in waiting.items():
                rows.upsert(connection, table, some)

    def _check_is_updatable(self, connection: Connection, trial_id: int) -> None:
        self.check_trial_is_updatable(trial_id, rows.read_state(connection, trial_id))

    # Reading

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """As Optuna's."""
        self._write()
        with statement_by_statement(self.engine) as connection:
            return rows.read_trial(connection, trial_id)

    def _get_trials(
        self, study_id: int, states: Container[TrialState] | None, included_trial_ids: set[int],
        trial_id_greater_than: int,
    ) -> list[FrozenTrial]:  # fmt: skip
        self._write()
        with statement_by_statement(self.engine) as connection:
            found = rows.read_trials(connection, study_id, after=trial_id_greater_than, besides=included_trial_ids)
        return found if states is None else [trial for trial in found if trial.state in states]

"""Trials as rows of the tables that Optuna keeps them in, read and written by statements that are built once.

Building a statement takes longer than running it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sql
from optuna.distributions import json_to_distribution
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import Connection, Table, bindparam
from sqlalchemy.dialects import postgresql, sqlite

SCHEMA = "v3.2.0.a"
"""The version of the tables that this file knows."""
DIALECTS: Mapping[str, Callable[[Table], Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
"""The databases that it knows, each with its INSERT."""

_STUDIES: Table = models.StudyModel.__table__
_TRIALS: Table = models.TrialModel.__table__
PARAMS: Table = models.TrialParamModel.__table__
VALUES: Table = models.TrialValueModel.__table__
REPORTS: Table = models.TrialIntermediateValueModel.__table__
USER_ATTRS: Table = models.TrialUserAttributeModel.__table__
SYSTEM_ATTRS: Table = models.TrialSystemAttributeModel.__table__

_KEYS = {PARAMS: "param_name", VALUES: "objective", REPORTS: "step", USER_ATTRS: "key", SYSTEM_ATTRS: "key"}
"""What tells a trial's rows apart."""

# Reading

_MOST_AT_ONCE = 1000
"""Trials whose rows are asked for together; a database takes only so many values."""


def read_trial(connection: Connection, trial_id: int) -> FrozenTrial:
    """A trial.

    Raises:
        KeyError: where there is none.
    """
    found = _read(connection, _ONE, {"trial": trial_id})
    if not found:
        raise KeyError(models.NOT_FOUND_MSG)
    return found[0]


def read_trials(connection: Connection, study_id: int, *, after: int, besides: Iterable[int]) -> list[FrozenTrial]:
    """A study's trials with ids above `after`, and those `besides`, by id.

    Raises:
        KeyError: where there is no such study.
    """
    found = _read(connection, _LATEST, {"of_study": study_id, "after": after, "besides": list(besides)})
    if not found and not connection.execute(_STUDY, {"of_study": study_id}).first():
        raise KeyError(models.NOT_FOUND_MSG)
    return found


def read_state(connection: Connection, trial_id: int) -> TrialState:
    """A trial's state, which nobody else changes before the transaction ends.

    Raises:
        KeyError: where there is none.
    """
    state: TrialState | None = connection.execute(_STATE, {"trial": trial_id}).scalar()
    if state is None:
        raise KeyError(models.NOT_FOUND_MSG)
    return state


def _content() -> sql.CompoundSelect[Any]:
    """All rows that belong to some trials."""
    nothing = {"key": sql.cast(sql.null(), sql.Text), "number": sql.cast(sql.null(), sql.Float)}
    nothing["text"] = nothing["key"]

    def part(table: Table, position: sql.ColumnElement[Any], **columns: sql.ColumnElement[Any]) -> sql.Select[Any]:
        shape = {"position": position} | nothing | columns
        labelled = [column.label(name) for name, column in shape.items()]
        kind: sql.ColumnElement[str] = sql.literal_column(f"'{table.name}'")
        # Names and not a query for them, after which PostgreSQL would read its tables whole.
        some = table.c.trial_id.in_(bindparam("trials", expanding=True))
        return sql.select(table.c.trial_id, kind.label("table"), *labelled).where(some)

    params, values, reports = PARAMS.c, VALUES.c, REPORTS.c
    return sql.union_all(
        part(PARAMS, params.param_id, key=params.param_name, number=params.param_value, text=params.distribution_json),
        part(VALUES, values.objective, key=sql.cast(values.value_type, sql.Text), number=values.value),
        part(
            REPORTS, reports.step, key=sql.cast(reports.intermediate_value_type, sql.Text),
            number=reports.intermediate_value,
        ),
        *(part(one, one.c.trial_id, key=one.c.key, text=one.c.value_json) for one in (USER_ATTRS, SYSTEM_ATTRS)),
    ).order_by("position")  # fmt: skip


_CONTENT = _content()
_ONE = sql.select(_TRIALS).where(_TRIALS.c.trial_id == bindparam("trial"))
_LATEST = (
    sql.select(_TRIALS)
    .where(_TRIALS.c.study_id == bindparam("of_study"))
    .where((_TRIALS.c.trial_id > bindparam("after")) | _TRIALS.c.trial_id.in_(bindparam("besides", expanding=True)))
    .order_by(_TRIALS.c.trial_id)
)
_STATE = sql.select(_TRIALS.c.state).where(_TRIALS.c.trial_id == bindparam("trial")).with_for_update()
_STUDY = sql.select(_STUDIES.c.study_id).where(_STUDIES.c.study_id == bindparam("of_study"))


def _read(connection: Connection, query: sql.Select[Any], values: dict[str, Any]) -> list[FrozenTrial]:
    trials = connection.execute(query, values).all()
    content: dict[int, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for start in range(0, len(trials), _MOST_AT_ONCE):
        some = [row.trial_id for row in trials[start : start + _MOST_AT_ONCE]]
        for row in connection.execute(_CONTENT, {"trials": some}):
            content[row.trial_id][row.table].append(row)
    return [_trial(trial, content[trial.trial_id]) for trial in trials]


def _trial(row: Any, content: dict[str, list[Any]]) -> FrozenTrial:
    params = content[PARAMS.name]
    distributions = {one.key: _parse_distribution(one.text) for one in params}
    return FrozenTrial(
        number=row.number,
        state=row.state,
        value=None,
        values=[_number(one) for one in content[VALUES.name]] or None,
        datetime_start=_local(row.datetime_start),
        datetime_complete=_local(row.datetime_complete),
        params={one.key: distributions[one.key].to_external_repr(one.number) for one in params},
        distributions=distributions,
        user_attrs={one.key: json.loads(one.text) for one in content[USER_ATTRS.name]},
        system_attrs={one.key: json.loads(one.text) for one in content[SYSTEM_ATTRS.name]},
        intermediate_values={one.position: _number(one) for one in content[REPORTS.name]},
        trial_id=row.trial_id,
    )


_parse_distribution = lru_cache(maxsize=1024)(json_to_distribution)


def _number(row: Any) -> float:
    """Of a value or a report; the kinds of values are among those of reports."""
    model = models.TrialIntermediateValueModel
    return float(model.stored_repr_to_intermediate_value(row.number, model.TrialIntermediateValueType[row.key]))


def _local(at: datetime | None) -> datetime | None:
    """Optuna stores UTC and tells local time, both without a zone."""
    return None if at is None else at.replace(tzinfo=UTC).astimezone().replace(tzinfo=None)


# Writing

_LOCK = _STUDY.with_for_update()
_CREATE = (
    sql.insert(_TRIALS)
    .from_select(
        ["study_id", "number", "state", "datetime_start"],
        sql.select(
            bindparam("of_study", type_=sql.Integer),
            sql.func.count(_TRIALS.c.trial_id),
            sql.literal(TrialState.RUNNING, _TRIALS.c.state.type),
            bindparam("now", type_=sql.DateTime),
        ).where(_TRIALS.c.study_id == bindparam("of_study")),
    )
    .returning(*_TRIALS.c)
)
_START = (
    sql.update(_TRIALS)
    .where((_TRIALS.c.trial_id == bindparam("trial")) & (_TRIALS.c.state == TrialState.WAITING))
    .values(state=TrialState.RUNNING, datetime_start=bindparam("now"))
)
_END = (
    sql.update(_TRIALS)
    .where(_TRIALS.c.trial_id == bindparam("trial"))
    .values(state=bindparam("ended"), datetime_complete=bindparam("now"))
)


def create(connection: Connection, study_id: int) -> FrozenTrial:
    """A new trial that runs.

    Raises:
        KeyError: where there is no such study.
    """
    # Who creates one at the same time waits here, so that no two get the same number.
    if not connection.execute(_LOCK, {"of_study": study_id}).first():
        raise KeyError(models.NOT_FOUND_MSG)
    row = connection.execute(_CREATE, {"of_study": study_id, "now": _now()}).one()
    return _trial(row, defaultdict(list))


def start(connection: Connection, trial_id: int) -> bool:
    """Starts a trial that waits; False where it does not."""
    return bool(connection.execute(_START, {"trial": trial_id, "now": _now()}).rowcount)


def end(connection: Connection, trial_id: int, state: TrialState) -> None:
    """Ends a trial."""
    connection.execute(_END, {"trial": trial_id, "ended": state, "now": _now() if state.is_finished() else None})


def stored_value(value: float) -> dict[str, Any]:
    """A trial's value as columns."""
    number, kind = models.TrialValueModel.value_to_stored_repr(value)
    return {"value": number, "value_type": kind}


def stored_report(value: float) -> dict[str, Any]:
    """A reported value as columns."""
    number, kind = models.TrialIntermediateValueModel.intermediate_value_to_stored_repr(value)
    return {"intermediate_value": number, "intermediate_value_type": kind}


def upsert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Writes rows, each in place of one that says the same of its trial."""
    connection.execute(_upsert(table, connection.dialect.name), rows)


@lru_cache
def _upsert(table: Table, dialect: str) -> Any:
    statement = DIALECTS[dialect](table)
    keys = ["trial_id", _KEYS[table]]
    rest = [column.name for column in table.c if not column.primary_key and column.name not in keys]
    return statement.on_conflict_do_update(index_elements=keys, set_={name: statement.excluded[name] for name in rest})


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)

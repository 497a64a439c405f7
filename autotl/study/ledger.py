"""The ledger: what a study learnt beyond what Optuna stores, in tables named autotl_* of the same database."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any, Literal

import pandas as pd
from sqlalchemy import Engine, Row, Select, func, insert, select, update

from autotl.study.connections import statement_by_statement
from autotl.study.energy import Energy
from autotl.study.queries import (
    ADD_EPOCH,
    ADD_TRIAL,
    ARTIFACT,
    CURVE,
    FAILED,
    REACHED,
    SCORES_AFTER,
    TRIALS_AFTER,
    UPDATE_SESSION,
    UPDATE_TRIAL,
)
from autotl.study.run_parts import UNFINISHED, FreshState, parts_before
from autotl.study.strategies import LEFT_OUT, Strategies, with_left_out
from autotl.study.tables import (
    artifact_table,
    confirmation_table,
    epoch_table,
    event_table,
    session_table,
    study_table,
    trial_table,
)

TrialState = Literal["running", "complete", "pruned", "stopped", "failed", "infeasible", "killed"]
"""stopped: ended by the budget or an interruption, what it learnt is kept. killed: its process died; it runs again."""


class Ledger:
    """Reads and writes one study's rows. Safe to use from several processes; every call is one transaction."""

    def __init__(self, engine: Engine, study: str):
        self._engine = engine
        self.study = study
        self._ended: list[dict[str, Any]] = []
        """The rows of trials that have ended, up to the first one that has not: these are read once."""
        self._scores: defaultdict[int, dict[str, float]] = defaultdict(dict)
        """By epoch and fingerprint, of the trials up to number `_scored`: all of them are among those that have ended."""
        self._scored = -1
        self._strategies = Strategies()
        self._session: int | None = None
        """Of this process, once it has begun."""

    # Writing

    def write_study(self, *, dataset: Mapping[str, Any], space: Mapping[str, Any]) -> None:
        """Stores what the study is about, once."""
        row = {"study": self.study, "created_at": _now(), "dataset": dict(dataset), "space": dict(space)}
        self._execute(insert(study_table).values(row))

    def start_session(self, *, command: str, seed: int, environment: Mapping[str, Any]) -> int:
        """Notes that a process works on the study from now on; gives the session's id."""
        row = {"study": self.study, "started_at": _now(), "seconds": 0.0, "ended_by": "running", "command": command}
        with self._engine.begin() as connection:
            found = connection.execute(
                insert(session_table).values(**row, seed=seed, environment=dict(environment))
            ).inserted_primary_key
        assert found is not None
        self._session = int(found[0])
        return self._session

    def update_session(self, session: int, *, seconds: float, ended_by: str, energy: Energy | None = None) -> None:
        """Notes how long the session has run and, if it has ended, why; of energy what was known stays where none is given."""
        counted = {} if energy is None else {"energy": energy.model_dump()}
        self._execute(UPDATE_SESSION, {"session": session, "seconds": seconds, "ended_by": ended_by, **counted})

    def start_trial(
        self, trial_id: int, number: int, *, fingerprint: str, strategy: Mapping[str, Any], baseline: str | None,
        epochs_before: int = 0,
    ) -> None:  # fmt: skip
        """Stores a strategy whole, before its training starts, and the epoch up to which others have trained it."""
        row = {"trial_id": trial_id, "study": self.study, "number": number, "fingerprint": fingerprint}
        row |= {"strategy": dict(strategy), "baseline": baseline, "state": "running", "started_at": _now(), "epochs": 0}
        row |= {"session": self._session, "epochs_before": epochs_before}
        self._execute(ADD_TRIAL, row)

    def record_epoch(
        self, trial_id: int, epoch: int, *, map: float, ap50: float, train_loss: float, lr: float, seconds: float
    ) -> None:
        """Stores one epoch of a trial; epochs count from 1."""
        row = {"trial_id": trial_id, "epoch": epoch, "study": self.study, "map": map, "ap50": ap50}
        row |= {"train_loss": train_loss, "lr": lr, "seconds": seconds}
        with self._engine.begin() as connection:
            connection.execute(ADD_EPOCH, row)
            connection.execute(UPDATE_TRIAL, {"trial": trial_id, "epochs": epoch})

    def end_trial(
        self,
        trial_id: int,
        state: TrialState,
        *,
        reason: str = "",
        seconds: float | None = None,
        costs: Mapping[str, Any] | None = None,
        metrics: Mapping[str, Any] | None = None,
    ) -> None:
        """Stores how a trial ended. `metrics` are those of its last evaluated epoch."""
        if any(row["trial_id"] == trial_id for row in reversed(self._ended)):
            self._ended, self._scored = [], -1
            self._scores.clear()
        values: dict[str, Any] = {"trial": trial_id, "state": state, "reason": reason, "seconds": seconds}
        values |= {"costs": dict(costs) if costs else None, "metrics": dict(metrics) if metrics else None}
        self._execute(UPDATE_TRIAL, values)

    def record_confirmation(
        self, fingerprint: str, seed: int, *, state: FreshState, seconds: float, epochs: int, **values: Any
    ) -> None:
        """Stores a run of a strategy with another seed, in place of an earlier one, or of what was known of this one.

        It is taken to have lasted until just now. The search's own run, which counts as one of these for some strategies,
        did not: the timeline has that from its trial.

        Args:
            fingerprint: of the strategy.
            seed: of the run.
            state: how far it is.
            seconds: that it took in this session; what it took in those before, which were cut off, is added.
            epochs: that this session trained; likewise.
            values: the other columns of autotl_confirmations.
        """
        row = {"study": self.study, "fingerprint": fingerprint, "seed": seed}
        same = [confirmation_table.c[name] == value for name, value in row.items()]
        values |= {"state": state, "session": self._session, "started_at": _now() - timedelta(seconds=seconds)}
        with self._engine.begin() as connection:
            known = connection.execute(select(confirmation_table).where(*same)).first()
            before = parts_before(known._asdict(), self._session) if known else []
            values |= {"cut_off": before or None, "seconds": seconds + sum(part["seconds"] for part in before)}
            values["epochs"] = epochs + sum(part["epochs"] for part in before)
            connection.execute(confirmation_table.delete().where(*same))
            connection.execute(insert(confirmation_table).values(**row, **values))

    def settle_fresh_runs(self) -> None:
        """Notes of runs with other seeds that are in training that their process died."""
        same = (confirmation_table.c.study == self.study) & (confirmation_table.c.state == "running")
        self._execute(update(confirmation_table).where(same).values(state="killed"))

    def record_event(self, kind: str, message: str, trial_id: int | None = None) -> None:
        """Stores something worth telling: a resume, a warning, a decision."""
        row = {"study": self.study, "at": _now(), "trial_id": trial_id, "kind": kind, "message": message}
        self._execute(insert(event_table).values(row))

    def write_artifact(self, name: str, media_type: str, data: bytes) -> None:
        """Stores a file's content under a name, in place of what was there."""
        same = (artifact_table.c.study == self.study) & (artifact_table.c.name == name)
        with self._engine.begin() as connection:
            connection.execute(artifact_table.delete().where(same))
            connection.execute(
                insert(artifact_table).values(study=self.study, name=name, media_type=media_type, data=data)
            )

    def write_json_artifact(self, name: str, content: Any) -> None:
        """Stores plain values under a name, as `read_json_artifact` gives them back."""
        self.write_artifact(name, "application/json", json.dumps(content).encode())

    # Reading

    def read_study(self) -> dict[str, Any]:
        """The study's row: created_at, dataset, space."""
        with self._engine.connect() as connection:
            row = connection.execute(select(study_table).where(study_table.c.study == self.study)).mappings().one()
        return dict(row)

    def read_trials(self) -> pd.DataFrame:
        """A row a trial, in order of number: the columns of autotl_trials."""
        return pd.DataFrame(self.trial_rows(), columns=[column.name for column in trial_table.c])

    def trial_rows(self) -> list[dict[str, Any]]:
        """The same as a list, which is quicker."""
        after = self._ended[-1]["number"] if self._ended else -1
        rows = [row._asdict() for row in self._read(TRIALS_AFTER, after=after)]
        every = [*self._ended, *rows]
        self._ended += takewhile(lambda row: row["state"] != "running", rows)
        return every

    def strategy_rows(self, trials: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
        """A row a strategy, not to be changed: of `trial_rows`, which are read where they are not given, as `join_chains` and
        `with_left_out` give it.
        """
        rows = self._strategies.join(self.trial_rows() if trials is None else trials)
        reasons = self.read_json_artifact(LEFT_OUT)
        return with_left_out(rows, reasons) if reasons else rows

    def read_epochs(self) -> pd.DataFrame:
        """A row an epoch, in order: trial_id, epoch, map, ap50, train_loss, lr, seconds."""
        columns = [column for column in epoch_table.c if column.name != "study"]
        query = select(*columns).where(epoch_table.c.study == self.study)
        return self._frame(query.order_by(epoch_table.c.trial_id, epoch_table.c.epoch))

    def read_failed(self, error: str) -> list[tuple[int, dict[str, Any]]]:
        """(number, strategy) of the trials that failed with an error of this name."""
        return [(row.number, row.strategy) for row in self._read(FAILED) if (row.costs or {}).get("error") == error]

    def scores_by_epoch(self) -> Mapping[int, dict[str, float]]:
        """The mAP of every strategy by fingerprint, after each epoch, where it was evaluated; of a repeated one the last.

        What trials that have ended were evaluated at is read once.
        """
        rows = self._read(SCORES_AFTER, after=self._scored)
        self._scored = self._ended[-1]["number"] if self._ended else -1
        for row in rows:
            if row.number <= self._scored:
                self._scores[row.epoch][row.fingerprint] = row.map
        found: defaultdict[int, dict[str, float]] = defaultdict(
            dict, {epoch: dict(known) for epoch, known in self._scores.items()}
        )
        for row in rows:
            if row.number > self._scored:
                found[row.epoch][row.fingerprint] = row.map
        return found

    def confirmations(self) -> list[dict[str, Any]]:
        """The rows of autotl_confirmations whose runs have ended, in order of strategy and seed."""
        return [row for row in self.fresh_runs() if row["state"] not in UNFINISHED]

    def fresh_runs(self) -> list[dict[str, Any]]:
        """All rows of autotl_confirmations, those too whose runs were cut off or are in training."""
        table = confirmation_table
        query = select(table).where(table.c.study == self.study).order_by(table.c.fingerprint, table.c.seed)
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def epoch_reached(self, fingerprint: str) -> int:
        """Up to which epoch it is known who trained a strategy: the last evaluated one, or the end of a probe it was given."""
        (row,) = self._read(REACHED, strategy=fingerprint)
        return max(row.epochs or 0, row.before or 0)

    def read_curve(self, fingerprint: str) -> dict[int, float]:
        """The mAP of a strategy by epoch, over all trials that trained it; of an epoch that was repeated, the last."""
        return {row.epoch: row.map for row in self._read(CURVE, strategy=fingerprint)}

    def read_sessions(self) -> pd.DataFrame:
        """A row a session, in order: started_at, seconds, ended_by, command, seed, environment, energy."""
        return self._frame(
            select(session_table).where(session_table.c.study == self.study).order_by(session_table.c.id)
        )

    def read_events(self) -> pd.DataFrame:
        """A row an event, in order: at, trial_id, kind, message."""
        return self._frame(select(event_table).where(event_table.c.study == self.study).order_by(event_table.c.id))

    def version(self) -> str:
        """Something that is another one as soon as the study holds more, or a trial or session has ended."""
        tables = (epoch_table, trial_table, confirmation_table, event_table, artifact_table)
        counts = [select(func.count()).select_from(table).where(table.c.study == self.study) for table in tables]
        states = select(trial_table.c.state, func.count()).where(trial_table.c.study == self.study)
        sessions = select(session_table.c.ended_by, session_table.c.seconds).where(session_table.c.study == self.study)
        queries = (*counts, states.group_by(trial_table.c.state), sessions.order_by(session_table.c.id))
        with self._engine.connect() as connection:
            found = [sorted(map(str, connection.execute(query))) for query in queries]
        return hashlib.sha256(json.dumps(found).encode()).hexdigest()[:16]

    def read_artifact(self, name: str) -> bytes | None:
        """The content of an artifact; None where there is none of that name."""
        found = self._read(ARTIFACT, artifact=name)
        return bytes(found[0].data) if found else None

    def read_json_artifact(self, name: str) -> Any:
        """The decoded content of a JSON artifact; None where there is none of that name."""
        data = self.read_artifact(name)
        return None if data is None else json.loads(data)

    def _read(self, query: Select[Any], **values: Any) -> Sequence[Row[Any]]:
        with statement_by_statement(self._engine) as connection:
            return connection.execute(query, {"of_study": self.study, **values}).all()

    def _execute(self, statement: Any, values: Mapping[str, Any] | None = None) -> None:
        with statement_by_statement(self._engine) as connection:
            connection.execute(statement, values)

    def _frame(self, query: Any) -> pd.DataFrame:
        with self._engine.connect() as connection:
            result = connection.execute(query)
            return pd.DataFrame([dict(row) for row in result.mappings()], columns=list(result.keys()))


def _now() -> datetime:
    """UTC without a zone, which every database stores alike."""
    return datetime.now(UTC).replace(tzinfo=None)

"""Which session trained what, and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autotl.report.data import StrategyRecord, TrainingRun
from autotl.study.run_parts import parts_of


def training_runs(
    trials: Sequence[Mapping[str, Any]],
    confirmations: Sequence[Mapping[str, Any]],
    sessions: Sequence[Mapping[str, Any]],
    strategies: Sequence[StrategyRecord],
    epoch_seconds: Mapping[Any, float],
) -> tuple[TrainingRun, ...]:
    """Every run that took time, in order.

    Args:
        trials: the rows of autotl_trials.
        confirmations: the rows of autotl_confirmations, each a run for every session that trained it. Studies of older
            versions do not know when these were.
        sessions: the rows of autotl_sessions. A trial of such a study is of the last session that had begun.
        strategies: whose trials and runs they are.
        epoch_seconds: of the epochs of each trial together, by its id, for trials that have not ended.
    """
    places = {session["id"]: place for place, session in enumerate(sessions)}
    numbers = {record.fingerprint: record.number for record in strategies}
    rows = [(row, False) for row in trials]
    rows += [(part, True) for row in confirmations if row["started_at"] is not None for part in parts_of(row)]
    found = []
    for row, again in rows:
        began = row["started_at"]
        in_training = row["state"] == "running" and not again
        seconds = epoch_seconds.get(row["trial_id"], 0.0) if in_training else row["seconds"]
        session = places.get(row["session"])
        if session is None:
            session = max(sum(one["started_at"] <= began for one in sessions) - 1, 0)
        if seconds and row["fingerprint"] in numbers and sessions:
            found.append(
                TrainingRun(
                    strategy=numbers[row["fingerprint"]], session=session, started_at=began, seconds=seconds,
                    again=again, state=row["state"],
                )
            )  # fmt: skip
    return tuple(sorted(found, key=lambda run: run.started_at))

"""A study's records -> ReportData."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import optuna
import pandas as pd

from autotl.report.data import Epoch, Event, ReportData, Session, StrategyRecord
from autotl.report.dataset_summary import DatasetSummary, ProblemGroup, SplitSummary
from autotl.report.dataset_words import SHARED_BY_SPLITS
from autotl.report.diagnosed import read_diagnosed
from autotl.report.gallery import read_gallery
from autotl.report.importance import parameter_importance
from autotl.report.runs import training_runs
from autotl.strategy.schema import Strategy
from autotl.study.budget_used import read_budget_used
from autotl.study.confirmed import Confirmation
from autotl.study.default_baseline import read_default_baseline
from autotl.study.energy import Energy
from autotl.study.expected import Expected
from autotl.study.ledger import Ledger
from autotl.study.limits import beyond_limits
from autotl.study.recommend import Recommendation
from autotl.study.storage import OpenStudy
from autotl.study.strategies import one_row_a_strategy
from autotl.study.weights_used import read_weights


def summarize(ledger: Ledger, study: optuna.Study | None, recommendation: Mapping[str, Any] | None) -> ReportData:
    """Gathers everything the report says; works at any moment of a search.

    Args:
        ledger: the study's records.
        study: the Optuna study, for the importance of parameters; the report says so where it is missing.
        recommendation: the content of recommendation.json; None before there is one.
    """
    row = ledger.read_study()
    dataset = _dataset(row["dataset"])
    trials, sessions = ledger.read_trials(), _rows(ledger.read_sessions())
    epochs, fresh = ledger.read_epochs(), ledger.fresh_runs()
    epoch_seconds = epochs.groupby("trial_id")["seconds"].sum().to_dict()
    rows = ledger.strategy_rows()
    strategies = _strategies(trials, epochs, {one["number"]: one["left_out"] for one in rows})
    winner = _winner(strategies, recommendation)
    # Of another strategy than the winner none of it would be true.
    known = recommendation if recommendation and winner and winner.number == recommendation["trial"] else {}
    confirmation, expected = known.get("confirmation"), known.get("expected")
    return ReportData(
        study=ledger.study,
        written_at=datetime.now(UTC).replace(tzinfo=None),
        strategies=strategies,
        winner=winner,
        importance=parameter_importance(study, strategies),
        dataset=dataset,
        space=row["space"],
        default_baseline=read_default_baseline(ledger),
        sessions=tuple(map(_session, sessions)),
        events=tuple(
            Event(at=values["at"], kind=values["kind"], message=values["message"])
            for values in _rows(ledger.read_events())
        ),
        runs=training_runs(_rows(trials), fresh, sessions, strategies, epoch_seconds),
        weights=read_weights(ledger),
        budget_used=read_budget_used(ledger),
        undated_seconds=sum(row["seconds"] for row in fresh if row["started_at"] is None),
        gallery=read_gallery(ledger, dataset.classes),
        expected=None if expected is None else Expected.model_validate(expected),
        confirmation=None if confirmation is None else Confirmation.model_validate(confirmation),
        failed_again={int(number): reason for number, reason in known.get("failed_again", {}).items()},
        left_out=beyond_limits(rows),
        diagnoses=read_diagnosed(known.get("diagnoses")),
        test_metrics=known.get("metrics", {}).get("test"),
    )


def summarize_study(study: OpenStudy, recommendation: Recommendation | None) -> ReportData:
    """The same of a study that is open."""
    return summarize(study.ledger, study.optuna, recommendation.model_dump(mode="json") if recommendation else None)


def _strategies(trials: pd.DataFrame, epochs: pd.DataFrame, left_out: Mapping[int, str]) -> tuple[StrategyRecord, ...]:
    of_trial = dict(zip(trials["trial_id"], trials["fingerprint"], strict=True))
    # A strategy's epochs are those of all trials that trained it; of one that was repeated, the last.
    curves: dict[str, dict[int, Epoch]] = defaultdict(dict)
    for values in _rows(epochs.sort_values("trial_id")):
        curve = curves[of_trial[values.pop("trial_id")]]
        curve[values["epoch"]] = Epoch(**values)
    return tuple(
        _record(
            {**values, "left_out": left_out.get(values["number"], "")},
            [epoch for _, epoch in sorted(curves[values["fingerprint"]].items())],
        )
        for values in _rows(one_row_a_strategy(trials))
    )


def _record(values: Mapping[str, Any], curve: Sequence[Epoch]) -> StrategyRecord:
    # A trial that is still running has epochs but no metrics yet.
    last = curve[-1] if curve else None
    return StrategyRecord(
        number=values["number"],
        fingerprint=values["fingerprint"],
        baseline=values["baseline"],
        state=values["state"],
        reason=values["reason"] or "",
        # Fields that an earlier version did not know have their defaults.
        strategy=Strategy.model_validate(values["strategy"]).model_dump(),
        curve=tuple(curve),
        map=values["map"] if values["map"] is not None or last is None else last.map,
        ap50=values["ap50"] if values["ap50"] is not None or last is None else last.ap50,
        metrics=values["metrics"] or {},
        costs=values["costs"] or {},
        seconds=values["seconds"],
        left_out=values["left_out"],
    )


def _winner(strategies: Sequence[StrategyRecord], recommendation: Mapping[str, Any] | None) -> StrategyRecord | None:
    candidates = [record for record in strategies if record.is_candidate]
    if recommendation is not None:
        recommended = [record for record in candidates if record.number == recommendation["trial"]]
        if recommended:
            return recommended[0]
    return max(candidates, key=lambda record: record.map or 0.0, default=None)


def _dataset(values: Mapping[str, Any]) -> DatasetSummary:
    groups: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for problem in values["problems"]:
        groups[problem["rule"], problem["action"]].append((problem["where"], problem["detail"]))
    return DatasetSummary(
        name=values["name"],
        path=values["path"] or "",
        format=values["format"],
        fingerprint=values["fingerprint"],
        classes=tuple(values["classes"]),
        split_origin=values["split_origin"],
        splits=tuple(SplitSummary(name=name, **split) for name, split in values["splits"].items()),
        box_sizes=values["box_sizes"],
        image_sizes=tuple(
            (width, height, count)
            for width, height, count in sorted(values["image_sizes"], key=lambda size: (-size[2], size))
        ),
        problems=tuple(
            ProblemGroup(rule=rule, action=action, places=tuple(places))
            for (rule, action), places in sorted(groups.items(), key=_weight)
        ),
    )


def _weight(group: tuple[tuple[str, str], object]) -> int:
    """What makes scores doubtful comes first, what is only noted last."""
    (rule, action), _ = group
    return 0 if rule in SHARED_BY_SPLITS else 2 if action == "note" else 1


def _session(values: Mapping[str, Any]) -> Session:
    return Session(
        started_at=values["started_at"],
        seconds=values["seconds"] or 0.0,
        ended_by=values["ended_by"],
        command=values["command"],
        seed=values["seed"],
        environment=values["environment"] or {},
        energy=None if values["energy"] is None else Energy.model_validate(values["energy"]),
    )


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain dictionaries; pandas' marks for an absent value become None."""
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(key): value for key, value in row.items()} for row in rows]

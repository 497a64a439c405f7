"""Studies made by hand, to be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from autotl.report.comparison import Study
from autotl.report.data import StrategyRecord, TrainingRun
from autotl.strategy.schema import Strategy
from tests.report.fresh_runs import confirmation, confirmed
from tests.report.records import DATASET, record, report
from tests.report.studies import strategy

START = datetime(2026, 1, 1)
A, B = strategy(frozen=5), strategy(frozen=3, lr=4e-3)


def study(
    name: str, winner: Strategy, *scores: float, minutes: float = 10.0, fingerprint: str = "same",
    others: Sequence[StrategyRecord] = (), folds: int = 0,
) -> Study:  # fmt: skip
    """A search that recommends a strategy, with a fresh run for each score."""
    best = record(1, 0.5, tried=winner)
    data = report(best, *others)
    session = replace(data.sessions[0], seconds=60 * minutes, started_at=START)
    data = replace(
        data, study=name, sessions=(session,), dataset=replace(DATASET, fingerprint=fingerprint, name=fingerprint)
    )
    if scores:
        data = replace(data, confirmation=confirmation(confirmed(1, *scores), folds=folds))
    return Study(name=name, data=data, fresh=tuple(fresh(winner, score, seed) for seed, score in enumerate(scores)))


def fresh(tried: Strategy, score: float, seed: int) -> Mapping[str, Any]:
    """A run of a strategy that was trained again, as a study records it."""
    draws = np.random.default_rng(0).normal(0, 0.01, 100)
    return {
        "fingerprint": tried.fingerprint(), "seed": seed, "state": "complete", "metrics": {"map": score},
        "resampled": (score + draws).tolist(),
    }  # fmt: skip


def with_runs(one: Study, *ended: tuple[int, float]) -> Study:
    """(number of a strategy, minute at which its only run ended)."""
    runs = tuple(
        TrainingRun(
            strategy=number, session=0, started_at=START + timedelta(minutes=minute - 1), seconds=60.0, again=False,
            state="complete",
        )
        for number, minute in ended
    )  # fmt: skip
    return replace(one, data=replace(one.data, runs=runs))

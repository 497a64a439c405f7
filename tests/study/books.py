"""A ledger in memory with the trials that a test names."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import StaticPool

from autotl.strategy.schema import OptimPart, Strategy
from autotl.strategy.space import BaselineName
from autotl.study.ledger import Ledger, TrialState
from autotl.study.schema import create_tables
from tests.study.scripted import metrics

DATASET: dict[str, Any] = {
    "name": "cells",
    "path": "data/cells",
    "format": "coco",
    "fingerprint": "abc",
    "classes": ["disc", "square"],
    "splits": {"train": {"images": 8}, "val": {"images": 6}},
}


def memory_engine() -> Engine:
    """A database that is gone with the test."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    create_tables(engine)
    return engine


def ledger_with_session(engine: Engine | None = None, *, default_baseline: BaselineName | None = None) -> Ledger:
    """A study on which one session works; without a default baseline its space is as older versions stored it."""
    ledger = Ledger(engine or memory_engine(), "cells")
    definition = {} if default_baseline is None else {"default_baseline": default_baseline}
    ledger.write_study(dataset=DATASET, space={"name": "tiny", "definition": definition})
    session = ledger.start_session(command="autotl search data/cells", seed=3, environment={})
    ledger.update_session(session, seconds=40.0, ended_by="running")
    return ledger


def strategy_at(lr: float) -> Strategy:
    """Strategies that differ by their learning rate."""
    return Strategy(optim=OptimPart(lr=lr, epochs=2))


def add_trial(
    ledger: Ledger, number: int, state: TrialState, map: float | None = None, *, lr: float | None = None,
    baseline: str | None = None,
) -> None:  # fmt: skip
    """A trial of a strategy of its own, unless the learning rate says which; it scored the same in both epochs."""
    strategy = strategy_at(lr or 0.001 * (number + 1))
    ledger.start_trial(
        number, number, fingerprint=strategy.fingerprint(), strategy=strategy.model_dump(), baseline=baseline
    )
    epochs = 0 if map is None else 2 if state == "complete" else 1
    for epoch in range(1, epochs + 1):
        ledger.record_epoch(number, epoch, map=map or 0.0, ap50=0.5, train_loss=1.0, lr=0.1, seconds=2.0)
    if state != "running":
        measured = None if map is None else metrics(map).to_dict()
        costs = None if map is None else {"parameters": 7, "seconds_per_image": 0.01}
        ledger.end_trial(number, state, reason=f"because {number}", seconds=4.0, costs=costs, metrics=measured)

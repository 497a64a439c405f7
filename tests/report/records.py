"""Report data made by hand, so that each sentence meets data that makes it true and data that makes it false."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from autotl.report.data import Epoch, Importance, ReportData, Session, StrategyRecord
from autotl.report.dataset_summary import DatasetSummary, SplitSummary
from autotl.strategy.schema import Strategy
from autotl.strategy.space import BaselineName
from autotl.study.ledger import TrialState
from tests.report.studies import strategy

NO_IMPORTANCE = Importance(shares={}, strategies=0, best=0, missing_because="the Optuna study was not at hand")

DATASET = DatasetSummary(
    name="cells",
    path="data/cells",
    format="voc",
    fingerprint="5b1e0f6a9c21",
    classes=("red", "white"),
    split_origin="ImageSets/Main",
    splits=(
        SplitSummary(name="train", images=20, boxes=90, background_images=2, by_class={"red": 80, "white": 10}),
        SplitSummary(name="val", images=10, boxes=10, background_images=0, by_class={"red": 9, "white": 1}),
    ),
    box_sizes={"small": 20, "medium": 30, "large": 50},
    image_sizes=((640, 480, 30),),
    problems=(),
)


def record(
    number: int,
    score: float | None,
    state: TrialState = "complete",
    *,
    epochs: int | None = None,
    baseline: str | None = None,
    reason: str = "",
    tried: Strategy | None = None,
    metrics: Mapping[str, Any] | None = None,
    costs: Mapping[str, Any] | None = None,
    seconds_per_epoch: float = 2.0,
) -> StrategyRecord:
    """A strategy of 12 epochs whose mAP rises in a straight line to `score`."""
    tried = tried or strategy(lr=1e-3 * (number + 1))
    epochs = (12 if state == "complete" else 0 if score is None else 3) if epochs is None else epochs
    curve = tuple(
        Epoch(epoch=e, map=(score or 0) * e / epochs, ap50=0.5, train_loss=1.0, lr=1e-3, seconds=seconds_per_epoch)
        for e in range(1, epochs + 1)
    )
    return StrategyRecord(
        number=number,
        fingerprint=tried.fingerprint(),
        baseline=baseline,
        state=state,
        reason=reason,
        strategy=tried.model_dump(),
        curve=curve,
        map=score,
        ap50=None if score is None else min(1.0, score * 1.7),
        metrics=metrics or {},
        costs=costs or {},
        seconds=epochs * seconds_per_epoch,
    )


def default_baseline(score: float | None, state: TrialState = "complete", **changes: Any) -> StrategyRecord:
    """Full fine-tuning, numbered 90."""
    return record(90, score, state, baseline="full_fine_tuning", tried=strategy(frozen=0), **changes)


def report(
    *records: StrategyRecord,
    running: bool = False,
    importance: Importance = NO_IMPORTANCE,
    dataset: DatasetSummary = DATASET,
    default_baseline: BaselineName = "full_fine_tuning",
) -> ReportData:
    """Data whose winner is the best candidate."""
    candidates = [found for found in records if found.is_candidate]
    session = Session(
        started_at=datetime(2026, 1, 1),
        seconds=90.0,
        ended_by="running" if running else "budget",
        command="autotl search data/cells",
        seed=3,
        environment={"device_name": "a small CPU"},
    )
    return ReportData(
        study="cells",
        written_at=datetime(2026, 1, 1, 12),
        strategies=records,
        winner=max(candidates, key=lambda found: found.map or 0.0, default=None),
        importance=importance,
        dataset=dataset,
        space={"name": "quick", "description": "", "yaml": ""},
        default_baseline=default_baseline,
        sessions=(session,),
        events=(),
        runs=(),
        gallery=None,
    )


def varied_report() -> ReportData:
    """Two strategies that differ in more parameters than a sheet has room for."""
    one, other = strategy(), strategy(frozen=3, channels=32)
    optim = other.optim.model_copy(
        update={
            "lr": 1e-3, "weight_decay": 0.1, "schedule": "cosine", "warmup_epochs": 1.0, "cooldown": 0.1, "batch_size": 4,
            "clip_norm": 1.0, "ema_decay": 0.9, "lr_backbone_scale": 0.5, "optimizer": "sgd",
        }
    )  # fmt: skip
    return report(record(0, 0.4, tried=one), record(1, 0.3, tried=other.model_copy(update={"optim": optim})))

"""What a study advises, as plain values with a documented schema: recommendation.json."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from autotl.strategy.schema import Strategy
from autotl.strategy.space import BaselineName
from autotl.study.confirmed import Confirmation, confirm, failed_again
from autotl.study.default_baseline import read_default_baseline
from autotl.study.diagnoses import Diagnoses, read_diagnoses
from autotl.study.expected import Expected, expect
from autotl.study.ledger import Ledger
from autotl.study.limits import beyond_limits
from autotl.study.strategies import KEPT, Row, best_candidates, count_states
from autotl.study.test_split import read_test_metrics

SCHEMA_VERSION = 2


class BaselineResult(BaseModel):
    """How far a baseline got, and how well it did there."""

    model_config = ConfigDict(extra="forbid")

    map: float | None
    ap50: float | None
    epochs: int
    """Epochs that it was trained and evaluated for."""
    planned_epochs: int
    state: str
    """complete, pruned, stopped, failed, infeasible, running or killed."""
    trial: int


class Recommendation(BaseModel):
    """The content of recommendation.json. Later versions add fields and keep these."""

    model_config = ConfigDict(extra="forbid")

    schema_version: int = SCHEMA_VERSION
    study: str
    strategy: Strategy
    fingerprint: str
    """Of the strategy."""
    trial: int
    """Number of the trial that trained it."""
    epochs: int
    """Epochs that it was trained for."""
    complete: bool
    """Whether these are all the epochs that the strategy has; false where the budget ended it early."""
    metrics: dict[Literal["val", "test"], dict[str, Any]]
    """Of the trained detector, by split: map, ap50, ap75, ap_small, ap_medium, ap_large, recall and by_class, from 0 to
    1. test is there where the dataset has such a split and the recommendation was confirmed."""
    expected: Expected | None = None
    """What the search's own runs promise of its best, which was recommended before any was trained again; null before a
    search has ended."""
    confirmation: Confirmation | None = None
    """What training the best strategies again says; null where there was no time for it."""
    failed_again: dict[int, str] = {}
    """Trials of the best strategies that failed when they were trained again, and how. They are recommended only where no
    other one is left."""
    left_out: dict[int, str] = {}
    """Trials of strategies that exceed a limit which was set after they were trained, and which; the highest validation mAP
    first. They are not recommended."""
    diagnoses: Diagnoses | None = None
    """Of the detector and of the data; null before a search has ended."""
    baselines: dict[str, BaselineResult]
    """By name; a baseline that has not run is missing."""
    default_baseline: BaselineName
    """Name of the one that the strategy is compared with."""
    gain_over_default: float | None
    """Validation mAP less that of the default baseline; null where that has none."""
    costs: dict[str, Any]
    """parameters, trained_parameters, bundle_bytes, seconds_per_image, peak_memory_bytes, seconds, evaluation_seconds,
    and cache: images_read, images_computed, reading_seconds, computing_seconds, seconds_saved, rounding."""
    trials: dict[str, int]
    """Strategies: total, completed, pruned, stopped, failed, infeasible, running."""
    seconds: float
    """Of searching, over all sessions."""
    dataset: dict[str, Any]
    """name, path, format, fingerprint, classes, and images by split."""
    command: str
    """Of the first session."""
    seed: int


def recommend(ledger: Ledger) -> Recommendation | None:
    """The strategy that the fresh runs speak for, else the candidate with the highest validation mAP.

    Of the best one that failed when it was trained again is passed over, unless all did. None where no strategy was
    evaluated.
    """
    strategies = ledger.strategy_rows()
    candidates, failed = best_candidates(strategies), failed_again(ledger.confirmations(), strategies)
    if not candidates:
        return None
    best = next((row for row in candidates[:KEPT] if row["number"] not in failed), candidates[0])
    study = ledger.read_study()
    sessions = ledger.read_sessions()
    dataset = {key: study["dataset"][key] for key in ("name", "path", "format", "fingerprint", "classes")}
    dataset["images"] = {split: counts["images"] for split, counts in study["dataset"]["splits"].items()}
    seed = int(sessions["seed"].iloc[0])
    default_baseline = read_default_baseline(ledger)
    images = study["dataset"].get("folds") or [dataset["images"]["val"]]
    confirmation = confirm(ledger, strategies, default_baseline=default_baseline, search_seed=seed, images=images)
    if confirmation is not None:
        chosen = confirmation.strategies[0].fingerprint
        best = next(row for row in strategies if row["fingerprint"] == chosen)
    tests, diagnoses = read_test_metrics(ledger), read_diagnoses(ledger)
    baselines = {row["baseline"]: _baseline(row) for row in strategies if row["baseline"]}
    default = baselines[default_baseline].map if default_baseline in baselines else None
    return Recommendation(
        study=ledger.study,
        strategy=Strategy.model_validate(best["strategy"]),
        fingerprint=best["fingerprint"],
        trial=best["number"],
        epochs=best["epochs"],
        complete=best["state"] == "complete",
        metrics={"val": best["metrics"], **({"test": tests[best["number"]]} if best["number"] in tests else {})},
        expected=expect(ledger, strategies, default_baseline),
        confirmation=confirmation,
        failed_again=failed,
        left_out=beyond_limits(strategies),
        diagnoses=diagnoses if diagnoses and diagnoses.trial == best["number"] else None,
        baselines=baselines,
        default_baseline=default_baseline,
        gain_over_default=None if default is None else best["metrics"]["map"] - default,
        costs=best["costs"],
        trials=count_states(strategies),
        seconds=float(sessions["seconds"].sum()),
        dataset=dataset,
        command=str(sessions["command"].iloc[0]),
        seed=seed,
    )


def _baseline(row: Row) -> BaselineResult:
    return BaselineResult(
        map=row["metrics"]["map"] if row["metrics"] else None,
        ap50=row["metrics"]["ap50"] if row["metrics"] else None,
        epochs=row["epochs"],
        planned_epochs=row["strategy"]["optim"]["epochs"],
        state=row["state"],
        trial=row["number"],
    )

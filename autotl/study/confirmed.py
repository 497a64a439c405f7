"""What a study's fresh training runs say: which strategy to take, what is tied with it, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from autotl.strategy.space import BaselineName
from autotl.study.confirmation import contenders
from autotl.study.evidence import CLEAR_SEEDS, Comparison, Evidence, Grade, Interval, Runs
from autotl.study.fresh_runs import fold_of
from autotl.study.ledger import Ledger
from autotl.study.strategies import KEPT, Row, best_candidates, is_candidate
from autotl.study.test_split import read_test_metrics

Ties = Literal["fastest", "best"]
"""Which of several strategies is recommended that cannot be told apart: the fastest, or the one with the best mean."""

_TIES = "ties.json"
FASTER = 0.9
"""A tied strategy is taken for its speed where an image takes it at most this share of the time."""
GRADES: tuple[Grade, ...] = ("tied", "likely", "clear")
"""From unsure to sure."""


class ConfirmedStrategy(BaseModel):
    """A strategy that was trained again after the search."""

    model_config = ConfigDict(extra="forbid")

    trial: int
    fingerprint: str
    baseline: str | None
    seeds: list[int]
    """Of its runs."""
    maps: list[float]
    """Validation mAP of each run."""
    map: Interval
    """What is expected of it on other images of this kind with other seeds."""
    search_map: float
    """What the search had measured."""
    optimism: float | None
    """search_map less the mean of maps; null where the search's own run is one of the runs."""
    seconds_per_image: float | None
    against: Comparison | None
    """The recommended strategy against this one; null for itself."""
    test_map: float | None
    """Of the search's detector on the test split; null where that was not measured."""


class Confirmation(BaseModel):
    """What the fresh runs say."""

    model_config = ConfigDict(extra="forbid")

    strategies: list[ConfirmedStrategy]
    """The recommended one first, the others by what is expected of them."""
    default_baseline: BaselineName
    """Name of the baseline to compare with."""
    grade: Grade
    """How sure it is that no other of them is better: the least sure of the comparisons."""
    tied: list[int]
    """Trials of the strategies that cannot be told from the recommended one."""
    chosen_for_speed: bool
    """Whether more is expected of another, which could not be told apart and is slower."""
    spread: float
    """Standard deviation of the mAP over seeds."""
    images: int
    """Validation images, over all folds that runs had."""
    folds: int
    """How many these were; 0 where every run had the validation images of the search."""
    seconds: float
    """That the runs took."""
    failed: dict[int, str] = {}
    """Trials of candidates that failed when they were trained again, and so are not recommended; and how."""

    @property
    def default(self) -> ConfirmedStrategy | None:
        """The default baseline, where it was trained again."""
        return next((one for one in self.strategies if one.baseline == self.default_baseline), None)


def confirm(
    ledger: Ledger,
    strategies: Sequence[Row],
    *,
    default_baseline: BaselineName,
    search_seed: int,
    images: Sequence[int],
) -> Confirmation | None:
    """Reads the fresh runs; None while the search's best candidate has none but that of the search.

    Args:
        ledger: the study's records.
        strategies: a row a strategy, as `join_chains` gives it.
        default_baseline: the baseline to compare with.
        search_seed: seed of the search's own runs.
        images: validation images of each fold; of the search alone where there are no folds.
    """
    every = ledger.confirmations()
    complete = [row for row in every if row["state"] == "complete"]
    broken = {row["fingerprint"] for row in every if row["state"] == "failed"}
    candidates, default = contenders(strategies, default_baseline, broken)
    runs = {
        row["fingerprint"]: [one for one in complete if one["fingerprint"] == row["fingerprint"]] for row in strategies
    }
    if not candidates or all(run["seed"] == search_seed for run in runs[candidates[0]["fingerprint"]]):
        return None
    chosen = [row for row in candidates if runs[row["fingerprint"]]]
    rows = [*chosen, *([default] if default is not None and runs[default["fingerprint"]] else [])]
    folds = {
        run["seed"]: fold_of(run["seed"], search_seed, len(images)) for row in rows for run in runs[row["fingerprint"]]
    }
    in_folds = len(images) > 1
    evidence = Evidence([_runs(runs[row["fingerprint"]], folds if in_folds else {}) for row in rows])
    order = evidence.order()
    first, *rest = (one for one in order if is_candidate(rows[one]) and rows[one]["fingerprint"] not in broken)
    tied = [first, *(one for one in rest if _may_replace(evidence, rows, runs, first, one))]
    best = first if read_ties(ledger) == "best" else _fastest(rows, tied)
    others = [one for one in order if one != best]
    compared = {other: evidence.compare(best, other) for other in others}
    tests = read_test_metrics(ledger)
    return Confirmation(
        strategies=[
            _confirmed(
                rows[one],
                runs[rows[one]["fingerprint"]],
                evidence.interval(one),
                compared.get(one),
                search_seed,
                tests.get(rows[one]["number"]),
            )
            for one in (best, *others)
        ],
        default_baseline=default_baseline,
        grade=min((found.grade for found in compared.values()), key=GRADES.index, default="tied"),
        tied=[rows[other]["number"] for other, found in compared.items() if found.grade == "tied"],
        chosen_for_speed=best != first,
        spread=evidence.spread,
        images=sum(images[fold] for fold in set(folds.values())),
        folds=len(set(folds.values())) if in_folds else 0,
        seconds=sum(row["seconds"] for row in every),
        failed=failed_again(every, strategies),
    )


def failed_again(fresh: Iterable[Row], strategies: Iterable[Row]) -> dict[int, str]:
    """Trials of the best whose fresh runs failed, and how; of the ledger's confirmations and a row a strategy."""
    reasons = {row["fingerprint"]: row["reason"] for row in fresh if row["state"] == "failed"}
    best = best_candidates(strategies)[:KEPT]
    return {row["number"]: reasons[row["fingerprint"]] for row in best if row["fingerprint"] in reasons}


def write_ties(ledger: Ledger, ties: Ties) -> None:
    """Stores which of several tied strategies the user wants."""
    ledger.write_json_artifact(_TIES, ties)


def read_ties(ledger: Ledger) -> Ties:
    """What the user said last; the fastest where nothing was said."""
    return "best" if ledger.read_json_artifact(_TIES) == "best" else "fastest"


def _runs(rows: Sequence[dict[str, Any]], folds: Mapping[int, int]) -> Runs:
    """A strategy's runs; `folds` has the fold of each seed, or nothing."""
    return Runs(
        maps=[row["metrics"]["map"] for row in rows],
        resampled=np.array([row["resampled"] for row in rows]),
        folds=[folds[row["seed"]] for row in rows] if folds else (),
    )


def _may_replace(
    evidence: Evidence, rows: Sequence[Row], runs: dict[str, list[dict[str, Any]]], first: int, other: int
) -> bool:
    """Whether two cannot be told apart although both were trained often enough to tell."""
    enough = all(len(runs[rows[one]["fingerprint"]]) >= CLEAR_SEEDS for one in (first, other))
    return enough and evidence.compare(first, other).grade == "tied"


def _fastest(rows: Sequence[Row], tied: Sequence[int]) -> int:
    """The one that takes an image the least time, or the first where none is faster by more than measuring errs."""
    first = tied[0]
    times = {one: (rows[one]["costs"] or {}).get("seconds_per_image") for one in tied}
    known = {one: seconds for one, seconds in times.items() if seconds is not None}
    fastest = min(known, key=lambda one: known[one], default=first)
    return fastest if first in known and known[fastest] <= FASTER * known[first] else first


def _confirmed(
    row: Row, runs: Sequence[dict[str, Any]], interval: Interval, against: Comparison | None, search_seed: int,
    test: dict[str, Any] | None,
) -> ConfirmedStrategy:  # fmt: skip
    seeds = [run["seed"] for run in runs]
    return ConfirmedStrategy(
        trial=row["number"],
        fingerprint=row["fingerprint"],
        baseline=row["baseline"],
        seeds=seeds,
        maps=[run["metrics"]["map"] for run in runs],
        map=interval,
        search_map=row["map"],
        optimism=None if search_seed in seeds else row["map"] - float(np.mean([run["metrics"]["map"] for run in runs])),
        seconds_per_image=(row["costs"] or {}).get("seconds_per_image"),
        against=against,
        test_map=None if test is None else test["map"],
    )

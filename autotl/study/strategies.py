"""A study counted in strategies: the trials that share a strategy are one."""

from __future__ import annotations

from typing import Any

import pandas as pd

CANDIDATES = ("complete", "stopped")
"""States whose strategies may be recommended: they were not judged worse than others on the way."""

_ADDING_UP = ("seconds", "evaluation_seconds")


def one_row_a_strategy(trials: pd.DataFrame) -> pd.DataFrame:
    """The trial that stands for each strategy, in order of first appearance.

    Of the trials that trained a strategy, one after the other, that is the last one that has ended with something to
    show; while there is none, one that runs; else one whose process died. What it took (`seconds`, `epochs` and the costs
    that add up) is what all of them took together, and a baseline's name is kept whichever stands for it. Adds columns
    `map` and `ap50` of the last evaluated epoch, and `seconds_per_epoch`; NaN where there is none.
    """
    chains = trials.groupby("fingerprint")
    named = trials.dropna(subset="baseline").groupby("fingerprint")["baseline"].first().to_dict()
    frame = trials.assign(
        map=[metrics["map"] if metrics else float("nan") for metrics in trials["metrics"]],
        ap50=[metrics["ap50"] if metrics else float("nan") for metrics in trials["metrics"]],
        rank=[_rank(state, epochs) for state, epochs in zip(trials["state"], trials["epochs"], strict=True)],
        first=chains["number"].transform("min"),
        seconds=chains["seconds"].transform("sum", min_count=1),
        epochs=chains["epochs"].transform("max"),
        costs=pd.Series(_added_up(trials), trials.index, dtype=object),
        baseline=pd.Series([named.get(found) for found in trials["fingerprint"]], trials.index, dtype=object),
    )
    frame["seconds_per_epoch"] = (frame["seconds"] / frame["epochs"]).where(frame["epochs"] > 0)
    frame = frame.sort_values(["first", "rank", "number"]).drop_duplicates("fingerprint", keep="last")
    return frame.drop(columns=["rank", "first"]).reset_index(drop=True)


def _added_up(trials: pd.DataFrame) -> list[dict[str, Any] | None]:
    """Each trial's costs, with those that add up over the trials of its strategy so far."""
    before: dict[str, dict[str, Any]] = {}
    found: list[dict[str, Any] | None] = []
    for fingerprint, costs in zip(trials["fingerprint"], trials["costs"], strict=True):
        if costs is not None and fingerprint in before:
            costs = _sum(before[fingerprint], costs)
        if costs is not None:
            before[fingerprint] = costs
        found.append(costs)
    return found


def _sum(before: dict[str, Any], costs: dict[str, Any]) -> dict[str, Any]:
    added = {name: before[name] + costs[name] for name in _ADDING_UP if name in before and name in costs}
    if "cache" in before and "cache" in costs:
        one, other = before["cache"], costs["cache"]
        cache = {name: value + one.get(name, 0) for name, value in other.items() if name != "rounding"}
        added["cache"] = {**cache, "rounding": max(one["rounding"], other["rounding"])}
    return {**costs, **added}


def _rank(state: str, epochs: int) -> int:
    if state in ("killed", "running"):
        return ("killed", "running").index(state)
    return 3 if epochs or state != "stopped" else 2


def count_states(strategies: pd.DataFrame) -> dict[str, int]:
    """How many strategies ended how; a killed one counts as failed until it has run again."""
    states = strategies["state"].value_counts().to_dict()
    return {
        "total": len(strategies),
        "completed": states.get("complete", 0),
        "pruned": states.get("pruned", 0),
        "stopped": states.get("stopped", 0),
        "failed": states.get("failed", 0) + states.get("killed", 0),
        "infeasible": states.get("infeasible", 0),
        "running": states.get("running", 0),
    }


KEPT = 3
"""Of the best candidates the bundles are kept: one that goes on may fall back, and another is the best then."""


def best_candidates(strategies: pd.DataFrame) -> list[dict[str, Any]]:
    """The strategies that may be recommended, the highest validation mAP first.

    Of equal ones the trial that ran first, for its bundle is the one that was kept.
    """
    rows = strategies[strategies["state"].isin(CANDIDATES) & strategies["map"].notna()].to_dict("records")
    candidates = [{str(column): value for column, value in row.items()} for row in rows]
    return sorted(candidates, key=lambda row: (-row["map"], row["number"]))


def best_candidate(strategies: pd.DataFrame) -> dict[str, Any] | None:
    """The first of them; None where there is none."""
    return next(iter(best_candidates(strategies)), None)

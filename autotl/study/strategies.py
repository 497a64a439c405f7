"""A study counted in strategies: the trials that share a strategy are one."""

from __future__ import annotations

from typing import Any

import pandas as pd

CANDIDATES = ("complete", "stopped")
"""States whose strategies may be recommended: they were not judged worse than others on the way."""

_PRECEDENCE = ("complete", "stopped", "pruned", "infeasible", "failed", "running", "killed")


def one_row_a_strategy(trials: pd.DataFrame) -> pd.DataFrame:
    """The trial that stands for each strategy, in order of first appearance.

    That is the one that got furthest (complete, stopped, pruned, infeasible, failed, running, killed) and, among
    these, the first. A baseline's name is kept whichever of its trials stands for it. Adds columns `map` and `ap50`
    of the last evaluated epoch, NaN where there is none.
    """
    named = trials.dropna(subset="baseline").groupby("fingerprint")["baseline"].first().to_dict()
    frame = trials.assign(
        map=[metrics["map"] if metrics else float("nan") for metrics in trials["metrics"]],
        ap50=[metrics["ap50"] if metrics else float("nan") for metrics in trials["metrics"]],
        rank=[_PRECEDENCE.index(state) for state in trials["state"]],
        first=trials.groupby("fingerprint")["number"].transform("min"),
        baseline=pd.Series([named.get(found) for found in trials["fingerprint"]], trials.index, dtype=object),
    )
    frame = frame.sort_values(["first", "rank", "number"]).drop_duplicates("fingerprint")
    return frame.drop(columns=["rank", "first"]).reset_index(drop=True)


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


def best_candidate(strategies: pd.DataFrame) -> dict[str, Any] | None:
    """The strategy with the highest validation mAP among those that may be recommended; None where there is none.

    Of equal ones the trial that ran first, for its bundle is the one that was kept.
    """
    rows = strategies[strategies["state"].isin(CANDIDATES) & strategies["map"].notna()].to_dict("records")
    candidates = [{str(column): value for column, value in row.items()} for row in rows]
    return max(candidates, key=lambda row: (row["map"], -row["number"]), default=None)

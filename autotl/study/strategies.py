"""A study counted in strategies: the trials that share a strategy are one."""

from __future__ import annotations

import math
import operator
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import pandas as pd

from autotl.study.latency import network_of, with_common_latencies

Row = dict[str, Any]
"""A trial's or a strategy's row, by column."""

CANDIDATES = ("complete", "stopped")
"""States whose strategies may be recommended: they were not judged worse than others on the way."""

NOT_ENDED = ("killed", "running")
"""States of trials that did not come to their end: the process died, or it is at work."""

LEFT_OUT = "left_out.json"
"""Artifact: why trials may not be recommended, by kind of reason and number."""
DETECTOR = "detector"
"""Kind of the reason that is no limit: the strategy's detector was not kept."""

_ADDING_UP = ("seconds", "evaluation_seconds")
_NOT_KNOWN = float("nan")


def one_row_a_strategy(trials: pd.DataFrame) -> pd.DataFrame:
    """As `join_chains`, as a table."""
    columns = [*trials.columns, "map", "ap50", "trained_epochs", "seconds_per_epoch", "network"]
    rows = trials.astype(object).where(trials.notna(), None).to_dict("records")
    return pd.DataFrame(join_chains([{str(key): value for key, value in row.items()} for row in rows]), columns=columns)


def join_chains(trials: Iterable[Row]) -> list[Row]:
    """The trial that stands for each strategy, in order of first appearance.

    Of the trials that trained a strategy, one after the other, that is the last one that has ended with something to
    show; while there is none, one that runs; else one whose process died. What it took (`seconds`, `epochs` and the costs
    that add up) is what all of them took together, and a baseline's name is kept whichever stands for it. What an image
    takes is what strategies with the same network have in common. Adds columns `map` and `ap50` of the last evaluated
    epoch, and `seconds_per_epoch`; NaN where there is none; `trained_epochs`, which are `epochs` without those of a probe
    that another strategy had trained; `network`, equal for those that compute the same; and `left_out` and `detector_kept`,
    which say nothing here.

    Args:
        trials: rows of autotl_trials, in order of number.
    """
    return Strategies().join(trials)


class Strategies:
    """`join_chains` of a study that grows: a strategy is joined anew only where it has another trial, or one has changed.

    What is given is not to be changed, for it is given again.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[list[Row], Row]] = {}
        """By fingerprint: the trials that were joined, and what came of it."""
        self._trials: list[Row] = []
        self._rows: list[Row] = []
        """What came of all of them."""

    def join(self, trials: Iterable[Row]) -> list[Row]:
        """A row that is the same object as at the last call counts as unchanged."""
        every = list(trials)
        if _are_the_same(every, self._trials):
            return self._rows
        chains: dict[str, list[Row]] = {}
        for row in every:
            chains.setdefault(row["fingerprint"], []).append(row)
        self._known = {fingerprint: self._joined(fingerprint, rows) for fingerprint, rows in chains.items()}
        self._trials, self._rows = every, with_common_latencies(joined for _, joined in self._known.values())
        return self._rows

    def _joined(self, fingerprint: str, rows: list[Row]) -> tuple[list[Row], Row]:
        before = self._known.get(fingerprint)
        if before is not None and _are_the_same(rows, before[0]):
            return before
        chain = _Chain(rows[0])
        for row in rows:
            chain.add(row)
        return rows, chain.joined()


def _are_the_same(rows: list[Row], others: list[Row]) -> bool:
    return len(rows) == len(others) and all(map(operator.is_, rows, others))


class _Chain:
    """The trials of one strategy, added one after the other."""

    def __init__(self, first: Row):
        self._standing = first
        self._costs: dict[str, Any] | None = None
        self._costs_so_far: dict[str, Any] | None = None
        self._seconds, self._epochs, self._trained, self._baseline = _NOT_KNOWN, 0, 0, None

    def add(self, row: Row) -> None:
        if row["costs"]:
            before = self._costs_so_far
            self._costs_so_far = row["costs"] if before is None else _sum(before, row["costs"])
        if row["seconds"] is not None:
            self._seconds = row["seconds"] + (0.0 if math.isnan(self._seconds) else self._seconds)
        # A trial of an older version is taken to have trained what its strategy lacked.
        begun = self._epochs if row["epochs_before"] is None else row["epochs_before"]
        self._trained += max(0, row["epochs"] - begun)
        self._epochs = max(self._epochs, row["epochs"])
        self._baseline = self._baseline or row["baseline"]
        if _rank(row) >= _rank(self._standing):
            self._standing, self._costs = row, self._costs_so_far if row["costs"] else None

    def joined(self) -> Row:
        metrics, trained = self._standing["metrics"], self._trained
        return {
            **self._standing,
            "seconds": self._seconds,
            "epochs": self._epochs,
            "trained_epochs": trained,
            "costs": self._costs,
            "baseline": self._baseline,
            "network": network_of(self._standing["strategy"]),
            "map": metrics["map"] if metrics else _NOT_KNOWN,
            "ap50": metrics["ap50"] if metrics else _NOT_KNOWN,
            "seconds_per_epoch": self._seconds / trained if trained else _NOT_KNOWN,
            "left_out": "",
            "detector_kept": True,
        }


def _sum(before: dict[str, Any], costs: dict[str, Any]) -> dict[str, Any]:
    added = {name: before[name] + costs[name] for name in _ADDING_UP if name in before and name in costs}
    if "cache" in before and "cache" in costs:
        one, other = before["cache"], costs["cache"]
        cache = {name: value + one.get(name, 0) for name, value in other.items() if name != "rounding"}
        added["cache"] = {**cache, "rounding": max(one["rounding"], other["rounding"])}
    return {**costs, **added}


def _rank(row: Row) -> int:
    if row["state"] in NOT_ENDED:
        return NOT_ENDED.index(row["state"])
    return 3 if row["epochs"] or row["state"] != "stopped" else 2


def count_states(strategies: Collection[Row]) -> dict[str, int]:
    """How many strategies ended how; a killed one counts as failed until it has run again."""
    states = Counter(row["state"] for row in strategies)
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
"""So many of the best may be trained again, and be recommended."""


def with_left_out(strategies: list[Row], reasons: Mapping[str, Mapping[str, str]]) -> list[Row]:
    """The rows of strategies, with why each is left out in `left_out`, and in `detector_kept` whether it has a detector.

    Args:
        strategies: rows as `join_chains` gives them.
        reasons: by kind, and by number of the trial, as `autotl.study.limits` stores them.
    """
    return [
        row
        | {
            "left_out": "; ".join(told[kind] for kind in told if kind != DETECTOR),
            "detector_kept": DETECTOR not in told,
        }
        if (told := {kind: ones[str(row["number"])] for kind, ones in reasons.items() if str(row["number"]) in ones})
        else row
        for row in strategies
    ]


def is_scored(row: Row) -> bool:
    """Whether a strategy was not judged worse than others on the way, and has a score."""
    return row["state"] in CANDIDATES and not math.isnan(row["map"])


def is_candidate(row: Row) -> bool:
    """Whether a strategy may be recommended: one that is scored, not left out since, and has a detector where it counts."""
    return is_scored(row) and not row["left_out"] and bool(row["detector_kept"])


def best_candidates(strategies: Iterable[Row]) -> list[Row]:
    """The strategies that may be recommended, the highest validation mAP first.

    Of equal ones the trial that ran first, for its bundle is the one that was kept.
    """
    return _best_first(filter(is_candidate, strategies))


def worth_keeping(strategies: Iterable[Row]) -> list[Row]:
    """The strategies whose bundles are kept: the best complete ones, and all that were stopped.

    One that was stopped may fall back when it goes on; whoever follows it among the best has a bundle then. Bundles of
    those that are left out stay too, for a limit may be set anew.
    """
    scored = _best_first(filter(is_scored, strategies))
    complete = [row for row in scored if row["state"] == "complete"]
    candidates = [row for row in complete if is_candidate(row)]
    return [*candidates[:KEPT], *complete[:KEPT], *(row for row in scored if row["state"] == "stopped")]


def _best_first(strategies: Iterable[Row]) -> list[Row]:
    return sorted(strategies, key=_place)


def _place(row: Row) -> tuple[float, int]:
    return -row["map"], row["number"]


def best_candidate(strategies: Iterable[Row]) -> Row | None:
    """The first of them; None where there is none."""
    return min(filter(is_candidate, strategies), key=_place, default=None)

"""How far a budget reaches, by what strategies take."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal, cast

from autotl.strategy.sample import baseline_values
from autotl.strategy.space import Pruning, SearchSpace
from autotl.study.rates import Rate, mean_rate
from autotl.study.stop import Left, Stop

_COUNTS = range(1, 10**9)
"""Of strategies. What is good for more than the last is no limit."""

Limit = Literal["seconds", "device_seconds", "epochs", "strategies"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the limits of a search are good for."""

    strategies: int
    complete: int
    """Of these, those that are trained to their end."""
    seconds_to_complete: float
    """What one strategy takes to its end."""
    seconds: float
    """What they take in all."""
    ends_by: Limit
    """Which limit is reached first."""
    left: Left
    """What there is of every limit, with what is kept of it."""
    confirms: bool | None = None
    """Whether the best can be trained again after them; None where it is not to be."""
    kept: float = 0.0
    """What is kept for that, of the limit that is reached first: of the wall time, or seconds besides, where the number of
    strategies is."""
    measured: tuple[str, ...] = ()
    """The baselines that it goes by, where not all could be measured."""


def plan(left: Left, rate: Rate, pruning: Pruning, epochs: int) -> Plan | None:
    """The plan for what is left, where a strategy takes what the rate says; None where nothing has a limit."""

    def epochs_of(strategies: int) -> float:
        return epochs_taken(strategies, pruning, epochs)

    def seconds_of(strategies: int) -> float:
        return strategies * rate.once + rate.per_epoch * epochs_of(strategies)

    taken: dict[Limit, Callable[[int], float]] = {
        "seconds": seconds_of, "device_seconds": seconds_of, "epochs": epochs_of, "strategies": float,
    }  # fmt: skip
    limits = [(limit, of) for limit, of in taken.items() if getattr(left, limit) < math.inf]
    reached = {limit: bisect_right(_COUNTS, getattr(left, limit), key=of) for limit, of in limits}
    ends_by = min(reached, key=lambda limit: reached[limit], default=None)
    if ends_by is None or reached[ends_by] == len(_COUNTS):
        return None
    # Where no strategy comes to its end, the first has all that there is.
    strategies, share = max(1, reached[ends_by]), pruning.reduction_factor ** -len(_rungs(pruning, epochs))
    seconds = strategies * rate.once + rate.per_epoch * min(epochs_of(strategies), left.epochs)
    return Plan(
        strategies=strategies,
        complete=min(strategies, math.ceil(strategies * share)) if reached[ends_by] else 0,
        seconds_to_complete=rate.once + rate.per_epoch * epochs,
        seconds=min(seconds, left.seconds, left.device_seconds),
        ends_by=ends_by,
        left=left,
    )


def plan_for(
    stop: Stop, rates: Iterable[Rate], space: SearchSpace, *, share: float = 0.0, pays: bool | None = None,
    most: int | None = None,
) -> Plan | None:  # fmt: skip
    """The plan for a space, whose strategies are taken to have as many epochs as its cheapest baseline.

    Args:
        stop: has the limits.
        rates: what strategies like those to come take.
        space: that is searched.
        share: of every limit, for training the best again; 0 where it is not to be.
        pays: whether the search keeps it; None to decide that as the search will, by what a strategy takes.
        most: strategies that may come; None for no limit.
    """
    epochs, rate = cast(int, baseline_values(space, "feature_extraction")["optim.epochs"]), mean_rate(rates)
    if pays is None:
        pays = stop.share_affords(share, epochs, rate.per_epoch + rate.once / epochs)
    come = math.inf if most is None else most
    whole, free = (replace(stop.left_with(kept), strategies=come) for kept in (0.0, share if pays else 0.0))
    found = plan(free, rate, space.pruning, epochs)
    if found is None or not share:
        return found
    # Without a limit of the wall time, training again has a like share of what was used of it.
    is_open = whole.seconds == math.inf and found.ends_by == "strategies"
    of: Limit = "seconds" if found.ends_by == "strategies" else found.ends_by
    kept = found.seconds * share / (1 - share) if is_open else getattr(whole, of) - getattr(free, of)
    pays = pays and (not is_open or kept >= found.seconds_to_complete)
    return replace(found, left=whole, confirms=pays, kept=kept if pays else 0.0)


def epochs_taken(strategies: int, pruning: Pruning, epochs: int) -> float:
    """Epochs that so many strategies take together.

    Of those that reach a rung one in `reduction_factor` goes on to the next, and the best in any case.
    """
    total, going, before = 0.0, float(strategies), 0
    for rung in [*_rungs(pruning, epochs), epochs]:
        total += going * (rung - before)
        going, before = max(1.0, going / pruning.reduction_factor), rung
    return total


def _rungs(pruning: Pruning, epochs: int) -> list[int]:
    """Epochs after which strategies are held back; Optuna's pruners count as successive halving."""
    return [] if pruning.pruner == "none" else pruning.rungs(epochs)

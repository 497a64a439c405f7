"""Which strategy is trained again next, of those that a search found, while time is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ENOUGH_RUNS = 3
"""From so many on a difference can be called clear."""
MOST_RUNS = 5
"""More would narrow an interval by little."""


def fold_of(seed: int, search_seed: int, folds: int) -> int:
    """Which of several folds a run with a seed is validated on: that of the search is on the first, the next on the next."""
    return (seed - search_seed) % folds


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A strategy that may be trained again."""

    fingerprint: str
    runs: int
    """That it has."""
    epochs: int
    """Of one run."""
    seconds_per_epoch: float

    @property
    def seconds(self) -> float:
        """Of one run."""
        return self.epochs * self.seconds_per_epoch


def next_contender(
    candidates: Sequence[Contender], default: Contender | None, seconds: float, epochs: float
) -> Contender | None:
    """Who is trained once more; None where that is nobody.

    The best candidate comes first and the default second, for without a run of either nothing can be said; then whoever
    lacks runs that a clear answer needs; then all get some more. Who does not fit into what is left is passed over.

    Args:
        candidates: the best of the search first.
        default: the default baseline, unless it is one of them.
        seconds: that are left.
        epochs: that are left.
    """
    best, others = candidates[0], list(candidates[1:])
    if not best.runs and (best.seconds > seconds or best.epochs > epochs):
        # What others do says nothing of the best.
        return None
    turns = [(best, 1), (default, 1), (best, ENOUGH_RUNS), *((one, ENOUGH_RUNS) for one in others[:1])]
    turns += [(default, ENOUGH_RUNS), *((one, ENOUGH_RUNS) for one in others[1:])]
    turns += [(one, MOST_RUNS) for one in (best, *others[:1], default, *others[1:])]
    for one, wanted in turns:
        if one is not None and one.runs < wanted and one.seconds <= seconds and one.epochs <= epochs:
            return one
    return None

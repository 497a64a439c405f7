"""Asynchronous successive halving over strategies (Li et al., MLSys 2020): who goes on at a rung, and who goes on later.

A strategy that is held back keeps its checkpoint. As others arrive at its rung and do worse, its turn may come, and it
goes on from there. At a rung of n strategies the best floor(n / reduction_factor) go on, and the best in any case: of a
first arrival nothing is known to be better, and a search has a strategy that is trained to its end as early as can be.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from autotl.strategy.space import Pruning
from autotl.study.ledger import Ledger
from autotl.study.strategies import Row

_HOPE = 2.0
"""Times the largest gain that was seen: on the curves that autotl has recorded, of the strategies that wait at epoch 6 half
are passed over, among them one in ten of those that would have become the best."""
_TELLING = 3
"""Strategies trained to their end, below which nothing is concluded from them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A strategy that waits at a rung."""

    fingerprint: str
    number: int
    """Of the trial that brought it there."""
    epoch: int
    epochs: int
    """That the strategy has in all."""
    map: float
    seconds_per_epoch: float


class Halving:
    """Decides by what the ledger knows; holds nothing itself, so that several processes decide alike."""

    def __init__(self, pruning: Pruning, ledger: Ledger):
        self._pruning, self._ledger = pruning, ledger

    def reason_to_hold(self, fingerprint: str, epoch: int, map: float) -> str:
        """Why a strategy is not to go on after an epoch; empty where it goes on."""
        if not self._pruning.is_rung(epoch):
            return ""
        if fingerprint in self._best({**self._ledger.scores_by_epoch()[epoch], fingerprint: map}):
            return ""
        return f"not among the best 1 in {self._pruning.reduction_factor} at epoch {epoch}"

    def promotions(self, held: list[Held]) -> Iterator[Held]:
        """Those held back whose turn has come: the furthest first, then the best."""
        scores = self._ledger.scores_by_epoch() if held else {}
        best = {epoch: self._best(scores[epoch]) for epoch in {one.epoch for one in held}}
        for one in in_order(held):
            if one.fingerprint in best[one.epoch]:
                yield one

    def hopeful(self, held: Sequence[Held], complete: Mapping[str, float]) -> list[Held]:
        """Those that would reach the best if they gained twice as much as any that has been trained to its end.

        Args:
            held: strategies that wait.
            complete: fingerprint -> mAP of those that have been; of too few nothing is concluded.
        """
        scores, needed = self._ledger.scores_by_epoch() if held else {}, {}
        for epoch in {one.epoch for one in held}:
            known = scores[epoch]
            gains = [map - known[fingerprint] for fingerprint, map in complete.items() if fingerprint in known]
            needed[epoch] = max(complete.values()) - _HOPE * max(gains) if len(gains) >= _TELLING else -math.inf
        return [one for one in held if one.map >= needed[one.epoch]]

    def next_rung(self, epoch: int, epochs: int) -> int:
        """The epoch at which a strategy of so many epochs is judged next, or is complete."""
        return next((rung for rung in self._pruning.rungs(epochs) if rung > epoch), epochs)

    def _best(self, scores: Mapping[str, float]) -> set[str]:
        """Those that go on.

        Of equal ones the first to arrive is the better: where nobody has learnt anything, not all go on.
        """
        ranked = sorted(scores, key=lambda one: -scores[one])
        return set(ranked[: max(1, len(scores) // self._pruning.reduction_factor)])


def in_order(held: list[Held]) -> list[Held]:
    """The furthest first, then the best, then the one that came first."""
    return sorted(held, key=lambda one: (-one.epoch, -one.map, one.number))


def held_strategies(strategies: Iterable[Row], active: Container[str]) -> list[Held]:
    """The strategies that wait at a rung.

    Args:
        strategies: a row a strategy, as `join_chains` gives it.
        active: fingerprints of those that are about to go on, or do.
    """
    return [
        Held(
            fingerprint=row["fingerprint"],
            number=row["number"],
            epoch=row["epochs"],
            epochs=row["strategy"]["optim"]["epochs"],
            map=row["map"],
            seconds_per_epoch=row["seconds_per_epoch"],
        )
        for row in strategies
        if row["state"] == "pruned" and row["fingerprint"] not in active
    ]

"""After which epochs of a trial to evaluate."""

from __future__ import annotations

from autotl.strategy.space import Pruning
from autotl.training.loop import EpochRecord

_CHEAP_SHARE = 0.05
"""Evaluations that take less than this share of an epoch's training are never left out."""


class Cadence:
    """Evaluates where that can change a decision: at the rungs, and where a trial ends (training sees to that).

    Besides after the first epoch of a run, which shows what an evaluation costs, and after every one where that is next
    to nothing.
    """

    def __init__(self, pruning: Pruning):
        self._pruning = pruning
        self._is_cheap: bool | None = None

    def evaluates(self, epoch: int) -> bool:
        """Whether to evaluate after an epoch, counted from 1."""
        return self._is_cheap is not False or self._pruning.is_rung(epoch)

    def note(self, record: EpochRecord) -> None:
        """Takes in what an evaluation, and the training before it, took."""
        if self._is_cheap is None:
            self._is_cheap = record.evaluation_seconds < _CHEAP_SHARE * (record.seconds - record.evaluation_seconds)

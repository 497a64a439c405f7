"""What a search tells whoever shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from autotl.strategy.schema import Strategy
from autotl.study.ledger import TrialState
from autotl.study.plan import Plan
from autotl.training.loop import EpochRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialInfo:
    """A trial that is about to start."""

    number: int
    strategy: Strategy
    baseline: str | None
    from_experience: bool = False
    """Whether it is a starting point that experience gave."""
    epochs_done: int = 0
    """That earlier trials of the same strategy have trained."""
    was: TrialState | None = None
    """How the last of these ended; None where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshRun:
    """A strategy that the search found and that is about to be trained again."""

    number: int
    """Of the trial that stands for it."""
    baseline: str | None
    strategy: Strategy
    seed: int
    epochs_done: int
    """That an earlier session has trained."""


class Progress:
    """Does nothing; displays override what they show. Called from the search's own thread."""

    def on_resume(self, states: Mapping[str, int], best: tuple[float, TrialInfo] | None) -> None:
        """The study has strategies of earlier sessions: how many ended how, and the best with its mAP."""

    def on_message(self, text: str) -> None:
        """Something worth a line."""

    def on_plan(self, plan: Plan) -> None:
        """How far the time that is left reaches; told at the beginning, and again as trials show what they take."""

    def on_trial_start(self, trial: TrialInfo) -> None:
        """A trial starts."""

    def on_step(self, epoch: int, done: int, steps: int) -> None:
        """A training step is done, the `done`th of the `steps` that make an epoch; epochs count from 1."""

    def on_epoch(self, record: EpochRecord) -> None:
        """The current trial's epoch is trained and evaluated."""

    def on_trial_end(self, state: str, map: float | None, reason: str) -> None:
        """The current trial ended: complete, pruned, stopped or failed."""

    def on_confirmation(self, seconds: float, folds: int) -> None:
        """The search is over; the best strategies are trained again, for so many seconds at most, in folds unless that is 0."""

    def on_fresh_run(self, run: FreshRun) -> None:
        """A strategy is trained again."""

    def on_fresh_run_end(self, map: float | None, reason: str) -> None:
        """It ended, with a mAP or with the reason why there is none."""

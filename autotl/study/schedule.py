"""What a search does next: a baseline, a strategy that goes on, a new one, or nothing more."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Literal

import optuna
from optuna.trial import TrialState

from autotl.strategy.space import BASELINE_NAMES, SearchSpace
from autotl.study.baselines import enqueue_next_baseline
from autotl.study.chains import CONTINUES, continue_trial
from autotl.study.halving import Halving, Held, held_strategies, in_order
from autotl.study.ledger import Ledger
from autotl.study.stop import Stop
from autotl.study.strategies import Row, join_chains

Ending = Literal["budget", "trials", "interrupted", "exhausted"]
"""exhausted: the sampler proposed nothing but strategies that are known or infeasible."""

_FRUITLESS_PROPOSALS = 30
"""Proposals in a row, none of a new strategy that is feasible, after which the space counts as exhausted."""


class Schedule:
    """Decides by what the database knows, before every trial.

    Whoever waits in the queue comes first, then baselines, then strategies held back whose turn has come. A new strategy
    is begun while there is time to train a typical one to its end; after that the time goes to the best of those held
    back that can still be finished.
    """

    def __init__(self, study: optuna.Study, ledger: Ledger, space: SearchSpace, stop: Stop, trials: int | None):
        """Args: `trials` is how many strategies the study shall have in all; None for no limit."""
        self._study, self._ledger, self._space, self._stop, self._trials = study, ledger, space, stop, trials
        self._halving = Halving(space.pruning, ledger)
        self._fruitless = 0

    def note(self, *, was_new: bool) -> None:
        """A trial has ended that trained a strategy, or that proposed one which is known or infeasible."""
        self._fruitless = 0 if was_new else self._fruitless + 1

    def prepare_next(self) -> Ending | None:
        """Enqueues the trial that is next, or leaves it to the sampler; gives why the search is to end instead."""
        if self._stop.reason is not None:
            return self._stop.reason
        trials = self._ledger.trial_rows()
        strategies = join_chains(trials)
        waiting = self._study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
        full = self._trials is not None and _count(strategies) >= self._trials
        if waiting:
            return "trials" if full and CONTINUES not in waiting[0].user_attrs else None
        all_baselines_ran = {row["baseline"] for row in strategies} >= set(BASELINE_NAMES)
        if not full and not all_baselines_ran and enqueue_next_baseline(self._study, self._space):
            return None
        held = []
        if self._space.pruning.pruner == "asha":
            running = {row["fingerprint"] for row in trials if row["state"] == "running"}
            held = held_strategies(strategies, running)
        if self._continue_first(one for one in self._halving.promotions(held) if self._reaches_next_rung(one)):
            return None
        if full:
            return "trials"
        if self._fruitless >= _FRUITLESS_PROPOSALS:
            return "exhausted"
        return self._use_what_is_left(strategies, held)

    def _use_what_is_left(self, strategies: list[Row], held: list[Held]) -> Ending | None:
        """A new strategy, or one held back that can be finished where a new one cannot."""
        pace = _pace(strategies)
        if self._stop.affords(pace.epochs, pace.typical):
            return None
        affordable = (
            one for one in in_order(held) if self._stop.affords(one.epochs - one.epoch, one.seconds_per_epoch)
        )
        if self._continue_first(affordable):
            return None
        first_rung = min(self._space.pruning.first_rung, pace.epochs)
        return None if self._stop.affords(first_rung, pace.fastest) else "budget"

    def _continue_first(self, held: Iterable[Held]) -> bool:
        for one in held:
            (trial,) = (trial for trial in self._study.get_trials(deepcopy=False) if trial.number == one.number)
            continue_trial(self._study, trial)
            return True
        return False

    def _reaches_next_rung(self, one: Held) -> bool:
        epochs = self._halving.next_rung(one.epoch, one.epochs) - one.epoch
        return self._stop.affords(epochs, one.seconds_per_epoch)


def _count(strategies: list[Row]) -> int:
    """Strategies that were trained, or are to go on."""
    return sum(row["state"] not in ("killed", "infeasible") for row in strategies)


@dataclass(frozen=True, slots=True)
class _Pace:
    """Seconds an epoch, over the strategies so far, and the epochs that one has; zeros where nothing is known."""

    typical: float
    fastest: float
    epochs: int


def _pace(strategies: list[Row]) -> _Pace:
    known = [row for row in strategies if not math.isnan(row["seconds_per_epoch"])]
    if not known:
        return _Pace(0.0, 0.0, 0)
    each = [row["seconds_per_epoch"] for row in known]
    epochs = median(row["strategy"]["optim"]["epochs"] for row in known)
    return _Pace(median(each), min(each), int(epochs))

"""What a search does next: a baseline, a strategy that goes on, a new one, or nothing more."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import median
from typing import Literal

import optuna
from optuna.trial import TrialState

from autotl.strategy.sample import params_of
from autotl.strategy.schema import Strategy
from autotl.strategy.space import BASELINE_NAMES, SearchSpace
from autotl.study.alike import Alike
from autotl.study.baselines import enqueue_next_baseline
from autotl.study.chains import CONTINUES, continue_trial
from autotl.study.drawn import draw_strategies
from autotl.study.halving import Halving, Held, held_strategies, in_order
from autotl.study.ledger import Ledger
from autotl.study.starts import enqueue_next_start
from autotl.study.stop import Stop
from autotl.study.strategies import Row

Ending = Literal["budget", "trials", "interrupted", "exhausted", "done"]
"""exhausted: no strategy of the space was found that is neither known nor infeasible. done: more would gain too little."""

_FRUITLESS_PROPOSALS = 5
"""Proposals of the sampler in a row, none of a new strategy that is feasible, after which one is drawn at random."""
_FRUITLESS_DRAWS = 25
"""Drawn ones in a row, none of them feasible, after which the space counts as exhausted."""
_MOST_DRAWN = 300
"""Strategies drawn at random in search of one that is new."""


_BASELINES_FROM = 0.25
"""Share of the budget after which baselines no longer wait for starting points."""


class Schedule:
    """Decides by what the database knows, before every trial.

    Whoever waits in the queue comes first, then baselines and starting points, then strategies held back whose turn has
    come. A new strategy is begun while there is time to train a typical one to its end; after that the time goes
    to the best of those held back that can still be finished and may catch up, then to the confirmation where one is to
    come.
    """

    def __init__(
        self, study: optuna.Study, ledger: Ledger, space: SearchSpace, stop: Stop, trials: int | None,
        starts: Sequence[Strategy] = (), is_done: Callable[[list[Row]], bool] = lambda _strategies: False,
        can_go_on: Callable[[], Container[str]] | None = None,
    ):  # fmt: skip
        """Args: `trials` is how many strategies the study shall have in all; None for no limit. `starts` come early.
        `is_done` says whether no new strategy is worth its time, `can_go_on` gives the fingerprints of those whose
        checkpoints are there; without it all are.
        """
        self._study, self._ledger, self._space, self._stop, self._trials = study, ledger, space, stop, trials
        self._starts, self._is_done, self._can_go_on = starts, is_done, can_go_on
        self._halving = Halving(space.pruning, ledger)
        self._known = Alike()
        self._fruitless = 0

    def note(self, *, was_new: bool) -> None:
        """A trial has ended that trained a strategy, or that proposed one which is known or infeasible."""
        self._fruitless = 0 if was_new else self._fruitless + 1

    def share_spent(self) -> float:
        """Of the budget or of the strategies that the study shall have, whichever ends sooner; 0 without either."""
        done = _count(self._ledger.strategy_rows()) / self._trials if self._trials else 0.0
        return max(self._stop.share_spent(), done)

    def may_come(self, strategies: list[Row]) -> int | None:
        """How many are missing to those that the study shall have; None without a limit."""
        return None if self._trials is None else max(0, self._trials - _count(strategies))

    def prepare_next(self) -> Ending | None:
        """Enqueues the trial that is next, or leaves it to the sampler; gives why the search is to end instead."""
        if self._stop.reason is not None:
            return self._stop.reason
        trials = self._ledger.trial_rows()
        strategies = self._ledger.strategy_rows(trials)
        waiting = self._study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
        full = self._trials is not None and _count(strategies) >= self._trials
        if waiting:
            return "trials" if full and CONTINUES not in waiting[0].user_attrs else None
        if not full and self._open(strategies):
            return None
        held = []
        if self._space.pruning.pruner == "asha":
            running = {row["fingerprint"] for row in trials if row["state"] == "running"}
            held = held_strategies(strategies, running)
            if self._can_go_on is not None:
                there = self._can_go_on()
                held = [one for one in held if one.fingerprint in there]
        if self._continue_first(one for one in self._halving.promotions(held) if self._reaches_next_rung(one)):
            return None
        if full:
            return "trials"
        if self._is_done(strategies):
            return "done"
        if self._fruitless >= _FRUITLESS_PROPOSALS and not self._enqueue_a_new_one(trials):
            return None if self._continue_first(self._affordable(held)) else "exhausted"
        return self._use_what_is_left(strategies, held)

    def _open(self, strategies: list[Row]) -> bool:
        """A baseline or a starting point, where one is due.

        The first starting point opens the search, for something good within minutes, and the cheapest baseline follows;
        the other baselines wait until a quarter of the budget is used or no starting point is left.
        """
        ran = {row["baseline"] for row in strategies if row["baseline"]}
        tried = {row["fingerprint"] for row in strategies}
        starts = [strategy for strategy in self._starts if strategy.fingerprint() not in tried]
        used = max(self._stop.share_used(), (_count(strategies) + 1) / self._trials if self._trials else 0.0)
        is_turn = used < _BASELINES_FROM and (bool(ran) or not tried)
        if starts and is_turn and enqueue_next_start(self._study, self._space, starts):
            return True
        if len(ran) < len(BASELINE_NAMES) and enqueue_next_baseline(self._study, self._space):
            return True
        return bool(starts) and enqueue_next_start(self._study, self._space, starts)

    def _use_what_is_left(self, strategies: list[Row], held: list[Held]) -> Ending | None:
        """A new strategy, or one held back that can be finished where a new one cannot."""
        pace = _pace(strategies)
        if self._stop.affords(pace.epochs, pace.typical):
            return None
        if self._continue_first(self._affordable(self._hopeful(strategies, held))):
            return None
        # A strategy that cannot be finished tells less than the confirmation does with its time.
        epochs = pace.epochs if self._stop.keeps else min(self._space.pruning.first_rung, pace.epochs)
        return None if self._stop.affords(epochs, pace.fastest) else "budget"

    def _enqueue_a_new_one(self, trials: list[Row]) -> bool:
        """A strategy drawn at random that the study does not know; False where none was found."""
        if self._fruitless >= _FRUITLESS_PROPOSALS + _FRUITLESS_DRAWS:
            return False
        self._known.note(trials)
        for strategy in islice(draw_strategies(self._space, seed=len(trials) + self._fruitless), _MOST_DRAWN):
            if not self._known.names_of(strategy):
                self._study.enqueue_trial(params_of(self._space, strategy) or {})
                return True
        return False

    def _hopeful(self, strategies: list[Row], held: list[Held]) -> list[Held]:
        complete = {row["fingerprint"]: row["map"] for row in strategies if row["state"] == "complete"}
        return self._halving.hopeful(held, complete)

    def _affordable(self, held: list[Held]) -> Iterator[Held]:
        """Those that can be trained to their end."""
        for one in in_order(held):
            if self._stop.affords(one.epochs - one.epoch, one.seconds_per_epoch):
                yield one

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

"""Tells how far the budget reaches: before the first trial, and after each by what they took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from autotl.strategy.space import SearchSpace
from autotl.study.confirmation import SHARE
from autotl.study.plan import plan_for
from autotl.study.progress import Progress
from autotl.study.rates import Rate, probe_at_start, rates_so_far
from autotl.study.schedule import Schedule
from autotl.study.stop import Stop
from autotl.study.strategies import Row, best_candidate
from autotl.training.workbench import Workbench


class Outlook:
    """The plan of one session, told anew as it goes."""

    def __init__(self, space: SearchSpace, stop: Stop, schedule: Schedule, progress: Progress, *, confirms: bool):
        """Args: `confirms` is whether the best are to be trained again."""
        self._space, self._stop, self._schedule, self._progress = space, stop, schedule, progress
        self._share = SHARE * confirms

    def tell_first(self, strategies: list[Row], bench: Workbench, seed: int) -> None:
        """From earlier sessions where there were any, else, where the budget has a limit, from a probe."""
        known = rates_so_far(strategies)
        if known or self._stop.reason is not None or not self._stop.has_limit:
            self._tell(strategies, known)
        else:
            probed = probe_at_start(self._space, bench, self._stop, seed=seed)
            self._tell(strategies, probed.typical, probed.incomplete)

    def tell(self, strategies: list[Row]) -> None:
        """From what the study's strategies took so far."""
        self._tell(strategies, rates_so_far(strategies))

    def _tell(self, strategies: list[Row], rates: Sequence[Rate], measured: tuple[str, ...] = ()) -> None:
        """How far what is left of the limits reaches, less what is kept of them or will be."""
        most = self._schedule.may_come(strategies)
        if not rates or most == 0 or self._stop.reason is not None:
            return
        # Before there is something to confirm nothing is kept yet.
        pays = None if best_candidate(strategies) is None else self._stop.keeps
        plan = plan_for(self._stop, rates, self._space, share=self._share, pays=pays, most=most)
        if plan is not None:
            self._progress.on_plan(replace(plan, measured=measured))

"""Which strategies of a study train the same: one of them is trained, whatever the others are called."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence

from autotl.models.same_run import beyond_freezing, freezing
from autotl.strategy.schema import Strategy
from autotl.study.strategies import NOT_ENDED, Row


class Alike:
    """Strategies by name, and those of them that train what another one trains.

    Backbones are looked at only for strategies that differ in nothing but how they freeze and thaw, of which there are few.
    """

    def __init__(self, strategies: Iterable[tuple[str, Strategy]] = ()) -> None:
        self._noted = 0
        """Trials that were taken in."""
        self._strategies: defaultdict[str, dict[str, Strategy]] = defaultdict(dict)
        self._freezing: dict[str, Hashable] = {}
        """By name, of those that something was compared with."""
        for name, strategy in strategies:
            self._add(name, strategy)

    def note(self, trials: Sequence[Row]) -> None:
        """Takes in the strategies of trials, by their fingerprints; all trials there are, in the same order as before."""
        for row in trials[self._noted :]:
            self._add(row["fingerprint"], Strategy.model_validate(row["strategy"]))
        self._noted = len(trials)

    def names_of(self, strategy: Strategy) -> set[str]:
        """The names of those that train what this one trains, itself among them."""
        near = self._strategies.get(beyond_freezing(strategy), {})
        if all(other == strategy for other in near.values()):
            return set(near)
        own = freezing(strategy)
        for name, other in near.items():
            if name not in self._freezing:
                self._freezing[name] = freezing(other)
        return {name for name in near if self._freezing[name] == own}

    def has_trained(self, strategy: Strategy, trials: Sequence[Row], baseline: str | None) -> bool:
        """Whether trials that ended have trained what a strategy would; where that is a baseline, whether one has its name."""
        self.note(trials)
        alike = self.names_of(strategy)
        return bool(alike) and any(
            row["fingerprint"] in alike and row["state"] not in NOT_ENDED and baseline in (None, row["baseline"])
            for row in trials
        )

    def _add(self, name: str, strategy: Strategy) -> None:
        self._strategies[beyond_freezing(strategy)][name] = strategy

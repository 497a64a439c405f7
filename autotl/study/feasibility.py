"""Whether a strategy keeps the limits and fits into memory, found out before it is trained."""

from __future__ import annotations

from dataclasses import dataclass

from autotl.strategy.limits import Limits
from autotl.strategy.schema import Strategy
from autotl.training.footprint import Footprint, measure_footprint
from autotl.training.workbench import Workbench


@dataclass(frozen=True, slots=True)
class Excess:
    """How one limit is kept."""

    name: str
    """The option's, without dashes."""
    share: float
    """By how much the limit is exceeded, as a share of it; zero or less where it is kept."""
    text: str
    """Where it is exceeded: 'latency 41 ms, more than --max-latency 30 ms'."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What can be limited."""

    what: str
    option: str
    """Without dashes."""
    field: str
    """Of `Limits` and of `Footprint`, and where it is measured of a trained detector too, its name among the costs."""
    unit: str
    scale: float
    """Of the unit."""

    def limit(self, limits: Limits) -> float | None:
        """None where there is none."""
        found: float | None = getattr(limits, self.field)
        return found

    def told(self, limits: Limits) -> str:
        """'--max-latency 30 ms'; empty where there is no limit."""
        limit = self.limit(limits)
        return "" if limit is None else f"--{self.option} {limit * self.scale:.3g} {self.unit}"

    def excess(self, value: float, limits: Limits) -> Excess | None:
        """How a value keeps the limit; None where there is none."""
        limit = self.limit(limits)
        if limit is None:
            return None
        text = f"{self.what} {value * self.scale:.3g} {self.unit}, more than {self.told(limits)}"
        return Excess(self.option, value / limit - 1, text)


KINDS = (
    Kind("latency", "max-latency", "seconds_per_image", "ms", 1e3),
    Kind("parameters", "max-params", "parameters", "M", 1e-6),
    Kind("size", "max-size", "bundle_bytes", "MB", 1e-6),
    Kind("memory", "max-memory", "training_bytes", "MB", 1e-6),
)


class Feasibility:
    """Judges strategies; detectors that differ in nothing that counts are looked at once."""

    def __init__(self, limits: Limits, bench: Workbench):
        self._limits, self._bench = limits, bench
        self._known: dict[str, Footprint] = {}

    def judge(self, strategy: Strategy) -> list[Excess]:
        """How the strategy keeps each limit that there is.

        Raises:
            OutOfMemoryError: where memory does not suffice for one image.
        """
        if not self._limits.any:
            return []
        optim = strategy.optim
        in_training = (optim.batch_size, optim.optimizer, optim.ema_decay > 0)
        key = repr((strategy.structure(), in_training))
        if key not in self._known:
            self._known[key] = measure_footprint(strategy, self._bench)
        found = self._known[key]
        excesses = (kind.excess(getattr(found, kind.field), self._limits) for kind in KINDS)
        return [excess for excess in excesses if excess is not None]


def takes_as_much_memory(strategy: Strategy, other: Strategy) -> bool:
    """Whether a strategy is another one at the same batch size or a larger one, as far as memory goes."""
    return strategy.structure() == other.structure() and strategy.optim.batch_size >= other.optim.batch_size

"""Whether a strategy keeps the limits and fits into memory, found out before it is trained."""

from __future__ import annotations

from collections.abc import Iterator
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
        return list(self._compare(self._known[key]))

    def _compare(self, found: Footprint) -> Iterator[Excess]:
        limits = self._limits
        for what, name, value, limit, unit, scale in (
            ("latency", "max-latency", found.seconds_per_image, limits.seconds_per_image, "ms", 1e3),
            ("parameters", "max-params", found.parameters, limits.parameters, "M", 1e-6),
            ("size", "max-size", found.bundle_bytes, limits.bundle_bytes, "MB", 1e-6),
            ("memory", "max-memory", found.training_bytes, limits.training_bytes, "MB", 1e-6),
        ):
            if limit is not None:
                text = f"{what} {value * scale:.3g} {unit}, more than --{name} {limit * scale:.3g} {unit}"
                yield Excess(name, value / limit - 1, text)


def takes_as_much_memory(strategy: Strategy, other: Strategy) -> bool:
    """Whether a strategy is another one at the same batch size or a larger one, as far as memory goes."""
    return strategy.structure() == other.structure() and strategy.optim.batch_size >= other.optim.batch_size

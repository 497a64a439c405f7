"""Whether a strategy keeps the limits and fits into memory, found out before it is trained."""

from __future__ import annotations

from dataclasses import dataclass

from autotl.strategy.limits import Limits
from autotl.strategy.schema import Strategy
from autotl.training.footprint import Footprint, kept_copies
from autotl.training.workbench import Workbench

_WHOLE_FROM = 100
"""Figures from here on are told without decimals, and not as powers of ten."""


@dataclass(frozen=True, slots=True)
class Excess:
    """How one limit is kept."""

    name: str
    """The option's, without dashes."""
    share: float
    """By how much the limit is exceeded, as a share of it; zero or less where it is kept."""
    text: str
    """Where it is exceeded: 'latency 41 ms, more than --max-latency 30 ms'; 'at least 41 ms' where that was enough to know."""


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
        return "" if limit is None else f"--{self.option} {self._figure(limit)}"

    def excess(self, value: float, limits: Limits, *, at_least: bool = False) -> Excess:
        """How a value keeps the limit, which there must be."""
        limit = self.limit(limits)
        assert limit is not None
        figure = f"at least {self._figure(value)}" if at_least else self._figure(value)
        return Excess(self.option, value / limit - 1, f"{self.what} {figure}, more than {self.told(limits)}")

    def _figure(self, value: float) -> str:
        scaled = value * self.scale
        return f"{scaled:.3g} {self.unit}" if scaled < _WHOLE_FROM else f"{scaled:,.0f} {self.unit}"


_PARAMETERS = Kind("parameters", "max-params", "parameters", "M", 1e-6)
_SIZE = Kind("size", "max-size", "bundle_bytes", "MB", 1e-6)
_MEMORY = Kind("memory", "max-memory", "training_bytes", "MB", 1e-6)
_LATENCY = Kind("latency", "max-latency", "seconds_per_image", "ms", 1e3)
KINDS = (_PARAMETERS, _SIZE, _MEMORY, _LATENCY)
"""From what is known at once to what takes longest to find out."""


class Feasibility:
    """Judges strategies; detectors that differ in nothing that counts are looked at once."""

    def __init__(self, limits: Limits, bench: Workbench):
        self._limits, self._bench = limits, bench
        self._known: dict[str, list[Excess]] = {}

    def judge(self, strategy: Strategy) -> list[Excess]:
        """How the strategy keeps each limit that there is, up to the first that it exceeds: the others cost more to judge.

        Raises:
            OutOfMemoryError: where memory does not suffice for one image.
        """
        optim = strategy.optim
        in_training = (optim.batch_size, optim.optimizer, optim.ema_decay > 0, optim.l2_sp > 0)
        key = repr((strategy.structure(), in_training))
        if key not in self._known:
            self._known[key] = self._look(Footprint(strategy, self._bench))
        return self._known[key]

    def _look(self, footprint: Footprint) -> list[Excess]:
        limits, found = self._limits, list[Excess]()
        if limits.parameters is not None:
            found.append(_PARAMETERS.excess(footprint.parameters(), limits))
        if limits.bundle_bytes is not None:
            found.append(_SIZE.excess(footprint.bundle_bytes(), limits))
        for kind, look in ((_MEMORY, footprint.training_bytes), (_LATENCY, footprint.seconds_per_image)):
            limit = kind.limit(limits)
            if limit is not None and all(excess.share <= 0 for excess in found):
                value, at_least = look(limit)
                found.append(kind.excess(value, limits, at_least=at_least))
        return found


def takes_as_much_memory(strategy: Strategy, other: Strategy) -> bool:
    """Whether a strategy has another one's network, its batch size or a larger one, and no fewer copies of the weights."""
    own, others = strategy.optim, other.optim
    return (
        strategy.structure() == other.structure()
        and own.batch_size >= others.batch_size
        # L2-SP's copy is of the backbone alone, so that another one of all weights takes more.
        and (kept_copies(own), own.l2_sp > 0) >= (kept_copies(others), others.l2_sp > 0)
    )

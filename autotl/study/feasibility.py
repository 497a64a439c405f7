"""Whether a strategy keeps the limits and fits into memory, found out before it is trained."""

from __future__ import annotations

from dataclasses import dataclass

from autotl.strategy.limits import Limits
from autotl.strategy.schema import Strategy
from autotl.training.footprint import Footprint, kept_copies
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

    def excess(self, value: float, limits: Limits) -> Excess:
        """How a value keeps the limit, which there must be."""
        limit = self.limit(limits)
        assert limit is not None
        text = f"{self.what} {value * self.scale:.3g} {self.unit}, more than {self.told(limits)}"
        return Excess(self.option, value / limit - 1, text)


_OF_SHAPES = (
    Kind("parameters", "max-params", "parameters", "M", 1e-6),
    Kind("size", "max-size", "bundle_bytes", "MB", 1e-6),
)
_MEMORY = Kind("memory", "max-memory", "training_bytes", "MB", 1e-6)
_LATENCY = Kind("latency", "max-latency", "seconds_per_image", "ms", 1e3)
KINDS = (*_OF_SHAPES, _MEMORY, _LATENCY)
"""From what is known at once to what takes longest to find out."""


class Feasibility:
    """Judges strategies; detectors that differ in nothing that counts are looked at once."""

    def __init__(self, limits: Limits, bench: Workbench):
        self._limits, self._bench = limits, bench
        self._known: dict[str, Footprint] = {}

    def judge(self, strategy: Strategy) -> list[Excess]:
        """How the strategy keeps each limit that there is, up to the first that it exceeds: the others cost more to judge.

        Raises:
            OutOfMemoryError: where memory does not suffice for one image.
        """
        optim = strategy.optim
        in_training = (optim.batch_size, optim.optimizer, optim.ema_decay > 0, optim.l2_sp > 0)
        key = repr((strategy.structure(), in_training))
        if key not in self._known:
            self._known[key] = Footprint(strategy, self._bench)
        footprint, found = self._known[key], list[Excess]()
        for kinds in (_OF_SHAPES, (_MEMORY,), (_LATENCY,)):
            limited = [kind for kind in kinds if kind.limit(self._limits) is not None]
            found += [kind.excess(getattr(footprint, kind.field), self._limits) for kind in limited]
            if any(excess.share > 0 for excess in found):
                break
        footprint.forget_detector()
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

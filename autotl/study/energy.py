"""The energy that a session took, as far as its machine counts it.

Counters are of whole processors and cards: what else runs on them meanwhile is in their counts, and searches of other
studies that run side by side on one machine each have the counts of all. One study is not counted twice, because one
session at a time works on it (`study.lock`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Event, Lock, Thread

from pydantic import BaseModel, ConfigDict

from autotl.study.energy_counters import Counter, Missing, Part

_EVERY = 60.0
"""Seconds. A processor's counter begins again after 65 kJ at the least, which takes longer below 1 kW."""


class Energy(BaseModel):
    """What was counted, and of what there is no count, with the reason."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    joules: dict[Part, float]
    missing: dict[Part, Missing]
    """A part that is in both was lost on the way."""


class Meter:
    """Adds up what counters have counted since it was made."""

    def __init__(self, counters: Sequence[Counter], missing: Mapping[Part, Missing]):
        self._joules: dict[Part, float] = {}
        self._missing = dict(missing)
        self._last: dict[Counter, float] = {}
        self._lock = Lock()
        for counter in counters:
            try:
                self._last[counter] = counter.read()
            except OSError:
                self._missing[counter.part] = "lost"
            else:
                self._joules[counter.part] = 0.0

    def read(self) -> Energy:
        """All so far. What a counter can no longer tell is missing; what it told before stays."""
        with self._lock:
            for counter, before in list(self._last.items()):
                try:
                    now = counter.read()
                except OSError:
                    del self._last[counter]
                    self._missing[counter.part] = "lost"
                    continue
                self._joules[counter.part] += now - before + (counter.span if now < before else 0.0)
                self._last[counter] = now
            return Energy(joules=dict(self._joules), missing=dict(self._missing))

    @contextmanager
    def reading(self, every: float = _EVERY) -> Iterator[None]:
        """Inside, counters that begin again are read so often that none does twice in between."""
        ended = Event()

        def read() -> None:
            while not ended.wait(every):
                self.read()

        thread = Thread(target=read, daemon=True)
        if any(counter.span < math.inf for counter in self._last):
            thread.start()
        try:
            yield
        finally:
            ended.set()
            if thread.is_alive():
                thread.join()

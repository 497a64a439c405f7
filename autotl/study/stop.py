"""When a search ends: its budget, or someone's wish. Training looks between steps."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Literal

Reason = Literal["budget", "interrupted"]


class Stop:
    """Says whether to stop and why.

    Args:
        seconds: wall time from the start after which to stop; None for no limit.
        already: seconds that have gone by since the start.
        clock: gives seconds that never run backwards.
    """

    def __init__(
        self, seconds: float | None = None, *, already: float = 0.0, clock: Callable[[], float] = time.monotonic
    ):
        self._clock = clock
        self._started = clock() - already
        self._seconds = seconds
        self._interrupted = False

    @property
    def reason(self) -> Reason | None:
        """Why to stop; None while there is no reason to."""
        if self._interrupted:
            return "interrupted"
        return "budget" if self.left() <= 0 else None

    def elapsed(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._started

    def left(self) -> float:
        """Seconds left of the budget; infinite where there is none."""
        return float("inf") if self._seconds is None else self._seconds - self.elapsed()

    def interrupt(self) -> None:
        """Asks for a clean end."""
        self._interrupted = True

    @contextmanager
    def on_signals(self, notify: Callable[[], None]) -> Iterator[None]:
        """Inside, the first SIGINT or SIGTERM asks for a clean end and calls `notify`; a second one ends at once."""

        def handle(_number: int, _frame: FrameType | None) -> None:
            self.interrupt()
            restore()
            notify()

        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

        def restore() -> None:
            for number, handler in before.items():
                signal.signal(number, handler)

        for number in before:
            signal.signal(number, handle)
        try:
            yield
        finally:
            restore()

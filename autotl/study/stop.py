"""When a search ends: its budget, or someone's wish. Training looks between steps."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Literal

Reason = Literal["budget", "interrupted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What is left of each limit of a search; infinite where it has none."""

    seconds: float = math.inf
    """Of the wall time."""
    device_seconds: float = math.inf
    epochs: float = math.inf
    strategies: float = math.inf


class Stop:
    """Says whether to stop and why.

    Args:
        seconds: wall time from the start after which to stop; None for no limit.
        epochs: epochs of training after which to stop, over all sessions; None for no limit.
        device_seconds: time on the device after which to stop, over all sessions; None for no limit.
        already: seconds that have gone by since the start.
        clock: gives seconds that never run backwards.
    """

    def __init__(
        self, seconds: float | None = None, *, epochs: int | None = None, device_seconds: float | None = None,
        already: float = 0.0, clock: Callable[[], float] = time.monotonic,
    ):  # fmt: skip
        self._clock = clock
        self._started = clock() - already
        self._seconds, self._epochs, self._device_seconds = seconds, epochs, device_seconds
        self._kept = 0.0
        self._epochs_spent, self._device_spent = 0, 0.0
        self._training_since: float | None = None
        self._interrupted = False

    @property
    def reason(self) -> Reason | None:
        """Why to stop; None while there is no reason to."""
        if self._interrupted:
            return "interrupted"
        return None if self.left() > 0 and self.epochs_left() > 0 and self.device_left() > 0 else "budget"

    def elapsed(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._started

    def left(self) -> float:
        """Seconds left of the wall time; infinite where that has no limit."""
        return self._open(self._seconds) - self.elapsed()

    def epochs_left(self) -> float:
        """Epochs left; infinite where they have no limit."""
        return self._open(self._epochs) - self._epochs_spent

    def device_left(self) -> float:
        """Seconds left on the device; infinite where these have no limit."""
        running = 0.0 if self._training_since is None else self._clock() - self._training_since
        return self._open(self._device_seconds) - self._device_spent - running

    def share_used(self) -> float:
        """Of what is open of the limit that is closest, from 0 to 1; 0 where there is none."""
        return max(1 - left / self._open(limit) if limit else 0.0 for limit, left in self._limits())

    def share_spent(self) -> float:
        """The same of the whole limit, with what is kept of it."""
        return max((self._open(limit) - left) / limit if limit else 0.0 for limit, left in self._limits())

    def _limits(self) -> list[tuple[float | None, float]]:
        """Each with what is left of it."""
        return [
            (self._seconds, self.left()), (self._epochs, self.epochs_left()), (self._device_seconds, self.device_left()),
        ]  # fmt: skip

    def left_with(self, share: float) -> Left:
        """What is left of every limit where this share of it is kept, whatever is kept now."""
        seconds, epochs, device_seconds = (
            math.inf if limit is None else left + (self._kept - share) * limit for limit, left in self._limits()
        )
        return Left(seconds=seconds, epochs=epochs, device_seconds=device_seconds)

    @property
    def has_limit(self) -> bool:
        """Whether the search ends by itself, once something is used up."""
        return any(limit is not None for limit, _ in self._limits())

    def affords(self, epochs: int, seconds_per_epoch: float) -> bool:
        """Whether so many epochs can still be trained."""
        seconds = epochs * seconds_per_epoch
        return self.epochs_left() >= epochs and min(self.left(), self.device_left()) >= seconds

    def keep(self, share: float) -> None:
        """From now on this share of every limit is not there; with 0 the limits are whole again."""
        self._kept = share

    @property
    def keeps(self) -> bool:
        """Whether a share of every limit is kept."""
        return self._kept > 0

    def share_affords(self, share: float, epochs: int, seconds_per_epoch: float) -> bool:
        """Whether so many epochs fit into a share of every limit."""
        seconds = epochs * seconds_per_epoch
        wanted = ((self._seconds, seconds), (self._epochs, epochs), (self._device_seconds, seconds))
        return all(limit is None or want <= share * limit for limit, want in wanted)

    def _open(self, limit: float | None) -> float:
        return math.inf if limit is None else limit * (1 - self._kept)

    def spend(self, *, epochs: int, device_seconds: float = 0.0) -> None:
        """Notes what was trained, here or by earlier sessions."""
        self._epochs_spent += epochs
        self._device_spent += device_seconds

    @contextmanager
    def training(self) -> Iterator[None]:
        """Inside, time counts as time on the device."""
        self._training_since = self._clock()
        try:
            yield
        finally:
            self._device_spent += self._clock() - self._training_since
            self._training_since = None

    def interrupt(self) -> None:
        """Asks for a clean end."""
        self._interrupted = True

    @contextmanager
    def on_signals(self, notify: Callable[[], None]) -> Iterator[None]:
        """Inside, the first SIGINT or SIGTERM asks for a clean end and calls `notify`; a second one ends at once.

        One that comes while `notify` runs waits for it: what prints is not torn apart with its locks held.
        """
        asked = 0

        def handle(_number: int, _frame: FrameType | None) -> None:
            nonlocal asked
            asked += 1
            if asked > 1:
                return
            self.interrupt()
            notify()
            restore()
            if asked > 1:
                raise KeyboardInterrupt

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

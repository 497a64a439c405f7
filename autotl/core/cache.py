"""A folder of shelves within a limit of bytes: what is worth least is removed first."""

from __future__ import annotations

import mmap
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
from filelock import FileLock

from autotl.core.shelf import Bytes, Shelf

_SUFFIX = ".shelf"
_SECONDS_BETWEEN_TRIES = 0.005


class Cache:
    """The shelves of a study, shared by its processes.

    Which shelf goes when room is needed follows Greedy-Dual-Size-Frequency (Cherkasova, 1998). A shelf's priority is
    L + uses * seconds / bytes: how often it was asked for, and what making a record costs for each byte that it takes.
    The shelf with the lowest priority goes, and its priority becomes L, so that what was useful once ages. Where that
    is the shelf which asks for room, nothing is removed and nothing more is kept.
    """

    def __init__(self, folder: Path | None, max_bytes: int):
        """Opens or makes the folder.

        Args:
            folder: where the shelves lie, and nothing else; None for a cache that keeps nothing.
            max_bytes: the limit for the records of all shelves together, in all processes; 0 keeps nothing.
        """
        self.max_bytes = max_bytes if folder is not None else 0
        self._folder = folder
        self._shelves: dict[str, Shelf] = {}
        self.damaged_shelves = 0
        if folder is None or not max_bytes:
            self._folder = None
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
            return
        folder.mkdir(parents=True, exist_ok=True)
        self._threads = RLock()
        self._processes = FileLock(folder / "lock", thread_local=False, poll_interval=_SECONDS_BETWEEN_TRIES)
        with self._turn():
            for half_made in folder.glob(f".*{_SUFFIX}.*.tmp"):
                half_made.unlink(missing_ok=True)
            self._state = _map_state(folder / "state")
            self._shrink(self.max_bytes)

    def open(self, name: str) -> Shelf | None:
        """The shelf of a name, which must stand for all that decides its records; None where there is none.

        Each call counts as a use. A shelf that is damaged is removed, and counted.
        """
        if self._folder is None:
            return None
        with self._turn():
            shelf = self._find(name)
            if shelf is not None:
                shelf.uses += 1
                self._rank(shelf)
            return shelf

    def create(self, name: str, record_bytes: int, records: int, meta: Mapping[str, Any]) -> Shelf | None:
        """A new shelf, or the one that another process made meanwhile; None where nothing can be kept."""
        if self._folder is None or record_bytes > self.max_bytes:
            return None
        with self._turn():
            shelf = self._find(name)
            if shelf is None:
                try:
                    shelf = Shelf.create(self._folder / f"{name}{_SUFFIX}", record_bytes, records, meta)
                except OSError:
                    return None
                self._shelves[name] = shelf
                shelf.uses = 1
            return shelf

    def give_up(self, shelf: Shelf) -> None:
        """Removes a shelf whose records are of no use any more."""
        if self._folder is not None:
            with self._turn():
                shelf.remove()

    def keep(self, shelf: Shelf, numbers: Sequence[int], records: Bytes, seconds: float) -> None:
        """Keeps records as far as the limit, and the disk, allow.

        Args:
            shelf: where they belong.
            numbers: N numbers of records.
            records: (N, record_bytes) uint8.
            seconds: what making one of them took; decides which shelf goes when room is needed.
        """
        if self._folder is None:
            return
        with self._turn():
            shelf.seconds = seconds
            self._rank(shelf)
            for number, record in zip(numbers, records, strict=True):
                if shelf.holds(number):
                    continue
                if not self._make_room(shelf):
                    return
                # Before it is written: a process killed in between counts a record too many, never one too few.
                self._state["bytes"][0] += shelf.record_bytes
                try:
                    shelf.write(number, record)
                except OSError:
                    self._state["bytes"][0] -= shelf.record_bytes
                    return

    @property
    def bytes(self) -> int:
        """What the records of all shelves take, as far as this process knows."""
        return int(self._state["bytes"][0]) if self._folder is not None else 0

    @property
    def damaged(self) -> int:
        """Records and shelves that this process found damaged and did not use."""
        return self.damaged_shelves + sum(shelf.damaged for shelf in list(self._shelves.values()))

    def clear(self) -> None:
        """Deletes the folder with everything in it; nothing is kept from then on."""
        if self._folder is not None:
            with self._turn():
                for shelf in self._all():
                    shelf.remove()
            folder, self._folder = self._folder, None
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Inside, no other thread and no other process changes the cache: a file lock alone lets threads share it."""
        with self._threads, self._processes:
            yield

    def _find(self, name: str) -> Shelf | None:
        assert self._folder is not None
        known = self._shelves.get(name)
        if known is not None and not known.removed:
            return known
        path = self._folder / f"{name}{_SUFFIX}"
        self._shelves.pop(name, None)
        if not path.exists():
            return None
        try:
            shelf = Shelf(path)
        except (OSError, ValueError):
            self.damaged_shelves += 1
            path.unlink(missing_ok=True)
            return None
        if shelf.removed:
            # By a process that was killed before the file was gone.
            path.unlink(missing_ok=True)
            return None
        shelf.recount()
        self._shelves[name] = shelf
        return shelf

    def _all(self) -> list[Shelf]:
        assert self._folder is not None
        found = [self._find(path.name.removesuffix(_SUFFIX)) for path in sorted(self._folder.glob(f"*{_SUFFIX}"))]
        return [shelf for shelf in found if shelf is not None]

    def _rank(self, shelf: Shelf) -> None:
        shelf.priority = float(self._state["age"][0]) + shelf.uses * shelf.seconds / shelf.record_bytes

    def _make_room(self, shelf: Shelf) -> bool:
        """Whether there is room for one more record of a shelf; removes less useful shelves for it."""
        if shelf.removed:
            return False
        if self.bytes + shelf.record_bytes > self.max_bytes:
            self._shrink(self.max_bytes - shelf.record_bytes, shelf.path)
        return self.bytes + shelf.record_bytes <= self.max_bytes

    def _shrink(self, max_bytes: int, asking: Path | None = None) -> None:
        """Removes the least useful shelf until the rest is within a limit, or until that is the one which asks."""
        while True:
            # Counted anew: killed processes, damaged records and shelves that were given up leave a wrong sum.
            shelves = self._all()
            self._state["bytes"][0] = sum(shelf.bytes for shelf in shelves)
            # Removing one that holds nothing makes no room.
            full = [shelf for shelf in shelves if shelf.bytes or shelf.path == asking]
            if self.bytes <= max_bytes or not full:
                return
            least = min(full, key=lambda shelf: shelf.priority)
            if least.path == asking:
                return
            self._state["age"][0] = max(float(self._state["age"][0]), least.priority)
            least.remove()


def _map_state(path: Path) -> Any:
    """The bytes kept and the age L, mapped so that all processes share them."""
    form = np.dtype([("bytes", "<i8"), ("age", "<f8")])
    with path.open("a+b") as file:
        if file.seek(0, 2) != form.itemsize:
            file.truncate(0)
            file.write(bytes(form.itemsize))
            file.flush()
        return np.frombuffer(mmap.mmap(file.fileno(), form.itemsize), form, count=1)

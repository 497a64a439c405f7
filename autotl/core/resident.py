"""Records kept in the memory of a device, so that nothing need be read or sent to it again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor

from autotl.core.devices import send


class Resident:
    """Numbered records of one size on a device. Some may be missing; all are where their memory could not be had.

    Threads may share it: a record counts as there once it is written.
    """

    def __init__(self, rows: Tensor | None, count: int):
        """Args: `rows` are (count, record_bytes) uint8 on the device, or None to keep nothing."""
        self._rows = rows
        self._held = [False] * count

    def holds(self, number: int) -> bool:
        """Whether a record is there."""
        return self._rows is not None and self._held[number]

    def read(self, numbers: Sequence[int]) -> Tensor | None:
        """(N, record_bytes) uint8 on the device; None where one is missing."""
        rows = self._rows
        if rows is None or not all(self._held[number] for number in numbers):
            return None
        where = torch.tensor(numbers, pin_memory=rows.is_cuda)
        return rows[send(where, rows.device)]

    def keep(self, numbers: Sequence[int], records: Tensor) -> None:
        """Keeps (N, record_bytes) uint8 records of any device."""
        rows = self._rows
        if rows is not None and len(numbers):
            rows[torch.tensor(numbers, device=rows.device)] = records.to(rows.device)
            for number in numbers:
                self._held[number] = True

    def release(self) -> None:
        """Gives the memory back; nothing is there then."""
        self._rows = None

    @property
    def shape(self) -> tuple[int, ...]:
        """(count, record_bytes) of what is kept; empty where nothing is."""
        return tuple(self._rows.shape) if self._rows is not None else ()

    @property
    def bytes(self) -> int:
        """What the records take, whether there or not."""
        return self._rows.numel() if self._rows is not None else 0


class DeviceMemory:
    """The memory of a device that records may take; who was opened least recently gives way."""

    def __init__(self, device: torch.device, max_bytes: int):
        self._device, self._max_bytes = device, max_bytes
        self._kept: OrderedDict[str, Resident] = OrderedDict()

    def open(self, name: str, record_bytes: int, count: int) -> Resident:
        """The records of a name, which must stand for all that decides them."""
        known = self._kept.pop(name, None)
        if known is not None and known.shape == (count, record_bytes):
            self._kept[name] = known
            return known
        if known is not None:
            known.release()
        if record_bytes * count > self._max_bytes:
            return Resident(None, count)
        while self.bytes + record_bytes * count > self._max_bytes:
            self._kept.popitem(last=False)[1].release()
        try:
            rows = torch.empty(count, record_bytes, dtype=torch.uint8, device=self._device)
        except torch.OutOfMemoryError:
            return Resident(None, count)
        self._kept[name] = Resident(rows, count)
        return self._kept[name]

    @property
    def bytes(self) -> int:
        """What all records together take."""
        return sum(one.bytes for one in self._kept.values())

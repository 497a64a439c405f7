"""Activations at the cut, kept in the study's cache: one record an image and view."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from autotl.core.cache import Cache
from autotl.core.resident import DeviceMemory, Resident
from autotl.core.shelf import Shelf
from autotl.data.pool import Places
from autotl.data.transforms import VIEWS
from autotl.models.detector import Activations
from autotl.training.layout import Layout

_IMAGES_BEFORE_JUDGING = 32
"""Images that must have been read, and computed, before their times are compared."""

_EXACT_SHARE = 0.1
"""Of the cache: activations of one trunk that take no more are stored exactly. Training is chaotic: rounding them moves a
short run's mAP by up to 0.04 either way."""


@dataclass(slots=True)
class Mean:
    """Seconds an image, over the images seen so far."""

    seconds: float = 0.0
    images: int = 0

    def add(self, seconds: float, images: int) -> None:
        """Takes in a batch."""
        self.seconds += seconds
        self.images += images

    @property
    def each(self) -> float:
        """Seconds of one image; 0 before there was any."""
        return self.seconds / self.images if self.images else 0.0

    @property
    def settled(self) -> bool:
        """Whether enough images were seen to go by the mean."""
        return self.images >= _IMAGES_BEFORE_JUDGING


class FeatureStore:
    """The activations of one trunk over some images, for every view of these.

    What one store keeps, others of the same name read; each knows an image by its own index.

    What is read has been through the stored precision, and so has what was computed a moment ago: a run's numbers do
    not depend on what the cache holds.

    Attributes:
        reading: What reading took in this process.
        computing: What computing took in this process.
    """

    def __init__(
        self, cache: Cache, memory: DeviceMemory, name: str, places: Places, images: int, views: int,
        dtype: torch.dtype | None,
    ):  # fmt: skip
        """Opens the shelf of a name, where there is one.

        Args:
            cache: where the shelf is.
            memory: of the device, for these images alone.
            name: stands for all that decides the activations, and for the pool.
            places: of the images in the pool.
            images: how many a trial on the whole's images has.
            views: how many of each image will be asked for.
            dtype: what wide floats are stored as; by default as they are where that takes but a small share of the cache
                for so many images, else as float16.
        """
        self._cache, self._memory, self._name = cache, memory, f"features-{name}"
        self._places, self._images, self._dtype = places, images, dtype
        self._shelf: Shelf | None = None
        self._layout: Layout | None
        self.reading, self.computing = Mean(), Mean()
        self.reopen(views)

    def reopen(self, views: int) -> None:
        """Counts a use of the first so many views, and looks for their shelf anew where it made room for others."""
        self._views, self._layout, self._resident = views, None, Resident(None, 0)
        self._use(self._cache.open(self._name))

    @property
    def pays(self) -> bool:
        """Whether reading is cheaper than computing, as measured on this machine; until enough is measured, yes."""
        return not (self.reading.settled and self.computing.settled) or self.reading.each < self.computing.each

    @property
    def seconds_to_compute(self) -> float:
        """What computing one image takes: measured here, else in the process that measured it last; 0 if nowhere."""
        return self.computing.each or (self._shelf.seconds if self._shelf is not None else 0.0)

    @property
    def relative_error(self) -> float:
        """Bound of the rounding of stored values, relative to each (half a unit in the last place); 0 where exact."""
        if self._layout is None:
            return 0.0
        rounded = [part.stored for part in self._layout.parts if part.stored != part.computed]
        return max((torch.finfo(dtype).eps / 2 for dtype in rounded), default=0.0)

    def missing(self, indices: Tensor, views: Tensor) -> list[int]:
        """Positions of the batch whose activations will be computed, as far as can be seen without reading any."""
        shelf = self._shelf if self.pays else None
        if all(map(self._resident.holds, self._slots(indices, views))):
            return []
        numbers = self._numbers(indices, views)
        return [at for at, number in enumerate(numbers) if shelf is None or not shelf.holds(number)]

    def resident(self, indices: Tensor, views: Tensor) -> Tensor | None:
        """(B, record_bytes) uint8 on the device, where it has all of them in its memory."""
        return self._resident.read(self._slots(indices, views))

    def keep_resident(self, indices: Tensor, views: Tensor, records: Tensor) -> None:
        """Keeps (B, record_bytes) uint8 records in the device's memory, where it has room."""
        if self._layout is not None:
            self._resident.keep(self._slots(indices, views), records)

    def read(self, indices: Tensor, views: Tensor, records: Tensor) -> list[int]:
        """Reads into (B, record_bytes) uint8 on the CPU; gives the positions that are missing."""
        shelf, rows = self._shelf, records.numpy()
        if shelf is None:
            return list(range(len(indices)))
        return [at for at, number in enumerate(self._numbers(indices, views)) if not shelf.read(number, rows[at])]

    def empty_records(self, count: int, *, pinned: bool) -> Tensor | None:
        """(count, record_bytes) uint8 on the CPU to read into; None before the layout is known."""
        if self._layout is None:
            return None
        return torch.empty(count, self._layout.record_bytes, dtype=torch.uint8, pin_memory=pinned)

    def encode(self, activations: Activations) -> Tensor:
        """Activations as records (B, record_bytes) uint8, on their device.

        Where values are too large for the stored precision, the shelf is given up for one of full precision.
        """
        if self._layout is None:
            self._lay_out(activations, self._stored_dtype(activations))
        assert self._layout is not None
        if not self._layout.fits(activations):
            if self._shelf is not None:
                self._cache.give_up(self._shelf)
            self._lay_out(activations, torch.float32)
        return self._layout.encode(activations)

    def decode(self, records: Tensor) -> Activations:
        """Records (B, record_bytes) uint8 -> activations."""
        assert self._layout is not None
        return self._layout.decode(records)

    def keep(self, indices: Tensor, views: Tensor, records: Tensor) -> None:
        """Keeps (N, record_bytes) uint8 records, as far as there is room."""
        if self._shelf is not None and not self._shelf.removed:
            numbers = self._numbers(indices, views)
            self._cache.keep(self._shelf, numbers, records.cpu().numpy(), self.computing.each)

    def _stored_dtype(self, activations: Activations) -> torch.dtype:
        room = self._cache.max_bytes
        if not room:
            # Nothing will be stored.
            return torch.float32
        exact = Layout.of(activations, torch.float32).record_bytes * self._images * self._views
        return self._dtype or (torch.float32 if exact <= _EXACT_SHARE * room else torch.float16)

    def _lay_out(self, activations: Activations, dtype: torch.dtype) -> None:
        layout = Layout.of(activations, dtype)
        self._take(layout)
        # The file takes room only for what is kept: views that no strategy has asked for yet may come.
        records = self._places.size * VIEWS
        self._use(self._cache.create(self._name, layout.record_bytes, records, {"layout": layout.to_json()}))

    def _use(self, shelf: Shelf | None) -> None:
        self._shelf = shelf
        if shelf is not None:
            self._take(Layout.from_json(shelf.meta["layout"]))

    def _take(self, layout: Layout) -> None:
        self._layout = layout
        name, count = f"{self._name}-{self._places.name}", len(self._places.rows) * self._views
        self._resident = self._memory.open(name, layout.record_bytes, count)

    def _numbers(self, indices: Tensor, views: Tensor) -> list[int]:
        """Of the records on the shelf."""
        numbers: list[int] = (views * self._places.size + self._places.rows[indices]).tolist()
        return numbers

    def _slots(self, indices: Tensor, views: Tensor) -> list[int]:
        """Of the records in the device's memory."""
        slots: list[int] = (views * len(self._places.rows) + indices).tolist()
        return slots

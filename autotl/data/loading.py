"""Batches of letterboxed images, or tiles of them. Images are decoded once and kept in the study's cache."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from autotl.core.cache import Cache
from autotl.core.resident import DeviceMemory
from autotl.core.shelf import Shelf
from autotl.core.structures import ONE_OF_A_KIND, Batch, Canvas, Target
from autotl.data.dataset import Sample
from autotl.data.images import read_image
from autotl.data.mosaic import mosaic_image, mosaic_target, partners
from autotl.data.pool import Places
from autotl.data.tiling import beside
from autotl.data.transforms import (
    AugmentLevel,
    canvas_target,
    letterbox,
    number_of_views,
    strong_image,
    strong_target,
    view_image,
    view_target,
)


class CanvasStore:
    """The letterboxed images of some samples: decoded on first use, then read from the cache as far as it has room.

    What one store has decoded, others of the same pool and canvas read.

    Safe to use from several threads and processes: two that miss the same image both decode it, to the same result.

    Attributes:
        places: Of the images in their pool.
    """

    def __init__(self, samples: Sequence[Sample], canvas: Canvas, cache: Cache, memory: DeviceMemory, places: Places):
        self.samples = tuple(samples)
        self.canvas, self.places = canvas, places
        self._bytes = 3 * canvas.height * canvas.width
        self.targets = tuple(canvas_target(sample, canvas) for sample in self.samples)
        self._cache, self._memory = cache, memory
        self.reopen()

    def __len__(self) -> int:
        return len(self.samples)

    def reopen(self) -> None:
        """Counts a use of the images, and looks for their shelf anew where it had to make room for others."""
        kind = f"canvases-{self.canvas.width}x{self.canvas.height}"
        name = f"{kind}-{self.places.pool}"
        self._shelf = self._cache.open(name) or self._cache.create(
            name, self._bytes, self.places.size, {"canvas": self.canvas}
        )
        self._resident = self._memory.open(f"{kind}-{self.places.name}", self._bytes, len(self.samples))

    def image(self, index: int) -> Tensor:
        """(3, H, W) uint8, not to be changed; on the device where that has room for all of them."""
        rows = self._resident.read([index])
        if rows is None:
            boxed = self._decoded(index).view(1, -1)
            self._resident.keep([index], boxed)
            # From the device the first time too: images on different devices make no batch.
            kept = self._resident.read([index])
            rows = boxed if kept is None else kept
        return rows.view(3, *self.canvas)

    def _decoded(self, index: int) -> Tensor:
        pixels, row = np.empty(self._bytes, np.uint8), int(self.places.rows[index])
        if self._shelf is not None and self._shelf.read(row, pixels):
            return torch.from_numpy(pixels).view(3, *self.canvas)
        started = time.perf_counter()
        boxed = letterbox(read_image(self.samples[index]), self.canvas)
        if self._shelf is not None:
            self._keep(self._shelf, row, boxed, time.perf_counter() - started)
            # Once decoded, an image gives all of its tiles, as far as there is room.
            for done, other in enumerate(beside(self.samples, index), start=2):
                beside_it = int(self.places.rows[other])
                if self._shelf.holds(row) and not self._shelf.holds(beside_it):
                    tile = letterbox(read_image(self.samples[other]), self.canvas)
                    self._keep(self._shelf, beside_it, tile, (time.perf_counter() - started) / done)
        return boxed

    def _keep(self, shelf: Shelf, row: int, boxed: Tensor, seconds: float) -> None:
        self._cache.keep(shelf, [row], boxed.numpy().reshape(1, -1), seconds)


def _all_of_them(indices: Tensor, _views: Tensor) -> list[int]:
    return list(range(len(indices)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Batches:
    """Iterates over the batches of a split, one pass each time `epoch` is called."""

    store: CanvasStore
    batch_size: int
    wanted: Callable[[Tensor, Tensor], list[int]] = _all_of_them
    """(indices, views) -> the positions whose pixels will be asked for, so that they are decoded in threads."""
    batches_together: int = 1
    """How many batches are decoded at once, the first of which knows of the others."""
    groups_ahead: int = 1
    """How many such groups to decode before they are asked for. 0 where training takes all cores: its threads would wait
    for each other whenever decoding holds one up."""

    def in_order(self) -> Iterator[Batch]:
        """Every image once, as it is, in the split's order: for evaluation."""
        whole = torch.arange(len(self.store))
        return self._load(whole, torch.zeros_like(whole), None)

    def epoch(self, epoch: int, *, level: AugmentLevel, seed: int) -> Iterator[Batch]:
        """Every image once, shuffled and varied. Depends on (seed, epoch) alone, not on what ran before.

        Of a level with K views each image takes its turns: every view once in K epochs, beginning anywhere, but in every
        split with the same.
        """
        order = torch.randperm(len(self.store), generator=_generator(seed, epoch))
        views = number_of_views(level)
        if not views:
            seeds = torch.randint(2**62, (len(order),), generator=_generator(seed, -epoch))
            return self._load(order, torch.full_like(order, ONE_OF_A_KIND), seeds, mosaics=level == "mosaic")
        places = self.store.places
        first = torch.randint(views, (places.size,), generator=_generator(seed, 0))[places.rows]
        return self._load(order, (first[order] + epoch - 1) % views, None)

    def _load(self, order: Tensor, views: Tensor, seeds: Tensor | None, *, mosaics: bool = False) -> Iterator[Batch]:
        """Decodes in threads, and does nothing else there.

        A thread that runs torch's parallel operators brings worker threads of its own, which take the cores from the
        training step.
        """
        size = self.batch_size * self.batches_together
        groups = [slice(start, min(start + size, len(order))) for start in range(0, len(order), size)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:

            def decode(group: slice) -> dict[int, Future[Tensor]]:
                wanted = [group.start + position for position in self.wanted(order[group], views[group])]
                return {at: pool.submit(self.store.image, int(order[at])) for at in wanted}

            coming, decoding = iter(groups), deque[dict[int, Future[Tensor]]]()
            for group in groups:
                decoding.extend(map(decode, islice(coming, self.groups_ahead + 1 - len(decoding))))
                pixels = _Pixels(self.store, order, views, seeds, decoding.popleft(), mosaics)
                for start in range(group.start, group.stop, self.batch_size):
                    end = min(start + self.batch_size, group.stop)
                    yield replace(pixels.batch(start, end), following=partial(pixels.batch, end, group.stop))


@dataclass(frozen=True, slots=True)
class _Pixels:
    """The images of one pass, in its order, some of which are being decoded."""

    store: CanvasStore
    order: Tensor
    views: Tensor
    seeds: Tensor | None
    decoded: dict[int, Future[Tensor]]
    mosaics: bool

    def batch(self, start: int, end: int) -> Batch:
        """Those from one place in the pass's order to another."""
        return Batch(
            targets=tuple(self._target(at) for at in range(start, end)),
            indices=self.order[start:end],
            views=self.views[start:end],
            load=lambda positions: torch.stack([self._image(start + position) for position in positions]),
        )

    def _target(self, at: int) -> Target:
        index, canvas = int(self.order[at]), self.store.canvas
        if self.seeds is not None:
            seed, others = int(self.seeds[at]), self._partners(at)
            if others:
                return mosaic_target([self.store.targets[one] for one in (index, *others)], canvas, seed)
            return strong_target(self.store.targets[index], canvas, seed)
        return view_target(self.store.targets[index], canvas, self._row(index), int(self.views[at]))

    def _image(self, at: int) -> Tensor:
        index = int(self.order[at])
        pixels = self.decoded[at].result() if at in self.decoded else self.store.image(index)
        if self.seeds is not None:
            seed, others = int(self.seeds[at]), self._partners(at)
            if others:
                return mosaic_image([pixels, *map(self.store.image, others)], seed)
            return strong_image(pixels, seed)
        return view_image(pixels, self._row(index), int(self.views[at]))

    def _partners(self, at: int) -> list[int]:
        return partners(int(self.seeds[at]), len(self.store)) if self.mosaics and self.seeds is not None else []

    def _row(self, index: int) -> int:
        """What decides how an image's views vary: its place in the pool, so that they are the same in every split."""
        return int(self.store.places.rows[index])


def _generator(seed: int, epoch: int) -> torch.Generator:
    return torch.Generator().manual_seed((seed * 1_000_003 + epoch) % 2**63)

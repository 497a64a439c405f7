"""Batches of letterboxed images. Images are decoded once and kept, as far as memory allows."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from autotl.core.structures import Batch, Target
from autotl.data.dataset import Sample
from autotl.data.images import read_image
from autotl.data.transforms import augment_strongly, canvas_target, flip_target, letterbox

AugmentLevel = Literal["none", "flip", "strong"]


class CanvasStore:
    """The letterboxed images of some samples: decoded on first use, kept in memory up to a limit.

    Safe to read from several threads: two that miss the same image both decode it, to the same result.
    """

    def __init__(self, samples: Sequence[Sample], canvas: int, max_bytes: int):
        self.samples = tuple(samples)
        self.canvas = canvas
        kept = min(len(self.samples), max_bytes // (3 * canvas * canvas))
        self._kept = torch.empty(kept, 3, canvas, canvas, dtype=torch.uint8)
        self._filled = [False] * kept
        self.targets = tuple(canvas_target(sample, canvas) for sample in self.samples)

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def bytes(self) -> int:
        """Memory that the kept images take once all are read."""
        return self._kept.numel()

    def image(self, index: int) -> Tensor:
        """(3, canvas, canvas) uint8; not to be changed."""
        if index < len(self._filled) and self._filled[index]:
            return self._kept[index]
        boxed = letterbox(read_image(self.samples[index]), self.canvas)
        if index < len(self._filled):
            self._kept[index] = boxed
            self._filled[index] = True
        return boxed


@dataclass(frozen=True, slots=True, kw_only=True)
class Batches:
    """Iterates over the batches of a split, one pass each time `epoch` is called."""

    store: CanvasStore
    batch_size: int

    def in_order(self) -> Iterator[Batch]:
        """Every image once, as it is, in the split's order: for evaluation."""
        whole = torch.arange(len(self.store))
        return self._load(whole, torch.zeros(len(whole), dtype=torch.bool), None)

    def epoch(self, epoch: int, *, level: AugmentLevel, seed: int) -> Iterator[Batch]:
        """Every image once, shuffled and varied. Depends on (seed, epoch) alone, not on what ran before."""
        generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
        order = torch.randperm(len(self.store), generator=generator)
        flipped = torch.rand(len(order), generator=generator) < 0.5
        if level == "strong":
            seeds = torch.randint(2**62, (len(order),), generator=generator)
            return self._load(order, torch.zeros_like(flipped), seeds)
        return self._load(order, flipped if level == "flip" else torch.zeros_like(flipped), None)

    def _load(self, order: Tensor, flipped: Tensor, seeds: Tensor | None) -> Iterator[Batch]:
        """Decodes in threads, one batch ahead of the training step.

        Only decoding: a thread that runs torch's parallel operators brings worker threads of its own, which take the
        cores from the training step.
        """
        parts = [slice(start, start + self.batch_size) for start in range(0, len(order), self.batch_size)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:

            def decode(part: slice) -> list[Future[Tensor]]:
                return [pool.submit(self.store.image, index) for index in order[part].tolist()]

            ahead = decode(parts[0]) if parts else []
            for number, part in enumerate(parts):
                decoded = [job.result() for job in ahead]
                ahead = decode(parts[number + 1]) if number + 1 < len(parts) else []
                strong = [None] * len(decoded) if seeds is None else seeds[part].tolist()
                jobs = zip(decoded, order[part].tolist(), flipped[part].tolist(), strong, strict=True)
                varied = [self._vary(*job) for job in jobs]
                yield Batch(
                    images=torch.stack([image for image, _ in varied]),
                    targets=tuple(target for _, target in varied),
                    indices=order[part],
                    flipped=flipped[part],
                )

    def _vary(self, image: Tensor, index: int, flip: bool, strong_seed: int | None) -> tuple[Tensor, Target]:
        target = self.store.targets[index]
        if strong_seed is not None:
            return augment_strongly(image, target, strong_seed)
        if flip:
            return image.flip(-1), flip_target(target, self.store.canvas)
        return image, target

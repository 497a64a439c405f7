"""Batches of drawn images, with and without a cache."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import numpy as np
import torch
from PIL import Image

from autotl.core.cache import Cache
from autotl.core.resident import DeviceMemory
from autotl.core.structures import Batch, Canvas
from autotl.data.dataset import Sample
from autotl.data.loading import Batches, CanvasStore
from autotl.data.pool import Places
from autotl.data.transforms import AugmentLevel
from tests.shapes import SIDE, draw_image

CANVAS = Canvas(height=64, width=96)
CANVAS_BYTES = 3 * 64 * 96
IMAGES = 7
SHAPES = Places.of_all("shapes", IMAGES)
LEVELS: tuple[AugmentLevel, ...] = ("none", "flip", "light", "strong", "mosaic")


def draw_samples(decoded: list[int] | None = None) -> list[Sample]:
    """Seven drawn images, each with an ignored region; the seeds of those that are decoded go into a list."""

    def decode(seed: int) -> Image.Image:
        if decoded is not None:
            decoded.append(seed)
        return Image.fromarray(draw_image(seed)[0])

    return [
        Sample(
            name=f"{seed}.png",
            width=SIDE,
            height=SIDE,
            boxes_xyxy=np.array([box for _, box in draw_image(seed)[1]], dtype=np.float32).reshape(-1, 4),
            labels=np.array([label for label, _ in draw_image(seed)[1]], dtype=np.int64),
            ignored_xyxy=np.array([[0, 0, 10 + seed, 10]], dtype=np.float32),
            source=partial(decode, seed),
        )
        for seed in range(1, IMAGES + 1)
    ]


def device_memory(max_bytes: int = 0) -> DeviceMemory:
    """The CPU's."""
    return DeviceMemory(torch.device("cpu"), max_bytes)


def store_of(
    cache: Cache | None = None, decoded: list[int] | None = None, memory: DeviceMemory | None = None,
    places: Places = SHAPES,
) -> CanvasStore:  # fmt: skip
    """By default all images, of which nothing is kept, neither in a cache nor in the memory of a device."""
    every = draw_samples(decoded)
    samples = [every[row] for row in places.rows.tolist()]
    return CanvasStore(samples, CANVAS, cache or Cache(None, 0), memory or device_memory(), places)


def batches_of(cache: Cache | None = None, decoded: list[int] | None = None) -> Batches:
    """Three images a batch, and one in the last."""
    return Batches(store=store_of(cache, decoded), batch_size=3)


def same_batches(one: Iterable[Batch], other: Iterable[Batch]) -> bool:
    """Whether images, targets, indices and views are the same."""
    pairs = list(zip(one, other, strict=True))
    return all(
        torch.equal(a.images, b.images)
        and torch.equal(a.indices, b.indices)
        and torch.equal(a.views, b.views)
        and all(
            torch.equal(s.boxes_xyxy, t.boxes_xyxy)
            and torch.equal(s.labels, t.labels)
            and torch.equal(s.ignored_xyxy, t.ignored_xyxy)
            for s, t in zip(a.targets, b.targets, strict=True)
        )
        for a, b in pairs
    )

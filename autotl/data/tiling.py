"""Images cut into tiles, each of which is an image of its own for all that decodes, caches and trains."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from threading import Lock
from typing import Final

import numpy as np
from PIL import Image

from autotl.core.tiles import Window, tile_windows
from autotl.data.dataset import Boxes, Sample
from autotl.data.images import Pixels, read_image

KEPT_SHARE: Final = 0.5
"""Of a box's area, what must be inside a tile to count as an object there."""

RECENT_BYTES: Final = 2**29
"""What the decoded images of some samples may take together while their tiles are asked for: Pillow opens no file that is
larger."""


def cut_samples(samples: Sequence[Sample], tiles: int) -> tuple[Sample, ...]:
    """The tiles of each image after one another, in the order of `tile_windows`; the samples themselves where `tiles` is 1.

    A box that a tile's edge cuts is an object there where at least half of it is inside, and elsewhere a region to
    ignore, so that neither finding nor missing the rest of it is a mistake.

    Args:
        samples: whole images.
        tiles: along an image's longer side.
    """
    if tiles == 1:
        return tuple(samples)
    recent = _Recent()
    return tuple(
        _cut_sample(sample, number, windows, recent)
        for sample in samples
        for windows in [tile_windows(sample.width, sample.height, tiles)]
        for number in range(len(windows))
    )


def cut_pixels(image: Pixels, tiles: int) -> list[Pixels]:
    """(H, W, 3) uint8 -> its tiles, in the order of `tile_windows`; the whole image where `tiles` is 1."""
    height, width = image.shape[:2]
    return [image[top:bottom, left:right] for left, top, right, bottom in tile_windows(width, height, tiles)]


def beside(samples: Sequence[Sample], index: int) -> list[int]:
    """Indices of the other tiles of a tile's image, whose pixels are at hand with its own; none of a whole image."""
    source = samples[index].source
    if not isinstance(source, _Cut):
        return []
    first = index - source.number
    return [first + number for number in range(source.count) if number != source.number]


class _Recent:
    """The images that were decoded last, each once: their tiles are asked for together, by several threads."""

    def __init__(self) -> None:
        self._turn = Lock()
        self._decoded: OrderedDict[Sample, Future[Pixels]] = OrderedDict()
        # An image has two tiles at least, and one more image may be begun.
        self._most = (os.cpu_count() or 1) // 2 + 1

    def pixels(self, sample: Sample) -> Pixels:
        """(H, W, 3) uint8 of a whole image, not to be changed."""
        with self._turn:
            known = self._decoded.pop(sample, None)
            decoded = Future[Pixels]() if known is None else known
            self._decoded[sample] = decoded
        if known is None:
            try:
                decoded.set_result(read_image(sample))
            except BaseException as error:
                decoded.set_exception(error)
            self._forget()
        return decoded.result()

    def _forget(self) -> None:
        """Those asked for longest ago, until the others have room; of a larger image than that there is only what is in use."""
        with self._turn:
            while len(self._decoded) > self._most or sum(map(_bytes, self._decoded)) > RECENT_BYTES:
                self._decoded.popitem(last=False)


def _bytes(sample: Sample) -> int:
    """Of its pixels."""
    return 3 * sample.width * sample.height


@dataclass(frozen=True, slots=True)
class _Cut:
    """Gives a tile's pixels."""

    whole: Sample
    window: Window
    number: int
    """Which of its image's tiles it is, counted from 0."""
    count: int
    """How many there are."""
    recent: _Recent

    def __call__(self) -> Image.Image:
        left, top, right, bottom = self.window
        return Image.fromarray(self.recent.pixels(self.whole)[top:bottom, left:right])


def _cut_sample(sample: Sample, number: int, windows: Sequence[Window], recent: _Recent) -> Sample:
    window = windows[number]
    width, height = window.size
    boxes = _clip(sample.boxes_xyxy, window)
    kept = _areas(boxes) >= KEPT_SHARE * _areas(sample.boxes_xyxy)
    ignored = np.concatenate((_clip(sample.ignored_xyxy, window), boxes[~kept]))
    return replace(
        sample,
        name=f"{sample.name}, tile {number + 1} of {len(windows)}",
        width=width,
        height=height,
        boxes_xyxy=boxes[kept],
        labels=sample.labels[kept],
        ignored_xyxy=ignored[_areas(ignored) > 0],
        source=_Cut(sample, window, number, len(windows), recent),
        exif_rotated=False,
    )


def _clip(boxes_xyxy: Boxes, window: Window) -> Boxes:
    """(N, 4) in pixels of the image -> in pixels of the tile, cut to it."""
    boxes = boxes_xyxy.reshape(-1, 4) - np.array([window.left, window.top] * 2, np.float32)
    return np.clip(boxes, 0, np.array(window.size * 2, np.float32))


def _areas(boxes_xyxy: Boxes) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """(N, 4) -> (N,) in square pixels."""
    sides = boxes_xyxy.reshape(-1, 4)[:, 2:] - boxes_xyxy.reshape(-1, 4)[:, :2]
    return sides[:, 0] * sides[:, 1]

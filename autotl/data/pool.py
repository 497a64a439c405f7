"""All images that are shown on one canvas, in one order: it numbers what a cache keeps of them, or of their tiles."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor

from autotl.core.tiles import tile_windows
from autotl.data.dataset import DetectionDataset, Sample


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Places:
    """Where some images are in a pool.

    Shapes: rows (N,) int64, the places of the N images, counted from 0.
    """

    pool: str
    """Stands for the pool's images, and their order, in a cache."""
    size: int
    """How many images the pool has."""
    rows: Tensor

    @staticmethod
    def of_all(pool: str, size: int) -> Places:
        """The places of all images of a pool, in its order."""
        return Places(pool=pool, size=size, rows=torch.arange(size))

    @property
    def name(self) -> str:
        """Stands for the images at these places, and their order."""
        return f"{self.pool}-{hashlib.sha256(self.rows.numpy().tobytes()).hexdigest()[:12]}"


class Pool:
    """The training and validation images of a dataset, of which others may show a part, in other splits.

    Where images are cut, it is one of their tiles, and an image's place is those of its tiles.

    Attributes:
        sizes: (width, height) of the images in pixels, each size once.
        images: How many images each of the dataset's own splits has.
    """

    def __init__(self, dataset: DetectionDataset, tiles: int = 1):
        train, val = dataset.samples("train"), dataset.samples("val")
        windows = {sample: tile_windows(sample.width, sample.height, tiles) for sample in (*train, *val)}
        self.sizes = frozenset(window.size for those in windows.values() for window in those)
        ends = accumulate(map(len, windows.values()))
        self._rows = {
            sample: range(end - len(those), end) for (sample, those), end in zip(windows.items(), ends, strict=True)
        }
        self._size = sum(map(len, windows.values()))
        self.images = {"train": self._count(train), "val": self._count(val)}
        self._name = f"pool-{dataset.fingerprint()}" + (f"-tiles{tiles}" if tiles > 1 else "")
        self._dataset, self._cut = dataset, {tiles: self}

    def cut(self, tiles: int) -> Pool:
        """The same images, cut into so many tiles along their longer side; itself where it is cut so."""
        if tiles not in self._cut:
            self._cut[tiles] = Pool(self._dataset, tiles)
        return self._cut[tiles]

    def places(self, samples: Sequence[Sample]) -> Places:
        """Where samples of the dataset, or their tiles in order, are.

        Raises:
            ValueError: for a sample that is none of the dataset's own.
        """
        strangers = [sample.name for sample in samples if sample not in self._rows]
        if strangers:
            raise ValueError(f"a part has images of the whole alone but got {', '.join(strangers)}")
        rows = torch.tensor([row for sample in samples for row in self._rows[sample]], dtype=torch.int64)
        return Places(pool=self._name, size=self._size, rows=rows)

    def _count(self, samples: Sequence[Sample]) -> int:
        return sum(len(self._rows[sample]) for sample in samples)

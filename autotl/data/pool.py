"""All images that are shown on one canvas, in one order: it numbers what a cache keeps of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

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

    Attributes:
        sizes: (width, height) of the images in pixels, each size once.
        images: How many images each of the dataset's own splits has.
    """

    def __init__(self, dataset: DetectionDataset):
        train, val = dataset.samples("train"), dataset.samples("val")
        every = (*train, *val)
        self.sizes = frozenset((sample.width, sample.height) for sample in every)
        self.images = {"train": len(train), "val": len(val)}
        self._name, self._size = f"pool-{dataset.fingerprint()}", len(every)
        self._rows = {sample: row for row, sample in enumerate(every)}

    def places(self, samples: Sequence[Sample]) -> Places:
        """Where samples of the dataset are.

        Raises:
            ValueError: for a sample that is none of the dataset's own.
        """
        strangers = [sample.name for sample in samples if sample not in self._rows]
        if strangers:
            raise ValueError(f"a part has images of the whole alone but got {', '.join(strangers)}")
        rows = torch.tensor([self._rows[sample] for sample in samples], dtype=torch.int64)
        return Places(pool=self._name, size=self._size, rows=rows)

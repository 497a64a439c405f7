"""Activations at the cut for a batch: read where they are known, computed where not."""

from __future__ import annotations

import torch
from torch import Tensor

from autotl.core.structures import Batch, Detections
from autotl.models.detector import Detector
from autotl.training.feature_cache import Activations, FeatureCache, FeatureStore
from autotl.training.precision import Precision


class Trunk:
    """The frozen part of a detector as a function of batches.

    With a store, each image and view passes the trunk once; a batch's missing images are computed together. Only for
    batches whose images are the store's canvases, mirrored or not.
    """

    def __init__(
        self,
        detector: Detector,
        precision: Precision,
        cache: FeatureCache | None = None,
        store: FeatureStore | None = None,
    ):
        self._detector = detector
        self.precision = precision
        self._cache, self._store = cache, store

    def __call__(self, batch: Batch) -> Activations:
        """The tensors (B, C, H, W) that cross the cut."""
        if self._cache is None or self._store is None:
            return self._compute(batch.images)
        keys = list(zip(batch.indices.tolist(), batch.flipped.tolist(), strict=True))
        known = [self._store.get(*key) for key in keys]
        missing = [position for position, found in enumerate(known) if found is None]
        if missing:
            computed = self._compute(batch.images[missing])
            for row, position in enumerate(missing):
                one = tuple(part[row] for part in computed)
                self._cache.fill(self._store, *keys[position], one)
                known[position] = one
        self._cache.images_computed += len(missing)
        self._cache.images_read += len(keys) - len(missing)
        rows = [found for found in known if found is not None]
        return tuple(_stack(parts) for parts in zip(*rows, strict=True))

    def _compute(self, images: Tensor) -> Activations:
        with self.precision.mixed():
            return self._detector.trunk(self.precision.to_input(images))


def _stack(rows: tuple[Tensor, ...]) -> Tensor:
    """Like torch.stack, but in the rows' memory format, as the trunk would have computed the batch."""
    first = rows[0]
    batch = first.new_empty_strided((len(rows), *first.shape), (first.numel(), *first.stride()))
    return torch.stack(rows, out=batch)


@torch.no_grad()
def detect(detector: Detector, trunk: Trunk, batch: Batch) -> list[Detections]:
    """What the detector, put into evaluation mode, finds in each image of a batch, in pixels of the canvas."""
    detector.eval()
    with trunk.precision.mixed():
        return detector.detect(trunk(batch))

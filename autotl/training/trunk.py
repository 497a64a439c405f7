"""Activations at the cut for a batch: read where that is known and cheaper, computed where not."""

from __future__ import annotations

import time
from dataclasses import astuple, dataclass

import torch
from torch import Tensor

from autotl.core.devices import send
from autotl.core.structures import Batch, Detections
from autotl.evaluation.latency import settled_time
from autotl.models.detector import Activations, Detector
from autotl.training.feature_cache import FeatureStore
from autotl.training.precision import Precision


@dataclass(frozen=True, slots=True)
class CacheUse:
    """How often frozen layers were passed by reading instead of computing, and what that took and saved."""

    images_read: int = 0
    images_computed: int = 0
    reading_seconds: float = 0.0
    computing_seconds: float = 0.0
    seconds_saved: float = 0.0
    """What computing would have taken where there was reading, less what reading took."""

    def __add__(self, other: CacheUse) -> CacheUse:
        return CacheUse(*(one + two for one, two in zip(astuple(self), astuple(other), strict=True)))

    def __sub__(self, other: CacheUse) -> CacheUse:
        return CacheUse(*(one - two for one, two in zip(astuple(self), astuple(other), strict=True)))


class Tally:
    """The sum of what all trunks of a process did."""

    def __init__(self) -> None:
        self.use = CacheUse()


class Trunk:
    """The frozen part of a detector as a function of batches.

    With a store, each image and view passes the trunk once as long as reading is cheaper; a batch's missing images are
    computed together. Only for batches of images whose views come back.
    """

    def __init__(
        self,
        detector: Detector,
        precision: Precision,
        store: FeatureStore | None = None,
        tally: Tally | None = None,
    ):
        self._detector = detector
        self.precision = precision
        self._store = store
        self._tally = tally or Tally()
        self._ahead: dict[tuple[int, int], Tensor] = {}
        """Records computed with those of an earlier batch, by index and view."""

    def wanted(self, indices: Tensor, views: Tensor) -> list[int]:
        """Positions of a batch whose pixels will be asked for, as far as can be foreseen."""
        if self._store is None:
            return list(range(len(indices)))
        return self._store.missing(indices, views)

    def __call__(self, batch: Batch) -> Activations:
        """The tensors (B, C, H, W) that cross the cut."""
        store = self._store
        if store is None:
            return self._compute(batch.images)
        records = store.resident(batch.indices, batch.views)
        if records is not None:
            saved = len(batch) * store.seconds_to_compute
            self._tally.use += CacheUse(images_read=len(batch), seconds_saved=saved)
        else:
            records = self._records(store, batch)
            store.keep_resident(batch.indices, batch.views, records)
        return store.decode(records)

    def _records(self, store: FeatureStore, batch: Batch) -> Tensor:
        """The batch's records (B, record_bytes) on the device, read as far as they are kept and that pays."""
        device, pays = self.precision.device, store.pays
        records = store.empty_records(len(batch), pinned=device.type == "cuda") if pays else None
        missing = list(range(len(batch))) if records is None else self._read(store, batch, records)
        if records is not None and not missing:
            return send(records, device)
        computed = self._computed(store, batch, missing)
        if pays:
            store.keep(batch.indices[missing], batch.views[missing], computed)
        if len(missing) == len(batch):
            return computed
        assert records is not None
        if records.shape[1] != computed.shape[1]:
            # The values read had to be given up for a precision that the new ones fit into.
            return store.encode(self._compute(batch.images))
        records[missing] = computed.cpu()
        return send(records, device)

    def _read(self, store: FeatureStore, batch: Batch, records: Tensor) -> list[int]:
        """Reads what is kept; gives the positions that are not."""
        started = time.perf_counter()
        missing = store.read(batch.indices, batch.views, records)
        images = len(batch) - len(missing)
        if images:
            seconds = time.perf_counter() - started
            store.reading.add(seconds, images)
            saved = images * store.seconds_to_compute - seconds
            self._tally.use += CacheUse(images_read=images, reading_seconds=seconds, seconds_saved=saved)
        return missing

    def _computed(self, store: FeatureStore, batch: Batch, missing: list[int]) -> Tensor:
        """The records of the images at some positions, computed now or with an earlier batch's."""
        keys = list(zip(batch.indices[missing].tolist(), batch.views[missing].tolist(), strict=True))
        if not all(key in self._ahead for key in keys):
            self._compute_with_following(store, batch, missing)
        return torch.stack([self._ahead.pop(key) for key in keys])

    def _compute_with_following(self, store: FeatureStore, batch: Batch, missing: list[int]) -> None:
        """Computes the images at some positions, and those that follow and will be missing too."""
        pixels, indices, views = [batch.load(missing)], batch.indices[missing], batch.views[missing]
        following = None if batch.following is None else batch.following()
        if following is not None and (more := store.missing(following.indices, following.views)):
            pixels.append(following.load(more))
            indices = torch.cat([indices, following.indices[more]])
            views = torch.cat([views, following.views[more]])
        records = self._compute_for(store, torch.cat(pixels))
        self._ahead = dict(zip(zip(indices.tolist(), views.tolist(), strict=True), records, strict=True))

    def _compute_for(self, store: FeatureStore, pixels: Tensor) -> Tensor:
        """The records of images, computed."""
        # Work on a GPU is timed until its mean is settled, as that makes it wait; from then on it takes the mean.
        timed = self.precision.device.type != "cuda" or not store.computing.settled
        started = settled_time(self.precision.device) if timed else 0.0
        records = store.encode(self._compute(pixels))
        if timed:
            store.computing.add(settled_time(self.precision.device) - started, len(pixels))
        seconds = len(pixels) * store.computing.each
        self._tally.use += CacheUse(images_computed=len(pixels), computing_seconds=seconds)
        return records

    def _compute(self, images: Tensor) -> Activations:
        with self.precision.mixed():
            return self._detector.trunk(self.precision.to_input(images))


@torch.no_grad()
def detect(detector: Detector, trunk: Trunk, batch: Batch) -> list[Detections]:
    """What the detector, put into evaluation mode, finds in each image of a batch, in pixels of the canvas."""
    if detector.training:
        detector.eval()
    with trunk.precision.mixed():
        return detector.detect(trunk(batch))

"""What all trials of a process share: decoded images, activations at the cut, and the truth to evaluate against."""

from __future__ import annotations

import hashlib
from typing import Literal

import torch
from torch import Tensor

from autotl.core.cache import Cache
from autotl.core.resident import DeviceMemory
from autotl.core.structures import Batch, Canvas, Target
from autotl.data.dataset import DetectionDataset
from autotl.data.loading import Batches, CanvasStore
from autotl.data.pool import Pool
from autotl.data.transforms import fit_canvas, number_of_views, original_target
from autotl.models.detector import Detector
from autotl.models.weights import trunk_fingerprint
from autotl.strategy.schema import Strategy
from autotl.training.adapt import adapt_statistics
from autotl.training.feature_cache import FeatureStore
from autotl.training.memory import available_bytes, keep_freed_memory
from autotl.training.precision import Precision
from autotl.training.trunk import CacheUse, Tally, Trunk

SearchSplit = Literal["train", "val"]
_SPLITS: tuple[SearchSplit, ...] = ("train", "val")

_AT_ONCE = 16
"""Images in one pass through frozen layers: a batch of 2 takes a CPU half as long again for each."""


def evaluation_batch_size(batch_size: int) -> int:
    """Images in a batch that is only looked at: without anything to keep for a backward pass, more take no more memory."""
    return max(batch_size, min(_AT_ONCE, 4 * batch_size))


class Workbench:
    """Serves batches and trunks for the strategies of one dataset.

    Activations of validation images are stored as they were computed: what is measured is what the trained detector
    does. Those of training images are too, where they take but a small share of the cache, else in half precision.
    """

    def __init__(
        self,
        dataset: DetectionDataset,
        precision: Precision,
        cache: Cache | None = None,
        feature_dtype: torch.dtype | None = None,
        memory: DeviceMemory | None = None,
        pool: Pool | None = None,
    ):
        """Args: without a cache nothing is kept; `memory` is by default a quarter of what a GPU has free; `feature_dtype`
        is what activations of training images are stored as whatever room they take; `pool` is by default the dataset's.
        """
        if precision.device.type == "cpu":
            keep_freed_memory()
        self.dataset = dataset
        self.precision = precision
        self.cache = cache or Cache(None, 0)
        # On a CPU the files of the cache are in memory already.
        on_device = available_bytes(precision.device) // 4 if precision.device.type == "cuda" else 0
        nothing = DeviceMemory(precision.device, 0)
        self._memory = (memory or DeviceMemory(precision.device, on_device)) if self.cache.max_bytes else nothing
        self.truths: tuple[Target, ...] = tuple(original_target(sample) for sample in dataset.samples("val"))
        self.sizes = tuple((sample.width, sample.height) for sample in dataset.samples("val"))
        self._pool = pool or Pool(dataset)
        self._places = {split: self._pool.places(dataset.samples(split)) for split in _SPLITS}
        self._dtypes: dict[SearchSplit, torch.dtype | None] = {"train": feature_dtype, "val": torch.float32}
        self._canvases: dict[tuple[SearchSplit, int], CanvasStore] = {}
        self._features: dict[str, FeatureStore] = {}
        self._statistics: dict[tuple[str, str, int], dict[str, Tensor]] = {}
        self._tally = Tally()

    def part(self, dataset: DetectionDataset) -> Workbench:
        """A workbench on other splits of the same samples, which shares what is kept of them and counts its own use."""
        return Workbench(dataset, self.precision, self.cache, self._dtypes["train"], self._memory, self._pool)

    @property
    def use(self) -> CacheUse:
        """What reading activations instead of computing them came to, over all trials so far."""
        return self._tally.use

    @property
    def rounding(self) -> float:
        """Bound of the relative error of stored activations, over all that were opened; 0 where all are exact."""
        return max((store.relative_error for store in self._features.values()), default=0.0)

    def canvas(self, image_size: int) -> Canvas:
        """What all images of the pool are letterboxed into."""
        return fit_canvas(self._pool.sizes, image_size)

    def canvases(self, split: SearchSplit, image_size: int) -> CanvasStore:
        """The letterboxed images of a split."""
        key = (split, image_size)
        if key in self._canvases:
            self._canvases[key].reopen()
        else:
            samples, places = self.dataset.samples(split), self._places[split]
            self._canvases[key] = CanvasStore(samples, self.canvas(image_size), self.cache, self._memory, places)
        return self._canvases[key]

    def first_batch(self, split: SearchSplit, image_size: int, count: int) -> Batch:
        """The first images of a split as they are, decoded."""
        batch = next(Batches(store=self.canvases(split, image_size), batch_size=count).in_order())
        return Batch.of_images(batch.images, batch.targets)

    def adapt(self, strategy: Strategy, detector: Detector) -> None:
        """Gives the backbone the normalisation statistics of the training images; they are found once for all trials."""
        backbone, size = detector.backbone, strategy.input.image_size
        key = (backbone.name, strategy.backbone.weights, size)
        if key not in self._statistics:
            adapt_statistics(backbone, self.canvases("train", size), self.precision)
            self._statistics[key] = {name: buffer.clone() for name, buffer in backbone.named_buffers()}
        for name, buffer in backbone.named_buffers():
            buffer.copy_(self._statistics[key][name])

    def batches(self, split: SearchSplit, strategy: Strategy, trunk: Trunk) -> Batches:
        """The letterboxed images of a split at the strategy's image size, for a trunk."""
        store, size = self.canvases(split, strategy.input.image_size), strategy.optim.batch_size
        if split == "val":
            size = evaluation_batch_size(size)
        if self.precision.device.type != "cpu":
            return Batches(store=store, batch_size=size, wanted=trunk.wanted)
        together = max(1, _AT_ONCE // size)
        return Batches(store=store, batch_size=size, wanted=trunk.wanted, batches_together=together, groups_ahead=0)

    def trunk(self, split: SearchSplit, strategy: Strategy, detector: Detector) -> Trunk:
        """The detector's trunk over a split; cached where it is frozen and sees nothing but views that come back."""
        level = strategy.augment.level if split == "train" else "none"
        views = number_of_views(level)
        if detector.cut == 0 or not views:
            return Trunk(detector, self.precision)
        store = self._store(split, detector, views)
        return Trunk(detector, self.precision, store, self._tally)

    def _store(self, split: SearchSplit, detector: Detector, views: int) -> FeatureStore:
        dtype, places = self._dtypes[split], self._places[split]
        decided_by = (trunk_fingerprint(detector), self.precision, dtype, places.pool)
        name = f"{split}-{hashlib.sha256(repr(decided_by).encode()).hexdigest()[:24]}"
        if name in self._features:
            self._features[name].reopen(views)
        else:
            images = self._pool.images[split]
            self._features[name] = FeatureStore(self.cache, self._memory, name, places, images, views, dtype)
        return self._features[name]

"""What all trials of a process share: decoded images, activations at the cut, and the truth to evaluate against."""

from __future__ import annotations

import hashlib
from typing import Literal

import torch
from torch import Tensor

from autotl.core.cache import Cache
from autotl.core.resident import DeviceMemory
from autotl.core.structures import Batch, Canvas, Target
from autotl.core.tiles import tile_windows
from autotl.data.dataset import DetectionDataset
from autotl.data.loading import Batches, CanvasStore
from autotl.data.pool import Places, Pool
from autotl.data.tiling import cut_samples
from autotl.data.transforms import fit_canvas, number_of_views, original_target
from autotl.models.detector import Detector
from autotl.models.weights import trunk_fingerprint
from autotl.strategy.schema import InputPart, Strategy
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
        # Of whole images at once, so that strangers are refused before anything begins.
        self._places: dict[tuple[SearchSplit, int], Places] = {}
        self._places |= {(split, 1): self._pool.places(dataset.samples(split)) for split in _SPLITS}
        self._dtypes: dict[SearchSplit, torch.dtype | None] = {"train": feature_dtype, "val": torch.float32}
        self._canvases: dict[tuple[SearchSplit, InputPart], CanvasStore] = {}
        self._features: dict[str, FeatureStore] = {}
        self._statistics: dict[tuple[str, str, InputPart], dict[str, Tensor]] = {}
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

    def canvas(self, part: InputPart) -> Canvas:
        """What all images of the pool, or their tiles, are letterboxed into."""
        return fit_canvas(self._pool.cut(part.tiles).sizes, part.image_size)

    def canvases(self, split: SearchSplit, part: InputPart) -> CanvasStore:
        """The letterboxed images of a split, or their tiles."""
        key = (split, part)
        if key in self._canvases:
            self._canvases[key].reopen()
        else:
            samples = cut_samples(self.dataset.samples(split), part.tiles)
            places = self._places_of(split, part.tiles)
            self._canvases[key] = CanvasStore(samples, self.canvas(part), self.cache, self._memory, places)
        return self._canvases[key]

    def count(self, split: SearchSplit, part: InputPart) -> int:
        """How many images a split has, where they are cut how many tiles: what an epoch is made of."""
        return len(self._places_of(split, part.tiles).rows)

    def first_batch(self, split: SearchSplit, part: InputPart, count: int) -> Batch:
        """The first images of a split, or tiles, as they are, decoded."""
        batch = next(Batches(store=self.canvases(split, part), batch_size=count).in_order())
        return Batch.of_images(batch.images, batch.targets)

    def first_image(self, part: InputPart) -> list[Batch]:
        """The first validation image as it is, decoded: all its tiles, in batches as they are evaluated."""
        whole = self.first_batch("val", part, len(tile_windows(*self.sizes[0], part.tiles)))
        images, starts = whole.images, range(0, len(whole), _AT_ONCE)
        return [Batch.of_images(images[at : at + _AT_ONCE], whole.targets[at : at + _AT_ONCE]) for at in starts]

    def adapt(self, strategy: Strategy, detector: Detector) -> None:
        """Gives the backbone the normalisation statistics of the training images; they are found once for all trials."""
        backbone = detector.backbone
        key = (backbone.name, strategy.backbone.weights, strategy.input)
        if key not in self._statistics:
            adapt_statistics(backbone, self.canvases("train", strategy.input), self.precision)
            self._statistics[key] = {name: buffer.clone() for name, buffer in backbone.named_buffers()}
        for name, buffer in backbone.named_buffers():
            buffer.copy_(self._statistics[key][name])

    def batches(self, split: SearchSplit, strategy: Strategy, trunk: Trunk) -> Batches:
        """The letterboxed images of a split as the strategy's network sees them, for a trunk."""
        store, size = self.canvases(split, strategy.input), strategy.optim.batch_size
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
        store = self._store(split, detector, strategy.input.tiles, views)
        return Trunk(detector, self.precision, store, self._tally)

    def _store(self, split: SearchSplit, detector: Detector, tiles: int, views: int) -> FeatureStore:
        dtype, places = self._dtypes[split], self._places_of(split, tiles)
        decided_by = (trunk_fingerprint(detector), self.precision, dtype, places.pool)
        name = f"{split}-{hashlib.sha256(repr(decided_by).encode()).hexdigest()[:24]}"
        if name in self._features:
            self._features[name].reopen(views)
        else:
            images = self._pool.cut(tiles).images[split]
            self._features[name] = FeatureStore(self.cache, self._memory, name, places, images, views, dtype)
        return self._features[name]

    def _places_of(self, split: SearchSplit, tiles: int) -> Places:
        key = (split, tiles)
        if key not in self._places:
            self._places[key] = self._pool.cut(tiles).places(self.dataset.samples(split))
        return self._places[key]

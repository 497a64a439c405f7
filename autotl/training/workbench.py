"""What all trials of a process share: decoded images, activations at the cut, and the truth to evaluate against."""

from __future__ import annotations

from typing import Literal

import torch

from autotl.core.structures import Target
from autotl.data.dataset import DetectionDataset
from autotl.data.loading import Batches, CanvasStore
from autotl.data.transforms import original_target
from autotl.models.detector import Detector
from autotl.models.weights import trunk_fingerprint
from autotl.strategy.schema import Strategy
from autotl.training.feature_cache import FeatureCache
from autotl.training.memory import available_bytes
from autotl.training.precision import Precision
from autotl.training.trunk import Trunk

SearchSplit = Literal["train", "val"]

_SHARE_OF_FREE_MEMORY = 0.25


class Workbench:
    """Serves batches and trunks for the strategies of one dataset.

    Decoded images and activations may each take a quarter of the memory that is free at the start.
    """

    def __init__(self, dataset: DetectionDataset, precision: Precision):
        self.dataset = dataset
        self.precision = precision
        self.truths: tuple[Target, ...] = tuple(original_target(sample) for sample in dataset.samples("val"))
        self.sizes = tuple((sample.width, sample.height) for sample in dataset.samples("val"))
        self.features = FeatureCache(int(available_bytes(precision.device) * _SHARE_OF_FREE_MEMORY))
        self._canvas_bytes = int(available_bytes(torch.device("cpu")) * _SHARE_OF_FREE_MEMORY)
        self._stores: dict[tuple[SearchSplit, int], CanvasStore] = {}

    def batches(self, split: SearchSplit, strategy: Strategy) -> Batches:
        """The letterboxed images of a split at the strategy's image size."""
        key = (split, strategy.input.image_size)
        if key not in self._stores:
            left = self._canvas_bytes - sum(store.bytes for store in self._stores.values())
            self._stores[key] = CanvasStore(self.dataset.samples(split), strategy.input.image_size, max(0, left))
        return Batches(store=self._stores[key], batch_size=strategy.optim.batch_size)

    def trunk(self, split: SearchSplit, strategy: Strategy, detector: Detector) -> Trunk:
        """The detector's trunk over a split; cached where it is frozen and sees nothing but canvases and their mirrors."""
        if detector.cut == 0 or (split == "train" and strategy.augment.level == "strong"):
            return Trunk(detector, self.precision)
        key = (trunk_fingerprint(detector), strategy.input.image_size, split, self.precision.autocast)
        return Trunk(detector, self.precision, self.features, self.features.open(key))

"""Activations at the cut, computed once and shared by every trial of a process with the same frozen trunk."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

from torch import Tensor

Activations = tuple[Tensor, ...]


class FeatureStore:
    """The activations of one trunk over one split: one tuple of (C, H, W) tensors an image and view."""

    def __init__(self) -> None:
        self._found: dict[tuple[int, bool], Activations] = {}
        self.bytes = 0

    def get(self, index: int, flipped: bool) -> Activations | None:
        """The activations of an image, mirrored or not; None where they are not known yet."""
        return self._found.get((index, flipped))

    def put(self, index: int, flipped: bool, activations: Activations) -> int:
        """Keeps activations; gives the bytes that this took."""
        if (index, flipped) in self._found:
            return 0
        kept = tuple(part.detach().clone() for part in activations)
        self._found[(index, flipped)] = kept
        size = sum(part.numel() * part.element_size() for part in kept)
        self.bytes += size
        return size


class FeatureCache:
    """The stores of a study in this process, within a limit of memory; the least recently opened one goes first."""

    def __init__(self, max_bytes: int):
        self.max_bytes = max_bytes
        self._stores: OrderedDict[Hashable, FeatureStore] = OrderedDict()
        self.images_read = 0
        self.images_computed = 0

    def open(self, key: Hashable) -> FeatureStore:
        """The store of a key, which must name all that decides the activations.

        That is: the trunk's weights, the cut, the image size, the precision and the split of the dataset.
        """
        store = self._stores.setdefault(key, FeatureStore())
        self._stores.move_to_end(key)
        return store

    def fill(self, store: FeatureStore, index: int, flipped: bool, activations: Activations) -> None:
        """Keeps activations, as far as the limit allows once older stores are gone."""
        size = sum(part.numel() * part.element_size() for part in activations)
        while self.bytes + size > self.max_bytes and next(iter(self._stores.values())) is not store:
            self._stores.popitem(last=False)
        if self.bytes + size <= self.max_bytes:
            store.put(index, flipped, activations)

    @property
    def bytes(self) -> int:
        """What all stores hold together."""
        return sum(store.bytes for store in self._stores.values())

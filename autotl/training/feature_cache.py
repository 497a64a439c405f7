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

    def put(self, index: int, flipped: bool, activations: Activations) -> None:
        """Keeps activations that are not known yet."""
        self._found[(index, flipped)] = tuple(part.detach().clone() for part in activations)
        self.bytes += _size_in_bytes(activations)

    def clear(self) -> None:
        """Forgets everything, so that the memory is free even where a trunk still has the store."""
        self._found.clear()
        self.bytes = 0


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
        """Keeps activations that are not known yet, as far as the limit allows once stores opened earlier are gone.

        A store that had to go keeps nothing more until it is opened again.
        """
        if store not in self._stores.values():
            return
        size = _size_in_bytes(activations)
        while self.bytes + size > self.max_bytes and next(iter(self._stores.values())) is not store:
            self._stores.popitem(last=False)[1].clear()
        if self.bytes + size <= self.max_bytes:
            store.put(index, flipped, activations)

    @property
    def bytes(self) -> int:
        """What all stores hold together."""
        return sum(store.bytes for store in self._stores.values())


def _size_in_bytes(activations: Activations) -> int:
    return sum(part.numel() * part.element_size() for part in activations)

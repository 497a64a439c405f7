"""Stores of activations: what goes in comes out, and the limit of memory holds whatever is opened."""

from __future__ import annotations

import torch
from torch import Tensor

from autotl.training.feature_cache import FeatureCache, FeatureStore

IMAGE_BYTES = 4 * (8 + 2)


def _activations(value: float = 0.0) -> tuple[Tensor, ...]:
    return torch.full((2, 2, 2), value), torch.full((2, 1, 1), value)


def _fill(cache: FeatureCache, store: FeatureStore, count: int, first: int = 0) -> list[bool]:
    """Offers images to a store; tells which it keeps."""
    for index in range(first, first + count):
        cache.fill(store, index, False, _activations(float(index)))
    return [store.get(index, False) is not None for index in range(first, first + count)]


def test_an_image_and_its_mirror_image_are_kept_apart_and_copied() -> None:
    cache = FeatureCache(10**6)
    store, whole = cache.open("a"), _activations(1.0)
    cache.fill(store, 0, False, whole)
    whole[0].zero_()
    assert store.get(0, True) is None
    found = store.get(0, False)
    assert found is not None
    assert all((part == 1.0).all() for part in found)
    assert cache.bytes == IMAGE_BYTES


def test_a_view_of_a_batch_does_not_keep_the_batch() -> None:
    cache = FeatureCache(10**6)
    batch = torch.zeros(100, 2, 2, 2)
    cache.fill(cache.open("a"), 0, False, (batch[3],))
    found = cache.open("a").get(0, False)
    assert found is not None
    assert found[0].untyped_storage().nbytes() == 4 * 8


def test_a_key_names_its_store() -> None:
    cache = FeatureCache(10**6)
    _fill(cache, cache.open("a"), 1)
    assert cache.open("a").get(0, False) is not None
    assert cache.open("b").get(0, False) is None


def test_the_least_recently_opened_store_goes_first_and_whole() -> None:
    cache = FeatureCache(4 * IMAGE_BYTES)
    a, b = cache.open("a"), cache.open("b")
    _fill(cache, a, 2)
    _fill(cache, b, 2)
    assert cache.open("a") is a
    c = cache.open("c")
    assert _fill(cache, c, 1) == [True]
    assert b.get(0, False) is None
    assert b.bytes == 0
    assert a.get(0, False) is not None
    assert cache.bytes == 3 * IMAGE_BYTES
    assert cache.open("b") is not b


def test_a_store_larger_than_the_limit_keeps_what_fits_and_is_not_emptied_for_its_own_sake() -> None:
    cache = FeatureCache(3 * IMAGE_BYTES + 1)
    store = cache.open("a")
    assert _fill(cache, store, 5) == [True, True, True, False, False]
    assert cache.bytes == 3 * IMAGE_BYTES


def test_a_store_that_had_to_go_keeps_nothing_more() -> None:
    """A trial opens val, then train: what train takes, val must not take again beyond the limit."""
    cache = FeatureCache(3 * IMAGE_BYTES)
    val, train = cache.open("val"), cache.open("train")
    _fill(cache, val, 1)
    assert _fill(cache, train, 5) == [True, True, True, False, False]
    assert val.bytes == 0
    assert _fill(cache, val, 2) == [False, False]
    assert (train.bytes, val.bytes, cache.bytes) == (3 * IMAGE_BYTES, 0, 3 * IMAGE_BYTES)


def test_a_limit_of_nothing_keeps_nothing() -> None:
    cache = FeatureCache(0)
    val, train = cache.open("val"), cache.open("train")
    assert _fill(cache, train, 2) == [False, False]
    assert _fill(cache, val, 2) == [False, False]
    assert cache.bytes == 0

"""Stores of activations: what they keep, when reading pays, and what becomes of values that are too large."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from autotl.core.cache import Cache
from autotl.core.resident import DeviceMemory
from autotl.data.pool import Places
from autotl.training.feature_cache import FeatureStore, Mean
from tests.training import tiny

IMAGES = 6
ALL = Places.of_all("pool", IMAGES)
RECORD = 2 * (3 * 16 + 5 * 4)
"""Bytes of an image's record in half precision."""
ENOUGH = 32
"""Images after which a mean is settled."""

Activations = tuple[Tensor, ...]


def _store(folder: Path, *, views: int = 1, max_bytes: int = 10**6, memory_bytes: int = 0) -> FeatureStore:
    """A store as of a process of its own."""
    memory = DeviceMemory(tiny.CPU, memory_bytes)
    return FeatureStore(Cache(folder, max_bytes), memory, "these", ALL, IMAGES, views, torch.float16)


def _activations(count: int, seed: int = 0, scale: float = 1.0) -> Activations:
    generator = torch.Generator().manual_seed(seed)
    first, second = (torch.randn(count, *shape, generator=generator) for shape in ((3, 4, 4), (5, 2, 2)))
    return first.contiguous(memory_format=torch.channels_last) * scale, second


def _where(indices: list[int], view: int = 0) -> tuple[Tensor, Tensor]:
    return torch.tensor(indices), torch.full((len(indices),), view)


def _keep(
    store: FeatureStore, indices: list[int], view: int = 0, activations: Activations | None = None
) -> Activations:
    """Keeps activations, noise of a seed of their own by default; gives them as the store does."""
    records = store.encode(activations or _activations(len(indices), seed=10 * view + indices[0]))
    store.keep(*_where(indices, view), records)
    return store.decode(records)


def _read(store: FeatureStore, indices: list[int], view: int = 0) -> Activations | None:
    """The activations of all these images, or None where one is missing."""
    records = store.empty_records(len(indices), pinned=False)
    if records is None or store.read(*_where(indices, view), records):
        return None
    return store.decode(records)


def _same(one: Activations | None, other: Activations) -> bool:
    return one is not None and all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_what_is_kept_is_read_by_image_and_view_here_and_in_another_process(tmp_path: Path) -> None:
    store = _store(tmp_path, views=2)
    assert store.empty_records(1, pinned=False) is None, "nobody knows how large they are"
    plain, mirrored = _keep(store, [0, 3, 5]), _keep(store, [3], view=1)
    for one in (store, _store(tmp_path, views=2)):
        assert _same(_read(one, [5, 0]), tuple(part[[2, 0]] for part in plain))
        assert _same(_read(one, [3], view=1), mirrored)
        assert _read(one, [0], view=1) is None
        assert _read(one, [1]) is None
    records = store.empty_records(4, pinned=False)
    assert records is not None
    assert store.read(*_where([1, 3, 2, 5]), records) == [0, 2]


def _part(cache: Cache, rows: Sequence[int], memory: DeviceMemory, dtype: torch.dtype | None = None) -> FeatureStore:
    """A store over some of the images, for two views."""
    return FeatureStore(cache, memory, "these", replace(ALL, rows=torch.tensor(rows)), IMAGES, 2, dtype)


def test_stores_over_parts_read_what_others_of_the_name_keep_each_by_its_own_indices(tmp_path: Path) -> None:
    cache, memory = Cache(tmp_path, 10**6), DeviceMemory(tiny.CPU, 0)
    one = _part(cache, [4, 1, 0], memory)
    kept, mirrored = _keep(one, [0, 2]), _keep(one, [1], view=1)
    other = _part(cache, [5, 0, 2, 4, 1], memory)
    assert _same(_read(other, [1, 3]), tuple(part[[1, 0]] for part in kept))
    assert _same(_read(other, [4], view=1), mirrored)
    assert other.missing(*_where([0, 1, 2, 3, 4])) == [0, 2, 4]
    assert other.missing(*_where([0, 1, 2, 3, 4], view=1)) == [0, 1, 2, 3]


def test_a_part_takes_memory_of_the_device_for_its_own_images_alone(tmp_path: Path) -> None:
    memory = DeviceMemory(tiny.CPU, 10**6)
    taken = 0
    for rows in ([4, 1], [1, 4], [0, 2, 5]):
        store = _part(Cache(tmp_path, 10**6), rows, memory, torch.float16)
        where = _where([len(rows) - 1, 0], view=1)
        assert store.resident(*where) is None, "another part's records"
        records = store.encode(_activations(2, seed=rows[0]))
        store.keep_resident(*where, records)
        found = store.resident(*where)
        assert found is not None
        assert torch.equal(found, records)
        taken += 2 * len(rows) * RECORD
        assert memory.bytes == taken


@pytest.mark.parametrize(("room", "rounded"), [(10 * 2 * IMAGES, False), (10 * 2 * IMAGES - 1, True)])
def test_how_precisely_a_part_stores_is_decided_as_for_the_whole(room: int, rounded: bool, tmp_path: Path) -> None:
    """Whoever comes first: a shelf has one precision."""
    cache = Cache(tmp_path, room * 2 * RECORD)
    store = _part(cache, [3], DeviceMemory(tiny.CPU, 0))
    _keep(store, [0])
    assert (store.relative_error > 0) == rounded


def test_a_moments_old_activations_have_been_through_the_stored_precision(tmp_path: Path) -> None:
    """So that a run's numbers do not depend on what was in the cache when it began."""
    activations = _activations(2)
    found = _keep(_store(tmp_path), [0, 1], activations=activations)
    assert not _same(activations, found)
    assert _same(_read(_store(tmp_path), [0, 1]), found)
    for one, other in zip(found, activations, strict=True):
        torch.testing.assert_close(one, other, rtol=5e-4, atol=0)


def test_all_views_of_all_images_have_room(tmp_path: Path) -> None:
    store = _store(tmp_path)
    kept = {view: _keep(store, list(range(IMAGES)), view=view) for view in range(8)}
    assert all(_same(_read(store, list(range(IMAGES)), view=view), found) for view, found in kept.items())


def test_without_a_cache_nothing_is_kept_and_everything_is_missing() -> None:
    store = FeatureStore(Cache(None, 0), DeviceMemory(tiny.CPU, 0), "these", ALL, IMAGES, 1, torch.float16)
    found = _keep(store, [0, 1])
    assert found[0].shape == (2, 3, 4, 4)
    assert _read(store, [0]) is None
    assert store.missing(*_where([0, 1])) == [0, 1]


def test_only_what_is_not_kept_will_be_computed(tmp_path: Path) -> None:
    store = _store(tmp_path)
    assert store.missing(*_where([0, 1])) == [0, 1]
    _keep(store, [1, 4])
    assert store.missing(*_where([4, 0, 1, 2])) == [1, 3]
    assert store.missing(*_where([1, 4])) == []
    assert store.missing(*_where([1, 4], view=1)) == [0, 1]


@pytest.mark.parametrize(
    ("reading", "computing", "pays"),
    [
        (Mean(), Mean(), True),
        (Mean(64.0, ENOUGH), Mean(32.0, ENOUGH), False),
        (Mean(32.0, ENOUGH), Mean(32.0, ENOUGH), False),
        (Mean(31.0, ENOUGH), Mean(32.0, ENOUGH), True),
        (Mean(64.0, ENOUGH - 1), Mean(32.0, ENOUGH), True),
        (Mean(64.0, ENOUGH), Mean(31.0, ENOUGH - 1), True),
    ],
)
def test_reading_pays_until_enough_is_measured_and_then_while_it_is_cheaper(
    reading: Mean, computing: Mean, pays: bool, tmp_path: Path
) -> None:
    store = _store(tmp_path)
    _keep(store, [0, 1])
    store.reading, store.computing = reading, computing
    assert store.pays == pays
    assert store.missing(*_where([0, 1])) == ([] if pays else [0, 1])


def test_a_mean_is_over_images() -> None:
    mean = Mean()
    assert mean.each == 0.0
    mean.add(3.0, 2)
    mean.add(1.0, 30)
    assert mean.each == 4.0 / 32
    assert mean.settled


def test_what_computing_takes_is_known_from_whoever_measured_it(tmp_path: Path) -> None:
    store = _store(tmp_path)
    assert store.seconds_to_compute == 0.0
    store.computing.add(0.5, 2)
    assert store.seconds_to_compute == 0.25
    _keep(store, [0, 1])
    other = _store(tmp_path)
    assert other.seconds_to_compute == 0.25
    other.computing.add(1.0, 1)
    assert other.seconds_to_compute == 1.0


def test_values_too_large_for_half_precision_are_kept_in_full(tmp_path: Path) -> None:
    store = _store(tmp_path)
    _keep(store, [0, 1])
    large = _activations(2, scale=1e6)
    assert _same(_keep(store, [2, 3], activations=large), large)
    for one in (store, _store(tmp_path)):
        assert _same(_read(one, [2, 3]), large)
        assert _read(one, [0]) is None, "what was rounded is given up"
    (path,) = tiny.shelves(tmp_path)
    assert path.name == "features-these.shelf"
    # What fits is kept in full then, too.
    small = _activations(1)
    assert _same(_keep(store, [0], activations=small), small)


def test_a_process_that_finds_its_shelf_given_up_goes_on_and_takes_the_new_one_when_it_opens_it(tmp_path: Path) -> None:
    store, other = _store(tmp_path), _store(tmp_path)
    _keep(store, [0, 1])
    other.reopen(1)
    large = _activations(2, scale=1e6)
    _keep(other, [2, 3], activations=large)
    assert _read(store, [0]) is None
    assert store.missing(*_where([0, 2])) == [0, 1]
    found = _keep(store, [0, 1])
    assert found[0].shape == (2, 3, 4, 4)
    store.reopen(1)
    assert _same(_read(store, [2, 3]), large)


def test_the_bound_of_rounding_is_known(tmp_path: Path) -> None:
    store = _store(tmp_path)
    assert store.relative_error == 0.0
    activations = _activations(6)
    found = _keep(store, list(range(6)), activations=activations)
    assert store.relative_error == 2.0**-11
    assert all(
        ((one - other).abs() <= 2.0**-11 * other.abs()).all() for one, other in zip(found, activations, strict=True)
    )
    _keep(store, [0, 1], activations=_activations(2, scale=1e6))
    assert store.relative_error == 0.0


def test_a_store_that_had_to_make_room_is_begun_anew_when_it_is_opened(tmp_path: Path) -> None:
    store = _store(tmp_path)
    _keep(store, [0, 1])
    _make_room(tmp_path)
    assert _read(store, [0]) is None
    store.reopen(1)
    found = _keep(store, [0, 1])
    assert _same(_read(store, [0, 1]), found)


def _make_room(folder: Path) -> None:
    """What another process does that needs all the room there is."""
    cache = Cache(folder, 10**6)
    shelf = cache.open("features-these")
    assert shelf is not None
    shelf.remove()


def test_records_in_the_memory_of_the_device_need_no_shelf(tmp_path: Path) -> None:
    store = _store(tmp_path, views=2, memory_bytes=10**6)
    where = _where([4, 2], view=1)
    assert store.resident(*where) is None
    records = store.encode(_activations(2))
    store.keep_resident(*where, records)
    found = store.resident(*where)
    assert found is not None
    assert torch.equal(found, records)
    assert store.missing(*where) == []
    assert store.resident(*_where([4, 2])) is None
    assert store.missing(*_where([4, 2])) == [0, 1]
    # Even where reading a shelf costs more than computing.
    store.reading, store.computing = Mean(64.0, ENOUGH), Mean(32.0, ENOUGH)
    assert store.missing(*where) == []


@pytest.mark.parametrize("max_bytes", [10**6, 100])
def test_the_memory_of_the_device_follows_the_number_of_views(max_bytes: int, tmp_path: Path) -> None:
    """Whether or not the cache has room for a shelf of them."""
    store = _store(tmp_path, views=1, max_bytes=max_bytes, memory_bytes=10**6)
    _keep(store, [0, 1])
    store.keep_resident(*_where([0, 1]), store.encode(_activations(2)))
    for views in (2, 8, 1):
        store.reopen(views)
        where = _where([0, IMAGES - 1], view=views - 1)
        records = store.encode(_activations(2, seed=views))
        store.keep_resident(*where, records)
        found = store.resident(*where)
        assert found is not None
        assert torch.equal(found, records)
        assert store.missing(*where) == []

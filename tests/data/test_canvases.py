"""Canvases: decoded once, then read, whatever the cache and the device have room for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from autotl.core.cache import Cache
from autotl.core.resident import DeviceMemory
from autotl.core.structures import Canvas
from autotl.data.loading import Batches, CanvasStore
from autotl.data.pool import Places
from tests.data.drawn import (
    CANVAS,
    CANVAS_BYTES,
    IMAGES,
    LEVELS,
    SHAPES,
    batches_of,
    device_memory,
    draw_samples,
    same_batches,
    store_of,
)


@pytest.mark.parametrize(("kept", "decodings"), [(IMAGES, IMAGES), (2, 2 + 3 * (IMAGES - 2)), (0, 3 * IMAGES)])
def test_images_are_decoded_once_as_far_as_the_cache_has_room(kept: int, decodings: int, tmp_path: Path) -> None:
    decoded: list[int] = []
    # One byte less than another image needs.
    cache = Cache(tmp_path, (kept + 1) * CANVAS_BYTES - 1)
    batches = batches_of(cache, decoded)
    for epoch in (1, 2):
        assert same_batches(
            batches.epoch(epoch, level="strong", seed=0), batches_of().epoch(epoch, level="strong", seed=0)
        )
    list(batches.in_order())
    assert len(decoded) == decodings
    assert cache.bytes == kept * CANVAS_BYTES


def test_what_another_process_has_decoded_is_read_from_the_cache(tmp_path: Path) -> None:
    plain = batches_of()
    decoded: list[int] = []
    first = batches_of(Cache(tmp_path, 10**6), decoded)
    assert same_batches(first.in_order(), plain.in_order())
    assert sorted(decoded) == list(range(1, IMAGES + 1))
    again = batches_of(Cache(tmp_path, 10**6), decoded)
    for level in LEVELS:
        assert same_batches(again.epoch(1, level=level, seed=0), plain.epoch(1, level=level, seed=0))
    assert same_batches(again.in_order(), plain.in_order())
    assert len(decoded) == IMAGES


def test_what_a_part_has_decoded_is_read_by_others_of_its_pool_and_the_other_way_round(tmp_path: Path) -> None:
    decoded: list[int] = []
    cache, plain = Cache(tmp_path, 10**6), store_of()
    for rows, news in (([5, 2], [6, 3]), ([2, 0, 6], [1, 7]), (range(IMAGES), [2, 4, 5]), ([6, 3], [])):
        part = store_of(cache, decoded, places=replace(SHAPES, rows=torch.tensor(rows)))
        assert all(torch.equal(part.image(index), plain.image(row)) for index, row in enumerate(rows))
        # Image 0 is drawn from seed 1.
        assert decoded == news
        decoded.clear()


@pytest.mark.parametrize("memory_bytes", [0, 3 * CANVAS_BYTES, 10 * CANVAS_BYTES])
def test_parts_share_the_devices_memory_and_take_no_more_of_it_than_they_have_images(memory_bytes: int) -> None:
    memory, plain = device_memory(memory_bytes), store_of()
    for rows in ([5, 2, 1], [0, 3, 6], list(range(IMAGES)), [2, 5, 1]):
        part = store_of(memory=memory, places=replace(SHAPES, rows=torch.tensor(rows)))
        before = memory.bytes
        for _ in range(2):
            assert all(torch.equal(part.image(index), plain.image(row)) for index, row in enumerate(rows))
        assert memory.bytes == before <= memory_bytes
    assert memory.bytes == min(memory_bytes, 10 * CANVAS_BYTES)


@pytest.mark.parametrize(
    ("canvas", "name"), [(CANVAS, "others"), (Canvas(96, 64), "shapes"), (Canvas(32, 96), "shapes")]
)
def test_images_of_other_samples_or_sizes_are_not_taken_for_these(canvas: Canvas, name: str, tmp_path: Path) -> None:
    cache, memory = Cache(tmp_path, 10**6), device_memory(10**6)
    stores = [
        CanvasStore(draw_samples(), CANVAS, cache, memory, SHAPES),
        CanvasStore(draw_samples()[::-1], canvas, cache, memory, Places.of_all(name, IMAGES)),
    ]
    for _ in range(2):
        for store in stores:
            plain = CanvasStore(store.samples, store.canvas, Cache(None, 0), device_memory(), SHAPES)
            assert all(torch.equal(store.image(index), plain.image(index)) for index in range(IMAGES))
    assert cache.damaged == 0


def test_an_image_whose_record_is_damaged_is_decoded_again(tmp_path: Path) -> None:
    decoded: list[int] = []
    store = store_of(Cache(tmp_path, 10**6), decoded)
    images = [store.image(index).clone() for index in range(IMAGES)]
    (shelf,) = tmp_path.glob("*.shelf")
    content = shelf.read_bytes()
    at = content.index(images[2].numpy().tobytes())
    with shelf.open("r+b") as file:
        file.seek(at + CANVAS_BYTES // 2)
        file.write(bytes([content[at + CANVAS_BYTES // 2] ^ 1]))
    cache = Cache(tmp_path, 10**6)
    store = store_of(cache, decoded)
    for _ in range(2):
        assert all(torch.equal(store.image(index), image) for index, image in enumerate(images))
    assert decoded == [*range(1, IMAGES + 1), 3]
    assert cache.damaged == 1


def test_images_that_had_to_make_room_are_decoded_until_their_shelf_is_opened_anew(tmp_path: Path) -> None:
    decoded: list[int] = []
    cache = Cache(tmp_path, IMAGES * CANVAS_BYTES)
    store = store_of(cache, decoded)
    images = [store.image(index).clone() for index in range(IMAGES)]
    dear = cache.create("dear", CANVAS_BYTES, 1, {})
    assert dear is not None
    cache.keep(dear, [0], np.zeros((1, CANVAS_BYTES), dtype=np.uint8), seconds=10.0)
    assert [path.stem for path in tmp_path.glob("*.shelf")] == ["dear"]
    for _ in range(2):
        assert all(torch.equal(store.image(index), image) for index, image in enumerate(images))
    assert len(decoded) == 3 * IMAGES
    store.reopen()
    for _ in range(2):
        assert all(torch.equal(store.image(index), image) for index, image in enumerate(images))
    # Room is left for all but one of them.
    assert len(decoded) == 3 * IMAGES + IMAGES + 1


@pytest.mark.parametrize(
    ("max_bytes", "decodings"), [(IMAGES * CANVAS_BYTES, IMAGES), (IMAGES * CANVAS_BYTES - 1, 2 * IMAGES)]
)
def test_a_device_with_room_for_all_images_keeps_them(max_bytes: int, decodings: int) -> None:
    decoded: list[int] = []
    batches = Batches(store=store_of(None, decoded, device_memory(max_bytes)), batch_size=3)
    for _ in range(2):
        assert same_batches(batches.epoch(1, level="light", seed=0), batches_of().epoch(1, level="light", seed=0))
    assert len(decoded) == decodings


def test_images_of_a_batch_are_on_one_device_whether_they_were_there_before_or_not() -> None:
    meta = torch.device("meta")
    batches = Batches(store=store_of(memory=DeviceMemory(meta, IMAGES * CANVAS_BYTES)), batch_size=IMAGES)
    batches.store.image(1)
    (batch,) = batches.in_order()
    assert {batch.load([position]).device for position in range(IMAGES)} == {meta}

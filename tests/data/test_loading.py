"""Batches: each image once, decided by (seed, epoch) alone, pixels only where they are asked for."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from autotl.core.cache import Cache
from autotl.core.errors import DatasetError
from autotl.core.structures import ONE_OF_A_KIND
from autotl.data.loading import Batches, CanvasStore
from autotl.data.pool import Places
from autotl.data.transforms import (
    VIEWS,
    AugmentLevel,
    ViewLevel,
    canvas_target,
    flip_target,
    number_of_views,
    view_image,
    view_target,
)
from tests.data.drawn import (
    CANVAS,
    IMAGES,
    LEVELS,
    SHAPES,
    batches_of,
    device_memory,
    draw_samples,
    same_batches,
    store_of,
)


def test_evaluation_sees_every_image_as_it_is_and_in_order() -> None:
    batches = batches_of()
    found = list(batches.in_order())
    assert [len(batch) for batch in found] == [3, 3, 1]
    assert torch.cat([batch.indices for batch in found]).tolist() == list(range(IMAGES))
    assert not torch.cat([batch.views for batch in found]).any()
    for batch in found:
        for row, index in enumerate(batch.indices.tolist()):
            assert torch.equal(batch.images[row], batches.store.image(index))


@pytest.mark.parametrize("level", LEVELS)
def test_an_epoch_has_each_image_once_and_the_last_partial_batch(level: AugmentLevel) -> None:
    found = list(batches_of().epoch(1, level=level, seed=0))
    assert [len(batch) for batch in found] == [3, 3, 1]
    assert [batch.images.shape for batch in found] == [(n, 3, *CANVAS) for n in (3, 3, 1)]
    order = torch.cat([batch.indices for batch in found]).tolist()
    assert sorted(order) == list(range(IMAGES))
    assert order != list(range(IMAGES))


@pytest.mark.parametrize("level", LEVELS)
def test_batches_depend_on_seed_and_epoch_alone(level: AugmentLevel) -> None:
    batches = batches_of()
    list(batches.in_order())
    list(batches.epoch(7, level="strong", seed=3))
    torch.rand(5)
    assert same_batches(batches.epoch(2, level=level, seed=1), batches_of().epoch(2, level=level, seed=1))
    assert not same_batches(batches.epoch(3, level=level, seed=1), batches_of().epoch(2, level=level, seed=1))
    assert not same_batches(batches.epoch(2, level=level, seed=2), batches_of().epoch(2, level=level, seed=1))


def test_the_order_is_the_same_for_every_level() -> None:
    orders = [torch.cat([b.indices for b in batches_of().epoch(1, level=level, seed=0)]).tolist() for level in LEVELS]
    assert orders == orders[:1] * len(LEVELS)


def test_flipped_images_are_mirrored_with_their_targets_and_say_so() -> None:
    batches = batches_of()
    seen = set()
    for epoch in range(1, 4):
        for batch in batches.epoch(epoch, level="flip", seed=0):
            for row, index in enumerate(batch.indices.tolist()):
                image = batches.store.image(index)
                wanted = canvas_target(batches.store.samples[index], CANVAS)
                if batch.views[row]:
                    image, wanted = image.flip(-1), flip_target(wanted, CANVAS)
                seen.add(int(batch.views[row]))
                assert torch.equal(batch.images[row], image)
                assert torch.equal(batch.targets[row].boxes_xyxy, wanted.boxes_xyxy)
                assert torch.equal(batch.targets[row].ignored_xyxy, wanted.ignored_xyxy)
    assert seen == {0, 1}


def test_lightly_varied_images_are_their_views_with_the_targets_of_these() -> None:
    batches = batches_of()
    seen = set()
    for epoch in range(1, 4):
        for batch in batches.epoch(epoch, level="light", seed=0):
            for row, (index, view) in enumerate(zip(batch.indices.tolist(), batch.views.tolist(), strict=True)):
                seen.add(view)
                wanted = view_target(canvas_target(batches.store.samples[index], CANVAS), CANVAS, index, view)
                assert torch.equal(batch.images[row], view_image(batches.store.image(index), index, view))
                assert torch.equal(batch.targets[row].boxes_xyxy, wanted.boxes_xyxy)
                assert torch.equal(batch.targets[row].labels, wanted.labels)
                assert torch.equal(batch.targets[row].ignored_xyxy, wanted.ignored_xyxy)
    assert len(seen) > 4


@pytest.mark.parametrize(("level", "views"), [("none", 1), ("flip", 2), ("light", VIEWS)])
@pytest.mark.parametrize("first", [1, 4])
def test_each_image_takes_every_view_once_in_as_many_epochs(level: ViewLevel, views: int, first: int) -> None:
    batches = batches_of()
    taken: dict[int, list[int]] = {index: [] for index in range(IMAGES)}
    for epoch in range(first, first + views):
        for batch in batches.epoch(epoch, level=level, seed=2):
            for index, view in zip(batch.indices.tolist(), batch.views.tolist(), strict=True):
                taken[index].append(view)
    assert number_of_views(level) == views
    assert all(sorted(seen) == list(range(views)) for seen in taken.values())
    # Images begin anywhere, so that an epoch has views of each kind.
    assert len({seen[0] for seen in taken.values()}) >= min(views, 2)


def test_an_image_varies_as_it_does_in_the_whole_whatever_part_it_is_in() -> None:
    rows = torch.tensor([5, 0, 3, 6])
    part = Batches(store=store_of(places=dataclasses.replace(SHAPES, rows=rows)), batch_size=4)
    for epoch in (1, 2):
        whole = {
            int(index): (int(batch.views[row]), batch.images[row], batch.targets[row].boxes_xyxy)
            for batch in batches_of().epoch(epoch, level="light", seed=4)
            for row, index in enumerate(batch.indices)
        }
        (batch,) = part.epoch(epoch, level="light", seed=4)
        assert sorted(batch.indices.tolist()) == [0, 1, 2, 3]
        for at, index in enumerate(batch.indices.tolist()):
            view, image, boxes = whole[int(rows[index])]
            assert int(batch.views[at]) == view
            assert torch.equal(batch.images[at], image)
            assert torch.equal(batch.targets[at].boxes_xyxy, boxes)


def test_without_augmentation_nothing_varies() -> None:
    batches = batches_of()
    for batch in batches.epoch(1, level="none", seed=0):
        assert not batch.views.any()
        for row, index in enumerate(batch.indices.tolist()):
            assert torch.equal(batch.images[row], batches.store.image(index))


@pytest.mark.parametrize("level", ["strong", "mosaic"])
def test_strongly_varied_images_are_no_canvases_and_leave_the_kept_ones_alone(level: AugmentLevel) -> None:
    batches = batches_of()
    kept = [batches.store.image(index).clone() for index in range(IMAGES)]
    for batch in batches.epoch(1, level=level, seed=0):
        assert (batch.views == ONE_OF_A_KIND).all()
        for row, index in enumerate(batch.indices.tolist()):
            assert not torch.equal(batch.images[row], kept[index])
    assert all(torch.equal(batches.store.image(index), image) for index, image in enumerate(kept))


def test_only_pixels_that_are_wanted_are_decoded_ahead() -> None:
    asked: list[tuple[list[int], list[int]]] = []
    decoded: list[int] = []

    def wanted(indices: Tensor, views: Tensor) -> list[int]:
        asked.append((indices.tolist(), views.tolist()))
        return [len(indices) - 1]

    batches = Batches(store=store_of(decoded=decoded), batch_size=3, wanted=wanted)
    found = list(batches.epoch(1, level="light", seed=0))
    assert asked == [(batch.indices.tolist(), batch.views.tolist()) for batch in found]
    # Image 0 is drawn from seed 1.
    assert sorted(decoded) == sorted(int(batch.indices[-1]) + 1 for batch in found)
    first = found[0]
    assert first.load([2]).shape == (1, 3, *CANVAS)
    assert len(decoded) == 3
    first.load([0])
    assert decoded[3:] == [int(first.indices[0]) + 1]


def test_where_no_pixels_are_wanted_none_are_decoded_and_targets_are_there() -> None:
    decoded: list[int] = []
    batches = Batches(store=store_of(decoded=decoded), batch_size=3, wanted=lambda _indices, _views: [])
    for level in LEVELS:
        found, plain = (list(one.epoch(2, level=level, seed=1)) for one in (batches, batches_of()))
        assert [[len(target.labels) for target in batch.targets] for batch in found] == [
            [len(target.labels) for target in batch.targets] for batch in plain
        ]
    assert decoded == []
    assert same_batches(batches.epoch(2, level="light", seed=1), batches_of().epoch(2, level="light", seed=1))


@pytest.mark.parametrize("level", LEVELS)
def test_some_images_of_a_batch_are_what_they_are_among_all(level: AugmentLevel) -> None:
    first = next(iter(batches_of().epoch(3, level=level, seed=0)))
    assert torch.equal(first.load([2, 0]), first.images[[2, 0]])


def test_a_split_without_images_has_no_batches(tmp_path: Path) -> None:
    store = CanvasStore([], CANVAS, Cache(tmp_path, 10**6), device_memory(10**6), Places.of_all("none", 0))
    batches = Batches(store=store, batch_size=3)
    assert list(batches.in_order()) == []
    assert list(batches.epoch(1, level="strong", seed=0)) == []


def test_an_image_that_can_no_longer_be_decoded_is_named(tmp_path: Path) -> None:
    def broken() -> Image.Image:
        raise OSError("image file is truncated")

    sample = draw_samples()[0]
    lost = dataclasses.replace(sample, name="lost.png", source=broken)
    store = CanvasStore([sample, lost], CANVAS, Cache(tmp_path, 10**6), device_memory(10**6), Places.of_all("lost", 2))
    for _ in range(2):
        first, second = Batches(store=store, batch_size=1).in_order()
        assert torch.equal(first.images[0], store_of().image(0))
        with pytest.raises(DatasetError, match=r"lost\.png: cannot be decoded \(image file is truncated\)"):
            _ = second.images

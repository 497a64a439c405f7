"""Batches: each image once, decided by (seed, epoch) alone, whatever memory allows."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image

from autotl.core.errors import DatasetError
from autotl.core.structures import Batch
from autotl.data.dataset import Sample
from autotl.data.loading import AugmentLevel, Batches, CanvasStore
from autotl.data.transforms import canvas_target, flip_target
from tests.shapes import SIDE, draw_image

CANVAS = 64
IMAGES = 7


def _samples(decoded: list[int] | None = None) -> list[Sample]:
    """Seven drawn images, each with an ignored region; the seeds of those that are decoded go into a list."""

    def decode(seed: int) -> Image.Image:
        if decoded is not None:
            decoded.append(seed)
        return Image.fromarray(draw_image(seed)[0])

    return [
        Sample(
            name=f"{seed}.png",
            width=SIDE,
            height=SIDE,
            boxes_xyxy=np.array([box for _, box in draw_image(seed)[1]], dtype=np.float32).reshape(-1, 4),
            labels=np.array([label for label, _ in draw_image(seed)[1]], dtype=np.int64),
            ignored_xyxy=np.array([[0, 0, 10 + seed, 10]], dtype=np.float32),
            source=partial(decode, seed),
        )
        for seed in range(1, IMAGES + 1)
    ]


def _batches(max_bytes: int = 10**9, decoded: list[int] | None = None) -> Batches:
    return Batches(store=CanvasStore(_samples(decoded), CANVAS, max_bytes), batch_size=3)


def _same(one: Iterator[Batch], other: Iterator[Batch]) -> bool:
    pairs = list(zip(one, other, strict=True))
    return all(
        torch.equal(a.images, b.images)
        and torch.equal(a.indices, b.indices)
        and torch.equal(a.flipped, b.flipped)
        and all(
            torch.equal(s.boxes_xyxy, t.boxes_xyxy)
            and torch.equal(s.labels, t.labels)
            and torch.equal(s.ignored_xyxy, t.ignored_xyxy)
            for s, t in zip(a.targets, b.targets, strict=True)
        )
        for a, b in pairs
    )


def test_evaluation_sees_every_image_as_it_is_and_in_order() -> None:
    batches = _batches()
    found = list(batches.in_order())
    assert [len(batch) for batch in found] == [3, 3, 1]
    assert torch.cat([batch.indices for batch in found]).tolist() == list(range(IMAGES))
    assert not torch.cat([batch.flipped for batch in found]).any()
    for batch in found:
        for row, index in enumerate(batch.indices.tolist()):
            assert torch.equal(batch.images[row], batches.store.image(index))


@pytest.mark.parametrize("level", ["none", "flip", "strong"])
def test_an_epoch_has_each_image_once_and_the_last_partial_batch(level: AugmentLevel) -> None:
    found = list(_batches().epoch(1, level=level, seed=0))
    assert [len(batch) for batch in found] == [3, 3, 1]
    assert [batch.images.shape for batch in found] == [(n, 3, CANVAS, CANVAS) for n in (3, 3, 1)]
    order = torch.cat([batch.indices for batch in found]).tolist()
    assert sorted(order) == list(range(IMAGES))
    assert order != list(range(IMAGES))


@pytest.mark.parametrize("level", ["none", "flip", "strong"])
def test_batches_depend_on_seed_and_epoch_alone(level: AugmentLevel) -> None:
    batches = _batches()
    list(batches.in_order())
    list(batches.epoch(7, level="strong", seed=3))
    torch.rand(5)
    assert _same(batches.epoch(2, level=level, seed=1), _batches().epoch(2, level=level, seed=1))
    assert not _same(batches.epoch(3, level=level, seed=1), _batches().epoch(2, level=level, seed=1))
    assert not _same(batches.epoch(2, level=level, seed=2), _batches().epoch(2, level=level, seed=1))


def test_the_order_is_the_same_for_every_level() -> None:
    levels: tuple[AugmentLevel, ...] = ("none", "flip", "strong")
    orders = [torch.cat([b.indices for b in _batches().epoch(1, level=level, seed=0)]).tolist() for level in levels]
    assert orders[0] == orders[1] == orders[2]


def test_flipped_images_are_mirrored_with_their_targets_and_say_so() -> None:
    batches = _batches()
    seen = set()
    for epoch in range(1, 4):
        for batch in batches.epoch(epoch, level="flip", seed=0):
            for row, index in enumerate(batch.indices.tolist()):
                image = batches.store.image(index)
                wanted = canvas_target(batches.store.samples[index], CANVAS)
                if batch.flipped[row]:
                    image, wanted = image.flip(-1), flip_target(wanted, CANVAS)
                seen.add(bool(batch.flipped[row]))
                assert torch.equal(batch.images[row], image)
                assert torch.equal(batch.targets[row].boxes_xyxy, wanted.boxes_xyxy)
                assert torch.equal(batch.targets[row].ignored_xyxy, wanted.ignored_xyxy)
    assert seen == {True, False}


def test_without_augmentation_nothing_varies() -> None:
    batches = _batches()
    for batch in batches.epoch(1, level="none", seed=0):
        assert not batch.flipped.any()
        for row, index in enumerate(batch.indices.tolist()):
            assert torch.equal(batch.images[row], batches.store.image(index))


def test_strongly_varied_images_are_no_canvases_and_leave_the_kept_ones_alone() -> None:
    batches = _batches()
    kept = [batches.store.image(index).clone() for index in range(IMAGES)]
    for batch in batches.epoch(1, level="strong", seed=0):
        assert not batch.flipped.any()
        for row, index in enumerate(batch.indices.tolist()):
            assert not torch.equal(batch.images[row], kept[index])
    assert all(torch.equal(batches.store.image(index), image) for index, image in enumerate(kept))


@pytest.mark.parametrize(("kept", "decodings"), [(IMAGES, IMAGES), (2, 2 + 3 * (IMAGES - 2)), (0, 3 * IMAGES)])
def test_images_are_decoded_once_as_far_as_memory_allows(kept: int, decodings: int) -> None:
    decoded: list[int] = []
    # One byte less than another image needs.
    batches = _batches((kept + 1) * 3 * CANVAS**2 - 1, decoded)
    assert batches.store.bytes == kept * 3 * CANVAS**2
    for epoch in (1, 2):
        assert _same(batches.epoch(epoch, level="strong", seed=0), _batches().epoch(epoch, level="strong", seed=0))
    list(batches.in_order())
    assert len(decoded) == decodings


def test_a_split_without_images_has_no_batches() -> None:
    batches = Batches(store=CanvasStore([], CANVAS, 100), batch_size=3)
    assert list(batches.in_order()) == []
    assert list(batches.epoch(1, level="strong", seed=0)) == []


def test_an_image_that_can_no_longer_be_decoded_is_named() -> None:
    def broken() -> Image.Image:
        raise OSError("image file is truncated")

    sample = _samples()[0]
    lost = Sample(
        name="lost.png",
        width=SIDE,
        height=SIDE,
        boxes_xyxy=sample.boxes_xyxy,
        labels=sample.labels,
        ignored_xyxy=sample.ignored_xyxy,
        source=broken,
    )
    batches = Batches(store=CanvasStore([sample, lost], CANVAS, 10**6), batch_size=1)
    with pytest.raises(DatasetError, match=r"lost\.png: cannot be decoded \(image file is truncated\)"):
        list(batches.in_order())

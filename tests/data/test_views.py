"""Augmentation: boxes go with their objects, and nothing of an object becomes background."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from autotl.core.structures import Canvas, Target
from autotl.data.transforms import (
    SMALLEST_SIDE,
    VIEWS,
    ViewLevel,
    flip_target,
    letterbox,
    number_of_views,
    strong_image,
    strong_target,
    view_image,
    view_target,
)
from tests.data.boxed import CANVASES, SQUARE, bright_box, draw_box, target_of


@pytest.mark.parametrize("canvas", CANVASES)
def test_strong_augmentation_moves_boxes_with_their_objects(canvas: Canvas) -> None:
    box = (10, 26, 30, 50)
    boxed = letterbox(draw_box(canvas.width, canvas.height, box), canvas)
    on_the_right = set()
    for seed in range(40):
        image, target = strong_image(boxed, seed), strong_target(target_of([[*map(float, box)]]), canvas, seed)
        assert image.shape == boxed.shape
        assert image.dtype == torch.uint8
        if len(target.labels):
            torch.testing.assert_close(torch.tensor(bright_box(image)), target.boxes_xyxy[0], atol=1.5, rtol=0)
            on_the_right.add(bool(target.boxes_xyxy[0, 0] > canvas.width / 2))
    assert on_the_right == {True, False}


def test_strong_augmentation_is_the_same_for_a_seed_and_leaves_its_input_alone() -> None:
    boxed = letterbox(draw_box(96, 96, (30, 36, 62, 60)), SQUARE)
    before = boxed.clone()
    target = target_of([[30.0, 36.0, 62.0, 60.0]])
    one, other, another = (strong_image(boxed, seed) for seed in (3, 3, 4))
    assert torch.equal(one, other)
    assert not torch.equal(one, another)
    moved, again, elsewhere = (strong_target(target, SQUARE, seed).boxes_xyxy for seed in (3, 3, 4))
    assert torch.equal(moved, again)
    assert not torch.equal(moved, elsewhere)
    assert torch.equal(boxed, before)
    assert target.boxes_xyxy.tolist() == [[30, 36, 62, 60]]


def test_what_remains_of_an_object_in_view_is_a_box_or_ignored_and_never_background() -> None:
    boxes = [[0.0, 0.0, 20.0, 20.0], [80.0, 80.0, 96.0, 96.0], [50.0, 50.0, 51.2, 51.2], [0.0, 40.0, 96.0, 60.0]]
    kept = became_ignored = lost = 0
    for seed in range(200):
        target = strong_target(target_of(boxes), SQUARE, seed)
        sides = target.boxes_xyxy[:, 2:] - target.boxes_xyxy[:, :2]
        assert (sides >= SMALLEST_SIDE).all()
        assert target.boxes_xyxy.min() >= 0
        assert target.boxes_xyxy.max() <= 96
        # The fourth box is never out of view, and the third always is whole or outside.
        assert 3 in target.labels
        kept += len(target.labels)
        became_ignored += len(target.ignored_xyxy)
        lost += len(boxes) - len(target.labels) - len(target.ignored_xyxy)
    assert kept > 400
    assert became_ignored > 10
    assert lost > 10


def test_a_box_that_is_shrunk_away_becomes_a_region_to_ignore() -> None:
    seen = set()
    for seed in range(30):
        target = strong_target(target_of([[47.5, 47.5, 48.6, 48.6]]), SQUARE, seed)
        seen.add((len(target.labels), len(target.ignored_xyxy)))
    assert seen == {(1, 0), (0, 1)}


def test_ignored_regions_survive_strong_augmentation() -> None:
    whole = [[0.0, 0.0, 96.0, 96.0]]
    for seed in range(20):
        as_box = strong_target(target_of(whole), SQUARE, seed)
        as_ignored = strong_target(target_of([], whole), SQUARE, seed)
        assert torch.equal(as_ignored.ignored_xyxy, as_box.boxes_xyxy)
        assert as_ignored.boxes_xyxy.shape == (0, 4)


@pytest.mark.parametrize(("level", "views"), [("none", 1), ("flip", 2), ("light", VIEWS)])
def test_every_level_begins_with_the_image_as_it_is_and_its_mirror_image(level: ViewLevel, views: int) -> None:
    assert number_of_views(level) == views
    boxed = letterbox(draw_box(96, 60, (10, 20, 40, 50)), SQUARE)
    target = target_of([[10.0, 20.0, 40.0, 50.0]], [[0.0, 0.0, 5.0, 6.0]])
    assert torch.equal(view_image(boxed, 3, 0), boxed)
    assert view_target(target, SQUARE, 3, 0) is target
    if views > 1:
        assert torch.equal(view_image(boxed, 3, 1), boxed.flip(-1))
        mirrored, wanted = view_target(target, SQUARE, 3, 1), flip_target(target, SQUARE)
        assert torch.equal(mirrored.boxes_xyxy, wanted.boxes_xyxy)
        assert torch.equal(mirrored.ignored_xyxy, wanted.ignored_xyxy)


@pytest.mark.parametrize("canvas", CANVASES)
@pytest.mark.parametrize("view", range(VIEWS))
def test_views_move_boxes_with_their_objects(view: int, canvas: Canvas) -> None:
    box = (8, 26, 26, 50)
    boxed = letterbox(draw_box(canvas.width, canvas.height, box), canvas)
    for index in range(12):
        image = view_image(boxed, index, view)
        target = view_target(target_of([[*map(float, box)]]), canvas, index, view)
        assert (image.shape, image.dtype) == (boxed.shape, torch.uint8)
        assert target.labels.tolist() == [0]
        torch.testing.assert_close(torch.tensor(bright_box(image)), target.boxes_xyxy[0], atol=1.5, rtol=0)
        # The object is on the left, and odd views are mirrored.
        middle = float(target.boxes_xyxy[0, [0, 2]].mean())
        assert (middle > canvas.width / 2) == (view % 2 == 1)


def test_light_views_differ_from_each_other_and_from_those_of_other_images() -> None:
    boxed = letterbox(draw_box(96, 96, (14, 36, 38, 60)), SQUARE)
    seen = [view_image(boxed, index, view) for index in range(3) for view in range(2, VIEWS)]
    assert not any(torch.equal(one, other) for at, one in enumerate(seen) for other in seen[:at])


def test_a_view_is_always_the_same_and_leaves_its_input_alone() -> None:
    boxed = letterbox(draw_box(96, 96, (14, 36, 38, 60)), SQUARE)
    before, target = boxed.clone(), target_of([[14.0, 36.0, 38.0, 60.0]], [[0.0, 0.0, 20.0, 20.0]])
    for view in range(VIEWS):
        torch.manual_seed(view)
        first, moved = view_image(boxed, 5, view).clone(), view_target(target, SQUARE, 5, view)
        torch.rand(3)
        again = view_target(target, SQUARE, 5, view)
        assert torch.equal(view_image(boxed, 5, view), first)
        assert torch.equal(again.boxes_xyxy, moved.boxes_xyxy)
        assert torch.equal(again.ignored_xyxy, moved.ignored_xyxy)
    assert torch.equal(boxed, before)
    assert target.boxes_xyxy.tolist() == [[14, 36, 38, 60]]


def test_light_views_change_an_object_less_than_strong_augmentation_does() -> None:
    target = target_of([[40.0, 40.0, 56.0, 56.0]])

    def sides(targets: list[Target]) -> Tensor:
        return torch.cat([one.boxes_xyxy[:, 2] - one.boxes_xyxy[:, 0] for one in targets]) / 16

    light = sides([view_target(target, SQUARE, index, view) for index in range(40) for view in range(2, VIEWS)])
    strong = sides([strong_target(target, SQUARE, seed) for seed in range(240)])
    assert len(light) == 240, "an object in the middle is never lost"
    assert 0.79 < float(light.min()) < 0.83
    assert 1.2 < float(light.max()) < 1.26
    assert float(strong.min()) < 0.7
    assert float(strong.max()) > 1.4


def test_what_a_light_view_cuts_off_is_a_box_or_ignored_and_never_background() -> None:
    boxes = [[0.0, 30.0, 6.0, 60.0], [88.0, 0.0, 96.0, 8.0], [30.0, 93.0, 60.0, 96.0]]
    became_ignored = lost = 0
    for index in range(100):
        for view in range(2, VIEWS):
            target = view_target(target_of(boxes), SQUARE, index, view)
            for found in (target.boxes_xyxy, target.ignored_xyxy):
                assert ((found >= 0) & (found <= 96)).all()
                assert (found[:, 2:] > found[:, :2]).all()
            became_ignored += len(target.ignored_xyxy)
            lost += len(boxes) - len(target.labels) - len(target.ignored_xyxy)
    assert became_ignored > 10
    assert lost > 10

"""Letterboxing and augmentation: pixels and boxes go the same way, and come back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from autotl.core.structures import Detections, Target
from autotl.data.dataset import Sample
from autotl.data.transforms import (
    SMALLEST_SIDE,
    augment_strongly,
    canvas_target,
    flip_target,
    letterbox,
    letterbox_scale,
    original_target,
)
from autotl.evaluation.evaluator import undo_letterbox

CANVAS = 96
SIZES = [(100, 40), (40, 100), (64, 64), (33, 96), (500, 333), (1, 300)]


def _image(width: int, height: int, box: tuple[int, int, int, int]) -> npt.NDArray[np.uint8]:
    """Grey with a white box."""
    pixels = np.full((height, width, 3), 60, dtype=np.uint8)
    x1, y1, x2, y2 = box
    pixels[y1:y2, x1:x2] = 255
    return pixels


def _sample(width: int, height: int, boxes: list[tuple[float, ...]], ignored: list[tuple[float, ...]]) -> Sample:
    return Sample(
        name="one.png",
        width=width,
        height=height,
        boxes_xyxy=np.array(boxes, dtype=np.float32).reshape(-1, 4),
        labels=np.zeros(len(boxes), dtype=np.int64),
        ignored_xyxy=np.array(ignored, dtype=np.float32).reshape(-1, 4),
        source=lambda: pytest.fail("no image is needed"),
    )


def _target(boxes: list[list[float]], ignored: list[list[float]] | None = None) -> Target:
    return Target(
        boxes_xyxy=torch.tensor(boxes).reshape(-1, 4),
        labels=torch.arange(len(boxes)),
        ignored_xyxy=torch.tensor(ignored or []).reshape(-1, 4),
    )


def _bright_box(canvas: Tensor) -> list[float]:
    """Left, top, right, bottom of the bright pixels of a (3, S, S) canvas; everything else is clearly darker."""
    middle = (int(canvas.max()) + int(canvas.float().quantile(0.5))) / 2
    bright = (canvas.float().mean(0) > max(middle, 120)).nonzero()
    (y1, x1), (y2, x2) = bright.amin(0).tolist(), bright.amax(0).tolist()
    return [float(side) for side in (x1, y1, x2 + 1, y2 + 1)]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_longer_side_fills_the_canvas_from_the_top_left_corner(width: int, height: int) -> None:
    boxed = letterbox(np.full((height, width, 3), 200, dtype=np.uint8), CANVAS)
    assert boxed.shape == (3, CANVAS, CANVAS)
    assert boxed.dtype == torch.uint8
    right, bottom = (max(1, round(side * CANVAS / max(width, height))) for side in (width, height))
    assert CANVAS in (right, bottom)
    assert (boxed[:, :bottom, :right] == 200).all()
    assert not boxed[:, bottom:].any()
    assert not boxed[:, :, right:].any()


@pytest.mark.parametrize(("width", "height"), [(500, 333), (200, 480), (48, 40)])
def test_boxes_lie_where_their_objects_do(width: int, height: int) -> None:
    box = (width // 4, height // 3, width // 2, height - 10)
    boxed = letterbox(_image(width, height, box), CANVAS)
    wanted = canvas_target(_sample(width, height, [box], []), CANVAS).boxes_xyxy[0]
    torch.testing.assert_close(torch.tensor(_bright_box(boxed)), wanted, atol=1.01, rtol=0)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_boxes_come_back_from_the_canvas_as_they_were(width: int, height: int) -> None:
    boxes = [(0.0, 0.0, float(width), float(height)), (width * 0.1, height * 0.2, width * 0.7, height * 0.9)]
    sample = _sample(width, height, list(boxes), list(boxes))
    on_canvas, original = canvas_target(sample, CANVAS), original_target(sample)
    assert on_canvas.boxes_xyxy.max() <= CANVAS + 1e-3
    back = undo_letterbox(
        Detections(boxes_xyxy=on_canvas.boxes_xyxy, scores=torch.ones(2), labels=on_canvas.labels),
        (width, height),
        CANVAS,
    )
    torch.testing.assert_close(back.boxes_xyxy, original.boxes_xyxy, atol=1e-3, rtol=1e-5)
    torch.testing.assert_close(on_canvas.ignored_xyxy, original.ignored_xyxy * letterbox_scale(width, height, CANVAS))


def test_an_image_without_boxes_has_targets_without_boxes() -> None:
    sample = _sample(50, 40, [], [(1.0, 2.0, 3.0, 4.0)])
    for target in (canvas_target(sample, CANVAS), original_target(sample), flip_target(Target.empty(), CANVAS)):
        assert target.boxes_xyxy.shape == (0, 4)
        assert target.labels.shape == (0,)
    assert canvas_target(sample, CANVAS).ignored_xyxy.shape == (1, 4)


def test_a_mirrored_canvas_has_mirrored_boxes_and_ignored_regions() -> None:
    boxed = letterbox(_image(96, 60, (10, 20, 40, 50)), CANVAS).flip(-1)
    mirrored = flip_target(_target([[10.0, 20.0, 40.0, 50.0]], [[0.0, 0.0, 5.0, 6.0]]), CANVAS)
    assert mirrored.boxes_xyxy.tolist() == [_bright_box(boxed)]
    assert mirrored.ignored_xyxy.tolist() == [[91, 0, 96, 6]]


def test_strong_augmentation_moves_boxes_with_their_objects() -> None:
    boxed = letterbox(_image(CANVAS, CANVAS, (10, 36, 42, 60)), CANVAS)
    on_the_right = set()
    for seed in range(40):
        image, target = augment_strongly(boxed, _target([[10.0, 36.0, 42.0, 60.0]]), seed)
        assert image.shape == boxed.shape
        assert image.dtype == torch.uint8
        if len(target.labels):
            torch.testing.assert_close(torch.tensor(_bright_box(image)), target.boxes_xyxy[0], atol=1.5, rtol=0)
            on_the_right.add(bool(target.boxes_xyxy[0, 0] > CANVAS / 2))
    assert on_the_right == {True, False}


def test_strong_augmentation_is_the_same_for_a_seed_and_leaves_its_input_alone() -> None:
    boxed = letterbox(_image(CANVAS, CANVAS, (30, 36, 62, 60)), CANVAS)
    before = boxed.clone()
    target = _target([[30.0, 36.0, 62.0, 60.0]])
    one, other, another = (augment_strongly(boxed, target, seed)[0] for seed in (3, 3, 4))
    assert torch.equal(one, other)
    assert not torch.equal(one, another)
    assert torch.equal(boxed, before)
    assert target.boxes_xyxy.tolist() == [[30, 36, 62, 60]]


def test_what_remains_of_an_object_in_view_is_a_box_or_ignored_and_never_background() -> None:
    boxes = [[0.0, 0.0, 20.0, 20.0], [80.0, 80.0, 96.0, 96.0], [50.0, 50.0, 51.2, 51.2], [0.0, 40.0, 96.0, 60.0]]
    blank = torch.zeros(3, CANVAS, CANVAS, dtype=torch.uint8)
    kept = became_ignored = lost = 0
    for seed in range(200):
        _, target = augment_strongly(blank, _target(boxes), seed)
        sides = target.boxes_xyxy[:, 2:] - target.boxes_xyxy[:, :2]
        assert (sides >= SMALLEST_SIDE).all()
        assert target.boxes_xyxy.min() >= 0
        assert target.boxes_xyxy.max() <= CANVAS
        # The fourth box is never out of view, and the third always is whole or outside.
        assert 3 in target.labels
        kept += len(target.labels)
        became_ignored += len(target.ignored_xyxy)
        lost += len(boxes) - len(target.labels) - len(target.ignored_xyxy)
    assert kept > 400
    assert became_ignored > 10
    assert lost > 10


def test_a_box_that_is_shrunk_away_becomes_a_region_to_ignore() -> None:
    blank = torch.zeros(3, CANVAS, CANVAS, dtype=torch.uint8)
    seen = set()
    for seed in range(30):
        _, target = augment_strongly(blank, _target([[47.5, 47.5, 48.6, 48.6]]), seed)
        seen.add((len(target.labels), len(target.ignored_xyxy)))
    assert seen == {(1, 0), (0, 1)}


def test_ignored_regions_survive_strong_augmentation() -> None:
    whole = [[0.0, 0.0, 96.0, 96.0]]
    boxed = letterbox(_image(CANVAS, CANVAS, (30, 36, 62, 60)), CANVAS)
    for seed in range(20):
        _, as_box = augment_strongly(boxed, _target(whole), seed)
        _, as_ignored = augment_strongly(boxed, _target([], whole), seed)
        assert torch.equal(as_ignored.ignored_xyxy, as_box.boxes_xyxy)
        assert as_ignored.boxes_xyxy.shape == (0, 4)

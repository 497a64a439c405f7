"""Letterboxing: pixels and boxes go the same way, and come back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from autotl.core.structures import Canvas, Detections, Target
from autotl.data.dataset import Sample
from autotl.data.transforms import (
    canvas_target,
    fit_canvas,
    flip_target,
    letterbox,
    original_target,
)
from autotl.evaluation.evaluator import undo_letterbox
from tests.data.boxed import CANVASES, SQUARE, bright_box, draw_box, target_of

SIZES = [(100, 40), (40, 100), (64, 64), (33, 96), (500, 333), (1, 300)]


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


@pytest.mark.parametrize(
    ("sizes", "wanted"),
    [
        ([(640, 480)], Canvas(height=256, width=320)),
        ([(480, 640), (48, 64)], Canvas(height=320, width=256)),
        ([(640, 480), (480, 640)], Canvas(height=320, width=320)),
        ([(640, 480), (1920, 1080), (100, 10)], Canvas(height=256, width=320)),
        ([(10, 1000)], Canvas(height=320, width=64)),
        ([(500, 500)], Canvas(height=320, width=320)),
        ([(1000, 701)], Canvas(height=224, width=320)),
    ],
)
def test_the_canvas_is_no_larger_than_the_images_need(sizes: list[tuple[int, int]], wanted: Canvas) -> None:
    assert fit_canvas(sizes, 320) == wanted


@pytest.mark.parametrize("image_size", [64, 96, 320, 512])
def test_on_a_fitted_canvas_the_longer_side_of_every_image_has_the_size_asked_for(image_size: int) -> None:
    draw = np.random.default_rng(image_size)
    for count in (1, 2, 5):
        sizes = [(int(width), int(height)) for width, height in draw.integers(20, 2000, (count, 2))]
        canvas = fit_canvas(iter(sizes), image_size)
        assert max(canvas) == image_size
        assert min(canvas) >= 64
        assert (canvas.height % 32, canvas.width % 32) == (0, 0)
        for size in sizes:
            # A canvas is rounded to whole pixels before it is rounded up.
            assert canvas.scale(*size) * max(size) == pytest.approx(image_size, rel=0.01)


def test_without_images_there_is_a_canvas_all_the_same() -> None:
    assert fit_canvas([], 320) == Canvas(height=64, width=64)


@pytest.mark.parametrize("canvas", CANVASES)
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_an_image_fills_the_canvas_from_the_top_left_corner_in_one_direction(
    width: int, height: int, canvas: Canvas
) -> None:
    boxed = letterbox(np.full((height, width, 3), 200, dtype=np.uint8), canvas)
    assert boxed.shape == (3, canvas.height, canvas.width)
    assert boxed.dtype == torch.uint8
    scale = canvas.width / width if width * canvas.height > height * canvas.width else canvas.height / height
    right, bottom = (max(1, round(side * scale)) for side in (width, height))
    assert right == canvas.width or bottom == canvas.height
    assert (boxed[:, :bottom, :right] == 200).all()
    assert not boxed[:, bottom:].any()
    assert not boxed[:, :, right:].any()


@pytest.mark.parametrize("canvas", CANVASES)
@pytest.mark.parametrize(("width", "height"), [(500, 333), (200, 480), (48, 40)])
def test_boxes_lie_where_their_objects_do(width: int, height: int, canvas: Canvas) -> None:
    box = (width // 4, height // 3, width // 2, height - 10)
    boxed = letterbox(draw_box(width, height, box), canvas)
    wanted = canvas_target(_sample(width, height, [box], []), canvas).boxes_xyxy[0]
    torch.testing.assert_close(torch.tensor(bright_box(boxed)), wanted, atol=1.01, rtol=0)


@pytest.mark.parametrize("canvas", CANVASES)
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_boxes_come_back_from_the_canvas_as_they_were(width: int, height: int, canvas: Canvas) -> None:
    boxes = [(0.0, 0.0, float(width), float(height)), (width * 0.1, height * 0.2, width * 0.7, height * 0.9)]
    sample = _sample(width, height, list(boxes), list(boxes))
    on_canvas, original = canvas_target(sample, canvas), original_target(sample)
    assert on_canvas.boxes_xyxy[:, 2].max() <= canvas.width + 1e-3
    assert on_canvas.boxes_xyxy[:, 3].max() <= canvas.height + 1e-3
    back = undo_letterbox(
        Detections(boxes_xyxy=on_canvas.boxes_xyxy, scores=torch.ones(2), labels=on_canvas.labels),
        (width, height),
        canvas,
    )
    torch.testing.assert_close(back.boxes_xyxy, original.boxes_xyxy, atol=1e-3, rtol=1e-5)
    torch.testing.assert_close(on_canvas.ignored_xyxy, original.ignored_xyxy * canvas.scale(width, height))


def test_an_image_without_boxes_has_targets_without_boxes() -> None:
    sample = _sample(50, 40, [], [(1.0, 2.0, 3.0, 4.0)])
    for target in (canvas_target(sample, SQUARE), original_target(sample), flip_target(Target.empty(), SQUARE)):
        assert target.boxes_xyxy.shape == (0, 4)
        assert target.labels.shape == (0,)
    assert canvas_target(sample, SQUARE).ignored_xyxy.shape == (1, 4)


@pytest.mark.parametrize("canvas", [SQUARE, Canvas(height=64, width=96)])
def test_a_mirrored_canvas_has_mirrored_boxes_and_ignored_regions(canvas: Canvas) -> None:
    boxed = letterbox(draw_box(96, 60, (10, 20, 40, 50)), canvas).flip(-1)
    mirrored = flip_target(target_of([[10.0, 20.0, 40.0, 50.0]], [[0.0, 0.0, 5.0, 6.0]]), canvas)
    assert mirrored.boxes_xyxy.tolist() == [bright_box(boxed)]
    assert mirrored.ignored_xyxy.tolist() == [[91, 0, 96, 6]]

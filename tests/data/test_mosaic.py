"""Mosaics: boxes go with their objects into the quarters, and nothing of an object becomes background."""

from __future__ import annotations

import pytest
import torch

from autotl.core.structures import Canvas
from autotl.data.mosaic import mosaic_image, mosaic_target, partners
from autotl.data.transforms import SMALLEST_SIDE, letterbox, strong_target
from tests.data.boxed import CANVASES, SQUARE, bright_box, draw_box, target_of

BOX = (10, 26, 30, 50)


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("canvas", CANVASES)
def test_boxes_go_with_their_objects_into_their_quarter(canvas: Canvas, place: int) -> None:
    black = torch.zeros(3, *canvas, dtype=torch.uint8)
    with_box = letterbox(draw_box(canvas.width, canvas.height, BOX), canvas)
    images = [with_box if at == place else black for at in range(4)]
    targets = [target_of([[*map(float, BOX)]] if at == place else []) for at in range(4)]
    seen = 0
    for seed in range(20):
        image, target = mosaic_image(images, seed), mosaic_target(targets, canvas, seed)
        assert image.shape == with_box.shape
        assert image.dtype == torch.uint8
        if not len(target.labels):
            continue
        seen += 1
        torch.testing.assert_close(torch.tensor(bright_box(image)), target.boxes_xyxy[0], atol=1.5, rtol=0)
        x, y = ((target.boxes_xyxy[0, :2] + target.boxes_xyxy[0, 2:]) / 2).tolist()
        assert (x > canvas.width / 2, y > canvas.height / 2) == (place % 2 == 1, place // 2 == 1)
    assert seen > 10


def test_what_is_too_small_now_is_ignored() -> None:
    boxes = [[40.0, 40.0, 41.3, 60.0]]
    small = 0
    for seed in range(40):
        target = mosaic_target([target_of(boxes), *[target_of([])] * 3], SQUARE, seed)
        if len(target.boxes_xyxy):
            assert float((target.boxes_xyxy[:, 2:] - target.boxes_xyxy[:, :2]).min()) >= SMALLEST_SIDE
        else:
            small += len(target.ignored_xyxy)
    assert small


def test_half_of_the_images_are_mosaics_with_partners_from_everywhere() -> None:
    drawn = [partners(seed, 50) for seed in range(400)]
    mosaics = [found for found in drawn if found]
    assert 150 < len(mosaics) < 250
    assert all(len(found) == 3 for found in mosaics)
    assert {one for found in mosaics for one in found} == set(range(50))
    assert partners(7, 50) == partners(7, 50)


@pytest.mark.parametrize("as_mosaic", [False, True])
def test_whether_an_image_is_mirrored_has_nothing_to_do_with_whether_it_stays_alone(as_mosaic: bool) -> None:
    """The first image of a mosaic varies by the seed itself, as one that stays alone does."""
    corner = target_of([[2.0, 28.0, 6.0, 36.0]])
    seeds = [seed for seed in range(200) if bool(partners(seed, 50)) == as_mosaic]
    varied = [strong_target(corner, SQUARE, seed).boxes_xyxy for seed in seeds]
    mirrored = [bool(boxes[0, 0] > SQUARE.width / 2) for boxes in varied if len(boxes)]
    assert 0.25 < sum(mirrored) / len(mirrored) < 0.75

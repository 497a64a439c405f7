"""Box geometry: formats go round, and degenerate boxes stay calm."""

from __future__ import annotations

import torch

from autotl.core.boxes import (
    area_xyxy,
    clip_xyxy,
    cxcywh_to_xyxy,
    flip_xyxy,
    points_in_xyxy,
    xywh_to_xyxy,
    xyxy_to_xywh,
)

BOX = torch.tensor([[10.0, 20.0, 40.0, 30.0]])
NONE = torch.zeros(0, 4)


def test_formats_by_an_example() -> None:
    assert xyxy_to_xywh(BOX).tolist() == [[10, 20, 30, 10]]
    assert xywh_to_xyxy(torch.tensor([10.0, 20.0, 30.0, 10.0])).tolist() == [10, 20, 40, 30]
    assert cxcywh_to_xyxy(torch.tensor([[25.0, 25.0, 30.0, 10.0]])).tolist() == BOX.tolist()


def test_formats_go_round() -> None:
    boxes = torch.rand(3, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(xywh_to_xyxy(xyxy_to_xywh(boxes)), boxes)
    torch.testing.assert_close(flip_xyxy(flip_xyxy(boxes, 7), 7), boxes)


def test_a_mirrored_box_keeps_its_sides_in_order() -> None:
    assert flip_xyxy(BOX, 100).tolist() == [[60, 20, 90, 30]]


def test_clipping_cuts_at_each_side_and_puts_what_is_outside_on_the_edge() -> None:
    boxes = torch.tensor([[-5.0, -5.0, 200.0, 200.0], [120.0, 10.0, 130.0, 20.0], [1.0, 2.0, 3.0, 4.0]])
    assert clip_xyxy(boxes, 100, 50).tolist() == [[0, 0, 100, 50], [100, 10, 100, 20], [1, 2, 3, 4]]


def test_areas_of_ordinary_empty_and_inverted_boxes() -> None:
    boxes = torch.tensor([[0.0, 0.0, 3.0, 4.0], [1.0, 1.0, 1.0, 9.0], [5.0, 5.0, 2.0, 2.0]])
    assert area_xyxy(boxes).tolist() == [12, 0, 0]


def test_points_on_the_edge_are_inside() -> None:
    points = torch.tensor([[10.0, 20.0], [25.0, 25.0], [41.0, 25.0], [25.0, 19.0]])
    assert points_in_xyxy(points, BOX).tolist() == [[True], [True], [False], [False]]


def test_no_boxes_stay_none() -> None:
    for convert in (xywh_to_xyxy, xyxy_to_xywh, cxcywh_to_xyxy):
        assert convert(NONE).shape == (0, 4)
    assert clip_xyxy(NONE, 3, 3).shape == flip_xyxy(NONE, 3).shape == (0, 4)
    assert area_xyxy(NONE).shape == (0,)
    assert points_in_xyxy(torch.zeros(2, 2), NONE).shape == (2, 0)

"""Faster R-CNN in mixed precision: boxes do not depend on the precision of what they are computed from."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.models.detection.image_list import ImageList

from autotl.core.structures import Canvas
from autotl.models.heads.faster_rcnn import FasterRcnnHead
from tests.models import small

CANVAS = Canvas(height=64, width=512)
"""As wide as bfloat16 does not count: from 256 on it has even numbers only."""

STRIDES = (8, 16, 32)


def _head_of_anchors() -> FasterRcnnHead:
    """Its proposals are anchors, and its detections proposals: no code moves a box."""
    torch.manual_seed(0)
    head = FasterRcnnHead(32, small.NUM_CLASSES, 1, small.anchors("faster_rcnn"), STRIDES)
    for name, parameter in head.named_parameters():
        if "bbox_pred" in name:
            torch.nn.init.zeros_(parameter)
    return head


def _levels() -> list[Tensor]:
    torch.manual_seed(1)
    return [torch.randn(1, 32, CANVAS.height // stride, CANVAS.width // stride) for stride in STRIDES]


def _anchors(head: FasterRcnnHead, levels: list[Tensor]) -> set[tuple[float, ...]]:
    """Cut to the canvas, as boxes are."""
    generator = head.rpn.anchor_generator
    boxes: Tensor = generator(ImageList(torch.zeros(1, 3, *CANVAS), [(CANVAS.height, CANVAS.width)]), levels)[0]
    corners = torch.tensor([CANVAS.width, CANVAS.height] * 2)
    return {tuple(box) for box in torch.minimum(boxes.clamp(min=0), corners).tolist()}


def test_detections_in_mixed_precision_are_where_their_anchors_are() -> None:
    head, levels = _head_of_anchors().eval(), _levels()
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        found = head.detect(levels)[0].boxes_xyxy
    assert len(found)
    assert found[:, 2].max() > CANVAS.width / 2
    assert {tuple(box) for box in found.tolist()} <= _anchors(head, levels)
